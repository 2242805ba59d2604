//! Why logs or reports cannot start.

/// Why logs or reports cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// Called twice.
    #[error("logging is already started")]
    AlreadyStarted,
    /// The DSN does not parse. It is not quoted: it is a credential.
    #[error("sentry.dsn is not a Sentry DSN")]
    BadDsn,
    /// Nobody installed a TLS provider.
    #[error("error reports need a TLS provider and the process has none")]
    NoTlsProvider,
}

impl TelemetryError {
    /// Stable name of the kind of error.
    pub fn code(self) -> &'static str {
        match self {
            Self::AlreadyStarted => "telemetry_started",
            Self::BadDsn => "telemetry_bad_dsn",
            Self::NoTlsProvider => "telemetry_no_tls",
        }
    }

    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::BadDsn => "set sentry.dsn to one like https://KEY@HOST/PROJECT, or remove it",
            Self::AlreadyStarted | Self::NoTlsProvider => "this is a bug in Holdfast: please report it",
        }
    }
}
