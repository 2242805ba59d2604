//! Showing again who one is, for what asks for a fresh sign-in; then back to where it was asked.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;
use serde::{Deserialize, Serialize};

use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor, came_from};
use crate::auth::factor::Factors;
use crate::auth::passkey::Answered;
use crate::http::api::Answer;
use crate::http::csrf;
use crate::http::error::Problem;
use crate::http::extract::{Json, Known, Query};
use crate::http::state::State;
use crate::orgs::session::{self, Proof};
use crate::types::SecretString;

/// Where to go afterwards.
#[derive(Deserialize)]
pub(super) struct StepUpQuery {
    #[serde(default)]
    next: String,
}

/// What shows who one is.
#[derive(Deserialize)]
pub(super) struct StepUpForm {
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// The page.
#[derive(Template)]
#[template(path = "step_up.html")]
struct StepUpPage {
    frame: Frame,
    next: String,
    factors: Factors,
    has_passkeys: bool,
    passkey_script: String,
    told: Option<Told>,
}

/// Asks for it.
pub(super) async fn page(req: HttpRequest, visitor: Visitor, Query(query): Query<StepUpQuery>) -> Answer {
    let next = if query.next.is_empty() { came_from(&req) } else { csrf::local_path(&query.next).to_owned() };
    show(&visitor, next, None).await
}

async fn show(visitor: &Visitor, next: String, problem: Option<&Problem>) -> Answer {
    let factors = session::factor_list(&visitor.op).await?;
    let frame = visitor.frame("Sign in again", Section::Account, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Sign in again", "/step-up").help("sign-in");
    let has_passkeys = visitor.state.passkeys.is_some() && factors.passkeys > 0;
    let passkey_script = super::assets::url("passkey.js");
    let page = StepUpPage { frame, next, factors, has_passkeys, passkey_script, told: problem.map(Told::of) };
    visitor.show_as(problem.map_or(StatusCode::OK, Problem::status), &page)
}

/// Takes a password or a code.
pub(super) async fn submit(Form(visitor, form): Form<StepUpForm>) -> Answer {
    let next = csrf::local_path(&form.next).to_owned();
    let proof = match filled(&form.code) {
        Some(code) => Proof::Code(SecretString::new(code)),
        None => Proof::Password(SecretString::new(form.password)),
    };
    let passwords = &visitor.state.parts.passwords;
    match session::step_up(&visitor.op, passwords, None, proof).await.map_err(Problem::from) {
        Ok(_) => Visitor::go(&next),
        Err(problem) if matches!(problem.status().as_u16(), 400 | 401 | 403 | 429) => {
            show(&visitor, next, Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

/// The passkey the browser answered with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasskeyBody {
    ceremony: SecretString,
    credential: serde_json::Value,
    #[serde(default)]
    next: String,
}

/// Where a script goes on.
#[derive(Serialize)]
struct Next<'a> {
    next: &'a str,
}

/// Takes a passkey.
pub(super) async fn passkey(state: Data<State>, Known(op, _): Known, Json(body): Json<PasskeyBody>) -> Answer {
    let answered = Answered { ceremony: body.ceremony, credential: body.credential };
    let passwords = &state.parts.passwords;
    session::step_up(&op, passwords, state.passkeys.as_deref(), Proof::Passkey(answered)).await?;
    Ok(HttpResponse::Ok().json(Next { next: csrf::local_path(&body.next) }))
}
