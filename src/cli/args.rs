//! The command tree and the flags every command has.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use serde_json::Value;

use super::output::Format;
use super::{
    access, account, audit, clusters, completion, config, deletions, doctor, env, environments, export, folders,
    generate, grants, import, init, jobs, keys, login, members, organizations, policy, projects, quota, roles, run,
    scan, secrets, serve, service_accounts, sessions, setup, teams, tokens, users,
};
use super::{approvals, blueprint, gate, hook, join, link, mail, password, template};

const AFTER_HELP: &str = "\
`holdfast serve` starts a server, `holdfast init` makes its owner, `holdfast setup` binds a
directory, and `holdfast run -- ./server` runs a program with the directory's variables.

Precedence: flag; HOLDFAST_URL, HOLDFAST_TOKEN, HOLDFAST_PROJECT, HOLDFAST_ENVIRONMENT;
holdfast.toml or .holdfast.toml found upwards; the user's file; the system's file.

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not logged in or forbidden, 5 conflict,
6 server unreachable, 7 scan found secrets. `run` and `env exec` end with the program's own code.";

/// Secrets, environments and their proof, in one binary.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, after_help = AFTER_HELP, propagate_version = false, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Flags every command has.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags every command has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// The server [env: HOLDFAST_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Take the token from this file, mode 0600 [env: HOLDFAST_TOKEN_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The project, by slug or id [env: HOLDFAST_PROJECT]
    #[arg(short, long, global = true, value_name = "PROJECT")]
    pub project: Option<String>,
    /// The environment, by slug or id [env: HOLDFAST_ENVIRONMENT]
    #[arg(short, long, global = true, value_name = "ENVIRONMENT", alias = "env")]
    pub environment: Option<String>,
    /// Write the answer as JSON, the same as -o json
    #[arg(long, global = true, conflicts_with = "output")]
    pub json: bool,
    /// How to write the answer: table, json or yaml
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub output: Option<Format>,
    /// Never ask; fail where a question would be needed
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Say nothing but errors and warnings
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program with the environment's variables
    Run(run::RunArgs),
    /// Bind this directory to a project and environment
    Setup(setup::SetupArgs),
    /// List, read and change secrets
    #[command(subcommand, visible_alias = "secret")]
    Secrets(secrets::SecretsCommand),
    /// Import secrets from a file (dotenv, JSON, YAML, TOML, CSV, Kubernetes and others), or from another product
    Import(import::ImportArgs),
    /// Write the environment's variables to stdout
    Export(export::ExportArgs),
    /// Write a file with the environment's variables put in
    Template(template::TemplateArgs),
    /// Load a directory's variables into the shell on entering it
    #[command(subcommand)]
    Hook(hook::HookCommand),
    /// Make a random value, a passphrase, a key pair or a certificate signing request, without a server
    Generate(generate::GenerateArgs),
    /// Find secrets in files, staged changes or a history, and your own values among them
    Scan(scan::ScanArgs),
    /// Check, lint, import, propose and save blueprints: which services an environment runs
    #[command(subcommand, alias = "blueprints")]
    Blueprint(blueprint::BlueprintCommand),
    /// Manage the tree of environments
    #[command(subcommand, visible_aliases = ["environment", "envs"])]
    Environments(environments::EnvironmentsCommand),
    /// Run what an environment's blueprint says: up, status, logs, exec, stop, rollback, destroy
    #[command(subcommand)]
    Env(env::EnvCommand),
    /// Manage the folders of an environment
    #[command(subcommand, alias = "folder")]
    Folders(folders::FoldersCommand),
    /// Manage projects
    #[command(subcommand, visible_alias = "project")]
    Projects(projects::ProjectsCommand),
    /// Manage organizations
    #[command(subcommand, visible_alias = "orgs")]
    Organizations(organizations::OrganizationsCommand),

    /// Accept an invitation
    Join(join::JoinArgs),
    /// Log in to a server
    Login(login::LoginArgs),
    /// Forget the login, and revoke its token
    Logout,
    /// Say who is logged in, where, and with which rights
    Whoami,
    /// Set a new password for who forgot theirs
    #[command(subcommand)]
    Password(password::PasswordCommand),
    /// See where you are signed in, and end it
    #[command(subcommand, alias = "session")]
    Sessions(sessions::SessionsCommand),
    /// Change your password
    #[command(subcommand)]
    Account(account::AccountCommand),
    /// Manage your own tokens
    #[command(subcommand, alias = "token")]
    Tokens(tokens::TokensCommand),
    /// Send a value or a file to somebody who has no account
    #[command(subcommand, visible_alias = "links")]
    Link(link::LinkCommand),

    /// Manage the clusters that environments run on
    #[command(subcommand, visible_alias = "cluster")]
    Clusters(clusters::ClustersCommand),

    /// Show and set what an organization and its environments may run, and what it costs
    #[command(subcommand, visible_alias = "quotas")]
    Quota(quota::QuotaCommand),

    /// Manage the people of the organization
    #[command(subcommand, alias = "member")]
    Members(members::MembersCommand),
    /// See and try out the mail of the instance
    #[command(subcommand)]
    Mail(mail::MailCommand),
    /// Manage machine identities and their keys
    #[command(subcommand, visible_alias = "sa")]
    ServiceAccounts(service_accounts::ServiceAccountsCommand),
    /// Give and take roles
    #[command(subcommand, alias = "grant")]
    Grants(grants::GrantsCommand),
    /// Manage the roles of the organization
    #[command(subcommand, alias = "role")]
    Roles(roles::RolesCommand),
    /// Manage teams and who is in them
    #[command(subcommand, alias = "team")]
    Teams(teams::TeamsCommand),
    /// Manage the organization's own policies; ask for decisions and their reasons
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Review access: what roles may do, who can reach what, what is never used
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// See and decide what waits for others, and what makes it wait
    #[command(subcommand, alias = "approval")]
    Approvals(approvals::ApprovalsCommand),
    /// Read, export and verify the ledger
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// List and restore what was deleted
    #[command(subcommand)]
    Deletions(deletions::DeletionsCommand),

    /// Run the server
    Serve(serve::ServeArgs),
    /// Make the first owner of a new server and log in
    Init(init::InitArgs),
    /// Make a new setup token for a server without an owner
    SetupToken(serve::SetupTokenArgs),
    /// Make a new credential for an owner who lost theirs (as root, server stopped)
    Rescue(serve::RescueArgs),
    /// Keep a person out of this server, or let them in again (instance operators)
    #[command(subcommand, alias = "user")]
    Users(users::UsersCommand),
    /// List and run the server's scheduled jobs
    #[command(subcommand, alias = "job")]
    Jobs(jobs::JobsCommand),
    /// The server's own keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Look for problems on the server's machine, and print the command that fixes each
    Doctor(doctor::DoctorArgs),
    /// Check and show the server's configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),

    /// Write a completion script for a shell to stdout
    Completion(completion::CompletionArgs),
    /// Write the manual pages into a directory
    Man(completion::ManArgs),
    /// Wait until the network of this pod is closed: the first container of every pod
    #[command(hide = true)]
    Gate(gate::GateArgs),
    /// Answer the gates of a cluster
    #[command(hide = true)]
    Prober(gate::ProberArgs),
    /// Show the version
    Version,
}

/// The folder of an environment.
#[derive(Debug, Clone, Default, Args)]
pub struct FolderArg {
    /// The folder [default: the one this directory is bound to, else /]
    #[arg(long, value_name = "FOLDER")]
    pub path: Option<String>,
}

/// A moment of the past.
#[derive(Debug, Clone, Default, Args)]
pub struct AtArg {
    /// As it was: a time like 2026-11-23T08:00:00Z, or an event of the ledger (its number or id)
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
}

/// How much of a list.
#[derive(Debug, Clone, Args)]
pub struct LimitArg {
    /// The most items to show
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
}

impl LimitArg {
    /// The number of items.
    pub fn items(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

/// A JSON object without the fields that are null: what was not said is not sent.
pub fn body(mut fields: Value) -> Value {
    if let Value::Object(fields) = &mut fields {
        fields.retain(|_, v| !v.is_null());
    }
    fields
}
