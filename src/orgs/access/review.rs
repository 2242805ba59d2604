//! Access review: who can do something at a node and by which grant, and what somebody can do anywhere.

use super::{PrincipalName, place_of, principal_facts, principal_label};
use crate::db::Reader;
use crate::op::{Op, epoch};
use crate::orgs::access::Place;
use crate::orgs::grant::{self, Grant};
use crate::orgs::{OrgError, access, environment, organization, project, service_account};
use crate::policy::{Action, Principal, PrincipalId, Resource, effective};
use crate::types::{Cursor, Id, Limit, Page, ParseError, Slug};

/// A grant that reaches, and how somebody has it.
#[derive(Debug, Clone)]
pub struct Way {
    /// The grant.
    pub grant: Grant,
    /// The team it was given to; none when it was given to them.
    pub team: Option<Slug>,
    /// Where it is given.
    pub place: Place,
}

/// Somebody who can do something at a node.
#[derive(Debug, Clone)]
pub struct Reaching {
    /// Who.
    pub principal: PrincipalId,
    /// An e-mail address or a service account's name.
    pub name: String,
    /// What their roles permit there, in the order of the manual.
    pub actions: Vec<Action>,
    /// The grants that reach there.
    pub ways: Vec<Way>,
    /// The organization's policies that deny the action that was asked about, as things are now.
    pub denied_by: Vec<String>,
}

/// Who can do something at a node.
#[derive(Debug, Clone, Default)]
pub struct ReviewWish {
    /// The project, by id or slug; none: the organization.
    pub project: Option<String>,
    /// The environment of it, by id or slug.
    pub environment: Option<String>,
    /// Only who may do this; its policies are asked, too.
    pub action: Option<Action>,
    /// The folder of a secret: policies that look at folders are asked about this one.
    pub path: Option<String>,
}

/// Longest folder, in bytes.
const PATH_MAX: usize = 1_024;

/// A folder as policies are asked about it; whether there is one is nothing a review asks.
fn folder(path: &str) -> Result<&str, ParseError> {
    let is_folder = path.starts_with('/') && path.len() <= PATH_MAX && !path.chars().any(char::is_control);
    if is_folder { Ok(path) } else { Err(ParseError::new("path", "is a folder, like /api")) }
}

