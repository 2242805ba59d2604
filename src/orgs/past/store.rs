//! SQL of moments and of where environments hung.

use rusqlite::{OptionalExtension, params};

use super::Cut;
use crate::db::{DbError, Reader, WriteTx};
use crate::orgs::environment::Environment;
use crate::types::{Id, Timestamp, kinds};

/// A moment without a later one lasts until the end of time.
const ALWAYS: i64 = i64::MAX;
/// The place of the event that this transaction records next.
const HERE: &str = "(SELECT coalesce(max(seq) + 1, 0) FROM ledger_events)";

/// Notes that the organization's secrets or tree change now, at the place of the event that is recorded next.
pub(crate) fn moment_insert(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    at: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE moments SET until = ?2 WHERE organization_id = ?1 AND until > ?2")?
        .execute(params![organization, at])?;
    tx.sql()
        .prepare_cached(&format!(
            "INSERT INTO moments (organization_id, seq, at, until) VALUES (?1, {HERE}, ?2, ?3)
             ON CONFLICT (organization_id, seq) DO UPDATE SET until = excluded.until"
        ))?
        .execute(params![organization, at, ALWAYS])?;
    Ok(())
}

/// The last change of the organization, in the ledger's order, that was made at or before a time.
pub(crate) fn moment_get(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    at: Timestamp,
) -> Result<Option<Cut>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT seq, at <= ?2 FROM moments WHERE organization_id = ?1 AND until > ?2 ORDER BY until, seq LIMIT 1",
    )?;
    let found: Option<(i64, bool)> =
        statement.query_row(params![organization, at], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.filter(|(_, begun)| *begun).map(|(seq, _)| Cut(seq)))
}

/// Notes where an environment hangs from here on, if that is new.
pub(crate) fn place_set(tx: &WriteTx<'_>, e: &Environment, at: Timestamp) -> Result<(), DbError> {
    let newest = "SELECT parent_id FROM environment_places WHERE environment_id = ?1 ORDER BY seq DESC LIMIT 1";
    let noted = tx
        .sql()
        .prepare_cached(&format!(
            "INSERT INTO environment_places (environment_id, seq, parent_id) SELECT ?1, {HERE}, ?2
             WHERE ?2 IS NOT ({newest}) OR NOT EXISTS ({newest})
             ON CONFLICT (environment_id, seq) DO UPDATE SET parent_id = excluded.parent_id"
        ))?
        .execute(params![e.id, e.parent])?;
    if noted > 0 { moment_insert(tx, e.organization, at) } else { Ok(()) }
}

/// The parent an environment had at a place; none when it was not there yet.
#[expect(clippy::option_option, reason = "not there, and there without a parent, are two things")]
pub(crate) fn parent_at(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    cut: Cut,
) -> Result<Option<Option<Id<kinds::Environment>>>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT parent_id FROM environment_places WHERE environment_id = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
    )?;
    Ok(statement.query_row(params![environment, cut.as_sql()], |row| row.get(0)).optional()?)
}
