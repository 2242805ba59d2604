//! `[ledger]`: how often the ledger is signed.

use std::time::Duration;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static EVENTS: Key = Key {
    section: "ledger",
    name: "checkpoint_every_events",
    kind: Kind::Integer { min: 1, max: 1_000_000 },
    fallback: Fallback::Value("1000"),
    help: "Sign a checkpoint after this many new events.",
};
static SECONDS: Key = Key {
    section: "ledger",
    name: "checkpoint_every_seconds",
    kind: Kind::Integer { min: 1, max: 86_400 },
    fallback: Fallback::Value("60"),
    help: "Sign a checkpoint at latest this long after a new event.",
};

pub(super) const KEYS: &[&Key] = &[&EVENTS, &SECONDS];

/// How often the ledger is signed: whichever comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerConfig {
    /// After this many new events.
    pub checkpoint_every_events: u64,
    /// This long after a new event.
    pub checkpoint_every: Duration,
}

impl LedgerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            checkpoint_every_events: reader.integer(&EVENTS)?,
            checkpoint_every: Duration::from_secs(reader.integer(&SECONDS)?),
        })
    }
}
