//! SQL of runtimes, their revisions, and what was seen of them.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row, params, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ending::warning;
use super::model::{
    Condition, ConditionKind, OnFailure, Revision, RevisionState, Runtime, ServiceState, ServiceWord, Status, Wish,
    Word,
};
use super::running::Counts;
use crate::db::{DbError, Reader, WriteTx};
use crate::runtime::blueprint::Label;
use crate::types::{Id, ParseError, Timestamp, kinds};

/// Revisions a list shows at most, and that are kept.
pub(super) const REVISIONS_MAX: u32 = 50;

type EnvironmentId = Id<kinds::Environment>;

const RUNTIME: &str = "SELECT environment_id, organization_id, cluster_id, namespace, wish, revision, healthy,
    generation, word, changed_at, changed_by, seen_at, expires_at FROM runtimes";
const REVISION: &str = "SELECT revision, blueprint_version, plan, names, replicas, restarts, on_failure, state, reason,
    author, created_at, settled_at, images, pins FROM runtime_revisions";

fn broken(index: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(index, "runtime".into(), rusqlite::types::Type::Text)
}

fn word<T>(row: &Row<'_>, index: usize, parse: impl Fn(&str) -> Result<T, ParseError>) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str().map_err(|_| broken(index))?;
    parse(text).map_err(|_| broken(index))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str().map_err(|_| broken(index))?;
    serde_json::from_str(text).map_err(|_| broken(index))
}

fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn label(row: &Row<'_>, index: usize) -> rusqlite::Result<Label> {
    let text = row.get_ref(index)?.as_str().map_err(|_| broken(index))?;
    Label::parse(text).map_err(|_| broken(index))
}

fn runtime(row: &Row<'_>) -> rusqlite::Result<Runtime> {
    Ok(Runtime {
        environment: row.get(0)?,
        organization: row.get(1)?,
        cluster: row.get(2)?,
        namespace: row.get(3)?,
        wish: word(row, 4, Wish::parse)?,
        revision: row.get(5)?,
        healthy: row.get(6)?,
        generation: u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
        word: word(row, 8, Word::parse)?,
        changed_at: row.get(9)?,
        changed_by: row.get(10)?,
        seen_at: row.get(11)?,
        expires_at: row.get(12)?,
    })
}

/// The runtime of an environment, also one that was destroyed.
pub(in crate::runtime) fn runtime_get(
    reader: &Reader<'_>,
    environment: EnvironmentId,
) -> Result<Option<Runtime>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{RUNTIME} WHERE environment_id = ?1"))?;
    Ok(statement.query_row([environment], runtime).optional()?)
}

/// The runtimes on a cluster of which something is left.
pub(in crate::runtime) fn runtime_on(
    reader: &Reader<'_>,
    cluster: Id<kinds::Cluster>,
    rows: u32,
) -> Result<Vec<Runtime>, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("{RUNTIME} WHERE cluster_id = ?1 AND word <> 'deleted' LIMIT ?2"))?;
    Ok(statement.query_map(params![cluster, rows], runtime)?.collect::<Result<_, _>>()?)
}

/// Clusters that something runs on.
pub(in crate::runtime) fn runtime_clusters(reader: &Reader<'_>, rows: u32) -> Result<Vec<Id<kinds::Cluster>>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached("SELECT DISTINCT cluster_id FROM runtimes WHERE word <> 'deleted' ORDER BY 1 LIMIT ?1")?;
    Ok(statement.query_map([rows], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// What runs of an organization, in order of environment.
pub(super) fn runtime_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    rows: u32,
) -> Result<Vec<Runtime>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{RUNTIME} WHERE organization_id = ?1 AND word <> 'deleted' ORDER BY environment_id LIMIT ?2"
    ))?;
    Ok(statement.query_map(params![organization, rows], runtime)?.collect::<Result<_, _>>()?)
}

