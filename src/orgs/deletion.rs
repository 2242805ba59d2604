//! Soft deletes: listed, restored as a whole until their date, purged after it.

use super::environment::{self, Environment};
use super::organization::store;
use super::{OrgError, access, grant, project};
use crate::db::{DbError, Reader, WriteTx};
use crate::keys::{self, HeldUntil};
use crate::ledger::{ActionName, Details, Outcome, Target};
use crate::op::{Op, epoch_raise};
use crate::policy::{Action, Node, Resource};
use crate::types::{Cursor, Id, Limit, Page, Timestamp, kinds};

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionKind {
    /// A whole organization.
    Organization,
    /// A project with its environments.
    Project,
    /// An environment with its subtree.
    Environment,
}

impl DeletionKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Project => "project",
            Self::Environment => "environment",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Organization, Self::Project, Self::Environment].into_iter().find(|k| k.as_str() == text)
    }
}

/// One soft delete.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// Its id.
    pub id: Id<kinds::Deletion>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// What was deleted.
    pub kind: DeletionKind,
    /// The id of what was deleted.
    pub target: [u8; 16],
    /// How it was called: `shop/staging`.
    pub name: String,
    /// When.
    pub deleted_at: Timestamp,
    /// Until when it can be restored; purged after.
    pub restorable_until: Timestamp,
    /// By whom.
    pub deleted_by: String,
}

impl Deletion {
    /// A deletion of now.
    pub fn new(
        op: &Op,
        organization: Id<kinds::Organization>,
        kind: DeletionKind,
        target: [u8; 16],
        name: &str,
    ) -> Self {
        let now = op.now();
        Self {
            id: Id::new(now),
            organization,
            kind,
            target,
            name: name.to_owned(),
            deleted_at: now,
            restorable_until: now.plus(op.core().restore_window),
            deleted_by: op.author(),
        }
    }
}

/// When nothing of a deleted organization can be opened any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shredding {
    /// When its keys are destroyed: by the first purge after its date, at most an hour later.
    pub keys_destroyed_at: Timestamp,
    /// When the last retained backup that holds its keys has expired as well; none while one is kept without an end.
    pub complete_at: Option<Timestamp>,
}

impl Shredding {
    /// What the deletion of an organization means for its keys.
    pub(super) fn of(reader: &Reader<'_>, deletion: &Deletion) -> Result<Self, OrgError> {
        let keys_destroyed_at = deletion.restorable_until;
        let complete_at = match keys::held_until(reader, deletion.organization)? {
            HeldUntil::NotHeld => Some(keys_destroyed_at),
            HeldUntil::Date(until) => Some(until.max(keys_destroyed_at)),
            HeldUntil::NoEnd => None,
        };
        Ok(Self { keys_destroyed_at, complete_at })
    }
}

/// The deletions whoever asks may restore, newest first.
///
/// # Errors
/// Nobody is known; the database failed.
pub async fn deletion_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<Deletion>, OrgError> {
    op.read(|reader| {
        let organization = op.organization()?;
        let before = cursor.as_ref().map(|c| Id::parse(c.key())).transpose()?;
        let rows = store::deletion_list(reader, organization, before, limit.rows() + 1)?;
        let mut page = Page::cut(rows, limit, |d| d.id.to_string());
        let mut shown = Vec::with_capacity(page.items.len());
        for deletion in page.items {
            let (action, resource) = right(reader, &deletion)?;
            if op.permits(reader, action, &resource)? {
                shown.push(deletion);
            }
        }
        page.items = shown;
        Ok(page)
    })
    .await
}

/// What restoring asks for, and where. A deleted node is judged by what is above it.
fn right(reader: &Reader<'_>, deletion: &Deletion) -> Result<(Action, Resource), DbError> {
    let organization = Resource::organization(deletion.organization);
    Ok(match deletion.kind {
        DeletionKind::Organization => (Action::OrgDelete, organization),
        DeletionKind::Project => {
            (Action::ProjectDelete, Resource::project(deletion.organization, Id::from_bytes(deletion.target)))
        }
        DeletionKind::Environment => {
            let found = environment::store::environment_get(reader, Id::from_bytes(deletion.target))?;
            let resource = found.map(|e| environment::store::place(reader, e)).transpose()?;
            (Action::EnvironmentDelete, resource.map_or(organization, |p| p.resource()))
        }
    })
}

