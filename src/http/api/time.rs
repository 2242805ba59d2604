//! Time: moments as requests name them, what differs between two, and going back to one.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::secret::batch::BatchAnswer;
use super::{Answer, List, ok};
use crate::http::extract::{DryRun, Json, Known, Names, Query, page_of};
use crate::types::ParseError;
use crate::vault::time::{self, Diff, Difference, Has, Instant, Revert, Side, Undelete};

/// The moment a request names, if it names one.
pub(crate) fn moment(text: Option<&str>) -> Result<Option<Instant>, ParseError> {
    text.map(Instant::parse).transpose()
}

/// What to compare.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// The moment of the environment in the path, in place of now: a time, or an event (its number or id).
    #[param(max_length = 64)]
    from: Option<String>,
    /// The environment it is compared with: `environment`, or `project/environment`; itself when none.
    #[param(max_length = 128)]
    with: Option<String>,
    /// The moment of what it is compared with, in place of now.
    #[param(max_length = 64)]
    to: Option<String>,
    /// The folder; what is beneath it is compared too. `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// Whether values are told equal from changed, where you may have both. That is recorded like reading them.
    #[serde(default)]
    #[param(required = false)]
    fingerprints: bool,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A name that differs.
#[derive(Serialize, ToSchema)]
pub(crate) struct DifferenceAnswer {
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// `added`, `removed`, `rewritten` (values not compared), `changed`, or `unknown` (a value you may not have).
    change: &'static str,
    /// What the environment in the path has, or had; null when nothing.
    before: Option<HasAnswer>,
    /// What the other has, or had; null when nothing.
    after: Option<HasAnswer>,
}

/// What one side has of a name.
#[derive(Serialize, ToSchema)]
pub(crate) struct HasAnswer {
    /// The version.
    version: u32,
    /// Whether the environment inherits it.
    inherited: bool,
    /// A keyed fingerprint of the stored text; null when not asked for, or you may not have the value.
    fingerprint: Option<String>,
}

impl From<Has> for HasAnswer {
    fn from(h: Has) -> Self {
        Self { version: h.version, inherited: h.inherited, fingerprint: h.fingerprint }
    }
}

impl From<Difference> for DifferenceAnswer {
    fn from(d: Difference) -> Self {
        Self {
            path: d.path.to_string(),
            name: d.name.to_string(),
            change: d.change.as_str(),
            before: d.before.map(Into::into),
            after: d.after.map(Into::into),
        }
    }
}

/// Where to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevertRequest {
    /// The moment: a time, or an event (its number or id).
    #[schema(max_length = 64)]
    at: String,
    /// The folder; what is beneath it goes back too. `/` when none.
    #[serde(default)]
    #[schema(required = false, pattern = "^/", max_length = 1024)]
    path: String,
    /// Delete names although others refer to them.
    #[serde(default)]
    #[schema(required = false)]
    force: bool,
    /// `plan` of a dry run: do what it said, or nothing.
    #[schema(max_length = 64)]
    plan: Option<String>,
}

/// What to bring back.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UndeleteQuery {
    /// The folder; what is beneath it comes back too. `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// Every deleted name, not only those the last deletion took.
    #[serde(default)]
    #[param(required = false)]
    all: bool,
    /// Only tell what it would do.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

/// The names that differ between two moments of an environment, or between two environments; never values.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/diff", operation_id = "environment_diff",
    params(DiffQuery), responses(
        (status = 200, description = "A page of differences.", body = List<DifferenceAnswer>)))]
pub(crate) async fn diff(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<DiffQuery>,
) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let (from, to) = (moment(query.from.as_deref())?, moment(query.to.as_deref())?);
    let (other_project, other) = match &query.with {
        None if from == to => {
            return Err(ParseError::new("diff", "name a moment (`from`, `to`) or another environment (`with`)").into());
        }
        None => (project.clone(), environment.clone()),
        Some(with) => {
            let (p, e) = with.split_once('/').unwrap_or((&project, with));
            (p.to_owned(), e.to_owned())
        }
    };
    let before = Side { project, environment, at: from };
    let after = Side { project: other_project, environment: other, at: to };
    let ask = Diff { before, after, path: query.path, fingerprints: query.fingerprints };
    let page = time::environment_diff(&op, &ask, limit, cursor).await?;
    ok(&List::of(page, DifferenceAnswer::from))
}

/// Makes an environment's own secrets what they were at a moment, as new versions; or tells what that would do.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/revert",
    operation_id = "environment_revert", params(DryRun), request_body = RevertRequest,
    responses((status = 200, description = "What was done, or the plan.", body = BatchAnswer)))]
pub(crate) async fn revert(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<RevertRequest>,
) -> Answer {
    let (at, dry_run) = (Instant::parse(&body.at)?, query.dry_run);
    let force = body.force || dry_run;
    let ask = Revert { project, environment, path: body.path, at, force, dry_run, plan: body.plan };
    let done = time::environment_revert(&op, ask).await?;
    ok(&BatchAnswer::of(done.outcome, dry_run).planned(done.plan))
}

/// Brings the deleted names of a folder and beneath it back, as they were before.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/folders/undelete",
    operation_id = "folder_undelete", params(UndeleteQuery),
    responses((status = 200, description = "What was brought back, or the plan.", body = BatchAnswer)))]
pub(crate) async fn undelete(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<UndeleteQuery>,
) -> Answer {
    let UndeleteQuery { path, all, dry_run } = query;
    let ask = Undelete { project, environment, path, all, dry_run };
    ok(&BatchAnswer::of(time::folder_undelete(&op, ask).await?, dry_run))
}
