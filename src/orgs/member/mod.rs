//! Members: people of an organization.
//!
//! An address that is known elsewhere joins like a new one: same answer, same work. A password given here opens this
//! organization only, so whoever sets it cannot become that person anywhere else.

mod detail;

pub use detail::{MemberDetail, member_get};

use super::{OrgError, access, grant, organization, team};
use crate::auth::password::{PasswordHash, Passwords};
use crate::auth::{self, User};
use crate::db::{Reader, WriteTx};
use crate::ledger::{ActionName, Details, Event, Outcome, Target};
use crate::op::{Op, about, epoch_raise};
use crate::orgs::access::PrincipalName;
use crate::orgs::grant::{Grant, GrantView};
use crate::orgs::organization::display_name;
use crate::policy::{Action, PrincipalId, Resource};
use crate::types::{Cursor, Email, Id, Limit, Page, ParseError, SecretString, Slug, Timestamp};

/// Leaving is recorded like being removed: the actor is the target.
const LEFT: ActionName = ActionName::new(Action::MemberRemove.as_str());

/// A person of an organization.
#[derive(Debug, Clone)]
pub struct Member {
    /// The person.
    pub user: User,
    /// Since when.
    pub joined_at: Timestamp,
    /// Their grants that whoever asks may know of.
    pub grants: Vec<GrantView>,
}

/// Who shall join.
pub struct MemberAdd {
    /// Their address.
    pub email: Email,
    /// How they are called; the part before the `@` when none.
    pub name: Option<String>,
    /// A first password, for this organization.
    pub password: Option<SecretString>,
    /// A first role, by name.
    pub role: Option<Slug>,
    /// The project the role is given on, by id or slug.
    pub project: Option<String>,
    /// The environment of it, by id or slug.
    pub environment: Option<String>,
}

/// Adds a person to the organization, with a first role if one is named.
///
/// # Errors
/// Not allowed at the node; a member already; the password too weak; the role more than is held.
pub async fn member_add(op: &Op, passwords: &Passwords, new: MemberAdd) -> Result<Member, OrgError> {
    let name = new.name.as_deref().map(display_name).transpose()?;
    if new.role.is_none() && (new.project.is_some() || new.environment.is_some()) {
        return Err(ParseError::new("role", "name the role to give there").into());
    }
    let (email, role, project, environment) = (new.email, new.role, new.project, new.environment);
    let hash = match new.password {
        None => None,
        Some(password) => {
            // Before the costly hash: who may not add anybody must not cost one.
            op.read(|reader| authorize(op, reader, project.as_deref(), environment.as_deref()).map(drop)).await?;
            let about = [email.as_str(), name.as_deref().unwrap_or_default()];
            Some(passwords.hash(password, &about).await?)
        }
    };
    op.write(move |op, tx| {
        let (resource, event) = authorize(op, tx, project.as_deref(), environment.as_deref())?;
        let user = join(op, tx, email, name, hash.as_ref())?;
        op.record(tx, event.target(Target::new("user", user.id)))?;
        let principal = PrincipalId::User(user.id);
        let mut grants = Vec::new();
        if let Some(role) = role {
            let given = grant::give(op, tx, principal, &role, &resource)?;
            grants.push(grant::view(tx, given)?);
        }
        epoch_raise(tx)?;
        Ok(Member { user, joined_at: op.now(), grants })
    })
    .await
}

fn authorize(
    op: &Op,
    reader: &Reader<'_>,
    project: Option<&str>,
    environment: Option<&str>,
) -> Result<(Resource, Event), OrgError> {
    let resource = access::node(op, reader, project, environment)?;
    let event = op.authorize(reader, Action::MemberInvite, &resource)?;
    Ok((resource, event))
}

/// The rows of a new member. What is answered of somebody known elsewhere is what was said of them.
fn join(
    op: &Op,
    tx: &WriteTx<'_>,
    email: Email,
    name: Option<String>,
    hash: Option<&PasswordHash>,
) -> Result<User, OrgError> {
    let (now, organization) = (op.now(), op.organization()?);
    let name = name.unwrap_or_else(|| email.as_str().split('@').next().unwrap_or_default().to_owned());
    let user = if let Some(there) = auth::store::user_by_email(tx, &email)? {
        if organization::store::member_since(tx, organization, there.id)?.is_some() {
            return Err(OrgError::Taken { what: "member", name: email.to_string() });
        }
        User { id: there.id, ..User::new(email, name, now) }
    } else {
        let new = User::new(email, name, now);
        auth::store::user_insert(tx, &new, None)?;
        new
    };
    organization::store::member_insert(tx, organization, user.id, now)?;
    if let Some(hash) = hash {
        organization::store::member_password_set(tx, organization, user.id, hash.as_stored())?;
    }
    Ok(user)
}

