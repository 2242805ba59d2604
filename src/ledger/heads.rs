//! The part of `verify` that compares tree heads: the stored checkpoints and those kept elsewhere.

use super::LedgerError;
use super::checkpoint::Checkpoint;
use super::list::StoredNodes;
use super::merkle::{Frontier, Hash, root_at};
use super::store::{self, StoredCheckpoint};
use super::verify::{Problem, Report, Trust};
use crate::db::Reader;
use crate::types::{Id, kinds};

/// Stored checkpoints read at once.
const READ_AT_ONCE: u32 = 256;
/// Heads kept for judgement at the end; more say nothing new.
const PENDING_MAX: usize = 1_000;

/// A restore, as its event says.
pub(super) struct Restore {
    pub(super) epoch: u64,
    /// The place of its event: what was before is what the backup had.
    pub(super) seq: u64,
    pub(super) known_epoch: u64,
    pub(super) known_size: u64,
    pub(super) known_root: Hash,
}

/// A head that is not the tree's own at its size.
struct Pending {
    epoch: u64,
    size: u64,
    root: Hash,
    /// Its root is the tree's, only the epoch is not.
    same_root: bool,
    /// Where the last head agreed: what changed is behind it.
    agreed: u64,
}

pub(super) struct Heads {
    key: Option<[u8; 32]>,
    instance: Option<Id<kinds::Instance>>,
    /// Heads from outside, the largest first.
    outside: Vec<Checkpoint>,
    /// Stored ones that were read and not reached yet, the largest first.
    stored: Vec<StoredCheckpoint>,
    /// Size and epoch of the last stored one that was read; none when there are no more.
    read_until: Option<(i64, i64)>,
    /// The smallest size among both.
    due: u64,
    pending: Vec<Pending>,
    agreed: u64,
    /// Epoch and size of the newest head with a verified signature that agrees.
    signed: (u64, u64),
    /// A head with a verified signature was seen, agreeing or not.
    any_signed: bool,
}

impl Heads {
    pub(super) fn new(trust: &Trust) -> Result<Self, LedgerError> {
        let mut outside =
            trust.checkpoints.iter().map(|note| Checkpoint::parse(note)).collect::<Result<Vec<_>, _>>()?;
        outside.sort_by_key(|head| std::cmp::Reverse((head.size, head.epoch)));
        Ok(Self {
            key: trust.key,
            instance: trust.instance,
            outside,
            stored: Vec::new(),
            read_until: Some((-1, -1)),
            due: 0,
            pending: Vec::new(),
            agreed: 0,
            signed: (0, 0),
            any_signed: false,
        })
    }

    /// Compares the heads of the size the tree has got to; `epoch` is the one in force there.
    #[inline]
    pub(super) fn reach(
        &mut self,
        reader: &Reader<'_>,
        report: &mut Report,
        tree: &Frontier,
        epoch: u64,
    ) -> Result<(), LedgerError> {
        if tree.size() < self.due { Ok(()) } else { self.compare(reader, report, tree, epoch) }
    }

    fn compare(
        &mut self,
        reader: &Reader<'_>,
        report: &mut Report,
        tree: &Frontier,
        epoch: u64,
    ) -> Result<(), LedgerError> {
        let here = |size: u64| size <= tree.size();
        let root = tree.root();
        loop {
            self.read_more(reader)?;
            let head = if self.stored.last().is_some_and(|head| here(head.size)) {
                self.stored.pop().and_then(|stored| self.read_stored(report, &stored))
            } else if self.outside.last().is_some_and(|head| here(head.size)) {
                self.outside.pop()
            } else {
                break;
            };
            let Some(head) = head else { continue };
            let Some(signed) = self.check_origin(report, &head) else { continue };
            let same_root = head.root == root && head.size == tree.size();
            if same_root && head.epoch == epoch {
                self.agreed = head.size;
                if signed {
                    self.signed = (head.epoch, head.size);
                }
            } else {
                self.keep(report, &head, same_root);
            }
        }
        let next_stored = self.stored.last().map_or(u64::MAX, |head| head.size);
        self.due = next_stored.min(self.outside.last().map_or(u64::MAX, |head| head.size));
        Ok(())
    }

    fn read_more(&mut self, reader: &Reader<'_>) -> Result<(), LedgerError> {
        let Some(after) = self.read_until.filter(|_| self.stored.is_empty()) else { return Ok(()) };
        self.stored = store::checkpoints_after(reader, after, READ_AT_ONCE)?;
        let key = |head: &StoredCheckpoint| {
            (i64::try_from(head.size).unwrap_or(i64::MAX), i64::try_from(head.epoch).unwrap_or(i64::MAX))
        };
        self.read_until = self.stored.last().map(key);
        self.stored.reverse();
        Ok(())
    }

