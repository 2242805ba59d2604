//! The promises of the runner, on a clock that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending};

use super::*;
use crate::db::Db;
use crate::telemetry::Metrics;
use crate::types::{Clock, Failure as _, ManualClock};

const HOUR: Duration = Duration::from_hours(1);

/// What a counted job does when it runs.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Well,
    Fails,
    Panics,
    Hangs,
    /// Says how far it came, and hangs.
    Tells,
}

struct Counted {
    schedule: &'static str,
    runs: AtomicU32,
    does: std::sync::Mutex<Does>,
    early: std::sync::atomic::AtomicBool,
    db: std::sync::OnceLock<Db>,
}

impl Counted {
    fn new(schedule: &'static str) -> Arc<Self> {
        Arc::new(Self {
            schedule,
            runs: AtomicU32::new(0),
            does: std::sync::Mutex::new(Does::Well),
            early: false.into(),
            db: std::sync::OnceLock::new(),
        })
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    fn does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }
}

impl Job for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }

    fn schedule(&self) -> Schedule {
        Schedule::parse(self.schedule).unwrap()
    }

    fn is_wanted(&self, _: &Reader<'_>, due: bool) -> Result<bool, DbError> {
        Ok(due || self.early.load(Ordering::SeqCst))
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let count = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
            let does = *self.does.lock().unwrap();
            match does {
                Does::Well => Ok(format!("run {count}, {} missed", run.missed)),
                Does::Fails => Err(anyhow::anyhow!("the far end is away").context("not sent")),
                Does::Panics => panic!("inside a job"),
                Does::Hangs => pending().await,
                Does::Tells => {
                    let mut telling = Telling::of(self.db.get().expect("set"), run);
                    telling.tell(3, 10).await?;
                    telling.tell(4, 10).await?;
                    pending().await
                }
            }
        }
        .boxed()
    }
}

struct World {
    _dir: tempfile::TempDir,
    db: Db,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("t.db")).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-11-23T03:59:30Z").unwrap()));
        Self { _dir: dir, db, clock }
    }

    async fn runner(&self, job: &Arc<Counted>) -> Runner {
        let job: Arc<dyn Job> = Arc::clone(job) as _;
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let runner = Runner::new(self.db.clone(), clock, Arc::new(Metrics::new()), vec![job]);
        runner.register().await.unwrap();
        runner
    }

    fn state(&self) -> JobState {
        let all = self.db.read(list).unwrap();
        all.into_iter().find(|job| job.name == "counted").expect("registered")
    }

    fn last(&self) -> JobRun {
        self.state().last_run.expect("it ran")
    }

    fn history(&self) -> Vec<JobRun> {
        self.db.read(|reader| history(reader, "counted")).unwrap()
    }
}

/// One tick and the end of what it began.
async fn tick(runner: &mut Runner) -> usize {
    let begun = runner.tick().await.unwrap();
    runner.settle().await;
    begun
}

#[tokio::test]
async fn a_job_runs_when_it_is_due_and_not_before() {
    let (world, job) = (World::new(), Counted::new("0 * * * *"));
    let mut runner = world.runner(&job).await;
    assert_eq!(tick(&mut runner).await, 0);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(tick(&mut runner).await, 1);
    assert_eq!(tick(&mut runner).await, 0);
    let state = world.state();
    assert_eq!(state.next_run_at.to_string(), "2026-11-23T05:00:00.000000Z");
    assert_eq!((state.missed, job.runs()), (0, 1));
    let last = world.last();
    assert_eq!((last.outcome, last.detail.as_str()), (Some(RunOutcome::Done), "run 1, 0 missed"));
    assert_eq!(last.finished_at, Some(world.clock.now()));
}

#[tokio::test]
async fn a_day_forward_is_one_run_that_counts_what_was_missed() {
    let (world, job) = (World::new(), Counted::new("0 * * * *"));
    let mut runner = world.runner(&job).await;
    world.clock.advance(24 * HOUR);
    assert_eq!(tick(&mut runner).await, 1);
    assert_eq!(tick(&mut runner).await, 0);
    assert_eq!((job.runs(), world.state().missed), (1, 23));
    assert_eq!(world.last().detail, "run 1, 23 missed");
}

#[tokio::test]
async fn an_hour_back_stops_nothing_for_an_hour() {
    let (world, job) = (World::new(), Counted::new("every 60s"));
    let mut runner = world.runner(&job).await;
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(tick(&mut runner).await, 1);
    world.clock.set(world.clock.now().minus(HOUR));
    assert_eq!(tick(&mut runner).await, 0);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(tick(&mut runner).await, 1);
    assert_eq!((job.runs(), world.state().missed), (2, 0));
    let newest: Vec<_> = world.history().into_iter().map(|run| run.detail).collect();
    assert_eq!(newest, ["run 2, 0 missed", "run 1, 0 missed"], "in the order they ran, not by the clock");
}

