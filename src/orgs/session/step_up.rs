//! Showing again who one is, for what asks for a fresh sign-in.

use super::{FRESH, begin_try, password_stored};
use crate::auth::factor;
use crate::auth::password::{PasswordHash, Passwords};
use crate::auth::{self, AuthError};
use crate::ledger::{ActionName, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::orgs::OrgError;
use crate::policy::PrincipalId;
use crate::types::{SecretString, Timestamp};

/// Somebody showed again who they are, or could not.
pub(super) const STEPPED_UP: ActionName = ActionName::new("session.stepped_up");

/// What shows it.
pub enum Proof {
    /// The password.
    Password(SecretString),
    /// A code of the authenticator, or a recovery code.
    Code(SecretString),
}

/// Makes the sign-in that is asked with fresh for ten minutes more; until when.
///
/// # Errors
/// [`AuthError::CurrentPassword`], [`AuthError::Factor`]; too many failed; the credential came of no sign-in: a token
/// cannot become fresh.
pub async fn step_up(op: &Op, passwords: &Passwords, proof: Proof) -> Result<Timestamp, OrgError> {
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
    let (by_password, code) = match proof {
        Proof::Password(given) => {
            let hash = stored.clone().map(PasswordHash::from_stored);
            (Some(passwords.verify(hash, given).await?), None)
        }
        Proof::Code(code) => (None, Some(code)),
    };
    let until = op.write(move |op, tx| {
        let organization = op.principal(tx)?.1.organization;
        let refused = match (by_password, code) {
            (Some(right), _) => {
                let same = password_stored(tx, organization, user.id)?.0 == stored;
                (!right || !same).then_some(("password_wrong", AuthError::CurrentPassword))
            }
            (None, Some(code)) => match factor::prove(tx, op.keyring().instance(), user.id, &code, op.now()) {
                Ok(factor) => {
                    auth::store::sign_in_factor(tx, op.identity()?.credential, factor.as_str())?;
                    None
                }
                Err(AuthError::Factor) => Some(("second_factor_wrong", AuthError::Factor)),
                Err(other) => return Err(other.into()),
            },
            (None, None) => Some(("password_wrong", AuthError::CurrentPassword)),
        };
        let event = op.event(STEPPED_UP, Outcome::Allowed).target(Target::new("user", user.id));
        if let Some((code, error)) = refused {
            op.record(tx, event.with_outcome(Outcome::Denied).code(code))?;
            return Ok(Err(error));
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
