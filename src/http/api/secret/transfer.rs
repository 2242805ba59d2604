//! Copying, moving and renaming, one secret or a folder.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::care::{SecretNamed, named};
use super::form::Warning;
use crate::http::api::{Answer, ok};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query};
use crate::http::schema::SecretId;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::transfer::{self, Destination, Mode, Transfer, TransferOutcome, Transferred, What};

/// Which secret, and whether it is only planned.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TransferQuery {
    /// The folder; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// Only tell what it would do.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

/// Where a secret goes; what is not said stays as it is.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretDestination {
    /// The project, by id or slug.
    project: Option<String>,
    /// The environment, by id or slug.
    environment: Option<String>,
    /// The folder.
    #[schema(pattern = "^/")]
    path: Option<String>,
    /// The name.
    #[schema(pattern = "^[A-Z_][A-Z0-9_]*$", max_length = 255)]
    name: Option<String>,
}

/// Where a folder goes; what is not said stays as it is.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderDestination {
    /// The project, by id or slug.
    project: Option<String>,
    /// The environment, by id or slug.
    environment: Option<String>,
    /// The folder it is from then on.
    #[schema(pattern = "^/")]
    path: Option<String>,
}

/// A copy or move of a secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretTransferBody {
    /// Where to.
    to: SecretDestination,
    /// Write references anew so that they mean what they meant.
    #[serde(default)]
    #[schema(required = false)]
    rewrite_references: bool,
    /// Overwrite a name that is there already.
    #[serde(default)]
    #[schema(required = false)]
    replace: bool,
    /// Move it although references to it break.
    #[serde(default)]
    #[schema(required = false)]
    force: bool,
}

/// A copy or move of a folder.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderTransferBody {
    /// The folder, with what is in it and beneath it.
    #[schema(pattern = "^/")]
    path: String,
    /// Where to.
    to: FolderDestination,
    /// Write references anew so that they mean what they meant.
    #[serde(default)]
    #[schema(required = false)]
    rewrite_references: bool,
    /// Overwrite names that are there already.
    #[serde(default)]
    #[schema(required = false)]
    replace: bool,
    /// Move it although references to it break.
    #[serde(default)]
    #[schema(required = false)]
    force: bool,
}

/// What became, or would become, of a copy or a move.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransferAnswer {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Whether it was done.
    applied: bool,
    /// The environment it was in.
    from: String,
    /// The environment it is in.
    to: String,
    /// Every secret, by folder and name.
    items: Vec<TransferItem>,
    /// The references that point at them.
    references: Vec<PointingAnswer>,
    /// How many more secrets refer to them that you may not see.
    hidden_references: usize,
    /// Whether the references were written anew.
    references_rewritten: bool,
    /// What else it means.
    warnings: Vec<Warning>,
}

/// One secret of a copy or a move.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransferItem {
    /// The new secret; null in a plan.
    id: Option<SecretId>,
    /// The folder it was in.
    from_path: String,
    /// The name it had.
    from_name: String,
    /// The folder it is in.
    path: String,
    /// The name it has.
    name: String,
    /// `add`, `change` or `same`: what was done at the new place.
    action: &'static str,
    /// The version it has there.
    version: u32,
}

/// A reference that points at what is moved.
#[derive(Serialize, ToSchema)]
pub(crate) struct PointingAnswer {
    /// The environment that stores it, `project/environment`.
    environment: String,
    /// The folder of the secret that holds it.
    path: String,
    /// The secret that holds it.
    name: String,
    /// As it is written.
    reference: String,
    /// What it becomes with `rewrite_references`; null where it binds late from above and loses an override.
    becomes: Option<String>,
}

impl From<Transferred> for TransferItem {
    fn from(t: Transferred) -> Self {
        let ((from_path, from_name), (path, name)) = (t.from, t.to);
        Self {
            id: t.id,
            from_path: from_path.to_string(),
            from_name: from_name.to_string(),
            path: path.to_string(),
            name: name.to_string(),
            action: t.action.as_str(),
            version: t.version,
        }
    }
}

impl From<transfer::Pointing> for PointingAnswer {
    fn from(p: transfer::Pointing) -> Self {
        Self {
            environment: p.environment,
            path: p.path.to_string(),
            name: p.name.to_string(),
            reference: p.reference,
            becomes: p.becomes,
        }
    }
}

impl From<TransferOutcome> for TransferAnswer {
    fn from(outcome: TransferOutcome) -> Self {
        Self {
            dry_run: !outcome.applied,
            applied: outcome.applied,
            from: outcome.from.path(),
            to: outcome.to.path(),
            items: outcome.items.into_iter().map(Into::into).collect(),
            references: outcome.references.into_iter().map(Into::into).collect(),
            hidden_references: outcome.hidden,
            references_rewritten: outcome.applied && outcome.rewritten,
            warnings: outcome.warnings.into_iter().map(Into::into).collect(),
        }
    }
}

/// How several secrets go.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransferMode {
    /// They stay where they were, too.
    Copy,
    /// They do not.
    Move,
}

