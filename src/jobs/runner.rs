//! Looks every second what is due, and runs it.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::store::{self, Begin, Scheduled};
use super::{Job, RUN_MAX, Run, RunOutcome};
use crate::db::{Db, DbError, WriteTx};
use crate::telemetry::{Metrics, redact};
use crate::types::{Clock, Id, Timestamp, kinds};

/// How often the schedule table is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long runs may go on when the process is told to stop; what is cut off is run again at the next start.
const STOP_MAX: Duration = Duration::from_secs(5);
/// The most characters of a run's detail.
const DETAIL_MAX: usize = 1_000;

/// Runs the jobs of one process, which must hold the data directory's lock.
pub struct Runner {
    db: Db,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    jobs: Vec<Arc<dyn Job>>,
    running: HashMap<&'static str, Id<kinds::JobRun>>,
    tasks: JoinSet<&'static str>,
}

impl Runner {
    /// A runner of these jobs; nothing happens before [`Runner::register`].
    pub fn new(db: Db, clock: Arc<dyn Clock>, metrics: Arc<Metrics>, jobs: Vec<Arc<dyn Job>>) -> Self {
        Self { db, clock, metrics, jobs, running: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Brings the schedule table in line with the jobs there are, and marks what a process before this one left open
    /// as lost and due. One commit.
    ///
    /// # Errors
    /// The database failed.
    pub async fn register(&self) -> Result<(), DbError> {
        let now = self.clock.now();
        let jobs: Vec<_> = self.jobs.iter().map(|job| (job.name(), job.schedule())).collect();
        self.db
            .write(move |tx| {
                for row in store::scheduled(tx)? {
                    match row.lease {
                        _ if jobs.iter().all(|(name, _)| *name != row.name) => store::job_delete(tx, &row.name)?,
                        Some(run) => lost(tx, &row.name, run, now)?,
                        None => {}
                    }
                }
                for (name, schedule) in jobs {
                    let text = schedule.to_string();
                    if store::job_schedule(tx, name)?.as_deref() != Some(&text) {
                        store::job_put(tx, name, &text, schedule.next_after(now))?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Begins what is due. Answers how many runs it began.
    ///
    /// # Errors
    /// The database failed; what was not begun is looked at again with the next tick.
    pub async fn tick(&mut self) -> Result<usize, DbError> {
        while let Some(done) = self.tasks.try_join_next() {
            self.forget(done);
        }
        let now = self.clock.now();
        let rows = self.db.read(store::scheduled)?;
        let mut begun = 0;
        for job in self.jobs.clone() {
            let Some(row) = rows.iter().find(|row| row.name == job.name()) else { continue };
            if self.running.contains_key(job.name()) {
                continue;
            }
            if let Some(run) = self.due(&job, row, now).await? {
                self.begin(job, run, now).await?;
                begun += 1;
            }
        }
        Ok(begun)
    }

    /// The run to begin now, if any.
    async fn due(&self, job: &Arc<dyn Job>, row: &Scheduled, now: Timestamp) -> Result<Option<Run>, DbError> {
        let (name, schedule) = (job.name(), job.schedule());
        if let Some(run) = row.lease {
            // Its end could not be recorded (a full disk): nobody is running it.
            self.db.write(move |tx| lost(tx, name, run, now)).await?;
        }
        let latest = schedule.next_after(now);
        if row.next_run_at > latest {
            tracing::warn!(job = name, "the clock was set back; the next run was moved to {latest}");
            self.db.write(move |tx| store::job_set_due(tx, name, latest)).await?;
        }
        let due = row.lease.is_some() || row.next_run_at <= now;
        if !self.db.read(|reader| job.is_wanted(reader, due))? {
            return Ok(None);
        }
        let missed = schedule.missed(row.next_run_at, now);
        Ok(Some(Run { id: Id::new(now), at: now, missed }))
    }

    async fn begin(&mut self, job: Arc<dyn Job>, run: Run, now: Timestamp) -> Result<(), DbError> {
        let name = job.name();
        if run.missed > 0 {
            tracing::warn!(job = name, missed = run.missed, "due times passed; this run makes up for them");
        }
        let next_run_at = job.schedule().next_after(now);
        let lease_until = now.plus(RUN_MAX);
        let begin = Begin { name, id: run.id, at: now, lease_until, next_run_at, missed: run.missed };
        self.db.write(move |tx| store::run_begin(tx, &begin)).await?;
        self.running.insert(name, run.id);
        let (db, clock, metrics) = (self.db.clone(), Arc::clone(&self.clock), Arc::clone(&self.metrics));
        self.tasks.spawn(async move {
            let (outcome, detail) = conclude(&*job, run).await;
            metrics.job_ran(name, outcome == RunOutcome::Done);
            let now = clock.now();
            let kept = db.write(move |tx| store::run_finish(tx, name, run.id, outcome, &detail, now)).await;
            if let Err(error) = kept {
                tracing::error!(job = name, %error, "the end of a run was not recorded; it will be run again");
            }
            name
        });
        Ok(())
    }

    /// Waits for the runs that go on.
    pub async fn settle(&mut self) {
        while let Some(done) = self.tasks.join_next().await {
            self.forget(done);
        }
    }

    fn forget(&mut self, done: Result<&'static str, tokio::task::JoinError>) {
        match done {
            Ok(name) => drop(self.running.remove(name)),
            // A task cannot panic (the job's own panic is caught) and is aborted only at the end.
            Err(error) => tracing::error!(%error, "a run ended without a word"),
        }
    }

    /// Ticks until `stop` is ready, then waits a few seconds for what is running.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = interval.tick() => {}
            }
            match self.tick().await {
                Ok(_) => failing = false,
                // Said once, not every second.
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "scheduled work cannot be looked at");
                }
                Err(_) => {}
            }
        }
        if tokio::time::timeout(STOP_MAX, self.settle()).await.is_err() {
            tracing::warn!(jobs = ?self.running.keys(), "runs were cut off; they are run again at the next start");
        }
    }
}

/// Marks an open run as lost and makes the job due again.
fn lost(tx: &WriteTx<'_>, name: &str, run: Id<kinds::JobRun>, now: Timestamp) -> Result<(), DbError> {
    tracing::warn!(job = name, %run, "a run was lost; the job is run again");
    store::run_finish(tx, name, run, RunOutcome::Lost, "the process ended before the run did", now)?;
    store::job_set_due(tx, name, now).map(drop)
}

/// Runs the job and says how it ended, whatever it does.
async fn conclude(job: &dyn Job, run: Run) -> (RunOutcome, String) {
    let name = job.name();
    let guarded = AssertUnwindSafe(async { job.run(run).await }).catch_unwind();
    let (outcome, detail) = match tokio::time::timeout(RUN_MAX, guarded).await {
        Ok(Ok(Ok(detail))) => (RunOutcome::Done, detail),
        Ok(Ok(Err(error))) => (RunOutcome::Failed, format!("{error:#}")),
        Ok(Err(_panic)) => (RunOutcome::Failed, "it panicked; the log has the place".to_owned()),
        Err(_elapsed) => (RunOutcome::Failed, format!("it took longer than {} s", RUN_MAX.as_secs())),
    };
    let detail: String = redact(&detail).chars().take(DETAIL_MAX).collect();
    match outcome {
        RunOutcome::Done => tracing::debug!(job = name, detail, "ran"),
        RunOutcome::Failed | RunOutcome::Lost => tracing::error!(job = name, detail, "a run failed"),
    }
    (outcome, detail)
}
