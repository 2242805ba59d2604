//! Recurring work: what is due when, who runs it, and what came of it. Knows no feature: `app` hands in the jobs.
//!
//! Invariants, and what each one stops:
//! - Schedules, next runs, leases and history are rows: a restart forgets nothing, and what came due meanwhile is made
//!   up for by one run, with the times it missed counted.
//! - A run is recorded with its lease before it begins. A process that is killed in the middle leaves an open run; the
//!   next one (which holds the data directory's lock, so the other is gone) marks it lost and runs the job again.
//! - A job never runs twice at once, and never longer than [`RUN_MAX`]: one that hangs is recorded as failed.
//! - The next run is never further away than the schedule says from now on: a clock that is set back an hour stops
//!   nothing for an hour. That is also why the tick is tokio's monotonic timer: a scheduler that waits for a wall
//!   clock's time stands still when that clock goes back.
//! - Schedules are in UTC: no run is skipped or doubled when summer time begins or ends.
//! - The history keeps the newest [`HISTORY_MAX`] runs of each job, in the order they began, not by the clock.
//!
//! It deliberately does not retry a failed run before its next time, and decides nobody's right to start one.

mod error;
mod model;
mod progress;
mod runner;
mod schedule;
mod store;

use std::time::Duration;

pub use error::JobError;
pub use model::{JobRun, JobState, RunOutcome};
pub use progress::{Progress, Telling};
pub use runner::Runner;
pub use schedule::{Cron, Schedule};
pub use store::{history, list};

use futures_util::future::BoxFuture;

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// The longest a run may take.
pub const RUN_MAX: Duration = Duration::from_mins(10);
/// Runs of a job that are remembered.
pub const HISTORY_MAX: u32 = 100;

/// What a run is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Its id, in the history.
    pub id: Id<kinds::JobRun>,
    /// When it began.
    pub at: Timestamp,
    /// Due times that passed before this one, which it makes up for.
    pub missed: u32,
}

/// Work that is done again and again.
pub trait Job: Send + Sync + 'static {
    /// Its stable name, `expire_tokens`.
    fn name(&self) -> &'static str;

    /// When it is due.
    fn schedule(&self) -> Schedule;

    /// Whether to run it now; `due` says whether its time has come. Asked once a second, so it must be cheap.
    ///
    /// # Errors
    /// The database failed.
    fn is_wanted(&self, _reader: &Reader<'_>, due: bool) -> Result<bool, DbError> {
        Ok(due)
    }

    /// Does it, and says in one line what was done. It may be cut off at any moment and be run again.
    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>>;
}

/// Makes a job due now; the runner begins it within a second. Who may do so was decided by the caller.
///
/// # Errors
/// [`JobError::NotFound`]; the database failed.
pub fn run_now(tx: &WriteTx<'_>, name: &str, now: Timestamp) -> Result<(), JobError> {
    if store::job_set_due(tx, name, now)? { Ok(()) } else { Err(JobError::not_found(name)) }
}

#[cfg(test)]
mod tests;
