//! SQL of links.

use rusqlite::{OptionalExtension, Row, params};

use super::model::{End, Link};
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

const LINK: &str = "SELECT l.id, l.organization_id, l.created_by, l.note, l.size, l.passphrase, l.views, l.views_left,
    l.tries_left, l.created_at, l.expires_at, l.opened_at, l.ended_at, l.ended FROM links l";

fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    let broken = || rusqlite::Error::InvalidColumnType(13, "link".into(), rusqlite::types::Type::Text);
    let (at, how): (Option<Timestamp>, Option<String>) = (row.get(12)?, row.get(13)?);
    let how = how.map(|text| End::parse(&text).ok_or_else(broken)).transpose()?;
    Ok(Link {
        id: row.get(0)?,
        organization: row.get(1)?,
        created_by: row.get(2)?,
        note: row.get(3)?,
        size: row.get(4)?,
        passphrase: row.get(5)?,
        views: row.get(6)?,
        views_left: row.get(7)?,
        tries_left: row.get(8)?,
        created_at: row.get(9)?,
        expires_at: row.get(10)?,
        opened_at: row.get(11)?,
        end: at.zip(how),
    })
}

/// Adds a link.
pub(super) fn link_insert(tx: &WriteTx<'_>, l: &Link, ciphertext: &[u8], proof: &[u8]) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO links (id, organization_id, created_by, note, ciphertext, size, proof, passphrase, views,
                views_left, tries_left, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            l.id,
            l.organization,
            l.created_by,
            l.note,
            ciphertext,
            l.size,
            proof,
            l.passphrase,
            l.views,
            l.views_left,
            l.tries_left,
            l.created_at,
            l.expires_at
        ])?;
    Ok(())
}

/// A link that can be opened as far as its row and its maker say; its expiry is the caller's to compare.
pub(super) fn link_standing(reader: &Reader<'_>, id: Id<kinds::Link>) -> Result<Option<Link>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{LINK} JOIN organizations o ON o.id = l.organization_id
         JOIN members m ON m.organization_id = l.organization_id AND m.user_id = l.created_by
         JOIN users u ON u.id = l.created_by
         WHERE l.id = ?1 AND l.ended IS NULL AND o.deletion_id IS NULL AND u.disabled_at IS NULL"
    ))?;
    Ok(statement.query_row([id], link).optional()?)
}

/// What is kept of a link's content and proof.
pub(super) fn link_sealed(reader: &Reader<'_>, id: Id<kinds::Link>) -> Result<(Vec<u8>, Vec<u8>), DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT ciphertext, proof FROM links WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// A link of this person.
pub(super) fn link_of(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    maker: Id<kinds::User>,
    id: Id<kinds::Link>,
) -> Result<Option<Link>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{LINK} WHERE l.id = ?1 AND l.organization_id = ?2 AND l.created_by = ?3"))?;
    Ok(statement.query_row(params![id, organization, maker], link).optional()?)
}

/// A person's links, newest first.
pub(super) fn link_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    maker: Id<kinds::User>,
    before: Option<Id<kinds::Link>>,
    rows: usize,
) -> Result<Vec<Link>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{LINK} WHERE l.organization_id = ?1 AND l.created_by = ?2 AND (?3 IS NULL OR l.id < ?3)
         ORDER BY l.id DESC LIMIT ?4"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![organization, maker, before, rows], link)?.collect::<Result<_, _>>()?)
}

/// How many links of an organization have not ended, and the bytes in them.
pub(super) fn link_load(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<(usize, u64), DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT count(*), ifnull(sum(size), 0) FROM links WHERE organization_id = ?1 AND ended IS NULL",
    )?;
    let (count, bytes): (i64, i64) = statement.query_row([organization], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((usize::try_from(count).unwrap_or(usize::MAX), bytes.unsigned_abs()))
}

/// Notes a view.
pub(super) fn link_viewed(
    tx: &WriteTx<'_>,
    id: Id<kinds::Link>,
    views_left: u32,
    now: Timestamp,
) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached("UPDATE links SET views_left = ?2, opened_at = ?3 WHERE id = ?1")?;
    statement.execute(params![id, views_left, now])?;
    Ok(())
}

/// Notes a wrong proof.
pub(super) fn link_tried(tx: &WriteTx<'_>, id: Id<kinds::Link>, tries_left: u32) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE links SET tries_left = ?2 WHERE id = ?1")?.execute(params![id, tries_left])?;
    Ok(())
}

/// Ends a link: its ciphertext goes.
pub(super) fn link_end(tx: &WriteTx<'_>, id: Id<kinds::Link>, how: End, now: Timestamp) -> Result<(), DbError> {
    let mut statement =
        tx.sql().prepare_cached("UPDATE links SET ciphertext = NULL, ended = ?2, ended_at = ?3 WHERE id = ?1")?;
    statement.execute(params![id, how.as_str(), now])?;
    Ok(())
}

/// Links whose time is over and that have not ended.
pub(super) fn link_due(reader: &Reader<'_>, now: Timestamp, rows: u32) -> Result<Vec<Link>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{LINK} WHERE l.ended IS NULL AND l.expires_at <= ?1 ORDER BY l.expires_at LIMIT ?2"
    ))?;
    Ok(statement.query_map(params![now, rows], link)?.collect::<Result<_, _>>()?)
}

/// Forgets links that ended before this time, at most `rows`; how many it were.
pub(super) fn link_purge(tx: &WriteTx<'_>, before: Timestamp, rows: u32) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "DELETE FROM links WHERE id IN
         (SELECT id FROM links WHERE ended IS NOT NULL AND ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
    )?;
    Ok(statement.execute(params![before, rows])?)
}
