//! Secrets: writing, reading, listing one environment's names.

pub(crate) mod batch;
pub(crate) mod care;
mod form;
mod generate;
pub(crate) mod history;
mod personal;
pub(crate) mod reach;
pub(crate) mod transfer;
pub(crate) mod usage;

pub(crate) use form::{SecretAnswer, SecretWritten, Warning, encode, folder};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::time::moment;
use super::{Answer, List, ok};
use crate::auth::{Credential, CredentialKind};
use crate::http::error::{Problem, ProblemBody};
use crate::http::extract::{IfMatch, Json, Known, Names, OptionalJson, Query, page_of};
use crate::http::state::State;
use crate::types::{SecretString, Timestamp};
use crate::vault::care::secret_put_until;
use crate::vault::model::Visibility;
use crate::vault::secret::{self, BatchRequest, Item, ListSecrets, PlannedAction, ReadSecret, Wish};
use form::{Encoding, StateWish, written};
use generate::Generate;

/// The folder of a secret.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PathQuery {
    /// The folder; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    pub(crate) path: String,
}

/// The folder of a secret, and for whom it is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SecretPutQuery {
    /// The folder; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// Only for your own credentials, in place of what everybody has.
    #[serde(default)]
    #[param(required = false)]
    personal: bool,
}

/// How to delete one secret.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SecretRemoveQuery {
    /// The folder; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// Only tell what it would do, and who depends on it.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
    /// Delete although others refer to it.
    #[serde(default)]
    #[param(required = false)]
    force: bool,
    /// Your own override of it, not what everybody has.
    #[serde(default)]
    #[param(required = false)]
    personal: bool,
}

/// Which secrets to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SecretListQuery {
    /// The folder; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// Folders beneath it too.
    #[serde(default)]
    #[param(required = false)]
    recursive: bool,
    /// Only those with this in their name, comment or tags, in any case.
    #[param(min_length = 1, max_length = 255)]
    search: Option<String>,
    /// A moment, in place of now: a time like 2026-11-23T08:00:00Z, or an event (its number or id).
    #[param(max_length = 64)]
    at: Option<String>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is wanted of one secret.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SecretGetQuery {
    /// The folder; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// The value, as it is stored.
    #[serde(default)]
    #[param(required = false)]
    reveal: bool,
    /// The value as a program gets it, references applied.
    #[serde(default)]
    #[param(required = false)]
    resolve: bool,
    /// A version; the newest when none.
    #[param(minimum = 1)]
    version: Option<u32>,
    /// A moment, in place of now: a time like 2026-11-23T08:00:00Z, or an event (its number or id).
    #[param(max_length = 64)]
    at: Option<String>,
    /// Your own override of it, not what everybody has.
    #[serde(default)]
    #[param(required = false)]
    personal: bool,
}

/// How to delete.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SecretDeleteQuery {
    /// The folder; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    pub(crate) path: String,
    /// Only tell what it would do, and who depends on it.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) dry_run: bool,
    /// Delete although others refer to it.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) force: bool,
}

/// A value for a name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretPut {
    /// The value: text, or base64 with `encoding`. None with state `unset`.
    #[schema(value_type = Option<String>, write_only)]
    value: Option<SecretString>,
    /// What to draw in place of a value.
    #[schema(write_only)]
    generate: Option<Generate>,
    /// How `value` is written.
    encoding: Option<Encoding>,
    /// Whether `${` begins a reference; true unless `encoding` is given.
    interpolate: Option<bool>,
    /// What you say about it; as before when none.
    #[schema(max_length = 2000)]
    comment: Option<String>,
    /// Its tags; as before when none.
    #[schema(max_items = 32, value_type = Option<Vec<form::Tag>>)]
    tags: Option<Vec<String>>,
    /// Who may see it; as before when none, masked for a new name.
    visibility: Option<Visibility>,
    /// `set`, or `unset` to hide what would be inherited.
    state: Option<StateWish>,
    /// The version the change was made for; 0: the name must be new.
    base_version: Option<u32>,
    /// When the value stops being good; as before when none.
    expires_at: Option<Timestamp>,
}

/// A deleted secret, or the plan.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretDeleted {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Its name.
    name: String,
    /// Its folder.
    path: String,
    /// The version that says it is gone.
    version: u32,
    /// Who depends on it, and what breaks.
    warnings: Vec<Warning>,
}

/// The names of a folder, own and inherited; never values.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/secrets", operation_id = "secret_list",
    params(SecretListQuery), responses((status = 200, description = "A page of secrets.", body = List<SecretAnswer>)))]
pub(crate) async fn list(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<SecretListQuery>,
) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let at = moment(query.at.as_deref())?;
    let (path, recursive) = (query.path, query.recursive);
    let ask = ListSecrets { project, environment, path, recursive, words: query.search, at };
    let page = secret::secret_list(&op, &ask, limit, cursor).await?;
    ok(&List::of(page, SecretAnswer::of))
}

/// One secret; with `reveal` or `resolve` its value, after the ledger has it.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/secrets/{name}",
    operation_id = "secret_get", params(SecretGetQuery), responses(
        (status = 200, description = "The secret.", body = SecretAnswer),
        (status = 422, description = "A reference leads nowhere.", body = ProblemBody,
            content_type = "application/problem+json")))]
