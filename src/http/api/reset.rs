//! New passwords for who forgot theirs.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::setup::UserName;
use super::{Answer, created, ok};
use crate::http::extract::{Anonymous, Json, Known};
use crate::http::state::State;
use crate::orgs::reset;
use crate::types::{Email, SecretString, Timestamp};

/// Who forgot their password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    /// Their address.
    email: Email,
}

/// What is said whether somebody has the address or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResetRequested {
    /// How long a link works, in seconds.
    link_seconds: u64,
}

/// Mails a link that sets a new password, if somebody has this address. Answers the same if nobody has.
#[utoipa::path(post, path = "/password-resets", operation_id = "password_reset_request", request_body = ResetRequest,
    responses((status = 202, description = "If somebody has the address, a mail is on its way.", body = ResetRequested)))]
pub(crate) async fn request(state: Data<State>, Anonymous(op): Anonymous, Json(body): Json<ResetRequest>) -> Answer {
    reset::reset_request(&op, &state.parts.mailer, state.public_url.as_str(), body.email).await?;
    Ok(HttpResponse::Accepted().json(ResetRequested { link_seconds: reset::LIFE.as_secs() }))
}

/// A token and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetComplete {
    /// The part of the link behind `#`.
    #[schema(value_type = String, write_only)]
    token: SecretString,
    /// The new password.
    #[schema(value_type = String, write_only, min_length = 8, max_length = 256)]
    password: SecretString,
}

/// What a new password ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResetDone {
    /// Whose it is.
    user: UserName,
    /// How many sign-ins ended.
    ended: usize,
}

/// Sets a new password. Everything that was signed in ends; personal tokens stay.
#[utoipa::path(post, path = "/password-resets/complete", operation_id = "password_reset_complete",
    request_body = ResetComplete,
    responses((status = 200, description = "The password is set.", body = ResetDone)))]
pub(crate) async fn complete(state: Data<State>, Anonymous(op): Anonymous, Json(body): Json<ResetComplete>) -> Answer {
    let (parts, server) = (&state.parts, state.public_url.as_str());
    let done = reset::reset_complete(&op, &parts.passwords, &parts.mailer, server, body.token, body.password).await?;
    ok(&ResetDone { user: UserName { id: done.user.id, email: done.user.email }, ended: done.ended })
}

/// A link to hand over.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResetLinkAnswer {
    /// For whom.
    user: UserName,
    /// Until when it works.
    expires_at: Timestamp,
    /// The link, shown this once; not in a replay.
    #[schema(required = false)]
    url: String,
}

/// Makes a link for somebody who cannot sign in, to be handed over. For instance operators who signed in recently.
#[utoipa::path(post, path = "/instance/password-resets", operation_id = "password_reset_link",
    request_body = ResetRequest,
    responses((status = 201, description = "The link.", body = ResetLinkAnswer)))]
pub(crate) async fn link(state: Data<State>, Known(op, _): Known, Json(body): Json<ResetRequest>) -> Answer {
    let made = reset::reset_link(&op, body.email).await?;
    let mut response = created(&ResetLinkAnswer {
        user: UserName { id: made.user.id, email: made.user.email },
        expires_at: made.expires_at,
        url: reset::link(state.public_url.as_str(), &made.token).expose().clone(),
    })?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
