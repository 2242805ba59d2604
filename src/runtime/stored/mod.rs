//! The blueprints of environments: a text, its versions, and who saved them.
//!
//! Invariants, and what each one stops:
//! - Only a blueprint that can be read is saved: what is deployed later was whole when somebody wrote it.
//! - A version is never changed. The same text again is no new one, so a pipeline that pushes with every commit makes
//!   versions only of changes.
//! - Every operation asks for its right first, and reading a text costs nothing to who may not save it.
//! - A version that newer rules refuse can still be looked at, with what is wrong with it; it is not deployed.
//!
//! It deploys nothing, and it opens no value: a text has names of variables only.

mod error;
mod look;
mod save;
mod store;

pub use error::BlueprintError;
pub use look::{Look, blueprint_diff, blueprint_get, blueprint_versions};
pub use save::{Draft, Saved, Wish, blueprint_put, store};

use super::blueprint::{self, Blueprint};
use crate::db::Reader;
use crate::types::{Id, Timestamp, kinds};

/// Longest comment of a version, in characters.
pub const COMMENT_MAX: usize = 500;
/// Versions of a blueprint that are kept; older ones are forgotten.
pub const VERSIONS_MAX: u32 = 200;

/// A version as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub version: u32,
    /// Its text.
    pub text: String,
    /// What was changed, in words; may be empty.
    pub comment: String,
    /// SHA-256 of the text, in hexadecimal digits.
    pub digest: String,
    /// Who saved it.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// A version with what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The version.
    pub version: u32,
    /// Its text.
    pub text: String,
    /// What it says.
    pub blueprint: Blueprint,
    /// SHA-256 of the text, in hexadecimal digits.
    pub digest: String,
    /// Who saved it.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

impl Stored {
    fn of(found: Version) -> Result<Self, BlueprintError> {
        let Version { version, text, digest, author, at, comment: _ } = found;
        let blueprint = blueprint::read(&text).map_err(BlueprintError::Invalid)?.blueprint;
        Ok(Self { version, text, blueprint, digest, author, at })
    }
}

/// The newest version of an environment's blueprint, whoever asks.
///
/// # Errors
/// It cannot be read any more; the database failed.
pub fn current(reader: &Reader<'_>, environment: Id<kinds::Environment>) -> Result<Option<Stored>, BlueprintError> {
    store::version_newest(reader, environment)?.map(Stored::of).transpose()
}

/// The version that this text has, or would get, whoever asks: the same text again makes no new one. It is compared and not
/// read, so that a version which newer rules refuse is in nobody's way.
///
/// # Errors
/// The database failed.
pub fn version_of(reader: &Reader<'_>, environment: Id<kinds::Environment>, text: &str) -> Result<u32, BlueprintError> {
    let newest = store::version_newest(reader, environment)?;
    Ok(newest.map_or(1, |newest| if newest.text == text { newest.version } else { newest.version + 1 }))
}

/// One version of an environment's blueprint, whoever asks.
///
/// # Errors
/// It cannot be read any more; the database failed.
pub fn version(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    version: u32,
) -> Result<Option<Stored>, BlueprintError> {
    store::version_get(reader, environment, version)?.map(Stored::of).transpose()
}
