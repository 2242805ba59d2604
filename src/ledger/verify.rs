//! Proving offline that nothing was changed, removed or rolled back: one pass over the log in order.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::ops::Range;

use serde::de::IgnoredAny;

use super::LedgerError;
use super::action::{ARCHIVED, PERSONAL_ERASED, RESTORED};
use super::block::{BLOCK, Mentions, Summary};
use super::heads::{Heads, Restore};
use super::merkle::{Frontier, Hash, leaf_hash};
use super::record::{self, ArchivedDetails, EventView, Record, RestoredDetails};
use super::store::{self, PersonalRow, Stored};
use crate::db::Reader;
use crate::types::{Id, IdKind, Timestamp, kinds};

/// Problems named at most.
const PROBLEMS_MAX: usize = 1_000;
/// Events between two calls of `progress`.
const PROGRESS: u64 = 4_096;

/// What whoever verifies brings along, from outside of the database.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The ledger's public key, as it was printed at the first start; without it no signature is checked.
    pub key: Option<[u8; 32]>,
    /// The instance the log should be of.
    pub instance: Option<Id<kinds::Instance>>,
    /// Notes of checkpoints that were kept elsewhere.
    pub checkpoints: Vec<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The event, or the first of the events it is about.
    pub seq: Option<u64>,
    /// The stable code.
    pub code: &'static str,
    /// What it means.
    pub words: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether there is no problem.
    pub ok: bool,
    /// Events in the log.
    pub size: u64,
    /// The root of the tree, computed from the records.
    pub root: Hash,
    /// The newest epoch.
    pub epoch: u64,
    /// Events covered by a checkpoint whose signature was verified; zero when no key was given.
    pub signed_size: u64,
    /// Events whose personal content was erased.
    pub erased: u64,
    /// Events whose body was archived.
    pub archived: u64,
    /// Checkpoints beyond the cut of a restore that the ledger records: no problem if you know of that restore.
    pub discarded: Vec<Problem>,
    /// The problems, the first 1,000.
    pub problems: Vec<Problem>,
    /// Problems found beyond those.
    pub more: u64,
}

impl Report {
    fn new() -> Self {
        Self {
            ok: false,
            size: 0,
            root: Frontier::default().root(),
            epoch: 1,
            signed_size: 0,
            erased: 0,
            archived: 0,
            discarded: Vec::new(),
            problems: Vec::new(),
            more: 0,
        }
    }

    pub(super) fn problem(&mut self, seq: Option<u64>, code: &'static str, words: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { seq, code, words: words.into() });
        } else {
            self.more += 1;
        }
    }
}

/// Recomputes the whole log and compares it with itself and with what `trust` brings. `progress` is called now and
/// then with the events done and all there are.
///
/// # Errors
/// A note of `trust` is unreadable, or the database failed. What is wrong with the log is in the report.
pub fn verify(reader: &Reader<'_>, trust: &Trust, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, LedgerError> {
    let total = store::size(reader)?;
    let mut pass = Pass {
        reader,
        report: Report::new(),
        heads: Heads::new(trust)?,
        tree: Frontier::default(),
        next: 0,
        gapless: true,
        restores: Vec::new(),
        summary: Summary::default(),
        mentions: Mentions::default(),
        without_body: Vec::new(),
        archived_before: 0,
        persons: HashMap::new(),
    };
    pass.heads.reach(reader, &mut pass.report, &pass.tree, 1)?;
    store::events_scan(reader, |stored| {
        if pass.next.is_multiple_of(PROGRESS) {
            progress(pass.next, total);
        }
        pass.event(stored)
    })?;
    progress(total, total);
    pass.finish()
}

struct Pass<'r, 'c> {
    reader: &'r Reader<'c>,
    report: Report,
    heads: Heads,
    tree: Frontier,
    /// The place the next event must have.
    next: u64,
    /// Without a gap so far: behind one, no hash of the tree can be right.
    gapless: bool,
    restores: Vec<Restore>,
    summary: Summary,
    mentions: Mentions,
    /// Runs of events without a body.
    without_body: Vec<Range<u64>>,
    /// The highest place the log says bodies were archived before.
    archived_before: u64,
    /// Whom each erasure was about.
    persons: HashMap<u64, Option<String>>,
}

