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
