//! Before the handler: is the appliance set up, who asks, and not too often?

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpMessage as _, rt};

use super::limits::{Refused, Standing};
use super::{Seen, browser};
use crate::auth::AuthError;
use crate::http::cookie;
use crate::http::error::Problem;
use crate::http::extract::Caller;
use crate::http::help::is_help;
use crate::http::proxy;
use crate::http::state::State;
use crate::op::{Op, Origin, Who};
use crate::orgs::access::{Session, Sessions};
use crate::types::{Failure as _, Secret};

/// Longest name of a client that is recorded, in bytes.
const USER_AGENT_MAX: usize = 256;
/// No token of ours is near this.
const TOKEN_MAX: usize = 512;
const SETUP: &str = "/api/v1/setup";
/// The page that does the same.
const SETUP_PAGE: &str = "/setup";
const SESSIONS: &str = "/api/v1/sessions";
/// What else somebody without a token may try passwords, tokens and addresses at.
const SIGNING_IN: &[&str] = &[
    "/api/v1/device/authorize",
    "/api/v1/password-resets",
    "/api/v1/password-resets/complete",
    "/api/v1/invitations/offer",
    "/api/v1/invitations/accept",
    "/api/v1/email-changes/offer",
    "/api/v1/email-changes/confirm",
    "/api/v1/email-changes/cancel",
];
/// Files every page names: the same for everybody, and kept by browsers.
const ASSETS: &str = "/assets/";
const SIGN_IN: &str = "/sign-in";
const PASSWORD: &str = "/api/v1/account/password";
const SCAN: &str = "/api/v1/scan/";
const LINKS: &str = "/api/v1/links/";

/// Lets a request in, or says why not. Puts the [`Caller`] beside it.
pub(super) fn admit(state: &State, req: &mut ServiceRequest, seen: &mut Seen) -> Result<(), Problem> {
    if is_health(req.path()) || req.path().starts_with(ASSETS) {
        return Ok(());
    }
    let is_setup = matches!(req.path(), SETUP | SETUP_PAGE);
    if !is_setup && !is_help(req.path()) && !state.is_set_up()? {
        return Err(setup_required());
    }
    let address = proxy::address(state, req.request());
    let caller = identify(state, req, seen, address);
    let is_post = req.method() == Method::POST;
    if is_setup && is_post {
        count(seen, Some(state.limits.setup()))?;
    } else if takes_password(req.method(), req.path()) {
        count(seen, state.limits.sign_in(address))?;
    } else if is_post && req.path().starts_with(LINKS) {
        count(seen, state.limits.link(address))?;
    }
    if let Some(actor) = seen.actor.as_ref().filter(|_| req.path().starts_with(SCAN)) {
        let counted = state.limits.scan(actor);
        count(seen, counted)?;
    }
    let counted = match &seen.actor {
        Some(actor) => state.limits.actor(actor),
        None => state.limits.address(address),
    };
    count(seen, counted)?;
    req.extensions_mut().insert(caller);
    Ok(())
}

/// Whether a password, a token of a link or an address is asked for there, so that guesses are counted.
fn takes_password(method: &Method, path: &str) -> bool {
    let posted = || {
        matches!(path, SESSIONS | SIGN_IN | "/join" | "/forgot" | "/reset" | "/email" | "/step-up")
            || path.starts_with("/sign-in/")
            || SIGNING_IN.contains(&path)
    };
    (*method == Method::POST && posted()) || (*method == Method::PUT && path == PASSWORD)
}

/// What probes ask: never limited, never gated, no token.
pub(super) fn is_health(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

fn count(seen: &mut Seen, counted: Option<Result<Standing, Refused>>) -> Result<(), Problem> {
    match counted {
        None => Ok(()),
        Some(Ok(standing)) => {
            // The tighter of two limits is the one to tell.
            let tighter = seen.standing.is_none_or(|before| standing.remaining < before.remaining);
            if tighter {
                seen.standing = Some(standing);
            }
            Ok(())
        }
        Some(Err(refused)) => {
            seen.standing = Some(refused.standing);
            Err(refused.problem)
        }
    }
}

fn identify(state: &State, req: &ServiceRequest, seen: &mut Seen, address: Option<IpAddr>) -> Caller {
    let core = &state.parts.core;
    let user_agent = req.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok());
    let device = cookie::device(req.request(), proxy::is_secure(state, req.request())).map(Arc::new);
    let origin = Origin { address, user_agent: user_agent.map(|a| cut(a).to_owned()), device };
    let op = |who, origin| Op::new(Arc::clone(core), who, origin, seen.id.inner);
    let Some(given) = req.headers().get(header::AUTHORIZATION) else {
        return browser::caller(state, req.request(), seen, origin);
    };
    let Some(token) = given.to_str().ok().and_then(bearer) else {
        return refused(state, AuthError::Invalid);
    };
    let token = Secret::new(token.to_owned());
    match state.parts.sessions.check(&core.db, &core.keyring, &token, address, core.clock.now()) {
        Ok(session) => {
            if let (true, Some(address)) = (session.note, address) {
                note_use(state, session.clone(), address);
            }
            let actor = session.identity.principal.id;
            let op = op(Who::Known(session.identity), origin);
            seen.actor = Some(actor);
            Caller::Known(op, session.credential)
        }
        Err(error) => refused(state, error),
    }
}

/// Notes a use, at most once a minute for each credential, without keeping the request waiting for the disk.
pub(super) fn note_use(state: &State, session: Session, address: IpAddr) {
    let core = Arc::clone(&state.parts.core);
    let now = core.clock.now();
    rt::spawn(async move {
        if let Err(error) = Sessions::note_use(&core.db, &session, address, now).await {
            tracing::warn!(%error, "the last use of a credential was not noted");
        }
    });
}

fn refused(state: &State, error: AuthError) -> Caller {
    state.parts.metrics.auth_failed(error.code());
    Caller::Refused(error.into())
}

/// The token of `Bearer <token>` (RFC 6750); the scheme in any case.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= TOKEN_MAX).then_some(token)
}

/// At most [`USER_AGENT_MAX`] bytes; a header that is text is ASCII, so any place may be cut at.
fn cut(text: &str) -> &str {
    text.get(..USER_AGENT_MAX).unwrap_or(text)
}

fn setup_required() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "setup_required", "this instance has no owner yet")
        .hint("set it up with: holdfast init --url URL --setup-token-file FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_read() {
        assert_eq!(bearer("Bearer hf_x"), Some("hf_x"));
        assert_eq!(bearer("bearer  hf_x "), Some("hf_x"));
        for bad in ["", "Bearer", "Bearer ", "Basic aGk=", "hf_x"] {
            assert_eq!(bearer(bad), None, "{bad}");
        }
    }
}
