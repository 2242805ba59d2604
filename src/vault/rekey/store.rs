//! SQL of rotations, and of the rows that are sealed anew.

use rusqlite::{OptionalExtension as _, Row, params};

use super::model::{KeyRotation, Place, RotationState};
use super::proposals::ProposalRow;
use super::table::{Most, VersionRow};
use crate::db::{DbError, Number, Reader, WriteTx};
use crate::types::{Id, kinds};
use crate::vault::approval::{ITEM, item};
use crate::vault::store::{COLUMNS, version};

/// Rotations looked at in one run of the job at most; the others wait for the next.
const OPEN_MAX: u32 = 100;

const ROTATION: &str = "SELECT organization_id, to_version, state, place, after, total, seen, sealed, unopened, reason,
    started_at, started_by, updated_at, finished_at FROM key_rotations";

fn rotation(row: &Row<'_>) -> rusqlite::Result<KeyRotation> {
    let count = |index| row.get::<_, i64>(index).map(i64::unsigned_abs);
    let state: String = row.get(2)?;
    let broken = || rusqlite::Error::InvalidColumnType(2, "state".into(), rusqlite::types::Type::Text);
    Ok(KeyRotation {
        organization: row.get(0)?,
        to_version: row.get(1)?,
        state: RotationState::parse(&state).ok_or_else(broken)?,
        place: Place { table: row.get(3)?, after: row.get(4)? },
        total: count(5)?,
        seen: count(6)?,
        sealed: count(7)?,
        unopened: count(8)?,
        reason: row.get(9)?,
        started_at: row.get(10)?,
        started_by: row.get(11)?,
        updated_at: row.get(12)?,
        finished_at: row.get(13)?,
    })
}

/// The newest rotation of an organization.
pub(super) fn rotation_newest(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<Option<KeyRotation>, DbError> {
    let sql = format!("{ROTATION} WHERE organization_id = ?1 ORDER BY to_version DESC LIMIT 1");
    Ok(reader.sql().prepare_cached(&sql)?.query_row([organization], rotation).optional()?)
}

/// The rotations that go on by themselves: those that run and those that wait.
pub(super) fn rotation_open(reader: &Reader<'_>) -> Result<Vec<KeyRotation>, DbError> {
    let sql = format!("{ROTATION} WHERE state <> 'done' AND state <> 'paused' ORDER BY started_at LIMIT ?1");
    let mut statement = reader.sql().prepare_cached(&sql)?;
    Ok(statement.query_map([OPEN_MAX], rotation)?.collect::<Result<_, _>>()?)
}

/// Whether any rotation is in this state.
pub(super) fn rotation_exists(reader: &Reader<'_>, state: RotationState) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM key_rotations WHERE state <> 'done' AND state = ?1)";
    Ok(reader.sql().prepare_cached(sql)?.query_row([state.as_str()], |row| row.get(0))?)
}

/// Adds a rotation.
pub(super) fn rotation_insert(tx: &WriteTx<'_>, r: &KeyRotation) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO key_rotations (organization_id, to_version, state, total, started_at, started_by, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            r.organization,
            r.to_version,
            r.state.as_str(),
            i64::try_from(r.total).unwrap_or(i64::MAX),
            r.started_at,
            r.started_by,
            r.updated_at
        ])?;
    Ok(())
}

/// Stores how a rotation is now, unless it is no longer as it was: somebody paused it, or went on with it.
pub(super) fn rotation_update(tx: &WriteTx<'_>, was: &KeyRotation, is: &KeyRotation) -> Result<bool, DbError> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let changed = tx
        .sql()
        .prepare_cached(
            "UPDATE key_rotations SET state = ?6, place = ?7, after = ?8, seen = ?9, sealed = ?10, unopened = ?11,
                reason = ?12, updated_at = ?13, finished_at = ?14
             WHERE organization_id = ?1 AND to_version = ?2 AND state = ?3 AND place = ?4 AND after = ?5",
        )?
        .execute(params![
            was.organization,
            was.to_version,
            was.state.as_str(),
            was.place.table,
            was.place.after,
            is.state.as_str(),
            is.place.table,
            is.place.after,
            number(is.seen),
            number(is.sealed),
            number(is.unopened),
            is.reason,
            is.updated_at,
            is.finished_at
        ])?;
    Ok(changed > 0)
}

