//! Role × action × resource, found by asking the engine.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::op::Op;
use crate::orgs::{OrgError, access};
use crate::policy::{
    Action, BuiltinRole, Cell, Context, Engine, GrantFact, Matrix, Node, Principal, PrincipalId, Resource,
};
use crate::types::Id;

/// Who may do what, when the role is given on the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessMatrix {
    /// The columns: kinds of resources, or the one resource that was named.
    pub resources: Vec<String>,
    /// Whether a role may do an action on each of the resources, in their order.
    pub cells: BTreeMap<(BuiltinRole, Action), Vec<bool>>,
}

impl AccessMatrix {
    /// Whether `role` may do `action` on the resource in column `column`.
    pub fn allows(&self, role: BuiltinRole, action: Action, column: usize) -> bool {
        self.cells.get(&(role, action)).and_then(|row| row.get(column)).copied().unwrap_or(false)
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
        if project.is_none() && environment.is_none() {
            return Ok(of_kinds(&op.core().policy).clone());
        }
        let resource = access::node(op, reader, project, environment)?;
        let name = access::node_name(reader, resource.node())?.unwrap_or_default();
        Ok(of_resource(&op.core().policy, &resource, name))
    })
    .await
}

/// Computed once: the built-in policies do not change while the process runs.
fn of_kinds(engine: &Engine) -> &'static AccessMatrix {
    static KINDS: OnceLock<AccessMatrix> = OnceLock::new();
    KINDS.get_or_init(|| {
        let columns = |c: &Cell| vec![c.organization, c.project, c.environment, c.protected_environment];
        let rows = Matrix::compute(engine, Context::default()).rows;
        let cells = rows.iter().flat_map(|row| row.cells.iter().map(|c| ((c.role, row.action), columns(c))));
        let resources = ["organization", "project", "environment", "protected_environment"];
        AccessMatrix { resources: resources.map(str::to_owned).to_vec(), cells: cells.collect() }
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
            cells.insert((*role, *action), vec![allowed]);
        }
    }
    AccessMatrix { resources: vec![name], cells }
}
