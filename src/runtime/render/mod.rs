//! What has to be in a cluster so that a blueprint runs: a pure function from a blueprint to objects.
//!
//! Invariants, and what each one stops:
//! - Nothing here reads, asks or remembers: the same [`Desired`] gives the same objects, byte for byte, so a difference
//!   to the cluster is always somebody's change.
//! - No value of a variable is in anything but the object [`secret()`] makes: what can be read in a cluster, compared or
//!   shown has none. A composed value (`${NAME}`) is a value, too.
//! - Every pod is restricted, has requests and limits of processor, memory and disk, no token, a root that cannot be
//!   written to, and begins with the container `gate`, which ends well only when the network is proven closed.
//! - A namespace is closed both ways; each opening is one policy with a name that says what it is for. Addresses that
//!   tell a machine's identity are open to nobody, whatever a blueprint lists.
//! - The template of a pod depends only on what its service is: a deploy that changes one service restarts that one. So
//!   it does not carry the number of the revision; the objects around it do.
//! - A `$` of a blueprint stays one: the kubelet's own `$(NAME)` is not a second way to a value.
//!
//! It applies nothing, and it knows nothing of what is in the cluster: [`changes`](super::changes) compares.

mod foundation;
mod init;
mod names;
mod pod;
mod policies;
mod prober;
mod reach;
mod secret;
mod sizes;
mod storage;
#[cfg(test)]
mod tests;
mod values;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

pub use init::job_name;
pub use names::{LABEL_ENVIRONMENT, LABEL_REVISION, LABEL_ROLE, LABEL_SERVICE, Names, ROLE_SERVICE};
pub use prober::prober;
pub use reach::{has_late_step, is_waited_for_inside};
pub use secret::{SecretBody, secret};
pub use values::{Wanted, WantedFrom, wanted};

pub(in crate::runtime) use sizes::{Sizes, cpu as cpu_text, memory as memory_text};
pub(in crate::runtime) use storage::sizes as claim_sizes;

use super::blueprint::{Blueprint, Label, Service};
use crate::cluster::Resource;

/// Where the prober answers a gate's question whether it can be reached.
pub const ASK_PORT: u16 = 8481;
/// Where the prober listens for everybody: what a closed pod must not reach.
pub const OPEN_PORT: u16 = 8482;
/// Where a gate listens: what the prober must not reach.
pub const GATE_PORT: u16 = 8483;

/// What the first container of every pod needs to prove that the pod is closed.
///
/// It is part of every pod's template: another image or address starts every pod anew, so both are kept for as long as
/// they work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The Holdfast image.
    pub image: String,
    /// The prober's listener that the policies allow.
    pub ask: SocketAddr,
    /// The prober's listener that must be unreachable.
    pub open: SocketAddr,
    /// The gate's own port, which the prober must not reach.
    pub port: u16,
}

impl Gate {
    /// The gate of a cluster whose prober has this address.
    pub fn at(image: &str, prober: IpAddr) -> Self {
        Self {
            image: image.to_owned(),
            ask: SocketAddr::new(prober, ASK_PORT),
            open: SocketAddr::new(prober, OPEN_PORT),
            port: GATE_PORT,
        }
    }
}

/// The kinds [`render`] makes; the namespace holds all others.
pub const MADE: &[Resource] = &[
    Resource::Namespace,
    Resource::ServiceAccount,
    Resource::NetworkPolicy,
    Resource::ResourceQuota,
    Resource::LimitRange,
    Resource::ConfigMap,
    Resource::PersistentVolumeClaim,
    Resource::Deployment,
    Resource::Job,
    Resource::Service,
];

/// The Secret with the values of one service. A service that needs none has none.
///
/// Its keys are what [`wanted`] lists for the service: the name of each variable it gets, the `envKey` of each generated
/// secret, the name in `env` of each value that has a `${NAME}` in it (in place of a variable of that name), and
/// `.volume.<name>` for each volume of type `file`. A value of `env` without a reference stands in the pod and not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// The service.
    pub service: Label,
    /// The name of the Secret: a keyed MAC of its content, so that another value is another object and a restart.
    pub object: String,
    /// Its keys.
    pub keys: Vec<String>,
}

