//! The right edge of the tree in memory: it follows the writer's transactions, forward and back.

use std::ops::Range;
use std::sync::Arc;

use super::block::BLOCK;
use super::merkle::{Frontier, Hash, LEVELS, leaf_hash};
use super::{LedgerError, Registry, store};
use crate::db::{DbError, Reader, TxState};
use crate::types::{Id, kinds};

/// Where the log ends, and in which epoch.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) frontier: Frontier,
    pub(super) epoch: u64,
}

/// The ledger's state on the writer thread. Made and attached by [`super::start`].
pub struct LedgerTail {
    pub(super) head: Head,
    marked: Head,
    durable: Head,
    pub(super) registry: Arc<Registry>,
    pub(super) instance: Id<kinds::Instance>,
    /// An append failed half way: what the database holds is no longer what the tree says.
    pub(super) broken: bool,
}

impl LedgerTail {
    /// Reads the tree's edge: a few hundred hashes, whatever the size. Answers also the places among the newest
    /// events, which no stored node covers yet, whose record is not the leaf it was.
    ///
    /// # Errors
    /// The database failed, or holds no gapless log.
    pub(super) fn load(
        reader: &Reader<'_>,
        registry: Registry,
        instance: Id<kinds::Instance>,
    ) -> Result<(Self, Vec<u64>), LedgerError> {
        let size = store::size(reader)?;
        let mut frontier = Frontier::default();
        let mut level = u32::try_from(LEVELS).unwrap_or(0) / 8 * 8;
        while level >= 8 {
            level -= 8;
            let range = frontier.size() >> level..size >> level;
            for hash in hashes(reader, level, range)? {
                frontier.append_subtree(level, hash, |_, _| ());
            }
        }
        let mut changed = Vec::new();
        store::records(reader, size / BLOCK * BLOCK..size, |seq, record, stored| {
            if record.is_some_and(|record| leaf_hash(record)[..] != *stored) {
                changed.push(seq);
            }
        })?;
        let head = Head { frontier, epoch: store::epoch(reader)? };
        let registry = Arc::new(registry);
        let tail = Self { marked: head.clone(), durable: head.clone(), head, registry, instance, broken: false };
        Ok((tail, changed))
    }

    /// Events in the log, with those of the open transaction.
    pub fn size(&self) -> u64 {
        self.head.frontier.size()
    }

    /// The root of the tree, with the events of the open transaction.
    pub fn root(&self) -> Hash {
        self.head.frontier.root()
    }

    /// The epoch: 1, and one more with each restore from a backup.
    pub fn epoch(&self) -> u64 {
        self.head.epoch
    }
}

/// The hashes of a range of stored nodes, all of them.
pub(super) fn hashes(reader: &Reader<'_>, level: u32, range: Range<u64>) -> Result<Vec<Hash>, LedgerError> {
    let found = if level == 0 { store::leaf_hashes(reader, &range)? } else { store::nodes(reader, level, &range)? };
    if found.len() as u64 == range.end.saturating_sub(range.start) {
        return Ok(found);
    }
    Err(LedgerError::Damaged(format!(
        "of the hashes {} to {} on level {level} only {} are there",
        range.start,
        range.end,
        found.len()
    )))
}

impl TxState for LedgerTail {
    fn mark(&mut self) {
        self.marked.clone_from(&self.head);
    }

    fn revert(&mut self) {
        self.head.clone_from(&self.marked);
        self.broken = false;
    }

    fn flush(&mut self, _: &Reader<'_>) -> Result<(), DbError> {
        if self.broken {
            return Err(DbError::Corrupt("an event was only half appended".into()));
        }
        Ok(())
    }

    fn committed(&mut self) {
        self.durable.clone_from(&self.head);
    }

    fn aborted(&mut self) {
        self.head.clone_from(&self.durable);
        self.broken = false;
    }
}
