//! One's own tokens, which need no permission: they can never do more than their owner.

use std::time::Duration;

use super::{OrgError, access};
use crate::auth::credential::{self, Listed, Minted, Wishes};
use crate::auth::{self, AuthError, Credential, CredentialKind, NewCredential};
use crate::db::Reader;
use crate::ledger::{ActionName, Details, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::policy::PrincipalId;
use crate::types::{Cursor, Id, Limit, Page, ParseError, Timestamp, kinds};

/// A personal token was made.
pub const CREATED: ActionName = ActionName::new("token.created");
/// A token was revoked by its owner.
pub const REVOKED: ActionName = ActionName::new("token.revoked");
/// Tokens whose time was over were voided.
pub const EXPIRED: ActionName = ActionName::new("job.expire_tokens");
/// What is recorded of tokens that no permission is behind.
pub const ACTIONS: &[ActionName] = &[CREATED, REVOKED, EXPIRED];

/// Most credentials of one owner in an organization that are not void.
pub const TOKENS_MAX: usize = 1_000;
/// How long a token stays as freshly signed in as the one that minted it, at most.
const STEPPED_UP_MAX: Duration = Duration::from_hours(24);

/// Whether a principal may have one more credential.
///
/// # Errors
/// [`OrgError::TooMany`].
pub(super) fn require_room(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    owner: &PrincipalId,
) -> Result<(), OrgError> {
    if auth::store::credential_count(reader, organization, owner)? < TOKENS_MAX {
        Ok(())
    } else {
        Err(OrgError::TooMany { what: "token", max: TOKENS_MAX })
    }
}

/// Mints a personal token for whoever asks. It is no wider than the credential it is asked with: not longer stepped
/// up, not from other networks, and a personal token mints none that outlives it.
///
/// # Errors
/// A service account asks; the wishes are wider; there are too many.
pub async fn token_create(op: &Op, wishes: Wishes) -> Result<Minted, OrgError> {
    op.write(move |op, tx| {
        let (_, own) = op.principal(tx)?;
        let event = op.event(CREATED, Outcome::Allowed);
        if op.is_machine() {
            op.refuse(&event, "people_only");
            return Err(OrgError::PeopleOnly { what: "personal tokens" });
        }
        let with = auth::store::credential_get(tx, op.identity()?.credential)?.ok_or(OpError::CredentialGone)?;
        if access::lacks_factor(tx, &with, own.organization)? {
            op.refuse(&event, "second_factor_missing");
            return Err(AuthError::FactorMissing.into());
        }
        let new = NewCredential { organization: own.organization, ..narrowed(op.now(), &with, own.id, wishes)? };
        require_room(tx, own.organization, &own.id)?;
        let minted = credential::mint(tx, op.keyring(), new, op.now())?;
        epoch_raise(tx)?;
        let made = &minted.credential;
        let details = Details::new().with("expires_at", made.expires_at).with("cidrs", made.cidrs.to_texts());
        op.record(tx, event.target(Target::new("credential", made.id)).details(details))?;
        Ok(minted)
    })
    .await
}

/// What is wished for, within what the minting credential is.
fn narrowed(now: Timestamp, with: &Credential, owner: PrincipalId, wishes: Wishes) -> Result<NewCredential, OrgError> {
    let ends = if with.kind == CredentialKind::Personal { with.expires_at } else { None };
    let expires_at = match (wishes.expires_at, ends) {
        (Some(asked), Some(most)) if asked > most => {
            let problem = format!("this token ends at {most}, and mints none that outlives it; sign in to make one");
            return Err(ParseError::new("expiry", problem).into());
        }
        (asked, most) => asked.or(most),
    };
    let cidrs = if wishes.cidrs.is_anywhere() { with.cidrs.clone() } else { wishes.cidrs };
    if !cidrs.are_within(&with.cidrs) {
        return Err(ParseError::new("cidrs", "must be inside the networks of the token it is made with").into());
    }
    let fresh = with.stepped_up_until.filter(|until| *until > now);
    let stepped_up_until = match (fresh, wishes.stepped_up) {
        // One that was not asked to be is not: whoever copies it shows no protected value with it.
        (_, None) => None,
        (None, Some(_)) => return Err(OpError::StepUp.into()),
        // A sign-in that is fresh says how long; a token only hands on what it has.
        (Some(_), Some(wished)) if with.kind != CredentialKind::Personal => Some(now.plus(wished.min(STEPPED_UP_MAX))),
        (Some(until), Some(wished)) => Some(until.min(now.plus(wished.min(STEPPED_UP_MAX)))),
    };
    Ok(NewCredential {
        organization: with.organization,
        kind: CredentialKind::Personal,
        owner,
        name: wishes.name,
        expires_at,
        cidrs,
        stepped_up_until,
    })
}

/// A page of one's own credentials in this organization, newest first.
///
/// # Errors
/// Nobody is known.
pub async fn token_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<Listed>, OrgError> {
    op.read(|reader| {
        let (_, own) = op.principal(reader)?;
        Ok(credential::list(reader, own.organization, &own.id, limit, cursor.as_ref())?)
    })
    .await
}

/// Revokes one of one's own credentials at once; with `dry_run` only says which one. One that is void already stays
/// as it is.
///
/// # Errors
/// Unknown, or somebody else's.
pub async fn token_revoke(op: &Op, id: Id<kinds::Credential>, dry_run: bool) -> Result<Credential, OrgError> {
    op.write(move |op, tx| {
        let (_, own) = op.principal(tx)?;
        let found = auth::store::credential_get(tx, id)?;
        let found = found.filter(|c| c.organization == own.organization && c.owner == own.id);
        let mut found = found.ok_or_else(|| OrgError::not_found("token", id.to_string()))?;
        if !dry_run && auth::store::credential_revoke(tx, id, op.now())? {
            found.revoked_at = Some(op.now());
            epoch_raise(tx)?;
            op.record(tx, op.event(REVOKED, Outcome::Allowed).target(Target::new("credential", id)))?;
        }
        Ok(found)
    })
    .await
}

/// How long after a sign-in ended it is kept where it was made.
const SIGN_INS_KEPT: Duration = Duration::from_hours(30 * 24);

/// The job: voids credentials whose time is over, at most `at_once`, and forgets where sign-ins that ended a month ago
/// were made; how many it voided. Records only when there was something to do.
///
/// # Errors
/// The database failed.
pub async fn credential_expire_due(op: &Op, at_once: u32) -> Result<usize, OrgError> {
    op.write(move |op, tx| {
        let expired = auth::store::credential_expire(tx, op.now(), at_once)?;
        auth::store::sign_in_forget(tx, op.now().minus(SIGN_INS_KEPT), at_once)?;
        if expired > 0 {
            epoch_raise(tx)?;
            let event = op.event(EXPIRED, Outcome::Allowed);
            op.record(tx, event.details(Details::new().with("expired", expired)))?;
        }
        Ok(expired)
    })
    .await
}
