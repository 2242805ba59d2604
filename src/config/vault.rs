//! `[vault]`: how values are sealed.

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static CIPHER: Key = Key {
    section: "vault",
    name: "cipher",
    kind: Kind::Choice(&["xchacha20-poly1305", "aes-256-gcm"]),
    fallback: Fallback::Value("xchacha20-poly1305"),
    help: "Cipher for new values. Values sealed with the other one stay readable.",
};

pub(super) const KEYS: &[&Key] = &[&CIPHER];

/// A cipher suite for new ciphertexts; both are always decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// Suite 1, XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha).
    XChaCha20Poly1305,
    /// Suite 2, AES-256-GCM (NIST SP 800-38D).
    Aes256Gcm,
}

/// How values are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultConfig {
    /// Suite for new writes.
    pub cipher: Cipher,
}

impl VaultConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        let cipher = reader.choice(&CIPHER, |word| match word {
            "xchacha20-poly1305" => Some(Cipher::XChaCha20Poly1305),
            "aes-256-gcm" => Some(Cipher::Aes256Gcm),
            _ => None,
        })?;
        Ok(Self { cipher })
    }
}
