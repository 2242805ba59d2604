//! One-time links: what a client does before the server sees anything, and after it answered. Pure: no server key,
//! no database. The page at `/l/{id}` does the same with WebCrypto (`assets/link/format.mjs`).
//!
//! ```text
//! key         32 random bytes, only in the fragment of the link: base64url without padding
//! master      key, or with a passphrase PBKDF2-HMAC-SHA-256(passphrase, salt = key, 600,000 rounds)
//! seal key    HKDF-SHA-256(master, empty salt, "holdfast/link/v1/seal")
//! proof       HKDF-SHA-256(master, empty salt, "holdfast/link/v1/open"), what the server is shown
//! sealed      1 || nonce (12) || AES-256-GCM(seal key, nonce, AAD "holdfast/link/v1", frame) with its tag (16)
//! frame       length of the file's name (1 byte) || name || content
//! ```
//!
//! The proof opens nothing: who reads the server's disk learns neither key nor content, and who has only the link's
//! address (a log, a preview of a chat program) cannot use up a view. Since the passphrase goes into the proof, it is
//! guessed at the server, which counts, and not on a copy of the ciphertext.

use std::fmt;
use std::num::NonZeroU32;

use ring::{hkdf, pbkdf2};
use zeroize::Zeroizing;

use super::aead::{AeadKey, FreshNonce, KEY_LEN, Suite, TAG_LEN};
use super::{KeyError, random};
use crate::types::{Class, Failure, SecretBytes, SecretString};

/// Length of a proof, in bytes.
pub const PROOF_LEN: usize = KEY_LEN;
/// Longest content, in bytes.
pub const CONTENT_MAX: usize = 1 << 20;
/// Longest name of a file, in bytes.
pub const NAME_MAX: usize = 255;
/// Longest ciphertext, in bytes.
pub const SEALED_MAX: usize = 1 + NONCE_LEN + 1 + NAME_MAX + CONTENT_MAX + TAG_LEN;
/// Shortest ciphertext, in bytes: of nothing without a name.
pub const SEALED_MIN: usize = 1 + NONCE_LEN + 1 + TAG_LEN;

const FORMAT: u8 = 1;
const NONCE_LEN: usize = 12;
const AAD: &[u8] = b"holdfast/link/v1";
const SEAL: &[u8] = b"holdfast/link/v1/seal";
const OPEN: &[u8] = b"holdfast/link/v1/open";
/// OWASP's figure for PBKDF2-HMAC-SHA-256; the only password hash WebCrypto has.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not zero");

/// Why a link's content cannot be sealed or read. Never says what it was.
#[derive(Debug, thiserror::Error)]
pub enum LinkKeyError {
    /// The fragment is no key.
    #[error("the part of the link after # is not whole")]
    KeyMalformed,
    /// Another key, another passphrase, or a ciphertext that was changed.
    #[error("the key or the passphrase is not the one it was sealed with")]
    Wrong,
    /// Not a form of ciphertext this binary knows.
    #[error("the link was made by another version of holdfast")]
    FormatUnknown,
    /// More than a link may hold.
    #[error("a link holds at most {CONTENT_MAX} bytes, and a file's name at most {NAME_MAX}")]
    TooLarge,
    /// The cipher or the generator failed.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl Failure for LinkKeyError {
    fn class(&self) -> Class {
        match self {
            Self::KeyMalformed | Self::FormatUnknown => Class::Invalid,
            Self::Wrong => Class::Forbidden,
            Self::TooLarge => Class::TooLarge,
            Self::Keys(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::KeyMalformed => "link_key_malformed",
            Self::Wrong => "link_key_wrong",
            Self::FormatUnknown => "link_format_unknown",
            Self::TooLarge => "link_too_large",
            Self::Keys(e) => Failure::code(e),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::KeyMalformed => "copy the whole link, to its last character".into(),
            Self::Wrong => "ask whoever sent it for the passphrase, or for a new link".into(),
            Self::FormatUnknown => "open it in a browser, or with a newer holdfast".into(),
            Self::TooLarge => "send less at once".into(),
            Self::Keys(e) => Failure::hint(e),
        }
    }
}

/// The key of one link: what its fragment says.
pub struct LinkKey(Zeroizing<[u8; KEY_LEN]>);

impl LinkKey {
    /// A new one.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate() -> Result<Self, KeyError> {
        random().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// Reads the fragment of a link, without its `#`.
    ///
    /// # Errors
    /// [`LinkKeyError::KeyMalformed`].
    pub fn parse(fragment: &str) -> Result<Self, LinkKeyError> {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(fragment.as_bytes()).map(Zeroizing::new);
        let key = bytes.ok().and_then(|b| <[u8; KEY_LEN]>::try_from(b.as_slice()).ok());
        key.map(|k| Self(Zeroizing::new(k))).ok_or(LinkKeyError::KeyMalformed)
    }

