//! One member, and by which way they hold what they hold.

use super::Member;
use crate::auth;
use crate::op::Op;
use crate::orgs::access::{self, PrincipalName};
use crate::orgs::grant::GrantView;
use crate::orgs::team::{self, Team};
use crate::orgs::{OrgError, grant, organization};
use crate::policy::{Action, PrincipalId};
use crate::types::Slug;

/// A member with everything they hold that whoever asks may know of.
#[derive(Debug, Clone)]
pub struct MemberDetail {
    /// The member, with what was given to them themselves.
    pub member: Member,
    /// What they hold as part of a team, with its name.
    pub through: Vec<(Slug, GrantView)>,
    /// The teams they are in themselves.
    pub teams: Vec<Team>,
}

/// One member, by id or address. People see each other; a machine needs `member.invite`.
///
/// # Errors
/// Unknown; not allowed.
pub async fn member_get(op: &Op, name: &str) -> Result<MemberDetail, OrgError> {
    op.read(|reader| {
        let (_, own) = op.principal(reader)?;
        if op.is_machine() {
            op.authorize(reader, Action::MemberInvite, &access::own_organization(op)?)?;
        }
        let missing = || OrgError::not_found("member", name);
        let id = access::principal_named(op, reader, &PrincipalName::User(name.to_owned()))?;
        let PrincipalId::User(user) = id else { return Err(missing()) };
        let joined_at = organization::store::member_since(reader, own.organization, user)?.ok_or_else(missing)?;
        let user = auth::store::user_get(reader, user)?.ok_or_else(missing)?;
        let (mut grants, mut through) = (Vec::new(), Vec::new());
        for (grant, team) in grant::visible_held(op, reader, id)? {
            match team {
                None => grants.push(grant),
                Some(team) => through.push((team, grant)),
            }
        }
        let teams = team::store::team_of(reader, own.organization, user.id)?;
        Ok(MemberDetail { member: Member { user, joined_at, grants }, through, teams })
    })
    .await
}
