//! Confirming an address, and changing it with the consent of both sides.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::setup::UserName;
use super::{Answer, created, ok};
use crate::http::extract::{Anonymous, Json, Known};
use crate::http::state::State;
use crate::orgs::email::{self, EmailChange, EmailOffer, EmailState};
use crate::types::{Email, SecretString, Timestamp};

/// Your address.
#[derive(Serialize, ToSchema)]
pub(crate) struct EmailAnswer {
    /// The address there is.
    email: Email,
    /// When a mailed link showed last that it is yours; null: none did.
    verified_at: Option<Timestamp>,
    /// What waits for confirmations; null: nothing.
    change: Option<EmailChangeAnswer>,
}

/// A change that waits for confirmations.
#[derive(Serialize, ToSchema)]
pub(crate) struct EmailChangeAnswer {
    /// The address there shall be.
    email: Email,
    /// Whether it is the address there is, to be confirmed only.
    only_verifies: bool,
    /// When the address there is confirmed; null: not yet, or it is not asked.
    current_confirmed_at: Option<Timestamp>,
    /// When the address there shall be confirmed; null: not yet.
    new_confirmed_at: Option<Timestamp>,
    /// When it was asked for.
    created_at: Timestamp,
    /// Until when the links work.
    expires_at: Timestamp,
}

impl From<EmailChange> for EmailChangeAnswer {
    fn from(change: EmailChange) -> Self {
        let EmailChange {
            email, only_verifies, current_confirmed_at, new_confirmed_at, created_at, expires_at, ..
        } = change;
        Self { email, only_verifies, current_confirmed_at, new_confirmed_at, created_at, expires_at }
    }
}

impl From<EmailState> for EmailAnswer {
    fn from(state: EmailState) -> Self {
        let EmailState { user, change } = state;
        Self { email: user.email, verified_at: user.email_verified_at, change: change.map(EmailChangeAnswer::from) }
    }
}

/// Your address, whether it is confirmed, and what waits for confirmations.
#[utoipa::path(get, path = "/account/email", operation_id = "account_email",
    responses((status = 200, description = "It.", body = EmailAnswer)))]
pub(crate) async fn get(Known(op, _): Known) -> Answer {
    ok(&EmailAnswer::from(email::email_get(&op).await?))
}

/// An address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailBody {
    /// The address there shall be, or the one there is, to confirm it only.
    email: Email,
}

/// Asks for another address: a link goes to it and one to the address there is, and it changes when both confirmed. Asks
/// for a fresh sign-in. The answer is the same whether somebody has the address already or not.
#[utoipa::path(post, path = "/account/email", operation_id = "account_email_change", request_body = EmailBody,
    responses((status = 202, description = "The mails are on their way.", body = EmailAnswer)))]
pub(crate) async fn change(state: Data<State>, Known(op, _): Known, Json(body): Json<EmailBody>) -> Answer {
    let (mailer, server) = (&state.parts.mailer, state.public_url.as_str());
    let asked = email::email_change_request(&op, mailer, server, body.email).await?;
    Ok(HttpResponse::Accepted().json(EmailAnswer::from(asked)))
}

/// Takes back what you asked for: its links work no more.
#[utoipa::path(delete, path = "/account/email", operation_id = "account_email_withdraw",
    responses((status = 200, description = "Your address as it is.", body = EmailAnswer)))]
pub(crate) async fn withdraw(Known(op, _): Known) -> Answer {
    ok(&EmailAnswer::from(email::email_change_withdraw(&op).await?))
}

/// The token of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailToken {
    /// The part of the link behind `#`.
    #[schema(value_type = String, write_only)]
    token: SecretString,
}

/// What a link is for.
#[derive(Serialize, ToSchema)]
pub(crate) struct EmailOfferAnswer {
    /// Whose link it is: `current`, of the address there is, or `new`.
    side: &'static str,
    /// The address there is.
    current_email: Email,
    /// The change.
    change: EmailChangeAnswer,
}