/// A page of the organization's members. People see each other; a machine needs `member.invite`.
///
/// # Errors
/// Not allowed.
pub async fn member_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<Member>, OrgError> {
    op.read(|reader| {
        op.principal(reader)?;
        if op.is_machine() {
            op.authorize(reader, Action::MemberInvite, &access::own_organization(op)?)?;
        }
        let after = cursor.map(|c| Id::parse(c.key())).transpose()?;
        let rows = organization::store::member_list(reader, op.organization()?, after, limit.rows() + 1)?;
        let page = Page::cut(rows, limit, |(id, _)| id.to_string());
        let mut items = Vec::with_capacity(page.items.len());
        for (id, joined_at) in page.items {
            let Some(user) = auth::store::user_get(reader, id)? else { continue };
            let grants = grant::visible_of(op, reader, PrincipalId::User(id))?;
            items.push(Member { user, joined_at, grants });
        }
        Ok(Page { items, next: page.next })
    })
    .await
}

/// What goes with a member.
#[derive(Debug, Clone)]
pub struct Removal {
    /// Who.
    pub user: User,
    /// Grants taken.
    pub grants: usize,
    /// Teams left.
    pub teams: usize,
    /// Credentials that stop working.
    pub credentials: usize,
}

/// Removes a member with their grants and credentials of this organization; with `dry_run` only says what goes.
/// Everybody may leave; removing others needs `member.remove` and all that they hold.
///
/// # Errors
/// Unknown; not allowed; the last owner; an owner without a fresh sign-in.
pub async fn member_remove(op: &Op, name: String, dry_run: bool) -> Result<Removal, OrgError> {
    op.write(move |op, tx| {
        let (_, own) = op.principal(tx)?;
        let organization = own.organization;
        let id = access::principal_named(op, tx, &PrincipalName::User(name.clone()))?;
        let PrincipalId::User(user) = id else { return Err(OrgError::not_found("member", name)) };
        let held = grant::store::grant_held(tx, organization, id)?;
        let is_owner = held.iter().any(|(grant, _)| grant.role.is_owner());
        let event = if id == own.id {
            let at = access::own_organization(op)?;
            let event = about(op.event(LEFT, Outcome::Allowed), &at);
            if is_owner {
                access::require_fresh(op, &event)?;
            }
            event
        } else {
            require_removing(op, tx, &held)?
        };
        if is_owner {
            grant::require_other_owner(tx, organization, &id)?;
        }
        let missing = || OrgError::not_found("member", name.clone());
        let user = auth::store::user_get(tx, user)?.ok_or_else(missing)?;
        let credentials = auth::store::credential_count(tx, organization, &id)?;
        let grants = held.iter().filter(|(_, team)| team.is_none()).count();
        let teams = team::store::team_count_of(tx, organization, user.id)?;
        let removal = Removal { user, grants, teams, credentials };
        if !dry_run {
            grant::store::grant_delete_of(tx, organization, &id.into())?;
            team::store::member_delete_all(tx, organization, removal.user.id)?;
            auth::store::credential_revoke_all(tx, organization, &id, op.now())?;
            organization::store::member_delete(tx, organization, removal.user.id)?;
            epoch_raise(tx)?;
            let details = Details::new().with("grants", grants).with("teams", teams).with("credentials", credentials);
            op.record(tx, event.target(Target::new("user", removal.user.id)).details(details))?;
        }
        Ok(removal)
    })
    .await
}

/// Whether whoever asks may remove somebody who holds this.
fn require_removing(op: &Op, reader: &Reader<'_>, held: &[(Grant, Option<Slug>)]) -> Result<Event, OrgError> {
    let event = op.authorize(reader, Action::MemberRemove, &access::own_organization(op)?)?;
    for (grant, team) in held {
        if team.is_none() {
            grant::require_taking(op, reader, grant)?;
        } else {
            // The team keeps it: only what this person loses must be held.
            let resource = access::resource_standing(reader, grant.organization, grant.node)?;
            access::require_cover(op, reader, &event, grant.role.permissions(), &resource)?;
        }
    }
    Ok(event)
}
