//! `holdfast secrets stale`, `expiring`, `expire` and `edit`.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::args::{FolderArg, LimitArg, body};
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use super::output::Column;
use super::secrets::Visibility;

/// Where to look.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    /// In every environment of the project
    #[arg(long, conflicts_with = "all_projects")]
    all_environments: bool,
    /// In every project of the organization
    #[arg(long)]
    all_projects: bool,
}

/// Which secrets are stale.
#[derive(Debug, Args)]
pub struct StaleArgs {
    /// Neither read nor written for so many days
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Where to look.
    #[command(flatten)]
    scope: ScopeArgs,
    /// How many.
    #[command(flatten)]
    limit: LimitArg,
}

/// Which secrets expire.
#[derive(Debug, Args)]
pub struct ExpiringArgs {
    /// Within so many days
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Where to look.
    #[command(flatten)]
    scope: ScopeArgs,
    /// How many.
    #[command(flatten)]
    limit: LimitArg,
}

/// A secret and its end.
#[derive(Debug, Args)]
pub struct ExpireArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
    /// When, like 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", required_unless_present = "never")]
    at: Option<String>,
    /// It does not expire
    #[arg(long, conflicts_with = "at")]
    never: bool,
}

/// Secrets to change, and how.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// Where they are.
    #[command(flatten)]
    folder: FolderArg,
    /// Those in the folders beneath, too
    #[arg(short, long)]
    recursive: bool,
    /// Only those with this in their name, comment or tags
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those with this tag; may be given again
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only those with this visibility
    #[arg(long, value_enum, value_name = "VISIBILITY")]
    with_visibility: Option<Visibility>,
    /// Only those neither read nor written for so many days
    #[arg(long, value_name = "N")]
    stale_days: Option<u32>,
    /// Only those that expire within so many days
    #[arg(long, value_name = "N")]
    expires_within_days: Option<u32>,
    #[command(flatten)]
    change: ChangeArgs,
    /// How it is confirmed, if it deletes.
    #[command(flatten)]
    severe: SevereArgs,
}

/// What is done to each.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct ChangeArgs {
    /// A tag they get; may be given again
    #[arg(long = "add-tag", value_name = "TAG")]
    add_tags: Vec<String>,
    /// A tag they lose; may be given again
    #[arg(long = "remove-tag", value_name = "TAG")]
    remove_tags: Vec<String>,
    /// Their comment
    #[arg(long)]
    comment: Option<String>,
    /// Who may see them; what is restricted stays so
    #[arg(long, value_enum)]
    visibility: Option<Visibility>,
    /// When they expire, like 2027-01-31T00:00:00Z, or never
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Delete them
    #[arg(long, conflicts_with_all = ["add_tags", "remove_tags", "comment", "visibility", "expires_at"])]
    delete: bool,
    /// Delete them even if other secrets refer to them
    #[arg(long, requires = "delete")]
    force: bool,
}

const STALE: &[Column] = &[
    ("environment", "/environment"),
    ("path", "/path"),
    ("name", "/name"),
    ("last read", "/last_accessed_at"),
    ("read by", "/last_accessed_by"),
    ("written", "/updated_at"),
];

const EXPIRING: &[Column] = &[
    ("expires", "/expires_at"),
    ("expired", "/expired"),
    ("environment", "/environment"),
    ("path", "/path"),
    ("name", "/name"),
    ("by", "/set_by"),
];

const EXPIRY: &[Column] = &[("expires", "/expires_at"), ("expired", "/expired"), ("by", "/set_by")];

const EDITED: &[Column] = &[("action", "/action"), ("path", "/path"), ("name", "/name"), ("version", "/version")];

/// `secrets stale`.
///
/// # Errors
/// What the server refuses.
pub fn stale(context: &Context, args: &StaleArgs) -> Result<(), CliError> {
    let scope = scope(context, &args.scope)?;
    let request = || scope.on(Request::get(&["secrets", "stale"])).query("days", args.days.to_string());
    context.output.list(&context.ask_list(request, args.limit.items())?, STALE)
}

/// `secrets expiring`.
///
/// # Errors
/// What the server refuses.
pub fn expiring(context: &Context, args: &ExpiringArgs) -> Result<(), CliError> {
    let scope = scope(context, &args.scope)?;
    let request = || scope.on(Request::get(&["secrets", "expiring"])).query("within_days", args.days.to_string());
    context.output.list(&context.ask_list(request, args.limit.items())?, EXPIRING)
}

/// `secrets expire`.
///
/// # Errors
/// What the server refuses.
pub fn expire(context: &Context, args: &ExpireArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let request = Request::put(&place.below(&["secrets", &args.name, "expiry"]));
    let request = request.query("path", context.path(args.folder.path.as_deref())?);
    context.output.item(&context.ask(&request.body(&json!({ "expires_at": args.at })))?, EXPIRY)
}

/// `secrets edit`.
///
/// # Errors
/// What the server refuses; deleting that was not confirmed.
pub fn edit(context: &Context, args: &EditArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let path = context.path(args.folder.path.as_deref())?;
    let fields = fields(args, &path);
    let request = || Request::post(&place.below(&["edit"])).body(&fields);
    let answer = if args.change.delete {
        match severe(context, &args.severe, "delete the secrets found in", &place.environment, request)? {
            Some(answer) => answer,
            None => return Ok(()),
        }
    } else {
        context.ask(&request().flag("dry_run", args.severe.dry_run))?
    };
    let output = &context.output;
    output.warnings(&answer);
    if output.structured() {
        return output.answer(&answer);
    }
    output.list(&answer, EDITED)?;
    if let Some(count) = answer["expiries"].as_u64().filter(|n| *n > 0) {
        output.say(&format!("{count} have another end than before"));
    }
    Ok(())
}

fn fields(args: &EditArgs, path: &str) -> Value {
    let word = |v: Option<Visibility>| v.and_then(|v| v.to_possible_value().map(|v| v.get_name().to_owned()));
    let filter = body(json!({
        "path": path,
        "recursive": args.recursive,
        "search": args.search,
        "tags": args.tags,
        "visibility": word(args.with_visibility),
        "stale_days": args.stale_days,
        "expires_within_days": args.expires_within_days,
    }));
    let change = &args.change;
    let mut marks = body(json!({
        "add_tags": change.add_tags,
        "remove_tags": change.remove_tags,
        "comment": change.comment,
        "visibility": word(change.visibility),
        "delete": change.delete,
    }));
    match change.expires_at.as_deref() {
        None => {}
        Some("never") => marks["expires_at"] = Value::Null,
        Some(time) => marks["expires_at"] = json!(time),
    }
    json!({ "filter": filter, "change": marks, "force": change.force })
}

/// A project and an environment, or what there is of them.
struct Scope {
    project: Option<String>,
    environment: Option<String>,
}

impl Scope {
    fn on(&self, request: Request) -> Request {
        request.query_opt("project", self.project.as_deref()).query_opt("environment", self.environment.as_deref())
    }
}

fn scope(context: &Context, args: &ScopeArgs) -> Result<Scope, CliError> {
    if args.all_projects {
        return Ok(Scope { project: None, environment: None });
    }
    if args.all_environments {
        return Ok(Scope { project: Some(context.project(None)?), environment: None });
    }
    let place = context.place(None)?;
    Ok(Scope { project: Some(place.project), environment: Some(place.environment) })
}
