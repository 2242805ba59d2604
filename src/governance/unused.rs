//! What somebody may do and has not done: permissions that could be taken away.

use std::time::Duration;

use super::GovernanceError;
use crate::db::Reader;
use crate::ledger::{self, EventFilter, Outcome};
use crate::op::Op;
use crate::orgs::access::{self, PrincipalName};
use crate::policy::{Action, PrincipalId};
use crate::types::{Limit, ParseError, Timestamp};

/// Acts that leave no event when they are allowed: nobody can tell whether they were used.
const UNRECORDED: &[Action] = &[
    Action::ProjectRead,
    Action::EnvironmentRead,
    Action::RuntimeRead,
    Action::SecretList,
    Action::BlueprintRead,
    Action::RuntimeLogsRead,
    Action::SecretAccessesRead,
    Action::AccessExplain,
    Action::AuditRead,
    Action::ComplianceRead,
    Action::UsageRead,
];
/// How far back is looked at most, in days.
const DAYS_MAX: u32 = 366;
/// Pages of the ledger that are looked at for one permission: each passes tens of thousands of blocks.
const PAGES_MAX: usize = 4;

/// What is known of the use of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// When it was last used.
    Used(Timestamp),
    /// Not once since the moment that was asked about.
    Unused,
    /// Looking is not recorded.
    Unrecorded,
    /// The ledger is too long to tell in one answer.
    Unknown,
}

/// A permission somebody holds somewhere, and its use.
#[derive(Debug, Clone, Copy)]
pub struct HeldUse {
    /// The act.
    pub action: Action,
    /// Its use.
    pub used: Use,
}

/// What somebody may do anywhere, and when they last did. The ledger is searched backwards for each permission until
/// one event is found; its summaries pass what cannot hold one.
///
/// # Errors
/// Nobody answers to the name; the ledger may not be read.
pub async fn permission_use(
    op: &Op,
    about: &PrincipalName,
    days: u32,
) -> Result<(PrincipalId, Timestamp, Vec<HeldUse>), GovernanceError> {
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(ParseError::new("days", format!("is 1 to {DAYS_MAX}")).into());
    }
    let from = op.now().minus(Duration::from_hours(24 * u64::from(days)));
    op.read(|reader| {
        let organization = access::own_organization(op)?;
        op.authorize(reader, Action::AuditRead, &organization)?;
        let id = access::principal_named(op, reader, about)?;
        let facts = access::principal_facts(reader, organization.organization_id(), id)?;
        let grants = facts.map(|f| f.grants).unwrap_or_default();
        let may = |a: &&Action| {
            grants
                .iter()
                .any(|g| g.role().permissions().permits(**a, false) || g.role().permissions().permits(**a, true))
        };
        let mut all = Vec::new();
        for action in Action::ALL.iter().filter(may) {
            all.push(HeldUse { action: *action, used: last_use(op, reader, id, *action, from)? });
        }
        Ok((id, from, all))
    })
    .await
}

fn last_use(
    op: &Op,
    reader: &Reader<'_>,
    id: PrincipalId,
    action: Action,
    from: Timestamp,
) -> Result<Use, GovernanceError> {
    if UNRECORDED.contains(&action) {
        return Ok(Use::Unrecorded);
    }
    let filter = EventFilter {
        organization: Some(op.organization()?),
        actor: Some(id.to_string()),
        action: Some(action.as_str().to_owned()),
        outcome: Some(Outcome::Allowed),
        from: Some(from),
        ..EventFilter::default()
    };
    let (one, mut cursor) = (Limit::parse(1)?, None);
    for _ in 0..PAGES_MAX {
        let page = ledger::list(reader, &filter, one, cursor.as_ref())?;
        if let Some(event) = page.items.first() {
            return Ok(Use::Used(event.at));
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(Use::Unused),
        }
    }
    Ok(Use::Unknown)
}
