//! How what runs looks in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cluster::{self, Cluster};
use crate::http::api::environment::EnvironmentName;
use crate::http::error::Problem;
use crate::http::schema::ClusterId;
use crate::op::Op;
use crate::runtime::insight::{DestroyPlan, Happening};
use crate::runtime::lifecycle::{
    Condition, Deployed, OnFailure, Revision, Running, Runtime, RuntimeView, ServiceState,
};
use crate::types::Timestamp;

/// A cluster, by its names.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ClusterName)]
pub(crate) struct ClusterForm {
    /// Its id.
    id: ClusterId,
    /// Its name; null when it was taken away.
    name: Option<String>,
}

impl ClusterForm {
    pub(super) fn of(id: ClusterId, known: Option<&Cluster>) -> Self {
        Self { id, name: known.map(|cluster| cluster.name.to_string()) }
    }
}

/// The clusters of the organization of whoever asks, for their names.
pub(crate) fn clusters(op: &Op) -> Result<Vec<Cluster>, Problem> {
    let organization = op.organization()?;
    Ok(op.core().db.read(|reader| cluster::of(reader, organization))?)
}

/// What is done when a revision does not become ready.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OnFailure)]
pub(crate) enum OnFailureForm {
    /// It stays as it is, for somebody to look at.
    #[default]
    Stay,
    /// The last revision that was ready is deployed again.
    Rollback,
}

impl From<OnFailureForm> for OnFailure {
    fn from(form: OnFailureForm) -> Self {
        match form {
            OnFailureForm::Stay => Self::Stay,
            OnFailureForm::Rollback => Self::Rollback,
        }
    }
}

impl From<OnFailure> for OnFailureForm {
    fn from(on_failure: OnFailure) -> Self {
        match on_failure {
            OnFailure::Stay => Self::Stay,
            OnFailure::Rollback => Self::Rollback,
        }
    }
}

/// One deploy.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevisionAnswer {
    /// Its number, from 1.
    revision: u32,
    /// `rolling`, `healthy`, `failed`, or `superseded` by another before it was ready.
    state: &'static str,
    /// Why it failed; empty otherwise.
    reason: String,
    /// The version of the blueprint.
    blueprint_version: u32,
    /// The plan of the blueprint; null for the sizes the services name.
    plan: Option<String>,
    /// The names of the variables that were passed on; never values.
    variables: Vec<String>,
    /// Services that were scaled by hand, and to how many pods.
    replicas: std::collections::BTreeMap<String, u32>,
    /// The images its pods ran when they were ready, by service: `name@sha256:…` as the node tells it, or `sha256:…` of
    /// one that was imported.
    images: std::collections::BTreeMap<String, String>,
    /// The images that run by digest in place of the blueprint's, by service: of a rollback. The others keep their tag.
    pinned: std::collections::BTreeMap<String, String>,
    /// What is done when it fails.
    on_failure: OnFailureForm,
    /// Who deployed it: an id, or `system`.
    created_by: String,
    /// When.
    created_at: Timestamp,
    /// When it became ready, or was given up; null while it rolls.
    settled_at: Option<Timestamp>,
}

impl From<Revision> for RevisionAnswer {
    fn from(r: Revision) -> Self {
        Self {
            revision: r.number,
            state: r.state.as_str(),
            reason: r.reason,
            blueprint_version: r.blueprint,
            plan: r.plan.map(|plan| plan.as_str().to_owned()),
            variables: r.names.into_iter().map(|name| name.name).collect(),
            replicas: r.replicas.into_iter().map(|(service, n)| (service.as_str().to_owned(), n)).collect(),
            images: r.images.into_iter().map(|(service, image)| (service.as_str().to_owned(), image)).collect(),
            pinned: r.pins.into_iter().map(|(service, image)| (service.as_str().to_owned(), image)).collect(),
            on_failure: r.on_failure.into(),
            created_by: r.author,
            created_at: r.created_at,
            settled_at: r.settled_at,
        }
    }
}

