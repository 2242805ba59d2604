//! Changing one's own password.
//!
//! A password that an administrator set stays one of that organization, whoever changes it: else an administrator who
//! signs in with it could give the person a password that opens every organization they are in.

use super::list::Reach;
use super::{begin_try, password_stored};
use crate::auth::password::{PasswordHash, Passwords};
use crate::auth::{self, AuthError};
use crate::ledger::{ActionName, Details, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::orgs::{OrgError, organization};
use crate::policy::PrincipalId;
use crate::types::SecretString;

/// Somebody changed their password.
pub(super) const CHANGED: ActionName = ActionName::new("account.password_changed");
/// Somebody who is signed in did not know the password.
pub(super) const REFUSED: ActionName = ActionName::new("account.password_refused");

/// A password for another.
pub struct PasswordChange {
    /// The one there is.
    pub current: SecretString,
    /// The one there shall be.
    pub new: SecretString,
}

/// What a changed password ended.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Other sign-ins that ended.
    pub ended: usize,
    /// Whether it opens every organization the person is in, or this one only.
    pub everywhere: bool,
}

/// Changes the password of whoever asks, and ends their other sign-ins. No key depends on it.
///
/// # Errors
/// [`AuthError::CurrentPassword`]; refused by the rules; a service account asks.
pub async fn password_change(op: &Op, passwords: &Passwords, wish: PasswordChange) -> Result<Changed, OrgError> {
    let (user, stored) = op
        .read(|reader| {
            let (_, own) = op.principal(reader)?;
            let PrincipalId::User(id) = own.id else { return Err(OrgError::PeopleOnly { what: "passwords" }) };
            let user = auth::store::user_get(reader, id)?.ok_or(OpError::CredentialGone)?;
            Ok((user, password_stored(reader, own.organization, id)?.0))
        })
        .await?;
    let tries = begin_try(op, &user.email).await?;
    let right = passwords.verify(stored.clone().map(PasswordHash::from_stored), wish.current).await?;
    if !right {
        let event = op.event(REFUSED, Outcome::Denied).code("password_wrong").target(Target::new("user", user.id));
        op.write(move |op, tx| op.record(tx, event).map_err(OrgError::from)).await?;
        return Err(AuthError::CurrentPassword.into());
    }
    let hash = passwords.hash(wish.new, &[user.email.as_str(), user.name.as_str()]).await?;
    op.write(move |op, tx| {
        let organization = op.principal(tx)?.1.organization;
        let (now, everywhere) = password_stored(tx, organization, user.id)?;
        if now != stored {
            return Err(AuthError::CurrentPassword.into());
        }
        tries.succeed(tx, op.now())?;
        if everywhere {
            auth::store::password_set(tx, user.id, hash.as_stored())?;
        } else {
            organization::store::member_password_set(tx, organization, user.id, hash.as_stored())?;
        }
        let reach = (!everywhere).then_some(organization);
        let current = Reach::of(op, tx)?.current;
        let ended = auth::store::sign_in_end_all(tx, user.id, reach, Some(current), op.now())?;
        epoch_raise(tx)?;
        let details = Details::new().with("ended", ended);
        let event = op.event(CHANGED, Outcome::Allowed).target(Target::new("user", user.id));
        op.record(tx, event.details(details))?;
        Ok(Changed { ended, everywhere })
    })
    .await
}