#[tokio::test]
async fn a_failed_run_is_recorded_and_tried_again_at_its_next_time() {
    let (world, job) = (World::new(), Counted::new("* * * * *"));
    let mut runner = world.runner(&job).await;
    for (does, detail) in
        [(Does::Fails, "not sent: the far end is away"), (Does::Panics, "it panicked; the log has the place")]
    {
        job.does(does);
        world.clock.advance(Duration::from_mins(1));
        tick(&mut runner).await;
        let last = world.last();
        assert_eq!((last.outcome, last.detail.as_str()), (Some(RunOutcome::Failed), detail));
        assert_eq!(tick(&mut runner).await, 0, "not before its next time");
    }
    job.does(Does::Well);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(tick(&mut runner).await, 1);
    assert_eq!((world.last().outcome, job.runs()), (Some(RunOutcome::Done), 3));
}

#[tokio::test]
async fn a_run_whose_process_was_killed_is_lost_and_run_again() {
    let (world, job) = (World::new(), Counted::new("0 * * * *"));
    job.does(Does::Hangs);
    let mut killed = world.runner(&job).await;
    world.clock.advance(HOUR);
    assert_eq!(killed.tick().await.unwrap(), 1);
    assert_eq!(killed.tick().await.unwrap(), 0, "never twice at once");
    drop(killed);
    assert_eq!(world.last().outcome, None);
    job.does(Does::Well);
    let mut next = world.runner(&job).await;
    assert_eq!(world.last().outcome, Some(RunOutcome::Lost));
    assert_eq!(tick(&mut next).await, 1);
    let outcomes: Vec<_> = world.history().into_iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Some(RunOutcome::Done), Some(RunOutcome::Lost)]);
}

#[tokio::test]
async fn what_came_due_while_nothing_ran_is_run_once_at_the_next_start() {
    let (world, job) = (World::new(), Counted::new("0 * * * *"));
    drop(world.runner(&job).await);
    world.clock.advance(3 * HOUR);
    let mut next = world.runner(&job).await;
    assert_eq!(tick(&mut next).await, 1);
    assert_eq!((tick(&mut next).await, world.state().missed), (0, 2));
}

#[tokio::test]
async fn another_schedule_counts_from_now_and_a_job_that_is_gone_leaves() {
    let world = World::new();
    drop(world.runner(&Counted::new("0 * * * *")).await);
    let job = Counted::new("*/5 * * * *");
    drop(world.runner(&job).await);
    let state = world.state();
    assert_eq!(state.schedule, job.schedule().to_string());
    assert_eq!(state.next_run_at.to_string(), "2026-11-23T04:00:00.000000Z");
    let none = Runner::new(world.db.clone(), Arc::clone(&world.clock) as _, Arc::new(Metrics::new()), vec![]);
    none.register().await.unwrap();
    assert_eq!(world.db.read(list).unwrap(), []);
}

#[tokio::test]
async fn a_job_can_be_run_now_or_ask_to_run_early() {
    let (world, job) = (World::new(), Counted::new("0 0 1 1 *"));
    let mut runner = world.runner(&job).await;
    let now = world.clock.now();
    world.db.write(move |tx| run_now(tx, "counted", now)).await.unwrap();
    assert_eq!((tick(&mut runner).await, tick(&mut runner).await), (1, 0));
    job.early.store(true, Ordering::SeqCst);
    assert_eq!(tick(&mut runner).await, 1);
    assert_eq!(world.state().next_run_at.to_string(), "2027-01-01T00:00:00.000000Z");
    let unknown = world.db.write(move |tx| run_now(tx, "nothing", now)).await.unwrap_err();
    assert_eq!(unknown.code(), "job_not_found");
    assert!(matches!(world.db.read(|reader| history(reader, "nothing")), Err(JobError::NotFound(_))));
}

#[tokio::test]
async fn the_history_is_bounded() {
    let (world, job) = (World::new(), Counted::new("every 1s"));
    let mut runner = world.runner(&job).await;
    for _ in 0..HISTORY_MAX + 5 {
        world.clock.advance(Duration::from_secs(1));
        tick(&mut runner).await;
    }
    let history = world.history();
    assert_eq!((history.len(), job.runs()), (HISTORY_MAX as usize, HISTORY_MAX + 5));
    assert_eq!(history[0].detail, format!("run {}, 0 missed", HISTORY_MAX + 5));
}

#[tokio::test]
async fn a_runner_that_is_stopped_finishes_what_runs() {
    let (world, job) = (World::new(), Counted::new("0 * * * *"));
    let mut runner = world.runner(&job).await;
    world.clock.advance(HOUR);
    assert_eq!(runner.tick().await.unwrap(), 1);
    runner.run(std::future::ready(())).await;
    assert_eq!(world.last().outcome, Some(RunOutcome::Done));
}

#[tokio::test]
async fn a_run_says_how_far_it_came_while_it_runs_and_not_more_often_than_each_second() {
    let (world, job) = (World::new(), Counted::new("0 4 * * *"));
    assert!(job.db.set(world.db.clone()).is_ok());
    let mut runner = world.runner(&job).await;
    job.does(Does::Tells);
    world.clock.advance(HOUR);
    assert_eq!(runner.tick().await.unwrap(), 1);
    while world.last().progress.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.last().progress, Some(Progress { done: 3, total: 10 }));
    assert_eq!(world.db.read(|reader| history(reader, "counted")).unwrap()[0].progress, world.last().progress);
    drop(runner);
    // The next process marks it lost: what has ended says nothing any more.
    let _next = world.runner(&job).await;
    assert_eq!((world.last().outcome, world.last().progress), (Some(RunOutcome::Lost), None));
}
