//! What can go wrong with a link.

use crate::db::DbError;
use crate::op::OpError;
use crate::types::{Class, Failure, ParseError};

/// A failure of an operation on links.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Never there, used up, revoked, expired, or its maker is gone: nobody learns which.
    #[error("this link is used up, expired or revoked, or never was")]
    Gone,
    /// Not one of one's own.
    #[error("you have no link `{0}`")]
    NotFound(String),
    /// The proof is not the one of this link's key and passphrase.
    #[error("the key or the passphrase is wrong; {left} tries are left")]
    Wrong {
        /// Tries before the link ends.
        left: u32,
    },
    /// The caller is a service account.
    #[error("service accounts have no links")]
    PeopleOnly,
    /// There are as many as there may be.
    #[error("the organization has {max} {what} already: that is the limit")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        max: u64,
    },
    /// A field is wrong.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// What every operation can fail with.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl LinkError {
    /// Nothing of one's own answers to this.
    pub fn not_found(name: &str) -> Self {
        Self::NotFound(name.chars().filter(|c| !c.is_control()).take(64).collect())
    }
}

impl From<DbError> for LinkError {
    fn from(error: DbError) -> Self {
        Self::Op(error.into())
    }
}

impl Failure for LinkError {
    fn class(&self) -> Class {
        match self {
            Self::Gone | Self::NotFound(_) => Class::NotFound,
            Self::Wrong { .. } | Self::PeopleOnly => Class::Forbidden,
            Self::TooMany { .. } => Class::Unprocessable,
            Self::Parse(e) => e.class(),
            Self::Op(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Gone => "link_gone",
            Self::NotFound(_) => "link_not_found",
            Self::Wrong { .. } => "link_key_wrong",
            Self::PeopleOnly => "people_only",
            Self::TooMany { .. } => "limit_reached",
            Self::Parse(e) => e.code(),
            Self::Op(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Gone => "ask whoever sent it for a new one".into(),
            Self::NotFound(_) => "see yours with: holdfast link list".into(),
            Self::Wrong { .. } => "copy the whole link; the passphrase comes from whoever sent it".into(),
            Self::PeopleOnly => "sign in as a person with: holdfast login".into(),
            Self::TooMany { .. } => "revoke what nobody needs any more with: holdfast link revoke".into(),
            Self::Parse(e) => e.hint(),
            Self::Op(e) => e.hint(),
        }
    }
}
