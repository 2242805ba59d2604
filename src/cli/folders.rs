//! `holdfast folders`.

use clap::Subcommand;
use serde_json::json;

use super::args::{FolderArg, LimitArg};
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use super::output::Column;
use super::time;
use super::transfer;

/// Manage the folders of an environment.
#[derive(Debug, Subcommand)]
pub enum FoldersCommand {
    /// List the folders beneath a folder
    #[command(visible_alias = "ls")]
    List {
        /// Where it is.
        #[command(flatten)]
        folder: FolderArg,
        /// How many.
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Create a folder
    Create {
        /// Its path, like /api
        path: String,
    },
    /// Copy a folder with the secrets in it and beneath it
    Copy(transfer::FolderTransferArgs),
    /// Move a folder with the secrets in it and beneath it
    Move(transfer::MoveArgs<transfer::FolderTransferArgs>),
    /// Bring back the deleted secrets of a folder and those beneath it
    Undelete(time::UndeleteArgs),
    /// Delete a folder and the secrets in it
    Delete {
        /// Its path, like /api
        path: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
}

const COLUMNS: &[Column] = &[("path", "/path"), ("created", "/created_at"), ("id", "/id")];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: FoldersCommand) -> Result<(), CliError> {
    let place = context.place(None)?;
    let segments = place.below(&["folders"]);
    match command {
        FoldersCommand::List { folder, limit } => {
            let path = context.path(folder.path.as_deref())?;
            let answer = context.ask_list(|| Request::get(&segments).query("path", &path), limit.items())?;
            context.output.list(&answer, COLUMNS)
        }
        FoldersCommand::Create { path } => {
            let answer = context.ask(&Request::post(&segments).body(&json!({ "path": path })))?;
            context.output.item(&answer, COLUMNS)
        }
        FoldersCommand::Copy(args) => transfer::folder_copy(context, &args),
        FoldersCommand::Move(args) => transfer::folder_move(context, &args),
        FoldersCommand::Undelete(args) => time::undelete(context, &args),
        FoldersCommand::Delete { path, severe: args } => {
            match severe(context, &args, "delete the folder", &path, || {
                Request::delete(&segments).query("path", &path)
            })? {
                Some(deleted) => context.output.answer(&deleted),
                None => Ok(()),
            }
        }
    }
}
