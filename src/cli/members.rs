//! `holdfast members`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::args::{LimitArg, body};
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use super::output::Column;
use crate::types::Secret;

/// Manage the people of the organization.
#[derive(Debug, Subcommand)]
pub enum MembersCommand {
    /// List the members and their grants
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Add a person, with a role on the organization, or on --project and --environment
    Add(AddArgs),
    /// Remove a person: their grants and credentials here end at once
    Remove {
        /// Their e-mail address or id
        user: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
}

/// A new member.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Their e-mail address
    email: String,
    /// Their name
    #[arg(long)]
    name: Option<String>,
    /// Their role: owner, admin, maintainer, developer or viewer
    #[arg(long)]
    role: Option<String>,
    /// A file with the password of a person new to this server; - is stdin
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

const COLUMNS: &[Column] = &[
    ("email", "/user/email"),
    ("name", "/user/name"),
    ("grants", "/grants"),
    ("disabled", "/user/disabled"),
    ("joined", "/joined_at"),
    ("id", "/user/id"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: MembersCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        MembersCommand::List(limit) => {
            output.list(&context.ask_list(|| Request::get(&["members"]), limit.items())?, COLUMNS)
        }
        MembersCommand::Add(args) => {
            let file = args.password_file.as_deref();
            let password = file.map(|f| context.input.line(Some(f), "Password:", "--password-file")).transpose()?;
            // Only what the command line says: a role must not land where the directory happens to be bound.
            let fields = body(json!({
                "email": args.email,
                "name": args.name,
                "role": args.role,
                "password": password.as_ref().map(Secret::expose),
                "project": context.flags.project,
                "environment": context.flags.environment,
            }));
            output.item(&context.ask(&Request::post(&["members"]).body(&fields))?, COLUMNS)
        }
        MembersCommand::Remove { user, severe: args } => {
            match severe(context, &args, "remove the member", &user, || Request::delete(&["members", &user]))? {
                Some(removed) => output.answer(&removed),
                None => Ok(()),
            }
        }
    }
}