/// How many versions of secrets an organization has.
pub(super) fn version_count(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError> {
    let sql = "SELECT count(*) FROM secrets s CROSS JOIN secret_versions v ON v.secret_id = s.id
               WHERE s.organization_id = ?1";
    let count: i64 = reader.sql().prepare_cached(sql)?.query_row([organization], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// An organization's versions behind this one, by secret and number.
pub(super) fn version_page(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    secret: Id<kinds::SecretRow>,
    number: u32,
    most: Most,
) -> Result<Vec<VersionRow>, DbError> {
    // The join's order is the walk's: the index gives the secrets, each its versions.
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {COLUMNS} FROM secrets s CROSS JOIN secret_versions v ON v.secret_id = s.id
         WHERE s.organization_id = ?1 AND s.id >= ?2 AND (s.id > ?2 OR v.version > ?3)
         ORDER BY s.id, v.version LIMIT ?4"
    ))?;
    let limit = i64::try_from(most.rows).unwrap_or(i64::MAX);
    let mut found = statement.query(params![organization, secret, number, limit])?;
    let (mut rows, mut bytes) = (Vec::with_capacity(most.rows.min(1_024)), 0);
    while let Some(row) = found.next()? {
        let ciphertext: Vec<u8> = row.get(10)?;
        bytes += ciphertext.len();
        rows.push(VersionRow { secret: row.get(0)?, number: row.get(6)?, ciphertext, version: version(row).ok() });
        if bytes >= most.bytes {
            break;
        }
    }
    Ok(rows)
}

/// Whether a version is sealed under a key older than `than`: bytes 2 to 5 of what is stored name the key.
pub(super) fn version_has_older(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    than: u32,
) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM secrets s CROSS JOIN secret_versions v ON v.secret_id = s.id
               WHERE s.organization_id = ?1 AND substr(v.ciphertext, 3, 4) < ?2)";
    let than = than.to_be_bytes();
    Ok(reader.sql().prepare_cached(sql)?.query_row(params![organization, than], |row| row.get(0))?)
}

/// Puts newly sealed bytes, which bind what stands beside them, in the place of exactly those that were read.
pub(super) fn version_reseal(
    tx: &WriteTx<'_>,
    secret: Id<kinds::SecretRow>,
    number: u32,
    old: &[u8],
    new: &[u8],
) -> Result<bool, DbError> {
    let sql = "UPDATE secret_versions SET ciphertext = ?4, bound = 1
               WHERE secret_id = ?1 AND version = ?2 AND ciphertext = ?3";
    // What is kept in memory is sealed under the key that ends.
    tx.raise_number(Number::Values);
    Ok(tx.sql().prepare_cached(sql)?.execute(params![secret, number, old, new])? > 0)
}

/// How many sealed proposals an organization has.
pub(super) fn proposal_count(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError> {
    let sql = "SELECT count(*) FROM approval_requests r CROSS JOIN approval_items i ON i.request_id = r.id
               WHERE r.organization_id = ?1 AND i.ciphertext IS NOT NULL";
    let count: i64 = reader.sql().prepare_cached(sql)?.query_row([organization], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// An organization's sealed proposals behind this one, by request and place in it.
pub(super) fn proposal_page(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    request: Id<kinds::Approval>,
    position: i64,
    most: Most,
) -> Result<Vec<ProposalRow>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {ITEM}, i.request_id, r.environment_id, i.position
         FROM approval_requests r CROSS JOIN approval_items i ON i.request_id = r.id
         WHERE r.organization_id = ?1 AND r.id >= ?2 AND (r.id > ?2 OR i.position > ?3) AND i.ciphertext IS NOT NULL
         ORDER BY r.id, i.position LIMIT ?4"
    ))?;
    let limit = i64::try_from(most.rows).unwrap_or(i64::MAX);
    let mut found = statement.query(params![organization, request, position, limit])?;
    let (mut rows, mut bytes) = (Vec::with_capacity(most.rows.min(1_024)), 0);
    while let Some(row) = found.next()? {
        let ciphertext: Vec<u8> = row.get(9)?;
        bytes += ciphertext.len();
        let (request, environment, position) = (row.get(11)?, row.get(12)?, row.get(13)?);
        rows.push(ProposalRow { request, environment, position, ciphertext, item: item(row).ok() });
        if bytes >= most.bytes {
            break;
        }
    }
    Ok(rows)
}

/// Whether a proposal is sealed under a key older than `than`.
pub(super) fn proposal_has_older(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    than: u32,
) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM approval_requests r CROSS JOIN approval_items i ON i.request_id = r.id
               WHERE r.organization_id = ?1 AND substr(i.ciphertext, 3, 4) < ?2)";
    let than = than.to_be_bytes();
    Ok(reader.sql().prepare_cached(sql)?.query_row(params![organization, than], |row| row.get(0))?)
}

/// Puts newly sealed bytes in the place of exactly those that were read.
pub(super) fn proposal_reseal(
    tx: &WriteTx<'_>,
    request: Id<kinds::Approval>,
    position: u32,
    old: &[u8],
    new: &[u8],
) -> Result<bool, DbError> {
    let sql = "UPDATE approval_items SET ciphertext = ?4 WHERE request_id = ?1 AND position = ?2 AND ciphertext = ?3";
    Ok(tx.sql().prepare_cached(sql)?.execute(params![request, position, old, new])? > 0)
}
