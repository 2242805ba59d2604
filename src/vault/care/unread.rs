//! Stale secrets: neither read nor written for some time.

use super::store::{self, Unread};
use super::{Scope, days, places};
use crate::op::Op;
use crate::types::{Cursor, Id, Limit, Page, Timestamp, kinds};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::secret::After;

/// A secret nobody reads.
#[derive(Debug, Clone)]
pub struct Stale {
    /// The secret.
    pub id: Id<kinds::SecretRow>,
    /// `shop/staging`.
    pub environment: String,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// When its newest version was written.
    pub updated_at: Timestamp,
    /// Who had the value last, and when; none when nobody ever had it.
    pub last_accessed: Option<(Timestamp, String)>,
}

/// Secrets neither read nor written for `count` days, by environment, folder and name.
///
/// # Errors
/// Unknown or not visible; not allowed; no such number of days.
pub async fn secret_stale(
    op: &Op,
    scope: &Scope,
    count: u32,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<Stale>, VaultError> {
    let before = op.now().minus(days("days", count)?);
    op.read(|reader| {
        let after = After::read(cursor.as_ref());
        let mut items = Vec::new();
        for placed in places(op, reader, scope)? {
            let path = placed.path();
            let room = (limit.rows() + 1).saturating_sub(items.len());
            if room == 0 || !after.reaches(&path) {
                continue;
            }
            let found = store::secrets_unread(reader, placed.environment.id, before, after.within(&path), room)?;
            items.extend(found.into_iter().map(|unread| stale(&path, unread)));
        }
        Ok(Page::cut(items, limit, |s| format!("{}\n{}\n{}", s.environment, s.path, s.name)))
    })
    .await
}

fn stale(environment: &str, found: Unread) -> Stale {
    Stale {
        id: found.id,
        environment: environment.to_owned(),
        path: found.path,
        name: found.name,
        updated_at: found.written_at,
        last_accessed: found.used,
    }
}
