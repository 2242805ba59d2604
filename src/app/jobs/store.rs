//! SQL of the recurring work that belongs to no feature.

use rusqlite::params;

use crate::db::{DbError, WriteTx};
use crate::types::Timestamp;

/// Forgets answers of before this time, at most `rows`; how many it were.
pub(super) fn idempotency_purge(tx: &WriteTx<'_>, before: Timestamp, rows: u32) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "DELETE FROM idempotency WHERE (credential_id, key) IN
         (SELECT credential_id, key FROM idempotency WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
    )?;
    Ok(statement.execute(params![before, rows])?)
}
