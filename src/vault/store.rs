//! SQL of secrets and their versions.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use rusqlite::{OptionalExtension, Row, params};

use super::model::{FolderPath, SecretName, Visibility};
use crate::db::{DbError, Number, Reader, WriteTx};
use crate::orgs::past;
use crate::types::{Id, Timestamp, kinds};

/// What a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// It has a value.
    Set,
    /// It hides what would be inherited.
    Unset,
    /// The name is gone until a newer version.
    Deleted,
}

impl VersionState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Unset => "unset",
            Self::Deleted => "deleted",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Set, Self::Unset, Self::Deleted].into_iter().find(|s| s.as_str() == text)
    }
}

/// A stored secret at one version, sealed.
#[derive(Debug, Clone)]
pub struct SecretVersion {
    /// The secret.
    pub id: Id<kinds::SecretRow>,
    /// The environment that stores it.
    pub environment: Id<kinds::Environment>,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// The newest version.
    pub newest: u32,
    /// When the secret was first written.
    pub created_at: Timestamp,
    /// This version.
    pub version: u32,
    /// What this version is.
    pub state: VersionState,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether `${` begins a reference in it.
    pub interpolate: bool,
    /// The value, sealed.
    pub ciphertext: Vec<u8>,
    /// Keyed MAC of the value; zeros, which nothing has, where the column is damaged.
    pub value_tag: [u8; 32],
    /// What its writer said.
    pub comment: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// When this version was written.
    pub written_at: Timestamp,
    /// By whom.
    pub written_by: Arc<str>,
    /// Whether comment, tags, author and time are under the seal, too: of what an earlier Holdfast wrote they are not.
    pub bound: bool,
}

pub(super) const COLUMNS: &str = "s.id, s.environment_id, s.path, s.name, s.version, s.created_at, v.version, v.state,
    v.visibility, v.interpolate, v.ciphertext, v.value_tag, v.comment, v.tags, v.created_at, v.created_by,
    v.bound";
const NEWEST: &str = "secrets s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version";

/// The hottest text there is: made once.
static SECRET_GET: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {COLUMNS} FROM {NEWEST} WHERE s.environment_id = ?1 AND s.path = ?2 AND s.name = ?3")
});

/// A row of [`COLUMNS`].
pub(super) fn version(row: &Row<'_>) -> rusqlite::Result<SecretVersion> {
    let broken = |index| rusqlite::Error::InvalidColumnType(index, "secret".into(), rusqlite::types::Type::Text);
    let text = |index| row.get_ref(index).and_then(|v| v.as_str().map_err(|_| broken(index)));
    Ok(SecretVersion {
        id: row.get(0)?,
        environment: row.get(1)?,
        path: FolderPath::parse(text(2)?).map_err(|_| broken(2))?,
        name: SecretName::parse_any(text(3)?).map_err(|_| broken(3))?,
        newest: row.get(4)?,
        created_at: row.get(5)?,
        version: row.get(6)?,
        state: VersionState::parse(text(7)?).ok_or_else(|| broken(7))?,
        visibility: Visibility::parse(text(8)?).map_err(|_| broken(8))?,
        interpolate: row.get(9)?,
        ciphertext: row.get(10)?,
        value_tag: row.get_ref(11)?.as_blob().ok().and_then(|b| b.try_into().ok()).unwrap_or_default(),
        comment: row.get(12)?,
        tags: tags(text(13)?),
        written_at: row.get(14)?,
        written_by: author(text(15)?),
        bound: row.get(16)?,
    })
}

/// The text of an author. Rows that are read together mostly have the same one: they share it.
fn author(text: &str) -> Arc<str> {
    thread_local!(static LAST: RefCell<Arc<str>> = RefCell::new("".into()));
    LAST.with_borrow_mut(|last| {
        if **last != *text {
            *last = text.into();
        }
        Arc::clone(last)
    })
}

/// Tags as a column has them.
fn tags(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::to_owned).collect() }
}

/// The newest version of a name, deleted ones too.
pub(crate) fn secret_get(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    name: &SecretName,
) -> Result<Option<SecretVersion>, DbError> {
    let mut statement = reader.sql().prepare_cached(&SECRET_GET)?;
    Ok(statement.query_row(params![environment, path.as_str(), name.as_str()], version).optional()?)
}

