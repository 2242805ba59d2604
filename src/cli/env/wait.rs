//! Waiting until a wish came true, over the server's stream: taken up again where it broke, and not for ever.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use super::show;
use crate::cli::client::{Client, Request};
use crate::cli::context::{Context, Place};
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{Column, Moving};
use crate::cli::sse::Sse;

/// Connections that are tried again without a status in between.
const TRIES: u32 = 8;
/// How long a cluster or a policy may refuse before that is the answer: what another change is about to make good passes.
const REFUSED_MAX: Duration = Duration::from_secs(10);

const WISHED: &[Column] = &[("state", "/state"), ("revision", "/revision"), ("until", "/expires_at")];

/// Whether to wait, and how long.
#[derive(Debug, Clone, Default, Args)]
pub struct WaitArgs {
    /// Wait until it is done [default: at a terminal]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    wait: Option<bool>,
    /// How long to wait: 90s, 15m, 1h
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = span)]
    timeout: Duration,
}

impl WaitArgs {
    /// Whether it is waited for.
    pub(super) fn is_wanted(&self, context: &Context) -> bool {
        self.wait.unwrap_or_else(|| context.output.is_terminal())
    }
}

/// A span of time as people write it: `90s`, `15m`, `1h`, `2d`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "like 90s, 15m, 1h or 2d".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let count: u32 = digits.parse().map_err(|_| wrong())?;
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Every service is ready.
    Ready,
    /// Nothing runs.
    Stopped,
    /// Nothing is left.
    Deleted,
}

/// What a status says about a wish.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is on its way.
    Moving,
    /// It came true.
    Done,
    /// It did not, and will not by itself.
    Failed,
    /// It may not: a cluster or policy says so at the moment.
    Refused,
    /// Something else is wished for by now.
    Replaced,
}

/// What a status says about the wish with this number.
fn verdict(goal: Goal, generation: u64, status: &Value) -> Verdict {
    let state = status["state"].as_str().unwrap_or_default();
    let now = status["generation"].as_u64().unwrap_or_default();
    match (now.cmp(&generation), goal, state) {
        (std::cmp::Ordering::Less, ..) => Verdict::Moving,
        (_, Goal::Ready, "ready") | (_, Goal::Stopped, "stopped") | (_, Goal::Deleted, "deleted")
            if now == generation =>
        {
            Verdict::Done
        }
        (std::cmp::Ordering::Greater, ..) => Verdict::Replaced,
        (_, Goal::Ready, _) if status["revision"]["state"] == "failed" => Verdict::Failed,
        (_, _, "blocked") => Verdict::Refused,
        _ => Verdict::Moving,
    }
}

/// Says what was begun.
///
/// # Errors
/// As all output.
pub(super) fn began(context: &Context, wished: &Value) -> Result<(), CliError> {
    context.output.item(wished, WISHED)
}

/// Waits for what was wished, or says what was begun.
///
/// # Errors
/// It did not come true, with what is wrong; not in time; the server refuses or does not answer any more.
pub(super) fn after(
    context: &Context,
    place: &Place,
    args: &WaitArgs,
    wished: &Value,
    goal: Goal,
) -> Result<(), CliError> {
    if !args.is_wanted(context) {
        began(context, wished)?;
        context.output.next("holdfast env status --follow");
        return Ok(());
    }
    let generation = wished["generation"].as_u64().unwrap_or_default();
    let mut waiting = Waiting {
        goal,
        generation,
        moving: context.output.moving(),
        refused: None,
        last: Value::Null,
        end: None,
        until: Some(Instant::now() + args.timeout),
    };
    waiting.run(context, place)?;
    let Waiting { last, end, moving, .. } = waiting;
    drop(moving);
    match end {
        Some(Verdict::Done) => {
            if context.output.structured() {
                return context.output.answer(&last);
            }
            let word = last["state"].as_str().unwrap_or_default();
            context.output.say(&format!("{}/{} is {word}", place.project, place.environment));
            Ok(())
        }
        Some(Verdict::Replaced) => replaced(context, place, wished, goal, &last),
        Some(_) => {
            let why = last["revision"]["reason"].as_str().filter(|reason| !reason.is_empty());
            Err(failed(place, &last, why.unwrap_or("it did not become ready")))
        }
        None => Err(failed(place, &last, "it took longer than that")),
    }
}