/// A page of everybody who can do something at a node, people first; a page may be short and still name a next one.
/// Whoever is disabled is not in it: none of their credentials work.
///
/// # Errors
/// The node is not visible; `access.explain` is not held there.
pub async fn review(
    op: &Op,
    wish: &ReviewWish,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<Reaching>, OrgError> {
    op.read(|reader| {
        let resource = access::node(op, reader, wish.project.as_deref(), wish.environment.as_deref())?;
        op.authorize(reader, Action::AccessExplain, &resource)?;
        let resource = match wish.path.as_deref().map(folder).transpose()? {
            Some(path) => resource.with_path(path),
            None => resource,
        };
        let page = principals(op, reader, limit, cursor.as_ref())?;
        let mut items = Vec::new();
        for id in page.items {
            let Some(facts) = principal_facts(reader, resource.organization_id(), id)? else { continue };
            items.extend(reaching(op, reader, &facts, &resource, wish.action)?);
        }
        Ok(Page { items, next: page.next })
    })
    .await
}

/// What somebody can do at a node, when it is anything, or the action that is asked about. Asks nobody's rights.
///
/// # Errors
/// The database failed.
pub(crate) fn reaching(
    op: &Op,
    reader: &Reader<'_>,
    facts: &Principal,
    resource: &Resource,
    action: Option<Action>,
) -> Result<Option<Reaching>, OrgError> {
    let held = effective(facts, resource);
    let mut actions: Vec<_> =
        Action::ALL.iter().copied().filter(|a| held.permits(*a, resource.is_protected())).collect();
    if let Some(action) = action {
        actions.retain(|a| *a == action);
    }
    if actions.is_empty() {
        return Ok(None);
    }
    let mut ways = Vec::new();
    for (grant, team) in grant::store::grant_held(reader, facts.organization, facts.id)? {
        let permissions = grant.role.permissions();
        let gives = actions.iter().any(|a| permissions.permits(*a, resource.is_protected()));
        if gives && resource.is_within(grant.node) {
            let place = place_of(reader, grant.node)?;
            ways.push(Way { grant, team, place });
        }
    }
    let denied_by = match action {
        None => Vec::new(),
        Some(action) => {
            let decision = op.decide_for(reader, epoch(reader)?, facts, action, resource)?;
            if decision.allow { Vec::new() } else { decision.policies.to_vec() }
        }
    };
    let name = principal_label(reader, facts.id)?.unwrap_or_default();
    Ok(Some(Reaching { principal: facts.id, name, actions, ways, denied_by }))
}

/// A page of the organization's principals: people by id, then service accounts by id. Asks nobody's rights.
///
/// # Errors
/// The cursor is none; the database failed.
pub(crate) fn principals(
    op: &Op,
    reader: &Reader<'_>,
    limit: Limit,
    cursor: Option<&Cursor>,
) -> Result<Page<PrincipalId>, OrgError> {
    let (organization, rows) = (op.organization()?, limit.rows() + 1);
    let after_account = cursor.map(|c| Id::parse(c.key())).and_then(Result::ok);
    let mut all = Vec::new();
    if after_account.is_none() {
        let after = cursor.map(|c| Id::parse(c.key())).transpose()?;
        let people = organization::store::member_list(reader, organization, after, rows)?;
        all.extend(people.into_iter().map(|(id, _)| PrincipalId::User(id)));
    }
    if all.len() < rows {
        let rest = rows - all.len();
        let accounts = service_account::store::service_account_list(reader, organization, after_account, rest)?;
        all.extend(accounts.into_iter().map(|a| PrincipalId::ServiceAccount(a.id)));
    }
    Ok(Page::cut(all, limit, ToString::to_string))
}

/// Somewhere that somebody can do something.
#[derive(Debug, Clone)]
pub struct Reached {
    /// Where.
    pub place: Place,
    /// Whether a protected environment.
    pub protected: bool,
    /// What, and by which grants.
    pub reaching: Reaching,
}

/// A page of everything somebody can do: the organization, its projects and their environments, a page of projects at
/// a time. About oneself it needs nothing, about others `access.explain` on the organization.
///
/// # Errors
/// Nobody answers to the name; not allowed.
pub async fn reach(
    op: &Op,
    about: &PrincipalName,
    action: Option<Action>,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<Reached>, OrgError> {
    op.read(|reader| {
        let (_, own) = op.principal(reader)?;
        let organization = Resource::organization(own.organization);
        let id = access::principal_named(op, reader, about)?;
        if id != own.id {
            op.authorize(reader, Action::AccessExplain, &organization)?;
        }
        let mut items = Vec::new();
        let Some(facts) = principal_facts(reader, own.organization, id)? else {
            return Ok(Page { items, next: None });
        };
        let mut add = |resource: &Resource| {
            if let Some(found) = reaching(op, reader, &facts, resource, action)? {
                let place = place_of(reader, resource.node())?;
                items.push(Reached { place, protected: resource.is_protected(), reaching: found });
            }
            Ok::<_, OrgError>(())
        };
        if cursor.is_none() {
            add(&organization)?;
        }
        let after = cursor.as_ref().map_or("", Cursor::key);
        let rows = project::store::project_list(reader, own.organization, after, limit.rows() + 1)?;
        let page = Page::cut(rows, limit, |p| p.slug.to_string());
        for found in page.items {
            add(&Resource::project(own.organization, found.id))?;
            for inside in environment::store::environment_list(reader, found.id)? {
                add(&environment::store::place(reader, inside)?.resource())?;
            }
        }
        Ok(Page { items, next: page.next })
    })
    .await
}
