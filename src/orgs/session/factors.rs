//! One's own second factors. They belong to the person, in every organization: so only a sign-in with a password of
//! their own changes them, and a fresh one.

use crate::auth::factor::{self, Factors, NewAuthenticator};
use crate::auth::{self, AuthError, User};
use crate::db::Reader;
use crate::ledger::{ActionName, Event, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::orgs::OrgError;
use crate::orgs::access::require_fresh;
use crate::policy::PrincipalId;
use crate::types::SecretString;

/// Somebody has an authenticator now.
pub(super) const ADDED: ActionName = ActionName::new("account.factor_added");
/// Somebody has none any more.
pub(super) const REMOVED: ActionName = ActionName::new("account.factor_removed");
/// Somebody has new recovery codes.
pub(super) const CODES_MADE: ActionName = ActionName::new("account.recovery_codes_made");

fn own(op: &Op, reader: &Reader<'_>, action: ActionName) -> Result<(User, Event), OrgError> {
    own_fresh(op, reader, action, "second factors")
}

/// Who asks, signed in freshly with a password of their own; and the event of what they do. `what` is what service
/// accounts have not.
pub(in crate::orgs) fn own_fresh(
    op: &Op,
    reader: &Reader<'_>,
    action: ActionName,
    what: &'static str,
) -> Result<(User, Event), OrgError> {
    let (_, principal) = op.principal(reader)?;
    let PrincipalId::User(id) = principal.id else { return Err(OrgError::PeopleOnly { what }) };
    let event = op.event(action, Outcome::Allowed).target(Target::new("user", id));
    let facts = auth::store::sign_in_get(reader, op.identity()?.credential)?;
    if !facts.is_some_and(|facts| facts.everywhere) {
        op.refuse(&event, "own_sign_in_required");
        return Err(AuthError::OwnSignInOnly.into());
    }
    require_fresh(op, &event)?;
    let user = auth::store::user_get(reader, id)?.ok_or(OpError::CredentialGone)?;
    Ok((user, event))
}

/// Which second factors whoever asks has.
///
/// # Errors
/// A service account asks.
pub async fn factor_list(op: &Op) -> Result<Factors, OrgError> {
    op.read(|reader| {
        let (_, principal) = op.principal(reader)?;
        let PrincipalId::User(id) = principal.id else { return Err(OrgError::PeopleOnly { what: "second factors" }) };
        Ok(factor::factors(reader, id, principal.organization)?)
    })
    .await
}

/// Begins an authenticator: it counts once a code of it was shown.
///
/// # Errors
/// There is one already; not freshly signed in with a password of one's own.
pub async fn authenticator_begin(op: &Op) -> Result<NewAuthenticator, OrgError> {
    op.write(|op, tx| {
        let (user, _) = own(op, tx, ADDED)?;
        if factor::factors(tx, user.id, op.organization()?)?.authenticator_since.is_some() {
            return Err(OrgError::Taken { what: "second factor", name: "authenticator".into() });
        }
        Ok(factor::begin(tx, op.keyring().instance(), user.id, user.email.as_str(), op.now())?)
    })
    .await
}

/// Makes the authenticator that was begun one's own, and gives ten recovery codes, shown once.
///
/// # Errors
/// [`AuthError::Factor`]; none was begun; not freshly signed in with a password of one's own.
pub async fn authenticator_confirm(op: &Op, code: SecretString) -> Result<Vec<SecretString>, OrgError> {
    op.write(move |op, tx| {
        let (user, event) = own(op, tx, ADDED)?;
        let keys = op.keyring().instance();
        factor::confirm(tx, keys, user.id, &code, op.now())?;
        let codes = factor::recovery_codes(tx, keys, user.id)?;
        auth::store::sign_in_factor(tx, op.identity()?.credential, factor::Factor::Totp.as_str())?;
        epoch_raise(tx)?;
        op.record(tx, event)?;
        Ok(codes)
    })
    .await
}

/// Takes one's authenticator away, and with the last factor the recovery codes.
///
/// # Errors
/// There is none; not freshly signed in with a password of one's own.
pub async fn factor_remove(op: &Op) -> Result<(), OrgError> {
    op.write(|op, tx| {
        let (user, event) = own(op, tx, REMOVED)?;
        if !factor::authenticator_remove(tx, user.id)? {
            return Err(OrgError::not_found("second factor", "authenticator"));
        }
        epoch_raise(tx)?;
        op.record(tx, event)?;
        Ok(())
    })
    .await
}

/// Ten new recovery codes, shown once; those before are void.
///
/// # Errors
/// There is no factor; not freshly signed in with a password of one's own.
pub async fn recovery_codes_renew(op: &Op) -> Result<Vec<SecretString>, OrgError> {
    op.write(|op, tx| {
        let (user, event) = own(op, tx, CODES_MADE)?;
        if !factor::factors(tx, user.id, op.organization()?)?.is_any() {
            return Err(OrgError::not_found("second factor", "of yours"));
        }
        let codes = factor::recovery_codes(tx, op.keyring().instance(), user.id)?;
        op.record(tx, event)?;
        Ok(codes)
    })
    .await
}
