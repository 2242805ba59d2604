//! Signing in and out with a browser: `POST /sign-in`, its second step and passkeys below it, and `POST /sign-out`.
//!
//! They are no part of the API: a program signs in with `POST /api/v1/sessions` and gets a token; here a cookie is set
//! that no script can read. A form is answered by a redirect to a path of ours, JSON by JSON. What signs in has no
//! session whose token it could show, so where the request comes from must be told and be here: else another site could
//! sign somebody in as somebody else.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, LOCATION};
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::api::Answer;
use super::api::account::AskedAnswer;
use super::api::setup::{CredentialName, OrganizationName, UserName};
use super::error::Problem;
use super::extract::{Caller, collect};
use super::routes::{Routes, at};
use super::state::State;
use super::{cookie, csrf, pages, proxy};
use crate::auth::CredentialKind;
use crate::auth::passkey::Answered;
use crate::op::Op;
use crate::orgs::session::{self, First, Gives, NotIn, Second, SecondProof, SignIn, SignedIn};
use crate::types::{Email, Id, SecretString, kinds};

/// Takes away what a browser kept of pages and storage.
pub(super) const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
/// What is to be taken away at the end of a session.
pub(super) const KEPT_DATA: &str = "\"cache\", \"storage\"";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// The routes.
pub(super) fn sign_in_routes(app: &mut Routes) {
    app.service(at("/sign-in").get(pages::sign_in::page).post(sign_in).done());
    app.service(at("/sign-in/second").post(second).done());
    app.service(at("/sign-in/passkey").post(passkey).done());
    app.service(at("/sign-in/passkey/begin").post(passkey_begin).done());
    app.service(at("/sign-out").post(sign_out).done());
}

/// What somebody says who signs in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    email: Email,
    password: SecretString,
    /// A code of their authenticator, or a recovery code.
    code: Option<SecretString>,
    organization: Option<String>,
    /// Where to go then, a path of this server.
    next: Option<String>,
}

/// Who is signed in, and what their page shows with what it changes.
#[derive(Serialize)]
struct SignedInBody {
    user: UserName,
    organization: OrganizationName,
    credential: CredentialName,
    csrf_token: String,
}

/// How a body is written, and how it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Urlencoded,
    Json,
}

async fn sign_in(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    csrf::same_origin(&state, &req)?;
    let (body, form) = body::<SignInBody>(&req, payload).await?;
    if form == Form::Urlencoded && !csrf::has_origin(&req) {
        let problem =
            Problem::new(StatusCode::FORBIDDEN, "cross_site_request", "the form does not say where it is from");
        return Err(problem.hint("use a browser of today, or send JSON"));
    }
    let (op, previous) = asking(&req)?;
    let life = state.parts.settings.sessions.absolute;
    let organization = body.organization.filter(|name| !name.is_empty());
    let gives = Gives::Session { life, previous };
    let code = body.code.filter(|code| !code.expose().is_empty());
    let wish = SignIn { email: body.email, password: body.password, code, organization, gives };
    let secure = proxy::is_secure(&state, &req);
    if form == Form::Urlencoded {
        let next = body.next.as_deref().map_or("/", csrf::local_path);
        return match session::sign_in_first(&op, &state.parts.passwords, &state.tickets, wish).await? {
            First::In(done) => Ok(enter(&state, &req, &done, next)),
            First::Second(step) => pages::sign_in::second(&req, StatusCode::OK, next, &step, None),
        };
    }
    let done = session::sign_in(&op, &state.parts.passwords, wish).await?;
    let cookie = cookie::set(secure, &done.minted.token, life);
    let organization =
        OrganizationName { id: done.organization.id, slug: done.organization.slug, name: done.organization.name };
    let csrf_token = csrf::token(&op, &done.minted.credential);
    let user = UserName { id: done.user.id, email: done.user.email };
    let credential = CredentialName::from(done.minted.credential);
    let mut answer = HttpResponse::Ok();
    answer.cookie(cookie);
    remember(&mut answer, &state, &req, done.device.as_ref());
    Ok(answer.json(SignedInBody { user, organization, credential, csrf_token }))
}

/// Elsewhere, with the session in a cookie.
fn enter(state: &State, req: &HttpRequest, done: &SignedIn, next: &str) -> HttpResponse {
    let cookie = cookie::set(proxy::is_secure(state, req), &done.minted.token, state.parts.settings.sessions.absolute);
    let mut answer = see_other(next);
    answer.cookie(cookie);
    remember(&mut answer, state, req, done.device.as_ref());
    answer.finish()
}

/// Makes the browser one that is known.
pub(super) fn remember(
    answer: &mut HttpResponseBuilder,
    state: &State,
    req: &HttpRequest,
    device: Option<&SecretString>,
) {
    if let Some(device) = device {
        answer.cookie(cookie::remember(proxy::is_secure(state, req), device));
    }
}

/// What somebody says in the second step.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondBody {
    ticket: SecretString,
    code: SecretString,
    /// Where to go then, a path of this server.
    next: Option<String>,
}

