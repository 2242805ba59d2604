//! Facts a decision is made from. Whoever asks has loaded them; nothing here reads anything.

use std::fmt;

use super::action::shown_by_name;
use super::{PermissionSet, Role};
use crate::types::{Id, ParseError, Slug, kinds};

/// Who acts, whatever credential proved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalId {
    /// A person.
    User(Id<kinds::User>),
    /// A machine.
    ServiceAccount(Id<kinds::ServiceAccount>),
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::ServiceAccount(id) => id.fmt(f),
        }
    }
}

/// The level of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// The tenant itself.
    Organization,
    /// A project.
    Project,
    /// An environment.
    Environment,
}

impl NodeKind {
    /// The word of the product for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Project => "project",
            Self::Environment => "environment",
        }
    }
}

/// A node of an organization's tree: what a grant is given on and what an action is asked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// The whole organization.
    Organization(Id<kinds::Organization>),
    /// A project with all its environments.
    Project(Id<kinds::Project>),
    /// An environment with its descendants.
    Environment(Id<kinds::Environment>),
}

impl Node {
    /// Its level.
    pub const fn kind(self) -> NodeKind {
        match self {
            Self::Organization(_) => NodeKind::Organization,
            Self::Project(_) => NodeKind::Project,
            Self::Environment(_) => NodeKind::Environment,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id) => id.fmt(f),
            Self::Project(id) => id.fmt(f),
            Self::Environment(id) => id.fmt(f),
        }
    }
}

/// What an environment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Where somebody works.
    Development,
    /// Of one branch or pull request.
    Preview,
    /// Where testers work.
    Qa,
    /// Like production, before it.
    Staging,
    /// Where customers accept.
    Uat,
    /// What customers use; protected unless said otherwise.
    Production,
}

impl Tier {
    /// Every tier.
    pub const ALL: &'static [Self] =
        &[Self::Development, Self::Preview, Self::Qa, Self::Staging, Self::Uat, Self::Production];

    /// The stable name, `staging`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Preview => "preview",
            Self::Qa => "qa",
            Self::Staging => "staging",
            Self::Uat => "uat",
            Self::Production => "production",
        }
    }

    /// Reads `staging`.
    ///
    /// # Errors
    /// No tier has this name.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::ALL.iter().copied().find(|t| t.as_str() == text).ok_or_else(|| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            let allowed = "development, preview, qa, staging, uat, production";
            ParseError::new("tier", format!("`{shown}` is none of {allowed}"))
        })
    }
}

shown_by_name! { Tier }

/// A role given on a node; it reaches the node's whole subtree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFact {
    role: Role,
    node: Node,
    team: Option<Slug>,
}

impl GrantFact {
    /// `role` on `node`.
    ///
    /// # Errors
    /// The role is not given on nodes of this level: a stray row must not make an owner of a project's guest.
    pub fn new(role: impl Into<Role>, node: Node) -> Result<Self, ParseError> {
        let role = role.into();
        if role.grantable_on(node.kind()) {
            Ok(Self { role, node, team: None })
        } else {
            let problem = format!("`{}` is given on an organization, not on a {}", role.name(), node.kind().as_str());
            Err(ParseError::new("grant", problem))
        }
    }

    /// The same grant, given to a team that its holder is in. It decides nothing, and is named in reasons.
    #[must_use]
    pub fn through(mut self, team: Slug) -> Self {
        self.team = Some(team);
        self
    }

    /// The team it was given to; none when it was given to its holder.
    pub const fn team(&self) -> Option<&Slug> {
        self.team.as_ref()
    }

    /// The role given.
    pub const fn role(&self) -> &Role {
        &self.role
    }

    /// Where it is given.
    pub const fn node(&self) -> Node {
        self.node
    }
}

/// Who asks, in the organization their credential belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub id: PrincipalId,
    /// The organization acted in. Nothing is ever permitted outside it.
    pub organization: Id<kinds::Organization>,
    /// Whether this user is an instance operator. Means nothing for service accounts.
    pub instance_operator: bool,
    /// Every grant of theirs in this organization, their teams' included. For a personal or CLI token: the user's.
    pub grants: Vec<GrantFact>,
}

/// What is asked about: a node, with everything above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    organization: Id<kinds::Organization>,
    project: Option<Id<kinds::Project>>,
    /// The environment itself, then its parents, nearest first.
    lineage: Vec<Id<kinds::Environment>>,
    protected: bool,
    locked: bool,
    tier: Option<Tier>,
    path: Option<Box<str>>,
}

impl Resource {
    /// An organization itself.
    pub fn organization(organization: Id<kinds::Organization>) -> Self {
        Self {
            organization,
            project: None,
            lineage: Vec::new(),
            protected: false,
            locked: false,
            tier: None,
            path: None,
        }
    }

