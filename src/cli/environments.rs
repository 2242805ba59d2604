//! `holdfast environments`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::args::{LimitArg, body};
use super::arrange;
use super::client::Request;
use super::confirm::{PlanArgs, SevereArgs, planned, severe};
use super::context::{Context, Place};
use super::error::CliError;
use super::output::Column;
use super::time;

/// Manage the tree of environments.
#[derive(Debug, Subcommand)]
pub enum EnvironmentsCommand {
    /// Create an environment, beneath a parent or as a root
    Create(CreateArgs),
    /// List a project's environments
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Show an environment
    Show {
        /// The environment [default: --environment, or the one this directory is bound to]
        slug: Option<String>,
    },
    /// Change an environment
    Update(UpdateArgs),
    /// Move an environment beneath another parent
    Move(MoveArgs),
    /// Make an environment like another one, with or without its values
    Duplicate(arrange::DuplicateArgs),
    /// Compare environments side by side, by name and by value, showing no value
    Compare(arrange::CompareArgs),
    /// List what differs between two moments, or two environments; never values
    Diff(time::DiffArgs),
    /// Make an environment's own secrets what they were, as new versions
    Revert(time::RevertArgs),
    /// Refuse all writes to an environment
    Lock {
        /// The environment [default: --environment, or the one this directory is bound to]
        slug: Option<String>,
        /// Why, for those who meet the lock
        #[arg(long)]
        reason: Option<String>,
    },
    /// Allow writes again
    Unlock {
        /// The environment [default: --environment, or the one this directory is bound to]
        slug: Option<String>,
    },
    /// Delete an environment and those beneath it; 30 days are left to restore it
    Delete {
        /// The environment
        slug: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
    /// Restore a deleted environment
    Restore {
        /// The environment
        slug: String,
    },
}

/// What an environment is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Tier {
    /// Where people try things
    Development,
    /// One change, shown to others
    Preview,
    /// Where changes are tested
    Qa,
    /// What comes next
    Staging,
    /// Where users accept
    Uat,
    /// What users use
    Production,
}

/// What can be said of an environment.
#[derive(Debug, Default, Args)]
pub struct Properties {
    /// Its display name
    #[arg(long)]
    name: Option<String>,
    /// What it is
    #[arg(long)]
    description: Option<String>,
    /// What it is for [default on creation: from its slug]
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// Ask maintainers' rights for reveal, use and writes, here and below [default on creation: as the tier]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    protected: Option<bool>,
    /// Where its values may go: tree, closed, or a list of environments as ENV or PROJECT/ENV,…
    #[arg(long, value_name = "FLOW")]
    flow: Option<String>,
    /// Allow any name the operating system allows
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    any_names: Option<bool>,
}

impl Properties {
    fn fields(&self) -> Value {
        let tier = self.tier.and_then(|t| t.to_possible_value().map(|v| v.get_name().to_owned()));
        body(json!({
            "name": self.name,
            "description": self.description,
            "tier": tier,
            "protected": self.protected,
            "flow": self.flow.as_deref().map(flow),
            "any_names": self.any_names,
        }))
    }
}

fn flow(text: &str) -> Value {
    match text {
        "tree" | "closed" => json!({ "mode": text }),
        list => {
            let listed: Vec<_> = list.split(',').map(str::trim).filter(|e| !e.is_empty()).collect();
            json!({ "mode": "listed", "environments": listed })
        }
    }
}

/// A new environment.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its slug: a-z, 0-9 and single hyphens, at most 32; it never changes
    slug: String,
    /// The environment it inherits from
    #[arg(long, value_name = "ENVIRONMENT")]
    parent: Option<String>,
    #[command(flatten)]
    properties: Properties,
}

/// An environment and its changes.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The environment [default: --environment, or the one this directory is bound to]
    slug: Option<String>,
    #[command(flatten)]
    properties: Properties,
    #[command(flatten)]
    plan: PlanArgs,
}

/// An environment and its new parent.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The environment
    slug: String,
    /// The new parent
    #[arg(long, value_name = "ENVIRONMENT", required_unless_present = "root")]
    parent: Option<String>,
    /// Make it a root of the project
    #[arg(long, conflicts_with = "parent")]
    root: bool,
    #[command(flatten)]
    plan: PlanArgs,
}

const COLUMNS: &[Column] = &[
    ("slug", "/slug"),
    ("parent", "/parent/slug"),
    ("tier", "/tier"),
    ("protected", "/effective_protected"),
    ("locked", "/locked"),
    ("flow", "/flow/mode"),
    ("id", "/id"),
];

