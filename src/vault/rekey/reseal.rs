//! The background work of a rotation: old rows are sealed anew, then the old key is destroyed.

use std::time::{Duration, Instant};

use super::model::{KeyRotation, Place, RotationState};
use super::table::{Ciphers, Most, SealedRow, SealedTable, TABLES};
use super::{RESEALED, store};
use crate::db::{DbError, Reader};
use crate::jobs::Telling;
use crate::keys::{Ciphertext, KeyError};
use crate::ledger::{Details, Outcome, Target};
use crate::op::{Op, OpError};
use crate::orgs::OrgError;
use crate::vault::VaultError;

/// Rows of one step: what every other write waits for at most, about a millisecond of the writer's time.
const STEP: Most = Most { rows: 128, bytes: 256 * 1_024 };
/// Steps of one run at most; the next run goes on.
const STEPS_MAX: usize = 10_000;
/// How many times as long as a step took the next one waits while others write too: a rotation takes a small part of
/// the machine when it is needed, and all of it when nobody else wants it.
const REST: u32 = 7;
/// Longest wait between two steps.
const REST_MAX: Duration = Duration::from_millis(100);

/// Whether there is something to do: a rotation that runs, or at its time one that waits for a backup to expire.
///
/// # Errors
/// The database failed.
pub fn is_wanted(reader: &Reader<'_>, due: bool) -> Result<bool, DbError> {
    Ok(store::rotation_exists(reader, RotationState::Running)?
        || due && store::rotation_exists(reader, RotationState::Waiting)?)
}

/// Goes on with every rotation that is not done or paused, and tells how far it is; how many rows were sealed anew.
///
/// # Errors
/// The database failed; the step is tried again by the next run.
pub async fn run(op: &Op, telling: &mut Telling) -> Result<u64, VaultError> {
    let mut sealed = 0;
    let mut steps = STEPS_MAX;
    let open = op.core().db.read(store::rotation_open)?;
    let total = open.iter().map(|rotation| rotation.total).sum();
    let mut before_this = 0;
    for mut rotation in open {
        while steps > 0 {
            steps -= 1;
            let (begun, before) = (Instant::now(), op.core().db.writer_stats().operations);
            let Some(next) = step(op, &rotation).await? else { break };
            sealed += next.sealed - rotation.sealed.min(next.sealed);
            rotation = next;
            telling.tell(before_this + rotation.seen.min(rotation.total), total).await?;
            // The step itself is one operation.
            if op.core().db.writer_stats().operations > before + 1 {
                tokio::time::sleep((begun.elapsed() * REST).min(REST_MAX)).await;
            }
        }
        before_this += rotation.total;
    }
    Ok(sealed)
}

/// What a step found, and what is to be stored of it.
struct Found {
    next: KeyRotation,
    rows: Vec<(Box<dyn SealedRow>, Vec<u8>)>,
}

/// One step; none when there is nothing more to do for now.
pub(super) async fn step(op: &Op, rotation: &KeyRotation) -> Result<Option<KeyRotation>, VaultError> {
    let Some(table) = rotation.place.table() else { return finish(op, rotation).await };
    let found = match op.core().db.read(|reader| look(op, reader, rotation, table)) {
        // Its keys were destroyed with it: there is nothing left to seal.
        Err(VaultError::Org(error)) if is_shredded(&error) => return close(op, rotation).await,
        found => found?,
    };
    let was = rotation.clone();
    op.write(move |_, tx| {
        let Found { next, rows } = found;
        if !store::rotation_update(tx, &was, &next)? {
            return Ok(None);
        }
        for (row, sealed) in rows {
            // A row that is gone meanwhile was deleted with its environment.
            row.replace(tx, &sealed)?;
        }
        Ok(Some(next))
    })
    .await
}

fn is_shredded(error: &OrgError) -> bool {
    matches!(error, OrgError::Op(OpError::Keys(KeyError::OrganizationUnknown(_))))
}

