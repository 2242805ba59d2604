//! `holdfast sessions`: where a person is signed in.

use clap::Subcommand;
use serde_json::json;

use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// See where you are signed in, and end it.
#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// List your sign-ins: of browsers and of the command line
    #[command(visible_alias = "ls")]
    List,
    /// End one of them at once
    End {
        /// Its id
        id: String,
    },
    /// Let a machine in that shows this code after `holdfast login --device`; says first what asks, and from where
    Approve {
        /// The code
        code: String,
        /// Do it without asking; CODE must be the same code
        #[arg(long, value_name = "CODE")]
        confirm: Option<String>,
    },
    /// Refuse what shows this code
    Deny {
        /// The code
        code: String,
    },
    /// End all but this one at once
    EndOthers {
        /// Only say how many
        #[arg(long)]
        dry_run: bool,
    },
}

const COLUMNS: &[Column] = &[
    ("kind", "/kind"),
    ("this one", "/current"),
    ("device", "/device"),
    ("from", "/address"),
    ("since", "/created_at"),
    ("last used", "/last_used_at"),
    ("id", "/id"),
];

const ASKING: &[Column] = &[("device", "/device"), ("from", "/address"), ("since", "/created_at")];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: SessionsCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        SessionsCommand::List => output.list(&context.ask(&Request::get(&["sessions"]))?, COLUMNS),
        SessionsCommand::End { id } => {
            let ended = context.ask(&Request::delete(&["sessions", &id]))?;
            if output.structured() {
                return output.answer(&ended);
            }
            output.say(&format!("ended {id}"));
            Ok(())
        }
        SessionsCommand::Approve { code, confirm } => approve(context, &code, confirm.as_deref()),
        SessionsCommand::Deny { code } => {
            let body = json!({ "user_code": code });
            output.item(&context.ask(&Request::post(&["device", "deny"]).body(&body))?, ASKING)
        }
        SessionsCommand::EndOthers { dry_run } => {
            let ended = context.ask(&Request::delete(&["sessions"]).flag("dry_run", dry_run))?;
            if output.structured() {
                return output.answer(&ended);
            }
            let words = if dry_run { "would end" } else { "ended" };
            output.say(&format!("{words} {} other sign-ins", ended["ended"]));
            Ok(())
        }
    }
}

fn approve(context: &Context, code: &str, confirm: Option<&str>) -> Result<(), CliError> {
    let body = json!({ "user_code": code });
    let asking = context.ask(&Request::post(&["device", "lookup"]).body(&body))?;
    let output = &context.output;
    let typed = if let Some(typed) = confirm {
        typed.to_owned()
    } else {
        output.item(&asking, ASKING)?;
        context.input.text(None, "Type the code again if this is yours:", "--confirm")?
    };
    if typed.trim() != code {
        return Err(CliError::usage("the code was not typed again; nobody was let in"));
    }
    let done = context.ask(&Request::post(&["device", "approve"]).body(&body))?;
    if output.structured() {
        return output.answer(&done);
    }
    output.say("let in; it is listed by: holdfast sessions list");
    Ok(())
}
