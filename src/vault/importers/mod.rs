//! Importers: what another secret manager keeps, as items of ours. Pure: bytes and answers in, a plan out.
//!
//! Invariants, and what each one stops:
//! - All or nothing: a file or an answer that cannot be read gives an error with its line or key, and no item.
//! - What cannot be kept is a [`Remark`] that names it: nothing is left out or altered silently.
//! - Two source names never become one of ours: those that would are left out and both named ([`map()`]).
//! - Each version of a history carries a mark in its comment. What is there already is known by it, so that an
//!   import that was killed goes on where it stopped, and one that is repeated adds nothing ([`Plan::new`]).
//! - No error and no remark quotes a value; names from outside are shortened and stripped of control characters.
//! - Items, versions, values and their sum are bounded before they are kept.
//!
//! It reads no file and asks no server: the command line brings what is read, and writes what is planned. So no server
//! of ours ever calls an address that a user gave, and no key of another product leaves its owner's machine.

mod bitwarden;
mod doppler;
mod dotenvx;
mod error;
mod git;
mod infisical;
mod json;
mod map;
mod onepassword;
mod plan;
mod sops;
mod vault;

pub use bitwarden::bitwarden;
pub use doppler::doppler;
pub use dotenvx::dotenvx;
pub use error::ImportError;
pub use git::{Commit, git_history};
pub use infisical::infisical;
pub use map::{MapRules, Mapped, MappedName, MappedVersion, map};
pub use onepassword::onepassword;
pub use plan::{Action, Plan, PlannedName, Step, There};
pub use sops::{SopsFormat, sops};
pub use vault::{KvMetadata, KvVersion, Listed, kv_names, listing, metadata, mount, v1_values, v2_values};

use crate::types::SecretBytes;
use crate::vault::format::Entry;

/// Most names of one import.
pub const MAX_NAMES: usize = 100_000;
/// Most versions of one name.
pub const MAX_VERSIONS: usize = 1_000;
/// Most bytes of all values of one import together.
pub const MAX_TOTAL_BYTES: usize = 512 << 20;

/// What a source holds.
#[derive(Debug, Default)]
pub struct Found {
    /// What can be imported.
    pub items: Vec<SourceItem>,
    /// What cannot, or not as it was.
    pub remarks: Vec<Remark>,
}

/// One name of a source.
#[derive(Debug)]
pub struct SourceItem {
    /// Where it is, as users of the source write it: `secret/app/db`.
    pub place: String,
    /// The folders it lies in, beneath the one that is imported into, as the source names them.
    pub folder: Vec<String>,
    /// Its name in the source.
    pub key: String,
    /// Its versions, oldest first; at least one.
    pub versions: Vec<SourceVersion>,
    /// What the source says of it.
    pub comment: String,
    /// Facts of the source about it, which become tags where they fit and lines of the comment where not.
    pub facts: Vec<(String, String)>,
}

/// One version of a name.
#[derive(Debug)]
pub struct SourceVersion {
    /// The value.
    pub value: SecretBytes,
    /// Which version it was: `version 3 of 2026-01-02T03:04:05Z`. None where the source keeps no history.
    pub label: Option<String>,
    /// What `${` is to the source.
    pub dollar: Dollar,
}

/// What `${` in a value is to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dollar {
    /// Text, for certain: single quotes of a dotenv file.
    Text,
    /// The source has no references.
    Unknown,
    /// A reference.
    Reference,
}

impl Found {
    /// Adds a name that has one version.
    fn push(&mut self, place: &str, folder: Vec<String>, key: &str, value: SecretBytes, dollar: Dollar) {
        let versions = vec![SourceVersion { value, label: None, dollar }];
        let (place, key) = (place.to_owned(), key.to_owned());
        self.items.push(SourceItem { place, folder, key, versions, comment: String::new(), facts: Vec::new() });
    }

    /// Adds the variables of a file that other products wrote.
    fn push_entries(&mut self, place: &str, entries: Vec<Entry>) {
        for entry in entries {
            let dollar = if entry.interpolate { Dollar::Reference } else { Dollar::Text };
            self.push(place, Vec::new(), &entry.name, entry.value, dollar);
        }
    }
}

/// What became of something that is not imported as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkKind {
    /// It is not imported.
    Skipped,
    /// It is imported, and not as it was.
    Changed,
}

/// Something that is not imported, or not as it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Remark {
    /// Where it is in the source.
    pub place: String,
    /// What became of it.
    pub kind: RemarkKind,
    /// Why, without a value.
    pub detail: String,
}

impl Remark {
    /// It is not imported.
    pub fn skipped(place: &str, detail: impl Into<String>) -> Self {
        Self { place: shown(place), kind: RemarkKind::Skipped, detail: detail.into() }
    }

    /// It is imported, and not as it was.
    pub fn changed(place: &str, detail: impl Into<String>) -> Self {
        Self { place: shown(place), kind: RemarkKind::Changed, detail: detail.into() }
    }
}

/// A name from outside for a message: one line, at most 200 characters.
pub fn shown(name: &str) -> String {
    let mut shown: String = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(200).collect();
    if name.chars().nth(200).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
