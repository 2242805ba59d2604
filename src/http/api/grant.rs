//! Grants: roles given on nodes.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::place::GrantAnswer;
use super::{Answer, List, created, ok};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query, page_of};
use crate::orgs::OrgError;
use crate::orgs::access::PrincipalName;
use crate::orgs::grant::{self, GrantFilter, GrantWish, HolderName};
use crate::types::{Id, Slug};

/// Who gets which role where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantCreate {
    /// A member, by id or e-mail address; this, `service_account` or `team`.
    user: Option<String>,
    /// A service account, by id or name.
    service_account: Option<String>,
    /// A team, by id or name.
    team: Option<String>,
    /// The role, built in or the organization's own.
    role: Slug,
    /// The project, by id or slug; none: the whole organization.
    project: Option<String>,
    /// The environment of it, by id or slug.
    environment: Option<String>,
}

/// Which grants.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GrantListQuery {
    /// Of this member, by id or e-mail address.
    user: Option<String>,
    /// Of this service account, by id or name.
    service_account: Option<String>,
    /// Of this team, by id or name.
    team: Option<String>,
    /// On this project itself, or on the environment of it.
    project: Option<String>,
    /// On this environment itself.
    environment: Option<String>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A grant that was taken, or would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantDeleted {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The grant.
    grant: GrantAnswer,
}

/// The one who is named, if one is.
fn holder(
    user: Option<String>,
    service_account: Option<String>,
    team: Option<String>,
) -> Result<Option<HolderName>, Problem> {
    match (user, service_account, team) {
        (Some(user), None, None) => Ok(Some(PrincipalName::User(user).into())),
        (None, Some(account), None) => Ok(Some(PrincipalName::ServiceAccount(account).into())),
        (None, None, Some(team)) => Ok(Some(HolderName::Team(team))),
        (None, None, None) => Ok(None),
        _ => Err(Problem::invalid("actor_ambiguous", "name one: a user, a service account or a team")),
    }
}

/// Gives a role; nobody gives more than they hold.
#[utoipa::path(post, path = "/grants", operation_id = "grant_create", request_body = GrantCreate,
    responses((status = 201, description = "The grant.", body = GrantAnswer)))]
pub(crate) async fn create(Known(op, _): Known, Json(body): Json<GrantCreate>) -> Answer {
    let missing = || Problem::invalid("missing_field", "missing field `user`, `service_account` or `team`");
    let to = holder(body.user, body.service_account, body.team)?.ok_or_else(missing)?;
    let wish = GrantWish { role: body.role, project: body.project, environment: body.environment };
    created(&GrantAnswer::from(grant::grant_create(&op, to, wish).await?))
}

/// The grants you may know of: your own, and those where you give or explain rights.
#[utoipa::path(get, path = "/grants", operation_id = "grant_list", params(GrantListQuery),
    responses((status = 200, description = "A page of grants.", body = List<GrantAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<GrantListQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let holder = holder(query.user, query.service_account, query.team)?;
    let filter = GrantFilter { holder, project: query.project, environment: query.environment };
    ok(&List::of(grant::grant_list(&op, filter, limit, cursor).await?, GrantAnswer::from))
}

/// Takes a grant away.
#[utoipa::path(delete, path = "/grants/{grant}", operation_id = "grant_delete", params(DryRun),
    responses((status = 200, description = "The grant.", body = GrantDeleted)))]
pub(crate) async fn delete(Known(op, _): Known, Names([id]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("grant", id))?;
    let taken = grant::grant_delete(&op, id, query.dry_run).await?;
    ok(&GrantDeleted { dry_run: query.dry_run, grant: taken.into() })
}
