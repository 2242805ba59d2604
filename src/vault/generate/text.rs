//! Random text: identifiers, characters of an alphabet, encoded bytes, words.

use diceware_wordlists::Wordlist;
use zeroize::Zeroizing;

use super::draw::Draw;
use crate::keys::KeyError;
use crate::types::{ParseError, SecretBytes};

/// 128 bits without the four of the version and the two of the variant.
pub(super) const UUID_BITS: u32 = 122;

/// The characters a random text is made of: at least two, none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alphabet(Vec<char>);

impl Alphabet {
    /// Most characters of an alphabet.
    pub const MAX_LEN: usize = 256;

    /// `A-Z a-z 0-9`.
    pub fn alphanumeric() -> Self {
        Self(('A'..='Z').chain('a'..='z').chain('0'..='9').collect())
    }

    /// `A-Z a-z`.
    pub fn letters() -> Self {
        Self(('A'..='Z').chain('a'..='z').collect())
    }

    /// `0-9`.
    pub fn digits() -> Self {
        Self(('0'..='9').collect())
    }

    /// Alphanumeric without `0 O 1 I l`, which people mistake for one another.
    pub fn unambiguous() -> Self {
        let mut alphabet = Self::alphanumeric();
        alphabet.0.retain(|c| !"0O1Il".contains(*c));
        alphabet
    }

    /// Every printable ASCII character but space, quotes, backslash, backtick and `$`: it survives shells, `.env`
    /// files and YAML between quotes.
    pub fn symbols() -> Self {
        Self(('!'..='~').filter(|c| !"\"'\\`$".contains(*c)).collect())
    }

    /// These characters.
    ///
    /// # Errors
    /// Fewer than two, more than [`Alphabet::MAX_LEN`], one twice, or a control character.
    pub fn parse(characters: &str) -> Result<Self, ParseError> {
        let all: Vec<char> = characters.chars().take(Self::MAX_LEN + 1).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        let doubled = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        if (2..=Self::MAX_LEN).contains(&all.len()) && !doubled && !all.iter().any(|c| c.is_control()) {
            return Ok(Self(all));
        }
        Err(ParseError::new("alphabet", "2 to 256 characters, none twice, none a control character"))
    }

    /// How many characters it has.
    #[expect(clippy::len_without_is_empty, reason = "an alphabet is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Words of the passphrase list.
pub(super) fn word_count() -> usize {
    words().len()
}

fn words() -> &'static [&'static str] {
    Wordlist::EffLong.get_list()
}

pub(super) fn uuid(draw: &mut Draw<'_, '_>) -> Result<SecretBytes, KeyError> {
    let bytes = draw.bytes::<16>()?;
    let mut text = Zeroizing::new([0; uuid::fmt::Hyphenated::LENGTH]);
    uuid::Builder::from_random_bytes(*bytes).into_uuid().hyphenated().encode_lower(&mut *text);
    Ok(SecretBytes::new(text.to_vec()))
}

pub(super) fn random(draw: &mut Draw<'_, '_>, length: usize, alphabet: &Alphabet) -> Result<SecretBytes, KeyError> {
    // Room for the longest characters: a text that grows leaves copies behind.
    let mut text = String::with_capacity(length * 4);
    for _ in 0..length {
        text.push(*draw.one(&alphabet.0)?);
    }
    Ok(SecretBytes::new(text.into_bytes()))
}

pub(super) fn hex(draw: &mut Draw<'_, '_>, bytes: usize) -> Result<SecretBytes, KeyError> {
    encoded(draw, bytes, data_encoding::HEXLOWER)
}

pub(super) fn base64(draw: &mut Draw<'_, '_>, bytes: usize, url_safe: bool) -> Result<SecretBytes, KeyError> {
    use data_encoding::{BASE64, BASE64URL_NOPAD};
    encoded(draw, bytes, if url_safe { BASE64URL_NOPAD } else { BASE64 })
}

fn encoded(draw: &mut Draw<'_, '_>, bytes: usize, encoding: data_encoding::Encoding) -> Result<SecretBytes, KeyError> {
    let mut raw = Zeroizing::new(vec![0; bytes]);
    draw.fill_all(&mut raw)?;
    Ok(SecretBytes::new(encoding.encode(&raw).into_bytes()))
}

pub(super) fn passphrase(draw: &mut Draw<'_, '_>, count: usize, separator: &str) -> Result<SecretBytes, KeyError> {
    let longest = words().iter().map(|w| w.len()).max().unwrap_or(0);
    let mut text = String::with_capacity(count * (longest + separator.len()));
    for index in 0..count {
        if index > 0 {
            text.push_str(separator);
        }
        text.push_str(draw.one(words())?);
    }
    Ok(SecretBytes::new(text.into_bytes()))
}