/// Reads the next rows and seals what is sealed under an older key.
fn look(op: &Op, reader: &Reader<'_>, rotation: &KeyRotation, table: &dyn SealedTable) -> Result<Found, VaultError> {
    let organization = rotation.organization;
    let keys = op.keyring().organization(reader, organization)?.again(reader)?;
    let ciphers = Ciphers::new(keys);
    let mut next = KeyRotation { updated_at: op.now(), ..rotation.clone() };
    let rows = table.page(reader, organization, &rotation.place.after, STEP)?;
    next.place = rotation.place.behind(rows.last().map(|last| last.key()));
    let mut sealed = Vec::with_capacity(rows.len());
    for row in rows {
        next.seen += 1;
        if Ciphertext::key_version(row.stored()).is_ok_and(|version| version >= ciphers.key_version()) {
            continue;
        }
        match row.open(&ciphers).and_then(|value| row.seal(&ciphers, &value)) {
            Ok(bytes) => {
                next.sealed += 1;
                sealed.push((row, bytes));
            }
            Err(error) => {
                let (table, row) = (table.name(), row.name());
                tracing::error!(table, row, %error, "a row does not open and keeps the old key");
                next.unopened += 1;
            }
        }
    }
    Ok(Found { next, rows: sealed })
}

/// The end of the walk: the old key is destroyed, unless something still needs it.
async fn finish(op: &Op, rotation: &KeyRotation) -> Result<Option<KeyRotation>, VaultError> {
    if rotation.unopened > 0 {
        let reason = format!("{} rows do not open; see them with: holdfast keys verify", rotation.unopened);
        return stop(op, rotation, RotationState::Paused, reason).await;
    }
    let (db, organization, than) = (op.core().db.clone(), rotation.organization, rotation.to_version);
    // Reads all of the organization's rows once more: not for a thread that others wait for.
    let looked = tokio::task::spawn_blocking(move || {
        db.read(|reader| {
            for table in TABLES {
                if table.has_older(reader, organization, than)? {
                    return Ok(true);
                }
            }
            Ok::<_, DbError>(false)
        })
    });
    if looked.await.map_err(|_| DbError::Panicked)?? {
        return again(op, rotation).await;
    }
    let (was, mut next) = (rotation.clone(), rotation.clone());
    let destroyed = op
        .write(move |op, tx| {
            let now = op.now();
            op.keyring().organization_destroy_older(tx, organization, than, now)?;
            next.state = RotationState::Done;
            (next.updated_at, next.finished_at, next.reason) = (now, Some(now), None);
            if store::rotation_update(tx, &was, &next)? {
                let details = Details::new().with("key_version", than).with("sealed", next.sealed);
                let event = op.event(RESEALED, Outcome::Allowed).organization(organization);
                op.record(tx, event.target(Target::new("organization", organization)).details(details))?;
            }
            Ok::<_, VaultError>(())
        })
        .await;
    match destroyed {
        Ok(()) => Ok(None),
        Err(VaultError::Org(OrgError::Op(OpError::Keys(held @ KeyError::Held { .. })))) => {
            stop(op, rotation, RotationState::Waiting, held.to_string()).await
        }
        Err(error) => Err(error),
    }
}

/// Something is still under an old key: the walk begins anew.
async fn again(op: &Op, rotation: &KeyRotation) -> Result<Option<KeyRotation>, VaultError> {
    tracing::warn!(organization = %rotation.organization, "rows under an old key were left; looking at all again");
    let was = rotation.clone();
    let next = KeyRotation { place: Place::default(), seen: 0, updated_at: op.now(), ..rotation.clone() };
    op.write(move |_, tx| Ok(store::rotation_update(tx, &was, &next)?.then_some(next))).await
}

/// It cannot go on by itself: says why.
async fn stop(
    op: &Op,
    rotation: &KeyRotation,
    state: RotationState,
    reason: String,
) -> Result<Option<KeyRotation>, VaultError> {
    let was = rotation.clone();
    let next = KeyRotation { state, reason: Some(reason), updated_at: op.now(), ..rotation.clone() };
    op.write(move |_, tx| {
        store::rotation_update(tx, &was, &next)?;
        Ok::<_, VaultError>(())
    })
    .await?;
    Ok(None)
}

/// The organization was deleted for good, and its keys with it.
async fn close(op: &Op, rotation: &KeyRotation) -> Result<Option<KeyRotation>, VaultError> {
    stop(op, rotation, RotationState::Done, "the organization's keys were destroyed".to_owned()).await
}
