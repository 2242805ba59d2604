//! Codes of an authenticator: TOTP (RFC 6238) with HMAC-SHA-1, six digits, thirty seconds, which is what every
//! authenticator reads.

use ring::hmac;

use super::{KeyError, fill_random};
use crate::types::{SecretBytes, Timestamp};

/// Length of a secret, in bytes: as long as the hash (RFC 4226, section 4).
const SECRET_LEN: usize = 20;
/// How long a code lasts, in seconds.
const STEP_SECONDS: i64 = 30;
const DIGITS: u32 = 6;

/// A new secret.
///
/// # Errors
/// No randomness.
pub fn secret() -> Result<SecretBytes, KeyError> {
    let mut bytes = vec![0; SECRET_LEN];
    fill_random(&mut bytes)?;
    Ok(SecretBytes::new(bytes))
}

/// The step `now` is in.
pub fn step(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(1_000_000 * STEP_SECONDS)
}

/// The step `given` is the code of: the one of now or one of its neighbours, and later than `used`. None when it is no
/// code of these. Looks at all three whatever it finds.
pub fn find(secret: &SecretBytes, given: &str, now: Timestamp, used: i64) -> Option<i64> {
    let now = step(now);
    let mut found = None;
    for step in [now - 1, now, now + 1] {
        let is_code = super::mac::equal(code(secret, step).as_bytes(), given.as_bytes());
        if is_code && step > used {
            found = Some(step);
        }
    }
    found
}

/// The code of a step (RFC 4226, section 5.3).
pub fn code(secret: &SecretBytes, step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose());
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0x0f);
    let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 10_u32.pow(DIGITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc() -> SecretBytes {
        SecretBytes::new(b"12345678901234567890".to_vec())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        // Appendix B of RFC 6238 has eight digits: the last six are those of six.
        for (seconds, code_) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(&rfc(), step(at(seconds))), code_);
        }
    }

    #[test]
    fn a_code_is_taken_once_and_a_step_early_or_late() {
        let now = at(1_111_111_109);
        let here = step(now);
        for near in [here - 1, here, here + 1] {
            assert_eq!(find(&rfc(), &code(&rfc(), near), now, 0), Some(near));
            assert_eq!(find(&rfc(), &code(&rfc(), near), now, near), None, "used");
        }
        for far in [here - 2, here + 2] {
            assert_eq!(find(&rfc(), &code(&rfc(), far), now, 0), None);
        }
        for wrong in ["", "0", "08180", "0818040", "08180４", "abcdef"] {
            assert_eq!(find(&rfc(), wrong, now, 0), None, "{wrong}");
        }
    }
}