/// What became of a revision when another one came.
fn replaced(context: &Context, place: &Place, wished: &Value, goal: Goal, last: &Value) -> Result<(), CliError> {
    let all = context.ask(&Request::get(&place.below(&["runtime", "revisions"])))?;
    let mut all = all["items"].as_array().into_iter().flatten();
    let ours = all.find(|revision| revision["revision"] == wished["revision"]);
    let state = ours.and_then(|r| r["state"].as_str()).filter(|_| goal == Goal::Ready);
    match state {
        Some("healthy") => Ok(()),
        Some("failed") => {
            let reason = ours.and_then(|r| r["reason"].as_str()).unwrap_or_default();
            let back = format!("{reason}; it went back, to revision {}", last["revision"]["revision"]);
            Err(failed(place, last, &back))
        }
        _ => {
            let message = format!("something else was wished for {} meanwhile", place.environment);
            Err(CliError::new(Exit::Conflict, message).hint("holdfast env status"))
        }
    }
}

/// A failure that names the services that are not ready, and why.
fn failed(place: &Place, status: &Value, why: &str) -> CliError {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = status["services"].as_array().into_iter().flatten();
    let wrong: Vec<_> = all.filter(|s| !matches!(s["state"].as_str(), Some("ready" | "stopped"))).collect();
    let mut lines: Vec<String> =
        wrong.iter().map(|s| format!("{}: {}: {}", text(&s["name"]), text(&s["state"]), text(&s["message"]))).collect();
    lines.extend(show::conditions(status));
    let state = status["state"].as_str().unwrap_or("not known yet");
    let message = format!("{}/{} is {state}: {why}", place.project, place.environment);
    let failing = wrong.iter().find(|s| s["state"] == "failing");
    let hint = failing.map_or_else(
        || "holdfast env status --follow".to_owned(),
        |service| format!("holdfast env logs {}, holdfast env events", text(&service["name"])),
    );
    CliError::failed(message).details(lines).hint(hint)
}

/// Somebody who waits.
struct Waiting {
    goal: Goal,
    generation: u64,
    moving: Moving,
    refused: Option<Instant>,
    last: Value,
    end: Option<Verdict>,
    /// When it is given up.
    until: Option<Instant>,
}

impl Waiting {
    fn run(&mut self, context: &Context, place: &Place) -> Result<(), CliError> {
        let (client, mut tries) = (context.client()?, 0);
        while self.end.is_none() {
            let before = self.last.clone();
            self.once(&client, place)?;
            if self.end.is_some() || self.is_late() {
                break;
            }
            tries = if self.last == before { tries + 1 } else { 0 };
            if tries >= TRIES {
                let error = CliError::new(Exit::Unreachable, "the stream broke off, and cannot be taken up again");
                return Err(error.hint("it goes on without this command: holdfast env status"));
            }
            client.pause(Duration::from_millis(250) * 2_u32.pow(tries.min(5)));
        }
        Ok(())
    }

    /// Reads one connection to its end, or to the end of waiting.
    fn once(&mut self, client: &Client, place: &Place) -> Result<(), CliError> {
        let mut stream = Sse::default();
        let request = Request::get(&place.below(&["runtime", "follow"]));
        let broke = client.stream(&request, &mut |chunk| {
            stream.take(chunk, &mut |name, status| {
                if name == "state" && self.end.is_none() {
                    self.see(status);
                }
                Ok(())
            })?;
            // Nothing is wrong: there is only nothing more to read.
            if self.end.is_some() || self.is_late() { Err(CliError::reported(Exit::Ok)) } else { Ok(()) }
        });
        if self.end.is_some() || self.is_late() {
            return Ok(());
        }
        if let Some(error) = stream.ended() {
            return Err(error);
        }
        match broke {
            Err(error) if error.exit() != Exit::Unreachable => Err(error),
            _ => Ok(()),
        }
    }

    fn is_late(&self) -> bool {
        let now = Instant::now();
        self.until.is_some_and(|until| until <= now) || self.refused.is_some_and(|since| now - since >= REFUSED_MAX)
    }

