//! The stored form of everything sealed, and the derivation of the keys it is sealed with.
//!
//! ```text
//! 0      1      2            6        6+n
//! | form | suite| key version| nonce  | ciphertext || tag |
//! form 1 · suite 1 = XChaCha20-Poly1305 (n = 24), 2 = AES-256-GCM (n = 12) · key version u32 big-endian
//! ```

use std::sync::Arc;

use ring::hkdf;
use zeroize::Zeroizing;

use super::aead::{AeadKey, FreshNonce, KEY_LEN, Suite, TAG_LEN};
use super::root::fingerprint_of;
use super::{Fingerprint, KeyError};
use crate::types::SecretBytes;

const FORM: u8 = 1;
const HEADER_LEN: usize = 6;
/// The longest plaintext sealed at once. Values are at most 64 KiB; the rest is for keys, certificates and snapshots.
const PLAINTEXT_MAX: usize = 1 << 20;
const STORED_MAX: usize = HEADER_LEN + 24 + PLAINTEXT_MAX + TAG_LEN;
/// First element of every HKDF info: a later scheme takes another.
const SCHEME: &[u8] = b"holdfast/v1";

/// Appends `item` with its length in front, so that no two lists have the same bytes.
pub(super) fn push(list: &mut Vec<u8>, item: &[u8]) {
    // Nothing near 4 GiB gets here; a longer one would still be unambiguous, being cut off by the cipher's limit.
    let len = u32::try_from(item.len()).unwrap_or(u32::MAX);
    list.extend_from_slice(&len.to_be_bytes());
    list.extend_from_slice(item);
}

/// A length-prefixed list.
pub(super) fn list(items: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.iter().map(|i| i.len() + 4).sum());
    for item in items {
        push(&mut out, item);
    }
    out
}

/// Where derived keys belong: part of the HKDF info and of the associated data.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// `secret`, `integration`, `ledger-signing`, …
    pub(super) kind: &'static str,
    /// The environment, connection, user … the context is of; zeros where there is one only.
    pub(super) id: [u8; 16],
}

/// One version of a key others are derived from: the root key or a key-encryption key.
pub(super) struct KeyVersion {
    pub(super) version: u32,
    pub(super) fingerprint: Fingerprint,
    prk: hkdf::Prk,
}

impl KeyVersion {
    pub(super) fn new(version: u32, key: &[u8; KEY_LEN]) -> Self {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(key);
        Self { version, fingerprint: fingerprint_of(key), prk }
    }

    /// HKDF-SHA-256 with an empty salt and the info of `purpose` for `owner`'s context.
    pub(super) fn derive(
        &self,
        owner: &[u8; 16],
        context: Context,
        purpose: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
        let info = list(&[SCHEME, owner, context.kind.as_bytes(), &context.id, purpose]);
        let mut out = Zeroizing::new([0; KEY_LEN]);
        self.prk
            .expand(&[&info], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut *out))
            .map_err(|_| KeyError::Cipher)?;
        Ok(out)
    }

    /// Seals the key `key` of `owner` under this one.
    pub(super) fn wrap(&self, what: Wrapped<'_>, key: &[u8; KEY_LEN]) -> Result<Vec<u8>, KeyError> {
        let suite = Suite::XChaCha20Poly1305;
        let cipher = AeadKey::new(suite, &*self.derive(what.owner, what.context(), b"wrap")?)?;
        seal(&cipher, suite, self.version, |header| what.aad(header, self.fingerprint), key)
    }

    /// Opens what [`KeyVersion::wrap`] made.
    pub(super) fn unwrap(&self, what: Wrapped<'_>, stored: &[u8]) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
        let parts = Parts::of(stored)?;
        if parts.suite != Suite::XChaCha20Poly1305 {
            return Err(KeyError::FormatUnknown);
        }
        if parts.version != self.version {
            return Err(KeyError::VersionUnknown(parts.version));
        }
        let cipher = AeadKey::new(parts.suite, &*self.derive(what.owner, what.context(), b"wrap")?)?;
        let plain = cipher.open(parts.nonce, &what.aad(parts.header, self.fingerprint), parts.body)?;
        let key = <[u8; KEY_LEN]>::try_from(plain.expose().as_slice()).map_err(|_| KeyError::FormatUnknown)?;
        Ok(Zeroizing::new(key))
    }
}

/// Which key is wrapped.
#[derive(Clone, Copy)]
pub(super) struct Wrapped<'a> {
    /// `instance`, `organization` or `mac`.
    pub(super) kind: &'static str,
    pub(super) owner: &'a [u8; 16],
    pub(super) version: u32,
}

impl Wrapped<'_> {
    const fn context(&self) -> Context {
        Context { kind: self.kind, id: *self.owner }
    }

    fn aad(&self, header: &[u8], wrapping: Fingerprint) -> Vec<u8> {
        list(&[header, self.kind.as_bytes(), self.owner, &self.version.to_be_bytes(), wrapping.as_bytes()])
    }
}

