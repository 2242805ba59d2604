//! SQL of failed sign-ins and known places.

use rusqlite::{OptionalExtension, params};

use crate::db::{DbError, Reader, WriteTx};
use crate::types::Timestamp;

/// Failures of a key, when the last was, and until when the next waits.
pub(super) fn tries_get(reader: &Reader<'_>, key: &[u8; 32]) -> Result<Option<(u32, Timestamp, Timestamp)>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT failures, last_at, until FROM sign_in_tries WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?)
}

/// Notes failures of a key.
pub(super) fn tries_set(
    tx: &WriteTx<'_>,
    key: &[u8; 32],
    failures: u32,
    last_at: Timestamp,
    until: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT OR REPLACE INTO sign_in_tries (key, failures, last_at, until) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key, failures, last_at, until])?;
    Ok(())
}

/// Forgets the failures of a key.
pub(super) fn tries_delete(tx: &WriteTx<'_>, key: &[u8; 32]) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM sign_in_tries WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// When an account last signed in from a place.
pub(super) fn place_seen(reader: &Reader<'_>, place: &[u8; 32]) -> Result<Option<Timestamp>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT seen_at FROM sign_in_places WHERE place = ?1")?;
    Ok(statement.query_row([place], |row| row.get(0)).optional()?)
}

/// Notes that an account signed in from a place.
pub(super) fn place_set(tx: &WriteTx<'_>, place: &[u8; 32], now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT OR REPLACE INTO sign_in_places (place, seen_at) VALUES (?1, ?2)")?
        .execute(params![place, now])?;
    Ok(())
}

/// Throws away what is older, at most `rows` of each.
pub(super) fn sweep(tx: &WriteTx<'_>, tries: Timestamp, places: Timestamp, rows: u32) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "DELETE FROM sign_in_tries WHERE key IN (SELECT key FROM sign_in_tries WHERE last_at < ?1 LIMIT ?2)",
        )?
        .execute(params![tries, rows])?;
    tx.sql()
        .prepare_cached(
            "DELETE FROM sign_in_places WHERE place IN (SELECT place FROM sign_in_places WHERE seen_at < ?1 LIMIT ?2)",
        )?
        .execute(params![places, rows])?;
    Ok(())
}
