//! SQL of looking a value up by its keyed tag.

use rusqlite::params;

use crate::db::{DbError, Reader};
use crate::types::{Id, kinds};
use crate::vault::model::{FolderPath, SecretName, Visibility};

/// A secret whose newest value has a tag.
pub(super) struct Tagged {
    pub(super) id: Id<kinds::SecretRow>,
    pub(super) environment: Id<kinds::Environment>,
    pub(super) path: FolderPath,
    pub(super) name: SecretName,
    pub(super) version: u32,
    pub(super) visibility: Visibility,
    /// Whether it is a text with references rather than a value.
    pub(super) has_references: bool,
}

/// The secrets of an organization whose newest version has a value with this tag, at most `rows`.
pub(super) fn secrets_tagged(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    tag: &[u8],
    rows: usize,
) -> Result<Vec<Tagged>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT s.id, s.environment_id, s.path, s.name, s.version, v.visibility,
                EXISTS (SELECT 1 FROM secret_references r WHERE r.secret_id = s.id)
         FROM secret_versions v JOIN secrets s ON s.id = v.secret_id AND s.version = v.version
         WHERE substr(v.value_tag, 1, 8) = substr(?1, 1, 8) AND v.value_tag = ?1 AND v.state = 'set'
           AND s.organization_id = ?2 LIMIT ?3",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![tag, organization, rows], |row| {
        let broken = |i| rusqlite::Error::InvalidColumnType(i, "secret".into(), rusqlite::types::Type::Text);
        Ok(Tagged {
            id: row.get(0)?,
            environment: row.get(1)?,
            path: FolderPath::parse(&row.get::<_, String>(2)?).map_err(|_| broken(2))?,
            name: SecretName::parse_any(&row.get::<_, String>(3)?).map_err(|_| broken(3))?,
            version: row.get(4)?,
            visibility: Visibility::parse(&row.get::<_, String>(5)?).map_err(|_| broken(5))?,
            has_references: row.get(6)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
