//! Renaming a team, and saying what it is for.

use super::{TeamView, managed, store, view};
use crate::ledger::Details;
use crate::op::{Op, epoch_raise};
use crate::orgs::OrgError;
use crate::orgs::role::description;
use crate::types::Slug;

/// What shall change of a team. None: as it is.
#[derive(Debug, Clone, Default)]
pub struct TeamChange {
    /// Its name.
    pub name: Option<Slug>,
    /// What it is for.
    pub description: Option<String>,
}

/// Changes how a team is called and what it is for. What it was given, and who is in it, stays: both name it by its id.
///
/// # Errors
/// Unknown; not allowed; the name is taken.
pub async fn team_update(op: &Op, name: String, change: TeamChange) -> Result<TeamView, OrgError> {
    let text = change.description.map(|d| description(Some(d))).transpose()?;
    op.write(move |op, tx| {
        let (mut team, event) = managed(op, tx, &name)?;
        let before = team.name.clone();
        if let Some(new) = change.name.filter(|new| *new != before) {
            if store::team_by_name(tx, team.organization, new.as_str())?.is_some() {
                return Err(OrgError::Taken { what: "team", name: new.to_string() });
            }
            team.name = new;
        }
        team.description = text.unwrap_or(team.description);
        store::team_update(tx, &team)?;
        // Decisions say through which team somebody holds something.
        epoch_raise(tx)?;
        let details = Details::new().with("changed", &team.name);
        let details = if before == team.name { details } else { details.with("name_before", before) };
        op.record(tx, event.details(details))?;
        view(op, tx, team)
    })
    .await
}
