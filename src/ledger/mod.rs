//! The ledger: an append-only log of who did what, that proves it was not changed.
//!
//! Invariants, and what each one stops:
//! - An event is inserted in the transaction of the change it describes: there is no change without its event, and
//!   no event of a change that was undone. A denial is appended after its operation was undone, in a savepoint of
//!   its own, and the answer waits for its commit.
//! - The leaf of the Merkle tree (RFC 6962) is the stored bytes of the record. Columns beside it are copies for
//!   searching; `verify` compares each, so a changed copy does not pass for the truth.
//! - Order is `seq`, from 0 without a gap, never the time: a clock that is set back hides nothing.
//! - The tree's edge in memory follows savepoints back: a failed operation leaves no leaf without a row.
//! - A checkpoint is signed only if the log continues the newest one: a ledger rewritten under a running server is
//!   not made good by its own signature.
//! - Who verifies brings the public key: a key in the database would be changed with the rest.
//! - Values of secrets never appear. People appear by id; what else says something about a person is a salted
//!   commitment here, and its content in a row that can be erased without breaking a proof.
//! - Action names are a frozen list: a typing mistake cannot open a name nobody searches for.
//!
//! It deliberately does not decide who may read it (`governance` does), when checkpoints are made or sent (`jobs`
//! and `backup` do), or hold the signing key (`keys` does). Events behind the newest checkpoint that was kept
//! elsewhere can be cut off unseen; the more often one leaves the machine, the fewer they are.

mod action;
mod append;
mod block;
mod checkpoint;
mod error;
mod event;
mod failures;
mod heads;
mod list;
pub mod merkle;
mod record;
mod store;
mod tail;
mod verify;

pub use action::{ARCHIVED, ActionName, PERSONAL_ERASED, RESTORED, Registry};
pub use append::{
    EventRef, KnownHead, append, append_on_rollback, archived, archived_next, personal_erase, personal_erase_next,
    restored,
};
pub use checkpoint::{Checkpoint, Sign, checkpoint_make, checkpoint_newest, public_key_parse, public_key_text};
pub use error::LedgerError;
pub use event::{Actor, Details, Event, Outcome, Personal, Target};
pub use failures::{FailureCount, Failures};
pub use list::{
    EventFilter, InclusionProof, consistency_proof, event_find, event_get, export_chunk, inclusion_proof, list,
    named_since, since, size,
};
pub use record::{EventView, Named};
pub use tail::LedgerTail;
pub use verify::{Problem, Report, Trust, verify};

use crate::db::Db;
use crate::types::{Id, kinds};

/// What [`start`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Events in the log.
    pub size: u64,
    /// The newest epoch.
    pub epoch: u64,
    /// Places among the newest events whose record is not the leaf it was: somebody changed them. Say so loudly.
    pub changed: Vec<u64>,
}

/// Reads the tree's edge and hands it to the writer. Once per database, before anything is appended.
///
/// # Errors
/// The database failed, or holds no gapless log.
pub fn start(db: &Db, registry: Registry, instance: Id<kinds::Instance>) -> Result<Started, LedgerError> {
    let (tail, changed) = db.read(|reader| LedgerTail::load(reader, registry, instance))?;
    let started = Started { size: tail.size(), epoch: tail.epoch(), changed };
    db.attach(Box::new(tail))?;
    Ok(started)
}

#[cfg(test)]
mod tests;
