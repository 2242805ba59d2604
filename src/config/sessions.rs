//! `[sessions]`: how long a sign-in with a browser lasts.

use std::time::Duration;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static IDLE_MINUTES: Key = Key {
    section: "sessions",
    name: "idle_minutes",
    kind: Kind::Integer { min: 5, max: 43_200 },
    fallback: Fallback::Value("480"),
    help: "A session of a browser ends when it was not used for so long.",
};
static ABSOLUTE_HOURS: Key = Key {
    section: "sessions",
    name: "absolute_hours",
    kind: Kind::Integer { min: 1, max: 8_760 },
    fallback: Fallback::Value("168"),
    help: "A session of a browser ends so long after the sign-in, used or not.",
};

pub(super) const KEYS: &[&Key] = &[&IDLE_MINUTES, &ABSOLUTE_HOURS];

/// How long a sign-in with a browser lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsConfig {
    /// How long one may lie idle.
    pub idle: Duration,
    /// How long one lasts at most.
    pub absolute: Duration,
}

impl SessionsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            idle: Duration::from_secs(reader.integer(&IDLE_MINUTES)? * 60),
            absolute: Duration::from_secs(reader.integer(&ABSOLUTE_HOURS)? * 3_600),
        })
    }
}
