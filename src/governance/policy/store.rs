//! SQL of organizations' own policies.

use rusqlite::{OptionalExtension, Row, params};

use super::{Draft, OrgPolicy, VERSIONS_MAX};
use crate::db::{DbError, Reader, WriteTx};
use crate::policy::{ForbidSet, Mode};
use crate::types::{Id, Slug, kinds};

const POLICY: &str = "SELECT p.id, p.name, v.version, v.mode, v.description, v.source, v.cases, v.saved_at, v.saved_by
    FROM policies p JOIN policy_versions v ON v.policy_id = p.id";

fn policy(row: &Row<'_>) -> rusqlite::Result<OrgPolicy> {
    let broken = |at: usize| rusqlite::Error::InvalidColumnType(at, "policy".into(), rusqlite::types::Type::Text);
    let (name, mode, cases): (String, String, String) = (row.get(1)?, row.get(3)?, row.get(6)?);
    Ok(OrgPolicy {
        id: row.get(0)?,
        name: Slug::parse(&name).map_err(|_| broken(1))?,
        version: row.get(2)?,
        draft: Draft {
            mode: Mode::parse(&mode).map_err(|_| broken(3))?,
            description: row.get(4)?,
            source: row.get(5)?,
            cases: serde_json::from_str(&cases).map_err(|_| broken(6))?,
        },
        saved_at: row.get(7)?,
        saved_by: row.get(8)?,
    })
}

/// Every policy of an organization as of its newest version, by name.
pub(super) fn policy_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<Vec<OrgPolicy>, DbError> {
    let most = ForbidSet::MAX_POLICIES;
    let mut statement = reader.sql().prepare_cached(&format!(
        "{POLICY} AND v.version = p.version WHERE p.organization_id = ?1 ORDER BY p.name LIMIT {most}"
    ))?;
    Ok(statement.query_map([organization], policy)?.collect::<Result<_, _>>()?)
}

/// Which versions an organization's policies have: what a parsed set is known by.
pub(super) fn policy_marks(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<Vec<(Id<kinds::Policy>, u32)>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT id, version FROM policies WHERE organization_id = ?1 ORDER BY name")?;
    Ok(statement.query_map([organization], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// A policy of an organization by its name.
pub(super) fn policy_by_name(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name: &str,
) -> Result<Option<OrgPolicy>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{POLICY} AND v.version = p.version WHERE p.organization_id = ?1 AND p.name = ?2"))?;
    Ok(statement.query_row(params![organization, name], policy).optional()?)
}

/// A policy of an organization by its id.
pub(super) fn policy_get(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Policy>,
) -> Result<Option<OrgPolicy>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{POLICY} AND v.version = p.version WHERE p.organization_id = ?1 AND p.id = ?2"))?;
    Ok(statement.query_row(params![organization, id], policy).optional()?)
}

/// The kept versions of a policy, newest first.
pub(super) fn version_list(reader: &Reader<'_>, id: Id<kinds::Policy>) -> Result<Vec<OrgPolicy>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{POLICY} WHERE p.id = ?1 ORDER BY v.version DESC LIMIT {VERSIONS_MAX}"))?;
    Ok(statement.query_map([id], policy)?.collect::<Result<_, _>>()?)
}

/// One version of a policy.
pub(super) fn version_get(
    reader: &Reader<'_>,
    id: Id<kinds::Policy>,
    version: u32,
) -> Result<Option<OrgPolicy>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{POLICY} WHERE p.id = ?1 AND v.version = ?2"))?;
    Ok(statement.query_row(params![id, version], policy).optional()?)
}

/// Adds a version, which becomes the newest, and the policy itself with its first one.
pub(super) fn version_insert(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    p: &OrgPolicy,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO policies (id, organization_id, name, version, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET version = excluded.version",
        )?
        .execute(params![p.id, organization, p.name.as_str(), p.version, p.saved_at, p.saved_by])?;
    tx.sql()
        .prepare_cached(
            "INSERT INTO policy_versions (policy_id, version, mode, description, source, cases, saved_at, saved_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            p.id,
            p.version,
            p.draft.mode.as_str(),
            p.draft.description,
            p.draft.source,
            serde_json::to_string(&p.draft.cases).unwrap_or_else(|_| "[]".to_owned()),
            p.saved_at,
            p.saved_by
        ])?;
    tx.sql()
        .prepare_cached("DELETE FROM policy_versions WHERE policy_id = ?1 AND version <= ?2")?
        .execute(params![p.id, p.version.saturating_sub(VERSIONS_MAX)])?;
    Ok(())
}

/// Removes a policy with its versions.
pub(super) fn policy_delete(tx: &WriteTx<'_>, id: Id<kinds::Policy>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM policy_versions WHERE policy_id = ?1")?.execute([id])?;
    tx.sql().prepare_cached("DELETE FROM policies WHERE id = ?1")?.execute([id])?;
    Ok(())
}
