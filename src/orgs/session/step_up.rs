//! Showing again who one is, for what asks for a fresh sign-in.

use super::{FRESH, begin_try, passkeys, password_stored};
use crate::auth::factor::{self, Factor};
use crate::auth::passkey::{self, Answered, Asked, Passkeys, Purpose, Shown};
use crate::auth::password::{PasswordHash, Passwords};
use crate::auth::{self, AuthError};
use crate::db::Reader;
use crate::ledger::{ActionName, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::orgs::OrgError;
use crate::policy::PrincipalId;
use crate::types::{Failure as _, SecretString, Timestamp};

/// Somebody showed again who they are, or could not.
pub(super) const STEPPED_UP: ActionName = ActionName::new("session.stepped_up");

/// What shows it.
pub enum Proof {
    /// The password.
    Password(SecretString),
    /// A code of the authenticator, or a recovery code.
    Code(SecretString),
    /// A passkey, as the browser answered.
    Passkey(Answered),
}

/// What was checked before the transaction that decides.
enum Checked {
    Password(bool),
    Code(SecretString),
    Passkey(Result<Shown, AuthError>),
}

/// Makes the sign-in that is asked with fresh for ten minutes more; until when.
///
/// # Errors
/// [`AuthError::CurrentPassword`], [`AuthError::Factor`], [`AuthError::Passkey`]; too many failed; the credential came of
/// no sign-in: a token cannot become fresh.
pub async fn step_up(
    op: &Op,
    passwords: &Passwords,
    passkeys: Option<&Passkeys>,
    proof: Proof,
) -> Result<Timestamp, OrgError> {
    let (user, stored) = op
        .read(|reader| {
            let (_, own) = op.principal(reader)?;
            let PrincipalId::User(id) = own.id else { return Err(OrgError::PeopleOnly { what: "fresh sign-ins" }) };
            auth::store::sign_in_get(reader, op.identity()?.credential)?.ok_or(AuthError::OwnSignInOnly)?;
            let user = auth::store::user_get(reader, id)?.ok_or(OpError::CredentialGone)?;
            Ok((user, password_stored(reader, own.organization, id)?.0))
        })
        .await?;
    let tries = begin_try(op, &user.email).await?;
    let checked = match proof {
        Proof::Password(given) => {
            let hash = stored.clone().map(PasswordHash::from_stored);
            Checked::Password(passwords.verify(hash, given).await?)
        }
        Proof::Code(code) => Checked::Code(code),
        Proof::Passkey(answered) => {
            let passkeys = passkeys.ok_or(AuthError::PasskeysUnavailable)?;
            let read = |reader: &Reader<'_>| passkeys.shown(reader, user.id, Purpose::StepUp, answered, op.now());
            Checked::Passkey(op.core().db.read(read))
        }
    };
    let until = op.write(move |op, tx| {
        let organization = op.principal(tx)?.1.organization;
        let keys = op.keyring().instance();
        let proven = match checked {
            Checked::Password(right) => {
                let same = password_stored(tx, organization, user.id)?.0 == stored;
                if right && same { Ok(None) } else { Err(AuthError::CurrentPassword) }
            }
            Checked::Code(code) => factor::prove(tx, keys, user.id, &code, op.now()).map(Some),
            Checked::Passkey(shown) => shown
                .and_then(|shown| passkey::used(tx, keys, &shown, organization, op.now()))
                .map(|()| Some(Factor::Passkey)),
        };
        let proven = match proven {
            Err(AuthError::PasskeyCopied(copied)) => {
                passkeys::disable_copied(op, tx, &copied)?;
                Err(AuthError::Passkey)
            }
            proven => proven,
        };
        let event = op.event(STEPPED_UP, Outcome::Allowed).target(Target::new("user", user.id));
        match proven {
            Err(error @ (AuthError::CurrentPassword | AuthError::Factor | AuthError::Passkey)) => {
                op.record(tx, event.with_outcome(Outcome::Denied).code(error.code()))?;
                return Ok(Err(error));
            }
            Err(other) => return Err(other.into()),
            Ok(None) => {}
            Ok(Some(factor)) => auth::store::sign_in_factor(tx, op.identity()?.credential, factor.as_str())?,
        }
        tries.succeed(tx, op.now())?;
        let until = op.now().plus(FRESH);
        auth::store::credential_step_up(tx, op.identity()?.credential, until)?;
        epoch_raise(tx)?;
        op.record(tx, event)?;
        Ok::<_, OrgError>(Ok(until))
    });
    Ok(until.await??)
}

/// Asks the browser for a passkey, to be freshly signed in again.
///
/// # Errors
/// There is none; the credential came of no sign-in.
pub async fn passkey_ask_again(op: &Op, passkeys: &Passkeys) -> Result<Asked, OrgError> {
    op.read(|reader| {
        let (_, own) = op.principal(reader)?;
        let PrincipalId::User(user) = own.id else { return Err(OrgError::PeopleOnly { what: "fresh sign-ins" }) };
        auth::store::sign_in_get(reader, op.identity()?.credential)?.ok_or(AuthError::OwnSignInOnly)?;
        let whose = (user, Some(own.organization));
        Ok(passkeys.ask(reader, op.keyring().instance(), whose, Purpose::StepUp, op.now())?)
    })
    .await
}
