//! What can go wrong with a cluster.

use super::access::AccessError;
use super::client::ClientError;
use crate::db::DbError;
use crate::keys::KeyError;
use crate::op::OpError;
use crate::orgs::OrgError;
use crate::types::{Class, Failure, ParseError};

/// A failure of an operation on clusters.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Unknown, or of another organization: nobody learns which.
    #[error("there is no cluster `{0}` here")]
    NotFound(String),
    /// The name is in use.
    #[error("a cluster called `{0}` is there already")]
    Taken(String),
    /// Environments run on it.
    #[error("{environments} environments run on it")]
    InUse {
        /// How many.
        environments: u64,
    },
    /// There are as many as there may be.
    #[error("the organization has {0} clusters already: that is the limit")]
    TooMany(usize),
    /// The new credential opens another cluster.
    #[error("the new credential is for another cluster")]
    Another,
    /// Somebody else gave it a new credential meanwhile.
    #[error("its credential was replaced meanwhile")]
    Replaced,
    /// A preflight of it is running.
    #[error("it is being tested already")]
    Testing,
    /// What is given cannot be used to reach a cluster.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The cluster did not do what was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A field is wrong.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The organization failed.
    #[error(transparent)]
    Org(#[from] OrgError),
    /// What every operation can fail with.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl ClusterError {
    /// Nothing in the organization answers to this.
    pub fn not_found(name: &str) -> Self {
        Self::NotFound(name.chars().filter(|c| !c.is_control()).take(64).collect())
    }
}

impl From<DbError> for ClusterError {
    fn from(error: DbError) -> Self {
        Self::Op(error.into())
    }
}

impl From<KeyError> for ClusterError {
    fn from(error: KeyError) -> Self {
        Self::Op(error.into())
    }
}

impl Failure for ClusterError {
    fn class(&self) -> Class {
        match self {
            Self::NotFound(_) => Class::NotFound,
            Self::Taken(_) | Self::InUse { .. } | Self::Replaced | Self::Testing => Class::Conflict,
            Self::Access(e) => e.class(),
            // Which object a preflight missed is no 404 of ours: the cluster that was asked for is there.
            Self::TooMany(_) | Self::Another | Self::Client(ClientError::NotFound(_)) => Class::Unprocessable,
            Self::Client(e) => e.class(),
            Self::Parse(e) => e.class(),
            Self::Org(e) => e.class(),
            Self::Op(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "cluster_not_found",
            Self::Taken(_) => "name_taken",
            Self::InUse { .. } => "cluster_in_use",
            Self::TooMany(_) => "limit_reached",
            Self::Another => "cluster_is_another",
            Self::Replaced => "cluster_credential_replaced",
            Self::Testing => "cluster_busy_testing",
            Self::Access(e) => e.code(),
            Self::Client(e) => e.code(),
            Self::Parse(e) => e.code(),
            Self::Org(e) => e.code(),
            Self::Op(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotFound(_) => "see which there are with: holdfast clusters list".into(),
            Self::Taken(_) => "choose another name".into(),
            Self::InUse { .. } => "destroy them first, or move them to another cluster".into(),
            Self::TooMany(_) => "remove one that nothing runs on".into(),
            Self::Another => "add it as a cluster of its own: holdfast clusters add".into(),
            Self::Replaced => "look at it with: holdfast clusters show".into(),
            Self::Testing => "wait for it to end: it takes less than a minute".into(),
            Self::Access(e) => e.hint(),
            Self::Client(e) => e.hint(),
            Self::Parse(e) => e.hint(),
            Self::Org(e) => e.hint(),
            Self::Op(e) => e.hint(),
        }
    }

    fn problems(&self) -> Vec<crate::types::Problem> {
        match self {
            Self::Org(e) => e.problems(),
            Self::Op(e) => e.problems(),
            _ => Vec::new(),
        }
    }
}
