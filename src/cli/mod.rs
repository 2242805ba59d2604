//! The command line: a client of a server's API, and the way to what works without one.
//!
//! Invariants, and what each one stops:
//! - Data goes to stdout, words to stderr, and only `output` prints: a script reads what it asked for and nothing else.
//! - A secret is read from stdin, a file or a prompt, never from an argument: arguments stand in the process list
//!   and in the shell's history.
//! - A token goes to the URL it was made for; redirects are not followed, proxies not used.
//! - Path segments are escaped and `.`/`..` refused: no name turns a request on one thing into one on another.
//! - Severe acts need their object's name, typed or given with `--confirm`: no script deletes by accident.
//! - `run` becomes the program: signals and the exit code have no process in between to be lost in. Where it has to stay
//!   (`--watch`, `--mount`) it hands signals on and ends as the program did.
//! - What a shell or a template gets is asked for by the user: a directory is trusted by name and content, a template
//!   reads no file and ends.
//! - Exit codes are few and stable (see [`error::Exit`]).
//!
//! Deliberately not here: rules. What may be done and what a value means is decided by the server; this door only
//! asks, and shows the answer. So files of variables are parsed there, too, and every door reads them the same way; what
//! other products keep is read here, because their addresses and keys are nobody's business but the person's.

pub mod access;
pub mod account;
pub mod approvals;
pub mod args;
pub mod arrange;
pub mod audit;
pub mod blueprint;
pub mod care;
pub mod client;
pub mod clusters;
pub mod completion;
pub mod config;
pub mod confirm;
pub mod context;
pub mod deletions;
pub mod doctor;
pub mod email;
pub mod env;
pub mod environments;
pub mod error;
pub mod export;
pub mod folders;
pub mod format;
pub mod gate;
pub mod generate;
pub mod grants;
pub mod hook;
pub mod import;
pub mod init;
pub mod input;
pub mod jobs;
pub mod join;
pub mod keys;
pub mod link;
pub mod login;
pub mod lookup;
pub mod mail;
pub mod members;
pub mod offline;
pub mod organizations;
pub mod output;
pub mod password;
pub mod policy;
pub mod projects;
pub mod quota;
pub mod roles;
pub mod run;
pub mod scan;
pub mod secrets;
pub mod serve;
pub mod service_accounts;
pub mod sessions;
pub mod setup;
pub mod sse;
pub mod teams;
pub mod template;
pub mod terminal;
pub mod time;
pub mod tokens;
pub mod transfer;
pub mod users;
pub mod variables;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Cli, Command};
use self::context::Context;
use self::error::CliError;
use crate::config::Env;

/// The command tree, for help, completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

/// The words of every command, `["secrets", "set"]`, parents before children; the root is empty.
pub fn command_paths() -> Vec<Vec<String>> {
    let root = command();
    let mut open = vec![(Vec::new(), &root)];
    let mut paths = Vec::new();
    while let Some((path, command)) = open.pop() {
        let children = command.get_subcommands().filter(|c| c.get_name() != "help");
        let below = |c: &'_ clap::Command| [path.clone(), vec![c.get_name().to_owned()]].concat();
        let children: Vec<_> = children.map(|c| (below(c), c)).collect();
        open.extend(children.into_iter().rev());
        paths.push(path);
    }
    paths
}

/// Parses this process's arguments, does what they say, and answers the exit code.
pub fn main() -> ExitCode {
    // Values and tokens pass through this process: no core dump of it. The program `run` becomes is not affected.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version come this way, too, with the exit code 0. A closed pipe is no reason to fail.
            drop(e.print());
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    let context = Context::new(cli.globals, Env::from_process());
    match dispatch(&context, cli.command) {
        Ok(code) => code,
        Err(error) => {
            context.output.error(&error);
            ExitCode::from(error.exit() as u8)
        }
    }
}

fn dispatch(context: &Context, command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Serve(args) => return Ok(serve::run(args.into())?),
        Command::Run(args) => return run::run(context, &args),
        Command::Gate(args) => return gate::gate(context, &args),
        Command::Prober(args) => gate::prober(&args),
        Command::Setup(args) => setup::run(context, &args),
        Command::Secrets(command) => secrets::run(context, command),
        Command::Import(args) => import::run(context, &args),
        Command::Export(args) => export::run(context, &args),
        Command::Template(args) => template::run(context, &args),
        Command::Hook(command) => hook::run(context, command),
        Command::Generate(args) => generate::run(context, &args),
        Command::Scan(args) => scan::run(context, &args),
        Command::Blueprint(command) => blueprint::run(context, command),
        Command::Environments(command) => environments::run(context, command),
        Command::Env(env::EnvCommand::Exec(args)) => return env::exec(context, &args),
        Command::Env(command) => env::run(context, command),
        Command::Folders(command) => folders::run(context, command),
        Command::Projects(command) => projects::run(context, command),
        Command::Organizations(command) => organizations::run(context, command),
        Command::Join(args) => join::run(context, &args),
        Command::Password(command) => password::run(context, command),
        Command::Mail(command) => mail::run(context, command),
        Command::Login(args) => login::login(context, &args),
        Command::Logout => login::logout(context),
        Command::Whoami => login::whoami(context),
        Command::Link(command) => link::run(context, command),
        Command::Sessions(command) => sessions::run(context, command),
        Command::Account(command) => account::run(context, command),
        Command::Tokens(command) => tokens::run(context, command),
        Command::Clusters(command) => clusters::run(context, command),
        Command::Quota(command) => quota::run(context, command),
        Command::Members(command) => members::run(context, command),
        Command::ServiceAccounts(command) => service_accounts::run(context, command),
        Command::Grants(command) => grants::run(context, command),
        Command::Roles(command) => roles::run(context, command),
        Command::Teams(command) => teams::run(context, command),
        Command::Policy(command) => policy::run(context, command),
        Command::Access(command) => access::run(context, command),
        Command::Approvals(command) => approvals::run(context, command),
        Command::Audit(command) => audit::run(context, command),
        Command::Deletions(command) => deletions::run(context, command),
        Command::Init(args) => init::run(context, &args),
        Command::SetupToken(args) => serve::setup_token(context, args),
        Command::Rescue(args) => serve::rescue(context, args),
        Command::Users(command) => users::run(context, command),
        Command::Jobs(command) => jobs::run(context, command),
        Command::Keys(command) => keys::run(context, command),
        Command::Doctor(args) => doctor::run(context, args),
        Command::Config(command) => config::run(context, command),
        Command::Completion(args) => completion::completion(context, &args),
        Command::Man(args) => completion::man(context, &args),
        Command::Version => version(context),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn version(context: &Context) -> Result<(), CliError> {
    let version = env!("CARGO_PKG_VERSION");
    if context.output.structured() {
        return context.output.answer(&serde_json::json!({ "version": version }));
    }
    context.output.line(&format!("holdfast {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_cli() {
        command().debug_assert();
    }
}
