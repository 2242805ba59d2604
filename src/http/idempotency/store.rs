//! SQL of answered requests.

use rusqlite::{OptionalExtension, params};

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// The status of a request that has changed nothing yet.
pub(super) const RUNNING: u16 = 0;
/// The status of one that has changed something and is not answered yet.
pub(super) const CHANGED: u16 = 1;

/// What is stored of a request.
pub(super) struct Stored {
    /// The keyed MAC of the request.
    pub(super) request: Vec<u8>,
    /// The status of its answer, or [`RUNNING`] or [`CHANGED`].
    pub(super) status: u16,
    /// The process that runs it.
    pub(super) process: Vec<u8>,
    /// The body, without tokens.
    pub(super) body: String,
}

/// What is stored under a key, unless it is from before `since`.
pub(super) fn idempotency_get(
    reader: &Reader<'_>,
    credential: Id<kinds::Credential>,
    key: &str,
    since: Timestamp,
) -> Result<Option<Stored>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT request, status, body, process FROM idempotency WHERE credential_id = ?1 AND key = ?2 AND created_at > ?3",
    )?;
    let found = statement.query_row(params![credential, key, since], |row| {
        Ok(Stored { request: row.get(0)?, status: row.get(1)?, body: row.get(2)?, process: row.get(3)? })
    });
    Ok(found.optional()?)
}

/// Notes a request that begins, over one that is too old.
pub(super) fn idempotency_begin(
    tx: &WriteTx<'_>,
    credential: Id<kinds::Credential>,
    key: &str,
    request: &[u8],
    process: &[u8],
    now: Timestamp,
) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached(
        "INSERT OR REPLACE INTO idempotency (credential_id, key, request, status, body, created_at, process)
         VALUES (?1, ?2, ?3, ?4, '', ?5, ?6)",
    )?;
    statement.execute(params![credential, key, request, RUNNING, now, process])?;
    Ok(())
}

/// Notes that the request changed something, in the commit of that.
pub(super) fn idempotency_mark(tx: &WriteTx<'_>, credential: Id<kinds::Credential>, key: &str) -> Result<(), DbError> {
    let mut statement = tx
        .sql()
        .prepare_cached("UPDATE idempotency SET status = ?3 WHERE credential_id = ?1 AND key = ?2 AND status = ?4")?;
    statement.execute(params![credential, key, CHANGED, RUNNING])?;
    Ok(())
}

/// Notes the answer.
pub(super) fn idempotency_finish(
    tx: &WriteTx<'_>,
    credential: Id<kinds::Credential>,
    key: &str,
    status: u16,
    body: &str,
) -> Result<(), DbError> {
    let mut statement = tx
        .sql()
        .prepare_cached("UPDATE idempotency SET status = ?3, body = ?4 WHERE credential_id = ?1 AND key = ?2")?;
    statement.execute(params![credential, key, status, body])?;
    Ok(())
}

/// Frees a key.
pub(super) fn idempotency_delete(
    tx: &WriteTx<'_>,
    credential: Id<kinds::Credential>,
    key: &str,
) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached("DELETE FROM idempotency WHERE credential_id = ?1 AND key = ?2")?;
    statement.execute(params![credential, key])?;
    Ok(())
}

/// Throws away what is from before `before`, at most `rows` of it.
pub(super) fn idempotency_sweep(tx: &WriteTx<'_>, before: Timestamp, rows: u32) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached(
        "DELETE FROM idempotency WHERE (credential_id, key) IN
         (SELECT credential_id, key FROM idempotency WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2)",
    )?;
    statement.execute(params![before, rows])?;
    Ok(())
}
