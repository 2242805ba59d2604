//! Environments side by side, and one made like another.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::form::{EnvironmentAnswer, EnvironmentName, answer};
use crate::http::api::secret::Warning;
use crate::http::api::secret::usage::count;
use crate::http::api::{Answer, created, ok};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query, page_of};
use crate::http::state::State;
use crate::types::Slug;
use crate::vault::compare::{self, Cell, Comparison, Row};
use crate::vault::duplicate::{self, Beneath, Duplicate};

/// What is compared.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CompareQuery {
    /// 2 to 16 environments, separated by commas: ids, slugs or `project/environment`.
    #[param(min_length = 1, max_length = 2048)]
    environments: String,
    /// The folder, with those beneath it; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// Leave out the names that are the same everywhere.
    #[serde(default)]
    #[param(required = false)]
    differences: bool,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Environments side by side.
#[derive(Serialize, ToSchema)]
pub(crate) struct CompareAnswer {
    /// The environments, in the order of the cells.
    environments: Vec<ComparedEnvironment>,
    /// A page of names, by folder and name.
    items: Vec<CompareRow>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
    /// How many names of all pages compare how.
    counts: CompareCounts,
}

/// An environment that is compared.
#[derive(Serialize, ToSchema)]
pub(crate) struct ComparedEnvironment {
    /// Which.
    #[serde(flatten)]
    environment: EnvironmentName,
    /// Whether you may be shown its values; if not, they are unknown.
    comparable: bool,
}

/// A name in every environment.
#[derive(Serialize, ToSchema)]
pub(crate) struct CompareRow {
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// `same`, `different`, `missing` in one of them, or `unknown`.
    verdict: &'static str,
    /// One for each environment.
    cells: Vec<CompareCell>,
}

/// What an environment has under a name.
#[derive(Serialize, ToSchema)]
pub(crate) struct CompareCell {
    /// `value`, `missing`, `unknown` or `broken`.
    state: &'static str,
    /// The same number is the same value, within one name; null without a value that may be compared.
    group: Option<usize>,
}

/// How many names compare how.
#[derive(Serialize, ToSchema)]
pub(crate) struct CompareCounts {
    same: usize,
    different: usize,
    missing: usize,
    unknown: usize,
}

impl From<Row> for CompareRow {
    fn from(row: Row) -> Self {
        let cell = |cell: Cell| match cell {
            Cell::Value(group) => CompareCell { state: "value", group: Some(group) },
            Cell::Missing => CompareCell { state: "missing", group: None },
            Cell::Unknown => CompareCell { state: "unknown", group: None },
            Cell::Broken => CompareCell { state: "broken", group: None },
        };
        Self {
            path: row.path.to_string(),
            name: row.name.to_string(),
            verdict: row.verdict.as_str(),
            cells: row.cells.into_iter().map(cell).collect(),
        }
    }
}

/// A new environment like one that is there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DuplicateBody {
    /// Its slug.
    slug: Slug,
    /// Its name; the slug when none.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// What it inherits from, by id or slug; the same as what is duplicated when none.
    parent: Option<String>,
    /// Inherit from nothing.
    #[serde(default)]
    #[schema(required = false)]
    root: bool,
    /// Copy the values too; else names are there without them.
    #[serde(default)]
    #[schema(required = false)]
    values: bool,
}

/// The new environment, or what it would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct DuplicateAnswer {
    /// Whether nothing was made.
    dry_run: bool,
    /// The new environment.
    environment: EnvironmentAnswer,
    /// What became of every name.
    secrets: Vec<DuplicatedName>,
    /// What the new values break, or what could not be taken over.
    warnings: Vec<Warning>,
}

/// A name of a duplicate.
#[derive(Serialize, ToSchema)]
pub(crate) struct DuplicatedName {
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// `copied`, `unset`, `placeholder` (without a value until it is set) or `inherited`.
    became: &'static str,
}

/// Compares environments: which names each has, and whether the values are the same. Shows no value; counted more
/// strictly than other requests.
#[utoipa::path(get, path = "/projects/{project}/compare", operation_id = "environment_compare", params(CompareQuery),
    responses((status = 200, description = "A page of names.", body = CompareAnswer)))]
pub(crate) async fn compare(
    state: Data<State>,
    Known(op, _): Known,
    Names([project]): Names<1>,
    Query(query): Query<CompareQuery>,
) -> Answer {
    count(&state, &op)?;
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let names = query.environments.split(',').map(str::trim).filter(|name| !name.is_empty());
    let environments = names.take(compare::COMPARED_MAX + 1).map(str::to_owned).collect();
    let ask = Comparison { project, environments, path: query.path, differences: query.differences };
    let found = compare::environment_compare(&op, &ask, limit, cursor).await?;
    let environments = found.environments.into_iter();
    let environments = environments
        .map(|(placed, comparable)| ComparedEnvironment { environment: placed.environment.into(), comparable });
    let [same, different, missing, unknown] = found.counts;
    ok(&CompareAnswer {
        environments: environments.collect(),
        items: found.page.items.into_iter().map(Into::into).collect(),
        next_cursor: found.page.next.map(|c| c.encode()),
        counts: CompareCounts { same, different, missing, unknown },
    })
}

/// Makes an environment like this one, with or without its values.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/duplicate",
    operation_id = "environment_duplicate", params(DryRun), request_body = DuplicateBody, responses(
        (status = 201, description = "The new environment.", body = DuplicateAnswer),
        (status = 200, description = "The plan.", body = DuplicateAnswer)))]
pub(crate) async fn duplicate(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<DuplicateBody>,
) -> Answer {
    let parent = match (body.parent, body.root) {
        (Some(_), true) => {
            let problem = Problem::invalid("invalid_value", "a root has no parent");
            return Err(problem.field("root", "invalid_value"));
        }
        (Some(name), false) => Beneath::This(name),
        (None, true) => Beneath::Nothing,
        (None, false) => Beneath::Same,
    };
    let dry_run = query.dry_run;
    let ask =
        Duplicate { project, environment, slug: body.slug, name: body.name, parent, values: body.values, dry_run };
    let done = duplicate::environment_duplicate(&op, ask).await?;
    let names = done.names.into_iter();
    let names = names.map(|(path, name, became)| DuplicatedName {
        path: path.to_string(),
        name: name.to_string(),
        became: became.as_str(),
    });
    let body = DuplicateAnswer {
        dry_run,
        environment: answer(&op, done.placed)?,
        secrets: names.collect(),
        warnings: done.warnings.into_iter().map(Into::into).collect(),
    };
    if dry_run { ok(&body) } else { created(&body) }
}
