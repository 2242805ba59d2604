//! Naming principals and nodes, and the two rules beyond permissions: a fresh sign-in, and nobody gives more than
//! they hold.

use crate::auth;
use crate::db::{DbError, Reader};
use crate::ledger::Event;
use crate::op::Op;
use crate::orgs::service_account::{self, ServiceAccount};
use crate::orgs::{OrgError, environment, grant, organization, project};
use crate::policy::{Node, PermissionSet, PrincipalId, Resource, effective, may_grant};
use crate::types::{Email, Id, Slug, kinds};

/// Somebody of the organization, as a request names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalName {
    /// Whoever asks.
    Own,
    /// A member, by id or e-mail address.
    User(String),
    /// A service account, by id or name.
    ServiceAccount(String),
}

/// A node with the names of what it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The node.
    pub node: Node,
    /// The project it is or is in; none for the organization.
    pub project: Option<(Id<kinds::Project>, Slug)>,
    /// The environment it is.
    pub environment: Option<(Id<kinds::Environment>, Slug)>,
}

/// The names of a node.
///
/// # Errors
/// The database failed.
pub(crate) fn place_of(reader: &Reader<'_>, node: Node) -> Result<Place, DbError> {
    let place = Place { node, project: None, environment: None };
    Ok(match node {
        Node::Organization(_) => place,
        Node::Project(id) => {
            let found = project::store::project_get(reader, id)?;
            Place { project: found.map(|p| (id, p.slug)), ..place }
        }
        Node::Environment(id) => match environment::store::environment_get(reader, id)? {
            Some(e) => Place { project: Some((e.project, e.project_slug)), environment: Some((id, e.slug)), ..place },
            None => place,
        },
    })
}

/// The id of whoever is named.
///
/// # Errors
/// [`OrgError::NotFound`] when nobody of this organization answers to it.
pub(crate) fn principal_named(op: &Op, reader: &Reader<'_>, name: &PrincipalName) -> Result<PrincipalId, OrgError> {
    let organization = op.organization()?;
    match name {
        PrincipalName::Own => Ok(op.identity()?.principal.id),
        PrincipalName::User(text) => {
            let missing = || OrgError::not_found("member", text);
            let user = if let Ok(id) = Id::parse(text) {
                auth::store::user_get(reader, id)?
            } else {
                auth::store::user_by_email(reader, &Email::parse(text).map_err(|_| missing())?)?
            };
            let user = user.ok_or_else(missing)?;
            organization::store::member_since(reader, organization, user.id)?.ok_or_else(missing)?;
            Ok(PrincipalId::User(user.id))
        }
        PrincipalName::ServiceAccount(text) => {
            let found = service_account_named(reader, organization, text)?;
            Ok(PrincipalId::ServiceAccount(found.id))
        }
    }
}

/// The service account of an organization with this id or name. Asks nobody's rights.
///
/// # Errors
/// [`OrgError::NotFound`].
pub(crate) fn service_account_named(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name: &str,
) -> Result<ServiceAccount, OrgError> {
    let found = match Id::parse(name) {
        Ok(id) => service_account::store::service_account_get(reader, id)?.filter(|a| a.organization == organization),
        Err(_) => service_account::store::service_account_by_name(reader, organization, name)?,
    };
    found.ok_or_else(|| OrgError::not_found("service account", name))
}

/// How a principal is called: an e-mail address, or a service account's name.
///
/// # Errors
/// The database failed.
pub(crate) fn principal_label(reader: &Reader<'_>, id: PrincipalId) -> Result<Option<String>, DbError> {
    Ok(match id {
        PrincipalId::User(id) => auth::store::user_get(reader, id)?.map(|u| u.email.to_string()),
        PrincipalId::ServiceAccount(id) => service_account::store::service_account_get(reader, id)?.map(|a| a.name),
    })
}

/// Where to write about something `author` did: to them, or when they are no person, no member any more or disabled,
/// to owners of the organization, at most `owners_max`.
///
/// # Errors
/// The database failed.
pub(crate) fn mailboxes(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    author: &str,
    owners_max: usize,
) -> Result<Vec<Email>, DbError> {
    let able = |id| Ok::<_, DbError>(auth::store::user_get(reader, id)?.filter(|u| u.disabled_at.is_none()));
    if let Ok(id) = Id::<kinds::User>::parse(author)
        && organization::store::member_since(reader, organization, id)?.is_some()
        && let Some(user) = able(id)?
    {
        return Ok(vec![user.email]);
    }
    let owners = grant::store::owner_list(reader, organization, owners_max)?;
    let owners = owners.into_iter().filter_map(|id| able(id).transpose());
    owners.map(|found| found.map(|u| u.email)).collect()
}

/// The facts of a node, also of a deleted one, which may be restored; the organization's when it is gone for good.
///
/// # Errors
/// The database failed.
pub(crate) fn resource_standing(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    node: Node,
) -> Result<Resource, DbError> {
    let found = match node {
        Node::Organization(_) => None,
        Node::Project(id) => project::store::project_get(reader, id)?
            .filter(|p| p.organization == organization)
            .map(|p| Resource::project(organization, p.id)),
        Node::Environment(id) => environment::store::environment_get(reader, id)?
            .filter(|e| e.organization == organization)
            .map(|e| environment::store::place(reader, e))
            .transpose()?
            .map(|p| p.resource()),
    };
    Ok(found.unwrap_or_else(|| Resource::organization(organization)))
}

/// Asks people for a fresh sign-in; `event` becomes the record of the refusal.
///
/// # Errors
/// [`crate::op::OpError::StepUp`].
pub(crate) fn require_fresh(op: &Op, event: &Event) -> Result<(), OrgError> {
    op.require_step_up().map_err(|error| {
        op.refuse(event, "step_up_required");
        error.into()
    })
}

/// Whether whoever asks holds all of `given` at `resource`, with what reaches its protected descendants; `event`
/// becomes the record of the refusal.
///
/// # Errors
/// [`OrgError::CannotGrantMore`].
pub(crate) fn require_cover(
    op: &Op,
    reader: &Reader<'_>,
    event: &Event,
    given: PermissionSet,
    resource: &Resource,
) -> Result<(), OrgError> {
    let (_, principal) = op.principal(reader)?;
    may_grant(effective(&principal, resource), given).map_err(|lacking| {
        op.refuse(event, "cannot_grant_more");
        OrgError::CannotGrantMore { missing: lacking.iter().map(|p| p.as_str().to_owned()).collect() }
    })
}
