//! Stale and expiring secrets, and changing many at once.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::PathQuery;
use super::batch::BatchAnswer;
use super::form::Tag;
use crate::http::api::{Answer, List, ok};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query, page_of};
use crate::http::schema::SecretId;
use crate::types::{ParseError, Timestamp};
use crate::vault::care::{self, BulkChange, BulkEdit, BulkFilter, End, Expiring, Marks, Scope, Stale, Which};
use crate::vault::model::{FolderPath, SecretName, Visibility};

/// Days a secret was not read for, when nothing is said.
const STALE_DAYS: u32 = 90;
/// Days ahead that ends are looked for, when nothing is said.
const EXPIRING_DAYS: u32 = 30;

/// Which secrets are stale.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StaleQuery {
    /// Only of this project, by id or slug.
    project: Option<String>,
    /// Only of this environment, by id or slug; with its project.
    environment: Option<String>,
    /// Neither read nor written for so many days.
    #[param(minimum = 1, maximum = 3650, default = 90)]
    days: Option<u32>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which secrets expire.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExpiringQuery {
    /// Only of this project, by id or slug.
    project: Option<String>,
    /// Only of this environment, by id or slug; with its project.
    environment: Option<String>,
    /// Within so many days; what has expired is always listed.
    #[param(minimum = 1, maximum = 3650, default = 30)]
    within_days: Option<u32>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A secret nobody reads.
#[derive(Serialize, ToSchema)]
pub(crate) struct StaleAnswer {
    /// The secret.
    id: SecretId,
    /// The environment that stores it, `project/environment`.
    environment: String,
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// When its newest version was written.
    updated_at: Timestamp,
    /// When somebody had the value last; null: never.
    last_accessed_at: Option<Timestamp>,
    /// Who had it last.
    last_accessed_by: Option<String>,
}

impl From<Stale> for StaleAnswer {
    fn from(s: Stale) -> Self {
        let (last_accessed_at, last_accessed_by) = s.last_accessed.unzip();
        Self {
            id: s.id,
            environment: s.environment,
            path: s.path.to_string(),
            name: s.name.to_string(),
            updated_at: s.updated_at,
            last_accessed_at,
            last_accessed_by,
        }
    }
}

/// A secret and its end.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExpiringAnswer {
    /// The secret.
    id: SecretId,
    /// The environment that stores it, `project/environment`.
    environment: String,
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// When its value stops being good.
    expires_at: Timestamp,
    /// Whether that is over.
    expired: bool,
    /// Who said so.
    set_by: String,
}

impl From<Expiring> for ExpiringAnswer {
    fn from(e: Expiring) -> Self {
        Self {
            id: e.id,
            environment: e.environment,
            path: e.path.to_string(),
            name: e.name.to_string(),
            expires_at: e.expires_at,
            expired: e.is_over,
            set_by: e.set_by,
        }
    }
}

/// When a secret expires.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpiryBody {
    /// When its value stops being good; null: never.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// When a secret expires, if it does.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExpiryAnswer {
    /// When its value stops being good; null: never.
    expires_at: Option<Timestamp>,
    /// Whether that is over.
    expired: bool,
    /// Who said so.
    set_by: Option<String>,
}

impl From<Option<Expiring>> for ExpiryAnswer {
    fn from(found: Option<Expiring>) -> Self {
        match found {
            Some(e) => Self { expires_at: Some(e.expires_at), expired: e.is_over, set_by: Some(e.set_by) },
            None => Self { expires_at: None, expired: false, set_by: None },
        }
    }
}

/// Null is something that was said; leaving it out is not.
fn said<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    Option::deserialize(d)
}

fn end<'de, D: Deserializer<'de>>(d: D) -> Result<End, D::Error> {
    Ok(said(d)?.map_or(End::Never, End::At))
}

/// A secret of an environment, by folder and name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretNamed {
    /// Its folder; `/` when none.
    #[serde(default)]
    #[schema(required = false, pattern = "^/", max_length = 512)]
    path: String,
    /// Its name.
    #[schema(min_length = 1, max_length = 255)]
    name: String,
}

/// The folders and names, read.
pub(super) fn named(secrets: &[SecretNamed]) -> Result<Vec<(FolderPath, SecretName)>, Problem> {
    let read = |s: &SecretNamed| {
        let path = FolderPath::parse(if s.path.is_empty() { "/" } else { &s.path })?;
        Ok::<_, ParseError>((path, SecretName::parse_any(&s.name)?))
    };
    Ok(secrets.iter().map(read).collect::<Result<_, _>>()?)
}

/// Which secrets an environment stores itself are meant; what is not said matches all.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditFilter {
    /// These and no others; `path` and `recursive` say nothing then.
    #[serde(default)]
    #[schema(required = false, max_items = 10_000)]
    secrets: Vec<SecretNamed>,
    /// The folder; `/` when none.
    #[serde(default)]
    #[schema(required = false, pattern = "^/")]
    path: String,
    /// Folders beneath it too.
    #[serde(default)]
    #[schema(required = false)]
    recursive: bool,
    /// Those with this in their name, comment or tags, in any case.
    #[schema(min_length = 1, max_length = 255)]
    search: Option<String>,
    /// Those with all of these tags.
    #[serde(default)]
    #[schema(required = false, max_items = 32, value_type = Vec<Tag>)]
    tags: Vec<String>,
    /// Those with this visibility.
    visibility: Option<Visibility>,
    /// Those neither read nor written for so many days.
    #[schema(minimum = 1, maximum = 3650)]
    stale_days: Option<u32>,
    /// Those that expire within so many days.
    #[schema(minimum = 1, maximum = 3650)]
    expires_within_days: Option<u32>,
}

