//! `holdfast policy`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::body;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::grants::WhoArgs;
use super::output::Column;

/// Ask the policies for a decision and its reasons.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say whether somebody may do something, which policies decided, and why
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainArgs),
}

const EXPLAIN_HELP: &str = "\
Examples:
  holdfast policy explain secret.reveal                          you, in the environment bound here
  holdfast policy explain secret.write --user ada@example.com -p shop -e production
  holdfast policy explain member.invite --on-organization";

/// The question.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The action, like secret.reveal
    action: String,
    /// Whose.
    #[command(flatten)]
    who: WhoArgs,
    /// Ask about the organization, whatever this directory is bound to
    #[arg(long, conflicts_with_all = ["project", "environment"])]
    on_organization: bool,
}

const FIELDS: &[Column] = &[("decision", "/decision"), ("policies", "/policies"), ("reasons", "/reasons")];

/// Runs the command.
///
/// # Errors
/// What the server refuses. A denial is an answer, not an error.
pub fn run(context: &Context, command: PolicyCommand) -> Result<(), CliError> {
    let PolicyCommand::Explain(args) = command;
    let config = context.config()?;
    let (project, environment) = if args.on_organization {
        (None, None)
    } else {
        (config.project.as_ref().map(|p| &p.value), config.environment.as_ref().map(|e| &e.value))
    };
    let fields = json!({
        "actor": actor(&args.who),
        "action": args.action,
        "resource": body(json!({"project": project, "environment": project.and(environment)})),
    });
    context.output.item(&context.ask(&Request::post(&["policy", "evaluate"]).body(&fields))?, FIELDS)
}

fn actor(who: &WhoArgs) -> Value {
    match (&who.user, &who.service_account) {
        (Some(user), _) => json!({ "user": user }),
        (None, Some(machine)) => json!({ "service_account": machine }),
        (None, None) => json!("self"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_the_question_is_about_oneself() {
        let who = |user: Option<&str>, machine: Option<&str>| WhoArgs {
            user: user.map(str::to_owned),
            service_account: machine.map(str::to_owned),
        };
        assert_eq!(actor(&who(None, None)), json!("self"));
        assert_eq!(actor(&who(Some("a@b.c"), None)), json!({"user": "a@b.c"}));
        assert_eq!(actor(&who(None, Some("ci"))), json!({"service_account": "ci"}));
    }
}
