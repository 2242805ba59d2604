//! Bearer tokens: `hf_<kind>_<public id>_<secret><crc>`.
//!
//! The secret is 43 random characters of base62 (256 bits), the public id 16 of base32 (80 bits) by which the row is
//! found, the CRC-32 (ISO 3309) of everything before it 6 of base62: it tells a typing error from a wrong token
//! without a look into the database, and lets a scanner recognise a leak offline. Only a keyed hash is stored.

use std::fmt;

use super::mac::{Mac, MacKey, MacPurpose};
use super::{KeyError, random};
use crate::types::{Class, Failure, SecretString};

const PREFIX: &str = "hf_";
const PUBLIC_LEN: usize = 16;
/// 62^43 is more than 2^256.
const SECRET_LEN: usize = 43;
const CRC_LEN: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Crockford's, as in ids: no letter that reads like a digit.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// `pat`: a person's own.
    Personal,
    /// `sa`: a key of a service account.
    ServiceAccount,
    /// `cli`: of a login on a machine.
    Cli,
    /// `fed`: exchanged for another issuer's proof.
    Federated,
    /// `shr`: opens one share.
    Share,
    /// `set`: sets the instance up, once.
    Setup,
    /// `rst`: sets a new password, once.
    Reset,
    /// `inv`: joins an organization, once.
    Invitation,
    /// `ses`: of a sign-in with a browser; comes in a cookie only.
    Session,
    /// `dev`: asks whether a login was confirmed elsewhere.
    Device,
    /// `ref`: replaces the token of a login.
    Refresh,
    /// `eml`: confirms or takes back a change of an address, once.
    Email,
}

impl TokenKind {
    const ALL: [Self; 12] = [
        Self::Personal,
        Self::ServiceAccount,
        Self::Cli,
        Self::Federated,
        Self::Share,
        Self::Setup,
        Self::Reset,
        Self::Invitation,
        Self::Session,
        Self::Device,
        Self::Refresh,
        Self::Email,
    ];

    /// The letters in the token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "pat",
            Self::ServiceAccount => "sa",
            Self::Cli => "cli",
            Self::Federated => "fed",
            Self::Share => "shr",
            Self::Setup => "set",
            Self::Reset => "rst",
            Self::Invitation => "inv",
            Self::Session => "ses",
            Self::Device => "dev",
            Self::Refresh => "ref",
            Self::Email => "eml",
        }
    }

    /// Reads the letters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The part of a token by which its row is found: 16 characters. Not secret; fit for logs and lists.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicId([u8; PUBLIC_LEN]);

impl PublicId {
    /// The characters.
    pub fn as_str(&self) -> &str {
        // Made of the alphabet only, which is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Reads one, as stored.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = <[u8; PUBLIC_LEN]>::try_from(text.as_bytes()).ok()?;
        bytes.iter().all(|b| BASE32.contains(b)).then_some(Self(bytes))
    }

    fn generate() -> Result<Self, KeyError> {
        Ok(Self(random::<PUBLIC_LEN>()?.map(|byte| BASE32[usize::from(byte & 31)])))
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no token of ours. Never says what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not look like one of ours.
    #[error("this is not a Holdfast token")]
    NotOurs,
    /// The end is missing.
    #[error("the token is incomplete: its end is missing")]
    Truncated,
    /// A character differs.
    #[error("the token is mistyped: its checksum is wrong")]
    ChecksumWrong,
}

impl Failure for TokenError {
    fn class(&self) -> Class {
        Class::Unauthenticated
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotOurs => "token_malformed",
            Self::Truncated => "token_truncated",
            Self::ChecksumWrong => "token_checksum_wrong",
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotOurs => "give a token that begins with hf_, whole and without quotes".to_owned(),
            Self::Truncated | Self::ChecksumWrong => "copy the whole token again, or make a new one".to_owned(),
        }
    }
}

/// A new token, whole: shown once and never stored.
pub struct PlainToken {
    text: SecretString,
    kind: TokenKind,
    public: PublicId,
}

impl PlainToken {
    /// A new random token.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate(kind: TokenKind) -> Result<Self, KeyError> {
        let public = PublicId::generate()?;
        let mut text = String::with_capacity(full_len(kind));
        for part in [PREFIX, kind.as_str(), "_", public.as_str(), "_"] {
            text.push_str(part);
        }
        push_secret(&mut text)?;
        let crc = checksum(text.as_bytes());
        text.extend(crc.iter().map(|b| char::from(*b)));
        Ok(Self { text: SecretString::new(text), kind, public })
    }

    /// Reads a token. Looks at nothing but the text and keeps no copy.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn parse(text: &str) -> Result<ParsedToken<'_>, TokenError> {
        let (kind, rest) = text.strip_prefix(PREFIX).and_then(|r| r.split_once('_')).ok_or(TokenError::NotOurs)?;
        let kind = TokenKind::parse(kind).ok_or(TokenError::NotOurs)?;
        let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if text.len() > full_len(kind) || !rest.bytes().all(alphabet) {
            return Err(TokenError::NotOurs);
        }
        if text.len() < full_len(kind) {
            return Err(TokenError::Truncated);
        }
        let (body, crc) = text.as_bytes().split_at(text.len() - CRC_LEN);
        if checksum(body) != crc {
            return Err(TokenError::ChecksumWrong);
        }
        let (public, secret) = rest.split_once('_').ok_or(TokenError::NotOurs)?;
        let public = PublicId::parse(public).ok_or(TokenError::NotOurs)?;
        if secret.len() != SECRET_LEN + CRC_LEN || secret.contains('_') {
            return Err(TokenError::NotOurs);
        }
        Ok(ParsedToken { text, kind, public })
    }

    /// The text. Whoever calls this shows it to its owner, once, and to nobody else.
    pub fn expose_text(&self) -> &str {
        self.text.expose()
    }

    /// What it is for.
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// By what its row is found.
    pub const fn public_id(&self) -> PublicId {
        self.public
    }

    /// What is stored of it, under the key of the organization (or, for a setup token, the instance) it is of.
    pub fn hash(&self, key: &MacKey) -> TokenHash {
        hash(key, self.text.expose())
    }
}

