//! Putting people and teams into a team, and taking them out.

use super::{DEPTH_MAX, MEMBERS_MAX, Member, Team, TeamView, managed, require_covered, store, team_named, view};
use crate::db::{Reader, WriteTx};
use crate::ledger::{Details, Event};
use crate::op::{Op, epoch_raise};
use crate::orgs::OrgError;
use crate::orgs::access::{self, PrincipalName};
use crate::policy::PrincipalId;
use crate::types::{Id, ParseError, kinds};

/// Somebody who shall be in a team, as a request names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberName {
    /// A person, by id or e-mail address.
    User(String),
    /// Another team, by id or name.
    Team(String),
}

impl MemberName {
    /// Reads a member as a path names it: an address or a person's id, else a team.
    pub fn parse(text: &str) -> Self {
        let is_user = text.contains('@') || Id::<kinds::User>::looks_like(text);
        if is_user { Self::User(text.to_owned()) } else { Self::Team(text.to_owned()) }
    }
}

fn member_named(op: &Op, reader: &Reader<'_>, name: &MemberName) -> Result<Member, OrgError> {
    match name {
        MemberName::Team(name) => Ok(Member::Team(team_named(op, reader, name)?.id)),
        MemberName::User(name) => match access::principal_named(op, reader, &PrincipalName::User(name.clone()))? {
            PrincipalId::User(id) => Ok(Member::User(id)),
            PrincipalId::ServiceAccount(_) => Err(OrgError::not_found("member", name.as_str())),
        },
    }
}

fn member_id(member: Member) -> String {
    match member {
        Member::User(id) => id.to_string(),
        Member::Team(id) => id.to_string(),
    }
}

/// Whether `inner` can be put into `outer`: no team is in itself, and no way is longer than three teams.
fn require_place(reader: &Reader<'_>, outer: &Team, inner: Id<kinds::Team>) -> Result<(), OrgError> {
    let beneath = store::team_beneath(reader, inner)?;
    if inner == outer.id || beneath.iter().any(|(id, _)| *id == outer.id) {
        return Err(ParseError::new("team", "that would put a team into itself").into());
    }
    let above = store::team_above(reader, outer.organization, outer.id)?;
    let longest = |levels: &[(Id<kinds::Team>, usize)]| levels.iter().map(|(_, depth)| *depth).max().unwrap_or(0);
    if longest(&above) + longest(&beneath) + 2 > DEPTH_MAX {
        return Err(ParseError::new("team", format!("teams are nested at most {DEPTH_MAX} deep")).into());
    }
    Ok(())
}

/// Puts a person or a team into a team: they have what it has from now on.
///
/// # Errors
/// Unknown; not allowed; it gives more than whoever asks holds; in there already; a circle, or nested too deep.
pub async fn member_add(op: &Op, team: String, member: MemberName) -> Result<TeamView, OrgError> {
    op.write(move |op, tx| {
        let (team, event) = require_adding(op, tx, &team)?;
        let who = member_named(op, tx, &member)?;
        if let Member::Team(inner) = who {
            require_place(tx, &team, inner)?;
        }
        put(op, tx, &team, event, who)?;
        epoch_raise(tx)?;
        view(op, tx, team)
    })
    .await
}

/// Whether whoever asks may put somebody into this team: the team, and the event to record when they do.
///
/// # Errors
/// Unknown; not allowed; it gives more than whoever asks holds.
pub(crate) fn require_adding(op: &Op, reader: &Reader<'_>, team: &str) -> Result<(Team, Event), OrgError> {
    let (team, event) = managed(op, reader, team)?;
    require_covered(op, reader, &event, &team)?;
    Ok((team, event))
}

/// Puts somebody into a team and records it. Raising the epoch is the caller's, after the last of them.
///
/// # Errors
/// The team is full, or they are in it already.
pub(crate) fn put(op: &Op, tx: &mut WriteTx<'_>, team: &Team, event: Event, who: Member) -> Result<(), OrgError> {
    if store::member_list(tx, team.id)?.len() >= MEMBERS_MAX {
        return Err(OrgError::TooMany { what: "member", max: MEMBERS_MAX });
    }
    if !store::member_insert(tx, team, &who, op.now(), &op.author())? {
        return Err(OrgError::Taken { what: "member", name: member_id(who) });
    }
    op.record(tx, event.details(Details::new().with("team", &team.name).with("added", member_id(who))))?;
    Ok(())
}

/// Takes a person or a team out of a team: what it gave them ends at once.
///
/// # Errors
/// Unknown, or not in there; not allowed; it gives more than whoever asks holds.
pub async fn member_remove(op: &Op, team: String, member: MemberName) -> Result<TeamView, OrgError> {
    op.write(move |op, tx| {
        let (team, event) = managed(op, tx, &team)?;
        let who = member_named(op, tx, &member)?;
        require_covered(op, tx, &event, &team)?;
        if !store::member_delete(tx, team.id, &who)? {
            return Err(OrgError::not_found("member", member_id(who)));
        }
        epoch_raise(tx)?;
        op.record(tx, event.details(Details::new().with("team", &team.name).with("removed", member_id(who))))?;
        view(op, tx, team)
    })
    .await
}
