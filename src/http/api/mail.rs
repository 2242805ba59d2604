//! The instance's mail.

use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, ok};
use crate::governance;
use crate::http::extract::Known;
use crate::http::state::State;
use crate::types::Email;

/// How the instance sends mail.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailAnswer {
    /// Whether an SMTP server is configured. Without one, links are handed over.
    configured: bool,
    /// The address mails come from.
    from: Option<Email>,
}

/// A mail that was taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailTested {
    /// Where it went: your own address.
    sent_to: Email,
}

/// How the instance sends mail.
#[utoipa::path(get, path = "/instance/mail", operation_id = "mail_get",
    responses((status = 200, description = "The configuration.", body = MailAnswer)))]
pub(crate) async fn get(state: Data<State>, Known(_, _): Known) -> Answer {
    let from = state.parts.settings.mail.as_ref().map(|mail| mail.from.clone());
    ok(&MailAnswer { configured: state.parts.mailer.is_configured(), from })
}

/// Sends a mail to your own address, and answers when the SMTP server took it. For instance operators.
#[utoipa::path(post, path = "/instance/mail/test", operation_id = "mail_test",
    responses((status = 200, description = "The SMTP server took it.", body = MailTested)))]
pub(crate) async fn test(state: Data<State>, Known(op, _): Known) -> Answer {
    let sent_to = governance::mail_test(&op, &state.parts.mailer, state.public_url.as_str()).await?;
    ok(&MailTested { sent_to })
}
