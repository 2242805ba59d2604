//! SQL of versions by their place in the ledger.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use crate::db::{DbError, Reader};
use crate::orgs::past::Cut;
use crate::types::{Id, kinds};
use crate::vault::model::{FolderPath, SecretName, Visibility};
use crate::vault::store::{COLUMNS, SecretVersion, VersionState, version};

/// The version a name had at a place, and who may see its newest one.
pub(super) struct Then {
    pub(super) version: Arc<SecretVersion>,
    pub(super) newest: Visibility,
}

/// What a list tells of the version a name had at a place.
pub(super) struct Listed {
    pub(super) id: Id<kinds::SecretRow>,
    pub(super) path: FolderPath,
    pub(super) name: SecretName,
    pub(super) version: u32,
    pub(super) state: VersionState,
    pub(super) visibility: Visibility,
    pub(super) interpolate: bool,
    /// Who may see the newest version.
    pub(super) newest: Visibility,
}

/// The place of the version that a secret `s` had at the place `?1`: one step into an index, however many there are.
const AT: &str = "(SELECT z.seq, z.version FROM secret_versions z
    WHERE z.secret_id = s.id AND z.seq <= ?1 ORDER BY z.seq DESC, z.version DESC LIMIT 1)";
/// The row of the same version, for what reads all of it: the index names it, so that it is not looked up twice.
const ROW_AT: &str = "(SELECT z.rowid FROM secret_versions z
    WHERE z.secret_id = s.id AND z.seq <= ?1 ORDER BY z.seq DESC, z.version DESC LIMIT 1)";
/// Who may see the newest version of a secret `s`.
const NEWEST: &str = "s.visibility";

fn broken(index: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(index, "secret".into(), rusqlite::types::Type::Text)
}

/// The text of a column as a word of ours.
fn word<T>(row: &Row<'_>, index: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str().map_err(|_| broken(index))?;
    parse(text).ok_or_else(|| broken(index))
}

fn visibility(text: &str) -> Option<Visibility> {
    Visibility::parse(text).ok()
}

fn then(row: &Row<'_>) -> rusqlite::Result<Then> {
    Ok(Then { version: Arc::new(version(row)?), newest: word(row, 17, visibility)? })
}

/// The version of a name at a place, also one that says it was deleted.
pub(super) fn secret_at(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    name: &SecretName,
    cut: Cut,
) -> Result<Option<Then>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {COLUMNS}, {NEWEST} FROM secrets s JOIN secret_versions v ON v.rowid = {ROW_AT}
         WHERE s.environment_id = ?2 AND s.path = ?3 AND s.name = ?4"
    ))?;
    let found = statement.query_row(params![cut.as_sql(), environment, path.as_str(), name.as_str()], then);
    Ok(found.optional()?)
}

/// The versions the names of a folder had at a place, whole, without those that say they were deleted; with `beneath` of
/// those beneath it too.
pub(super) fn secret_list_whole_at(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    beneath: bool,
    cut: Cut,
) -> Result<Vec<Then>, DbError> {
    let place = within(path, beneath);
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {COLUMNS}, {NEWEST} FROM secrets s JOIN secret_versions v ON v.rowid = {ROW_AT}
         WHERE s.environment_id = ?2 AND {place} AND v.state <> 'deleted'"
    ))?;
    Ok(statement.query_map(params![cut.as_sql(), environment, path.as_str()], then)?.collect::<Result<_, _>>()?)
}

/// What the names of a folder had at a place, also those that say they were deleted; with `beneath` of those beneath
/// it too.
pub(super) fn secret_list_at(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    beneath: bool,
    cut: Cut,
) -> Result<Vec<Listed>, DbError> {
    let place = within(path, beneath);
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT s.id, s.path, s.name, v.version, v.state, v.visibility, v.interpolate, {NEWEST}
         FROM secrets s JOIN secret_versions v ON v.secret_id = s.id AND (v.seq, v.version) = {AT}
         WHERE s.environment_id = ?2 AND {place}"
    ))?;
    let listed = |row: &Row<'_>| {
        Ok(Listed {
            id: row.get(0)?,
            path: word(row, 1, |t| FolderPath::parse(t).ok())?,
            name: word(row, 2, |t| SecretName::parse_any(t).ok())?,
            version: row.get(3)?,
            state: word(row, 4, VersionState::parse)?,
            visibility: word(row, 5, visibility)?,
            interpolate: row.get(6)?,
            newest: word(row, 7, visibility)?,
        })
    };
    Ok(statement.query_map(params![cut.as_sql(), environment, path.as_str()], listed)?.collect::<Result<_, _>>()?)
}

/// A name whose newest version is not the one it had at a place.
pub(super) struct Changed {
    pub(super) id: Id<kinds::SecretRow>,
    pub(super) newest: u32,
    /// The version of then; none when it was not there.
    pub(super) then: Option<u32>,
}

/// The names of a folder and beneath it that were written since a place.
pub(super) fn changed_since(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    cut: Cut,
) -> Result<Vec<Changed>, DbError> {
    let place = within(path, true);
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT s.id, s.version AS newest, (SELECT z.version FROM secret_versions z
             WHERE z.secret_id = s.id AND z.seq <= ?1 ORDER BY z.seq DESC, z.version DESC LIMIT 1) AS past
         FROM secrets s WHERE s.environment_id = ?2 AND {place} AND newest IS NOT past ORDER BY s.path, s.name"
    ))?;
    let changed = |row: &Row<'_>| Ok(Changed { id: row.get(0)?, newest: row.get(1)?, then: row.get(2)? });
    Ok(statement.query_map(params![cut.as_sql(), environment, path.as_str()], changed)?.collect::<Result<_, _>>()?)
}

/// A deleted name, and the place of the write that deleted it.
pub(super) struct Deleted {
    pub(super) id: Id<kinds::SecretRow>,
    pub(super) version: u32,
    pub(super) visibility: Visibility,
    pub(super) seq: i64,
}

/// The deleted names of a folder and beneath it.
pub(super) fn deleted(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
) -> Result<Vec<Deleted>, DbError> {
    let place = within(path, true);
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT s.id, s.version, v.visibility, v.seq FROM secrets s
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version
         WHERE ?1 = ?1 AND s.environment_id = ?2 AND {place} AND v.state = 'deleted' ORDER BY s.path, s.name"
    ))?;
    let deleted = |row: &Row<'_>| {
        Ok(Deleted { id: row.get(0)?, version: row.get(1)?, visibility: word(row, 2, visibility)?, seq: row.get(3)? })
    };
    Ok(statement.query_map(params![0, environment, path.as_str()], deleted)?.collect::<Result<_, _>>()?)
}

/// The condition that a row is in the folder `?3`, or beneath it.
fn within(path: &FolderPath, beneath: bool) -> &'static str {
    match (beneath, path.is_root()) {
        (false, _) => "s.path = ?3",
        (true, true) => "?3 = ?3",
        // `0` is the character after `/`: everything that begins with the path and a slash.
        (true, false) => "(s.path = ?3 OR (s.path > ?3 || '/' AND s.path < ?3 || '0'))",
    }
}
