//! Approvals: acts on an environment, a folder of it, or the organization itself, that wait until others said yes.
//!
//! Invariants, and what each one stops:
//! - The question is asked in the one write path and the one place a value is shown to a person: no way in goes around.
//!   A write that must wait fails, and what it wished is kept as a request: a caller that does not know approvals
//!   sees a conflict, never a success.
//! - Proposed values are sealed like stored ones, bound to their request, and gone when it ends: nobody sees through an
//!   approval what they may not read, and nothing is left to find.
//! - What was asked for is what is done: the versions it was made for are compared when it is decided, and a request
//!   whose target changed is stale for good.
//! - Nobody approves their own request, nor that of a service account they made; machines approve nothing; nobody counts
//!   twice, and who lost the right to decide before the last approval does not count.
//! - The change is made with the requester's rights of that moment, in the commit of the last approval.
//! - A rule is made stricter by whoever may protect the environment, and weaker only by who could override it: whom it
//!   holds back cannot lift it.
//! - An act on the organization is carried out by the room it belongs to, from what that room wrote when it was asked.
//! - A request that has ended stays ended, whatever the clock says later.
//!
//! It deliberately keeps nobody from using values: `secret.use` injects them, and a rule for `reveal` is about showing.

mod act;
mod ask;
mod decide;
mod error;
mod expire;
mod list;
mod model;
mod rule;
mod store;

pub(in crate::vault) use ask::{How, Proposal, aad, ask_change, ask_reveal, covering, may_reveal, withholds};
pub use ask::{Wait, ask_act, waits_for};
pub(in crate::vault) use decide::state_of;
pub use decide::{approval_approve, approval_comment, approval_override, approval_reject, approval_withdraw};
pub use error::ApprovalError;
pub use expire::{approval_expire_due, approval_purge};
pub use list::{ItemView, RequestView, approval_get, approval_list};
pub use model::{
    Act, ActWish, Acts, OrganizationAct, OrganizationRule, Request, RequestItem, RequestKind, RequestNote,
    RequestState, Rule, Verdict,
};
pub use rule::{
    RuleWish, organization_rule_list, organization_rule_remove, organization_rule_set, rule_list, rule_remove, rule_set,
};
pub(in crate::vault) use store::{ITEM, item};

use std::time::Duration;

use crate::ledger::ActionName;

/// Most approvals a rule may ask for.
pub const APPROVALS_MAX: u32 = 10;
/// Most rules of an environment.
pub const RULES_MAX: usize = 100;
/// How long a request stands when a rule does not say.
pub const LIFE: Duration = Duration::from_hours(3 * 24);
/// How long it may stand at most.
pub const LIFE_MAX: Duration = Duration::from_hours(30 * 24);
/// Most open requests of one requester.
pub const REQUESTS_MAX: usize = 100;
/// Most comments and verdicts of a request.
pub const NOTES_MAX: usize = 500;
/// How long a granted value may be shown.
pub const REVEAL_WINDOW: Duration = Duration::from_hours(1);
/// How long an ended request is told of.
pub const KEPT: Duration = Duration::from_hours(90 * 24);

/// Somebody wished what must wait.
pub const REQUESTED: ActionName = ActionName::new("approval.requested");
/// Somebody said something to a request.
pub const COMMENTED: ActionName = ActionName::new("approval.commented");
/// A requester gave a request up.
pub const WITHDRAWN: ActionName = ActionName::new("approval.withdrawn");
/// The last approval was given: the change is made, or the value may be shown.
pub const EXECUTED: ActionName = ActionName::new("approval.executed");
/// Nobody decided in time.
pub const EXPIRED: ActionName = ActionName::new("approval.expired");
/// What a request was about changed meanwhile.
pub const STALE: ActionName = ActionName::new("approval.stale");
/// What approvals record that no permission is behind; a decision is `approval.decide` or `governance.override`.
pub const ACTIONS: &[ActionName] = &[REQUESTED, COMMENTED, WITHDRAWN, EXECUTED, EXPIRED, STALE];
