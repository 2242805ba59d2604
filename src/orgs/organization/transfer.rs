//! Handing ownership over: one becomes an owner and the other stops being one, in one transaction.

use super::find;
use crate::auth::User;
use crate::ledger::{Details, Target};
use crate::op::{Op, epoch_raise};
use crate::orgs::access::{self, PrincipalName};
use crate::orgs::{OrgError, grant, role};
use crate::policy::{Action, BuiltinRole, PrincipalId};
use crate::types::{ParseError, Slug};

/// Who shall own the organization in place of whoever asks.
#[derive(Debug, Clone)]
pub struct TransferWish {
    /// A member, by id or address.
    pub to: String,
    /// The role whoever asks keeps on the organization; none: no role of its own there.
    pub keep: Option<Slug>,
    /// Only tell what it would do.
    pub dry_run: bool,
}

/// Ownership that changed hands, or would.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Who owns it now.
    pub owner: User,
    /// Whether they did before.
    pub owned_before: bool,
    /// The role whoever asked keeps.
    pub keeps: Option<Slug>,
}

/// Makes a member an owner, and takes ownership from whoever asks: both or neither, so that nobody is left without.
///
/// # Errors
/// Not an owner, or not freshly signed in; nobody answers to the name, they are disabled, or it is whoever asks; no
/// such role.
pub async fn ownership_transfer(op: &Op, name: String, wish: TransferWish) -> Result<Transfer, OrgError> {
    op.write(move |op, tx| {
        let organization = find(op, tx, &name)?.id;
        let resource = access::own_organization(op)?;
        let event = op.authorize(tx, Action::OwnerGrant, &resource)?;
        access::require_fresh(op, &event)?;
        let own = op.principal(tx)?.1.id;
        let missing = || OrgError::not_found("member", wish.to.clone());
        let to = access::principal_named(op, tx, &PrincipalName::User(wish.to.clone()))?;
        let PrincipalId::User(user) = to else { return Err(missing()) };
        let owner = crate::auth::store::user_get(tx, user)?.ok_or_else(missing)?;
        if to == own || owner.disabled_at.is_some() {
            return Err(ParseError::new("user", "must be somebody else who can sign in").into());
        }
        if wish.keep.as_ref().is_some_and(|keep| keep.as_str() == BuiltinRole::Owner.as_str()) {
            return Err(ParseError::new("role", "`owner` is what is handed over; keep another one").into());
        }
        let owned = |held: &[grant::Grant]| held.iter().any(|g| g.role.is_owner());
        let owned_before = owned(&grant::store::grant_of(tx, organization, &to.into())?);
        let mine = grant::store::grant_of(tx, organization, &own.into())?;
        let kept = wish.keep.as_ref().filter(|keep| {
            let there = |g: &grant::Grant| g.role.name() == keep.as_str() && g.node == resource.node();
            !mine.iter().any(there)
        });
        if wish.dry_run {
            wish.keep.as_ref().map(|keep| role::role_named(tx, organization, keep)).transpose()?;
            return Ok(Transfer { owner, owned_before, keeps: wish.keep });
        }
        if !owned_before {
            grant::give(op, tx, to, &role::builtin_name(BuiltinRole::Owner)?, &resource)?;
        }
        if let Some(keep) = kept {
            grant::give(op, tx, own, keep, &resource)?;
        }
        for given in mine.iter().filter(|g| g.role.is_owner()) {
            let event = grant::require_taking(op, tx, given)?;
            grant::require_other_owner(tx, organization, &own)?;
            grant::store::grant_delete(tx, given.id)?;
            op.record(tx, event)?;
        }
        epoch_raise(tx)?;
        let details = Details::new().with("transferred", "ownership").with("keeps", &wish.keep);
        op.record(tx, event.target(Target::new("user", owner.id)).details(details))?;
        Ok(Transfer { owner, owned_before, keeps: wish.keep })
    })
    .await
}
