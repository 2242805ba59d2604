//! What other products sealed, opened once when it is imported. Nothing of ours is ever sealed this way.

use aes_gcm::aead::consts::{U16, U32};
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use data_encoding::HEXUPPER;
use k256::elliptic_curve::sec1::ToSec1Point as _;
use k256::{PublicKey, SecretKey};
use ring::{digest, hkdf};
use zeroize::Zeroizing;

use crate::types::SecretBytes;

/// Length of the sender's public key in front of a ciphertext: a point, uncompressed.
const POINT: usize = 65;
/// Length of the nonce, which is longer than GCM's usual one.
const NONCE: usize = 16;
/// Length of the tag, which stands before the ciphertext.
const TAG: usize = 16;

/// A private key of dotenvx: ECIES over secp256k1 with HKDF-SHA-256 and AES-256-GCM.
pub struct DotenvxKey(SecretKey);

impl DotenvxKey {
    /// Takes the 32 bytes of a key; none where they are no number of the curve.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        SecretKey::from_slice(bytes).ok().map(Self)
    }

    /// Opens a ciphertext: `point | nonce | tag | encrypted`. None where it was made for another key or was changed.
    pub fn open(&self, sealed: &[u8]) -> Option<SecretBytes> {
        let (point, rest) = sealed.split_at_checked(POINT)?;
        let (nonce, rest) = rest.split_at_checked(NONCE)?;
        let (tag, encrypted) = rest.split_at_checked(TAG)?;
        let sender = PublicKey::from_sec1_bytes(point).ok()?;
        let shared = (sender.to_projective() * *self.0.to_nonzero_scalar()).to_affine().to_sec1_point(false);
        let mut secret = Zeroizing::new(Vec::with_capacity(2 * POINT));
        secret.extend_from_slice(point);
        secret.extend_from_slice(shared.as_bytes());
        let mut key = Zeroizing::new([0; 32]);
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&secret);
        derived.expand(&[], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut_slice())).ok()?;
        let cipher = AesGcm::<Aes256, U16>::new_from_slice(key.as_slice()).ok()?;
        let nonce = Nonce::<U16>::try_from(nonce).ok()?;
        let message = [encrypted, tag].concat();
        cipher.decrypt(&nonce, message.as_slice()).ok().map(SecretBytes::new)
    }
}

/// The key of a SOPS file: AES-256-GCM with 32 bytes of nonce, each value bound to its place in the file.
pub struct SopsKey(AesGcm<Aes256, U32>);

impl SopsKey {
    /// Takes the 32 bytes of a key; none where they are none.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        AesGcm::new_from_slice(bytes).ok().map(Self)
    }

    /// Opens a value that stands at `place`. None where it was made for another place or key, or was changed.
    pub fn open(&self, nonce: &[u8], encrypted: &[u8], tag: &[u8], place: &[u8]) -> Option<SecretBytes> {
        let nonce = Nonce::<U32>::try_from(nonce).ok()?;
        let message = [encrypted, tag].concat();
        self.0.decrypt(&nonce, Payload { msg: &message, aad: place }).ok().map(SecretBytes::new)
    }
}

/// What SOPS says all values of a file together are: SHA-512 over them, in their order.
pub struct SopsDigest(digest::Context);

impl SopsDigest {
    /// Of nothing yet, or of what stands in front where only encrypted values count.
    pub fn new(only_encrypted: bool) -> Self {
        let mut context = digest::Context::new(&digest::SHA512);
        if only_encrypted {
            context.update(digest::digest(&digest::SHA256, b"sops").as_ref());
        }
        Self(context)
    }

    /// Adds a value.
    pub fn add(&mut self, value: &[u8]) {
        self.0.update(value);
    }

    /// Whether it is this one, in capital hexadecimal digits.
    pub fn is(self, written: &[u8]) -> bool {
        HEXUPPER.encode(self.0.finish().as_ref()).as_bytes() == written
    }
}

/// Seals a value as SOPS does, for tests, with a made up nonce: nonce, ciphertext, tag.
#[cfg(test)]
pub(crate) fn sops_seal_for_test(key: &[u8; 32], value: &[u8], place: &[u8]) -> [Vec<u8>; 3] {
    let cipher = AesGcm::<Aes256, U32>::new_from_slice(key).expect("32 bytes");
    let nonce = [0x55; 32];
    let both = cipher.encrypt(&Nonce::<U32>::from(nonce), Payload { msg: value, aad: place }).expect("short");
    let (encrypted, tag) = both.split_at(both.len() - 16);
    [nonce.to_vec(), encrypted.to_vec(), tag.to_vec()]
}