    fn see(&mut self, status: &Value) {
        tell(&mut self.moving, status);
        self.last = status.clone();
        match verdict(self.goal, self.generation, status) {
            Verdict::Moving => self.refused = None,
            Verdict::Refused => {
                self.refused.get_or_insert_with(Instant::now);
            }
            end => self.end = Some(end),
        }
    }
}

/// `env status --follow`: every change, until whoever looks has seen enough.
pub(super) fn follow(context: &Context) -> Result<(), CliError> {
    let place = context.place(None)?;
    let output = &context.output;
    let (client, mut moving, mut tries) = (context.client()?, output.moving(), 0);
    loop {
        let (mut stream, mut seen) = (Sse::default(), false);
        let request = Request::get(&place.below(&["runtime", "follow"]));
        let broke = client.stream(&request, &mut |chunk| {
            stream.take(chunk, &mut |name, status| {
                if name != "state" {
                    return Ok(());
                }
                seen = true;
                if output.structured() {
                    return output.line(&status.to_string());
                }
                tell(&mut moving, status);
                Ok(())
            })
        });
        if let Some(error) = stream.ended() {
            return Err(error);
        }
        if let Err(error) = broke
            && error.exit() != Exit::Unreachable
        {
            return Err(error);
        }
        tries = if seen { 0 } else { tries + 1 };
        if tries >= TRIES {
            return Err(CliError::new(Exit::Unreachable, "the stream broke off, and cannot be taken up again"));
        }
        client.pause(Duration::from_millis(500) * 2_u32.pow(tries.min(5)));
    }
}

/// Tells the state of the whole and of each service.
fn tell(moving: &mut Moving, status: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = text(&status["environment"]["path"]);
    let all = status["services"].as_array().map_or(&[][..], Vec::as_slice);
    let width = all.iter().map(|s| text(&s["name"]).len()).max().unwrap_or(0);
    moving.tell("", &format!("{path} is {}, revision {}", text(&status["state"]), status["revision"]["revision"]));
    for service in all {
        let (name, state) = (text(&service["name"]), text(&service["state"]));
        let line = format!("{name:width$}  {state:<12}  {}  {}", show::pods(service), text(&service["message"]));
        moving.tell(&name, line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_span_has_a_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("2h"), Ok(Duration::from_hours(2)));
        for wrong in ["", "90", "m", "-1m", "1w", "99999999999999s"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_status_is_about_the_wish_it_counts() {
        let status = |generation: u64, state: &str, revision: &str| json!({ "generation": generation, "state": state, "revision": { "revision": 3, "state": revision } });
        let ready = |status| verdict(Goal::Ready, 7, &status);
        assert_eq!(ready(status(6, "ready", "healthy")), Verdict::Moving, "the wish before");
        assert_eq!(ready(status(7, "provisioning", "rolling")), Verdict::Moving);
        assert_eq!(ready(status(7, "ready", "healthy")), Verdict::Done);
        assert_eq!(ready(status(7, "failed", "failed")), Verdict::Failed);
        assert_eq!(ready(status(7, "blocked", "rolling")), Verdict::Refused);
        assert_eq!(ready(status(7, "unreachable", "rolling")), Verdict::Moving, "it goes on when it is back");
        assert_eq!(ready(status(8, "ready", "healthy")), Verdict::Replaced);
        assert_eq!(verdict(Goal::Deleted, 7, &status(7, "deleted", "healthy")), Verdict::Done);
        assert_eq!(verdict(Goal::Stopped, 7, &status(7, "stopping", "healthy")), Verdict::Moving);
    }

    #[test]
    fn a_failure_names_the_services_and_why() {
        let place = Place { project: "shop".into(), environment: "dev".into() };
        let status = json!({
            "state": "failed",
            "services": [
                { "name": "api", "state": "failing", "message": "image not found" },
                { "name": "db", "state": "ready", "message": "" },
            ],
        });
        let lines = failed(&place, &status, "not in its time").lines();
        assert_eq!(lines[0], "error: shop/dev is failed: not in its time");
        assert_eq!(lines[1], "  api: failing: image not found");
        assert!(lines[2].starts_with("hint: holdfast env logs api"), "{lines:?}");
    }
}
