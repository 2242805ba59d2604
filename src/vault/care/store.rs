//! SQL of expiries, and of who has not been read.

use rusqlite::{OptionalExtension, Row, params};

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};
use crate::vault::model::{FolderPath, SecretName};

/// A secret nobody reads.
pub(super) struct Unread {
    pub(super) id: Id<kinds::SecretRow>,
    pub(super) path: FolderPath,
    pub(super) name: SecretName,
    pub(super) written_at: Timestamp,
    pub(super) used: Option<(Timestamp, String)>,
}

fn path(row: &Row<'_>, column: usize) -> rusqlite::Result<FolderPath> {
    let broken = || rusqlite::Error::InvalidColumnType(column, "path".into(), rusqlite::types::Type::Text);
    FolderPath::parse(&row.get::<_, String>(column)?).map_err(|_| broken())
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<SecretName> {
    let broken = || rusqlite::Error::InvalidColumnType(column, "name".into(), rusqlite::types::Type::Text);
    SecretName::parse_any(&row.get::<_, String>(column)?).map_err(|_| broken())
}

fn sql(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Secrets of an environment that were neither read nor written since `before`, by folder and name behind `after`.
pub(super) fn secrets_unread(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    before: Timestamp,
    after: (&str, &str),
    rows: usize,
) -> Result<Vec<Unread>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT s.id, s.path, s.name, v.created_at, u.used_at, u.used_by
         FROM secrets s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version
         LEFT JOIN secret_uses u ON u.secret_id = s.id
         WHERE s.environment_id = ?1 AND (s.path, s.name) > (?3, ?4) AND v.state = 'set'
           AND max(v.created_at, coalesce(u.used_at, 0)) < ?2
         ORDER BY s.path, s.name LIMIT ?5",
    )?;
    let found = statement.query_map(params![environment, before, after.0, after.1, sql(rows)], |row| {
        let used_at: Option<Timestamp> = row.get(4)?;
        Ok(Unread {
            id: row.get(0)?,
            path: path(row, 1)?,
            name: name(row, 2)?,
            written_at: row.get(3)?,
            used: used_at.zip(row.get(5)?),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A secret with an end.
pub(super) struct Ending {
    pub(super) id: Id<kinds::SecretRow>,
    pub(super) path: FolderPath,
    pub(super) name: SecretName,
    pub(super) expires_at: Timestamp,
    pub(super) set_by: String,
}

/// Secrets of an environment that expire before `before`, at most `rows`.
pub(super) fn secrets_ending(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    before: Timestamp,
    rows: usize,
) -> Result<Vec<Ending>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT s.id, s.path, s.name, x.expires_at, x.set_by
         FROM secret_expiries x JOIN secrets s ON s.id = x.secret_id
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version
         WHERE x.expires_at < ?2 AND s.environment_id = ?1 AND v.state = 'set' ORDER BY x.expires_at LIMIT ?3",
    )?;
    let found = statement.query_map(params![environment, before, sql(rows)], |row| {
        Ok(Ending {
            id: row.get(0)?,
            path: path(row, 1)?,
            name: name(row, 2)?,
            expires_at: row.get(3)?,
            set_by: row.get(4)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// When a secret expires, and who said so.
pub(super) fn expiry_get(
    reader: &Reader<'_>,
    id: Id<kinds::SecretRow>,
) -> Result<Option<(Timestamp, String)>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT expires_at, set_by FROM secret_expiries WHERE secret_id = ?1")?;
    Ok(statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Says when a secret expires, or with none that it does not.
pub(super) fn expiry_set(
    tx: &WriteTx<'_>,
    id: Id<kinds::SecretRow>,
    at: Option<Timestamp>,
    by: &str,
) -> Result<(), DbError> {
    match at {
        Some(at) => tx
            .sql()
            .prepare_cached(
                "INSERT INTO secret_expiries (secret_id, expires_at, set_by, told) VALUES (?1, ?2, ?3, 'nothing')
                 ON CONFLICT (secret_id) DO UPDATE SET expires_at = excluded.expires_at, set_by = excluded.set_by,
                    told = 'nothing'",
            )?
            .execute(params![id, at, by])?,
        None => tx.sql().prepare_cached("DELETE FROM secret_expiries WHERE secret_id = ?1")?.execute([id])?,
    };
    Ok(())
}

/// A secret whose end was not told yet.
pub(super) struct Due {
    pub(super) id: Id<kinds::SecretRow>,
    pub(super) organization: Id<kinds::Organization>,
    pub(super) environment: Id<kinds::Environment>,
    pub(super) expires_at: Timestamp,
    pub(super) set_by: String,
}

/// Secrets that expire before `soon` and were not told of, or have expired at `now` and were told of before only.
pub(super) fn expiries_due(
    reader: &Reader<'_>,
    now: Timestamp,
    soon: Timestamp,
    rows: usize,
) -> Result<Vec<Due>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT s.id, s.organization_id, s.environment_id, x.expires_at, x.set_by
         FROM secret_expiries x JOIN secrets s ON s.id = x.secret_id
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version
         JOIN environments e ON e.id = s.environment_id
         WHERE x.expires_at < ?2 AND (x.told = 'nothing' OR (x.told = 'soon' AND x.expires_at <= ?1))
           AND v.state = 'set' AND e.deletion_id IS NULL
         ORDER BY s.organization_id, x.expires_at LIMIT ?3",
    )?;
    let found = statement.query_map(params![now, soon, sql(rows)], |row| {
        Ok(Due {
            id: row.get(0)?,
            organization: row.get(1)?,
            environment: row.get(2)?,
            expires_at: row.get(3)?,
            set_by: row.get(4)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Notes what was told of a secret's end.
pub(super) fn expiry_told(tx: &WriteTx<'_>, id: Id<kinds::SecretRow>, is_over: bool) -> Result<(), DbError> {
    let told = if is_over { "expired" } else { "soon" };
    tx.sql().prepare_cached("UPDATE secret_expiries SET told = ?2 WHERE secret_id = ?1")?.execute(params![id, told])?;
    Ok(())
}
