//! SQL of personal overrides.

use rusqlite::{Row, params};

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};
use crate::vault::model::{FolderPath, SecretName};

/// A person's own value for a name, sealed.
#[derive(Debug, Clone)]
pub(in crate::vault) struct Override {
    pub(in crate::vault) id: Id<kinds::SecretRow>,
    pub(in crate::vault) environment: Id<kinds::Environment>,
    pub(in crate::vault) owner: Id<kinds::User>,
    pub(in crate::vault) path: FolderPath,
    pub(in crate::vault) name: SecretName,
    pub(in crate::vault) version: u32,
    pub(in crate::vault) interpolate: bool,
    pub(in crate::vault) ciphertext: Vec<u8>,
    pub(in crate::vault) created_at: Timestamp,
    pub(in crate::vault) updated_at: Timestamp,
}

fn one(row: &Row<'_>) -> rusqlite::Result<Override> {
    let broken = |i| rusqlite::Error::InvalidColumnType(i, "override".into(), rusqlite::types::Type::Text);
    Ok(Override {
        id: row.get(0)?,
        environment: row.get(1)?,
        owner: row.get(2)?,
        path: FolderPath::parse(&row.get::<_, String>(3)?).map_err(|_| broken(3))?,
        name: SecretName::parse_any(&row.get::<_, String>(4)?).map_err(|_| broken(4))?,
        version: row.get(5)?,
        interpolate: row.get(6)?,
        ciphertext: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}

/// All of one person's in an organization, at most `rows`.
pub(super) fn override_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    owner: Id<kinds::User>,
    rows: usize,
) -> Result<Vec<Override>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT id, environment_id, user_id, path, name, version, interpolate, ciphertext, created_at, updated_at
         FROM personal_overrides WHERE organization_id = ?1 AND user_id = ?2 LIMIT ?3",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![organization, owner, rows], one)?.collect::<Result<_, _>>()?)
}

/// Adds one, or replaces the one with its id.
pub(super) fn override_put(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    o: &Override,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO personal_overrides (id, organization_id, environment_id, user_id, path, name, version,
                interpolate, ciphertext, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, interpolate = excluded.interpolate,
                ciphertext = excluded.ciphertext, updated_at = excluded.updated_at",
        )?
        .execute(params![
            o.id,
            organization,
            o.environment,
            o.owner,
            o.path.as_str(),
            o.name.as_str(),
            o.version,
            o.interpolate,
            o.ciphertext,
            o.created_at,
            o.updated_at
        ])?;
    Ok(())
}

/// Takes one away for good.
pub(super) fn override_delete(tx: &WriteTx<'_>, id: Id<kinds::SecretRow>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM personal_overrides WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// How many overrides there are in an organization.
pub(in crate::vault) fn override_count(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<u64, DbError> {
    let sql = "SELECT count(*) FROM personal_overrides WHERE organization_id = ?1";
    let count: i64 = reader.sql().prepare_cached(sql)?.query_row([organization], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// An override as it is walked: its id, its sealed bytes, and the rest unless it was changed by hand to what it cannot be.
pub(in crate::vault) type Walked = (Id<kinds::SecretRow>, Vec<u8>, Option<Override>);

/// An organization's overrides behind this one, by id.
pub(in crate::vault) fn override_page(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    after: Id<kinds::SecretRow>,
    rows: usize,
) -> Result<Vec<Walked>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT id, environment_id, user_id, path, name, version, interpolate, ciphertext, created_at, updated_at
         FROM personal_overrides WHERE id > ?2 AND organization_id = ?1 ORDER BY id LIMIT ?3",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement
        .query_map(params![organization, after, rows], |row| Ok((row.get(0)?, row.get(7)?, one(row).ok())))?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// Whether an override is sealed under a key older than `than`: bytes 2 to 5 of what is stored name the key.
pub(in crate::vault) fn override_has_older(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    than: u32,
) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM personal_overrides
               WHERE organization_id = ?1 AND substr(ciphertext, 3, 4) < ?2)";
    let than = than.to_be_bytes();
    Ok(reader.sql().prepare_cached(sql)?.query_row(params![organization, than], |row| row.get(0))?)
}

/// Puts newly sealed bytes in the place of exactly those that were read.
pub(in crate::vault) fn override_reseal(
    tx: &WriteTx<'_>,
    id: Id<kinds::SecretRow>,
    old: &[u8],
    new: &[u8],
) -> Result<bool, DbError> {
    let sql = "UPDATE personal_overrides SET ciphertext = ?3 WHERE id = ?1 AND ciphertext = ?2";
    Ok(tx.sql().prepare_cached(sql)?.execute(params![id, old, new])? > 0)
}
