//! Nodes, roles and grants, as several resources tell of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::schema::{EnvironmentId, GrantId, ProjectId, ServiceAccountId, UserId};
use crate::orgs::access::Place;
use crate::orgs::grant::GrantView;
use crate::policy::{BuiltinRole, PrincipalId};
use crate::types::{Slug, Timestamp};

/// A built-in role.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Role)]
pub(crate) enum RoleForm {
    /// Sees what there is, never a value.
    Viewer,
    /// Works with what is not protected.
    Developer,
    /// Works with protected environments too.
    Maintainer,
    /// Runs the organization.
    Admin,
    /// Owns the organization.
    Owner,
}

impl From<RoleForm> for BuiltinRole {
    fn from(form: RoleForm) -> Self {
        match form {
            RoleForm::Viewer => Self::Viewer,
            RoleForm::Developer => Self::Developer,
            RoleForm::Maintainer => Self::Maintainer,
            RoleForm::Admin => Self::Admin,
            RoleForm::Owner => Self::Owner,
        }
    }
}

impl From<BuiltinRole> for RoleForm {
    fn from(role: BuiltinRole) -> Self {
        match role {
            BuiltinRole::Viewer => Self::Viewer,
            BuiltinRole::Developer => Self::Developer,
            BuiltinRole::Maintainer => Self::Maintainer,
            BuiltinRole::Admin => Self::Admin,
            BuiltinRole::Owner => Self::Owner,
        }
    }
}

/// A node of the organization; both null: the organization itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceAnswer {
    /// The project it is or is in.
    project: Option<PlaceProject>,
    /// The environment it is.
    environment: Option<PlaceEnvironment>,
}

/// A project, by its names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceProject {
    /// Its id.
    id: ProjectId,
    /// Its slug.
    slug: Slug,
}

/// An environment, by its names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceEnvironment {
    /// Its id.
    id: EnvironmentId,
    /// Its slug.
    slug: Slug,
}

impl From<Place> for PlaceAnswer {
    fn from(place: Place) -> Self {
        Self {
            project: place.project.map(|(id, slug)| PlaceProject { id, slug }),
            environment: place.environment.map(|(id, slug)| PlaceEnvironment { id, slug }),
        }
    }
}

/// A person, by their names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HolderUser {
    /// Their id.
    id: UserId,
    /// Their address.
    email: String,
}

/// A service account, by its names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HolderAccount {
    /// Its id.
    id: ServiceAccountId,
    /// Its name.
    name: String,
}

/// A role given on a node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantAnswer {
    /// Its id.
    id: GrantId,
    /// The person who has it; null when a service account does.
    user: Option<HolderUser>,
    /// The service account that has it; null when a person does.
    service_account: Option<HolderAccount>,
    /// Which role.
    role: RoleForm,
    /// The project it is given on or in; null on the organization.
    project: Option<PlaceProject>,
    /// The environment it is given on; null above one.
    environment: Option<PlaceEnvironment>,
    /// When.
    created_at: Timestamp,
    /// By whom.
    created_by: String,
}

impl From<GrantView> for GrantAnswer {
    fn from(view: GrantView) -> Self {
        let grant = view.grant;
        let (user, service_account) = match grant.principal {
            PrincipalId::User(id) => (Some(HolderUser { id, email: view.holder }), None),
            PrincipalId::ServiceAccount(id) => (None, Some(HolderAccount { id, name: view.holder })),
        };
        let place = PlaceAnswer::from(view.place);
        Self {
            id: grant.id,
            user,
            service_account,
            role: grant.role.into(),
            project: place.project,
            environment: place.environment,
            created_at: grant.created_at,
            created_by: grant.created_by,
        }
    }
}
