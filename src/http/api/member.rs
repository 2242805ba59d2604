//! People of the organization.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place::GrantAnswer;
use super::{Answer, List, created, ok};
use crate::auth::User;
use crate::http::extract::{DryRun, Json, Known, ListQuery, Names, Query};
use crate::http::schema::UserId;
use crate::http::state::State;
use crate::orgs::member::{self, Member, MemberAdd, MemberDetail};
use crate::types::{Email, SecretString, Slug, Timestamp};

/// A person of the organization.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberAnswer {
    /// The person.
    user: UserAnswer,
    /// Their grants you may know of.
    grants: Vec<GrantAnswer>,
    /// Since when.
    joined_at: Timestamp,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserAnswer {
    /// Their id.
    id: UserId,
    /// Their address.
    email: Email,
    /// How they are called.
    name: String,
    /// Whether a mailed link showed that the address is theirs.
    email_verified: bool,
    /// Whether they may not sign in.
    disabled: bool,
}

impl From<User> for UserAnswer {
    fn from(user: User) -> Self {
        let (email_verified, disabled) = (user.email_verified_at.is_some(), user.disabled_at.is_some());
        Self { id: user.id, email: user.email, name: user.name, email_verified, disabled }
    }
}

impl From<Member> for MemberAnswer {
    fn from(member: Member) -> Self {
        let grants = member.grants.into_iter().map(GrantAnswer::from).collect();
        Self { user: member.user.into(), grants, joined_at: member.joined_at }
    }
}

/// A person of the organization, and by which way they hold what they hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberDetailAnswer {
    /// The person.
    user: UserAnswer,
    /// What was given to them themselves, as far as you may know of it.
    grants: Vec<GrantAnswer>,
    /// What they hold as part of a team.
    through: Vec<TeamGrant>,
    /// The teams they are in themselves.
    teams: Vec<Slug>,
    /// Since when.
    joined_at: Timestamp,
}

/// A grant somebody has as part of a team.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamGrant {
    /// The team.
    team: Slug,
    /// What it was given.
    grant: GrantAnswer,
}

impl From<MemberDetail> for MemberDetailAnswer {
    fn from(detail: MemberDetail) -> Self {
        let through = detail.through.into_iter().map(|(team, grant)| TeamGrant { team, grant: grant.into() });
        Self {
            user: detail.member.user.into(),
            grants: detail.member.grants.into_iter().map(GrantAnswer::from).collect(),
            through: through.collect(),
            teams: detail.teams.into_iter().map(|team| team.name).collect(),
            joined_at: detail.member.joined_at,
        }
    }
}

/// Who shall join.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberCreate {
    /// Their address.
    email: Email,
    /// How they are called; the part before the `@` when none.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: Option<String>,
    /// A first password, for this organization only.
    #[schema(value_type = Option<String>, write_only, min_length = 8, max_length = 256)]
    password: Option<SecretString>,
    /// A first role, built in or the organization's own.
    role: Option<Slug>,
    /// The project the role is given on, by id or slug.
    project: Option<String>,
    /// The environment of it, by id or slug.
    environment: Option<String>,
}

/// What goes, or would go, with a member.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberRemoved {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Who.
    user: UserAnswer,
    /// Grants taken.
    grants: usize,
    /// Teams left.
    teams: usize,
    /// Credentials that stop working.
    credentials: usize,
}

/// The people of the organization.
#[utoipa::path(get, path = "/members", operation_id = "member_list", params(ListQuery),
    responses((status = 200, description = "A page of members.", body = List<MemberAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(member::member_list(&op, limit, cursor).await?, MemberAnswer::from))
}

/// Adds a person to the organization.
#[utoipa::path(post, path = "/members", operation_id = "member_create", request_body = MemberCreate,
    responses((status = 201, description = "The member.", body = MemberAnswer)))]
pub(crate) async fn create(state: Data<State>, Known(op, _): Known, Json(body): Json<MemberCreate>) -> Answer {
    let new = MemberAdd {
        email: body.email,
        name: body.name,
        password: body.password,
        role: body.role,
        project: body.project,
        environment: body.environment,
    };
    created(&MemberAnswer::from(member::member_add(&op, &state.parts.passwords, new).await?))
}

/// A person of the organization, by id or e-mail address.
#[utoipa::path(get, path = "/members/{user}", operation_id = "member_get",
    responses((status = 200, description = "The member.", body = MemberDetailAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([user]): Names<1>) -> Answer {
    ok(&MemberDetailAnswer::from(member::member_get(&op, &user).await?))
}

/// Removes a person with their grants and credentials of this organization; everybody may leave.
#[utoipa::path(delete, path = "/members/{user}", operation_id = "member_delete", params(DryRun),
    responses((status = 200, description = "What went with them, or the plan.", body = MemberRemoved)))]
pub(crate) async fn delete(Known(op, _): Known, Names([user]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let dry_run = query.dry_run;
    let gone = member::member_remove(&op, user, dry_run).await?;
    ok(&MemberRemoved {
        dry_run,
        user: gone.user.into(),
        grants: gone.grants,
        teams: gone.teams,
        credentials: gone.credentials,
    })
}
