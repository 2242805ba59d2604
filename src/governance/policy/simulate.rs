//! What a policy would have changed: decisions of the past, read from the ledger, decided again with it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::named;
use crate::db::Reader;
use crate::governance::GovernanceError;
use crate::ledger::{self, EventFilter, EventView, Outcome};
use crate::op::Op;
use crate::orgs::access;
use crate::policy::{Action, Circumstances, ForbidSet, Principal, PrincipalId, Resource};
use crate::types::{Cursor, Id, Limit, ParseError, Slug, Timestamp, kinds};

/// How far back a simulation looks at most, in days.
const DAYS_MAX: u32 = 366;

/// A decision that would have been another one.
#[derive(Debug, Clone)]
pub struct Change {
    /// The event.
    pub event: EventView,
    /// How its actor is called now; none for those who are gone.
    pub actor_name: Option<String>,
    /// Whether it would have been denied; else it was denied by this policy and would not have been.
    pub denied: bool,
}

/// A page of a simulation.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// Decisions that were decided again.
    pub decisions: usize,
    /// Those that would have been other ones, newest first.
    pub changes: Vec<Change>,
    /// The oldest moment that was looked at; none when there was nothing.
    pub reached: Option<Timestamp>,
    /// Where the simulation begins; it goes back to there.
    pub from: Timestamp,
    /// Where the next page begins; none at the end.
    pub next: Option<Cursor>,
}

/// Decides a part of the last `days` days again with a policy: with this text, or as it is saved. Newest first; call it with the cursor of
/// the page before until there is none. People, roles and the tree are those of now; time, address and folder those
/// of the event.
///
/// # Errors
/// Not allowed to manage policies or to read the ledger; the text is no valid `forbid`.
pub async fn policy_simulate(
    op: &Op,
    name: Slug,
    source: Option<String>,
    days: u32,
    cursor: Option<Cursor>,
) -> Result<Simulated, GovernanceError> {
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(ParseError::new("days", format!("is 1 to {DAYS_MAX}")).into());
    }
    let from = op.now().minus(Duration::from_hours(24 * u64::from(days)));
    op.read(|reader| {
        let organization = access::own_organization(op)?;
        op.authorize(reader, Action::PolicyManage, &organization)?;
        op.authorize(reader, Action::AuditRead, &organization)?;
        let source = match &source {
            Some(text) => text.clone(),
            None => named(reader, organization.organization_id(), name.as_str())?.draft.source,
        };
        let set = ForbidSet::check(&name, &source)?;
        let filter = EventFilter {
            organization: Some(organization.organization_id()),
            from: Some(from),
            ..EventFilter::default()
        };
        let limit = Limit::parse(u32::from(Limit::MAX))?;
        let page = ledger::list(reader, &filter, limit, cursor.as_ref())?;
        let mut again = Again { op, reader, organization, people: HashMap::new(), places: HashMap::new() };
        let policy = format!("policy.{name}");
        let mut found = Simulated { decisions: 0, changes: Vec::new(), reached: None, from, next: page.next };
        for event in page.items {
            found.reached = Some(event.at);
            let Some(forbidden) = again.forbidden(&event, &set)? else { continue };
            let was_denied = event.outcome == Outcome::Denied;
            // Only a denial by this policy alone would end with it.
            let by_it = was_denied && event.policies.iter().all(|p| *p == policy) && !event.policies.is_empty();
            found.decisions += 1;
            if (!was_denied && forbidden) || (by_it && !forbidden) {
                let actor_name = again.name(&event)?;
                found.changes.push(Change { event, actor_name, denied: forbidden });
            }
        }
        Ok(found)
    })
    .await
}

struct Again<'r, 'c> {
    op: &'r Op,
    reader: &'r Reader<'c>,
    organization: Resource,
    people: HashMap<PrincipalId, Principal>,
    places: HashMap<String, Resource>,
}

impl Again<'_, '_> {
    /// Whether the policies forbid what an event is of; none when it is no decision about a permission.
    fn forbidden(&mut self, event: &EventView, set: &ForbidSet) -> Result<Option<bool>, GovernanceError> {
        let (Ok(action), Some(who)) = (Action::parse(&event.action), actor(event)) else { return Ok(None) };
        let principal = self.principal(who)?;
        let mut resource = self.place(event)?;
        if let Some(path) = event.details.get("path").and_then(serde_json::Value::as_str) {
            resource = resource.with_path(path);
        }
        let address = event.personal.as_ref().and_then(|p| p.address.as_deref());
        let at = Circumstances { at: event.at, address: address.and_then(|a| a.parse::<IpAddr>().ok()) };
        let by = self.op.core().policy.forbidden_by(&principal, action, &resource, set, &at);
        Ok(Some(!by.is_empty()))
    }

    /// The principal as they are now; without grants when they are gone.
    fn principal(&mut self, id: PrincipalId) -> Result<Principal, GovernanceError> {
        if let Some(known) = self.people.get(&id) {
            return Ok(known.clone());
        }
        let organization = self.organization.organization_id();
        let facts = access::principal_facts(self.reader, organization, id)?;
        let gone = Principal { id, organization, instance_operator: false, grants: Vec::new() };
        let found = facts.unwrap_or(gone);
        self.people.insert(id, found.clone());
        Ok(found)
    }

    /// Where it happened, as it is now; the organization when it is gone.
    fn place(&mut self, event: &EventView) -> Result<Resource, GovernanceError> {
        let Some(node) = event.environment.as_ref().or(event.project.as_ref()) else {
            return Ok(self.organization.clone());
        };
        if let Some(known) = self.places.get(node) {
            return Ok(known.clone());
        }
        let organization = self.organization.organization_id();
        let found = match (Id::<kinds::Environment>::parse(node), Id::<kinds::Project>::parse(node)) {
            (Ok(id), _) => access::placed(self.reader, organization, id)?.map(|p| p.resource()),
            (_, Ok(id)) => Some(Resource::project(organization, id)),
            _ => None,
        };
        let found = found.unwrap_or_else(|| self.organization.clone());
        self.places.insert(node.clone(), found.clone());
        Ok(found)
    }

    fn name(&self, event: &EventView) -> Result<Option<String>, GovernanceError> {
        Ok(match actor(event) {
            Some(id) => access::principal_label(self.reader, id)?,
            None => None,
        })
    }
}

fn actor(event: &EventView) -> Option<PrincipalId> {
    let id = event.actor.id.as_ref();
    let user = Id::<kinds::User>::parse(id).map(PrincipalId::User);
    user.or_else(|_| Id::<kinds::ServiceAccount>::parse(id).map(PrincipalId::ServiceAccount)).ok()
}
