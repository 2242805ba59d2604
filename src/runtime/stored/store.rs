//! SQL of the blueprints of environments.

use rusqlite::{OptionalExtension, Row, params};

use super::{VERSIONS_MAX, Version};
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, kinds};

const VERSION: &str = "SELECT version, text, comment, lower(hex(digest)), saved_by, saved_at FROM blueprint_versions WHERE environment_id = ?1";

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        version: row.get(0)?,
        text: row.get(1)?,
        comment: row.get(2)?,
        digest: row.get(3)?,
        author: row.get(4)?,
        at: row.get(5)?,
    })
}

/// The newest version.
pub(super) fn version_newest(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
) -> Result<Option<Version>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{VERSION} ORDER BY version DESC LIMIT 1"))?;
    Ok(statement.query_row([environment], version).optional()?)
}

/// One version.
pub(super) fn version_get(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    number: u32,
) -> Result<Option<Version>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{VERSION} AND version = ?2"))?;
    Ok(statement.query_row(params![environment, number], version).optional()?)
}

/// The kept versions, newest first, each without its text.
pub(super) fn version_list(reader: &Reader<'_>, environment: Id<kinds::Environment>) -> Result<Vec<Version>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT version, '', comment, lower(hex(digest)), saved_by, saved_at FROM blueprint_versions
         WHERE environment_id = ?1 ORDER BY version DESC LIMIT {VERSIONS_MAX}"
    ))?;
    Ok(statement.query_map([environment], version)?.collect::<Result<_, _>>()?)
}

/// Adds a version, and forgets what is too old.
pub(super) fn version_insert(
    tx: &WriteTx<'_>,
    environment: Id<kinds::Environment>,
    added: &Version,
    digest: &[u8; 32],
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO blueprint_versions (environment_id, version, text, digest, comment, saved_at, saved_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            environment,
            added.version,
            added.text,
            digest.as_slice(),
            added.comment,
            added.at,
            added.author
        ])?;
    tx.sql()
        .prepare_cached("DELETE FROM blueprint_versions WHERE environment_id = ?1 AND version <= ?2")?
        .execute(params![environment, added.version.saturating_sub(VERSIONS_MAX)])?;
    Ok(())
}
