//! One pass over one environment: what is wished for is held against what is there, and the next steps are made.
//!
//! A pass can end between any two lines: whatever it had done by then is seen by the next one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::facts::{self, JobFacts, PodFacts, Trouble};
use super::load::{Loaded, load};
use super::outcome::{self, Stage, Told};
use super::sight::{Sight, Space};
use super::{Memo, World};
use crate::cluster::{Client, ClientError, Created, Resource};
use crate::ledger::{ActionName, Details, Outcome, Target};
use crate::op::about;
use crate::policy::Action;
use crate::runtime::blueprint::{Blueprint, Label, OnDrift, Service};
use crate::runtime::lifecycle::store::{self, Put};
use crate::runtime::lifecycle::{Family, RevisionState, RuntimeError, ServiceState, Wish, Word, images};
use crate::runtime::render::{self, Desired, Gate, LABEL_ENVIRONMENT, Object};
use crate::types::{Id, Timestamp, kinds};

/// The kinds whose objects a stopped environment needs no step for.
const SECRET: &str = "Secret";

/// How a pass came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// There is nothing to do until something changes.
    Settled,
    /// It goes on by itself; look again.
    Moving,
    /// Nothing is left.
    Gone,
}

/// What a pass works with.
pub(super) struct Hands<'a> {
    pub(super) world: &'a World,
    pub(super) client: &'a Client,
    pub(super) sight: &'a Mutex<Sight>,
    pub(super) gate: &'a Gate,
}

pub(super) struct Pass<'a> {
    pub(super) hands: &'a Hands<'a>,
    pub(super) loaded: Loaded,
    pub(super) space: Space,
    /// What was put into the cluster in this pass.
    notes: Vec<Put>,
    /// What is not in it any more.
    forgotten: Vec<(String, String)>,
}

/// Makes one pass.
///
/// # Errors
/// The cluster or the database does not answer; the next pass begins anew.
pub(super) async fn pass(
    hands: &Hands<'_>,
    environment: Id<kinds::Environment>,
    memo: &mut Memo,
) -> Result<Came, RuntimeError> {
    let loaded = hands.world.core.db.read(|reader| load(hands.world, reader, environment, memo))?;
    let Some(loaded) = loaded else { return Ok(Came::Gone) };
    let space = hands.space(&loaded.runtime.namespace);
    let mut pass = Pass { hands, loaded, space, notes: Vec::new(), forgotten: Vec::new() };
    if pass.loaded.runtime.wish == Wish::Destroyed {
        return pass.destroy(&mut memo.leaving).await;
    }
    memo.leaving.clear();
    if pass.loaded.is_kept {
        return pass.suspend().await;
    }
    let came = pass.run().await;
    // What was put there is noted also when a later step failed.
    pass.note().await?;
    came
}

impl Hands<'_> {
    /// Makes an object, and says what the cluster made of it.
    async fn make(&self, object: &Object, namespace: Option<&str>) -> Result<Value, ClientError> {
        if object.resource != Resource::Job {
            return self.client.apply(object.resource, namespace, &object.name, &object.body, false).await;
        }
        // A job cannot be changed: one of this name, which has the revision in it, is this one.
        match self.client.create(Resource::Job, namespace, &object.body, false).await? {
            Created::New(made) => Ok(made),
            Created::Exists => {
                let there = self.client.get(Resource::Job, namespace, &object.name).await?;
                there.ok_or_else(|| ClientError::Conflict(format!("job {} came and went", object.name)))
            }
        }
    }

    fn space(&self, namespace: &str) -> Space {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner).space(namespace)
    }
}

