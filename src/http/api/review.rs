//! Access review: who can reach what, by which grant, and what is never used.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::place::{PlaceAnswer, PlaceEnvironment, PlaceProject};
use super::{Answer, List, ok};
use crate::governance::{self, Use};
use crate::http::error::Problem;
use crate::http::extract::{Known, Query, page_of};
use crate::http::schema::GrantId;
use crate::orgs::access::{self, PrincipalName, Reached, Reaching, ReviewWish, Way};
use crate::policy::{Action, PrincipalId};
use crate::types::Timestamp;

/// Who can do what at which node.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReviewQuery {
    /// The project, by id or slug; none: the organization.
    project: Option<String>,
    /// The environment of it, by id or slug.
    environment: Option<String>,
    /// Only who may do this, with what policies say of it now: `secret.reveal`.
    permission: Option<String>,
    /// The folder of a secret: policies that look at folders are asked about it.
    #[param(pattern = "^/", max_length = 1024)]
    path: Option<String>,
    /// How many people and machines are looked at, at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What somebody can do.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReachQuery {
    /// This member, by id or e-mail address; whoever asks when nobody is named.
    user: Option<String>,
    /// This service account, by id or name.
    service_account: Option<String>,
    /// Only where they may do this: `secret.reveal`.
    permission: Option<String>,
    /// How many projects are looked at, at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Whose permissions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnusedQuery {
    /// This member, by id or e-mail address; whoever asks when nobody is named.
    user: Option<String>,
    /// This service account, by id or name.
    service_account: Option<String>,
    /// How many days back.
    #[param(minimum = 1, maximum = 366, default = 90)]
    days: Option<u32>,
}

/// A grant that reaches, and how somebody has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct WayAnswer {
    /// The grant.
    grant: GrantId,
    /// Which role.
    role: String,
    /// The team it was given to; null when it was given to them.
    team: Option<String>,
    /// The project it is given on or in; null on the organization.
    project: Option<PlaceProject>,
    /// The environment it is given on; null above one.
    environment: Option<PlaceEnvironment>,
}

impl From<Way> for WayAnswer {
    fn from(way: Way) -> Self {
        let PlaceAnswer { project, environment } = way.place.into();
        Self {
            grant: way.grant.id,
            role: way.grant.role.name().to_owned(),
            team: way.team.map(|t| t.to_string()),
            project,
            environment,
        }
    }
}

/// Somebody who can do something.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReachingAnswer {
    /// `user` or `service_account`.
    kind: &'static str,
    /// Their id.
    id: String,
    /// An e-mail address or a service account's name.
    name: String,
    /// What their roles permit.
    permissions: Vec<&'static str>,
    /// The grants that give it.
    grants: Vec<WayAnswer>,
    /// The organization's policies that deny the permission asked about, as things are now.
    denied_by: Vec<String>,
}

impl From<Reaching> for ReachingAnswer {
    fn from(found: Reaching) -> Self {
        Self {
            kind: kind(found.principal),
            id: found.principal.to_string(),
            name: found.name,
            permissions: found.actions.into_iter().map(Action::as_str).collect(),
            grants: found.ways.into_iter().map(WayAnswer::from).collect(),
            denied_by: found.denied_by,
        }
    }
}

/// Somewhere that somebody can do something.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReachedAnswer {
    /// The project; null at the organization.
    project: Option<PlaceProject>,
    /// The environment; null above one.
    environment: Option<PlaceEnvironment>,
    /// Whether a protected environment.
    protected: bool,
    /// What their roles permit.
    permissions: Vec<&'static str>,
    /// The grants that give it.
    grants: Vec<WayAnswer>,
    /// The organization's policies that deny the permission asked about, as things are now.
    denied_by: Vec<String>,
}

impl From<Reached> for ReachedAnswer {
    fn from(found: Reached) -> Self {
        let PlaceAnswer { project, environment } = found.place.into();
        let ReachingAnswer { permissions, grants, denied_by, .. } = found.reaching.into();
        Self { project, environment, protected: found.protected, permissions, grants, denied_by }
    }
}