    fn read_stored(&self, report: &mut Report, stored: &StoredCheckpoint) -> Option<Checkpoint> {
        let read = Checkpoint::parse(&stored.note).ok();
        let same = |head: &Checkpoint| (head.epoch, head.size, head.root) == (stored.epoch, stored.size, stored.root);
        if read.as_ref().is_some_and(same) {
            return read;
        }
        let words = format!("the stored checkpoint of size {} was changed", stored.size);
        report.problem(Some(self.agreed), "checkpoint_changed", words);
        None
    }

    /// Whether the head is of this log, and then whether its signature was verified. What is not signed with the
    /// key that was brought along proves nothing and is not compared.
    fn check_origin(&mut self, report: &mut Report, head: &Checkpoint) -> Option<bool> {
        if *self.instance.get_or_insert(head.instance) != head.instance {
            let words = format!("the checkpoint of size {} is of another instance, {}", head.size, head.instance);
            report.problem(None, "checkpoint_foreign", words);
            return None;
        }
        let Some(key) = &self.key else { return Some(false) };
        if head.is_signed_by(key) {
            self.any_signed = true;
            return Some(true);
        }
        let words = format!("the checkpoint of size {} is not signed with the key given", head.size);
        report.problem(None, "checkpoint_unsigned", words);
        None
    }

    fn keep(&mut self, report: &mut Report, head: &Checkpoint, same_root: bool) {
        if self.pending.len() < PENDING_MAX {
            let (epoch, size, root) = (head.epoch, head.size, head.root);
            self.pending.push(Pending { epoch, size, root, same_root, agreed: self.agreed });
        } else {
            report.more += 1;
        }
    }

    /// Judges what did not agree, now that all restores are known.
    pub(super) fn finish(
        mut self,
        reader: &Reader<'_>,
        report: &mut Report,
        restores: &[Restore],
        gapless: bool,
    ) -> Result<(), LedgerError> {
        if !gapless {
            // The gap is reported; no head behind it can agree.
            return Ok(());
        }
        self.beyond(reader, report)?;
        report.signed_size = self.signed.1;
        for head in &self.pending {
            self.judge(report, restores, head);
        }
        for restore in restores.iter().filter(|restore| restore.known_size <= restore.seq) {
            // A backup that had all that was known: then its tree is the known one.
            let own = root_at(&StoredNodes(reader), restore.known_size);
            if own.is_ok_and(|own| own != restore.known_root) {
                let words = format!("event {} restored a log that is not the one it names", restore.seq);
                report.problem(Some(restore.seq), "restore_mismatch", words);
            }
        }
        if self.key.is_some() && report.size > 0 && !self.any_signed {
            let words = "no checkpoint is signed with the key given: nothing proves that this log is the one it was";
            report.problem(Some(0), "checkpoint_missing", words);
        }
        Ok(())
    }

    /// The heads larger than the log.
    fn beyond(&mut self, reader: &Reader<'_>, report: &mut Report) -> Result<(), LedgerError> {
        loop {
            self.read_more(reader)?;
            let head = match self.stored.pop() {
                Some(stored) => self.read_stored(report, &stored),
                None => match self.outside.pop() {
                    Some(head) => Some(head),
                    None => return Ok(()),
                },
            };
            if let Some(head) = head
                && self.check_origin(report, &head).is_some()
            {
                self.keep(report, &head, false);
            }
        }
    }

    fn judge(&self, report: &mut Report, restores: &[Restore], head: &Pending) {
        let Pending { epoch, size, agreed, .. } = *head;
        let ours = epoch == 1 || restores.iter().any(|restore| restore.epoch == epoch);
        let next = restores.iter().find(|restore| restore.epoch > epoch);
        let known = |restore: &Restore| {
            (restore.known_epoch, restore.known_size) != (epoch, size) || restore.known_root == head.root
        };
        match next {
            Some(restore) if !head.same_root && (size > restore.seq || !ours) && known(restore) => {
                let at = restore.seq;
                if self.key.is_some() && !(self.signed.0 >= restore.epoch && self.signed.1 > at) {
                    let words = format!("event {at} claims a restore, but no signed checkpoint of its epoch has it");
                    report.problem(Some(at), "restore_unproven", words);
                } else {
                    let words = format!(
                        "the checkpoint of size {size} in epoch {epoch} was discarded by the restore of event {at}, \
                         which knew of {} events",
                        restore.known_size
                    );
                    report.discarded.push(Problem { seq: Some(at), code: "checkpoint_discarded", words });
                }
            }
            _ if size > report.size => {
                let words = format!(
                    "there was a log of {size} events in epoch {epoch}, this one has {}: events were cut off, or an \
                     older copy was put back",
                    report.size
                );
                report.problem(Some(report.size), "rolled_back", words);
            }
            _ => {
                let words = format!(
                    "the events {agreed} to {} are not those of the checkpoint of size {size} in epoch {epoch}",
                    size.saturating_sub(1)
                );
                report.problem(Some(agreed), "checkpoint_mismatch", words);
            }
        }
    }
}
