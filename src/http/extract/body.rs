//! JSON bodies: read whole, up to a limit, and strictly.
//!
//! Depth is bounded by serde_json (128), unknown and doubled fields by the types (`deny_unknown_fields`), and no
//! message repeats what was sent: a secret's value in a field of the wrong type stays out of answers and logs.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::http::error::Problem;

/// Largest body in bytes.
const BODY_MAX: usize = 1024 * 1024;
/// Largest body of a batch or an import, in bytes.
const BATCH_MAX: usize = 32 * 1024 * 1024;
/// Largest body of a new link, in bytes: its mebibyte of content in base64.
const LINK_MAX: usize = 2 * 1024 * 1024;

/// The largest body a path takes.
fn body_limit(path: &str) -> usize {
    let is_bulk = path.ends_with("/secrets/batch") || path.ends_with("/import");
    match path {
        _ if is_bulk => BATCH_MAX,
        "/api/v1/links" | "/links" => LINK_MAX,
        _ => BODY_MAX,
    }
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body that may be left out.
pub(crate) struct OptionalJson<T>(pub(crate) T);

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            require_json(&req)?;
            let body = collect(&req, &mut payload).await?;
            parse(&body).map(Self)
        })
    }
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalJson<T> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let body = collect(&req, &mut payload).await?;
            if body.is_empty() {
                return Ok(Self(T::default()));
            }
            require_json(&req)?;
            parse(&body).map(Self)
        })
    }
}

fn require_json(req: &HttpRequest) -> Result<(), Problem> {
    let is_json = req.content_type().trim().eq_ignore_ascii_case("application/json");
    if is_json {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "the body must be JSON");
    Err(problem.hint("send `Content-Type: application/json`"))
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is larger than {} MiB", limit / 1024 / 1024);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail).hint("send it in several requests")
}

/// Reads a body whole.
pub(crate) async fn collect(req: &HttpRequest, payload: &mut Payload) -> Result<Bytes, Problem> {
    let limit = body_limit(req.path());
    let announced = req.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    // What is announced is not believed: nobody reserves megabytes with a header.
    let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(64 * 1024));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::invalid("body_unreadable", "the body ended early or is malformed"))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => wrong_field(&error.to_string()),
        _ => Problem::invalid("json_invalid", format!("the body is no JSON: {}", without_input(&error.to_string()))),
    }
}

fn wrong_field(message: &str) -> Problem {
    let detail = without_input(message);
    let code = if message.starts_with("unknown field") {
        "unknown_field"
    } else if message.starts_with("missing field") {
        "missing_field"
    } else if message.starts_with("duplicate field") {
        "duplicate_field"
    } else {
        return Problem::invalid("body_invalid", detail);
    };
    let field: String = message.split('`').nth(1).unwrap_or_default().chars().take(64).collect();
    Problem::invalid(code, detail).field(field, code)
}

/// serde's message without what was sent: `invalid type: string "…", expected u32` names only the two types.
fn without_input(message: &str) -> String {
    for (start, words) in [("invalid type: ", "wrong type"), ("invalid value: ", "wrong value")] {
        if message.starts_with(start)
            && let Some(at) = message.rfind(", expected ")
        {
            return format!("{words}{}", &message[at..]);
        }
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only read by serde")]
        count: u32,
    }

    fn code(body: &[u8]) -> (&'static str, String) {
        let problem = parse::<Sample>(body).unwrap_err();
        (problem.code(), problem.to_string())
    }

    #[test]
    fn what_is_wrong_is_named_and_what_was_sent_is_not_repeated() {
        assert_eq!(code(br#"{"count":1,"kount":2}"#).0, "unknown_field");
        assert_eq!(code(b"{}").0, "missing_field");
        assert_eq!(code(br#"{"count":1,"count":2}"#).0, "duplicate_field");
        let (code_, detail) = code(br#"{"count":"hush, expected nothing"}"#);
        assert_eq!((code_, detail.contains("hush")), ("body_invalid", false), "{detail}");
        assert_eq!(code(b"{\"count\":\xff}").0, "json_invalid");
    }

    #[test]
    fn a_deep_body_is_refused_and_not_descended_into() {
        let bomb = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(parse::<serde_json::Value>(&bomb).is_err());
    }
}
