//! Making, changing and deleting roles of an organization.

use super::{
    CustomRole, ROLES_MAX, RoleView, custom, description, names_of, permissions, require_held, store, view_of,
};
use crate::ledger::{Details, Target};
use crate::op::{Op, epoch_raise};
use crate::orgs::{OrgError, access};
use crate::policy::{Action, RoleFacts};
use crate::types::{Id, Slug};

/// A role that shall be.
#[derive(Debug, Clone)]
pub struct RoleCreate {
    /// Its name, which never changes.
    pub name: Slug,
    /// What it is for.
    pub description: Option<String>,
    /// Names of permissions.
    pub permissions: Vec<String>,
}

/// Makes a role.
///
/// # Errors
/// Not allowed; more than is held; a permission that does not exist or is reserved; the name is taken.
pub async fn role_create(op: &Op, new: RoleCreate) -> Result<RoleView, OrgError> {
    let (set, description) = (permissions(&new.permissions)?, description(new.description)?);
    RoleFacts::new(new.name.clone(), set)?;
    op.write(move |op, tx| {
        let event = op.authorize(tx, Action::RoleManage, &access::own_organization(op)?)?;
        require_held(op, tx, &event, set)?;
        let organization = op.organization()?;
        let there = store::role_list(tx, organization)?;
        if there.iter().any(|r| r.name == new.name) {
            return Err(OrgError::Taken { what: "role", name: new.name.to_string() });
        }
        if there.len() >= ROLES_MAX {
            return Err(OrgError::TooMany { what: "role", max: ROLES_MAX });
        }
        let role = CustomRole {
            id: Id::new(op.now()),
            organization,
            name: new.name,
            description,
            permissions: set,
            version: 1,
            created_at: op.now(),
            created_by: op.author(),
            updated_at: op.now(),
        };
        store::role_insert(tx, &role)?;
        epoch_raise(tx)?;
        let details = Details::new().with("made", &role.name).with("permissions", names_of(set));
        op.record(tx, event.target(Target::new("role", role.id)).details(details))?;
        view_of(tx, role)
    })
    .await
}

/// What shall change of a role. None: as it is.
#[derive(Debug, Clone, Default)]
pub struct RoleChange {
    /// What it is for.
    pub description: Option<String>,
    /// All that it holds from now on.
    pub permissions: Option<Vec<String>>,
    /// The version the change was made for.
    pub base_version: Option<u32>,
}

/// Changes a role, and so what everybody holds who was given it.
///
/// # Errors
/// Unknown or built in; not allowed; it held or would hold more than whoever asks; changed meanwhile.
pub async fn role_update(op: &Op, name: String, change: RoleChange) -> Result<RoleView, OrgError> {
    let set = change.permissions.as_deref().map(permissions).transpose()?;
    let text = change.description.map(|d| description(Some(d))).transpose()?;
    op.write(move |op, tx| {
        let event = op.authorize(tx, Action::RoleManage, &access::own_organization(op)?)?;
        let mut role = custom(op, tx, &name)?;
        let event = event.target(Target::new("role", role.id));
        if change.base_version.is_some_and(|v| v != role.version) {
            return Err(OrgError::Stale { what: "role", current: role.version });
        }
        let (before, after) = (role.permissions, set.unwrap_or(role.permissions));
        require_held(op, tx, &event, before.union(after))?;
        role.permissions = after;
        role.description = text.unwrap_or(role.description);
        role.version += 1;
        role.updated_at = op.now();
        store::role_update(tx, &role)?;
        epoch_raise(tx)?;
        let details = Details::new().with("changed", &role.name).with("version", role.version);
        let (gained, lost) = (names_of(after.beyond(before)), names_of(before.beyond(after)));
        op.record(tx, event.details(details.with("gained", gained).with("lost", lost)))?;
        view_of(tx, role)
    })
    .await
}

/// Deletes a role that no grant gives; with `dry_run` only says which one it would be.
///
/// # Errors
/// Unknown or built in; not allowed; it holds more than whoever asks; grants give it.
pub async fn role_delete(op: &Op, name: String, dry_run: bool) -> Result<RoleView, OrgError> {
    op.write(move |op, tx| {
        let event = op.authorize(tx, Action::RoleManage, &access::own_organization(op)?)?;
        let role = custom(op, tx, &name)?;
        let event = event.target(Target::new("role", role.id));
        require_held(op, tx, &event, role.permissions)?;
        let role = view_of(tx, role)?;
        if role.grants > 0 {
            return Err(OrgError::RoleInUse { role: role.name.to_string(), grants: role.grants });
        }
        if let Some(row) = role.custom.as_ref().filter(|_| !dry_run) {
            store::role_delete(tx, row.id)?;
            epoch_raise(tx)?;
            op.record(tx, event.details(Details::new().with("removed", &role.name)))?;
        }
        Ok(role)
    })
    .await
}
