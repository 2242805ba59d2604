//! What can go wrong between us and the file.

/// A failure of the database. Features wrap it; nothing of it is shown to clients but the code.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// SQLite refused or failed.
    #[error("the database answered: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A schema change failed.
    #[error("the database could not be brought up to date: {0}")]
    Migration(String),
    /// The file was written by a later Holdfast.
    #[error("the database has schema version {found}, this binary knows up to {known}")]
    Newer {
        /// Version in the file.
        found: u32,
        /// Newest version compiled in.
        known: u32,
    },
    /// The SQLite compiled in is too old.
    #[error("SQLite {0} is too old; 3.51.3 or newer is needed")]
    SqliteTooOld(&'static str),
    /// A stored value is not what its column promises.
    #[error("the database holds something it should not: {0}")]
    Corrupt(String),
    /// The disk is full; the change was not made.
    #[error("the disk is full; nothing was changed")]
    Full,
    /// An operation panicked on the writer; its changes were undone.
    #[error("the operation failed inside; nothing was changed")]
    Panicked,
    /// The writer has stopped: the process is shutting down.
    #[error("the database is closed")]
    Stopped,
    /// A file operation beside the database failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl DbError {
    /// The stable code; also without the trait in scope.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full => "storage_full",
            Self::Stopped => "shutting_down",
            Self::Newer { .. } => "database_newer",
            Self::SqliteTooOld(_) => "sqlite_too_old",
            Self::Corrupt(_) => "database_corrupt",
            Self::Migration(_) => "migration_failed",
            Self::Sqlite(_) | Self::Panicked | Self::Io(_) => "storage_failed",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Full => "free space on the data disk, then try again",
            Self::Stopped => "wait until the server is back",
            Self::Newer { .. } => "start the newer holdfast, or restore a backup made by this one",
            Self::SqliteTooOld(_) => "use the released binary, which brings its own SQLite",
            Self::Corrupt(_) | Self::Sqlite(_) | Self::Migration(_) => "run: holdfast doctor",
            Self::Panicked => "report this with the request id; the log has the place",
            Self::Io(_) => "check the data directory and its permissions with: holdfast doctor",
        }
    }

    /// Whether a UNIQUE or PRIMARY KEY constraint was hit.
    pub fn is_unique_violation(&self) -> bool {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        matches!(self, Self::Sqlite(rusqlite::Error::SqliteFailure(e, _))
            if e.extended_code == SQLITE_CONSTRAINT_UNIQUE || e.extended_code == SQLITE_CONSTRAINT_PRIMARYKEY)
    }

    /// Whether the disk was full.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Full)
            || matches!(self, Self::Sqlite(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }

    /// Whether the file system failed under SQLite.
    pub(super) fn is_io(&self) -> bool {
        matches!(self, Self::Sqlite(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure))
    }
}

impl crate::types::Failure for DbError {
    fn class(&self) -> crate::types::Class {
        match self {
            Self::Full => crate::types::Class::StorageFull,
            Self::Stopped => crate::types::Class::Unavailable,
            _ => crate::types::Class::Internal,
        }
    }
    fn code(&self) -> &'static str {
        self.code()
    }
    fn hint(&self) -> String {
        self.hint().to_owned()
    }
}
