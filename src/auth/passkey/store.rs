//! SQL of passkeys.

use rusqlite::{OptionalExtension, Row, params};

use super::Passkey;
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

const PASSKEY: &str = "SELECT id, user_id, organization_id, name, created_at, used_at, disabled_at, sealed
    FROM passkeys";

fn passkey(row: &Row<'_>) -> rusqlite::Result<(Passkey, Vec<u8>)> {
    let passkey = Passkey {
        id: row.get(0)?,
        user: row.get(1)?,
        organization: row.get(2)?,
        name: row.get(3)?,
        created_at: row.get(4)?,
        used_at: row.get(5)?,
        disabled_at: row.get(6)?,
    };
    Ok((passkey, row.get(7)?))
}

/// Adds a passkey.
pub(super) fn insert(tx: &WriteTx<'_>, passkey: &Passkey, handle: &[u8], sealed: &[u8]) -> Result<(), DbError> {
    let Passkey { id, user, organization, name, created_at, .. } = passkey;
    tx.sql()
        .prepare_cached(
            "INSERT INTO passkeys (id, user_id, organization_id, handle, name, sealed, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![id, user, organization, handle, name, sealed, created_at])?;
    Ok(())
}

/// A person's passkeys with what is sealed of them, newest first.
pub(super) fn all(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<Vec<(Passkey, Vec<u8>)>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{PASSKEY} WHERE user_id = ?1 ORDER BY id DESC"))?;
    Ok(statement.query_map([user], passkey)?.collect::<Result<_, _>>()?)
}

/// What authenticators call a person's passkeys.
pub(super) fn handles(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<Vec<Vec<u8>>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT handle FROM passkeys WHERE user_id = ?1")?;
    Ok(statement.query_map([user], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The passkey an authenticator calls so.
pub(super) fn by_handle(reader: &Reader<'_>, handle: &[u8]) -> Result<Option<(Passkey, Vec<u8>)>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{PASSKEY} WHERE handle = ?1"))?;
    Ok(statement.query_row([handle], passkey).optional()?)
}

/// How many passkeys of a person open an organization, and how many would if they were not disabled.
pub(super) fn count(
    reader: &Reader<'_>,
    user: Id<kinds::User>,
    organization: Id<kinds::Organization>,
) -> Result<(usize, usize), DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT count(*) FILTER (WHERE disabled_at IS NULL), count(disabled_at) FROM passkeys
         WHERE user_id = ?1 AND (organization_id IS NULL OR organization_id = ?2)",
    )?;
    let (open, disabled): (i64, i64) =
        statement.query_row(params![user, organization], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((usize::try_from(open).unwrap_or_default(), usize::try_from(disabled).unwrap_or_default()))
}

/// Lets a passkey open nothing any more; false when it is so or gone.
pub(crate) fn disable(tx: &WriteTx<'_>, id: Id<kinds::Passkey>, now: Timestamp) -> Result<bool, DbError> {
    let mut statement =
        tx.sql().prepare_cached("UPDATE passkeys SET disabled_at = ?2 WHERE id = ?1 AND disabled_at IS NULL")?;
    Ok(statement.execute(params![id, now])? > 0)
}

/// Lets a passkey open again.
pub(super) fn enable(tx: &WriteTx<'_>, id: Id<kinds::Passkey>, sealed: &[u8]) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE passkeys SET disabled_at = NULL, sealed = ?2 WHERE id = ?1")?
        .execute(params![id, sealed])?;
    Ok(())
}

/// Notes the use of a passkey.
pub(super) fn used(tx: &WriteTx<'_>, id: Id<kinds::Passkey>, sealed: &[u8], now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE passkeys SET sealed = ?2, used_at = ?3 WHERE id = ?1")?
        .execute(params![id, sealed, now])?;
    Ok(())
}

/// Gives a passkey of a person another name; false when it is not theirs.
pub(crate) fn rename(
    tx: &WriteTx<'_>,
    user: Id<kinds::User>,
    id: Id<kinds::Passkey>,
    name: &str,
) -> Result<bool, DbError> {
    let mut statement = tx.sql().prepare_cached("UPDATE passkeys SET name = ?3 WHERE id = ?2 AND user_id = ?1")?;
    Ok(statement.execute(params![user, id, name])? > 0)
}

/// Takes a passkey of a person away; false when it is not theirs.
pub(crate) fn delete(tx: &WriteTx<'_>, user: Id<kinds::User>, id: Id<kinds::Passkey>) -> Result<bool, DbError> {
    let mut statement = tx.sql().prepare_cached("DELETE FROM passkeys WHERE id = ?2 AND user_id = ?1")?;
    Ok(statement.execute(params![user, id])? > 0)
}

/// Takes all passkeys of a person away; how many it were.
pub(crate) fn delete_all(tx: &WriteTx<'_>, user: Id<kinds::User>) -> Result<usize, DbError> {
    Ok(tx.sql().prepare_cached("DELETE FROM passkeys WHERE user_id = ?1")?.execute([user])?)
}
