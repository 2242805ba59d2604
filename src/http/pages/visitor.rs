//! Who looks at a page, and what every page is answered with: its policy, its headers, its surroundings.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    LOCATION, REFERER, REFERRER_POLICY, VARY, X_FRAME_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use askama::Template;
use data_encoding::BASE64URL_NOPAD;

use super::assets::RESOURCE_POLICY;
use super::frame::{Frame, Section};
use super::packed::{may_pack, pack};
use crate::auth::{Credential, CredentialKind};
use crate::http::api::Answer;
use crate::http::api::health::Plain;
use crate::http::csrf;
use crate::http::error::Problem;
use crate::http::extract::Known;
use crate::http::state::State;
use crate::keys;
use crate::op::Op;
use crate::orgs::access;

/// The cookie that remembers light or dark.
pub(super) const THEME: &str = "holdfast_theme";
/// What htmx says of its own requests.
const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_HISTORY: HeaderName = HeaderName::from_static("hx-history-restore-request");
/// A window that opened this one cannot reach into it.
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Theme {
    Light,
    Dark,
    #[default]
    System,
}

impl Theme {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::System => "system",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        [Self::Light, Self::Dark].into_iter().find(|t| t.as_str() == text).unwrap_or_default()
    }

    /// What the browser asks for.
    pub(super) fn of(req: &HttpRequest) -> Self {
        req.cookie(THEME).map_or(Self::System, |cookie| Self::parse(cookie.value()))
    }

    /// The cookie that remembers it.
    pub(super) fn cookie(self, is_secure: bool) -> Cookie<'static> {
        Cookie::build(THEME, self.as_str())
            .path("/")
            .same_site(SameSite::Lax)
            .secure(is_secure)
            .http_only(true)
            .max_age(actix_web::cookie::time::Duration::days(365))
            .finish()
    }
}

/// Somebody known who looks at a page.
pub(super) struct Visitor {
    /// Whoever acts.
    pub(super) op: Op,
    /// What every request shares.
    pub(super) state: Data<State>,
    /// Whether only the region is wanted that htmx puts in place.
    pub(super) is_partial: bool,
    /// Where they are: path and query.
    pub(super) here: String,
    /// The token their forms must bring back; empty where no cookie acts for them.
    pub(super) csrf: String,
    theme: Theme,
    nonce: String,
    /// Whether a long answer may be packed.
    may_pack: bool,
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // A change by cookie is refused here: it is taken as a form, which shows its token.
        let known = Known::from_request(req, payload).into_inner();
        ready(known.and_then(|Known(op, credential)| Self::new(req, op, &credential)))
    }
}

impl Visitor {
    /// Whoever was found to ask.
    pub(super) fn new(req: &HttpRequest, op: Op, credential: &Credential) -> Result<Self, Problem> {
        let outside = || Problem::internal("a page was asked for outside of the server");
        let state = req.app_data::<Data<State>>().ok_or_else(outside)?;
        let is_session = credential.kind == CredentialKind::Session;
        Ok(Self {
            csrf: if is_session { csrf::masked(&op, credential)? } else { String::new() },
            op,
            state: Data::clone(state),
            is_partial: is_partial(req),
            here: req.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            theme: Theme::of(req),
            nonce: nonce()?,
            may_pack: may_pack(req),
        })
    }

    /// The surroundings of a page: with a project, its tree in the rail.
    pub(super) async fn frame(
        &self,
        title: impl Into<String>,
        section: Section,
        project: Option<&str>,
    ) -> Result<Frame, Problem> {
        let outline = access::outline(&self.op, project).await?;
        Ok(Frame::new(title.into(), section, self.op.now(), outline).seen_by(self))
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn theme(&self) -> Theme {
        self.theme
    }

    /// The page, or the region of it.
    pub(super) fn show(&self, view: &impl Template) -> Answer {
        self.show_as(StatusCode::OK, view)
    }

    /// The same, with a status of its own: a form that was not taken.
    pub(super) fn show_as(&self, status: StatusCode, view: &impl Template) -> Answer {
        let mut response = html(status, view, Some(&self.nonce))?;
        if self.may_pack && status == StatusCode::OK {
            let mut is_packed = false;
            response = response.map_body(|_, body| match body.try_into_bytes() {
                Ok(text) => match std::str::from_utf8(&text).ok().and_then(pack) {
                    Some(packed) => {
                        is_packed = true;
                        BoxBody::new(packed)
                    }
                    None => BoxBody::new(text),
                },
                Err(body) => body,
            });
            if is_packed {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        Ok(response)
    }

    /// Elsewhere, after something was done.
    pub(super) fn go(to: &str) -> Answer {
        let place = HeaderValue::try_from(to).map_err(|_| Problem::internal("an address has no form as a header"))?;
        Ok(HttpResponse::SeeOther().insert_header((LOCATION, place)).finish())
    }
}

/// Whether only a region is wanted. A page restored from history is wanted whole.
pub(super) fn is_partial(req: &HttpRequest) -> bool {
    req.headers().contains_key(HX_REQUEST) && !req.headers().contains_key(HX_HISTORY)
}

/// The page a request came from, as a path of ours: where to go back to when nothing else says so.
pub(super) fn came_from(req: &HttpRequest) -> String {
    let referer = req.headers().get(REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = referer.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    let path = csrf::local_path(path.unwrap_or("/"));
    if path.starts_with("/step-up") || path.starts_with("/sign-in") { "/".to_owned() } else { path.to_owned() }
}

/// What nobody outside can foresee: scripts and styles that carry it are ours.
pub(super) fn nonce() -> Result<String, Problem> {
    let mut bytes = [0_u8; 18];
    keys::fill_random(&mut bytes)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

/// A page with its headers; without a nonce it runs no script.
pub(super) fn html(status: StatusCode, view: &impl Template, nonce: Option<&str>) -> Answer {
    let text = view.render().map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = HttpResponse::build(status).body(text);
    secure(response.headers_mut(), nonce)?;
    // A form that was not taken is an answer of its own, not a failure to be told in its place.
    response.extensions_mut().insert(Plain);
    Ok(response)
}

/// The headers of every page.
pub(super) fn secure(headers: &mut HeaderMap, nonce: Option<&str>) -> Result<(), Problem> {
    let policy = policy(nonce);
    let policy = HeaderValue::try_from(policy).map_err(|_| Problem::internal("a nonce has no form as a header"))?;
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Nobody else learns where one was; without any, a browser would not say that our own forms are ours.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    Ok(())
}

/// What a page may do: run our scripts, show our styles and icons, speak to us.
fn policy(nonce: Option<&str>) -> String {
    let script = nonce.map_or_else(|| "'none'".to_owned(), |nonce| format!("'nonce-{nonce}'"));
    // The editor makes its own style sheet, under the nonce of the page.
    let style = nonce.map_or_else(String::new, |nonce| format!(" 'nonce-{nonce}'"));
    format!(
        "default-src 'none'; script-src {script}; style-src 'self'{style}; img-src 'self'; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types htmx"
    )
}
