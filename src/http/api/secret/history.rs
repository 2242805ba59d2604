//! Versions of a secret, and the ways back.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::PathQuery;
use super::form::{SecretState, SecretWritten, written};
use crate::http::api::{Answer, List, ok};
use crate::http::extract::{Json, Known, Names, Query, page_of};
use crate::http::state::State;
use crate::types::Timestamp;
use crate::vault::model::Visibility;
use crate::vault::secret::{self, SecretVersionView};

/// Which versions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// The folder; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    pub(crate) path: String,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub(crate) limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// A version of a secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionAnswer {
    /// Its number.
    version: u32,
    /// Set, unset or deleted.
    state: SecretState,
    /// Who may see it.
    visibility: Visibility,
    /// Whether `${` begins a reference in it.
    interpolate: bool,
    /// What its writer said.
    comment: String,
    /// When it was written.
    created_at: Timestamp,
    /// By whom.
    created_by: String,
}

impl From<SecretVersionView> for VersionAnswer {
    fn from(v: SecretVersionView) -> Self {
        Self {
            version: v.version,
            state: v.state.into(),
            visibility: v.visibility,
            interpolate: v.interpolate,
            comment: v.comment,
            created_at: v.created_at,
            created_by: v.created_by,
        }
    }
}

/// Where to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackRequest {
    /// The version whose content becomes the newest.
    #[schema(minimum = 1)]
    version: u32,
}

/// The versions of a secret this environment stores itself, newest first.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/secrets/{name}/history",
    operation_id = "secret_history", params(HistoryQuery),
    responses((status = 200, description = "A page of versions.", body = List<VersionAnswer>)))]
pub(crate) async fn history(
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<HistoryQuery>,
) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let page = secret::secret_history(&op, &project, &environment, &query.path, &name, limit, cursor).await?;
    ok(&List::of(page, VersionAnswer::from))
}

/// Makes an old version the newest again, as a new version.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/secrets/{name}/rollback",
    operation_id = "secret_rollback", params(PathQuery), request_body = RollbackRequest,
    responses((status = 200, description = "The new version.", body = SecretWritten)))]
pub(crate) async fn rollback(
    state: Data<State>,
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PathQuery>,
    Json(body): Json<RollbackRequest>,
) -> Answer {
    let outcome = secret::secret_rollback(&op, project, environment, query.path, name, body.version).await?;
    ok(&written(&op, &state, outcome).await?)
}

/// Brings a deleted name back as it was before.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/secrets/{name}/undelete",
    operation_id = "secret_undelete", params(PathQuery),
    responses((status = 200, description = "The new version.", body = SecretWritten)))]
pub(crate) async fn undelete(
    state: Data<State>,
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PathQuery>,
) -> Answer {
    let outcome = secret::secret_undelete(&op, project, environment, query.path, name).await?;
    ok(&written(&op, &state, outcome).await?)
}
