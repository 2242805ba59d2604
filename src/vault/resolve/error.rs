//! Why an environment cannot be resolved, told so that the person who reads it can mend it.

use std::fmt;

use crate::types::Slug;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::reference::TemplateError;

use super::source::EnvironmentId;

/// A name at a place, printed as `shop/staging:/api/DB_URL`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The project.
    pub project: Slug,
    /// The environment that resolves the name, which need not be the one that stores it.
    pub environment: Slug,
    /// The folder.
    pub path: FolderPath,
    /// The name.
    pub name: SecretName,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = if self.path.is_root() { "" } else { self.path.as_str() };
        write!(f, "{}/{}:{folder}/", self.project, self.environment)?;
        // Names outside the portable set may hold line breaks; a message stays one line.
        self.name.as_str().chars().try_for_each(|c| write!(f, "{}", if c.is_control() { '\u{fffd}' } else { c }))
    }
}

/// An environment in a message, printed as `shop/staging`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvironmentLabel {
    /// The project.
    pub project: Slug,
    /// The environment.
    pub environment: Slug,
}

impl fmt::Display for EnvironmentLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.environment)
    }
}

/// Why the last name of a path has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The environment has no such name, or has it unset.
    #[error("not found")]
    NotFound,
    /// There is no such environment, or it is of another project and does not let its values go to
    /// `asked`. One answer for both: whoever may not have its values does not learn whether it exists.
    #[error("no such environment, or none that is open to {asked}")]
    Unreachable {
        /// The environment that asks.
        asked: EnvironmentLabel,
    },
    /// An environment of the same project does not let its values go to `asked`.
    #[error("the flow of {by} does not admit {asked}")]
    ClosedByFlow {
        /// The environment whose flow it is.
        by: EnvironmentLabel,
        /// The environment that asks.
        asked: EnvironmentLabel,
    },
    /// A part of it comes from an environment of another project that does not admit `asked`.
    #[error("a part of it comes from an environment that is not open to {asked}")]
    PartClosed {
        /// The environment that asks.
        asked: EnvironmentLabel,
    },
    /// The path comes back to a name it has passed; it is printed whole.
    #[error("reference cycle")]
    Cycle,
    /// More than [`super::MAX_REFERENCE_DEPTH`] references in a row.
    #[error("more than {max} references in a row", max = super::MAX_REFERENCE_DEPTH)]
    TooDeep,
    /// The result would be longer than [`super::MAX_VALUE_LEN`].
    #[error("longer than {max} bytes", max = super::MAX_VALUE_LEN)]
    TooLarge,
    /// A reference in it cannot be read.
    #[error(transparent)]
    Syntax(TemplateError),
}

impl Reason {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotFound => "create the name there, or correct the reference",
            Self::Unreachable { .. } => {
                "correct the project or environment, or ask its maintainers to list yours in its flow"
            }
            Self::ClosedByFlow { .. } | Self::PartClosed { .. } => {
                "ask the environment's maintainers to open its flow, or set the name in your own environment"
            }
            Self::Cycle => "replace one of the references by a value",
            Self::TooDeep => "refer to a name nearer to the end of the path",
            Self::TooLarge => "split the value",
            Self::Syntax(error) => error.hint(),
        }
    }
}

/// A name that cannot be resolved and the path to what is missing, printed as
/// `shop/staging:/api/DB_URL → shop/base:/DB_HOST: not found`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenReference {
    /// The name that was asked for, then every name on the way, the last being where it ends. Never empty.
    pub trail: Vec<Place>,
    /// Why it ends there.
    pub reason: Reason,
}

impl fmt::Display for BrokenReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.trail.iter().enumerate() {
            let arrow = if index == 0 { "" } else { " → " };
            write!(f, "{arrow}{place}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Why nothing was resolved. `E` is the source's own error.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError<E> {
    /// The source could not answer.
    #[error(transparent)]
    Source(E),
    /// The environment that was asked for, or a parent of it, is not there.
    #[error("there is no environment {0}")]
    UnknownEnvironment(EnvironmentId),
    /// The chain of parents is longer than [`super::MAX_TREE_DEPTH`], or goes in a circle.
    #[error("environment {0} lies more than {max} deep in its tree", max = super::MAX_TREE_DEPTH)]
    TreeTooDeep(EnvironmentId),
    /// Some names cannot be resolved: all of them, in order of name.
    #[error("{}", broken_summary(.0))]
    Broken(Vec<BrokenReference>),
    /// Everything together is more than one answer may hold.
    #[error("the values together are more than one answer may hold")]
    TooMuch,
}

fn broken_summary(broken: &[BrokenReference]) -> String {
    match broken {
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        [] => String::from("a reference is broken"),
    }
}

impl<E> ResolveError<E> {
    /// The stable code; none when it is for the source's own error to say.
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Source(_) => None,
            Self::UnknownEnvironment(_) => Some("environment_not_found"),
            Self::TreeTooDeep(_) => Some("tree_too_deep"),
            Self::Broken(_) => Some("reference_broken"),
            Self::TooMuch => Some("variables_too_large"),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Source(_) => None,
            Self::UnknownEnvironment(_) => Some("list the environments of the project"),
            Self::TreeTooDeep(_) => Some("move the environment nearer to the top of its tree"),
            Self::Broken(broken) => broken.first().map(|first| first.reason.hint()),
            Self::TooMuch => Some("ask for one folder at a time, or shorten the values that repeat others"),
        }
    }
}