/// What is said of every secret that is found; what is not said stays as it is.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditChange {
    /// Tags they get.
    #[serde(default)]
    #[schema(required = false, max_items = 32, value_type = Vec<Tag>)]
    add_tags: Vec<String>,
    /// Tags they lose.
    #[serde(default)]
    #[schema(required = false, max_items = 32, value_type = Vec<Tag>)]
    remove_tags: Vec<String>,
    /// Their comment.
    #[schema(max_length = 2000)]
    comment: Option<String>,
    /// Who may see them; what is restricted stays so.
    visibility: Option<Visibility>,
    /// When they expire; null: never.
    #[serde(default, deserialize_with = "end")]
    #[schema(required = false, value_type = Option<String>, format = DateTime)]
    expires_at: End,
    /// Delete them; nothing else can be said then.
    #[serde(default)]
    #[schema(required = false)]
    delete: bool,
}

/// A change of many secrets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditBody {
    /// Which.
    #[serde(default)]
    #[schema(required = false)]
    filter: EditFilter,
    /// What is done to each.
    change: EditChange,
    /// Delete although others refer to it.
    #[serde(default)]
    #[schema(required = false)]
    force: bool,
}

/// What became, or would become, of a change of many.
#[derive(Serialize, ToSchema)]
pub(crate) struct EditAnswer {
    /// The writes.
    #[serde(flatten)]
    batch: BatchAnswer,
    /// How many have another end than before.
    expiries: usize,
}

/// Secrets neither read nor written for some time, in the environments you may list.
#[utoipa::path(get, path = "/secrets/stale", operation_id = "secret_stale", params(StaleQuery),
    responses((status = 200, description = "A page of secrets.", body = List<StaleAnswer>)))]
pub(crate) async fn stale(Known(op, _): Known, Query(query): Query<StaleQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let scope = Scope { project: query.project, environment: query.environment };
    let page = care::secret_stale(&op, &scope, query.days.unwrap_or(STALE_DAYS), limit, cursor).await?;
    ok(&List::of(page, StaleAnswer::from))
}

/// Secrets that expire soon or have expired, in the environments you may list; the nearest end first.
#[utoipa::path(get, path = "/secrets/expiring", operation_id = "secret_expiring", params(ExpiringQuery),
    responses((status = 200, description = "A page of secrets.", body = List<ExpiringAnswer>)))]
pub(crate) async fn expiring(Known(op, _): Known, Query(query): Query<ExpiringQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let scope = Scope { project: query.project, environment: query.environment };
    let within = query.within_days.unwrap_or(EXPIRING_DAYS);
    let page = care::secret_expiring(&op, &scope, within, limit, cursor).await?;
    ok(&List::of(page, ExpiringAnswer::from))
}

fn which([project, environment, name]: [String; 3], query: PathQuery) -> Which {
    Which { project, environment, path: query.path, name }
}

/// When a secret expires.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/secrets/{name}/expiry",
    operation_id = "secret_expiry", params(PathQuery),
    responses((status = 200, description = "Its end, if it has one.", body = ExpiryAnswer)))]
pub(crate) async fn expiry_get(Known(op, _): Known, Names(names): Names<3>, Query(query): Query<PathQuery>) -> Answer {
    ok(&ExpiryAnswer::from(care::expiry_get(&op, &which(names, query)).await?))
}

/// Says when a secret expires: it is listed and told of in time, and works on.
#[utoipa::path(put, path = "/projects/{project}/environments/{environment}/secrets/{name}/expiry",
    operation_id = "secret_expiry_set", params(PathQuery), request_body = ExpiryBody,
    responses((status = 200, description = "Its end, if it has one.", body = ExpiryAnswer)))]
pub(crate) async fn expiry_put(
    Known(op, _): Known,
    Names(names): Names<3>,
    Query(query): Query<PathQuery>,
    Json(body): Json<ExpiryBody>,
) -> Answer {
    ok(&ExpiryAnswer::from(care::expiry_set(&op, which(names, query), body.expires_at).await?))
}

/// Changes every secret of an environment that a filter finds, all or nothing, or tells what that would do.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/edit", operation_id = "secret_edit",
    params(DryRun), request_body = EditBody,
    responses((status = 200, description = "What was done, or the plan.", body = EditAnswer)))]
pub(crate) async fn edit(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<EditBody>,
) -> Answer {
    let dry_run = query.dry_run;
    let f = body.filter;
    let filter = BulkFilter {
        names: named(&f.secrets)?,
        path: f.path,
        recursive: f.recursive,
        words: f.search,
        tags: f.tags,
        visibility: f.visibility,
        stale_days: f.stale_days,
        expires_within_days: f.expires_within_days,
    };
    let change = change(body.change)?;
    let edit = BulkEdit { project, environment, filter, change, force: body.force, dry_run };
    let done = care::secret_edit(&op, edit).await?;
    ok(&EditAnswer { batch: BatchAnswer::of(done.batch, dry_run), expiries: done.expiries })
}

fn change(change: EditChange) -> Result<BulkChange, Problem> {
    let marks = Marks {
        add_tags: change.add_tags,
        remove_tags: change.remove_tags,
        comment: change.comment,
        visibility: change.visibility,
        end: change.expires_at,
    };
    if !change.delete {
        return Ok(BulkChange::Mark(marks));
    }
    let more = !marks.add_tags.is_empty() || !marks.remove_tags.is_empty() || marks.end != End::Kept;
    if more || marks.comment.is_some() || marks.visibility.is_some() {
        let problem = Problem::invalid("value_unexpected", "what is deleted is not marked");
        return Err(problem.field("change", "value_unexpected"));
    }
    Ok(BulkChange::Delete)
}
