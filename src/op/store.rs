//! SQL of the authorization epoch.

use rusqlite::OptionalExtension as _;

use crate::db::{DbError, Number, Reader, WriteTx};

/// The authorization epoch in this transaction; 0 before the instance exists. In a snapshot it may be one that was
/// published just before: rights decided with it are never newer than what the snapshot shows, and what leaves with
/// them is checked again in the commit of its event.
///
/// # Errors
/// The database failed.
pub fn epoch(reader: &Reader<'_>) -> Result<u64, DbError> {
    reader.number(Number::Rights).map_or_else(|| epoch_stored(reader), Ok)
}

/// The authorization epoch as this very snapshot has it, from now on for [`epoch`] too: for reads that no commit
/// checks again.
///
/// # Errors
/// The database failed.
pub(super) fn epoch_stored(reader: &Reader<'_>) -> Result<u64, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT authorization_epoch FROM instance")?;
    let epoch: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    let epoch = epoch.and_then(|e| u64::try_from(e).ok()).unwrap_or(0);
    reader.note_number(Number::Rights, epoch);
    Ok(epoch)
}

/// Voids everything cached about rights: to be called in the transaction that changes a credential, a grant, a
/// role, a policy or a place in the tree.
///
/// # Errors
/// The database failed.
pub fn epoch_raise(tx: &WriteTx<'_>) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE instance SET authorization_epoch = authorization_epoch + 1")?.execute([])?;
    // Noted, and so published with the commit.
    epoch_stored(tx).map(drop)
}
