//! The numbers at `/metrics`, in the OpenMetrics text format.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::VERSION;

/// `Content-Type` of [`Metrics::encode`].
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency buckets, in seconds: from a cached read to a slow disk.
const LATENCY_SECONDS: [f64; 13] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Routes with numbers of their own; more than the route table has. The rest is counted as one.
const MAX_ROUTES: usize = 512;

/// Where requests go that match no route, or one too many.
const OTHER: &str = "other";

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Arc<str>,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    job: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    decision: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

type Requests = Family<RequestLabels, Counter>;
type Durations = Family<RouteLabels, Histogram, fn() -> Histogram>;
/// By index in [`METHODS`], then by route pattern.
type Routes = [HashMap<Arc<str>, Arc<RouteMetrics>>; METHODS.len()];

/// Numbers that are counted elsewhere and asked for when the numbers are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Events in the ledger; none: it cannot be read now.
    pub ledger_events: Option<u64>,
    /// Commits since the start.
    pub commits: u64,
    /// Operations in them.
    pub operations: u64,
    /// Operations that wait for the writer.
    pub waiting: u64,
    /// Acts that were allowed since the start.
    pub allowed: u64,
    /// Acts that were denied.
    pub denied: u64,
}

/// All numbers of one server. Made once, shared behind an `Arc`.
pub struct Metrics {
    registry: Registry,
    requests: Requests,
    durations: Durations,
    routes: RwLock<Routes>,
    ledger_events: Gauge<u64, AtomicU64>,
    writer_commits: Counter,
    writer_operations: Counter,
    writer_queue: Gauge<u64, AtomicU64>,
    job_runs: Family<JobLabels, Counter>,
    allowed: Counter,
    denied: Counter,
    auth_failures: Family<ReasonLabels, Counter>,
}

impl Metrics {
    /// All numbers at zero.
    pub fn new() -> Self {
        let decisions = Family::<DecisionLabels, Counter>::default();
        let decision = |decision| decisions.get_or_create(&DecisionLabels { decision }).clone();
        let mut metrics = Self {
            registry: Registry::with_prefix("holdfast"),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(LATENCY_SECONDS)),
            routes: RwLock::default(),
            ledger_events: Gauge::default(),
            writer_commits: Counter::default(),
            writer_operations: Counter::default(),
            writer_queue: Gauge::default(),
            job_runs: Family::default(),
            allowed: decision("allow"),
            denied: decision("deny"),
            auth_failures: Family::default(),
        };
        metrics.register(decisions);
        metrics
    }

    fn register(&mut self, decisions: Family<DecisionLabels, Counter>) {
        let build = Info::new([("version", VERSION)]);
        let to = &mut self.registry;
        to.register("build", "The running program", build);
        to.register("http_requests", "Requests answered", self.requests.clone());
        to.register("http_request_duration_seconds", "Time from request to answer", self.durations.clone());
        to.register("ledger_events", "Events in the ledger", self.ledger_events.clone());
        to.register("writer_commits", "Commits", self.writer_commits.clone());
        to.register("writer_operations", "Operations in them", self.writer_operations.clone());
        to.register("writer_queue_depth", "Operations waiting for the writer", self.writer_queue.clone());
        to.register("job_runs", "Runs of scheduled work", self.job_runs.clone());
        to.register("decisions", "Acts the policies decided about", decisions);
        to.register("auth_failures", "Credentials refused", self.auth_failures.clone());
    }

    /// The numbers of one route, to be kept by whoever serves it. `route` is its pattern, never a request's path; the
    /// 513th and later patterns share one set of numbers. One read lock and no allocation when it is known.
    pub fn route(&self, method: &str, route: &str) -> Arc<RouteMetrics> {
        let index = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = routes[index].get(route) {
            return Arc::clone(known);
        }
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let is_full = routes.iter().map(HashMap::len).sum::<usize>() >= MAX_ROUTES;
        let route: Arc<str> = if is_full { OTHER.into() } else { route.into() };
        let made = || Arc::new(RouteMetrics::new(self, METHODS[index], Arc::clone(&route)));
        Arc::clone(routes[index].entry(Arc::clone(&route)).or_insert_with(made))
    }

    /// What others count, as it is now. Numbers that only grow are never set back.
    pub fn counted(&self, now: &Counted) {
        if let Some(events) = now.ledger_events {
            self.ledger_events.set(events);
        }
        self.writer_queue.set(now.waiting);
        let grown = [
            (&self.writer_commits, now.commits),
            (&self.writer_operations, now.operations),
            (&self.allowed, now.allowed),
            (&self.denied, now.denied),
        ];
        for (counter, number) in grown {
            counter.inner().fetch_max(number, Ordering::Relaxed);
        }
    }

    /// A run of a job ended. `job` is its name in the job table.
    pub fn job_ran(&self, job: &'static str, succeeded: bool) {
        let outcome = if succeeded { "ok" } else { "failed" };
        self.job_runs.get_or_create(&JobLabels { job, outcome }).inc();
    }

    /// A credential was refused. `reason` is the error's code.
    pub fn auth_failed(&self, reason: &'static str) {
        self.auth_failures.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// All numbers as OpenMetrics text, see [`METRICS_CONTENT_TYPE`].
    #[expect(clippy::missing_panics_doc, reason = "a String takes every write")]
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &self.registry).expect("writing to a String does not fail");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The numbers of one route.
#[derive(Debug)]
pub struct RouteMetrics {
    labels: RouteLabels,
    requests: Requests,
    /// 1xx to 5xx, made when first needed: most routes never answer most of them.
    by_class: [OnceLock<Counter>; 5],
    duration: Histogram,
}

