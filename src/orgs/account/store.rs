//! SQL of what people were told of their accounts.

use rusqlite::OptionalExtension;

use crate::db::{DbError, Reader, WriteTx};

/// The place of the ledger up to which people were told.
pub(super) fn told_until(reader: &Reader<'_>) -> Result<Option<u64>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT seq FROM told WHERE one = 1")?;
    let seq: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(seq.and_then(|seq| u64::try_from(seq).ok()))
}

/// Keeps the place of the ledger up to which people were told.
pub(super) fn told(tx: &WriteTx<'_>, seq: u64) -> Result<(), DbError> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    tx.sql().prepare_cached("INSERT OR REPLACE INTO told (one, seq) VALUES (1, ?1)")?.execute([seq])?;
    Ok(())
}
