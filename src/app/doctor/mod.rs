//! What is wrong with an appliance, and the command that fixes it. Needs no server, and none that starts; changes
//! nothing.

mod checks;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::{Place, control};
use crate::config::{Env, Settings};
use crate::governance::health::Examine;
pub use crate::governance::health::{Check, Severity};
use crate::types::{Clock, Failure as _, SystemClock};

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing is a problem; warnings are none.
    pub ok: bool,
    /// Whether a server answers on this data.
    pub server_running: bool,
    /// The data directory, when the configuration says which.
    pub data_dir: Option<PathBuf>,
    /// What was found, in the order it was looked at.
    pub checks: Vec<Check>,
}

impl Report {
    fn new(data_dir: Option<PathBuf>, server_running: bool, checks: Vec<Check>) -> Self {
        let ok = checks.iter().all(|check| check.severity != Severity::Problem);
        Self { ok, server_running, data_dir, checks }
    }
}

/// Looks at everything. Reads the whole database; on a large one it takes its time.
pub fn run(place: &Place) -> Report {
    let loaded = match place.load(&Env::from_process()) {
        Ok(loaded) => loaded,
        Err(error) => {
            let check = Check::problem("configuration", error.to_string(), error.hint());
            return Report::new(place.data_dir.clone(), false, vec![check]);
        }
    };
    let mut checks = Vec::new();
    let file = loaded.file.as_ref().map_or("defaults".to_owned(), |file| file.display().to_string());
    checks.push(Check::ok("configuration", file));
    for warning in loaded.warnings {
        checks.push(Check::warning("configuration", warning.message, warning.hint));
    }
    let mut report = examine(&loaded.settings, &SystemClock);
    checks.append(&mut report.checks);
    Report { checks, ..report }
}

/// The same looks for a server that runs, which its operators ask for by its address.
pub struct Doctor {
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
}

impl Doctor {
    /// Looks at the appliance of these settings.
    pub fn new(settings: Arc<Settings>, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock }
    }
}

impl Examine for Doctor {
    fn examine(&self) -> Vec<Check> {
        examine(&self.settings, &*self.clock).checks
    }
}

pub(super) fn examine(settings: &Settings, clock: &dyn Clock) -> Report {
    let dir = &settings.data.dir;
    let mut checks = Vec::new();
    checks::files(settings, &mut checks);
    checks::disk(dir, &mut checks);
    checks::database(settings, clock.now(), &mut checks);
    Report::new(Some(dir.clone()), control::is_running(dir), checks)
}
