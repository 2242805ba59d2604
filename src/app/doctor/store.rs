//! SQL of what `doctor` counts.

use crate::db::{DbError, Reader};

/// Secrets whose versions are not 1, 2, 3 … up to the newest: a version row was removed or added by hand.
pub(super) fn secret_broken_count(reader: &Reader<'_>) -> Result<u64, DbError> {
    let mut statement = reader.sql().prepare(
        "SELECT count(*) FROM secrets s LEFT JOIN
         (SELECT secret_id, count(*) AS rows, min(version) AS first, max(version) AS last
          FROM secret_versions GROUP BY secret_id) v ON v.secret_id = s.id
         WHERE v.secret_id IS NULL OR v.first <> 1 OR v.last <> s.version OR v.rows <> s.version",
    )?;
    let count: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// References between rows that lead nowhere.
pub(super) fn dangling_count(reader: &Reader<'_>) -> Result<u64, DbError> {
    let mut statement = reader.sql().prepare("SELECT count(*) FROM pragma_foreign_key_check")?;
    let count: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}
