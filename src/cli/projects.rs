//! `holdfast projects`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::args::{LimitArg, body};
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// Manage projects.
#[derive(Debug, Subcommand)]
pub enum ProjectsCommand {
    /// Create a project
    Create(CreateArgs),
    /// List the projects
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Show a project
    Show {
        /// The project [default: the one this directory is bound to]
        slug: Option<String>,
    },
    /// Change a project's name or description
    Update(UpdateArgs),
    /// Delete a project and its environments; 30 days are left to restore it
    Delete {
        /// The project
        slug: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
    /// Restore a deleted project
    Restore {
        /// The project
        slug: String,
    },
}

/// A new project.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its slug: a-z, 0-9 and single hyphens, at most 32; it never changes
    slug: String,
    /// Its display name
    #[arg(long)]
    name: Option<String>,
    /// What it is
    #[arg(long)]
    description: Option<String>,
    /// Fill it with a small tree of environments and made-up values, to look around in
    #[arg(long)]
    demo: bool,
}

/// Changes of a project.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct UpdateChanges {
    /// Its display name
    #[arg(long)]
    name: Option<String>,
    /// What it is
    #[arg(long)]
    description: Option<String>,
}

/// A project and its changes.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The project [default: the one this directory is bound to]
    slug: Option<String>,
    #[command(flatten)]
    changes: UpdateChanges,
}

const COLUMNS: &[Column] =
    &[("slug", "/slug"), ("name", "/name"), ("description", "/description"), ("created", "/created_at"), ("id", "/id")];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: ProjectsCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        ProjectsCommand::Create(CreateArgs { slug, name, description, demo }) => {
            let demo = demo.then_some(true);
            let fields = body(json!({"slug": slug, "name": name, "description": description, "demo": demo}));
            output.item(&context.ask(&Request::post(&["projects"]).body(&fields))?, COLUMNS)?;
            output.next(&match demo {
                Some(_) => format!("holdfast secrets list --project {slug} --environment staging"),
                None => format!("holdfast environments create NAME --project {slug}"),
            });
            Ok(())
        }
        ProjectsCommand::List(limit) => {
            let answer = context.ask_list(|| Request::get(&["projects"]), limit.items())?;
            output.list(&answer, COLUMNS)
        }
        ProjectsCommand::Show { slug } => {
            let project = context.project(slug.as_deref())?;
            output.item(&context.ask(&Request::get(&["projects", &project]))?, COLUMNS)
        }
        ProjectsCommand::Update(UpdateArgs { slug, changes }) => {
            let project = context.project(slug.as_deref())?;
            let fields = body(json!({"name": changes.name, "description": changes.description}));
            output.item(&context.ask(&Request::patch(&["projects", &project]).body(&fields))?, COLUMNS)
        }
        ProjectsCommand::Delete { slug, severe: args } => {
            if let Some(deleted) =
                severe(context, &args, "delete the project", &slug, || Request::delete(&["projects", &slug]))?
            {
                output.answer(&deleted)?;
                output.next(&format!("holdfast projects restore {slug}"));
            }
            Ok(())
        }
        ProjectsCommand::Restore { slug } => {
            output.item(&context.ask(&Request::post(&["projects", &slug, "restore"]))?, COLUMNS)
        }
    }
}
