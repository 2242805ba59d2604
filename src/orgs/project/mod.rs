//! Projects: products of an organization, each with a forest of environments.

pub(crate) mod store;

use super::deletion::{Deletion, DeletionKind};
use super::organization::{self, description, display_name};
use super::{OrgError, access, environment};
use crate::db::WriteTx;
use crate::ledger::{Details, Target};
use crate::op::{Op, about, epoch_raise};
use crate::policy::{Action, Resource};
use crate::types::{Cursor, Id, Limit, Page, Slug, Timestamp, kinds};

/// A product of an organization.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its id.
    pub id: Id<kinds::Project>,
    /// The tenant it belongs to.
    pub organization: Id<kinds::Organization>,
    /// Its slug, which never changes.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub version: u32,
    /// The deletion it is part of.
    pub deletion: Option<Id<kinds::Deletion>>,
}

impl Project {
    /// The facts a decision needs.
    pub fn resource(&self) -> Resource {
        Resource::project(self.organization, self.id)
    }
}

/// What a new project is called.
#[derive(Debug, Clone)]
pub struct ProjectCreate {
    /// Its slug.
    pub slug: Slug,
    /// Its name; the slug when none.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// Makes a project.
///
/// # Errors
/// Not allowed; the slug is taken or reserved.
pub async fn project_create(op: &Op, new: ProjectCreate) -> Result<Project, OrgError> {
    op.write(move |op, tx| project_create_in(op, tx, new)).await
}

/// The same, in a transaction that makes more.
pub(crate) fn project_create_in(op: &Op, tx: &mut WriteTx<'_>, new: ProjectCreate) -> Result<Project, OrgError> {
    let organization = op.organization()?;
    let event = op.authorize(tx, Action::ProjectCreate, &Resource::organization(organization))?;
    if let Some(there) = store::project_by_slug(tx, organization, new.slug.as_str())? {
        let slug = new.slug.to_string();
        return Err(match there.deletion {
            Some(_) => OrgError::Reserved { what: "project", slug },
            None => OrgError::Taken { what: "project", name: slug },
        });
    }
    let now = op.now();
    let project = Project {
        id: Id::new(now),
        organization,
        name: new.name.map_or_else(|| Ok(new.slug.to_string()), |n| display_name(&n))?,
        description: new.description.map_or_else(|| Ok(String::new()), |d| description(&d))?,
        slug: new.slug,
        created_at: now,
        updated_at: now,
        version: 1,
        deletion: None,
    };
    store::project_insert(tx, &project)?;
    epoch_raise(tx)?;
    let event = event.project(project.id).target(Target::new("project", project.id));
    op.record(tx, event.details(Details::new().with("slug", &project.slug)))?;
    Ok(project)
}

/// A project by id or slug.
///
/// # Errors
/// Unknown or not visible.
pub async fn project_get(op: &Op, name: &str) -> Result<Project, OrgError> {
    op.read(|reader| access::project(op, reader, name)).await
}

/// The projects whoever asks may see, by slug.
///
/// # Errors
/// Nobody is known; the database failed.
pub async fn project_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<Project>, OrgError> {
    op.read(|reader| {
        let after = cursor.as_ref().map_or("", Cursor::key);
        let rows = store::project_list(reader, op.organization()?, after, limit.rows() + 1)?;
        let mut page = Page::cut(rows, limit, |p| p.slug.to_string());
        let mut shown = Vec::with_capacity(page.items.len());
        for project in page.items {
            let visible = op.permits(reader, Action::ProjectRead, &project.resource())?;
            if visible || access::holds_something_in(op, reader, project.id)? {
                shown.push(project);
            }
        }
        page.items = shown;
        Ok(page)
    })
    .await
}

/// What may change of a project. None: as it is.
#[derive(Debug, Clone, Default)]
pub struct ProjectUpdate {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The version the change was made for.
    pub if_version: Option<u32>,
}

/// Changes a project's name or description.
///
/// # Errors
/// Unknown, not allowed, changed meanwhile.
pub async fn project_update(op: &Op, name: String, change: ProjectUpdate) -> Result<Project, OrgError> {
    op.write(move |op, tx| {
        let mut found = access::project(op, tx, &name)?;
        let event = op.authorize(tx, Action::ProjectUpdate, &found.resource())?;
        if change.if_version.is_some_and(|v| v != found.version) {
            return Err(OrgError::Stale { what: "project", current: found.version });
        }
        if let Some(name) = change.name {
            found.name = display_name(&name)?;
        }
        if let Some(text) = change.description {
            found.description = description(&text)?;
        }
        found.updated_at = op.now();
        found.version += 1;
        store::project_update(tx, &found)?;
        op.record(tx, event.details(Details::new().with("version", found.version)))?;
        Ok(found)
    })
    .await
}

/// Deletes a project with its environments, restorable until its date. Says what, and with `dry_run` only that.
///
/// # Errors
/// Unknown or not allowed.
pub async fn project_delete(
    op: &Op,
    name: String,
    dry_run: bool,
) -> Result<(Deletion, Vec<environment::Environment>), OrgError> {
    op.write(move |op, tx| {
        let found = access::project(op, tx, &name)?;
        let event = op.authorize(tx, Action::ProjectDelete, &found.resource())?;
        let inside = environment::store::environment_list(tx, found.id)?;
        for environment in &inside {
            let placed = environment::store::place(tx, environment.clone())?;
            access::require_unlocked(&placed)?;
            // A protected environment is not deleted along with something less guarded.
            op.authorize(tx, Action::EnvironmentDelete, &placed.resource())?;
        }
        let kind = DeletionKind::Project;
        let deletion = Deletion::new(op, found.organization, kind, *found.id.as_bytes(), found.slug.as_str());
        if !dry_run {
            organization::store::deletion_insert(tx, &deletion)?;
            let ids: Vec<_> = inside.iter().map(|e| e.id).collect();
            environment::store::environment_mark_deleted(tx, &ids, Some(deletion.id), op.now())?;
            store::project_mark_deleted(tx, found.id, Some(deletion.id), op.now())?;
            epoch_raise(tx)?;
            let event = about(event, &found.resource());
            op.record(tx, event.details(Details::new().with("deletion", deletion.id).with("environments", ids.len())))?;
        }
        Ok((deletion, inside))
    })
    .await
}
