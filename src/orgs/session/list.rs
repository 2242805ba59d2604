//! One's own sign-ins, and ending them: sessions of browsers and logins of the command line.

use std::time::Duration;

use super::ENDED;
use crate::auth::store;
use crate::auth::{CredentialKind, SignedInAs};
use crate::db::Reader;
use crate::ledger::{Details, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::orgs::OrgError;
use crate::policy::PrincipalId;
use crate::types::{Id, Timestamp, kinds};

/// Sign-ins shown at most, the newest first.
const SHOWN_MAX: u32 = 500;

/// A sign-in of whoever asks.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// The sign-in.
    pub sign_in: SignedInAs,
    /// Whether the request was made with it.
    pub current: bool,
}

/// Whose sign-ins are meant, and of which organization; none: of all.
pub(super) struct Reach {
    pub(super) user: Id<kinds::User>,
    pub(super) organization: Option<Id<kinds::Organization>>,
    pub(super) current: Id<kinds::Credential>,
}

impl Reach {
    /// A session that opens every organization sees the sign-ins to every one; anything else those to its own.
    pub(super) fn of(op: &Op, reader: &Reader<'_>) -> Result<Self, OrgError> {
        let (_, own) = op.principal(reader)?;
        let PrincipalId::User(user) = own.id else { return Err(OrgError::PeopleOnly { what: "sessions" }) };
        let current = op.identity()?.credential;
        let found = store::credential_get(reader, current)?.ok_or(OpError::CredentialGone)?;
        let facts = store::sign_in_get(reader, current)?;
        let everywhere = found.kind == CredentialKind::Session && facts.is_some_and(|facts| facts.everywhere);
        Ok(Self { user, organization: (!everywhere).then_some(own.organization), current })
    }

    fn list(&self, reader: &Reader<'_>, idle: Duration, now: Timestamp) -> Result<Vec<SessionView>, OrgError> {
        let found = store::sign_in_list(reader, self.user, self.organization, now, SHOWN_MAX)?;
        let stands = |s: &SignedInAs| s.credential.kind != CredentialKind::Session || now.since(s.last_seen()) <= idle;
        let view = |sign_in: SignedInAs| SessionView { current: sign_in.credential.id == self.current, sign_in };
        Ok(found.into_iter().filter(|s| s.credential.id == self.current || stands(s)).map(view).collect())
    }
}

/// One's own sign-ins that stand, newest first; sessions that were not used for `idle` stand no more.
///
/// # Errors
/// A service account asks.
pub async fn session_list(op: &Op, idle: Duration) -> Result<Vec<SessionView>, OrgError> {
    op.read(|reader| Reach::of(op, reader)?.list(reader, idle, op.now())).await
}

/// What ended, or would end.
#[derive(Debug, Clone)]
pub struct Ended {
    /// How many sign-ins.
    pub ended: usize,
    /// Whether the one the request was made with is among them.
    pub current: bool,
}

/// Ends one of one's own sign-ins at once; with `dry_run` only says whether it is there.
///
/// # Errors
/// Unknown, somebody else's, or to an organization that this one does not open.
pub async fn session_end_one(op: &Op, id: Id<kinds::Credential>, dry_run: bool) -> Result<Ended, OrgError> {
    op.write(move |op, tx| {
        let reach = Reach::of(op, tx)?;
        let found = store::credential_get(tx, id)?.filter(|c| c.owner == PrincipalId::User(reach.user));
        let found = found.filter(|c| reach.organization.is_none_or(|only| only == c.organization));
        let found = found.filter(|c| c.revoked_at.is_none());
        let missing = || OrgError::not_found("session", id.to_string());
        found.ok_or_else(missing)?;
        store::sign_in_get(tx, id)?.ok_or_else(missing)?;
        if !dry_run && store::credential_revoke(tx, id, op.now())? {
            epoch_raise(tx)?;
            op.record(tx, op.event(ENDED, Outcome::Allowed).target(Target::new("credential", id)))?;
        }
        Ok(Ended { ended: 1, current: id == reach.current })
    })
    .await
}

/// Ends all of one's own sign-ins but the one that is asked with; with `dry_run` only says how many.
///
/// # Errors
/// A service account asks.
pub async fn session_end_others(op: &Op, idle: Duration, dry_run: bool) -> Result<Ended, OrgError> {
    op.write(move |op, tx| {
        let reach = Reach::of(op, tx)?;
        if dry_run {
            let all = reach.list(tx, idle, op.now())?;
            return Ok(Ended { ended: all.iter().filter(|view| !view.current).count(), current: false });
        }
        let ended = store::sign_in_end_all(tx, reach.user, reach.organization, Some(reach.current), op.now())?;
        if ended > 0 {
            epoch_raise(tx)?;
            let details = Details::new().with("ended", ended);
            op.record(tx, op.event(ENDED, Outcome::Allowed).details(details))?;
        }
        Ok(Ended { ended, current: false })
    })
    .await
}
