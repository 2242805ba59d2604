//! `[retention]`: how long what was deleted can be brought back.

use std::time::Duration;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static RESTORE_DAYS: Key = Key {
    section: "retention",
    name: "restore_days",
    kind: Kind::Integer { min: 1, max: 3650 },
    fallback: Fallback::Value("30"),
    help: "How many days deleted projects, environments and secrets can be restored.",
};

pub(super) const KEYS: &[&Key] = &[&RESTORE_DAYS];

/// How long what was deleted can be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionConfig {
    /// From the deletion to the purge.
    pub restore_window: Duration,
}

impl RetentionConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self { restore_window: Duration::from_secs(reader.integer(&RESTORE_DAYS)? * 24 * 60 * 60) })
    }
}
