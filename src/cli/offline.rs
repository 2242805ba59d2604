//! Commands that work on the server's machine without its API. This is the one place where the CLI meets the
//! composition root; each function takes a plain struct and answers a report as JSON.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::serve::ServeOptions;

/// Where a server's data is.
#[derive(Debug, Clone, Args)]
pub struct DataDirArgs {
    /// The server's data directory [default: the one `holdfast serve` would use]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The server's configuration file [default: the one `holdfast serve` would read]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where a server's data is, as the command line said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPlace {
    /// The data directory.
    pub data_dir: Option<PathBuf>,
    /// The configuration file.
    pub config: Option<PathBuf>,
}

impl From<DataDirArgs> for DataPlace {
    fn from(args: DataDirArgs) -> Self {
        Self { data_dir: args.data_dir, config: args.config }
    }
}

/// What `holdfast rescue` was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RescueOptions {
    /// The owner's e-mail address.
    pub owner: String,
    /// Where the data is.
    pub place: DataPlace,
}

/// What `holdfast audit verify --data-dir` was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyOptions {
    /// The data directory, or a copy of one.
    pub data_dir: PathBuf,
    /// A file with the pinned public key of the ledger.
    pub key: Option<PathBuf>,
    /// The text of a checkpoint kept earlier.
    pub checkpoint: Option<String>,
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// It cannot start.
pub fn serve(options: ServeOptions) -> anyhow::Result<ExitCode> {
    absent("serve", &options)
}

/// Asks the running server over its socket for a new setup token: `{path}`.
///
/// # Errors
/// No server runs on that data, or it has its owner.
pub fn setup_token_new(place: &DataPlace) -> anyhow::Result<Value> {
    absent("setup-token", place)
}

/// Makes a new credential for an owner: `{token, user, organization, …}`.
///
/// # Errors
/// Not root, a running server, or no such owner.
pub fn rescue(options: &RescueOptions) -> anyhow::Result<Value> {
    absent("rescue", options)
}

/// Looks for problems: `{ok, checks: [{name, ok, detail, fix}]}`.
///
/// # Errors
/// The machine cannot be looked at at all.
pub fn doctor(place: &DataPlace) -> anyhow::Result<Value> {
    absent("doctor", place)
}

/// Checks a configuration file: `{ok, file, warnings}`.
///
/// # Errors
/// What is wrong with it.
pub fn config_check(file: Option<&Path>) -> anyhow::Result<Value> {
    absent("config check", &file)
}

/// Every setting: `{settings: [{key, value, origin}]}`.
///
/// # Errors
/// What is wrong with the configuration.
pub fn config_show(file: Option<&Path>) -> anyhow::Result<Value> {
    absent("config show", &file)
}

/// Verifies a ledger without a server: `{ok, size, root, problems}`.
///
/// # Errors
/// The database or the key cannot be read.
pub fn audit_verify(options: &VerifyOptions) -> anyhow::Result<Value> {
    absent("audit verify --data-dir", options)
}

/// The fingerprints of the keys: `{root_key, ledger_public_key}`.
///
/// # Errors
/// The data or the key cannot be read.
pub fn fingerprint(place: &DataPlace) -> anyhow::Result<Value> {
    absent("keys fingerprint", place)
}

fn absent<T>(command: &str, options: &impl std::fmt::Debug) -> anyhow::Result<T> {
    anyhow::bail!("{command}: not wired ({options:?})")
}
