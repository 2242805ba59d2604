//! Time: an environment as it was, what differs between two moments, and going back.
//!
//! Invariants, and what each one stops:
//! - There is one resolver. The past is a [`Source`](super::resolve::Source) that answers from older versions and
//!   older parents, so no value comes about by other rules than today's.
//! - The past gives nothing that the present refuses: rights, flow and deletions are those of today, and a value is as
//!   strict as its newest version. Who lost a right cannot read around that with a date.
//! - What is asked for is a place in the ledger ([`crate::orgs::past`]); a time is only a way to name one. Whatever
//!   the clock did, the answer is a state that was, and versions of one secret keep the order of their numbers.
//! - Going back is a write like any other ([`super::secret`]): new versions, a plan first, checked for what it breaks.
//!
//! It keeps nothing of its own: what it reads are the versions that every write leaves.

mod diff;
mod instant;
mod revert;
mod source;
mod store;
mod undelete;

pub use diff::{Change, Diff, Difference, Has, Side, environment_diff};
pub use instant::Instant;
pub use revert::{Revert, Reverted, environment_revert};
pub(super) use source::Past;
pub use undelete::{Undelete, folder_undelete};

use super::VaultError;
use super::source::StoreSource;
use crate::db::Reader;
use crate::ledger::Details;
use crate::op::Op;
use crate::orgs::environment::Placed;
use crate::orgs::past;
use crate::orgs::past::Cut;

/// The organization's secrets now, or as they were when `at` says so; and the place that is.
///
/// # Errors
/// There is no such moment, or the environment was not there yet.
pub(super) fn world<'r>(
    op: &'r Op,
    reader: &'r Reader<'r>,
    placed: &Placed,
    at: Option<&Instant>,
) -> Result<(StoreSource<'r>, Option<Cut>), VaultError> {
    let organization = placed.environment.organization;
    let source = StoreSource::new(reader, op.keyring().organization(reader, organization)?).remembering(op);
    let Some(at) = at else { return Ok((source, None)) };
    let cut = there(op, reader, placed, at)?;
    Ok((source.at(cut), Some(cut)))
}

/// The place of a moment at which the environment was there.
fn there(op: &Op, reader: &Reader<'_>, placed: &Placed, at: &Instant) -> Result<Cut, VaultError> {
    let cut = at.cut(op, reader, placed.environment.organization)?;
    match past::store::parent_at(reader, placed.environment.id, cut)? {
        Some(_) => Ok(cut),
        None => Err(VaultError::not_found("environment", format!("{} at {at}", placed.path()))),
    }
}

/// The details of an event, with the place that was read when it is not now.
pub(super) fn noted(details: Details, cut: Option<Cut>) -> Details {
    match cut {
        Some(cut) => details.with("as_of", cut.seq()),
        None => details,
    }
}

#[cfg(test)]
mod tests;
