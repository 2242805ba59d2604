//! What a form sends: read like any body, within limits, and only from our own pages.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::visitor::Visitor;
use crate::http::csrf;
use crate::http::error::Problem;
use crate::http::extract::collect;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORM: &str = "application/x-www-form-urlencoded";

/// What shows that a form is of a page that whoever holds the cookie was given. A bearer token needs none: no browser
/// sends one by itself.
#[derive(Default, Deserialize)]
struct Token {
    #[serde(default)]
    csrf_token: String,
}

/// Whoever sent a form, and its fields. A field more than the type names is not looked at: every form carries
/// `csrf_token`.
pub(super) struct Form<T>(pub(super) Visitor, pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            require_own(&req)?;
            let body = collect(&req, &mut payload).await?;
            let text = std::str::from_utf8(&body)
                .map_err(|_| Problem::invalid("encoding_invalid", "the form holds bytes that are no text"))?;
            let Token { csrf_token } = read(text)?;
            let (op, credential) = csrf::proven(&req, &csrf_token)?;
            Ok(Self(Visitor::new(&req, op, &credential)?, read(text)?))
        })
    }
}

/// Only pages of ours send forms: the browser says where a request comes from, and nobody can make it lie.
fn require_own(req: &HttpRequest) -> Result<(), Problem> {
    let elsewhere = |site: &HeaderValue| !matches!(site.as_bytes(), b"same-origin" | b"none");
    if req.headers().get(FETCH_SITE).is_some_and(elsewhere) {
        let detail = "this request was sent by a page of another site";
        return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site_request", detail).hint("open the page here"));
    }
    if req.content_type() == FORM {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "the body must be a form");
    Err(problem.hint(format!("send `Content-Type: {FORM}`")))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    web::Query::<T>::from_query(text).map(web::Query::into_inner).map_err(|error| {
        // serde's message may repeat what was typed; only the field is named.
        let message = error.to_string();
        let field = message.split('`').nth(1).filter(|_| message.contains("field")).unwrap_or_default();
        let field: String = field.chars().filter(|c| !c.is_control()).take(64).collect();
        let problem = Problem::invalid("form_invalid", "a field of the form is missing or of the wrong kind");
        if field.is_empty() { problem } else { problem.field(field, "form_invalid") }
    })
}

/// What was typed; nothing where the field was left empty.
pub(super) fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The tags of a field, which commas or spaces separate.
pub(super) fn tags(text: &str) -> Vec<String> {
    text.split([',', ' ']).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}
