//! The public halves of key pairs whose private half somebody else keeps.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::KeyError;

/// The public half of an Ed25519 key (RFC 8032) with this seed.
///
/// # Errors
/// [`KeyError::Cipher`] when the library refuses the seed, which it does for none of this length.
pub fn ed25519_public(seed: &[u8; 32]) -> Result<[u8; 32], KeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Cipher)?;
    pair.public_key().as_ref().try_into().map_err(|_| KeyError::Cipher)
}

/// The public half of an X25519 key (RFC 7748).
///
/// # Errors
/// [`KeyError::Cipher`] when the library refuses the key, which it does for none of this length.
pub fn x25519_public(private: &[u8; 32]) -> Result<[u8; 32], KeyError> {
    use orion::hazardous::ecc::x25519::{PrivateKey, PublicKey};
    let private = PrivateKey::from(*private);
    let public = PublicKey::try_from(&private).map_err(|_| KeyError::Cipher)?;
    public.as_ref().try_into().map_err(|_| KeyError::Cipher)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn bytes(hex: &str) -> [u8; 32] {
        HEXLOWER.decode(hex.as_bytes()).expect("hex").try_into().expect("32 bytes")
    }

    #[test]
    fn the_examples_of_the_standards_come_out() {
        // RFC 8032, 7.1, test 1.
        let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(ed25519_public(&seed).unwrap(), public);
        // RFC 7748, 5.2, after one iteration: both inputs are the base point.
        let private = bytes("0900000000000000000000000000000000000000000000000000000000000000");
        let public = bytes("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
        assert_eq!(x25519_public(&private).unwrap(), public);
    }
}
