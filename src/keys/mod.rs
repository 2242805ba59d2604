//! Keyring, envelope, keyed hashes and bearer tokens: the only place of AEAD, HKDF and MACs.
//!
//! ```text
//! root key            32 bytes, outside the database
//!   ├─ instance key       random, wrapped: ledger signing, and keyed hashes of the instance
//!   └─ organization key   random per organization and version, wrapped
//!        ├─ sealing keys      HKDF-SHA-256 (RFC 5869), one per context and suite, never stored
//!        └─ MAC key           random, wrapped: a rotation re-wraps it, so tokens and tags survive
//! ```
//!
//! Invariants, and what each one stops:
//! - The root key is never in the database, on a command line or in the environment: a stolen file opens nothing.
//! - A key file others can read is refused: the disk's owner is not the only one who can take it.
//! - A fresh root key is never made over existing data, and a wrong one is told apart by fingerprint before
//!   anything is opened: a lost mount cannot turn into silent data loss.
//! - Every organization has keys of its own: one that leaks reveals one organization.
//! - Every ciphertext is bound to where it belongs and what it means (owner, row, version, field, environment,
//!   path, name, visibility): moved, swapped or relabelled by hand it does not open.
//! - Every context derives keys of its own, and callers get a cipher of one context: code that is handed an
//!   integration's cipher cannot open a secret. (Types are no process boundary.)
//! - Nothing equal looks equal outside: tags and hashes are keyed, nonces random.
//! - Every stored form names its version, its suite and the key it was sealed with: keys and ciphers can be replaced
//!   row by row.
//! - A key made while several root keys stand opens with each of them, and none is made by who does not hold the
//!   newest: whichever key the next start is given, nothing is missing.
//! - Keys in memory follow the transaction: those of before a rotation are gone before it is committed, so nothing is
//!   sealed under an old key afterwards, and a reader of an older snapshot loads what its own rows say.
//! - A key that a retained backup needs is neither retired nor destroyed.
//! - Keys have no `Clone`, no `Serialize`, a redacted `Debug`, and are wiped on drop. Key schedules inside `ring` are
//!   not wiped by it: they live as long as the keyring that holds them.
//!
//! What it deliberately does not do: it decides nobody's access, keeps no ciphertext of a feature, reads no
//! environment variable and prints nothing. Passwords of people are in `auth`. The clients' side of one-time links
//! (`link`) is here because ciphers are; it has nothing to do with the keys above.

mod aead;
pub mod age;
mod cipher;
mod command;
mod envelope;
mod error;
pub mod foreign;
mod history;
mod keyring;
pub mod link;
mod mac;
pub mod offline;
pub mod pair;
mod passphrase;
pub mod recovery;
pub mod replace;
pub mod root;
mod roots;
mod rotate;
pub mod signing;
mod store;
pub mod token;
pub mod totp;

pub use aead::Suite;
pub use cipher::{Beside, Ciphertext, ClusterCipher, FactorCipher, SecretAad, SecretCipher};
pub use error::KeyError;
pub use history::{HeldUntil, HistoryEntry, HistoryOf, held_until, history};
pub use keyring::{InstanceKeys, Keyring, OrganizationKeys, standing, wanted};
pub use mac::{Mac, MacContext, MacKey, MacPurpose};
pub use passphrase::PassphraseParameters;
pub use root::{Fingerprint, RootKey, Source};
pub use rotate::{OrganizationRotated, RootRotated};
pub use signing::LedgerSigner;
pub use token::{ParsedToken, PlainToken, PublicId, TokenError, TokenHash, TokenKind};

/// `N` bytes from the operating system's generator.
///
/// # Errors
/// The generator failed.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::Randomness)?;
    Ok(bytes)
}

/// Fills `out` with bytes from the operating system's generator.
///
/// # Errors
/// The generator failed.
pub fn fill_random(out: &mut [u8]) -> Result<(), KeyError> {
    use ring::rand::SecureRandom as _;
    ring::rand::SystemRandom::new().fill(out).map_err(|_| KeyError::Randomness)
}

/// SHA-256: for names that follow from what is no secret.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod rotation_tests;
#[cfg(test)]
mod tests;
