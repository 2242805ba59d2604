//! When values stop being good: said and listed.

use super::store;
use super::{Scope, days, places};
use crate::db::{Reader, WriteTx};
use crate::ledger::{Details, Target};
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Cursor, Id, Limit, Page, ParseError, Timestamp, kinds};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::secret::{BatchOutcome, BatchRequest, PlannedAction, apply_ending, parse_name};
use crate::vault::store::{SecretVersion, VersionState, secret_get};

/// Most secrets of one list.
const LISTED_MAX: usize = 10_000;

/// One secret an environment stores itself.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The folder; `/` when empty.
    pub path: String,
    /// The name.
    pub name: String,
}

/// A secret and its end.
#[derive(Debug, Clone)]
pub struct Expiring {
    /// The secret.
    pub id: Id<kinds::SecretRow>,
    /// `shop/staging`.
    pub environment: String,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// Its end.
    pub expires_at: Timestamp,
    /// Whether that is over.
    pub is_over: bool,
    /// Who said so.
    pub set_by: String,
}

/// Says when a secret's value stops being good; with none, that it does not.
///
/// # Errors
/// Unknown or not allowed; locked; the time is over already.
pub async fn expiry_set(op: &Op, which: Which, at: Option<Timestamp>) -> Result<Option<Expiring>, VaultError> {
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &which.project, &which.environment)?;
        let event = op.authorize(tx, Action::SecretWrite, &placed.resource())?;
        access::require_unlocked(&placed)?;
        require_ahead(op, at)?;
        let secret = own(tx, &placed, &which)?;
        store::expiry_set(tx, secret.id, at, &op.author())?;
        let details = Details::new().with("name", secret.name.as_str()).with("path", secret.path.as_str());
        let event = event.target(Target::new("secret", secret.id));
        op.record(tx, event.details(details.with("expires_at", at)))?;
        Ok(at.map(|at| expiring(op, &placed, &secret, at, op.author())))
    })
    .await
}

/// Writes one secret, and says in the same transaction when its value stops being good. What must wait for approval is
/// asked for with its end.
///
/// # Errors
/// As a write; the time is over already.
pub async fn secret_put_until(op: &Op, request: BatchRequest, at: Timestamp) -> Result<BatchOutcome, VaultError> {
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &request.project, &request.environment)?;
        require_ahead(op, Some(at))?;
        let outcome = apply_ending(op, tx, &placed, request, at)?;
        end_written(op, tx, &placed, &outcome, at)?;
        Ok(outcome)
    })
    .await
}

/// Says of everything that was written until when it is good.
pub(in crate::vault) fn end_written(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    outcome: &BatchOutcome,
    at: Timestamp,
) -> Result<(), VaultError> {
    let event = op.authorize(tx, Action::SecretWrite, &placed.resource())?;
    for item in &outcome.items {
        let is_written = outcome.applied && item.action != PlannedAction::Delete;
        let Some(id) = item.id.filter(|_| is_written) else { continue };
        store::expiry_set(tx, id, Some(at), &op.author())?;
        let details = Details::new().with("name", item.name.as_str()).with("path", item.path.as_str());
        let event = event.clone().target(Target::new("secret", id));
        op.record(tx, event.details(details.with("expires_at", at)))?;
    }
    Ok(())
}

/// When a secret's value stops being good; none when that was not said.
pub(in crate::vault) fn expires_at(
    reader: &Reader<'_>,
    id: Id<kinds::SecretRow>,
) -> Result<Option<Timestamp>, VaultError> {
    Ok(store::expiry_get(reader, id)?.map(|(at, _)| at))
}

/// An end that is over already is a mistake.
pub(super) fn require_ahead(op: &Op, at: Option<Timestamp>) -> Result<(), ParseError> {
    if at.is_some_and(|at| at <= op.now()) {
        return Err(ParseError::new("expires_at", "is over already"));
    }
    Ok(())
}

/// When a secret expires; none when that was not said.
///
/// # Errors
/// Unknown or not visible; not allowed.
pub async fn expiry_get(op: &Op, which: &Which) -> Result<Option<Expiring>, VaultError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, &which.project, &which.environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        let secret = own(reader, &placed, which)?;
        let found = store::expiry_get(reader, secret.id)?;
        Ok(found.map(|(at, by)| expiring(op, &placed, &secret, at, by)))
    })
    .await
}

fn own(reader: &Reader<'_>, placed: &Placed, which: &Which) -> Result<SecretVersion, VaultError> {
    let path = FolderPath::parse(if which.path.is_empty() { "/" } else { &which.path })?;
    let name = parse_name(&placed.environment, &which.name)?;
    let found = secret_get(reader, placed.environment.id, &path, &name)?;
    let found = found.filter(|v| v.state != VersionState::Deleted);
    found.ok_or_else(|| VaultError::not_found("secret", &which.name))
}

fn expiring(op: &Op, placed: &Placed, secret: &SecretVersion, at: Timestamp, set_by: String) -> Expiring {
    Expiring {
        id: secret.id,
        environment: placed.path(),
        path: secret.path.clone(),
        name: secret.name.clone(),
        expires_at: at,
        is_over: at <= op.now(),
        set_by,
    }
}

/// Secrets that expire within `count` days, or have expired, the nearest end first.
///
/// # Errors
/// Unknown or not visible; not allowed; no such number of days.
pub async fn secret_expiring(
    op: &Op,
    scope: &Scope,
    count: u32,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<Expiring>, VaultError> {
    let now = op.now();
    let before = now.plus(days("within_days", count)?);
    op.read(|reader| {
        let mut items = Vec::new();
        for placed in places(op, reader, scope)? {
            let room = LISTED_MAX.saturating_sub(items.len());
            for found in store::secrets_ending(reader, placed.environment.id, before, room)? {
                items.push(Expiring {
                    id: found.id,
                    environment: placed.path(),
                    path: found.path,
                    name: found.name,
                    expires_at: found.expires_at,
                    is_over: found.expires_at <= now,
                    set_by: found.set_by,
                });
            }
        }
        let key = |e: &Expiring| format!("{:020}\n{}", e.expires_at.as_micros(), e.id);
        items.sort_by_key(key);
        let after = cursor.as_ref().map(Cursor::key);
        let rest = items.into_iter().filter(|e| after.is_none_or(|a| key(e).as_str() > a));
        Ok(Page::cut(rest.take(limit.rows() + 1).collect(), limit, key))
    })
    .await
}
