//! Folders of an environment, and search over a project.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::secret::SecretDeleteQuery;
use super::secret::batch::BatchAnswer;
use super::{Answer, List, ok};
use crate::http::extract::{Json, Known, Names, Query, page_of};
use crate::http::schema::{EnvironmentId, FolderId, SecretId};
use crate::types::Timestamp;
use crate::vault::folder;
use crate::vault::model::Visibility;
use crate::vault::secret::{self, SearchHit};
use crate::vault::store::Folder;

/// Which folders.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FolderListQuery {
    /// The folder whose folders are listed; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What to search for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// A part of a name, comment or tag, in any case.
    #[param(min_length = 1, max_length = 255, pattern = "^[A-Za-z0-9_]+$")]
    q: String,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A folder.
#[derive(Serialize, ToSchema)]
pub(crate) struct FolderAnswer {
    /// Its id.
    id: FolderId,
    /// Its path.
    path: String,
    /// When it was made.
    created_at: Timestamp,
}

impl From<Folder> for FolderAnswer {
    fn from(f: Folder) -> Self {
        Self { id: f.id, path: f.path.to_string(), created_at: f.created_at }
    }
}

/// Where to make a folder.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderCreate {
    /// Its path.
    #[schema(pattern = "^(/[A-Za-z0-9_][A-Za-z0-9_-]{0,63}){1,8}$")]
    path: String,
}

/// A name found.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchAnswer {
    /// The secret.
    id: SecretId,
    /// The environment that stores it.
    environment: SearchEnvironment,
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// Who may see it.
    visibility: Visibility,
    /// What its writer said.
    comment: String,
    /// Its tags.
    tags: Vec<String>,
}

/// An environment a name was found in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchEnvironment {
    /// Its id.
    id: EnvironmentId,
    /// `project/environment`.
    path: String,
}

impl From<SearchHit> for SearchAnswer {
    fn from(hit: SearchHit) -> Self {
        Self {
            id: hit.found.id,
            environment: SearchEnvironment { id: hit.found.environment, path: hit.environment },
            path: hit.found.path.to_string(),
            name: hit.found.name.to_string(),
            visibility: hit.found.visibility,
            comment: hit.found.comment,
            tags: hit.found.tags,
        }
    }
}

/// The folders at and beneath a path.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/folders", operation_id = "folder_list",
    params(FolderListQuery), responses((status = 200, description = "A page of folders.", body = List<FolderAnswer>)))]
pub(crate) async fn list(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<FolderListQuery>,
) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let page = folder::folder_list(&op, &project, &environment, &query.path, limit, cursor).await?;
    ok(&List::of(page, FolderAnswer::from))
}

/// Makes a folder and those above it.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/folders",
    operation_id = "folder_create", request_body = FolderCreate, responses(
        (status = 201, description = "A new folder.", body = FolderAnswer),
        (status = 200, description = "It was there already.", body = FolderAnswer)))]
pub(crate) async fn create(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Json(body): Json<FolderCreate>,
) -> Answer {
    let (made, is_new) = folder::folder_create(&op, project, environment, body.path).await?;
    let mut builder = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(builder.json(FolderAnswer::from(made)))
}

/// Deletes a folder with the secrets in it and beneath it; each can be undeleted.
#[utoipa::path(delete, path = "/projects/{project}/environments/{environment}/folders",
    operation_id = "folder_delete", params(SecretDeleteQuery),
    responses((status = 200, description = "What was deleted, or the plan.", body = BatchAnswer)))]
pub(crate) async fn delete(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<SecretDeleteQuery>,
) -> Answer {
    let dry_run = query.dry_run;
    let force = query.force || dry_run;
    let outcome = folder::folder_delete(&op, project, environment, query.path, force, dry_run).await?;
    ok(&BatchAnswer::of(outcome, dry_run))
}

/// Secrets of a project with a word in their name, comment or tags, in the environments you may list.
#[utoipa::path(get, path = "/projects/{project}/search", operation_id = "secret_search", params(SearchQuery),
    responses((status = 200, description = "A page of names.", body = List<SearchAnswer>)))]
pub(crate) async fn search(
    Known(op, _): Known,
    Names([project]): Names<1>,
    Query(query): Query<SearchQuery>,
) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let page = secret::secret_search(&op, Some(&project), &query.q, limit, cursor).await?;
    ok(&List::of(page, SearchAnswer::from))
}

/// Secrets of every project with a word in their name, comment or tags, in the environments you may list.
#[utoipa::path(get, path = "/search", operation_id = "organization_search", params(SearchQuery),
    responses((status = 200, description = "A page of names.", body = List<SearchAnswer>)))]
pub(crate) async fn search_all(Known(op, _): Known, Query(query): Query<SearchQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let page = secret::secret_search(&op, None, &query.q, limit, cursor).await?;
    ok(&List::of(page, SearchAnswer::from))
}
