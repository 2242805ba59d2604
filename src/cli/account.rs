//! `holdfast account`: a person's own account.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Request;
use super::context::Context;
use super::email::{self, EmailArgs};
use super::error::CliError;
use super::output::Column;
use crate::types::SecretString;

/// Your own account.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Show your account
    Show,
    /// Change how you are called
    Rename {
        /// The name
        name: String,
    },
    /// Show your address and whether it is confirmed; confirm it, or change it
    Email(EmailArgs),
    /// List what happened to your account lately: sign-ins, failed ones, new factors and tokens
    Notices,
    /// Manage your passkeys; adding one needs a browser
    #[command(subcommand)]
    Passkeys(PasskeysCommand),
    /// Change your password; your other sign-ins end, tokens you made stay
    Password(PasswordArgs),
    /// Show again who you are: this login counts as freshly signed in for ten minutes
    StepUp(StepUpArgs),
    /// Manage your second factor: an authenticator app, and recovery codes
    #[command(subcommand)]
    Factor(FactorCommand),
}

/// What shows who you are.
#[derive(Debug, Args)]
pub struct StepUpArgs {
    /// By a code of your authenticator, or a recovery code, in place of the password
    #[arg(long)]
    code: bool,
    /// A file with the password or the code; - is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Your second factor.
#[derive(Debug, Subcommand)]
pub enum FactorCommand {
    /// Show which second factors you have
    Show,
    /// Set an authenticator app up: shows its secret, asks for a code of it, and shows ten recovery codes
    Add {
        /// A file with the code, for who confirms in a second step; - is stdin
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
    },
    /// Take the authenticator and the recovery codes away
    Remove,
    /// Make ten new recovery codes; those before are void
    RecoveryCodes,
}

/// Your passkeys.
#[derive(Debug, Subcommand)]
pub enum PasskeysCommand {
    /// List them
    #[command(visible_alias = "ls")]
    List,
    /// Give one another name
    Rename {
        /// Its id
        id: String,
        /// The name
        name: String,
    },
    /// Let one open again that was disabled because there may be a copy of it
    Enable {
        /// Its id
        id: String,
    },
    /// Take one away
    Remove {
        /// Its id
        id: String,
    },
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
    match command {
        AccountCommand::Show => context.output.item(&context.ask(&Request::get(&["account"]))?, ACCOUNT),
        AccountCommand::Rename { name } => {
            let request = Request::patch(&["account"]).body(&json!({ "name": name }));
            context.output.item(&context.ask(&request)?, ACCOUNT)
        }
        AccountCommand::Email(args) => email::run(context, args),
        AccountCommand::Notices => context.output.list(&context.ask(&Request::get(&["account", "notices"]))?, NOTICES),
        AccountCommand::Passkeys(command) => passkeys(context, &command),
        AccountCommand::Password(args) => password(context, &args),
        AccountCommand::StepUp(args) => step_up(context, &args),
        AccountCommand::Factor(command) => factor(context, command),
    }
}

fn password(context: &Context, args: &PasswordArgs) -> Result<(), CliError> {
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

fn step_up(context: &Context, args: &StepUpArgs) -> Result<(), CliError> {
    let (prompt, field) = if args.code { ("Code:", "code") } else { ("Password:", "password") };
    let given = context.input.line(args.file.as_deref(), prompt, "--file")?;
    let body = json!({ field: given.expose() });
    let fresh = context.ask(&Request::post(&["sessions", "current", "step-up"]).body(&body))?;
    context.output.item(&fresh, &[("fresh until", "/stepped_up_until")])
}

const ACCOUNT: &[Column] = &[("email", "/email"), ("name", "/name"), ("since", "/created_at")];
const NOTICES: &[Column] =
    &[("when", "/at"), ("what", "/action"), ("allowed", "/allowed"), ("from", "/address"), ("device", "/device")];
const PASSKEYS: &[Column] = &[
    ("name", "/name"),
    ("added", "/created_at"),
    ("last used", "/last_used_at"),
    ("disabled", "/disabled_at"),
    ("organization", "/organization"),
    ("id", "/id"),
];

fn passkeys(context: &Context, command: &PasskeysCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        PasskeysCommand::List => output.list(&context.ask(&Request::get(&["account", "passkeys"]))?, PASSKEYS),
        PasskeysCommand::Rename { id, name } => {
            let request = Request::patch(&["account", "passkeys", id]).body(&json!({ "name": name }));
            output.item(&context.ask(&request)?, PASSKEYS)
        }
        PasskeysCommand::Enable { id } => {
            output.item(&context.ask(&Request::post(&["account", "passkeys", id, "enable"]))?, PASSKEYS)
        }
        PasskeysCommand::Remove { id } => {
            let removed = context.ask(&Request::delete(&["account", "passkeys", id]))?;
            if output.structured() {
                return output.answer(&removed);
            }
            output.say("removed; remove it from the device as well");
            Ok(())
        }
    }
}

const FACTORS: &[Column] = &[
    ("authenticator since", "/authenticator_since"),
    ("passkeys", "/passkeys"),
    ("recovery codes", "/recovery_codes"),
];

fn factor(context: &Context, command: FactorCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        FactorCommand::Show => output.item(&context.ask(&Request::get(&["account", "factors"]))?, FACTORS),
        FactorCommand::Add { code_file: Some(file) } => {
            let code = context.input.line(Some(&file), "Code:", "--code-file")?;
            confirm(context, &code)
        }
        FactorCommand::Add { code_file: None } => {
            let new = context.ask(&Request::post(&["account", "factors", "authenticator"]))?;
            if output.structured() {
                return output.answer(&new);
            }
            output.say("Put this into your authenticator; it is shown once:");
            for field in ["secret", "uri"] {
                output.line(new[field].as_str().unwrap_or_default())?;
            }
            if !context.input.interactive() {
                output.next("holdfast account factor add --code-file FILE");
                return Ok(());
            }
            confirm(context, &context.input.line(None, "Code it shows now:", "--code-file")?)
        }
        FactorCommand::Remove => {
            output.item(&context.ask(&Request::delete(&["account", "factors", "authenticator"]))?, FACTORS)
        }
        FactorCommand::RecoveryCodes => {
            show_codes(context, &context.ask(&Request::post(&["account", "factors", "recovery-codes"]))?)
        }
    }
}

fn confirm(context: &Context, code: &SecretString) -> Result<(), CliError> {
    let body = json!({ "code": code.expose() });
    let request = Request::post(&["account", "factors", "authenticator", "confirm"]).body(&body);
    show_codes(context, &context.ask(&request)?)
}

fn show_codes(context: &Context, answer: &Value) -> Result<(), CliError> {
    let output = &context.output;
    if output.structured() {
        return output.answer(answer);
    }
    output.say("Recovery codes, each good once, for when the authenticator is lost; they are shown once:");
    for code in answer["recovery_codes"].as_array().into_iter().flatten() {
        output.line(code.as_str().unwrap_or_default())?;
    }
    Ok(())
}
