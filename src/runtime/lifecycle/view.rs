//! Looking at what runs.

use super::error::RuntimeError;
use super::model::{Condition, Revision, Runtime, ServiceState, Wish};
use super::store;
use super::wishes::{At, find};
use crate::cluster::{self, Cluster};
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::Timestamp;

/// What runs in an environment, as it was last seen.
#[derive(Debug, Clone)]
pub struct RuntimeView {
    /// The environment.
    pub placed: Placed,
    /// Where it runs; none when that cluster was taken away.
    pub cluster: Option<Cluster>,
    /// What is wished for, and the word for what is.
    pub runtime: Runtime,
    /// The revision that is to run.
    pub revision: Revision,
    /// Its services.
    pub services: Vec<ServiceState>,
    /// What is true of it.
    pub conditions: Vec<Condition>,
    /// Whether the end of its time is near.
    pub ends_soon: bool,
}

/// What runs in an environment.
///
/// # Errors
/// Unknown or not allowed; nothing was ever deployed.
pub async fn runtime_get(op: &Op, at: &At) -> Result<RuntimeView, RuntimeError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, &at.project, &at.environment)?;
        op.authorize(reader, Action::RuntimeRead, &placed.resource())?;
        let found = find(op, reader, at)?;
        let there = cluster::of(reader, found.placed.environment.organization)?;
        let environment = found.runtime.environment;
        Ok(RuntimeView {
            cluster: there.into_iter().find(|c| c.id == found.runtime.cluster),
            services: store::service_list(reader, environment)?,
            conditions: store::condition_list(reader, environment)?,
            ends_soon: ends_soon(reader, &found.runtime, op.now())?,
            placed: found.placed,
            runtime: found.runtime,
            revision: found.revision,
        })
    })
    .await
}

fn ends_soon(reader: &Reader<'_>, runtime: &Runtime, now: Timestamp) -> Result<bool, RuntimeError> {
    if runtime.expires_at.is_none() || runtime.wish == Wish::Destroyed {
        return Ok(false);
    }
    Ok(store::end_warn_at(reader, runtime.environment)?.is_some_and(|at| at <= now))
}

/// The revisions of an environment, newest first, at most fifty.
///
/// # Errors
/// Unknown or not allowed.
pub async fn revision_list(op: &Op, at: &At) -> Result<Vec<Revision>, RuntimeError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, &at.project, &at.environment)?;
        op.authorize(reader, Action::RuntimeRead, &placed.resource())?;
        Ok(store::revision_list(reader, placed.environment.id)?)
    })
    .await
}
