//! Roles: named sets of permissions. The matrix of the manual is this table, row by row.

use std::sync::Arc;

use super::action::shown_by_name;
use super::{Action, NodeKind, PermissionSet};
use crate::types::{ParseError, Slug};
use std::fmt;

/// A role every organization has. Each holds all that the one before it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum BuiltinRole {
    /// Sees what there is, never a value.
    Viewer,
    /// Works with secrets and environments that are not protected.
    Developer,
    /// Works with protected environments too, and with people's access to its node.
    Maintainer,
    /// Runs the organization.
    Admin,
    /// Owns the organization.
    Owner,
}

const VIEWER: PermissionSet = PermissionSet::EMPTY.and(&[
    Action::ProjectRead,
    Action::EnvironmentRead,
    Action::RuntimeRead,
    Action::SecretList,
    Action::BlueprintRead,
    Action::RuntimeLogsRead,
]);

const DEVELOPER: PermissionSet = VIEWER
    // Developers keep the viewers' rows in a protected environment, viewers lose the logs there.
    .and_protected()
    .and(&[Action::SecretUse, Action::SecretReveal, Action::SecretWrite, Action::SecretDelete])
    .and(&[Action::SecretAccessesRead])
    .and(&[
        Action::EnvironmentCreate,
        Action::EnvironmentUpdate,
        Action::BlueprintWrite,
        Action::DeployPreview,
        Action::RuntimeStop,
        Action::ShareCreate,
    ]);

const MAINTAINER: PermissionSet = DEVELOPER
    .and_protected()
    .and(&[
        Action::DeployProduction,
        Action::BaselinePromote,
        Action::SnapshotCreate,
        Action::SnapshotRestore,
        Action::SecretRotate,
        Action::RuntimeExec,
        Action::SecretUseRestricted,
    ])
    .and(&[
        Action::EnvironmentDelete,
        Action::EnvironmentMove,
        Action::EnvironmentLock,
        Action::EnvironmentProtect,
        Action::EnvironmentFlow,
        Action::ProjectUpdate,
        Action::DomainManage,
    ])
    .and(&[
        Action::MemberInvite,
        Action::MemberRemove,
        Action::GrantManage,
        Action::ServiceaccountManage,
        Action::ProjectCreate,
        Action::ProjectDelete,
        Action::RuntimeDestroy,
        Action::AccessExplain,
        Action::ApprovalDecide,
    ]);

const ADMIN: PermissionSet = MAINTAINER
    .and(&[
        Action::IntegrationManage,
        Action::ClusterManage,
        Action::RoleManage,
        Action::TeamManage,
        Action::PolicyManage,
        Action::QuotaManage,
    ])
    .and(&[Action::AuditRead, Action::AuditExport, Action::ComplianceRead, Action::UsageRead])
    .and(&[Action::GovernanceOverride, Action::OrgUpdate, Action::KeyRotate]);

const OWNER: PermissionSet = ADMIN.and(&[Action::OrgDelete, Action::OwnerGrant, Action::BillingManage]);

impl BuiltinRole {
    /// Every role, from the least to the most.
    pub const ALL: &'static [Self] = &[Self::Viewer, Self::Developer, Self::Maintainer, Self::Admin, Self::Owner];

    /// The stable name, `developer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Maintainer => "maintainer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// What it holds.
    pub const fn permissions(self) -> PermissionSet {
        match self {
            Self::Viewer => VIEWER,
            Self::Developer => DEVELOPER,
            Self::Maintainer => MAINTAINER,
            Self::Admin => ADMIN,
            Self::Owner => OWNER,
        }
    }

    /// Whether it may be given on such a node: `admin` and `owner` on an organization only.
    pub const fn grantable_on(self, kind: NodeKind) -> bool {
        match self {
            Self::Viewer | Self::Developer | Self::Maintainer => true,
            Self::Admin | Self::Owner => matches!(kind, NodeKind::Organization),
        }
    }

    /// What giving or taking this role asks for, besides holding all of it.
    pub const fn grant_action(self) -> Action {
        match self {
            Self::Owner => Action::OwnerGrant,
            _ => Action::GrantManage,
        }
    }

    /// Reads `developer`.
    ///
    /// # Errors
    /// No built-in role has this name.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::ALL.iter().copied().find(|r| r.as_str() == text).ok_or_else(|| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            ParseError::new("role", format!("`{shown}` is none of viewer, developer, maintainer, admin, owner"))
        })
    }
}

shown_by_name! { BuiltinRole }

/// A custom role as a fact: its name within the organization and what it holds now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleFacts {
    name: Slug,
    permissions: PermissionSet,
}

impl RoleFacts {
    /// A custom role.
    ///
    /// # Errors
    /// The name is that of a built-in role, which would let it pass for one.
    pub fn new(name: Slug, permissions: PermissionSet) -> Result<Self, ParseError> {
        if BuiltinRole::parse(name.as_str()).is_ok() {
            return Err(ParseError::new("role name", format!("`{name}` is built in; choose another name")));
        }
        Ok(Self { name, permissions })
    }
}

/// A role somebody holds: built in, or an organization's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Role {
    /// One of the five.
    Builtin(BuiltinRole),
    /// An organization's own.
    Custom(Arc<RoleFacts>),
}

impl Role {
    /// Its name, unique within the organization.
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(role) => role.as_str(),
            Self::Custom(facts) => facts.name.as_str(),
        }
    }

    /// What it holds.
    pub fn permissions(&self) -> PermissionSet {
        match self {
            Self::Builtin(role) => role.permissions(),
            Self::Custom(facts) => facts.permissions,
        }
    }

    /// What giving or taking this role asks for, besides holding all of it.
    pub fn grant_action(&self) -> Action {
        match self {
            Self::Builtin(role) => role.grant_action(),
            Self::Custom(_) => Action::GrantManage,
        }
    }

    /// Whether it is ownership: given to people only, one by one, after a fresh sign-in.
    pub fn is_owner(&self) -> bool {
        matches!(self, Self::Builtin(BuiltinRole::Owner))
    }

    /// Whether it may be given on such a node. Custom roles may be given anywhere.
    pub fn grantable_on(&self, kind: NodeKind) -> bool {
        match self {
            Self::Builtin(role) => role.grantable_on(kind),
            Self::Custom(_) => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl From<BuiltinRole> for Role {
    fn from(role: BuiltinRole) -> Self {
        Self::Builtin(role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_holds_what_the_one_before_holds_and_more() {
        for pair in BuiltinRole::ALL.windows(2) {
            let (less, more) = (pair[0].permissions(), pair[1].permissions());
            assert!(less.attenuates(more), "{} beyond {}", pair[0], pair[1]);
            assert!(!more.attenuates(less), "{} adds nothing to {}", pair[1], pair[0]);
        }
    }

    #[test]
    fn owner_holds_every_permission() {
        assert!(super::super::Permission::all().all(|p| OWNER.contains(p)));
    }

    #[test]
    fn admin_and_owner_are_given_on_an_organization_only() {
        for role in BuiltinRole::ALL {
            assert_eq!(BuiltinRole::parse(role.as_str()), Ok(*role));
            assert!(role.grantable_on(NodeKind::Organization));
            for kind in [NodeKind::Project, NodeKind::Environment] {
                assert_eq!(role.grantable_on(kind), *role < BuiltinRole::Admin, "{role} on {kind:?}");
            }
        }
    }

    #[test]
    fn a_custom_role_cannot_pass_for_a_built_in_one() {
        let owner = Slug::parse("owner").expect("a slug");
        assert!(RoleFacts::new(owner, PermissionSet::EMPTY).is_err());
    }
}
