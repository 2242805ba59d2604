//! The closed list of permissions: what can be asked ([`Action`]), what can be held ([`Permission`]).

use std::fmt;

use crate::types::ParseError;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident $name:literal $guarded:literal;)*) => {
        /// What somebody wants to do. Its name is the permission asked and the event written to the ledger.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// Every action, in the order of the matrix in the manual.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, `secret.use`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether a protected environment asks for the `….protected` permission instead.
            pub const fn is_guarded(self) -> bool {
                match self { $(Self::$variant => $guarded,)* }
            }

            const fn protected_name(self) -> &'static str {
                match self { $(Self::$variant => concat!($name, ".protected"),)* }
            }
        }
    };
}

// The flag says whether a protected environment asks for more. Rows that only maintainers and above hold
// need no second permission.
actions! {
    /// See a project and its settings.
    ProjectRead "project.read" false;
    /// See an environment and its settings.
    EnvironmentRead "environment.read" false;
    /// See what runs in an environment.
    RuntimeRead "runtime.read" false;
    /// See names and metadata of secrets, never values.
    SecretList "secret.list" false;
    /// See blueprints.
    BlueprintRead "blueprint.read" false;
    /// Read the logs of services, which may contain what they were given.
    RuntimeLogsRead "runtime.logs.read" true;
    /// Receive values for injection.
    SecretUse "secret.use" true;
    /// Be shown a value.
    SecretReveal "secret.reveal" true;
    /// Write a secret.
    SecretWrite "secret.write" true;
    /// Delete a secret.
    SecretDelete "secret.delete" true;
    /// See who read a secret.
    SecretAccessesRead "secret.accesses.read" true;
    /// Create an environment here or beneath.
    EnvironmentCreate "environment.create" true;
    /// Change an environment's name, description and the like.
    EnvironmentUpdate "environment.update" true;
    /// Write a blueprint.
    BlueprintWrite "blueprint.write" true;
    /// Deploy where neither tier nor protection asks for `deploy.production`.
    DeployPreview "deploy.preview" true;
    /// Stop what runs.
    RuntimeStop "runtime.stop" true;
    /// Create a share link.
    ShareCreate "share.create" true;
    /// Deploy to tier production or to a protected environment.
    DeployProduction "deploy.production" false;
    /// Make a running version the baseline.
    BaselinePromote "baseline.promote" false;
    /// Take a snapshot.
    SnapshotCreate "snapshot.create" false;
    /// Restore a snapshot.
    SnapshotRestore "snapshot.restore" false;
    /// Rotate a secret.
    SecretRotate "secret.rotate" false;
    /// Execute in, or forward a port to, a running service.
    RuntimeExec "runtime.exec" false;
    /// Receive restricted values (machines), or pass that right on and deploy with it (people).
    SecretUseRestricted "secret.use.restricted" false;
    /// Delete an environment and its subtree.
    EnvironmentDelete "environment.delete" false;
    /// Move an environment in its project's tree.
    EnvironmentMove "environment.move" false;
    /// Lock or unlock an environment.
    EnvironmentLock "environment.lock" false;
    /// Protect or unprotect an environment.
    EnvironmentProtect "environment.protect" false;
    /// Say where an environment's values may go.
    EnvironmentFlow "environment.flow" false;
    /// Change a project's settings.
    ProjectUpdate "project.update" false;
    /// Manage host names.
    DomainManage "domain.manage" false;
    /// Invite a member.
    MemberInvite "member.invite" false;
    /// Remove a member.
    MemberRemove "member.remove" false;
    /// Give and take roles, up to one's own rights.
    GrantManage "grant.manage" false;
    /// Manage service accounts of a node, up to one's own rights.
    ServiceaccountManage "serviceaccount.manage" false;
    /// Create a project.
    ProjectCreate "project.create" false;
    /// Delete a project.
    ProjectDelete "project.delete" false;
    /// Destroy what runs, with its data.
    RuntimeDestroy "runtime.destroy" false;
    /// Ask what others may do, and why.
    AccessExplain "access.explain" false;
    /// Decide on a request for approval.
    ApprovalDecide "approval.decide" false;
    /// Manage integrations.
    IntegrationManage "integration.manage" false;
    /// Manage clusters.
    ClusterManage "cluster.manage" false;
    /// Manage custom roles.
    RoleManage "role.manage" false;
    /// Manage teams.
    TeamManage "team.manage" false;
    /// Manage the organization's own policies; never forbidden to an owner.
    PolicyManage "policy.manage" false;
    /// Manage quotas.
    QuotaManage "quota.manage" false;
    /// Read the ledger.
    AuditRead "audit.read" false;
    /// Export the ledger.
    AuditExport "audit.export" false;
    /// Read compliance reports.
    ComplianceRead "compliance.read" false;
    /// Read usage.
    UsageRead "usage.read" false;
    /// Override a governance rule, with a reason.
    GovernanceOverride "governance.override" false;
    /// Change the organization's settings.
    OrgUpdate "org.update" false;
    /// Rotate this organization's keys.
    KeyRotate "key.rotate" false;
    /// Delete the organization.
    OrgDelete "org.delete" false;
    /// Make somebody an owner.
    OwnerGrant "owner.grant" false;
    /// Manage billing.
    BillingManage "billing.manage" false;
}