/// A service as it was last seen.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAnswer {
    /// Its name.
    name: String,
    /// `waiting`, `starting`, `closing` (until its network is proven closed), `initializing`, `ready`, `failing` or
    /// `stopped`.
    state: &'static str,
    /// What is wrong, or what it waits for.
    message: String,
    /// How many pods are wished for.
    wanted: u32,
    /// How many are ready.
    ready: u32,
    /// The image that runs, with its digest where the node tells it.
    image: String,
    /// How often its containers were started anew.
    restarts: u32,
    /// Since when the state is this one.
    since_at: Timestamp,
}

impl From<ServiceState> for ServiceAnswer {
    fn from(s: ServiceState) -> Self {
        Self {
            name: s.service.as_str().to_owned(),
            state: s.word.as_str(),
            message: s.message,
            wanted: s.wanted,
            ready: s.ready,
            image: s.image,
            restarts: s.restarts,
            since_at: s.since,
        }
    }
}

/// Whether something is true of what runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConditionAnswer {
    /// What: `Accepted`, `NetworkIsolated`, `VariablesSynced`, …
    kind: &'static str,
    /// `true`, `false` or `unknown`.
    status: &'static str,
    /// Why, as one word.
    reason: String,
    /// Why, for people.
    message: String,
    /// Of which revision.
    revision: u32,
    /// Since when.
    since_at: Timestamp,
}

impl From<Condition> for ConditionAnswer {
    fn from(c: Condition) -> Self {
        Self {
            kind: c.kind.as_str(),
            status: c.status.as_str(),
            reason: c.reason,
            message: c.message,
            revision: c.revision,
            since_at: c.since,
        }
    }
}

/// What runs in an environment, as it was last seen.
#[derive(Serialize, ToSchema)]
pub(crate) struct RuntimeAnswer {
    /// The environment.
    environment: EnvironmentName,
    /// The word for it: `queued`, `provisioning`, `waking`, `stopping`, `deleting`, `degraded`, `failed`, `blocked`,
    /// `unreachable`, `ready`, `sleeping`, `stopped` or `deleted`.
    state: &'static str,
    /// What sort of word that is: `moving`, `wrong` or `settled`.
    family: &'static str,
    /// What is wished for: `running`, `stopped` or `destroyed`.
    wish: &'static str,
    /// Where it runs.
    cluster: ClusterForm,
    /// Its namespace there.
    namespace: String,
    /// The revision that is to run.
    revision: RevisionAnswer,
    /// The newest revision that became ready.
    healthy_revision: Option<u32>,
    /// Counts wishes.
    generation: u64,
    /// Its services, in the order of the blueprint.
    services: Vec<ServiceAnswer>,
    /// What is true of it.
    conditions: Vec<ConditionAnswer>,
    /// When something else was wished for.
    changed_at: Timestamp,
    /// By whom: an id, or `system`.
    changed_by: String,
    /// When the cluster last answered about it; null before it did.
    seen_at: Option<Timestamp>,
    /// When it is destroyed by itself.
    expires_at: Option<Timestamp>,
    /// Whether that is soon: a fifth of its time is left, and at most a day.
    ends_soon: bool,
}

impl From<RuntimeView> for RuntimeAnswer {
    fn from(view: RuntimeView) -> Self {
        let r = view.runtime;
        Self {
            environment: view.placed.environment.into(),
            state: r.word.as_str(),
            family: r.word.family().as_str(),
            wish: r.wish.as_str(),
            cluster: ClusterForm::of(r.cluster, view.cluster.as_ref()),
            namespace: r.namespace,
            revision: view.revision.into(),
            healthy_revision: r.healthy,
            generation: r.generation,
            services: view.services.into_iter().map(Into::into).collect(),
            conditions: view.conditions.into_iter().map(Into::into).collect(),
            changed_at: r.changed_at,
            changed_by: r.changed_by,
            seen_at: r.seen_at,
            expires_at: r.expires_at,
            ends_soon: view.ends_soon,
        }
    }
}

/// What is wished for now.
#[derive(Serialize, ToSchema)]
pub(crate) struct WishedAnswer {
    /// The word for it.
    state: &'static str,
    /// What sort of word that is.
    family: &'static str,
    /// What is wished for: `running`, `stopped` or `destroyed`.
    wish: &'static str,
    /// The revision that is to run.
    revision: u32,
    /// Counts wishes: a status with this number or a higher one is about this wish.
    generation: u64,
    /// When it is destroyed by itself.
    expires_at: Option<Timestamp>,
}

