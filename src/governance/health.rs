//! How the appliance itself is: what `holdfast doctor` looks at, asked of the running server by instance operators.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::GovernanceError;
use crate::op::Op;
use crate::policy::InstancePermission;
use crate::types::Timestamp;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It works, and should be different.
    Warning,
    /// It does not work, or soon will not.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its stable name.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub detail: String,
    /// The command that fixes it, or what to do; none when there is nothing to fix.
    pub fix: Option<String>,
}

impl Check {
    /// As it should be.
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, severity: Severity::Ok, detail: detail.into(), fix: None }
    }

    /// It does not work, or soon will not.
    pub fn problem(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, ok: false, severity: Severity::Problem, detail: detail.into(), fix: Some(fix.into()) }
    }

    /// It works, and should be different.
    pub fn warning(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::problem(name, detail, fix) }
    }
}

/// Looks at the appliance. Implemented by `app`, which knows its files and settings.
pub trait Examine: Send + Sync + 'static {
    /// Everything that is looked at, in its order. Reads the whole database: never in a thread that answers others.
    fn examine(&self) -> Vec<Check>;
}

/// What was found, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// When it was looked at.
    pub at: Timestamp,
    /// What was found.
    pub checks: Vec<Check>,
}

impl Health {
    /// Whether nothing is a problem; warnings are none.
    pub fn ok(&self) -> bool {
        self.checks.iter().all(|check| check.severity != Severity::Problem)
    }
}

/// What the last look found, kept until the next.
pub struct Examiner {
    examine: Arc<dyn Examine>,
    last: Mutex<Option<Health>>,
    is_running: AtomicBool,
}

impl Examiner {
    /// Nobody has looked yet.
    pub fn new(examine: impl Examine) -> Self {
        Self { examine: Arc::new(examine), last: Mutex::new(None), is_running: AtomicBool::new(false) }
    }

    fn last(&self) -> Option<Health> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How the appliance is: as the last look found it, or looked at anew where `anew` says so or nobody has looked yet.
///
/// # Errors
/// Not an operator; somebody looks already.
pub async fn health_check(op: &Op, examiner: &Arc<Examiner>, anew: bool) -> Result<Health, GovernanceError> {
    struct Turn(Arc<Examiner>);
    impl Drop for Turn {
        fn drop(&mut self) {
            self.0.is_running.store(false, Ordering::Release);
        }
    }
    op.read(|reader| op.authorize_instance(reader, InstancePermission::InstanceSettings)).await?;
    if let Some(last) = examiner.last().filter(|_| !anew) {
        return Ok(last);
    }
    if examiner.is_running.swap(true, Ordering::Acquire) {
        return Err(GovernanceError::CheckBusy);
    }
    let (turn, at) = (Turn(Arc::clone(examiner)), op.now());
    // Seconds of work on a large database.
    let looked = tokio::task::spawn_blocking(move || {
        let found = Health { at, checks: turn.0.examine.examine() };
        *turn.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        found
    });
    looked.await.map_err(|_| GovernanceError::CheckBusy)
}
