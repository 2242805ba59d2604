//! What can go wrong when the ledger is looked into, or the appliance is managed.

use crate::db::DbError;
use crate::jobs::JobError;
use crate::ledger::LedgerError;
use crate::op::OpError;
use crate::orgs::OrgError;
use crate::types::{Class, Failure, ParseError, Problem};

/// A failure of looking into the ledger, or of managing the appliance.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    /// There is no such event, or not in this organization.
    #[error("there is no event `{0}` here")]
    EventNotFound(String),
    /// Somebody verifies already.
    #[error("the ledger is being verified already")]
    Busy,
    /// The ledger itself failed.
    #[error(transparent)]
    Ledger(LedgerError),
    /// The jobs' table failed, or there is no such job.
    #[error(transparent)]
    Job(JobError),
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
            Self::EventNotFound(_) => Class::NotFound,
            Self::Busy => Class::Unavailable,
            Self::Ledger(_) => Class::Internal,
            Self::Job(e) => e.class(),
            Self::Parse(e) => e.class(),
            Self::Org(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::EventNotFound(_) => "event_not_found",
            Self::Busy => "verification_busy",
            Self::Ledger(e) => e.code(),
            Self::Job(e) => e.code(),
            Self::Parse(e) => e.code(),
            Self::Org(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::EventNotFound(_) => "list the events with: holdfast audit list".into(),
            Self::Busy => "try again when that run is over".into(),
            Self::Ledger(e) => e.hint().to_owned(),
            Self::Job(e) => e.hint(),
            Self::Parse(e) => e.hint(),
            Self::Org(e) => e.hint(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Org(e) => e.problems(),
            _ => Vec::new(),
        }
    }
}
