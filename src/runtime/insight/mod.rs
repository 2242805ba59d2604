//! Looking into what runs: its state as it changes, what its services write, what the cluster says happened, what a deploy
//! would change and what destroying would take.
//!
//! Invariants, and what each one stops:
//! - What outlives the check that let it in is checked anew while it lasts: whoever signed out or lost the right gets
//!   nothing more.
//! - Nothing of a pod or namespace is told that does not carry this environment's id, whatever it is called.
//! - What a service writes may hold what it was given: whoever reads it where restricted values were passed on needs the
//!   right to use those, and the ledger has that they read.
//! - Lines, pods, events and what waits for a slow reader have limits.
//!
//! Nothing here changes anything, in the database or on a cluster.

mod deploy;
mod events;
mod follow;
mod logs;
mod plan;

pub use deploy::{DeployPlan, Refusal, deploy_plan};
pub use events::{EVENTS_MAX, Happening, runtime_events};
pub use follow::{Follow, runtime_follow};
pub use logs::{LINES_MAX, LINES_USUAL, Logs, LogsAsk, runtime_logs};
pub use plan::{DestroyPlan, PlannedVolume, destroy_plan};

use crate::db::Reader;
use crate::op::{Op, OpError};
use crate::orgs::environment::Placed;
use crate::policy::{Action, Resource};
use crate::runtime::lifecycle::{Revision, Runtime, RuntimeError, Word, store};

/// What runs in an environment, and its revision; a failure when nothing of it is left.
pub(in crate::runtime) fn running(reader: &Reader<'_>, placed: &Placed) -> Result<(Runtime, Revision), RuntimeError> {
    let missing = || RuntimeError::NotDeployed(placed.path());
    let runtime = store::runtime_get(reader, placed.environment.id)?;
    let runtime = runtime.filter(|runtime| runtime.word != Word::Deleted).ok_or_else(missing)?;
    let revision = store::revision_get(reader, runtime.environment, runtime.revision)?.ok_or_else(missing)?;
    Ok((runtime, revision))
}

/// Whether restricted values were passed on to what runs. Pods of the revision before may run still.
pub(in crate::runtime) fn is_restricted(
    reader: &Reader<'_>,
    runtime: &Runtime,
    revision: &Revision,
) -> Result<bool, RuntimeError> {
    let healthy = runtime.healthy.map(|n| store::revision_get(reader, runtime.environment, n)).transpose()?.flatten();
    let passes = |revision: &Revision| revision.names.iter().any(|name| name.restricted);
    Ok(passes(revision) || healthy.as_ref().is_some_and(passes))
}

/// Whether whoever began something long may go on; a refusal is recorded and worded like any other.
pub(in crate::runtime) fn goes_on(
    op: &Op,
    reader: &Reader<'_>,
    action: Action,
    resource: &Resource,
) -> Result<(), RuntimeError> {
    if op.still_permits(reader, action, resource)? {
        return Ok(());
    }
    op.authorize(reader, action, resource)?;
    Err(OpError::CredentialGone.into())
}

/// A text of the cluster's as it may be told: one line, not too long.
pub(in crate::runtime) fn told(text: Option<&str>, most: usize) -> String {
    text.unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}
