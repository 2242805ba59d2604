//! SQL of the tree.

use rusqlite::{OptionalExtension, Row, params};

use super::model::{DEPTH_MAX, Environment, Flow, Lock, Placed};
use crate::db::{DbError, Reader, WriteTx};
use crate::orgs::past;
use crate::policy::Tier;
use crate::types::{Id, Slug, Timestamp, kinds};

const COLUMNS: &str = "e.id, e.organization_id, e.project_id, p.slug, e.parent_id, e.slug, e.name, e.description,
    e.tier, e.protected, e.flow, e.any_names, e.locked_at, e.locked_by, e.lock_reason, e.created_at, e.updated_at,
    e.version, e.deletion_id";
const FROM: &str = "environments e JOIN projects p ON p.id = e.project_id";

fn environment(row: &Row<'_>) -> rusqlite::Result<Environment> {
    let broken = |index| rusqlite::Error::InvalidColumnType(index, "environment".into(), rusqlite::types::Type::Text);
    let tier: String = row.get(8)?;
    let flow: String = row.get(10)?;
    let locked_at: Option<Timestamp> = row.get(12)?;
    let lock = match locked_at {
        Some(at) => Some(Lock {
            at,
            by: row.get::<_, Option<String>>(13)?.unwrap_or_default(),
            reason: row.get::<_, Option<String>>(14)?.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(Environment {
        id: row.get(0)?,
        organization: row.get(1)?,
        project: row.get(2)?,
        project_slug: row.get(3)?,
        parent: row.get(4)?,
        slug: row.get(5)?,
        name: row.get(6)?,
        description: row.get(7)?,
        tier: Tier::parse(&tier).map_err(|_| broken(8))?,
        protected: row.get(9)?,
        flow: Flow::parse(&flow, Vec::new()).map_err(|_| broken(10))?,
        any_names: row.get(11)?,
        lock,
        created_at: row.get(15)?,
        updated_at: row.get(16)?,
        version: row.get(17)?,
        deletion: row.get(18)?,
    })
}

/// Fills in the environments a `listed` flow names.
fn with_listed(reader: &Reader<'_>, mut found: Environment) -> Result<Environment, DbError> {
    if matches!(found.flow, Flow::Listed(_)) {
        let mut statement = reader.sql().prepare_cached(
            "SELECT admitted_id FROM environment_flows WHERE environment_id = ?1 ORDER BY admitted_id",
        )?;
        let listed = statement.query_map([found.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        found.flow = Flow::Listed(listed);
    }
    Ok(found)
}

/// The environment with this id, deleted or not.
pub(crate) fn environment_get(reader: &Reader<'_>, id: Id<kinds::Environment>) -> Result<Option<Environment>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("SELECT {COLUMNS} FROM {FROM} WHERE e.id = ?1"))?;
    let found = statement.query_row([id], environment).optional()?;
    found.map(|e| with_listed(reader, e)).transpose()
}

/// The environment of a project with this slug, deleted or not.
pub(crate) fn environment_by_slug(
    reader: &Reader<'_>,
    project: Id<kinds::Project>,
    slug: &str,
) -> Result<Option<Environment>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("SELECT {COLUMNS} FROM {FROM} WHERE e.project_id = ?1 AND e.slug = ?2"))?;
    let found = statement.query_row(params![project, slug], environment).optional()?;
    found.map(|e| with_listed(reader, e)).transpose()
}

/// The parents of an environment, nearest first, and whether one of them is protected.
pub(crate) fn environment_parents(
    reader: &Reader<'_>,
    start: &Environment,
) -> Result<(Vec<Id<kinds::Environment>>, bool), DbError> {
    let mut parents = Vec::new();
    let mut protected = false;
    let mut next = start.parent;
    let mut statement = reader.sql().prepare_cached("SELECT parent_id, protected FROM environments WHERE id = ?1")?;
    while let Some(id) = next {
        if parents.len() >= DEPTH_MAX {
            return Err(DbError::Corrupt(format!("the parents of {} form a circle", start.id)));
        }
        let (above, is_protected): (Option<Id<kinds::Environment>>, bool) =
            statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        parents.push(id);
        protected |= is_protected;
        next = above;
    }
    Ok((parents, protected))
}

/// An environment with what is above it.
pub(crate) fn place(reader: &Reader<'_>, environment: Environment) -> Result<Placed, DbError> {
    let (parents, above) = environment_parents(reader, &environment)?;
    let protected = environment.protected || above;
    Ok(Placed { environment, parents, protected })
}

/// Every environment of a project that is not deleted, in the order of their slugs.
pub(crate) fn environment_list(reader: &Reader<'_>, project: Id<kinds::Project>) -> Result<Vec<Environment>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE e.project_id = ?1 AND e.deletion_id IS NULL ORDER BY e.slug"
    ))?;
    let found = statement.query_map([project], environment)?.collect::<Result<Vec<_>, _>>()?;
    found.into_iter().map(|e| with_listed(reader, e)).collect()
}

/// Environments of an organization that are not deleted whose path or name holds `words`, by path.
pub(crate) fn environment_spot(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    words: &str,
    rows: usize,
) -> Result<Vec<Environment>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE p.organization_id = ?1 AND p.deletion_id IS NULL AND e.deletion_id IS NULL
         AND (instr(p.slug || '/' || e.slug, ?2) > 0 OR instr(lower(e.name), ?2) > 0) ORDER BY p.slug, e.slug LIMIT ?3"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![organization, words, rows], environment)?.collect::<Result<Vec<_>, _>>()?;
    found.into_iter().map(|e| with_listed(reader, e)).collect()
}

