//! `holdfast env logs`: what services write, line by line, taken up again where a connection broke.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::wait::span;
use crate::cli::client::Request;
use crate::cli::context::{Context, Place};
use crate::cli::error::{CliError, Exit};
use crate::cli::output::Output;
use crate::types::{Clock as _, SystemClock, Timestamp};

/// Connections that are tried again without a line in between.
const TRIES: u32 = 8;
/// A connection that broke off so soon was none.
const SOON: Duration = Duration::from_secs(5);
/// Lines that are known again when the server tells them a second time.
const RECENT: usize = 2_000;
/// Longest line that is kept together, in bytes.
const LINE_MAX: usize = 1 << 20;

/// Which lines.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The service [default: every one, each line with its name]
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// Stay, and write what comes
    #[arg(long, short)]
    follow: bool,
    /// Only what was written since then: a span like 10m, or a time (RFC 3339)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,
    /// How many of the last lines of each pod
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    tail: u32,
    /// Of the containers before their last restart
    #[arg(long, conflicts_with = "follow")]
    previous: bool,
    /// Begin each line with its time
    #[arg(long)]
    timestamps: bool,
}

/// A moment: `10m` ago, or a time.
fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = span(text) {
        let ago = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_micros(SystemClock.now().as_micros().saturating_sub(ago)));
    }
    Timestamp::parse(text).map_err(|_| "a span like 10m, or a time like 2026-11-23T08:00:00Z".to_owned())
}

/// What was written so far.
struct Lines<'a> {
    output: &'a Output,
    /// Whether every line comes with the time it was written.
    has_times: bool,
    /// Whether the times are written, too.
    shows_times: bool,
    /// Whether every line comes with its service.
    service: Option<&'a str>,
    rest: Vec<u8>,
    recent: VecDeque<Vec<u8>>,
    known: HashSet<Vec<u8>>,
    /// The time of the newest line.
    last: Option<Timestamp>,
    count: u64,
}

impl Lines<'_> {
    fn take(&mut self, chunk: &[u8]) -> Result<(), CliError> {
        if !self.has_times && !self.output.is_terminal() {
            return self.output.data(chunk);
        }
        self.rest.extend_from_slice(chunk);
        while let Some(at) = memchr::memchr(b'\n', &self.rest) {
            let line: Vec<u8> = self.rest.drain(..=at).collect();
            self.line(&line[..at])?;
        }
        if self.rest.len() > LINE_MAX {
            let line = std::mem::take(&mut self.rest);
            self.line(&line)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), CliError> {
        if !self.has_times {
            return self.write(None, line);
        }
        if !self.known.insert(line.to_vec()) {
            return Ok(());
        }
        self.recent.push_back(line.to_vec());
        if self.recent.len() > RECENT
            && let Some(old) = self.recent.pop_front()
        {
            self.known.remove(&old);
        }
        self.count += 1;
        let (time, text) = match memchr::memchr(b' ', line) {
            Some(at) => (std::str::from_utf8(&line[..at]).ok(), &line[at + 1..]),
            None => (None, line),
        };
        let at = time.and_then(|time| Timestamp::parse(time).ok());
        self.last = self.last.max(at);
        self.write(time, text)
    }

    fn write(&self, time: Option<&str>, text: &[u8]) -> Result<(), CliError> {
        let output = self.output;
        if output.structured() {
            let text = String::from_utf8_lossy(text);
            let (service, line) = match self.service {
                Some(service) => (service, &*text),
                None => text.split_once(" | ").unwrap_or(("", &text)),
            };
            return output.line(&json!({ "at": time, "service": service, "line": line }).to_string());
        }
        let time = time.filter(|_| self.shows_times).map(|time| format!("{time} ")).unwrap_or_default();
        if output.is_terminal() {
            let text = String::from_utf8_lossy(text);
            return output.line(&format!("{time}{}", output.cell(&text)));
        }
        let mut bytes = time.into_bytes();
        bytes.extend_from_slice(text);
        bytes.push(b'\n');
        output.data(&bytes)
    }

    /// What was cut off with a connection is told anew.
    fn begin_anew(&mut self) {
        self.rest.clear();
    }

    fn end(&mut self) -> Result<(), CliError> {
        let line = std::mem::take(&mut self.rest);
        if line.is_empty() { Ok(()) } else { self.line(&line) }
    }
}

/// Runs the command.
///
/// # Errors
/// What the server refuses; it cannot be reached any more.
pub(super) fn run(context: &Context, args: &LogsArgs) -> Result<(), CliError> {
    let (place, client, output) = (context.place(None)?, context.client()?, &context.output);
    let mut lines = Lines {
        output,
        has_times: args.follow || args.timestamps || output.structured(),
        shows_times: args.timestamps,
        service: args.service.as_deref(),
        rest: Vec::new(),
        recent: VecDeque::new(),
        known: HashSet::new(),
        last: None,
        count: 0,
    };
    let mut tries = 0;
    loop {
        let (before, began) = (lines.count, Instant::now());
        let request = ask(&place, args, &lines);
        let broke = client.stream(&request, &mut |chunk| lines.take(chunk));
        if !args.follow {
            broke?;
            return lines.end();
        }
        // A stream without lines is silent, and a silent connection is given up after a minute.
        if let Err(error) = broke
            && error.exit() != Exit::Unreachable
        {
            return Err(error);
        }
        let is_futile = lines.count == before && began.elapsed() < SOON;
        tries = if is_futile { tries + 1 } else { 0 };
        if tries >= TRIES {
            return Err(CliError::new(Exit::Unreachable, "the stream broke off, and cannot be taken up again"));
        }
        lines.begin_anew();
        client.pause(Duration::from_millis(500) * 2_u32.pow(tries.min(5)));
    }
}

fn ask(place: &Place, args: &LogsArgs, lines: &Lines<'_>) -> Request {
    let service = args.service.as_deref().unwrap_or("-");
    let request = Request::get(&place.below(&["runtime", "services", service, "logs"]))
        .flag("follow", args.follow)
        .flag("previous", args.previous)
        .flag("timestamps", lines.has_times);
    if let Some(last) = lines.last {
        // The second before is told again: what is known of it is left out.
        let since = Timestamp::from_micros(last.as_micros() - 1_000_000);
        return request.query("since", since.to_string()).query("tail", "10000");
    }
    let since = args.since.map(|at| at.to_string());
    request.query_opt("since", since).query("tail", args.tail.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_span_or_a_time() {
        let at = since("2026-11-23T08:00:00Z").expect("a time");
        assert_eq!(Timestamp::parse("2026-11-23T08:00:00Z"), Ok(at));
        assert!(since("10m").expect("a span") < SystemClock.now());
        assert!(since("yesterday").is_err());
    }
}
