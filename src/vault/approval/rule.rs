//! Rules of an environment: what waits, and for how many.

use std::time::Duration;

use super::model::{Acts, OrganizationAct, OrganizationRule, Rule};
use super::{APPROVALS_MAX, LIFE, LIFE_MAX, RULES_MAX, store};
use crate::db::WriteTx;
use crate::ledger::{Details, Event, Target};
use crate::op::Op;
use crate::orgs::access;
use crate::policy::{Action, Resource};
use crate::types::{Id, ParseError};
use crate::vault::VaultError;
use crate::vault::model::FolderPath;

/// What a rule shall be.
pub struct RuleWish {
    /// The folder; `/` is all of the environment.
    pub path: String,
    /// Of `write`, `delete`, `reveal`.
    pub acts: Vec<String>,
    /// How many others must approve.
    pub approvals: u32,
    /// How long a request stands; three days when none.
    pub life: Option<Duration>,
    /// Why a rule that is there is made weaker.
    pub reason: Option<String>,
}

/// The rules of an environment, for whoever may list its secrets.
///
/// # Errors
/// Unknown or not visible; not allowed.
pub async fn rule_list(op: &Op, project: &str, environment: &str) -> Result<Vec<Rule>, VaultError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, project, environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        Ok(store::rule_list(reader, placed.environment.id)?)
    })
    .await
}

/// Sets the rule of a folder, in place of the one it has.
///
/// # Errors
/// Not allowed; weaker than it was without `governance.override` and a reason; out of bounds.
pub async fn rule_set(op: &Op, project: String, environment: String, wish: RuleWish) -> Result<Rule, VaultError> {
    let path = FolderPath::parse(&wish.path)?;
    let acts = Acts::parse(&wish.acts)?;
    let life = bounded(wish.approvals, wish.life)?;
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &environment)?;
        let event = op.authorize(tx, Action::EnvironmentProtect, &placed.resource())?;
        let rules = store::rule_list(tx, placed.environment.id)?;
        let before = rules.iter().find(|r| r.path == path);
        let rule = Rule {
            id: Id::new(op.now()),
            environment: placed.environment.id,
            path,
            acts,
            approvals: wish.approvals,
            life,
            created_at: op.now(),
            created_by: op.author(),
        };
        if before.is_none() && rules.len() >= RULES_MAX {
            return Err(crate::orgs::OrgError::TooMany { what: "approval rule", max: RULES_MAX }.into());
        }
        let weaker = before.is_some_and(|b| !acts.covers(b.acts) || rule.approvals < b.approvals);
        let event = if weaker { override_rule(op, tx, &placed.resource(), wish.reason)? } else { event };
        store::rule_set(tx, placed.environment.organization, &rule)?;
        op.record(tx, told(event, &rule))?;
        Ok(rule)
    })
    .await
}

/// How long a request stands, when the rule is within its bounds.
fn bounded(approvals: u32, life: Option<Duration>) -> Result<Duration, ParseError> {
    let life = life.unwrap_or(LIFE);
    if !(1..=APPROVALS_MAX).contains(&approvals) {
        return Err(ParseError::new("approvals", format!("must be 1 to {APPROVALS_MAX}")));
    }
    if life.as_secs() == 0 || life > LIFE_MAX {
        return Err(ParseError::new("expiry", "must be at least a second, and at most 30 days"));
    }
    Ok(life)
}

/// The rules of the organization itself, for whoever may decide by them or change them.
///
/// # Errors
/// Not allowed.
pub async fn organization_rule_list(op: &Op) -> Result<Vec<OrganizationRule>, VaultError> {
    op.read(|reader| {
        let own = access::own_organization(op)?;
        if !op.permits(reader, Action::ApprovalDecide, &own)? {
            op.authorize(reader, Action::PolicyManage, &own)?;
        }
        Ok(store::organization_rule_list(reader, op.organization()?)?)
    })
    .await
}

