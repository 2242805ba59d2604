//! `holdfast audit tail`: the stream of events, taken up again where it broke.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::super::client::Request;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::WhichArgs;

/// The longest line of a stream that is kept: an event is some kilobytes.
const LINE_MAX: usize = 1 << 20;
/// Connections that are tried again without an event in between.
const TRIES: u32 = 8;

/// Which events.
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// How many of the events that are there to show first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=100))]
    recent: u32,
}

/// What was read of the stream so far.
#[derive(Default)]
struct Stream {
    rest: Vec<u8>,
    id: Option<String>,
    event: String,
    data: String,
    last: Option<String>,
    ended: Option<String>,
}

impl Stream {
    /// Takes a piece of the stream, and hands each event that is whole to `each`.
    fn take(&mut self, chunk: &[u8], each: &mut dyn FnMut(&Value) -> Result<(), CliError>) -> Result<(), CliError> {
        self.rest.extend_from_slice(chunk);
        while let Some(at) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=at).collect();
            self.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']), each)?;
        }
        if self.rest.len() > LINE_MAX {
            return Err(CliError::failed("the server's stream has no line breaks"));
        }
        Ok(())
    }

    fn line(&mut self, line: &str, each: &mut dyn FnMut(&Value) -> Result<(), CliError>) -> Result<(), CliError> {
        if !line.is_empty() {
            let (field, text) = line.split_once(':').unwrap_or((line, ""));
            let text = text.strip_prefix(' ').unwrap_or(text);
            match field {
                "id" => self.id = Some(text.to_owned()),
                "event" => text.clone_into(&mut self.event),
                "data" => self.data.push_str(text),
                _ => {}
            }
            return Ok(());
        }
        let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        if data.is_empty() {
            return Ok(());
        }
        let data: Value =
            serde_json::from_str(&data).map_err(|_| CliError::failed("an event of the stream is no JSON"))?;
        if event == "end" {
            self.ended = Some(data.get("code").and_then(Value::as_str).unwrap_or("ended").to_owned());
            return Ok(());
        }
        each(&data)?;
        self.last = self.id.take().or(self.last.take());
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// What the server refuses; the stream was ended by it; it cannot be reached any more.
pub(super) fn run(context: &Context, args: &TailArgs) -> Result<(), CliError> {
    let (client, mut stream, mut tries) = (context.client()?, Stream::default(), 0);
    loop {
        let request = args.which.ask(Request::get(&["audit", "events", "stream"]), context);
        let request = match &stream.last {
            Some(last) => request.query("after", last.as_str()),
            None => request.query("recent", args.recent.to_string()),
        };
        let before = stream.last.clone();
        let broke = client.stream(&request, &mut |chunk| stream.take(chunk, &mut |event| show(context, event)));
        if let Some(code) = stream.ended.take() {
            let error = CliError::new(Exit::Forbidden, format!("the server ended the stream: {code}"));
            return Err(error.hint("holdfast whoami says who you are; holdfast login signs in again"));
        }
        if let Err(error) = broke
            && error.exit() != Exit::Unreachable
        {
            return Err(error);
        }
        tries = if stream.last == before { tries + 1 } else { 0 };
        if tries >= TRIES {
            return Err(CliError::new(Exit::Unreachable, "the stream broke off, and cannot be taken up again"));
        }
        stream.rest.clear();
        client.pause(Duration::from_millis(500) * 2_u32.pow(tries.min(5)));
    }
}

fn show(context: &Context, event: &Value) -> Result<(), CliError> {
    let output = &context.output;
    if output.structured() {
        return output.line(&event.to_string());
    }
    let text = |at: &str| output.cell(event.pointer(at).and_then(Value::as_str).unwrap_or_default());
    let actor = match event.pointer("/actor/name") {
        Some(Value::String(name)) => output.cell(name),
        _ => text("/actor/id"),
    };
    let about = ["/details/name", "/details/slug", "/target/id"].into_iter().map(text).find(|t| !t.is_empty());
    let at = text("/at");
    let at = at.get(..19).unwrap_or(&at);
    output.line(&format!(
        "{at}  {:<8} {:<28} {actor}  {}",
        text("/outcome"),
        text("/action"),
        about.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_stream_is_cut() {
        let text = b"retry: 2000\n:ping\n\nid: 7\ndata: {\"seq\":7}\n\nid: 8\r\ndata: {\"seq\":8}\r\n\r\nevent: end\ndata: {\"code\":\"x\"}\n\n";
        for size in [1, 3, 1_000] {
            let (mut stream, mut seen) = (Stream::default(), Vec::new());
            for chunk in text.chunks(size) {
                stream
                    .take(chunk, &mut |event| {
                        seen.push(event["seq"].as_u64());
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(
                (seen, stream.last.as_deref(), stream.ended.as_deref()),
                (vec![Some(7), Some(8)], Some("8"), Some("x"))
            );
        }
    }
}
