//! What was found before and is known.
//!
//! The file is meant to be committed, so it must not help to find what it stands for. Of each finding it keeps 24 bits
//! of a hash of rule, path and secret, keyed with the file's own random salt. Whoever has the file can test guesses,
//! and of every 16 million wrong ones one passes: of a dictionary of a billion, some sixty stay. A new secret in the
//! same file and by the same rule is taken for a known one with the same odds, one in 16 million for each entry.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::engine::Finding;
use crate::keys::{MacKey, MacPurpose};

/// Bytes of a tag. More would help whoever guesses; fewer would let new secrets pass.
const TAG_LEN: usize = 3;
/// Most entries.
const ENTRIES_MAX: usize = 100_000;
/// Largest file, in bytes.
pub const FILE_MAX: usize = 16 << 20;

/// Findings that are known.
#[derive(Debug)]
pub struct Baseline {
    key: MacKey,
    file: File,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    salt: String,
    findings: BTreeMap<String, Vec<Entry>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// For people; findings move.
    line: usize,
    rule: String,
    tag: String,
}

/// Why a text is no baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// It cannot be read.
    #[error("this is no baseline: {0}")]
    Malformed(String),
    /// A later version wrote it.
    #[error("this baseline is of version {0}; this holdfast reads version 1")]
    Version(u32),
    /// Too large.
    #[error("a baseline has at most {ENTRIES_MAX} entries and {} MiB", FILE_MAX >> 20)]
    TooLarge,
}

impl Baseline {
    /// An empty one with this salt.
    pub fn new(salt: [u8; 32]) -> Self {
        let file = File { version: 1, salt: HEXLOWER.encode(&salt), findings: BTreeMap::new() };
        Self { key: MacKey::shared(&salt), file }
    }

    /// Reads one.
    ///
    /// # Errors
    /// See [`BaselineError`].
    pub fn parse(text: &[u8]) -> Result<Self, BaselineError> {
        if text.len() > FILE_MAX {
            return Err(BaselineError::TooLarge);
        }
        let malformed = |e: serde_json::Error| BaselineError::Malformed(format!("line {}", e.line()));
        let file: File = serde_json::from_slice(text).map_err(malformed)?;
        if file.version != 1 {
            return Err(BaselineError::Version(file.version));
        }
        if file.findings.values().map(Vec::len).sum::<usize>() > ENTRIES_MAX {
            return Err(BaselineError::TooLarge);
        }
        let salt = HEXLOWER.decode(file.salt.as_bytes()).ok().and_then(|s| <[u8; 32]>::try_from(s).ok());
        let salt = salt.ok_or_else(|| BaselineError::Malformed("its salt is not 64 hexadecimal digits".into()))?;
        Ok(Self { key: MacKey::shared(&salt), file })
    }

    /// Whether the finding is known.
    pub fn knows(&self, path: &str, finding: &Finding) -> bool {
        let Some(entries) = self.file.findings.get(path) else { return false };
        let tag = self.tag(path, finding);
        entries.iter().any(|e| e.rule == finding.rule.id && e.tag == tag)
    }

    /// Makes the finding known. What does not fit is not kept, and so stays a finding.
    pub fn add(&mut self, path: &str, finding: &Finding) {
        let entry = Entry { line: finding.line, rule: finding.rule.id.to_owned(), tag: self.tag(path, finding) };
        if self.file.findings.values().map(Vec::len).sum::<usize>() < ENTRIES_MAX {
            self.file.findings.entry(path.to_owned()).or_default().push(entry);
        }
    }

    /// An empty one with the same salt: what stays known keeps its tag.
    #[must_use]
    pub fn emptied(mut self) -> Self {
        self.file.findings.clear();
        self
    }

    /// The text of the file: sorted, so that a commit shows what changed.
    pub fn to_text(&self) -> String {
        let mut findings = self.file.findings.clone();
        for entries in findings.values_mut() {
            entries.sort();
            entries.dedup();
        }
        let file = File { version: 1, salt: self.file.salt.clone(), findings };
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    fn tag(&self, path: &str, finding: &Finding) -> String {
        let parts = [finding.rule.id.as_bytes(), path.as_bytes(), finding.secret.expose()];
        self.key.mac(MacPurpose::ScanTag, &parts).to_hex(TAG_LEN)
    }
}
