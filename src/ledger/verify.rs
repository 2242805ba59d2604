//! Proving offline that nothing was changed, removed or rolled back.

use super::LedgerError;
use super::merkle::Hash;
use crate::db::Reader;
use crate::types::{Id, kinds};

/// What whoever verifies brings along, from outside of the database.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The ledger's public key, as it was printed at the first start; without it no signature is checked.
    pub key: Option<[u8; 32]>,
    /// The instance the log should be of.
    pub instance: Option<Id<kinds::Instance>>,
    /// Notes of checkpoints that were kept elsewhere.
    pub checkpoints: Vec<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The event, or the first of the events it is about.
    pub seq: Option<u64>,
    /// The stable code.
    pub code: &'static str,
    /// What it means.
    pub words: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether there is no problem.
    pub ok: bool,
    /// Events in the log.
    pub size: u64,
    /// The root of the tree, computed from the records.
    pub root: Hash,
    /// The newest epoch.
    pub epoch: u64,
    /// Events covered by a checkpoint whose signature was verified; zero when no key was given.
    pub signed_size: u64,
    /// Events whose personal content was erased.
    pub erased: u64,
    /// Events whose body was archived.
    pub archived: u64,
    /// Checkpoints beyond the cut of a restore that the ledger records: no problem if you know of that restore.
    pub discarded: Vec<Problem>,
    /// The problems, the first 1,000.
    pub problems: Vec<Problem>,
    /// Problems found beyond those.
    pub more: u64,
}

/// Recomputes the whole log and compares it with itself and with what `trust` brings. `progress` is called now and
/// then with the events done and all there are.
///
/// # Errors
/// A note of `trust` is unreadable, or the database failed. What is wrong with the log is in the report.
pub fn verify(
    _reader: &Reader<'_>,
    _trust: &Trust,
    _progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, LedgerError> {
    Err(LedgerError::NotStarted)
}
