//! dotenvx: a dotenv file whose values are encrypted for a key pair, and the `.env.keys` file with the private keys.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use super::{Dollar, Found, ImportError, Remark};
use crate::keys::foreign::DotenvxKey;
use crate::vault::format::{Entry, parse_dotenv_literal};

/// What an encrypted value begins with.
const SEALED: &[u8] = b"encrypted:";
/// Most private keys of one file: each is tried on each value.
const KEYS_MAX: usize = 64;

/// Reads a file called `name` with the keys file beside it. A value no key opens is an error: a file half imported would
/// be found out in production.
///
/// # Errors
/// A line that does not parse, no private key, a value that does not open: with the line and the name.
pub fn dotenvx(name: &str, input: &[u8], keys: &[u8]) -> Result<Found, ImportError> {
    let keys = private_keys(keys)?;
    let mut found = Found::default();
    for entry in parse_dotenv_literal(input)? {
        if entry.name.starts_with("DOTENV_PUBLIC_KEY") {
            found.remarks.push(Remark::skipped(&format!("{name}: {}", entry.name), "is dotenvx's own"));
            continue;
        }
        let dollar = if entry.interpolate { Dollar::Reference } else { Dollar::Text };
        let value = match entry.value.expose().strip_prefix(SEALED) {
            None => entry.value,
            Some(sealed) => {
                let sealed = BASE64.decode(sealed).map_err(|_| broken(&entry, "is cut off or was changed"))?;
                let opened = keys.iter().find_map(|key| key.open(&sealed));
                opened.ok_or_else(|| broken(&entry, "does not open with a private key of the keys file"))?
            }
        };
        found.push(name, Vec::new(), &entry.name, value, dollar);
    }
    Ok(found)
}

fn broken(entry: &Entry, problem: &str) -> ImportError {
    ImportError::shape(&format!("line {}", entry.line), format!("the value of {} {problem}", super::shown(&entry.name)))
}

/// The private keys of a keys file; a name may have several, with commas in between.
fn private_keys(keys: &[u8]) -> Result<Vec<DotenvxKey>, ImportError> {
    let mut all = Vec::new();
    for entry in parse_dotenv_literal(keys)?.iter().filter(|e| e.name.starts_with("DOTENV_PRIVATE_KEY")) {
        for hex in entry.value.expose().split(|b| *b == b',') {
            let key = HEXLOWER_PERMISSIVE.decode(hex.trim_ascii()).ok().and_then(|bytes| DotenvxKey::new(&bytes));
            let problem = format!("{} is no private key of dotenvx", super::shown(&entry.name));
            all.push(key.ok_or_else(|| ImportError::shape(&format!("keys file, line {}", entry.line), problem))?);
        }
    }
    match all.len() {
        0 => Err(ImportError::shape("keys file", "it has no DOTENV_PRIVATE_KEY")),
        1..=KEYS_MAX => Ok(all),
        _ => Err(ImportError::shape("keys file", format!("it has more than {KEYS_MAX} private keys"))),
    }
}

#[cfg(test)]
mod tests {
    use aes_gcm::aead::consts::U16;
    use aes_gcm::aead::{Aead as _, KeyInit as _};
    use aes_gcm::{AesGcm, Nonce, aes::Aes256};
    use k256::SecretKey;
    use k256::elliptic_curve::sec1::ToSec1Point as _;
    use ring::hkdf;

    use super::*;

    /// Seals as dotenvx does, from a sender whose key is as made up as the receiver's. That the real one does the same
    /// is held by tests/it/importers.
    fn sealed(receiver: [u8; 32], text: &str) -> String {
        let key = |bytes: &[u8]| SecretKey::from_slice(bytes).expect("a key");
        let (sender, receiver) = (key(&[0x22; 32]), key(&receiver).public_key());
        let point = sender.public_key().to_sec1_point(false);
        let shared = (receiver.to_projective() * *sender.to_nonzero_scalar()).to_affine().to_sec1_point(false);
        let secret = [point.as_bytes(), shared.as_bytes()].concat();
        let mut key = [0; 32];
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&secret);
        derived.expand(&[], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut key)).expect("32 bytes");
        let cipher = AesGcm::<Aes256, U16>::new_from_slice(&key).expect("a key");
        let nonce = [0x33; 16];
        let both = cipher.encrypt(&Nonce::<U16>::from(nonce), text.as_bytes()).expect("short");
        let (encrypted, tag) = both.split_at(both.len() - 16);
        BASE64.encode(&[point.as_bytes(), &nonce, tag, encrypted].concat())
    }

    fn file() -> String {
        let value = sealed([0x11; 32], "a value of a test");
        format!("DOTENV_PUBLIC_KEY=\"02\"\nPLAIN=as it is\nSEALED=\"encrypted:{value}\"\n")
    }

    fn keys(byte: &str) -> Vec<u8> {
        format!("# made up\nDOTENV_PRIVATE_KEY_OTHER={}\nDOTENV_PRIVATE_KEY={}\n", "44".repeat(32), byte.repeat(32))
            .into()
    }

    #[test]
    fn what_was_sealed_opens_and_the_public_key_is_left_out() {
        let found = dotenvx(".env", file().as_bytes(), &keys("11")).expect("sealed for this key");
        let values: Vec<_> = found.items.iter().map(|i| i.versions[0].value.expose().as_slice()).collect();
        assert_eq!(values, [&b"as it is"[..], b"a value of a test"]);
        assert_eq!(found.remarks.len(), 1);
    }

    #[test]
    fn another_key_a_changed_value_and_no_key_are_told_by_line_and_name() {
        let file = file();
        let error = dotenvx(".env", file.as_bytes(), &keys("12")).expect_err("another key").to_string();
        assert_eq!(error, "line 3: the value of SEALED does not open with a private key of the keys file");
        // A character changed, or the rest cut off, at every eighth place: nothing opens, nothing panics.
        let at = file.find("encrypted:").expect("sealed") + "encrypted:".len();
        for position in (at..file.len() - 2).step_by(8) {
            let mut changed = file.as_bytes().to_vec();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert!(dotenvx(".env", &changed, &keys("11")).is_err(), "{position}");
            let cut = [&file.as_bytes()[..position], b"\"\n"].concat();
            assert!(dotenvx(".env", &cut, &keys("11")).is_err(), "{position}");
        }
        for keys in ["A=1\n", "DOTENV_PRIVATE_KEY=xyz\n", "DOTENV_PRIVATE_KEY=00\n", "DOTENV_PRIVATE_KEY=\n"] {
            assert!(dotenvx(".env", file.as_bytes(), keys.as_bytes()).is_err(), "{keys}");
        }
        let zero = format!("DOTENV_PRIVATE_KEY={}\n", "00".repeat(32));
        assert!(dotenvx(".env", file.as_bytes(), zero.as_bytes()).is_err());
    }
}
