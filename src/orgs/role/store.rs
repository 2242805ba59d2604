//! SQL of an organization's own roles.

use rusqlite::{OptionalExtension, Row, params};

use super::{CustomRole, ROLES_MAX, names_of};
use crate::db::{DbError, Reader, WriteTx};
use crate::policy::{Permission, PermissionSet};
use crate::types::{Id, Slug, kinds};

const ROLE: &str = "SELECT id, organization_id, name, description, permissions, version, created_at, created_by,
    updated_at FROM roles";

/// Reads a stored set. A name this binary does not know gives nothing.
pub(crate) fn permissions(text: &str) -> PermissionSet {
    text.split(' ').filter_map(|name| Permission::parse(name).ok()).collect()
}

/// Reads a stored slug of column `at`.
pub(crate) fn slug(row: &Row<'_>, at: usize) -> rusqlite::Result<Slug> {
    let text: String = row.get(at)?;
    Slug::parse(&text).map_err(|_| rusqlite::Error::InvalidColumnType(at, "name".into(), rusqlite::types::Type::Text))
}

fn role(row: &Row<'_>) -> rusqlite::Result<CustomRole> {
    let stored: String = row.get(4)?;
    Ok(CustomRole {
        id: row.get(0)?,
        organization: row.get(1)?,
        name: slug(row, 2)?,
        description: row.get(3)?,
        permissions: permissions(&stored),
        version: row.get(5)?,
        created_at: row.get(6)?,
        created_by: row.get(7)?,
        updated_at: row.get(8)?,
    })
}

/// Adds a role.
pub(crate) fn role_insert(tx: &WriteTx<'_>, r: &CustomRole) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO roles (id, organization_id, name, description, permissions, version, created_at, created_by,
                updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            r.id,
            r.organization,
            r.name.as_str(),
            r.description,
            names_of(r.permissions).join(" "),
            r.version,
            r.created_at,
            r.created_by,
            r.updated_at
        ])?;
    Ok(())
}

/// A role of an organization by its name.
pub(crate) fn role_by_name(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name: &str,
) -> Result<Option<CustomRole>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{ROLE} WHERE organization_id = ?1 AND name = ?2"))?;
    Ok(statement.query_row(params![organization, name], role).optional()?)
}

/// A role of an organization by its id.
pub(crate) fn role_get(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Role>,
) -> Result<Option<CustomRole>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{ROLE} WHERE organization_id = ?1 AND id = ?2"))?;
    Ok(statement.query_row(params![organization, id], role).optional()?)
}

/// Every role of an organization, by name.
pub(crate) fn role_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<Vec<CustomRole>, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("{ROLE} WHERE organization_id = ?1 ORDER BY name LIMIT {ROLES_MAX}"))?;
    Ok(statement.query_map([organization], role)?.collect::<Result<_, _>>()?)
}

/// Changes what a role is for and what it holds.
pub(crate) fn role_update(tx: &WriteTx<'_>, r: &CustomRole) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "UPDATE roles SET description = ?2, permissions = ?3, version = ?4, updated_at = ?5 WHERE id = ?1",
        )?
        .execute(params![r.id, r.description, names_of(r.permissions).join(" "), r.version, r.updated_at])?;
    Ok(())
}

/// Removes a role that no grant gives.
pub(crate) fn role_delete(tx: &WriteTx<'_>, id: Id<kinds::Role>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM roles WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// How many grants of an organization give the role called `name`.
pub(crate) fn role_grants(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name: &str,
) -> Result<usize, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT count(*) FROM grants WHERE organization_id = ?1 AND role = ?2")?;
    let count: i64 = statement.query_row(params![organization, name], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}
