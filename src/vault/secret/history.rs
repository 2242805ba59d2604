//! Versions of a secret: listing them, going back to one, bringing a deleted name back.

use super::plan::{Item, Wish};
use super::read::place_of;
use super::write::{BatchOutcome, BatchRequest, apply};
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Cursor, Limit, Page, ParseError, Timestamp};
use crate::vault::VaultError;
use crate::vault::model::Visibility;
use crate::vault::source::StoreSource;
use crate::vault::store::{self, SecretVersion, VersionState};

/// What is told of a version.
#[derive(Debug, Clone)]
pub struct SecretVersionView {
    /// Its number.
    pub version: u32,
    /// Set, unset or deleted.
    pub state: VersionState,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether `${` begins a reference in it.
    pub interpolate: bool,
    /// What its writer said.
    pub comment: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// The versions of a secret this environment stores itself, newest first; deleted names have theirs too.
///
/// # Errors
/// Unknown or not visible; not allowed.
pub async fn secret_history(
    op: &Op,
    project: &str,
    environment: &str,
    path: &str,
    name: &str,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<SecretVersionView>, VaultError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, project, environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        let secret = newest(reader, &placed, path, name)?;
        let before = match &cursor {
            None => u32::MAX,
            Some(c) => c.key().parse().map_err(|_| ParseError::new("cursor", "take it from next_cursor"))?,
        };
        let rows = store::secret_version_list(reader, secret.id, before, limit.rows() + 1)?;
        let page = Page::cut(rows, limit, |v| v.version.to_string());
        Ok(page.map(|v| SecretVersionView {
            version: v.version,
            state: v.state,
            visibility: v.visibility,
            interpolate: v.interpolate,
            comment: v.comment,
            created_at: v.written_at,
            created_by: v.written_by.to_string(),
        }))
    })
    .await
}

fn newest(
    reader: &crate::db::Reader<'_>,
    placed: &Placed,
    path: &str,
    name: &str,
) -> Result<SecretVersion, VaultError> {
    let (path, parsed) = place_of(placed, path, name)?;
    let found = store::secret_get(reader, placed.environment.id, &path, &parsed)?;
    found.ok_or_else(|| VaultError::not_found("secret", name))
}

/// Makes an old version the newest again, as a new version. It becomes at least as strict as it is now.
///
/// # Errors
/// As a write; no such version.
pub async fn secret_rollback(
    op: &Op,
    project: String,
    environment: String,
    path: String,
    name: String,
    version: u32,
) -> Result<BatchOutcome, VaultError> {
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &environment)?;
        op.authorize(tx, Action::SecretWrite, &placed.resource())?;
        let secret = newest(tx, &placed, &path, &name)?;
        let missing = || VaultError::not_found("version", version.to_string());
        let old = store::secret_version_get(tx, secret.id, version)?.ok_or_else(missing)?;
        let keys = op.keyring().organization(tx, op.organization()?)?;
        let item = again(&StoreSource::new(tx, keys), &old, secret.visibility)?;
        apply(op, tx, &placed, request(project, environment, item))
    })
    .await
}

/// Brings a deleted name back as it was before.
///
/// # Errors
/// As a write; the name is not deleted.
pub async fn secret_undelete(
    op: &Op,
    project: String,
    environment: String,
    path: String,
    name: String,
) -> Result<BatchOutcome, VaultError> {
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &environment)?;
        op.authorize(tx, Action::SecretWrite, &placed.resource())?;
        let secret = newest(tx, &placed, &path, &name)?;
        if secret.state != VersionState::Deleted {
            return Err(VaultError::not_found("deleted secret", name));
        }
        let before = store::secret_version_list(tx, secret.id, secret.newest, 50)?;
        let old = before.into_iter().find(|v| v.state != VersionState::Deleted);
        let old = old.ok_or_else(|| VaultError::not_found("deleted secret", name))?;
        let keys = op.keyring().organization(tx, op.organization()?)?;
        let item = again(&StoreSource::new(tx, keys), &old, secret.visibility)?;
        apply(op, tx, &placed, request(project, environment, item))
    })
    .await
}

/// The write that makes `old` the newest again.
pub(in crate::vault) fn again(
    source: &StoreSource<'_>,
    old: &SecretVersion,
    strictest: Visibility,
) -> Result<Item, VaultError> {
    let wish = match old.state {
        VersionState::Set => Wish::Set {
            value: source.open(old)?,
            interpolate: old.interpolate,
            visibility: Some(old.visibility.max(strictest)),
        },
        VersionState::Unset => Wish::Unset,
        VersionState::Deleted => Wish::Delete,
    };
    Ok(Item {
        name: old.name.to_string(),
        path: Some(old.path.to_string()),
        wish,
        comment: Some(old.comment.clone()),
        tags: Some(old.tags.clone()),
        base_version: None,
    })
}

fn request(project: String, environment: String, item: Item) -> BatchRequest {
    let items = vec![item];
    BatchRequest { project, environment, items, skip_same: false, force: false, dry_run: false }
}