/// Everything the objects follow from.
#[derive(Debug, Clone, Copy)]
pub struct Desired<'a> {
    /// Where, and how it is labelled.
    pub names: &'a Names,
    /// The number of the deploy.
    pub revision: u64,
    /// What runs.
    pub blueprint: &'a Blueprint,
    /// The chosen plan; one that the blueprint does not have changes nothing.
    pub plan: Option<&'a Label>,
    /// The images as they were resolved, by service; without one, the blueprint's.
    pub images: &'a BTreeMap<Label, String>,
    /// The Secrets with values.
    pub provided: &'a [Provided],
    /// The gate.
    pub gate: &'a Gate,
    /// Whether pods run; otherwise every service is scaled to nothing, and all else stays.
    pub running: bool,
    /// Services that were scaled by hand.
    pub replicas: &'a BTreeMap<Label, u32>,
    /// Services that were told to start anew, and when: another time is another template.
    pub restarts: &'a BTreeMap<Label, i64>,
    /// Services whose init step of type `sql` is done.
    pub initialized: &'a BTreeSet<Label>,
    /// The class of storage; without one, the cluster's own choice.
    pub storage_class: Option<&'a str>,
}

/// When an object's turn comes: everything of the foundation first, then service by service in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The namespace, accounts, policies, bounds and storage.
    Foundation,
    /// The script and the Job of an init step of type `command`. It has to succeed before the service is changed.
    InitBefore,
    /// The name and address of the service, before its pods: what waits for the service asks for it by name.
    Reach,
    /// The pods.
    Workload,
    /// The script and the Job of an init step of type `sql`. It begins when the service is ready, and has to succeed
    /// before what depends on the service starts.
    InitAfter,
}

/// An object as it has to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its kind.
    pub resource: Resource,
    /// Its name.
    pub name: String,
    /// What we set of it.
    pub body: Value,
    /// Whose it is; without a service, the environment's.
    pub service: Option<Label>,
    /// When its turn comes.
    pub stage: Stage,
}

impl Object {
    /// The namespace it lies in; none for a namespace.
    pub fn namespace(&self) -> Option<&str> {
        self.body["metadata"]["namespace"].as_str()
    }

    fn new(resource: Resource, stage: Stage, metadata: Value, rest: Value) -> Self {
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        let service = metadata["labels"][LABEL_SERVICE].as_str().and_then(|name| Label::parse(name).ok());
        let mut body = json!({ "apiVersion": resource.api_version(), "kind": resource.kind(), "metadata": metadata });
        if let (Value::Object(body), Value::Object(rest)) = (&mut body, rest) {
            body.extend(rest);
        }
        Self { resource, name, body, service, stage }
    }
}

/// Every object of an environment but its Secrets, in the order they are applied.
///
/// A Job cannot be changed once it is there, so it is created and not applied, and its name has the revision.
pub fn render(desired: &Desired<'_>) -> Vec<Object> {
    let mut objects = foundation::before(desired);
    objects.extend(policies::all(desired));
    objects.extend(storage::claims(desired));
    for level in order(desired.blueprint) {
        let services = desired.blueprint.services.iter().filter(|s| level.contains(&s.name));
        for service in services {
            let one = One::new(desired, service);
            objects.extend(init::before(&one));
            objects.extend(reach::service(&one));
            objects.extend(reach::initialized(&one));
            objects.push(workload::deployment(&one));
            objects.extend(init::after(&one));
        }
    }
    objects
}

/// The services by level: each waits only for services of the levels before its own.
pub fn order(blueprint: &Blueprint) -> Vec<Vec<Label>> {
    let mut left: Vec<&Service> = blueprint.services.iter().collect();
    let mut levels = Vec::new();
    while !left.is_empty() {
        let waiting: BTreeSet<&Label> = left.iter().map(|s| &s.name).collect();
        let is_free = |s: &&Service| s.depends_on.iter().all(|d| !waiting.contains(d));
        let (mut free, rest): (Vec<&Service>, Vec<&Service>) = left.iter().copied().partition(is_free);
        left = rest;
        if free.is_empty() {
            // A blueprint with a circle is refused when it is read; were there one, nothing would be lost here.
            free = std::mem::take(&mut left);
        }
        levels.push(free.into_iter().map(|s| s.name.clone()).collect());
    }
    levels
}

/// One service of what is desired, and what is asked of it again and again.
struct One<'a> {
    desired: &'a Desired<'a>,
    service: &'a Service,
    provided: Option<&'a Provided>,
    sizes: Sizes,
}

impl<'a> One<'a> {
    fn new(desired: &'a Desired<'a>, service: &'a Service) -> Self {
        let provided = desired.provided.iter().find(|p| p.service == service.name);
        Self { desired, service, provided, sizes: Sizes::of(desired, service) }
    }

    fn name(&self) -> &'a str {
        self.service.name.as_str()
    }

    fn image(&self) -> &'a str {
        let resolved = self.desired.images.get(&self.service.name);
        resolved.map_or(self.service.image.as_str(), String::as_str)
    }
}
