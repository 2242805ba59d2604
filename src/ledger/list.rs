//! Reading the log: pages, single events, export and proofs.

use serde::Serialize;

use super::block::{BLOCK, Kind, may_match, term};
use super::merkle::{self, Hash, Nodes, node_hash};
use super::record::{self, EventView};
use super::store::{self, Wanted};
use super::tail::hashes;
use super::{LedgerError, Outcome};
use crate::db::Reader;
use crate::types::{Cursor, Id, Limit, Page, ParseError, Timestamp, kinds};

/// Events a page looks at before it gives up and answers with a cursor: some tens of milliseconds.
const LOOKED_AT_MAX: u64 = 100_000;
/// Blocks a page passes by their summaries before it does the same.
const BLOCKS_MAX: u64 = 40_000;
/// Bytes an export's chunk is cut at; the last line may exceed it by one event.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Events in a chunk at most.
const CHUNK_EVENTS: usize = 2_000;

/// Which events. What is not set matches all.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// The organization; none for the events of the instance, which only its operators may see.
    pub organization: Option<Id<kinds::Organization>>,
    /// The project.
    pub project: Option<Id<kinds::Project>>,
    /// The environment.
    pub environment: Option<Id<kinds::Environment>>,
    /// The action's name.
    pub action: Option<String>,
    /// The actor's id, a job's name, or the kind of an actor that has no id.
    pub actor: Option<String>,
    /// The target's id.
    pub target: Option<String>,
    /// The secret it names, as its target or among others in its details.
    pub mentions: Option<Id<kinds::SecretRow>>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Not before this time, by the clock of the moment.
    pub from: Option<Timestamp>,
    /// Not after this time, by the clock of the moment.
    pub to: Option<Timestamp>,
}

/// A filter as the store and the blocks' summaries compare it.
struct Search {
    wanted: Wanted,
    terms: Vec<u64>,
    mention: Option<u64>,
}

impl Search {
    fn new(filter: &EventFilter) -> Self {
        let wanted = Wanted {
            organization: filter.organization.map(|id| id.as_bytes().to_vec()),
            project: filter.project.map(|id| id.as_bytes().to_vec()),
            environment: filter.environment.map(|id| id.as_bytes().to_vec()),
            action: filter.action.clone(),
            actor: filter.actor.clone(),
            target: filter.target.clone(),
            mention: filter.mentions.map(|id| format!("\"{id}\"").into_bytes()),
            outcome: filter.outcome.map(Outcome::number),
            from: filter.from.map(Timestamp::as_micros),
            to: filter.to.map(Timestamp::as_micros),
        };
        let outcome = wanted.outcome.map(i64::to_be_bytes);
        let optional = [
            (Kind::Project, wanted.project.as_deref()),
            (Kind::Environment, wanted.environment.as_deref()),
            (Kind::Action, wanted.action.as_deref().map(str::as_bytes)),
            (Kind::Actor, wanted.actor.as_deref().map(str::as_bytes)),
            (Kind::Target, wanted.target.as_deref().map(str::as_bytes)),
            (Kind::Outcome, outcome.as_ref().map(<[u8; 8]>::as_slice)),
        ];
        let mut terms = vec![term(Kind::Organization, wanted.organization.as_deref().unwrap_or_default())];
        terms.extend(optional.iter().filter_map(|(kind, bytes)| bytes.map(|bytes| term(*kind, bytes))));
        let mention = filter.mentions.map(|id| term(Kind::Mention, id.to_string().as_bytes()));
        Self { wanted, terms, mention }
    }

    fn may_be_in(&self, row: &store::BlockRow<'_>) -> bool {
        let (at_min, at_max) = row.times;
        self.wanted.from.is_none_or(|from| from <= at_max)
            && self.wanted.to.is_none_or(|to| to >= at_min)
            && may_match(row.terms, &self.terms)
            && self.mention.is_none_or(|m| row.mentions.is_none_or(|filter| may_match(filter, &[m])))
    }
}

