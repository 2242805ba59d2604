//! The appliance itself, for its operators: what runs by itself, and how it is.

use askama::Template;
use serde::Deserialize;

use super::form::Form;
use super::frame::{Frame, Section};
use super::show_as::ShowAs;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::governance::health::{Health, Severity, health_check};
use crate::governance::{job_history, job_list, job_run as make_due};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::jobs::{JobError, JobRun, JobState, Progress, RunOutcome};
use crate::types::{Limit, Timestamp};

/// How many runs a page shows.
const RUNS: u32 = 50;

/// What was done before, and where the list goes on.
#[derive(Default, Deserialize)]
pub(super) struct OperateQuery {
    done: Option<String>,
    cursor: Option<String>,
}

/// A form that says nothing but that it was sent.
#[derive(Deserialize)]
pub(super) struct Sent {}

/// What a job is there for; those of a later version have their name only.
fn purpose(name: &str) -> &'static str {
    match name {
        "expire_tokens" => "ends credentials and invitations whose time has come",
        "expire_links" => "removes one-time links that are over",
        "expire_approvals" => "closes requests nobody decided in time",
        "purge_deleted" => "destroys what was deleted and can be restored no more",
        "remind_expiring" => "notes secrets that expire soon",
        "warn_ending" => "tells of environments whose time is over soon",
        "checkpoint" => "signs the head of the ledger",
        "reseal_secrets" => "seals values anew under a new key, a part at a time",
        "look_at_clusters" => "asks every cluster whether it is there",
        "tidy" => "forgets what is kept for a while only",
        _ => "",
    }
}

/// How far a run has come.
fn far(progress: &Progress) -> String {
    let number = |n: u64| ui::number(usize::try_from(n).unwrap_or(usize::MAX));
    format!("{} of {}", number(progress.done), number(progress.total))
}

/// How long a run took.
fn took(run: &JobRun) -> String {
    let Some(end) = run.finished_at else { return String::new() };
    let millis = end.since(run.started_at).as_millis();
    if millis < 1_000 { format!("{millis} ms") } else { format!("{}.{} s", millis / 1_000, millis % 1_000 / 100) }
}

/// The jobs.
#[derive(Template)]
#[template(path = "jobs.html")]
struct JobsPage {
    frame: Frame,
    jobs: Vec<JobState>,
    now: Timestamp,
    clock: String,
}

/// The table alone, as it is put into the page that is there.
#[derive(Template)]
#[template(path = "jobs_table.html")]
struct JobsRegion {
    jobs: Vec<JobState>,
    now: Timestamp,
    clock: String,
}

/// Shows what runs by itself.
pub(super) async fn jobs(visitor: Visitor) -> Answer {
    let jobs = job_list(&visitor.op, Limit::parse(RUNS)?, None).await?.items;
    let now = visitor.op.now();
    if visitor.is_partial {
        return visitor.show(&JobsRegion { jobs, now, clock: clock(now) });
    }
    let frame = visitor.frame("Jobs", Section::Jobs, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Jobs", "/jobs").help("operating");
    visitor.show(&JobsPage { frame, jobs, now, clock: clock(now) })
}

/// The time of day.
pub(super) fn clock(at: Timestamp) -> String {
    at.to_string().get(11..19).unwrap_or_default().to_owned()
}

/// One job.
#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    job: JobState,
    purpose: &'static str,
    runs: Vec<JobRun>,
    next: Option<String>,
    show_as: ShowAs,
}

/// Shows one job with its runs.
pub(super) async fn job(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<OperateQuery>) -> Answer {
    let (limit, cursor) = page_of(Some(RUNS), query.cursor.as_deref())?;
    let runs = job_history(&visitor.op, &name, limit, cursor).await?;
    let job = job_list(&visitor.op, Limit::parse(500)?, None).await?.items.into_iter().find(|job| job.name == name);
    let job = job.ok_or_else(|| Problem::from(JobError::not_found(&name)))?;
    let here = format!("/jobs/{}", ui::part(&name));
    let frame = visitor.frame(name.clone(), Section::Jobs, None).await?.crumb("Home", "/").crumb("Jobs", "/jobs");
    let frame = frame.crumb(name.clone(), here.clone()).help("operating").notice(query.done.as_deref());
    let next = runs.next.map(|next| format!("{here}?cursor={}", next.encode()));
    let show_as = ShowAs::request(
        &visitor.state.public_url.to_string(),
        &format!("holdfast jobs run {name}"),
        "POST",
        &format!("/jobs/{name}/run"),
        &[],
    );
    visitor.show(&JobPage { frame, purpose: purpose(&name), job, runs: runs.items, next, show_as })
}

/// Makes a job due now.
pub(super) async fn job_run(Names([name]): Names<1>, Form(visitor, Sent {}): Form<Sent>) -> Answer {
    make_due(&visitor.op, name.clone()).await?;
    Visitor::go(&format!("/jobs/{}?done=due", ui::part(&name)))
}

/// How the appliance is.
#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    frame: Frame,
    health: Health,
    clock: String,
    problems: usize,
    warnings: usize,
    show_as: ShowAs,
}

/// Shows how the appliance is, as the last look found it.
pub(super) async fn health(visitor: Visitor, Query(query): Query<OperateQuery>) -> Answer {
    let health = health_check(&visitor.op, &visitor.state.parts.examiner, false).await?;
    let frame = visitor.frame("Health", Section::Health, None).await?.crumb("Home", "/").crumb("Health", "/health");
    let frame = frame.help("operating").notice(query.done.as_deref());
    let count = |severity| health.checks.iter().filter(|check| check.severity == severity).count();
    let (problems, warnings) = (count(Severity::Problem), count(Severity::Warning));
    let base = visitor.state.public_url.to_string();
    let show_as = ShowAs::request(&base, "holdfast doctor --server", "POST", "/instance/health/check", &[]);
    let clock = clock(health.at);
    visitor.show(&HealthPage { frame, health, clock, problems, warnings, show_as })
}

/// Looks anew, and shows what was found.
pub(super) async fn health_anew(Form(visitor, Sent {}): Form<Sent>) -> Answer {
    health_check(&visitor.op, &visitor.state.parts.examiner, true).await?;
    Visitor::go("/health?done=checked")
}
