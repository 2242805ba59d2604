//! What differs between two moments or environments, and going back to one: parts of `holdfast environments` and
//! `holdfast folders`.

use clap::Args;
use serde_json::{Value, json};

use super::args::{FolderArg, LimitArg, body};
use super::client::Request;
use super::confirm::{PlanArgs, SevereArgs, planned, severe};
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// What to compare.
#[derive(Debug, Args)]
#[command(after_help = DIFF_HELP)]
pub struct DiffArgs {
    /// The environment [default: --environment, or the one this directory is bound to]
    slug: Option<String>,
    /// How it was: a time like 2026-11-23T08:00:00Z, or an event of the ledger [default: now]
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Another environment, as ENV or PROJECT/ENV [default: the same]
    #[arg(long, value_name = "ENVIRONMENT", required_unless_present_any = ["from", "to"])]
    with: Option<String>,
    /// How what it is compared with was [default: now]
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Tell equal values from changed ones, where you may read both; it is recorded like reading them
    #[arg(long)]
    fingerprints: bool,
    /// Where.
    #[command(flatten)]
    folder: FolderArg,
    /// How many.
    #[command(flatten)]
    limit: LimitArg,
}

const DIFF_HELP: &str = "\
Examples:
  holdfast environments diff staging --from 2026-11-23T08:00:00Z
  holdfast environments diff staging --with production --fingerprints";

/// What goes back, and to when.
#[derive(Debug, Args)]
pub struct RevertArgs {
    /// The environment
    slug: String,
    /// The moment to go back to: a time like 2026-11-23T08:00:00Z, or an event of the ledger
    #[arg(long, value_name = "WHEN")]
    to: String,
    /// Delete what is newer even if other secrets refer to it
    #[arg(long)]
    force: bool,
    /// Only this folder and those beneath it.
    #[command(flatten)]
    folder: FolderArg,
    /// How it is confirmed.
    /// Only if it would still do what this plan said: `plan` of --dry-run
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    #[command(flatten)]
    severe: SevereArgs,
}

/// What comes back.
#[derive(Debug, Args)]
pub struct UndeleteArgs {
    /// Its path, like /api; / for the whole environment
    path: String,
    /// Every deleted name, not only those the last deletion took
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    plan: PlanArgs,
}

const DIFFERENCES: &[Column] = &[
    ("change", "/change"),
    ("path", "/path"),
    ("name", "/name"),
    ("before", "/before/version"),
    ("after", "/after/version"),
];

/// Shows what differs.
///
/// # Errors
/// What the server refuses.
pub fn diff(context: &Context, args: &DiffArgs) -> Result<(), CliError> {
    let place = context.place(args.slug.as_deref())?;
    let path = context.path(args.folder.path.as_deref())?;
    let request = || {
        let request = Request::get(&place.below(&["diff"])).query("path", &path);
        let request = request.query_opt("from", args.from.as_deref()).query_opt("with", args.with.as_deref());
        request.query_opt("to", args.to.as_deref()).flag("fingerprints", args.fingerprints)
    };
    context.output.list(&context.ask_list(request, args.limit.items())?, DIFFERENCES)
}

/// Goes back.
///
/// # Errors
/// Not confirmed, or refused by the server.
pub fn revert(context: &Context, args: &RevertArgs) -> Result<(), CliError> {
    let place = context.place(Some(&args.slug))?;
    let path = context.path(args.folder.path.as_deref())?;
    let revert = Request::post;
    let fields = |plan: Option<&str>| {
        body(json!({ "at": args.to, "path": path, "force": args.force.then_some(true), "plan": plan }))
    };
    // What a person is shown is what is done, or nothing is.
    let seen = match &args.plan {
        None if !args.severe.dry_run && args.severe.confirm.is_none() && context.input.interactive() => {
            let plan = context.ask(&revert(&place.below(&["revert"])).body(&fields(None)).flag("dry_run", true))?;
            plan.get("plan").and_then(Value::as_str).map(str::to_owned)
        }
        given => given.clone(),
    };
    let fields = fields(seen.as_deref());
    let request = || revert(&place.below(&["revert"])).body(&fields);
    match severe(context, &args.severe, "revert the environment", &args.slug, request)? {
        Some(done) => {
            context.output.warnings(&done);
            context.output.answer(&done)
        }
        None => Ok(()),
    }
}

/// Brings a folder back.
///
/// # Errors
/// What the server refuses.
pub fn undelete(context: &Context, args: &UndeleteArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let request = Request::post(&place.below(&["folders", "undelete"])).query("path", &args.path);
    match planned(context, args.plan, request.flag("all", args.all))? {
        Some(done) => context.output.answer(&done),
        None => Ok(()),
    }
}
