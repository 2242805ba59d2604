//! Appending: in the transaction of the change the event describes.

use ring::rand::{SecureRandom, SystemRandom};

use super::action::{ARCHIVED, PERSONAL_ERASED, RESTORED, is_reserved};
use super::block::BLOCK;
use super::merkle::{Hash, leaf_hash};
use super::record::{self, SALT_LEN};
use super::tail::LedgerTail;
use super::{Actor, Details, Event, LedgerError, Outcome, Personal, store};
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// Events changed in one operation at most, when old ones are erased or archived: the writer is busy for some
/// milliseconds.
const STEP: u64 = 20_000;

/// Where an event was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef {
    /// Its place, from 0.
    pub seq: u64,
    /// Its id.
    pub id: Id<kinds::Event>,
}

/// Appends an event. It is durable when the operation's commit is, and gone when the operation is undone.
///
/// # Errors
/// The action is not registered or reserved, a part is too long, or the database failed. The operation must fail
/// with it: what cannot be recorded is not done.
pub fn append(tx: &mut WriteTx<'_>, event: Event) -> Result<EventRef, LedgerError> {
    if is_reserved(event.action) {
        return Err(LedgerError::Reserved(event.action.as_str()));
    }
    append_any(tx, event)
}

/// Keeps an event for the case that the operation is undone: how a denied or failed attempt is recorded.
pub fn append_on_rollback(tx: &mut WriteTx<'_>, event: Event) {
    tx.on_rollback(move |tx| Ok(append(tx, event).map(|_| ())?));
}

fn append_any(tx: &mut WriteTx<'_>, event: Event) -> Result<EventRef, LedgerError> {
    let (reader, tail) = tx.parts::<LedgerTail>();
    let tail = tail.ok_or(LedgerError::NotStarted)?;
    if !tail.registry.contains(event.action) {
        return Err(LedgerError::Action(event.action.as_str()));
    }
    event.check()?;
    let seq = tail.size();
    let id = record::event_id(event.at, tail.head.epoch, seq);
    // From here to the end an error leaves rows without their leaf: unless the savepoint is undone, the batch is.
    let before = std::mem::replace(&mut tail.broken, true);
    let commitment = personal_keep(&reader, seq, &event)?;
    let bytes = record::encode(&event, seq, id, commitment.as_ref());
    let leaf = leaf_hash(&bytes);
    store::event_insert(&reader, seq, &event, &bytes, &leaf)?;
    let mut complete = Ok(());
    tail.head.frontier.append(leaf, |level, hash| {
        if level.is_multiple_of(8) && complete.is_ok() {
            complete = store::node_insert(&reader, level, seq >> level, hash);
        }
    });
    complete?;
    if (seq + 1).is_multiple_of(BLOCK) {
        store::block_insert(&reader, seq / BLOCK, &(seq + 1 - BLOCK..seq + 1))?;
    }
    tail.broken = before;
    Ok(EventRef { seq, id })
}

/// Puts what is personal into its erasable row and answers the commitment to it.
fn personal_keep(reader: &Reader<'_>, seq: u64, event: &Event) -> Result<Option<Hash>, LedgerError> {
    let Some(personal) = event.personal.clone().map(Personal::cut) else { return Ok(None) };
    let mut salt = [0; SALT_LEN];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| DbError::Io(std::io::Error::other("the operating system gave no random bytes")))?;
    let content = serde_json::to_vec(&personal).map_err(|error| LedgerError::Damaged(error.to_string()))?;
    store::personal_insert(reader, seq, &salt, &content)?;
    Ok(Some(record::commitment(&salt, &content)))
}

/// A tree head known from elsewhere: the newest checkpoint whoever restores could find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownHead {
    /// Its epoch.
    pub epoch: u64,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Records that this database came out of a backup, and opens a new epoch: checkpoints beyond this place and of an
