//! The end of what ran: the pods first, then their namespace, then what was written of it. What was deleted and can still be
//! restored only stops.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::ACTION_DESTROYED;
use super::pass::{Came, Pass};
use crate::cluster::{self, Resource};
use crate::ledger::{Details, Outcome, Target};
use crate::runtime::lifecycle::store;
use crate::runtime::lifecycle::{RuntimeError, Word};
use crate::runtime::render::LABEL_ENVIRONMENT;

/// How long pods are waited for before their namespace goes with them.
const EMPTY_TIME_MAX: Duration = Duration::from_secs(30);
/// How many seconds a pod has to end.
const LEAVE_SECONDS: u32 = 2;

impl Pass<'_> {
    /// Lets nothing run, and leaves all else as it is: storage, values, policies.
    pub(super) async fn suspend(&self) -> Result<Came, RuntimeError> {
        let runtime = &self.loaded.runtime;
        let ours = runtime.environment.to_string();
        if self.space.environment.as_deref() == Some(ours.as_str()) && !self.space.is_leaving {
            let nothing = json!({ "spec": { "replicas": 0 } });
            for (name, _) in self.space.deployments.iter().filter(|(_, deployment)| deployment.wanted > 0) {
                self.hands.client.merge(Resource::Deployment, Some(&runtime.namespace), name, &nothing).await?;
            }
        }
        if runtime.word == Word::Stopped {
            return Ok(Came::Settled);
        }
        let (environment, healthy) = (runtime.environment, runtime.healthy);
        let now = self.hands.world.core.clock.now();
        let noted =
            self.hands.world.core.db.write(move |tx| {
                Ok::<_, RuntimeError>(store::runtime_seen(tx, environment, Word::Stopped, healthy, now)?)
            });
        noted.await?;
        Ok(Came::Settled)
    }

    /// Whether no pod is left, or none goes; asks those that are there to go. A cluster that deletes a namespace with pods
    /// in it looks again only after half of the longest time one of them may take, so they go before it. What they would
    /// do at their end is about to be destroyed: they get little time for it.
    async fn empty(&self, leaving: &mut HashSet<String>) -> Result<bool, RuntimeError> {
        let runtime = &self.loaded.runtime;
        let waited = self.hands.world.core.clock.now().since(runtime.changed_at);
        if self.space.pods.is_empty() || waited > EMPTY_TIME_MAX {
            return Ok(true);
        }
        let space = Some(runtime.namespace.as_str());
        let makers = self.space.objects.keys().filter(|(r, _)| matches!(r, Resource::Deployment | Resource::Job));
        for (resource, name) in makers.filter(|(_, name)| !leaving.contains(name)).cloned().collect::<Vec<_>>() {
            self.hands.client.delete(resource, space, &name, None).await?;
            leaving.insert(name);
        }
        for name in self.space.pods.keys() {
            if leaving.insert(name.clone()) {
                self.hands.client.delete(Resource::Pod, space, name, Some(LEAVE_SECONDS)).await?;
            }
        }
        Ok(false)
    }

    /// Takes everything away: the pods first, then the namespace, and what was written of it.
    pub(super) async fn destroy(&self, leaving: &mut HashSet<String>) -> Result<Came, RuntimeError> {
        let environment = self.loaded.runtime.environment;
        let namespace = self.loaded.runtime.namespace.clone();
        let ours = environment.to_string();
        if self.space.is_there {
            if self.space.environment.as_deref() == Some(ours.as_str()) {
                if !self.space.is_leaving && self.empty(leaving).await? {
                    self.hands.client.delete(Resource::Namespace, None, &namespace, None).await?;
                }
                return Ok(Came::Moving);
            }
        } else if let Some(there) = self.hands.client.get(Resource::Namespace, None, &namespace).await?
            && there["metadata"]["labels"][LABEL_ENVIRONMENT] == ours.as_str()
        {
            // It was made after the last list; the watch will show it.
            self.hands.client.delete(Resource::Namespace, None, &namespace, None).await?;
            return Ok(Came::Moving);
        }
        let op = self.hands.world.op();
        let organization = self.loaded.runtime.organization;
        op.write(move |op, tx| {
            store::object_forget_all(tx, environment)?;
            store::service_set(tx, environment, &[])?;
            store::condition_set(tx, environment, &[])?;
            store::runtime_seen(tx, environment, Word::Deleted, None, op.now())?;
            cluster::use_set(tx, environment, None, op.now())?;
            let event = op.event(ACTION_DESTROYED, Outcome::Allowed).organization(organization);
            let event = event.target(Target::new("environment", environment));
            op.record(tx, event.details(Details::new().with("namespace", &namespace)))?;
            Ok::<_, RuntimeError>(())
        })
        .await?;
        Ok(Came::Gone)
    }
}
