//! Environments: the nodes of a project's tree.

pub(crate) mod arrange;
mod form;
mod relocate;

pub(crate) use form::{EnvironmentAnswer, EnvironmentName};
pub(crate) use relocate::*;

use actix_web::HttpRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deletion::{Deleted, DeletionAnswer};
use super::secret::Warning;
use super::{Answer, List, created, ok, tagged};
use crate::http::extract::{DryRun, IfMatch, Json, Known, Names, OptionalJson, Query};
use crate::orgs::deletion::DeletionKind;
use crate::orgs::environment;
use crate::policy::Tier;
use crate::types::{Id, Slug, kinds};
use crate::vault::impact;
use form::{FlowWishForm, TierForm, answer, in_tree_order};

/// What a new environment shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvironmentCreate {
    /// Its slug.
    slug: Slug,
    /// Its name; the slug when none.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// What it is for.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// What it inherits from: id or slug of an environment of the same project.
    parent: Option<String>,
    /// What it is for; guessed from the slug when none.
    tier: Option<TierForm>,
    /// Whether it is protected; production is when nothing is said.
    protected: Option<bool>,
    /// Where its values may go; closed when protected, the tree when not.
    flow: Option<FlowWishForm>,
    /// Whether names beyond `[A-Z_][A-Z0-9_]*` are allowed.
    #[serde(default)]
    #[schema(required = false)]
    any_names: bool,
}

/// What may change of an environment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvironmentUpdate {
    /// Its name.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// What it is for, in words.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Its tier.
    tier: Option<TierForm>,
    /// Whether it is protected.
    protected: Option<bool>,
    /// Where its values may go.
    flow: Option<FlowWishForm>,
    /// Whether names beyond `[A-Z_][A-Z0-9_]*` are allowed.
    any_names: Option<bool>,
}

/// An environment after a change, and what the change means for others.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnvironmentUpdated {
    /// The environment as it is now, or would be.
    #[serde(flatten)]
    environment: EnvironmentAnswer,
    /// Whether nothing was changed.
    dry_run: bool,
    /// Whether less flows out than before.
    narrowed: bool,
    /// Names elsewhere that break because less flows out.
    warnings: Vec<Warning>,
}

/// Why an environment is locked.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockRequest {
    /// Why, in your words.
    #[serde(default)]
    #[schema(required = false, max_length = 500)]
    reason: String,
}

/// The environments of a project you may see, in the order of the tree.
#[utoipa::path(get, path = "/projects/{project}/environments", operation_id = "environment_list",
    responses((status = 200, description = "All of them.", body = List<EnvironmentAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Names([project]): Names<1>) -> Answer {
    let found = in_tree_order(environment::environment_list(&op, &project).await?);
    let items = found.into_iter().map(|placed| answer(&op, placed)).collect::<Result<_, _>>()?;
    ok(&List::whole(items))
}

/// Makes an environment, beneath a parent or as a root.
#[utoipa::path(post, path = "/projects/{project}/environments", operation_id = "environment_create",
    request_body = EnvironmentCreate,
    responses((status = 201, description = "The environment.", body = EnvironmentAnswer)))]
pub(crate) async fn create(
    Known(op, _): Known,
    Names([project]): Names<1>,
    Json(body): Json<EnvironmentCreate>,
) -> Answer {
    let new = environment::EnvironmentCreate {
        project,
        slug: body.slug,
        name: body.name,
        description: body.description,
        parent: body.parent,
        tier: body.tier.map(Tier::from),
        protected: body.protected,
        flow: body.flow.map(Into::into),
        any_names: body.any_names,
    };
    let placed = environment::environment_create(&op, new).await?;
    created(&answer(&op, placed)?)
}

/// An environment by id or slug.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}", operation_id = "environment_get",
    responses((status = 200, description = "The environment.", body = EnvironmentAnswer),
        (status = 304, description = "It is as you have it.")))]
pub(crate) async fn get(req: HttpRequest, Known(op, _): Known, Names([project, name]): Names<2>) -> Answer {
    let placed = environment::environment_get(&op, &project, &name).await?;
    let version = placed.environment.version;
    tagged(&req, &op, version, &answer(&op, placed)?)
}

/// Changes an environment.
#[utoipa::path(patch, path = "/projects/{project}/environments/{environment}", operation_id = "environment_update",
    params(DryRun), request_body = EnvironmentUpdate,
    responses((status = 200, description = "The environment, or what it would be.", body = EnvironmentUpdated)))]
pub(crate) async fn update(
    Known(op, _): Known,
    Names([project, name]): Names<2>,
    Query(query): Query<DryRun>,
    IfMatch(if_version): IfMatch,
    Json(body): Json<EnvironmentUpdate>,
) -> Answer {
    let change = environment::EnvironmentUpdate {
        name: body.name,
        description: body.description,
        tier: body.tier.map(Tier::from),
        protected: body.protected,
        flow: body.flow.map(Into::into),
        any_names: body.any_names,
        if_version,
        dry_run: query.dry_run,
    };
    let (placed, narrowed) = environment::environment_update(&op, project, name, change).await?;
    let narrowed = narrowed.flow.is_some();
    let broken = if narrowed { impact::of_flow(&op, &placed.environment).await? } else { Vec::new() };
    let warnings = broken.into_iter().map(Warning::from).collect();
    let environment = answer(&op, placed)?;
    ok(&EnvironmentUpdated { environment, dry_run: query.dry_run, narrowed, warnings })
}

/// Locks an environment: nothing of its own changes until it is unlocked.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/lock", operation_id = "environment_lock",
    request_body = Option<LockRequest>,
    responses((status = 200, description = "The environment.", body = EnvironmentAnswer)))]
pub(crate) async fn lock(
    Known(op, _): Known,
    Names([project, name]): Names<2>,
    OptionalJson(body): OptionalJson<LockRequest>,
) -> Answer {
    let placed = environment::environment_lock(&op, project, name, body.reason).await?;
    ok(&answer(&op, placed)?)
}

/// Unlocks an environment.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/unlock",
    operation_id = "environment_unlock",
    responses((status = 200, description = "The environment.", body = EnvironmentAnswer)))]
pub(crate) async fn unlock(Known(op, _): Known, Names([project, name]): Names<2>) -> Answer {
    let placed = environment::environment_unlock(&op, project, name).await?;
    ok(&answer(&op, placed)?)
}

/// Deletes an environment with everything beneath it, restorable until its date.
#[utoipa::path(delete, path = "/projects/{project}/environments/{environment}", operation_id = "environment_delete",
    params(DryRun), responses((status = 200, description = "The deletion, or its plan.", body = Deleted)))]
pub(crate) async fn delete(
    Known(op, _): Known,
    Names([project, name]): Names<2>,
    Query(query): Query<DryRun>,
) -> Answer {
    let dry_run = query.dry_run;
    let (deletion, inside) = environment::environment_delete(&op, project, name, dry_run).await?;
    ok(&Deleted::of(&op, deletion, inside, dry_run).await?)
}

/// Restores a deleted environment with what was beneath it.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/restore",
    operation_id = "environment_restore",
    responses((status = 200, description = "What was restored.", body = DeletionAnswer)))]
pub(crate) async fn restore(Known(op, _): Known, Names([project, name]): Names<2>) -> Answer {
    let project = crate::orgs::project::project_get(&op, &project).await?;
    let id = Id::<kinds::Environment>::parse(&name).ok().map(|id| *id.as_bytes());
    let path = format!("{}/{name}", project.slug);
    super::deletion::restore_named(&op, DeletionKind::Environment, &path, id).await
}
