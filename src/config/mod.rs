//! Settings: one struct per concern, from flags, `HOLDFAST_…` variables and TOML files.
//!
//! Precedence: flag > environment > file > default; for client commands the files are the project file, the
//! user file, the system file, in this order.
//!
//! Invariants, and what each one stops:
//! - This is the only room that reads the environment and configuration files ([`Env::from_process`] is the only
//!   call), so what a process does can be told from [`Loaded`] alone, and tests hand in a map.
//! - An unknown key in a file is an error, an unknown `HOLDFAST_…` variable a warning: a misspelt
//!   `insecure_listen` or `root_key_file` must not be ignored in silence.
//! - Every key stands in one table ([`keys()`]); what is read, shown by `config show` and written in the manual
//!   are compared with it by tests, so none of them can drift.
//! - A message never quotes the value of a secret key, nor the source line a parser stopped at.
//! - A key or credential file others can read is refused ([`read_secret_file`]); the permission is asked of the
//!   opened file, so it cannot be swapped between the check and the read.
//! - A token from the environment is never sent to a server that only a project file names: cloning a
//!   repository must not be enough to collect its readers' tokens ([`ClientConfig::load`]).
//! - Every file has a size limit, every upward search a depth limit.
//!
//! Deliberately not here: reloading while running (restart is under 100 ms), keys or tokens as values of
//! settings, shell expansion, includes.

mod client;
mod client_file;
mod cluster;
mod credentials;
mod data;
mod document;
mod env;
mod error;
mod files;
mod jobs;
mod keys;
mod ledger;
mod log;
mod mail;
mod metrics;
mod nearest;
mod rate_limits;
mod reader;
mod retention;
mod sentry;
mod server;
mod sessions;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod tls;
mod url;
mod vault;

pub use client::{ClientConfig, ClientOverrides, ClientVariable, Sourced, Token, client_variables};
pub use client_file::{ClientFile, ProjectFile, find_project_file, write_project_file};
pub use cluster::ClusterConfig;
pub use credentials::{Credential, Credentials, CredentialsLock, Renewal};
pub use data::{DataConfig, prepare_data_dir};
pub use env::Env;
pub use error::{ConfigError, Origin, Warning};
pub use files::{
    SECRET_FILE_LIMIT, create_private_dir, read_input_file, read_secret_file, read_whole_file, write_private_file,
    write_shared_file,
};
pub use jobs::JobsConfig;
pub use keys::{KeysConfig, RootKeySource};
pub use ledger::LedgerConfig;
pub use log::{LogConfig, LogFormat, LogLevel};
pub use mail::{MailConfig, MailSecurity};
pub use metrics::MetricsConfig;
pub use nearest::nearest;
pub use rate_limits::RateLimitsConfig;
pub use reader::Effective;
pub use retention::RetentionConfig;
pub use sentry::SentryConfig;
pub use server::ServerConfig;
pub use sessions::SessionsConfig;
pub use settings::{Loaded, Overrides, Settings};
pub use table::{Fallback, Key, Kind, keys};
pub use tls::TlsConfig;
pub use url::BaseUrl;
pub use vault::{Cipher, VaultConfig};
