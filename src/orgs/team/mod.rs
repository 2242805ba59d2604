//! Teams: groups of people that roles are given to; a team in a team has what the outer one has.
//!
//! Who puts somebody into a team gives them all that the team and the teams around it were given, and who takes them
//! out takes it: both need `team.manage` and all of that held. Teams never hold ownership, are nested at most three
//! deep, and no team is in itself. Machines are in no team: what they hold lies beneath their own node.

mod change;
mod member;
pub(crate) mod store;

pub use change::{TeamChange, team_update};
pub use member::{MemberName, member_add, member_remove};
pub(crate) use member::{put, require_adding};

use super::grant::{self, GrantView, Holder};
use super::role::description;
use super::{OrgError, access};
use crate::auth;
use crate::db::Reader;
use crate::ledger::{Details, Event, Target};
use crate::op::{Op, epoch_raise};
use crate::policy::Action;
use crate::types::{Id, Slug, Timestamp, kinds};

/// How many teams may stand on one way from an outer team down to a person.
pub const DEPTH_MAX: usize = 3;
/// Most teams of an organization.
pub const TEAMS_MAX: usize = 500;
/// Most people and teams directly in one team.
pub const MEMBERS_MAX: usize = 500;

/// A group of people.
#[derive(Debug, Clone)]
pub struct Team {
    /// Its id.
    pub id: Id<kinds::Team>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// Its name: grants and other teams name it by its id.
    pub name: Slug,
    /// What it is for.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// Who is in a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A person.
    User(Id<kinds::User>),
    /// Everybody in another team.
    Team(Id<kinds::Team>),
}

/// A member with its name.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// Who.
    pub member: Member,
    /// An e-mail address, or a team's name.
    pub name: String,
    /// Since when.
    pub added_at: Timestamp,
}

/// A team with everything about it.
#[derive(Debug, Clone)]
pub struct TeamView {
    /// The team.
    pub team: Team,
    /// Who is in it itself.
    pub members: Vec<MemberView>,
    /// The teams it is in, near or far.
    pub within: Vec<Slug>,
    /// Its own grants that whoever asks may know of.
    pub grants: Vec<GrantView>,
}

/// The team with this name or id. Asks nobody's rights.
///
/// # Errors
/// [`OrgError::NotFound`].
pub(crate) fn team_named(op: &Op, reader: &Reader<'_>, name: &str) -> Result<Team, OrgError> {
    let organization = op.organization()?;
    let found = match Id::parse(name) {
        Ok(id) => store::team_get(reader, organization, id)?,
        Err(_) => store::team_by_name(reader, organization, name)?,
    };
    found.ok_or_else(|| OrgError::not_found("team", name))
}

fn view(op: &Op, reader: &Reader<'_>, team: Team) -> Result<TeamView, OrgError> {
    let mut members = Vec::new();
    for (member, added_at) in store::member_list(reader, team.id)? {
        let name = match member {
            Member::User(id) => auth::store::user_get(reader, id)?.map(|u| u.email.to_string()),
            Member::Team(id) => store::team_get(reader, team.organization, id)?.map(|t| t.name.to_string()),
        };
        members.push(MemberView { member, name: name.unwrap_or_default(), added_at });
    }
    let mut within = Vec::new();
    for (id, _) in store::team_above(reader, team.organization, team.id)? {
        within.extend(store::team_get(reader, team.organization, id)?.map(|t| t.name));
    }
    within.sort_unstable();
    within.dedup();
    let grants = grant::visible_of(op, reader, Holder::Team(team.id))?;
    Ok(TeamView { team, members, within, grants })
}

/// Whether whoever asks may see teams: people see each other, a machine needs `team.manage`.
fn require_seeing(op: &Op, reader: &Reader<'_>) -> Result<(), OrgError> {
    op.principal(reader)?;
    if op.is_machine() {
        op.authorize(reader, Action::TeamManage, &access::own_organization(op)?)?;
    }
    Ok(())
}