    /// The fragment. Whoever calls this puts it into a link.
    pub fn expose_fragment(&self) -> SecretString {
        SecretString::new(data_encoding::BASE64URL_NOPAD.encode(&*self.0))
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

/// What was sent.
pub struct LinkContent {
    /// The file's name, as its sender says; none for a text. Never a path to write to.
    pub name: Option<String>,
    /// The bytes.
    pub content: SecretBytes,
}

/// What a key and a passphrase derive: seals, opens, and proves.
pub struct LinkCipher {
    key: AeadKey,
    proof: Zeroizing<[u8; PROOF_LEN]>,
}

impl LinkCipher {
    /// Derives; with a passphrase that takes a moment, on purpose.
    ///
    /// # Errors
    /// The cipher failed.
    pub fn derive(key: &LinkKey, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        let mut master = Zeroizing::new(*key.0);
        if let Some(passphrase) = passphrase {
            let words = passphrase.expose().as_bytes();
            pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &*key.0, words, &mut *master);
        }
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&*master);
        let expand = |info: &'static [u8]| {
            let mut out = Zeroizing::new([0; KEY_LEN]);
            let filled = prk.expand(&[info], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut *out));
            filled.map(|()| out).map_err(|_| KeyError::Cipher)
        };
        Ok(Self { key: AeadKey::new(Suite::Aes256Gcm, &*expand(SEAL)?)?, proof: expand(OPEN)? })
    }

    /// What the server is shown instead of the key.
    pub fn proof(&self) -> &[u8; PROOF_LEN] {
        &self.proof
    }

    /// Seals a text, or a file with its name.
    ///
    /// # Errors
    /// More than [`CONTENT_MAX`] or [`NAME_MAX`] bytes; no randomness.
    pub fn seal(&self, name: Option<&str>, content: &SecretBytes) -> Result<Vec<u8>, LinkKeyError> {
        let (name, content) = (name.unwrap_or_default().as_bytes(), content.expose());
        let name_len = u8::try_from(name.len()).map_err(|_| LinkKeyError::TooLarge)?;
        if content.len() > CONTENT_MAX {
            return Err(LinkKeyError::TooLarge);
        }
        let nonce = FreshNonce::new(Suite::Aes256Gcm)?;
        self.seal_with(nonce.as_bytes(), &[&[name_len], name, content]).map_err(LinkKeyError::from)
    }

    fn seal_with(&self, nonce: &[u8], frame: &[&[u8]]) -> Result<Vec<u8>, KeyError> {
        let len: usize = frame.iter().map(|part| part.len()).sum();
        // All of it at once: growing would leave plaintext behind in freed memory.
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + len + TAG_LEN);
        sealed.push(FORMAT);
        sealed.extend_from_slice(nonce);
        for part in frame {
            sealed.extend_from_slice(part);
        }
        self.key.seal(nonce, AAD, &mut sealed, 1 + NONCE_LEN)?;
        Ok(sealed)
    }

    /// Opens what [`LinkCipher::seal`] or the page made.
    ///
    /// # Errors
    /// [`LinkKeyError::Wrong`], [`LinkKeyError::FormatUnknown`].
    pub fn open(&self, sealed: &[u8]) -> Result<LinkContent, LinkKeyError> {
        let unknown = || LinkKeyError::FormatUnknown;
        let (nonce, body) = match sealed.split_first() {
            Some((&FORMAT, rest)) => rest.split_at_checked(NONCE_LEN).ok_or_else(unknown)?,
            _ => return Err(unknown()),
        };
        let frame = self.key.open(nonce, AAD, body).map_err(|e| match e {
            KeyError::Unsealable => LinkKeyError::Wrong,
            KeyError::FormatUnknown => LinkKeyError::FormatUnknown,
            other => other.into(),
        })?;
        let (name_len, rest) = frame.expose().split_first().ok_or_else(unknown)?;
        let (name, content) = rest.split_at_checked(usize::from(*name_len)).ok_or_else(unknown)?;
        let name = std::str::from_utf8(name).map_err(|_| unknown())?;
        let name = (!name.is_empty()).then(|| name.to_owned());
        Ok(LinkContent { name, content: SecretBytes::new(content.to_vec()) })
    }
}

