//! `holdfast access`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::args::FolderArg;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::grants::WhoArgs;
use super::output::Column;

/// Show what roles may do, who can reach what, and what is never used.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Compute role by action from the policies, for the organization or for --project and --environment
    Matrix,
    /// List who can do something at the organization, or at --project and --environment, and by which grants
    #[command(after_help = REVIEW_HELP)]
    Review {
        /// Only who may do this, like secret.reveal; policies are asked, too
        #[arg(long)]
        permission: Option<String>,
        /// The folder of a secret: policies that look at folders are asked about it
        #[arg(long, value_name = "FOLDER", requires = "permission")]
        path: Option<String>,
        /// Write CSV to stdout: a line per grant
        #[arg(long)]
        csv: bool,
    },
    /// List who can have the value of one secret, wherever it comes to, and by which grants
    Secret {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Where it is.
        #[command(flatten)]
        folder: FolderArg,
        /// Write CSV to stdout: a line per grant
        #[arg(long)]
        csv: bool,
    },
    /// List what somebody can do, where, and by which grants
    Reach {
        /// Whose; your own when nobody is named.
        #[command(flatten)]
        who: WhoArgs,
        /// Only where they may do this
        #[arg(long)]
        permission: Option<String>,
        /// Write CSV to stdout: a line per grant
        #[arg(long)]
        csv: bool,
    },
    /// List what somebody may do and has not done
    Unused {
        /// Whose; your own when nobody is named.
        #[command(flatten)]
        who: WhoArgs,
        /// How many days back
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        /// Show what was used, too, and what is not recorded
        #[arg(long)]
        all: bool,
        /// Write CSV to stdout
        #[arg(long)]
        csv: bool,
    },
}

const REVIEW_HELP: &str = "\
Examples:
  holdfast access review --permission secret.reveal -p shop -e production
  holdfast access review --permission secret.reveal --path /pay -p shop -e production
  holdfast access review -p shop -e production --csv > review.csv
  holdfast access secret STRIPE_KEY -p shop -e production
  holdfast access reach --user bob@example.com --permission secret.use";

/// How an answer becomes a table, or CSV.
struct Shape {
    /// The list in the answer.
    items: &'static str,
    columns: &'static [Column],
    /// The list in an item that is a line each in CSV; none for a line per item.
    each: Option<(&'static str, &'static [Column])>,
}

const WAYS: &[Column] = &[
    ("role", "/role"),
    ("team", "/team"),
    ("granted_on_project", "/project/slug"),
    ("granted_on_environment", "/environment/slug"),
    ("grant", "/grant"),
];
const REVIEW: Shape = Shape {
    items: "/items",
    columns: &[
        ("kind", "/kind"),
        ("name", "/name"),
        ("permissions", "/permissions"),
        ("denied_by", "/denied_by"),
        ("id", "/id"),
    ],
    each: Some(("/grants", WAYS)),
};
const SECRET: Shape = Shape {
    items: "/items",
    columns: &[
        ("kind", "/kind"),
        ("name", "/name"),
        ("permissions", "/permissions"),
        ("environment", "/environment"),
        ("through", "/through"),
        ("reference", "/reference"),
        ("denied_by", "/denied_by"),
    ],
    each: Some(("/grants", WAYS)),
};
const REACH: Shape = Shape {
    items: "/items",
    columns: &[
        ("project", "/project/slug"),
        ("environment", "/environment/slug"),
        ("protected", "/protected"),
        ("permissions", "/permissions"),
        ("denied_by", "/denied_by"),
    ],
    each: Some(("/grants", WAYS)),
};
const UNUSED: Shape = Shape {
    items: "/permissions",
    columns: &[("permission", "/permission"), ("state", "/state"), ("last_used", "/last_used_at")],
    each: None,
};
/// People, machines or projects looked at, at most.
const ITEMS_MAX: usize = 100_000;

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: AccessCommand) -> Result<(), CliError> {
    match command {
        AccessCommand::Matrix => matrix(context),
        AccessCommand::Review { permission, path, csv } => {
            let request = || {
                Request::get(&["access", "review"])
                    .query_opt("project", context.flags.project.as_deref())
                    .query_opt("environment", context.flags.environment.as_deref())
                    .query_opt("permission", permission.as_deref())
                    .query_opt("path", path.as_deref())
            };
            show(context, &context.ask_list(request, ITEMS_MAX)?, &REVIEW, csv)
        }
        AccessCommand::Secret { name, folder, csv } => secret(context, &name, folder.path.as_deref(), csv),
        AccessCommand::Reach { who, permission, csv } => {
            let request = || {
                Request::get(&["access", "reach"])
                    .query_opt("user", who.user.as_deref())
                    .query_opt("service_account", who.service_account.as_deref())
                    .query_opt("permission", permission.as_deref())
            };
            show(context, &context.ask_list(request, ITEMS_MAX)?, &REACH, csv)
        }
        AccessCommand::Unused { who, days, all, csv } => {
            let request = Request::get(&["access", "unused"])
                .query_opt("user", who.user.as_deref())
                .query_opt("service_account", who.service_account.as_deref())
                .query("days", days.to_string());
            let mut answer = context.ask(&request)?;
            if let Some(items) = answer.pointer_mut(UNUSED.items).and_then(Value::as_array_mut)
                && !all
            {
                items.retain(|i| matches!(i["state"].as_str(), Some("unused" | "unknown")));
            }
            show(context, &answer, &UNUSED, csv)
        }
    }
}

