//! Organizations: making one, renaming it, deleting it.

mod security;
pub(crate) mod store;
mod transfer;

use super::{OrgError, access, deletion, grant};
use crate::auth::credential::{self, Minted};
use crate::auth::{Cidrs, CredentialKind, NewCredential};
use crate::db::WriteTx;
use crate::ledger::{Details, Target};
use crate::op::{Op, epoch_raise};
use crate::policy::{Action, BuiltinRole, InstancePermission, Node, PrincipalId};
use crate::types::{Id, ParseError, Slug, Timestamp, kinds};

pub use deletion::{Deletion, DeletionKind, Shredding};
pub use security::{Security, security_get, security_set};
pub use transfer::{Transfer, TransferWish, ownership_transfer};

/// Longest display name, in characters.
pub const NAME_MAX: usize = 100;
/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 2_000;

/// A tenant.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Its id.
    pub id: Id<kinds::Organization>,
    /// Its slug, which never changes.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The deletion it is part of.
    pub deletion: Option<Id<kinds::Deletion>>,
}

/// Checks a display name: 1 to 100 characters, none of control.
///
/// # Errors
/// Anything else.
pub fn display_name(text: &str) -> Result<String, ParseError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(ParseError::new("name", format!("must have 1 to {NAME_MAX} printable characters")));
    }
    Ok(text.to_owned())
}

/// Checks a description: at most 2,000 characters; lines are allowed.
///
/// # Errors
/// Anything else.
pub fn description(text: &str) -> Result<String, ParseError> {
    let control = text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if text.chars().count() > DESCRIPTION_MAX || control {
        return Err(ParseError::new(
            "description",
            format!("must have at most {DESCRIPTION_MAX} printable characters"),
        ));
    }
    Ok(text.trim().to_owned())
}

/// Makes an organization owned by whoever asks, an instance operator, and a token for it.
///
/// # Errors
/// The slug is taken; not an operator.
pub async fn organization_create(
    op: &Op,
    slug: Slug,
    name: Option<String>,
) -> Result<(Organization, Minted), OrgError> {
    let name = name.map(|n| display_name(&n)).transpose()?;
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::OrgCreate)?;
        let identity = op.identity()?;
        let PrincipalId::User(user) = identity.principal.id else {
            return Err(OrgError::not_found("user", "self"));
        };
        let organization = insert(op, tx, slug, name, user)?;
        let new = NewCredential {
            organization: organization.id,
            kind: CredentialKind::Personal,
            owner: identity.principal.id,
            name: "made with the organization".into(),
            expires_at: None,
            cidrs: Cidrs::default(),
            stepped_up_until: identity.stepped_up_until,
        };
        let minted = credential::mint(tx, op.keyring(), new, op.now())?;
        let event = event.organization(organization.id).target(Target::new("organization", organization.id));
        op.record(tx, event.details(Details::new().with("slug", &organization.slug)))?;
        Ok((organization, minted))
    })
    .await
}

/// The rows of a new organization: itself, its keys, its first owner.
pub(super) fn insert(
    op: &Op,
    tx: &WriteTx<'_>,
    slug: Slug,
    name: Option<String>,
    owner: Id<kinds::User>,
) -> Result<Organization, OrgError> {
    let now = op.now();
    if let Some(there) = store::organization_by_slug(tx, slug.as_str())? {
        return Err(match there.deletion {
            Some(_) => OrgError::Reserved { what: "organization", slug: slug.to_string() },
            None => OrgError::Taken { what: "organization", name: slug.to_string() },
        });
    }
    let organization = Organization {
        id: Id::new(now),
        name: name.unwrap_or_else(|| slug.to_string()),
        slug,
        created_at: now,
        updated_at: now,
        deletion: None,
    };
    store::organization_insert(tx, &organization)?;
    op.keyring().organization_create(tx, organization.id, Some(owner), now)?;
    store::member_insert(tx, organization.id, owner, now)?;
    let first = grant::Grant {
        id: Id::new(now),
        organization: organization.id,
        holder: PrincipalId::User(owner).into(),
        role: BuiltinRole::Owner.into(),
        node: Node::Organization(organization.id),
        created_at: now,
        created_by: owner.to_string(),
    };
    grant::store::grant_insert(tx, &first)?;
    epoch_raise(tx)?;
    Ok(organization)
}

/// The organization the credential opens, if `name` is its id or slug.
///
/// # Errors
/// Any other name answers [`OrgError::NotFound`].
pub async fn organization_get(op: &Op, name: &str) -> Result<Organization, OrgError> {
    op.read(|reader| find(op, reader, name)).await
}

