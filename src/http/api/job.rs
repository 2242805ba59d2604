//! The appliance's jobs: what runs by itself, when, and how it went.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, List, ok};
use crate::governance;
use crate::http::extract::{Known, ListQuery, Names, Query};
use crate::http::schema::JobRunId;
use crate::jobs::{JobRun, JobState, Progress, RunOutcome};
use crate::types::Timestamp;

/// How a run ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutcomeForm {
    /// As it should.
    Done,
    /// With an error, which the detail tells; it is tried again at its next time.
    Failed,
    /// The process ended in the middle; it was run again at the next start.
    Lost,
}

/// One run of a job.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobRunAnswer {
    /// Its id.
    id: JobRunId,
    /// When it began.
    started_at: Timestamp,
    /// When it ended; null while it runs.
    finished_at: Option<Timestamp>,
    /// How it ended; null while it runs.
    outcome: Option<OutcomeForm>,
    /// How far it has come; null when it has ended, or does not say.
    progress: Option<ProgressAnswer>,
    /// What was done, or what went wrong.
    detail: String,
}

/// How far a run has come.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProgressAnswer {
    /// What is done.
    done: u64,
    /// Of how much.
    total: u64,
}

/// A job.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobAnswer {
    /// Its name.
    name: String,
    /// Its schedule: five cron fields in UTC, or `every 60s`.
    schedule: String,
    /// When it is due next.
    next_run_at: Timestamp,
    /// Due times that passed while nothing ran, all in all.
    missed: u64,
    /// Its newest run; null before the first.
    last_run: Option<JobRunAnswer>,
}

impl From<JobRun> for JobRunAnswer {
    fn from(run: JobRun) -> Self {
        let outcome = run.outcome.map(|outcome| match outcome {
            RunOutcome::Done => OutcomeForm::Done,
            RunOutcome::Failed => OutcomeForm::Failed,
            RunOutcome::Lost => OutcomeForm::Lost,
        });
        let progress = run.progress.map(|Progress { done, total }| ProgressAnswer { done, total });
        let JobRun { id, started_at, finished_at, detail, .. } = run;
        Self { id, started_at, finished_at, outcome, progress, detail }
    }
}

impl From<JobState> for JobAnswer {
    fn from(job: JobState) -> Self {
        Self {
            name: job.name,
            schedule: job.schedule,
            next_run_at: job.next_run_at,
            missed: job.missed,
            last_run: job.last_run.map(JobRunAnswer::from),
        }
    }
}

/// The jobs, by name; for instance operators.
#[utoipa::path(get, path = "/jobs", operation_id = "job_list", params(ListQuery),
    responses((status = 200, description = "A page of jobs.", body = List<JobAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(governance::job_list(&op, limit, cursor).await?, JobAnswer::from))
}

/// A job's remembered runs, newest first; for instance operators.
#[utoipa::path(get, path = "/jobs/{job}/history", operation_id = "job_history", params(ListQuery),
    responses((status = 200, description = "A page of runs.", body = List<JobRunAnswer>)))]
pub(crate) async fn history(Known(op, _): Known, Names([job]): Names<1>, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(governance::job_history(&op, &job, limit, cursor).await?, JobRunAnswer::from))
}

/// Makes a job due now; it begins within a second. For instance operators.
#[utoipa::path(post, path = "/jobs/{job}/run", operation_id = "job_run",
    responses((status = 200, description = "The job, due now.", body = JobAnswer)))]
pub(crate) async fn run(Known(op, _): Known, Names([job]): Names<1>) -> Answer {
    ok(&JobAnswer::from(governance::job_run(&op, job).await?))
}