/// How many services of these environments are ready, and how many are to run, in one query.
pub(super) fn service_counts(reader: &Reader<'_>, environments: &[EnvironmentId]) -> Result<Counts, DbError> {
    let marks = vec!["?"; environments.len()].join(", ");
    let mut statement = reader.sql().prepare(&format!(
        "SELECT environment_id, SUM(wanted > 0 AND ready >= wanted), SUM(wanted > 0) FROM runtime_services
         WHERE environment_id IN ({marks}) GROUP BY environment_id"
    ))?;
    let rows =
        statement.query_map(params_from_iter(environments), |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts a runtime down, or what is wished for it now.
pub(super) fn runtime_put(tx: &WriteTx<'_>, r: &Runtime) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO runtimes (environment_id, organization_id, cluster_id, namespace, wish, revision, healthy,
                generation, word, changed_at, changed_by, seen_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (environment_id) DO UPDATE SET cluster_id = ?3, namespace = ?4, wish = ?5, revision = ?6,
                healthy = ?7, generation = ?8, word = ?9, changed_at = ?10, changed_by = ?11, expires_at = ?13",
        )?
        .execute(params![
            r.environment,
            r.organization,
            r.cluster,
            r.namespace,
            r.wish.as_str(),
            r.revision,
            r.healthy,
            i64::try_from(r.generation).unwrap_or(i64::MAX),
            r.word.as_str(),
            r.changed_at,
            r.changed_by,
            r.seen_at,
            r.expires_at
        ])?;
    Ok(())
}

/// Notes what was seen of a runtime.
pub(in crate::runtime) fn runtime_seen(
    tx: &WriteTx<'_>,
    environment: EnvironmentId,
    word: Word,
    healthy: Option<u32>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE runtimes SET word = ?2, healthy = ?3, seen_at = ?4 WHERE environment_id = ?1")?
        .execute(params![environment, word.as_str(), healthy, now])?;
    Ok(())
}

/// Notes that the cluster of these runtimes does not answer.
pub(in crate::runtime) fn runtime_lost(tx: &WriteTx<'_>, cluster: Id<kinds::Cluster>) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "UPDATE runtimes SET word = 'unreachable' WHERE cluster_id = ?1 AND word NOT IN ('deleted', 'unreachable')",
    )?;
    Ok(statement.execute([cluster])?)
}

/// Notes that what is written of these runtimes is true still: their cluster answers, and nothing moved.
pub(in crate::runtime) fn runtime_still(
    tx: &WriteTx<'_>,
    cluster: Id<kinds::Cluster>,
    now: Timestamp,
) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached(
        "UPDATE runtimes SET seen_at = ?2 WHERE cluster_id = ?1 AND word NOT IN ('deleted', 'unreachable')",
    )?;
    statement.execute(params![cluster, now])?;
    Ok(())
}

/// Sets when a runtime is destroyed by itself, and when somebody is told before.
pub(super) fn end_put(
    tx: &WriteTx<'_>,
    environment: EnvironmentId,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE runtimes SET expires_at = ?2 WHERE environment_id = ?1")?
        .execute(params![environment, expires_at])?;
    tx.sql().prepare_cached("DELETE FROM runtime_ends WHERE environment_id = ?1")?.execute([environment])?;
    if let Some(at) = expires_at {
        tx.sql()
            .prepare_cached("INSERT INTO runtime_ends (environment_id, warn_at) VALUES (?1, ?2)")?
            .execute(params![environment, at.minus(warning(at.since(now)))])?;
    }
    Ok(())
}

/// From when on a runtime is said to end soon.
pub(super) fn end_warn_at(reader: &Reader<'_>, environment: EnvironmentId) -> Result<Option<Timestamp>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT warn_at FROM runtime_ends WHERE environment_id = ?1")?;
    Ok(statement.query_row([environment], |row| row.get(0)).optional()?)
}

/// What ends soon, and whom it concerns.
pub(super) struct Ending {
    pub(super) environment: EnvironmentId,
    pub(super) organization: Id<kinds::Organization>,
    pub(super) expires_at: Timestamp,
    /// Who deployed what runs.
    pub(super) author: String,
}

