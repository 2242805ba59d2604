//! The page that signs in: a form that needs no script. Taking it is `http::sign_in`'s work; this shows it, and shows it
//! again with what was wrong.

use actix_web::HttpRequest;
use askama::Template;
use serde::Deserialize;

use super::assets;
use super::failure::Told;
use super::ui;
use super::visitor::{Theme, html};
use crate::http::api::Answer;
use crate::http::csrf;
use crate::http::extract::Query;

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
    title: &'static str,
    theme: Theme,
    style: String,
    next: String,
    told: Option<Told>,
}

impl SignInPage {
    fn new(req: &HttpRequest, next: &str, told: Option<Told>) -> Self {
        let next = csrf::local_path(next).to_owned();
        Self { title: "Sign in", theme: Theme::of(req), style: assets::url("app.css"), next, told }
    }
}

/// Shows it.
pub(in crate::http) async fn page(req: HttpRequest, Query(query): Query<SignInQuery>) -> Answer {
    html(actix_web::http::StatusCode::OK, &SignInPage::new(&req, &query.next, None), None)
}

/// The page again, after a form that was not taken.
pub(super) fn again(req: &HttpRequest, told: Told) -> Result<String, askama::Error> {
    let next = actix_web::web::Query::<SignInQuery>::from_query(req.query_string());
    let next = next.map(|query| query.into_inner().next).unwrap_or_default();
    SignInPage::new(req, &next, Some(told)).render()
}

/// Where whoever is not signed in is led, and back from.
pub(super) fn address(req: &HttpRequest) -> String {
    let here = req.uri().path_and_query().map_or("/", |here| here.as_str());
    format!("/sign-in?next={}", ui::part(here))
}
