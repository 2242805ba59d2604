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

/// What a page says of a request it makes by itself: by a timer, or because a stream told it to.
const BACKGROUND: HeaderName = HeaderName::from_static("holdfast-background");
/// The ends of the addresses of streams, which browsers open anew by themselves, without a header of ours.
const STREAMS: &[&str] = &["/audit/events/stream", "/runtime/follow"];

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
    let is_use = !is_by_itself(req);
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

/// Whether nobody asked for this: a page that redraws itself, and a stream that the browser opens anew after it broke, must not
/// keep a session from lying idle. The header can be believed: whoever sends it where it is not so shortens their own
/// session, and whoever leaves it out is one who could as well click.
fn is_by_itself(req: &HttpRequest) -> bool {
    req.headers().contains_key(&BACKGROUND) || STREAMS.iter().any(|end| req.path().ends_with(end))
}
