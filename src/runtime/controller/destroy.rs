//! The end of what ran: its namespace with all that is in it, then what was written of it. What was deleted and can still be
//! restored only stops.

use std::collections::HashSet;

use serde_json::json;

use super::ACTION_DESTROYED;
use super::pass::{Came, Pass};
use crate::cluster::{self, Resource};
use crate::ledger::{Details, Outcome, Target};
use crate::runtime::lifecycle::store;
use crate::runtime::lifecycle::{RuntimeError, Word};
use crate::runtime::render::LABEL_ENVIRONMENT;

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

    /// Asks what is slow to go to go at once: a cluster begins to take a namespace apart only some seconds after it was told
    /// to, and where it then finds a pod that has time left, or storage that is still in use, it looks again only after
    /// many seconds more. What pods would do at their end is about to be destroyed, so they get little time for it.
    async fn clear(&self, leaving: &mut HashSet<String>) -> Result<(), RuntimeError> {
        let namespace = Some(self.loaded.runtime.namespace.as_str());
        let is_slow = |resource: &Resource| {
            matches!(resource, Resource::Deployment | Resource::Job | Resource::PersistentVolumeClaim)
        };
        for (resource, name) in self.space.objects.keys().filter(|(resource, _)| is_slow(resource)) {
            if leaving.insert(format!("{}/{name}", resource.kind())) {
                self.hands.client.delete(*resource, namespace, name, None).await?;
            }
        }
        for name in self.space.pods.keys() {
            if leaving.insert(format!("Pod/{name}")) {
                self.hands.client.delete(Resource::Pod, namespace, name, Some(LEAVE_SECONDS)).await?;
            }
        }
        Ok(())
    }

    /// Takes everything away: the namespace with all that is in it, then what was written of it.
    pub(super) async fn destroy(&self, leaving: &mut HashSet<String>) -> Result<Came, RuntimeError> {
        let environment = self.loaded.runtime.environment;
        let namespace = self.loaded.runtime.namespace.clone();
        let ours = environment.to_string();
        if self.space.is_there {
            if self.space.environment.as_deref() == Some(ours.as_str()) {
                // First: nothing new can come into a namespace that goes.
                if !self.space.is_leaving {
                    self.hands.client.delete(Resource::Namespace, None, &namespace, None).await?;
                }
                self.clear(leaving).await?;
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
