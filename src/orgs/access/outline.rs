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
use crate::types::{Cursor, Id, Limit, Page, kinds};

/// Most projects an outline names, and a forest shows with their trees.
const PROJECTS_MAX: usize = 200;
/// Most projects that are looked through for those whoever asks may see.
const SCANNED_MAX: usize = 2_000;
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
    /// The projects they may see, by slug: the first of them, and the one asked about.
    pub projects: Vec<Project>,
    /// Whether they may see more.
    pub is_cut: bool,
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
        let Page { items: mut projects, next } = visible(op, reader, "", PROJECTS_MAX)?;
        let project = match project.map(|name| access::project(op, reader, name)) {
            Some(Ok(found)) => Some(found),
            Some(Err(OrgError::NotFound { .. })) | None => None,
            Some(Err(error)) => return Err(error),
        };
        // The list may end before it.
        projects.extend(project.clone().filter(|found| projects.iter().all(|p| p.id != found.id)));
        let project = match project {
            Some(found) => Some((tree(op, reader, &found)?, found)),
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
            is_cut: next.is_some(),
            project: project.map(|(tree, found)| (found, tree)),
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

/// Up to `most` projects whoever asks may see, by slug, after the slug `after`; and where to go on, when there may be more.
fn visible(op: &Op, reader: &Reader<'_>, after: &str, most: usize) -> Result<Page<Project>, OrgError> {
    let (organization, mut after) = (op.organization()?, after.to_owned());
    let mut items: Vec<Project> = Vec::new();
    for _ in 0..SCANNED_MAX / PROJECTS_MAX {
        let rows = project::store::project_list(reader, organization, &after, PROJECTS_MAX)?;
        let is_last = rows.len() < PROJECTS_MAX;
        for project in rows {
            let slug = project.slug.to_string();
            let may = op.permits(reader, Action::ProjectRead, &project.resource())?;
            if may || access::holds_something_in(op, reader, project.id)? {
                if items.len() == most {
                    return Ok(Page { items, next: Some(Cursor::after(&after)) });
                }
                items.push(project);
            }
            after = slug;
        }
        if is_last {
            return Ok(Page { items, next: None });
        }
    }
    Ok(Page { items, next: Some(Cursor::after(&after)) })
}

/// Most environments a forest holds; projects beyond have no tree in it.
const FOREST_MAX: usize = 2_000;

/// A project with its environments, as [`tree`] gives them.
pub type Grove = (Project, Vec<(Placed, usize)>);

/// The first projects whoever asks may see, each with its tree: to choose from, and to call them by their names. To show
/// all, ask for [`groves`].
///
/// # Errors
/// Nobody is known; the database failed.
pub async fn forest(op: &Op) -> Result<Vec<Grove>, OrgError> {
    op.read(|reader| {
        let (mut all, mut held) = (Vec::new(), 0);
        for project in visible(op, reader, "", PROJECTS_MAX)?.items {
            let tree = if held < FOREST_MAX { tree(op, reader, &project)? } else { Vec::new() };
            held += tree.len();
            all.push((project, tree));
        }
        Ok(all)
    })
    .await
}

/// A page of the projects whoever asks may see, by slug, each with its tree.
///
/// # Errors
/// Nobody is known; the database failed.
pub async fn groves(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<Grove>, OrgError> {
    op.read(|reader| {
        let Page { items, next } = visible(op, reader, cursor.as_ref().map_or("", Cursor::key), limit.rows())?;
        let mut grown = Vec::with_capacity(items.len());
        for project in items {
            let tree = tree(op, reader, &project)?;
            grown.push((project, tree));
        }
        Ok(Page { items: grown, next })
    })
    .await
}

/// A project, or an environment.
#[derive(Debug, Clone)]
pub enum Spot {
    /// A project.
    Project(Project),
    /// An environment.
    Environment(Placed),
}

impl Spot {
    fn path(&self) -> String {
        match self {
            Self::Project(project) => project.slug.to_string(),
            Self::Environment(placed) => placed.path(),
        }
    }
}

/// At most `most` projects and environments whoever asks may see whose path or name holds `words`, in small letters, by path.
///
/// # Errors
/// Nobody is known; the database failed.
pub async fn spot(op: &Op, words: &str, most: usize) -> Result<Vec<Spot>, OrgError> {
    op.read(|reader| {
        let organization = op.organization()?;
        let mut found = Vec::new();
        for project in project::store::project_spot(reader, organization, words, PROJECTS_MAX)? {
            if found.len() == most {
                break;
            }
            let may = op.permits(reader, Action::ProjectRead, &project.resource())?;
            if may || access::holds_something_in(op, reader, project.id)? {
                found.push(Spot::Project(project));
            }
        }
        let projects = found.len();
        for environment in environment::store::environment_spot(reader, organization, words, PROJECTS_MAX)? {
            if found.len() == projects + most {
                break;
            }
            let placed = environment::store::place(reader, environment)?;
            if op.permits(reader, Action::EnvironmentRead, &placed.resource())? {
                found.push(Spot::Environment(placed));
            }
        }
        found.sort_by_key(Spot::path);
        found.truncate(most);
        Ok(found)
    })
    .await
}
