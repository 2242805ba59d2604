//! What somebody sees wherever they are: who they are, where, and the tree around them.

use std::collections::{HashMap, HashSet};

use super::principal_label;
use super::whoami::session_facts;
use crate::auth;
use crate::db::Reader;
use crate::op::{Op, OpError};
use crate::orgs::environment::{self, Placed};
use crate::orgs::organization::{self, Organization};
use crate::orgs::project::{self, Project};
use crate::orgs::{OrgError, access};
use crate::policy::{Action, PermissionSet, Resource, effective};
use crate::types::{Id, kinds};

/// Most projects an outline names.
const PROJECTS_MAX: usize = 200;
/// Most environments of a project that are shown as a tree.
const TREE_MAX: usize = 1_000;

/// The surroundings of whoever asks.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The organization.
    pub organization: Organization,
    /// The organizations they may switch between; none where it is one.
    pub organizations: Vec<Organization>,
    /// How they are called: an address, or a machine's name.
    pub actor: String,
    /// Whether they operate this instance.
    pub is_operator: bool,
    /// What they hold at the organization itself.
    pub permissions: PermissionSet,
    /// The projects they may see, by slug.
    pub projects: Vec<Project>,
    /// The project asked about, with its environments as [`tree`] gives them.
    pub project: Option<(Project, Vec<(Placed, usize)>)>,
}

/// The surroundings of whoever asks, with the tree of one project. A project that is not visible is left out: what is
/// asked of it next says so.
///
/// # Errors
/// Nobody is known, or the credential is gone.
pub async fn outline(op: &Op, project: Option<&str>) -> Result<Outline, OrgError> {
    op.read(|reader| {
        let (_, principal) = op.principal(reader)?;
        let gone = || OrgError::Op(OpError::CredentialGone);
        let organization = principal.organization;
        let mut projects = Vec::new();
        for one in project::store::project_list(reader, organization, "", PROJECTS_MAX)? {
            let visible = op.permits(reader, Action::ProjectRead, &one.resource())?;
            if visible || access::holds_something_in(op, reader, one.id)? {
                projects.push(one);
            }
        }
        let named = |p: &&Project| project.is_some_and(|name| p.slug.as_str() == name || p.id.to_string() == name);
        let project = match projects.iter().find(named) {
            Some(found) => Some((found.clone(), tree(op, reader, found)?)),
            None => None,
        };
        let credential = auth::store::credential_get(reader, op.identity()?.credential)?.ok_or_else(gone)?;
        let session = session_facts(reader, &credential, principal.id)?;
        let organizations = session.map(|session| session.organizations).filter(|all| all.len() > 1);
        Ok(Outline {
            organizations: organizations.unwrap_or_default(),
            actor: principal_label(reader, principal.id)?.ok_or_else(gone)?,
            is_operator: principal.instance_operator,
            permissions: effective(&principal, &Resource::organization(organization)),
            organization: organization::store::organization_get(reader, organization)?.ok_or_else(gone)?,
            projects,
            project,
        })
    })
    .await
}

/// The environments of a project whoever asks may see, parents before their children, siblings by slug; each with how
/// far it hangs beneath the first of its tree that is shown.
///
/// # Errors
/// The database failed.
pub fn tree(op: &Op, reader: &Reader<'_>, project: &Project) -> Result<Vec<(Placed, usize)>, OrgError> {
    let mut seen = Vec::new();
    for environment in environment::store::environment_list(reader, project.id)?.into_iter().take(TREE_MAX) {
        let placed = environment::store::place(reader, environment)?;
        if op.permits(reader, Action::EnvironmentRead, &placed.resource())? {
            seen.push(placed);
        }
    }
    Ok(in_order(seen))
}

/// Parents before their children. What hangs beneath nothing that is here begins a tree.
fn in_order(all: Vec<Placed>) -> Vec<(Placed, usize)> {
    let here: HashSet<_> = all.iter().map(|p| p.environment.id).collect();
    let mut children: HashMap<Option<Id<kinds::Environment>>, Vec<Placed>> = HashMap::new();
    for one in all {
        let above = one.parents.iter().find(|p| here.contains(p)).copied();
        children.entry(above).or_default().push(one);
    }
    let mut ordered = Vec::with_capacity(here.len());
    let mut waiting = children.remove(&None).unwrap_or_default();
    waiting.reverse();
    while let Some(next) = waiting.pop() {
        waiting.extend(children.remove(&Some(next.environment.id)).unwrap_or_default().into_iter().rev());
        let depth = next.parents.iter().filter(|p| here.contains(p)).count();
        ordered.push((next, depth));
    }
    ordered
}

/// Which of `actions` whoever asks may do at a node: for showing and hiding, never for acting.
///
/// # Errors
/// The node is not there or not visible.
pub async fn may(
    op: &Op,
    project: Option<&str>,
    environment: Option<&str>,
    actions: &[Action],
) -> Result<Vec<Action>, OrgError> {
    op.read(|reader| {
        let resource = access::node(op, reader, project, environment)?;
        let mut allowed = Vec::with_capacity(actions.len());
        for action in actions {
            if op.permits(reader, *action, &resource)? {
                allowed.push(*action);
            }
        }
        Ok(allowed)
    })
    .await
}

/// Most projects a forest shows with their trees.
const FOREST_MAX: usize = 50;

/// A project with its environments, as [`tree`] gives them.
pub type Grove = (Project, Vec<(Placed, usize)>);

/// The projects whoever asks may see, each with its tree.
///
/// # Errors
/// Nobody is known; the database failed.
pub async fn forest(op: &Op) -> Result<Vec<Grove>, OrgError> {
    op.read(|reader| {
        let mut groves = Vec::new();
        for project in project::store::project_list(reader, op.organization()?, "", PROJECTS_MAX)? {
            if groves.len() == FOREST_MAX {
                break;
            }
            let visible = op.permits(reader, Action::ProjectRead, &project.resource())?;
            if visible || access::holds_something_in(op, reader, project.id)? {
                let tree = tree(op, reader, &project)?;
                groves.push((project, tree));
            }
        }
        Ok(groves)
    })
    .await
}
