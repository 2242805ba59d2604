//! Roles: the built-in ones as they are, and the organization's own with a box for each permission.

use askama::Template;

use super::{Confirm, Done, is_told, status_of};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::role::{self, RoleChange, RoleCreate, RoleView};
use crate::policy::{Action, BuiltinRole, Permission, PermissionSet};
use crate::types::Slug;

/// The permissions in the groups of the manual: a title, and the first and last action of it.
pub(super) const GROUPS: &[(&str, Action, Action)] = &[
    ("See what there is", Action::ProjectRead, Action::RuntimeLogsRead),
    ("Values", Action::SecretUse, Action::SecretAccessesRead),
    ("Environments and what runs in them", Action::EnvironmentCreate, Action::ShareCreate),
    ("Production and what is restricted", Action::DeployProduction, Action::SecretUseRestricted),
    ("The shape of the tree", Action::EnvironmentDelete, Action::DomainManage),
    ("People, machines and projects", Action::MemberInvite, Action::ApprovalDecide),
    ("Running the organization", Action::IntegrationManage, Action::QuotaManage),
    ("Looking into the ledger", Action::AuditRead, Action::UsageRead),
    ("Rules, settings and keys", Action::GovernanceOverride, Action::KeyRotate),
];

/// A permission as a box.
struct Tick {
    permission: Permission,
    is_on: bool,
    /// Whether whoever looks holds it, and so may give it.
    is_held: bool,
}

/// A group of boxes.
struct Group {
    title: &'static str,
    ticks: Vec<Tick>,
}

/// The boxes of a role that holds `on`, for somebody who holds `held`.
fn groups(on: PermissionSet, held: PermissionSet) -> Vec<Group> {
    let group = |(title, first, last): &(&'static str, Action, Action)| Group {
        title,
        ticks: Permission::all()
            .filter(|p| (*first..=*last).contains(&p.action()))
            .map(|permission| Tick { permission, is_on: on.contains(permission), is_held: held.contains(permission) })
            .collect(),
    };
    GROUPS.iter().map(group).collect()
}

/// What only owners hold is in no role of an organization's own.
fn offered() -> PermissionSet {
    BuiltinRole::Admin.permissions()
}

/// Every role.
#[derive(Template)]
#[template(path = "roles.html")]
struct RolesPage {
    frame: Frame,
    roles: Vec<RoleView>,
    may_manage: bool,
}

impl RolesPage {
    fn holds(role: &RoleView) -> usize {
        role.permissions.iter().count()
    }

    fn all() -> usize {
        Permission::all().count()
    }
}

/// Shows all.
pub(super) async fn list(visitor: Visitor, Query(query): Query<Done>) -> Answer {
    let roles = role::role_list(&visitor.op).await?;
    let frame = visitor.frame("Roles", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Roles", "/roles").help("access").notice(query.done.as_deref());
    let may_manage = frame.permissions.permits(Action::RoleManage, false);
    visitor.show(&RolesPage { frame, roles, may_manage })
}

/// What is typed of a role.
#[derive(Clone, Default)]
pub(super) struct Typed {
    name: String,
    description: String,
    permissions: Vec<String>,
    version: Option<u32>,
}

impl Typed {
    fn of(fields: Vec<(String, String)>) -> Self {
        let mut typed = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "name" => value.trim().clone_into(&mut typed.name),
                "description" => typed.description = value.replace("\r\n", "\n"),
                "permission" => typed.permissions.push(value),
                "version" => typed.version = value.parse().ok(),
                _ => {}
            }
        }
        typed
    }

    fn set(&self) -> PermissionSet {
        self.permissions.iter().filter_map(|name| Permission::parse(name).ok()).collect()
    }
}

/// One role, or a new one.
#[derive(Template)]
#[template(path = "role.html")]
struct RolePage {
    frame: Frame,
    /// The role as it is; none for a new one.
    role: Option<RoleView>,
    typed: Typed,
    groups: Vec<Group>,
    told: Option<Told>,
    /// Whether it can be changed by whoever looks: their own, and nothing in it beyond what they hold.
    may_change: bool,
    /// Permissions of it that whoever looks does not hold.
    beyond: Vec<&'static str>,
    show_as: ShowAs,
}

/// Shows an empty form.
pub(super) async fn fresh(visitor: Visitor) -> Answer {
    show_fresh(&visitor, Typed::default(), None).await
}

