//! Rules and requests as types.

use std::time::Duration;

use crate::policy::PrincipalId;
use crate::types::{Id, ParseError, Timestamp, kinds};
use crate::vault::model::{FolderPath, SecretName, Visibility};

/// Something a rule may make wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A new value, or hiding an inherited one.
    Write,
    /// A name that goes.
    Delete,
    /// A value shown to a person.
    Reveal,
}

impl Act {
    /// Every one, in the order they are told.
    pub const ALL: [Self; 3] = [Self::Write, Self::Delete, Self::Reveal];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Reveal => "reveal",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == text)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of acts, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acts(u8);

impl Acts {
    /// These acts.
    ///
    /// # Errors
    /// None is named, or one that is none.
    pub fn parse<T: AsRef<str>>(names: &[T]) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("acts", "must be some of write, delete and reveal");
        let read = |name: &T| Act::parse(name.as_ref()).ok_or_else(wrong);
        let bits = names.iter().map(read).try_fold(0, |all, act| act.map(|a| all | a.bit()))?;
        if bits == 0 { Err(wrong()) } else { Ok(Self(bits)) }
    }

    /// Whether it is one of them.
    pub const fn contains(self, act: Act) -> bool {
        self.0 & act.bit() != 0
    }

    /// Whether all of `other` are among them.
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The words.
    pub fn names(self) -> Vec<&'static str> {
        Act::ALL.into_iter().filter(|a| self.contains(*a)).map(Act::as_str).collect()
    }
}

/// That acts on a folder of an environment, and beneath it, wait for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: Id<kinds::ApprovalRule>,
    /// The environment.
    pub environment: Id<kinds::Environment>,
    /// The folder; `/` is all of it.
    pub path: FolderPath,
    /// The acts.
    pub acts: Acts,
    /// How many others must approve.
    pub approvals: u32,
    /// How long a request stands.
    pub life: Duration,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Names are written or deleted when the last approval is given.
    Change,
    /// A value may be shown for a while.
    Reveal,
}

impl RequestKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Reveal => "reveal",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Change, Self::Reveal].into_iter().find(|k| k.as_str() == text)
    }
}

/// What has become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// It waits.
    Open,
    /// The change was made.
    Executed,
    /// The value may be shown.
    Granted,
    /// Somebody said no.
    Rejected,
    /// The requester gave it up.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
    /// What it was about changed meanwhile.
    Stale,
}

impl RequestState {
    const ALL: [Self; 7] =
        [Self::Open, Self::Executed, Self::Granted, Self::Rejected, Self::Withdrawn, Self::Expired, Self::Stale];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Executed => "executed",
            Self::Granted => "granted",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Stale => "stale",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let words = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|s| s.as_str() == text);
        found.ok_or_else(|| ParseError::new("state", format!("must be one of {}", words())))
    }
}

/// A request, without its items and what was said to it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its id.
    pub id: Id<kinds::Approval>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// The environment it is about.
    pub environment: Id<kinds::Environment>,
    /// What for.
    pub kind: RequestKind,
    /// Who asks.
    pub requester: PrincipalId,
    /// The credential they asked with.
    pub credential: Id<kinds::Credential>,
    /// Whether others may refer to what is deleted.
    pub force: bool,
    /// How many others must approve.
    pub approvals: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
    /// What has become of it.
    pub state: RequestState,
    /// When that was.
    pub ended_at: Option<Timestamp>,
    /// Until when a granted reveal may be used.
    pub usable_until: Option<Timestamp>,
}

/// What a request would do to one name.
#[derive(Debug, Clone)]
pub struct RequestItem {
    /// The secret that is there; none for a new name.
    pub secret: Option<Id<kinds::SecretRow>>,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// `add`, `change`, `delete`, `unset` or `reveal`.
    pub action: String,
    /// The version it was made for; 0: there was none.
    pub base_version: u32,
    /// Who may see the proposed value.
    pub visibility: Visibility,
    /// Whether `${` begins a reference in it.
    pub interpolate: bool,
    /// What its writer says.
    pub comment: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The proposed value, sealed; none where there is none, or when the request has ended.
    pub(super) ciphertext: Option<Vec<u8>>,
    /// Keyed MAC of the proposed value.
    pub(in crate::vault) value_tag: Vec<u8>,
}

/// What somebody decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// Without waiting for the others.
    Override,
}

impl Verdict {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Override => "override",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Approve, Self::Reject, Self::Override].into_iter().find(|v| v.as_str() == text)
    }
}

/// What somebody said to a request.
#[derive(Debug, Clone)]
pub struct RequestNote {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub user: Id<kinds::User>,
    /// What they decided; none for a comment.
    pub verdict: Option<Verdict>,
    /// In words.
    pub comment: String,
}

/// Longest comment, in characters.
const NOTE_MAX: usize = 1_000;

/// Reads a comment or a reason.
///
/// # Errors
/// Too long, or not printable.
pub(super) fn parse_note(text: Option<String>) -> Result<String, ParseError> {
    let text = text.unwrap_or_default();
    let control = text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if control || text.chars().count() > NOTE_MAX {
        return Err(ParseError::new("comment", format!("must have at most {NOTE_MAX} printable characters")));
    }
    Ok(text)
}
