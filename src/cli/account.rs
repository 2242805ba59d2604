//! `holdfast account`: a person's own account.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::Request;
use super::context::Context;
use super::error::CliError;

/// Your own account.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Change your password; your other sign-ins end, tokens you made stay
    Password(PasswordArgs),
}

/// Where the two passwords come from.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// A file with the password there is; - is stdin
    #[arg(long, value_name = "FILE")]
    current_password_file: Option<PathBuf>,
    /// A file with the new one: 8 characters at least, 15 or more are advised
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses; the new password was typed differently the second time.
pub fn run(context: &Context, command: AccountCommand) -> Result<(), CliError> {
    let AccountCommand::Password(args) = command;
    let input = &context.input;
    let current = input.line(args.current_password_file.as_deref(), "Current password:", "--current-password-file")?;
    let new = input.line(args.new_password_file.as_deref(), "New password:", "--new-password-file")?;
    if args.new_password_file.is_none() {
        let again = input.line(None, "New password again:", "--new-password-file")?;
        if again.expose() != new.expose() {
            return Err(CliError::failed("the two differ; nothing was changed"));
        }
    }
    let body = json!({"current_password": current.expose(), "new_password": new.expose()});
    let changed = context.ask(&Request::put(&["account", "password"]).body(&body))?;
    let output = &context.output;
    if output.structured() {
        return output.answer(&changed);
    }
    output.say(&format!("changed; {} other sign-ins ended", changed["ended"]));
    output.next("holdfast tokens list");
    Ok(())
}
