//! `[log]`: what is logged, and how.

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static FORMAT: Key = Key {
    section: "log",
    name: "format",
    kind: Kind::Choice(&["auto", "text", "json"]),
    fallback: Fallback::Value("auto"),
    help: "Form of the log lines; auto is text on a terminal and JSON otherwise.",
};
static LEVEL: Key = Key {
    section: "log",
    name: "level",
    kind: Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
    fallback: Fallback::Value("info"),
    help: "How much Holdfast logs. Libraries log warnings only, at every level.",
};

pub(super) const KEYS: &[&Key] = &[&FORMAT, &LEVEL];

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least important event that is still logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// What will fail, too.
    Warn,
    /// What happened.
    Info,
    /// What was considered.
    Debug,
    /// Every step.
    Trace,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Form of the lines.
    pub format: LogFormat,
    /// Level of Holdfast's own events. There is no filter by library on purpose: at debug, HTTP libraries log
    /// headers, and with them tokens.
    pub level: LogLevel,
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        let format = reader.choice(&FORMAT, |word| match word {
            "auto" => Some(LogFormat::Auto),
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        })?;
        let level = reader.choice(&LEVEL, |word| match word {
            "error" => Some(LogLevel::Error),
            "warn" => Some(LogLevel::Warn),
            "info" => Some(LogLevel::Info),
            "debug" => Some(LogLevel::Debug),
            "trace" => Some(LogLevel::Trace),
            _ => None,
        })?;
        Ok(Self { format, level })
    }
}
