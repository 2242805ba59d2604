//! What can go wrong between bytes and entries. No message ever holds a value or a piece of the input
//! that could be one: only names, line numbers and fixed text.

use crate::types::{Class, Failure};

use super::{Format, MAX_ENTRIES, MAX_INPUT_BYTES, MAX_VALUE_BYTES};

/// Why an import was not read or an export was not written. Nothing was done in either case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A dotenv value opens a quote that nothing closes.
    #[error("line {line}: the {quote} that opens the value of `{name}` is never closed")]
    UnclosedQuote {
        /// The variable whose value it is.
        name: String,
        /// The quote character.
        quote: char,
        /// Where it opens, from 1.
        line: u32,
    },
    /// The input is not UTF-8 text.
    #[error("line {line}: not valid UTF-8")]
    InvalidUtf8 {
        /// The line of the first invalid byte, from 1.
        line: u32,
    },
    /// The input breaks the rules of its format.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Where, from 1.
        line: u32,
        /// What, without quoting the input.
        problem: &'static str,
    },
    /// One value breaks the rules of its format.
    #[error("line {line}: the value of `{name}` {problem}")]
    Value {
        /// The variable.
        name: String,
        /// Where, from 1.
        line: u32,
        /// What is wrong with it, as the end of a sentence.
        problem: &'static str,
    },
    /// One name is there twice, where the format has no rule for it.
    #[error("line {line}: `{name}` is there twice, first on line {first}")]
    Duplicate {
        /// The name.
        name: String,
        /// The second occurrence, from 1.
        line: u32,
        /// The first occurrence, from 1.
        first: u32,
    },
    /// A variable that the format of an export cannot hold.
    #[error("`{name}` cannot be written as {format}: {problem}")]
    NotRepresentable {
        /// The variable.
        name: String,
        /// The format asked for.
        format: Format,
        /// What the format cannot hold.
        problem: &'static str,
    },
    /// One value is over the limit.
    #[error("line {line}: the value of `{name}` is larger than {MAX_VALUE_BYTES} bytes")]
    ValueTooLarge {
        /// The variable.
        name: String,
        /// Where, from 1.
        line: u32,
    },
    /// The whole input, or what its aliases expand to, is over a limit.
    #[error("the input is larger than {MAX_INPUT_BYTES} bytes, or its aliases expand to too much")]
    InputTooLarge,
    /// More variables than one import takes.
    #[error("line {line}: more than {MAX_ENTRIES} variables")]
    TooManyEntries {
        /// The first one too many, from 1.
        line: u32,
    },
    /// No format has this name.
    #[error("`{given}` is not a format")]
    UnknownFormat {
        /// What was asked for, shortened.
        given: String,
    },
    /// The format is written for other programs and never read back.
    #[error("{format} can be exported, not imported")]
    ExportOnly {
        /// The format asked for.
        format: Format,
    },
}

impl FormatError {
    /// The line of the input it is about, from 1, where there is one.
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::UnclosedQuote { line, .. }
            | Self::InvalidUtf8 { line }
            | Self::Syntax { line, .. }
            | Self::Value { line, .. }
            | Self::Duplicate { line, .. }
            | Self::ValueTooLarge { line, .. }
            | Self::TooManyEntries { line } => Some(*line),
            Self::NotRepresentable { .. }
            | Self::InputTooLarge
            | Self::UnknownFormat { .. }
            | Self::ExportOnly { .. } => None,
        }
    }

    /// The name of the variable it is about, where there is one, shortened to 80 characters.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::UnclosedQuote { name, .. }
            | Self::Value { name, .. }
            | Self::Duplicate { name, .. }
            | Self::NotRepresentable { name, .. }
            | Self::ValueTooLarge { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl Failure for FormatError {
    fn class(&self) -> Class {
        match self {
            Self::UnclosedQuote { .. }
            | Self::InvalidUtf8 { .. }
            | Self::Syntax { .. }
            | Self::Value { .. }
            | Self::Duplicate { .. }
            | Self::UnknownFormat { .. }
            | Self::ExportOnly { .. } => Class::Invalid,
            Self::NotRepresentable { .. } => Class::Unprocessable,
            Self::ValueTooLarge { .. } | Self::InputTooLarge | Self::TooManyEntries { .. } => Class::TooLarge,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnclosedQuote { .. } => "format_unclosed_quote",
            Self::InvalidUtf8 { .. } => "format_invalid_utf8",
            Self::Syntax { .. } => "format_syntax",
            Self::Value { .. } => "format_invalid_value",
            Self::Duplicate { .. } => "format_duplicate_name",
            Self::NotRepresentable { .. } => "format_not_representable",
            Self::ValueTooLarge { .. } | Self::InputTooLarge | Self::TooManyEntries { .. } => "format_too_large",
            Self::UnknownFormat { .. } => "format_unknown",
            Self::ExportOnly { .. } => "format_export_only",
        }
    }

    fn hint(&self) -> String {
        let hint = match self {
            Self::UnclosedQuote { .. } => {
                "Close the quote; a value that holds the quote itself goes into the other kind of quotes."
            }
            Self::InvalidUtf8 { .. } => {
                "Save the file as UTF-8; binary values go into JSON or YAML as {\"value\": …, \"encoding\": \"base64\"}."
            }
            Self::Syntax { .. } => "Correct that line; nothing was imported.",
            Self::Value { .. } => "Correct the value, mostly by quoting it as a string; nothing was imported.",
            Self::Duplicate { .. } => "Remove one of the two.",
            Self::NotRepresentable { .. } => {
                "Export as json or yaml, which hold every name and value, or leave this variable out."
            }
            Self::ValueTooLarge { .. } => "Keep large files elsewhere and store their address or key as the secret.",
            Self::InputTooLarge | Self::TooManyEntries { .. } => "Split the file and import the parts one by one.",
            Self::UnknownFormat { .. } => return format!("Known formats: {}.", names(|_| true)),
            Self::ExportOnly { .. } => return format!("Import from one of {}.", names(Format::can_import)),
        };
        hint.to_owned()
    }
}

fn names(wanted: impl Fn(Format) -> bool) -> String {
    let names: Vec<_> = Format::ALL.into_iter().filter(|format| wanted(*format)).map(Format::as_str).collect();
    names.join(", ")
}

/// A name for a message: one line, at most 80 characters.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(80).collect();
    if name.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
