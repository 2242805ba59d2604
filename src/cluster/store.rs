//! SQL of clusters.

use rusqlite::{OptionalExtension, Row, params};

use super::CLUSTERS_MAX;
use super::access::Access;
use super::model::{Check, Cluster, ClusterKind, ClusterState, Seen};
use super::sealed::SealedCluster;
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

const CLUSTER: &str =
    "SELECT c.id, c.organization_id, c.name, c.kind, c.server, c.credential_number, c.account, c.identity,
    c.image, c.state, c.state_since, c.message, c.version, c.checks, c.tested_at, c.created_at, c.created_by,
    (SELECT count(*) FROM cluster_uses u WHERE u.cluster_id = c.id) FROM clusters c";

fn cluster(row: &Row<'_>) -> rusqlite::Result<Cluster> {
    let broken =
        |at: usize, name: &str| rusqlite::Error::InvalidColumnType(at, name.to_owned(), rusqlite::types::Type::Text);
    let (kind, state, checks): (String, String, Option<String>) = (row.get(3)?, row.get(9)?, row.get(13)?);
    let checks: Option<Vec<Check>> =
        checks.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| broken(13, "checks"))?;
    let environments: i64 = row.get(17)?;
    Ok(Cluster {
        id: row.get(0)?,
        organization: row.get(1)?,
        name: row.get(2)?,
        kind: ClusterKind::parse(&kind).ok_or_else(|| broken(3, "kind"))?,
        server: row.get(4)?,
        credential: row.get(5)?,
        account: row.get(6)?,
        identity: row.get(7)?,
        image: row.get(8)?,
        state: ClusterState::parse(&state).ok_or_else(|| broken(9, "state"))?,
        state_since: row.get(10)?,
        message: row.get(11)?,
        version: row.get(12)?,
        checks: checks.unwrap_or_default(),
        tested_at: row.get(14)?,
        environments: environments.unsigned_abs(),
        created_at: row.get(15)?,
        created_by: row.get(16)?,
    })
}

/// Adds a cluster.
pub(super) fn cluster_insert(tx: &WriteTx<'_>, c: &Cluster, access: &Access, sealed: &[u8]) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO clusters (id, organization_id, name, kind, server, authority, credential_number, sealed, account,
                identity, image, state, state_since, version, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            c.id,
            c.organization,
            c.name,
            c.kind.as_str(),
            c.server,
            access.authority.as_deref().unwrap_or_default(),
            c.credential,
            sealed,
            c.account,
            c.identity,
            c.image,
            c.state.as_str(),
            c.state_since,
            c.version,
            c.created_at,
            c.created_by
        ])?;
    Ok(())
}

/// A cluster by its id.
pub(super) fn cluster_get(reader: &Reader<'_>, id: Id<kinds::Cluster>) -> Result<Option<Cluster>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{CLUSTER} WHERE c.id = ?1"))?;
    Ok(statement.query_row([id], cluster).optional()?)
}

/// A cluster of an organization by its name.
pub(super) fn cluster_by_name(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name: &str,
) -> Result<Option<Cluster>, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("{CLUSTER} WHERE c.organization_id = ?1 AND c.name = ?2"))?;
    Ok(statement.query_row(params![organization, name], cluster).optional()?)
}

/// Every cluster of an organization, by name.
pub(super) fn cluster_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<Vec<Cluster>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{CLUSTER} WHERE c.organization_id = ?1 ORDER BY c.name LIMIT {CLUSTERS_MAX}"))?;
    Ok(statement.query_map([organization], cluster)?.collect::<Result<_, _>>()?)
}

/// Every cluster of organizations that are there, with its number of credentials.
pub(super) fn cluster_standing(reader: &Reader<'_>) -> Result<Vec<Cluster>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{CLUSTER} JOIN organizations o ON o.id = c.organization_id WHERE o.deletion_id IS NULL ORDER BY c.id"
    ))?;
    Ok(statement.query_map([], cluster)?.collect::<Result<_, _>>()?)
}

/// Whether there is any cluster.
pub(super) fn cluster_any(reader: &Reader<'_>) -> Result<bool, DbError> {
    Ok(reader.sql().prepare_cached("SELECT EXISTS (SELECT 1 FROM clusters)")?.query_row([], |row| row.get(0))?)
}

/// Changes a cluster's name and image.
pub(super) fn cluster_update(tx: &WriteTx<'_>, c: &Cluster) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached("UPDATE clusters SET name = ?2, image = ?3 WHERE id = ?1")?;
    statement.execute(params![c.id, c.name, c.image])?;
    Ok(())
}

/// Puts a new credential in the place of the one of this number; whether it was still that.
pub(super) fn credential_replace(
    tx: &WriteTx<'_>,
    c: &Cluster,
    access: &Access,
    sealed: &[u8],
) -> Result<bool, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "UPDATE clusters SET kind = ?2, server = ?3, authority = ?4, credential_number = ?5, sealed = ?6, account = ?7,
            identity = coalesce(?8, identity)
         WHERE id = ?1 AND credential_number = ?5 - 1",
    )?;
    let authority = access.authority.as_deref().unwrap_or_default();
    Ok(statement.execute(params![
        c.id,
        c.kind.as_str(),
        c.server,
        authority,
        c.credential,
        sealed,
        c.account,
        c.identity
    ])? > 0)
}

