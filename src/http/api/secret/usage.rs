//! What uses a secret, and which secrets hold a value.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PathQuery;
use super::form::{self, Encoding};
use crate::http::api::{Answer, ok};
use crate::http::error::Problem;
use crate::http::extract::{Json, Known, Names, Query};
use crate::http::schema::SecretId;
use crate::http::state::State;
use crate::op::Op;
use crate::types::SecretString;
use crate::vault::lookup::{self, Held};
use crate::vault::usage::{self, Dependence};

/// All that uses a secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageAnswer {
    /// The environment that stores the secret, `project/environment`.
    stored_in: String,
    /// Secrets built from it, nearest first.
    items: Vec<DependenceAnswer>,
    /// Environments beneath that have it from there.
    inherited_by: Vec<String>,
    /// How many more secrets are built from it that you may not see.
    hidden: usize,
    /// How many more environments inherit it that you may not see.
    hidden_environments: usize,
    /// Whether this is all; a very long answer is cut.
    complete: bool,
}

/// A secret whose value is built from another one.
#[derive(Serialize, ToSchema)]
pub(crate) struct DependenceAnswer {
    /// The environment that stores it, `project/environment`.
    environment: String,
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// References in a row from it to the secret asked for.
    distance: usize,
    /// What it refers to on that way; null for one you may not see.
    through: Option<String>,
}

impl From<Dependence> for DependenceAnswer {
    fn from(d: Dependence) -> Self {
        Self {
            environment: d.environment,
            path: d.path.to_string(),
            name: d.name.to_string(),
            distance: d.distance,
            through: d.through,
        }
    }
}

/// A value to look for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupBody {
    /// The value: text, or base64 with `encoding`.
    #[schema(value_type = String, write_only)]
    value: SecretString,
    /// How `value` is written.
    encoding: Option<Encoding>,
    /// Only in this project, by id or slug.
    project: Option<String>,
}

/// Where a value is.
#[derive(Serialize, ToSchema)]
pub(crate) struct LookupAnswer {
    /// The secrets that hold exactly this value, by place.
    items: Vec<HeldAnswer>,
    /// How many environments were looked into.
    environments: usize,
    /// How many more there are whose values you may not be shown: whether it is there is unknown.
    unknown: usize,
}

/// A secret that holds the value.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldAnswer {
    /// The secret.
    id: SecretId,
    /// The environment that stores it, `project/environment`.
    environment: String,
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// Its newest version, which holds it.
    version: u32,
}

impl From<Held> for HeldAnswer {
    fn from(h: Held) -> Self {
        let (path, name) = (h.path.to_string(), h.name.to_string());
        Self { id: h.id, environment: h.environment, path, name, version: h.version }
    }
}

/// What uses a secret: who refers to it, who refers to those, and which environments inherit it.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/secrets/{name}/usage",
    operation_id = "secret_usage", params(PathQuery),
    responses((status = 200, description = "All that may be seen of it.", body = UsageAnswer)))]
pub(crate) async fn secret_usage(
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PathQuery>,
) -> Answer {
    let found = usage::secret_usage(&op, &project, &environment, &query.path, &name).await?;
    ok(&UsageAnswer {
        stored_in: found.stored_in.path(),
        items: found.items.into_iter().map(Into::into).collect(),
        inherited_by: found.inherited_by,
        hidden: found.hidden,
        hidden_environments: found.hidden_environments,
        complete: found.complete,
    })
}

/// Which secrets hold exactly this value, among those you may be shown. Counted more strictly than other requests.
#[utoipa::path(post, path = "/values/lookup", operation_id = "value_lookup", request_body = LookupBody,
    responses((status = 200, description = "Where it is.", body = LookupAnswer)))]
pub(crate) async fn value_lookup(state: Data<State>, Known(op, _): Known, Json(body): Json<LookupBody>) -> Answer {
    count(&state, &op)?;
    let value = form::read_value(body.value, body.encoding)?;
    let found = lookup::value_lookup(&op, body.project.as_deref(), &value).await?;
    let items = found.items.into_iter().map(Into::into).collect();
    ok(&LookupAnswer { items, environments: found.environments, unknown: found.unknown })
}

/// Counts a question that is answered by comparing values.
pub(crate) fn count(state: &State, op: &Op) -> Result<(), Problem> {
    let Ok(identity) = op.identity() else { return Ok(()) };
    match state.limits.comparison(&identity.principal.id) {
        Some(Err(refused)) => Err(refused.problem),
        Some(Ok(_)) | None => Ok(()),
    }
}
