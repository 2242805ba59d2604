//! SQL of the browsers people signed in with.

use rusqlite::params;

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// Forgets browsers of a person that were not used since.
pub(super) fn forget(tx: &WriteTx<'_>, user: Id<kinds::User>, before: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("DELETE FROM known_devices WHERE user_id = ?1 AND used_at < ?2")?
        .execute(params![user, before])?;
    Ok(())
}

/// Notes the use of a known browser; false when it is none.
pub(super) fn used(tx: &WriteTx<'_>, user: Id<kinds::User>, hash: &[u8], now: Timestamp) -> Result<bool, DbError> {
    let mut statement =
        tx.sql().prepare_cached("UPDATE known_devices SET used_at = ?3 WHERE user_id = ?1 AND hash = ?2")?;
    Ok(statement.execute(params![user, hash, now])? > 0)
}

/// How many browsers of a person are known.
pub(super) fn count(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<usize, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT count(*) FROM known_devices WHERE user_id = ?1")?;
    let count: i64 = statement.query_row([user], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Makes a browser a known one.
pub(super) fn insert(tx: &WriteTx<'_>, user: Id<kinds::User>, hash: &[u8], now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT INTO known_devices (user_id, hash, used_at) VALUES (?1, ?2, ?3)")?
        .execute(params![user, hash, now])?;
    Ok(())
}

/// Keeps so many browsers of a person, those that were used last.
pub(super) fn trim(tx: &WriteTx<'_>, user: Id<kinds::User>, keep: usize) -> Result<(), DbError> {
    let keep = i64::try_from(keep).unwrap_or(i64::MAX);
    tx.sql()
        .prepare_cached(
            "DELETE FROM known_devices WHERE user_id = ?1 AND hash NOT IN
             (SELECT hash FROM known_devices WHERE user_id = ?1 ORDER BY used_at DESC, hash LIMIT ?2)",
        )?
        .execute(params![user, keep])?;
    Ok(())
}
