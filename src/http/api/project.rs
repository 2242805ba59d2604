//! Projects.

use actix_web::HttpRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deletion::{Deleted, DeletionAnswer};
use super::{Answer, List, ok, tagged};
use crate::http::extract::{DryRun, IfMatch, Json, Known, ListQuery, Names, Query};
use crate::http::schema::ProjectId;
use crate::orgs::deletion::DeletionKind;
use crate::orgs::project::{self, Project};
use crate::types::{Id, Slug, Timestamp, kinds};
use crate::vault::demo::demo_create;

/// A product of the organization.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProjectAnswer {
    /// Its id.
    id: ProjectId,
    /// Its slug.
    slug: Slug,
    /// Its name.
    name: String,
    /// What it is for.
    description: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
    /// Counts its changes.
    version: u32,
}

impl From<Project> for ProjectAnswer {
    fn from(p: Project) -> Self {
        Self {
            id: p.id,
            slug: p.slug,
            name: p.name,
            description: p.description,
            created_at: p.created_at,
            updated_at: p.updated_at,
            version: p.version,
        }
    }
}

/// What a new project is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectCreate {
    /// Its slug.
    slug: Slug,
    /// Its name; the slug when none.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// What it is for.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Whether it is filled with a small tree of environments and made-up values, to look around in.
    #[serde(default)]
    #[schema(required = false)]
    demo: bool,
}

/// What may change of a project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectUpdate {
    /// Its name.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// What it is for.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

/// The projects you may see.
#[utoipa::path(get, path = "/projects", operation_id = "project_list", params(ListQuery),
    responses((status = 200, description = "A page of projects.", body = List<ProjectAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(project::project_list(&op, limit, cursor).await?, ProjectAnswer::from))
}

/// Makes a project.
#[utoipa::path(post, path = "/projects", operation_id = "project_create", request_body = ProjectCreate,
    responses((status = 201, description = "The project.", body = ProjectAnswer)))]
pub(crate) async fn create(Known(op, _): Known, Json(body): Json<ProjectCreate>) -> Answer {
    let new = project::ProjectCreate { slug: body.slug, name: body.name, description: body.description };
    let made = if body.demo { demo_create(&op, new).await? } else { project::project_create(&op, new).await? };
    super::created(&ProjectAnswer::from(made))
}

/// A project by id or slug.
#[utoipa::path(get, path = "/projects/{project}", operation_id = "project_get",
    responses((status = 200, description = "The project.", body = ProjectAnswer), (status = 304, description = "It is as you have it.")))]
pub(crate) async fn get(req: HttpRequest, Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    let found = project::project_get(&op, &name).await?;
    let version = found.version;
    tagged(&req, &op, version, &ProjectAnswer::from(found))
}

/// Changes a project's name or description.
#[utoipa::path(patch, path = "/projects/{project}", operation_id = "project_update", request_body = ProjectUpdate,
    responses((status = 200, description = "The project.", body = ProjectAnswer)))]
pub(crate) async fn update(
    Known(op, _): Known,
    Names([name]): Names<1>,
    IfMatch(if_version): IfMatch,
    Json(body): Json<ProjectUpdate>,
) -> Answer {
    let change = project::ProjectUpdate { name: body.name, description: body.description, if_version };
    ok(&ProjectAnswer::from(project::project_update(&op, name, change).await?))
}

/// Deletes a project with its environments, restorable until its date.
#[utoipa::path(delete, path = "/projects/{project}", operation_id = "project_delete", params(DryRun),
    responses((status = 200, description = "The deletion, or its plan.", body = Deleted)))]
pub(crate) async fn delete(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let dry_run = query.dry_run;
    let (deletion, inside) = project::project_delete(&op, name, dry_run).await?;
    ok(&Deleted::of(&op, deletion, inside, dry_run).await?)
}

/// Restores a deleted project.
#[utoipa::path(post, path = "/projects/{project}/restore", operation_id = "project_restore",
    responses((status = 200, description = "What was restored.", body = DeletionAnswer)))]
pub(crate) async fn restore(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    let id = Id::<kinds::Project>::parse(&name).ok().map(|id| *id.as_bytes());
    super::deletion::restore_named(&op, DeletionKind::Project, &name, id).await
}
