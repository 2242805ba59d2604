//! Logging in without a password on the machine that logs in (RFC 8628), with our own bodies and failures.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::session::SignedInAnswer;
use super::setup::{CredentialName, OrganizationName, UserName};
use super::{Answer, created, ok};
use crate::http::error::Problem;
use crate::http::extract::{Anonymous, Json, Known};
use crate::http::state::State;
use crate::op::Op;
use crate::orgs::device::{self, Asking, INTERVAL};
use crate::types::{SecretString, Timestamp};

/// A login that waits to be confirmed.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceBegun {
    /// What the machine asks with; shown to nobody.
    device_code: String,
    /// What its person types where they are signed in.
    user_code: String,
    /// Where they type it.
    verification_uri: String,
    /// When it is over.
    expires_at: Timestamp,
    /// Seconds between two questions at least.
    interval: u64,
}

/// Begins a login of a machine: it shows a code, and its person confirms it where they are signed in.
#[utoipa::path(post, path = "/device/authorize", operation_id = "device_authorize",
    responses((status = 201, description = "What to show, and what to ask with.", body = DeviceBegun)))]
pub(crate) async fn authorize(state: Data<State>, Anonymous(op): Anonymous) -> Answer {
    let begun = device::device_begin(&op).await?;
    created(&DeviceBegun {
        device_code: begun.device_code.expose().clone(),
        user_code: begun.user_code.expose().clone(),
        verification_uri: format!("{}/device", state.public_url),
        expires_at: begun.expires_at,
        interval: INTERVAL.as_secs(),
    })
}

/// What a machine asks with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceToken {
    /// What `/device/authorize` gave.
    #[schema(value_type = String, write_only)]
    device_code: SecretString,
}

/// Whether the login was confirmed; then its token, once, for an hour, with what replaces it. Until then 400
/// `authorization_pending`.
#[utoipa::path(post, path = "/device/token", operation_id = "device_token", request_body = DeviceToken,
    responses((status = 201, description = "The token, shown this once.", body = SignedInAnswer)))]
pub(crate) async fn token(Anonymous(op): Anonymous, Json(body): Json<DeviceToken>) -> Answer {
    let done = device::device_token(&op, body.device_code).await?;
    let organization =
        OrganizationName { id: done.organization.id, slug: done.organization.slug, name: done.organization.name };
    created(&SignedInAnswer {
        token: done.minted.token.expose().clone(),
        refresh_token: Some(done.refresh_token.expose().clone()),
        organization,
        user: UserName { id: done.user.id, email: done.user.email },
        token_until: done.minted.credential.token_until,
        credential: CredentialName::from(done.minted.credential),
    })
}

/// The code a person types.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserCode {
    /// Eight letters; hyphens, spaces and capitals do not count.
    #[schema(value_type = String, write_only)]
    user_code: SecretString,
}

/// What asks to be let in.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceAsking {
    /// What the machine calls itself.
    device: Option<String>,
    /// From where it asks.
    address: Option<String>,
    /// Since when.
    created_at: Timestamp,
    /// When it is over.
    expires_at: Timestamp,
}

impl From<Asking> for DeviceAsking {
    fn from(asking: Asking) -> Self {
        let Asking { device, address, created_at, expires_at } = asking;
        Self { device, address, created_at, expires_at }
    }
}

/// Who types codes is counted: they are short.
fn count(state: &State, op: &Op) -> Result<(), Problem> {
    match state.limits.comparison(&op.identity()?.principal.id) {
        Some(Err(refused)) => Err(refused.problem),
        _ => Ok(()),
    }
}

/// What asks to be let in with this code: look before you confirm.
#[utoipa::path(post, path = "/device/lookup", operation_id = "device_lookup", request_body = UserCode,
    responses((status = 200, description = "What asks, and from where.", body = DeviceAsking)))]
pub(crate) async fn lookup(state: Data<State>, Known(op, _): Known, Json(body): Json<UserCode>) -> Answer {
    count(&state, &op)?;
    ok(&DeviceAsking::from(device::device_look(&op, body.user_code).await?))
}

/// Lets what asks with this code in as you. Asks for a fresh sign-in.
#[utoipa::path(post, path = "/device/approve", operation_id = "device_approve", request_body = UserCode,
    responses((status = 200, description = "What was let in.", body = DeviceAsking)))]
pub(crate) async fn approve(state: Data<State>, Known(op, _): Known, Json(body): Json<UserCode>) -> Answer {
    count(&state, &op)?;
    ok(&DeviceAsking::from(device::device_decide(&op, body.user_code, true).await?))
}

/// Says that what asks with this code is not yours.
#[utoipa::path(post, path = "/device/deny", operation_id = "device_deny", request_body = UserCode,
    responses((status = 200, description = "What was refused.", body = DeviceAsking)))]
pub(crate) async fn deny(state: Data<State>, Known(op, _): Known, Json(body): Json<UserCode>) -> Answer {
    count(&state, &op)?;
    ok(&DeviceAsking::from(device::device_decide(&op, body.user_code, false).await?))
}
