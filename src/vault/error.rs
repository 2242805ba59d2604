//! What can go wrong with a secret.

use super::approval::ApprovalError;
use super::format::FormatError;
use super::reference::TemplateError;
use super::rekey::RotationState;
use super::resolve::{BrokenReference, ResolveError};
use crate::db::DbError;
use crate::keys::KeyError;
use crate::ledger::LedgerError;
use crate::op::OpError;
use crate::orgs::OrgError;
use crate::types::{Class, Failure, ParseError, Problem};

/// Most problems one answer lists.
const PROBLEMS_MAX: usize = 200;

/// Somebody who depends on a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependent {
    /// `shop/staging:/api/DB_URL`.
    pub place: String,
}

/// A failure of an operation on secrets.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is none, or none that is visible.
    #[error("there is no {what} `{name}` here")]
    NotFound {
        /// The kind in words.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// Its value is never shown to a person.
    #[error("{name} is restricted: it is injected, never shown")]
    Restricted {
        /// The name.
        name: String,
    },
    /// Others must approve first, or the request for that is not to be decided so.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// Some variables are restricted and whoever asks may not have them.
    #[error("{} of the variables are restricted: {}", .names.len(), shown(.names))]
    Withheld {
        /// Their names.
        names: Vec<String>,
    },
    /// Some variables are restricted and would go where many can read them.
    #[error("{} of the variables are restricted and do not belong where many can read them: {}", .names.len(), shown(.names))]
    Public {
        /// Their names.
        names: Vec<String>,
    },
    /// References that lead nowhere.
    #[error("{}", broken_words(.0))]
    Broken(Vec<BrokenReference>),
    /// Others refer to what would be deleted.
    #[error("{name} is used by {} others", .dependents.len() + .hidden)]
    HasDependents {
        /// The name.
        name: String,
        /// Those whoever asks may see.
        dependents: Vec<Dependent>,
        /// How many more there are.
        hidden: usize,
    },
    /// The version named is not the current one.
    #[error("{name} was changed meanwhile: it has version {current} now")]
    Stale {
        /// The name.
        name: String,
        /// Its version now; 0 when it does not exist.
        current: u32,
    },
    /// What a plan was made for changed meanwhile.
    #[error("something changed since this plan was made: it would do something else now")]
    PlanStale,
    /// A reference in the value cannot be read.
    #[error("{name}: {error}")]
    Template {
        /// The name it was to be stored under.
        name: String,
        /// What is wrong.
        error: TemplateError,
    },
    /// A value too long.
    #[error("{name} is {len} bytes; a value has at most {max}", max = super::secret::VALUE_MAX)]
    TooLong {
        /// The name.
        name: String,
        /// Its length.
        len: usize,
    },
    /// Too many items in one write.
    #[error("{len} items; one write has at most {max}", max = super::secret::BATCH_MAX)]
    TooMany {
        /// How many.
        len: usize,
    },
    /// A name that is there already.
    #[error("{place} is there already")]
    Exists {
        /// `shop/staging:/api/DB_URL`.
        place: String,
    },
    /// An environment's values do not flow to another one.
    #[error("the values of {from} may not go to {to}")]
    FlowClosed {
        /// The environment that stores them.
        from: String,
        /// The environment they were to go to.
        to: String,
    },
    /// A machine asks for what only people have.
    #[error("personal overrides are for people's own credentials")]
    NoPerson,
    /// The same name twice in one write.
    #[error("{name} is there twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// More values than one scan compares.
    #[error("there are more than {} values to compare with", super::scan::VALUES_MAX)]
    ScanTooLarge,
    /// Everything together is more than one answer may hold.
    #[error("the values together are more than one answer may hold")]
    TooMuch,
    /// The organization's key is being replaced already.
    #[error("a rotation of the organization's key is not done: it is {}", .state.as_str())]
    RotationOpen {
        /// What it is doing.
        state: RotationState,
    },
    /// There is nothing to pause or resume.
    #[error("the last rotation of the organization's key is done")]
    RotationDone,
    /// What others agreed on failed where it belongs.
    #[error("{0}")]
    Elsewhere(Box<dyn Failure>),
    /// An import or export failed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A name or folder is none.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The tree or its rights said no.
    #[error(transparent)]
    Org(#[from] OrgError),
}

impl VaultError {
    /// The same of a rehearsal, which made no request for approval.
    pub(in crate::vault) fn without_request(self) -> Self {
        match self {
            Self::Approval(ApprovalError::Required { place, approvals, .. }) => {
                ApprovalError::Required { place, approvals, request: None }.into()
            }
            other => other,
        }
    }

    /// Nothing of this kind answers to this name.
    pub fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        let name: String = name.into();
        Self::NotFound { what, name: name.chars().filter(|c| !c.is_control()).take(300).collect() }
    }
}