/// A page of events, newest first. A page may be short, even empty, and still name a next one: a search looks at
/// a bounded part of the log at a time.
///
/// # Errors
/// The cursor is none of ours, or the database failed.
pub fn list(
    reader: &Reader<'_>,
    filter: &EventFilter,
    limit: Limit,
    cursor: Option<&Cursor>,
) -> Result<Page<EventView>, LedgerError> {
    let size = store::size(reader)?;
    let end = match cursor {
        None => size,
        Some(cursor) => cursor.key().parse::<u64>().ok().filter(|seq| *seq <= size).ok_or_else(|| {
            LedgerError::Parse(ParseError::new("cursor", "take it from next_cursor of the page before"))
        })?,
    };
    let mut walk = Walk { search: Search::new(filter), reader, items: Vec::new(), rows: limit.rows(), looked_at: 0 };
    // The events behind the last complete block have no summary yet.
    let covered = end.min(size / BLOCK * BLOCK);
    let mut place = walk.look(covered..end)?.unwrap_or(covered);
    if place == covered && !walk.is_full() && covered > 0 {
        let mut blocks = 0;
        let newest = (covered - 1) / BLOCK;
        let oldest = newest.saturating_sub(BLOCKS_MAX);
        place = oldest * BLOCK;
        let mut stopped = None;
        store::blocks(reader, &(oldest..newest + 1), true, |row| {
            blocks += 1;
            if !walk.search.may_be_in(&row) {
                return Ok(true);
            }
            let range = row.block * BLOCK..covered.min((row.block + 1) * BLOCK);
            stopped = walk
                .look(range.clone())?
                .or((walk.is_full() || walk.looked_at >= LOOKED_AT_MAX).then_some(range.start));
            Ok(stopped.is_none())
        })?;
        place = stopped.unwrap_or(place);
    }
    let next = (place > 0).then(|| Cursor::after(&place.to_string()));
    Ok(Page { items: walk.items, next })
}

struct Walk<'r, 'c> {
    search: Search,
    reader: &'r Reader<'c>,
    items: Vec<EventView>,
    rows: usize,
    looked_at: u64,
}

impl Walk<'_, '_> {
    fn is_full(&self) -> bool {
        self.items.len() >= self.rows
    }

    /// Adds the matches of a range; answers the place of the last one when the page got full before its start.
    fn look(&mut self, range: std::ops::Range<u64>) -> Result<Option<u64>, crate::db::DbError> {
        if range.is_empty() {
            return Ok(None);
        }
        self.looked_at += range.end - range.start;
        let (items, mut last) = (&mut self.items, None);
        let room = self.rows - items.len();
        store::events_find(self.reader, &self.search.wanted, &range, true, room, |found| {
            // An archived body cannot be shown; an unreadable one is for `verify` to report.
            if let Some(view) = found.record.and_then(|record| EventView::read(record, found.leaf_hash, found.personal))
            {
                items.push(view);
            }
            last = Some(found.seq);
            true
        })?;
        Ok(if self.is_full() { last } else { None })
    }
}

/// The event at `seq`.
///
/// # Errors
/// There is none, its body was archived or is unreadable, or the database failed.
pub fn event_get(reader: &Reader<'_>, seq: u64) -> Result<EventView, LedgerError> {
    let mut view = None;
    store::event_at(reader, seq, |record, hash, personal| view = Some(EventView::read(record, hash, personal)))?;
    match view {
        None => Err(LedgerError::NotFound(seq)),
        Some(None) => Err(LedgerError::Damaged(format!("the record of event {seq} is unreadable"))),
        Some(Some(view)) => Ok(view),
    }
}

/// The event with this id.
///
/// # Errors
/// As [`event_get`].
pub fn event_find(reader: &Reader<'_>, id: Id<kinds::Event>) -> Result<EventView, LedgerError> {
    let seq = record::seq_of(id);
    let view = event_get(reader, seq)?;
    if view.id == id.to_string() { Ok(view) } else { Err(LedgerError::NotFound(seq)) }
}

