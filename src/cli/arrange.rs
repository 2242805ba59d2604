//! `holdfast environments duplicate` and `compare`.

use clap::Args;
use serde_json::{Value, json};

use super::args::{LimitArg, body};
use super::client::Request;
use super::confirm::PlanArgs;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// A new environment like one that is there.
#[derive(Debug, Args)]
pub struct DuplicateArgs {
    /// The environment to duplicate
    slug: String,
    /// The slug of the new one
    new: String,
    /// Copy the values, too; else names are there without them
    #[arg(long)]
    with_values: bool,
    /// Its display name
    #[arg(long)]
    name: Option<String>,
    /// The environment it inherits from [default: the same]
    #[arg(long, value_name = "ENVIRONMENT")]
    parent: Option<String>,
    /// Make it a root of the project
    #[arg(long, conflicts_with = "parent")]
    root: bool,
    #[command(flatten)]
    plan: PlanArgs,
}

/// Environments to compare.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The environments, as ENVIRONMENT or PROJECT/ENVIRONMENT
    #[arg(required = true, num_args = 2..=16, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
    /// Only this folder and those beneath it
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    path: String,
    /// Leave out names that are the same everywhere
    #[arg(long)]
    differences: bool,
    /// How many.
    #[command(flatten)]
    limit: LimitArg,
}

const NAMES: &[Column] = &[("became", "/became"), ("path", "/path"), ("name", "/name")];

/// `environments duplicate`.
///
/// # Errors
/// What the server refuses.
pub fn duplicate(context: &Context, args: &DuplicateArgs) -> Result<(), CliError> {
    let place = context.place(Some(&args.slug))?;
    let fields = body(json!({
        "slug": args.new,
        "name": args.name,
        "parent": args.parent,
        "root": args.root,
        "values": args.with_values,
    }));
    let request = Request::post(&place.below(&["duplicate"])).body(&fields).flag("dry_run", args.plan.dry_run);
    let answer = context.ask(&request)?;
    let output = &context.output;
    output.warnings(&answer);
    if output.structured() {
        return output.answer(&answer);
    }
    output.list(&json!({ "items": answer["secrets"] }), NAMES)?;
    if !args.plan.dry_run {
        output.next(&format!("holdfast secrets list --project {} --environment {}", place.project, args.new));
    }
    Ok(())
}

/// `environments compare`.
///
/// # Errors
/// What the server refuses.
pub fn compare(context: &Context, args: &CompareArgs) -> Result<(), CliError> {
    let project = context.project(None)?;
    let environments = args.environments.join(",");
    let request = || {
        let request = Request::get(&["projects", &project, "compare"]).query("environments", &environments);
        request.query("path", &args.path).flag("differences", args.differences)
    };
    let answer = context.ask_list(request, args.limit.items())?;
    let output = &context.output;
    if output.structured() {
        return output.answer(&answer);
    }
    let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
    let mut heading = vec!["path", "name", "verdict"];
    heading.extend(args.environments.iter().map(String::as_str));
    output.table(&heading, items.iter().map(line).collect())
}

/// A name, how it compares, and a letter for each value: the same letter is the same value.
fn line(row: &Value) -> Vec<String> {
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let cells = row["cells"].as_array().map_or(&[][..], Vec::as_slice);
    let mut line = vec![text("path"), text("name"), text("verdict")];
    line.extend(cells.iter().map(|cell| match (cell["state"].as_str(), cell["group"].as_u64()) {
        (Some("value"), Some(group)) => letter(group),
        (Some("missing"), _) => "-".into(),
        (Some("broken"), _) => "!".into(),
        _ => "?".into(),
    }));
    line
}

fn letter(group: u64) -> String {
    let index = u8::try_from(group.saturating_sub(1)).unwrap_or(u8::MAX);
    if index < 26 { char::from(b'a' + index).to_string() } else { group.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_has_the_same_letter() {
        let cells = json!([{ "state": "value", "group": 1 }, { "state": "value", "group": 2 }, { "state": "missing" },
            { "state": "unknown" }, { "state": "broken" }]);
        let row = json!({ "path": "/", "name": "A", "verdict": "missing", "cells": cells });
        assert_eq!(line(&row), ["/", "A", "missing", "a", "b", "-", "?", "!"]);
    }
}
