//! People as instance operators see them: who there is, and whether they may sign in at all.

use super::{OrgError, access};
use crate::auth::{self, User};
use crate::db::Reader;
use crate::ledger::{Details, Target};
use crate::op::{Op, epoch_raise};
use crate::policy::{InstancePermission, PrincipalId};
use crate::types::{Cursor, Email, Id, Limit, Page, ParseError};

/// Longest text that is looked for, in bytes: as long as an address.
const SEARCH_MAX: usize = 254;

/// Somebody of the instance.
#[derive(Debug, Clone)]
pub struct UserView {
    /// Who.
    pub user: User,
    /// How many organizations they are in.
    pub organizations: usize,
}

/// A page of everybody on this instance, of whichever organization, by address. With `search` only those whose address
/// or name holds it.
///
/// # Errors
/// Not an instance operator; the text is too long; the database failed.
pub async fn user_list(
    op: &Op,
    search: Option<String>,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<UserView>, OrgError> {
    op.read(|reader| {
        op.authorize_instance(reader, InstancePermission::UserRecover)?;
        let search = search.as_deref().unwrap_or_default().trim().to_lowercase();
        if search.len() > SEARCH_MAX {
            return Err(ParseError::new("search", format!("must have at most {SEARCH_MAX} bytes")).into());
        }
        let after = cursor.as_ref().map_or("", Cursor::key);
        let rows = auth::store::user_list(reader, &search, after, limit.rows() + 1)?;
        let page = Page::cut(rows, limit, |(user, _)| user.email.canonical());
        Ok(page.map(|(user, organizations)| UserView { user, organizations }))
    })
    .await
}

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

/// Lets the passkeys of somebody open again that were disabled because there may be a copy of them; how many. With
/// `dry_run` only says how many that are.
///
/// # Errors
/// Not an instance operator, or not freshly signed in; unknown; none is disabled.
pub async fn user_passkeys_enable(op: &Op, name: String, dry_run: bool) -> Result<(User, usize), OrgError> {
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::UserRecover)?;
        access::require_fresh(op, &event)?;
        let user = named(tx, &name)?;
        let all = auth::passkey::list(tx, user.id)?;
        let disabled: Vec<_> = all.into_iter().filter(|passkey| passkey.disabled_at.is_some()).collect();
        if disabled.is_empty() {
            return Err(OrgError::not_found("disabled passkey", name));
        }
        if !dry_run {
            for passkey in &disabled {
                auth::passkey::enable(tx, op.keyring().instance(), passkey)?;
            }
            epoch_raise(tx)?;
            let details = Details::new().with("passkeys_enabled", disabled.len());
            op.record(tx, event.target(Target::new("user", user.id)).details(details))?;
        }
        Ok((user, disabled.len()))
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
