//! SQL of tables and trees: what many rows tell, in one query each.

use std::collections::HashMap;

use rusqlite::params;

use crate::db::{DbError, Reader};
use crate::types::{Id, Timestamp, kinds};
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::store::{StoredReference, VersionState};

/// Most names of a search that are looked at for whoever asks.
const LIKE_MAX: u32 = 400;
/// Most names of a search that are put in order.
const LIKE_ORDERED: u32 = 5_000;

/// What the newest versions of an environment refer to, with the secret that does.
pub(super) fn environment_references(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
) -> Result<Vec<(Id<kinds::SecretRow>, StoredReference)>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT r.secret_id, r.target_environment_id, r.late, r.target_path, r.target_name
         FROM secrets s JOIN secret_references r ON r.secret_id = s.id WHERE s.environment_id = ?1
         ORDER BY r.target_name, r.target_path, r.target_environment_id",
    )?;
    let found = statement.query_map([environment], |row| {
        let broken = |i| rusqlite::Error::InvalidColumnType(i, "reference".into(), rusqlite::types::Type::Text);
        let reference = StoredReference {
            environment: row.get(1)?,
            late: row.get(2)?,
            path: FolderPath::parse(&row.get::<_, String>(3)?).map_err(|_| broken(3))?,
            name: SecretName::parse_any(&row.get::<_, String>(4)?).map_err(|_| broken(4))?,
        };
        Ok((row.get(0)?, reference))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A use of a secret: when, and by whom.
pub(super) type Use = (Timestamp, String);

/// Who had an environment's values last, and when.
pub(super) fn environment_uses(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
) -> Result<Vec<(Id<kinds::SecretRow>, Use)>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT u.secret_id, u.used_at, u.used_by FROM secrets s JOIN secret_uses u ON u.secret_id = s.id
         WHERE s.environment_id = ?1",
    )?;
    let found = statement.query_map([environment], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A name as it is counted.
pub(super) struct CountedName {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) state: VersionState,
    pub(super) written_at: Timestamp,
}

/// The names of each environment of a project.
pub(super) type ProjectNames = HashMap<Id<kinds::Environment>, Vec<CountedName>>;

/// Every name of a project that is not deleted, by the environment that stores it.
pub(super) fn names_of_project(reader: &Reader<'_>, project: Id<kinds::Project>) -> Result<ProjectNames, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT s.environment_id, s.path, s.name, v.state, v.created_at
         FROM environments e JOIN secrets s ON s.environment_id = e.id
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version
         WHERE e.project_id = ?1 AND e.deletion_id IS NULL AND v.state <> 'deleted'",
    )?;
    let mut names = ProjectNames::new();
    let mut found = statement.query([project])?;
    while let Some(row) = found.next()? {
        let broken = || rusqlite::Error::InvalidColumnType(3, "secret".into(), rusqlite::types::Type::Text);
        let state = VersionState::parse(&row.get::<_, String>(3)?).ok_or_else(broken)?;
        let name = CountedName { path: row.get(1)?, name: row.get(2)?, state, written_at: row.get(4)? };
        names.entry(row.get(0)?).or_default().push(name);
    }
    Ok(names)
}

/// Names of an organization that hold `letters`, which are upper case, those that begin with them first. Of letters that
/// thousands of names hold, the best of the first thousands are told, and every name that is just these letters: to put all
/// in order takes longer than somebody types.
pub(super) fn names_like(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    letters: &str,
) -> Result<Vec<(Id<kinds::Environment>, String, String)>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT s.environment_id, s.path, s.name FROM (
             SELECT * FROM (SELECT id, version, environment_id, path, name FROM secrets
                            WHERE organization_id = ?1 AND upper(name) = ?2 LIMIT ?3)
             UNION
             SELECT * FROM (SELECT id, version, environment_id, path, name FROM secrets
                            WHERE organization_id = ?1 AND instr(upper(name), ?2) > 0 LIMIT ?4)
         ) s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version
         WHERE v.state <> 'deleted'
         ORDER BY instr(upper(s.name), ?2) > 1, length(s.name), s.name, s.path LIMIT ?3",
    )?;
    let asked = params![organization, letters, LIKE_MAX, LIKE_ORDERED];
    let found = statement.query_map(asked, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}
