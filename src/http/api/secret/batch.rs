//! Many secrets in one transaction, with a plan before; and files.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::{self, Encoding, StateWish, Warning, folder};
use super::generate::{Generate, Generated};
use crate::http::api::format::ImportFormat;
use crate::http::api::{Answer, ok};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query};
use crate::http::schema::SecretId;
use crate::types::SecretString;
use crate::vault::import::{self, Import};
use crate::vault::model::Visibility;
use crate::vault::secret::{self, BatchOutcome, BatchRequest, Item, PlannedAction, Wish};

/// A write of many names, all or nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody {
    /// The names.
    #[schema(max_items = 10_000)]
    items: Vec<BatchItem>,
    /// Only tell what it would do.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
    /// Delete although others refer to it.
    #[serde(default)]
    #[schema(required = false)]
    force: bool,
}

/// One name of a write.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchItem {
    /// The name.
    #[schema(pattern = "^[A-Z_][A-Z0-9_]*$", max_length = 255)]
    name: String,
    /// The folder; `/` when none.
    #[schema(pattern = "^/")]
    path: Option<String>,
    /// The value: text, or base64 with `encoding`.
    #[schema(value_type = Option<String>, write_only)]
    value: Option<SecretString>,
    /// What to draw in place of a value; at most 1,000 in one write.
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
    /// Whether the name goes.
    #[serde(default)]
    #[schema(required = false)]
    delete: bool,
    /// The version the change was made for; 0: the name must be new.
    base_version: Option<u32>,
}

/// A file to import.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportBody {
    /// How it is written.
    format: ImportFormat,
    /// The file.
    #[schema(value_type = String, write_only)]
    content: SecretString,
    /// The folder; `/` when none.
    #[schema(pattern = "^/")]
    path: Option<String>,
    /// Delete the names of the folder that the file does not have.
    #[serde(default)]
    #[schema(required = false)]
    replace: bool,
    /// Only tell what it would do.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
}

/// What became, or would become, of a write.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Whether it was done.
    applied: bool,
    /// One for each item, in their order.
    items: Vec<BatchItemAnswer>,
    /// How many of each.
    counts: Counts,
    /// What the write breaks or changes elsewhere.
    warnings: Vec<Warning>,
    /// Of a revert: what tells this plan from any other; given with the revert itself it does this or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    plan: Option<String>,
}

/// What became, or would become, of one name.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchItemAnswer {
    /// The secret; null for a new one in a dry run.
    id: Option<SecretId>,
    /// Its name.
    name: String,
    /// Its folder.
    path: String,
    /// `add`, `change`, `same`, `delete` or `unset`.
    action: &'static str,
    /// The version it has afterwards.
    version: u32,
    /// What is told of a value that was drawn; not there in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    generated: Option<Generated>,
}

/// How many names a write adds, changes, leaves, deletes and hides.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Counts {
    add: usize,
    change: usize,
    same: usize,
    delete: usize,
    unset: usize,
}

impl BatchAnswer {
    pub(crate) fn of(outcome: BatchOutcome, dry_run: bool) -> Self {
        let mut counts = Counts::default();
        let mut items = Vec::with_capacity(outcome.items.len());
        for item in outcome.items {
            *match item.action {
                PlannedAction::Add => &mut counts.add,
                PlannedAction::Change => &mut counts.change,
                PlannedAction::Same => &mut counts.same,
                PlannedAction::Delete => &mut counts.delete,
                PlannedAction::Unset => &mut counts.unset,
            } += 1;
            items.push(BatchItemAnswer {
                id: item.id,
                name: item.name.to_string(),
                path: item.path.to_string(),
                action: item.action.as_str(),
                version: item.version,
                generated: item.generated.map(Generated::from),
            });
        }
        let warnings = outcome.warnings.into_iter().map(Warning::from).collect();
        Self { dry_run, applied: outcome.applied, items, counts, warnings, plan: None }
    }

    /// The same with the id of the plan it follows.
    pub(crate) fn planned(self, plan: String) -> Self {
        Self { plan: Some(plan), ..self }
    }
}

/// Writes many names in one transaction, or tells what that would do.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/secrets/batch",
    operation_id = "secret_batch", params(DryRun), request_body = BatchBody,
    responses((status = 200, description = "What was done, or the plan.", body = BatchAnswer)))]
pub(crate) async fn batch(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<BatchBody>,
) -> Answer {
    let dry_run = body.dry_run || query.dry_run;
    let items = body.items.into_iter().map(item).collect::<Result<_, _>>()?;
    let request = BatchRequest { project, environment, items, skip_same: true, force: body.force, dry_run };
    ok(&BatchAnswer::of(secret::secret_batch(&op, request).await?, dry_run))
}

fn item(item: BatchItem) -> Result<Item, Problem> {
    let wish = if item.delete {
        if item.value.is_some() || item.generate.is_some() || item.state.is_some() {
            let problem = Problem::invalid("value_unexpected", "a name that is deleted has no value and no state");
            return Err(problem.field(item.name.chars().take(255).collect::<String>(), "value_unexpected"));
        }
        Wish::Delete
    } else {
        form::wish(item.state, item.value, item.encoding, item.interpolate, item.visibility, item.generate)?
    };
    Ok(Item {
        name: item.name,
        path: item.path.and_then(folder),
        wish,
        comment: item.comment,
        tags: item.tags,
        base_version: item.base_version,
    })
}

/// Imports a file: names that differ get a new version, others stay.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/import",
    operation_id = "secret_import", params(DryRun), request_body = ImportBody,
    responses((status = 200, description = "What was done, or the plan.", body = BatchAnswer)))]
pub(crate) async fn import(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<ImportBody>,
) -> Answer {
    let dry_run = body.dry_run || query.dry_run;
    let format = body.format.into();
    let path = body.path.and_then(folder).unwrap_or_else(|| "/".into());
    let content = body.content.into_bytes();
    let replace = body.replace;
    let import = Import { project, environment, path, format, content, replace, dry_run };
    let outcome = import::import(&op, import).await?;
    ok(&BatchAnswer::of(outcome, dry_run))
}
