//! `[jobs]`: scheduled work.

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static ENABLED: Key = Key {
    section: "jobs",
    name: "enabled",
    kind: Kind::Boolean,
    fallback: Fallback::Value("true"),
    help: "Whether this process runs scheduled work (expiry, purge, checkpoints) and tends what runs in environments.",
};

pub(super) const KEYS: &[&Key] = &[&ENABLED];

/// Scheduled work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsConfig {
    /// Whether this process runs it.
    pub enabled: bool,
}

impl JobsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self { enabled: reader.boolean(&ENABLED)? })
    }
}
