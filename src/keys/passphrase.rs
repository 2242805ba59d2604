//! A passphrase made into a root key: Argon2id (RFC 9106). The cost and the salt lie in the database.

use orion::hazardous::kdf::argon2::{Argon2, CostParams, ID, Sequential};
use zeroize::Zeroizing;

use super::aead::KEY_LEN;
use super::{KeyError, random};

/// Fewest bytes of the passphrase of a new database: it guards everything, and can be guessed offline.
pub(super) const PASSPHRASE_MIN: usize = 15;
/// What stored parameters may ask for at most, so that a changed row cannot stop the start for ever.
const MEMORY_MAX_KIB: u32 = 1 << 20;
const ITERATIONS_MAX: u32 = 64;

/// Salt and cost of Argon2id. Not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassphraseParameters {
    /// Random, of this database.
    pub salt: [u8; 16],
    /// Passes over the memory, at most 64.
    pub iterations: u32,
    /// Memory in KiB, at most 1 GiB.
    pub memory_kib: u32,
    /// Lanes; computed one after the other.
    pub parallelism: u32,
}

impl PassphraseParameters {
    /// Parameters for a new database: the second recommendation of RFC 9106, 4: 64 MiB, three passes.
    ///
    /// # Errors
    /// No randomness.
    pub fn fresh() -> Result<Self, KeyError> {
        Ok(Self { salt: random()?, iterations: 3, memory_kib: 64 * 1_024, parallelism: 4 })
    }

    /// The parameters stored in the database, when a passphrase is its source.
    ///
    /// # Errors
    /// The database failed.
    pub fn stored(reader: &crate::db::Reader<'_>) -> Result<Option<Self>, KeyError> {
        Ok(super::store::passphrase_load(reader)?)
    }

    pub(super) fn stretch(&self, passphrase: &[u8]) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
        if self.memory_kib > MEMORY_MAX_KIB || self.iterations > ITERATIONS_MAX || self.parallelism > 16 {
            return Err(KeyError::PassphraseParameters);
        }
        let cost = CostParams::new(self.iterations, self.memory_kib, self.parallelism)
            .map_err(|_| KeyError::PassphraseParameters)?;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        Argon2::<ID, Sequential>::derive_key(passphrase, &self.salt, &cost, None, None, &mut *key)
            .map_err(|_| KeyError::PassphraseParameters)?;
        Ok(key)
    }
}
