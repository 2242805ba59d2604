//! What happened to one's account lately: sign-ins, and what they are made with.

use super::own;
use crate::ledger::{self, EventFilter, Outcome};
use crate::op::Op;
use crate::orgs::OrgError;
use crate::types::{Limit, Timestamp};

/// Notices shown at most.
const SHOWN_MAX: usize = 50;
/// The newest events of each name that are looked for.
const OF_EACH: u32 = 15;
/// What somebody did with their own account.
const DONE: &[&str] = &[
    "session.created",
    "session.device_created",
    "session.ended",
    "session.refreshed",
    "account.password_changed",
    "account.password_reset",
    "account.password_refused",
    "account.factor_added",
    "account.factor_removed",
    "account.recovery_codes_made",
    "account.passkey_added",
    "account.passkey_removed",
    "account.passkey_enabled",
    "account.email_change_requested",
    "account.email_changed",
    "account.email_verified",
    "account.email_change_cancelled",
    "token.created",
    "token.revoked",
];
/// What was done to it by others.
const SUFFERED: &[&str] = &["session.failed", "user.recover", "account.passkey_disabled"];

/// Something that happened to an account.
#[derive(Debug, Clone)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// What, by the name it has in the ledger.
    pub action: String,
    /// Whether it came to pass.
    pub allowed: bool,
    /// From where.
    pub address: Option<String>,
    /// What the client called itself.
    pub device: Option<String>,
}

/// What happened to one's account in this organization lately, newest first.
///
/// # Errors
/// A service account asks; the database failed.
pub async fn notice_list(op: &Op) -> Result<Vec<Notice>, OrgError> {
    op.read(|reader| {
        let id = own(op, reader)?.id.to_string();
        let organization = Some(op.organization()?);
        let limit = Limit::parse(OF_EACH)?;
        let mut found = Vec::new();
        let done = DONE.iter().map(|action| (action, Some(id.clone()), None));
        let suffered = SUFFERED.iter().map(|action| (action, None, Some(id.clone())));
        for (action, actor, target) in done.chain(suffered) {
            let action = Some((*action).to_owned());
            let filter = EventFilter { organization, action, actor, target, ..EventFilter::default() };
            found.extend(ledger::list(reader, &filter, limit, None)?.items);
        }
        // A token is replaced every hour: that is told only where it went wrong.
        found.retain(|e| e.action != "session.refreshed" || e.outcome != Outcome::Allowed);
        found.sort_by_key(|event| std::cmp::Reverse(event.seq));
        found.truncate(SHOWN_MAX);
        let notice = |event: ledger::EventView| {
            let (address, device) = event.personal.map(|p| (p.address, p.user_agent)).unwrap_or_default();
            let allowed = event.outcome == Outcome::Allowed;
            Notice { at: event.at, action: event.action, allowed, address, device }
        };
        Ok(found.into_iter().map(notice).collect())
    })
    .await
}
