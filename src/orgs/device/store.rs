//! SQL of logins that wait.

use rusqlite::{OptionalExtension, Row, params};

use super::Asking;
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// A stored login.
pub(super) struct Stored {
    pub(super) hash: Vec<u8>,
    pub(super) asking: Asking,
    pub(super) polled_at: Option<Timestamp>,
    pub(super) denied: bool,
    pub(super) approved: Option<(Id<kinds::Credential>, Id<kinds::Organization>)>,
}

fn asking(row: &Row<'_>) -> rusqlite::Result<Asking> {
    Ok(Asking { device: row.get(0)?, address: row.get(1)?, created_at: row.get(2)?, expires_at: row.get(3)? })
}

/// Adds a login that waits.
pub(super) fn insert(
    tx: &WriteTx<'_>,
    public_id: &str,
    hash: &[u8; 32],
    user_code: &[u8; 32],
    asking: &Asking,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO device_logins (public_id, hash, user_code, device, address, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            public_id,
            hash,
            user_code,
            asking.device,
            asking.address,
            asking.created_at,
            asking.expires_at
        ])?;
    Ok(())
}

/// How many wait.
pub(super) fn waiting(reader: &Reader<'_>) -> Result<usize, DbError> {
    let count: i64 =
        reader.sql().prepare_cached("SELECT count(*) FROM device_logins")?.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Throws away those whose time is over, at most `rows`.
pub(super) fn sweep(tx: &WriteTx<'_>, now: Timestamp, rows: u32) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "DELETE FROM device_logins WHERE public_id IN
             (SELECT public_id FROM device_logins WHERE expires_at <= ?1 LIMIT ?2)",
        )?
        .execute(params![now, rows])?;
    Ok(())
}

/// The login of this public part of a device code.
pub(super) fn get(reader: &Reader<'_>, public_id: &str) -> Result<Option<Stored>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT device, address, created_at, expires_at, hash, polled_at, denied, approved_by, organization_id
         FROM device_logins WHERE public_id = ?1",
    )?;
    let stored = |row: &Row<'_>| {
        let (by, organization): (Option<_>, Option<_>) = (row.get(7)?, row.get(8)?);
        Ok(Stored {
            hash: row.get(4)?,
            asking: asking(row)?,
            polled_at: row.get(5)?,
            denied: row.get(6)?,
            approved: by.zip(organization),
        })
    };
    Ok(statement.query_row([public_id], stored).optional()?)
}

/// The login of this typed code that nobody decided yet.
pub(super) fn by_user_code(reader: &Reader<'_>, user_code: &[u8; 32]) -> Result<Option<(String, Asking)>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT device, address, created_at, expires_at, public_id FROM device_logins
         WHERE user_code = ?1 AND denied = 0 AND approved_by IS NULL",
    )?;
    Ok(statement.query_row([user_code], |row| Ok((row.get(4)?, asking(row)?))).optional()?)
}

/// Notes who confirmed a login.
pub(super) fn approve(
    tx: &WriteTx<'_>,
    public_id: &str,
    by: Id<kinds::Credential>,
    organization: Id<kinds::Organization>,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE device_logins SET approved_by = ?2, organization_id = ?3 WHERE public_id = ?1")?
        .execute(params![public_id, by, organization])?;
    Ok(())
}

/// Notes that nobody is to be let in.
pub(super) fn deny(tx: &WriteTx<'_>, public_id: &str) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE device_logins SET denied = 1 WHERE public_id = ?1")?.execute([public_id])?;
    Ok(())
}

/// Notes when a machine last asked.
pub(super) fn polled(tx: &WriteTx<'_>, public_id: &str, now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE device_logins SET polled_at = ?2 WHERE public_id = ?1")?
        .execute(params![public_id, now])?;
    Ok(())
}

/// Forgets a login.
pub(super) fn delete(tx: &WriteTx<'_>, public_id: &str) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM device_logins WHERE public_id = ?1")?.execute([public_id])?;
    Ok(())
}