impl Pass<'_, '_> {
    fn event(&mut self, stored: &Stored<'_>) -> Result<(), LedgerError> {
        let seq = stored.seq;
        if seq != self.next {
            let words = format!("the events {} to {} are missing", self.next, seq.saturating_sub(1));
            self.report.problem(Some(self.next), "events_missing", words);
            self.gapless = false;
        }
        self.next = seq.saturating_add(1);
        let leaf = match stored.record {
            Some(bytes) => {
                let leaf = leaf_hash(bytes);
                if leaf[..] != *stored.leaf_hash {
                    let words = format!("event {seq} or its hash was changed");
                    self.report.problem(Some(seq), "record_changed", words);
                }
                self.record(stored, bytes)?;
                leaf
            }
            None => self.archived(stored),
        };
        self.summary.add(&stored.columns);
        self.mentions.add(stored.record);
        if !self.gapless {
            return Ok(());
        }
        let mut complete = Vec::new();
        self.tree.append(leaf, |level, hash| {
            if level.is_multiple_of(8) {
                complete.push((level, *hash));
            }
        });
        for (level, hash) in complete {
            self.node(level, seq, &hash)?;
        }
        let epoch = self.epoch();
        self.heads.reach(self.reader, &mut self.report, &self.tree, epoch)
    }

    fn epoch(&self) -> u64 {
        self.restores.last().map_or(1, |restore| restore.epoch)
    }

    /// The leaf of an event without a body is what is stored; whether it may lack one is seen at the end.
    fn archived(&mut self, stored: &Stored<'_>) -> Hash {
        self.report.archived += 1;
        match self.without_body.last_mut() {
            Some(run) if run.end == stored.seq => run.end += 1,
            _ => self.without_body.push(stored.seq..stored.seq + 1),
        }
        stored.leaf_hash.try_into().unwrap_or_default()
    }

    fn record(&mut self, stored: &Stored<'_>, bytes: &[u8]) -> Result<(), LedgerError> {
        let seq = stored.seq;
        let Some(read) = record::decode::<IgnoredAny, IgnoredAny>(bytes) else {
            self.report.problem(Some(seq), "record_unreadable", format!("the record of event {seq} is unreadable"));
            return Ok(());
        };
        if read.action == RESTORED.as_str() {
            self.restored(seq, bytes);
        } else if read.action == ARCHIVED.as_str() {
            let details = record::decode::<ArchivedDetails, IgnoredAny>(bytes).and_then(|read| read.details);
            self.archived_before = self.archived_before.max(details.map_or(0, |details| details.before.min(seq)));
        }
        let id = record::event_id(Timestamp::from_micros(read.at), self.epoch(), seq);
        if read.seq != seq || !is_id(&read.id, id) {
            let words = format!("the record at {seq} says it is event {} with the id {}", read.seq, read.id);
            self.report.problem(Some(seq), "record_misplaced", words);
        }
        if let Some(column) = different_column(stored, &read) {
            let words = format!("the column `{column}` of event {seq} is not what its record says");
            self.report.problem(Some(seq), "column_changed", words);
        }
        self.personal(seq, &read, stored.personal.as_ref())
    }

    fn restored(&mut self, seq: u64, bytes: &[u8]) {
        let details = record::decode::<RestoredDetails, IgnoredAny>(bytes).and_then(|read| read.details);
        let root = details.as_ref().and_then(|details| {
            data_encoding::BASE64.decode(details.known_root.as_bytes()).ok().and_then(|root| root.try_into().ok())
        });
        match (details, root) {
            (Some(details), Some(known_root)) if details.epoch > self.epoch() => self.restores.push(Restore {
                epoch: details.epoch,
                seq,
                known_epoch: details.known_epoch,
                known_size: details.known_size,
                known_root,
            }),
            _ => {
                let words = format!("event {seq} claims a restore that opens no later epoch");
                self.report.problem(Some(seq), "restore_invalid", words);
            }
        }
    }

    fn personal(
        &mut self,
        seq: u64,
        read: &Record<'_, IgnoredAny, IgnoredAny>,
        row: Option<&PersonalRow<'_>>,
    ) -> Result<(), LedgerError> {
        let Some(commitment) = read.personal else {
            if row.is_some() {
                let words = format!("event {seq} never had the personal data that is stored for it");
                self.report.problem(Some(seq), "personal_changed", words);
            }
            return Ok(());
        };
        match row {
            Some(PersonalRow { salt: Some(salt), content: Some(content), erased_by: None }) => {
                let held = data_encoding::BASE64.encode(&record::commitment(salt, content));
                if held != commitment {
                    let words = format!("the personal data of event {seq} is not what its record commits to");
                    self.report.problem(Some(seq), "personal_changed", words);
                }
            }
            Some(PersonalRow { salt: None, content: None, erased_by: Some(by) }) => {
                self.report.erased += 1;
                let person = self.erased_person(*by)?;
                let of = |id: &str| person.as_deref() == Some(id);
                if !(of(&read.actor.id) || read.target.as_ref().is_some_and(|target| of(&target.id))) {
                    let words = format!("the personal data of event {seq} is gone, and event {by} is not its erasure");
                    self.report.problem(Some(seq), "personal_missing", words);
                }
            }
            _ => {
                let words = format!("the personal data of event {seq} is gone without an erasure");
                self.report.problem(Some(seq), "personal_missing", words);
            }
        }
        Ok(())
    }

