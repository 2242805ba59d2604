//! A change of an address, and what is told of it.

use crate::auth::User;
use crate::types::{Email, Id, SecretString, Timestamp, kinds};

/// Whose link it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Of the address there is.
    Current,
    /// Of the address there shall be; of the only one where it is only to be confirmed.
    New,
}

impl Side {
    /// The word in answers and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::New => "new",
        }
    }
}

/// A change that is asked for.
#[derive(Debug, Clone)]
pub struct EmailChange {
    /// Whose address.
    pub user: Id<kinds::User>,
    /// Where it was asked for; none: by an instance operator.
    pub organization: Option<Id<kinds::Organization>>,
    /// The address there shall be.
    pub email: Email,
    /// Whether it is the address there is, to be confirmed only.
    pub only_verifies: bool,
    /// When the mailbox there is agreed.
    pub current_confirmed_at: Option<Timestamp>,
    /// When the mailbox there shall be agreed.
    pub new_confirmed_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when its links work.
    pub expires_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
}

impl EmailChange {
    /// Whether its links work.
    pub(super) fn stands(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && self.expires_at > now
    }

    /// When a side confirmed.
    pub const fn confirmed_at(&self, side: Side) -> Option<Timestamp> {
        match side {
            Side::Current => self.current_confirmed_at,
            Side::New => self.new_confirmed_at,
        }
    }

    /// Whether everybody agreed who is asked.
    pub(super) const fn is_agreed(&self) -> bool {
        self.new_confirmed_at.is_some() && (self.only_verifies || self.current_confirmed_at.is_some())
    }
}

/// One's own address.
#[derive(Debug, Clone)]
pub struct EmailState {
    /// Oneself.
    pub user: User,
    /// The change that waits, as far as whoever asks may know of it.
    pub change: Option<EmailChange>,
}

/// What a link is for.
#[derive(Debug, Clone)]
pub struct EmailOffer {
    /// Whose it is.
    pub side: Side,
    /// The address there is.
    pub current: Email,
    /// The change.
    pub change: EmailChange,
}

/// What came of confirming one side.
#[derive(Debug, Clone)]
pub struct EmailConfirmed {
    /// The person, as they are now.
    pub user: User,
    /// The change, as it is now.
    pub change: EmailChange,
    /// Whether it is done; else the other side is waited for.
    pub is_done: bool,
}

/// Both links of a change, to be handed over.
pub struct EmailLinks {
    /// For whom.
    pub user: User,
    /// The address they shall have.
    pub email: Email,
    /// The token of the side of the address there is; its page is `/email#token`.
    pub current: SecretString,
    /// The token of the other side.
    pub new: SecretString,
    /// Until when they work.
    pub expires_at: Timestamp,
}