/// An owner's key-encryption keys, oldest first; the last one seals.
pub(super) struct Chain {
    pub(super) owner: [u8; 16],
    versions: Vec<KeyVersion>,
}

impl Chain {
    /// `versions` must not be empty and be in order.
    pub(super) fn new(owner: [u8; 16], versions: Vec<KeyVersion>) -> Option<Self> {
        if versions.is_empty() { None } else { Some(Self { owner, versions }) }
    }

    pub(super) fn current(&self) -> &KeyVersion {
        self.versions.last().expect("a chain is never empty: see new")
    }

    pub(super) fn version(&self, version: u32) -> Result<&KeyVersion, KeyError> {
        self.versions.iter().rev().find(|v| v.version == version).ok_or(KeyError::VersionUnknown(version))
    }
}

/// The cipher of one context: what every typed cipher is made of.
pub(super) struct Sealer {
    chain: Arc<Chain>,
    context: Context,
    suite: Suite,
    /// Derived once: nearly every row is of the current version and suite.
    current: AeadKey,
    current_version: u32,
}

impl Sealer {
    pub(super) fn new(chain: &Arc<Chain>, context: Context, suite: Suite) -> Result<Self, KeyError> {
        let version = chain.current();
        let key = version.derive(&chain.owner, context, suite.purpose())?;
        let current = AeadKey::new(suite, &key)?;
        Ok(Self { chain: Arc::clone(chain), context, suite, current, current_version: version.version })
    }

    /// Seals under the newest key with the configured suite; `meaning` is what the value must stay bound to.
    pub(super) fn seal(&self, meaning: &[&[u8]], plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        seal(&self.current, self.suite, self.current_version, |header| self.aad(header, meaning), plaintext)
    }

    /// Opens what any version and suite sealed with the same `meaning`.
    pub(super) fn open(&self, meaning: &[&[u8]], stored: &[u8]) -> Result<SecretBytes, KeyError> {
        let parts = Parts::of(stored)?;
        let aad = self.aad(parts.header, meaning);
        if parts.version == self.current_version && parts.suite == self.suite {
            return self.current.open(parts.nonce, &aad, parts.body);
        }
        let version = self.chain.version(parts.version)?;
        let key = version.derive(&self.chain.owner, self.context, parts.suite.purpose())?;
        AeadKey::new(parts.suite, &key)?.open(parts.nonce, &aad, parts.body)
    }

    fn aad(&self, header: &[u8], meaning: &[&[u8]]) -> Vec<u8> {
        let len: usize = meaning.iter().map(|m| m.len() + 4).sum();
        let mut aad = Vec::with_capacity(len + 4 * 4 + HEADER_LEN + self.context.kind.len() + 32);
        push(&mut aad, header);
        push(&mut aad, self.context.kind.as_bytes());
        push(&mut aad, &self.context.id);
        push(&mut aad, &self.chain.owner);
        for item in meaning {
            push(&mut aad, item);
        }
        aad
    }
}

fn seal(
    key: &AeadKey,
    suite: Suite,
    version: u32,
    aad: impl FnOnce(&[u8]) -> Vec<u8>,
    plaintext: &[u8],
) -> Result<Vec<u8>, KeyError> {
    if plaintext.len() > PLAINTEXT_MAX {
        return Err(KeyError::TooLarge(plaintext.len()));
    }
    let nonce = FreshNonce::new(suite)?;
    let from = HEADER_LEN + suite.nonce_len();
    let mut out = Vec::with_capacity(from + plaintext.len() + TAG_LEN);
    out.extend_from_slice(&[FORM, suite.number()]);
    out.extend_from_slice(&version.to_be_bytes());
    let aad = aad(&out);
    out.extend_from_slice(nonce.as_bytes());
    // The capacity is exact: the plaintext never lies in a buffer that is given back unencrypted.
    out.extend_from_slice(plaintext);
    key.seal(nonce.as_bytes(), &aad, &mut out, from)?;
    Ok(out)
}

/// A stored ciphertext taken apart.
pub(super) struct Parts<'a> {
    pub(super) suite: Suite,
    pub(super) version: u32,
    header: &'a [u8],
    nonce: &'a [u8],
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn of(stored: &'a [u8]) -> Result<Self, KeyError> {
        if stored.len() > STORED_MAX {
            return Err(KeyError::FormatUnknown);
        }
        let (header, rest) = stored.split_first_chunk::<HEADER_LEN>().ok_or(KeyError::FormatUnknown)?;
        let [form, suite, version @ ..] = *header;
        let suite = Suite::from_number(suite).filter(|_| form == FORM).ok_or(KeyError::FormatUnknown)?;
        let (nonce, body) = rest.split_at_checked(suite.nonce_len()).ok_or(KeyError::FormatUnknown)?;
        if body.len() < TAG_LEN {
            return Err(KeyError::FormatUnknown);
        }
        Ok(Self { suite, version: u32::from_be_bytes(version), header, nonce, body })
    }
}