async fn second(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    from_here(&state, &req)?;
    let (body, _) = body::<SecondBody>(&req, payload).await?;
    let (op, previous) = asking(&req)?;
    let next = body.next.as_deref().map_or("/", csrf::local_path);
    let life = state.parts.settings.sessions.absolute;
    let shown = SecondProof::Code(body.code);
    let wish = Second { ticket: body.ticket, shown, life, previous };
    match session::sign_in_second(&op, state.passkeys.as_ref(), &state.tickets, wish).await {
        Ok(done) => Ok(enter(&state, &req, &done, next)),
        Err(NotIn { error, again: Some(step) }) => {
            let problem = Problem::from(error);
            pages::sign_in::second(&req, problem.status(), next, &step, Some(&problem))
        }
        Err(NotIn { error, again: None }) => Err(error.into()),
    }
}

/// Whose passkey is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasskeyBegin {
    /// What stands for a first step; anybody's without.
    ticket: Option<SecretString>,
}

async fn passkey_begin(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    from_here(&state, &req)?;
    let (body, _) = body::<PasskeyBegin>(&req, payload).await?;
    let (op, _) = asking(&req)?;
    let ticket = body.ticket.filter(|ticket| !ticket.expose().is_empty());
    let asked = session::passkey_ask(&op, state.passkeys()?, &state.tickets, ticket).await?;
    Ok(HttpResponse::Ok().json(AskedAnswer::from(asked)))
}

/// The passkey the browser answered with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasskeyBody {
    ceremony: SecretString,
    credential: serde_json::Value,
    /// What stands for a first step; with none the passkey is all there is.
    ticket: Option<SecretString>,
    organization: Option<String>,
    next: Option<String>,
}

/// Where a script goes on.
#[derive(Serialize)]
struct EnteredBody<'a> {
    next: &'a str,
}

async fn passkey(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    from_here(&state, &req)?;
    let (body, _) = body::<PasskeyBody>(&req, payload).await?;
    let (op, previous) = asking(&req)?;
    let life = state.parts.settings.sessions.absolute;
    let answered = Answered { ceremony: body.ceremony, credential: body.credential };
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let done = match body.ticket.filter(|ticket| !ticket.expose().is_empty()) {
        None => {
            let organization = filled(body.organization);
            session::passkey_sign_in(&op, state.passkeys()?, answered, organization, (life, previous)).await?
        }
        Some(ticket) => {
            let wish = Second { ticket, shown: SecondProof::Passkey(answered), life, previous };
            let done = session::sign_in_second(&op, state.passkeys.as_ref(), &state.tickets, wish).await;
            done.map_err(|not| not.error)?
        }
    };
    let next = body.next.as_deref().map_or("/", csrf::local_path);
    let cookie = cookie::set(proxy::is_secure(&state, &req), &done.minted.token, life);
    let mut answer = HttpResponse::Ok();
    answer.cookie(cookie);
    remember(&mut answer, &state, &req, done.device.as_ref());
    Ok(answer.json(EnteredBody { next }))
}

/// Whoever has no session yet must say where they come from: from a page of ours.
fn from_here(state: &State, req: &HttpRequest) -> Result<(), Problem> {
    csrf::same_origin(state, req)?;
    if csrf::has_origin(req) {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::FORBIDDEN, "cross_site_request", "the form does not say where it is from");
    Err(problem.hint("use a browser of today"))
}

/// What a page's form says that signs out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignOutBody {
    csrf_token: String,
}

async fn sign_out(state: Data<State>, req: HttpRequest, payload: Payload) -> Answer {
    let (body, _) = body::<SignOutBody>(&req, payload).await?;
    let (op, _) = csrf::proven(&req, &body.csrf_token)?;
    session::session_end(&op).await?;
    let mut answer = see_other("/sign-in");
    answer.insert_header((CLEAR_SITE_DATA, KEPT_DATA)).cookie(cookie::clear(proxy::is_secure(&state, &req)));
    Ok(answer.finish())
}

/// Nobody yet, and the session there was in this browser.
pub(super) fn asking(req: &HttpRequest) -> Result<(Op, Option<Id<kinds::Credential>>), Problem> {
    match req.extensions_mut().remove::<Caller>() {
        Some(Caller::Known(op, credential) | Caller::Unproven(op, credential)) => {
            let is_session = credential.kind == CredentialKind::Session;
            Ok((op.as_nobody(), is_session.then_some(credential.id)))
        }
        Some(Caller::Anonymous(op) | Caller::Lapsed(op, _)) => Ok((op, None)),
        Some(Caller::Refused(problem)) => Err(problem),
        None => Err(Problem::internal("a handler ran outside of the middleware")),
    }
}

fn see_other(path: &str) -> HttpResponseBuilder {
    let mut builder = HttpResponse::SeeOther();
    builder.insert_header((LOCATION, path));
    builder
}

async fn body<T: DeserializeOwned>(req: &HttpRequest, payload: Payload) -> Result<(T, Form), Problem> {
    let form = match req.content_type().trim() {
        kind if kind.eq_ignore_ascii_case(FORM) => Form::Urlencoded,
        kind if kind.eq_ignore_ascii_case(JSON) => Form::Json,
        _ => {
            let detail = "the body must be a form or JSON";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        }
    };
    let bytes = collect(req, &mut payload.into_inner()).await?;
    let unreadable = || Problem::invalid("body_invalid", "a field is missing, doubled, unknown or of the wrong form");
    let read = match form {
        Form::Json => serde_json::from_slice(&bytes).map_err(|_| unreadable())?,
        Form::Urlencoded => {
            let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
            web::Query::<T>::from_query(text).map_err(|_| unreadable())?.into_inner()
        }
    };
    Ok((read, form))
}
