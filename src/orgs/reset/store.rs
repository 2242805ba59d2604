//! SQL of password resets.

use rusqlite::{OptionalExtension, params};

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// The stored side of a reset token.
pub(super) struct Stored {
    pub(super) user: Id<kinds::User>,
    pub(super) hash: Vec<u8>,
    pub(super) expires_at: Timestamp,
    /// Whether it went to the address only.
    pub(super) mailed: bool,
}

/// Replaces a person's reset token.
pub(super) fn reset_set(
    tx: &WriteTx<'_>,
    user: Id<kinds::User>,
    (public_id, hash): (&str, &[u8]),
    mailed: bool,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT OR REPLACE INTO password_resets (user_id, public_id, hash, created_at, expires_at, mailed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![user, public_id, hash, now, expires_at, mailed])?;
    Ok(())
}

/// When a person's reset token was made.
pub(super) fn reset_made_at(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<Option<Timestamp>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT created_at FROM password_resets WHERE user_id = ?1")?;
    Ok(statement.query_row([user], |row| row.get(0)).optional()?)
}

/// The reset token with this public id.
pub(super) fn reset_get(reader: &Reader<'_>, public_id: &str) -> Result<Option<Stored>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached("SELECT user_id, hash, expires_at, mailed FROM password_resets WHERE public_id = ?1")?;
    let stored = |row: &rusqlite::Row<'_>| {
        Ok(Stored { user: row.get(0)?, hash: row.get(1)?, expires_at: row.get(2)?, mailed: row.get(3)? })
    };
    Ok(statement.query_row([public_id], stored).optional()?)
}

/// Forgets a person's reset token.
pub(super) fn reset_delete(tx: &WriteTx<'_>, user: Id<kinds::User>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM password_resets WHERE user_id = ?1")?.execute([user])?;
    Ok(())
}

/// Sets a person's own password, and forgets those administrators set for them.
pub(super) fn password_set(tx: &WriteTx<'_>, user: Id<kinds::User>, hash: &str) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1")?.execute(params![user, hash])?;
    tx.sql().prepare_cached("UPDATE members SET password_hash = NULL WHERE user_id = ?1")?.execute([user])?;
    Ok(())
}

/// Ends what a person signed in with, in every organization; personal tokens stay. How many it were.
pub(super) fn signed_in_revoke(tx: &WriteTx<'_>, user: Id<kinds::User>, now: Timestamp) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "UPDATE credentials SET revoked_at = ?2
         WHERE organization_id IN (SELECT organization_id FROM members WHERE user_id = ?1)
           AND owner_kind = 'user' AND owner_id = ?1 AND kind <> 'pat' AND revoked_at IS NULL",
    )?;
    Ok(statement.execute(params![user, now])?)
}
