//! `holdfast password`: a new one for who forgot theirs.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::args::body;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::join::token_of_link;
use super::output::Column;

/// Set a new password for who forgot theirs
#[derive(Debug, Subcommand)]
pub enum PasswordCommand {
    /// Mail a link that sets a new password; says the same whether the address is known or not
    Forgot {
        /// The e-mail address
        email: String,
    },
    /// Set a new password with such a link; everything that is signed in ends
    Reset {
        /// A file with the link; - is stdin
        #[arg(long, value_name = "FILE")]
        link_file: Option<PathBuf>,
        /// A file with the new password; - is stdin
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Make a link to hand over to somebody who cannot sign in, for instance operators
    Link {
        /// Their e-mail address
        email: String,
    },
}

const LINK: &[Column] = &[("for", "/user/email"), ("expires", "/expires_at"), ("link", "/url")];
const DONE: &[Column] = &[("for", "/user/email"), ("sign-ins ended", "/ended")];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: PasswordCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        PasswordCommand::Forgot { email } => {
            let ask = body(json!({ "email": email }));
            let answer = context.anonymous()?.json(&Request::post(&["password-resets"]).body(&ask))?;
            output.say(&format!("if {email} is known here, a mail with a link is on its way"));
            output.next("holdfast password reset");
            if output.structured() { output.answer(&answer) } else { Ok(()) }
        }
        PasswordCommand::Reset { link_file, password_file } => {
            let link = context.input.line(link_file.as_deref(), "Link:", "--link-file")?;
            let password = context.input.line(password_file.as_deref(), "New password:", "--password-file")?;
            let token = token_of_link(&link);
            let ask = body(json!({ "token": token.expose(), "password": password.expose() }));
            let answer = context.anonymous()?.json(&Request::post(&["password-resets", "complete"]).body(&ask))?;
            output.item(&answer, DONE)?;
            output.next("holdfast login");
            Ok(())
        }
        PasswordCommand::Link { email } => {
            let ask = body(json!({ "email": email }));
            let made = context.ask(&Request::post(&["instance", "password-resets"]).body(&ask))?;
            output.item(&made, LINK)
        }
    }
}
