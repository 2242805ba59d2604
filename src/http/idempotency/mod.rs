//! `Idempotency-Key`: a write that is sent twice is done once.
//!
//! Invariants, and what each one stops:
//! - The key is noted before the handler runs, on disk: two requests at once cannot both run.
//! - A key belongs to one credential and one request (a keyed MAC of method, address and body): nobody reads another's
//!   answer, and a key used twice by mistake is told.
//! - A keyed request runs to its end although its client hung up: the second try finds the answer.
//! - Tokens are never stored: the answer is kept without them.
//! - Only what was done is kept. A refusal changed nothing, so its key is free again.
//! - That a request changed something is noted in the very commit of the change. So a request that was cut off with its
//!   process is done again when it changed nothing, and never when it did.

mod store;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{HttpMessage as _, HttpResponse, rt};

use self::store::Stored;
use super::error::Problem;
use super::extract::{Caller, collect};
use super::state::State;
use crate::auth::Credential;
use crate::db::DbError;
use crate::keys::MacPurpose;
use crate::op::{Mark, Op};
use crate::types::{Id, Timestamp, kinds};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);
/// Longest key, in bytes.
const KEY_MAX: usize = 255;
/// Old answers thrown away with each new one at most.
const SWEEP: u32 = 64;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Fields of answers that are shown once and never stored.
const SHOWN_ONCE: &[&str] = &[
    "secret",
    "uri",
    "recovery_codes",
    "token",
    "refresh_token",
    "kit",
    "ciphertext",
    "url",
    "current_url",
    "new_url",
];

/// A request that names a key.
pub(crate) struct Wish {
    key: String,
    credential: Id<kinds::Credential>,
    organization: Id<kinds::Organization>,
    now: Timestamp,
}

/// Reads the header of a write.
pub(crate) fn wish(req: &ServiceRequest, op: &Op, credential: &Credential) -> Result<Option<Wish>, Problem> {
    let Some(given) = req.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
    if !matches!(*req.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE) {
        return Ok(None);
    }
    let key = given.to_str().unwrap_or_default();
    if !(1..=KEY_MAX).contains(&key.len()) || !key.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        let detail = format!("Idempotency-Key must be 1 to {KEY_MAX} printable ASCII characters");
        return Err(Problem::invalid("idempotency_key_invalid", detail));
    }
    // A session may act in another organization than its own: a key is one of the organization that is acted in.
    let organization = op.organization()?;
    Ok(Some(Wish { key: key.to_owned(), credential: credential.id, organization, now: op.now() }))
}

/// Runs `handler` unless this request was answered before.
pub(crate) async fn once<F, R>(
    state: Arc<State>,
    wish: Wish,
    mut req: ServiceRequest,
    handler: F,
) -> Result<ServiceResponse<BoxBody>, Problem>
where
    F: FnOnce(ServiceRequest) -> R + 'static,
    R: Future<Output = Result<ServiceResponse<BoxBody>, Problem>> + 'static,
{
    let mut payload = req.take_payload();
    let body = match collect(req.request(), &mut payload).await {
        Ok(body) => body,
        Err(problem) => return Ok(req.into_response(problem.into_response())),
    };
    let begun = match begin(&state, &wish, &req, &body).await {
        Ok(begun) => begun,
        Err(problem) => return Ok(req.into_response(problem.into_response())),
    };
    if let Some(answer) = begun {
        return Ok(req.into_response(answer));
    }
    req.set_payload(Payload::from(body));
    mark(&req, &wish);
    // A task of its own: a client that hangs up takes its connection away, not what it began.
    let running = rt::spawn(async move {
        let outcome = handler(req).await;
        keep(&state, &wish, outcome).await
    });
    running.await.unwrap_or_else(|_| Err(Problem::internal("a keyed request was cut off")))
}

/// Lets whatever the request changes say so in its own commit.
fn mark(req: &ServiceRequest, wish: &Wish) {
    let (credential, key) = (wish.credential, wish.key.clone());
    let mark: Mark = Arc::new(move |tx| store::idempotency_mark(tx, credential, &key));
    let mut extensions = req.extensions_mut();
    if let Some(caller) = extensions.remove::<Caller>() {
        extensions.insert(match caller {
            Caller::Known(op, credential) => Caller::Known(op.marking(mark), credential),
            other => other,
        });
    }
}

