//! SQL of the instance and its setup token.

use rusqlite::{OptionalExtension, params};

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// Makes the instance's row.
pub(crate) fn instance_insert(tx: &WriteTx<'_>, id: Id<kinds::Instance>, now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT INTO instance (one, id, created_at) VALUES (1, ?1, ?2)")?
        .execute(params![id, now])?;
    Ok(())
}

/// The instance's id.
pub(crate) fn instance_id(reader: &Reader<'_>) -> Result<Option<Id<kinds::Instance>>, DbError> {
    Ok(reader.sql().prepare_cached("SELECT id FROM instance")?.query_row([], |row| row.get(0)).optional()?)
}

/// When the first owner was made.
pub(crate) fn set_up_at(reader: &Reader<'_>) -> Result<Option<Timestamp>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT set_up_at FROM instance")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?.flatten())
}

/// Notes that the first owner is there.
pub(crate) fn set_up(tx: &WriteTx<'_>, now: Timestamp) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE instance SET set_up_at = ?1")?.execute([now])?;
    Ok(())
}

/// The stored side of the setup token.
pub(crate) struct SetupToken {
    pub(crate) public_id: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) expires_at: Timestamp,
}

/// The setup token, when there is one.
pub(crate) fn setup_token(reader: &Reader<'_>) -> Result<Option<SetupToken>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT public_id, hash, expires_at FROM setup_token")?;
    let found = statement
        .query_row([], |row| Ok(SetupToken { public_id: row.get(0)?, hash: row.get(1)?, expires_at: row.get(2)? }));
    Ok(found.optional()?)
}

/// Replaces the setup token.
pub(crate) fn setup_token_set(
    tx: &WriteTx<'_>,
    public_id: &str,
    hash: &[u8],
    expires_at: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT OR REPLACE INTO setup_token (one, public_id, hash, expires_at) VALUES (1, ?1, ?2, ?3)")?
        .execute(params![public_id, hash, expires_at])?;
    Ok(())
}

/// Takes the setup token away.
pub(crate) fn setup_token_delete(tx: &WriteTx<'_>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM setup_token")?.execute([])?;
    Ok(())
}

/// An organization a user owns that is not deleted: the oldest.
pub(crate) fn organization_owned_by(
    reader: &Reader<'_>,
    user: Id<kinds::User>,
) -> Result<Option<Id<kinds::Organization>>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT g.organization_id FROM grants g JOIN organizations o ON o.id = g.organization_id
         WHERE g.principal_kind = 'user' AND g.principal_id = ?1 AND g.role = 'owner' AND o.deletion_id IS NULL
         ORDER BY g.id LIMIT 1",
    )?;
    Ok(statement.query_row([user], |row| row.get(0)).optional()?)
}