/// older epoch are from here on known to have been discarded. Make a checkpoint in the same transaction.
///
/// `known` is the newest head known before the restore; without one it is the database's own.
///
/// # Errors
/// The ledger was not started, or the database failed.
pub fn restored(
    tx: &mut WriteTx<'_>,
    at: Timestamp,
    actor: Actor,
    known: Option<KnownHead>,
) -> Result<EventRef, LedgerError> {
    let (_, tail) = tx.parts::<LedgerTail>();
    let tail = tail.ok_or(LedgerError::NotStarted)?;
    let own = KnownHead { epoch: tail.epoch(), size: tail.size(), root: tail.root() };
    let known = known.unwrap_or(own);
    let epoch = known.epoch.max(own.epoch) + 1;
    let details = Details::new()
        .with("epoch", epoch)
        .with("known_epoch", known.epoch)
        .with("known_size", known.size)
        .with("known_root", data_encoding::BASE64.encode(&known.root));
    let event = Event::new(at, RESTORED, Outcome::Allowed, actor).details(details);
    // The event opens the epoch: its own id is already of the new one.
    tail.head.epoch = epoch;
    let place = append_any(tx, event)?;
    store::restore_insert(tx, epoch, place.seq)?;
    Ok(place)
}

/// Records that what the ledger knows about a person is being erased, and erases the first part of it. When the
/// answer names a place, call [`personal_erase_next`] with it, each time in an operation of its own.
///
/// # Errors
/// The ledger was not started, or the database failed.
pub fn personal_erase(
    tx: &mut WriteTx<'_>,
    at: Timestamp,
    by: Actor,
    person: Id<kinds::User>,
) -> Result<(EventRef, Option<u64>), LedgerError> {
    let event = Event::new(at, PERSONAL_ERASED, Outcome::Allowed, by).target(super::Target::new("user", person));
    let place = append_any(tx, event)?;
    let next = personal_erase_next(tx, place.seq, person, 0)?;
    Ok((place, next))
}

/// Erases the next part of what [`personal_erase`] began: `erased_by` is its event, `from` the place it named.
///
/// # Errors
/// The database failed.
pub fn personal_erase_next(
    tx: &WriteTx<'_>,
    erased_by: u64,
    person: Id<kinds::User>,
    from: u64,
) -> Result<Option<u64>, LedgerError> {
    let end = from.saturating_add(STEP).min(erased_by);
    store::personal_erase(tx, &person.to_string(), &(from..end), erased_by)?;
    Ok((end < erased_by).then_some(end))
}

/// Drops the bodies of the events before `before`, whose export was kept elsewhere; their hashes stay, and with
/// them every proof. Bodies that say how the log itself is to be read stay too. When the answer names a place, call
/// [`archived_next`] with it, each time in an operation of its own.
///
/// # Errors
/// There is no such event, the ledger was not started, or the database failed.
pub fn archived(
    tx: &mut WriteTx<'_>,
    at: Timestamp,
    by: Actor,
    before: u64,
) -> Result<(EventRef, Option<u64>), LedgerError> {
    let size = tx.parts::<LedgerTail>().1.ok_or(LedgerError::NotStarted)?.size();
    if before > size {
        return Err(LedgerError::NotFound(before));
    }
    let details = Details::new().with("before", before);
    let place = append_any(tx, Event::new(at, ARCHIVED, Outcome::Allowed, by).details(details))?;
    let next = archived_next(tx, before, 0)?;
    Ok((place, next))
}

/// Drops the next part of what [`archived`] began: up to `before`, from the place it named.
///
/// # Errors
/// The database failed.
pub fn archived_next(tx: &WriteTx<'_>, before: u64, from: u64) -> Result<Option<u64>, LedgerError> {
    let end = from.saturating_add(STEP).min(before);
    store::bodies_drop(tx, &(from..end), [RESTORED, PERSONAL_ERASED, ARCHIVED].map(super::ActionName::as_str))?;
    Ok((end < before).then_some(end))
}
