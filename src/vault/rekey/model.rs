//! A rotation as it stands.

use super::table::{SealedTable, TABLES};
use crate::types::{Id, Timestamp, kinds};

/// What a rotation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationState {
    /// Old rows are being sealed anew.
    Running,
    /// It was stopped: by somebody, or because rows do not open.
    Paused,
    /// Everything is sealed under the new key; the old one is needed by a retained backup.
    Waiting,
    /// The old key is destroyed.
    Done,
}

impl RotationState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::Done => "done",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Waiting, Self::Done].into_iter().find(|s| s.as_str() == text)
    }
}

/// Where a walk through all sealed rows of an organization is: the table, and the key of its last row looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the table, in the order they are walked.
    pub table: u32,
    /// Key of the last row; empty before the first.
    pub after: Vec<u8>,
}

impl Place {
    /// The table; none behind the last one.
    pub(super) fn table(&self) -> Option<&'static dyn SealedTable> {
        usize::try_from(self.table).ok().and_then(|index| TABLES.get(index)).copied()
    }

    /// Behind this row of the table, or with none at the beginning of the next table.
    pub(super) fn behind(&self, last: Option<Vec<u8>>) -> Self {
        match last {
            Some(after) => Self { table: self.table, after },
            None => Self { table: self.table + 1, after: Vec::new() },
        }
    }
}

/// A rotation of an organization's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// Whose key.
    pub organization: Id<kinds::Organization>,
    /// The version everything is sealed under at the end.
    pub to_version: u32,
    /// What it is doing.
    pub state: RotationState,
    /// How far it is.
    pub place: Place,
    /// Rows there were at the start.
    pub total: u64,
    /// Rows looked at.
    pub seen: u64,
    /// Rows sealed anew.
    pub sealed: u64,
    /// Rows that do not open.
    pub unopened: u64,
    /// Why it does not go on by itself.
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// Who asked for it.
    pub started_by: String,
    /// When it last went on.
    pub updated_at: Timestamp,
    /// When the old key was destroyed.
    pub finished_at: Option<Timestamp>,
}
