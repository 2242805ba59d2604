//! What runs as it changes, and what it writes: answers that do not end.
//!
//! Both look up anew, while they last, whether whoever reads may still do so; how many there may be: `stream`.

use std::time::{Duration, Instant};

use actix_web::rt;
use actix_web::web::{Bytes, Data};
use serde::Deserialize;
use utoipa::IntoParams;

use super::RuntimeAnswer;
use crate::http::api::Answer;
use crate::http::api::stream::{self, Place};
use crate::http::error::Problem;
use crate::http::extract::{Known, Names, Query};
use crate::http::state::State;
use crate::runtime::insight::{Follow, LINES_MAX, LINES_USUAL, Logs, LogsAsk, runtime_follow, runtime_logs};
use crate::runtime::lifecycle::At;
use crate::types::Timestamp;

/// How often a stream looks for news, and whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// How long a stream is silent at most: short, so that a page that was left gives back its place soon.
const PING_EVERY: Duration = Duration::from_secs(3);
/// The word for every service.
pub(crate) const EVERY: &str = "-";

/// What runs in the environment as server-sent events: `state` with the whole status at once and whenever it changed. A
/// last event `end` says why the stream ended and that to try again is of no use.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/runtime/follow",
    operation_id = "runtime_follow",
    responses((status = 200, description = "The stream.", body = String, content_type = "text/event-stream")))]
pub(crate) async fn follow(
    state: Data<State>,
    Known(op, credential): Known,
    Names([project, environment]): Names<2>,
) -> Answer {
    let follow = runtime_follow(&op, At { project, environment }).await?;
    let place = state.streams.enter(op.identity()?.principal.id)?;
    let tail = Tail {
        follow,
        session: stream::Session::of(&credential),
        state,
        sent: None,
        told: String::new(),
        is_over: false,
        _place: place,
    };
    let parts = futures_util::stream::unfold(tail, |mut tail| async move {
        let part = tail.part().await?;
        Some((Ok::<_, Problem>(Bytes::from(part)), tail))
    });
    Ok(stream::answer(stream::EVENTS).streaming(parts))
}

struct Tail {
    follow: Follow,
    state: Data<State>,
    /// When the session lies idle too long.
    session: stream::Session,
    sent: Option<Instant>,
    /// The status as it was sent last.
    told: String,
    is_over: bool,
    _place: Place,
}

impl Tail {
    /// What is sent next; none when the stream is at its end.
    async fn part(&mut self) -> Option<String> {
        if self.sent.is_none() {
            return Some(self.send("retry: 2000\n:ping\n\n".to_owned()));
        }
        while !self.is_over && !self.state.is_stopping() {
            if self.session.lies_idle(&self.state).unwrap_or(true) {
                return Some(self.end("session_idle"));
            }
            match self.follow.next().await {
                Ok(None) => {}
                Ok(Some(view)) => {
                    let status = serde_json::to_string(&RuntimeAnswer::from(view)).unwrap_or_default();
                    if status != self.told {
                        let text = format!("event: state\ndata: {status}\n\n");
                        self.told = status;
                        return Some(self.send(text));
                    }
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

/// Which lines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogsQuery {
    /// Stay, and tell what is written from now on.
    #[serde(default)]
    #[param(required = false)]
    follow: bool,
    /// Of the containers before their last restart.
    #[serde(default)]
    #[param(required = false)]
    previous: bool,
    /// Begin each line with its time.
    #[serde(default)]
    #[param(required = false)]
    timestamps: bool,
    /// Only lines written after this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only so many of the last lines of each pod.
    #[param(maximum = 10_000, default = 500)]
    tail: Option<u32>,
}

/// What a service writes, as text; of every service, each line with its name, when `service` is `-`. With `follow` the
/// answer does not end by itself. What was passed on to a service may stand in what it writes: where restricted values
/// were, `secret.use.restricted` is needed, too.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/runtime/services/{service}/logs",
    operation_id = "runtime_logs", params(LogsQuery), responses(
        (status = 200, description = "The lines.", body = String, content_type = "text/plain"),
        (status = 422, description = "The cluster has no such lines, or does not give them.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn logs(
    state: Data<State>,
    Known(op, credential): Known,
    Names([project, environment, service]): Names<3>,
    Query(query): Query<LogsQuery>,
) -> Answer {
    let place = state.streams.enter(op.identity()?.principal.id)?;
    let ask = LogsAsk {
        service: (service != EVERY).then_some(service),
        follow: query.follow,
        previous: query.previous,
        since: query.since,
        tail: Some(query.tail.unwrap_or(LINES_USUAL).min(LINES_MAX)),
        timestamps: query.timestamps,
    };
    let logs = runtime_logs(&op, At { project, environment }, ask).await?;
    let lines = Lines { logs, session: stream::Session::of(&credential), state, is_over: false, _place: place };
    let parts = futures_util::stream::unfold(lines, |mut lines| async move {
        let part = lines.part().await?;
        Some((part, lines))
    });
    Ok(stream::answer("text/plain; charset=utf-8").streaming(parts))
}

struct Lines {
    logs: Logs,
    state: Data<State>,
    /// When the session lies idle too long.
    session: stream::Session,
    is_over: bool,
    _place: Place,
}

impl Lines {
    /// What is sent next. A failure breaks the answer off: there is no other way to say it in a text.
    async fn part(&mut self) -> Option<Result<Bytes, Problem>> {
        loop {
            if self.is_over || self.state.is_stopping() || self.session.lies_idle(&self.state).unwrap_or(true) {
                return None;
            }
            // So that a stop of the server is noticed while nothing is written.
            let Ok(lines) = rt::time::timeout(LOOK_EVERY, self.logs.next()).await else { continue };
            let lines = lines?.map_err(Problem::from);
            self.is_over = lines.is_err();
            return Some(lines);
        }
    }
}
