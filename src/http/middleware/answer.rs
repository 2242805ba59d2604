//! After the handler: the body of a failure, headers, numbers, one line of log.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};

use super::Seen;
use super::admit::is_health;
use super::request_id::X_REQUEST_ID;
use crate::http::api::health::Plain;
use crate::http::error::{PROBLEM_JSON, Problem};
use crate::http::pages::failure;
use crate::http::routes::matched;
use crate::http::state::State;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// Two years: browsers that were here once never speak plain HTTP to this name, or to one beneath it, again.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Completes a response.
pub(super) fn finish(state: &State, seen: &Seen, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let mut response = response;
    let is_plain = response.response().extensions().contains::<Plain>();
    if response.status().as_u16() >= 400 && !is_plain {
        let told = response.response_mut().extensions_mut().remove::<Problem>();
        let problem = told.unwrap_or_else(|| Problem::of_status(response.status()));
        tell(seen, &problem);
        let request = response.request().clone();
        response = response.map_body(|head, _| {
            if failure::wants_page(&request) {
                return BoxBody::new(failure::page(&request, &problem, seen.id.text(), head));
            }
            head.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
            BoxBody::new(body(seen, &problem))
        });
    }
    headers(state, seen, response.headers_mut());
    let status = response.status();
    let elapsed = seen.begun.elapsed();
    let req = response.request();
    let label = matched(req).map_or("other", |(pattern, _)| pattern);
    state.parts.metrics.route(req.method().as_str(), label).answered(status.as_u16(), elapsed);
    log(seen, req.method(), req.path(), status, elapsed);
    response
}

/// The response to a request that is lost: its handler panicked.
pub(super) fn without_request(state: &State, seen: &Seen, problem: &Problem) -> HttpResponse {
    tell(seen, problem);
    let mut response = HttpResponse::build(problem.status()).content_type(PROBLEM_JSON).body(body(seen, problem));
    headers(state, seen, response.headers_mut());
    response
}

fn body(seen: &Seen, problem: &Problem) -> Vec<u8> {
    serde_json::to_vec(&problem.body(seen.id.text())).unwrap_or_default()
}

/// Tells the log what the client is not told.
fn tell(seen: &Seen, problem: &Problem) {
    if let Some(cause) = problem.cause() {
        tracing::error!(request_id = seen.id.text(), code = problem.code(), cause, "a request failed inside");
    }
}

fn headers(state: &State, seen: &Seen, headers: &mut HeaderMap) {
    headers.insert(X_REQUEST_ID, seen.id.shown.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Pages bring their own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        );
    }
    if !headers.contains_key(header::REFERRER_POLICY) {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    // No page of another origin loads an answer into itself, or keeps hold of a window that shows one.
    for name in [RESOURCE_POLICY, OPENER_POLICY] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static("same-origin"));
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if state.public_url.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    if let Some(standing) = seen.standing {
        headers.insert(LIMIT, HeaderValue::from(standing.limit));
        headers.insert(REMAINING, HeaderValue::from(standing.remaining));
        headers.insert(RESET, HeaderValue::from(standing.reset));
    }
}

/// The access line. The query is left out: it may hold what is searched for. What only looked and worked is in the
/// ledger where it matters, and logged at debug.
fn log(seen: &Seen, method: &Method, path: &str, status: StatusCode, elapsed: std::time::Duration) {
    let is_quiet = is_health(path) || (method == Method::GET && status.as_u16() < 400);
    let level_debug = is_quiet && !status.is_server_error();
    if level_debug && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    let actor = seen.actor.map(|a| a.to_string()).unwrap_or_default();
    let (id, method, status) = (seen.id.text(), method.as_str(), status.as_u16());
    if level_debug {
        tracing::debug!(request_id = id, request = %seen.id.inner, method, path, status, micros, actor, "answered");
    } else {
        tracing::info!(request_id = id, request = %seen.id.inner, method, path, status, micros, actor, "answered");
    }
}
