//! Grants: a role given to somebody on a node of the tree, reaching everything beneath it.

pub(crate) mod store;

use super::{OrgError, access, role, service_account, team};
use crate::db::{Reader, WriteTx};
use crate::ledger::{Details, Event, Target};
use crate::op::{Op, epoch_raise};
use crate::orgs::access::{Place, PrincipalName};
use crate::policy::{Action, BuiltinRole, GrantFact, Node, PrincipalId, Resource, Role, effective, may_grant};
use crate::types::{Cursor, Id, Limit, Page, ParseError, Slug, Timestamp, kinds};

/// Most grants one principal, or one team, has in an organization.
pub const GRANTS_MAX: usize = 256;

/// Who has a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A person or a machine.
    Principal(PrincipalId),
    /// Everybody in a team.
    Team(Id<kinds::Team>),
}

impl From<PrincipalId> for Holder {
    fn from(id: PrincipalId) -> Self {
        Self::Principal(id)
    }
}

/// Who shall have a grant, as a request names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HolderName {
    /// A person or a machine.
    Principal(PrincipalName),
    /// A team, by name or id.
    Team(String),
}

impl From<PrincipalName> for HolderName {
    fn from(name: PrincipalName) -> Self {
        Self::Principal(name)
    }
}

/// A role given on a node.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its id.
    pub id: Id<kinds::Grant>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// To whom.
    pub holder: Holder,
    /// Which role.
    pub role: Role,
    /// Where.
    pub node: Node,
    /// When.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// A grant with its names.
#[derive(Debug, Clone)]
pub struct GrantView {
    /// The grant.
    pub grant: Grant,
    /// Where it is given.
    pub place: Place,
    /// How whoever has it is called: an e-mail address, or the name of a service account or a team.
    pub holder: String,
}

/// A role and where it shall be given.
#[derive(Debug, Clone)]
pub struct GrantWish {
    /// The role, by name.
    pub role: Slug,
    /// The project, by id or slug.
    pub project: Option<String>,
    /// The environment of it, by id or slug.
    pub environment: Option<String>,
}

/// Which grants a list is of. What is not set matches all.
#[derive(Debug, Clone, Default)]
pub struct GrantFilter {
    /// To whom.
    pub holder: Option<HolderName>,
    /// On this project itself, or on the environment of it.
    pub project: Option<String>,
    /// On this environment itself.
    pub environment: Option<String>,
}

/// The names of a grant.
///
/// # Errors
/// The database failed.
pub(crate) fn view(reader: &Reader<'_>, grant: Grant) -> Result<GrantView, OrgError> {
    let place = access::place_of(reader, grant.node)?;
    let holder = match grant.holder {
        Holder::Principal(id) => access::principal_label(reader, id)?,
        Holder::Team(id) => team::store::team_get(reader, grant.organization, id)?.map(|t| t.name.to_string()),
    };
    let holder = holder.unwrap_or_default();
    Ok(GrantView { grant, place, holder })
}

fn target(holder: Holder) -> Target {
    match holder {
        Holder::Principal(PrincipalId::User(id)) => Target::new("user", id),
        Holder::Principal(PrincipalId::ServiceAccount(id)) => Target::new("service_account", id),
        Holder::Team(id) => Target::new("team", id),
    }
}

/// Whether whoever asks may give this role there to somebody: the role, and the event to record when it is given.
///
/// # Errors
/// Not allowed there, more than is held, no role for this level.
pub(crate) fn require_giving(
    op: &Op,
    reader: &Reader<'_>,
    name: &Slug,
    resource: &Resource,
    holder: Option<Holder>,
) -> Result<(Role, Event), OrgError> {
    let role = role::role_named(reader, op.organization()?, name)?;
    GrantFact::new(role.clone(), resource.node())?;
    let event = op.authorize(reader, role.grant_action(), resource)?;
    // The record of a refusal names whom it was for, where that is known.
    let event = holder.map_or_else(|| event.clone(), |holder| event.clone().target(target(holder)));
    access::require_cover(op, reader, &event, role.permissions(), resource)?;
    Ok((role, event))
}

