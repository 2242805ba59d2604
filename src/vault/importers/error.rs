//! What stops an import before it begins. No message holds a value or a piece of the input that could be one.

use super::{MAX_NAMES, MAX_TOTAL_BYTES, MAX_VERSIONS, shown};
use crate::types::{Class, Failure};
use crate::vault::format::FormatError;

/// Why a source cannot be imported. Nothing was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// An answer or a file is not what the product writes.
    #[error("{place}: {problem}")]
    Shape {
        /// Which answer or part of the file, by name or line.
        place: String,
        /// What is wrong, without quoting it.
        problem: String,
    },
    /// The mount holds no key-value secrets.
    #[error("{mount} is of type {kind}, and only key-value secrets can be imported")]
    NotKeyValue {
        /// The mount.
        mount: String,
        /// Its type.
        kind: String,
    },
    /// More than one import takes.
    #[error(
        "more than one import takes: at most {MAX_NAMES} names, {MAX_VERSIONS} versions of one, {MAX_TOTAL_BYTES} bytes"
    )]
    TooMuch,
    /// A file of variables that cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl ImportError {
    /// An answer or a file that is not what the product writes.
    pub fn shape(place: &str, problem: impl Into<String>) -> Self {
        Self::Shape { place: shown(place), problem: problem.into() }
    }
}

impl Failure for ImportError {
    fn class(&self) -> Class {
        match self {
            Self::Shape { .. } => Class::Invalid,
            Self::NotKeyValue { .. } => Class::Unprocessable,
            Self::TooMuch => Class::TooLarge,
            Self::Format(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "import_shape",
            Self::NotKeyValue { .. } => "import_not_key_value",
            Self::TooMuch => "import_too_large",
            Self::Format(e) => Failure::code(e),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Shape { .. } => "nothing was imported; is it whole, and of this product?".into(),
            Self::NotKeyValue { .. } => "name a path of a key-value mount; vault secrets list shows them".into(),
            Self::TooMuch => "import one folder at a time".into(),
            Self::Format(e) => Failure::hint(e),
        }
    }
}