/// Sets the organization's rule of an act on itself, in place of the one it has.
///
/// # Errors
/// Not allowed, or not signed in recently; weaker than it was without `governance.override` and a reason; out of
/// bounds.
pub async fn organization_rule_set(
    op: &Op,
    act: OrganizationAct,
    approvals: u32,
    life: Option<Duration>,
    reason: Option<String>,
) -> Result<OrganizationRule, VaultError> {
    let life = bounded(approvals, life)?;
    op.write(move |op, tx| {
        let own = access::own_organization(op)?;
        let event = op.authorize(tx, Action::PolicyManage, &own)?;
        access::require_fresh(op, &event)?;
        let organization = op.organization()?;
        let before = store::organization_rule(tx, organization, act)?;
        let weaker = before.is_some_and(|b| approvals < b.approvals);
        let event = if weaker { override_rule(op, tx, &own, reason)? } else { event };
        let rule = OrganizationRule {
            id: Id::new(op.now()),
            act,
            approvals,
            life,
            created_at: op.now(),
            created_by: op.author(),
        };
        store::organization_rule_set(tx, organization, &rule)?;
        op.record(tx, told_of(event, &rule))?;
        Ok(rule)
    })
    .await
}

/// Takes the organization's rule of an act away. Requests that wait for it still do.
///
/// # Errors
/// There is none; not allowed, or not signed in recently; no reason is given.
pub async fn organization_rule_remove(
    op: &Op,
    act: OrganizationAct,
    reason: Option<String>,
) -> Result<OrganizationRule, VaultError> {
    op.write(move |op, tx| {
        let own = access::own_organization(op)?;
        let event = op.authorize(tx, Action::PolicyManage, &own)?;
        access::require_fresh(op, &event)?;
        let organization = op.organization()?;
        let rule = store::organization_rule(tx, organization, act)?;
        let rule = rule.ok_or_else(|| VaultError::not_found("approval rule", act.as_str()))?;
        let event = override_rule(op, tx, &own, reason)?;
        store::organization_rule_delete(tx, organization, act)?;
        op.record(tx, told_of(event, &rule))?;
        Ok(rule)
    })
    .await
}

/// Takes the rule of a folder away. Requests that wait for it still do.
///
/// # Errors
/// There is none; not allowed; no reason is given.
pub async fn rule_remove(
    op: &Op,
    project: String,
    environment: String,
    path: String,
    reason: Option<String>,
) -> Result<Rule, VaultError> {
    let path = FolderPath::parse(&path)?;
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &environment)?;
        op.authorize(tx, Action::EnvironmentProtect, &placed.resource())?;
        let found = store::rule_list(tx, placed.environment.id)?.into_iter().find(|r| r.path == path);
        let rule = found.ok_or_else(|| VaultError::not_found("approval rule", path.to_string()))?;
        let event = override_rule(op, tx, &placed.resource(), reason)?;
        store::rule_delete(tx, rule.environment, &rule.path)?;
        op.record(tx, told(event, &rule))?;
        Ok(rule)
    })
    .await
}

/// The right to go past a rule, and why.
pub(super) fn override_rule(
    op: &Op,
    tx: &WriteTx<'_>,
    resource: &Resource,
    reason: Option<String>,
) -> Result<Event, VaultError> {
    let event = op.authorize(tx, Action::GovernanceOverride, resource)?;
    let reason = super::model::parse_note(reason)?;
    if reason.trim().is_empty() {
        return Err(ParseError::new("reason", "say why the rule is passed over").into());
    }
    Ok(event.personal(op.personal(Some(reason))))
}

fn told(event: Event, rule: &Rule) -> Event {
    let details = Details::new().with("path", rule.path.as_str()).with("acts", rule.acts.names());
    event.target(Target::new("approval_rule", rule.id)).details(details.with("approvals", rule.approvals))
}

fn told_of(event: Event, rule: &OrganizationRule) -> Event {
    let details = Details::new().with("act", rule.act.as_str()).with("approvals", rule.approvals);
    event.target(Target::new("approval_rule", rule.id)).details(details)
}
