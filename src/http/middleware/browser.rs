//! Who a cookie is, for requests without an `Authorization` header.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use super::Seen;
use super::admit::note_use;
use crate::auth::AuthError;
use crate::http::cookie::{self, Given};
use crate::http::csrf;
use crate::http::extract::Caller;
use crate::http::proxy;
use crate::http::state::State;
use crate::op::{Op, Origin, Who};

/// What stays open beyond its request.
const STREAM: &str = "/api/v1/audit/events/stream";

/// Which organization a session of somebody in several means, by id or slug.
const X_ORGANIZATION_ID: HeaderName = HeaderName::from_static("x-organization-id");

/// Who the cookie of a request is; nobody without one.
pub(super) fn caller(state: &State, req: &HttpRequest, seen: &mut Seen, origin: Origin) -> Caller {
    let core = &state.parts.core;
    let address = origin.address;
    let op = |who, origin| Op::new(Arc::clone(core), who, origin, seen.id.inner);
    let token = match cookie::read(req, proxy::is_secure(state, req)) {
        Given::None => return Caller::Anonymous(op(Who::Anonymous, origin)),
        Given::Unclear => return Caller::Lapsed(op(Who::Anonymous, origin), AuthError::SessionEnded.into()),
        Given::One(token) => token,
    };
    if let Err(problem) = csrf::same_origin(state, req) {
        state.parts.metrics.auth_failed(problem.code());
        return Caller::Refused(problem);
    }
    let wanted = req.headers().get(X_ORGANIZATION_ID).map(|value| value.to_str().unwrap_or_default());
    // A stream that broke is opened anew by the browser, without anybody: that must not keep a session alive.
    let is_use = req.path() != STREAM;
    let check =
        |wanted| state.parts.sessions.check_cookie(&core.db, &core.keyring, &token, (wanted, is_use), core.clock.now());
    // Pages show the organization that was chosen last, while it is open to the session; the API is told by a header.
    let chosen = if wanted.is_none() && !req.path().starts_with("/api/") { cookie::chosen(req) } else { None };
    let checked = match check(chosen.as_deref().or(wanted)) {
        Err(AuthError::Organization) if chosen.is_some() => check(None),
        checked => checked,
    };
    let session = match checked {
        Ok(session) => session,
        Err(error @ AuthError::Organization) => return Caller::Refused(error.into()),
        Err(error) => {
            state.parts.metrics.auth_failed(crate::types::Failure::code(&error));
            return Caller::Lapsed(op(Who::Anonymous, origin), error.into());
        }
    };
    if let (true, Some(address)) = (session.note, address) {
        note_use(state, session.clone(), address);
    }
    let actor = session.identity.principal.id;
    let op = op(Who::Known(session.identity), origin);
    seen.actor = Some(actor);
    if csrf::is_safe(req.method()) {
        return Caller::Known(op, session.credential);
    }
    match req.headers().get(csrf::X_CSRF_TOKEN).map(|value| value.to_str().unwrap_or_default()) {
        Some(given) if csrf::matches(&op, &session.credential, given) => Caller::Known(op, session.credential),
        Some(_) => Caller::Refused(csrf::refused()),
        None => Caller::Unproven(op, session.credential),
    }
}
