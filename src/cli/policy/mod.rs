//! `holdfast policy`.

pub mod own;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::own::{PutArgs, SimulateArgs};
use super::args::body;
use super::client::Request;
use super::confirm::{PlanArgs, SevereArgs};
use super::context::Context;
use super::error::CliError;
use super::grants::WhoArgs;
use super::output::Column;

/// Manage the organization's own policies, which only forbid, and ask for decisions and their reasons.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say whether somebody may do something, which policies decided, and why
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainArgs),
    /// List the organization's own policies
    #[command(visible_alias = "ls")]
    List,
    /// Show a policy with its text
    Show {
        /// Its name
        name: String,
    },
    /// Save a policy as a new version, when its tests pass
    #[command(after_help = PUT_HELP)]
    Put(PutArgs),
    /// Delete a policy with its versions
    Delete {
        /// Its name
        name: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
    /// List the versions of a policy
    History {
        /// Its name
        name: String,
    },
    /// Show what changed from one version to another [default: to the newest, from the one before]
    Diff {
        /// Its name
        name: String,
        /// From this version; 0 is nothing
        #[arg(long, value_name = "VERSION")]
        from: Option<u32>,
        /// To this version
        #[arg(long, value_name = "VERSION")]
        to: Option<u32>,
    },
    /// Save an older version again, as a new one
    Rollback {
        /// Its name
        name: String,
        /// The version
        #[arg(long, value_name = "VERSION")]
        to: u32,
        /// Whether it is only checked.
        #[command(flatten)]
        plan: PlanArgs,
    },
    /// Say what a policy would have changed of the decisions of the last days
    Simulate(SimulateArgs),
    /// List policies to begin with
    Templates,
    /// Write a policy to begin with to stdout
    Template {
        /// Its name
        name: String,
        /// Its tests instead, as JSON
        #[arg(long)]
        tests: bool,
    },
    /// Write what a policy may speak of to stdout: a Cedar schema
    Schema,
}

const PUT_HELP: &str = "\
Examples:
  holdfast policy template working-hours > hours.cedar
  holdfast policy template working-hours --tests > hours.json
  holdfast policy put working-hours --source hours.cedar --tests hours.json --dry-run
  holdfast policy simulate working-hours --source hours.cedar --days 30
  holdfast policy put working-hours --source hours.cedar --tests hours.json --mode enforce";

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
    /// Ask about somebody who was given nothing but this role, on the organization
    #[arg(long, value_name = "ROLE", conflicts_with_all = ["user", "service_account"])]
    role: Option<String>,
    /// Ask about the organization, whatever this directory is bound to
    #[arg(long, conflicts_with_all = ["project", "environment"])]
    on_organization: bool,
}

const FIELDS: &[Column] =
    &[("decision", "/decision"), ("policies", "/policies"), ("reasons", "/reasons"), ("would deny", "/would_deny")];

/// Runs the command.
///
/// # Errors
/// What the server refuses. A denial is an answer, not an error.
pub fn run(context: &Context, command: PolicyCommand) -> Result<(), CliError> {
    match command {
        PolicyCommand::Explain(args) => explain(context, &args),
        PolicyCommand::List => own::list(context),
        PolicyCommand::Show { name } => own::show(context, &name),
        PolicyCommand::Put(args) => own::put(context, &args),
        PolicyCommand::Delete { name, severe } => own::delete(context, &name, &severe),
        PolicyCommand::History { name } => own::history(context, &name),
        PolicyCommand::Diff { name, from, to } => own::diff(context, &name, from, to),
        PolicyCommand::Rollback { name, to, plan } => own::rollback(context, &name, to, plan),
        PolicyCommand::Simulate(args) => own::simulate(context, &args),
        PolicyCommand::Templates => own::templates(context),
        PolicyCommand::Template { name, tests } => own::template(context, &name, tests),
        PolicyCommand::Schema => own::schema(context),
    }
}

fn explain(context: &Context, args: &ExplainArgs) -> Result<(), CliError> {
    let config = context.config()?;
    let (project, environment) = if args.on_organization {
        (None, None)
    } else {
        (config.project.as_ref().map(|p| &p.value), config.environment.as_ref().map(|e| &e.value))
    };
    let fields = json!({
        "actor": args.role.as_ref().map_or_else(|| actor(&args.who), |role| json!({ "role": role })),
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
