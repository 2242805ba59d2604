//! How far a run has come, told by the job itself: a job that does not know says nothing.

use std::time::{Duration, Instant};

use super::{Run, store};
use crate::db::{Db, DbError};
use crate::types::{Id, kinds};

/// What is told more often is not stored: each time is a write.
const EVERY: Duration = Duration::from_secs(1);

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Progress {
    /// What is done.
    pub done: u64,
    /// Of how much, as it was known when this was told.
    pub total: u64,
}

/// Where a run tells how far it has come.
pub struct Telling {
    db: Db,
    run: Id<kinds::JobRun>,
    told: Option<Instant>,
}

impl Telling {
    /// For this run.
    pub fn of(db: &Db, run: Run) -> Self {
        Self { db: db.clone(), run: run.id, told: None }
    }

    /// Stores how far it has come; at most once a second.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tell(&mut self, done: u64, total: u64) -> Result<(), DbError> {
        if self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return Ok(());
        }
        self.told = Some(Instant::now());
        let (run, progress) = (self.run, Progress { done: done.min(total), total });
        self.db.write(move |tx| store::run_progress(tx, run, progress)).await
    }
}
