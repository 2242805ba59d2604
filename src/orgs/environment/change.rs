//! Changing what an environment is: names, tier, protection, flow, lock.

use super::create::{FlowWish, parse_flow};
use super::model::{Environment, Flow, Lock, Placed};
use super::store;
use crate::db::WriteTx;
use crate::ledger::{Details, Event};
use crate::op::{Op, epoch_raise};
use crate::orgs::organization::{description, display_name};
use crate::orgs::{OrgError, access};
use crate::policy::{Action, BuiltinRole, Tier};
use crate::types::ParseError;

/// Longest reason of a lock, in characters.
const REASON_MAX: usize = 500;

/// What may change of an environment. None: as it is.
#[derive(Debug, Clone, Default)]
pub struct EnvironmentUpdate {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Its tier.
    pub tier: Option<Tier>,
    /// Whether it is protected.
    pub protected: Option<bool>,
    /// Where its values may go.
    pub flow: Option<FlowWish>,
    /// Whether names beyond `[A-Z_][A-Z0-9_]*` are allowed.
    pub any_names: Option<bool>,
    /// The version the change was made for.
    pub if_version: Option<u32>,
    /// Whether only to say what it would do.
    pub dry_run: bool,
}

/// What an update means for others: a flow that lets less out than before.
#[derive(Debug, Clone, Default)]
pub struct Narrowed {
    /// The flow before and after, when values stop flowing somewhere.
    pub flow: Option<(Flow, Flow)>,
}

/// Changes an environment. With `dry_run` nothing is kept.
///
/// # Errors
/// Unknown, not allowed (protection and flow have permissions of their own), locked, changed meanwhile.
pub async fn environment_update(
    op: &Op,
    project: String,
    name: String,
    change: EnvironmentUpdate,
) -> Result<(Placed, Narrowed), OrgError> {
    op.write(move |op, tx| {
        let before = access::environment(op, tx, &project, &name)?;
        let events = authorize(op, tx, &before, &change)?;
        access::require_unlocked(&before)?;
        let current = before.environment.version;
        if change.if_version.is_some_and(|v| v != current) {
            return Err(OrgError::Stale { what: "environment", current });
        }
        let dry_run = change.dry_run;
        let after = apply(op, tx, &before, change)?;
        let narrowed = narrowed(&before.environment.flow, &after.flow);
        if !dry_run {
            store::environment_update(tx, &after)?;
            epoch_raise(tx)?;
            let details = Details::new().with("version", after.version).with("tier", after.tier.as_str());
            let details = details.with("protected", after.protected).with("flow", after.flow.as_str());
            for event in events {
                op.record(tx, event.details(details.clone()))?;
            }
        }
        Ok((store::place(tx, after)?, narrowed))
    })
    .await
}

fn authorize(op: &Op, tx: &WriteTx<'_>, before: &Placed, change: &EnvironmentUpdate) -> Result<Vec<Event>, OrgError> {
    let resource = before.resource();
    let mut events = Vec::new();
    let plain = change.name.is_some()
        || change.description.is_some()
        || change.any_names.is_some()
        || change.tier.is_some_and(|t| t != before.environment.tier);
    if plain {
        events.push(op.authorize(tx, Action::EnvironmentUpdate, &resource)?);
    }
    if change.protected.is_some_and(|p| p != before.environment.protected) {
        let event = op.authorize(tx, Action::EnvironmentProtect, &resource)?;
        if change.protected == Some(false) {
            // It gives developers what they lack there: only who holds all of it, protected, gives it.
            access::require_cover(op, tx, &event, BuiltinRole::Developer.permissions(), &resource)?;
        }
        events.push(event);
    }
    if change.flow.is_some() {
        events.push(op.authorize(tx, Action::EnvironmentFlow, &resource)?);
    }
    if events.is_empty() {
        events.push(op.authorize(tx, Action::EnvironmentUpdate, &resource)?);
    }
    Ok(events)
}

fn apply(op: &Op, tx: &WriteTx<'_>, before: &Placed, change: EnvironmentUpdate) -> Result<Environment, OrgError> {
    let mut after = before.environment.clone();
    if let Some(name) = change.name {
        after.name = display_name(&name)?;
    }
    if let Some(text) = change.description {
        after.description = description(&text)?;
    }
    if let Some(any_names) = change.any_names {
        after.any_names = any_names;
    }
    if let Some(tier) = change.tier {
        after.tier = tier;
    }
    if let Some(protected) = change.protected {
        after.protected = protected;
    }
    if let Some(wish) = &change.flow {
        let flow = parse_flow(op, tx, after.project_slug.as_str(), wish)?;
        if matches!(&flow, Flow::Listed(listed) if listed.contains(&after.id)) {
            return Err(ParseError::new("flow", "an environment's values reach itself; do not list it").into());
        }
        after.flow = flow;
    }
    after.updated_at = op.now();
    after.version += 1;
    Ok(after)
}

/// Whether less flows out after than before.
fn narrowed(before: &Flow, after: &Flow) -> Narrowed {
    let less = match (before, after) {
        (Flow::Closed, _) | (Flow::Tree, Flow::Tree) => false,
        (Flow::Listed(a), Flow::Listed(b)) => a.iter().any(|id| !b.contains(id)),
        _ => true,
    };
    Narrowed { flow: less.then(|| (before.clone(), after.clone())) }
}

/// Locks an environment: nothing of its own changes until it is unlocked.
///
/// # Errors
/// Unknown, not allowed, locked already.
pub async fn environment_lock(op: &Op, project: String, name: String, reason: String) -> Result<Placed, OrgError> {
    let reason = reason.trim().to_owned();
    if reason.chars().count() > REASON_MAX || reason.chars().any(char::is_control) {
        let problem = format!("must have at most {REASON_MAX} printable characters");
        return Err(ParseError::new("reason", problem).into());
    }
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &name)?;
        let event = op.authorize(tx, Action::EnvironmentLock, &placed.resource())?;
        access::require_unlocked(&placed)?;
        let lock = Lock { at: op.now(), by: op.author(), reason };
        set_lock(op, tx, placed, Some(lock), event)
    })
    .await
}

/// Unlocks an environment; one that is not locked stays as it is.
///
/// # Errors
/// Unknown or not allowed.
pub async fn environment_unlock(op: &Op, project: String, name: String) -> Result<Placed, OrgError> {
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &name)?;
        let event = op.authorize(tx, Action::EnvironmentLock, &placed.resource())?;
        set_lock(op, tx, placed, None, event)
    })
    .await
}

fn set_lock(
    op: &Op,
    tx: &mut WriteTx<'_>,
    mut placed: Placed,
    lock: Option<Lock>,
    event: Event,
) -> Result<Placed, OrgError> {
    let locked = lock.is_some();
    placed.environment.lock = lock;
    placed.environment.updated_at = op.now();
    placed.environment.version += 1;
    store::environment_update(tx, &placed.environment)?;
    epoch_raise(tx)?;
    op.record(tx, event.details(Details::new().with("locked", locked)))?;
    Ok(placed)
}