pub(crate) async fn get(
    state: Data<State>,
    Known(op, credential): Known,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<SecretGetQuery>,
) -> Answer {
    let SecretGetQuery { path, reveal, resolve, version, at, personal } = query;
    if reveal || resolve {
        refuse_cookie(&credential)?;
    }
    if personal {
        return personal::get(&op, &personal::which([project, environment, name], path), reveal).await;
    }
    let at = moment(at.as_deref())?;
    let ask = ReadSecret { project, environment, path, name, reveal, resolve, version, at };
    let read = secret::secret_get(&op, &state.uses, &ask).await?;
    let mut builder = HttpResponse::Ok();
    builder.insert_header((CACHE_CONTROL, "no-store"));
    // The tag is for a change of what there is now.
    if ask.at.is_none() && form::is_own(&read.view) {
        builder.insert_header((ETAG, format!("\"{}\"", read.view.version)));
    }
    Ok(builder.json(SecretAnswer::with_value(read)))
}

/// A session shows no value by GET: an address can be prefetched, cached, and loaded by a page of somebody else.
pub(crate) fn refuse_cookie(credential: &Credential) -> Result<(), Problem> {
    if credential.kind != CredentialKind::Session {
        return Ok(());
    }
    let detail = "a session of a browser gets values by POST only";
    let problem = Problem::new(StatusCode::FORBIDDEN, "reveal_by_post", detail);
    Err(problem.hint("POST …/secrets/{name}/reveal; a token in the Authorization header may use GET"))
}

/// What is wanted of one secret that is shown.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SecretReveal {
    /// The folder; `/` when none.
    #[schema(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// The value as a program gets it, references applied, beside the stored text.
    #[schema(required = false)]
    resolve: bool,
    /// A version; the newest when none.
    #[schema(minimum = 1)]
    version: Option<u32>,
    /// A moment, in place of now: a time like 2026-11-23T08:00:00Z, or an event (its number or id).
    #[schema(max_length = 64)]
    at: Option<String>,
    /// Your own override of it, not what everybody has.
    #[schema(required = false)]
    personal: bool,
}

/// Shows the value of a secret, after the ledger has it. The way of sessions; tokens may use it as well.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/secrets/{name}/reveal",
    operation_id = "secret_reveal", request_body = SecretReveal, responses(
        (status = 200, description = "The secret.", body = SecretAnswer),
        (status = 422, description = "A reference leads nowhere.", body = ProblemBody,
            content_type = "application/problem+json")))]
pub(crate) async fn reveal(
    state: Data<State>,
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    OptionalJson(body): OptionalJson<SecretReveal>,
) -> Answer {
    let SecretReveal { path, resolve, version, at, personal } = body;
    if personal {
        return personal::get(&op, &personal::which([project, environment, name], path), true).await;
    }
    let at = moment(at.as_deref())?;
    let ask = ReadSecret { project, environment, path, name, reveal: true, resolve, version, at };
    let read = secret::secret_get(&op, &state.uses, &ask).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(SecretAnswer::with_value(read)))
}

/// Writes a value, a new version each time.
#[utoipa::path(put, path = "/projects/{project}/environments/{environment}/secrets/{name}",
    operation_id = "secret_put", params(SecretPutQuery), request_body = SecretPut, responses(
        (status = 201, description = "A new secret.", body = SecretWritten),
        (status = 200, description = "A new version.", body = SecretWritten)))]
pub(crate) async fn put(
    state: Data<State>,
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<SecretPutQuery>,
    IfMatch(if_version): IfMatch,
    Json(body): Json<SecretPut>,
) -> Answer {
    if query.personal {
        return personal::put(&op, personal::which([project, environment, name], query.path), body).await;
    }
    let wish = form::wish(body.state, body.value, body.encoding, body.interpolate, body.visibility, body.generate)?;
    let base_version = body.base_version.or(if_version);
    let item = Item { name, path: folder(query.path), wish, comment: body.comment, tags: body.tags, base_version };
    let request =
        BatchRequest { project, environment, items: vec![item], skip_same: false, force: false, dry_run: false };
    let outcome = match body.expires_at {
        Some(at) => secret_put_until(&op, request, at).await?,
        None => secret::secret_batch(&op, request).await?,
    };
    let is_new = outcome.items.first().is_some_and(|i| i.version == 1 || i.action == PlannedAction::Add);
    let body = written(&op, &state, outcome).await?;
    let mut builder = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(builder.json(body))
}

/// Deletes a name; it can be undeleted. Says who depends on it first.
#[utoipa::path(delete, path = "/projects/{project}/environments/{environment}/secrets/{name}",
    operation_id = "secret_delete", params(SecretRemoveQuery),
    responses((status = 200, description = "What was deleted, or the plan.", body = SecretDeleted)))]
pub(crate) async fn delete(
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<SecretRemoveQuery>,
) -> Answer {
    let dry_run = query.dry_run;
    if query.personal {
        return personal::delete(&op, personal::which([project, environment, name], query.path), dry_run).await;
    }
    let item =
        Item { name, path: folder(query.path), wish: Wish::Delete, comment: None, tags: None, base_version: None };
    // A plan tells who depends on it instead of refusing.
    let force = query.force || dry_run;
    let items = vec![item];
    let request = BatchRequest { project, environment, items, skip_same: false, force, dry_run };
    let outcome = secret::secret_batch(&op, request).await?;
    let warnings = outcome.warnings.into_iter().map(Warning::from).collect();
    let (name, path, version) = outcome
        .items
        .into_iter()
        .next()
        .map_or_else(Default::default, |i| (i.name.to_string(), i.path.to_string(), i.version));
    ok(&SecretDeleted { dry_run, name, path, version, warnings })
}
