//! Invitations: somebody joins by their own act, with what whoever invited them may give at that moment.
//!
//! Invariants, and what each one stops:
//! - The inviter gives no more than they hold, when they invite and again when it is accepted: whoever lost a right
//!   cannot leave it behind in a link.
//! - A link that only the mailbox saw proves the mailbox, so a new person's password is their own everywhere. A link
//!   the inviter saw does not: the password set with it opens this organization only, and nobody can be made up
//!   elsewhere with it.
//! - Somebody who has a password gives that one, or is signed in: a link takes over nobody's account.
//! - A token works once, for thirty days at most; only a keyed hash of it is kept.
//! - Ownership is not promised: who signs in freshly gives it to a member.

mod accept;
mod create;
mod model;
mod store;

pub use accept::{Joined, invitation_accept, invitation_offer};
pub use create::{invitation_create, invitation_list, invitation_purge, invitation_revoke};
pub use model::{Accept, Ended, Invitation, InvitationView, Invite, Invited, Offer};

use std::time::Duration;

use crate::ledger::ActionName;

/// Longest life.
pub const LIFE_MAX: Duration = Duration::from_hours(30 * 24);
/// Life when none is said.
pub const LIFE: Duration = Duration::from_hours(7 * 24);
/// How long it is told what became of one.
pub const KEPT: Duration = Duration::from_hours(90 * 24);
/// Most invitations of an organization that can be accepted.
pub const OPEN_MAX: usize = 1_000;
/// Most teams of one.
pub const TEAMS_MAX: usize = 20;

/// Somebody joined with an invitation; denied: the password was wrong.
pub const ACCEPTED: ActionName = ActionName::new("invitation.accepted");
/// An invitation was taken back.
pub const REVOKED: ActionName = ActionName::new("invitation.revoked");
/// What is recorded of invitations that no permission is behind.
pub const ACTIONS: &[ActionName] = &[ACCEPTED, REVOKED];
