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
    /// Show a member: what they hold themselves, what as part of a team
    Show {
        /// Their e-mail address or id
        user: String,
    },
    /// Add a person, with a role on the organization, or on --project and --environment
    Add(AddArgs),
    /// Invite a person by mail or by a link to hand over, with a role as `add` gives it
    Invite(InviteArgs),
    /// List the invitations
    Invitations(LimitArg),
    /// Take an invitation back
    Uninvite {
        /// The invitation's id
        id: String,
    },
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

/// An invitation.
#[derive(Debug, Args)]
pub struct InviteArgs {
    /// Their e-mail address
    email: String,
    /// Their role: admin, maintainer, developer, viewer, or one of the organization's own
    #[arg(long)]
    role: Option<String>,
    /// A team they will be in; may be repeated
    #[arg(long = "team", value_name = "TEAM")]
    teams: Vec<String>,
    /// How long it can be accepted, at most 30d; seven days when not given
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<String>,
    /// Show the link, to be handed over, instead of mailing it
    #[arg(long)]
    link: bool,
}

const INVITATIONS: &[Column] = &[
    ("email", "/email"),
    ("state", "/state"),
    ("role", "/role"),
    ("at", "/at"),
    ("teams", "/teams"),
    ("mailed", "/mailed"),
    ("by", "/invited_by"),
    ("expires", "/expires_at"),
    ("id", "/id"),
];
const INVITED: &[Column] = &[
    ("email", "/email"),
    ("role", "/role"),
    ("mailed", "/mailed"),
    ("expires", "/expires_at"),
    ("id", "/id"),
    ("link", "/url"),
];

const COLUMNS: &[Column] = &[
    ("email", "/user/email"),
    ("name", "/user/name"),
    ("grants", "/grants"),
    ("confirmed", "/user/email_verified"),
    ("disabled", "/user/disabled"),
    ("joined", "/joined_at"),
    ("id", "/user/id"),
];

const DETAIL: &[Column] = &[
    ("email", "/user/email"),
    ("name", "/user/name"),
    ("grants", "/grants"),
    ("teams", "/teams"),
    ("through teams", "/through"),
    ("confirmed", "/user/email_verified"),
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
        MembersCommand::Show { user } => output.item(&context.ask(&Request::get(&["members", &user]))?, DETAIL),
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
        MembersCommand::Invite(args) => {
            let fields = body(json!({
                "email": args.email,
                "role": args.role,
                "teams": args.teams,
                "expires_in": args.expires_in,
                "link": args.link,
                "project": context.flags.project,
                "environment": context.flags.environment,
            }));
            let invited = context.ask(&Request::post(&["invitations"]).body(&fields))?;
            if invited.get("url").is_some() {
                output.say("hand the link over; it is shown this once: holdfast join takes it");
            }
            output.item(&invited, INVITED)
        }
        MembersCommand::Invitations(limit) => {
            output.list(&context.ask_list(|| Request::get(&["invitations"]), limit.items())?, INVITATIONS)
        }
        MembersCommand::Uninvite { id } => {
            output.item(&context.ask(&Request::delete(&["invitations", &id]))?, INVITATIONS)
        }
        MembersCommand::Remove { user, severe: args } => {
            match severe(context, &args, "remove the member", &user, || Request::delete(&["members", &user]))? {
                Some(removed) => output.answer(&removed),
                None => Ok(()),
            }
        }
    }
}
