//! The page that signs in, in two steps where a second factor is needed: forms that need no script, and a passkey for who
//! has one. Taking them is `http::sign_in`'s work; this shows them, and shows them again with what was wrong.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::assets;
use super::failure::Told;
use super::guest::Bare;
use super::ui;
use super::visitor::{Theme, html, nonce};
use crate::http::api::Answer;
use crate::http::csrf;
use crate::http::error::Problem;
use crate::http::extract::Query;
use crate::orgs::session::SecondStep;

/// Where to go afterwards.
#[derive(Deserialize)]
pub(in crate::http) struct SignInQuery {
    #[serde(default)]
    next: String,
}

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    bare: Bare,
    next: String,
}

/// Its second step.
#[derive(Template)]
#[template(path = "sign_in_second.html")]
struct SecondPage<'a> {
    bare: Bare,
    next: &'a str,
    step: &'a SecondStep,
}

fn bare(req: &HttpRequest, title: &'static str, nonce: String, told: Option<Told>) -> Bare {
    let (style, script) = (assets::url("app.css"), assets::url("passkey.js"));
    Bare { title, theme: Theme::of(req), style, script, nonce, told }
}

/// Shows it.
pub(in crate::http) async fn page(req: HttpRequest, Query(query): Query<SignInQuery>) -> Answer {
    let next = csrf::local_path(&query.next).to_owned();
    let page = SignInPage { bare: bare(&req, "Sign in", nonce()?, None), next };
    html(StatusCode::OK, &page, Some(&page.bare.nonce))
}

/// The page again, after a form that was not taken.
pub(super) fn again(req: &HttpRequest, told: Told, nonce: String) -> Result<String, askama::Error> {
    let next = actix_web::web::Query::<SignInQuery>::from_query(req.query_string());
    let next = next.map(|query| query.into_inner().next).unwrap_or_default();
    let next = csrf::local_path(&next).to_owned();
    SignInPage { bare: bare(req, "Sign in", nonce, Some(told)), next }.render()
}

/// Asks for the second factor.
pub(in crate::http) fn second(
    req: &HttpRequest,
    status: StatusCode,
    next: &str,
    step: &SecondStep,
    problem: Option<&Problem>,
) -> Answer {
    let page = SecondPage { bare: bare(req, "One more step", nonce()?, problem.map(Told::of)), next, step };
    html(status, &page, Some(&page.bare.nonce))
}

/// Where whoever is not signed in is led, and back from.
pub(super) fn address(req: &HttpRequest) -> String {
    let here = req.uri().path_and_query().map_or("/", |here| here.as_str());
    format!("/sign-in?next={}", ui::part(here))
}