impl RouteMetrics {
    fn new(metrics: &Metrics, method: &'static str, route: Arc<str>) -> Self {
        let labels = RouteLabels { method, route };
        let duration = metrics.durations.get_or_create(&labels).clone();
        Self { labels, requests: metrics.requests.clone(), by_class: Default::default(), duration }
    }

    /// A request was answered with this status after this long.
    pub fn answered(&self, status: u16, elapsed: Duration) {
        const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        let class = usize::from((status / 100).clamp(1, 5)) - 1;
        let counter = self.by_class[class].get_or_init(|| {
            let RouteLabels { method, route } = self.labels.clone();
            self.requests.get_or_create(&RequestLabels { method, route, status: CLASSES[class] }).clone()
        });
        counter.inc();
        self.duration.observe(elapsed.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|have| have == line), "no line `{line}` in\n{text}");
    }

    #[test]
    fn what_happened_is_what_is_told() {
        let metrics = Metrics::new();
        let route = metrics.route("GET", "/api/v1/whoami");
        route.answered(200, Duration::from_micros(200));
        route.answered(204, Duration::from_secs(9));
        metrics.route("GET", "/api/v1/whoami").answered(404, Duration::from_micros(1));
        let counted = Counted { ledger_events: Some(7), commits: 3, operations: 9, waiting: 2, allowed: 0, denied: 1 };
        metrics.counted(&counted);
        metrics.counted(&Counted { operations: 8, ..counted });
        metrics.job_ran("purge", true);
        metrics.job_ran("purge", false);
        metrics.auth_failed("token_expired");
        let text = metrics.encode();
        let of_route = "method=\"GET\",route=\"/api/v1/whoami\"";
        has(&text, &format!("holdfast_http_requests_total{{{of_route},status=\"2xx\"}} 2"));
        has(&text, &format!("holdfast_http_requests_total{{{of_route},status=\"4xx\"}} 1"));
        has(&text, &format!("holdfast_http_request_duration_seconds_bucket{{le=\"0.00025\",{of_route}}} 2"));
        has(&text, &format!("holdfast_http_request_duration_seconds_count{{{of_route}}} 3"));
        has(&text, "holdfast_ledger_events 7");
        has(&text, "holdfast_writer_commits_total 3");
        has(&text, "holdfast_writer_operations_total 9");
        has(&text, "holdfast_writer_queue_depth 2");
        has(&text, "holdfast_job_runs_total{job=\"purge\",outcome=\"ok\"} 1");
        has(&text, "holdfast_job_runs_total{job=\"purge\",outcome=\"failed\"} 1");
        has(&text, "holdfast_decisions_total{decision=\"allow\"} 0");
        has(&text, "holdfast_decisions_total{decision=\"deny\"} 1");
        has(&text, "holdfast_auth_failures_total{reason=\"token_expired\"} 1");
        has(&text, &format!("holdfast_build_info{{version=\"{VERSION}\"}} 1"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn nobody_can_grow_the_labels_from_outside() {
        let metrics = Metrics::new();
        for n in 0..2 * MAX_ROUTES {
            metrics.route("GET", &format!("/{n}")).answered(200, Duration::ZERO);
            metrics.route(&format!("BREW{n}"), "/").answered(999, Duration::ZERO);
        }
        let text = metrics.encode();
        let counters = text.lines().filter(|line| line.starts_with("holdfast_http_requests_total")).count();
        // One for what is beyond the limit, for each of the two methods at most.
        assert!((MAX_ROUTES..=MAX_ROUTES + 2).contains(&counters), "{counters}");
        has(&text, "holdfast_http_requests_total{method=\"other\",route=\"/\",status=\"5xx\"} 1024");
    }
}
