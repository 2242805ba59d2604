//! The ledger's SQL.

use std::ops::Range;

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

use super::Event;
use super::block::{Columns, Mentions, Summary};
use super::merkle::Hash;
use crate::db::{DbError, Reader};
use crate::types::Timestamp;

type Result<T> = std::result::Result<T, DbError>;

/// SQLite's integers are signed; places and sizes stay far below 2^63.
fn sql(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0))
}

fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    row.get(column)
}

/// Events in the log, when it has no gap.
pub(super) fn size(reader: &Reader<'_>) -> Result<u64> {
    let mut statement = reader.sql().prepare_cached("SELECT coalesce(max(seq) + 1, 0) FROM ledger_events")?;
    Ok(statement.query_row([], |row| unsigned(row, 0))?)
}

/// The newest epoch.
pub(super) fn epoch(reader: &Reader<'_>) -> Result<u64> {
    let mut statement = reader.sql().prepare_cached("SELECT coalesce(max(epoch), 1) FROM ledger_restores")?;
    Ok(statement.query_row([], |row| unsigned(row, 0))?)
}

pub(super) fn event_insert(reader: &Reader<'_>, seq: u64, event: &Event, record: &[u8], leaf: &Hash) -> Result<()> {
    let actor = event.actor.to_string();
    reader
        .sql()
        .prepare_cached(
            "INSERT INTO ledger_events
                 (seq, at, outcome, organization, project, environment, action, actor, target, leaf_hash, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            sql(seq),
            event.at.as_micros(),
            event.outcome.number(),
            event.organization.as_ref().map(|id| id.as_bytes().as_slice()),
            event.project.as_ref().map(|id| id.as_bytes().as_slice()),
            event.environment.as_ref().map(|id| id.as_bytes().as_slice()),
            event.action.as_str(),
            actor,
            event.target.as_ref().map(|target| target.id.as_str()),
            leaf.as_slice(),
            record,
        ])?;
    Ok(())
}

pub(super) fn personal_insert(reader: &Reader<'_>, seq: u64, salt: &[u8], content: &[u8]) -> Result<()> {
    reader
        .sql()
        .prepare_cached("INSERT INTO ledger_personal (seq, salt, content) VALUES (?1, ?2, ?3)")?
        .execute(params![sql(seq), salt, content])?;
    Ok(())
}

pub(super) fn node_insert(reader: &Reader<'_>, level: u32, index: u64, hash: &Hash) -> Result<()> {
    reader
        .sql()
        .prepare_cached("INSERT INTO ledger_nodes (level, idx, hash) VALUES (?1, ?2, ?3)")?
        .execute(params![level, sql(index), hash.as_slice()])?;
    Ok(())
}

/// Writes the summary of the events in `range`, which are all there.
pub(super) fn block_insert(reader: &Reader<'_>, block: u64, range: &Range<u64>) -> Result<()> {
    let (mut summary, mut mentions) = (Summary::default(), Mentions::default());
    let mut statement = reader.sql().prepare_cached(
        "SELECT seq, at, outcome, organization, project, environment, action, actor, target, record
         FROM ledger_events WHERE seq >= ?1 AND seq < ?2",
    )?;
    let mut rows = statement.query([sql(range.start), sql(range.end)])?;
    while let Some(row) = rows.next()? {
        summary.add(&columns(row)?);
        mentions.add(bytes(row, 9)?);
    }
    let (at_min, at_max, terms) = summary.take();
    reader
        .sql()
        .prepare_cached(
            "INSERT INTO ledger_blocks (block, at_min, at_max, terms, mentions) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![sql(block), at_min, at_max, terms, mentions.take()])?;
    Ok(())
}

/// The searched columns of a row that begins with `seq, at, outcome, organization, …`.
fn columns<'r>(row: &'r Row<'_>) -> Result<Columns<'r>> {
    Ok(Columns {
        at: row.get(1)?,
        outcome: row.get(2)?,
        organization: bytes(row, 3)?,
        project: bytes(row, 4)?,
        environment: bytes(row, 5)?,
        action: bytes(row, 6)?.unwrap_or_default(),
        actor: bytes(row, 7)?.unwrap_or_default(),
        target: bytes(row, 8)?,
    })
}

/// A text or blob column without a copy; none for anything else.
fn bytes<'r>(row: &'r Row<'_>, column: usize) -> Result<Option<&'r [u8]>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
        _ => None,
    })
}

