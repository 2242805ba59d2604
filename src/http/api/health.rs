//! What probes ask.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::DbError;
use crate::http::routes::{Routes, at};
use crate::http::state::State;
use crate::ledger::{self, LedgerError};
use crate::telemetry::{Counted, METRICS_CONTENT_TYPE};

/// That the process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether work can be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ok`, `stopping` or `failed`.
    status: &'static str,
    /// What was looked at.
    checks: Checks,
}

/// What was looked at: each `ok` or `failed`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checks {
    /// The database answers a read.
    database: &'static str,
    /// The keys are unlocked.
    keys: &'static str,
    /// The ledger can be read.
    ledger: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "It answers.", body = Health)))]
pub(crate) async fn healthz() -> impl Responder {
    HttpResponse::Ok().json(&Health { status: "ok" })
}

/// Work can be sent here.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "Work can be sent here.", body = Readiness),
    (status = 503, description = "Not now.", body = Readiness),
))]
pub(crate) async fn readyz(state: Data<State>) -> HttpResponse {
    let core = &state.parts.core;
    let database = core.db.read(crate::op::epoch).map(drop);
    let ledger = core.db.read(|reader| ledger::size(reader).map_err(ReadyError::from)).map(drop);
    let word = |is_fine: bool| if is_fine { "ok" } else { "failed" };
    // The keyring exists only unlocked; without it the server did not start.
    let checks = Checks { database: word(database.is_ok()), keys: "ok", ledger: word(ledger.is_ok()) };
    let is_fine = database.is_ok() && ledger.is_ok();
    if is_fine && !state.is_stopping() {
        return HttpResponse::Ok().json(&Readiness { status: "ok", checks });
    }
    let status = if is_fine { "stopping" } else { "failed" };
    let mut response = HttpResponse::ServiceUnavailable().json(&Readiness { status, checks });
    response.extensions_mut().insert(Plain);
    response
}

/// The numbers, for Prometheus.
pub(crate) async fn metrics(state: Data<State>) -> HttpResponse {
    let core = &state.parts.core;
    let writer = core.db.writer_stats();
    let (allowed, denied) = core.decided.counts();
    // A database that fails is told of by /readyz; the other numbers are worth having then.
    let ledger_events = core.db.read(ledger::size).ok();
    let (commits, operations, waiting) = (writer.commits, writer.operations, writer.waiting);
    state.parts.metrics.counted(&Counted { ledger_events, commits, operations, waiting, allowed, denied });
    HttpResponse::Ok().content_type(METRICS_CONTENT_TYPE).body(state.parts.metrics.encode())
}

/// The route of the numbers, on whichever listener they are.
pub(crate) fn metrics_route(app: &mut Routes) {
    app.service(at("/metrics").get(metrics).done());
}

/// Marks a failure whose body is its own.
pub(crate) struct Plain;

/// Either half of a look at the ledger.
struct ReadyError;

impl From<DbError> for ReadyError {
    fn from(_: DbError) -> Self {
        Self
    }
}

impl From<LedgerError> for ReadyError {
    fn from(_: LedgerError) -> Self {
        Self
    }
}
