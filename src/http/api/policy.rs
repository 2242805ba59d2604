//! What may be done, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Answer, ok};
use crate::http::extract::{Json, Known, Query};
use crate::orgs::access::{self, PrincipalName, Question, RoleAt};
use crate::policy::Action;
use crate::types::Slug;

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvaluateRequest {
    /// About whom; `self` when none.
    #[serde(default)]
    #[schema(required = false)]
    actor: ActorWish,
    /// The name of an action, `secret.use`, or of an instance permission.
    #[schema(pattern = "^[a-z]+(\\.[a-z_]+)+$", max_length = 64, example = "secret.use")]
    action: String,
    /// Where; the organization when none.
    #[serde(default)]
    #[schema(required = false)]
    resource: ResourceWish,
}

/// About whom: `"self"`, a user, a service account, or whoever has nothing but one role.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "an actor is \"self\", {\"user\": …}, {\"service_account\": …} or {\"role\": …}")]
pub(crate) enum ActorWish {
    /// Whoever asks.
    Own(Own),
    /// A member, by id or e-mail address.
    User(UserWish),
    /// A service account, by id or name.
    ServiceAccount(ServiceAccountWish),
    /// Somebody who was given nothing but this role, on the organization.
    Role(RoleWish),
}

impl Default for ActorWish {
    fn default() -> Self {
        Self::Own(Own::Own)
    }
}

/// Whoever asks.
#[derive(Clone, Copy, Deserialize, ToSchema)]
pub(crate) enum Own {
    /// Whoever asks.
    #[serde(rename = "self")]
    Own,
}

/// A member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserWish {
    /// By id or e-mail address.
    user: String,
}

/// A service account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceAccountWish {
    /// By id or name.
    service_account: String,
}

/// A role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleWish {
    /// By name.
    role: Slug,
}

/// A node.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceWish {
    /// The project, by id or slug; none: the organization.
    project: Option<String>,
    /// The environment of it, by id or slug.
    environment: Option<String>,
}

/// An answer, with its reasons.
#[derive(Serialize, ToSchema)]
pub(crate) struct Evaluation {
    /// Allow or deny.
    decision: DecisionWord,
    /// The policies that decided.
    policies: Vec<String>,
    /// Why, in sentences.
    reasons: Vec<String>,
    /// The policies that are only observed and would have denied it.
    would_deny: Vec<String>,
    /// The permission that no role of theirs gives there.
    missing: Option<&'static str>,
    /// The roles that hold it: built-in ones, least first, then the organization's own.
    held_by: Vec<String>,
}

impl From<access::Evaluation> for Evaluation {
    fn from(found: access::Evaluation) -> Self {
        Self {
            decision: DecisionWord::of(found.allow),
            policies: found.policies.to_vec(),
            reasons: found.reasons,
            would_deny: found.would_deny.to_vec(),
            missing: found.missing.map(crate::policy::Permission::as_str),
            held_by: found.held_by,
        }
    }
}

/// Allow or deny.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecisionWord {
    /// They may.
    Allow,
    /// They may not.
    Deny,
}

impl DecisionWord {
    const fn of(allow: bool) -> Self {
        if allow { Self::Allow } else { Self::Deny }
    }
}

/// Of which node.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MatrixQuery {
    /// The project, by id or slug.
    project: Option<String>,
    /// The environment of it, by id or slug.
    environment: Option<String>,
}

/// What each role may do, when it is given on the organization.
#[derive(Serialize, ToSchema)]
pub(crate) struct MatrixAnswer {
    /// The roles, from least to most, then the organization's own.
    roles: Vec<String>,
    /// The actions.
    actions: Vec<&'static str>,
    /// The columns: kinds of resources, or the one that was named.
    resources: Vec<String>,
    /// By role, action and resource.
    cells: BTreeMap<String, BTreeMap<&'static str, BTreeMap<String, DecisionWord>>>,
}

/// Whether somebody may do something somewhere, which policies decided, and why.
#[utoipa::path(post, path = "/policy/evaluate", operation_id = "policy_evaluate", request_body = EvaluateRequest,
    responses((status = 200, description = "The decision.", body = Evaluation)))]
pub(crate) async fn evaluate(Known(op, _): Known, Json(body): Json<EvaluateRequest>) -> Answer {
    let ResourceWish { project, environment } = body.resource;
    let actor = match body.actor {
        ActorWish::Role(wish) => {
            let action = Action::parse(&body.action)?;
            let at = RoleAt::Node(project, environment);
            return ok(&Evaluation::from(access::evaluate_role(&op, &wish.role, action, &at).await?));
        }
        ActorWish::Own(Own::Own) => PrincipalName::Own,
        ActorWish::User(wish) => PrincipalName::User(wish.user),
        ActorWish::ServiceAccount(wish) => PrincipalName::ServiceAccount(wish.service_account),
    };
    let question = Question { actor, action: body.action, project, environment };
    ok(&Evaluation::from(access::evaluate(&op, question).await?))
}

/// Role × action × resource, as the policies themselves decide.
#[utoipa::path(get, path = "/access/matrix", operation_id = "access_matrix", params(MatrixQuery),
    responses((status = 200, description = "The matrix.", body = MatrixAnswer)))]
pub(crate) async fn matrix(Known(op, _): Known, Query(query): Query<MatrixQuery>) -> Answer {
    let found = access::matrix(&op, query.project.as_deref(), query.environment.as_deref()).await?;
    let mut cells = BTreeMap::new();
    for role in &found.roles {
        let mut actions = BTreeMap::new();
        for action in Action::ALL {
            let word = |column| DecisionWord::of(found.allows(role, *action, column));
            let row = found.resources.iter().enumerate().map(|(column, name)| (name.clone(), word(column)));
            actions.insert(action.as_str(), row.collect());
        }
        cells.insert(role.clone(), actions);
    }
    let actions = Action::ALL.iter().map(|a| a.as_str()).collect();
    ok(&MatrixAnswer { roles: found.roles, actions, resources: found.resources, cells })
}
