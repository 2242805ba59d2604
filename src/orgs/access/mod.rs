//! Finding the node a request names, for whoever asks: what is not visible is not there.

use crate::db::{DbError, Reader};
use crate::op::{Keep, Op};
use crate::orgs::environment::{self, Placed};
use crate::orgs::grant;
use crate::orgs::organization;
use crate::orgs::project::{self, Project};
use crate::orgs::{OrgError, service_account};
use crate::policy::{Action, GrantFact, Node, Principal, PrincipalId, Resource};
use crate::types::{Id, Timestamp, kinds};

mod explain;
mod matrix;
mod outline;
mod people;
mod principals;
mod review;
mod whoami;

pub use explain::{Evaluation, Question, RoleAt, evaluate, evaluate_role};
pub use matrix::{AccessMatrix, matrix};
pub use outline::{Grove, Outline, Spot, forest, groves, may, outline, spot, tree};
pub use people::{Place, PrincipalName};
pub(crate) use people::{
    mailboxes, place_of, principal_label, principal_named, require_cover, require_fresh, resource_standing,
    service_account_named,
};
pub(crate) use principals::lacks_factor;
pub use principals::{Session, Sessions, TreePrincipals};
pub use review::{Reached, Reaching, ReviewWish, Way, reach, review};
pub(crate) use review::{principals as review_principals, reaching as review_at};
pub use whoami::{ActorFacts, CredentialFacts, SessionFacts, Whoami, whoami};

/// The organization's own node.
///
/// # Errors
/// Nobody is known.
pub fn own_organization(op: &Op) -> Result<Resource, OrgError> {
    Ok(Resource::organization(op.organization()?))
}

/// The project a request names by id or slug.
///
/// # Errors
/// [`OrgError::NotFound`] when it is unknown, deleted, another organization's, or nothing in it is visible.
pub fn project(op: &Op, reader: &Reader<'_>, name: &str) -> Result<Project, OrgError> {
    let missing = || OrgError::not_found("project", name);
    let organization = op.organization()?;
    let found = match Id::parse(name) {
        Ok(id) => project::store::project_get(reader, id)?.filter(|p| p.organization == organization),
        Err(_) => project::store::project_by_slug(reader, organization, name)?,
    };
    let found = found.filter(|p| p.deletion.is_none()).ok_or_else(missing)?;
    let resource = Resource::project(organization, found.id);
    if op.permits(reader, Action::ProjectRead, &resource)? || holds_something_in(op, reader, found.id)? {
        Ok(found)
    } else {
        Err(missing())
    }
}

