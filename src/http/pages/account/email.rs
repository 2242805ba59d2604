//! The address of the account: confirming it, and asking for another.

use serde::Deserialize;

use super::{is_shown, show_typed};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::pages::form::Form;
use crate::http::pages::visitor::Visitor;
use crate::http::pages::welcome::Nothing;
use crate::orgs::email;
use crate::types::Email;

/// The address there shall be, or the one there is.
#[derive(Deserialize)]
pub(in crate::http::pages) struct EmailForm {
    #[serde(default)]
    email: String,
}

/// Asks for it.
pub(in crate::http::pages) async fn change(Form(visitor, form): Form<EmailForm>) -> Answer {
    let (mailer, server) = (&visitor.state.parts.mailer, visitor.state.public_url.as_str());
    let asked = match Email::parse(&form.email) {
        Ok(address) => email::email_change_request(&visitor.op, mailer, server, address).await.map_err(Problem::from),
        Err(error) => Err(Problem::from(error).field("email", "email_invalid")),
    };
    match asked {
        Ok(state) if state.change.as_ref().is_some_and(|change| change.only_verifies) => {
            Visitor::go("/account?done=email-verify#email")
        }
        Ok(_) => Visitor::go("/account?done=email#email"),
        Err(problem) if is_shown(&problem) => show_typed(&visitor, None, Some(&problem), form.email).await,
        Err(problem) => Err(problem),
    }
}

/// Takes it back.
pub(in crate::http::pages) async fn withdraw(Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    email::email_change_withdraw(&visitor.op).await?;
    Visitor::go("/account?done=email-withdrawn#email")
}