// A permission set is 128 bits: the lower half plain, the upper half `.protected`.
const _: () = assert!(Action::ALL.len() <= 64, "a PermissionSet has room for 64 actions");

impl Action {
    /// Reads `secret.use`. A `….protected` name is refused: it is held, never asked for.
    ///
    /// # Errors
    /// No action has this name.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::ALL.iter().copied().find(|a| a.as_str() == text).ok_or_else(|| unknown("action", text))
    }

    /// The permission that this action asks for on a resource that is `protected`, or not.
    pub const fn permission(self, protected: bool) -> Permission {
        Permission { action: self, protected: protected && self.is_guarded() }
    }
}

/// What only instance operators may do. No organization role holds any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstancePermission {
    /// Create an organization.
    OrgCreate,
    /// Create, check and restore backups.
    BackupManage,
    /// Rotate the instance's keys.
    InstanceKeyRotate,
    /// Change the instance's settings.
    InstanceSettings,
    /// Manage the cluster on this host.
    ClusterLocal,
    /// Help a user who cannot sign in.
    UserRecover,
}

impl InstancePermission {
    /// Every one, in the order of the manual.
    pub const ALL: &'static [Self] = &[
        Self::OrgCreate,
        Self::BackupManage,
        Self::InstanceKeyRotate,
        Self::InstanceSettings,
        Self::ClusterLocal,
        Self::UserRecover,
    ];

    /// The stable name, `org.create`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrgCreate => "org.create",
            Self::BackupManage => "backup.manage",
            Self::InstanceKeyRotate => "instance.key.rotate",
            Self::InstanceSettings => "instance.settings",
            Self::ClusterLocal => "cluster.local",
            Self::UserRecover => "user.recover",
        }
    }

    /// Reads `org.create`.
    ///
    /// # Errors
    /// No instance permission has this name.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::ALL.iter().copied().find(|p| p.as_str() == text).ok_or_else(|| unknown("instance permission", text))
    }
}

/// What a role holds: an action, or its `….protected` form for protected environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    action: Action,
    protected: bool,
}

impl Permission {
    /// The action it permits.
    pub const fn action(self) -> Action {
        self.action
    }

    /// Whether it is the `….protected` form.
    pub const fn is_protected(self) -> bool {
        self.protected
    }