/// Gives a role: decides, stores and records. Raising the epoch is the caller's, after the last of them.
///
/// # Errors
/// Not allowed there, more than is held, no role for this level or this kind of holder, given already.
pub(crate) fn give(
    op: &Op,
    tx: &mut WriteTx<'_>,
    holder: impl Into<Holder>,
    name: &Slug,
    resource: &Resource,
) -> Result<Grant, OrgError> {
    let (holder, organization) = (holder.into(), op.organization()?);
    let (role, event) = require_giving(op, tx, name, resource, Some(holder))?;
    if role.is_owner() && !matches!(holder, Holder::Principal(PrincipalId::User(_))) {
        // A machine is never asked to sign in again, which is what guards ownership; a team's owners could come and
        // go by a change of the team.
        return Err(ParseError::new("role", "`owner` is given to people only").into());
    }
    if role.is_owner() {
        access::require_fresh(op, &event)?;
    }
    let there = store::grant_of(tx, organization, &holder)?;
    if there.iter().any(|g| g.role == role && g.node == resource.node()) {
        return Err(OrgError::Taken { what: "grant", name: role.name().to_owned() });
    }
    if there.len() >= GRANTS_MAX {
        return Err(OrgError::TooMany { what: "grant", max: GRANTS_MAX });
    }
    let grant = Grant {
        id: Id::new(op.now()),
        organization,
        holder,
        role,
        node: resource.node(),
        created_at: op.now(),
        created_by: op.author(),
    };
    store::grant_insert(tx, &grant)?;
    op.record(tx, event.details(Details::new().with("given", grant.id).with("role", &grant.role)))?;
    Ok(grant)
}

/// Gives a role to a member, a service account or a team of the organization.
///
/// # Errors
/// Nobody answers to the name; the node is not visible; not allowed; more than is held; given already. To a service
/// account: not manageable, or outside its own node.
pub async fn grant_create(op: &Op, to: impl Into<HolderName>, wish: GrantWish) -> Result<GrantView, OrgError> {
    let to = to.into();
    op.write(move |op, tx| {
        let resource = access::node(op, tx, wish.project.as_deref(), wish.environment.as_deref())?;
        let holder = match &to {
            HolderName::Principal(PrincipalName::ServiceAccount(name)) => {
                let account = service_account::managed(op, tx, name)?.0;
                service_account::require_within(&account, &resource)?;
                Holder::Principal(PrincipalId::ServiceAccount(account.id))
            }
            other => holder_named(op, tx, other)?,
        };
        let grant = give(op, tx, holder, &wish.role, &resource)?;
        epoch_raise(tx)?;
        view(tx, grant)
    })
    .await
}

fn holder_named(op: &Op, reader: &Reader<'_>, name: &HolderName) -> Result<Holder, OrgError> {
    Ok(match name {
        HolderName::Principal(name) => Holder::Principal(access::principal_named(op, reader, name)?),
        HolderName::Team(name) => Holder::Team(team::team_named(op, reader, name)?.id),
    })
}

/// Whether whoever asks may know of a grant: their own or one of their teams', or they give or explain rights where
/// it is.
fn visible(op: &Op, reader: &Reader<'_>, grant: &Grant) -> Result<bool, OrgError> {
    let own = op.identity()?.principal.id;
    let is_own = match grant.holder {
        Holder::Principal(id) => id == own,
        Holder::Team(team) => team::store::team_has(reader, grant.organization, team, own)?,
    };
    if is_own {
        return Ok(true);
    }
    let resource = access::resource_standing(reader, grant.organization, grant.node)?;
    Ok(op.permits(reader, Action::GrantManage, &resource)? || op.permits(reader, Action::AccessExplain, &resource)?)
}

/// The visible ones of the grants that were given to a holder itself.
///
/// # Errors
/// The credential is gone; the database failed.
pub(crate) fn visible_of(op: &Op, reader: &Reader<'_>, holder: impl Into<Holder>) -> Result<Vec<GrantView>, OrgError> {
    let mut shown = Vec::new();
    for grant in store::grant_of(reader, op.organization()?, &holder.into())? {
        if visible(op, reader, &grant)? {
            shown.push(view(reader, grant)?);
        }
    }
    Ok(shown)
}

/// The visible ones of all grants a principal has, with the team each comes through.
///
/// # Errors
/// The credential is gone; the database failed.
pub(crate) fn visible_held(
    op: &Op,
    reader: &Reader<'_>,
    principal: PrincipalId,
) -> Result<Vec<(GrantView, Option<Slug>)>, OrgError> {
    let mut shown = Vec::new();
    for (grant, team) in store::grant_held(reader, op.organization()?, principal)? {
        if visible(op, reader, &grant)? {
            shown.push((view(reader, grant)?, team));
        }
    }
    Ok(shown)
}

