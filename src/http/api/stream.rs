//! What answers that do not end have in common: how many there may be, and how long.
//!
//! How many may be open is bounded for each actor and in all. Neither to open one nor to have it open is a use of a session:
//! it ends when the session has lain idle too long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::auth::{Credential, CredentialKind};
use crate::db::DbError;
use crate::http::error::Problem;
use crate::http::state::State;
use crate::policy::PrincipalId;

/// Streams one actor may have open: a few windows.
const STREAMS_PER_ACTOR: u32 = 6;
/// Streams of everybody.
const STREAMS_MAX: u32 = 256;
/// Tells proxies to hand on what comes as it comes.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Server-sent events.
pub(crate) const EVENTS: &str = "text/event-stream";

/// Streams that are open, by who has them open.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<PrincipalId, u32>>);

/// One open stream; gone when this is dropped.
pub(crate) struct Place {
    streams: Arc<Streams>,
    actor: PrincipalId,
}

impl Streams {
    /// A place for one more stream.
    pub(crate) fn enter(self: &Arc<Self>, actor: PrincipalId) -> Result<Place, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = open.values().sum();
        let own = open.entry(actor).or_default();
        if *own >= STREAMS_PER_ACTOR || all >= STREAMS_MAX {
            let detail = format!("there are {STREAMS_PER_ACTOR} streams for each actor and {STREAMS_MAX} in all");
            if *own == 0 {
                open.remove(&actor);
            }
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail);
            return Err(problem.hint("close one of them"));
        }
        *own += 1;
        Ok(Place { streams: Arc::clone(self), actor })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.actor) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.actor);
            }
        }
    }
}

/// The session of a browser that a stream was let in by, if it was one.
pub(crate) struct Session(Option<Arc<Credential>>);

impl Session {
    /// Of what opened the stream.
    pub(crate) fn of(credential: &Arc<Credential>) -> Self {
        Self((credential.kind == CredentialKind::Session).then(|| Arc::clone(credential)))
    }

    /// Whether it has lain idle too long: neither to open a stream nor to have it open is a use of it.
    pub(crate) fn lies_idle(&self, state: &State) -> Result<bool, DbError> {
        let Some(session) = &self.0 else { return Ok(false) };
        let core = &state.parts.core;
        state.parts.sessions.lies_idle(&core.db, session, core.clock.now())
    }
}

/// The beginning of an answer that is handed on as it comes.
pub(crate) fn answer(content_type: &'static str) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.content_type(content_type).insert_header((ACCEL_BUFFERING, HeaderValue::from_static("no")));
    answer
}

/// The last event of a stream: why it ended, and that to try again is of no use.
pub(crate) fn end(code: &str) -> String {
    format!("event: end\ndata: {{\"code\":\"{code}\"}}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Id, Timestamp, kinds};

    fn actor() -> PrincipalId {
        PrincipalId::User(Id::<kinds::User>::new(Timestamp::from_micros(0)))
    }

    #[test]
    fn an_actor_has_some_streams_and_gets_them_back() {
        let (streams, one, other) = (Arc::new(Streams::default()), actor(), actor());
        let open: Vec<_> = (0..STREAMS_PER_ACTOR).map(|_| streams.enter(one).ok().unwrap()).collect();
        assert_eq!(streams.enter(one).err().unwrap().code(), "too_many_streams");
        drop(streams.enter(other).ok().unwrap());
        drop(open);
        drop(streams.enter(one).ok().unwrap());
        assert!(streams.0.lock().unwrap().is_empty());
    }

    #[test]
    fn all_together_have_a_limit() {
        let streams = Arc::new(Streams::default());
        let open: Vec<_> = (0..STREAMS_MAX).map(|_| streams.enter(actor()).ok().unwrap()).collect();
        assert_eq!(streams.enter(actor()).err().unwrap().code(), "too_many_streams");
        assert_eq!(streams.0.lock().unwrap().len(), open.len());
    }
}
