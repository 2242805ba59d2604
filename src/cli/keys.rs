//! `holdfast keys`: the server's own keys. (Keys of machines are `service-accounts keys`.)

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::offline::{self, DataDirArgs};
use crate::config::write_private_file;

/// The server's own keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Write the recovery kit, once: what brings the data back when the root key is lost
    RecoveryKit(RecoveryKitArgs),
    /// Show the fingerprints of the root key and of the ledger's public key, without a server
    Fingerprint(DataDirArgs),
}

/// Where the kit goes.
#[derive(Debug, Args)]
pub struct RecoveryKitArgs {
    /// Write into this file, readable by you only, in place of stdout
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// Not an instance operator, or not signed in recently; a data directory that cannot be read.
pub fn run(context: &Context, command: KeysCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        KeysCommand::RecoveryKit(args) => {
            if let Some(taken) = args.file.as_deref().filter(|f| f.exists()) {
                return Err(CliError::failed(format!("{} is there already", taken.display())));
            }
            let answer = context.ask(&Request::post(&["instance", "recovery-kit"]))?;
            match (&args.file, output.structured()) {
                (None, true) => output.answer(&answer),
                (None, false) => output.data(kit(&answer).as_bytes()),
                (Some(file), _) => {
                    write_private_file(file, kit(&answer).as_bytes())?;
                    output.say(&format!("wrote {}; print it and keep it away from the server", file.display()));
                    Ok(())
                }
            }
        }
        KeysCommand::Fingerprint(args) => output.answer(&offline::fingerprint(&args.into())?),
    }
}

/// The kit as text to print: the server's own, or all it answered.
fn kit(answer: &Value) -> String {
    let text = ["text", "kit"].iter().find_map(|key| answer.get(*key).and_then(Value::as_str));
    let mut text = text.map_or_else(|| format!("{answer:#}"), str::to_owned);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