fn secret(context: &Context, name: &str, folder: Option<&str>, csv: bool) -> Result<(), CliError> {
    let (place, folder) = (context.place(None)?, context.path(folder)?);
    let request = || Request::get(&place.below(&["secrets", name, "access"])).query("path", folder.clone());
    show(context, &context.ask_list(request, ITEMS_MAX)?, &SECRET, csv)?;
    // What holds for every page is asked for once more, without the people.
    let whole = context.ask(&request().query("limit", "1".to_owned()))?;
    let hidden = whole["hidden_environments"].as_u64().unwrap_or_default();
    if hidden > 0 {
        context.output.warn(&format!("it comes to {hidden} more environments whose access you may not have explained"));
    }
    if whole["complete"] == false {
        context.output.warn("it comes to more places than are looked at; the answer was cut");
    }
    Ok(())
}

fn show(context: &Context, answer: &Value, shape: &Shape, csv: bool) -> Result<(), CliError> {
    if csv {
        return context.output.data(csv_of(answer, shape).as_bytes());
    }
    if context.output.structured() {
        return context.output.answer(answer);
    }
    let items = answer.pointer(shape.items).cloned().unwrap_or_default();
    let columns: Vec<Column> = match shape.each {
        Some((each, _)) => shape.columns.iter().copied().chain([("grants", each)]).collect(),
        None => shape.columns.to_vec(),
    };
    context.output.list(&json!({ "items": items, "next_cursor": null }), &columns)
}

/// The answer as CSV (RFC 4180) with a heading.
fn csv_of(answer: &Value, shape: &Shape) -> String {
    let inner = shape.each.map(|(_, columns)| columns).unwrap_or_default();
    let heading = shape.columns.iter().chain(inner).map(|(title, _)| (*title).to_owned());
    let mut text = csv_line(heading);
    let none = Value::Null;
    for item in answer.pointer(shape.items).and_then(Value::as_array).into_iter().flatten() {
        let own = |row: &Value, columns: &[Column]| -> Vec<String> {
            columns.iter().map(|(_, at)| csv_text(row.pointer(at).unwrap_or(&none))).collect()
        };
        match shape.each {
            None => text.push_str(&csv_line(own(item, shape.columns))),
            Some((each, columns)) => {
                for row in item.pointer(each).and_then(Value::as_array).into_iter().flatten() {
                    text.push_str(&csv_line([own(item, shape.columns), own(row, columns)].concat()));
                }
            }
        }
    }
    text
}

fn csv_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(csv_text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// A line, each cell quoted. A cell that a spreadsheet would take for a formula gets an apostrophe in front.
fn csv_line(cells: impl IntoIterator<Item = String>) -> String {
    let quoted = cells.into_iter().map(|cell| {
        let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    });
    quoted.collect::<Vec<_>>().join(",") + "\r\n"
}

fn matrix(context: &Context) -> Result<(), CliError> {
    let request = Request::get(&["access", "matrix"])
        .query_opt("project", context.flags.project.as_deref())
        .query_opt("environment", context.flags.environment.as_deref());
    let answer = context.ask(&request)?;
    if context.output.structured() {
        return context.output.answer(&answer);
    }
    let (heading, rows) = grid(&answer);
    context.output.table(&heading.iter().map(String::as_str).collect::<Vec<_>>(), rows)
}

/// One line per resource and action, one column per role.
fn grid(answer: &Value) -> (Vec<String>, Vec<Vec<String>>) {
    let names = |key: &str| -> Vec<String> {
        let items = answer.get(key).and_then(Value::as_array).into_iter().flatten();
        items.map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned)).collect()
    };
    let roles = names("roles");
    let mut rows = Vec::new();
    for resource in names("resources") {
        for action in names("actions") {
            let cell = |role: &String| answer.get("cells")?.get(role)?.get(&action)?.get(&resource)?.as_str();
            let cells: Vec<_> = roles.iter().map(|role| cell(role).unwrap_or("").to_owned()).collect();
            if cells.iter().any(|c| !c.is_empty()) {
                rows.push([vec![resource.clone(), action.clone()], cells].concat());
            }
        }
    }
    (["resource", "action"].map(str::to_owned).into_iter().chain(roles).collect(), rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_a_line_per_grant_and_holds_no_formula() {
        let answer = json!({"items": [{
            "kind": "user", "name": "=cmd|x", "permissions": ["a.x", "a.y"], "denied_by": [], "id": "usr_1",
            "grants": [
                {"role": "viewer", "team": null, "project": {"slug": "shop"}, "environment": null, "grant": "grt_1"},
                {"role": "say \"hi\"", "team": "web", "project": null, "environment": null, "grant": "grt_2"},
            ],
        }]});
        let text = csv_of(&answer, &REVIEW);
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("\"kind\",\"name\""));
        assert_eq!(lines[1], r#""user","'=cmd|x","a.x a.y","","usr_1","viewer","","shop","","grt_1""#);
        assert!(lines[2].contains(r#""say ""hi""","web""#), "{}", lines[2]);
    }

    #[test]
    fn the_matrix_is_a_line_per_resource_and_action() {
        let answer = json!({
            "roles": ["owner", "viewer"], "actions": ["a.x", "a.y"], "resources": ["organization"],
            "cells": {"owner": {"a.x": {"organization": "allow"}}, "viewer": {"a.x": {"organization": "deny"}}},
        });
        let (heading, rows) = grid(&answer);
        assert_eq!(heading, ["resource", "action", "owner", "viewer"]);
        assert_eq!(rows, [["organization", "a.x", "allow", "deny"]]);
        assert!(grid(&json!(null)).1.is_empty());
    }
}
