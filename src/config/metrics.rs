//! `[metrics]`: where Prometheus finds `/metrics`.

use std::net::SocketAddr;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static LISTEN: Key = Key {
    section: "metrics",
    name: "listen",
    kind: Kind::Address,
    fallback: Fallback::None,
    help: "A separate address for `/metrics`. Without it, `/metrics` is on the server's own.",
};

pub(super) const KEYS: &[&Key] = &[&LISTEN];

/// Where the metrics are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsConfig {
    /// A listener of their own; `None` puts them on the server's.
    pub listen: Option<SocketAddr>,
}

impl MetricsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self { listen: reader.address(&LISTEN)? })
    }
}
