//! `holdfast organizations`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::args::{LimitArg, body};
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use super::output::Column;
use super::tokens::show_token;

/// Manage organizations.
#[derive(Debug, Subcommand)]
pub enum OrganizationsCommand {
    /// Create an organization (instance operators); its first token is shown once
    Create(CreateArgs),
    /// List the organizations this token sees
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Show an organization
    Show {
        /// The organization
        slug: String,
    },
    /// Change an organization's display name
    Update {
        /// The organization
        slug: String,
        /// Its display name
        #[arg(long)]
        name: String,
    },
    /// Show or change what an organization asks of those who sign in
    Security {
        /// The organization
        slug: String,
        /// Whether a sign-in without a second factor holds nothing
        #[arg(long, value_name = "true|false")]
        require_second_factor: Option<bool>,
    },
    /// Hand ownership over: a member becomes an owner, and you stop being one
    Transfer {
        /// The organization
        slug: String,
        /// Who shall own it: e-mail address or id
        #[arg(long, value_name = "USER")]
        to: String,
        /// The role you keep on the organization; none when not given
        #[arg(long, value_name = "ROLE")]
        keep: Option<String>,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
    /// Delete an organization with everything in it; 30 days are left to restore it
    Delete {
        /// The organization
        slug: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
    /// Restore a deleted organization (instance operators)
    Restore {
        /// The organization
        slug: String,
    },
}

/// A new organization.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its slug: a-z, 0-9 and single hyphens, at most 32; it never changes
    slug: String,
    /// Its display name
    #[arg(long)]
    name: Option<String>,
}

const COLUMNS: &[Column] = &[("slug", "/slug"), ("name", "/name"), ("created", "/created_at"), ("id", "/id")];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: OrganizationsCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        OrganizationsCommand::Create(CreateArgs { slug, name }) => {
            let fields = body(json!({"slug": slug, "name": name}));
            let answer = context.ask(&Request::post(&["organizations"]).body(&fields))?;
            output.say(&format!("created organization {slug}; its token belongs to it alone"));
            show_token(context, &answer)
        }
        OrganizationsCommand::List(limit) => {
            let answer = context.ask_list(|| Request::get(&["organizations"]), limit.items())?;
            output.list(&answer, COLUMNS)
        }
        OrganizationsCommand::Show { slug } => {
            output.item(&context.ask(&Request::get(&["organizations", &slug]))?, COLUMNS)
        }
        OrganizationsCommand::Update { slug, name } => {
            let request = Request::patch(&["organizations", &slug]).body(&json!({ "name": name }));
            output.item(&context.ask(&request)?, COLUMNS)
        }
        OrganizationsCommand::Security { slug, require_second_factor } => {
            let path = ["organizations", &slug, "security"];
            let request = match require_second_factor {
                None => Request::get(&path),
                Some(required) => Request::put(&path).body(&json!({ "second_factor_required": required })),
            };
            output.item(&context.ask(&request)?, &[("second factor required", "/second_factor_required")])
        }
        OrganizationsCommand::Transfer { slug, to, keep, severe: args } => {
            let fields = body(json!({"user": to, "role": keep}));
            let request = || Request::post(&["organizations", &slug, "transfer"]).body(&fields);
            match severe(context, &args, "hand over the organization", &slug, request)? {
                Some(done) => output.answer(&done),
                None => Ok(()),
            }
        }
        OrganizationsCommand::Delete { slug, severe: args } => {
            let request = || Request::delete(&["organizations", &slug]);
            match severe(context, &args, "delete the organization", &slug, request)? {
                Some(deleted) => output.answer(&deleted),
                None => Ok(()),
            }
        }
        OrganizationsCommand::Restore { slug } => {
            output.item(&context.ask(&Request::post(&["organizations", &slug, "restore"]))?, COLUMNS)
        }
    }
}
