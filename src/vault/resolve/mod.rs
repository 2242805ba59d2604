//! The resolver: the only place that knows how an environment's values come about. Every door (variables,
//! `run`, export, sync, deploy, the check before a write) asks here, so none can see something else.
//!
//! The order is fixed: inheritance by folder and name, nearest environment first (`unset` hides) → overrides
//! → references. An unqualified reference binds late, in the environment being resolved; a qualified one is
//! what its own environment makes of it. The words are those of the product: flow, visibility, withheld.
//!
//! Invariants, and what each one stops:
//! - A value reaches an environment only if every environment it is stored in or passes through admits that
//!   one, for every part of it: no reference or middle environment launders a closed value.
//! - What cannot be resolved is an error with its path, never an empty or missing value: a program does
//!   not start with half its configuration.
//! - What is built from a restricted value is restricted, through any number of references; without the
//!   right to use it, it is not even opened.
//! - Result and cost do not depend on the order of asking: each name is settled once, on a stack of our own
//!   (a chain of references cannot overflow the thread's), under the limits below.
//! - A reason never tells whether something exists in another project that is not open to the one who asks.
//!
//! It holds no SQL, cipher, clock or rights: the [`Source`] answers for one actor at one moment, and who may
//! ask is decided before. It does not look for personal overrides, either: the source puts them in place.

use std::rc::Rc;

use crate::types::SecretBytes;

use super::model::{FolderPath, Origin, SecretName, Visibility};

pub mod check;
mod engine;
mod error;
mod list;
mod outcome;
mod source;
mod tree;

#[cfg(test)]
mod tests;

pub use error::{BrokenReference, EnvironmentLabel, Place, Reason, ResolveError};
pub use list::{ListedSecret, list_folder, locate};
pub use source::{EnvironmentFacts, EnvironmentId, SecretFacts, SecretId, Source, State, StoredSecret};

/// Most references in a row, from a value to the last one it needs.
pub const MAX_REFERENCE_DEPTH: usize = 32;
/// Longest resolved value, in bytes.
pub const MAX_VALUE_LEN: usize = 1024 * 1024;
/// Most memory one resolution takes for values and for what they are built from, in bytes.
pub const MAX_TOTAL_LEN: usize = 64 * 1024 * 1024;
/// Most names one resolution looks at.
pub const MAX_NAMES: usize = 100_000;
/// Most environments from one to the top of its tree.
pub const MAX_TREE_DEPTH: usize = 16;
/// Most broken references reported of one name.
pub const MAX_BREAKS_PER_NAME: usize = 16;

/// What the one who asks may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether restricted values, and what is built from them, are resolved rather than withheld.
    pub may_use_restricted: bool,
}

/// A version of a secret that went into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// The secret.
    pub secret: SecretId,
    /// Its version.
    pub version: u32,
}

/// A resolved name.
#[derive(Debug)]
pub struct ResolvedEntry {
    /// The name.
    pub name: SecretName,
    /// The bytes to inject.
    pub value: Rc<SecretBytes>,
    /// The strictest visibility of all its parts.
    pub visibility: Visibility,
    /// Where the environment has the name from.
    pub origin: Origin,
    /// The secret that holds the text (its references may point to others).
    pub secret: SecretId,
    /// The version of that secret.
    pub version: u32,
    /// Every version it was built from, its own among them, in order of id: for the ledger and the ETag.
    pub parts: Vec<Part>,
}

/// A folder of an environment, resolved.
#[derive(Debug, Default)]
pub struct Resolved {
    /// What may be had, in order of name.
    pub entries: Vec<ResolvedEntry>,
    /// The names that may not, because they are or hold something restricted, in order.
    pub withheld: Vec<SecretName>,
}

/// One name of an environment, resolved.
#[derive(Debug)]
pub enum Found {
    /// It has a value.
    Value(ResolvedEntry),
    /// It is or holds something restricted.
    Withheld,
    /// There is no such name, or it is unset.
    Absent,
}

/// Resolves exactly the folder `path` of `environment`.
///
/// # Errors
/// [`ResolveError::Broken`] with every name that cannot be resolved; else as the enum says.
pub fn resolve_folder<S: Source>(
    source: &S,
    environment: EnvironmentId,
    path: &FolderPath,
    options: Options,
) -> Result<Resolved, ResolveError<S::Error>> {
    let mut engine = engine::Engine::new(source, options);
    let names = engine.list(environment, path, false)?;
    let mut broken = Vec::new();
    let mut resolved = Resolved { entries: Vec::with_capacity(names.len()), withheld: Vec::new() };
    for name in names {
        match engine.answer(name)? {
            Ok(Found::Value(entry)) => resolved.entries.push(entry),
            Ok(Found::Withheld) => resolved.withheld.push(engine.name(name).clone()),
            Ok(Found::Absent) => {}
            Err(breaks) => broken.extend(breaks),
        }
    }
    if broken.is_empty() { Ok(resolved) } else { Err(ResolveError::Broken(broken)) }
}

/// A name of an environment, resolved by itself: what is broken about it keeps no other from being told.
#[derive(Debug)]
pub struct Each {
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// What it is, or all that is broken about it.
    pub found: Result<Found, Vec<BrokenReference>>,
}

/// Resolves every name of `environment` at and beneath the folder `path`, in order of folder and name.
///
/// # Errors
/// Never [`ResolveError::Broken`], which is told by name; else as the enum says.
pub fn resolve_each<S: Source>(
    source: &S,
    environment: EnvironmentId,
    path: &FolderPath,
    options: Options,
) -> Result<Vec<Each>, ResolveError<S::Error>> {
    let mut engine = engine::Engine::new(source, options);
    let nodes = engine.list(environment, path, true)?;
    let mut all = Vec::with_capacity(nodes.len());
    for node in nodes {
        let found = engine.answer(node)?;
        all.push(Each { path: engine.path(node).clone(), name: engine.name(node).clone(), found });
    }
    Ok(all)
}

/// Resolves one name, looking only at what it needs.
///
/// # Errors
/// [`ResolveError::Broken`] when the name is there but cannot be resolved; else as the enum says.
pub fn resolve_one<S: Source>(
    source: &S,
    environment: EnvironmentId,
    path: &FolderPath,
    name: &SecretName,
    options: Options,
) -> Result<Found, ResolveError<S::Error>> {
    let mut engine = engine::Engine::new(source, options);
    let node = engine.node(environment, path.clone(), name.clone())?;
    engine.answer(node)?.map_err(ResolveError::Broken)
}