/// The wanted events from `from` on, oldest first and at most `most`, and where to go on: the log's size when there is
/// nothing more yet. Like a page, it looks at a bounded part of the log at a time.
///
/// # Errors
/// The database failed.
pub fn since(
    reader: &Reader<'_>,
    filter: &EventFilter,
    from: u64,
    most: usize,
) -> Result<(Vec<EventView>, u64), LedgerError> {
    let size = store::size(reader)?;
    let search = Search::new(filter);
    let (mut items, mut place, mut taken, mut blocks, mut looked_at) = (Vec::new(), from, 0, 0, 0);
    while place < size && taken < most && blocks < BLOCKS_MAX && looked_at < LOOKED_AT_MAX {
        let block = place / BLOCK;
        let end = size.min((block + 1) * BLOCK);
        let mut skip = false;
        store::blocks(reader, &(block..block + 1), false, |row| {
            skip = !search.may_be_in(&row);
            Ok(true)
        })?;
        blocks += 1;
        if !skip {
            let mut last = None;
            store::events_find(reader, &search.wanted, &(place..end), false, most - taken, |found| {
                items.extend(found.record.and_then(|record| EventView::read(record, found.leaf_hash, found.personal)));
                (taken, last) = (taken + 1, Some(found.seq));
                true
            })?;
            looked_at += end - place;
            if let (true, Some(last)) = (taken == most, last) {
                return Ok((items, last + 1));
            }
        }
        place = end;
    }
    Ok((items, place))
}

/// The events from `from` on that have one of these actions, in every organization, oldest first and at most `most`, and
/// where to go on. For jobs that act on what happened; it is bounded as [`since`] is.
///
/// # Errors
/// The database failed.
pub fn named_since(
    reader: &Reader<'_>,
    actions: &[&str],
    from: u64,
    most: usize,
) -> Result<(Vec<EventView>, u64), LedgerError> {
    let size = store::size(reader)?;
    let terms: Vec<u64> = actions.iter().map(|action| term(Kind::Action, action.as_bytes())).collect();
    let (mut items, mut place, mut looked_at) = (Vec::new(), from, 0);
    for _ in 0..BLOCKS_MAX {
        if place >= size || looked_at >= LOOKED_AT_MAX {
            break;
        }
        let block = place / BLOCK;
        let end = size.min((block + 1) * BLOCK);
        let mut skip = false;
        store::blocks(reader, &(block..block + 1), false, |row| {
            skip = !terms.iter().any(|term| may_match(row.terms, &[*term]));
            Ok(true)
        })?;
        if !skip {
            let (room, mut taken, mut last) = (most - items.len(), 0, place);
            store::events_named(reader, actions, &(place..end), room, |found| {
                items.extend(found.record.and_then(|record| EventView::read(record, found.leaf_hash, found.personal)));
                (taken, last) = (taken + 1, found.seq);
            })?;
            looked_at += end - place;
            if taken == room {
                return Ok((items, last + 1));
            }
        }
        place = end;
    }
    Ok((items, place))
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    at: Timestamp,
    leaf_hash: String,
    personal: Option<&'a super::Personal>,
}

/// Writes the wanted events from `from` on, oldest first, as JSON lines: about a mebibyte at most. Answers where to
/// go on; none at the end. Call it until then, each time in a read of its own.
///
/// A line is `{"seq", "at", "leaf_hash", "personal", "event"}`. The bytes of `event` are those of the record: the
/// leaf hash is SHA-256 of `0x00 0x01` and these bytes. `event` is null when the body was archived.
///
/// # Errors
/// The database failed.
pub fn export_chunk(
    reader: &Reader<'_>,
    filter: &EventFilter,
    from: u64,
    out: &mut Vec<u8>,
) -> Result<Option<u64>, LedgerError> {
    let size = store::size(reader)?;
    let search = Search::new(filter);
    let begin = out.len();
    let (mut place, mut events, mut passed) = (from, 0, 0_u64);
    while place < size {
        // Without a summary (the newest events) the block is looked at.
        let block = place / BLOCK;
        let mut skip = false;
        store::blocks(reader, &(block..block + 1), false, |row| {
            skip = !search.may_be_in(&row);
            Ok(true)
        })?;
        let end = size.min((block + 1) * BLOCK);
        if !skip {
            store::events_find(reader, &search.wanted, &(place..end), false, CHUNK_EVENTS, |found| {
                write_line(out, &found);
                events += 1;
                true
            })?;
        }
        place = end;
        passed += 1;
        if out.len() - begin >= CHUNK_BYTES || events >= CHUNK_EVENTS || passed >= BLOCKS_MAX {
            break;
        }
    }
    Ok((place < size).then_some(place))
}

