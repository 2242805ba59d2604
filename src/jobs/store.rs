//! SQL of the schedule table, the leases and the history.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{HISTORY_MAX, JobError, JobRun, JobState, Progress, RunOutcome};
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// Rows of the schedule table that are ever looked at: far more than there are jobs.
const JOBS_MAX: u32 = 256;

/// What the runner needs to know of a job, every second.
pub(super) struct Scheduled {
    pub(super) name: String,
    pub(super) next_run_at: Timestamp,
    pub(super) lease: Option<Id<kinds::JobRun>>,
}

pub(super) fn scheduled(reader: &Reader<'_>) -> Result<Vec<Scheduled>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT name, next_run_at, lease_run_id FROM jobs LIMIT ?1")?;
    let rows = statement.query_map([JOBS_MAX], |row| {
        Ok(Scheduled { name: row.get(0)?, next_run_at: row.get(1)?, lease: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All jobs with their newest run, by name.
///
/// # Errors
/// The database failed.
pub fn list(reader: &Reader<'_>) -> Result<Vec<JobState>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT name, schedule, next_run_at, missed FROM jobs ORDER BY name LIMIT ?1")?;
    let rows = statement.query_map([JOBS_MAX], |row| {
        Ok(JobState {
            name: row.get(0)?,
            schedule: row.get(1)?,
            next_run_at: row.get(2)?,
            missed: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
            last_run: None,
        })
    })?;
    let mut jobs = rows.collect::<Result<Vec<_>, _>>()?;
    for job in &mut jobs {
        job.last_run = runs(reader, &job.name, 1)?.pop();
    }
    Ok(jobs)
}

/// The runs of a job that are remembered, newest first.
///
/// # Errors
/// [`JobError::NotFound`]; the database failed.
pub fn history(reader: &Reader<'_>, name: &str) -> Result<Vec<JobRun>, JobError> {
    let mut statement = reader.sql().prepare_cached("SELECT 1 FROM jobs WHERE name = ?1").map_err(DbError::from)?;
    if !statement.exists([name]).map_err(DbError::from)? {
        return Err(JobError::not_found(name));
    }
    Ok(runs(reader, name, HISTORY_MAX)?)
}

/// The newest runs, by the order they began in: a clock may have been set back between them.
fn runs(reader: &Reader<'_>, name: &str, most: u32) -> Result<Vec<JobRun>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT id, started_at, finished_at, outcome, detail, done, total FROM job_runs WHERE name = ?1
         ORDER BY rowid DESC LIMIT ?2",
    )?;
    Ok(statement.query_map(params![name, most], run)?.collect::<Result<_, _>>()?)
}

fn run(row: &Row<'_>) -> rusqlite::Result<JobRun> {
    let outcome: Option<String> = row.get(3)?;
    Ok(JobRun {
        id: row.get(0)?,
        started_at: row.get(1)?,
        finished_at: row.get(2)?,
        outcome: outcome.as_deref().and_then(RunOutcome::parse),
        detail: row.get(4)?,
        progress: progress(row.get(5)?, row.get(6)?),
    })
}

fn progress(done: Option<i64>, total: Option<i64>) -> Option<Progress> {
    Some(Progress { done: u64::try_from(done?).ok()?, total: u64::try_from(total?).ok()? })
}

/// Notes how far a run has come that has not ended.
pub(super) fn run_progress(tx: &WriteTx<'_>, id: Id<kinds::JobRun>, progress: Progress) -> Result<(), DbError> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    tx.sql()
        .prepare_cached("UPDATE job_runs SET done = ?2, total = ?3 WHERE id = ?1 AND finished_at IS NULL")?
        .execute(params![id, number(progress.done), number(progress.total)])?;
    Ok(())
}

/// The stored schedule of a job.
pub(super) fn job_schedule(reader: &Reader<'_>, name: &str) -> Result<Option<String>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT schedule FROM jobs WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

/// Adds a job, or gives it another schedule.
pub(super) fn job_put(tx: &WriteTx<'_>, name: &str, schedule: &str, next: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO jobs (name, schedule, next_run_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET schedule = ?2, next_run_at = ?3",
        )?
        .execute(params![name, schedule, next])?;
    Ok(())
}

/// Takes out a job this program no longer has; its history goes with it.
pub(super) fn job_delete(tx: &WriteTx<'_>, name: &str) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM jobs WHERE name = ?1")?.execute([name])?;
    tx.sql().prepare_cached("DELETE FROM job_runs WHERE name = ?1")?.execute([name])?;
    Ok(())
}

/// Moves the next run; false when there is no such job.
pub(super) fn job_set_due(tx: &WriteTx<'_>, name: &str, at: Timestamp) -> Result<bool, DbError> {
    Ok(tx.sql().prepare_cached("UPDATE jobs SET next_run_at = ?2 WHERE name = ?1")?.execute(params![name, at])? > 0)
}

/// A run that begins.
pub(super) struct Begin {
    pub(super) name: &'static str,
    pub(super) id: Id<kinds::JobRun>,
    pub(super) at: Timestamp,
    pub(super) lease_until: Timestamp,
    pub(super) next_run_at: Timestamp,
    pub(super) missed: u32,
}

/// Records a run with its lease.
pub(super) fn run_begin(tx: &WriteTx<'_>, begin: &Begin) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT INTO job_runs (id, name, started_at, detail) VALUES (?1, ?2, ?3, '')")?
        .execute(params![begin.id, begin.name, begin.at])?;
    tx.sql()
        .prepare_cached(
            "UPDATE jobs SET lease_run_id = ?2, lease_until = ?3, next_run_at = ?4, missed = missed + ?5
             WHERE name = ?1",
        )?
        .execute(params![begin.name, begin.id, begin.lease_until, begin.next_run_at, begin.missed])?;
    Ok(())
}

/// Records how a run ended, gives its lease back, and forgets the oldest runs.
pub(super) fn run_finish(
    tx: &WriteTx<'_>,
    name: &str,
    id: Id<kinds::JobRun>,
    outcome: RunOutcome,
    detail: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "UPDATE job_runs SET finished_at = ?2, outcome = ?3, detail = ?4, done = NULL, total = NULL WHERE id = ?1",
        )?
        .execute(params![id, now, outcome.as_str(), detail])?;
    tx.sql()
        .prepare_cached(
            "UPDATE jobs SET lease_run_id = NULL, lease_until = NULL WHERE name = ?1 AND lease_run_id = ?2",
        )?
        .execute(params![name, id])?;
    tx.sql()
        .prepare_cached(
            "DELETE FROM job_runs WHERE name = ?1 AND rowid NOT IN
             (SELECT rowid FROM job_runs WHERE name = ?1 ORDER BY rowid DESC LIMIT ?2)",
        )?
        .execute(params![name, HISTORY_MAX])?;
    Ok(())
}
