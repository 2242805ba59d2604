//! The ledger as it grows, as server-sent events: recent ones first, then each as it comes.
//!
//! A stream outlives the check that let it in, so whoever reads it is looked up anew each time it looks for news: a
//! session that ended, a token that was revoked or a right that was taken away cuts it within a second. It looks in
//! memory first whether anything was committed, so an idle stream costs next to nothing; how many there may be is
//! bounded for each actor and in all. An open stream is no use of a session: it ends when the session would have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, rt};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Answer;
use super::audit::{DecisionFilter, EventAnswer};
use crate::auth::CredentialKind;
use crate::governance::{self, AuditQuery, Follow, FollowFrom};
use crate::http::error::Problem;
use crate::http::extract::{Known, Query};
use crate::http::state::State;
use crate::policy::PrincipalId;
use crate::types::Timestamp;

/// Streams one actor may have open: a few windows.
const STREAMS_PER_ACTOR: u32 = 6;
/// Streams of everybody.
const STREAMS_MAX: u32 = 256;
/// How often a stream looks for news, and whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// How long a stream is silent at most.
const PING_EVERY: Duration = Duration::from_secs(15);
/// Events that are sent first unless told otherwise.
const RECENT: u32 = 20;
/// Where a broken stream goes on.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells proxies to hand on what comes as it comes.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Streams that are open, by who has them open.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<PrincipalId, u32>>);

/// One open stream; gone when this is dropped.
struct Place {
    streams: Arc<Streams>,
    actor: PrincipalId,
}

impl Streams {
    fn enter(self: &Arc<Self>, actor: PrincipalId) -> Result<Place, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = open.values().sum();
        let own = open.entry(actor).or_default();
        if *own >= STREAMS_PER_ACTOR || all >= STREAMS_MAX {
            let detail = format!("there are {STREAMS_PER_ACTOR} streams for each actor and {STREAMS_MAX} in all");
            if *own == 0 {
                open.remove(&actor);
            }
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail);
            return Err(problem.hint("close one of them; the same events are at GET /api/v1/audit/events"));
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

/// Which events to follow.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowQuery {
    /// The actor's id, a member's address, or a job's name.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    actor: Option<String>,
    /// The action: `secret.reveal`.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    action: Option<String>,
    /// The target's id.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    target: Option<String>,
    /// Whether it was allowed.
    #[param(inline)]
    decision: Option<DecisionFilter>,
    /// Not before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// The project, by id or slug.
    project: Option<String>,
    /// The environment, by id, or by slug with its project.
    environment: Option<String>,
    /// How many of the events that are there are sent first.
    #[param(maximum = 100, default = 20)]
    recent: Option<u32>,
    /// Go on behind the event at this place, in place of `recent`; the header `Last-Event-ID` says the same.
    after: Option<u64>,
}

/// The organization's events as they come, as server-sent events: each has its place as `id` and the event as JSON. A
/// last event `end` says why the stream ended and that to try again is of no use.
#[utoipa::path(get, path = "/audit/events/stream", operation_id = "audit_follow", params(FollowQuery),
    responses((status = 200, description = "The stream.", body = String, content_type = "text/event-stream")))]
pub(crate) async fn follow(
    state: Data<State>,
    req: HttpRequest,
    Known(op, credential): Known,
    Query(ask): Query<FollowQuery>,
) -> Answer {
    let from = match last_seen(req.headers())?.or(ask.after) {
        Some(seq) => FollowFrom::After(seq),
        None => FollowFrom::Recent(ask.recent.unwrap_or(RECENT).min(100)),
    };
    let place = state.streams.enter(op.identity()?.principal.id)?;
    let query = AuditQuery {
        actor: ask.actor,
        action: ask.action,
        target: ask.target,
        outcome: ask.decision.map(DecisionFilter::outcome),
        from: ask.from,
        to: None,
        project: ask.project,
        environment: ask.environment,
    };
    let follow = governance::audit_follow(&op, query, from).await?;
    let is_session = credential.kind == CredentialKind::Session;
    let until = is_session.then(|| Instant::now() + state.parts.sessions.idle());
    let tail = Tail { follow, state, until, sent: None, is_over: false, _place: place };
    let parts = futures_util::stream::unfold(tail, |mut tail| async move {
        let part = tail.part().await?;
        Some((Ok::<_, Problem>(Bytes::from(part)), tail))
    });
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/event-stream").insert_header((ACCEL_BUFFERING, HeaderValue::from_static("no")));
    Ok(answer.streaming(parts))
}

fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(given) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let seq = given.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || Problem::invalid("last_event_id_invalid", "Last-Event-ID is no id of this stream");
    seq.map(Some).ok_or_else(|| wrong().hint("send the id of the last event that was received, or nothing"))
}

struct Tail {
    follow: Follow,
    state: Data<State>,
    /// When the session lies idle too long.
    until: Option<Instant>,
    sent: Option<Instant>,
    is_over: bool,
    _place: Place,
}

impl Tail {
    /// What is sent next; none when the stream is at its end. The connection is kept alive, and whoever waits for a first
    /// byte gets one at once.
    async fn part(&mut self) -> Option<String> {
        if self.sent.is_none() {
            return Some(self.send("retry: 2000\n:ping\n\n".to_owned()));
        }
        while !self.is_over && !self.state.is_stopping() {
            if self.until.is_some_and(|until| until <= Instant::now()) {
                return Some(self.end("session_idle"));
            }
            match self.follow.next().await {
                Ok(events) if events.is_empty() => {}
                Ok(events) => {
                    return Some(self.send(events.into_iter().map(|e| frame(&EventAnswer::from(e))).collect()));
                }
                Err(error) => return Some(self.end(Problem::from(error).code())),
            }
            if self.sent.is_some_and(|sent| sent.elapsed() >= PING_EVERY) {
                return Some(self.send(":ping\n\n".to_owned()));
            }
            rt::time::sleep(LOOK_EVERY).await;
        }
        None
    }

    fn send(&mut self, text: String) -> String {
        self.sent = Some(Instant::now());
        text
    }

    fn end(&mut self, code: &str) -> String {
        self.is_over = true;
        format!("event: end\ndata: {{\"code\":\"{code}\"}}\n\n")
    }
}

/// An event in the form of the stream; JSON has no line break outside of its texts, and inside they are escaped.
fn frame(event: &EventAnswer) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\ndata: {data}\n\n", event.seq())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Id, kinds};

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
