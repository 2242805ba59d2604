//! The state of what runs, as it changes.

use super::goes_on;
use crate::op::Op;
use crate::orgs::access;
use crate::policy::Action;
use crate::runtime::lifecycle::{At, RuntimeError, RuntimeView, runtime_get};

/// Somebody who follows what runs in an environment.
pub struct Follow {
    op: Op,
    at: At,
    commits: Option<u64>,
}

/// Begins to follow what runs in an environment.
///
/// # Errors
/// Unknown or not allowed; nothing was ever deployed.
pub async fn runtime_follow(op: &Op, at: At) -> Result<Follow, RuntimeError> {
    runtime_get(op, &at).await?;
    Ok(Follow { op: op.clone(), at, commits: None })
}

impl Follow {
    /// How it is, unless nothing was written since the last question. Who follows is looked up anew each time.
    ///
    /// # Errors
    /// The credential ended; the right was taken away; the environment is gone; the database failed.
    pub async fn next(&mut self) -> Result<Option<RuntimeView>, RuntimeError> {
        let Self { op, at, commits } = self;
        let seen = op.core().db.writer_stats().commits;
        op.read(|reader| {
            let resource = access::environment(op, reader, &at.project, &at.environment)?.resource();
            goes_on(op, reader, Action::RuntimeRead, &resource)
        })
        .await?;
        if commits.replace(seen) == Some(seen) {
            return Ok(None);
        }
        runtime_get(op, at).await.map(Some)
    }
}
