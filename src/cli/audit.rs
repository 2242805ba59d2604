//! `holdfast audit`: the ledger, read through the server or verified on a copied database without one.

mod tail;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::body;
use super::client::Request;
use super::context::Context;
use super::error::{CliError, Exit};
use super::offline::{self, VerifyOptions};
use super::output::Column;

/// Read, export and verify the ledger.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List events, newest first
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Follow the ledger: recent events, then each as it comes
    #[command(after_help = TAIL_HELP)]
    Tail(tail::TailArgs),
    /// Show an event
    Show {
        /// Its id or number
        event: String,
    },
    /// Show the proof that an event is in the ledger
    Proof {
        /// Its id or number
        event: String,
    },
    /// Write events as JSON lines or CSV
    Export(ExportArgs),
    /// Write the newest signed checkpoint to stdout; keep it elsewhere, and verify against it later
    Checkpoint,
    /// Verify the ledger: through the server, or on a data directory without one
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
}

const TAIL_HELP: &str = "\
Ends with Ctrl-C. A connection that breaks is taken up again where it was. That somebody follows is
recorded, once for each connection.

Examples:
  holdfast audit tail
  holdfast audit tail --action secret.reveal --recent 0
  holdfast audit tail --json | jq -r .actor.name";

const VERIFY_HELP: &str = "\
With --data-dir nothing is asked of a server: the database is read, with the key you pinned and a
checkpoint you kept, so that a server that lies is found out. Exit code 1 says that something does
not fit.

Examples:
  holdfast audit checkpoint > checkpoint.txt
  holdfast audit verify --checkpoint checkpoint.txt
  holdfast audit verify --data-dir ./copy --key ledger.pub --checkpoint checkpoint.txt";

/// Which events.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    span: SpanArgs,
    /// The most events to show
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

/// What the events are about.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// Who did it: an e-mail address or id, or a job's name
    #[arg(long)]
    actor: Option<String>,
    /// What was done, like secret.reveal
    #[arg(long)]
    action: Option<String>,
    /// What it was done to: an id
    #[arg(long)]
    target: Option<String>,
    /// allow or deny
    #[arg(long, value_parser = ["allow", "deny"])]
    decision: Option<String>,
}

impl WhichArgs {
    fn ask(&self, request: Request, context: &Context) -> Request {
        request
            .query_opt("actor", self.actor.as_deref())
            .query_opt("action", self.action.as_deref())
            .query_opt("target", self.target.as_deref())
            .query_opt("decision", self.decision.as_deref())
            .query_opt("project", context.flags.project.as_deref())
            .query_opt("environment", context.flags.environment.as_deref())
    }
}

/// A span of time.
#[derive(Debug, Args)]
pub struct SpanArgs {
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// What to export.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// How they are written
    #[arg(long, value_parser = ["jsonl", "csv"], default_value = "jsonl")]
    format: String,
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    span: SpanArgs,
    /// Write into this file in place of stdout
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What to verify, and against what.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A checkpoint kept earlier: the ledger must contain it
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Verify this data directory, without a server
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The ledger's public key, pinned; only with --data-dir
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    key: Option<PathBuf>,
}

const COLUMNS: &[Column] = &[
    ("seq", "/seq"),
    ("at", "/at"),
    ("actor", "/actor"),
    ("action", "/action"),
    ("outcome", "/outcome"),
    ("target", "/target"),
    ("environment", "/environment"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses; a ledger that does not verify.
pub fn run(context: &Context, command: AuditCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        AuditCommand::List(args) => list(context, &args),
        AuditCommand::Tail(args) => tail::run(context, &args),
        AuditCommand::Show { event } => output.answer(&context.ask(&Request::get(&["audit", "events", &event]))?),
        AuditCommand::Proof { event } => {
            output.answer(&context.ask(&Request::get(&["audit", "events", &event, "proof"]))?)
        }
        AuditCommand::Export(args) => export(context, &args),
        AuditCommand::Checkpoint => {
            let answer = context.client()?.send(&Request::get(&["audit", "checkpoint"]))?;
            output.data(answer.bytes())
        }
        AuditCommand::Verify(args) => verify(context, args),
    }
}

fn list(context: &Context, args: &ListArgs) -> Result<(), CliError> {
    let request = || {
        args.which
            .ask(Request::get(&["audit", "events"]), context)
            .query_opt("from", args.span.from.as_deref())
            .query_opt("to", args.span.to.as_deref())
    };
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    context.output.list(&context.ask_list(request, limit)?, COLUMNS)
}

fn export(context: &Context, args: &ExportArgs) -> Result<(), CliError> {
    let request = args
        .which
        .ask(Request::get(&["audit", "export"]), context)
        .query("format", args.format.as_str())
        .query_opt("from", args.span.from.as_deref())
        .query_opt("to", args.span.to.as_deref());
    let client = context.client()?;
    let output = &context.output;
    let Some(path) = &args.file else {
        return client.stream(&request, &mut |chunk| output.data(chunk));
    };
    let cannot = |e: std::io::Error| CliError::failed(format!("cannot write {}: {e}", path.display()));
    let mut file = File::create(path).map_err(cannot)?;
    let progress = output.progress("exporting", None);
    let mut events = 0_usize;
    client.stream(&request, &mut |chunk| {
        let more = chunk.split(|&b| b == b'\n').count() - 1;
        events += more;
        progress.advance(u64::try_from(more).unwrap_or(0));
        file.write_all(chunk).map_err(cannot)
    })?;
    file.sync_all().map_err(cannot)?;
    drop(progress);
    let events = if args.format == "csv" { events.saturating_sub(1) } else { events };
    output.say(&format!("wrote {events} events to {}", path.display()));
    Ok(())
}

fn verify(context: &Context, args: VerifyArgs) -> Result<(), CliError> {
    let checkpoint = args.checkpoint.as_deref().map(|p| context.input.document(p)).transpose()?;
    let report = if let Some(data_dir) = args.data_dir {
        offline::audit_verify(&VerifyOptions { data_dir, key: args.key, checkpoint })?
    } else {
        let fields = body(json!({ "checkpoint": checkpoint }));
        context.ask(&Request::post(&["audit", "verify"]).body(&fields))?
    };
    context.output.answer(&report)?;
    if report.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    context.output.warn("the ledger does not verify");
    Err(CliError::reported(Exit::Failed))
}
