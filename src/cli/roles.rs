//! `holdfast roles`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::args::body;
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// Manage the roles of the organization.
#[derive(Debug, Subcommand)]
pub enum RolesCommand {
    /// List the roles, the built-in ones first
    #[command(visible_alias = "ls")]
    List,
    /// Show a role with all that it holds
    Show {
        /// Its name
        name: String,
    },
    /// Make a role; nobody makes one that holds more than they hold
    #[command(after_help = CREATE_HELP)]
    Create(CreateArgs),
    /// Change a role, and so what everybody holds who was given it
    Update(UpdateArgs),
    /// Delete a role that no grant gives
    Delete {
        /// Its name
        name: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
}

const CREATE_HELP: &str = "\
Examples:
  holdfast roles create ci-deployer --permission secret.use --permission deploy.preview
  holdfast grants create ci-deployer --service-account ci -p shop -e staging";

/// A new role.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name, which never changes
    name: String,
    /// What it holds, like secret.use or secret.use.protected; may be given again
    #[arg(long = "permission", value_name = "PERMISSION", required = true)]
    permissions: Vec<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
}

/// What shall change of a role.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Its name
    name: String,
    /// All that it holds from now on; may be given again
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Only if it still has this version
    #[arg(long, value_name = "VERSION")]
    base_version: Option<u32>,
}

const COLUMNS: &[Column] =
    &[("name", "/name"), ("built in", "/builtin"), ("grants", "/grants"), ("description", "/description")];
const FIELDS: &[Column] = &[
    ("name", "/name"),
    ("built in", "/builtin"),
    ("description", "/description"),
    ("permissions", "/permissions"),
    ("version", "/version"),
    ("grants", "/grants"),
    ("id", "/id"),
];

const BASE: &str = "roles";

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: RolesCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        RolesCommand::List => output.list(&context.ask(&Request::get(&[BASE]))?, COLUMNS),
        RolesCommand::Show { name } => output.item(&context.ask(&Request::get(&[BASE, &name]))?, FIELDS),
        RolesCommand::Create(args) => {
            let fields = json!({"name": args.name, "permissions": args.permissions, "description": args.description});
            output.item(&context.ask(&Request::post(&[BASE]).body(&body(fields)))?, FIELDS)
        }
        RolesCommand::Update(args) => {
            let permissions = (!args.permissions.is_empty()).then_some(args.permissions);
            let fields = json!({
                "permissions": permissions,
                "description": args.description,
                "base_version": args.base_version,
            });
            output.item(&context.ask(&Request::patch(&[BASE, &args.name]).body(&body(fields)))?, FIELDS)
        }
        RolesCommand::Delete { name, severe: args } => {
            match severe(context, &args, "delete the role", &name, || Request::delete(&[BASE, &name]))? {
                Some(deleted) => output.answer(&deleted),
                None => Ok(()),
            }
        }
    }
}