pub(super) fn leaf_hashes(reader: &Reader<'_>, range: &Range<u64>) -> Result<Vec<Hash>> {
    let mut statement =
        reader.sql().prepare_cached("SELECT leaf_hash FROM ledger_events WHERE seq >= ?1 AND seq < ?2 ORDER BY seq")?;
    let rows = statement.query_map([sql(range.start), sql(range.end)], |row| hash(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn nodes(reader: &Reader<'_>, level: u32, range: &Range<u64>) -> Result<Vec<Hash>> {
    let mut statement = reader
        .sql()
        .prepare_cached("SELECT hash FROM ledger_nodes WHERE level = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx")?;
    let rows = statement.query_map(params![level, sql(range.start), sql(range.end)], |row| hash(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Hands out seq, record and stored hash of each event in `range`.
pub(super) fn records(
    reader: &Reader<'_>,
    range: Range<u64>,
    mut each: impl FnMut(u64, Option<&[u8]>, &[u8]),
) -> Result<()> {
    let mut statement = reader
        .sql()
        .prepare_cached("SELECT seq, record, leaf_hash FROM ledger_events WHERE seq >= ?1 AND seq < ?2 ORDER BY seq")?;
    let mut rows = statement.query([sql(range.start), sql(range.end)])?;
    while let Some(row) = rows.next()? {
        each(unsigned(row, 0)?, bytes(row, 1)?, bytes(row, 2)?.unwrap_or_default());
    }
    Ok(())
}

pub(super) fn restore_insert(reader: &Reader<'_>, epoch: u64, seq: u64) -> Result<()> {
    reader
        .sql()
        .prepare_cached("INSERT INTO ledger_restores (epoch, seq) VALUES (?1, ?2)")?
        .execute([sql(epoch), sql(seq)])?;
    Ok(())
}

/// Epoch and place of each restore, oldest first.
pub(super) fn restores(reader: &Reader<'_>) -> Result<Vec<(u64, u64)>> {
    let mut statement = reader.sql().prepare_cached("SELECT epoch, seq FROM ledger_restores ORDER BY epoch")?;
    let rows = statement.query_map([], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Empties the personal rows of the events in `range` by this actor or about this target.
pub(super) fn personal_erase(reader: &Reader<'_>, person: &str, range: &Range<u64>, erased_by: u64) -> Result<()> {
    reader
        .sql()
        .prepare_cached(
            "UPDATE ledger_personal SET salt = NULL, content = NULL, erased_by = ?4
             WHERE seq >= ?2 AND seq < ?3 AND erased_by IS NULL
               AND EXISTS (SELECT 1 FROM ledger_events e
                           WHERE e.seq = ledger_personal.seq AND (e.actor = ?1 OR e.target = ?1))",
        )?
        .execute(params![person, sql(range.start), sql(range.end), sql(erased_by)])?;
    Ok(())
}

/// Drops the bodies of the events in `range`, but of these actions.
pub(super) fn bodies_drop(reader: &Reader<'_>, range: &Range<u64>, but: [&str; 3]) -> Result<()> {
    reader
        .sql()
        .prepare_cached(
            "UPDATE ledger_events SET record = NULL
             WHERE seq >= ?1 AND seq < ?2 AND action NOT IN (?3, ?4, ?5)",
        )?
        .execute(params![sql(range.start), sql(range.end), but[0], but[1], but[2]])?;
    Ok(())
}

/// What a search compares; what is not set matches all. Without an organization: the events of the instance.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) organization: Option<Vec<u8>>,
    pub(super) project: Option<Vec<u8>>,
    pub(super) environment: Option<Vec<u8>>,
    pub(super) action: Option<String>,
    pub(super) actor: Option<String>,
    pub(super) target: Option<String>,
    /// The id of a secret in quotes, as records have it.
    pub(super) mention: Option<Vec<u8>>,
    pub(super) outcome: Option<i64>,
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
}

/// A stored event on its way to a list or an export.
pub(super) struct Found<'r> {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) record: Option<&'r [u8]>,
    pub(super) leaf_hash: &'r [u8],
    /// What is personal, when it is there and was not erased.
    pub(super) personal: Option<&'r [u8]>,
}

macro_rules! select {
    ($order:literal) => {
        concat!(
            "SELECT e.seq, e.at, e.record, e.leaf_hash, p.content
             FROM ledger_events e LEFT JOIN ledger_personal p ON p.seq = e.seq
             WHERE e.seq >= ?1 AND e.seq < ?2 AND e.organization IS ?3
               AND (?4 IS NULL OR e.project = ?4) AND (?5 IS NULL OR e.environment = ?5)
               AND (?6 IS NULL OR e.action = ?6) AND (?7 IS NULL OR e.actor = ?7)
               AND (?8 IS NULL OR e.target = ?8) AND (?9 IS NULL OR e.outcome = ?9)
               AND (?10 IS NULL OR e.at >= ?10) AND (?11 IS NULL OR e.at <= ?11)
               AND (?13 IS NULL OR instr(e.record, ?13) > 0)
             ORDER BY e.seq ",
            $order,
            " LIMIT ?12"
        )
    };
}

/// Hands out the wanted events of `range`, at most `limit`, until `each` says stop; answers how many it took.
pub(super) fn events_find(
    reader: &Reader<'_>,
    wanted: &Wanted,
    range: &Range<u64>,
    newest_first: bool,
    limit: usize,
    mut each: impl FnMut(Found<'_>) -> bool,
) -> Result<()> {
    let text = if newest_first { select!("DESC") } else { select!("ASC") };
    let mut statement = reader.sql().prepare_cached(text)?;
    let mut rows = statement.query(params![
        sql(range.start),
        sql(range.end),
        wanted.organization,
        wanted.project,
        wanted.environment,
        wanted.action,
        wanted.actor,
        wanted.target,
        wanted.outcome,
        wanted.from,
        wanted.to,
        i64::try_from(limit).unwrap_or(i64::MAX),
        wanted.mention,
    ])?;
    while let Some(row) = rows.next()? {
        if !each(found(row)?) {
            break;
        }
    }
    Ok(())
}

fn found<'r>(row: &'r Row<'_>) -> Result<Found<'r>> {
    Ok(Found {
        seq: unsigned(row, 0)?,
        at: Timestamp::from_micros(row.get(1)?),
        record: bytes(row, 2)?,
        leaf_hash: bytes(row, 3)?.unwrap_or_default(),
        personal: bytes(row, 4)?,
    })
}

/// The events of a range that have one of these actions, of whatever organization, oldest first.
pub(super) fn events_named(
    reader: &Reader<'_>,
    actions: &[&str],
    range: &Range<u64>,
    limit: usize,
    mut each: impl FnMut(Found<'_>),
) -> Result<()> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT e.seq, e.at, e.record, e.leaf_hash, p.content
         FROM ledger_events e LEFT JOIN ledger_personal p ON p.seq = e.seq
         WHERE e.seq >= ?1 AND e.seq < ?2 AND e.action IN (SELECT value FROM json_each(?3))
         ORDER BY e.seq LIMIT ?4",
    )?;
    let names = serde_json::Value::from(actions).to_string();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![sql(range.start), sql(range.end), names, limit])?;
    while let Some(row) = rows.next()? {
        each(found(row)?);
    }
    Ok(())
}

/// What a search reads of a block before it opens it.
pub(super) struct BlockRow<'r> {
    pub(super) block: u64,
    pub(super) times: (i64, i64),
    pub(super) terms: &'r [u8],
    /// None for a block from before mentions were kept.
    pub(super) mentions: Option<&'r [u8]>,
}

/// Hands out the summaries of `range` until `each` says stop.
pub(super) fn blocks(
    reader: &Reader<'_>,
    range: &Range<u64>,
    newest_first: bool,
    mut each: impl FnMut(BlockRow<'_>) -> Result<bool>,
) -> Result<()> {
    let text = if newest_first {
        "SELECT block, at_min, at_max, terms, mentions FROM ledger_blocks WHERE block >= ?1 AND block < ?2
         ORDER BY block DESC"
    } else {
        "SELECT block, at_min, at_max, terms, mentions FROM ledger_blocks WHERE block >= ?1 AND block < ?2
         ORDER BY block"
    };
    let mut statement = reader.sql().prepare_cached(text)?;
    let mut rows = statement.query([sql(range.start), sql(range.end)])?;
    while let Some(row) = rows.next()? {
        let times = (row.get(1)?, row.get(2)?);
        let (terms, mentions) = (bytes(row, 3)?.unwrap_or_default(), bytes(row, 4)?);
        if !each(BlockRow { block: unsigned(row, 0)?, times, terms, mentions })? {
            break;
        }
    }
    Ok(())
}

/// A stored checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredCheckpoint {
    pub(super) epoch: u64,
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) note: String,
}

fn checkpoint(row: &Row<'_>) -> rusqlite::Result<StoredCheckpoint> {
    Ok(StoredCheckpoint { epoch: unsigned(row, 0)?, size: unsigned(row, 1)?, root: hash(row, 2)?, note: row.get(3)? })
}

pub(super) fn checkpoint_insert(reader: &Reader<'_>, new: &StoredCheckpoint, at: Timestamp) -> Result<()> {
    reader
        .sql()
        .prepare_cached("INSERT INTO ledger_checkpoints (epoch, size, root, note, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![sql(new.epoch), sql(new.size), new.root.as_slice(), new.note, at.as_micros()])?;
    Ok(())
}

/// The newest checkpoint and when it was made.
pub(super) fn checkpoint_newest(reader: &Reader<'_>) -> Result<Option<(StoredCheckpoint, Timestamp)>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT epoch, size, root, note, at FROM ledger_checkpoints ORDER BY size DESC, epoch DESC LIMIT 1",
    )?;
    let found = statement.query_row([], |row| Ok((checkpoint(row)?, Timestamp::from_micros(row.get(4)?))));
    Ok(found.optional()?)
}

/// The next checkpoints behind this size and epoch, at most `limit`, in order.
pub(super) fn checkpoints_after(reader: &Reader<'_>, after: (i64, i64), limit: u32) -> Result<Vec<StoredCheckpoint>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT epoch, size, root, note FROM ledger_checkpoints
         WHERE (size, epoch) > (?1, ?2) ORDER BY size, epoch LIMIT ?3",
    )?;
    let rows = statement.query_map(params![after.0, after.1, limit], checkpoint)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Hands out record and personal content of an event, unless its body was archived.
pub(super) fn event_at(reader: &Reader<'_>, seq: u64, each: impl FnOnce(&[u8], &[u8], Option<&[u8]>)) -> Result<()> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT e.record, e.leaf_hash, p.content FROM ledger_events e LEFT JOIN ledger_personal p ON p.seq = e.seq
         WHERE e.seq = ?1 AND e.record IS NOT NULL",
    )?;
    let mut rows = statement.query([sql(seq)])?;
    if let Some(row) = rows.next()? {
        each(bytes(row, 0)?.unwrap_or_default(), bytes(row, 1)?.unwrap_or_default(), bytes(row, 2)?);
    }
    Ok(())
}

/// A row as `verify` needs it.
pub(super) struct Stored<'r> {
    pub(super) seq: u64,
    pub(super) columns: Columns<'r>,
    pub(super) leaf_hash: &'r [u8],
    pub(super) record: Option<&'r [u8]>,
    pub(super) personal: Option<PersonalRow<'r>>,
}

/// The erasable row of an event.
pub(super) struct PersonalRow<'r> {
    pub(super) salt: Option<&'r [u8]>,
    pub(super) content: Option<&'r [u8]>,
    pub(super) erased_by: Option<u64>,
}

