//! `holdfast setup`: binds a directory to a project and an environment.

use clap::Args;
use serde_json::{Value, json};

use super::args::FolderArg;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use crate::config::{ProjectFile, write_project_file};

/// Bind this directory. Writes holdfast.toml with the server, the project and the environment; it holds no
/// secret and may be committed.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
}

/// Runs the command.
///
/// # Errors
/// The project or environment does not exist, or the file cannot be written.
pub fn run(context: &Context, args: &SetupArgs) -> Result<(), CliError> {
    let project = match context.project(None) {
        Ok(project) => project,
        Err(_) => choose(context, "project", &["projects"])?,
    };
    let flag = context.flags.environment.clone();
    let bound = context.config()?.environment.as_ref().map(|e| e.value.clone());
    let environment = match flag.or(bound) {
        Some(environment) => environment,
        None => choose(context, "environment", &["projects", &project, "environments"])?,
    };
    // A directory bound to what does not exist would fail later, and elsewhere.
    context.ask(&Request::get(&["projects", &project, "environments", &environment]))?;
    let file = ProjectFile {
        url: Some(context.config()?.url.value.clone()),
        project,
        environment,
        path: args.folder.path.clone().filter(|p| p != "/"),
    };
    let written = write_project_file(context.env.working_dir(), &file)?;
    let output = &context.output;
    if output.structured() {
        return output.answer(&json!({
            "file": written.display().to_string(),
            "project": file.project,
            "environment": file.environment,
        }));
    }
    output.say(&format!("wrote {}: {}/{}", written.display(), file.project, file.environment));
    output.next("holdfast run -- YOUR-PROGRAM");
    Ok(())
}

fn choose(context: &Context, what: &str, segments: &[&str]) -> Result<String, CliError> {
    let flag = format!("--{what}");
    if !context.input.interactive() {
        return Err(CliError::usage(format!("{flag} is needed")));
    }
    let answer = context.ask_list(|| Request::get(segments), 500)?;
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let slugs = items.filter_map(|i| i.get("slug").and_then(Value::as_str)).map(str::to_owned).collect();
    context.input.select(&format!("Which {what}?"), slugs, &flag)
}
