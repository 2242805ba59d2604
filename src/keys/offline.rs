//! What a client keeps of a server's answer for when it cannot be reached: sealed under a key derived from the credential
//! that fetched it, so that nobody else's opens it and a new one starts afresh. Pure; where it lies is the client's.
//!
//! ```text
//! | "HFO" 1 | salt 32 | nonce 24 | ciphertext || tag |     XChaCha20-Poly1305
//! ```
//!
//! key = HKDF-SHA-256(IKM token, salt, info `holdfast/offline/v1`); a salt of its own for each file. The token has 256
//! random bits, so no slow hash is needed. AAD = length-prefixed list of the first four bytes and of what the answer is of.

use ring::{digest, hkdf};
use zeroize::Zeroizing;

use super::aead::{AeadKey, FreshNonce, KEY_LEN, Suite};
use super::envelope::list;
use super::{KeyError, random};
use crate::types::{SecretBytes, SecretString};

const MAGIC: &[u8; 4] = b"HFO\x01";
const INFO: &[u8] = b"holdfast/offline/v1";
const SALT_LEN: usize = 32;
const SUITE: Suite = Suite::XChaCha20Poly1305;

/// Seals `answer` under `token`, bound to `of`: server, project, environment and whatever else it is the answer to.
///
/// # Errors
/// No randomness.
pub fn seal(token: &SecretString, of: &[&[u8]], answer: &[u8]) -> Result<Vec<u8>, KeyError> {
    let salt: [u8; SALT_LEN] = random()?;
    let nonce = FreshNonce::new(SUITE)?;
    let mut out = [&MAGIC[..], &salt, nonce.as_bytes()].concat();
    let from = out.len();
    out.extend_from_slice(answer);
    AeadKey::new(SUITE, &*derive(token, &salt)?)?.seal(nonce.as_bytes(), &meaning(of), &mut out, from)?;
    Ok(out)
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`KeyError::Unsealable`] with another token or another `of`, or when a byte was changed; [`KeyError::FormatUnknown`]
/// when it is no such file.
pub fn open(token: &SecretString, of: &[&[u8]], stored: &[u8]) -> Result<SecretBytes, KeyError> {
    let rest = stored.strip_prefix(MAGIC).ok_or(KeyError::FormatUnknown)?;
    let (salt, rest) = rest.split_first_chunk::<SALT_LEN>().ok_or(KeyError::FormatUnknown)?;
    let (nonce, body) = rest.split_at_checked(SUITE.nonce_len()).ok_or(KeyError::FormatUnknown)?;
    AeadKey::new(SUITE, &*derive(token, salt)?)?.open(nonce, &meaning(of), body)
}

/// SHA-256 of `parts`, each with its length: what a client remembers of a file it was told to trust.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, &list(parts)).as_ref());
    out
}

fn derive(token: &SecretString, salt: &[u8; SALT_LEN]) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(token.expose().as_bytes())
        .expand(&[INFO], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *key))
        .map_err(|_| KeyError::Cipher)?;
    Ok(key)
}

fn meaning(of: &[&[u8]]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = vec![MAGIC];
    parts.extend_from_slice(of);
    list(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> SecretString {
        SecretString::new(text.to_owned())
    }

    #[test]
    fn only_the_credential_and_the_question_it_was_sealed_for_open_it() {
        let of: [&[u8]; 2] = [b"http://a", b"staging"];
        let stored = seal(&token("one"), &of, b"the answer").unwrap();
        assert_eq!(open(&token("one"), &of, &stored).unwrap().expose(), b"the answer");
        assert!(matches!(open(&token("two"), &of, &stored), Err(KeyError::Unsealable)));
        for other in [&[&b"http://a"[..], b"production"][..], &[b"http://astaging"], &[b"http://as", b"taging"]] {
            assert!(matches!(open(&token("one"), other, &stored), Err(KeyError::Unsealable)));
        }
        assert!(!stored.windows(6).any(|window| window == b"answer"));
        assert_ne!(stored, seal(&token("one"), &of, b"the answer").unwrap(), "salt and nonce are fresh");
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let stored = seal(&token("one"), &[], b"x").unwrap();
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            assert!(open(&token("one"), &[], &changed).is_err(), "byte {at}");
            assert!(open(&token("one"), &[], &stored[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_digest_keeps_its_parts_apart() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_eq!(digest(&[b"a"]), digest(&[b"a"]));
    }
}
