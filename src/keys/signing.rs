//! The ledger's signature: Ed25519 (RFC 8032), made with the instance.

use std::fmt;
use std::sync::Arc;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::aead::Suite;
use super::envelope::{Chain, Context, Sealer};
use super::store::{self, LedgerKeyRow};
use super::{KeyError, random};
use crate::db::{Reader, WriteTx};
use crate::types::Timestamp;

/// Signs checkpoints. The private key is sealed in the database; the public one is printed at the first start.
pub struct LedgerSigner {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl LedgerSigner {
    /// The signature of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        out.copy_from_slice(self.pair.sign(message).as_ref());
        out
    }

    /// The key others verify with.
    pub const fn public_key(&self) -> [u8; 32] {
        self.public
    }

    pub(super) fn create(tx: &WriteTx<'_>, chain: &Arc<Chain>, suite: Suite, now: Timestamp) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(random::<32>()?);
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| KeyError::Cipher)?;
        let public = public_of(&pair)?;
        let version = 1_u32;
        let sealed = sealer(chain, suite)?.seal(&meaning(&version.to_be_bytes(), &public), &*seed)?;
        store::ledger_key_insert(tx, &LedgerKeyRow { version, public, sealed }, now)?;
        Ok(Self { pair, public })
    }

    pub(super) fn load(reader: &Reader<'_>, chain: &Arc<Chain>, suite: Suite) -> Result<Self, KeyError> {
        let row = store::ledger_key_load(reader)?.ok_or(KeyError::NotCreated)?;
        let seed = sealer(chain, suite)?.open(&meaning(&row.version.to_be_bytes(), &row.public), &row.sealed)?;
        let pair =
            Ed25519KeyPair::from_seed_and_public_key(seed.expose(), &row.public).map_err(|_| KeyError::Unsealable)?;
        Ok(Self { pair, public: row.public })
    }
}

impl fmt::Debug for LedgerSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerSigner({})", data_encoding::HEXLOWER.encode(&self.public))
    }
}

/// Whether `signature` is `public`'s of `message`.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

fn sealer(chain: &Arc<Chain>, suite: Suite) -> Result<Sealer, KeyError> {
    Sealer::new(chain, Context { kind: "ledger-signing", id: [0; 16] }, suite)
}

/// The row, its version, the field, and the public half: another public key beside it does not pass.
fn meaning<'a>(version: &'a [u8; 4], public: &'a [u8; 32]) -> [&'a [u8]; 4] {
    [b"ledger_keys", version, b"private-key", public]
}

fn public_of(pair: &Ed25519KeyPair) -> Result<[u8; 32], KeyError> {
    pair.public_key().as_ref().try_into().map_err(|_| KeyError::Cipher)
}
