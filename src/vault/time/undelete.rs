//! Bringing back whole folders: what the last deletion in one took, or every deleted name in it and beneath it.

use super::revert::make_folders;
use super::store;
use crate::op::Op;
use crate::orgs::access;
use crate::policy::Action;
use crate::vault::VaultError;
use crate::vault::model::FolderPath;
use crate::vault::secret::{BatchOutcome, BatchRequest, again, apply};
use crate::vault::source::StoreSource;
use crate::vault::store::{VersionState, secret_version_list};

/// Versions looked through for the one before the deletion: it is the last, unless somebody wrote rows by hand.
const LOOKED_AT: usize = 50;

/// What comes back.
#[derive(Debug, Clone)]
pub struct Undelete {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The folder; what is beneath it comes back too.
    pub path: String,
    /// Whether every deleted name comes back, not only what the last deletion took.
    pub all: bool,
    /// Whether only to say what it would do.
    pub dry_run: bool,
}

/// Brings deleted names of a folder and beneath it back as they were before, in one write.
///
/// # Errors
/// As a write; nothing there is deleted.
pub async fn folder_undelete(op: &Op, ask: Undelete) -> Result<BatchOutcome, VaultError> {
    let path = FolderPath::parse(if ask.path.is_empty() { "/" } else { &ask.path })?;
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &ask.project, &ask.environment)?;
        op.authorize(tx, Action::SecretWrite, &placed.resource())?;
        let mut gone = store::deleted(tx, placed.environment.id, &path)?;
        let last = gone.iter().map(|d| d.seq).max();
        gone.retain(|d| ask.all || Some(d.seq) == last);
        if gone.is_empty() {
            return Err(VaultError::not_found("deleted secret", path.to_string()));
        }
        let source = StoreSource::new(tx, op.keyring().organization(tx, placed.environment.organization)?);
        let mut items = Vec::with_capacity(gone.len());
        for deleted in gone {
            let before = secret_version_list(tx, deleted.id, deleted.version, LOOKED_AT)?;
            if let Some(before) = before.into_iter().find(|v| v.state != VersionState::Deleted) {
                items.push(again(&source, &before, deleted.visibility)?);
            }
        }
        drop(source);
        let Undelete { project, environment, dry_run, .. } = ask;
        let request = BatchRequest { project, environment, items, skip_same: true, force: false, dry_run };
        let outcome = apply(op, tx, &placed, request)?;
        if outcome.applied {
            make_folders(tx, &placed, &outcome, op.now())?;
        }
        Ok(outcome)
    })
    .await
}
