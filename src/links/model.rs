//! Links as types.

use std::time::Duration;

use super::{LIFE, LIFE_MAX, NOTE_MAX, VIEWS_MAX};
use crate::keys::link::{PROOF_LEN, SEALED_MAX, SEALED_MIN};
use crate::types::{Id, ParseError, Timestamp, kinds};

/// How a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last view was used.
    Opened,
    /// Its maker took it back.
    Revoked,
    /// Its time was over.
    Expired,
    /// Too many wrong keys or passphrases.
    Blocked,
}

impl End {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Blocked => "blocked",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Opened, Self::Revoked, Self::Expired, Self::Blocked].into_iter().find(|e| e.as_str() == text)
    }
}

/// A link, without its ciphertext and proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id, the last part of its address.
    pub id: Id<kinds::Link>,
    /// The tenant of its maker.
    pub organization: Id<kinds::Organization>,
    /// Who made it.
    pub created_by: Id<kinds::User>,
    /// What its maker calls it.
    pub note: String,
    /// Bytes of ciphertext it has, or had.
    pub size: u32,
    /// Whether a passphrase is needed besides the key.
    pub passphrase: bool,
    /// How often it could be opened.
    pub views: u32,
    /// How often it still can be.
    pub views_left: u32,
    /// Wrong proofs it still takes.
    pub tries_left: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it was opened last.
    pub opened_at: Option<Timestamp>,
    /// When and how it ended.
    pub end: Option<(Timestamp, End)>,
}

/// What anybody who has the address is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkFacts {
    /// Whether a passphrase is needed besides the key.
    pub passphrase: bool,
    /// How often it still can be opened.
    pub views_left: u32,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// What an opening gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What its maker sealed.
    pub ciphertext: Vec<u8>,
    /// How often it still can be opened.
    pub views_left: u32,
}

/// A link to be made.
pub struct NewLink {
    pub(super) note: String,
    pub(super) ciphertext: Vec<u8>,
    pub(super) proof: [u8; PROOF_LEN],
    pub(super) passphrase: bool,
    pub(super) views: u32,
    pub(super) expires_at: Timestamp,
}

impl NewLink {
    /// Checks what a client sends. `life` is a day when none is said, `views` one.
    ///
    /// # Errors
    /// A ciphertext or proof of no possible length; too many views, too long a life, a note that is none.
    pub fn parse(
        ciphertext: Vec<u8>,
        proof: &[u8],
        passphrase: bool,
        views: Option<u32>,
        life: Option<Duration>,
        note: Option<String>,
        now: Timestamp,
    ) -> Result<Self, ParseError> {
        if !(SEALED_MIN..=SEALED_MAX).contains(&ciphertext.len()) {
            return Err(ParseError::new("ciphertext", format!("must have {SEALED_MIN} to {SEALED_MAX} bytes")));
        }
        let proof = parse_proof(proof)?;
        let views = views.unwrap_or(1);
        if !(1..=VIEWS_MAX).contains(&views) {
            return Err(ParseError::new("views", format!("must be 1 to {VIEWS_MAX}")));
        }
        let life = life.unwrap_or(LIFE);
        if life.is_zero() || life > LIFE_MAX {
            return Err(ParseError::new("expiry", "must be ahead, and at most 30 days away"));
        }
        let note = note.unwrap_or_default();
        if note.chars().count() > NOTE_MAX || note.chars().any(char::is_control) {
            return Err(ParseError::new("note", format!("must have at most {NOTE_MAX} printable characters")));
        }
        Ok(Self { note, ciphertext, proof, passphrase, views, expires_at: now.plus(life) })
    }
}

/// Reads a proof.
///
/// # Errors
/// Another length.
pub(super) fn parse_proof(bytes: &[u8]) -> Result<[u8; PROOF_LEN], ParseError> {
    let wrong = || ParseError::new("proof", format!("must have {PROOF_LEN} bytes"));
    <[u8; PROOF_LEN]>::try_from(bytes).map_err(|_| wrong())
}
