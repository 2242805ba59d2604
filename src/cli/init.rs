//! `holdfast init`: the first owner of a new server.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::body;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::login::{remember, token_of};

const INIT_HELP: &str = "\
The server writes its setup token to the file setup-token in its data directory and to its log.
It is good once and for 24 hours; `holdfast setup-token --new` makes another.

Example:
  holdfast init --url http://localhost:8420 --setup-token-file .holdfast/setup-token \\
      --organization acme --email ada@example.com --password-file pw.txt";

/// The first organization and its owner.
#[derive(Debug, Args)]
#[command(after_help = INIT_HELP)]
pub struct InitArgs {
    /// A file with the server's setup token; - is stdin
    #[arg(long, value_name = "FILE")]
    setup_token_file: Option<PathBuf>,
    /// The slug of the first organization
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// Its display name
    #[arg(long, value_name = "NAME")]
    organization_name: Option<String>,
    /// The owner's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// A file with the owner's password; - is stdin
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A setup token that is wrong, used or old; a server that has its owner.
pub fn run(context: &Context, args: &InitArgs) -> Result<(), CliError> {
    let (input, output) = (&context.input, &context.output);
    let client = context.anonymous()?;
    let setup_token = input.line(args.setup_token_file.as_deref(), "Setup token:", "--setup-token-file")?;
    let organization = input.text(args.organization.as_deref(), "Organization (a slug):", "--organization")?;
    let email = input.text(args.email.as_deref(), "E-mail:", "--email")?;
    let password = input.line(args.password_file.as_deref(), "Password:", "--password-file")?;
    let fields = body(json!({
        "setup_token": setup_token.expose(),
        "organization": organization,
        "organization_name": args.organization_name,
        "email": email,
        "password": password.expose(),
    }));
    let answer = client.json(&Request::post(&["setup"]).body(&fields))?;
    // Printed before it is stored: the token is given once, and a full disk must not lose it.
    if output.structured() {
        output.answer(&answer)?;
    }
    remember(context, token_of(answer.clone())?, None, &answer)?;
    output.say(&format!("{email} owns {organization} on {}, and is logged in here", client.base()));
    output.next("holdfast projects create NAME");
    output.next("holdfast keys recovery-kit --file recovery-kit.txt, and keep it away from this machine");
    Ok(())
}
