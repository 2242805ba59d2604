//! Pages for who is not signed in: the first owner, a guest with an invitation, somebody who forgot a password.
//!
//! What opens them is a token: behind `#` in the link, which browsers send to nobody, and put into a field by the only
//! script they have; without it the link is pasted there. A token and a password are never shown again.

pub(super) mod email;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::assets;
use super::failure::Told;
use super::ui;
use super::visitor::{Theme, html, nonce};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::collect;
use crate::http::state::State;
use crate::http::{cookie, csrf, proxy, sign_in};
use crate::op::Op;
use crate::orgs::invitation::{self, Accept};
use crate::orgs::reset;
use crate::orgs::session::{self, Gives, SignIn, SignedIn};
use crate::orgs::setup::{self, Redeem};
use crate::types::{Email, Id, SecretString, Slug, kinds};

/// Where the first owner goes on.
const WELCOME: &str = "/welcome";

/// What every page of a guest is made of.
pub(super) struct Bare {
    pub(super) title: &'static str,
    pub(super) theme: Theme,
    pub(super) style: String,
    pub(super) script: String,
    pub(super) nonce: String,
    pub(super) told: Option<Told>,
}

impl Bare {
    fn new(req: &HttpRequest, title: &'static str, problem: Option<&Problem>) -> Result<Self, Problem> {
        let script = assets::url("guest.js");
        let (theme, style) = (Theme::of(req), assets::url("app.css"));
        Ok(Self { title, theme, style, script, nonce: nonce()?, told: problem.map(Told::of) })
    }
}

fn show(status: StatusCode, view: &impl Template, nonce: &str) -> Answer {
    html(status, view, Some(nonce))
}

/// Nobody yet, and the session there was in this browser.
type Asking = (Op, Option<Id<kinds::Credential>>);

/// Whoever sends a form, and its fields: of our own page, as the browser says.
async fn taken<T: DeserializeOwned>(
    state: &State,
    req: &HttpRequest,
    payload: Payload,
) -> Result<(Asking, T), Problem> {
    csrf::same_origin(state, req)?;
    if !csrf::has_origin(req) {
        let detail = "the form does not say where it is from";
        return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site_request", detail).hint("use a browser of today"));
    }
    let body = collect(req, &mut payload.into_inner()).await?;
    let unreadable = || Problem::invalid("form_invalid", "a field of the form is missing or of the wrong kind");
    let text = std::str::from_utf8(&body).map_err(|_| unreadable())?;
    let read = web::Query::<T>::from_query(text).map_err(|_| unreadable())?.into_inner();
    Ok((sign_in::asking(req)?, read))
}

/// The token in what was pasted: all behind `#`, or the text itself.
fn token_of(link: &str) -> SecretString {
    let text = link.trim();
    SecretString::new(text.rsplit_once('#').map_or(text, |(_, token)| token).to_owned())
}

/// Elsewhere, with a session in the browser.
fn enter(
    state: &State,
    req: &HttpRequest,
    (token, device): (&SecretString, Option<&SecretString>),
    to: &str,
) -> HttpResponse {
    let life = state.parts.settings.sessions.absolute;
    let cookie = cookie::set(proxy::is_secure(state, req), token, life);
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((LOCATION, to)).cookie(cookie);
    sign_in::remember(&mut answer, state, req, device);
    answer.finish()
}

/// Shown beside the form it came from; anything else is a page of its own.
fn is_shown(problem: &Problem) -> bool {
    matches!(problem.status().as_u16(), 400 | 401 | 409 | 422)
}

/// What the first owner types.
#[derive(Default, Deserialize)]
pub(super) struct SetupForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    organization: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    bare: Bare,
    organization: String,
    name: String,
    email: String,
}

/// The form of the first owner; on an instance that has one, the way in.
pub(super) async fn setup(state: Data<State>, req: HttpRequest) -> Answer {
    if state.is_set_up()? {
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/")).finish());
    }
    show_setup(&req, StatusCode::OK, &SetupForm::default(), None)
}

fn show_setup(req: &HttpRequest, status: StatusCode, form: &SetupForm, problem: Option<&Problem>) -> Answer {
    let bare = Bare::new(req, "Set up Holdfast", problem)?;
    let (organization, name, email) = (form.organization.clone(), form.name.clone(), form.email.clone());
    let page = SetupPage { bare, organization, name, email };
    show(status, &page, &page.bare.nonce)
}

/// Makes the owner and the organization, and signs the owner in.
pub(super) async fn setup_submit(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    let ((op, _), form) = taken::<SetupForm>(&state, &req, payload).await?;
    match redeem(&state, &op, &form).await {
        Ok(token) => Ok(enter(&state, &req, (&token, None), WELCOME)),
        Err(problem) if is_shown(&problem) => show_setup(&req, problem.status(), &form, Some(&problem)),
        Err(problem) => Err(problem),
    }
}

async fn redeem(state: &State, op: &Op, form: &SetupForm) -> Result<SecretString, Problem> {
    let organization = Slug::parse(form.organization.trim());
    let wish = Redeem {
        token: token_of(&form.token),
        organization: organization.map_err(|e| Problem::from(e).field("organization", "slug_invalid"))?,
        organization_name: super::form::filled(&form.name),
        email: Email::parse(&form.email).map_err(|e| Problem::from(e).field("email", "email_invalid"))?,
        password: SecretString::new(form.password.clone()),
        session: Some(state.parts.settings.sessions.absolute),
    };
    let done = setup::redeem(op, &state.parts.passwords, wish).await?;
    Ok(SecretString::new(done.minted.token.expose().clone()))
}

