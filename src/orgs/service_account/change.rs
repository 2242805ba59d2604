//! Making, changing and removing service accounts.

use super::{ServiceAccount, ServiceAccountView, managed, require_covered, require_within, store, view};
use crate::auth;
use crate::db::Reader;
use crate::ledger::{Details, Target};
use crate::op::{Op, epoch_raise};
use crate::orgs::grant::{self, GrantWish};
use crate::orgs::organization::display_name;
use crate::orgs::{OrgError, access};
use crate::policy::{Action, PrincipalId};
use crate::types::{Id, ParseError, kinds};

/// Most grants given when an account is made.
const GRANTS_AT_ONCE: usize = 32;

/// What a new service account shall be.
#[derive(Debug, Clone)]
pub struct ServiceAccountCreate {
    /// Its name, unique in the organization.
    pub name: String,
    /// The project it belongs to, by id or slug; none: the organization.
    pub project: Option<String>,
    /// The environment of it, by id or slug.
    pub environment: Option<String>,
    /// What it shall hold; a role without a node is given on its own.
    pub grants: Vec<GrantWish>,
}

fn account_name(text: &str) -> Result<String, ParseError> {
    let name = display_name(text)?;
    if Id::<kinds::ServiceAccount>::looks_like(&name) {
        return Err(ParseError::new("name", "must not look like an id"));
    }
    Ok(name)
}

fn require_free(reader: &Reader<'_>, organization: Id<kinds::Organization>, name: &str) -> Result<(), OrgError> {
    match store::service_account_by_name(reader, organization, name)? {
        None => Ok(()),
        Some(_) => Err(OrgError::Taken { what: "service account", name: name.to_owned() }),
    }
}

/// Makes a service account on a node, with its first grants.
///
/// # Errors
/// Not allowed at the node; the name is taken; a grant is outside the node, or more than is held.
pub async fn service_account_create(op: &Op, new: ServiceAccountCreate) -> Result<ServiceAccountView, OrgError> {
    let name = account_name(&new.name)?;
    if new.grants.len() > GRANTS_AT_ONCE {
        return Err(ParseError::new("grants", format!("at most {GRANTS_AT_ONCE} at once")).into());
    }
    op.write(move |op, tx| {
        let own = access::node(op, tx, new.project.as_deref(), new.environment.as_deref())?;
        let event = op.authorize(tx, Action::ServiceaccountManage, &own)?;
        let organization = own.organization_id();
        require_free(tx, organization, &name)?;
        let account = ServiceAccount {
            id: Id::new(op.now()),
            organization,
            name,
            node: own.node(),
            created_at: op.now(),
            created_by: op.author(),
            disabled_at: None,
        };
        store::service_account_insert(tx, &account)?;
        let event = event.target(Target::new("service_account", account.id));
        op.record(tx, event.details(Details::new().with("made", &account.name)))?;
        for wish in &new.grants {
            let resource = if wish.project.is_none() && wish.environment.is_none() {
                own.clone()
            } else {
                access::node(op, tx, wish.project.as_deref(), wish.environment.as_deref())?
            };
            require_within(&account, &resource)?;
            grant::give(op, tx, PrincipalId::ServiceAccount(account.id), &wish.role, &resource)?;
        }
        epoch_raise(tx)?;
        view(tx, account)
    })
    .await
}

/// What may change of a service account. None: as it is.
#[derive(Debug, Clone, Default)]
pub struct ServiceAccountUpdate {
    /// Its name.
    pub name: Option<String>,
    /// Whether its keys stop working.
    pub disabled: Option<bool>,
}

/// Renames, disables or enables a service account.
///
/// # Errors
/// Unknown; not allowed; the name is taken; enabling one that holds more than whoever asks.
pub async fn service_account_update(
    op: &Op,
    name: String,
    change: ServiceAccountUpdate,
) -> Result<ServiceAccountView, OrgError> {
    let new_name = change.name.as_deref().map(account_name).transpose()?;
    op.write(move |op, tx| {
        let (mut account, event) = managed(op, tx, &name)?;
        if let Some(new_name) = new_name.filter(|n| *n != account.name) {
            require_free(tx, account.organization, &new_name)?;
            account.name = new_name;
        }
        match change.disabled {
            Some(true) => account.disabled_at = account.disabled_at.or(Some(op.now())),
            Some(false) if account.disabled_at.is_some() => {
                require_covered(op, tx, &event, &account)?;
                account.disabled_at = None;
            }
            _ => {}
        }
        store::service_account_update(tx, account.id, &account.name, account.disabled_at)?;
        epoch_raise(tx)?;
        let details = Details::new().with("name", &account.name).with("disabled", account.disabled_at.is_some());
        op.record(tx, event.details(details))?;
        view(tx, account)
    })
    .await
}

/// What goes with a service account.
#[derive(Debug, Clone)]
pub struct ServiceAccountRemoval {
    /// The account.
    pub account: ServiceAccount,
    /// Grants taken.
    pub grants: usize,
    /// Keys that stop working.
    pub keys: usize,
}

/// Removes a service account with its grants and keys, for good; with `dry_run` only says what goes.
///
/// # Errors
/// Unknown; not allowed; it holds more than whoever asks.
pub async fn service_account_delete(op: &Op, name: String, dry_run: bool) -> Result<ServiceAccountRemoval, OrgError> {
    op.write(move |op, tx| {
        let (account, event) = managed(op, tx, &name)?;
        require_covered(op, tx, &event, &account)?;
        let (organization, id) = (account.organization, PrincipalId::ServiceAccount(account.id));
        let removal = ServiceAccountRemoval {
            grants: grant::store::grant_of(tx, organization, &id.into())?.len(),
            keys: auth::store::credential_count(tx, organization, &id)?,
            account,
        };
        if !dry_run {
            grant::store::grant_delete_of(tx, organization, &id.into())?;
            auth::store::credential_revoke_all(tx, organization, &id, op.now())?;
            store::service_account_delete(tx, removal.account.id)?;
            epoch_raise(tx)?;
            let details = Details::new().with("removed", &removal.account.name);
            op.record(tx, event.details(details.with("grants", removal.grants).with("keys", removal.keys)))?;
        }
        Ok(removal)
    })
    .await
}
