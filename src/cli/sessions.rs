//! `holdfast sessions`: where a person is signed in.

use clap::Subcommand;

use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// See where you are signed in, and end it.
#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// List your sign-ins: of browsers and of the command line
    #[command(visible_alias = "ls")]
    List,
    /// End one of them at once
    End {
        /// Its id
        id: String,
    },
    /// End all but this one at once
    EndOthers {
        /// Only say how many
        #[arg(long)]
        dry_run: bool,
    },
}

const COLUMNS: &[Column] = &[
    ("kind", "/kind"),
    ("this one", "/current"),
    ("device", "/device"),
    ("from", "/address"),
    ("since", "/created_at"),
    ("last used", "/last_used_at"),
    ("id", "/id"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: SessionsCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        SessionsCommand::List => output.list(&context.ask(&Request::get(&["sessions"]))?, COLUMNS),
        SessionsCommand::End { id } => {
            let ended = context.ask(&Request::delete(&["sessions", &id]))?;
            if output.structured() {
                return output.answer(&ended);
            }
            output.say(&format!("ended {id}"));
            Ok(())
        }
        SessionsCommand::EndOthers { dry_run } => {
            let ended = context.ask(&Request::delete(&["sessions"]).flag("dry_run", dry_run))?;
            if output.structured() {
                return output.answer(&ended);
            }
            let words = if dry_run { "would end" } else { "ended" };
            output.say(&format!("{words} {} other sign-ins", ended["ended"]));
            Ok(())
        }
    }
}