/// What a guest types.
#[derive(Default, Deserialize)]
pub(super) struct JoinForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage {
    bare: Bare,
    name: String,
}

/// The form that accepts an invitation.
pub(super) async fn join(req: HttpRequest) -> Answer {
    show_join(&req, StatusCode::OK, &JoinForm::default(), None)
}

fn show_join(req: &HttpRequest, status: StatusCode, form: &JoinForm, problem: Option<&Problem>) -> Answer {
    let page = JoinPage { bare: Bare::new(req, "Accept an invitation", problem)?, name: form.name.clone() };
    show(status, &page, &page.bare.nonce)
}

/// Joins, and signs in to the organization.
pub(super) async fn join_submit(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    let (asking, form) = taken::<JoinForm>(&state, &req, payload).await?;
    match accept(&state, asking, &form).await {
        Ok(Some(done)) => Ok(enter(&state, &req, (&done.minted.token, done.device.as_ref()), "/")),
        Ok(None) => Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/sign-in")).finish()),
        Err(problem) if is_shown(&problem) => show_join(&req, problem.status(), &form, Some(&problem)),
        Err(problem) => Err(problem),
    }
}

async fn accept(state: &State, (op, previous): Asking, form: &JoinForm) -> Result<Option<SignedIn>, Problem> {
    let password = || SecretString::new(form.password.clone());
    let accept =
        Accept { token: token_of(&form.token), name: super::form::filled(&form.name), password: Some(password()) };
    let joined = invitation::invitation_accept(&op, &state.parts.passwords, accept).await?;
    let life = state.parts.settings.sessions.absolute;
    let wish = SignIn {
        email: joined.user.email,
        password: password(),
        organization: Some(joined.organization.id.to_string()),
        code: None,
        gives: Gives::Session { life, previous },
    };
    // Joined they are; whom a second factor is asked of signs in on the page that asks.
    Ok(session::sign_in(&op, &state.parts.passwords, wish).await.ok())
}

/// Who forgot their password.
#[derive(Deserialize)]
pub(super) struct ForgotForm {
    #[serde(default)]
    email: String,
}

#[derive(Template)]
#[template(path = "forgot.html")]
struct ForgotPage {
    bare: Bare,
    email: String,
    is_sent: bool,
    has_mail: bool,
}

/// The form that asks for a link.
pub(super) async fn forgot(state: Data<State>, req: HttpRequest) -> Answer {
    show_forgot(&state, &req, StatusCode::OK, String::new(), (false, None))
}

fn show_forgot(
    state: &State,
    req: &HttpRequest,
    status: StatusCode,
    email: String,
    (is_sent, problem): (bool, Option<&Problem>),
) -> Answer {
    let bare = Bare::new(req, "Forgotten password", problem)?;
    let page = ForgotPage { bare, email, is_sent, has_mail: state.parts.mailer.is_configured() };
    show(status, &page, &page.bare.nonce)
}

/// Mails a link, if somebody has the address; says the same if nobody has.
pub(super) async fn forgot_submit(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    let ((op, _), form) = taken::<ForgotForm>(&state, &req, payload).await?;
    let asked = match Email::parse(&form.email) {
        Ok(email) => {
            let asked = reset::reset_request(&op, &state.parts.mailer, state.public_url.as_str(), email).await;
            asked.map_err(Problem::from)
        }
        Err(error) => Err(Problem::from(error).field("email", "email_invalid")),
    };
    match asked {
        Ok(()) => show_forgot(&state, &req, StatusCode::OK, form.email, (true, None)),
        Err(problem) if is_shown(&problem) => {
            show_forgot(&state, &req, problem.status(), form.email, (false, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// A link and a new password.
#[derive(Default, Deserialize)]
pub(super) struct ResetForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    password: String,
}

#[derive(Template)]
#[template(path = "reset.html")]
struct ResetPage {
    bare: Bare,
}

/// The form of a new password.
pub(super) async fn reset_form(req: HttpRequest) -> Answer {
    show_reset(&req, StatusCode::OK, None)
}

fn show_reset(req: &HttpRequest, status: StatusCode, problem: Option<&Problem>) -> Answer {
    let page = ResetPage { bare: Bare::new(req, "Set a new password", problem)? };
    show(status, &page, &page.bare.nonce)
}

/// Sets it; one signs in with it then, with a second factor where there is one.
pub(super) async fn reset_submit(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    let ((op, _), form) = taken::<ResetForm>(&state, &req, payload).await?;
    let (parts, server) = (&state.parts, state.public_url.as_str());
    let password = SecretString::new(form.password);
    let done =
        reset::reset_complete(&op, &parts.passwords, &parts.mailer, server, token_of(&form.token), password).await;
    match done.map_err(Problem::from) {
        Ok(_) => Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/sign-in")).finish()),
        Err(problem) if is_shown(&problem) => show_reset(&req, problem.status(), Some(&problem)),
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_its_token_is_taken() {
        for text in ["http://localhost:8420/setup#hf_set_a", " hf_set_a\n"] {
            assert_eq!(token_of(text).expose(), "hf_set_a");
        }
    }
}
