//! What can go wrong with the ledger.

use crate::db::DbError;
use crate::types::ParseError;

/// A failure of the ledger. A change whose event cannot be appended must fail with it.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// `ledger::start` was not called on this database.
    #[error("the ledger has not been started")]
    NotStarted,
    /// The action is in no feature's list, or in two.
    #[error("the action `{0}` is not registered exactly once")]
    Action(&'static str),
    /// The action is written by the ledger's own functions only.
    #[error("the action `{0}` has a function of its own")]
    Reserved(&'static str),
    /// A part of an event is longer than it may be.
    #[error("the {what} of an event is longer than {max} bytes")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// The most bytes it may have.
        max: usize,
    },
    /// What is stored is not a ledger: a gap, a missing hash, an unreadable record.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// A new checkpoint would contradict one that was signed before.
    #[error("the ledger contradicts its checkpoint of size {size}; nothing was signed")]
    Inconsistent {
        /// The size of the checkpoint signed before.
        size: u64,
    },
    /// There is no such event, or no tree of that size.
    #[error("the ledger has no event {0}")]
    NotFound(u64),
    /// A text from outside could not be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

impl LedgerError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Db(error) => error.code(),
            Self::NotStarted => "ledger_not_started",
            Self::Action(_) | Self::Reserved(_) => "ledger_action_unknown",
            Self::TooLong { .. } => "event_too_long",
            Self::Damaged(_) => "ledger_damaged",
            Self::Inconsistent { .. } => "ledger_inconsistent",
            Self::NotFound(_) => "event_not_found",
            Self::Parse(_) => "checkpoint_invalid",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Db(error) => error.hint(),
            Self::NotStarted | Self::Action(_) | Self::Reserved(_) => "report this with the request id",
            Self::TooLong { .. } => "do it in smaller steps",
            Self::Damaged(_) | Self::Inconsistent { .. } => "run: holdfast audit verify --key KEY --checkpoint FILE",
            Self::NotFound(_) => "list the events with: holdfast audit list",
            Self::Parse(_) => "use the file or the key exactly as it was printed",
        }
    }
}

/// For [`WriteTx::on_rollback`](crate::db::WriteTx::on_rollback): an event that cannot be kept undoes the batch.
impl From<LedgerError> for DbError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Db(error) => error,
            other => Self::Corrupt(other.to_string()),
        }
    }
}