fn write_line(out: &mut Vec<u8>, found: &store::Found<'_>) {
    let personal: Option<super::Personal> = found.personal.and_then(|content| serde_json::from_slice(content).ok());
    let leaf_hash = data_encoding::HEXLOWER.encode(found.leaf_hash);
    let line = Line { seq: found.seq, at: found.at, leaf_hash, personal: personal.as_ref() };
    let start = out.len();
    if serde_json::to_writer(&mut *out, &line).is_err() || out.pop() != Some(b'}') {
        // Cannot happen with these types; a half line must not go out.
        out.truncate(start);
        return;
    }
    out.extend_from_slice(br#","event":"#);
    out.extend_from_slice(found.record.and_then(record::json).unwrap_or(b"null"));
    out.extend_from_slice(b"}\n");
}

/// The tree's hashes as they are stored: leaves, and every eighth level.
pub(super) struct StoredNodes<'r, 'c>(pub(super) &'r Reader<'c>);

impl Nodes for StoredNodes<'_, '_> {
    type Error = LedgerError;

    fn node(&self, level: u32, index: u64) -> Result<Hash, LedgerError> {
        let stored = level & !7;
        let count = 1_u64 << (level - stored);
        let mut row = hashes(self.0, stored, index * count..(index + 1) * count)?;
        while row.len() > 1 {
            row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        row.pop().ok_or_else(|| LedgerError::Damaged(format!("no hash {index} on level {level}")))
    }
}

/// That an event is in the tree of a size (RFC 9162 section 2.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The event's place.
    pub seq: u64,
    /// The size of the tree.
    pub size: u64,
    /// The event's hash.
    pub leaf_hash: Hash,
    /// The siblings from the leaf up.
    pub hashes: Vec<Hash>,
}

impl InclusionProof {
    /// The root this proof leads to: the event is in the log if a checkpoint of `size` has it.
    pub fn root(&self) -> Option<Hash> {
        merkle::inclusion_root(self.leaf_hash, self.seq, self.size, &self.hashes)
    }
}

/// The proof that the event at `seq` is in the tree of the first `size` events: take `size` from a checkpoint.
///
/// # Errors
/// There is no such event or size, a hash is missing, or the database failed.
pub fn inclusion_proof(reader: &Reader<'_>, seq: u64, size: u64) -> Result<InclusionProof, LedgerError> {
    check_size(reader, size)?;
    if seq >= size {
        return Err(LedgerError::NotFound(seq));
    }
    let nodes = StoredNodes(reader);
    let hashes = merkle::inclusion_proof(&nodes, seq, size)?;
    Ok(InclusionProof { seq, size, leaf_hash: nodes.node(0, seq)?, hashes })
}

/// The proof that the first `old` events are a prefix of the first `new`.
///
/// # Errors
/// `old` is zero or greater than `new`, there is no such size, a hash is missing, or the database failed.
pub fn consistency_proof(reader: &Reader<'_>, old: u64, new: u64) -> Result<Vec<Hash>, LedgerError> {
    check_size(reader, new)?;
    if old == 0 || old > new {
        return Err(LedgerError::NotFound(old));
    }
    merkle::consistency_proof(&StoredNodes(reader), old, new)
}

/// Events in the log.
///
/// # Errors
/// The database failed.
pub fn size(reader: &Reader<'_>) -> Result<u64, LedgerError> {
    Ok(store::size(reader)?)
}

fn check_size(reader: &Reader<'_>, size: u64) -> Result<(), LedgerError> {
    if size > store::size(reader)? { Err(LedgerError::NotFound(size.saturating_sub(1))) } else { Ok(()) }
}
