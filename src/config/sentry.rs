//! `[sentry]`: error reports to a Sentry server of one's own. Off unless a DSN is set.

use crate::types::SecretString;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static DSN: Key = Key {
    section: "sentry",
    name: "dsn",
    kind: Kind::Dsn,
    fallback: Fallback::None,
    help: "Where error reports go, scrubbed of values, tokens and addresses. Nothing is sent without it.",
};

pub(super) const KEYS: &[&Key] = &[&DSN];

/// Error reports.
#[derive(Debug)]
pub struct SentryConfig {
    /// Where they go; a valid DSN. `None` sends nothing anywhere.
    pub dsn: Option<SecretString>,
}

impl SentryConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        let valid = |text: &str| text.parse::<sentry::types::Dsn>().ok().map(|_| SecretString::new(text.to_owned()));
        Ok(Self { dsn: reader.parsed(&DSN, valid)? })
    }
}
