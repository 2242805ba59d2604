//! One's own account: how one is called, and what happened to it lately.
//!
//! Invariants, and what each one stops:
//! - Everybody sees and changes their own account only; nothing here takes a name of somebody else.
//! - What is told of an account is what the ledger has of it, in the organization one is signed in to: an administrator
//!   of another learns nothing by it.

mod herald;
mod notices;
mod store;

pub use herald::tell_due;
pub use notices::{Notice, notice_list};

use super::OrgError;
use super::organization::display_name;
use crate::auth::{self, User};
use crate::db::Reader;
use crate::ledger::{ActionName, Outcome, Target};
use crate::op::{Op, OpError};
use crate::policy::PrincipalId;

/// Somebody is called something else.
pub const RENAMED: ActionName = ActionName::new("account.renamed");
/// What is recorded here.
pub const ACTIONS: &[ActionName] = &[RENAMED];

/// Whoever asks, if they are a person.
pub(in crate::orgs) fn own(op: &Op, reader: &Reader<'_>) -> Result<User, OrgError> {
    let (_, principal) = op.principal(reader)?;
    let PrincipalId::User(id) = principal.id else { return Err(OrgError::PeopleOnly { what: "accounts" }) };
    Ok(auth::store::user_get(reader, id)?.ok_or(OpError::CredentialGone)?)
}

/// One's own account.
///
/// # Errors
/// A service account asks.
pub async fn account_get(op: &Op) -> Result<User, OrgError> {
    op.read(|reader| own(op, reader)).await
}

/// Changes how one is called.
///
/// # Errors
/// The name is none; a service account asks.
pub async fn account_rename(op: &Op, name: String) -> Result<User, OrgError> {
    op.write(move |op, tx| {
        let name = display_name(&name)?;
        let user = own(op, tx)?;
        let event = op.event(RENAMED, Outcome::Allowed).target(Target::new("user", user.id));
        auth::store::user_rename(tx, user.id, &name)?;
        op.record(tx, event)?;
        Ok(User { name, ..user })
    })
    .await
}
