//! `holdfast account email`: confirming one's address, and changing it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::body;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::join::token_of_link;
use super::output::Column;
use crate::types::Secret;

/// One's own address; without a command it is shown.
#[derive(Debug, Args)]
pub struct EmailArgs {
    /// What to do.
    #[command(subcommand)]
    command: Option<EmailCommand>,
}

/// What to do with one's address.
#[derive(Debug, Subcommand)]
pub enum EmailCommand {
    /// Ask for another one: both addresses get a link, and it changes when both confirmed
    Change {
        /// The new address
        new: String,
    },
    /// Ask for a link that confirms the address there is
    Verify,
    /// Take back what you asked for
    Withdraw,
    /// Confirm with the link of a mail; needs no login
    Confirm(LinkArgs),
    /// Stop a change with the link of a mail; needs no login
    Cancel(LinkArgs),
}

/// Where the link comes from.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// A file with the link; - is stdin
    #[arg(long, value_name = "FILE")]
    link_file: Option<PathBuf>,
}

const STATE: &[Column] = &[
    ("email", "/email"),
    ("confirmed", "/verified_at"),
    ("asked for", "/change/email"),
    ("current side confirmed", "/change/current_confirmed_at"),
    ("new side confirmed", "/change/new_confirmed_at"),
    ("until", "/change/expires_at"),
];
const CONFIRMED: &[Column] = &[
    ("email", "/user/email"),
    ("done", "/done"),
    ("current side confirmed", "/change/current_confirmed_at"),
    ("new side confirmed", "/change/new_confirmed_at"),
];
const STOPPED: &[Column] = &[("email", "/current_email"), ("stopped", "/change/email")];
const LINKS: &[Column] = &[
    ("for", "/user/email"),
    ("new", "/new_email"),
    ("expires", "/expires_at"),
    ("link of the current side", "/current_url"),
    ("link of the new side", "/new_url"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, args: EmailArgs) -> Result<(), CliError> {
    let output = &context.output;
    match args.command {
        None => output.item(&context.ask(&Request::get(&["account", "email"]))?, STATE),
        Some(EmailCommand::Change { new }) => change(context, &new),
        Some(EmailCommand::Verify) => {
            let own = context.ask(&Request::get(&["account", "email"]))?;
            change(context, own["email"].as_str().unwrap_or_default())
        }
        Some(EmailCommand::Withdraw) => output.item(&context.ask(&Request::delete(&["account", "email"]))?, STATE),
        Some(EmailCommand::Confirm(link)) => {
            let ask = link_body(context, &link)?;
            let client = context.anonymous()?;
            let offer = client.json(&Request::post(&["email-changes", "offer"]).body(&ask))?;
            output.say(&words(&offer));
            output.item(&client.json(&Request::post(&["email-changes", "confirm"]).body(&ask))?, CONFIRMED)
        }
        Some(EmailCommand::Cancel(link)) => {
            let ask = link_body(context, &link)?;
            let stopped = context.anonymous()?.json(&Request::post(&["email-changes", "cancel"]).body(&ask))?;
            output.item(&stopped, STOPPED)
        }
    }
}

fn change(context: &Context, email: &str) -> Result<(), CliError> {
    let asked = context.ask(&Request::post(&["account", "email"]).body(&body(json!({ "email": email }))))?;
    context.output.item(&asked, STATE)?;
    context.output.next("holdfast account email confirm");
    Ok(())
}

fn link_body(context: &Context, args: &LinkArgs) -> Result<Value, CliError> {
    let link = context.input.line(args.link_file.as_deref(), "Link of the mail:", "--link-file")?;
    Ok(body(json!({ "token": Secret::expose(&token_of_link(&link)) })))
}

/// What a link is for, in a sentence.
fn words(offer: &Value) -> String {
    let text = |at: &str| offer.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let current = text("/current_email");
    match (offer.pointer("/change/only_verifies").and_then(Value::as_bool), text("/side").as_str()) {
        (Some(true), _) => format!("confirming that {current} is yours"),
        (_, side) => format!("confirming the change of {current} to {}, as the {side} side", text("/change/email")),
    }
}

/// `holdfast users email`: both links of a change, for an operator to hand over.
///
/// # Errors
/// What the server refuses.
pub fn links(context: &Context, old: &str, new: &str) -> Result<(), CliError> {
    let ask = body(json!({ "email": old, "new_email": new }));
    let made = context.ask(&Request::post(&["instance", "email-changes"]).body(&ask))?;
    context.output.item(&made, LINKS)
}
