//! What the link of a mail about an address opens: first what it would do, then two buttons. Opening it does nothing, so
//! neither does a program that opens links before people do.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use askama::Template;
use serde::Deserialize;

use super::{Bare, is_shown, show, taken, token_of};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::pages::ui;
use crate::http::state::State;
use crate::op::Op;
use crate::orgs::email::{self, EmailConfirmed, EmailOffer, Side};
use crate::types::{SecretString, Timestamp};

/// A link, and what to do with it.
#[derive(Deserialize)]
pub(in crate::http::pages) struct EmailForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    act: Act,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    #[default]
    Look,
    Confirm,
    Stop,
}

/// How far it is.
enum Step {
    /// The link is asked for.
    Ask,
    /// What it is for; the token goes on in the form.
    Look(Box<EmailOffer>, SecretString),
    /// What came of confirming.
    Confirmed(Box<EmailConfirmed>),
    /// It was stopped.
    Stopped(Box<EmailOffer>),
}

#[derive(Template)]
#[template(path = "email.html")]
struct EmailPage {
    bare: Bare,
    step: Step,
    now: Timestamp,
}

impl EmailPage {
    /// Whether the side of this link confirmed before.
    fn is_confirmed(offer: &EmailOffer) -> bool {
        offer.change.confirmed_at(offer.side).is_some()
    }

    fn is_current(offer: &EmailOffer) -> bool {
        offer.side == Side::Current
    }

    /// Whether it is the side of the address there is that is waited for.
    fn waits_for_current(done: &EmailConfirmed) -> bool {
        done.change.current_confirmed_at.is_none()
    }
}

/// The form that takes the link.
pub(in crate::http::pages) async fn page(state: Data<State>, req: HttpRequest) -> Answer {
    let now = state.parts.core.clock.now();
    show_step(&req, StatusCode::OK, Step::Ask, now, None)
}

fn show_step(req: &HttpRequest, status: StatusCode, step: Step, now: Timestamp, problem: Option<&Problem>) -> Answer {
    let title = match &step {
        Step::Ask => "Your e-mail address",
        Step::Look(offer, _) if offer.change.only_verifies => "Confirm your e-mail address",
        Step::Look(..) => "Change of an e-mail address",
        Step::Confirmed(done) if !done.is_done => "Confirmed",
        Step::Confirmed(done) if done.change.only_verifies => "Address confirmed",
        Step::Confirmed(_) => "Address changed",
        Step::Stopped(_) => "Stopped",
    };
    let page = EmailPage { bare: Bare::new(req, title, problem)?, step, now };
    show(status, &page, &page.bare.nonce)
}

/// Shows what the link is for, or does it, or stops it.
pub(in crate::http::pages) async fn submit(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    let ((op, _), form) = taken::<EmailForm>(&state, &req, payload).await?;
    match step(&state, &op, form).await {
        Ok(step) => show_step(&req, StatusCode::OK, step, op.now(), None),
        Err(problem) if is_shown(&problem) => show_step(&req, problem.status(), Step::Ask, op.now(), Some(&problem)),
        Err(problem) => Err(problem),
    }
}

async fn step(state: &State, op: &Op, form: EmailForm) -> Result<Step, Problem> {
    let token = || token_of(&form.token);
    Ok(match form.act {
        Act::Look => Step::Look(Box::new(email::email_change_offer(op, token()).await?), token()),
        Act::Confirm => {
            let (mailer, server) = (&state.parts.mailer, state.public_url.as_str());
            Step::Confirmed(Box::new(email::email_change_confirm(op, mailer, server, token()).await?))
        }
        Act::Stop => Step::Stopped(Box::new(email::email_change_cancel(op, token()).await?)),
    })
}
