//! Verifying a ledger without its server: on the data directory, or on a copy of it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{AppError, database_path};
use crate::db;
use crate::ledger::{self, Problem, Trust};
use crate::types::{Id, kinds};

/// What to verify, and what the verifier brings along.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// A data directory, or the database file itself.
    pub data: PathBuf,
    /// The ledger's public key as it was printed; without it no signature is checked.
    pub key: Option<String>,
    /// The instance it should be.
    pub instance: Option<Id<kinds::Instance>>,
    /// Notes of checkpoints that were kept elsewhere.
    pub checkpoints: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether there is no problem.
    pub ok: bool,
    /// Events in the log.
    pub size: u64,
    /// The root of the tree, hexadecimal.
    pub root: String,
    /// The newest epoch.
    pub epoch: u64,
    /// Whether signatures were checked with a key from outside.
    pub key_pinned: bool,
    /// Events covered by a signature that was checked.
    pub signed_size: u64,
    /// Events whose personal content was erased.
    pub erased: u64,
    /// Events whose body was archived.
    pub archived: u64,
    /// Checkpoints that a recorded restore left behind.
    pub discarded: Vec<Problem>,
    /// The problems, the first 1,000.
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub more: u64,
}

/// Verifies the ledger of a data directory. `progress` is called with the events done and all there are.
///
/// # Errors
/// There is no database, or the key or a checkpoint is unreadable. What is wrong with the log is in the answer.
pub fn verify(options: &VerifyOptions, progress: &mut dyn FnMut(u64, u64)) -> Result<Verified, AppError> {
    let path = file(&options.data)?;
    let key = options.key.as_deref().map(ledger::public_key_parse).transpose()?;
    let trust = Trust { key, instance: options.instance, checkpoints: options.checkpoints.clone() };
    let report = db::read_offline(&path, |reader| ledger::verify(reader, &trust, progress))?;
    Ok(Verified {
        ok: report.ok,
        size: report.size,
        root: data_encoding::HEXLOWER.encode(&report.root),
        epoch: report.epoch,
        key_pinned: key.is_some(),
        signed_size: report.signed_size,
        erased: report.erased,
        archived: report.archived,
        discarded: report.discarded,
        problems: report.problems,
        more: report.more,
    })
}

fn file(data: &Path) -> Result<PathBuf, AppError> {
    let path = if data.is_file() { data.to_owned() } else { database_path(data) };
    if path.is_file() { Ok(path) } else { Err(AppError::NoData(data.to_owned())) }
}