/// Whether the principal was given anything on an environment of the project.
pub(crate) fn holds_something_in(op: &Op, reader: &Reader<'_>, project: Id<kinds::Project>) -> Result<bool, OrgError> {
    let (_, principal) = op.principal(reader)?;
    for fact in &principal.grants {
        if let Node::Environment(id) = fact.node()
            && environment::store::environment_get(reader, id)?
                .is_some_and(|e| e.project == project && e.deletion.is_none())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The environment a request names by project and environment, each by id or slug.
///
/// # Errors
/// [`OrgError::NotFound`] when either is unknown, deleted, another organization's or not visible.
pub fn environment(op: &Op, reader: &Reader<'_>, project: &str, name: &str) -> Result<Placed, OrgError> {
    let organization = op.organization()?;
    let placed = op.core().facts.get_or_load(reader, organization, format!("{project}/{name}"), || {
        environment_named(reader, organization, project, name).map(|placed| (placed, Keep::Yes))
    })?;
    if op.permits(reader, Action::EnvironmentRead, &placed.resource())? {
        Ok(Placed::clone(&placed))
    } else {
        Err(OrgError::not_found("environment", format!("{project}/{name}")))
    }
}

/// The environment two names lead to in an organization, whoever asks.
fn environment_named(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    project: &str,
    name: &str,
) -> Result<Placed, OrgError> {
    let missing = || OrgError::not_found("environment", format!("{project}/{name}"));
    let owner = match Id::parse(project) {
        Ok(id) => project::store::project_get(reader, id)?.filter(|p| p.organization == organization),
        Err(_) => project::store::project_by_slug(reader, organization, project)?,
    };
    let owner = owner.filter(|p| p.deletion.is_none()).ok_or_else(|| OrgError::not_found("project", project))?;
    let found = match Id::parse(name) {
        Ok(id) => environment::store::environment_get(reader, id)?.filter(|e| e.project == owner.id),
        Err(_) => environment::store::environment_by_slug(reader, owner.id, name)?,
    };
    let found = found.filter(|e| e.deletion.is_none()).ok_or_else(missing)?;
    Ok(environment::store::place(reader, found)?)
}

/// The environment with this id, with what is above it, if it is of this organization and not deleted. Asks
/// nobody's rights: for what the caller has decided already.
///
/// # Errors
/// The database failed.
pub fn placed(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Environment>,
) -> Result<Option<Placed>, DbError> {
    let found = environment::store::environment_get(reader, id)?;
    let found = found.filter(|e| e.organization == organization && e.deletion.is_none());
    found.map(|e| environment::store::place(reader, e)).transpose()
}

/// Until when an environment that was deleted can be restored; none when it is not deleted, or is not there at all.
///
/// # Errors
/// The database failed.
pub fn restorable_until(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Environment>,
) -> Result<Option<Timestamp>, DbError> {
    let found = environment::store::environment_get(reader, id)?.filter(|e| e.organization == organization);
    let Some(deletion) = found.and_then(|e| e.deletion) else { return Ok(None) };
    Ok(organization::store::deletion_get(reader, organization, deletion)?.map(|d| d.restorable_until))
}

/// The node a request names: an environment, a project, or with neither the organization.
///
/// # Errors
/// It is not there or not visible; an environment without its project.
pub fn node(
    op: &Op,
    reader: &Reader<'_>,
    project_name: Option<&str>,
    environment_name: Option<&str>,
) -> Result<Resource, OrgError> {
    match (project_name, environment_name) {
        (None, None) => own_organization(op),
        (Some(p), None) => {
            let found = project(op, reader, p)?;
            Ok(Resource::project(found.organization, found.id))
        }
        (Some(p), Some(e)) => Ok(environment(op, reader, p, e)?.resource()),
        (None, Some(e)) => match Id::<kinds::Environment>::parse(e) {
            Ok(id) => {
                let found = placed(reader, op.organization()?, id)?;
                let found = found.ok_or_else(|| OrgError::not_found("environment", e))?;
                Ok(environment(op, reader, &found.environment.project.to_string(), e)?.resource())
            }
            Err(_) => Err(OrgError::Parse(crate::types::ParseError::new(
                "environment",
                "name its project too, or give its id",
            ))),
        },
    }
}

/// The facts of a stored node, none when it is gone.
///
/// # Errors
/// The database failed.
pub fn resource_of(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    node: Node,
) -> Result<Option<Resource>, DbError> {
    Ok(match node {
        Node::Organization(id) => (id == organization).then(|| Resource::organization(id)),
        Node::Project(id) => project::store::project_get(reader, id)?
            .filter(|p| p.organization == organization && p.deletion.is_none())
            .map(|p| Resource::project(organization, p.id)),
        Node::Environment(id) => placed(reader, organization, id)?.map(|p| p.resource()),
    })
}

/// How a node is called: `acme`, `shop`, `shop/staging`.
///
/// # Errors
/// The database failed.
pub fn node_name(reader: &Reader<'_>, node: Node) -> Result<Option<String>, DbError> {
    Ok(match node {
        Node::Organization(id) => organization::store::organization_get(reader, id)?.map(|o| o.slug.to_string()),
        Node::Project(id) => project::store::project_get(reader, id)?.map(|p| p.slug.to_string()),
        Node::Environment(id) => {
            environment::store::environment_get(reader, id)?.map(|e| format!("{}/{}", e.project_slug, e.slug))
        }
    })
}

/// The principal and what it holds in an organization; none when it is no part of it or disabled.
///
/// # Errors
/// The database failed.
pub fn principal_facts(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: PrincipalId,
) -> Result<Option<Principal>, DbError> {
    let operator = match id {
        PrincipalId::User(user) => {
            let found = crate::auth::store::user_get(reader, user)?.filter(|u| u.disabled_at.is_none());
            let member = organization::store::member_since(reader, organization, user)?.is_some();
            found.filter(|_| member).map(|u| u.instance_operator)
        }
        PrincipalId::ServiceAccount(account) => {
            let found = service_account::store::service_account_get(reader, account)?;
            found.filter(|a| a.organization == organization && a.disabled_at.is_none()).map(|_| false)
        }
    };
    let Some(instance_operator) = operator else { return Ok(None) };
    let held = grant::store::grant_held(reader, organization, id)?;
    // A role on a level it is not given on would be a row changed by hand: it counts for nothing.
    let facts = held.into_iter().filter_map(|(grant, team)| {
        let fact = GrantFact::new(grant.role, grant.node).ok()?;
        Some(if let Some(team) = team { fact.through(team) } else { fact })
    });
    let grants = facts.collect();
    Ok(Some(Principal { id, organization, instance_operator, grants }))
}

/// Whether the environment may be changed now.
///
/// # Errors
/// [`OrgError::Locked`].
pub fn require_unlocked(placed: &Placed) -> Result<(), OrgError> {
    match &placed.environment.lock {
        None => Ok(()),
        Some(lock) => Err(OrgError::Locked {
            environment: placed.path(),
            by: lock.by.clone(),
            reason: if lock.reason.is_empty() { String::new() } else { format!(": {}", lock.reason) },
        }),
    }
}

/// Whether a credential of `organization` is asked for at `now`: its tenant still stands.
pub(crate) fn organization_stands(
    reader: &Reader<'_>,
    id: Id<kinds::Organization>,
    _now: Timestamp,
) -> Result<bool, DbError> {
    Ok(organization::store::organization_get(reader, id)?.is_some_and(|o| o.deletion.is_none()))
}
