//! `holdfast policy`: the organization's own policies.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::args::body;
use crate::cli::client::Request;
use crate::cli::confirm::{PlanArgs, SevereArgs, planned, severe};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::Column;

/// What a policy does where it is satisfied.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ModeArg {
    /// It denies
    Enforce,
    /// The ledger says that it would have denied
    Observe,
}

impl ModeArg {
    const fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// A policy to save.
#[derive(Debug, Args)]
pub struct PutArgs {
    /// Its name, like no-night-reveal
    name: String,
    /// A file with one Cedar forbid; - is stdin
    #[arg(long, value_name = "FILE")]
    source: PathBuf,
    /// A file with the tests that must pass: a JSON list
    #[arg(long, value_name = "FILE")]
    tests: Option<PathBuf>,
    /// What it does where it is satisfied
    #[arg(long, value_enum, default_value = "observe")]
    mode: ModeArg,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Only if it still has this version; 0: only if it is new
    #[arg(long, value_name = "VERSION")]
    base_version: Option<u32>,
    /// Whether it is only checked.
    #[command(flatten)]
    plan: PlanArgs,
}

/// What is simulated.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The policy's name
    name: String,
    /// A file with its text, which need not be saved; - is stdin [default: as it is saved]
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// How many days back
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
}

const COLUMNS: &[Column] = &[
    ("name", "/name"),
    ("mode", "/mode"),
    ("version", "/version"),
    ("description", "/description"),
    ("saved", "/saved_at"),
    ("by", "/saved_by"),
];
const SAVED: &[Column] = &[
    ("name", "/policy/name"),
    ("mode", "/policy/mode"),
    ("version", "/policy/version"),
    ("checked only", "/dry_run"),
    ("id", "/policy/id"),
];
const FIELDS: &[Column] = &[
    ("name", "/name"),
    ("mode", "/mode"),
    ("version", "/version"),
    ("description", "/description"),
    ("source", "/source"),
    ("saved", "/saved_at"),
    ("by", "/saved_by"),
    ("id", "/id"),
];
const CHANGES: &[Column] = &[
    ("at", "/at"),
    ("would be", "/would_be"),
    ("action", "/action"),
    ("actor", "/actor_name"),
    ("environment", "/environment"),
    ("event", "/event"),
];
/// Pages of a simulation at most: what is beyond is said to be left out.
const PAGES_MAX: usize = 2_000;
/// Changes shown at most.
const CHANGES_MAX: usize = 1_000;

const BASE: &str = "policies";

pub(super) fn list(context: &Context) -> Result<(), CliError> {
    context.output.list(&context.ask(&Request::get(&[BASE]))?, COLUMNS)
}

pub(super) fn show(context: &Context, name: &str) -> Result<(), CliError> {
    context.output.item(&context.ask(&Request::get(&[BASE, name]))?, FIELDS)
}

pub(super) fn put(context: &Context, args: &PutArgs) -> Result<(), CliError> {
    let tests = args.tests.as_deref().map(|file| tests(context, file)).transpose()?;
    let fields = body(json!({
        "source": context.input.document(&args.source)?,
        "mode": args.mode.word(),
        "description": args.description,
        "tests": tests,
        "base_version": args.base_version,
    }));
    let request = Request::put(&[BASE, &args.name]).body(&fields);
    match planned(context, args.plan, request)? {
        Some(saved) => context.output.item(&saved, SAVED),
        None => Ok(()),
    }
}

fn tests(context: &Context, file: &std::path::Path) -> Result<Value, CliError> {
    let text = context.input.document(file)?;
    serde_json::from_str(&text).map_err(|e| CliError::failed(format!("{} is not JSON: {e}", file.display())))
}

pub(super) fn delete(context: &Context, name: &str, args: &SevereArgs) -> Result<(), CliError> {
    match severe(context, args, "delete the policy", name, || Request::delete(&[BASE, name]))? {
        Some(deleted) => context.output.answer(&deleted),
        None => Ok(()),
    }
}

pub(super) fn history(context: &Context, name: &str) -> Result<(), CliError> {
    context.output.list(&context.ask(&Request::get(&[BASE, name, "versions"]))?, COLUMNS)
}

pub(super) fn diff(context: &Context, name: &str, from: Option<u32>, to: Option<u32>) -> Result<(), CliError> {
    let number = |n: Option<u32>| n.map(|n| n.to_string());
    let request = Request::get(&[BASE, name, "diff"]).query_opt("from", number(from)).query_opt("to", number(to));
    text_of(context, &context.ask(&request)?, "/diff")
}

