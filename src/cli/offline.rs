//! Commands that work on the server's machine without its API. This is the one place where the CLI meets the
//! composition root; each function takes a plain struct and answers a report as JSON.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::error::{CliError, Exit};
use super::serve::ServeOptions;
use crate::app::{self, AppError, Place};
use crate::config::{Env, Loaded, Overrides, Settings, read_input_file};
use crate::telemetry;
use crate::types::{Class, Failure as _, SecretString};

/// Where a server's data is.
#[derive(Debug, Clone, Args)]
pub struct DataDirArgs {
    /// The server's data directory [default: the one `holdfast serve` would use]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The server's configuration file [default: the one `holdfast serve` would read]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file with the root key [default: the one `holdfast serve` would read]
    #[arg(long, value_name = "FILE")]
    root_key_file: Option<PathBuf>,
}

/// Where a server's data is, as the command line said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPlace {
    /// The data directory.
    pub data_dir: Option<PathBuf>,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The file with the root key.
    pub root_key_file: Option<PathBuf>,
}

impl DataPlace {
    fn place(&self) -> Place {
        let Self { data_dir, config, root_key_file } = self.clone();
        Place { data_dir, config, root_key_file }
    }
}

impl From<DataDirArgs> for DataPlace {
    fn from(args: DataDirArgs) -> Self {
        Self { data_dir: args.data_dir, config: args.config, root_key_file: args.root_key_file }
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
/// It cannot start; one line says why.
pub fn serve(options: ServeOptions) -> anyhow::Result<ExitCode> {
    let ServeOptions { data_dir, listen, public_url, config, insecure_listen, root_key_file } = options;
    let overrides = Overrides { listen, public_url, insecure_listen, data_dir, root_key_file, ..Overrides::default() };
    let is_tty = std::io::stdout().is_terminal();
    let output = telemetry::Output { is_tty, color: is_tty };
    // The log may be elsewhere, or not open yet: what a person sees is one line, the fix in it.
    app::serve(app::ServeOptions { config, overrides, output }).map_err(|error| CliError::failed(error.line()).into())
}

/// Asks the running server over its socket for a new setup token: `{path}`.
///
/// # Errors
/// No server runs on that data, or it has its owner.
pub fn setup_token_new(place: &DataPlace) -> anyhow::Result<Value> {
    let settings = place.place().load(&Env::from_process()).map_err(refused)?.settings;
    let path = app::setup_token_new(&settings.data.dir).map_err(refused)?;
    Ok(json!({ "path": path }))
}

/// Makes a new credential for an owner: `{token, user, organization, …}`.
///
/// # Errors
/// Not root, a running server, or no such owner.
pub fn rescue(options: &RescueOptions) -> anyhow::Result<Value> {
    let rescued = app::rescue::rescue(&options.place.place(), &options.owner).map_err(refused)?;
    Ok(json!({
        "token": rescued.token.expose(),
        "expires_at": rescued.expires_at,
        "user": { "id": rescued.user, "email": rescued.email },
        "organization": { "id": rescued.organization, "slug": rescued.organization_slug },
        "data_dir": rescued.data_dir,
    }))
}

/// Looks for problems: `{ok, checks: [{name, ok, detail, fix}]}`.
///
/// # Errors
/// The machine cannot be looked at at all.
pub fn doctor(place: &DataPlace) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(app::doctor::run(&place.place()))?)
}

/// Checks a configuration file: `{ok, file, warnings}`.
///
/// # Errors
/// What is wrong with it.
pub fn config_check(file: Option<&Path>) -> anyhow::Result<Value> {
    let loaded = load(file)?;
    let warnings: Vec<_> = loaded
        .warnings
        .iter()
        .map(|w| json!({ "code": w.code, "message": w.message, "hint": w.hint, "detail": w.to_string() }))
        .collect();
    Ok(json!({ "ok": true, "file": loaded.file, "warnings": warnings }))
}

/// Every setting: `{settings: [{key, value, origin}]}`.
///
/// # Errors
/// What is wrong with the configuration.
pub fn config_show(file: Option<&Path>) -> anyhow::Result<Value> {
    let settings: Vec<_> = load(file)?
        .effective
        .iter()
        .map(|e| json!({ "key": e.key.dotted(), "value": e.value, "origin": e.origin.to_string() }))
        .collect();
    Ok(json!({ "settings": settings }))
}

fn load(file: Option<&Path>) -> Result<Loaded, CliError> {
    Ok(Settings::load(&Env::from_process(), file, Overrides::default())?)
}

/// Verifies a ledger without a server: `{ok, size, root, problems}`.
///
/// # Errors
/// The database or the key cannot be read.
pub fn audit_verify(options: &VerifyOptions) -> anyhow::Result<Value> {
    let key = options.key.as_deref().map(|file| read_input_file(file, KEY_MAX)).transpose().map_err(CliError::from)?;
    let key = key.map(|bytes| String::from_utf8_lossy(bytes.expose()).into_owned());
    let checkpoints = options.checkpoint.iter().cloned().collect();
    let ask = app::audit::VerifyOptions { data: options.data_dir.clone(), key, instance: None, checkpoints };
    Ok(serde_json::to_value(app::audit::verify(&ask, &mut |_, _| ()).map_err(refused)?)?)
}

/// The fingerprints of the keys: `{root_key_wanted, root_key, ledger_public_key, instance}`.
///
/// # Errors
/// The data or the key cannot be read.
pub fn fingerprint(place: &DataPlace) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(app::keys::fingerprints(&place.place()).map_err(refused)?)?)
}

/// Opens every value of a data directory: `{ok, organizations, problems}`.
///
/// # Errors
/// The data or the key cannot be read.
pub fn keys_verify(place: &DataPlace) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(app::keys::verify(&place.place()).map_err(refused)?)?)
}

/// Makes a root key in a new file: `{file, root_key}`.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn generate_root(file: &Path) -> anyhow::Result<Value> {
    Ok(json!({ "file": file, "root_key": app::keys::generate_root(file).map_err(refused)? }))
}

/// Gets the root key back with a recovery key and writes it to a new file: `{file, root_key}`.
///
/// # Errors
/// The recovery key is mistyped or of another kit; the file exists.
pub fn recover(place: &DataPlace, key: &SecretString, file: &Path) -> anyhow::Result<Value> {
    Ok(json!({ "file": file, "root_key": app::keys::recover(&place.place(), key, file).map_err(refused)? }))
}

/// Largest file with a public key, in bytes.
const KEY_MAX: usize = 4_096;

fn refused(error: AppError) -> CliError {
    let exit = match error.class() {
        Class::NotFound => Exit::NotFound,
        Class::Forbidden | Class::Unauthenticated => Exit::Forbidden,
        Class::Conflict | Class::Stale => Exit::Conflict,
        Class::Unavailable => Exit::Unreachable,
        _ => Exit::Failed,
    };
    let hint = error.hint();
    let own = CliError::new(exit, error.to_string());
    if hint.is_empty() { own } else { own.hint(hint) }
}
