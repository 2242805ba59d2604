//! The commonest passwords of breaches that are long enough for the length rule, packed by `make assets`.
//!
//! Each is the first four bytes of its SHA-256, in order: 400 kB for 100,000 of them, and one password in 40,000 that is
//! not on the list is taken for one that is, which only makes its owner choose another.

use ring::digest::{SHA256, digest};

use crate::types::SecretString;

const LIST: &[u8] = include_bytes!("../../assets/built/common-passwords.bin");

/// Whether a password is on the list; capitals do not count.
pub(super) fn contains(password: &SecretString) -> bool {
    let plain = zeroize::Zeroizing::new(password.expose().to_lowercase());
    let hash = digest(&SHA256, plain.as_bytes());
    let Some(wanted) = hash.as_ref().first_chunk::<4>() else { return false };
    LIST.as_chunks::<4>().0.binary_search(wanted).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Secret;

    #[test]
    fn the_list_is_long_and_in_order() {
        let (all, rest) = LIST.as_chunks::<4>();
        assert!(all.len() >= 50_000 && rest.is_empty(), "{}", all.len());
        assert!(all.is_sorted());
    }

    #[test]
    fn what_breaches_are_full_of_is_on_it_and_what_people_make_up_is_not() {
        let on_it = |text: &str| contains(&Secret::new(text.to_owned()));
        for common in ["password", "12345678", "baseball", "JENNIFER1", "1qaz2wsx3edc", "q1w2e3r4t5y6"] {
            assert!(on_it(common), "{common}");
        }
        for own in ["a few unrelated words", "plumtreebicycleorbit", "92618475039471", "öqäzüpß8"] {
            assert!(!on_it(own), "{own}");
        }
    }
}