/// A copy or move of several secrets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretsTransferBody {
    /// Whether they stay where they were.
    mode: TransferMode,
    /// Which.
    #[schema(min_items = 1, max_items = 10_000)]
    secrets: Vec<SecretNamed>,
    /// Where to; each keeps its name.
    to: FolderDestination,
    /// Write references anew so that they mean what they meant.
    #[serde(default)]
    #[schema(required = false)]
    rewrite_references: bool,
    /// Overwrite names that are there already.
    #[serde(default)]
    #[schema(required = false)]
    replace: bool,
    /// Move them although references to them break.
    #[serde(default)]
    #[schema(required = false)]
    force: bool,
}

fn of_secrets(names: [String; 2], query: &DryRun, body: SecretsTransferBody) -> Result<Transfer, Problem> {
    let [project, environment] = names;
    let to = body.to;
    Ok(Transfer {
        project,
        environment,
        what: What::Secrets(named(&body.secrets)?),
        to: Destination { project: to.project, environment: to.environment, path: to.path, name: None },
        mode: match body.mode {
            TransferMode::Copy => Mode::Copy,
            TransferMode::Move => Mode::Move,
        },
        rewrite_references: body.rewrite_references,
        replace: body.replace,
        force: body.force,
        dry_run: query.dry_run,
    })
}

fn of_secret(
    names: [String; 3],
    query: &TransferQuery,
    body: SecretTransferBody,
    mode: Mode,
) -> Result<Transfer, Problem> {
    let [project, environment, name] = names;
    let to = body.to;
    let path = FolderPath::parse(if query.path.is_empty() { "/" } else { &query.path })?;
    Ok(Transfer {
        project,
        environment,
        what: What::Secrets(vec![(path, SecretName::parse_any(&name)?)]),
        to: Destination { project: to.project, environment: to.environment, path: to.path, name: to.name },
        mode,
        rewrite_references: body.rewrite_references,
        replace: body.replace,
        force: body.force,
        dry_run: query.dry_run,
    })
}

fn of_folder(names: [String; 2], query: &DryRun, body: FolderTransferBody, mode: Mode) -> Transfer {
    let [project, environment] = names;
    let to = body.to;
    Transfer {
        project,
        environment,
        what: What::Folder { path: body.path },
        to: Destination { project: to.project, environment: to.environment, path: to.path, name: None },
        mode,
        rewrite_references: body.rewrite_references,
        replace: body.replace,
        force: body.force,
        dry_run: query.dry_run,
    }
}

/// Copies a secret to another name, folder or environment.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/secrets/{name}/copy",
    operation_id = "secret_copy", params(TransferQuery), request_body = SecretTransferBody,
    responses((status = 200, description = "What was done, or the plan.", body = TransferAnswer)))]
pub(crate) async fn secret_copy(
    Known(op, _): Known,
    Names(names): Names<3>,
    Query(query): Query<TransferQuery>,
    Json(body): Json<SecretTransferBody>,
) -> Answer {
    ok(&TransferAnswer::from(transfer::secret_transfer(&op, of_secret(names, &query, body, Mode::Copy)?).await?))
}

/// Moves a secret to another name, folder or environment, and tells which references point at it.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/secrets/{name}/move",
    operation_id = "secret_move", params(TransferQuery), request_body = SecretTransferBody,
    responses((status = 200, description = "What was done, or the plan.", body = TransferAnswer)))]
pub(crate) async fn secret_move(
    Known(op, _): Known,
    Names(names): Names<3>,
    Query(query): Query<TransferQuery>,
    Json(body): Json<SecretTransferBody>,
) -> Answer {
    ok(&TransferAnswer::from(transfer::secret_transfer(&op, of_secret(names, &query, body, Mode::Move)?).await?))
}

/// Copies a folder with the secrets of this environment in it and beneath it.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/folders/copy",
    operation_id = "folder_copy", params(DryRun), request_body = FolderTransferBody,
    responses((status = 200, description = "What was done, or the plan.", body = TransferAnswer)))]
pub(crate) async fn folder_copy(
    Known(op, _): Known,
    Names(names): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<FolderTransferBody>,
) -> Answer {
    ok(&TransferAnswer::from(transfer::secret_transfer(&op, of_folder(names, &query, body, Mode::Copy)).await?))
}

/// Moves a folder with the secrets of this environment in it and beneath it.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/folders/move",
    operation_id = "folder_move", params(DryRun), request_body = FolderTransferBody,
    responses((status = 200, description = "What was done, or the plan.", body = TransferAnswer)))]
pub(crate) async fn folder_move(
    Known(op, _): Known,
    Names(names): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<FolderTransferBody>,
) -> Answer {
    ok(&TransferAnswer::from(transfer::secret_transfer(&op, of_folder(names, &query, body, Mode::Move)).await?))
}

/// Copies or moves several secrets to another folder or environment, all or nothing.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/transfer",
    operation_id = "secrets_transfer", params(DryRun), request_body = SecretsTransferBody,
    responses((status = 200, description = "What was done, or the plan.", body = TransferAnswer)))]
pub(crate) async fn secrets_transfer(
    Known(op, _): Known,
    Names(names): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<SecretsTransferBody>,
) -> Answer {
    ok(&TransferAnswer::from(transfer::secret_transfer(&op, of_secrets(names, &query, body)?).await?))
}
