//! Key pairs of age (its specification of X25519 identities): Bech32 of the two halves.

use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

use super::draw::Draw;
use crate::keys::{KeyError, pair};
use crate::types::SecretBytes;

const IDENTITY: &str = "age-secret-key-";
const RECIPIENT: &str = "age";

/// The identity (`AGE-SECRET-KEY-1…`), and the recipient others encrypt to (`age1…`).
pub(super) fn pair(draw: &mut Draw<'_, '_>) -> Result<(SecretBytes, String), KeyError> {
    let private = draw.bytes::<32>()?;
    let public = pair::x25519_public(&private)?;
    let identity = Zeroizing::new(encode(IDENTITY, &*private)?);
    let identity = SecretBytes::new(identity.to_ascii_uppercase().into_bytes());
    Ok((identity, encode(RECIPIENT, &public)?))
}

fn encode(prefix: &str, bytes: &[u8]) -> Result<String, KeyError> {
    let prefix = Hrp::parse(prefix).map_err(|_| KeyError::Cipher)?;
    bech32::encode::<Bech32>(prefix, bytes).map_err(|_| KeyError::Cipher)
}