/// What ends soon and nobody was told of yet.
pub(super) fn ends_due(reader: &Reader<'_>, now: Timestamp, rows: u32) -> Result<Vec<Ending>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT r.environment_id, r.organization_id, r.expires_at, v.author
         FROM runtime_ends e JOIN runtimes r ON r.environment_id = e.environment_id
         JOIN runtime_revisions v ON v.environment_id = r.environment_id AND v.revision = r.revision
         WHERE e.warned_at IS NULL AND e.warn_at <= ?1 AND r.expires_at > ?1 AND r.wish <> 'destroyed'
         ORDER BY e.warn_at LIMIT ?2",
    )?;
    let rows = statement.query_map(params![now, rows], |row| {
        Ok(Ending { environment: row.get(0)?, organization: row.get(1)?, expires_at: row.get(2)?, author: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that somebody was told.
pub(super) fn end_warned(tx: &WriteTx<'_>, environment: EnvironmentId, now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE runtime_ends SET warned_at = ?2 WHERE environment_id = ?1")?
        .execute(params![environment, now])?;
    Ok(())
}

fn revision(row: &Row<'_>) -> rusqlite::Result<Revision> {
    let plan: Option<String> = row.get(2)?;
    Ok(Revision {
        number: row.get(0)?,
        blueprint: row.get(1)?,
        plan: plan.map(|plan| Label::parse(&plan).map_err(|_| broken(2))).transpose()?,
        names: json(row, 3)?,
        replicas: labelled(json(row, 4)?),
        restarts: labelled(json(row, 5)?),
        on_failure: word(row, 6, OnFailure::parse)?,
        state: word(row, 7, RevisionState::parse)?,
        reason: row.get(8)?,
        author: row.get(9)?,
        created_at: row.get(10)?,
        settled_at: row.get(11)?,
        images: labelled(json(row, 12)?),
        pins: labelled(json(row, 13)?),
    })
}

fn labelled<T>(map: BTreeMap<String, T>) -> BTreeMap<Label, T> {
    map.into_iter().filter_map(|(label, value)| Some((Label::parse(&label).ok()?, value))).collect()
}

fn unlabelled<T>(map: &BTreeMap<Label, T>) -> BTreeMap<&str, &T> {
    map.iter().map(|(label, value)| (label.as_str(), value)).collect()
}

/// A revision of an environment.
pub(in crate::runtime) fn revision_get(
    reader: &Reader<'_>,
    environment: EnvironmentId,
    number: u32,
) -> Result<Option<Revision>, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("{REVISION} WHERE environment_id = ?1 AND revision = ?2"))?;
    Ok(statement.query_row(params![environment, number], revision).optional()?)
}

/// The revisions of an environment, newest first.
pub(super) fn revision_list(reader: &Reader<'_>, environment: EnvironmentId) -> Result<Vec<Revision>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{REVISION} WHERE environment_id = ?1 ORDER BY revision DESC LIMIT ?2"))?;
    Ok(statement.query_map(params![environment, REVISIONS_MAX], revision)?.collect::<Result<_, _>>()?)
}

/// Adds a revision; what was on its way is so no more, and what nobody will go back to is forgotten.
pub(super) fn revision_insert(tx: &WriteTx<'_>, environment: EnvironmentId, r: &Revision) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "UPDATE runtime_revisions SET state = 'superseded', settled_at = ?2
             WHERE environment_id = ?1 AND state = 'rolling'",
        )?
        .execute(params![environment, r.created_at])?;
    tx.sql()
        .prepare_cached(
            "INSERT INTO runtime_revisions (environment_id, revision, blueprint_version, plan, names, replicas,
                restarts, on_failure, state, reason, author, created_at, images, pins)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            environment,
            r.number,
            r.blueprint,
            r.plan.as_ref().map(Label::as_str),
            text(&r.names),
            text(&unlabelled(&r.replicas)),
            text(&unlabelled(&r.restarts)),
            r.on_failure.as_str(),
            r.state.as_str(),
            r.reason,
            r.author,
            r.created_at,
            text(&unlabelled(&r.images)),
            text(&unlabelled(&r.pins))
        ])?;
    tx.sql()
        .prepare_cached(
            "DELETE FROM runtime_revisions WHERE environment_id = ?1 AND revision <= ?2 AND revision <> ifnull(
                (SELECT healthy FROM runtimes WHERE environment_id = ?1), 0)",
        )?
        .execute(params![environment, i64::from(r.number) - i64::from(REVISIONS_MAX)])?;
    Ok(())
}

/// Notes how a revision came out.
pub(in crate::runtime) fn revision_settle(
    tx: &WriteTx<'_>,
    environment: EnvironmentId,
    number: u32,
    state: RevisionState,
    reason: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "UPDATE runtime_revisions SET state = ?3, reason = ?4, settled_at = ?5
             WHERE environment_id = ?1 AND revision = ?2",
        )?
        .execute(params![environment, number, state.as_str(), reason, now])?;
    Ok(())
}

/// Notes which images a revision's pods run.
pub(in crate::runtime) fn revision_ran(
    tx: &WriteTx<'_>,
    environment: EnvironmentId,
    number: u32,
    images: &BTreeMap<Label, String>,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE runtime_revisions SET images = ?3 WHERE environment_id = ?1 AND revision = ?2")?
        .execute(params![environment, number, text(&unlabelled(images))])?;
    Ok(())
}

