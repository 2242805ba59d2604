//! `holdfast users`: people, for instance operators.

use clap::Subcommand;

use super::args::LimitArg;
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::email;
use super::error::CliError;
use super::output::Column;

/// List the people of this server, keep one out, or let them in again.
#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// List everybody on this server, of whichever organization
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose address or name holds this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// How many.
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Keep a person out: every session, token and login of theirs ends at once, in every organization
    Disable {
        /// Their e-mail address or id
        user: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
    /// Let a person sign in again
    Enable {
        /// Their e-mail address or id
        user: String,
    },
    /// Give a person another address: makes both links of the change, to be handed over where no mail can
    Email {
        /// The address there is
        old: String,
        /// The address there shall be
        new: String,
    },
    /// Let passkeys of somebody open again that were disabled because there may be a copy of them
    EnablePasskeys {
        /// Their e-mail address or id
        user: String,
        /// Only tell how many
        #[arg(long)]
        dry_run: bool,
    },
    /// Take the second factors of somebody who lost them away; their sign-ins end
    ResetFactor {
        /// Their e-mail address or id
        user: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
}

const LISTED: &[Column] = &[
    ("email", "/user/email"),
    ("name", "/user/name"),
    ("confirmed", "/user/email_verified"),
    ("disabled", "/user/disabled"),
    ("operator", "/instance_operator"),
    ("organizations", "/organizations"),
    ("since", "/created_at"),
    ("id", "/user/id"),
];

const COLUMNS: &[Column] =
    &[("email", "/user/email"), ("name", "/user/name"), ("disabled", "/user/disabled"), ("ended", "/credentials")];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: UsersCommand) -> Result<(), CliError> {
    match command {
        UsersCommand::Disable { user, severe: args } => {
            let request = || Request::post(&["instance", "users", &user, "disable"]);
            match severe(context, &args, "keep out", &user, request)? {
                Some(disabled) => context.output.item(&disabled, COLUMNS),
                None => Ok(()),
            }
        }
        UsersCommand::ResetFactor { user, severe: args } => {
            let request = || Request::post(&["instance", "users", &user, "reset-factor"]);
            match severe(context, &args, "take away the second factors of", &user, request)? {
                Some(done) => context.output.item(&done, COLUMNS),
                None => Ok(()),
            }
        }
        UsersCommand::List { search, limit } => {
            let request = || Request::get(&["instance", "users"]).query_opt("search", search.as_deref());
            context.output.list(&context.ask_list(request, limit.items())?, LISTED)
        }
        UsersCommand::EnablePasskeys { user, dry_run } => {
            let request = Request::post(&["instance", "users", &user, "enable-passkeys"]);
            let enabled = context.ask(&request.flag("dry_run", dry_run))?;
            context.output.item(&enabled, &[("email", "/user/email"), ("passkeys", "/passkeys")])
        }
        UsersCommand::Email { old, new } => email::links(context, &old, &new),
        UsersCommand::Enable { user } => {
            let enabled = context.ask(&Request::post(&["instance", "users", &user, "enable"]))?;
            context.output.item(&enabled, COLUMNS)
        }
    }
}
