//! Typed ciphers, one per context: whoever holds one can open that context and nothing else.

use std::fmt;
use std::sync::Arc;

use super::KeyError;
use super::aead::Suite;
use super::envelope::{Chain, Context, Parts, Sealer};
use crate::types::{Id, SecretBytes, kinds};

/// What a secret's ciphertext is bound to besides its organization and environment, which the cipher knows.
/// Any of it changed by hand, and the value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretAad<'a> {
    /// The secret the value is of.
    pub row: Id<kinds::SecretRow>,
    /// The version of that secret.
    pub version: u32,
    /// Which field of the version: `value`, `comment`, …
    pub field: &'static str,
    /// The version's state, as stored: a deleted one turned into a set one by hand does not open.
    pub state: &'a str,
    /// The folder.
    pub path: &'a str,
    /// The secret's name.
    pub name: &'a str,
    /// Its visibility, as stored.
    pub visibility: &'a str,
    /// Whether references in the value are followed.
    pub interpolate: bool,
    /// What is said of the value beside it; none in a row that was sealed without.
    pub beside: Option<Beside<'a>>,
}

/// What is stored beside a value in the clear, and bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beside<'a> {
    /// What its writer said.
    pub comment: &'a str,
    /// Its tags.
    pub tags: &'a [String],
    /// Who wrote it.
    pub author: &'a str,
    /// When, in microseconds since 1970, big-endian.
    pub at: [u8; 8],
    /// How many tags there are, big-endian.
    pub tag_count: [u8; 4],
}

/// Tags whose texts are bound; of more only the number is, and no write makes more.
const TAGS_MAX: usize = 32;
/// The parts of the longest list.
const PARTS_MAX: usize = 12 + TAGS_MAX;

/// What is bound, as a list without an allocation: a value is opened for every read.
struct Meaning<'a> {
    parts: [&'a [u8]; PARTS_MAX],
    len: usize,
}

impl Meaning<'_> {
    fn parts(&self) -> &[&[u8]] {
        &self.parts[..self.len]
    }
}

/// Seals and opens the secrets of one environment. Cheap to make; keep one for a whole request.
pub struct SecretCipher(Sealer);

impl SecretCipher {
    pub(super) fn new(chain: &Arc<Chain>, environment: Id<kinds::Environment>, suite: Suite) -> Result<Self, KeyError> {
        let context = Context { kind: "secret", id: *environment.as_bytes() };
        Sealer::new(chain, context, suite).map(Self)
    }

    /// Seals `plaintext` under the newest key.
    ///
    /// # Errors
    /// More than 1 MiB, or no randomness.
    pub fn seal(&self, aad: &SecretAad<'_>, plaintext: &[u8]) -> Result<Ciphertext, KeyError> {
        self.0.seal(meaning(aad, &aad.version.to_be_bytes()).parts(), plaintext).map(Ciphertext)
    }

    /// Opens stored bytes of any version and suite.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when the bytes or anything in `aad` differ from what was sealed,
    /// [`KeyError::VersionUnknown`] and [`KeyError::FormatUnknown`] when the header names what is not held.
    pub fn open(&self, aad: &SecretAad<'_>, stored: &[u8]) -> Result<SecretBytes, KeyError> {
        self.0.open(meaning(aad, &aad.version.to_be_bytes()).parts(), stored)
    }
}

impl fmt::Debug for SecretCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretCipher(…)")
    }
}

/// The context's id is the environment; it is in the list through the context.
fn meaning<'a>(aad: &'a SecretAad<'a>, version: &'a [u8; 4]) -> Meaning<'a> {
    let mut parts: [&[u8]; PARTS_MAX] = [&[]; PARTS_MAX];
    let mut len = 0;
    let mut add = |part: &'a [u8]| {
        parts[len] = part;
        len += 1;
    };
    add(aad.row.as_bytes());
    add(version);
    for text in [aad.field, aad.state, aad.path, aad.name, aad.visibility] {
        add(text.as_bytes());
    }
    add(if aad.interpolate { &[1] } else { &[0] });
    if let Some(beside) = &aad.beside {
        add(beside.comment.as_bytes());
        add(beside.author.as_bytes());
        add(&beside.at);
        add(&beside.tag_count);
        for tag in beside.tags.iter().take(TAGS_MAX) {
            add(tag.as_bytes());
        }
    }
    Meaning { parts, len }
}

/// Seals and opens the second factors of one person, under the instance's key.
pub struct FactorCipher(Sealer);

impl FactorCipher {
    pub(super) fn new(chain: &Arc<Chain>, user: Id<kinds::User>, suite: Suite) -> Result<Self, KeyError> {
        Sealer::new(chain, Context { kind: "mfa", id: *user.as_bytes() }, suite).map(Self)
    }

    /// Seals the secret of `factor`.
    ///
    /// # Errors
    /// No randomness.
    pub fn seal(&self, factor: &'static str, plaintext: &[u8]) -> Result<Ciphertext, KeyError> {
        self.0.seal(&[factor.as_bytes()], plaintext).map(Ciphertext)
    }

    /// Opens what was stored of `factor`.
    ///
    /// # Errors
    /// It is somebody else's, another factor's, or was changed.
    pub fn open(&self, factor: &'static str, stored: &[u8]) -> Result<SecretBytes, KeyError> {
        self.0.open(&[factor.as_bytes()], stored)
    }
}

impl fmt::Debug for FactorCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorCipher(…)")
    }
}

/// Seals and opens what opens one cluster, under the organization's key.
pub struct ClusterCipher(Sealer);

impl ClusterCipher {
    pub(super) fn new(chain: &Arc<Chain>, cluster: Id<kinds::Cluster>, suite: Suite) -> Result<Self, KeyError> {
        Sealer::new(chain, Context { kind: "cluster", id: *cluster.as_bytes() }, suite).map(Self)
    }

    /// Seals a credential together with where it may be sent: under another address, authority or number it does not open.
    ///
    /// # Errors
    /// No randomness.
    pub fn seal(&self, number: u32, server: &str, authority: &str, plaintext: &[u8]) -> Result<Ciphertext, KeyError> {
        let parts = [b"credential".as_slice(), &number.to_be_bytes(), server.as_bytes(), authority.as_bytes()];
        self.0.seal(&parts, plaintext).map(Ciphertext)
    }

    /// Opens what was stored.
    ///
    /// # Errors
    /// It is another cluster's, or anything it is bound to was changed.
    pub fn open(&self, number: u32, server: &str, authority: &str, stored: &[u8]) -> Result<SecretBytes, KeyError> {
        let parts = [b"credential".as_slice(), &number.to_be_bytes(), server.as_bytes(), authority.as_bytes()];
        self.0.open(&parts, stored)
    }
}

impl fmt::Debug for ClusterCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterCipher(…)")
    }
}

/// Sealed bytes, ready to store.
#[derive(Clone, PartialEq, Eq)]
pub struct Ciphertext(Vec<u8>);

impl Ciphertext {
    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to store, handed over.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The version of the organization's key `stored` was sealed with, for re-encryption.
    ///
    /// # Errors
    /// [`KeyError::FormatUnknown`] when these are no sealed bytes.
    pub fn key_version(stored: &[u8]) -> Result<u32, KeyError> {
        Parts::of(stored).map(|parts| parts.version)
    }

    /// The suite `stored` was sealed with.
    ///
    /// # Errors
    /// [`KeyError::FormatUnknown`] when these are no sealed bytes.
    pub fn suite(stored: &[u8]) -> Result<Suite, KeyError> {
        Parts::of(stored).map(|parts| parts.suite)
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({} bytes)", self.0.len())
    }
}
