//! `[sessions]`: how long a sign-in lasts.

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

static TOKEN_HOURS: Key = Key {
    section: "sessions",
    name: "token_hours",
    kind: Kind::Integer { min: 1, max: 720 },
    fallback: Fallback::Value("720"),
    help: "How long the token of a sign-in by password lasts that is not replaced.",
};

pub(super) const KEYS: &[&Key] = &[&IDLE_MINUTES, &ABSOLUTE_HOURS, &TOKEN_HOURS];

/// How long a sign-in lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsConfig {
    /// How long one with a browser may lie idle.
    pub idle: Duration,
    /// How long one with a browser lasts at most.
    pub absolute: Duration,
    /// How long the token of one by the API lasts that is not replaced.
    pub token: Duration,
}

impl SessionsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            idle: Duration::from_secs(reader.integer(&IDLE_MINUTES)? * 60),
            absolute: Duration::from_secs(reader.integer(&ABSOLUTE_HOURS)? * 3_600),
            token: Duration::from_secs(reader.integer(&TOKEN_HOURS)? * 3_600),
        })
    }
}
