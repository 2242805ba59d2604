//! Roles: the built-in ones and the organization's own.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, List, created, ok};
use crate::http::extract::{DryRun, Json, Known, Names, Query};
use crate::http::schema::RoleId;
use crate::orgs::role::{self, RoleChange, RoleView};
use crate::types::{Slug, Timestamp};

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleAnswer {
    /// Its name.
    name: Slug,
    /// Whether every organization has it; it cannot be changed then.
    builtin: bool,
    /// Its id; null for a built-in role.
    id: Option<RoleId>,
    /// What it is for.
    description: String,
    /// What it holds.
    permissions: Vec<&'static str>,
    /// Raised with every change; null for a built-in role.
    version: Option<u32>,
    /// How many grants give it.
    grants: usize,
    /// When it was made; null for a built-in role.
    created_at: Option<Timestamp>,
    /// By whom; null for a built-in role.
    created_by: Option<String>,
    /// When it was last changed; null for a built-in role.
    updated_at: Option<Timestamp>,
}

impl From<RoleView> for RoleAnswer {
    fn from(view: RoleView) -> Self {
        let own = view.custom;
        Self {
            name: view.name,
            builtin: own.is_none(),
            id: own.as_ref().map(|r| r.id),
            description: own.as_ref().map(|r| r.description.clone()).unwrap_or_default(),
            permissions: view.permissions.iter().map(crate::policy::Permission::as_str).collect(),
            version: own.as_ref().map(|r| r.version),
            grants: view.grants,
            created_at: own.as_ref().map(|r| r.created_at),
            created_by: own.as_ref().map(|r| r.created_by.clone()),
            updated_at: own.as_ref().map(|r| r.updated_at),
        }
    }
}

/// A role that shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleCreate {
    /// Its name, which never changes.
    name: Slug,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// What it holds: names of permissions, those with `.protected` too.
    #[schema(min_items = 1, max_items = 122, example = json!(["secret.list", "secret.use"]))]
    permissions: Vec<String>,
}

/// What shall change of a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleUpdate {
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// All that it holds from now on.
    #[schema(min_items = 1, max_items = 122)]
    permissions: Option<Vec<String>>,
    /// The version the change was made for; any when none.
    #[schema(minimum = 1)]
    base_version: Option<u32>,
}

/// A role that was deleted, or would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleDeleted {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The role.
    role: RoleAnswer,
}

/// Every role of the organization, the built-in ones first.
#[utoipa::path(get, path = "/roles", operation_id = "role_list",
    responses((status = 200, description = "All roles.", body = List<RoleAnswer>)))]
pub(crate) async fn list(Known(op, _): Known) -> Answer {
    ok(&List::whole(role::role_list(&op).await?.into_iter().map(RoleAnswer::from).collect()))
}

/// Makes a role; nobody makes one that holds more than they hold on the organization.
#[utoipa::path(post, path = "/roles", operation_id = "role_create", request_body = RoleCreate,
    responses((status = 201, description = "The role.", body = RoleAnswer)))]
pub(crate) async fn create(Known(op, _): Known, Json(body): Json<RoleCreate>) -> Answer {
    let RoleCreate { name, description, permissions } = body;
    created(&RoleAnswer::from(role::role_create(&op, role::RoleCreate { name, description, permissions }).await?))
}

/// A role.
#[utoipa::path(get, path = "/roles/{role}", operation_id = "role_get",
    responses((status = 200, description = "The role.", body = RoleAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&RoleAnswer::from(role::role_get(&op, &name).await?))
}

/// Changes a role, and so what everybody holds who was given it.
#[utoipa::path(patch, path = "/roles/{role}", operation_id = "role_update", request_body = RoleUpdate,
    responses((status = 200, description = "The role.", body = RoleAnswer)))]
pub(crate) async fn update(Known(op, _): Known, Names([name]): Names<1>, Json(body): Json<RoleUpdate>) -> Answer {
    let RoleUpdate { description, permissions, base_version } = body;
    let change = RoleChange { description, permissions, base_version };
    ok(&RoleAnswer::from(role::role_update(&op, name, change).await?))
}

/// Deletes a role that no grant gives.
#[utoipa::path(delete, path = "/roles/{role}", operation_id = "role_delete", params(DryRun),
    responses((status = 200, description = "The role.", body = RoleDeleted)))]
pub(crate) async fn delete(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let role = role::role_delete(&op, name, query.dry_run).await?;
    ok(&RoleDeleted { dry_run: query.dry_run, role: role.into() })
}
