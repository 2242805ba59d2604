//! `holdfast approvals`: what waits for others, deciding on it, and the rules that make it wait.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::args::{LimitArg, body};
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// See and decide what waits for others.
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// List requests, newest first
    #[command(visible_alias = "ls")]
    List {
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// How many.
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Show what a request would do, and what was said to it; never values
    Show {
        /// Its id
        id: String,
    },
    /// Approve somebody else's request; the last approval does what was asked for
    Approve(DecideArgs),
    /// Say no, which ends the request
    Reject(DecideArgs),
    /// Give your own request up
    Withdraw {
        /// Its id
        id: String,
    },
    /// Say something to a request
    Comment {
        /// Its id
        id: String,
        /// What to say
        text: String,
    },
    /// Do it without waiting for the others, in an emergency; the reason stays in the ledger
    Override {
        /// Its id
        id: String,
        /// Why it cannot wait
        #[arg(long)]
        reason: String,
    },
    /// The rules of an environment or of the organization: what waits, and for how many
    #[command(subcommand)]
    Rules(RulesCommand),
}

/// What has become of a request.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum State {
    /// It waits
    Open,
    /// The change was made
    Executed,
    /// The value may be shown
    Granted,
    /// Somebody said no
    Rejected,
    /// The requester gave it up
    Withdrawn,
    /// Nobody decided in time
    Expired,
    /// What it was about changed meanwhile
    Stale,
}

/// A decision.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// The request's id
    id: String,
    /// What to say with it
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Rules of an environment, or of the organization.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List the rules of the environment
    #[command(visible_alias = "ls")]
    List {
        /// Those of the organization itself: for its policies and its key
        #[arg(long)]
        own: bool,
    },
    /// Set the rule of a folder, or of the organization's policies or key, in place of the one there is
    Set(SetArgs),
    /// Take a rule away (owners and admins, with a reason)
    Remove {
        /// The folder
        #[arg(long, value_name = "FOLDER", default_value = "/")]
        path: String,
        /// The organization's rule for this instead
        #[arg(long = "for", value_enum, value_name = "ACT", conflicts_with = "path")]
        act: Option<OrganizationActArg>,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// A rule.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The folder it is for, with what is beneath
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    path: String,
    /// What waits: write, delete, reveal; or of the organization: policy, rotation
    #[arg(long = "for", value_enum, value_name = "ACT", value_delimiter = ',', required = true)]
    acts: Vec<ActArg>,
    /// How many others must approve
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    approvals: u32,
    /// How long a request waits: 12h, 3d, or seconds
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<String>,
    /// Why the rule is made weaker, where it is (owners and admins)
    #[arg(long)]
    reason: Option<String>,
}

/// Something that may have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ActArg {
    /// New values, and hiding inherited ones
    Write,
    /// Deleting names
    Delete,
    /// Showing a value to a person
    Reveal,
    /// Saving, rolling back and deleting a policy of the organization
    Policy,
    /// Replacing the organization's key
    Rotation,
}

/// Something of the organization that may have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrganizationActArg {
    /// Saving, rolling back and deleting a policy
    Policy,
    /// Replacing the key
    Rotation,
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("state", "/state"),
    ("for", "/kind"),
    ("environment", "/environment_name"),
    ("by", "/requester_name"),
    ("approved", "/approved"),
    ("of", "/approvals"),
    ("expires", "/expires_at"),
];
const ITEMS: &[Column] = &[
    ("action", "/action"),
    ("folder", "/path"),
    ("name", "/name"),
    ("made for", "/base_version"),
    ("now", "/current_version"),
    ("visibility", "/visibility"),
    ("value now", "/current_fingerprint"),
    ("proposed", "/fingerprint"),
];
const NOTES: &[Column] = &[("at", "/at"), ("by", "/name"), ("said", "/verdict"), ("comment", "/comment")];
const ACT: &[Column] =
    &[("action", "/action"), ("subject", "/subject"), ("made for", "/base_version"), ("now", "/current_version")];
const ORGANIZATION_RULES: &[Column] =
    &[("act", "/act"), ("approvals", "/approvals"), ("waits (seconds)", "/expires_in"), ("set by", "/created_by")];
