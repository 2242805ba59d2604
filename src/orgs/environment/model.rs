//! An environment and what may be said of it.

use crate::policy::{Resource, Tier};
use crate::types::{Id, ParseError, Slug, Timestamp, kinds};

/// Deepest tree: a root is 1.
pub const DEPTH_MAX: usize = 8;
/// Most environments one `listed` flow names.
pub const LISTED_MAX: usize = 256;

/// Where an environment's values may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// Its descendants, and references from the same project.
    Tree,
    /// The environments named, with their descendants; also of other projects.
    Listed(Vec<Id<kinds::Environment>>),
    /// Nowhere.
    Closed,
}

impl Flow {
    /// The word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Listed(_) => "listed",
            Self::Closed => "closed",
        }
    }

    /// A flow from its word and the environments named.
    ///
    /// # Errors
    /// No flow has this name; environments named where none belong; too many.
    pub fn parse(mode: &str, listed: Vec<Id<kinds::Environment>>) -> Result<Self, ParseError> {
        let wrong = |problem: &str| Err(ParseError::new("flow", problem));
        match mode {
            "tree" if listed.is_empty() => Ok(Self::Tree),
            "closed" if listed.is_empty() => Ok(Self::Closed),
            "tree" | "closed" => wrong("environments are named only with mode `listed`"),
            "listed" if listed.len() > LISTED_MAX => wrong("names more than 256 environments"),
            "listed" => Ok(Self::Listed(listed)),
            _ => wrong("is `tree`, `listed` or `closed`"),
        }
    }
}

/// A lock: nothing in the environment changes until it is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}

/// A node of a project's tree.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its id.
    pub id: Id<kinds::Environment>,
    /// The tenant it belongs to.
    pub organization: Id<kinds::Organization>,
    /// Its project.
    pub project: Id<kinds::Project>,
    /// The project's slug, for messages.
    pub project_slug: Slug,
    /// What it inherits from.
    pub parent: Option<Id<kinds::Environment>>,
    /// Its slug, which never changes.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// What it is for.
    pub tier: Tier,
    /// Whether it is protected by itself.
    pub protected: bool,
    /// Where its values may go.
    pub flow: Flow,
    /// Whether secret names beyond `[A-Z_][A-Z0-9_]*` are allowed.
    pub any_names: bool,
    /// The lock on it.
    pub lock: Option<Lock>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub version: u32,
    /// The deletion it is part of.
    pub deletion: Option<Id<kinds::Deletion>>,
}

/// An environment with what is above it: what a decision and a resolver ask for.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The environment.
    pub environment: Environment,
    /// Its parents, nearest first.
    pub parents: Vec<Id<kinds::Environment>>,
    /// Whether it or one of its parents is protected.
    pub protected: bool,
}

impl Placed {
    /// The facts a decision needs.
    pub fn resource(&self) -> Resource {
        let e = &self.environment;
        Resource::environment(e.organization, e.project, e.id, &self.parents)
            .with_protected(self.protected)
            .with_locked(e.lock.is_some())
            .with_tier(e.tier)
    }

    /// `shop/staging`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.environment.project_slug, self.environment.slug)
    }
}