async fn show_fresh(visitor: &Visitor, typed: Typed, told: Option<Told>) -> Answer {
    let frame = visitor.frame("New role", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Roles", "/roles").crumb("New role", "/new-role").help("access");
    let held = frame.permissions;
    let may_change = held.permits(Action::RoleManage, false);
    let groups = groups(typed.set(), held);
    let show_as = ShowAs::of(
        visitor,
        "holdfast roles create NAME --permission secret.list --permission secret.use",
        ("POST", "/roles"),
        "{\"name\": \"<NAME>\", \"permissions\": [\"secret.list\", \"secret.use\"]}",
        "name: <NAME>\npermissions: [secret.list, secret.use]",
    );
    let status = status_of(told.as_ref());
    let beyond = Vec::new();
    visitor.show_as(status, &RolePage { frame, role: None, typed, groups, told, may_change, beyond, show_as })
}

/// Makes a role.
pub(super) async fn create(Form(visitor, fields): Form<Vec<(String, String)>>) -> Answer {
    let typed = Typed::of(fields);
    let made = match Slug::parse(&typed.name) {
        Ok(name) => {
            let (description, permissions) = (filled(&typed.description), typed.permissions.clone());
            role::role_create(&visitor.op, RoleCreate { name, description, permissions }).await.map_err(Problem::from)
        }
        Err(error) => Err(Problem::from(error).field("name", "slug_invalid")),
    };
    match made {
        Ok(made) => Visitor::go(&format!("/roles/{}?done=created", made.name)),
        Err(problem) if is_told(&problem) => show_fresh(&visitor, typed, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

/// Shows one.
pub(super) async fn page(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<Done>) -> Answer {
    show(&visitor, &name, query.done.as_deref(), None, None).await
}

async fn show(visitor: &Visitor, name: &str, done: Option<&str>, typed: Option<Typed>, told: Option<Told>) -> Answer {
    let role = role::role_get(&visitor.op, name).await?;
    let name = role.name.to_string();
    let frame = visitor.frame(name.as_str(), Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Roles", "/roles").crumb(name.as_str(), format!("/roles/{name}"));
    let frame = frame.help("access").notice(done);
    let held = frame.permissions;
    let beyond: Vec<_> = role.permissions.beyond(held).iter().map(Permission::as_str).collect();
    let may_change = role.custom.is_some() && held.permits(Action::RoleManage, false) && beyond.is_empty();
    let typed = typed.unwrap_or_else(|| Typed {
        name: name.clone(),
        description: role.custom.as_ref().map(|c| c.description.clone()).unwrap_or_default(),
        permissions: role.permissions.iter().map(|p| p.as_str().to_owned()).collect(),
        version: role.custom.as_ref().map(|c| c.version),
    });
    let groups = groups(typed.set(), held.union(if may_change { PermissionSet::EMPTY } else { offered() }));
    let show_as = ShowAs::of(
        visitor,
        format!("holdfast roles update {name} --permission secret.list --permission secret.use"),
        ("PATCH", &format!("/roles/{name}")),
        "{\"permissions\": [\"secret.list\", \"secret.use\"], \"base_version\": <VERSION>}",
        format!("name: {name}\npermissions: [secret.list, secret.use]"),
    );
    let status = status_of(told.as_ref());
    visitor.show_as(status, &RolePage { frame, role: Some(role), typed, groups, told, may_change, beyond, show_as })
}

/// Changes a role, and so what everybody holds who was given it.
pub(super) async fn update(Names([name]): Names<1>, Form(visitor, fields): Form<Vec<(String, String)>>) -> Answer {
    let typed = Typed::of(fields);
    let change = RoleChange {
        description: Some(typed.description.clone()),
        permissions: Some(typed.permissions.clone()),
        base_version: typed.version,
    };
    match role::role_update(&visitor.op, name.clone(), change).await.map_err(Problem::from) {
        Ok(role) => Visitor::go(&format!("/roles/{}?done=changed", role.name)),
        Err(problem) if is_told(&problem) => show(&visitor, &name, None, Some(typed), Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

/// Deletes a role that nobody was given, when its name was typed.
pub(super) async fn delete(Names([name]): Names<1>, Form(visitor, form): Form<Confirm>) -> Answer {
    let slug = role::role_get(&visitor.op, &name).await?.name;
    let done = match form.require(slug.as_str()) {
        Ok(()) => role::role_delete(&visitor.op, name.clone(), false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Visitor::go("/roles?done=removed"),
        Err(problem) if is_told(&problem) => show(&visitor, &name, None, None, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_a_role_is_in_one_group() {
        let shown: Vec<_> =
            groups(PermissionSet::EMPTY, offered()).into_iter().flat_map(|g| g.ticks).map(|t| t.permission).collect();
        let once: PermissionSet = shown.iter().copied().collect();
        assert_eq!(shown.len(), once.iter().count(), "one is in two groups");
        assert_eq!(once, offered(), "{:?}", offered().beyond(once));
    }
}
