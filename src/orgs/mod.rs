//! Organizations, people in them, projects and the tree of environments, and who was given what where.
//!
//! Invariants, and what each one stops:
//! - Every row belongs to one organization, and every lookup starts from the one the credential opens: another
//!   organization's id answers like an unknown one.
//! - A tree has no circle and is at most eight deep; a child's parent is of the same project.
//! - Beneath a closed environment nothing is made, moved or restored: its values cannot be drawn out by a child.
//! - Nobody gives more than they hold, and the last owner stays: an organization can neither be taken nor orphaned.
//! - Whatever changes a right, a credential or a place in the tree raises the authorization epoch in its commit.
//! - A password somebody else set opens only the organization it was set in: its administrators cannot become a
//!   member elsewhere.
//! - A token mints nothing wider than itself: no later step-up, no other networks, for a personal one no longer life.
//! - What is deleted stays whole until its date, and its slug stays taken: nothing else can answer to its name.
//!
//! It knows no secret: what a change of the tree means for values is computed in `vault`.

pub mod access;
pub mod account;
pub mod deletion;
pub mod device;
pub mod email;
pub mod environment;
mod error;
pub mod grant;
pub mod invitation;
pub mod member;
pub mod organization;
pub mod past;
pub mod project;
pub mod reset;
pub mod role;
pub mod service_account;
pub mod session;
pub mod setup;
pub mod team;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod token;
pub mod user;

pub use error::OrgError;

use crate::ledger::ActionName;

/// The names of what is recorded here that are no permissions, one list per feature.
pub const ACTIONS: &[&[ActionName]] = &[
    setup::ACTIONS,
    session::ACTIONS,
    device::ACTIONS,
    token::ACTIONS,
    deletion::ACTIONS,
    invitation::ACTIONS,
    reset::ACTIONS,
    account::ACTIONS,
    email::ACTIONS,
];
