//! What can go wrong with the blueprint of an environment.

use crate::db::DbError;
use crate::op::OpError;
use crate::orgs::OrgError;
use crate::runtime::blueprint::Diagnostic;
use crate::types::{Class, Failure, ParseError, Problem};

/// A failure of an operation on a blueprint.
#[derive(Debug, thiserror::Error)]
pub enum BlueprintError {
    /// The environment has none.
    #[error("{0} has no blueprint yet")]
    None(String),
    /// There is no such version, or it is not kept any more.
    #[error("there is no version {version} of the blueprint of {environment}")]
    NoVersion {
        /// The environment, as `project/environment`.
        environment: String,
        /// What was asked for.
        version: u32,
    },
    /// It cannot be read.
    #[error("the blueprint is not valid: {}", words(.0))]
    Invalid(Vec<Diagnostic>),
    /// The version named is not the newest.
    #[error("the blueprint was changed meanwhile: it has version {current} now")]
    Stale {
        /// Its version now; 0 when there is none.
        current: u32,
    },
    /// A field is wrong.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The tree or its rights said no.
    #[error(transparent)]
    Org(#[from] OrgError),
}

fn words(errors: &[Diagnostic]) -> String {
    let one = |e: &Diagnostic| format!("line {}, column {}: {}", e.at.line, e.at.column, e.message);
    match errors {
        [] => "nothing in it can be used".to_owned(),
        [only] => one(only),
        [first, rest @ ..] => format!("{} (and {} more)", one(first), rest.len()),
    }
}

impl From<OpError> for BlueprintError {
    fn from(error: OpError) -> Self {
        Self::Org(error.into())
    }
}

impl From<DbError> for BlueprintError {
    fn from(error: DbError) -> Self {
        Self::Org(error.into())
    }
}

impl Failure for BlueprintError {
    fn class(&self) -> Class {
        match self {
            Self::None(_) | Self::NoVersion { .. } => Class::NotFound,
            Self::Invalid(_) => Class::Unprocessable,
            Self::Stale { .. } => Class::Stale,
            Self::Parse(e) => e.class(),
            Self::Org(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::None(_) => "blueprint_not_found",
            Self::NoVersion { .. } => "blueprint_version_not_found",
            Self::Invalid(_) => "blueprint_invalid",
            Self::Stale { .. } => "version_mismatch",
            Self::Parse(e) => e.code(),
            Self::Org(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::None(_) => "save one with: holdfast blueprint push FILE".into(),
            Self::NoVersion { .. } => "list the versions with: holdfast blueprint versions".into(),
            Self::Invalid(_) => "put it right and save it again: holdfast blueprint validate shows the lines".into(),
            Self::Stale { .. } => "read it again, then repeat the change".into(),
            Self::Parse(e) => e.hint(),
            Self::Org(e) => e.hint(),
        }
    }

    /// Each mistake with its place and what to do about it: the field is where in the blueprint it is.
    fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(errors) => errors
                .iter()
                .map(|e| {
                    let hint = if e.hint.is_empty() { String::new() } else { format!("; {}", e.hint) };
                    let detail = format!("line {}, column {}: {}{hint}", e.at.line, e.at.column, e.message);
                    Problem { field: e.path.clone(), code: e.code.to_owned(), detail }
                })
                .collect(),
            Self::Org(e) => e.problems(),
            _ => Vec::new(),
        }
    }
}