impl From<EmailOffer> for EmailOfferAnswer {
    fn from(offer: EmailOffer) -> Self {
        Self { side: offer.side.as_str(), current_email: offer.current, change: offer.change.into() }
    }
}

/// What a link is for. Nothing is used up by asking.
#[utoipa::path(post, path = "/email-changes/offer", operation_id = "email_change_offer", request_body = EmailToken,
    responses((status = 200, description = "It.", body = EmailOfferAnswer)))]
pub(crate) async fn offer(Anonymous(op): Anonymous, Json(body): Json<EmailToken>) -> Answer {
    ok(&EmailOfferAnswer::from(email::email_change_offer(&op, body.token).await?))
}

/// What came of confirming.
#[derive(Serialize, ToSchema)]
pub(crate) struct EmailConfirmedAnswer {
    /// Whether it is done; else the other side is waited for.
    done: bool,
    /// The person, with the address they have now.
    user: UserName,
    /// The change.
    change: EmailChangeAnswer,
}

/// Confirms the side the link is of. With the last side that is asked the address changes.
#[utoipa::path(post, path = "/email-changes/confirm", operation_id = "email_change_confirm", request_body = EmailToken,
    responses((status = 200, description = "How it stands.", body = EmailConfirmedAnswer)))]
pub(crate) async fn confirm(state: Data<State>, Anonymous(op): Anonymous, Json(body): Json<EmailToken>) -> Answer {
    let (mailer, server) = (&state.parts.mailer, state.public_url.as_str());
    let done = email::email_change_confirm(&op, mailer, server, body.token).await?;
    let user = UserName { id: done.user.id, email: done.user.email };
    ok(&EmailConfirmedAnswer { done: done.is_done, user, change: done.change.into() })
}

/// Stops a change by the link of either side: nothing changes.
#[utoipa::path(post, path = "/email-changes/cancel", operation_id = "email_change_cancel", request_body = EmailToken,
    responses((status = 200, description = "What was stopped.", body = EmailOfferAnswer)))]
pub(crate) async fn cancel(Anonymous(op): Anonymous, Json(body): Json<EmailToken>) -> Answer {
    ok(&EmailOfferAnswer::from(email::email_change_cancel(&op, body.token).await?))
}

/// Whose address shall become which.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailLinksCreate {
    /// The address there is.
    email: Email,
    /// The address there shall be.
    new_email: Email,
}

/// Links to hand over.
#[derive(Serialize, ToSchema)]
pub(crate) struct EmailLinksAnswer {
    /// For whom.
    user: UserName,
    /// The address they shall have.
    new_email: Email,
    /// Until when they work.
    expires_at: Timestamp,
    /// The link of the side of the address there is, shown this once; not in a replay.
    #[schema(required = false)]
    current_url: String,
    /// The link of the side of the address there shall be, shown this once; not in a replay.
    #[schema(required = false)]
    new_url: String,
}

/// Makes both links of a change, to be handed over. For instance operators who signed in recently. The address counts as
/// not confirmed then: no mail showed whose it is.
#[utoipa::path(post, path = "/instance/email-changes", operation_id = "email_change_links",
    request_body = EmailLinksCreate,
    responses((status = 201, description = "The links.", body = EmailLinksAnswer)))]
pub(crate) async fn links(state: Data<State>, Known(op, _): Known, Json(body): Json<EmailLinksCreate>) -> Answer {
    let made = email::email_change_links(&op, body.email, body.new_email).await?;
    let url = |token: &SecretString| email::link(state.public_url.as_str(), token).expose().clone();
    let mut response = created(&EmailLinksAnswer {
        user: UserName { id: made.user.id, email: made.user.email },
        new_email: made.email,
        expires_at: made.expires_at,
        current_url: url(&made.current),
        new_url: url(&made.new),
    })?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