/// Notes what a look saw; whether it is something new.
pub(super) fn cluster_seen(
    tx: &WriteTx<'_>,
    id: Id<kinds::Cluster>,
    seen: &Seen,
    now: Timestamp,
) -> Result<bool, DbError> {
    let (state, version, message) = match seen {
        Seen::Reachable { version } => (ClusterState::Reachable, Some(version), None),
        Seen::Unreachable { message } => (ClusterState::Unreachable, None, Some(message)),
    };
    let mut statement = tx.sql().prepare_cached(
        "UPDATE clusters SET state_since = CASE WHEN state = ?2 THEN state_since ELSE ?5 END, state = ?2,
            version = coalesce(?3, version), message = ?4
         WHERE id = ?1 AND (state <> ?2 OR message IS NOT ?4 OR (?3 IS NOT NULL AND version IS NOT ?3))",
    )?;
    Ok(statement.execute(params![id, state.as_str(), version, message, now])? > 0)
}

/// Keeps what a preflight found.
pub(super) fn cluster_tested(
    tx: &WriteTx<'_>,
    id: Id<kinds::Cluster>,
    checks: &[Check],
    now: Timestamp,
) -> Result<(), DbError> {
    let text = serde_json::to_string(checks).map_err(|_| DbError::Corrupt("a check is no JSON".into()))?;
    let mut statement = tx.sql().prepare_cached("UPDATE clusters SET checks = ?2, tested_at = ?3 WHERE id = ?1")?;
    statement.execute(params![id, text, now])?;
    Ok(())
}

/// Removes a cluster.
pub(super) fn cluster_delete(tx: &WriteTx<'_>, id: Id<kinds::Cluster>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM clusters WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Notes that an environment runs on a cluster, and on no other.
pub(super) fn use_set(
    tx: &WriteTx<'_>,
    environment: Id<kinds::Environment>,
    cluster: Option<Id<kinds::Cluster>>,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "DELETE FROM cluster_uses WHERE environment_id = ?1 AND cluster_id IS NOT ?2";
    tx.sql().prepare_cached(sql)?.execute(params![environment, cluster])?;
    if let Some(cluster) = cluster {
        let sql =
            "INSERT INTO cluster_uses (cluster_id, environment_id, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        tx.sql().prepare_cached(sql)?.execute(params![cluster, environment, now])?;
    }
    Ok(())
}

const SEALED: &str = "SELECT id, name, credential_number, server, authority, sealed FROM clusters";

fn sealed(row: &Row<'_>) -> rusqlite::Result<SealedCluster> {
    Ok(SealedCluster {
        id: row.get(0)?,
        name: row.get(1)?,
        number: row.get(2)?,
        server: row.get(3)?,
        authority: row.get(4)?,
        sealed: row.get(5)?,
    })
}

/// What opens a cluster, sealed, and whose it is.
pub(super) fn sealed_get(
    reader: &Reader<'_>,
    id: Id<kinds::Cluster>,
) -> Result<Option<(Id<kinds::Organization>, SealedCluster)>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT id, name, credential_number, server, authority, sealed, organization_id FROM clusters WHERE id = ?1",
    )?;
    Ok(statement.query_row([id], |row| Ok((row.get(6)?, sealed(row)?))).optional()?)
}

/// How many sealed credentials an organization has.
pub(super) fn sealed_count(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError> {
    let sql = "SELECT count(*) FROM clusters WHERE organization_id = ?1";
    let count: i64 = reader.sql().prepare_cached(sql)?.query_row([organization], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// An organization's sealed credentials behind this one, by id.
pub(super) fn sealed_page(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    after: Id<kinds::Cluster>,
    rows: usize,
) -> Result<Vec<SealedCluster>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{SEALED} WHERE organization_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3"))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![organization, after, rows], sealed)?.collect::<Result<_, _>>()?)
}

/// Whether a credential is sealed under a key older than `than`: bytes 2 to 5 of what is stored name the key.
pub(super) fn sealed_has_older(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    than: u32,
) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM clusters WHERE organization_id = ?1 AND substr(sealed, 3, 4) < ?2)";
    let than = than.to_be_bytes();
    Ok(reader.sql().prepare_cached(sql)?.query_row(params![organization, than], |row| row.get(0))?)
}

/// Puts newly sealed bytes in the place of exactly those that were read.
pub(super) fn sealed_replace(
    tx: &WriteTx<'_>,
    id: Id<kinds::Cluster>,
    old: &[u8],
    new: &[u8],
) -> Result<bool, DbError> {
    let sql = "UPDATE clusters SET sealed = ?3 WHERE id = ?1 AND sealed = ?2";
    Ok(tx.sql().prepare_cached(sql)?.execute(params![id, old, new])? > 0)
}
