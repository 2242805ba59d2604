//! What is wished for an environment's running side, and what was seen of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::runtime::blueprint::{Blueprint, Label, Service};
use crate::runtime::render::{WantedFrom, wanted};
use crate::types::{Id, ParseError, Timestamp, kinds};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads the word.
            ///
            /// # Errors
            /// It is none of them.
            pub fn parse(text: &str) -> Result<Self, ParseError> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|one| one.as_str()).collect();
                    ParseError::new($what, format!("is one of {}", words.join(", ")))
                })
            }
        }
    };
}

words! {
    /// What is wished for.
    Wish "wish" {
        /// The services run.
        Running = "running",
        /// Nothing runs; volumes and routes stay.
        Stopped = "stopped",
        /// Nothing of it is left.
        Destroyed = "destroyed",
    }
}

words! {
    /// What is done when a revision does not become ready within its time.
    OnFailure "on_failure" {
        /// It stays as it is, for somebody to look at.
        Stay = "stay",
        /// The last revision that was ready is deployed again.
        Rollback = "rollback",
    }
}

words! {
    /// How a revision came out.
    RevisionState "revision state" {
        /// It is on its way.
        Rolling = "rolling",
        /// It became ready.
        Healthy = "healthy",
        /// It did not, in its time.
        Failed = "failed",
        /// Another one came before it was ready.
        Superseded = "superseded",
    }
}

words! {
    /// What can be true of a running environment.
    ConditionKind "condition" {
        /// Blueprint, rights and cluster allow it.
        Accepted = "Accepted",
        /// No pod of it started before it was closed off.
        NetworkIsolated = "NetworkIsolated",
        /// The services have the values of now.
        VariablesSynced = "VariablesSynced",
        /// Volumes are there and init steps ran.
        DataReady = "DataReady",
        /// Every service is ready.
        WorkloadsAvailable = "WorkloadsAvailable",
        /// What is exposed can be reached from outside.
        Exposed = "Exposed",
        /// It was stopped, or sleeps.
        Suspended = "Suspended",
        /// A policy or quota keeps it from running.
        PolicyBlocked = "PolicyBlocked",
        /// Something of it does not work.
        Degraded = "Degraded",
        /// It is being destroyed.
        Terminating = "Terminating",
    }
}

words! {
    /// Whether a condition is true.
    Status "status" {
        /// Yes.
        True = "true",
        /// No.
        False = "false",
        /// Nobody knows.
        Unknown = "unknown",
    }
}

words! {
    /// The one word for people.
    Word "state" {
        /// It waits for its turn.
        Queued = "queued",
        /// It comes to be.
        Provisioning = "provisioning",
        /// It is going to sleep or was told to stop.
        Stopping = "stopping",
        /// It comes back.
        Waking = "waking",
        /// It goes.
        Deleting = "deleting",
        /// Some of it does not work.
        Degraded = "degraded",
        /// It did not come to be.
        Failed = "failed",
        /// Something forbids it.
        Blocked = "blocked",
        /// Its cluster does not answer.
        Unreachable = "unreachable",
        /// All of it works.
        Ready = "ready",
        /// It sleeps until somebody asks for it.
        Sleeping = "sleeping",
        /// It was stopped.
        Stopped = "stopped",
        /// Nothing is left of it.
        Deleted = "deleted",
    }
}

words! {
    /// The family of a word: what a chip's colour says.
    Family "family of states" {
        /// It is on its way.
        Moving = "moving",
        /// Somebody has to look.
        Wrong = "wrong",
        /// It stays as it is.
        Settled = "settled",
    }
}

impl Word {
    /// The family.
    pub const fn family(self) -> Family {
        match self {
            Self::Queued | Self::Provisioning | Self::Stopping | Self::Waking | Self::Deleting => Family::Moving,
            Self::Degraded | Self::Failed | Self::Blocked | Self::Unreachable => Family::Wrong,
            Self::Ready | Self::Sleeping | Self::Stopped | Self::Deleted => Family::Settled,
        }
    }
}

/// The running side of an environment.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The environment.
    pub environment: Id<kinds::Environment>,
    /// Its organization.
    pub organization: Id<kinds::Organization>,
    /// Where it runs.
    pub cluster: Id<kinds::Cluster>,
    /// Its namespace there.
    pub namespace: String,
    /// What is wished for.
    pub wish: Wish,
    /// The revision that is to run.
    pub revision: u32,
    /// The newest revision that became ready.
    pub healthy: Option<u32>,
    /// Counts wishes.
    pub generation: u64,
    /// The word for people, as it was last seen.
    pub word: Word,
    /// When something else was wished for.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: String,
    /// When the cluster last answered about it.
    pub seen_at: Option<Timestamp>,
    /// When it is destroyed by itself.
    pub expires_at: Option<Timestamp>,
}