/// Notes the key; answers what is to be replayed.
async fn begin(
    state: &State,
    wish: &Wish,
    req: &ServiceRequest,
    body: &Bytes,
) -> Result<Option<HttpResponse>, Problem> {
    let core = &state.parts.core;
    let address = req.uri().path_and_query().map_or("", |p| p.as_str());
    let parts = [req.method().as_str().as_bytes(), address.as_bytes(), body.as_ref()];
    let keys = core.db.read(|reader| core.keyring.organization(reader, wish.organization))?;
    let mac = keys.mac_key().mac(MacPurpose::Idempotency, &parts);
    let (credential, key, now) = (wish.credential, wish.key.clone(), wish.now);
    let (request, process) = (mac.as_bytes().to_vec(), state.process);
    let same = mac;
    let found = core
        .db
        .write(move |tx| {
            store::idempotency_sweep(tx, now.minus(KEPT), SWEEP)?;
            let found = store::idempotency_get(tx, credential, &key, now.minus(KEPT))?;
            // Cut off with its process before it changed anything: it begins anew.
            let is_void = |f: &Stored| f.status == store::RUNNING && f.process != process && same.verify(&f.request);
            let found = found.filter(|f| !is_void(f));
            if found.is_none() {
                store::idempotency_begin(tx, credential, &key, &request, &process, now)?;
            }
            Ok::<_, DbError>(found)
        })
        .await?;
    let Some(found) = found else { return Ok(None) };
    if !mac.verify(&found.request) {
        let detail = "this Idempotency-Key was used for another request";
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail);
        return Err(problem.hint("use a new key for a new request"));
    }
    if found.status == store::CHANGED && found.process != process {
        let detail = "the first request with this key was done, and cut off before its answer was kept";
        let problem = Problem::new(StatusCode::CONFLICT, "idempotency_unknown", detail);
        return Err(problem.hint("look at what it made; a new key would do it once more"));
    }
    let Ok(status) = StatusCode::from_u16(found.status) else {
        let detail = "the first request with this key has no answer yet";
        let problem = Problem::new(StatusCode::CONFLICT, "idempotency_in_progress", detail);
        return Err(problem.hint("try again in a second"));
    };
    let mut builder = HttpResponse::build(status);
    builder.insert_header((REPLAYED, HeaderValue::from_static("true"))).content_type("application/json");
    Ok(Some(builder.body(found.body)))
}

/// Stores the answer of what was done; frees the key of what was not.
async fn keep(
    state: &State,
    wish: &Wish,
    outcome: Result<ServiceResponse<BoxBody>, Problem>,
) -> Result<ServiceResponse<BoxBody>, Problem> {
    let response = match outcome {
        Ok(response) if response.status().is_success() => response,
        other => {
            let (credential, key) = (wish.credential, wish.key.clone());
            let freed = state.parts.core.db.write(move |tx| store::idempotency_delete(tx, credential, &key)).await;
            freed.map_err(Problem::from)?;
            return other;
        }
    };
    let (req, response) = response.into_parts();
    let status = response.status().as_u16();
    let (head, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(|_| Problem::internal("the answer of a keyed request cannot be read"))?;
    let stored = without_tokens(&body);
    let (credential, key) = (wish.credential, wish.key.clone());
    let finish =
        move |tx: &mut crate::db::WriteTx<'_>| store::idempotency_finish(tx, credential, &key, status, &stored);
    state.parts.core.db.write(finish).await?;
    Ok(ServiceResponse::new(req, head.set_body(BoxBody::new(body))))
}

/// The answer as it is stored.
fn without_tokens(body: &[u8]) -> String {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(serde_json::Value::Object(mut fields)) => {
            for field in SHOWN_ONCE {
                fields.remove(*field);
            }
            serde_json::Value::Object(fields).to_string()
        }
        // Answers of writes are objects; anything else is not worth the risk.
        _ => "{}".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_left_out_of_what_is_stored() {
        let stored = without_tokens(br#"{"id":"crd_1","token":"hf_pat_x","kit":"words","ciphertext":"AQ=="}"#);
        assert_eq!(stored, r#"{"id":"crd_1"}"#);
        assert_eq!(without_tokens(b"hf_pat_x"), "{}");
    }
}