    /// The stable name: `secret.use`, `secret.use.protected`.
    pub const fn as_str(self) -> &'static str {
        if self.protected { self.action.protected_name() } else { self.action.as_str() }
    }

    /// Every permission: each action, followed by its `….protected` form if it has one.
    pub fn all() -> impl Iterator<Item = Self> {
        Action::ALL
            .iter()
            .flat_map(|a| [Some(a.permission(false)), a.is_guarded().then(|| a.permission(true))].into_iter().flatten())
    }

    /// Reads `secret.use` or `secret.use.protected`.
    ///
    /// # Errors
    /// No permission has this name.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::all().find(|p| p.as_str() == text).ok_or_else(|| unknown("permission", text))
    }

    const fn bit(self) -> u128 {
        1 << (self.action as u8 + if self.protected { 64 } else { 0 })
    }
}

fn unknown(what: &'static str, text: &str) -> ParseError {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    ParseError::new(what, format!("`{shown}` does not exist; the manual's page on roles lists the names"))
}

macro_rules! shown_by_name {
    ($($type:ty)*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
        impl std::str::FromStr for $type {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                Self::parse(text)
            }
        }
    )*};
}
pub(super) use shown_by_name;
shown_by_name! { Action InstancePermission Permission }

/// A set of permissions, 16 bytes. Its bits are not stable between versions: store names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u128);

impl PermissionSet {
    /// No permission.
    pub const EMPTY: Self = Self(0);

    /// This set and the plain form of these actions.
    pub(super) const fn and(mut self, actions: &[Action]) -> Self {
        let mut index = 0;
        while index < actions.len() {
            self.0 |= actions[index].permission(false).bit();
            index += 1;
        }
        self
    }

    /// This set and the `….protected` form of every action in it that has one.
    pub(super) const fn and_protected(mut self) -> Self {
        let mut index = 0;
        while index < Action::ALL.len() {
            let action = Action::ALL[index];
            if self.0 & action.permission(false).bit() != 0 {
                self.0 |= action.permission(true).bit();
            }
            index += 1;
        }
        self
    }

    /// Whether it holds `permission`.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether it permits `action` on a resource that is `protected`, or not.
    pub const fn permits(self, action: Action, protected: bool) -> bool {
        self.contains(action.permission(protected))
    }

    /// Both together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is equal to `other` or less: who holds `other` may give it.
    pub const fn attenuates(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What it holds beyond `other`; empty exactly when it attenuates it.
    #[must_use]
    pub const fn beyond(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it holds nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What it holds, in the order of [`Permission::all`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::all().filter(move |p| self.contains(*p))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, p| set | p.bit()))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::as_str)).finish()
    }
}

impl serde::Serialize for PermissionSet {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_reads_back_and_is_unique() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Ok(*action));
        }
        for permission in Permission::all() {
            assert_eq!(Permission::parse(permission.as_str()), Ok(permission));
        }
        for permission in InstancePermission::ALL {
            assert_eq!(InstancePermission::parse(permission.as_str()), Ok(*permission));
            assert!(Action::parse(permission.as_str()).is_err(), "{permission} must not be a tenant's action");
        }
    }

    #[test]
    fn a_protected_permission_cannot_be_asked_for() {
        assert!(Action::parse("secret.use.protected").is_err());
        assert!(Permission::parse("secret.list.protected").is_err(), "secret.list has no protected form");
        assert_eq!(Action::SecretUse.permission(true).as_str(), "secret.use.protected");
        assert_eq!(Action::SecretList.permission(true).as_str(), "secret.list");
    }

    proptest! {
        #[test]
        fn arbitrary_names_never_panic(text in ".{0,60}") {
            let _ = (Action::parse(&text), Permission::parse(&text), InstancePermission::parse(&text));
        }

        #[test]
        fn a_set_is_what_was_put_in(picks in proptest::collection::btree_set(0..68_usize, 0..30)) {
            let all: Vec<_> = Permission::all().collect();
            let wanted: Vec<_> = picks.iter().filter_map(|i| all.get(*i).copied()).collect();
            let set: PermissionSet = wanted.iter().copied().collect();
            let mut held: Vec<_> = set.iter().collect();
            let mut expected = wanted;
            held.sort();
            expected.sort();
            prop_assert_eq!(held, expected);
        }
    }
}
