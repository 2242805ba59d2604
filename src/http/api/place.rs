//! Nodes, roles and grants, as several resources tell of them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::schema::{EnvironmentId, GrantId, ProjectId, ServiceAccountId, TeamId, UserId};
use crate::orgs::access::Place;
use crate::orgs::grant::{GrantView, Holder};
use crate::policy::PrincipalId;
use crate::types::{Slug, Timestamp};

/// A node of the organization; both null: the organization itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceAnswer {
    /// The project it is or is in.
    pub(crate) project: Option<PlaceProject>,
    /// The environment it is.
    pub(crate) environment: Option<PlaceEnvironment>,
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

/// A team, by its names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HolderTeam {
    /// Its id.
    id: TeamId,
    /// Its name.
    name: String,
}

/// A role given on a node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantAnswer {
    /// Its id.
    id: GrantId,
    /// The person who has it; null when somebody else does.
    user: Option<HolderUser>,
    /// The service account that has it; null when somebody else does.
    service_account: Option<HolderAccount>,
    /// The team that has it; null when somebody else does.
    team: Option<HolderTeam>,
    /// Which role, built in or the organization's own.
    role: String,
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
        let name = view.holder;
        let (user, service_account, team) = match grant.holder {
            Holder::Principal(PrincipalId::User(id)) => (Some(HolderUser { id, email: name }), None, None),
            Holder::Principal(PrincipalId::ServiceAccount(id)) => (None, Some(HolderAccount { id, name }), None),
            Holder::Team(id) => (None, None, Some(HolderTeam { id, name })),
        };
        let place = PlaceAnswer::from(view.place);
        Self {
            id: grant.id,
            user,
            service_account,
            team,
            role: grant.role.name().to_owned(),
            project: place.project,
            environment: place.environment,
            created_at: grant.created_at,
            created_by: grant.created_by,
        }
    }
}
