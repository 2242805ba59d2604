//! Importing a file: read by its format, written like any other write.

use super::VaultError;
use super::format::{self, Format};
use super::secret::{BatchOutcome, BatchRequest, Item, Wish, secret_batch};
use crate::op::Op;

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
    /// Whether only to say what it would do.
    pub dry_run: bool,
}

/// Imports a file into a folder: names that are there get a new version where they differ, others stay.
///
/// # Errors
/// The file cannot be read (with the line; nothing is imported); as a write.
pub async fn import(op: &Op, import: Import) -> Result<BatchOutcome, VaultError> {
    let entries = format::parse(import.format, import.content.expose())?;
    let items = entries.into_iter().map(|e| Item {
        name: e.name,
        path: Some(import.path.clone()),
        wish: Wish::Set { value: e.value, interpolate: e.interpolate, visibility: None },
        comment: None,
        tags: None,
        base_version: None,
    });
    let request = BatchRequest {
        project: import.project,
        environment: import.environment,
        items: items.collect(),
        skip_same: true,
        force: false,
        dry_run: import.dry_run,
    };
    secret_batch(op, request).await
}