const RULES: &[Column] = &[
    ("folder", "/path"),
    ("acts", "/acts"),
    ("approvals", "/approvals"),
    ("waits (seconds)", "/expires_in"),
    ("set by", "/created_by"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: ApprovalsCommand) -> Result<(), CliError> {
    match command {
        ApprovalsCommand::List { state, limit } => {
            let state = state.and_then(|s| s.to_possible_value()).map(|v| v.get_name().to_owned());
            let request = || Request::get(&["approvals"]).query_opt("state", state.clone());
            context.output.list(&context.ask_list(request, limit.items())?, COLUMNS)
        }
        ApprovalsCommand::Show { id } => show(context, &context.ask(&Request::get(&["approvals", &id]))?),
        ApprovalsCommand::Approve(args) => decide(context, &args, "approve"),
        ApprovalsCommand::Reject(args) => decide(context, &args, "reject"),
        ApprovalsCommand::Withdraw { id } => act(context, Request::post(&["approvals", &id, "withdraw"])),
        ApprovalsCommand::Comment { id, text } => {
            act(context, Request::post(&["approvals", &id, "comments"]).body(&json!({ "comment": text })))
        }
        ApprovalsCommand::Override { id, reason } => {
            act(context, Request::post(&["approvals", &id, "override"]).body(&json!({ "reason": reason })))
        }
        ApprovalsCommand::Rules(command) => rules(context, command),
    }
}

fn decide(context: &Context, args: &DecideArgs, verb: &str) -> Result<(), CliError> {
    let fields = body(json!({ "comment": args.comment }));
    act(context, Request::post(&["approvals", &args.id, verb]).body(&fields))
}

/// Does something to a request, and says where it stands now.
fn act(context: &Context, request: Request) -> Result<(), CliError> {
    let answer = context.ask(&request)?;
    if context.output.structured() {
        return context.output.answer(&answer);
    }
    let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or("?").to_owned();
    let number = |field: &str| answer.get(field).and_then(Value::as_u64).unwrap_or_default();
    context.output.say(&match text("state").as_str() {
        "open" => format!("{} is open: {} of {} approved", text("id"), number("approved"), number("approvals")),
        "executed" => format!("{} is executed: {} was changed", text("id"), text("environment_name")),
        "granted" => format!("{} is granted until {}", text("id"), text("usable_until")),
        state => format!("{} is {state}", text("id")),
    });
    Ok(())
}

fn show(context: &Context, answer: &Value) -> Result<(), CliError> {
    if context.output.structured() {
        return context.output.answer(answer);
    }
    context.output.item(answer, COLUMNS)?;
    let part = |field: &str| json!({ "items": answer.get(field), "next_cursor": null });
    match answer.get("act").filter(|act| !act.is_null()) {
        Some(act) => {
            context.output.item(act, ACT)?;
            context.output.data(act.get("diff").and_then(Value::as_str).unwrap_or_default().as_bytes())?;
        }
        None => context.output.list(&part("items"), ITEMS)?,
    }
    context.output.list(&part("notes"), NOTES)
}

/// The word of an argument, as the server reads it.
fn word<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
}

fn rules(context: &Context, command: RulesCommand) -> Result<(), CliError> {
    const OWN: &str = "approval-rules";
    match command {
        RulesCommand::List { own: true } => {
            context.output.list(&context.ask(&Request::get(&[OWN]))?, ORGANIZATION_RULES)
        }
        RulesCommand::List { own: false } => {
            let place = context.place(None)?;
            let answer = context.ask(&Request::get(&place.below(&[OWN])))?;
            context.output.list(&answer, RULES)
        }
        RulesCommand::Set(args) => {
            let life = args.expires_in.as_deref();
            let life = life.map(|t| t.parse::<u64>().map_or_else(|_| json!(t), |seconds| json!(seconds)));
            let is_own = |act: &&ActArg| matches!(act, ActArg::Policy | ActArg::Rotation);
            let own = args.acts.iter().filter(is_own).count();
            if own > 0 && (own < args.acts.len() || args.path != "/") {
                return Err(CliError::usage(
                    "policy and rotation are of the organization: set them apart, without a folder",
                ));
            }
            let fields = json!({ "approvals": args.approvals, "expires_in": life, "reason": args.reason });
            if own > 0 {
                for act in args.acts {
                    let request = Request::put(&[OWN, &word(&act)]).body(&body(fields.clone()));
                    context.output.item(&context.ask(&request)?, ORGANIZATION_RULES)?;
                }
                return Ok(());
            }
            let mut fields = body(fields);
            fields["path"] = json!(args.path);
            fields["acts"] = json!(args.acts.iter().map(word).collect::<Vec<_>>());
            let place = context.place(None)?;
            let answer = context.ask(&Request::put(&place.below(&[OWN])).body(&fields))?;
            context.output.item(&answer, RULES)
        }
        RulesCommand::Remove { act: Some(act), reason, .. } => {
            let request = Request::delete(&[OWN, &word(&act)]).query("reason", reason);
            context.output.item(&context.ask(&request)?, ORGANIZATION_RULES)
        }
        RulesCommand::Remove { path, reason, act: None } => {
            let place = context.place(None)?;
            let request = Request::delete(&place.below(&[OWN])).query("path", path).query("reason", reason);
            let answer = context.ask(&request)?;
            context.output.item(&answer, RULES)
        }
    }
}
