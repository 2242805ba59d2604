//! Beginning, watching, pausing and resuming a rotation.

use super::model::{KeyRotation, Place, RotationState};
use super::store;
use super::table::TABLES;
use crate::db::{Reader, WriteTx};
use crate::keys::{self, HistoryEntry, HistoryOf};
use crate::ledger::{Details, Event, Target};
use crate::op::Op;
use crate::orgs::access;
use crate::policy::{Action, PrincipalId};
use crate::types::{Cursor, Id, Limit, Page, kinds};
use crate::vault::VaultError;
use crate::vault::approval::{self, ActWish, OrganizationAct};

/// A page of the organization's keys, newest first.
///
/// # Errors
/// Not allowed; the database failed.
pub async fn key_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<HistoryEntry>, VaultError> {
    op.read(|reader| {
        authorize(op, reader)?;
        Ok(keys::history(reader, HistoryOf::Organization(op.organization()?), limit, cursor.as_ref())?)
    })
    .await
}

/// Gives the organization a new key: what is written from now on is sealed under it, and what was written before is
/// sealed anew in the background, after which the old key is destroyed. Recorded. Where the organization asks for
/// approvals it is kept as a request.
///
/// # Errors
/// Not allowed, or not signed in recently; a rotation before it is not done; others must approve first.
pub async fn key_rotate(op: &Op) -> Result<KeyRotation, VaultError> {
    // Counting reads every row's place; it is for the progress only, so it need not be of the same transaction.
    let total = op
        .read(|reader| {
            authorize_change(op, reader)?;
            rows(reader, op.organization()?)
        })
        .await?;
    op.write(move |op, tx| {
        let event = authorize_change(op, tx)?;
        let organization = op.organization()?;
        require_none_open(tx, organization)?;
        let Some(wait) = approval::waits_for(tx, organization, OrganizationAct::Rotation)? else {
            return begin(op, tx, event, total);
        };
        let (base, base_version) = standing(op, tx, organization)?;
        let diff = format!("- key version {base_version}\n+ key version {}\n", base_version + 1);
        let (action, subject, wish) = ("rotate", "organization key".to_owned(), String::new());
        let wish = ActWish { action, subject, base, base_version, wish, diff };
        Err(approval::ask_act(op, tx, wait, OrganizationAct::Rotation, wish)?.into())
    })
    .await
}

/// How many rows of an organization are sealed.
pub(in crate::vault) fn rows(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, VaultError> {
    let mut total = 0;
    for table in TABLES {
        total += table.count(reader, organization)?;
    }
    Ok(total)
}

/// The organization's newest key: what tells it from any other, and its version.
pub(in crate::vault) fn standing(
    op: &Op,
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<(String, u32), VaultError> {
    let version = op.keyring().organization(reader, organization)?.again(reader)?.key_version();
    Ok((version.to_string(), version))
}

/// The rotation that others agreed on, in the name of whoever asked for it.
pub(in crate::vault) fn rotate_approved(op: &Op, tx: &mut WriteTx<'_>, total: u64) -> Result<(), VaultError> {
    let event = authorize(op, tx)?;
    require_none_open(tx, op.organization()?)?;
    begin(op, tx, event, total).map(drop)
}

fn require_none_open(tx: &WriteTx<'_>, organization: Id<kinds::Organization>) -> Result<(), VaultError> {
    match store::rotation_newest(tx, organization)?.filter(|r| r.state != RotationState::Done) {
        Some(open) => Err(VaultError::RotationOpen { state: open.state }),
        None => Ok(()),
    }
}

fn begin(op: &Op, tx: &mut WriteTx<'_>, event: Event, total: u64) -> Result<KeyRotation, VaultError> {
    let (organization, now) = (op.organization()?, op.now());
    let by = match op.identity()?.principal.id {
        PrincipalId::User(id) => Some(id),
        PrincipalId::ServiceAccount(_) => None,
    };
    let made = op.keyring().organization_rotate(tx, organization, by, now)?;
    let rotation = KeyRotation {
        organization,
        to_version: made.version,
        state: RotationState::Running,
        place: Place::default(),
        total,
        seen: 0,
        sealed: 0,
        unopened: 0,
        reason: None,
        started_at: now,
        started_by: op.author(),
        updated_at: now,
        finished_at: None,
    };
    store::rotation_insert(tx, &rotation)?;
    let details = Details::new()
        .with("key_version", made.version)
        .with("key_fingerprint", made.fingerprint.to_string())
        .with("previous", made.previous);
    op.record(tx, event.target(Target::new("organization", organization)).details(details))?;
    Ok(rotation)
}

/// The organization's newest rotation, and how far it is.
///
/// # Errors
/// Not allowed; there was none.
pub async fn rotation_get(op: &Op) -> Result<KeyRotation, VaultError> {
    op.read(|reader| {
        authorize(op, reader)?;
        newest(op, reader)
    })
    .await
}

/// Stops the background work of a rotation until it is resumed. Recorded.
///
/// # Errors
/// Not allowed, or not signed in recently; none is running.
pub async fn rotation_pause(op: &Op) -> Result<KeyRotation, VaultError> {
    op.write(|op, tx| {
        let event = authorize_change(op, tx)?;
        let was = newest(op, tx)?;
        if was.state == RotationState::Done {
            return Err(VaultError::RotationDone);
        }
        let reason = Some(format!("paused by {}", op.author()));
        let next = KeyRotation { state: RotationState::Paused, reason, updated_at: op.now(), ..was.clone() };
        change(op, tx, event, &was, next, "paused")
    })
    .await
}

/// Lets a rotation go on; one that stopped because rows did not open looks at all of them again. Recorded.
///
/// # Errors
/// Not allowed, or not signed in recently; it is done.
pub async fn rotation_resume(op: &Op) -> Result<KeyRotation, VaultError> {
    op.write(|op, tx| {
        let event = authorize_change(op, tx)?;
        let was = newest(op, tx)?;
        if was.state == RotationState::Done {
            return Err(VaultError::RotationDone);
        }
        let mut next = KeyRotation { state: RotationState::Running, reason: None, updated_at: op.now(), ..was.clone() };
        if was.unopened > 0 {
            (next.place, next.seen, next.unopened) = (Place::default(), 0, 0);
        }
        change(op, tx, event, &was, next, "resumed")
    })
    .await
}

fn change(
    op: &Op,
    tx: &mut WriteTx<'_>,
    event: Event,
    was: &KeyRotation,
    next: KeyRotation,
    word: &'static str,
) -> Result<KeyRotation, VaultError> {
    if was.state != next.state {
        store::rotation_update(tx, was, &next)?;
        let details = Details::new().with(word, next.to_version);
        op.record(tx, event.target(Target::new("organization", next.organization)).details(details))?;
    }
    Ok(next)
}

fn newest(op: &Op, reader: &Reader<'_>) -> Result<KeyRotation, VaultError> {
    let found = store::rotation_newest(reader, op.organization()?)?;
    found.ok_or_else(|| VaultError::not_found("key rotation", "newest"))
}

pub(super) fn authorize(op: &Op, reader: &Reader<'_>) -> Result<Event, VaultError> {
    Ok(op.authorize(reader, Action::KeyRotate, &access::own_organization(op)?)?)
}

fn authorize_change(op: &Op, reader: &Reader<'_>) -> Result<Event, VaultError> {
    let event = authorize(op, reader)?;
    access::require_fresh(op, &event)?;
    Ok(event)
}