/// Every team of the organization, by name.
///
/// # Errors
/// A machine that may not manage teams; the database failed.
pub async fn team_list(op: &Op) -> Result<Vec<TeamView>, OrgError> {
    op.read(|reader| {
        require_seeing(op, reader)?;
        store::team_list(reader, op.organization()?)?.into_iter().map(|t| view(op, reader, t)).collect()
    })
    .await
}

/// A team by its name or id.
///
/// # Errors
/// Unknown; a machine that may not manage teams.
pub async fn team_get(op: &Op, name: &str) -> Result<TeamView, OrgError> {
    op.read(|reader| {
        require_seeing(op, reader)?;
        view(op, reader, team_named(op, reader, name)?)
    })
    .await
}

/// Makes a team without anybody in it.
///
/// # Errors
/// Not allowed; the name is taken.
pub async fn team_create(op: &Op, name: Slug, about: Option<String>) -> Result<TeamView, OrgError> {
    let description = description(about)?;
    op.write(move |op, tx| {
        let event = op.authorize(tx, Action::TeamManage, &access::own_organization(op)?)?;
        let organization = op.organization()?;
        if store::team_by_name(tx, organization, name.as_str())?.is_some() {
            return Err(OrgError::Taken { what: "team", name: name.to_string() });
        }
        if store::team_list(tx, organization)?.len() >= TEAMS_MAX {
            return Err(OrgError::TooMany { what: "team", max: TEAMS_MAX });
        }
        let (id, created_at, created_by) = (Id::new(op.now()), op.now(), op.author());
        let team = Team { id, organization, name, description, created_at, created_by };
        store::team_insert(tx, &team)?;
        epoch_raise(tx)?;
        op.record(tx, event.target(Target::new("team", id)).details(Details::new().with("made", &team.name)))?;
        view(op, tx, team)
    })
    .await
}

/// The team, for whoever manages teams, with the event of doing so.
fn managed(op: &Op, reader: &Reader<'_>, name: &str) -> Result<(Team, Event), OrgError> {
    let event = op.authorize(reader, Action::TeamManage, &access::own_organization(op)?)?;
    let team = team_named(op, reader, name)?;
    let event = event.target(Target::new("team", team.id));
    Ok((team, event))
}

/// Whether whoever asks holds all that being in a team gives, wherever it does.
fn require_covered(op: &Op, reader: &Reader<'_>, event: &Event, team: &Team) -> Result<(), OrgError> {
    let mut teams: Vec<_> = store::team_above(reader, team.organization, team.id)?.into_iter().map(|t| t.0).collect();
    teams.push(team.id);
    teams.sort_unstable();
    teams.dedup();
    for id in teams {
        for given in grant::store::grant_of(reader, team.organization, &Holder::Team(id))? {
            let resource = access::resource_standing(reader, team.organization, given.node)?;
            access::require_cover(op, reader, event, given.role.permissions(), &resource)?;
        }
    }
    Ok(())
}

/// What goes with a team.
#[derive(Debug, Clone)]
pub struct TeamRemoval {
    /// The team, as it was.
    pub team: TeamView,
    /// Grants taken.
    pub grants: usize,
    /// People who were in it, by whatever way.
    pub people: usize,
}

/// Deletes a team with its grants; with `dry_run` only says what goes. Teams in it stay, and lose what it gave them.
///
/// # Errors
/// Unknown; not allowed; it gives more than whoever asks holds.
pub async fn team_delete(op: &Op, name: String, dry_run: bool) -> Result<TeamRemoval, OrgError> {
    op.write(move |op, tx| {
        let (team, event) = managed(op, tx, &name)?;
        require_covered(op, tx, &event, &team)?;
        let holder = Holder::Team(team.id);
        let grants = grant::store::grant_of(tx, team.organization, &holder)?.len();
        let people = store::team_people(tx, team.id)?.len();
        let removal = TeamRemoval { team: view(op, tx, team)?, grants, people };
        if !dry_run {
            let team = &removal.team.team;
            grant::store::grant_delete_of(tx, team.organization, &holder)?;
            store::team_delete(tx, team.id)?;
            epoch_raise(tx)?;
            let details = Details::new().with("removed", &team.name).with("grants", grants).with("people", people);
            op.record(tx, event.details(details))?;
        }
        Ok(removal)
    })
    .await
}
