//! Saving, rolling back and deleting a policy.

use super::{Draft, OrgPolicy, named, not_found, store};
use crate::db::{Reader, WriteTx};
use crate::governance::GovernanceError;
use crate::ledger::{Details, Event, Target};
use crate::op::{Op, epoch_raise};
use crate::orgs::access;
use crate::policy::{Action, BuiltinRole, ForbidSet, GrantFact, Mode, Node, PolicyError, Principal, PrincipalId};
use crate::types::{Id, ParseError, Slug, kinds};

/// Longest description, in characters.
const DESCRIPTION_MAX: usize = 500;

/// A policy that shall be.
#[derive(Debug, Clone)]
pub struct PolicyWish {
    /// What it shall say.
    pub draft: Draft,
    /// The version the change was made for; 0: the name must be new.
    pub base_version: Option<u32>,
    /// Only check it.
    pub dry_run: bool,
}

/// The right to change policies, freshly signed in.
fn authorize(op: &Op, reader: &Reader<'_>) -> Result<Event, GovernanceError> {
    let event = op.authorize(reader, Action::PolicyManage, &access::own_organization(op)?)?;
    op.require_step_up().inspect_err(|_| op.refuse(&event, "step_up_required"))?;
    Ok(event)
}

/// Everything that must hold before `draft` is saved.
fn check(op: &Op, name: &Slug, draft: &Draft) -> Result<(), GovernanceError> {
    if draft.description.chars().count() > DESCRIPTION_MAX {
        let limit = format!("must have at most {DESCRIPTION_MAX} characters");
        return Err(ParseError::new("description", limit).into());
    }
    let engine = &op.core().policy;
    // The lock-out first: it is what a test that is denied to an owner would hide.
    let set = ForbidSet::check(name, &draft.source)?;
    let (id, organization) = (op.identity()?.principal.id, op.organization()?);
    let id = if op.is_machine() { PrincipalId::User(Id::from_bytes([0; 16])) } else { id };
    let grants = GrantFact::new(BuiltinRole::Owner, Node::Organization(organization)).into_iter().collect();
    let owner = Principal { id, organization, instance_operator: false, grants };
    if draft.mode == Mode::Enforce && engine.locks_owners_out(&owner, &set) {
        return Err(GovernanceError::LocksOwnersOut(name.to_string()));
    }
    draft.check(engine, name).map(drop)
}

/// Saves a policy, named or by its id, as a new version; with `dry_run` only checks it.
///
/// # Errors
/// Not allowed, or not freshly signed in; the text is no valid `forbid`, or would lock the owners out; a test fails;
/// one policy too many; changed meanwhile.
pub async fn policy_put(op: &Op, name: &str, wish: PolicyWish) -> Result<OrgPolicy, GovernanceError> {
    // Before the work of checking: who may not save anything must not cost it. The writer thread is spared it, too.
    let name = op
        .read(|reader| {
            authorize(op, reader)?;
            if Id::<kinds::Policy>::looks_like(name) {
                return named(reader, op.organization()?, name).map(|p| p.name);
            }
            Ok::<_, GovernanceError>(Slug::parse(name)?)
        })
        .await?;
    check(op, &name, &wish.draft)?;
    op.write(move |op, tx| {
        let event = authorize(op, tx)?;
        let organization = op.organization()?;
        let there = store::policy_by_name(tx, organization, name.as_str())?;
        let current = there.as_ref().map_or(0, |p| p.version);
        if wish.base_version.is_some_and(|v| v != current) {
            return Err(GovernanceError::PolicyStale { current });
        }
        let id = match &there {
            Some(policy) => policy.id,
            None if store::policy_marks(tx, organization)?.len() >= ForbidSet::MAX_POLICIES => {
                return Err(PolicyError::TooMany.into());
            }
            None => Id::new(op.now()),
        };
        save(
            op,
            tx,
            event,
            there,
            OrgPolicy { id, name, version: current + 1, draft: wish.draft, saved_at: op.now(), saved_by: op.author() },
            wish.dry_run,
        )
    })
    .await
}

fn save(
    op: &Op,
    tx: &mut WriteTx<'_>,
    event: Event,
    before: Option<OrgPolicy>,
    policy: OrgPolicy,
    dry_run: bool,
) -> Result<OrgPolicy, GovernanceError> {
    if !dry_run {
        store::version_insert(tx, op.organization()?, &policy)?;
        epoch_raise(tx)?;
        let details = Details::new().with("saved", &policy.name).with("version", policy.version);
        let details = details.with("mode", policy.draft.mode).with("mode_before", before.map(|p| p.draft.mode));
        op.record(tx, event.target(Target::new("policy", policy.id)).details(details))?;
    }
    Ok(policy)
}

/// Saves an older version again, as a new one that passes the same checks.
///
/// # Errors
/// Unknown; as [`policy_put`].
pub async fn policy_rollback(op: &Op, name: &str, version: u32, dry_run: bool) -> Result<OrgPolicy, GovernanceError> {
    let (current, old) = op
        .read(|reader| {
            authorize(op, reader)?;
            let policy = named(reader, op.organization()?, name)?;
            let old = store::version_get(reader, policy.id, version)?;
            let old = old.ok_or_else(|| not_found(&format!("{} version {version}", policy.name)))?;
            Ok::<_, GovernanceError>((policy.version, old))
        })
        .await?;
    let wish = PolicyWish { draft: old.draft, base_version: Some(current), dry_run };
    policy_put(op, old.name.as_str(), wish).await
}

/// Deletes a policy with its versions; with `dry_run` only says which one it would be.
///
/// # Errors
/// Unknown; not allowed, or not freshly signed in.
pub async fn policy_delete(op: &Op, name: String, dry_run: bool) -> Result<OrgPolicy, GovernanceError> {
    op.write(move |op, tx| {
        let event = authorize(op, tx)?;
        let policy = named(tx, op.organization()?, &name)?;
        if !dry_run {
            store::policy_delete(tx, policy.id)?;
            epoch_raise(tx)?;
            let details = Details::new().with("removed", &policy.name).with("version", policy.version);
            op.record(tx, event.target(Target::new("policy", policy.id)).details(details))?;
        }
        Ok(policy)
    })
    .await
}
