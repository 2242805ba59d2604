//! Role × action × resource, found by asking the engine, not by reading the role table.

use std::fmt::{self, Write as _};

use super::{
    Action, BuiltinRole, Context, Engine, GrantFact, InstancePermission, Node, Principal, PrincipalId, Resource,
};
use crate::types::Id;

/// What a role may do on each kind of resource when it is given on the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a table of independent answers")]
pub struct Cell {
    /// The role.
    pub role: BuiltinRole,
    /// On the organization itself.
    pub organization: bool,
    /// On a project.
    pub project: bool,
    /// On an environment.
    pub environment: bool,
    /// On a protected environment.
    pub protected_environment: bool,
}

/// One action, for every role from viewer to owner.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MatrixRow {
    /// The action.
    pub action: Action,
    /// One cell per role, from the least to the most.
    pub cells: Vec<Cell>,
}

/// One permission of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct InstanceRow {
    /// The permission.
    pub permission: InstancePermission,
    /// Whether an owner of an organization has it.
    pub owner: bool,
    /// Whether an instance operator without any role has it.
    pub operator: bool,
}

/// Who may do what, as decided by the policies.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Matrix {
    /// Every action.
    pub rows: Vec<MatrixRow>,
    /// Every permission of the instance.
    pub instance: Vec<InstanceRow>,
}

impl Matrix {
    /// Asks `engine` about every role, action and kind of resource. Over a thousand evaluations: some tens of
    /// milliseconds.
    pub fn compute(engine: &Engine, context: Context<'_>) -> Self {
        let organization = Id::from_bytes([1; 16]);
        let project = Id::from_bytes([2; 16]);
        let environment = Resource::environment(organization, project, Id::from_bytes([3; 16]), &[]);
        let resources = [
            Resource::organization(organization),
            Resource::project(organization, project),
            environment.clone(),
            environment.with_protected(true),
        ];
        let holder = |role: Option<BuiltinRole>| Principal {
            id: PrincipalId::User(Id::from_bytes([4; 16])),
            organization,
            instance_operator: role.is_none(),
            grants: role.and_then(|r| GrantFact::new(r, Node::Organization(organization)).ok()).into_iter().collect(),
        };
        let cell = |role: BuiltinRole, action: Action| {
            let principal = holder(Some(role));
            let [organization, project, environment, protected_environment] =
                resources.each_ref().map(|r| engine.decide(&principal, action, r, context).allow);
            Cell { role, organization, project, environment, protected_environment }
        };
        let row = |action: &Action| MatrixRow {
            action: *action,
            cells: BuiltinRole::ALL.iter().map(|role| cell(*role, *action)).collect(),
        };
        let instance = |permission: &InstancePermission| InstanceRow {
            permission: *permission,
            owner: engine.decide_instance(&holder(Some(BuiltinRole::Owner)), *permission).allow,
            operator: engine.decide_instance(&holder(None), *permission).allow,
        };
        Self {
            rows: Action::ALL.iter().map(row).collect(),
            instance: InstancePermission::ALL.iter().map(instance).collect(),
        }
    }
}

/// One line per action, one column per role: `O` organization, `P` project, `E` environment, `X` protected
/// environment, `.` where it is denied.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |allowed: bool, letter: char| if allowed { letter } else { '.' };
        line(f, "permission", BuiltinRole::ALL.iter().map(|r| r.as_str().to_owned()))?;
        for row in &self.rows {
            let cells = row.cells.iter().map(|cell| {
                String::from_iter([
                    sign(cell.organization, 'O'),
                    sign(cell.project, 'P'),
                    sign(cell.environment, 'E'),
                    sign(cell.protected_environment, 'X'),
                ])
            });
            line(f, row.action.as_str(), cells)?;
        }
        writeln!(f)?;
        line(f, "instance", ["owner", "operator"].map(str::to_owned))?;
        for row in &self.instance {
            let cells = [sign(row.owner, '+'), sign(row.operator, '+')].map(String::from);
            line(f, row.permission.as_str(), cells)?;
        }
        Ok(())
    }
}

/// A name and its columns, without blanks at the end.
fn line(f: &mut fmt::Formatter<'_>, name: &str, cells: impl IntoIterator<Item = String>) -> fmt::Result {
    let mut text = format!("{name:<24}");
    for cell in cells {
        write!(text, "{cell:<12}")?;
    }
    writeln!(f, "{}", text.trim_end())
}
