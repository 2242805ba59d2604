//! One-time links: a value or file for somebody outside, who has no account.
//!
//! Invariants, and what each one stops:
//! - The server never has the key: it is in the link's fragment, which browsers do not send. A stolen disk, a backup
//!   and an operator see ciphertext.
//! - A view is used up only by who shows the proof that comes with the key: an address alone (from a log, or the
//!   preview of a chat program) burns nothing, and asking whether a link is there changes nothing.
//! - The commit that takes the view away is on disk before the ciphertext leaves: a crash can lose a view, never give
//!   one twice. With the last view the ciphertext is gone from the file, too.
//! - Wrong proofs are counted at the link, and the tenth ends it: a passphrase cannot be tried for long.
//! - What has ended stays ended, whatever the clock says later.
//! - Unknown, used up, revoked, expired and of a deleted organization or a former member are one answer.
//! - The ledger has who made a link, and when it was opened, revoked or ended; never a note, proof or content.
//!
//! Making one asks for no permission: it gives away what its maker has in hand already, and for whatever comes out of
//! the vault that was asked there. People only; a machine has no business with people outside.
//!
//! It deliberately seals and opens nothing: clients do (`keys::link`).

mod create;
mod end;
mod error;
mod list;
mod model;
mod open;
mod store;
#[cfg(test)]
mod tests;

pub use create::link_create;
pub use end::{link_expire_due, link_purge, link_revoke};
pub use error::LinkError;
pub use list::link_list;
pub use model::{End, Link, LinkFacts, NewLink, Opened};
pub use open::{link_get, link_open};

use std::time::Duration;

use crate::ledger::ActionName;

/// Longest life.
pub const LIFE_MAX: Duration = Duration::from_hours(30 * 24);
/// Life when none is said.
pub const LIFE: Duration = Duration::from_hours(24);
/// Most views.
pub const VIEWS_MAX: u32 = 100;
/// Longest note, in characters.
pub const NOTE_MAX: usize = 100;
/// Most links of an organization that can still be opened.
pub const LINKS_MAX: usize = 1_000;
/// Most bytes of ciphertext an organization may have in them.
pub const BYTES_MAX: u64 = 100 << 20;
/// Wrong proofs that end a link.
pub const TRIES_MAX: u32 = 10;
/// How long it is told what became of a link.
pub const KEPT: Duration = Duration::from_hours(30 * 24);

/// A link was made.
pub const CREATED: ActionName = ActionName::new("link.created");
/// A link was opened; denied: somebody tried with another key or passphrase.
pub const OPENED: ActionName = ActionName::new("link.opened");
/// A link was revoked by its maker.
pub const REVOKED: ActionName = ActionName::new("link.revoked");
/// A link's time was over.
pub const EXPIRED: ActionName = ActionName::new("link.expired");
/// What is recorded of links.
pub const ACTIONS: &[ActionName] = &[CREATED, OPENED, REVOKED, EXPIRED];
