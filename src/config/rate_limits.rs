//! `[rate_limits]`: how many requests an actor may make.

use std::num::NonZeroU32;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static ENABLED: Key = Key {
    section: "rate_limits",
    name: "enabled",
    kind: Kind::Boolean,
    fallback: Fallback::Value("true"),
    help: "Whether requests are limited at all. Off only for benchmarks.",
};
static UNAUTHENTICATED: Key = Key {
    section: "rate_limits",
    name: "unauthenticated_per_minute",
    kind: Kind::Integer { min: 1, max: 10_000_000 },
    fallback: Fallback::Value("60"),
    help: "Requests a minute from one address without a valid credential.",
};
static PEOPLE: Key = Key {
    section: "rate_limits",
    name: "people_per_minute",
    kind: Kind::Integer { min: 1, max: 10_000_000 },
    fallback: Fallback::Value("600"),
    help: "Requests a minute of one person.",
};
static MACHINES: Key = Key {
    section: "rate_limits",
    name: "machines_per_minute",
    kind: Kind::Integer { min: 1, max: 10_000_000 },
    fallback: Fallback::Value("6000"),
    help: "Requests a minute of one service account.",
};

pub(super) const KEYS: &[&Key] = &[&ENABLED, &UNAUTHENTICATED, &PEOPLE, &MACHINES];

/// Requests per minute and actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitsConfig {
    /// Whether there are limits at all.
    pub enabled: bool,
    /// Of one address without a valid credential.
    pub unauthenticated_per_minute: NonZeroU32,
    /// Of one person.
    pub people_per_minute: NonZeroU32,
    /// Of one service account.
    pub machines_per_minute: NonZeroU32,
}

impl RateLimitsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        let enabled = reader.boolean(&ENABLED)?;
        let mut per_minute = |key| -> Result<NonZeroU32, ConfigError> {
            Ok(NonZeroU32::new(reader.small_integer(key)?).expect("the key's table begins at 1"))
        };
        Ok(Self {
            enabled,
            unauthenticated_per_minute: per_minute(&UNAUTHENTICATED)?,
            people_per_minute: per_minute(&PEOPLE)?,
            machines_per_minute: per_minute(&MACHINES)?,
        })
    }
}
