//! `holdfast access`.

use clap::Subcommand;
use serde_json::Value;

use super::client::Request;
use super::context::Context;
use super::error::CliError;

/// Show what each role may do.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Compute role by action from the policies, for the organization or for --project and --environment
    Matrix,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: AccessCommand) -> Result<(), CliError> {
    let AccessCommand::Matrix = command;
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
    use serde_json::json;

    use super::*;

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
