//! What can go wrong when the ledger is looked into, or the appliance is managed.

use super::policy::CaseFailure;
use crate::db::DbError;
use crate::jobs::JobError;
use crate::keys::KeyError;
use crate::ledger::LedgerError;
use crate::op::OpError;
use crate::orgs::OrgError;
use crate::policy::PolicyError;
use crate::types::{Class, Failure, ParseError, Problem};
use crate::vault::approval::ApprovalError;

/// A failure of looking into the ledger, or of managing the appliance.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    /// There is no such event, or not in this organization.
    #[error("there is no event `{0}` here")]
    EventNotFound(String),
    /// There is no such policy, or not in this organization.
    #[error("there is no policy `{0}` here")]
    PolicyNotFound(String),
    /// The text of a policy is not accepted.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// It would forbid owners to manage policies.
    #[error("policy `{0}` would forbid owners to manage policies")]
    LocksOwnersOut(String),
    /// Tests of a policy did not come out as they say.
    #[error("{} of the policy's tests failed: {}", .0.len(), .0.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", "))]
    CasesFailed(Vec<CaseFailure>),
    /// The version named is not the current one.
    #[error("the policy was changed meanwhile: it has version {current} now")]
    PolicyStale {
        /// Its version now; 0 when it is not there.
        current: u32,
    },
    /// Others must approve first.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// Somebody verifies already.
    #[error("the ledger is being verified already")]
    Busy,
    /// Somebody looks at the appliance already.
    #[error("the appliance is being looked at already")]
    CheckBusy,
    /// The ledger itself failed.
    #[error(transparent)]
    Ledger(LedgerError),
    /// The jobs' table failed, or there is no such job.
    #[error(transparent)]
    Job(JobError),
    /// A new root key cannot be taken or put where it belongs.
    #[error(transparent)]
    RootKey(KeyError),
    /// A text is not what it should be.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The tree or its rights said no.
    #[error(transparent)]
    Org(#[from] OrgError),
}

impl From<OpError> for GovernanceError {
    fn from(error: OpError) -> Self {
        Self::Org(error.into())
    }
}

impl From<DbError> for GovernanceError {
    fn from(error: DbError) -> Self {
        Self::Org(error.into())
    }
}

impl From<JobError> for GovernanceError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Db(error) => error.into(),
            other @ JobError::NotFound(_) => Self::Job(other),
        }
    }
}

impl From<LedgerError> for GovernanceError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Db(error) => error.into(),
            LedgerError::Parse(error) => Self::Parse(error),
            LedgerError::NotFound(seq) => Self::EventNotFound(seq.to_string()),
            other => Self::Ledger(other),
        }
    }
}

impl Failure for GovernanceError {
    fn class(&self) -> Class {
        match self {
            Self::EventNotFound(_) | Self::PolicyNotFound(_) => Class::NotFound,
            Self::Policy(e) => e.class(),
            Self::LocksOwnersOut(_) | Self::CasesFailed(_) => Class::Unprocessable,
            Self::PolicyStale { .. } => Class::Stale,
            Self::Approval(e) => e.class(),
            Self::Busy | Self::CheckBusy => Class::Unavailable,
            Self::Ledger(_) => Class::Internal,
            Self::Job(e) => e.class(),
            // What is in a file somebody named is for them to mend, whatever it is.
            Self::RootKey(e) => match e.class() {
                Class::Internal => Class::Unprocessable,
                class => class,
            },
            Self::Parse(e) => e.class(),
            Self::Org(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::EventNotFound(_) => "event_not_found",
            Self::PolicyNotFound(_) => "policy_not_found",
            Self::Policy(e) => e.code(),
            Self::LocksOwnersOut(_) => "policy_locks_owners_out",
            Self::CasesFailed(_) => "policy_tests_failed",
            Self::PolicyStale { .. } => "version_mismatch",
            Self::Approval(e) => e.code(),
            Self::Busy => "verification_busy",
            Self::CheckBusy => "health_check_busy",
            Self::Ledger(e) => e.code(),
            Self::Job(e) => e.code(),
            Self::RootKey(e) => e.code(),
            Self::Parse(e) => e.code(),
            Self::Org(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::PolicyNotFound(_) => "list the policies with: holdfast policy list".into(),
            Self::Policy(e) => e.hint(),
            Self::LocksOwnersOut(_) => {
                "name the actions it is about, or add: unless { action == Action::\"policy.manage\" }".into()
            }
            Self::CasesFailed(_) => "mend the policy or its tests; nothing was saved".into(),
            Self::PolicyStale { .. } => "read it again, then repeat the change".into(),
            Self::EventNotFound(_) => "list the events with: holdfast audit list".into(),
            Self::Approval(e) => e.hint(),
            Self::Busy | Self::CheckBusy => "try again when that run is over".into(),
            Self::Ledger(e) => e.hint().to_owned(),
            Self::Job(e) => e.hint(),
            Self::RootKey(e) => e.hint(),
            Self::Parse(e) => e.hint(),
            Self::Org(e) => e.hint(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Org(e) => e.problems(),
            Self::Policy(e) => e.problems(),
            Self::Approval(e) => e.problems(),
            Self::CasesFailed(failures) => failures
                .iter()
                .map(|f| Problem { field: f.name.clone(), code: "policy_test_failed".into(), detail: f.found.clone() })
                .collect(),
            _ => Vec::new(),
        }
    }
}