impl Pass<'_> {
    async fn run(&mut self) -> Result<Came, RuntimeError> {
        let environment = self.loaded.runtime.environment.to_string();
        if self.space.is_there && self.space.environment.as_deref() != Some(environment.as_str()) {
            let message = format!("the namespace {} is somebody else's", self.loaded.runtime.namespace);
            self.loaded.findings.refused = Some(("NamespaceTaken", message));
            return self.tell(&BTreeMap::new(), &[]).await;
        }
        if self.space.is_leaving {
            return Ok(Came::Moving);
        }
        let Some(stored) = self.loaded.stored.take() else {
            let message = format!("version {} of the blueprint is gone", self.loaded.revision.blueprint);
            self.loaded.findings.refused = Some(("BlueprintMissing", message));
            return self.tell(&BTreeMap::new(), &[]).await;
        };
        let blueprint = stored.blueprint;
        self.loaded.drift = blueprint.drift;
        let Some(provided) = self.loaded.provided.clone() else {
            // What the services would get cannot be told: what runs stays as it is.
            let stages = BTreeMap::new();
            return self.tell(&stages, &blueprint.services).await;
        };
        let desired = self.render(&blueprint, &provided);
        self.claim(&desired).await?;
        self.values().await?;
        let stages = self.walk(&blueprint, &desired).await?;
        self.prune(&desired, &provided).await?;
        self.tell(&stages, &blueprint.services).await
    }

    /// The services whose init step is done: for this revision, or because it was ready once.
    fn initialized(&self, blueprint: &Blueprint) -> BTreeSet<Label> {
        let revision = &self.loaded.revision;
        let is_done = |service: &&Service| {
            let job = render::job_name(&service.name, u64::from(revision.number));
            revision.state == RevisionState::Healthy || self.space.job(&job) == Some(JobFacts::Done)
        };
        blueprint.services.iter().filter(is_done).map(|s| s.name.clone()).collect()
    }

    fn render(&self, blueprint: &Blueprint, provided: &[render::Provided]) -> Vec<Object> {
        let initialized = self.initialized(blueprint);
        let names = self.loaded.names.as_ref().expect("an environment that is there has names");
        let revision = &self.loaded.revision;
        let images = images(blueprint, &revision.pins);
        render::render(&Desired {
            names,
            revision: u64::from(revision.number),
            blueprint,
            plan: revision.plan.as_ref(),
            images: &images,
            provided,
            gate: self.hands.gate,
            running: self.loaded.runtime.wish == Wish::Running,
            replicas: &revision.replicas,
            restarts: &revision.restarts,
            initialized: &initialized,
            storage_class: None,
        })
    }

    /// Makes what everything else lies in: the namespace first, and only if nobody else has it.
    async fn claim(&mut self, desired: &[Object]) -> Result<(), RuntimeError> {
        if !self.space.is_there {
            let namespace = self.loaded.runtime.namespace.clone();
            let there = self.hands.client.get(Resource::Namespace, None, &namespace).await?;
            let ours = self.loaded.runtime.environment.to_string();
            let label = there.as_ref().map(|n| n["metadata"]["labels"][LABEL_ENVIRONMENT].as_str());
            if label.is_some_and(|label| label != Some(ours.as_str())) {
                return Err(ClientError::Conflict(format!("the namespace {namespace} is somebody else's")).into());
            }
        }
        for object in desired.iter().filter(|o| o.service.is_none()) {
            self.ensure(object).await?;
        }
        Ok(())
    }

    /// Sends the values that are not there yet. What is sent is on record before it leaves.
    async fn values(&mut self) -> Result<(), RuntimeError> {
        let bundles = std::mem::take(&mut self.loaded.bundles);
        if bundles.is_empty() {
            return Ok(());
        }
        let runtime = &self.loaded.runtime;
        let puts: Vec<Put> = bundles
            .iter()
            .map(|b| Put { kind: SECRET.to_owned(), name: b.object.clone(), asked: Vec::new(), made: None })
            .collect();
        let mut parts: Vec<_> = bundles.iter().flat_map(|b| b.parts.iter().copied()).collect();
        parts.sort_unstable();
        parts.dedup();
        let listed: Vec<_> = parts.iter().map(|p| (p.secret, p.version)).collect();
        let services: Vec<&str> = bundles.iter().map(|b| b.service.as_str()).collect();
        let details = Details::large()
            .with("revision", runtime.revision)
            .with("services", services)
            .with("count", listed.len())
            .with("secrets", listed);
        self.record(ActionName::new(Action::SecretUse.as_str()), details, puts.clone()).await?;
        let names = self.loaded.names.as_ref().expect("an environment that is there has names");
        for bundle in &bundles {
            let body = render::secret(names, &bundle.service, &bundle.object, &bundle.values);
            self.hands.client.create(Resource::Secret, Some(&names.namespace), body.expose(), false).await?;
        }
        for put in puts {
            self.loaded.puts.insert((Resource::Secret, put.name.clone()), put);
        }
        Ok(())
    }

    /// Goes through the services in the order of what depends on what.
    async fn walk(
        &mut self,
        blueprint: &Blueprint,
        desired: &[Object],
    ) -> Result<BTreeMap<Label, Stage>, RuntimeError> {
        let mut of: HashMap<&Label, Vec<&Object>> = HashMap::new();
        for object in desired {
            if let Some(service) = &object.service {
                of.entry(service).or_default().push(object);
            }
        }
        let mut done: BTreeSet<Label> = BTreeSet::new();
        let mut stages = BTreeMap::new();
        for name in render::order(blueprint).into_iter().flatten() {
            let Some(service) = blueprint.services.iter().find(|s| s.name == name) else { continue };
            let objects = of.get(&name).map_or(&[][..], Vec::as_slice);
            let stage = self.service(service, objects, &done, blueprint).await?;
            if stage == Stage::Asked && self.is_settled(&name) {
                done.insert(name.clone());
            }
            stages.insert(name, stage);
        }
        Ok(stages)
    }

    fn is_settled(&self, service: &Label) -> bool {
        self.space.deployments.get(service.as_str()).is_some_and(facts::DeploymentFacts::is_settled)
    }

    async fn service(
        &mut self,
        service: &Service,
        objects: &[&Object],
        done: &BTreeSet<Label>,
        blueprint: &Blueprint,
    ) -> Result<Stage, RuntimeError> {
        let running = self.loaded.runtime.wish == Wish::Running;
        for object in objects.iter().filter(|o| !matches!(o.resource, Resource::Deployment | Resource::Job)) {
            self.ensure(object).await?;
        }
        let waits: Vec<Label> = service.depends_on.iter().filter(|d| !done.contains(*d)).cloned().collect();
        if running && !waits.is_empty() && !self.may_wait_inside(service, &waits, blueprint) {
            return Ok(Stage::Waiting(waits));
        }
        let (before, after): (Vec<_>, Vec<_>) =
            objects.iter().filter(|o| o.resource == Resource::Job).partition(|o| o.stage == render::Stage::InitBefore);
        if running && let Some(stage) = self.init(&before).await? {
            let is_held = stage == Stage::Initializing && !waits.is_empty();
            return Ok(if is_held { Stage::Waiting(waits) } else { stage });
        }
        for object in objects.iter().filter(|o| o.resource == Resource::Deployment) {
            self.ensure(object).await?;
        }
        if running && !waits.is_empty() {
            return Ok(Stage::Waiting(waits));
        }
        let is_settled = self.is_settled(&service.name);
        if running
            && (is_settled || self.may_init_early(service))
            && let Some(stage) = self.init(&after).await?
            && (is_settled || stage == Stage::InitFailed)
        {
            return Ok(stage);
        }
        Ok(Stage::Asked)
    }

    /// Whether nothing of a service answers, so that whoever waits for it inside the cluster waits for what comes.
    fn is_away(&self, service: &Label) -> bool {
        self.space.deployments.get(service.as_str()).is_none_or(|d| d.ready == 0)
    }

    /// Whether a program of a service runs, ready or not: what comes next is made from then on, so that it takes no time
    /// from what is on its way.
    fn has_begun(&self, service: &Label) -> bool {
        let begun = |p: &PodFacts| p.service == service.as_str() && !p.is_init && !p.is_leaving && p.is_unready;
        !self.is_away(service) || self.space.pods.values().any(begun)
    }

    /// Whether the init step of a service may be made before the service is ready: its gate waits for that.
    fn may_init_early(&self, service: &Service) -> bool {
        render::is_waited_for_inside(service) && self.is_away(&service.name) && self.has_begun(&service.name)
    }

    /// Whether the pods of a service may be made before what it depends on is ready: their gates hold them. Not where
    /// something of either runs from before, unless an init step keeps the name shut that the gate waits for: it would
    /// take the old for the new.
    fn may_wait_inside(&self, service: &Service, waits: &[Label], blueprint: &Blueprint) -> bool {
        let initialized = self.initialized(blueprint);
        let can = |name: &Label| {
            let Some(dependency) = blueprint.services.iter().find(|s| s.name == *name) else { return false };
            let is_held = render::has_late_step(dependency) && !initialized.contains(name);
            render::is_waited_for_inside(dependency) && self.has_begun(name) && (is_held || self.is_away(name))
        };
        self.is_away(&service.name) && waits.iter().all(can)
    }

    /// Runs init steps, each once for its revision; none when all are done.
    async fn init(&mut self, jobs: &[&&Object]) -> Result<Option<Stage>, RuntimeError> {
        for job in jobs {
            let key = (Resource::Job, job.name.clone());
            let was_made = self.loaded.puts.contains_key(&key);
            // What somebody tidied away after it was done is not run again.
            if was_made && self.space.job(&job.name).is_none() && self.loaded.revision.state == RevisionState::Healthy {
                continue;
            }
            self.ensure(job).await?;
            match self.space.job(&job.name) {
                Some(JobFacts::Done) => {}
                Some(JobFacts::Failed) => {
                    let service = job.service.as_ref().map_or("", Label::as_str);
                    self.loaded.findings.data = Some(("InitFailed", format!("the init step of {service} failed")));
                    return Ok(Some(Stage::InitFailed));
                }
                Some(JobFacts::Running) | None => {
                    self.loaded.findings.data = Some(("Initializing", "init steps run".to_owned()));
                    return Ok(Some(Stage::Initializing));
                }
            }
        }
        Ok(None)
    }

    /// Makes an object what it is to be; nothing is asked of the cluster when it is that.
    async fn ensure(&mut self, object: &Object) -> Result<(), RuntimeError> {
        let key = (object.resource, object.name.clone());
        let asked = facts::digest(object.resource, &object.body);
        let put = self.loaded.puts.get(&key);
        let live = self.space.objects.get(&key);
        if put.is_some_and(|p| p.asked == asked && p.made.as_ref() == live && live.is_some()) {
            return Ok(());
        }
        if put.is_some_and(|p| p.asked == asked) {
            let what = format!("{} {}", object.resource.kind(), object.name);
            if live.is_some() && self.may_stay(object) {
                self.loaded.findings.left.push(what);
                return Ok(());
            }
            self.loaded.findings.corrected.push(what);
        }
        let namespace = (object.resource != Resource::Namespace).then_some(self.loaded.runtime.namespace.as_str());
        let made = self.hands.make(object, namespace).await?;
        let digest = facts::digest(object.resource, &made);
        {
            let mut sight = self.hands.sight.lock().unwrap_or_else(PoisonError::into_inner);
            sight.put(object.resource, &made);
            self.space = sight.space(&self.loaded.runtime.namespace);
        }
        let put = Put { kind: object.resource.kind().to_owned(), name: object.name.clone(), asked, made: Some(digest) };
        self.loaded.puts.insert(key, put.clone());
        self.notes.push(put);
        Ok(())
    }

    /// Whether what somebody else made of an object stays: where the blueprint says so, of what a service is and how it is
    /// reached. Pods without their gate never do.
    fn may_stay(&self, object: &Object) -> bool {
        let is_gated = || self.space.deployments.get(&object.name).is_some_and(|d| d.is_gated);
        self.loaded.drift == OnDrift::Report
            && match object.resource {
                Resource::Deployment => is_gated(),
                Resource::Service => true,
                _ => false,
            }
    }

    /// Takes away what is not wished for any more. Values go last: pods that still run may need them.
    async fn prune(&mut self, desired: &[Object], provided: &[render::Provided]) -> Result<(), RuntimeError> {
        let wanted: BTreeSet<(Resource, &str)> = desired.iter().map(|o| (o.resource, o.name.as_str())).collect();
        let settled = self.space.deployments.values().all(facts::DeploymentFacts::is_settled);
        let values: BTreeSet<&str> = provided.iter().map(|p| p.object.as_str()).collect();
        let stale: Vec<(Resource, String)> = self
            .loaded
            .puts
            .keys()
            .filter(|(resource, name)| match resource {
                Resource::Secret => settled && !values.contains(name.as_str()),
                // Storage goes with the environment, never with a line of a blueprint.
                Resource::PersistentVolumeClaim | Resource::Namespace => false,
                _ => !wanted.contains(&(*resource, name.as_str())),
            })
            .cloned()
            .collect();
        for (resource, name) in stale {
            let namespace = self.loaded.runtime.namespace.clone();
            self.hands.client.delete(resource, Some(&namespace), &name, None).await?;
            self.loaded.puts.remove(&(resource, name.clone()));
            self.forgotten.push((resource.kind().to_owned(), name));
        }
        Ok(())
    }

    /// Notes what was put into the cluster and what was taken out of it.
    async fn note(&mut self) -> Result<(), RuntimeError> {
        let (puts, forgotten) = (std::mem::take(&mut self.notes), std::mem::take(&mut self.forgotten));
        if puts.is_empty() && forgotten.is_empty() {
            return Ok(());
        }
        let environment = self.loaded.runtime.environment;
        let write = self.hands.world.core.db.write(move |tx| {
            for put in &puts {
                store::object_put(tx, environment, put)?;
            }
            for (kind, name) in &forgotten {
                store::object_forget(tx, environment, kind, name)?;
            }
            Ok::<_, RuntimeError>(())
        });
        write.await
    }

    /// Records an act of the appliance about this environment, with what goes with it.
    async fn record(&self, action: ActionName, details: Details, puts: Vec<Put>) -> Result<(), RuntimeError> {
        let op = self.hands.world.op();
        let environment = self.loaded.runtime.environment;
        let (organization, resource) = (
            self.loaded.runtime.organization,
            self.loaded.placed.as_ref().map(crate::orgs::environment::Placed::resource),
        );
        op.write(move |op, tx| {
            let event = op.event(action, Outcome::Allowed).details(details);
            let event = match &resource {
                Some(resource) => about(event, resource),
                None => event.organization(organization).target(Target::new("environment", environment)),
            };
            op.record(tx, event)?;
            for put in &puts {
                store::object_put(tx, environment, put)?;
            }
            Ok(())
        })
        .await
    }

    /// Writes down what is seen, when it differs from what was written last, and how the revision came out.
    async fn tell(&mut self, stages: &BTreeMap<Label, Stage>, services: &[Service]) -> Result<Came, RuntimeError> {
        let now = self.hands.world.core.clock.now();
        self.forget_lost_values().await?;
        let (runtime, revision) = (&self.loaded.runtime, &self.loaded.revision);
        let states: Vec<ServiceState> = services
            .iter()
            .map(|service| {
                let stage = stages.get(&service.name).unwrap_or(&Stage::Asked);
                let wanted = self.wanted(service);
                let before = self.loaded.services.iter().find(|b| b.service == service.name);
                outcome::service(service, stage, wanted, &self.space, before, now)
            })
            .collect();
        let troubles: Vec<Trouble> =
            self.space.pods.values().filter(|p| !p.is_leaving).filter_map(|p| p.trouble.clone()).collect();
        let ready = runtime.wish == Wish::Running
            && !states.is_empty()
            && outcome::is_ready(&states)
            // What could not be asked for is not ready, whatever ran before.
            && self.loaded.provided.is_some()
            && self.loaded.findings.refused.is_none();
        let (state, reason) = self.judge(ready, stages, &states, now);
        let healthy = if state == RevisionState::Healthy { Some(revision.number) } else { runtime.healthy };
        let told = Told {
            wish: runtime.wish,
            revision: revision.number,
            state,
            healthy,
            services: &states,
            findings: &self.loaded.findings,
            is_exposed: outcome::is_exposed(services.iter()),
            now,
        };
        let word = outcome::word(&told, runtime.word);
        let conditions = outcome::conditions(&told, &troubles, &self.loaded.conditions);
        let rolls = runtime.wish == Wish::Running && state == RevisionState::Rolling;
        let came = if rolls || word.family() == Family::Moving { Came::Moving } else { Came::Settled };
        let same = word == runtime.word
            && states == self.loaded.services
            && conditions == self.loaded.conditions
            && state == revision.state;
        let ran = outcome::ran(&states, &self.space, &revision.images);
        if !same || ran.is_some() {
            self.write_down(word, healthy, states, conditions, (state, reason), ran).await?;
        }
        Ok(came)
    }

    fn wanted(&self, service: &Service) -> u32 {
        if self.loaded.runtime.wish != Wish::Running {
            return 0;
        }
        let deployment = self.space.deployments.get(service.name.as_str());
        let scaled = self.loaded.revision.replicas.get(&service.name).copied();
        scaled.or_else(|| deployment.map(|d| d.wanted)).unwrap_or_else(|| service.replicas.get())
    }

    /// A pod that misses its values says that the cluster lost them: what is not there any more is sent again. Whether it
    /// is there is asked by making it without making it, for nothing of ours may read it.
    async fn forget_lost_values(&mut self) -> Result<(), RuntimeError> {
        let lost = |t: &Trouble| {
            t.reason == "ContainerNotMade" && t.message.contains("secret") && t.message.contains("not found")
        };
        if !self.space.pods.values().filter_map(|p| p.trouble.as_ref()).any(lost) {
            return Ok(());
        }
        let namespace = self.loaded.runtime.namespace.clone();
        for provided in self.loaded.provided.iter().flatten() {
            let body = json!({
                "apiVersion": Resource::Secret.api_version(),
                "kind": Resource::Secret.kind(),
                "metadata": { "name": provided.object, "namespace": namespace },
            });
            let there = self.hands.client.create(Resource::Secret, Some(&namespace), &body, true).await?;
            if there != Created::Exists {
                self.forgotten.push((SECRET.to_owned(), provided.object.clone()));
            }
        }
        Ok(())
    }

    /// How the revision comes out.
    fn judge(
        &self,
        ready: bool,
        stages: &BTreeMap<Label, Stage>,
        states: &[ServiceState],
        now: Timestamp,
    ) -> (RevisionState, String) {
        let revision = &self.loaded.revision;
        if revision.state != RevisionState::Rolling || self.loaded.runtime.wish != Wish::Running {
            return (revision.state, revision.reason.clone());
        }
        if ready {
            return (RevisionState::Healthy, String::new());
        }
        // Only what was asked for can be late with it; what waits still has the spec of before.
        let is_late = |service: &Label| self.space.deployments.get(service.as_str()).is_some_and(|d| d.is_late);
        let late = stages.iter().any(|(service, stage)| *stage == Stage::Asked && is_late(service));
        let began = revision.created_at.max(self.loaded.runtime.changed_at);
        let late = late || now.since(began) > super::REVISION_TIME_MAX;
        let failing = states.iter().filter(|s| s.word == crate::runtime::lifecycle::ServiceWord::Failing);
        let failing: Vec<_> = failing.map(|s| format!("{}: {}", s.service.as_str(), s.message)).collect();
        let gave_up = self.loaded.findings.data.as_ref().is_some_and(|(reason, _)| *reason == "InitFailed");
        if late || gave_up {
            let reason =
                if failing.is_empty() { "it did not become ready in its time".into() } else { failing.join("; ") };
            return (RevisionState::Failed, reason);
        }
        (RevisionState::Rolling, String::new())
    }

    async fn write_down(
        &self,
        word: Word,
        healthy: Option<u32>,
        states: Vec<ServiceState>,
        conditions: Vec<crate::runtime::lifecycle::Condition>,
        (state, reason): (RevisionState, String),
        ran: Option<BTreeMap<Label, String>>,
    ) -> Result<(), RuntimeError> {
        let (environment, generation) = (self.loaded.runtime.environment, self.loaded.runtime.generation);
        let (revision, before) = (self.loaded.revision.number, self.loaded.revision.state);
        let resource = self.loaded.placed.as_ref().map(crate::orgs::environment::Placed::resource);
        let op = self.hands.world.op();
        let settled = (state != before && state != RevisionState::Rolling).then_some(state);
        op.write(move |op, tx| {
            // A wish that came meanwhile has a word of its own: the next pass tells.
            let still = store::runtime_get(tx, environment)?.is_some_and(|r| r.generation == generation);
            if !still {
                return Ok(());
            }
            store::runtime_seen(tx, environment, word, healthy, op.now())?;
            store::service_set(tx, environment, &states)?;
            store::condition_set(tx, environment, &conditions)?;
            if let Some(ran) = &ran {
                store::revision_ran(tx, environment, revision, ran)?;
            }
            if let (Some(state), Some(resource)) = (settled, &resource) {
                store::revision_settle(tx, environment, revision, state, &reason, op.now())?;
                let action = if state == RevisionState::Healthy { super::ACTION_READY } else { super::ACTION_FAILED };
                let details = Details::new().with("revision", revision).with("reason", reason);
                op.record(tx, about(op.event(action, Outcome::Allowed).details(details), resource))?;
            }
            Ok(())
        })
        .await
    }
}