    /// Whom the event at `by` says was erased. That its record was not changed is seen when the pass gets there.
    fn erased_person(&mut self, by: u64) -> Result<Option<String>, LedgerError> {
        if let Some(known) = self.persons.get(&by) {
            return Ok(known.clone());
        }
        let mut person = None;
        store::event_at(self.reader, by, |record, leaf_hash, _| {
            person = EventView::read(record, leaf_hash, None)
                .filter(|view| view.action == PERSONAL_ERASED.as_str())
                .and_then(|view| view.target.map(|target| target.id.into_owned()));
        })?;
        self.persons.insert(by, person.clone());
        Ok(person)
    }

    /// Compares what is stored for a subtree that the event at `last` completed.
    fn node(&mut self, level: u32, last: u64, hash: &Hash) -> Result<(), LedgerError> {
        let index = last >> level;
        let first = index << level;
        let stored = store::nodes(self.reader, level, &(index..index + 1))?;
        if stored.first() != Some(hash) {
            let words = format!("the stored hash of the events {first} to {last} is not theirs");
            self.report.problem(Some(first), "node_changed", words);
        }
        if level == 8 {
            let (at_min, at_max, terms) = self.summary.take();
            // None when a body was archived; older blocks have none either.
            let mentions = self.mentions.take();
            let mut same = false;
            store::blocks(self.reader, &(index..index + 1), false, |row| {
                let known = row.mentions.zip(mentions.as_deref());
                same = row.times == (at_min, at_max) && row.terms == terms && known.is_none_or(|(a, b)| a == b);
                Ok(true)
            })?;
            if !same {
                let words = format!("the search summary of the events {first} to {last} is not theirs");
                self.report.problem(Some(first), "summary_changed", words);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Report, LedgerError> {
        let size = self.next;
        self.report.size = size;
        self.report.root = self.tree.root();
        self.report.epoch = self.epoch();
        for run in std::mem::take(&mut self.without_body) {
            if run.end > self.archived_before {
                let first = run.start.max(self.archived_before);
                let words = format!("the records of the events {first} to {} are gone", run.end - 1);
                self.report.problem(Some(first), "record_missing", words);
            }
        }
        self.extent(size)?;
        let listed: Vec<(u64, u64)> = self.restores.iter().map(|restore| (restore.epoch, restore.seq)).collect();
        if listed != store::restores(self.reader)? {
            self.report.problem(None, "restores_changed", "the table of restores is not what the events say");
        }
        self.heads.finish(self.reader, &mut self.report, &self.restores, self.gapless)?;
        self.report.ok = self.report.problems.is_empty();
        Ok(self.report)
    }

    /// What is stored for events that are not there: somebody cut off the end.
    fn extent(&mut self, size: u64) -> Result<(), LedgerError> {
        let (nodes, blocks, personal) = store::extent(self.reader)?;
        let expected: u64 = (8..64).step_by(8).map(|level| size >> level).sum();
        if nodes > expected || blocks > size / BLOCK || personal > size {
            let words = format!("there are hashes or personal data of events beyond the last one, {size} are there");
            self.report.problem(Some(size), "events_missing", words);
        }
        Ok(())
    }
}

/// The first column that differs from the record.
fn different_column<D, P>(stored: &Stored<'_>, read: &Record<'_, D, P>) -> Option<&'static str> {
    let columns = &stored.columns;
    let same = [
        ("at", columns.at == read.at),
        ("outcome", columns.outcome == read.outcome.number()),
        ("organization", is_column::<kinds::Organization>(columns.organization, read.organization)),
        ("project", is_column::<kinds::Project>(columns.project, read.project)),
        ("environment", is_column::<kinds::Environment>(columns.environment, read.environment)),
        ("action", columns.action == read.action.as_bytes()),
        ("actor", columns.actor == read.actor.id.as_bytes()),
        ("target", columns.target == read.target.as_ref().map(|target| target.id.as_bytes())),
    ];
    same.iter().find(|(_, same)| !same).map(|(name, _)| *name)
}

/// Whether the bytes of a column are the id in a record.
fn is_column<K: IdKind>(column: Option<&[u8]>, text: Option<&str>) -> bool {
    match (column, text) {
        (None, None) => true,
        (Some(bytes), Some(text)) => bytes.try_into().is_ok_and(|bytes| is_id(text, Id::<K>::from_bytes(bytes))),
        _ => false,
    }
}

/// Whether `text` is this id, without allocating: this runs some times for every event.
fn is_id<K: IdKind>(text: &str, id: Id<K>) -> bool {
    let mut rest = Rest(text.as_bytes());
    write!(rest, "{id}").is_ok() && rest.0.is_empty()
}

/// Compares what is written to it.
struct Rest<'a>(&'a [u8]);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(part.as_bytes()).ok_or(fmt::Error)?;
        Ok(())
    }
}
