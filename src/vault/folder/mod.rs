//! Folders of an environment: places for secrets, made by hand or by the first secret put there.

use crate::ledger::{Details, Target};
use crate::op::Op;
use crate::orgs::access;
use crate::policy::Action;
use crate::types::{Cursor, Limit, Page, ParseError};
use crate::vault::VaultError;
use crate::vault::model::FolderPath;
use crate::vault::secret::{BatchOutcome, BatchRequest, Item, Wish};
use crate::vault::store::{self, Folder};

/// The folders at and beneath a path, in order.
///
/// # Errors
/// Unknown or not visible; not allowed; the path is none.
pub async fn folder_list(
    op: &Op,
    project: &str,
    environment: &str,
    path: &str,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<Folder>, VaultError> {
    let path = FolderPath::parse(if path.is_empty() { "/" } else { path })?;
    op.read(|reader| {
        let placed = access::environment(op, reader, project, environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        let after = cursor.as_ref().map_or("", Cursor::key);
        let rows = store::folder_list(reader, placed.environment.id, &path, after, limit.rows() + 1)?;
        Ok(Page::cut(rows, limit, |f| f.path.to_string()))
    })
    .await
}

/// Makes a folder and those above it. One that is there stays as it is.
///
/// # Errors
/// Unknown or not allowed; locked; the path is none.
pub async fn folder_create(
    op: &Op,
    project: String,
    environment: String,
    path: String,
) -> Result<(Folder, bool), VaultError> {
    let path = FolderPath::parse(&path)?;
    if path.is_root() {
        return Err(ParseError::new("folder", "`/` is always there").into());
    }
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &environment)?;
        let event = op.authorize(tx, Action::SecretWrite, &placed.resource())?;
        access::require_unlocked(&placed)?;
        let made = store::folder_insert(tx, placed.environment.id, &path, op.now())?;
        let found = store::folder_list(tx, placed.environment.id, &path, "", 1)?;
        let folder = found.into_iter().next().ok_or_else(|| VaultError::not_found("folder", path.to_string()))?;
        if made {
            let event = event.target(Target::new("folder", folder.id));
            op.record(tx, event.details(Details::new().with("path", path.as_str())))?;
        }
        Ok((folder, made))
    })
    .await
}

/// Deletes a folder with the secrets of this environment in it and beneath it; each can be undeleted.
///
/// # Errors
/// As a write; others refer to something in it and `force` is not given.
pub async fn folder_delete(
    op: &Op,
    project: String,
    environment: String,
    path: String,
    force: bool,
    dry_run: bool,
) -> Result<BatchOutcome, VaultError> {
    let path = FolderPath::parse(&path)?;
    if path.is_root() {
        return Err(ParseError::new("folder", "`/` stays").into());
    }
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &environment)?;
        op.authorize(tx, Action::SecretDelete, &placed.resource())?;
        let inside = store::secret_list(tx, placed.environment.id, &path, true)?;
        let items = inside
            .into_iter()
            .map(|v| Item {
                name: v.name.to_string(),
                path: Some(v.path.to_string()),
                wish: Wish::Delete,
                comment: None,
                tags: None,
                base_version: None,
            })
            .collect();
        let request = BatchRequest { project, environment, items, skip_same: true, force, dry_run };
        let outcome = crate::vault::secret::apply(op, tx, &placed, request)?;
        if !dry_run {
            store::folder_delete(tx, placed.environment.id, &path)?;
        }
        Ok(outcome)
    })
    .await
}