/// The roles whoever asks may give at a node, built-in ones first: for offering them, never for giving.
///
/// # Errors
/// The node is not there or not visible.
pub async fn givable(op: &Op, project: Option<&str>, environment: Option<&str>) -> Result<Vec<Role>, OrgError> {
    op.read(|reader| {
        let resource = access::node(op, reader, project, environment)?;
        let (_, principal) = op.principal(reader)?;
        let held = effective(&principal, &resource);
        let builtin = BuiltinRole::ALL.iter().map(|role| Role::Builtin(*role));
        let mut offered = Vec::new();
        for role in builtin.chain(role::roles_of(reader, principal.organization)?) {
            let fits = role.grantable_on(resource.node().kind()) && may_grant(held, role.permissions()).is_ok();
            if fits && op.permits(reader, role.grant_action(), &resource)? {
                offered.push(role);
            }
        }
        Ok(offered)
    })
    .await
}

/// A page of the organization's grants that whoever asks may know of; a page may be short and still name a next one.
///
/// # Errors
/// Somebody or a node that is named is not there.
pub async fn grant_list(
    op: &Op,
    filter: GrantFilter,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<GrantView>, OrgError> {
    op.read(|reader| {
        op.principal(reader)?;
        let after = cursor.map(|c| Id::parse(c.key())).transpose()?;
        let holder = filter.holder.as_ref().map(|h| holder_named(op, reader, h)).transpose()?;
        let node = match (&filter.project, &filter.environment) {
            (None, None) => None,
            (project, environment) => {
                Some(access::node(op, reader, project.as_deref(), environment.as_deref())?.node())
            }
        };
        let organization = op.organization()?;
        let rows = store::grant_list(reader, organization, holder.as_ref(), node.as_ref(), after, limit.rows() + 1)?;
        let page = Page::cut(rows, limit, |g| g.id.to_string());
        let mut items = Vec::with_capacity(page.items.len());
        for grant in page.items {
            if visible(op, reader, &grant)? {
                items.push(view(reader, grant)?);
            }
        }
        Ok(Page { items, next: page.next })
    })
    .await
}

/// Whether whoever asks may take this grant away: the right to give it, and all of it held.
///
/// # Errors
/// Not allowed; more than is held; an owner's without a fresh sign-in.
pub(crate) fn require_taking(op: &Op, reader: &Reader<'_>, grant: &Grant) -> Result<Event, OrgError> {
    let resource = access::resource_standing(reader, grant.organization, grant.node)?;
    let event = op.authorize(reader, grant.role.grant_action(), &resource)?.target(target(grant.holder));
    if grant.role.is_owner() {
        access::require_fresh(op, &event)?;
    }
    access::require_cover(op, reader, &event, grant.role.permissions(), &resource)?;
    Ok(event.details(Details::new().with("taken", grant.id).with("role", &grant.role)))
}

/// Whether the organization keeps an owner who can sign in when `principal` is none any more.
///
/// # Errors
/// [`OrgError::LastOwner`].
pub(crate) fn require_other_owner(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    principal: &PrincipalId,
) -> Result<(), OrgError> {
    if store::owner_count_without(reader, organization, principal)? == 0 { Err(OrgError::LastOwner) } else { Ok(()) }
}

/// Takes a grant away; with `dry_run` only says which one it would be.
///
/// # Errors
/// Unknown or not visible; not allowed; more than is held; it makes the last owner.
pub async fn grant_delete(op: &Op, id: Id<kinds::Grant>, dry_run: bool) -> Result<GrantView, OrgError> {
    op.write(move |op, tx| {
        let missing = || OrgError::not_found("grant", id.to_string());
        let (_, own) = op.principal(tx)?;
        let grant = store::grant_get(tx, own.organization, id)?.ok_or_else(missing)?;
        if !visible(op, tx, &grant)? {
            return Err(missing());
        }
        let event = require_taking(op, tx, &grant)?;
        let shown = view(tx, grant)?;
        if let (true, Holder::Principal(id)) = (shown.grant.role.is_owner(), shown.grant.holder) {
            require_other_owner(tx, shown.grant.organization, &id)?;
        }
        if !dry_run {
            store::grant_delete(tx, id)?;
            epoch_raise(tx)?;
            op.record(tx, event)?;
        }
        Ok(shown)
    })
    .await
}
