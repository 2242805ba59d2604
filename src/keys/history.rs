//! The keys there ever were: which, since when, by whom, and what became of them.

use super::{Fingerprint, KeyError, store};
use crate::db::Reader;
use crate::types::{Cursor, Id, Limit, Page, Timestamp, kinds};

/// A key of the past or the present, as the history tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// `root`, `instance` or `organization`.
    pub kind: String,
    /// The id of the instance or organization; none for a root key.
    pub owner: Option<[u8; 16]>,
    /// Its number among the owner's keys.
    pub version: u32,
    /// Which key it is.
    pub fingerprint: Fingerprint,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who asked for it; none is the instance itself.
    pub created_by: Option<Id<kinds::User>>,
    /// Of a root key: since when it opens nothing any more; of another: since when it seals nothing new.
    pub retired_at: Option<Timestamp>,
    /// Since when it no longer exists here.
    pub destroyed_at: Option<Timestamp>,
    /// Whether it is the newest of its owner.
    pub is_newest: bool,
}

impl HistoryEntry {
    /// In one word what it is good for: `current` seals, `readable` still opens, `retired` and `destroyed` do neither.
    pub fn state(&self) -> &'static str {
        match (self.destroyed_at, self.retired_at, self.is_newest) {
            (Some(_), _, _) => "destroyed",
            (None, Some(_), _) if self.kind == "root" => "retired",
            (None, None, true) => "current",
            _ => "readable",
        }
    }

    /// Its place in the history.
    fn key(&self) -> String {
        let owner = self.owner.map(|owner| data_encoding::HEXLOWER.encode(&owner)).unwrap_or_default();
        format!("{}/{}/{owner}/{}", self.created_at.as_micros(), self.kind, self.version)
    }
}

/// Whose keys to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryOf {
    /// Everybody's: root keys, the instance's, every organization's. The newest 10,000.
    All,
    /// One organization's.
    Organization(Id<kinds::Organization>),
}

/// A page of the keys there ever were, newest first.
///
/// # Errors
/// The database failed.
pub fn history(
    reader: &Reader<'_>,
    of: HistoryOf,
    limit: Limit,
    cursor: Option<&Cursor>,
) -> Result<Page<HistoryEntry>, KeyError> {
    let owner = match of {
        HistoryOf::All => None,
        HistoryOf::Organization(id) => Some(*id.as_bytes()),
    };
    let mut rows = store::history(reader, owner.as_ref())?;
    if let Some(cursor) = cursor {
        // Rows are never removed: the one the cursor names is there.
        let at = rows.iter().position(|row| row.key() == cursor.key());
        rows.drain(..at.map_or(rows.len(), |at| at + 1));
    }
    rows.truncate(limit.rows() + 1);
    Ok(Page::cut(rows, limit, HistoryEntry::key))
}

/// Until when a retained backup needs a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldUntil {
    /// None does.
    NotHeld,
    /// One does until this time.
    Date(Timestamp),
    /// One does, and it is kept until somebody deletes it.
    NoEnd,
}

/// Until when a retained backup holds keys of an organization.
///
/// # Errors
/// The database failed.
pub fn held_until(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<HeldUntil, KeyError> {
    Ok(store::hold_last(reader, organization.as_bytes())?)
}
