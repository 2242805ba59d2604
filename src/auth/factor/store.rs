//! SQL of second factors.

use rusqlite::{OptionalExtension, params};

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// A stored authenticator.
pub(super) struct Stored {
    pub(super) sealed: Vec<u8>,
    pub(super) confirmed_at: Option<Timestamp>,
    pub(super) used_step: i64,
}

/// A person's authenticator, confirmed or not.
pub(super) fn authenticator_get(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<Option<Stored>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT sealed, confirmed_at, used_step FROM authenticators WHERE user_id = ?1")?;
    let stored =
        |row: &rusqlite::Row<'_>| Ok(Stored { sealed: row.get(0)?, confirmed_at: row.get(1)?, used_step: row.get(2)? });
    Ok(statement.query_row([user], stored).optional()?)
}

/// Begins an authenticator in place of the one there is.
pub(super) fn authenticator_begin(
    tx: &WriteTx<'_>,
    user: Id<kinds::User>,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT OR REPLACE INTO authenticators (user_id, sealed, created_at, used_step) VALUES (?1, ?2, ?3, 0)",
        )?
        .execute(params![user, sealed, now])?;
    Ok(())
}

/// Makes an authenticator its person's.
pub(super) fn authenticator_confirm(
    tx: &WriteTx<'_>,
    user: Id<kinds::User>,
    step: i64,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE authenticators SET confirmed_at = ?3, used_step = ?2 WHERE user_id = ?1")?
        .execute(params![user, step, now])?;
    Ok(())
}

/// Notes the newest code that was taken.
pub(super) fn authenticator_used(tx: &WriteTx<'_>, user: Id<kinds::User>, step: i64) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE authenticators SET used_step = ?2 WHERE user_id = ?1")?
        .execute(params![user, step])?;
    Ok(())
}

/// Takes an authenticator away; false when there was none.
pub(super) fn authenticator_delete(tx: &WriteTx<'_>, user: Id<kinds::User>) -> Result<bool, DbError> {
    Ok(tx.sql().prepare_cached("DELETE FROM authenticators WHERE user_id = ?1")?.execute([user])? > 0)
}

/// How many recovery codes a person has left.
pub(super) fn recovery_count(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<usize, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT count(*) FROM recovery_codes WHERE user_id = ?1")?;
    let count: i64 = statement.query_row([user], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Adds a recovery code.
pub(super) fn recovery_insert(tx: &WriteTx<'_>, user: Id<kinds::User>, hash: &[u8; 32]) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT INTO recovery_codes (user_id, hash) VALUES (?1, ?2)")?
        .execute(params![user, hash])?;
    Ok(())
}

/// Uses a recovery code up; false when it is none.
pub(super) fn recovery_use(tx: &WriteTx<'_>, user: Id<kinds::User>, hash: &[u8; 32]) -> Result<bool, DbError> {
    let mut statement = tx.sql().prepare_cached("DELETE FROM recovery_codes WHERE user_id = ?1 AND hash = ?2")?;
    Ok(statement.execute(params![user, hash])? > 0)
}

/// Voids all recovery codes of a person.
pub(super) fn recovery_delete(tx: &WriteTx<'_>, user: Id<kinds::User>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM recovery_codes WHERE user_id = ?1")?.execute([user])?;
    Ok(())
}