const FIELDS: &[Column] = &[
    ("slug", "/slug"),
    ("name", "/name"),
    ("description", "/description"),
    ("project", "/project/slug"),
    ("parent", "/parent/slug"),
    ("tier", "/tier"),
    ("protected", "/effective_protected"),
    ("locked", "/locked"),
    ("flow", "/flow/mode"),
    ("flows to", "/flow/environments"),
    ("created", "/created_at"),
    ("updated", "/updated_at"),
    ("id", "/id"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: EnvironmentsCommand) -> Result<(), CliError> {
    let output = &context.output;
    let act = |slug: Option<&str>, verb: &str, fields: Value| {
        let place = context.place(slug)?;
        output.item(&context.ask(&Request::post(&place.below(&[verb])).body(&body(fields)))?, FIELDS)
    };
    match command {
        EnvironmentsCommand::Create(args) => create(context, &args),
        EnvironmentsCommand::List(limit) => {
            let project = context.project(None)?;
            let answer = context.ask_list(|| Request::get(&["projects", &project, "environments"]), limit.items())?;
            output.list(&answer, COLUMNS)
        }
        EnvironmentsCommand::Show { slug } => {
            let place = context.place(slug.as_deref())?;
            output.item(&context.ask(&Request::get(&place.below(&[])))?, FIELDS)
        }
        EnvironmentsCommand::Update(args) => update(context, &args),
        EnvironmentsCommand::Move(args) => {
            let place = context.place(Some(&args.slug))?;
            let request = Request::post(&place.below(&["move"])).body(&json!({ "parent": args.parent }));
            match planned(context, args.plan, request)? {
                Some(moved) => output.answer(&moved),
                None => Ok(()),
            }
        }
        EnvironmentsCommand::Duplicate(args) => arrange::duplicate(context, &args),
        EnvironmentsCommand::Compare(args) => arrange::compare(context, &args),
        EnvironmentsCommand::Diff(args) => time::diff(context, &args),
        EnvironmentsCommand::Revert(args) => time::revert(context, &args),
        EnvironmentsCommand::Lock { slug, reason } => act(slug.as_deref(), "lock", json!({ "reason": reason })),
        EnvironmentsCommand::Unlock { slug } => act(slug.as_deref(), "unlock", json!({})),
        EnvironmentsCommand::Delete { slug, severe: args } => {
            let place = context.place(Some(&slug))?;
            if let Some(deleted) =
                severe(context, &args, "delete the environment", &slug, || Request::delete(&place.below(&[])))?
            {
                output.answer(&deleted)?;
                output.next(&format!("holdfast environments restore {slug} --project {}", place.project));
            }
            Ok(())
        }
        EnvironmentsCommand::Restore { slug } => act(Some(&slug), "restore", json!({})),
    }
}

fn create(context: &Context, args: &CreateArgs) -> Result<(), CliError> {
    let project = context.project(None)?;
    let answer = context.ask(&creation(&project, args))?;
    context.output.item(&answer, FIELDS)?;
    context.output.next(&format!("holdfast import .env --project {project} --environment {}", args.slug));
    Ok(())
}

fn creation(project: &str, args: &CreateArgs) -> Request {
    let mut fields = args.properties.fields();
    fields["slug"] = json!(args.slug);
    if let Some(parent) = &args.parent {
        fields["parent"] = json!(parent);
    }
    Request::post(&["projects", project, "environments"]).body(&fields)
}

/// Changes an environment as it is now: if somebody else changes it in between, the server says so.
fn update(context: &Context, args: &UpdateArgs) -> Result<(), CliError> {
    let place: Place = context.place(args.slug.as_deref())?;
    let fields = args.properties.fields();
    if fields.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(CliError::usage("nothing to change is named").hint("holdfast environments update --help"));
    }
    let etag = context.client()?.send(&Request::get(&place.below(&[])))?.etag;
    let request = Request::patch(&place.below(&[])).body(&fields).if_match(etag);
    match planned(context, args.plan, request)? {
        Some(changed) => {
            context.output.warnings(&changed);
            context.output.item(&changed, FIELDS)
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_a_word_or_a_list() {
        assert_eq!(flow("tree"), json!({"mode": "tree"}));
        assert_eq!(flow("closed"), json!({"mode": "closed"}));
        assert_eq!(flow("qa, web/qa,"), json!({"mode": "listed", "environments": ["qa", "web/qa"]}));
    }

    #[test]
    fn what_is_not_said_is_not_sent() {
        assert_eq!(Properties::default().fields(), json!({}));
        let some = Properties { tier: Some(Tier::Qa), protected: Some(false), ..Properties::default() };
        assert_eq!(some.fields(), json!({"tier": "qa", "protected": false}));
    }
}