/// The children of an environment that are not deleted.
pub(crate) fn environment_children(
    reader: &Reader<'_>,
    parent: Id<kinds::Environment>,
) -> Result<Vec<Id<kinds::Environment>>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT id FROM environments WHERE parent_id = ?1 AND deletion_id IS NULL")?;
    Ok(statement.query_map([parent], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// An environment and everything beneath it that is not deleted, parents before children.
pub(crate) fn environment_subtree(
    reader: &Reader<'_>,
    root: Id<kinds::Environment>,
) -> Result<Vec<Id<kinds::Environment>>, DbError> {
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        found.extend(environment_children(reader, found[at])?);
        at += 1;
    }
    Ok(found)
}

/// Adds an environment.
pub(crate) fn environment_insert(tx: &WriteTx<'_>, e: &Environment) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO environments (id, organization_id, project_id, parent_id, slug, name, description, tier,
                protected, flow, any_names, created_at, updated_at, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            e.id,
            e.organization,
            e.project,
            e.parent,
            e.slug,
            e.name,
            e.description,
            e.tier.as_str(),
            e.protected,
            e.flow.as_str(),
            e.any_names,
            e.created_at,
            e.updated_at,
            e.version
        ])?;
    past::store::place_set(tx, e, e.created_at)?;
    listed_set(tx, e)
}

/// Writes back what may change of an environment: name, description, tier, protection, flow, names, parent, lock.
pub(crate) fn environment_update(tx: &WriteTx<'_>, e: &Environment) -> Result<(), DbError> {
    let lock = e.lock.as_ref();
    tx.sql()
        .prepare_cached(
            "UPDATE environments SET name = ?2, description = ?3, tier = ?4, protected = ?5, flow = ?6, any_names = ?7,
                parent_id = ?8, locked_at = ?9, locked_by = ?10, lock_reason = ?11, updated_at = ?12, version = ?13
             WHERE id = ?1",
        )?
        .execute(params![
            e.id,
            e.name,
            e.description,
            e.tier.as_str(),
            e.protected,
            e.flow.as_str(),
            e.any_names,
            e.parent,
            lock.map(|l| l.at),
            lock.map(|l| &l.by),
            lock.map(|l| &l.reason),
            e.updated_at,
            e.version
        ])?;
    past::store::place_set(tx, e, e.updated_at)?;
    listed_set(tx, e)
}

fn listed_set(tx: &WriteTx<'_>, e: &Environment) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM environment_flows WHERE environment_id = ?1")?.execute([e.id])?;
    if let Flow::Listed(listed) = &e.flow {
        let mut statement = tx
            .sql()
            .prepare_cached("INSERT OR IGNORE INTO environment_flows (environment_id, admitted_id) VALUES (?1, ?2)")?;
        for admitted in listed {
            statement.execute(params![e.id, admitted])?;
        }
    }
    Ok(())
}

/// Makes environments part of a deletion, or takes them out of it again.
pub(crate) fn environment_mark_deleted(
    tx: &WriteTx<'_>,
    ids: &[Id<kinds::Environment>],
    deletion: Option<Id<kinds::Deletion>>,
    now: Timestamp,
) -> Result<(), DbError> {
    let mut statement =
        tx.sql().prepare_cached("UPDATE environments SET deletion_id = ?2, updated_at = ?3 WHERE id = ?1")?;
    for id in ids {
        statement.execute(params![id, deletion, now])?;
    }
    Ok(())
}

/// The environments of a deletion, parents before children where both are in it.
pub(crate) fn environment_of_deletion(
    reader: &Reader<'_>,
    deletion: Id<kinds::Deletion>,
) -> Result<Vec<Environment>, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("SELECT {COLUMNS} FROM {FROM} WHERE e.deletion_id = ?1 ORDER BY e.id"))?;
    let found = statement.query_map([deletion], environment)?.collect::<Result<Vec<_>, _>>()?;
    found.into_iter().map(|e| with_listed(reader, e)).collect()
}

/// Whether a slug of a project is taken, and by what: the environment may be deleted.
pub(crate) fn environment_slug_taken(
    reader: &Reader<'_>,
    project: Id<kinds::Project>,
    slug: &Slug,
) -> Result<Option<bool>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached("SELECT deletion_id IS NOT NULL FROM environments WHERE project_id = ?1 AND slug = ?2")?;
    Ok(statement.query_row(params![project, slug], |row| row.get(0)).optional()?)
}

/// Removes environments for good; what belongs to them goes with them.
pub(crate) fn environment_purge(tx: &WriteTx<'_>, ids: &[Id<kinds::Environment>]) -> Result<(), DbError> {
    let mut detach = tx.sql().prepare_cached("UPDATE environments SET parent_id = NULL WHERE parent_id = ?1")?;
    let mut delete = tx.sql().prepare_cached("DELETE FROM environments WHERE id = ?1")?;
    for id in ids {
        detach.execute([id])?;
    }
    for id in ids {
        delete.execute([id])?;
    }
    Ok(())
}

/// Every environment of a project, deleted or not.
pub(crate) fn environment_of_project(
    reader: &Reader<'_>,
    project: Id<kinds::Project>,
) -> Result<Vec<Id<kinds::Environment>>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT id FROM environments WHERE project_id = ?1")?;
    Ok(statement.query_map([project], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
