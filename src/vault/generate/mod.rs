//! Values nobody has to think up: random text, passphrases, key pairs, certificate signing requests.
//!
//! Invariants, and what each one stops:
//! - A recipe is checked when it is read: what can be drawn cannot be too long, too short or malformed.
//! - Every character, word and byte is drawn evenly (rejection, no remainder of a division): none is likelier than
//!   another, so the entropy a recipe claims is the entropy it has.
//! - Randomness is an argument, so that a test can give the same twice. The one exception are ECDSA keys: `ring`
//!   makes them from the operating system's generator only.
//! - What is drawn is [`SecretBytes`]; the public half of a pair is a text of its own, and the only part answered.
//!
//! It stores nothing and asks nobody's rights: that is `secret::write`, which draws while it plans.

mod age;
mod csr;
mod draw;
mod ssh;
mod text;

pub(in crate::vault) use age::identity as age_identity;
pub use csr::{Algorithm, Subject};
pub use draw::Fill;
pub use text::Alphabet;

use self::draw::Draw;
use crate::keys::KeyError;
use crate::types::{ParseError, SecretBytes};

/// Longest random text, in characters.
pub const LENGTH_MAX: usize = 4_096;
/// Most random bytes behind hex and base64.
pub const BYTES_MAX: usize = 4_096;
/// Fewest words of a passphrase: less can be guessed.
pub const WORDS_MIN: usize = 4;
/// Most words of a passphrase.
pub const WORDS_MAX: usize = 64;
/// Longest text between two words, in characters.
pub const SEPARATOR_MAX: usize = 8;
/// Longest comment of an SSH key, in characters.
pub const SSH_COMMENT_MAX: usize = 255;

/// What to draw, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Uuid,
    Random { length: usize, alphabet: Alphabet },
    Hex { bytes: usize },
    Base64 { bytes: usize, url_safe: bool },
    Passphrase { words: usize, separator: String },
    SshKey { comment: String },
    AgeKey,
    Csr(Subject),
}

/// What was drawn.
pub struct Generated {
    /// The value to keep secret.
    pub value: SecretBytes,
    /// What is told of it.
    pub told: Told,
}

/// What is told of a drawn value: nothing that helps to guess it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The recipe's kind: `random`, `ssh_key`.
    pub kind: &'static str,
    /// Random bits in the value, rounded down.
    pub bits: u32,
    /// The half that others get: a line for `authorized_keys`, an age recipient, a request in PEM.
    pub public: Option<String>,
}

impl Recipe {
    /// A UUID of version 4 (RFC 9562).
    pub const fn uuid() -> Self {
        Self(Kind::Uuid)
    }

    /// A text of `length` characters, each drawn from `alphabet`.
    ///
    /// # Errors
    /// No length from 1 to [`LENGTH_MAX`].
    pub fn random(length: usize, alphabet: Alphabet) -> Result<Self, ParseError> {
        within("length", length, 1, LENGTH_MAX)?;
        Ok(Self(Kind::Random { length, alphabet }))
    }

    /// Random bytes as lower-case hexadecimal digits.
    ///
    /// # Errors
    /// No number from 1 to [`BYTES_MAX`].
    pub fn hex(bytes: usize) -> Result<Self, ParseError> {
        within("bytes", bytes, 1, BYTES_MAX)?;
        Ok(Self(Kind::Hex { bytes }))
    }

    /// Random bytes as base64 with padding, or, `url_safe`, as base64url without (RFC 4648, sections 4 and 5).
    ///
    /// # Errors
    /// No number from 1 to [`BYTES_MAX`].
    pub fn base64(bytes: usize, url_safe: bool) -> Result<Self, ParseError> {
        within("bytes", bytes, 1, BYTES_MAX)?;
        Ok(Self(Kind::Base64 { bytes, url_safe }))
    }

    /// Words of the EFF's large list with `separator` between them.
    ///
    /// # Errors
    /// No number from [`WORDS_MIN`] to [`WORDS_MAX`]; a separator that is too long or has control characters.
    pub fn passphrase(words: usize, separator: String) -> Result<Self, ParseError> {
        within("words", words, WORDS_MIN, WORDS_MAX)?;
        printable("separator", &separator, SEPARATOR_MAX)?;
        Ok(Self(Kind::Passphrase { words, separator }))
    }

    /// An Ed25519 key pair in OpenSSH's format, the private key without a passphrase.
    ///
    /// # Errors
    /// A comment that is too long or has control characters.
    pub fn ssh_key(comment: String) -> Result<Self, ParseError> {
        printable("comment", &comment, SSH_COMMENT_MAX)?;
        Ok(Self(Kind::SshKey { comment }))
    }

    /// A key pair of age: an X25519 identity and its recipient.
    pub const fn age_key() -> Self {
        Self(Kind::AgeKey)
    }

    /// A private key in PKCS #8 and a certificate signing request (RFC 2986) for it.
    pub const fn csr(subject: Subject) -> Self {
        Self(Kind::Csr(subject))
    }

    /// The kind's word.
    pub const fn kind(&self) -> &'static str {
        match self.0 {
            Kind::Uuid => "uuid",
            Kind::Random { .. } => "random",
            Kind::Hex { .. } => "hex",
            Kind::Base64 { .. } => "base64",
            Kind::Passphrase { .. } => "passphrase",
            Kind::SshKey { .. } => "ssh_key",
            Kind::AgeKey => "age_key",
            Kind::Csr(_) => "csr",
        }
    }

    /// Draws a value, with randomness from `fill`.
    ///
    /// # Errors
    /// The generator failed.
    pub fn draw(&self, fill: &mut Fill<'_>) -> Result<Generated, KeyError> {
        let mut draw = Draw::new(fill);
        let (value, bits, public) = match &self.0 {
            Kind::Uuid => (text::uuid(&mut draw)?, text::UUID_BITS, None),
            Kind::Random { length, alphabet } => {
                (text::random(&mut draw, *length, alphabet)?, bits(*length, alphabet.len()), None)
            }
            Kind::Hex { bytes } => (text::hex(&mut draw, *bytes)?, bits(*bytes, 256), None),
            Kind::Base64 { bytes, url_safe } => (text::base64(&mut draw, *bytes, *url_safe)?, bits(*bytes, 256), None),
            Kind::Passphrase { words, separator } => {
                (text::passphrase(&mut draw, *words, separator)?, bits(*words, text::word_count()), None)
            }
            Kind::SshKey { comment } => ssh::pair(&mut draw, comment).map(|(v, p)| (v, bits(32, 256), Some(p)))?,
            Kind::AgeKey => age::pair(&mut draw).map(|(v, p)| (v, bits(32, 256), Some(p)))?,
            Kind::Csr(subject) => csr::request(&mut draw, subject).map(|(v, p)| (v, bits(32, 256), Some(p)))?,
        };
        Ok(Generated { value, told: Told { kind: self.kind(), bits, public } })
    }
}

fn within(what: &'static str, given: usize, least: usize, most: usize) -> Result<(), ParseError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(ParseError::new(what, format!("a number from {least} to {most}")))
}

fn printable(what: &'static str, text: &str, most: usize) -> Result<(), ParseError> {
    if text.chars().count() <= most && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ParseError::new(what, format!("at most {most} characters, none of them a control character")))
}

/// Bits of `draws` even choices among `of`, rounded down.
fn bits(draws: usize, of: usize) -> u32 {
    #[expect(clippy::cast_precision_loss, reason = "both are small")]
    let bits = draws as f64 * (of as f64).log2();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 32,768, never negative")]
    let bits = (bits + 1e-9) as u32;
    bits
}

#[cfg(test)]
mod tests;
