//! Signing in and out.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::setup::{CredentialName, OrganizationName, SetupAnswer, UserName};
use super::{Answer, created, ok};
use crate::http::extract::{Anonymous, Json, Known};
use crate::http::schema::CredentialId;
use crate::http::state::State;
use crate::orgs::session::{self, SignIn};
use crate::types::{Email, SecretString};

/// What somebody says who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionCreate {
    /// Their address.
    email: Email,
    /// Their password.
    #[schema(value_type = String, write_only)]
    password: SecretString,
    /// The organization, by id or slug; the one they joined first when none.
    organization: Option<String>,
    /// What to call the token.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]+$")]
    name: Option<String>,
}

/// A session that ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionEnded {
    /// The credential that stopped working.
    credential: CredentialId,
}

/// Signs in with a password: a token for thirty days.
#[utoipa::path(post, path = "/sessions", operation_id = "session_create", request_body = SessionCreate,
    responses((status = 201, description = "The token, shown this once.", body = SetupAnswer)))]
pub(crate) async fn create(state: Data<State>, Anonymous(op): Anonymous, Json(body): Json<SessionCreate>) -> Answer {
    let wish = SignIn { email: body.email, password: body.password, organization: body.organization, name: body.name };
    let done = session::session_create(&op, &state.parts.passwords, wish).await?;
    let organization =
        OrganizationName { id: done.organization.id, slug: done.organization.slug, name: done.organization.name };
    created(&SetupAnswer {
        token: done.minted.token.expose().clone(),
        organization,
        user: UserName { id: done.user.id, email: done.user.email },
        credential: CredentialName::from(done.minted.credential),
    })
}

/// Signs out: this very token stops working.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "session_delete",
    responses((status = 200, description = "It stopped working.", body = SessionEnded)))]
pub(crate) async fn delete(Known(op, credential): Known) -> Answer {
    session::session_end(&op).await?;
    ok(&SessionEnded { credential: credential.id })
}