/// What was used and what was not.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnusedAnswer {
    /// `user` or `service_account`.
    kind: &'static str,
    /// Their id.
    id: String,
    /// Since when.
    from: Timestamp,
    /// What they may do somewhere, with its use.
    permissions: Vec<PermissionUse>,
}

/// A permission and its use.
#[derive(Serialize, ToSchema)]
pub(crate) struct PermissionUse {
    /// The permission.
    permission: &'static str,
    /// Its use.
    state: UseWord,
    /// When it was last used; null when it was not, or nobody can tell.
    last_used_at: Option<Timestamp>,
}

/// The use of a permission.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UseWord {
    /// It was used.
    Used,
    /// It was not used.
    Unused,
    /// Looking is not recorded, so nobody can tell.
    Unrecorded,
    /// The ledger is too long to tell in one answer.
    Unknown,
}

const fn kind(principal: PrincipalId) -> &'static str {
    match principal {
        PrincipalId::User(_) => "user",
        PrincipalId::ServiceAccount(_) => "service_account",
    }
}

fn about(user: Option<String>, service_account: Option<String>) -> Result<PrincipalName, Problem> {
    match (user, service_account) {
        (Some(_), Some(_)) => Err(Problem::invalid("actor_ambiguous", "name a user or a service account, not both")),
        (Some(user), None) => Ok(PrincipalName::User(user)),
        (None, Some(account)) => Ok(PrincipalName::ServiceAccount(account)),
        (None, None) => Ok(PrincipalName::Own),
    }
}

fn action(permission: Option<&str>) -> Result<Option<Action>, Problem> {
    Ok(permission.map(Action::parse).transpose()?)
}

/// Who can do something at a node, and by which grants.
#[utoipa::path(get, path = "/access/review", operation_id = "access_review", params(ReviewQuery),
    responses((status = 200, description = "A page of people and machines.", body = List<ReachingAnswer>)))]
pub(crate) async fn review(Known(op, _): Known, Query(query): Query<ReviewQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let action = action(query.permission.as_deref())?;
    let wish = ReviewWish { project: query.project, environment: query.environment, action, path: query.path };
    ok(&List::of(access::review(&op, &wish, limit, cursor).await?, ReachingAnswer::from))
}

/// What somebody can do, where, and by which grants.
#[utoipa::path(get, path = "/access/reach", operation_id = "access_reach", params(ReachQuery),
    responses((status = 200, description = "A page of places.", body = List<ReachedAnswer>)))]
pub(crate) async fn reach(Known(op, _): Known, Query(query): Query<ReachQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let (about, action) = (about(query.user, query.service_account)?, action(query.permission.as_deref())?);
    ok(&List::of(access::reach(&op, &about, action, limit, cursor).await?, ReachedAnswer::from))
}

/// What somebody may do and when they last did, from the ledger.
#[utoipa::path(get, path = "/access/unused", operation_id = "access_unused", params(UnusedQuery),
    responses((status = 200, description = "Permissions and their use.", body = UnusedAnswer)))]
pub(crate) async fn unused(Known(op, _): Known, Query(query): Query<UnusedQuery>) -> Answer {
    let about = about(query.user, query.service_account)?;
    let (id, from, all) = governance::permission_use(&op, &about, query.days.unwrap_or(90)).await?;
    let permissions = all.into_iter().map(|held| {
        let (state, last_used_at) = match held.used {
            Use::Used(at) => (UseWord::Used, Some(at)),
            Use::Unused => (UseWord::Unused, None),
            Use::Unrecorded => (UseWord::Unrecorded, None),
            Use::Unknown => (UseWord::Unknown, None),
        };
        PermissionUse { permission: held.action.as_str(), state, last_used_at }
    });
    ok(&UnusedAnswer { kind: kind(id), id: id.to_string(), from, permissions: permissions.collect() })
}
