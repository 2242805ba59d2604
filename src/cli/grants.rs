//! `holdfast grants`, and how a grant is written on the command line.

use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::{LimitArg, body};
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// Give and take roles. Without --project and --environment a grant is on the organization.
#[derive(Debug, Subcommand)]
pub enum GrantsCommand {
    /// List grants, all of them or those of somebody or on something
    #[command(visible_alias = "ls")]
    List {
        /// Whose.
        #[command(flatten)]
        who: HolderArgs,
        /// How many.
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Give a role
    Create {
        /// owner, admin, maintainer, developer, viewer or a role of the organization
        role: String,
        /// Whose.
        #[command(flatten)]
        who: RequiredHolder,
    },
    /// Take a role away
    Delete {
        /// The grant's id
        id: String,
    },
}

/// A person or a machine, or neither.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct WhoArgs {
    /// A person: e-mail address or id
    #[arg(long)]
    pub user: Option<String>,
    /// A machine: name or id
    #[arg(long)]
    pub service_account: Option<String>,
}

/// A person, a machine or a team.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct RequiredHolder {
    /// A person: e-mail address or id
    #[arg(long)]
    user: Option<String>,
    /// A machine: name or id
    #[arg(long)]
    service_account: Option<String>,
    /// A team: name or id
    #[arg(long)]
    team: Option<String>,
}

/// A person, a machine or a team, or none.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct HolderArgs {
    /// A person: e-mail address or id
    #[arg(long)]
    user: Option<String>,
    /// A machine: name or id
    #[arg(long)]
    service_account: Option<String>,
    /// A team: name or id
    #[arg(long)]
    team: Option<String>,
}

/// `ROLE`, `ROLE@PROJECT` or `ROLE@PROJECT/ENVIRONMENT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantSpec {
    role: String,
    project: Option<String>,
    environment: Option<String>,
}

impl FromStr for GrantSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (role, node) = text.split_once('@').map_or((text, None), |(role, node)| (role, Some(node)));
        let (project, environment) = match node.map(|n| n.split_once('/').map_or((n, None), |(p, e)| (p, Some(e)))) {
            Some((project, environment)) => (Some(project), environment),
            None => (None, None),
        };
        let named = |part: Option<&str>| part.is_none_or(|p| !p.is_empty() && !p.contains(['/', '@']));
        if role.is_empty() || !named(project) || !named(environment) {
            return Err("like developer, developer@shop or developer@shop/staging".to_owned());
        }
        Ok(Self {
            role: role.to_owned(),
            project: project.map(str::to_owned),
            environment: environment.map(str::to_owned),
        })
    }
}

impl GrantSpec {
    /// The grant as the API takes it.
    pub fn to_json(&self) -> Value {
        body(json!({"role": self.role, "project": self.project, "environment": self.environment}))
    }
}

const COLUMNS: &[Column] = &[
    ("role", "/role"),
    ("user", "/user"),
    ("service account", "/service_account"),
    ("team", "/team"),
    ("project", "/project"),
    ("environment", "/environment"),
    ("created", "/created_at"),
    ("id", "/id"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses: nobody gives more than they hold.
pub fn run(context: &Context, command: GrantsCommand) -> Result<(), CliError> {
    let (project, environment) = (context.flags.project.as_deref(), context.flags.environment.as_deref());
    match command {
        GrantsCommand::List { who, limit } => {
            let request = || {
                Request::get(&["grants"])
                    .query_opt("user", who.user.as_deref())
                    .query_opt("service_account", who.service_account.as_deref())
                    .query_opt("team", who.team.as_deref())
                    .query_opt("project", project)
                    .query_opt("environment", environment)
            };
            context.output.list(&context.ask_list(request, limit.items())?, COLUMNS)
        }
        GrantsCommand::Create { role, who } => {
            let fields = body(json!({
                "role": role,
                "user": who.user,
                "service_account": who.service_account,
                "team": who.team,
                "project": project,
                "environment": environment,
            }));
            context.output.item(&context.ask(&Request::post(&["grants"]).body(&fields))?, COLUMNS)
        }
        GrantsCommand::Delete { id } => {
            context.ask(&Request::delete(&["grants", &id]))?;
            context.output.say(&format!("took {id} away"));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_names_its_node() {
        let parsed = |text: &str| text.parse::<GrantSpec>().map(|g| g.to_json());
        assert_eq!(parsed("viewer"), Ok(json!({"role": "viewer"})));
        assert_eq!(parsed("viewer@shop"), Ok(json!({"role": "viewer", "project": "shop"})));
        let both = json!({"role": "viewer", "project": "shop", "environment": "qa"});
        assert_eq!(parsed("viewer@shop/qa"), Ok(both));
        for bad in ["", "@", "@shop", "viewer@", "viewer@/qa", "viewer@shop/", "viewer@a/b/c", "a@b@c"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
