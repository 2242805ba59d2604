//! Jobs and their runs as they are stored and shown.

use serde::Serialize;

use super::Progress;
use crate::types::{Id, Timestamp, kinds};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// As it should.
    Done,
    /// With an error, which the detail tells; it is tried again at its next time.
    Failed,
    /// The process ended in the middle; it was run again at the next start.
    Lost,
}

impl RunOutcome {
    /// The word in the column and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Lost].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobRun {
    /// Its id.
    pub id: Id<kinds::JobRun>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it runs.
    pub finished_at: Option<Timestamp>,
    /// How it ended; none while it runs.
    pub outcome: Option<RunOutcome>,
    /// How far it has come; none when it has ended, or does not say.
    pub progress: Option<Progress>,
    /// What was done, or what went wrong.
    pub detail: String,
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobState {
    /// Its name.
    pub name: String,
    /// Its schedule: five cron fields in UTC, or `every 60s`.
    pub schedule: String,
    /// When it is due next.
    pub next_run_at: Timestamp,
    /// Due times that passed while nothing ran, all in all.
    pub missed: u64,
    /// Its newest run, which may still be going on.
    pub last_run: Option<JobRun>,
}
