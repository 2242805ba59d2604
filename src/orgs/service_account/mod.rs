//! Service accounts: machine identities that belong to a node and outlive whoever made them.
//!
//! What an account holds lies beneath its own node, and nobody can make it, give it more, open it again or mint its
//! keys without holding all of that: a key is never a way to more than its maker had.

mod change;
mod key;
pub(crate) mod store;

pub use change::{
    ServiceAccountCreate, ServiceAccountRemoval, ServiceAccountUpdate, service_account_create, service_account_delete,
    service_account_update,
};
pub use key::{key_list, key_mint, key_revoke};

use super::{OrgError, access, grant};
use crate::db::Reader;
use crate::ledger::{Event, Target};
use crate::op::Op;
use crate::orgs::access::Place;
use crate::orgs::grant::GrantView;
use crate::policy::{Action, Node, PrincipalId, Resource};
use crate::types::{Cursor, Id, Limit, Page, ParseError, Timestamp, kinds};

/// A machine identity.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its id.
    pub id: Id<kinds::ServiceAccount>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// Its name, unique in the organization.
    pub name: String,
    /// The node it belongs to.
    pub node: Node,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Since when its keys do not work.
    pub disabled_at: Option<Timestamp>,
}

/// A service account with its place and what it holds.
#[derive(Debug, Clone)]
pub struct ServiceAccountView {
    /// The account.
    pub account: ServiceAccount,
    /// The node it belongs to.
    pub place: Place,
    /// What it was given.
    pub grants: Vec<GrantView>,
}

fn view(reader: &Reader<'_>, account: ServiceAccount) -> Result<ServiceAccountView, OrgError> {
    let place = access::place_of(reader, account.node)?;
    let held = grant::store::grant_of(reader, account.organization, &PrincipalId::ServiceAccount(account.id).into())?;
    let grants = held.into_iter().map(|g| grant::view(reader, g)).collect::<Result<_, _>>()?;
    Ok(ServiceAccountView { account, place, grants })
}

/// The account and its node, for whoever may see it: those who manage it, and itself.
fn seen(op: &Op, reader: &Reader<'_>, name: &str) -> Result<(ServiceAccount, Resource), OrgError> {
    let (_, own) = op.principal(reader)?;
    let account = access::service_account_named(reader, own.organization, name)?;
    let resource = access::resource_standing(reader, account.organization, account.node)?;
    let itself = own.id == PrincipalId::ServiceAccount(account.id);
    if itself || op.permits(reader, Action::ServiceaccountManage, &resource)? {
        Ok((account, resource))
    } else {
        Err(OrgError::not_found("service account", name))
    }
}

/// The account, for whoever manages it, with the event of doing so.
pub(super) fn managed(op: &Op, reader: &Reader<'_>, name: &str) -> Result<(ServiceAccount, Event), OrgError> {
    let (account, resource) = seen(op, reader, name)?;
    let event = op.authorize(reader, Action::ServiceaccountManage, &resource)?;
    let event = event.target(Target::new("service_account", account.id));
    Ok((account, event))
}

/// Whether whoever asks holds all that the account holds, wherever it does.
fn require_covered(op: &Op, reader: &Reader<'_>, event: &Event, account: &ServiceAccount) -> Result<(), OrgError> {
    let id = PrincipalId::ServiceAccount(account.id);
    for grant in grant::store::grant_of(reader, account.organization, &id.into())? {
        let resource = access::resource_standing(reader, account.organization, grant.node)?;
        access::require_cover(op, reader, event, grant.role.permissions(), &resource)?;
    }
    Ok(())
}

/// Whether a grant to the account would lie beneath its own node.
pub(super) fn require_within(account: &ServiceAccount, resource: &Resource) -> Result<(), OrgError> {
    if resource.is_within(account.node) {
        Ok(())
    } else {
        Err(ParseError::new("grant", "a service account is given roles on its own node or beneath it").into())
    }
}

/// A service account by id or name.
///
/// # Errors
/// Unknown or not visible.
pub async fn service_account_get(op: &Op, name: &str) -> Result<ServiceAccountView, OrgError> {
    op.read(|reader| {
        let (account, _) = seen(op, reader, name)?;
        view(reader, account)
    })
    .await
}

/// A page of the service accounts whoever asks manages; a page may be short and still name a next one.
///
/// # Errors
/// Nobody is known; the database failed.
pub async fn service_account_list(
    op: &Op,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<ServiceAccountView>, OrgError> {
    op.read(|reader| {
        let (_, own) = op.principal(reader)?;
        let after = cursor.map(|c| Id::parse(c.key())).transpose()?;
        let rows = store::service_account_list(reader, own.organization, after, limit.rows() + 1)?;
        let page = Page::cut(rows, limit, |a| a.id.to_string());
        let mut items = Vec::with_capacity(page.items.len());
        for account in page.items {
            let resource = access::resource_standing(reader, account.organization, account.node)?;
            let itself = own.id == PrincipalId::ServiceAccount(account.id);
            if itself || op.permits(reader, Action::ServiceaccountManage, &resource)? {
                items.push(view(reader, account)?);
            }
        }
        Ok(Page { items, next: page.next })
    })
    .await
}