/// What is true of an environment, in the order of the words.
pub(in crate::runtime) fn condition_list(
    reader: &Reader<'_>,
    environment: EnvironmentId,
) -> Result<Vec<Condition>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT kind, status, reason, message, revision, since FROM runtime_conditions WHERE environment_id = ?1",
    )?;
    let rows = statement.query_map([environment], |row| {
        Ok(Condition {
            kind: word(row, 0, ConditionKind::parse)?,
            status: word(row, 1, Status::parse)?,
            reason: row.get(2)?,
            message: row.get(3)?,
            revision: row.get(4)?,
            since: row.get(5)?,
        })
    })?;
    let mut conditions = rows.collect::<Result<Vec<_>, _>>()?;
    conditions.sort_by_key(|c| c.kind);
    Ok(conditions)
}

/// Replaces what is true of an environment.
pub(in crate::runtime) fn condition_set(
    tx: &WriteTx<'_>,
    environment: EnvironmentId,
    conditions: &[Condition],
) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM runtime_conditions WHERE environment_id = ?1")?.execute([environment])?;
    let mut statement = tx.sql().prepare_cached(
        "INSERT INTO runtime_conditions (environment_id, kind, status, reason, message, revision, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for c in conditions {
        statement.execute(params![
            environment,
            c.kind.as_str(),
            c.status.as_str(),
            c.reason,
            c.message,
            c.revision,
            c.since
        ])?;
    }
    Ok(())
}

/// The services of an environment, in the order of the blueprint.
pub(in crate::runtime) fn service_list(
    reader: &Reader<'_>,
    environment: EnvironmentId,
) -> Result<Vec<ServiceState>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT service, wanted, ready, state, message, image, restarts, since FROM runtime_services
         WHERE environment_id = ?1 ORDER BY place",
    )?;
    let rows = statement.query_map([environment], |row| {
        Ok(ServiceState {
            service: label(row, 0)?,
            wanted: row.get(1)?,
            ready: row.get(2)?,
            word: word(row, 3, ServiceWord::parse)?,
            message: row.get(4)?,
            image: row.get(5)?,
            restarts: row.get(6)?,
            since: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replaces what the services of an environment do.
pub(in crate::runtime) fn service_set(
    tx: &WriteTx<'_>,
    environment: EnvironmentId,
    services: &[ServiceState],
) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM runtime_services WHERE environment_id = ?1")?.execute([environment])?;
    let mut statement = tx.sql().prepare_cached(
        "INSERT INTO runtime_services (environment_id, service, place, wanted, ready, state, message, image, restarts,
            since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for (place, s) in services.iter().enumerate() {
        statement.execute(params![
            environment,
            s.service.as_str(),
            i64::try_from(place).unwrap_or(i64::MAX),
            s.wanted,
            s.ready,
            s.word.as_str(),
            s.message,
            s.image,
            s.restarts,
            s.since
        ])?;
    }
    Ok(())
}

/// What was put into the cluster of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runtime) struct Put {
    pub(in crate::runtime) kind: String,
    pub(in crate::runtime) name: String,
    /// A hash of what was asked for.
    pub(in crate::runtime) asked: Vec<u8>,
    /// A hash of what the cluster made of it; none of what is never read.
    pub(in crate::runtime) made: Option<Vec<u8>>,
}

/// What was put into the cluster of an environment.
pub(in crate::runtime) fn object_list(reader: &Reader<'_>, environment: EnvironmentId) -> Result<Vec<Put>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT kind, name, asked, made FROM runtime_objects WHERE environment_id = ?1")?;
    let rows = statement.query_map([environment], |row| {
        Ok(Put { kind: row.get(0)?, name: row.get(1)?, asked: row.get(2)?, made: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes what was put into the cluster.
pub(in crate::runtime) fn object_put(tx: &WriteTx<'_>, environment: EnvironmentId, put: &Put) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO runtime_objects (environment_id, kind, name, asked, made) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (environment_id, kind, name) DO UPDATE SET asked = ?4, made = ?5",
        )?
        .execute(params![environment, put.kind, put.name, put.asked, put.made])?;
    Ok(())
}

/// Forgets an object that is gone from the cluster.
pub(in crate::runtime) fn object_forget(
    tx: &WriteTx<'_>,
    environment: EnvironmentId,
    kind: &str,
    name: &str,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("DELETE FROM runtime_objects WHERE environment_id = ?1 AND kind = ?2 AND name = ?3")?
        .execute(params![environment, kind, name])?;
    Ok(())
}

/// Forgets everything that was in the cluster: its namespace is gone.
pub(in crate::runtime) fn object_forget_all(tx: &WriteTx<'_>, environment: EnvironmentId) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM runtime_objects WHERE environment_id = ?1")?.execute([environment])?;
    Ok(())
}