/// Whether an environment itself stores a name that is not deleted.
pub(crate) fn secret_exists(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    name: &SecretName,
) -> Result<bool, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT 1 FROM {NEWEST} WHERE s.environment_id = ?1 AND s.path = ?2 AND s.name = ?3 AND v.state <> 'deleted'"
    ))?;
    Ok(statement.exists(params![environment, path.as_str(), name.as_str()])?)
}

/// One version of a secret.
pub(crate) fn secret_version_get(
    reader: &Reader<'_>,
    id: Id<kinds::SecretRow>,
    number: u32,
) -> Result<Option<SecretVersion>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {COLUMNS} FROM secrets s JOIN secret_versions v ON v.secret_id = s.id
         WHERE s.id = ?1 AND v.version = ?2"
    ))?;
    Ok(statement.query_row(params![id, number], version).optional()?)
}

/// Versions of a secret, newest first, before `before`.
pub(crate) fn secret_version_list(
    reader: &Reader<'_>,
    id: Id<kinds::SecretRow>,
    before: u32,
    rows: usize,
) -> Result<Vec<SecretVersion>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {COLUMNS} FROM secrets s JOIN secret_versions v ON v.secret_id = s.id
         WHERE s.id = ?1 AND v.version < ?2 ORDER BY v.version DESC LIMIT ?3"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![id, before, rows], version)?.collect::<Result<_, _>>()?)
}

/// The newest versions of all names of a folder that are not deleted; with `beneath` of those beneath it too.
pub(crate) fn secret_list(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    beneath: bool,
) -> Result<Vec<SecretVersion>, DbError> {
    let mut all = Vec::new();
    secret_each(reader, environment, path, beneath, |version| all.push(version))?;
    Ok(all)
}

/// The same, one after the other: a whole row is large, and a list of them is copied as it grows.
pub(crate) fn secret_each(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    beneath: bool,
    mut each: impl FnMut(SecretVersion),
) -> Result<(), DbError> {
    let place = match (beneath, path.is_root()) {
        (false, _) => "s.path = ?2",
        (true, true) => "?2 = ?2",
        // `0` is the character after `/`: everything that begins with the path and a slash.
        (true, false) => "(s.path = ?2 OR (s.path > ?2 || '/' AND s.path < ?2 || '0'))",
    };
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {NEWEST} WHERE s.environment_id = ?1 AND {place} AND v.state <> 'deleted'"
    ))?;
    let mut rows = statement.query(params![environment, path.as_str()])?;
    while let Some(row) = rows.next()? {
        each(version(row)?);
    }
    Ok(())
}

/// Adds a secret without its versions.
pub(crate) fn secret_insert(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    v: &SecretVersion,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO secrets (id, organization_id, environment_id, path, name, version, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            v.id,
            organization,
            v.environment,
            v.path.as_str(),
            v.name.as_str(),
            v.version,
            v.created_at
        ])?;
    Ok(())
}

/// Adds a version to a secret and makes it the newest, at the place of the event that is recorded next.
pub(crate) fn secret_version_insert(tx: &WriteTx<'_>, v: &SecretVersion) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO secret_versions (secret_id, version, state, visibility, interpolate, ciphertext, value_tag,
                comment, tags, created_at, created_by, bound, seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                ?12, (SELECT coalesce(max(seq) + 1, 0) FROM ledger_events))",
        )?
        .execute(params![
            v.id,
            v.version,
            v.state.as_str(),
            v.visibility.as_str(),
            v.interpolate,
            v.ciphertext,
            v.value_tag.as_slice(),
            v.comment,
            v.tags.join(","),
            v.written_at,
            &*v.written_by,
            v.bound
        ])?;
    tx.raise_number(Number::Values);
    tx.sql().prepare_cached("UPDATE secrets SET version = ?2, visibility = ?3 WHERE id = ?1")?.execute(params![
        v.id,
        v.version,
        v.visibility.as_str()
    ])?;
    Ok(())
}

/// A reference as it is kept for finding dependents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredReference {
    /// The environment named, or the secret's own.
    pub(crate) environment: Id<kinds::Environment>,
    /// Whether it binds in the environment being resolved.
    pub(crate) late: bool,
    /// The folder it looks in.
    pub(crate) path: FolderPath,
    /// The name it looks for.
    pub(crate) name: SecretName,
}