fn shown(names: &[String]) -> String {
    let first: Vec<_> = names.iter().take(10).map(String::as_str).collect();
    let more = if names.len() > first.len() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

fn broken_words(broken: &[BrokenReference]) -> String {
    match broken {
        [] => "a reference leads nowhere".into(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

impl From<OpError> for VaultError {
    fn from(error: OpError) -> Self {
        Self::Org(error.into())
    }
}

impl From<DbError> for VaultError {
    fn from(error: DbError) -> Self {
        Self::Org(error.into())
    }
}

impl From<KeyError> for VaultError {
    fn from(error: KeyError) -> Self {
        Self::Org(error.into())
    }
}

impl From<LedgerError> for VaultError {
    fn from(error: LedgerError) -> Self {
        Self::Org(error.into())
    }
}

impl From<ResolveError<Self>> for VaultError {
    fn from(error: ResolveError<Self>) -> Self {
        match error {
            ResolveError::Source(error) => error,
            ResolveError::UnknownEnvironment(id) => Self::not_found("environment", id.to_string()),
            ResolveError::TreeTooDeep(_) => Self::Org(OrgError::TooDeep),
            ResolveError::Broken(broken) => Self::Broken(broken),
            ResolveError::TooMuch => Self::TooMuch,
        }
    }
}

impl Failure for VaultError {
    fn class(&self) -> Class {
        match self {
            Self::NotFound { .. } => Class::NotFound,
            Self::Approval(e) => e.class(),
            Self::Restricted { .. } | Self::Withheld { .. } | Self::NoPerson => Class::Forbidden,
            Self::Public { .. } | Self::Broken(_) | Self::TooMuch | Self::ScanTooLarge => Class::Unprocessable,
            Self::HasDependents { .. }
            | Self::Exists { .. }
            | Self::FlowClosed { .. }
            | Self::RotationOpen { .. }
            | Self::RotationDone => Class::Conflict,
            Self::Stale { .. } | Self::PlanStale => Class::Stale,
            Self::Template { .. } | Self::Twice { .. } => Class::Invalid,
            Self::TooLong { .. } | Self::TooMany { .. } => Class::TooLarge,
            Self::Elsewhere(e) => e.class(),
            Self::Format(e) => e.class(),
            Self::Parse(e) => e.class(),
            Self::Org(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { what: "secret", .. } => "secret_not_found",
            Self::NotFound { what: "environment", .. } => "environment_not_found",
            Self::NotFound { .. } => "not_found",
            Self::Restricted { .. } => "secret_restricted",
            Self::Approval(e) => e.code(),
            Self::Withheld { .. } => "variables_withheld",
            Self::Public { .. } => "variables_restricted",
            Self::Broken(_) => "reference_broken",
            Self::HasDependents { .. } => "secret_has_dependents",
            Self::NoPerson => "personal_people_only",
            Self::Exists { .. } => "secret_exists",
            Self::FlowClosed { .. } => "flow_closed",
            Self::Stale { .. } => "version_mismatch",
            Self::PlanStale => "plan_stale",
            Self::Template { .. } => "reference_syntax",
            Self::TooLong { .. } => "value_too_long",
            Self::TooMany { .. } => "batch_too_large",
            Self::Twice { .. } => "duplicate_name",
            Self::TooMuch => "variables_too_large",
            Self::ScanTooLarge => "scan_too_large",
            Self::RotationOpen { .. } => "key_rotation_open",
            Self::RotationDone => "key_rotation_done",
            Self::Elsewhere(e) => e.code(),
            Self::Format(e) => Failure::code(e),
            Self::Parse(e) => e.code(),
            Self::Org(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotFound { .. } => "see what is there with: holdfast secrets list".into(),
            Self::Restricted { .. } => "set it anew if it is lost; nobody can read it back".into(),
            Self::Public { .. } => {
                "export a kubernetes-secret, leave them out with ?withheld=omit (--omit-withheld), or put them in with \
                 ?restricted=include (--include-restricted)"
                    .into()
            }
            Self::Approval(e) => e.hint(),
            Self::Withheld { .. } => "leave them out with ?withheld=omit or --omit-withheld".into(),
            Self::Broken(broken) => broken.first().map(|b| b.reason.hint().to_owned()).unwrap_or_default(),
            Self::HasDependents { .. } => {
                "change them first, or do it all the same with force or --force; when it is moved, they follow with \
                 rewrite_references or --rewrite-references"
                    .into()
            }
            Self::NoPerson => "set the value for everybody: leave out personal".into(),
            Self::Exists { .. } => "take another name, or overwrite it with replace or --replace".into(),
            Self::FlowClosed { from, .. } => {
                format!("a maintainer of {from} can open its flow: holdfast environments update --flow")
            }
            Self::Stale { .. } => "read it again, then repeat the change".into(),
            Self::PlanStale => "look at the plan again with a dry run".into(),
            Self::Template { error, .. } => error.hint().to_owned(),
            Self::TooLong { .. } => "keep a file elsewhere and store where it is".into(),
            Self::TooMany { .. } => "split the write".into(),
            Self::Twice { .. } => "keep one of the two".into(),
            Self::ScanTooLarge => "name a project or an environment with --project and --environment".into(),
            Self::TooMuch => "ask for one folder at a time".into(),
            Self::RotationOpen { .. } => "see how far it is with: holdfast keys progress".into(),
            Self::RotationDone => "begin another with: holdfast keys rotate-org".into(),
            Self::Elsewhere(e) => e.hint(),
            Self::Format(e) => Failure::hint(e),
            Self::Parse(e) => e.hint(),
            Self::Org(e) => e.hint(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let problem = |field: String, code: &str, detail: String| Problem { field, code: code.into(), detail };
        match self {
            Self::Broken(broken) => broken
                .iter()
                .take(PROBLEMS_MAX)
                .map(|b| {
                    let name = b.trail.first().map(|p| p.name.to_string()).unwrap_or_default();
                    problem(name, "reference_broken", b.to_string())
                })
                .collect(),
            Self::Approval(e) => e.problems(),
            Self::Withheld { names } => names
                .iter()
                .take(PROBLEMS_MAX)
                .map(|n| problem(n.clone(), "variables_withheld", format!("{n} is restricted")))
                .collect(),
            Self::Public { names } => names
                .iter()
                .take(PROBLEMS_MAX)
                .map(|n| problem(n.clone(), "variables_restricted", format!("{n} is restricted")))
                .collect(),
            Self::HasDependents { dependents, hidden, .. } => {
                let mut all: Vec<_> = dependents
                    .iter()
                    .take(PROBLEMS_MAX)
                    .map(|d| problem(d.place.clone(), "depends", format!("{} refers to it", d.place)))
                    .collect();
                if *hidden > 0 {
                    all.push(problem(String::new(), "depends_hidden", format!("{hidden} more you may not see")));
                }
                all
            }
            Self::Elsewhere(e) => e.problems(),
            Self::Org(e) => e.problems(),
            _ => Vec::new(),
        }
    }
}
