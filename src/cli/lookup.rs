//! `holdfast secrets usage`, `lookup` and `search`: what depends on what, and where something is.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::{FolderArg, LimitArg, body};
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// A secret.
#[derive(Debug, Args)]
pub struct UsageArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
}

/// A value.
#[derive(Debug, Args)]
pub struct LookupArgs {
    /// Take the value from this file, byte for byte
    #[arg(long, visible_alias = "file", value_name = "FILE")]
    value_file: Option<PathBuf>,
    /// Keep the line end of stdin
    #[arg(long)]
    raw: bool,
    /// Only in the project that is named or bound, not in the whole organization
    #[arg(long)]
    in_project: bool,
}

/// What to search for.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// A part of the name, comment or a tag
    query: String,
    /// In every project of the organization
    #[arg(long)]
    all_projects: bool,
    /// How many.
    #[command(flatten)]
    limit: LimitArg,
}

const USED_BY: &[Column] = &[
    ("environment", "/environment"),
    ("path", "/path"),
    ("name", "/name"),
    ("distance", "/distance"),
    ("through", "/through"),
];

const HELD: &[Column] =
    &[("environment", "/environment"), ("path", "/path"), ("name", "/name"), ("version", "/version")];

const FOUND: &[Column] = &[
    ("environment", "/environment/path"),
    ("path", "/path"),
    ("name", "/name"),
    ("visibility", "/visibility"),
    ("tags", "/tags"),
    ("comment", "/comment"),
];

/// `secrets usage`.
///
/// # Errors
/// What the server refuses.
pub fn usage(context: &Context, args: &UsageArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let request = Request::get(&place.below(&["secrets", &args.name, "usage"]));
    let answer = context.ask(&request.query("path", context.path(args.folder.path.as_deref())?))?;
    let output = &context.output;
    output.list(&answer, USED_BY)?;
    if output.structured() {
        return Ok(());
    }
    let names = |key: &str| {
        let all = answer[key].as_array().map_or(&[][..], Vec::as_slice);
        all.iter().filter_map(|v| v.as_str()).collect::<Vec<_>>().join(", ")
    };
    let inherited = names("inherited_by");
    if !inherited.is_empty() {
        output.say(&format!("inherited by {inherited}"));
    }
    let hidden = |key: &str| answer[key].as_u64().unwrap_or(0);
    if hidden("hidden") + hidden("hidden_environments") > 0 {
        let (secrets, environments) = (hidden("hidden"), hidden("hidden_environments"));
        output.warn(&format!("{secrets} more secrets and {environments} more environments that you may not see"));
    }
    if answer["complete"] == false {
        output.warn("there are more; the answer was cut");
    }
    Ok(())
}

/// `secrets lookup`.
///
/// # Errors
/// What the server refuses; nowhere to take the value from.
pub fn lookup(context: &Context, args: &LookupArgs) -> Result<(), CliError> {
    let project = if args.in_project { Some(context.project(None)?) } else { None };
    let client = context.client()?;
    let value = context.input.value("the secret", args.value_file.as_deref(), args.raw)?;
    let text = std::str::from_utf8(value.expose()).ok();
    let fields = body(json!({
        "value": text.map_or_else(|| data_encoding::BASE64.encode(value.expose()), str::to_owned),
        "encoding": text.is_none().then_some("base64"),
        "project": project,
    }));
    let answer = client.json(&Request::post(&["values", "lookup"]).body(&fields))?;
    context.output.list(&answer, HELD)?;
    if let Some(unknown) = answer["unknown"].as_u64().filter(|n| *n > 0) {
        context.output.warn(&format!("{unknown} environments whose values you may not see were not looked into"));
    }
    Ok(())
}

/// `secrets search`.
///
/// # Errors
/// What the server refuses.
pub fn search(context: &Context, args: &SearchArgs) -> Result<(), CliError> {
    let project = if args.all_projects { None } else { Some(context.project(None)?) };
    let segments = project.as_ref().map_or_else(|| vec!["search"], |project| vec!["projects", project, "search"]);
    let request = || Request::get(&segments).query("q", &args.query);
    context.output.list(&context.ask_list(request, args.limit.items())?, FOUND)
}
