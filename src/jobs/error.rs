//! What can go wrong when somebody asks about jobs.

use crate::db::DbError;
use crate::types::{Class, Failure};

/// A failure of the schedule table. What goes wrong inside a run is in the history.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No job has this name.
    #[error("there is no job called {0}")]
    NotFound(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl JobError {
    /// No job has this name; what cannot be shown of it is left out.
    pub fn not_found(name: &str) -> Self {
        Self::NotFound(name.chars().filter(|c| !c.is_control()).take(64).collect())
    }
}

impl Failure for JobError {
    fn class(&self) -> Class {
        match self {
            Self::NotFound(_) => Class::NotFound,
            Self::Db(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "job_not_found",
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotFound(_) => "list them with: holdfast jobs list".into(),
            Self::Db(e) => e.hint().to_owned(),
        }
    }
}
