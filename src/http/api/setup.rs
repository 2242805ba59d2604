//! The first owner.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, created};
use crate::auth::Credential;
use crate::http::extract::{Anonymous, Json};
use crate::http::schema::{CredentialId, OrganizationId, UserId};
use crate::http::state::State;
use crate::orgs::setup::{self, Redeem};
use crate::types::{Email, SecretString, Slug, Timestamp};

/// What the first owner says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetupRequest {
    /// The one-use token from the data directory.
    #[schema(value_type = String, write_only)]
    setup_token: SecretString,
    /// The slug of the first organization.
    organization: Slug,
    /// Its name; the slug when none.
    #[schema(max_length = 100)]
    organization_name: Option<String>,
    /// The owner's address.
    email: Email,
    /// The owner's password.
    #[schema(value_type = String, write_only, min_length = 8, max_length = 256)]
    password: SecretString,
}

/// A token, and who and where it is of.
#[derive(Serialize, ToSchema)]
pub(crate) struct SetupAnswer {
    /// The token; shown this once.
    pub(crate) token: String,
    /// The organization.
    pub(crate) organization: OrganizationName,
    /// Whose it is.
    pub(crate) user: UserName,
    /// The token's record.
    pub(crate) credential: CredentialName,
}

/// An organization, in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganizationName {
    /// Its id.
    pub(crate) id: OrganizationId,
    /// Its slug.
    pub(crate) slug: Slug,
    /// Its name.
    pub(crate) name: String,
}

/// A person, in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserName {
    /// Their id.
    pub(crate) id: UserId,
    /// Their address.
    pub(crate) email: Email,
}

/// A credential, in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialName {
    /// Its id.
    pub(crate) id: CredentialId,
    /// When it ends; null: never.
    pub(crate) expires_at: Option<Timestamp>,
    /// Until when it counts as freshly signed in.
    pub(crate) stepped_up_until: Option<Timestamp>,
}

impl From<Credential> for CredentialName {
    fn from(c: Credential) -> Self {
        Self { id: c.id, expires_at: c.expires_at, stepped_up_until: c.stepped_up_until }
    }
}

/// Redeems the setup token: the first owner and the first organization.
#[utoipa::path(post, path = "/setup", operation_id = "setup", request_body = SetupRequest,
    responses((status = 201, description = "The owner and their token.", body = SetupAnswer)))]
pub(crate) async fn setup(state: Data<State>, Anonymous(op): Anonymous, Json(body): Json<SetupRequest>) -> Answer {
    let wish = Redeem {
        token: body.setup_token,
        organization: body.organization,
        organization_name: body.organization_name,
        email: body.email,
        password: body.password,
        session: None,
    };
    let done = setup::redeem(&op, &state.parts.passwords, wish).await?;
    created(&SetupAnswer {
        token: done.minted.token.expose().clone(),
        organization: OrganizationName {
            id: done.organization.id,
            slug: done.organization.slug,
            name: done.organization.name,
        },
        user: UserName { id: done.user.id, email: done.user.email },
        credential: CredentialName::from(done.minted.credential),
    })
}
