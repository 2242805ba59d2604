//! What the server tells its operator: logs on stdout, metrics for Prometheus, error reports to a Sentry server of
//! their own choice.
//!
//! Invariants, and what each one stops:
//! - No value, token or cookie leaves through here. Callers log names and ids; as a second line of defence every
//!   log line and every report passes [`redact()`], which blanks bearer tokens and the user and query parts of URLs.
//!   Setup tokens may stand in a log: they are how an operator without a mailbox begins.
//! - Libraries log warnings only, at every level: at debug, HTTP libraries print headers, and with them tokens.
//! - A panic is told by its place and thread, never by its message, which may hold a value (`expect` prints the
//!   error it met).
//! - An error report is built from a list of allowed fields ([`scrub`]): a field a new version of the client adds
//!   is dropped until somebody looked at it. Requests, users, host names and breadcrumbs are never sent.
//! - Without a DSN no report client exists, whatever `SENTRY_…` variables say.
//! - Metrics are a value ([`Metrics`]) handed to who needs it, not a global; label values come from closed lists or
//!   are bounded, so nobody can grow them from outside.
//!
//! Deliberately not here: traces, log files, log rotation (the journal's work), phoning home.

mod error;
mod logging;
mod metrics;
mod panic;
mod redact;
mod reports;

pub use error::TelemetryError;
pub use logging::Output;
pub use metrics::{Counted, METRICS_CONTENT_TYPE, Metrics, RouteMetrics};
pub use panic::{PanicNotice, install_panic_hook};
pub use redact::{Redacted, redact};
pub use reports::scrub;

use crate::config::{LogConfig, SentryConfig};

/// This program's version, as logs, metrics and reports name it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Keeps reports flowing; dropping it sends what is waiting, for at most two seconds. Hold it until the end of
/// `main`.
#[derive(Debug)]
#[must_use = "dropping the guard ends error reports"]
pub struct Guard {
    _reports: Option<reports::Reports>,
}

/// Starts logs and, when a DSN is set, error reports. Once per process, on its main thread and before others start:
/// threads inherit the report client.
///
/// With a DSN, the process's TLS provider must be installed before
/// (`rustls::crypto::ring::default_provider().install_default()`): main does, nothing here chooses one.
///
/// # Errors
/// Logs were started before, the DSN is none, or there is no TLS provider.
pub fn init(log: &LogConfig, output: Output, sentry: &SentryConfig) -> Result<Guard, TelemetryError> {
    let reports = sentry.dsn.as_ref().map(reports::Reports::start).transpose()?;
    let subscriber = logging::subscriber(log, output, std::io::stdout, reports.is_some());
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::AlreadyStarted)?;
    Ok(Guard { _reports: reports })
}
