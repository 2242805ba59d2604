//! `holdfast mail`: the instance's mail.

use clap::Subcommand;

use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// See and try out the mail of the instance
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Show whether mail is configured
    Show,
    /// Send a mail to your own address, for instance operators
    Test,
}

const SHOWN: &[Column] = &[("configured", "/configured"), ("from", "/from")];
const TESTED: &[Column] = &[("sent to", "/sent_to")];

/// Runs the command.
///
/// # Errors
/// What the server refuses; the SMTP server does not take the mail.
pub fn run(context: &Context, command: MailCommand) -> Result<(), CliError> {
    match command {
        MailCommand::Show => context.output.item(&context.ask(&Request::get(&["instance", "mail"]))?, SHOWN),
        MailCommand::Test => context.output.item(&context.ask(&Request::post(&["instance", "mail", "test"]))?, TESTED),
    }
}
