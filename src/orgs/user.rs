//! People as instance operators see them: whether they may sign in at all.

use super::{OrgError, access};
use crate::auth::{self, User};
use crate::db::Reader;
use crate::ledger::{Details, Target};
use crate::op::{Op, epoch_raise};
use crate::policy::{InstancePermission, PrincipalId};
use crate::types::{Email, Id, ParseError};

/// Somebody who may sign in no more, or may again.
#[derive(Debug, Clone)]
pub struct UserChanged {
    /// Who.
    pub user: User,
    /// Credentials that stop working, in every organization.
    pub credentials: usize,
}

/// Lets a person sign in no more, anywhere: every session, token and login of theirs ends with this. With `dry_run`
/// only says how many that are.
///
/// # Errors
/// Not an instance operator, or not freshly signed in; unknown; oneself.
pub async fn user_disable(op: &Op, name: String, dry_run: bool) -> Result<UserChanged, OrgError> {
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::UserRecover)?;
        access::require_fresh(op, &event)?;
        let mut user = named(tx, &name)?;
        if op.identity()?.principal.id == PrincipalId::User(user.id) {
            return Err(ParseError::new("user", "nobody disables themselves; another operator can").into());
        }
        if dry_run {
            let credentials = auth::store::credential_count_person(tx, user.id)?;
            return Ok(UserChanged { user, credentials });
        }
        auth::store::user_disable(tx, user.id, op.now())?;
        user.disabled_at = Some(op.now());
        let credentials = auth::store::credential_revoke_person(tx, user.id, op.now())?;
        epoch_raise(tx)?;
        let details = Details::new().with("disabled", true).with("credentials", credentials);
        op.record(tx, event.target(Target::new("user", user.id)).details(details))?;
        Ok(UserChanged { user, credentials })
    })
    .await
}

/// Lets a person sign in again. What ended stays ended.
///
/// # Errors
/// Not an instance operator, or not freshly signed in; unknown.
pub async fn user_enable(op: &Op, name: String) -> Result<UserChanged, OrgError> {
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::UserRecover)?;
        access::require_fresh(op, &event)?;
        let mut user = named(tx, &name)?;
        auth::store::user_enable(tx, user.id)?;
        user.disabled_at = None;
        epoch_raise(tx)?;
        let details = Details::new().with("disabled", false);
        op.record(tx, event.target(Target::new("user", user.id)).details(details))?;
        Ok(UserChanged { user, credentials: 0 })
    })
    .await
}

/// Takes the second factors of somebody who lost them away, and ends their sign-ins. Their password stays. With
/// `dry_run` only says whose.
///
/// # Errors
/// Not an instance operator, or not freshly signed in; unknown; there are none.
pub async fn user_factor_reset(op: &Op, name: String, dry_run: bool) -> Result<UserChanged, OrgError> {
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::UserRecover)?;
        access::require_fresh(op, &event)?;
        let user = named(tx, &name)?;
        let has_passkeys = !auth::passkey::list(tx, user.id)?.is_empty();
        if !has_passkeys && !auth::factor::has_authenticator(tx, user.id)? {
            return Err(OrgError::not_found("second factor", name));
        }
        if dry_run {
            return Ok(UserChanged { user, credentials: 0 });
        }
        auth::factor::remove(tx, user.id)?;
        let credentials = auth::store::sign_in_end_all(tx, user.id, None, None, op.now())?;
        epoch_raise(tx)?;
        let details = Details::new().with("factor_removed", true).with("credentials", credentials);
        op.record(tx, event.target(Target::new("user", user.id)).details(details))?;
        Ok(UserChanged { user, credentials })
    })
    .await
}

/// The person with this id or address, of whichever organization.
fn named(reader: &Reader<'_>, name: &str) -> Result<User, OrgError> {
    let missing = || OrgError::not_found("user", name);
    let found = match Id::parse(name) {
        Ok(id) => auth::store::user_get(reader, id)?,
        Err(_) => auth::store::user_by_email(reader, &Email::parse(name).map_err(|_| missing())?)?,
    };
    found.ok_or_else(missing)
}
