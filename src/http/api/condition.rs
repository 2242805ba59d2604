//! How the appliance itself is: the doctor's checks, asked of the running server.

use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, ok};
use crate::governance::health::{self, Check, Health, Severity};
use crate::http::extract::Known;
use crate::http::state::State;
use crate::types::Timestamp;

/// How much a finding matters.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SeverityForm {
    /// As it should be.
    Ok,
    /// It works, and should be different.
    Warning,
    /// It does not work, or soon will not.
    Problem,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckAnswer {
    /// Its stable name.
    name: &'static str,
    /// Whether it is as it should be.
    ok: bool,
    /// How much it matters.
    severity: SeverityForm,
    /// What was found.
    detail: String,
    /// The command that fixes it, or what to do; null when there is nothing to fix.
    fix: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthAnswer {
    /// Whether nothing is a problem; warnings are none.
    ok: bool,
    /// When it was looked at.
    checked_at: Timestamp,
    /// What was found, in the order it was looked at.
    checks: Vec<CheckAnswer>,
}

impl From<Check> for CheckAnswer {
    fn from(check: Check) -> Self {
        let severity = match check.severity {
            Severity::Ok => SeverityForm::Ok,
            Severity::Warning => SeverityForm::Warning,
            Severity::Problem => SeverityForm::Problem,
        };
        Self { name: check.name, ok: check.ok, severity, detail: check.detail, fix: check.fix }
    }
}

impl From<Health> for HealthAnswer {
    fn from(found: Health) -> Self {
        let ok = found.ok();
        Self { ok, checked_at: found.at, checks: found.checks.into_iter().map(CheckAnswer::from).collect() }
    }
}

/// What the last look at the appliance found; looks when nobody has. For instance operators.
#[utoipa::path(get, path = "/instance/health", operation_id = "instance_health",
    responses((status = 200, description = "What was found.", body = HealthAnswer)))]
pub(crate) async fn get(state: Data<State>, Known(op, _): Known) -> Answer {
    ok(&HealthAnswer::from(health::health_check(&op, &state.parts.examiner, false).await?))
}

/// Looks at the appliance anew: files, disk, database, keys, ledger, clock. For instance operators.
#[utoipa::path(post, path = "/instance/health/check", operation_id = "instance_health_check",
    responses((status = 200, description = "What was found.", body = HealthAnswer)))]
pub(crate) async fn check(state: Data<State>, Known(op, _): Known) -> Answer {
    ok(&HealthAnswer::from(health::health_check(&op, &state.parts.examiner, true).await?))
}