/// The organization of the credential.
///
/// # Errors
/// Nobody is known.
pub async fn organization_own(op: &Op) -> Result<Organization, OrgError> {
    let id = op.organization()?;
    organization_get(op, &id.to_string()).await
}

fn find(op: &Op, reader: &crate::db::Reader<'_>, name: &str) -> Result<Organization, OrgError> {
    let own = store::organization_get(reader, op.organization()?)?;
    own.filter(|o| o.deletion.is_none() && (o.slug.as_str() == name || o.id.to_string() == name))
        .ok_or_else(|| OrgError::not_found("organization", name))
}

/// Renames the organization.
///
/// # Errors
/// Not allowed; the name is none.
pub async fn organization_update(op: &Op, name: String, new_name: String) -> Result<Organization, OrgError> {
    let new_name = display_name(&new_name)?;
    op.write(move |op, tx| {
        let mut found = find(op, tx, &name)?;
        let event = op.authorize(tx, Action::OrgUpdate, &access::own_organization(op)?)?;
        found.name = new_name;
        found.updated_at = op.now();
        store::organization_rename(tx, found.id, &found.name, found.updated_at)?;
        op.record(tx, event)?;
        Ok(found)
    })
    .await
}

/// Deletes the organization, restorable until its date; its tokens stop working at once. Its keys are destroyed after
/// that date, and the answer says when nothing of it can be opened any more.
///
/// # Errors
/// Not an owner, or not freshly signed in.
pub async fn organization_delete(op: &Op, name: String, dry_run: bool) -> Result<(Deletion, Shredding), OrgError> {
    op.write(move |op, tx| {
        let found = find(op, tx, &name)?;
        let event = op.authorize(tx, Action::OrgDelete, &access::own_organization(op)?)?;
        access::require_fresh(op, &event)?;
        let deletion =
            Deletion::new(op, found.id, DeletionKind::Organization, *found.id.as_bytes(), found.slug.as_str());
        let shredding = Shredding::of(tx, &deletion)?;
        if !dry_run {
            store::deletion_insert(tx, &deletion)?;
            store::organization_mark_deleted(tx, found.id, Some(deletion.id), op.now())?;
            epoch_raise(tx)?;
            op.record(tx, event.details(Details::new().with("deletion", deletion.id)))?;
        }
        Ok((deletion, shredding))
    })
    .await
}

/// How much an organization holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Its projects.
    pub projects: usize,
    /// Their environments.
    pub environments: usize,
    /// The people in it.
    pub members: usize,
    /// Its teams.
    pub teams: usize,
}

/// Counts what goes with the organization, for whoever may delete it.
///
/// # Errors
/// Not an owner.
pub async fn organization_extent(op: &Op) -> Result<Extent, OrgError> {
    op.read(|reader| {
        let own = access::own_organization(op)?;
        if !op.permits(reader, Action::OrgDelete, &own)? {
            op.authorize(reader, Action::OrgDelete, &own)?;
        }
        Ok(store::organization_extent(reader, op.organization()?)?)
    })
    .await
}

/// Brings a deleted organization back before its date. For instance operators: its own tokens do not work.
///
/// # Errors
/// Not an operator; nothing deleted answers to the name; its date is over.
pub async fn organization_restore(op: &Op, name: String) -> Result<Organization, OrgError> {
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::OrgCreate)?;
        let found = match Id::parse(&name) {
            Ok(id) => store::organization_get(tx, id)?,
            Err(_) => store::organization_by_slug(tx, &name)?,
        };
        let missing = || OrgError::not_found("organization", name.clone());
        let mut found = found.ok_or_else(missing)?;
        let id = found.deletion.ok_or_else(missing)?;
        let deletion = store::deletion_get(tx, found.id, id)?.ok_or_else(missing)?;
        if deletion.restorable_until <= op.now() {
            return Err(OrgError::NotRestorable { name: deletion.name, why: "its date is over" });
        }
        store::organization_mark_deleted(tx, found.id, None, op.now())?;
        store::deletion_delete(tx, id)?;
        epoch_raise(tx)?;
        found.deletion = None;
        op.record(tx, event.organization(found.id).details(Details::new().with("restored", id)))?;
        Ok(found)
    })
    .await
}

/// The organization the credential opens, as a list: the form other lists have.
///
/// # Errors
/// Nobody is known.
pub async fn organization_list(op: &Op) -> Result<Vec<Organization>, OrgError> {
    Ok(vec![organization_own(op).await?])
}
