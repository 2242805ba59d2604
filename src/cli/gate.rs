//! `holdfast gate` and `holdfast prober`: what Holdfast runs of itself inside a cluster. No person types them, and the
//! gate's end is read by the controller: its exit codes are its own.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::error::CliError;
use crate::runtime::{gate, render};

/// Where the kubelet reads what the last words of a container were.
const LAST_WORDS: &str = "/dev/termination-log";

const GATE_HELP: &str = "\
The first container of every pod. It ends with 0 once neither direction is open and controls show
that the network lives, with 3 (PolicyNotEnforced) when the pod is still open after the limit, and
with 4 (ProbeUnreachable) when a control failed to the end. It writes one line of JSON to stderr,
and as the container's termination message. Once proven, it waits until each --after answers: nothing
of the team's has started by then, so a service starts when what it depends on is ready.";

/// What the gate holds the network against.
#[derive(Debug, Args)]
#[command(after_help = GATE_HELP)]
pub struct GateArgs {
    /// Where the prober is asked; allowed by policy
    #[arg(long, value_name = "ADDRESS:PORT")]
    ask: SocketAddr,
    /// The prober's open port; must not be reached
    #[arg(long, value_name = "ADDRESS:PORT")]
    open: SocketAddr,
    /// Where the gate listens; the prober must not reach it
    #[arg(long, value_name = "PORT", default_value_t = render::GATE_PORT, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// How long to try, like 20s or 500ms
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = limit)]
    limit: Duration,
    /// What has to answer before the service starts, like db:5432; may be given 32 times
    #[arg(long, value_name = "NAME:PORT", value_parser = gate::Way::parse)]
    after: Vec<gate::Way>,
    /// How long to wait for those; then the service starts without them
    #[arg(long, value_name = "TIME", default_value = "600s", value_parser = limit)]
    patience: Duration,
}

/// The most dependencies a gate waits for.
const AFTER_MAX: usize = 32;

/// Where the prober listens.
#[derive(Debug, Args)]
pub struct ProberArgs {
    /// The port where gates ask
    #[arg(long, value_name = "PORT", default_value_t = render::ASK_PORT)]
    ask: u16,
    /// The port that is open to all
    #[arg(long, value_name = "PORT", default_value_t = render::OPEN_PORT)]
    open: u16,
}

/// Seconds or milliseconds, at most ten minutes.
fn limit(text: &str) -> Result<Duration, String> {
    let parsed = match text.strip_suffix("ms") {
        Some(number) => number.parse().map(Duration::from_millis),
        None => text.strip_suffix('s').unwrap_or(text).parse().map(Duration::from_secs),
    };
    let fits = parsed.ok().filter(|limit| *limit <= Duration::from_mins(10));
    fits.ok_or_else(|| "say seconds or milliseconds, like 20s or 500ms, at most 600s".to_owned())
}

/// Holds the pod back until it is proven closed.
pub fn gate(context: &Context, args: &GateArgs) -> Result<ExitCode, CliError> {
    if args.after.len() > AFTER_MAX {
        return Err(CliError::usage(format!("--after may be given {AFTER_MAX} times")));
    }
    let question = gate::Question { ask: args.ask, open: args.open, limit: args.limit };
    let ended = gate::gate(&question, args.port, &args.after, args.patience)
        .map_err(|e| CliError::failed(format!("the gate cannot listen on port {}: {e}", args.port)))?;
    let Some((report, waited)) = ended else {
        return Err(CliError::failed("told to end before the pod was proven closed and its turn came"));
    };
    let mut line = report.json();
    if !args.after.is_empty() {
        line["waited_milliseconds"] = u64::try_from(waited.took.as_millis()).unwrap_or(u64::MAX).into();
        line["missing"] = waited.missing.into();
    }
    let line = line.to_string();
    context.output.say(&line);
    last_words(&line);
    Ok(ExitCode::from(report.verdict.exit()))
}

/// Outside of a container there is no such file, and nobody to read it; it is never made.
fn last_words(line: &str) {
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).truncate(true).open(LAST_WORDS) {
        drop(file.write_all(line.as_bytes()));
    }
}

/// Answers gates until told to end.
pub fn prober(args: &ProberArgs) -> Result<(), CliError> {
    gate::prober(args.ask, args.open).map_err(|e| CliError::failed(format!("the prober failed: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_seconds_or_milliseconds() {
        assert_eq!(limit("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(limit("20"), Ok(Duration::from_secs(20)));
        assert_eq!(limit("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "s", "ms", "-1s", "1.5s", "601s", "20m", "20 s"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
