//! Schema changes: numbered, one each, never edited once released.

use rusqlite::Connection;

use super::DbError;

mod embedded {
    refinery::embed_migrations!("src/db/migrations");
}

/// The newest version compiled in.
pub(super) fn newest() -> u32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|m| u32::try_from(m.version()).unwrap_or(0))
        .max()
        .unwrap_or(0)
}

/// Applies what is missing, each in a transaction.
pub(super) fn run(conn: &mut Connection) -> Result<(), DbError> {
    let runner = embedded::migrations::runner();
    let found = applied(conn)?;
    if found > newest() {
        return Err(DbError::Newer { found, known: newest() });
    }
    if found < newest() {
        runner.run(conn).map_err(|e| DbError::Migration(e.to_string()))?;
    }
    Ok(())
}

/// The version the file has; 0 for a new one.
pub(super) fn applied(conn: &Connection) -> Result<u32, DbError> {
    let known: bool = conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?;
    if !known {
        return Ok(0);
    }
    Ok(conn.query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))?)
}
