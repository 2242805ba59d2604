//! Moving an environment, with everything beneath it, to another parent of its project.

use super::model::{DEPTH_MAX, Placed};
use super::{require_open, store};
use crate::db::WriteTx;
use crate::ledger::{Details, Event};
use crate::op::{Op, epoch_raise};
use crate::orgs::grant::{self, Holder};
use crate::orgs::{OrgError, access, team};
use crate::policy::{Action, Node, PermissionSet, PrincipalId, Resource, effective};
use crate::types::{Id, kinds};

/// What somebody gains and loses by a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessChange {
    /// Who.
    pub principal: PrincipalId,
    /// Permissions they get at the moved environment.
    pub gained: Vec<&'static str>,
    /// Permissions they lose there.
    pub lost: Vec<&'static str>,
}

/// What a move does.
#[derive(Debug, Clone)]
pub struct Relocation {
    /// The environment as it was placed before.
    pub before: Placed,
    /// And after.
    pub after: Placed,
    /// Who gains or loses what.
    pub access: Vec<AccessChange>,
}

/// Moves an environment beneath `parent`, or makes it a root. With `dry_run` nothing is kept.
///
/// # Errors
/// Unknown; not allowed at the environment, the old or the new parent; the new parent is closed or beneath it; the
/// tree would be too deep; it is locked.
pub async fn environment_move(
    op: &Op,
    project: String,
    name: String,
    parent: Option<String>,
    dry_run: bool,
) -> Result<Relocation, OrgError> {
    op.write(move |op, tx| {
        let before = access::environment(op, tx, &project, &name)?;
        let target = parent.as_deref().map(|p| access::environment(op, tx, &project, p)).transpose()?;
        let event = authorize(op, tx, &before, target.as_ref())?;
        access::require_unlocked(&before)?;
        if let Some(target) = &target {
            require_fit(tx, &before, target)?;
        }
        let after = moved(op, &before, target.as_ref());
        let access = access_changes(tx, &before, &after)?;
        if !dry_run {
            store::environment_update(tx, &after.environment)?;
            epoch_raise(tx)?;
            let details = Details::new().with("from", before.environment.parent);
            op.record(tx, event.details(details.with("to", after.environment.parent)))?;
        }
        Ok(Relocation { before, after, access })
    })
    .await
}

fn authorize(op: &Op, tx: &WriteTx<'_>, before: &Placed, target: Option<&Placed>) -> Result<Event, OrgError> {
    let event = op.authorize(tx, Action::EnvironmentMove, &before.resource())?;
    let e = &before.environment;
    let project = Resource::project(e.organization, e.project);
    let old = match e.parent {
        Some(id) => access::placed(tx, e.organization, id)?.map_or(project.clone(), |p| p.resource()),
        None => project.clone(),
    };
    op.authorize(tx, Action::EnvironmentMove, &old)?;
    let new = target.map_or(project, Placed::resource);
    op.authorize(tx, Action::EnvironmentCreate, &new)?;
    if target.is_some() {
        op.authorize(tx, Action::SecretUse, &new)?;
    }
    Ok(event)
}

/// Whether the subtree fits beneath the target: no circle, open, not too deep.
fn require_fit(tx: &WriteTx<'_>, before: &Placed, target: &Placed) -> Result<(), OrgError> {
    let id = before.environment.id;
    if target.environment.id == id || target.parents.contains(&id) {
        return Err(OrgError::Circle { environment: before.path(), parent: target.path() });
    }
    require_open(tx, target)?;
    let depth_above = target.parents.len() + 1;
    if depth_above + height(tx, id)? > DEPTH_MAX {
        return Err(OrgError::TooDeep);
    }
    Ok(())
}

/// How many levels an environment and what is beneath it have.
fn height(tx: &WriteTx<'_>, id: Id<kinds::Environment>) -> Result<usize, OrgError> {
    let mut level = vec![id];
    let mut height = 0;
    while !level.is_empty() && height <= DEPTH_MAX {
        height += 1;
        let mut next = Vec::new();
        for id in level {
            next.extend(store::environment_children(tx, id)?);
        }
        level = next;
    }
    Ok(height)
}

fn moved(op: &Op, before: &Placed, target: Option<&Placed>) -> Placed {
    let mut environment = before.environment.clone();
    environment.parent = target.map(|t| t.environment.id);
    environment.updated_at = op.now();
    environment.version += 1;
    let parents = target.map_or_else(Vec::new, |t| {
        let mut parents = vec![t.environment.id];
        parents.extend(&t.parents);
        parents
    });
    let protected = environment.protected || target.is_some_and(|t| t.protected);
    Placed { environment, parents, protected }
}

/// Who may do more or less at the moved environment: everybody with a grant above it, before or after.
fn access_changes(tx: &WriteTx<'_>, before: &Placed, after: &Placed) -> Result<Vec<AccessChange>, OrgError> {
    let organization = before.environment.organization;
    let (old, new) = (before.resource(), after.resource());
    let mut people: Vec<PrincipalId> = Vec::new();
    for node in old.chain().chain(new.chain()).collect::<Vec<Node>>() {
        for given in grant::store::grant_on_node(tx, &node)? {
            let holders = match given.holder {
                Holder::Principal(id) => vec![id],
                Holder::Team(id) => team::store::team_people(tx, id)?.into_iter().map(PrincipalId::User).collect(),
            };
            for id in holders {
                if !people.contains(&id) {
                    people.push(id);
                }
            }
        }
    }
    let mut changes = Vec::new();
    for id in people {
        let Some(principal) = access::principal_facts(tx, organization, id)? else { continue };
        let (had, has) = (permitted(&effective(&principal, &old), &old), permitted(&effective(&principal, &new), &new));
        let gained: Vec<_> = has.iter().filter(|p| !had.contains(p)).copied().collect();
        let lost: Vec<_> = had.iter().filter(|p| !has.contains(p)).copied().collect();
        if !gained.is_empty() || !lost.is_empty() {
            changes.push(AccessChange { principal: id, gained, lost });
        }
    }
    Ok(changes)
}

/// The actions a set of permissions allows at a resource.
fn permitted(held: &PermissionSet, at: &Resource) -> Vec<&'static str> {
    Action::ALL.iter().filter(|a| held.permits(**a, at.is_protected())).map(|a| a.as_str()).collect()
}
