//! SQL of the authorization epoch.

use crate::db::{DbError, Reader, WriteTx};

/// The authorization epoch in this transaction; 0 before the instance exists.
///
/// # Errors
/// The database failed.
pub fn epoch(reader: &Reader<'_>) -> Result<u64, DbError> {
    use rusqlite::OptionalExtension as _;
    let mut statement = reader.sql().prepare_cached("SELECT authorization_epoch FROM instance")?;
    let epoch: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(epoch.and_then(|e| u64::try_from(e).ok()).unwrap_or(0))
}

/// Voids everything cached about rights: to be called in the transaction that changes a credential, a grant, a
/// role, a policy or a place in the tree.
///
/// # Errors
/// The database failed.
pub fn epoch_raise(tx: &WriteTx<'_>) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE instance SET authorization_epoch = authorization_epoch + 1")?.execute([])?;
    Ok(())
}
