//! `holdfast deletions`: what can still be restored.

use clap::Subcommand;

use super::args::LimitArg;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// List and restore what was deleted.
#[derive(Debug, Subcommand)]
pub enum DeletionsCommand {
    /// List what was deleted and can be restored
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Restore a deletion as a whole
    Restore {
        /// Its id
        id: String,
    },
}

const COLUMNS: &[Column] = &[
    ("kind", "/kind"),
    ("name", "/name"),
    ("deleted", "/deleted_at"),
    ("by", "/deleted_by"),
    ("restorable until", "/restorable_until"),
    ("id", "/id"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: DeletionsCommand) -> Result<(), CliError> {
    match command {
        DeletionsCommand::List(limit) => {
            let answer = context.ask_list(|| Request::get(&["deletions"]), limit.items())?;
            context.output.list(&answer, COLUMNS)
        }
        DeletionsCommand::Restore { id } => {
            context.output.answer(&context.ask(&Request::post(&["deletions", &id, "restore"]))?)
        }
    }
}
