//! `holdfast tokens`: a person's own tokens.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::{LimitArg, body};
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// Manage your own tokens.
#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// List your tokens
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Create a token; it is written to stdout once
    Create(CreateArgs),
    /// Revoke a token
    Revoke {
        /// Its id
        id: String,
    },
}

/// A new token.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What it is for
    #[arg(long)]
    name: String,
    /// Let it count as freshly signed in for so long: 1h, at most 24h; asks for a fresh sign-in
    #[arg(long, value_name = "DURATION")]
    stepped_up_for: Option<String>,
    /// When and from where it is good.
    #[command(flatten)]
    limits: TokenLimits,
}

/// When and from where a token is good.
#[derive(Debug, Args)]
pub struct TokenLimits {
    /// How long it is good: 12h, 30d, or seconds
    #[arg(long, value_name = "DURATION")]
    pub expires_in: Option<String>,
    /// An address range it may be used from, IPv4 or IPv6; may be given again
    #[arg(long = "cidr", value_name = "CIDR")]
    pub cidrs: Vec<String>,
}

impl TokenLimits {
    /// `expires_in` as the API takes it: seconds as a number, everything else as it is.
    pub fn expires_in(&self) -> Option<Value> {
        let text = self.expires_in.as_deref()?;
        Some(text.parse::<u64>().map_or_else(|_| json!(text), |seconds| json!(seconds)))
    }

    /// The ranges, if there are any.
    pub fn cidrs(&self) -> Option<&[String]> {
        Some(self.cidrs.as_slice()).filter(|c| !c.is_empty())
    }
}

/// The columns of credentials of any kind.
pub const COLUMNS: &[Column] = &[
    ("name", "/name"),
    ("kind", "/kind"),
    ("begins", "/public_id"),
    ("expires", "/expires_at"),
    ("last used", "/last_used_at"),
    ("revoked", "/revoked_at"),
    ("id", "/id"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: TokensCommand) -> Result<(), CliError> {
    match command {
        TokensCommand::List(limit) => {
            let answer = context.ask_list(|| Request::get(&["tokens"]), limit.items())?;
            context.output.list(&answer, COLUMNS)
        }
        TokensCommand::Create(CreateArgs { name, stepped_up_for, limits }) => {
            let fields = body(json!({
                "name": name,
                "expires_in": limits.expires_in(),
                "stepped_up_for": stepped_up_for,
                "cidrs": limits.cidrs(),
            }));
            show_token(context, &context.ask(&Request::post(&["tokens"]).body(&fields))?)
        }
        TokensCommand::Revoke { id } => {
            context.ask(&Request::delete(&["tokens", &id]))?;
            context.output.say(&format!("revoked {id}"));
            Ok(())
        }
    }
}

/// Writes a token that is shown once: alone on stdout, or in the whole answer as JSON or YAML.
///
/// # Errors
/// The answer has no token, because the same request was answered before.
pub fn show_token(context: &Context, answer: &Value) -> Result<(), CliError> {
    if context.output.structured() {
        return context.output.answer(answer);
    }
    let Some(token) = answer.get("token").and_then(Value::as_str) else {
        return Err(CliError::failed("it was made by an earlier try, and a token is shown only once")
            .hint("revoke it and make another"));
    };
    context.output.say("This token is shown once; keep it where only its user can read it.");
    context.output.line(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_a_number_and_durations_are_text() {
        let limits = |text: Option<&str>| TokenLimits { expires_in: text.map(str::to_owned), cidrs: vec![] };
        assert_eq!(limits(Some("3600")).expires_in(), Some(json!(3600)));
        assert_eq!(limits(Some("30d")).expires_in(), Some(json!("30d")));
        assert_eq!(limits(None).expires_in(), None);
        assert_eq!(limits(None).cidrs(), None);
    }
}
