//! What can go wrong with what runs.

use crate::cluster::{ClientError, ClusterError};
use crate::db::DbError;
use crate::op::OpError;
use crate::orgs::OrgError;
use crate::runtime::blueprint::Label;
use crate::runtime::quota::{Excess, Reach};
use crate::runtime::stored::BlueprintError;
use crate::types::{Class, Failure, ParseError, Problem};
use crate::vault::VaultError;

/// Names of a message at most.
const NAMES_MAX: usize = 20;

/// A failure of an operation on what runs.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Nothing was ever deployed here, or nothing is left of it.
    #[error("nothing runs in {0}")]
    NotDeployed(String),
    /// There is no blueprint to deploy.
    #[error("{0} has no blueprint")]
    NoBlueprint(String),
    /// The blueprint has no such plan.
    #[error("the blueprint has no plan `{plan}`{}", offered(.there))]
    NoPlan {
        /// What was asked for.
        plan: String,
        /// The plans it has.
        there: Vec<Label>,
    },
    /// The organization has no cluster, or several and none was named.
    #[error("{}", no_cluster(.there))]
    NoCluster {
        /// The clusters there are.
        there: Vec<String>,
    },
    /// It runs elsewhere.
    #[error("{environment} runs on {there}, not on {asked}")]
    OtherCluster {
        /// The environment, as `project/environment`.
        environment: String,
        /// Where it runs.
        there: String,
        /// Where it was to run.
        asked: String,
    },
    /// Services ask for variables that the environment does not have.
    #[error("the environment lacks {} of the variables its services ask for: {}", .0.len(), listed(.0))]
    Missing(Vec<(Label, String)>),
    /// The blueprint has no such service.
    #[error("there is no service `{name}` here{}", offered(.there))]
    NoService {
        /// What was asked for.
        name: String,
        /// The services it has.
        there: Vec<Label>,
    },
    /// The service has no such pod.
    #[error("`{service}` has no pod `{name}`{}", named(.there))]
    NoPod {
        /// The service.
        service: String,
        /// What was asked for.
        name: String,
        /// The pods it has, oldest first.
        there: Vec<String>,
    },
    /// The service has no pod to enter.
    #[error("no pod of `{service}` is ready: it is {doing}")]
    NotReady {
        /// The service.
        service: String,
        /// What it does, as it was last seen.
        doing: String,
        /// Pods that run without being ready, oldest first.
        running: Vec<String>,
    },
    /// The service has no such port.
    #[error("`{service}` has no TCP port `{name}`{}", named(.there))]
    NoPort {
        /// The service.
        service: String,
        /// What was asked for.
        name: String,
        /// The ports it has.
        there: Vec<String>,
    },
    /// There is no such revision, or it was never ready.
    #[error("{0}")]
    NoRevision(String),
    /// The state does not allow it.
    #[error("{environment} is {word}: {problem}")]
    WrongState {
        /// The environment, as `project/environment`.
        environment: String,
        /// The word for its state.
        word: &'static str,
        /// What does not go with that.
        problem: &'static str,
    },
    /// What is destroyed was not named.
    #[error("to destroy what runs in {0}, say its name")]
    Unconfirmed(String),
    /// It is protected.
    #[error("{0} is protected: what runs there is not destroyed")]
    Protected(String),
    /// A limit would be passed.
    #[error("{what} would be {wished}, and may be {most} at most")]
    Quota {
        /// Of what.
        what: &'static str,
        /// What it would be.
        wished: String,
        /// What it may be.
        most: String,
    },
    /// A quota of the organization would be passed.
    #[error("{}", over_quota(.excesses))]
    OverQuota {
        /// The environment, as `project/environment`.
        environment: String,
        /// What would be passed, at least one.
        excesses: Vec<Excess>,
    },
    /// It cannot end then.
    #[error("what runs cannot end then: {0}")]
    End(&'static str),
    /// The cluster did not do what was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cluster is not to be used.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The blueprint is not to be used.
    #[error(transparent)]
    Stored(#[from] BlueprintError),
    /// The variables are not to be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The environment is not to be had.
    #[error(transparent)]
    Org(#[from] OrgError),
    /// A field is wrong.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// What every operation can fail with.
    #[error(transparent)]
    Op(#[from] OpError),
}

fn offered(there: &[Label]) -> String {
    let names: Vec<_> = there.iter().map(|name| name.as_str().to_owned()).collect();
    named(&names)
}

fn named(there: &[String]) -> String {
    let names: Vec<_> = there.iter().take(NAMES_MAX).map(String::as_str).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => format!("; there is {only}"),
        names => format!("; there are {}", names.join(", ")),
    }
}

fn no_cluster(there: &[String]) -> String {
    if there.is_empty() {
        "the organization has no cluster to run on".to_owned()
    } else {
        let names: Vec<_> = there.iter().take(NAMES_MAX).map(String::as_str).collect();
        format!("the organization has several clusters; name one of {}", names.join(", "))
    }
}

fn over_quota(excesses: &[Excess]) -> String {
    let words: Vec<_> = excesses.iter().map(Excess::words).collect();
    words.join("; ")
}

/// How whoever may do so makes room.
fn raise(environment: &str, excesses: &[Excess]) -> String {
    let flags = |reach: Reach| {
        let of = excesses.iter().filter(|excess| excess.reach == reach);
        let flags: Vec<_> = of.map(|e| format!(" --{} {}", e.what.as_str(), e.what.text(e.wished()))).collect();
        flags.concat()
    };
    let (all, each) = (flags(Reach::Organization), flags(Reach::Environment));
    let mut commands = Vec::new();
    if !all.is_empty() {
        commands.push(format!("`holdfast quota set{all}`"));
    }
    if !each.is_empty()
        && let Some((project, slug)) = environment.split_once('/')
    {
        commands.push(format!("`holdfast quota set{each} -p {project} -e {slug}`"));
    }
    let commands = commands.join(" and ");
    format!("ask for less, stop what nobody needs, or let whoever has quota.manage raise it: {commands}")
}

fn listed(missing: &[(Label, String)]) -> String {
    let names: Vec<_> = missing.iter().take(NAMES_MAX).map(|(s, n)| format!("{n} ({})", s.as_str())).collect();
    names.join(", ")
}

impl From<DbError> for RuntimeError {
    fn from(error: DbError) -> Self {
        Self::Op(error.into())
    }
}

impl RuntimeError {
    /// The error of the room it comes from, when it is not ours.
    fn inner(&self) -> Option<&dyn Failure> {
        match self {
            Self::Client(e) => Some(e),
            Self::Cluster(e) => Some(e),
            Self::Stored(e) => Some(e),
            Self::Vault(e) => Some(e),
            Self::Org(e) => Some(e),
            Self::Parse(e) => Some(e),
            Self::Op(e) => Some(e),
            _ => None,
        }
    }
}

impl Failure for RuntimeError {
    fn class(&self) -> Class {
        match self {
            Self::NotDeployed(_)
            | Self::NoBlueprint(_)
            | Self::NoService { .. }
            | Self::NoPod { .. }
            | Self::NoPort { .. }
            | Self::NoRevision(_) => Class::NotFound,
            Self::NoPlan { .. }
            | Self::NoCluster { .. }
            | Self::Missing(_)
            | Self::Quota { .. }
            | Self::OverQuota { .. }
            | Self::End(_) => Class::Unprocessable,
            Self::OtherCluster { .. } | Self::WrongState { .. } | Self::NotReady { .. } => Class::Conflict,
            Self::Unconfirmed(_) => Class::Invalid,
            Self::Protected(_) => Class::Forbidden,
            other => other.inner().map_or(Class::Internal, Failure::class),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotDeployed(_) => "not_deployed",
            Self::NoBlueprint(_) => "blueprint_missing",
            Self::NoPlan { .. } => "plan_not_found",
            Self::NoCluster { .. } => "cluster_missing",
            Self::OtherCluster { .. } => "cluster_differs",
            Self::Missing(_) => "variables_missing",
            Self::NoService { .. } => "service_not_found",
            Self::NoPod { .. } => "pod_not_found",
            Self::NotReady { .. } => "service_not_ready",
            Self::NoPort { .. } => "port_not_found",
            Self::NoRevision(_) => "revision_not_found",
            Self::WrongState { .. } => "runtime_state",
            Self::Unconfirmed(_) => "confirmation_missing",
            Self::Protected(_) => "environment_protected",
            Self::Quota { .. } | Self::OverQuota { .. } => "quota_exceeded",
            Self::End(_) => "end_invalid",
            other => other.inner().map_or("internal", Failure::code),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotDeployed(_) => "deploy its blueprint with: holdfast env up".into(),
            Self::NoBlueprint(_) => "store one with: holdfast env up --file blueprint.yaml".into(),
            Self::NoPlan { .. } => "leave the plan out for the sizes the services themselves name".into(),
            Self::NoCluster { there } if there.is_empty() => "add one with: holdfast clusters add".into(),
            Self::NoCluster { .. } => "name it with: --cluster NAME".into(),
            Self::OtherCluster { .. } => "destroy it there first, with: holdfast env destroy".into(),
            Self::Missing(_) => "store them with `holdfast secrets set NAME`, or take them out of the blueprint".into(),
            Self::NoService { .. } => "see them with: holdfast env status".into(),
            Self::NoPod { .. } => "leave the pod out for one that is ready".into(),
            Self::NotReady { running, .. } => match running.first() {
                Some(pod) => format!("enter one that runs without being ready by its name: --pod {pod}"),
                None => "see why with: holdfast env status".into(),
            },
            Self::NoPort { .. } => "name one of its ports, or give the number".into(),
            Self::NoRevision(_) => "see them with: holdfast env revisions".into(),
            Self::WrongState { .. } => "see what it does with: holdfast env status".into(),
            Self::Unconfirmed(name) => format!("holdfast env destroy --confirm {name}"),
            Self::Protected(_) => "take the protection away first: holdfast environments protect --off".into(),
            Self::Quota { .. } => "destroy what nobody needs, or ask an administrator for more".into(),
            Self::OverQuota { environment, excesses } => raise(environment, excesses),
            Self::End(_) => "say how long from now, like --for 2d, a time with --until, or --never".into(),
            other => other.inner().map(Failure::hint).unwrap_or_default(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        self.inner().and_then(Failure::retry_after)
    }

    fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Missing(missing) => {
                let problem = |(service, name): &(Label, String)| Problem {
                    field: format!("services.{}.variables", service.as_str()),
                    code: "variable_missing".into(),
                    detail: format!("the environment has no variable {name}"),
                };
                missing.iter().take(200).map(problem).collect()
            }
            Self::OverQuota { excesses, .. } => {
                let problem = |excess: &Excess| Problem {
                    field: format!("{}.{}", excess.reach.as_str(), excess.what.as_str()),
                    code: "quota_exceeded".into(),
                    detail: excess.words(),
                };
                excesses.iter().map(problem).collect()
            }
            other => other.inner().map(Failure::problems).unwrap_or_default(),
        }
    }
}