/// A token somebody presented: well-formed, and not yet more than that.
pub struct ParsedToken<'a> {
    text: &'a str,
    kind: TokenKind,
    public: PublicId,
}

impl ParsedToken<'_> {
    /// What it says it is for.
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// By what its row is found.
    pub const fn public_id(&self) -> PublicId {
        self.public
    }

    /// What the stored hash must equal.
    pub fn hash(&self, key: &MacKey) -> TokenHash {
        hash(key, self.text)
    }
}

impl fmt::Debug for ParsedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParsedToken({PREFIX}{}_{}_…)", self.kind.as_str(), self.public)
    }
}

/// The keyed hash of a token: what is stored. Compared in constant time only.
#[derive(Clone, Copy)]
pub struct TokenHash(Mac);

impl TokenHash {
    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether `stored` is the hash of the same token; in constant time.
    pub fn verify(&self, stored: &[u8]) -> bool {
        self.0.verify(stored)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

const fn full_len(kind: TokenKind) -> usize {
    PREFIX.len() + kind.as_str().len() + 1 + PUBLIC_LEN + 1 + SECRET_LEN + CRC_LEN
}

fn hash(key: &MacKey, text: &str) -> TokenHash {
    TokenHash(key.mac(MacPurpose::Token, &[text.as_bytes()]))
}

/// Appends the secret characters, each of the 62 equally likely.
fn push_secret(text: &mut String) -> Result<(), KeyError> {
    let full = text.len() + SECRET_LEN;
    // A byte is refused with probability 8/256: 64 usually do, and 100 rounds never run out.
    for _ in 0..100 {
        let bytes = zeroize::Zeroizing::new(random::<64>()?);
        for byte in bytes.iter().filter(|b| **b < 248) {
            if text.len() == full {
                return Ok(());
            }
            text.push(char::from(BASE62[usize::from(byte % 62)]));
        }
    }
    if text.len() == full { Ok(()) } else { Err(KeyError::Randomness) }
}

fn checksum(body: &[u8]) -> [u8; CRC_LEN] {
    let mut crc = crc32fast::hash(body);
    let mut out = [0; CRC_LEN];
    for slot in out.iter_mut().rev() {
        *slot = BASE62[usize::try_from(crc % 62).unwrap_or(0)];
        crc /= 62;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_reads_back_and_verifies() {
        let key = MacKey::new(&[1; 32]);
        for kind in TokenKind::ALL {
            let token = PlainToken::generate(kind).unwrap();
            let parsed = PlainToken::parse(token.expose_text()).unwrap();
            assert_eq!((parsed.kind(), parsed.public_id()), (kind, token.public_id()));
            assert_eq!(token.expose_text().len(), full_len(kind));
            assert!(parsed.hash(&key).verify(token.hash(&key).as_bytes()));
            assert!(!parsed.hash(&MacKey::new(&[2; 32])).verify(token.hash(&key).as_bytes()));
            assert_eq!(PublicId::parse(token.public_id().as_str()), Some(token.public_id()));
        }
    }

    #[test]
    fn every_truncation_is_an_error_and_none_shows_the_secret() {
        let token = PlainToken::generate(TokenKind::Personal).unwrap();
        let text = token.expose_text();
        for len in 0..text.len() {
            let error = PlainToken::parse(&text[..len]).unwrap_err();
            assert_eq!(error == TokenError::Truncated, len > "hf_pat".len(), "{len}");
        }
        assert_eq!(PlainToken::parse(&format!("{text}0")).unwrap_err(), TokenError::NotOurs);
        let shown = format!("{:?}", PlainToken::parse(text).unwrap());
        assert!(shown.contains(token.public_id().as_str()) && !shown.contains(&text[24..]), "{shown}");
    }

    proptest! {
        #[test]
        fn any_other_character_anywhere_is_refused(at in 0_usize..73, other: char) {
            let token = PlainToken::generate(TokenKind::Personal).unwrap();
            let text: Vec<char> = token.expose_text().chars().collect();
            prop_assume!(text[at] != other);
            let mut changed = text;
            changed[at] = other;
            let changed: String = changed.into_iter().collect();
            prop_assert!(PlainToken::parse(&changed).is_err());
        }

        #[test]
        fn any_text_is_a_token_or_an_error(text in "(hf_)?(pat|sa|set)?_?[0-9a-zA-Z_\u{e9}]{0,90}") {
            prop_assert!(PlainToken::parse(&text).is_err());
        }
    }
}