/// A variable that whoever deployed passed on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Granted {
    /// Its name.
    pub name: String,
    /// Whether it was restricted then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
}

/// One deploy.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its number, from 1.
    pub number: u32,
    /// The version of the blueprint.
    pub blueprint: u32,
    /// The plan of the blueprint that was chosen.
    pub plan: Option<Label>,
    /// The variables that were passed on.
    pub names: Vec<Granted>,
    /// How often services run that were scaled by hand.
    pub replicas: BTreeMap<Label, u32>,
    /// Services that were told to start anew, and when.
    pub restarts: BTreeMap<Label, i64>,
    /// The images its pods ran when they were ready, by service, as their nodes told: `name@sha256:…`, or `sha256:…` of
    /// one that was imported.
    pub images: BTreeMap<Label, String>,
    /// The images that run in place of the blueprint's, by service: with a digest, where it went back to what ran.
    pub pins: BTreeMap<Label, String>,
    /// What is done when it fails.
    pub on_failure: OnFailure,
    /// How it came out.
    pub state: RevisionState,
    /// Why it failed.
    pub reason: String,
    /// Who deployed it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
    /// When it became ready, or was given up.
    pub settled_at: Option<Timestamp>,
}

/// Whether something is true of a running environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What.
    pub kind: ConditionKind,
    /// Whether.
    pub status: Status,
    /// Why, as one word in camel case.
    pub reason: String,
    /// Why, for people.
    pub message: String,
    /// Of which revision.
    pub revision: u32,
    /// Since when the status is this one.
    pub since: Timestamp,
}

words! {
    /// What a service is doing.
    ServiceWord "state of a service" {
        /// What it depends on is not ready.
        Waiting = "waiting",
        /// Its pods are being made or started.
        Starting = "starting",
        /// Its gate waits until the network is closed.
        Closing = "closing",
        /// An init step runs.
        Initializing = "initializing",
        /// All its pods are ready.
        Ready = "ready",
        /// Something is wrong with it; the message says what.
        Failing = "failing",
        /// It does not run, as wished.
        Stopped = "stopped",
    }
}

/// A service as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceState {
    /// Which one.
    pub service: Label,
    /// How many pods are wished for.
    pub wanted: u32,
    /// How many are ready.
    pub ready: u32,
    /// What it does.
    pub word: ServiceWord,
    /// What is wrong, or what it waits for.
    pub message: String,
    /// The image that runs, with its digest where the node tells it.
    pub image: String,
    /// How often its containers were started anew.
    pub restarts: u32,
    /// Since when the word is this one.
    pub since: Timestamp,
}

/// The names in the vault that a blueprint's secrets are kept under: `worker-token` is `WORKER_TOKEN`.
pub(in crate::runtime) fn drawn_name(label: &str) -> String {
    label.to_ascii_uppercase().replace('-', "_")
}

/// Which variables a service gets, by name, when the environment has these; also those it names and that are missing.
pub(in crate::runtime) fn passed_on<'a>(service: &Service, names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for one in wanted(service, names) {
        match one.from {
            WantedFrom::Variable(name) => drop(all.insert(name)),
            WantedFrom::Generated(label) => drop(all.insert(drawn_name(&label))),
            WantedFrom::Composed(text) => all.extend(text.references().iter().map(|n| n.as_str().to_owned())),
        }
    }
    all
}

/// The names that the services of a blueprint get and that are not among `there`: service and name. What is drawn by
/// itself is not among them.
pub(super) fn missing(blueprint: &Blueprint, there: &BTreeSet<&str>) -> Vec<(Label, String)> {
    let mut missing = Vec::new();
    for service in blueprint.services.iter() {
        let drawn: BTreeSet<String> = service.secrets.iter().map(|s| drawn_name(s.name.as_str())).collect();
        let names = passed_on(service, there.iter().copied()).into_iter();
        let names = names.filter(|n| !there.contains(n.as_str()) && !drawn.contains(n));
        missing.extend(names.map(|name| (service.name.clone(), name)));
    }
    missing
}
