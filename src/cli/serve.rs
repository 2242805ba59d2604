//! `holdfast serve`, `setup-token` and `rescue`: on the server's own machine.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::context::Context;
use super::error::CliError;
use super::offline::{self, DataDirArgs, RescueOptions};

const SERVE_HELP: &str = "\
The first start makes the data directory, the root key, the database and a setup token, which is
also in the log; `holdfast init` turns it into the first owner. Without TLS only this machine's own
addresses are listened on. Every setting is also a variable, like HOLDFAST_SERVER_LISTEN;
`holdfast config show` lists them.";

/// How to run the server.
#[derive(Debug, Args)]
#[command(after_help = SERVE_HELP)]
pub struct ServeArgs {
    /// Where the data is [default: the XDG data directory; /var/lib/holdfast as a service]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The URL people reach it by
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The configuration file [default: /etc/holdfast/holdfast.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen on addresses other machines reach, without TLS
    #[arg(long)]
    insecure_listen: bool,
    /// The file with the root key [default: root.key in the data directory]
    #[arg(long, value_name = "FILE")]
    root_key_file: Option<PathBuf>,
}

/// What `holdfast serve` was told; what it was not told comes from variables and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeOptions {
    /// The data directory.
    pub data_dir: Option<PathBuf>,
    /// `ADDRESS:PORT`.
    pub listen: Option<String>,
    /// The URL people reach the server by.
    pub public_url: Option<String>,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// Whether a listener without TLS may be reached from other machines.
    pub insecure_listen: bool,
    /// The file with the root key.
    pub root_key_file: Option<PathBuf>,
}

impl From<ServeArgs> for ServeOptions {
    fn from(args: ServeArgs) -> Self {
        let ServeArgs { data_dir, listen, public_url, config, insecure_listen, root_key_file } = args;
        Self { data_dir, listen, public_url, config, insecure_listen, root_key_file }
    }
}

/// A new setup token.
#[derive(Debug, Args)]
pub struct SetupTokenArgs {
    /// Make one, and make the earlier one useless
    #[arg(long, required = true)]
    new: bool,
    #[command(flatten)]
    place: DataDirArgs,
}

/// Whom to rescue.
#[derive(Debug, Args)]
pub struct RescueArgs {
    /// The owner's e-mail address
    #[arg(long, value_name = "EMAIL")]
    owner: String,
    #[command(flatten)]
    place: DataDirArgs,
}

/// Runs the server until it is told to stop, and answers its exit code.
///
/// # Errors
/// It cannot start.
pub fn run(options: ServeOptions) -> anyhow::Result<ExitCode> {
    offline::serve(options)
}

/// Asks the running server for a new setup token.
///
/// # Errors
/// The server does not run, or has its owner already.
pub fn setup_token(context: &Context, args: SetupTokenArgs) -> Result<(), CliError> {
    let report = offline::setup_token_new(&args.place.into())?;
    if context.output.structured() {
        return context.output.answer(&report);
    }
    context.output.line(report.get("path").and_then(Value::as_str).unwrap_or(""))?;
    context.output.next("holdfast init --setup-token-file that file");
    Ok(())
}

/// Makes a new credential for an owner; the token is written to stdout once.
///
/// # Errors
/// Not root, a running server, or nobody of that address owns an organization.
pub fn rescue(context: &Context, args: RescueArgs) -> Result<(), CliError> {
    let options = RescueOptions { owner: args.owner, place: args.place.into() };
    super::tokens::show_token(context, &offline::rescue(&options)?)
}
