//! `holdfast audit tail`: the stream of events, taken up again where it broke.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::super::client::Request;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::sse::Sse;
use super::WhichArgs;

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

/// Runs the command.
///
/// # Errors
/// What the server refuses; the stream was ended by it; it cannot be reached any more.
pub(super) fn run(context: &Context, args: &TailArgs) -> Result<(), CliError> {
    let (client, mut stream, mut tries) = (context.client()?, Sse::default(), 0);
    loop {
        let request = args.which.ask(Request::get(&["audit", "events", "stream"]), context);
        let request = match &stream.last {
            Some(last) => request.query("after", last.as_str()),
            None => request.query("recent", args.recent.to_string()),
        };
        let before = stream.last.clone();
        let broke = client.stream(&request, &mut |chunk| stream.take(chunk, &mut |_, event| show(context, event)));
        if let Some(error) = stream.ended() {
            return Err(error);
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
        stream.begin_anew();
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
