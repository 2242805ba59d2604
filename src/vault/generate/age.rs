//! Key pairs of age (its specification of X25519 identities): Bech32 of the two halves.

use bech32::primitives::decode::CheckedHrpstring;
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

/// The 32 bytes of an identity as it is written; none where it is none.
pub(in crate::vault) fn identity(text: &str) -> Option<SecretBytes> {
    let prefix = Hrp::parse(IDENTITY).ok()?;
    let read = CheckedHrpstring::new::<Bech32>(text).ok().filter(|found| found.hrp() == prefix)?;
    Some(SecretBytes::new(read.byte_iter().collect())).filter(|bytes| bytes.expose().len() == 32)
}

fn encode(prefix: &str, bytes: &[u8]) -> Result<String, KeyError> {
    let prefix = Hrp::parse(prefix).map_err(|_| KeyError::Cipher)?;
    bech32::encode::<Bech32>(prefix, bytes).map_err(|_| KeyError::Cipher)
}
