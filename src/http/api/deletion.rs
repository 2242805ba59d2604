//! What was deleted and can be restored.

use serde::Serialize;
use utoipa::ToSchema;

use super::environment::EnvironmentName;
use super::{Answer, List, ok};
use crate::http::error::Problem;
use crate::http::extract::{Known, ListQuery, Names, Query};
use crate::http::schema::DeletionId;
use crate::op::Op;
use crate::orgs::OrgError;
use crate::orgs::deletion::{self, Deletion, DeletionKind, Shredding};
use crate::orgs::environment::Environment;
use crate::types::{Id, Limit, Timestamp};
use crate::vault::impact;

/// A soft delete.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeletionAnswer {
    /// Its id; null in a dry run.
    id: Option<DeletionId>,
    /// What was deleted: `organization`, `project` or `environment`.
    kind: &'static str,
    /// How it was called.
    name: String,
    /// When.
    deleted_at: Timestamp,
    /// Until when it can be restored.
    restorable_until: Timestamp,
    /// By whom.
    deleted_by: String,
}

impl DeletionAnswer {
    pub(crate) fn of(deletion: Deletion, dry_run: bool) -> Self {
        Self {
            id: (!dry_run).then_some(deletion.id),
            kind: deletion.kind.as_str(),
            name: deletion.name,
            deleted_at: deletion.deleted_at,
            restorable_until: deletion.restorable_until,
            deleted_by: deletion.deleted_by,
        }
    }
}

/// What is deleted along.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The deletion.
    deletion: DeletionAnswer,
    /// The environments in it.
    environments: Vec<EnvironmentName>,
    /// How many secrets those hold.
    secrets: u64,
    /// When nothing of it can be opened any more; null unless it is an organization.
    shredding: Option<ShreddingAnswer>,
}

/// When nothing of a deleted organization can be opened any more.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShreddingAnswer {
    /// When its keys are destroyed, unless it is restored before; the hourly purge does it.
    keys_destroyed_at: Timestamp,
    /// When the last retained backup that holds its keys has expired too; null while one is kept without an end.
    complete_at: Option<Timestamp>,
}

impl Deleted {
    /// What is told of a deletion.
    pub(crate) async fn of(
        op: &Op,
        deletion: Deletion,
        inside: Vec<Environment>,
        dry_run: bool,
    ) -> Result<Self, Problem> {
        let secrets = impact::of_delete(op, &inside).await?;
        let environments = inside.into_iter().map(EnvironmentName::from).collect();
        let deletion = DeletionAnswer::of(deletion, dry_run);
        Ok(Self { dry_run, deletion, environments, secrets, shredding: None })
    }

    /// The same, of an organization.
    pub(crate) fn shredded(mut self, shredding: Shredding) -> Self {
        let Shredding { keys_destroyed_at, complete_at } = shredding;
        self.shredding = Some(ShreddingAnswer { keys_destroyed_at, complete_at });
        self
    }
}

/// What can be restored, newest first.
#[utoipa::path(get, path = "/deletions", operation_id = "deletion_list", params(ListQuery),
    responses((status = 200, description = "A page of deletions.", body = List<DeletionAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    let page = deletion::deletion_list(&op, limit, cursor).await?;
    ok(&List::of(page, |d| DeletionAnswer::of(d, false)))
}

/// Restores what was deleted, as a whole.
#[utoipa::path(post, path = "/deletions/{deletion}/restore", operation_id = "deletion_restore",
    responses((status = 200, description = "What was restored.", body = DeletionAnswer)))]
pub(crate) async fn restore(Known(op, _): Known, Names([id]): Names<1>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("deletion", id))?;
    ok(&DeletionAnswer::of(deletion::deletion_restore(&op, id).await?, false))
}

/// Restores the newest deletion of a kind that has this name: the restore of a thing by its own address.
pub(crate) async fn restore_named(op: &Op, kind: DeletionKind, name: &str, id: Option<[u8; 16]>) -> Answer {
    let mut cursor = None;
    loop {
        let limit = Limit::parse(u32::from(Limit::MAX))?;
        let page = deletion::deletion_list(op, limit, cursor).await?;
        let is_it = |d: &&Deletion| d.kind == kind && (d.name == name || Some(d.target) == id);
        if let Some(found) = page.items.iter().find(is_it) {
            let restored = deletion::deletion_restore(op, found.id).await?;
            return ok(&DeletionAnswer::of(restored, false));
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Err(Problem::from(OrgError::not_found(kind.as_str(), name))),
        }
    }
}
