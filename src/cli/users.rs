//! `holdfast users`: people, for instance operators.

use clap::Subcommand;

use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::email;
use super::error::CliError;
use super::output::Column;

/// Keep a person out of this server, or let them in again.
#[derive(Debug, Subcommand)]
pub enum UsersCommand {
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
    /// Take the second factors of somebody who lost them away; their sign-ins end
    ResetFactor {
        /// Their e-mail address or id
        user: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
}

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
        UsersCommand::Email { old, new } => email::links(context, &old, &new),
        UsersCommand::Enable { user } => {
            let enabled = context.ask(&Request::post(&["instance", "users", &user, "enable"]))?;
            context.output.item(&enabled, COLUMNS)
        }
    }
}
