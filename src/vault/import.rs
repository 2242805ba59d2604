//! Importing a file: read by its format, written like any other write.

use std::collections::HashSet;

use super::VaultError;
use super::format::{self, Format};
use super::model::FolderPath;
use super::secret::{BatchOutcome, BatchRequest, Item, Wish, apply};
use super::store::{self, VersionState};
use crate::op::Op;
use crate::orgs::access;
use crate::policy::Action;

/// A file to import.
pub struct Import {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The folder.
    pub path: String,
    /// How it is written.
    pub format: Format,
    /// The file.
    pub content: crate::types::SecretBytes,
    /// Whether names of the folder that the file does not have go.
    pub replace: bool,
    /// Whether only to say what it would do.
    pub dry_run: bool,
}

/// Imports a file into a folder: names that are there get a new version where they differ; others stay, or go
/// with `replace`.
///
/// # Errors
/// The file cannot be read (with the line; nothing is imported); as a write.
pub async fn import(op: &Op, import: Import) -> Result<BatchOutcome, VaultError> {
    let entries = format::parse(import.format, import.content.expose())?;
    let items: Vec<_> = entries
        .into_iter()
        .map(|e| Item {
            name: e.name,
            path: Some(import.path.clone()),
            wish: Wish::Set { value: e.value, interpolate: e.interpolate, visibility: None },
            comment: None,
            tags: None,
            base_version: None,
        })
        .collect();
    let (replace, path) = (import.replace, import.path);
    let mut request = BatchRequest {
        project: import.project,
        environment: import.environment,
        items,
        skip_same: true,
        force: false,
        dry_run: import.dry_run,
    };
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &request.project, &request.environment)?;
        if replace {
            op.authorize(tx, Action::SecretDelete, &placed.resource())?;
            let kept: HashSet<String> = request.items.iter().map(|i| i.name.clone()).collect();
            let folder = FolderPath::parse(&path)?;
            let there = store::secret_list(tx, placed.environment.id, &folder, false)?;
            let gone =
                there.into_iter().filter(|v| v.state != VersionState::Deleted && !kept.contains(v.name.as_str()));
            request.items.extend(gone.map(|v| Item {
                name: v.name.to_string(),
                path: Some(v.path.to_string()),
                wish: Wish::Delete,
                comment: None,
                tags: None,
                base_version: None,
            }));
        }
        apply(op, tx, &placed, request)
    })
    .await
}
