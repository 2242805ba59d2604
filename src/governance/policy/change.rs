//! Saving, rolling back and deleting a policy, at once or after others agreed.

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::look::written;
use super::{Changed, Draft, OrgPolicy, named, not_found, store};
use crate::db::{Reader, WriteTx};
use crate::governance::GovernanceError;
use crate::ledger::{Details, Event, Target};
use crate::op::{Op, epoch_raise};
use crate::orgs::access;
use crate::policy::{Action, BuiltinRole, Case, ForbidSet, GrantFact, Mode, Node, PolicyError, Principal, PrincipalId};
use crate::types::{Id, ParseError, Slug, kinds};
use crate::vault::approval::{self, ActWish, OrganizationAct};

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

/// Saves a policy, named or by its id, as a new version; with `dry_run` only checks it. Where the organization asks for
/// approvals it is kept as a request.
///
/// # Errors
/// Not allowed, or not freshly signed in; the text is no valid `forbid`, or would lock the owners out; a test fails;
/// one policy too many; changed meanwhile; others must approve first.
pub async fn policy_put(op: &Op, name: &str, wish: PolicyWish) -> Result<Changed, GovernanceError> {
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
        let next = next(op, tx, name, there.as_ref(), wish.draft)?;
        let wait = approval::waits_for(tx, organization, OrganizationAct::Policy)?;
        match wait {
            _ if wish.dry_run => {}
            Some(wait) => return Err(ask(op, tx, wait, &next.name, there.as_ref(), Some(&next.draft))?),
            None => save(op, tx, event, there, &next)?,
        }
        Ok(Changed { policy: next, approvals: wait.map_or(0, |w| w.approvals) })
    })
    .await
}

/// The version a policy gets.
fn next(
    op: &Op,
    tx: &WriteTx<'_>,
    name: Slug,
    there: Option<&OrgPolicy>,
    draft: Draft,
) -> Result<OrgPolicy, GovernanceError> {
    let id = match there {
        Some(policy) => policy.id,
        None if store::policy_marks(tx, op.organization()?)?.len() >= ForbidSet::MAX_POLICIES => {
            return Err(PolicyError::TooMany.into());
        }
        None => Id::new(op.now()),
    };
    let version = there.map_or(0, |p| p.version) + 1;
    Ok(OrgPolicy { id, name, version, draft, saved_at: op.now(), saved_by: op.author() })
}

fn save(
    op: &Op,
    tx: &mut WriteTx<'_>,
    event: Event,
    before: Option<OrgPolicy>,
    policy: &OrgPolicy,
) -> Result<(), GovernanceError> {
    store::version_insert(tx, op.organization()?, policy)?;
    epoch_raise(tx)?;
    let details = Details::new().with("saved", &policy.name).with("version", policy.version);
    let details = details.with("mode", policy.draft.mode).with("mode_before", before.map(|p| p.draft.mode));
    op.record(tx, event.target(Target::new("policy", policy.id)).details(details))?;
    Ok(())
}

fn remove(op: &Op, tx: &mut WriteTx<'_>, event: Event, policy: &OrgPolicy) -> Result<(), GovernanceError> {
    store::policy_delete(tx, policy.id)?;
    epoch_raise(tx)?;
    let details = Details::new().with("removed", &policy.name).with("version", policy.version);
    op.record(tx, event.target(Target::new("policy", policy.id)).details(details))?;
    Ok(())
}

/// A change as it is kept until others agreed: to save this, or without it to delete the policy.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    save: Option<KeptDraft>,
}

#[derive(Serialize, Deserialize)]
struct KeptDraft {
    mode: String,
    description: String,
    source: String,
    cases: Vec<Case>,
}

/// Keeps a change as a request; the error that says so.
fn ask(
    op: &Op,
    tx: &mut WriteTx<'_>,
    wait: approval::Wait,
    name: &Slug,
    there: Option<&OrgPolicy>,
    draft: Option<&Draft>,
) -> Result<GovernanceError, GovernanceError> {
    let (before, after) =
        (there.map_or_else(String::new, |p| written(&p.draft)), draft.map_or_else(String::new, written));
    let (left, right) = (format!("{name} as it is"), format!("{name} as it would be"));
    let diff = TextDiff::from_lines(&before, &after).unified_diff().header(&left, &right).to_string();
    let save = draft.map(|d| KeptDraft {
        mode: d.mode.as_str().to_owned(),
        description: d.description.clone(),
        source: d.source.clone(),
        cases: d.cases.clone(),
    });
    let action = if save.is_some() { "save" } else { "delete" };
    let kept = serde_json::to_string(&Kept { name: name.to_string(), save });
    let wish = ActWish {
        action,
        subject: name.to_string(),
        base: there.map_or_else(String::new, OrgPolicy::mark),
        base_version: there.map_or(0, |p| p.version),
        wish: kept.map_err(|e| ParseError::new("policy", e.to_string()))?,
        diff,
    };
    Ok(approval::ask_act(op, tx, wait, OrganizationAct::Policy, wish)?.into())
}

/// Makes a change that others agreed on, in the name of whoever asked for it. That nothing changed since is compared
/// by who calls this; everything else is checked once more.
pub(super) fn carry_out(op: &Op, tx: &mut WriteTx<'_>, wish: &str) -> Result<(), GovernanceError> {
    let unreadable = |_| GovernanceError::from(ParseError::new("policy", "what was kept of it cannot be read"));
    let kept: Kept = serde_json::from_str(wish).map_err(unreadable)?;
    let event = op.authorize(tx, Action::PolicyManage, &access::own_organization(op)?)?;
    let there = store::policy_by_name(tx, op.organization()?, &kept.name)?;
    let Some(draft) = kept.save else {
        return remove(op, tx, event, &there.ok_or_else(|| not_found(&kept.name))?);
    };
    let mode = Mode::parse(&draft.mode)?;
    let draft = Draft { mode, description: draft.description, source: draft.source, cases: draft.cases };
    let name = Slug::parse(&kept.name)?;
    check(op, &name, &draft)?;
    let next = next(op, tx, name, there.as_ref(), draft)?;
    save(op, tx, event, there, &next)
}

/// Saves an older version again, as a new one that passes the same checks.
///
/// # Errors
/// Unknown; as [`policy_put`].
pub async fn policy_rollback(op: &Op, name: &str, version: u32, dry_run: bool) -> Result<Changed, GovernanceError> {
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
/// Unknown; not allowed, or not freshly signed in; others must approve first.
pub async fn policy_delete(op: &Op, name: String, dry_run: bool) -> Result<Changed, GovernanceError> {
    op.write(move |op, tx| {
        let event = authorize(op, tx)?;
        let organization = op.organization()?;
        let policy = named(tx, organization, &name)?;
        let wait = approval::waits_for(tx, organization, OrganizationAct::Policy)?;
        match wait {
            _ if dry_run => {}
            Some(wait) => return Err(ask(op, tx, wait, &policy.name, Some(&policy), None)?),
            None => remove(op, tx, event, &policy)?,
        }
        Ok(Changed { policy, approvals: wait.map_or(0, |w| w.approvals) })
    })
    .await
}
