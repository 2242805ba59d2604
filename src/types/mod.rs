//! Vocabulary shared by every room: ids, slugs, addresses, times, pages and secrets in memory.
//!
//! Invariants: nothing here does IO or imports another room; a value that exists is valid, because the
//! only way to it is `parse`; time comes from a [`Clock`], never from the operating system directly.

mod clock;
mod email;
mod failure;
mod id;
mod page;
mod secret;
mod slug;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use email::Email;
pub use failure::{Class, Failure, Problem, chain};
pub use id::{ById, Id, IdHasher, IdKind, kinds};
pub use page::{Cursor, Limit, Page};
pub use secret::{Secret, SecretBytes, SecretString};
pub use slug::Slug;

/// Why a text is not a value of the type it was parsed as. Says what is wrong and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct ParseError {
    /// The kind of value, in words: `slug`, `e-mail address`.
    pub what: &'static str,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

impl ParseError {
    /// A parse error of the kind `what`.
    pub fn new(what: &'static str, problem: impl Into<String>) -> Self {
        Self { what, problem: problem.into() }
    }
}
