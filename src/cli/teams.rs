//! `holdfast teams`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::args::body;
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// Manage teams. Roles are given to a team with `holdfast grants create ROLE --team TEAM`.
#[derive(Debug, Subcommand)]
pub enum TeamsCommand {
    /// List the teams
    #[command(visible_alias = "ls")]
    List,
    /// Show a team, who is in it, and what it was given
    Show {
        /// Its name or id
        team: String,
    },
    /// Make a team without anybody in it
    Create {
        /// Its name
        name: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
    },
    /// Change how a team is called, or what it is for
    Update {
        /// Its name or id
        team: String,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
    },
    /// Put a person or another team into a team: they have what it has from now on
    Add {
        /// The team
        team: String,
        /// Who.
        #[command(flatten)]
        member: MemberArgs,
    },
    /// Take a person or a team out of a team: what it gave them ends at once
    Remove {
        /// The team
        team: String,
        /// Who.
        #[command(flatten)]
        member: MemberArgs,
    },
    /// Delete a team with its grants
    Delete {
        /// Its name
        team: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
}

/// A person or a team.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct MemberArgs {
    /// A person: e-mail address or id
    #[arg(long)]
    user: Option<String>,
    /// Another team: name or id
    #[arg(long)]
    team_member: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("name", "/name"),
    ("members", "/members"),
    ("within", "/within"),
    ("grants", "/grants"),
    ("description", "/description"),
    ("id", "/id"),
];

const BASE: &str = "teams";

/// Runs the command.
///
/// # Errors
/// What the server refuses: nobody gives more than they hold.
pub fn run(context: &Context, command: TeamsCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        TeamsCommand::List => output.list(&context.ask(&Request::get(&[BASE]))?, COLUMNS),
        TeamsCommand::Show { team } => output.item(&context.ask(&Request::get(&[BASE, &team]))?, COLUMNS),
        TeamsCommand::Create { name, description } => {
            let fields = body(json!({"name": name, "description": description}));
            output.item(&context.ask(&Request::post(&[BASE]).body(&fields))?, COLUMNS)
        }
        TeamsCommand::Update { team, name, description } => {
            let fields = body(json!({"name": name, "description": description}));
            output.item(&context.ask(&Request::patch(&[BASE, &team]).body(&fields))?, COLUMNS)
        }
        TeamsCommand::Add { team, member } => {
            let fields = body(json!({"user": member.user, "team": member.team_member}));
            output.item(&context.ask(&Request::post(&[BASE, &team, "members"]).body(&fields))?, COLUMNS)
        }
        TeamsCommand::Remove { team, member } => {
            let name = member.user.or(member.team_member).unwrap_or_default();
            output.item(&context.ask(&Request::delete(&[BASE, &team, "members", &name]))?, COLUMNS)
        }
        TeamsCommand::Delete { team, severe: args } => {
            match severe(context, &args, "delete the team", &team, || Request::delete(&[BASE, &team]))? {
                Some(deleted) => output.answer(&deleted),
                None => Ok(()),
            }
        }
    }
}
