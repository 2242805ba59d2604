//! Keys of service accounts.

use super::{managed, require_covered};
use crate::auth::credential::{self, Listed, Minted, Wishes};
use crate::auth::{self, Credential, CredentialKind, NewCredential};
use crate::ledger::Details;
use crate::op::{Op, epoch_raise};
use crate::orgs::{OrgError, token};
use crate::policy::PrincipalId;
use crate::types::{Cursor, Id, Limit, Page, kinds};

/// Mints a key. Whoever holds it acts as the account, so whoever mints it must hold all that the account holds.
///
/// # Errors
/// The account is unknown; not allowed; it holds more than whoever asks; it has too many keys.
pub async fn key_mint(op: &Op, account: String, wishes: Wishes) -> Result<Minted, OrgError> {
    op.write(move |op, tx| {
        let (account, event) = managed(op, tx, &account)?;
        require_covered(op, tx, &event, &account)?;
        let owner = PrincipalId::ServiceAccount(account.id);
        token::require_room(tx, account.organization, &owner)?;
        let new = NewCredential {
            organization: account.organization,
            kind: CredentialKind::ServiceAccount,
            owner,
            name: wishes.name,
            expires_at: wishes.expires_at,
            cidrs: wishes.cidrs,
            stepped_up_until: None,
        };
        let minted = credential::mint(tx, op.keyring(), new, op.now())?;
        epoch_raise(tx)?;
        let made = &minted.credential;
        let details = Details::new().with("key_made", made.id).with("expires_at", made.expires_at);
        op.record(tx, event.details(details.with("cidrs", made.cidrs.to_texts())))?;
        Ok(minted)
    })
    .await
}

/// A page of an account's keys, newest first.
///
/// # Errors
/// The account is unknown or not manageable.
pub async fn key_list(op: &Op, account: &str, limit: Limit, cursor: Option<Cursor>) -> Result<Page<Listed>, OrgError> {
    op.read(|reader| {
        let (account, _) = managed(op, reader, account)?;
        let owner = PrincipalId::ServiceAccount(account.id);
        Ok(credential::list(reader, account.organization, &owner, limit, cursor.as_ref())?)
    })
    .await
}

/// Revokes a key at once; with `dry_run` only says which one. One that is void already stays as it is.
///
/// # Errors
/// The account or the key is unknown; not allowed.
pub async fn key_revoke(
    op: &Op,
    account: String,
    key: Id<kinds::Credential>,
    dry_run: bool,
) -> Result<Credential, OrgError> {
    op.write(move |op, tx| {
        let (account, event) = managed(op, tx, &account)?;
        let found = auth::store::credential_get(tx, key)?;
        let own = |c: &Credential| {
            c.organization == account.organization && c.owner == PrincipalId::ServiceAccount(account.id)
        };
        let mut found = found.filter(own).ok_or_else(|| OrgError::not_found("key", key.to_string()))?;
        if !dry_run && auth::store::credential_revoke(tx, key, op.now())? {
            found.revoked_at = Some(op.now());
            epoch_raise(tx)?;
            op.record(tx, event.details(Details::new().with("key_revoked", key)))?;
        }
        Ok(found)
    })
    .await
}
