//! `holdfast join`: accepting an invitation.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::args::body;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use crate::types::{Secret, SecretString};

const JOIN_HELP: &str = "\
The link is asked for, or read from a file: it is good for one use by whoever has it, so it is no argument.

Examples:
  holdfast join --url https://holdfast.example.com
  holdfast join --url https://holdfast.example.com --link-file link.txt --password-file password.txt";

/// How to join.
#[derive(Debug, Args)]
#[command(after_help = JOIN_HELP)]
pub struct JoinArgs {
    /// A file with the link of the invitation; - is stdin
    #[arg(long, value_name = "FILE")]
    link_file: Option<PathBuf>,
    /// Your name
    #[arg(long)]
    name: Option<String>,
    /// A file with your password: a new one, or the one you have; - is stdin
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The link is not valid any more; the password is wrong or too weak.
pub fn run(context: &Context, args: &JoinArgs) -> Result<(), CliError> {
    let link = context.input.line(args.link_file.as_deref(), "Link of the invitation:", "--link-file")?;
    let token = token_of_link(&link);
    let client = context.anonymous()?;
    let ask = body(json!({ "token": token.expose() }));
    let offer = client.json(&Request::post(&["invitations", "offer"]).body(&ask))?;
    let told = |field: &str| offer.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    context.output.say(&format!("{} invites {}", told("organization"), told("email")));
    let password = context.input.line(args.password_file.as_deref(), "Password, new or yours:", "--password-file")?;
    let ask = body(json!({ "token": token.expose(), "name": args.name, "password": Secret::expose(&password) }));
    let joined = client.json(&Request::post(&["invitations", "accept"]).body(&ask))?;
    context.output.say(&format!("{} is a member of {}", told("email"), told("organization")));
    context.output.next(&format!("holdfast login --email {}", told("email")));
    if context.output.structured() { context.output.answer(&joined) } else { Ok(()) }
}

/// The token in a link, which is all behind its `#`; a token alone is taken, too.
pub fn token_of_link(link: &SecretString) -> SecretString {
    let text = link.expose().trim();
    SecretString::new(text.rsplit_once('#').map_or(text, |(_, token)| token).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_its_token_is_taken() {
        for text in ["https://h.example/join#hf_inv_a", " hf_inv_a\n", "http://localhost:1/join#hf_inv_a"] {
            assert_eq!(token_of_link(&SecretString::new(text.to_owned())).expose(), "hf_inv_a");
        }
    }
}