/// Restores a deletion as a whole.
///
/// # Errors
/// Unknown or not visible; its parent is gone or closed; its date is over.
pub async fn deletion_restore(op: &Op, id: Id<kinds::Deletion>) -> Result<Deletion, OrgError> {
    op.write(move |op, tx| {
        let missing = || OrgError::not_found("deletion", id.to_string());
        let deletion = store::deletion_get(tx, op.organization()?, id)?.ok_or_else(missing)?;
        let (action, resource) = right(tx, &deletion)?;
        let event = op.authorize(tx, action, &resource)?;
        if deletion.restorable_until <= op.now() {
            let why = "its date is over";
            return Err(OrgError::NotRestorable { name: deletion.name, why });
        }
        let now = op.now();
        match deletion.kind {
            DeletionKind::Organization => store::organization_mark_deleted(tx, deletion.organization, None, now)?,
            DeletionKind::Project => {
                project::store::project_mark_deleted(tx, Id::from_bytes(deletion.target), None, now)?;
            }
            DeletionKind::Environment => require_parent(op, tx, &deletion)?,
        }
        let inside = environment::store::environment_of_deletion(tx, id)?;
        let ids: Vec<_> = inside.iter().map(|e| e.id).collect();
        environment::store::environment_mark_deleted(tx, &ids, None, now)?;
        store::deletion_delete(tx, id)?;
        epoch_raise(tx)?;
        op.record(tx, event.details(Details::new().with("restored", id).with("environments", ids.len())))?;
        Ok(deletion)
    })
    .await
}

/// A restored environment hangs where it hung: there, and open.
fn require_parent(op: &Op, tx: &WriteTx<'_>, deletion: &Deletion) -> Result<(), OrgError> {
    let refuse = |why| Err(OrgError::NotRestorable { name: deletion.name.clone(), why });
    let Some(root) = environment::store::environment_get(tx, Id::from_bytes(deletion.target))? else {
        return refuse("it was purged");
    };
    let project = project::store::project_get(tx, root.project)?;
    if project.is_none_or(|p| p.deletion.is_some()) {
        return refuse("its project is deleted");
    }
    let Some(parent) = root.parent else { return Ok(()) };
    match access::placed(tx, op.organization()?, parent)? {
        None => refuse("its parent is deleted"),
        Some(parent) => environment::require_open(tx, &parent),
    }
}

/// The job's action: deletions whose date is over.
pub const PURGED: ActionName = ActionName::new("job.purge_deleted");
/// What deletions record that no permission is behind.
pub const ACTIONS: &[ActionName] = &[PURGED];

/// How many deletions are past their date.
///
/// # Errors
/// The database failed.
pub fn deletion_due(op: &Op) -> Result<u64, OrgError> {
    Ok(op.core().db.read(|reader| store::deletion_due_count(reader, op.now()))?)
}

/// Removes for good what was deleted and is past its date, a few at a time; how many deletions it were.
///
/// # Errors
/// The database failed.
pub async fn deletion_purge(op: &Op, at_once: u32) -> Result<usize, OrgError> {
    op.write(move |op, tx| {
        let due = store::deletion_due(tx, op.now(), at_once)?;
        let count = due.len();
        for deletion in due {
            purge(op, tx, &deletion)?;
        }
        Ok(count)
    })
    .await
}

fn purge(op: &Op, tx: &mut WriteTx<'_>, deletion: &Deletion) -> Result<(), OrgError> {
    let inside: Vec<Environment> = environment::store::environment_of_deletion(tx, deletion.id)?;
    let ids: Vec<_> = inside.iter().map(|e| e.id).collect();
    for id in &ids {
        grant::store::grant_delete_on(tx, &Node::Environment(*id))?;
    }
    environment::store::environment_purge(tx, &ids)?;
    for found in project::store::project_of_deletion(tx, deletion.id)? {
        grant::store::grant_delete_on(tx, &Node::Project(found.id))?;
        let rest: Vec<_> = environment::store::environment_of_project(tx, found.id)?;
        environment::store::environment_purge(tx, &rest)?;
        project::store::project_purge(tx, found.id)?;
    }
    if deletion.kind == DeletionKind::Organization {
        // The rows stay unreadable: without its keys nothing of the organization opens again.
        op.keyring().organization_destroy(tx, deletion.organization, op.now())?;
        store::deletion_close(tx, deletion.id, op.now())?;
    } else {
        store::deletion_delete(tx, deletion.id)?;
    }
    epoch_raise(tx)?;
    let event = op.event(PURGED, Outcome::Allowed).organization(deletion.organization);
    let event = event.target(Target::new(deletion.kind.as_str(), &deletion.name));
    op.record(tx, event.details(Details::new().with("deletion", deletion.id).with("environments", ids.len())))?;
    Ok(())
}
