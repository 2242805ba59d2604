//! The ledger as it grows, as server-sent events: recent ones first, then each as it comes.
//!
//! A stream outlives the check that let it in, so whoever reads it is looked up anew each time it looks for news: a
//! session that ended, a token that was revoked or a right that was taken away cuts it within a second. It looks in
//! memory first whether anything was committed, so an idle stream costs next to nothing (how many there may be, and how
//! long: `stream`).

use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, rt};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Answer;
use super::audit::{DecisionFilter, EventAnswer};
use super::stream::{self, Place, Session};
use crate::governance::{self, AuditQuery, Follow, FollowFrom};
use crate::http::error::Problem;
use crate::http::extract::{Known, Query};
use crate::http::state::State;
use crate::types::Timestamp;

/// How often a stream looks for news, and whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// How long a stream is silent at most.
const PING_EVERY: Duration = Duration::from_secs(15);
/// Events that are sent first unless told otherwise.
const RECENT: u32 = 20;
/// Where a broken stream goes on.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

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
    let place = state.streams.enter(op.identity()?.principal.id);
    let place =
        place.map_err(|problem| problem.hint("close one of them; the same events are at GET /api/v1/audit/events"))?;
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
    let tail = Tail { follow, session: Session::of(&credential), state, sent: None, is_over: false, _place: place };
    let parts = futures_util::stream::unfold(tail, |mut tail| async move {
        let part = tail.part().await?;
        Some((Ok::<_, Problem>(Bytes::from(part)), tail))
    });
    Ok(stream::answer(stream::EVENTS).streaming(parts))
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
    session: Session,
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
            match self.session.lies_idle(&self.state) {
                Ok(false) => {}
                Ok(true) => return Some(self.end("session_idle")),
                Err(error) => return Some(self.end(Problem::from(error).code())),
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
        stream::end(code)
    }
}

/// An event in the form of the stream; JSON has no line break outside of its texts, and inside they are escaped.
fn frame(event: &EventAnswer) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\ndata: {data}\n\n", event.seq())
}
