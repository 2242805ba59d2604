//! A failure as a page, for whoever accepts HTML: what went wrong, what to do, and nothing of what is inside.

use actix_web::HttpRequest;
use actix_web::dev::ResponseHead;
use actix_web::http::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use askama::Template;

use super::assets;
use super::sign_in;
use super::ui;
use super::visitor::{Theme, came_from, is_partial, nonce, secure};
use crate::http::csrf;
use crate::http::error::{Problem, ProblemBody};

const SIGN_IN: &str = "/sign-in";
/// Its second step, which begins anew where it failed for good.
const SECOND: &str = "/sign-in/second";
const SETUP: &str = "/setup";
/// Tells htmx to go elsewhere with the whole page.
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// The page.
#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    title: &'static str,
    theme: Theme,
    style: String,
    /// Where whoever signs in again is led back to.
    here: &'a str,
    told: &'a Told,
}

/// The same, to be put into a page that is there.
#[derive(Template)]
#[template(path = "failure_body.html")]
struct FailureBody<'a> {
    title: &'static str,
    told: &'a Told,
}

/// One of several things wrong.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) detail: String,
}

/// A failure in the words that are shown.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) hint: String,
    pub(super) request_id: String,
    pub(super) items: Vec<Wrong>,
    /// Where whoever signs in again is led back to; empty: where they came from.
    pub(super) back: &'static str,
}

impl Told {
    /// A failure that is shown beside the form that led to it.
    pub(super) fn of(problem: &Problem) -> Self {
        Self::from(problem.body(""))
    }

    /// The same on a page that is the answer to a form: back is where that stands.
    pub(super) fn back_to(self, back: &'static str) -> Self {
        Self { back, ..self }
    }
}

impl From<ProblemBody> for Told {
    fn from(body: ProblemBody) -> Self {
        let (status, code, detail, hint, request_id, errors) = body.into_parts();
        let items = errors.into_iter().map(|(field, detail)| Wrong { field, detail });
        Self { status, code, detail, hint, request_id, items: items.collect(), back: "" }
    }
}

/// Whether a failure of this request is told as a page.
pub(crate) fn wants_page(req: &HttpRequest) -> bool {
    let path = req.path();
    let is_page = !path.starts_with("/api/") && !path.starts_with("/assets/");
    let accepts = |v: &HeaderValue| v.to_str().is_ok_and(|text| text.contains("text/html"));
    is_page && (req.headers().get(ACCEPT).is_some_and(accepts) || is_partial(req))
}

/// A failure as whoever looks at pages is told it: whoever is not signed in is led to where one signs in.
pub(crate) fn page(req: &HttpRequest, problem: &Problem, request_id: &str, head: &mut ResponseHead) -> Vec<u8> {
    let told = Told::from(problem.body(request_id));
    let is_form = matches!(req.path(), SIGN_IN | SECOND);
    // A bearer token that is not good is told so: nobody signs in with a page for it.
    let is_nobody = told.status == 401 && !req.headers().contains_key(AUTHORIZATION);
    let is_look = csrf::is_safe(req.method()) || is_partial(req);
    if told.code == "setup_required" && is_look {
        return lead(req, head, SETUP);
    }
    if is_nobody && is_look && !is_form {
        return lead(req, head, SIGN_IN);
    }
    let title = title(problem.status(), &told.code);
    let nonce = if is_form { nonce().ok() } else { None };
    let text = if is_form && req.method() == Method::POST {
        sign_in::again(req, told.clone(), nonce.clone().unwrap_or_default())
    } else if is_partial(req) {
        FailureBody { title, told: &told }.render()
    } else {
        let here = if csrf::is_safe(req.method()) { req.path().to_owned() } else { came_from(req) };
        FailurePage { title, theme: Theme::of(req), style: assets::url("app.css"), here: &here, told: &told }.render()
    };
    // Letters and digits only: the policy has a form as a header.
    let _always = secure(&mut head.headers, nonce.as_deref());
    text.unwrap_or_else(|_| told.detail.clone()).into_bytes()
}

/// Leads to the page that signs in, and back from there: to the page one was at, for a region of it. Before there is
/// an owner, to the page that makes one.
fn lead(req: &HttpRequest, head: &mut ResponseHead, to: &'static str) -> Vec<u8> {
    let _always = secure(&mut head.headers, None);
    head.headers.remove(WWW_AUTHENTICATE);
    if is_partial(req) {
        head.headers.insert(HX_REDIRECT, HeaderValue::from_static(to));
        return Vec::new();
    }
    let place = if to == SIGN_IN { sign_in::address(req) } else { to.to_owned() };
    if let Ok(place) = HeaderValue::try_from(place) {
        head.status = StatusCode::SEE_OTHER;
        head.headers.insert(LOCATION, place);
    }
    Vec::new()
}

fn title(status: StatusCode, code: &str) -> &'static str {
    match (status.as_u16(), code) {
        (_, "setup_required") => "This instance has no owner yet",
        (_, "step_up_required") => "Sign in again for this",
        (401, _) => "Sign in to see this",
        (403, _) => "You may not do this",
        (404, _) => "There is nothing here",
        (405, _) => "This is not done here",
        (409 | 412, _) => "This has changed meanwhile",
        (413, _) => "This is too large",
        (429, _) => "Too many requests",
        (503, _) => "Not available at the moment",
        (507, _) => "The disk is full",
        (500.., _) => "Something failed inside",
        _ => "This cannot be done as it was asked",
    }
}