    /// A project of an organization.
    pub fn project(organization: Id<kinds::Organization>, project: Id<kinds::Project>) -> Self {
        Self { project: Some(project), ..Self::organization(organization) }
    }

    /// An environment; `parents` nearest first, up to the root of its tree. Its tier is development until said.
    pub fn environment(
        organization: Id<kinds::Organization>,
        project: Id<kinds::Project>,
        environment: Id<kinds::Environment>,
        parents: &[Id<kinds::Environment>],
    ) -> Self {
        let mut lineage = Vec::with_capacity(parents.len() + 1);
        lineage.push(environment);
        lineage.extend_from_slice(parents);
        Self { lineage, tier: Some(Tier::Development), ..Self::project(organization, project) }
    }

    /// The same environment, protected (itself or by an ancestor) or not. Organizations and projects never are.
    #[must_use]
    pub fn with_protected(mut self, protected: bool) -> Self {
        self.protected = protected && !self.lineage.is_empty();
        self
    }

    /// The same environment, locked or not. No built-in policy looks at it: a locked environment answers 409,
    /// whoever asks. It is a fact for an organization's own policies.
    #[must_use]
    pub fn with_locked(mut self, locked: bool) -> Self {
        self.locked = locked && !self.lineage.is_empty();
        self
    }

    /// The same environment in this tier.
    #[must_use]
    pub fn with_tier(mut self, tier: Tier) -> Self {
        self.tier = (!self.lineage.is_empty()).then_some(tier);
        self
    }

    /// The same environment, asked about for what is in this folder of it. No role looks at it: it is a circumstance
    /// for an organization's own policies.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        self.path = (!self.lineage.is_empty()).then(|| path.into());
        self
    }

    /// The folder it is asked about for.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The node itself.
    pub fn node(&self) -> Node {
        match (self.lineage.first(), self.project) {
            (Some(environment), _) => Node::Environment(*environment),
            (None, Some(project)) => Node::Project(project),
            (None, None) => Node::Organization(self.organization),
        }
    }

    /// The organization it belongs to.
    pub const fn organization_id(&self) -> Id<kinds::Organization> {
        self.organization
    }

    /// The node and everything above it: the environment, its parents nearest first, the project, the organization.
    pub fn chain(&self) -> impl Iterator<Item = Node> + '_ {
        let environments = self.lineage.iter().copied().map(Node::Environment);
        environments.chain(self.project.map(Node::Project)).chain([Node::Organization(self.organization)])
    }

    /// Whether a grant on `node` reaches it.
    pub fn is_within(&self, node: Node) -> bool {
        self.chain().any(|n| n == node)
    }

    /// Whether it asks for `….protected` permissions.
    pub const fn is_protected(&self) -> bool {
        self.protected
    }

    /// Whether it is locked.
    pub const fn is_locked(&self) -> bool {
        self.locked
    }

    /// The tier of an environment, none for other nodes.
    pub const fn tier(&self) -> Option<Tier> {
        self.tier
    }
}

/// What `principal` holds at `resource`: the union of the grants that reach it, nothing in another organization.
/// Whether an action is permitted there is `effective(…).permits(action, resource.is_protected())`, unless an
/// organization's own policy forbids it; only [`super::Engine::decide`] decides.
pub fn effective(principal: &Principal, resource: &Resource) -> PermissionSet {
    if principal.organization != resource.organization {
        return PermissionSet::EMPTY;
    }
    let reaching = principal.grants.iter().filter(|g| resource.is_within(g.node));
    reaching.fold(PermissionSet::EMPTY, |set, grant| set.union(grant.role.permissions()))
}

/// Whether somebody who holds `holder` at a node may give `given` there: nobody gives more than they hold.
///
/// # Errors
/// The permissions the holder lacks.
pub fn may_grant(holder: PermissionSet, given: PermissionSet) -> Result<(), PermissionSet> {
    let lacking = given.beyond(holder);
    if lacking.is_empty() { Ok(()) } else { Err(lacking) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::BuiltinRole;

    #[test]
    fn tiers_read_back() {
        for tier in Tier::ALL {
            assert_eq!(Tier::parse(tier.as_str()), Ok(*tier));
        }
        assert!(Tier::parse("prod").is_err());
    }

    #[test]
    fn an_owner_of_a_project_cannot_be_written_down() {
        let project = Node::Project(Id::from_bytes([1; 16]));
        assert!(GrantFact::new(BuiltinRole::Owner, project).is_err());
        assert!(GrantFact::new(BuiltinRole::Maintainer, project).is_ok());
    }

    #[test]
    fn only_environments_are_protected_or_locked() {
        let resource = Resource::project(Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let resource = resource.with_protected(true).with_locked(true).with_tier(Tier::Production);
        assert!(!resource.is_protected() && !resource.is_locked() && resource.tier().is_none());
    }
}
