//! `holdfast service-accounts` and their keys.

use clap::{Args, Subcommand};
use serde_json::json;

use super::args::{LimitArg, body};
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use super::grants::GrantSpec;
use super::output::Column;
use super::tokens::{self, TokenLimits, show_token};

/// Manage machine identities and their keys.
#[derive(Debug, Subcommand)]
pub enum ServiceAccountsCommand {
    /// Create a service account on the organization, or on --project and --environment
    Create(CreateArgs),
    /// List the service accounts
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Show a service account
    Show {
        /// Its id
        id: String,
    },
    /// Refuse its keys
    Disable {
        /// Its id
        id: String,
    },
    /// Accept its keys again
    Enable {
        /// Its id
        id: String,
    },
    /// Delete a service account and its keys
    Delete {
        /// Its id
        id: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
    /// Manage its keys
    #[command(subcommand)]
    Keys(KeysCommand),
}

/// Manage the keys of a service account.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Create a key; its token is written to stdout once
    Create {
        /// The service account's id
        id: String,
        /// What it is for
        #[arg(long)]
        name: Option<String>,
        /// When and from where it is good.
        #[command(flatten)]
        limits: TokenLimits,
    },
    /// List its keys
    #[command(visible_alias = "ls")]
    List {
        /// The service account's id
        id: String,
        /// How many.
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Revoke a key
    Revoke {
        /// The service account's id
        id: String,
        /// The key's id
        key: String,
    },
}

/// A new service account.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name
    name: String,
    /// A role on the node it belongs to
    #[arg(long)]
    role: Option<String>,
    /// A role elsewhere: ROLE@PROJECT or ROLE@PROJECT/ENVIRONMENT; may be given again
    #[arg(long = "grant", value_name = "GRANT")]
    grants: Vec<GrantSpec>,
}

const COLUMNS: &[Column] = &[
    ("name", "/name"),
    ("node", "/node"),
    ("grants", "/grants"),
    ("disabled", "/disabled"),
    ("created", "/created_at"),
    ("by", "/created_by"),
    ("id", "/id"),
];

const BASE: &str = "service-accounts";

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: ServiceAccountsCommand) -> Result<(), CliError> {
    let output = &context.output;
    let disable = |id: &str, disabled: bool| {
        output.item(&context.ask(&Request::patch(&[BASE, id]).body(&json!({ "disabled": disabled })))?, COLUMNS)
    };
    match command {
        ServiceAccountsCommand::Create(args) => {
            let answer = context.ask(&creation(context, &args))?;
            output.item(&answer, COLUMNS)?;
            if let Some(id) = answer.get("id").and_then(serde_json::Value::as_str) {
                output.next(&format!("holdfast service-accounts keys create {id}"));
            }
            Ok(())
        }
        ServiceAccountsCommand::List(limit) => {
            output.list(&context.ask_list(|| Request::get(&[BASE]), limit.items())?, COLUMNS)
        }
        ServiceAccountsCommand::Show { id } => output.item(&context.ask(&Request::get(&[BASE, &id]))?, COLUMNS),
        ServiceAccountsCommand::Disable { id } => disable(&id, true),
        ServiceAccountsCommand::Enable { id } => disable(&id, false),
        ServiceAccountsCommand::Delete { id, severe: args } => {
            match severe(context, &args, "delete the service account", &id, || Request::delete(&[BASE, &id]))? {
                Some(deleted) => output.answer(&deleted),
                None => Ok(()),
            }
        }
        ServiceAccountsCommand::Keys(command) => keys(context, command),
    }
}

/// A new account belongs where the command line says, never where the directory happens to be bound.
fn creation(context: &Context, args: &CreateArgs) -> Request {
    let (project, environment) = (&context.flags.project, &context.flags.environment);
    let own = args.role.iter().map(|r| body(json!({"role": r, "project": project, "environment": environment})));
    let grants: Vec<_> = own.chain(args.grants.iter().map(GrantSpec::to_json)).collect();
    let fields = body(json!({"name": args.name, "project": project, "environment": environment, "grants": grants}));
    Request::post(&[BASE]).body(&fields)
}

fn keys(context: &Context, command: KeysCommand) -> Result<(), CliError> {
    match command {
        KeysCommand::Create { id, name, limits } => {
            let fields = body(json!({"name": name, "expires_in": limits.expires_in(), "cidrs": limits.cidrs()}));
            show_token(context, &context.ask(&Request::post(&[BASE, &id, "keys"]).body(&fields))?)
        }
        KeysCommand::List { id, limit } => {
            let answer = context.ask_list(|| Request::get(&[BASE, &id, "keys"]), limit.items())?;
            context.output.list(&answer, tokens::COLUMNS)
        }
        KeysCommand::Revoke { id, key } => {
            context.ask(&Request::delete(&[BASE, &id, "keys", &key]))?;
            context.output.say(&format!("revoked {key}"));
            Ok(())
        }
    }
}
