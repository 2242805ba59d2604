//! `holdfast config`: the server's configuration, checked and shown without starting it.

use std::path::PathBuf;

use clap::Subcommand;

use super::context::Context;
use super::error::CliError;
use super::offline;

/// Check and show the server's configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether a configuration file is right; unknown keys are errors
    Check {
        /// The file [default: the one `holdfast serve` would read]
        file: Option<PathBuf>,
    },
    /// Show every setting, its value and where it comes from; secrets are left out
    Show {
        /// The file [default: the one `holdfast serve` would read]
        #[arg(long = "config", value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// Runs the command.
///
/// # Errors
/// A configuration that is wrong.
pub fn run(context: &Context, command: ConfigCommand) -> Result<(), CliError> {
    match command {
        ConfigCommand::Check { file } => {
            let report = offline::config_check(file.as_deref())?;
            if context.output.structured() {
                return context.output.answer(&report);
            }
            context.output.say("ok");
            Ok(())
        }
        ConfigCommand::Show { file } => context.output.answer(&offline::config_show(file.as_deref())?),
    }
}