pub(super) fn rollback(context: &Context, name: &str, version: u32, plan: PlanArgs) -> Result<(), CliError> {
    let request = Request::post(&[BASE, name, "rollback"]).body(&json!({ "version": version }));
    match planned(context, plan, request)? {
        Some(saved) => context.output.item(&saved, SAVED),
        None => Ok(()),
    }
}

pub(super) fn templates(context: &Context) -> Result<(), CliError> {
    const TEMPLATES: &[Column] = &[("name", "/name"), ("about", "/about")];
    context.output.list(&context.ask(&Request::get(&["policy", "templates"]))?, TEMPLATES)
}

pub(super) fn template(context: &Context, name: &str, tests: bool) -> Result<(), CliError> {
    let all = context.ask(&Request::get(&["policy", "templates"]))?;
    let items = all.get("items").and_then(Value::as_array).into_iter().flatten();
    let found = items.into_iter().find(|t| t.get("name").and_then(Value::as_str) == Some(name));
    let Some(found) = found else {
        return Err(CliError::new(crate::cli::error::Exit::NotFound, format!("there is no template {name}"))
            .hint("holdfast policy templates"));
    };
    if context.output.structured() {
        return context.output.answer(found);
    }
    if tests {
        let tests = found.get("tests").cloned().unwrap_or_default();
        let text = serde_json::to_string_pretty(&tests).map_err(|e| CliError::failed(e.to_string()))?;
        return context.output.data(format!("{text}\n").as_bytes());
    }
    match found.get("source").and_then(Value::as_str) {
        Some(source) => context.output.data(source.as_bytes()),
        None => Err(CliError::failed(found.get("about").and_then(Value::as_str).unwrap_or_default().to_owned())),
    }
}

pub(super) fn schema(context: &Context) -> Result<(), CliError> {
    let answer = context.client()?.send(&Request::get(&["policy", "schema"]))?;
    context.output.data(answer.bytes())
}

pub(super) fn simulate(context: &Context, args: &SimulateArgs) -> Result<(), CliError> {
    let source = args.source.as_deref().map(|file| context.input.document(file)).transpose()?;
    let progress = context.output.progress("deciding again", None);
    let (mut cursor, mut decisions, mut changes, mut left_out) = (Value::Null, 0_u64, Vec::new(), false);
    let (mut counts, mut reached) = ([0_u64; 2], Value::Null);
    for page in 0..=PAGES_MAX {
        if page == PAGES_MAX {
            left_out = true;
            break;
        }
        let fields = json!({"name": args.name, "source": source, "days": args.days, "cursor": cursor});
        let answer = context.ask(&Request::post(&["policy", "simulate"]).body(&body(fields)))?;
        let of_page = answer.get("decisions").and_then(Value::as_u64).unwrap_or(0);
        decisions += of_page;
        progress.advance(of_page);
        if let Some(at) = answer.get("reached").filter(|at| !at.is_null()) {
            reached = at.clone();
        }
        for change in answer.get("changes").and_then(Value::as_array).into_iter().flatten() {
            let denied = change.get("would_be").and_then(Value::as_str) == Some("deny");
            counts[usize::from(denied)] += 1;
            if changes.len() < CHANGES_MAX {
                changes.push(change.clone());
            }
        }
        cursor = answer.get("next_cursor").cloned().unwrap_or_default();
        if cursor.is_null() {
            break;
        }
    }
    drop(progress);
    let [allowed, denied] = counts;
    if context.output.structured() {
        return context.output.answer(&json!({
            "decisions": decisions, "newly_denied": denied, "newly_allowed": allowed, "reached": reached,
            "complete": !left_out, "changes": changes,
        }));
    }
    context.output.list(&json!({ "items": changes, "next_cursor": null }), CHANGES)?;
    let part = if left_out { "; older ones were left out" } else { "" };
    let told = format!("of {decisions} decisions {denied} would have been denied, {allowed} allowed{part}");
    context.output.say(&told);
    Ok(())
}

fn text_of(context: &Context, answer: &Value, at: &str) -> Result<(), CliError> {
    if context.output.structured() {
        return context.output.answer(answer);
    }
    context.output.data(answer.pointer(at).and_then(Value::as_str).unwrap_or_default().as_bytes())
}