/// Replaces what a secret's newest version refers to.
pub(crate) fn references_set(
    tx: &WriteTx<'_>,
    secret: Id<kinds::SecretRow>,
    references: &[StoredReference],
) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM secret_references WHERE secret_id = ?1")?.execute([secret])?;
    let mut statement = tx.sql().prepare_cached(
        "INSERT OR IGNORE INTO secret_references (secret_id, target_environment_id, late, target_path, target_name)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for r in references {
        statement.execute(params![secret, r.environment, r.late, r.path.as_str(), r.name.as_str()])?;
    }
    Ok(())
}

/// What a secret's newest version refers to, in order; at most `rows`.
pub(crate) fn references_get(
    reader: &Reader<'_>,
    secret: Id<kinds::SecretRow>,
    rows: usize,
) -> Result<Vec<StoredReference>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT target_environment_id, late, target_path, target_name FROM secret_references WHERE secret_id = ?1
         ORDER BY target_name, target_path, target_environment_id LIMIT ?2",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![secret, rows], |row| {
        let broken = |i| rusqlite::Error::InvalidColumnType(i, "reference".into(), rusqlite::types::Type::Text);
        Ok(StoredReference {
            environment: row.get(0)?,
            late: row.get(1)?,
            path: FolderPath::parse(&row.get::<_, String>(2)?).map_err(|_| broken(2))?,
            name: SecretName::parse_any(&row.get::<_, String>(3)?).map_err(|_| broken(3))?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A secret that refers to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Referrer {
    /// The environment that stores it.
    pub(crate) environment: Id<kinds::Environment>,
    /// Its folder.
    pub(crate) path: FolderPath,
    /// Its name.
    pub(crate) name: SecretName,
    /// The environment it names, or its own.
    pub(crate) target: Id<kinds::Environment>,
    /// Whether it binds late.
    pub(crate) late: bool,
}

/// Secrets of the organization whose newest version refers to this folder and name, in whatever environment.
pub(crate) fn referrers(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    path: &FolderPath,
    name: &SecretName,
    rows: usize,
) -> Result<Vec<Referrer>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT s.environment_id, s.path, s.name, r.target_environment_id, r.late
         FROM secret_references r JOIN secrets s ON s.id = r.secret_id
         JOIN environments e ON e.id = s.environment_id
         WHERE r.target_name = ?1 AND r.target_path = ?2 AND s.organization_id = ?3 AND e.deletion_id IS NULL LIMIT ?4",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![name.as_str(), path.as_str(), organization, rows], |row| {
        let broken = |i| rusqlite::Error::InvalidColumnType(i, "reference".into(), rusqlite::types::Type::Text);
        Ok(Referrer {
            environment: row.get(0)?,
            path: FolderPath::parse(&row.get::<_, String>(1)?).map_err(|_| broken(1))?,
            name: SecretName::parse_any(&row.get::<_, String>(2)?).map_err(|_| broken(2))?,
            target: row.get(3)?,
            late: row.get(4)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The content version of an organization.
pub(crate) fn content_version(reader: &Reader<'_>, id: Id<kinds::Organization>) -> Result<i64, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT content_version FROM organizations WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

/// Voids every answer made from the organization's secrets, and notes when they changed.
pub(crate) fn content_version_raise(
    tx: &WriteTx<'_>,
    id: Id<kinds::Organization>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE organizations SET content_version = content_version + 1 WHERE id = ?1")?
        .execute([id])?;
    past::store::moment_insert(tx, id, now)
}

/// Notes who had values last.
pub(crate) fn uses_set(
    tx: &WriteTx<'_>,
    secrets: &[Id<kinds::SecretRow>],
    at: Timestamp,
    by: &str,
) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached(
        "INSERT INTO secret_uses (secret_id, used_at, used_by) SELECT ?1, ?2, ?3
         WHERE EXISTS (SELECT 1 FROM secrets WHERE id = ?1)
         ON CONFLICT (secret_id) DO UPDATE SET used_at = excluded.used_at, used_by = excluded.used_by",
    )?;
    for id in secrets {
        statement.execute(params![id, at, by])?;
    }
    Ok(())
}

/// Who had a secret's value last, and when.
pub(crate) fn use_get(reader: &Reader<'_>, id: Id<kinds::SecretRow>) -> Result<Option<(Timestamp, String)>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT used_at, used_by FROM secret_uses WHERE secret_id = ?1")?;
    Ok(statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// How many secrets environments hold that are not deleted.
pub(crate) fn secret_count(reader: &Reader<'_>, environments: &[Id<kinds::Environment>]) -> Result<u64, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT count(*) FROM {NEWEST} WHERE s.environment_id = ?1 AND v.state <> 'deleted'"
    ))?;
    let mut total = 0_u64;
    for id in environments {
        total += statement.query_row([id], |row| row.get::<_, i64>(0))?.unsigned_abs();
    }
    Ok(total)
}

/// A name found by a search.
#[derive(Debug, Clone)]
pub struct Match {
    /// The secret.
    pub id: Id<kinds::SecretRow>,
    /// The environment that stores it.
    pub environment: Id<kinds::Environment>,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// Who may see it.
    pub visibility: Visibility,
    /// What its writer said.
    pub comment: String,
    /// Its tags.
    pub tags: Vec<String>,
}

/// Secrets of an environment with `words`, which are lower case, in their name, comment or tags; by folder and name
/// behind `after`. Letters beyond ASCII are compared as they are.
pub(crate) fn secret_search(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    words: &str,
    after: (&str, &str),
    rows: usize,
) -> Result<Vec<Match>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT s.id, s.environment_id, s.path, s.name, v.visibility, v.comment, v.tags FROM {NEWEST}
         WHERE s.environment_id = ?1 AND (s.path, s.name) > (?4, ?5) AND v.state <> 'deleted'
           AND (instr(lower(s.name), ?2) > 0 OR instr(lower(v.comment), ?2) > 0 OR instr(lower(v.tags), ?2) > 0)
         ORDER BY s.path, s.name LIMIT ?3"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![environment, words, rows, after.0, after.1], |row| {
        let broken = |i| rusqlite::Error::InvalidColumnType(i, "secret".into(), rusqlite::types::Type::Text);
        Ok(Match {
            id: row.get(0)?,
            environment: row.get(1)?,
            path: FolderPath::parse(&row.get::<_, String>(2)?).map_err(|_| broken(2))?,
            name: SecretName::parse_any(&row.get::<_, String>(3)?).map_err(|_| broken(3))?,
            visibility: Visibility::parse(&row.get::<_, String>(4)?).map_err(|_| broken(4))?,
            comment: row.get(5)?,
            tags: tags(&row.get::<_, String>(6)?),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Adds a folder and those above it; true when it was not there.
pub(crate) fn folder_insert(
    tx: &WriteTx<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
    now: Timestamp,
) -> Result<bool, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "INSERT OR IGNORE INTO folders (id, environment_id, path, created_at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut made = false;
    for (index, _) in path.as_str().match_indices('/').skip(1).chain([(path.as_str().len(), "")]) {
        if !path.is_root() {
            let id = Id::<kinds::Folder>::new(now);
            made = statement.execute(params![id, environment, &path.as_str()[..index], now])? > 0;
        }
    }
    Ok(made)
}

/// A folder of an environment.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Its id.
    pub id: Id<kinds::Folder>,
    /// Where it is.
    pub path: FolderPath,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The folders of an environment at and beneath a path, in order.
pub(crate) fn folder_list(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    beneath: &FolderPath,
    after: &str,
    rows: usize,
) -> Result<Vec<Folder>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT id, path, created_at FROM folders WHERE environment_id = ?1 AND path > ?4
         AND (?2 = '/' OR path = ?2 OR (path > ?2 || '/' AND path < ?2 || '0')) ORDER BY path LIMIT ?3",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![environment, beneath.as_str(), rows, after], |row| {
        let broken = |i| rusqlite::Error::InvalidColumnType(i, "folder".into(), rusqlite::types::Type::Text);
        Ok(Folder {
            id: row.get(0)?,
            path: FolderPath::parse(&row.get::<_, String>(1)?).map_err(|_| broken(1))?,
            created_at: row.get(2)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Takes a folder and those beneath it away; how many it were.
pub(crate) fn folder_delete(
    tx: &WriteTx<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "DELETE FROM folders WHERE environment_id = ?1 AND (path = ?2 OR (path > ?2 || '/' AND path < ?2 || '0'))",
    )?;
    Ok(statement.execute(params![environment, path.as_str()])?)
}

/// Environments that hold a secret with a reference to this one, or that inherit such a secret.
pub(crate) fn environments_referring(
    reader: &Reader<'_>,
    target: Id<kinds::Environment>,
) -> Result<Vec<Id<kinds::Environment>>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT DISTINCT s.environment_id FROM secret_references r JOIN secrets s ON s.id = r.secret_id
         WHERE r.target_environment_id = ?1 AND r.late = 0 LIMIT 1000",
    )?;
    Ok(statement.query_map([target], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
