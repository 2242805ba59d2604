//! Rules and requests as types.

use std::time::Duration;

use crate::orgs::environment::Placed;
use crate::policy::{Action, PrincipalId, Resource};
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

/// Something of the organization itself that may have to wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationAct {
    /// One of its policies is saved, rolled back or deleted.
    Policy,
    /// Its key is replaced.
    Rotation,
}

impl OrganizationAct {
    /// Every one, in the order they are told.
    pub const ALL: [Self; 2] = [Self::Policy, Self::Rotation];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Rotation => "rotation",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|a| a.as_str() == text);
        found.ok_or_else(|| ParseError::new("act", "must be policy or rotation"))
    }

    /// The right it takes to do it.
    pub(super) const fn action(self) -> Action {
        match self {
            Self::Policy => Action::PolicyManage,
            Self::Rotation => Action::KeyRotate,
        }
    }
}

/// That an act on the organization itself waits for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRule {
    /// Its id.
    pub id: Id<kinds::ApprovalRule>,
    /// The act.
    pub act: OrganizationAct,
    /// How many others must approve.
    pub approvals: u32,
    /// How long a request stands.
    pub life: Duration,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// What a request about the organization would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActWish {
    /// `save`, `delete` or `rotate`.
    pub action: &'static str,
    /// The policy's name, or what the key is of.
    pub subject: String,
    /// Exactly what is there now; empty for nothing.
    pub base: String,
    /// The version of that; 0: there is none.
    pub base_version: u32,
    /// What is carried out, for whoever carries it out.
    pub wish: String,
    /// The same for people.
    pub diff: String,
}

/// Where a request belongs.
#[derive(Debug, Clone)]
pub(in crate::vault) enum Scope {
    /// An environment.
    Environment(Box<Placed>),
    /// The organization, and how it is called.
    Organization(Id<kinds::Organization>, String),
}

impl Scope {
    /// An environment.
    pub(super) fn of(placed: Placed) -> Self {
        Self::Environment(Box::new(placed))
    }

    /// The facts of it.
    pub(super) fn resource(&self) -> Resource {
        match self {
            Self::Environment(placed) => placed.resource(),
            Self::Organization(id, _) => Resource::organization(*id),
        }
    }

    /// How it is called.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Environment(placed) => placed.path(),
            Self::Organization(_, slug) => slug.clone(),
        }
    }

    /// Its organization.
    pub(super) const fn organization(&self) -> Id<kinds::Organization> {
        match self {
            Self::Environment(placed) => placed.environment.organization,
            Self::Organization(id, _) => *id,
        }
    }

    /// The environment, where it is one.
    pub(super) const fn environment(&self) -> Option<Id<kinds::Environment>> {
        match self {
            Self::Environment(placed) => Some(placed.environment.id),
            Self::Organization(..) => None,
        }
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Names are written or deleted when the last approval is given.
    Change,
    /// A value may be shown for a while.
    Reveal,
    /// Something of the organization itself is done when the last approval is given.
    Act(OrganizationAct),
}

impl RequestKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Reveal => "reveal",
            Self::Act(act) => act.as_str(),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let acts = OrganizationAct::ALL.into_iter().map(Self::Act);
        [Self::Change, Self::Reveal].into_iter().chain(acts).find(|k| k.as_str() == text)
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
    /// The environment it is about; none: the organization.
    pub environment: Option<Id<kinds::Environment>>,
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
    /// Until when the values of a change shall be good, where that was said with them.
    pub good_until: Option<Timestamp>,
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
