//! Teams, and who is in them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place::GrantAnswer;
use super::{Answer, List, created, ok};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query};
use crate::http::schema::TeamId;
use crate::orgs::team::{self, Member, MemberName, MemberView, TeamChange, TeamView};
use crate::types::{Slug, Timestamp};

/// A team.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamAnswer {
    /// Its id.
    id: TeamId,
    /// Its name.
    name: Slug,
    /// What it is for.
    description: String,
    /// Who is in it itself.
    members: Vec<TeamMember>,
    /// The teams it is in, near or far: its people have what those were given, too.
    within: Vec<Slug>,
    /// Its own grants you may know of.
    grants: Vec<GrantAnswer>,
    /// When it was made.
    created_at: Timestamp,
    /// By whom.
    created_by: String,
}

/// Who is in a team.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamMember {
    /// `user` or `team`.
    kind: &'static str,
    /// The id.
    id: String,
    /// An e-mail address, or a team's name.
    name: String,
    /// Since when.
    added_at: Timestamp,
}

impl From<MemberView> for TeamMember {
    fn from(view: MemberView) -> Self {
        let (kind, id) = match view.member {
            Member::User(id) => ("user", id.to_string()),
            Member::Team(id) => ("team", id.to_string()),
        };
        Self { kind, id, name: view.name, added_at: view.added_at }
    }
}

impl From<TeamView> for TeamAnswer {
    fn from(view: TeamView) -> Self {
        let team = view.team;
        Self {
            id: team.id,
            name: team.name,
            description: team.description,
            members: view.members.into_iter().map(TeamMember::from).collect(),
            within: view.within,
            grants: view.grants.into_iter().map(GrantAnswer::from).collect(),
            created_at: team.created_at,
            created_by: team.created_by,
        }
    }
}

/// A team that shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamCreate {
    /// Its name.
    name: Slug,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
}

/// What may change of a team. What is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamUpdate {
    /// Its name.
    name: Option<Slug>,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
}

/// Who shall be in a team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamMemberAdd {
    /// A person, by id or e-mail address; this or `team`.
    user: Option<String>,
    /// Another team, by id or name; this or `user`.
    team: Option<String>,
}

/// What goes, or would go, with a team.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamDeleted {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The team, as it was.
    team: TeamAnswer,
    /// Grants taken.
    grants: usize,
    /// People who were in it, by whatever way.
    people: usize,
}

/// Every team of the organization.
#[utoipa::path(get, path = "/teams", operation_id = "team_list",
    responses((status = 200, description = "All teams.", body = List<TeamAnswer>)))]
pub(crate) async fn list(Known(op, _): Known) -> Answer {
    ok(&List::whole(team::team_list(&op).await?.into_iter().map(TeamAnswer::from).collect()))
}

/// Makes a team without anybody in it.
#[utoipa::path(post, path = "/teams", operation_id = "team_create", request_body = TeamCreate,
    responses((status = 201, description = "The team.", body = TeamAnswer)))]
pub(crate) async fn create(Known(op, _): Known, Json(body): Json<TeamCreate>) -> Answer {
    created(&TeamAnswer::from(team::team_create(&op, body.name, body.description).await?))
}

/// A team, with who is in it.
#[utoipa::path(get, path = "/teams/{team}", operation_id = "team_get",
    responses((status = 200, description = "The team.", body = TeamAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&TeamAnswer::from(team::team_get(&op, &name).await?))
}

/// Changes how a team is called, and what it is for.
#[utoipa::path(patch, path = "/teams/{team}", operation_id = "team_update", request_body = TeamUpdate,
    responses((status = 200, description = "The team.", body = TeamAnswer)))]
pub(crate) async fn update(Known(op, _): Known, Names([name]): Names<1>, Json(body): Json<TeamUpdate>) -> Answer {
    let change = TeamChange { name: body.name, description: body.description };
    ok(&TeamAnswer::from(team::team_update(&op, name, change).await?))
}

/// Deletes a team with its grants.
#[utoipa::path(delete, path = "/teams/{team}", operation_id = "team_delete", params(DryRun),
    responses((status = 200, description = "What goes with it.", body = TeamDeleted)))]
pub(crate) async fn delete(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let gone = team::team_delete(&op, name, query.dry_run).await?;
    ok(&TeamDeleted { dry_run: query.dry_run, team: gone.team.into(), grants: gone.grants, people: gone.people })
}

/// Puts a person or another team into a team; nobody gives more than they hold.
#[utoipa::path(post, path = "/teams/{team}/members", operation_id = "team_member_add", request_body = TeamMemberAdd,
    responses((status = 200, description = "The team.", body = TeamAnswer)))]
pub(crate) async fn member_add(
    Known(op, _): Known,
    Names([name]): Names<1>,
    Json(body): Json<TeamMemberAdd>,
) -> Answer {
    let member = match (body.user, body.team) {
        (Some(user), None) => MemberName::User(user),
        (None, Some(team)) => MemberName::Team(team),
        (None, None) => return Err(Problem::invalid("missing_field", "missing field `user` or `team`")),
        _ => return Err(Problem::invalid("actor_ambiguous", "name a user or a team, not both")),
    };
    ok(&TeamAnswer::from(team::member_add(&op, name, member).await?))
}

/// Takes a person (by id or e-mail address) or a team (by id or name) out of a team.
#[utoipa::path(delete, path = "/teams/{team}/members/{member}", operation_id = "team_member_remove",
    responses((status = 200, description = "The team.", body = TeamAnswer)))]
pub(crate) async fn member_remove(Known(op, _): Known, Names([name, member]): Names<2>) -> Answer {
    ok(&TeamAnswer::from(team::member_remove(&op, name, MemberName::parse(&member)).await?))
}
