//! SQL of projects.

use rusqlite::{OptionalExtension, Row, params};

use super::Project;
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

const PROJECT: &str = "SELECT id, organization_id, slug, name, description, created_at, updated_at, version,
    deletion_id FROM projects";

fn project(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project {
        id: row.get(0)?,
        organization: row.get(1)?,
        slug: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        version: row.get(7)?,
        deletion: row.get(8)?,
    })
}

/// The project with this id, deleted or not.
pub(crate) fn project_get(reader: &Reader<'_>, id: Id<kinds::Project>) -> Result<Option<Project>, DbError> {
    Ok(reader.sql().prepare_cached(&format!("{PROJECT} WHERE id = ?1"))?.query_row([id], project).optional()?)
}

/// The project of an organization with this slug, deleted or not.
pub(crate) fn project_by_slug(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    slug: &str,
) -> Result<Option<Project>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{PROJECT} WHERE organization_id = ?1 AND slug = ?2"))?;
    Ok(statement.query_row(params![organization, slug], project).optional()?)
}

/// Projects of an organization that are not deleted, by slug, after `after`.
pub(crate) fn project_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    after: &str,
    rows: usize,
) -> Result<Vec<Project>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{PROJECT} WHERE organization_id = ?1 AND slug > ?2 AND deletion_id IS NULL ORDER BY slug LIMIT ?3"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![organization, after, rows], project)?.collect::<Result<_, _>>()?)
}

/// Projects of an organization that are not deleted whose slug or name holds `words`, by slug.
pub(crate) fn project_spot(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    words: &str,
    rows: usize,
) -> Result<Vec<Project>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{PROJECT} WHERE organization_id = ?1 AND deletion_id IS NULL
         AND (instr(slug, ?2) > 0 OR instr(lower(name), ?2) > 0) ORDER BY slug LIMIT ?3"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![organization, words, rows], project)?.collect::<Result<_, _>>()?)
}

/// Adds a project.
pub(crate) fn project_insert(tx: &WriteTx<'_>, p: &Project) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO projects (id, organization_id, slug, name, description, created_at, updated_at, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![p.id, p.organization, p.slug, p.name, p.description, p.created_at, p.updated_at, p.version])?;
    Ok(())
}

/// Writes back a project's name and description.
pub(crate) fn project_update(tx: &WriteTx<'_>, p: &Project) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE projects SET name = ?2, description = ?3, updated_at = ?4, version = ?5 WHERE id = ?1")?
        .execute(params![p.id, p.name, p.description, p.updated_at, p.version])?;
    Ok(())
}

/// Makes a project part of a deletion, or takes it out of it again.
pub(crate) fn project_mark_deleted(
    tx: &WriteTx<'_>,
    id: Id<kinds::Project>,
    deletion: Option<Id<kinds::Deletion>>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE projects SET deletion_id = ?2, updated_at = ?3 WHERE id = ?1")?
        .execute(params![id, deletion, now])?;
    Ok(())
}

/// The projects of a deletion.
pub(crate) fn project_of_deletion(reader: &Reader<'_>, deletion: Id<kinds::Deletion>) -> Result<Vec<Project>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{PROJECT} WHERE deletion_id = ?1"))?;
    Ok(statement.query_map([deletion], project)?.collect::<Result<_, _>>()?)
}

/// Removes a project for good; its environments must be gone.
pub(crate) fn project_purge(tx: &WriteTx<'_>, id: Id<kinds::Project>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM projects WHERE id = ?1")?.execute([id])?;
    Ok(())
}
