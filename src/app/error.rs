//! Why the appliance does not start, or an offline tool does not work: one line each.

use std::path::PathBuf;

use crate::config::ConfigError;
use crate::db::DbError;
use crate::keys::KeyError;
use crate::ledger::LedgerError;
use crate::notify::MailError;
use crate::op::OpError;
use crate::orgs::OrgError;
use crate::telemetry::TelemetryError;
use crate::types::{Class, Failure, ParseError};
use crate::vault::VaultError;

/// A failure on the way up, or of a tool. [`AppError::line`] is all there is to print.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Another process has the data.
    #[error("another holdfast{} uses this data directory", .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Busy {
        /// Its process id, if it said so.
        pid: Option<u32>,
    },
    /// A file or socket of the data directory failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `open`, `lock`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no database where one is needed.
    #[error("there is no database in {}", .0.display())]
    NoData(PathBuf),
    /// It takes root.
    #[error("holdfast {0} must be run as root: whoever can run it owns every secret")]
    NotRoot(&'static str),
    /// No server answers on the socket in the data directory.
    #[error("no server runs on the data in {}", .0.display())]
    NotRunning(PathBuf),
    /// The server refused what was asked of it over its socket.
    #[error("{message}")]
    Refused {
        /// What it said.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// A root key that was recovered is not the one the database wants.
    #[error("the kit holds the root key {given}, the database wants {wanted}")]
    KitOutdated {
        /// Fingerprint of the key in the kit.
        given: String,
        /// Fingerprint of the key wanted.
        wanted: String,
    },
    /// The configuration of mail cannot be used.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The server did not start.
    #[error("{message}")]
    Listen {
        /// What failed.
        message: String,
        /// Its code.
        code: &'static str,
        /// What to do about it.
        hint: String,
    },
    /// The settings are wrong, or a file is.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// An operation on organizations.
    #[error(transparent)]
    Org(#[from] OrgError),
    /// An operation on secrets.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Logs or reports.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// A text that was given.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

impl AppError {
    /// A file operation that failed.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// The message and the hint in one line.
    pub fn line(&self) -> String {
        let hint = self.hint();
        let text = if hint.is_empty() { self.to_string() } else { format!("{self}; {hint}") };
        text.replace('\n', " ")
    }
}

impl Failure for AppError {
    fn class(&self) -> Class {
        match self {
            Self::Busy { .. } => Class::Conflict,
            Self::NoData(_) => Class::NotFound,
            Self::NotRoot(_) => Class::Forbidden,
            Self::NotRunning(_) => Class::Unavailable,
            Self::Refused { .. } | Self::KitOutdated { .. } => Class::Unprocessable,
            Self::Config(_) | Self::Parse(_) => Class::Invalid,
            Self::Keys(e) => e.class(),
            Self::Db(e) => e.class(),
            Self::Op(e) => e.class(),
            Self::Org(e) => e.class(),
            Self::Mail(e) => e.class(),
            Self::Vault(e) => e.class(),
            Self::Io { .. } | Self::Listen { .. } | Self::Ledger(_) | Self::Telemetry(_) => Class::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "data_dir_busy",
            Self::Io { .. } => "data_dir_failed",
            Self::NoData(_) => "no_database",
            Self::NotRoot(_) => "not_root",
            Self::NotRunning(_) => "server_not_running",
            Self::Refused { .. } => "refused",
            Self::KitOutdated { .. } => "recovery_kit_outdated",
            Self::Listen { code, .. } => code,
            Self::Config(e) => e.code(),
            Self::Keys(e) => e.code(),
            Self::Db(e) => e.code(),
            Self::Ledger(e) => e.code(),
            Self::Op(e) => e.code(),
            Self::Org(e) => e.code(),
            Self::Mail(e) => e.code(),
            Self::Vault(e) => e.code(),
            Self::Telemetry(e) => e.code(),
            Self::Parse(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Busy { .. } => "stop it first, or give another --data-dir".into(),
            Self::Io { .. } => "see: holdfast doctor".into(),
            Self::NoData(_) => {
                "name the data directory with --data-dir, or start a server there: holdfast serve".into()
            }
            Self::NotRoot(command) => format!("run: sudo holdfast {command} …"),
            Self::NotRunning(_) => "start it with: holdfast serve, or name its --data-dir".into(),
            Self::KitOutdated { .. } => "use the newest kit: each one voids those before it".into(),
            Self::Refused { hint, .. } | Self::Listen { hint, .. } => hint.clone(),
            Self::Config(e) => e.hint(),
            Self::Keys(e) => e.hint(),
            Self::Db(e) => e.hint().to_owned(),
            Self::Ledger(e) => e.hint().to_owned(),
            Self::Op(e) => e.hint(),
            Self::Org(e) => e.hint(),
            Self::Mail(e) => e.hint(),
            Self::Vault(e) => e.hint(),
            Self::Telemetry(e) => e.hint().to_owned(),
            Self::Parse(e) => e.hint(),
        }
    }
}