impl From<Runtime> for WishedAnswer {
    fn from(r: Runtime) -> Self {
        Self {
            state: r.word.as_str(),
            family: r.word.family().as_str(),
            wish: r.wish.as_str(),
            revision: r.revision,
            generation: r.generation,
            expires_at: r.expires_at,
        }
    }
}

/// What a deploy began.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeployAnswer {
    /// What is wished for now.
    #[serde(flatten)]
    wished: WishedAnswer,
    /// The environment.
    environment: EnvironmentName,
    /// Where it runs.
    cluster: ClusterForm,
    /// Its namespace there.
    namespace: String,
    /// The names of the variables that are passed on; never values.
    variables: Vec<String>,
    /// Whether nothing differs from the revision that is there.
    unchanged: bool,
}

impl From<Deployed> for DeployAnswer {
    fn from(d: Deployed) -> Self {
        Self {
            environment: d.placed.environment.into(),
            cluster: ClusterForm::of(d.cluster.id, Some(&d.cluster)),
            namespace: d.runtime.namespace.clone(),
            variables: d.revision.names.into_iter().map(|name| name.name).collect(),
            unchanged: d.unchanged,
            wished: d.runtime.into(),
        }
    }
}

/// An environment of which something runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunningAnswer {
    /// The environment.
    environment: EnvironmentName,
    /// What is wished for, and the word for it.
    #[serde(flatten)]
    wished: WishedAnswer,
    /// Where it runs.
    cluster: ClusterForm,
    /// How many of its services have all their pods ready.
    services_ready: u32,
    /// How many of its services are to run.
    services_wanted: u32,
    /// When something else was wished for.
    changed_at: Timestamp,
    /// When the cluster last answered about it.
    seen_at: Option<Timestamp>,
}

impl RunningAnswer {
    /// With the name of its cluster.
    pub(super) fn of(running: Running, clusters: &[Cluster]) -> Self {
        let r = running.runtime;
        Self {
            environment: running.placed.environment.into(),
            cluster: ClusterForm::of(r.cluster, clusters.iter().find(|c| c.id == r.cluster)),
            services_ready: running.ready,
            services_wanted: running.wanted,
            changed_at: r.changed_at,
            seen_at: r.seen_at,
            wished: r.into(),
        }
    }
}

/// Something the cluster says happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct HappeningAnswer {
    /// When it happened last; null when the cluster does not say.
    at: Option<Timestamp>,
    /// Whether the cluster calls it a warning.
    warning: bool,
    /// Why, as one word.
    reason: String,
    /// In the cluster's words.
    message: String,
    /// What it happened to: `Pod/api-5d9c7b6f4-x2x7k`.
    object: String,
    /// How often.
    count: u32,
}

impl From<Happening> for HappeningAnswer {
    fn from(h: Happening) -> Self {
        let Happening { at, is_warning, reason, message, object, count } = h;
        Self { at, warning: is_warning, reason, message, object, count }
    }
}

/// What destroying takes, or would.
#[derive(Serialize, ToSchema)]
pub(crate) struct DestroyAnswer {
    /// Whether it was only told.
    dry_run: bool,
    /// The environment.
    environment: EnvironmentName,
    /// The namespace that goes.
    namespace: String,
    /// The services that end.
    services: Vec<String>,
    /// The storage that is lost with what is in it.
    volumes: Vec<VolumeAnswer>,
}

/// Storage that goes with what runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct VolumeAnswer {
    /// Its name.
    name: String,
    /// How large it is.
    size: String,
    /// The services that have it mounted.
    services: Vec<String>,
}

impl From<DestroyPlan> for DestroyAnswer {
    fn from(plan: DestroyPlan) -> Self {
        let volumes = plan.volumes.into_iter();
        let volumes = volumes.map(|v| VolumeAnswer { name: v.name, size: v.size, services: v.services });
        Self {
            dry_run: true,
            environment: plan.placed.environment.into(),
            namespace: plan.runtime.namespace,
            services: plan.services,
            volumes: volumes.collect(),
        }
    }
}
