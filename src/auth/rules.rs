//! Which new passwords are refused: short ones, and those that are tried first.
//!
//! Nothing is asked of anybody: the 100,000 commonest passwords of breaches are in the binary (`password_list`), and so are
//! the lists of `zxcvbn` of names and words, keyboard rows, dates and repetitions. What is left must take a million guesses
//! at least. There are no rules of composition: they make passwords alike, not strong (NIST SP 800-63B).

use zxcvbn::{Score, zxcvbn};

use super::AuthError;
use super::password::{MAX, MIN};
use super::password_list;
use crate::types::SecretString;

/// Words whoever attacks this very service tries first.
const OURS: &[&str] = &["holdfast", "secret", "secrets", "vault", "password"];

/// Checks a new password of somebody who is called `about` (address, name, organization).
///
/// # Errors
/// [`AuthError::WeakPassword`], [`AuthError::Guessable`].
pub fn check(password: &SecretString, about: &[&str]) -> Result<(), AuthError> {
    let length = password.expose().chars().count();
    if !(MIN..=MAX).contains(&length) {
        return Err(AuthError::WeakPassword);
    }
    if password_list::contains(password) {
        return Err(AuthError::Guessable("it is among the 100,000 commonest of breaches".into()));
    }
    // An address is tried whole, in its halves, and in its words.
    let mut words: Vec<&str> = OURS.to_vec();
    words.extend(about);
    words.extend(about.iter().flat_map(|text| text.split('@')));
    words
        .extend(about.iter().flat_map(|text| text.split(['@', '.', '-', '_', '+', ' '])).filter(|part| part.len() > 2));
    let found = zxcvbn(password.expose(), &words);
    if found.score() >= Score::Two {
        return Ok(());
    }
    let why = found.feedback().and_then(zxcvbn::feedback::Feedback::warning);
    let why = why.map_or_else(|| "it takes less than a million guesses".to_owned(), |warning| warning.to_string());
    Err(AuthError::Guessable(why.trim_end_matches('.').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Failure as _, Secret};

    fn code(password: &str) -> &'static str {
        let about = ["ada.lovelace@example.com", "Ada", "analytical-engines"];
        check(&Secret::new(password.to_owned()), &about).map_or_else(|e| e.code(), |()| "ok")
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(code("hjzqp7k"), "password_too_weak");
        assert_eq!(code(&"a long and unlikely phrase ".repeat(10)), "password_too_weak");
        assert_eq!(code("öqäzüpß8"), "ok");
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for common in [
            "password",
            "password1",
            "12345678",
            "123456789",
            "qwertyui",
            "iloveyou",
            "sunshine",
            "P@ssw0rd",
            "football1",
            "baseball",
            "trustno1",
            "superman",
            "aaaaaaaa",
            "abcdefgh",
            "11111111",
            "holdfast",
            "holdfast1",
            "ada.lovelace",
            "lovelace1",
            "example.com",
            "analytical-engines",
            "1qaz2wsx",
        ] {
            assert_eq!(code(common), "password_too_common", "{common}");
        }
    }

    #[test]
    fn no_kind_of_character_is_asked_for() {
        for phrase in ["a few unrelated words", "plumtreebicycleorbit", "ottersketchvelvetsky", "92618475039471"] {
            assert_eq!(code(phrase), "ok", "{phrase}");
        }
    }
}
