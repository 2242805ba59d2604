//! Role × action × resource, found by asking the engine.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::op::Op;
use crate::orgs::{OrgError, access, role};
use crate::policy::{
    Action, BuiltinRole, Cell, Context, Engine, GrantFact, Matrix, Node, Principal, PrincipalId, Resource, Role,
};
use crate::types::Id;

/// Who may do what, when the role is given on the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessMatrix {
    /// The columns: kinds of resources, or the one resource that was named.
    pub resources: Vec<String>,
    /// The roles, from least to most, then the organization's own by name.
    pub roles: Vec<String>,
    /// Whether a role may do an action on each of the resources, in their order.
    pub cells: BTreeMap<(String, Action), Vec<bool>>,
}

impl AccessMatrix {
    /// Whether `role` may do `action` on the resource in column `column`.
    pub fn allows(&self, role: &str, action: Action, column: usize) -> bool {
        self.cells.get(&(role.to_owned(), action)).and_then(|row| row.get(column)).copied().unwrap_or(false)
    }

    /// Adds a role of the organization; `protected` says of each resource whether it is. What the engine decides of a
    /// custom role is what its set says: a property of `policy`'s tests.
    fn add(&mut self, role: &Role, protected: &[bool]) {
        let (name, held) = (role.name().to_owned(), role.permissions());
        for action in Action::ALL {
            let row = protected.iter().map(|p| held.permits(*action, *p)).collect();
            self.cells.insert((name.clone(), *action), row);
        }
        self.roles.push(name);
    }
}

/// The matrix: without a node of every kind of resource, with one of that node. Every signed-in principal may read
/// it.
///
/// # Errors
/// Nobody is known; the node is not visible.
pub async fn matrix(op: &Op, project: Option<&str>, environment: Option<&str>) -> Result<AccessMatrix, OrgError> {
    op.read(|reader| {
        op.principal(reader)?;
        let (mut found, protected) = if project.is_none() && environment.is_none() {
            (of_kinds(&op.core().policy).clone(), vec![false, false, false, true])
        } else {
            let resource = access::node(op, reader, project, environment)?;
            let name = access::node_name(reader, resource.node())?.unwrap_or_default();
            (of_resource(&op.core().policy, &resource, name), vec![resource.is_protected()])
        };
        for role in role::roles_of(reader, op.organization()?)? {
            found.add(&role, &protected);
        }
        Ok(found)
    })
    .await
}

/// Computed once: the built-in policies do not change while the process runs.
fn of_kinds(engine: &Engine) -> &'static AccessMatrix {
    static KINDS: OnceLock<AccessMatrix> = OnceLock::new();
    KINDS.get_or_init(|| {
        let columns = |c: &Cell| vec![c.organization, c.project, c.environment, c.protected_environment];
        let rows = Matrix::compute(engine, Context::default()).rows;
        let cells =
            rows.iter().flat_map(|row| row.cells.iter().map(|c| ((c.role.to_string(), row.action), columns(c))));
        let resources = ["organization", "project", "environment", "protected_environment"];
        AccessMatrix { resources: resources.map(str::to_owned).to_vec(), roles: builtin(), cells: cells.collect() }
    })
}

fn of_resource(engine: &Engine, resource: &Resource, name: String) -> AccessMatrix {
    let organization = resource.organization_id();
    let mut cells = BTreeMap::new();
    for role in BuiltinRole::ALL {
        let principal = Principal {
            id: PrincipalId::User(Id::from_bytes([0; 16])),
            organization,
            instance_operator: false,
            grants: GrantFact::new(*role, Node::Organization(organization)).into_iter().collect(),
        };
        for action in Action::ALL {
            let allowed = engine.decide(&principal, *action, resource, Context::default()).allow;
            cells.insert((role.to_string(), *action), vec![allowed]);
        }
    }
    AccessMatrix { resources: vec![name], roles: builtin(), cells }
}

fn builtin() -> Vec<String> {
    BuiltinRole::ALL.iter().map(ToString::to_string).collect()
}