/// Hands out every event with its personal row, in order, without copying.
pub(super) fn events_scan<E: From<DbError>>(
    reader: &Reader<'_>,
    mut each: impl FnMut(&Stored<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let db = |error: rusqlite::Error| E::from(DbError::from(error));
    let mut statement = reader
        .sql()
        .prepare_cached(
            "SELECT e.seq, e.at, e.outcome, e.organization, e.project, e.environment, e.action, e.actor, e.target,
                    e.leaf_hash, e.record, p.seq, p.salt, p.content, p.erased_by
             FROM ledger_events e LEFT JOIN ledger_personal p ON p.seq = e.seq ORDER BY e.seq",
        )
        .map_err(db)?;
    let mut rows = statement.query([]).map_err(db)?;
    while let Some(row) = rows.next().map_err(db)? {
        each(&stored(row)?)?;
    }
    Ok(())
}

fn stored<'r>(row: &'r Row<'_>) -> Result<Stored<'r>> {
    let has_personal = row.get_ref(11)? != ValueRef::Null;
    let personal = PersonalRow {
        salt: bytes(row, 12)?,
        content: bytes(row, 13)?,
        erased_by: row.get::<_, Option<i64>>(14)?.map(|seq| u64::try_from(seq).unwrap_or(u64::MAX)),
    };
    Ok(Stored {
        seq: unsigned(row, 0)?,
        columns: columns(row)?,
        leaf_hash: bytes(row, 9)?.unwrap_or_default(),
        record: bytes(row, 10)?,
        personal: has_personal.then_some(personal),
    })
}

/// How many nodes and summaries are stored, and the place behind the last personal row.
pub(super) fn extent(reader: &Reader<'_>) -> Result<(u64, u64, u64)> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT (SELECT count(*) FROM ledger_nodes), (SELECT count(*) FROM ledger_blocks),
                (SELECT coalesce(max(seq) + 1, 0) FROM ledger_personal)",
    )?;
    Ok(statement.query_row([], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?, unsigned(row, 2)?)))?)
}
