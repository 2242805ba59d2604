//! An organization's own roles: named sets of permissions, given on nodes like the built-in ones.
//!
//! Nobody makes, widens, narrows or deletes a role that holds what they do not hold on the whole organization: a role
//! is given to many, and changing it changes what all of them hold. What only owners hold is in no such role, for
//! ownership is guarded by a fresh sign-in that machines are never asked for.

mod change;
pub(crate) mod store;

pub use change::{RoleChange, RoleCreate, role_create, role_delete, role_update};

use std::sync::Arc;

use super::{OrgError, access};
use crate::db::Reader;
use crate::ledger::Event;
use crate::op::Op;
use crate::policy::{Action, BuiltinRole, Permission, PermissionSet, Role, RoleFacts};
use crate::types::{Id, ParseError, Slug, Timestamp, kinds};

/// Most roles of its own an organization has.
pub const ROLES_MAX: usize = 200;
/// Longest description of a role or a team, in characters.
pub(crate) const DESCRIPTION_MAX: usize = 500;

/// A role of an organization.
#[derive(Debug, Clone)]
pub struct CustomRole {
    /// Its id.
    pub id: Id<kinds::Role>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// Its name, which never changes: grants name it.
    pub name: Slug,
    /// What it is for.
    pub description: String,
    /// What it holds.
    pub permissions: PermissionSet,
    /// Raised with every change.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A role as it is shown: built in, or of the organization.
#[derive(Debug, Clone)]
pub struct RoleView {
    /// Its name.
    pub name: Slug,
    /// What it holds.
    pub permissions: PermissionSet,
    /// The organization's row; none for a built-in role.
    pub custom: Option<CustomRole>,
    /// How many grants give it.
    pub grants: usize,
}

/// The built-in role's name as a slug.
pub(crate) fn builtin_name(role: BuiltinRole) -> Result<Slug, ParseError> {
    Slug::parse(role.as_str())
}

/// The role of an organization called `name`, built in or its own.
///
/// # Errors
/// [`OrgError::NotFound`].
pub(crate) fn role_named(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name: &Slug,
) -> Result<Role, OrgError> {
    if let Ok(role) = BuiltinRole::parse(name.as_str()) {
        return Ok(Role::Builtin(role));
    }
    let found = store::role_by_name(reader, organization, name.as_str())?;
    let found = found.ok_or_else(|| OrgError::not_found("role", name.as_str()))?;
    Ok(Role::Custom(Arc::new(RoleFacts::new(found.name, found.permissions)?)))
}

/// The organization's own roles as facts, by name.
///
/// # Errors
/// The database failed.
pub(crate) fn roles_of(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<Vec<Role>, OrgError> {
    let rows = store::role_list(reader, organization)?;
    rows.into_iter().map(|r| Ok(Role::Custom(Arc::new(RoleFacts::new(r.name, r.permissions)?)))).collect()
}

fn view_of(reader: &Reader<'_>, role: CustomRole) -> Result<RoleView, OrgError> {
    let grants = store::role_grants(reader, role.organization, role.name.as_str())?;
    Ok(RoleView { name: role.name.clone(), permissions: role.permissions, custom: Some(role), grants })
}

fn builtin_view(op: &Op, reader: &Reader<'_>, role: BuiltinRole) -> Result<RoleView, OrgError> {
    let grants = store::role_grants(reader, op.organization()?, role.as_str())?;
    Ok(RoleView { name: builtin_name(role)?, permissions: role.permissions(), custom: None, grants })
}

/// Every role of the organization, the built-in ones first. Whoever is signed in may read them, like the matrix.
///
/// # Errors
/// Nobody is known; the database failed.
pub async fn role_list(op: &Op) -> Result<Vec<RoleView>, OrgError> {
    op.read(|reader| {
        op.principal(reader)?;
        let mut all = Vec::new();
        for role in BuiltinRole::ALL {
            all.push(builtin_view(op, reader, *role)?);
        }
        for role in store::role_list(reader, op.organization()?)? {
            all.push(view_of(reader, role)?);
        }
        Ok(all)
    })
    .await
}

/// A role by its name, or by its id when it is the organization's own.
///
/// # Errors
/// [`OrgError::NotFound`].
pub async fn role_get(op: &Op, name: &str) -> Result<RoleView, OrgError> {
    op.read(|reader| {
        op.principal(reader)?;
        match BuiltinRole::parse(name) {
            Ok(role) => builtin_view(op, reader, role),
            Err(_) => view_of(reader, custom(op, reader, name)?),
        }
    })
    .await
}

/// The organization's own role with this name or id.
fn custom(op: &Op, reader: &Reader<'_>, name: &str) -> Result<CustomRole, OrgError> {
    let organization = op.organization()?;
    let found = match Id::parse(name) {
        Ok(id) => store::role_get(reader, organization, id)?,
        Err(_) => store::role_by_name(reader, organization, name)?,
    };
    found.ok_or_else(|| OrgError::not_found("role", name))
}

/// Reads what a role shall hold: names of permissions, each known and none reserved to owners.
///
/// # Errors
/// The first that is not; none at all.
pub fn permissions(names: &[String]) -> Result<PermissionSet, ParseError> {
    if names.is_empty() || names.len() > 2 * Action::ALL.len() {
        return Err(ParseError::new("permissions", "name at least one, each once"));
    }
    let set: PermissionSet = names.iter().map(|n| Permission::parse(n)).collect::<Result<_, _>>()?;
    let reserved = BuiltinRole::Owner.permissions().beyond(BuiltinRole::Admin.permissions());
    match set.iter().find(|p| reserved.contains(*p)) {
        Some(p) => Err(ParseError::new("permissions", format!("`{p}` is held by owners only, and in no other role"))),
        None => Ok(set),
    }
}

/// The names of a set, in the order of the manual.
pub(crate) fn names_of(set: PermissionSet) -> Vec<&'static str> {
    set.iter().map(Permission::as_str).collect()
}

/// A description within its limit.
pub(crate) fn description(text: Option<String>) -> Result<String, ParseError> {
    let text = text.unwrap_or_default();
    if text.chars().count() > DESCRIPTION_MAX || text.chars().any(|c| c.is_control() && c != '\n') {
        let limit = format!("must have at most {DESCRIPTION_MAX} printable characters");
        return Err(ParseError::new("description", limit));
    }
    Ok(text)
}

/// Whether whoever asks holds all of `set` on the whole organization.
fn require_held(op: &Op, reader: &Reader<'_>, event: &Event, set: PermissionSet) -> Result<(), OrgError> {
    access::require_cover(op, reader, event, set, &access::own_organization(op)?)
}
