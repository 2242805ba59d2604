//! SQL of changes of addresses.

use rusqlite::{OptionalExtension, Row, params};

use super::model::{EmailChange, Side};
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// Old rows thrown away with each new one at most.
const SWEEP: u32 = 64;

const COLUMNS: &str = "SELECT user_id, organization_id, email, only_verifies, current_confirmed_at, new_confirmed_at,
    created_at, expires_at, ended_at, current_hash, new_hash FROM email_changes";

/// A change, and the keyed hashes of its tokens.
pub(super) struct Stored {
    pub(super) change: EmailChange,
    pub(super) current_hash: Option<Vec<u8>>,
    pub(super) new_hash: Vec<u8>,
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let change = EmailChange {
        user: row.get(0)?,
        organization: row.get(1)?,
        email: row.get(2)?,
        only_verifies: row.get(3)?,
        current_confirmed_at: row.get(4)?,
        new_confirmed_at: row.get(5)?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        ended_at: row.get(8)?,
    };
    Ok(Stored { change, current_hash: row.get(9)?, new_hash: row.get(10)? })
}

/// Keeps a change in place of the one before; of each token its public id and its keyed hash.
pub(super) fn email_change_set(
    tx: &WriteTx<'_>,
    change: &EmailChange,
    current: Option<(&str, &[u8])>,
    (new_public_id, new_hash): (&str, &[u8]),
) -> Result<(), DbError> {
    let (current_public_id, current_hash) = current.unzip();
    tx.sql()
        .prepare_cached(
            "INSERT OR REPLACE INTO email_changes (user_id, organization_id, email, only_verifies, current_public_id,
                current_hash, new_public_id, new_hash, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            change.user,
            change.organization,
            change.email,
            change.only_verifies,
            current_public_id,
            current_hash,
            new_public_id,
            new_hash,
            change.created_at,
            change.expires_at
        ])?;
    Ok(())
}

/// A person's change, whether it stands or not.
pub(super) fn email_change_get(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<Option<EmailChange>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{COLUMNS} WHERE user_id = ?1"))?;
    Ok(statement.query_row([user], stored).optional()?.map(|stored| stored.change))
}

/// The change of which a token has this public id.
pub(super) fn email_change_by_public_id(reader: &Reader<'_>, public_id: &str) -> Result<Option<Stored>, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("{COLUMNS} WHERE new_public_id = ?1 OR current_public_id = ?1"))?;
    Ok(statement.query_row([public_id], stored).optional()?)
}

/// Notes that a side confirmed.
pub(super) fn email_change_confirm(
    tx: &WriteTx<'_>,
    user: Id<kinds::User>,
    side: Side,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = match side {
        Side::Current => "UPDATE email_changes SET current_confirmed_at = ?2 WHERE user_id = ?1",
        Side::New => "UPDATE email_changes SET new_confirmed_at = ?2 WHERE user_id = ?1",
    };
    tx.sql().prepare_cached(sql)?.execute(params![user, now])?;
    Ok(())
}

/// Ends a person's change: its links work no more.
pub(super) fn email_change_end(tx: &WriteTx<'_>, user: Id<kinds::User>, now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE email_changes SET ended_at = ?2 WHERE user_id = ?1")?
        .execute(params![user, now])?;
    Ok(())
}

/// Forgets changes that stand no more and were asked for before `until`.
pub(super) fn email_change_sweep(tx: &WriteTx<'_>, until: Timestamp, now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "DELETE FROM email_changes WHERE user_id IN
                (SELECT user_id FROM email_changes
                 WHERE (ended_at IS NOT NULL OR expires_at <= ?2) AND created_at <= ?1 LIMIT ?3)",
        )?
        .execute(params![until, now, SWEEP])?;
    Ok(())
}
