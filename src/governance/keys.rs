//! The root key and the history of all keys: for instance operators.

use std::path::PathBuf;

use super::GovernanceError;
use crate::keys::replace::{self, NewRoot};
use crate::keys::{
    self, Fingerprint, HistoryEntry, HistoryOf, KeyError, PassphraseParameters, RootKey, RootRotated, Source,
};
use crate::ledger::{Details, Event, Target};
use crate::op::{Op, OpError};
use crate::policy::{InstancePermission, PrincipalId};
use crate::types::{Cursor, Id, Limit, Page, kinds};

/// A page of all keys there ever were, newest first.
///
/// # Errors
/// Not an operator; the database failed.
pub async fn key_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<HistoryEntry>, GovernanceError> {
    op.read(|reader| {
        op.authorize_instance(reader, InstancePermission::InstanceKeyRotate)?;
        Ok(keys::history(reader, HistoryOf::All, limit, cursor.as_ref()).map_err(OpError::from)?)
    })
    .await
}

/// A new root key.
#[derive(Debug)]
pub struct NewRootKey {
    /// What was done.
    pub rotated: RootRotated,
    /// Whether the next start takes it by itself: false when somebody has to put it where the source is.
    pub in_place: bool,
    /// Where the old key's file is now, when the server wrote the new one.
    pub previous_file: Option<PathBuf>,
}

/// Replaces the root key: a new one wraps every key, in one transaction; the old one opens the database until it is
/// retired. Recorded.
///
/// # Errors
/// Not an operator, or not signed in recently; the server cannot write a key there; the file holds none, or a known
/// one; somebody else changes it right now.
pub async fn root_key_rotate(op: &Op, source: Source, new: NewRoot) -> Result<NewRootKey, GovernanceError> {
    let op = op.clone();
    // A task of its own: a client that hangs up must not leave the new key beside its place.
    let done = tokio::spawn(async move { rotate(&op, source, new).await });
    done.await.map_err(|_| GovernanceError::from(crate::db::DbError::Panicked))?
}

async fn rotate(op: &Op, source: Source, new: NewRoot) -> Result<NewRootKey, GovernanceError> {
    let (stored, standing) = op
        .read(|reader| {
            authorize(op, reader)?;
            let stored = PassphraseParameters::stored(reader).map_err(OpError::from)?;
            Ok::<_, GovernanceError>((stored, keys::standing(reader).map_err(OpError::from)?))
        })
        .await?;
    let _turn = op.keyring().root_turn().ok_or(OpError::from(KeyError::RootKeyBusy))?;
    // What a rotation before this one could not put in its place must not be lost.
    if let Some(newest) = standing.first() {
        finish(&source, *newest)?;
    }
    let generated = new == NewRoot::Generate;
    let root = take(new, source.clone(), stored, standing).await?;
    let fingerprint = root.fingerprint();
    let stored = op.write(move |op, tx| store(op, tx, root)).await;
    let rotated = match stored {
        Ok(rotated) => rotated,
        Err(error) => {
            if generated {
                replace::abandon(&source, fingerprint);
            }
            return Err(error);
        }
    };
    let placed = finish(&source, fingerprint);
    if let Err(error) = &placed {
        tracing::error!(%error, "the new root key is not in its place; the next start, or rotation, tries again");
    }
    let in_place = generated && placed.is_ok();
    Ok(NewRootKey { rotated, in_place, previous_file: placed.ok().flatten() })
}

fn authorize(op: &Op, reader: &crate::db::Reader<'_>) -> Result<Event, GovernanceError> {
    let event = op.authorize_instance(reader, InstancePermission::InstanceKeyRotate)?;
    if let Err(error) = op.require_step_up() {
        op.refuse(&event, "step_up_required");
        return Err(error.into());
    }
    Ok(event)
}

/// Who asks, when it is a person.
fn person(op: &Op) -> Result<Option<Id<kinds::User>>, OpError> {
    Ok(match op.identity()?.principal.id {
        PrincipalId::User(id) => Some(id),
        PrincipalId::ServiceAccount(_) => None,
    })
}

/// Reads or makes the key: Argon2 and fsync are not for a thread that answers others.
async fn take(
    new: NewRoot,
    source: Source,
    stored: Option<PassphraseParameters>,
    standing: Vec<Fingerprint>,
) -> Result<RootKey, GovernanceError> {
    let taken = tokio::task::spawn_blocking(move || replace::prepare(&new, &source, stored.as_ref(), &standing));
    taken.await.map_err(|_| crate::db::DbError::Panicked)?.map_err(GovernanceError::RootKey)
}

fn finish(source: &Source, newest: Fingerprint) -> Result<Option<PathBuf>, GovernanceError> {
    replace::finish(source, newest).map_err(GovernanceError::RootKey)
}

fn store(op: &Op, tx: &mut crate::db::WriteTx<'_>, root: RootKey) -> Result<RootRotated, GovernanceError> {
    let event = authorize(op, tx)?;
    let rotated = op.keyring().root_rotate(tx, root, person(op)?, op.now()).map_err(OpError::from)?;
    let details = Details::new()
        .with("made", "root_key")
        .with("key_fingerprint", rotated.fingerprint.to_string())
        .with("previous", rotated.previous.to_string())
        .with("rewrapped", rotated.rewrapped)
        .with("recovery_sealed", rotated.recovery_sealed);
    op.record(tx, event.target(Target::new("root_key", rotated.fingerprint)).details(details))?;
    Ok(rotated)
}

/// Retires an older root key: from then on it opens nothing of this database. Its file stays where it is. Recorded.
///
/// # Errors
/// Not an operator, or not signed in recently; unknown, or the newest; the source does not give the newest key yet; a
/// retained backup needs it.
pub async fn root_key_retire(op: &Op, source: Source, fingerprint: Fingerprint) -> Result<(), GovernanceError> {
    let (stored, newest) = op
        .read(|reader| {
            authorize(op, reader)?;
            let stored = PassphraseParameters::stored(reader).map_err(OpError::from)?;
            Ok::<_, GovernanceError>((stored, keys::wanted(reader).map_err(OpError::from)?))
        })
        .await?;
    let _turn = op.keyring().root_turn().ok_or(OpError::from(KeyError::RootKeyBusy))?;
    if let Some(newest) = newest {
        finish(&source, newest)?;
    }
    let given = tokio::task::spawn_blocking(move || given(&source, stored.as_ref()));
    let given = given.await.map_err(|_| crate::db::DbError::Panicked)?.map_err(GovernanceError::RootKey)?;
    op.write(move |op, tx| {
        let event = authorize(op, tx)?;
        let version = op.keyring().root_retire(tx, fingerprint, given, op.now()).map_err(OpError::from)?;
        let details = Details::new().with("retired", "root_key").with("version", version);
        op.record(tx, event.target(Target::new("root_key", fingerprint)).details(details))?;
        Ok(())
    })
    .await
}

/// Which key the next start would be given.
fn given(source: &Source, stored: Option<&PassphraseParameters>) -> Result<Fingerprint, KeyError> {
    let missing = || KeyError::RootKeyMalformed { source_name: source.to_string() };
    Ok(keys::root::load(source, stored)?.ok_or_else(missing)?.fingerprint())
}