impl fmt::Debug for LinkCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCipher(…)")
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER};
    use serde::Deserialize;

    use super::*;

    /// A link as both implementations must make and read it; the page's side is checked by `tests/browser`.
    #[derive(Deserialize)]
    struct Vector {
        key: String,
        passphrase: Option<String>,
        nonce: String,
        name: Option<String>,
        content: String,
        proof: String,
        sealed: String,
    }

    fn vectors() -> Vec<Vector> {
        serde_json::from_str(include_str!("../../tests/browser/link-vectors.json")).unwrap()
    }

    fn cipher(vector: &Vector) -> LinkCipher {
        let passphrase = vector.passphrase.clone().map(SecretString::new);
        LinkCipher::derive(&LinkKey::parse(&vector.key).unwrap(), passphrase.as_ref()).unwrap()
    }

    #[test]
    fn the_vectors_shared_with_the_page_hold() {
        let vectors = vectors();
        assert!(vectors.iter().any(|v| v.passphrase.is_some()) && vectors.iter().any(|v| v.name.is_some()));
        for vector in vectors {
            let cipher = cipher(&vector);
            assert_eq!(BASE64.encode(cipher.proof()), vector.proof, "{}", vector.key);
            let (name, content) =
                (vector.name.as_deref().unwrap_or_default(), BASE64.decode(vector.content.as_bytes()));
            let (nonce, content) = (HEXLOWER.decode(vector.nonce.as_bytes()).unwrap(), content.unwrap());
            let frame: [&[u8]; 3] = [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), &content];
            assert_eq!(BASE64.encode(&cipher.seal_with(&nonce, &frame).unwrap()), vector.sealed, "{}", vector.key);
            let opened = cipher.open(&BASE64.decode(vector.sealed.as_bytes()).unwrap()).unwrap();
            assert_eq!((opened.name, opened.content.expose()), (vector.name, &content));
        }
    }

    #[test]
    fn nothing_opens_with_a_bit_changed() {
        let cipher = LinkCipher::derive(&LinkKey::generate().unwrap(), None).unwrap();
        let sealed = cipher.seal(Some("a.txt"), &SecretBytes::new(b"content".to_vec())).unwrap();
        assert!(cipher.open(&sealed).is_ok());
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(cipher.open(&changed).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(cipher.open(&sealed[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn what_is_sealed_twice_looks_different_and_limits_hold() {
        let cipher = LinkCipher::derive(&LinkKey::generate().unwrap(), None).unwrap();
        let content = SecretBytes::new(vec![7; CONTENT_MAX]);
        let name = "n".repeat(NAME_MAX);
        let sealed = cipher.seal(Some(&name), &content).unwrap();
        assert_eq!(sealed.len(), SEALED_MAX);
        assert_ne!(sealed, cipher.seal(Some(&name), &content).unwrap());
        assert_eq!(cipher.seal(None, &SecretBytes::new(Vec::new())).unwrap().len(), SEALED_MIN);
        let over = SecretBytes::new(vec![7; CONTENT_MAX + 1]);
        assert!(matches!(cipher.seal(None, &over), Err(LinkKeyError::TooLarge)));
        assert!(matches!(cipher.seal(Some(&(name + "n")), &content), Err(LinkKeyError::TooLarge)));
    }

    #[test]
    fn only_a_whole_key_is_read() {
        let key = LinkKey::generate().unwrap();
        let text = key.expose_fragment();
        assert_eq!(*LinkKey::parse(text.expose()).unwrap().0, *key.0);
        let cut = &text.expose()[1..];
        for bad in ["", "x", cut, &format!("{}A", text.expose()), &format!("{}=", text.expose())] {
            assert!(LinkKey::parse(bad).is_err());
        }
    }
}
