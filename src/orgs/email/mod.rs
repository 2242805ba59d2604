//! Whose an address is: confirming one's own, and changing it with the consent of both mailboxes.
//!
//! Invariants, and what each one stops:
//! - An address changes only after a link of the new one and a link of the current one were confirmed: whoever sits at a
//!   session that is not theirs, or reads one of two mailboxes, moves no account. Either side stops it.
//! - Asking is for people, with a fresh sign-in by a password of their own, and once a minute: a token cannot begin it,
//!   nor an administrator who set a password, and nobody's mailbox is filled by it.
//! - A wish for an address that somebody has already is answered and kept alike; the mail to it carries no link. Nobody
//!   learns who is here, and it cannot be completed.
//! - Looking at a link changes nothing: what opens links in mails before people do confirms nothing.
//! - A link works for a day, until it was done or stopped, and until the next wish; keyed hashes of the tokens are kept.
//! - An address counts as confirmed by a mailed link only. What an operator handed over shows nothing about a mailbox.
//! - A changed address voids the link for a new password that went to the old one, and the old one is told.
//! - Addresses are in what of an event can be erased, never in its details.
//!
//! It deliberately ends no sign-in: the password is the same. Nor does anything depend on a confirmed address yet.

mod confirm;
mod letter;
mod model;
mod request;
mod store;

pub use confirm::{email_change_cancel, email_change_confirm, email_change_offer, email_change_withdraw, email_get};
pub use model::{EmailChange, EmailConfirmed, EmailLinks, EmailOffer, EmailState, Side};
pub use request::{email_change_links, email_change_request};

use std::time::Duration;

use crate::ledger::ActionName;
use crate::types::SecretString;

/// Somebody asked for another address, or to confirm theirs; denied: too early, or not signed in so that they may.
pub const REQUESTED: ActionName = ActionName::new("account.email_change_requested");
/// One side confirmed, and the other has not yet; denied: the link is not valid.
pub const CONFIRMED: ActionName = ActionName::new("account.email_change_confirmed");
/// Either side stopped it, or whoever asked took it back; denied: the link is not valid.
pub const CANCELLED: ActionName = ActionName::new("account.email_change_cancelled");
/// Somebody has another address; denied: somebody else has it meanwhile.
pub const CHANGED: ActionName = ActionName::new("account.email_changed");
/// Somebody's address is theirs.
pub const VERIFIED: ActionName = ActionName::new("account.email_verified");
/// What is recorded here.
pub const ACTIONS: &[ActionName] = &[REQUESTED, CONFIRMED, CANCELLED, CHANGED, VERIFIED];

/// How long links work.
pub const LIFE: Duration = Duration::from_hours(24);
/// How long after one wish the next one may come.
pub const MAIL_EVERY: Duration = Duration::from_mins(1);

/// The address of the page that takes a token: in its fragment, which browsers do not send.
pub fn link(server: &str, token: &SecretString) -> SecretString {
    SecretString::new(format!("{server}/email#{}", token.expose()))
}
