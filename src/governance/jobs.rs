//! Looking at the appliance's jobs, and running one now: for instance operators.

use super::GovernanceError;
use crate::db::Reader;
use crate::jobs::{self, JobError, JobRun, JobState};
use crate::ledger::Target;
use crate::op::Op;
use crate::policy::InstancePermission;
use crate::types::{Cursor, Limit, Page};

/// A page of the jobs, by name.
///
/// # Errors
/// Not an operator; the database failed.
pub async fn job_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<JobState>, GovernanceError> {
    op.read(|reader| {
        op.authorize_instance(reader, InstancePermission::InstanceSettings)?;
        let after = cursor.as_ref().map(Cursor::key);
        let rest = jobs::list(reader)?.into_iter().filter(|job| after.is_none_or(|a| job.name.as_str() > a));
        Ok(Page::cut(rest.take(limit.rows() + 1).collect(), limit, |job| job.name.clone()))
    })
    .await
}

/// A page of a job's remembered runs, newest first.
///
/// # Errors
/// Not an operator; there is no such job; the database failed.
pub async fn job_history(
    op: &Op,
    name: &str,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<JobRun>, GovernanceError> {
    op.read(|reader| {
        op.authorize_instance(reader, InstancePermission::InstanceSettings)?;
        let mut runs = jobs::history(reader, name)?;
        if let Some(cursor) = &cursor {
            // The oldest are forgotten first: when the run of the cursor is, there is nothing behind it.
            let at = runs.iter().position(|run| run.id.to_string() == cursor.key());
            runs.drain(..at.map_or(runs.len(), |at| at + 1));
        }
        runs.truncate(limit.rows() + 1);
        Ok(Page::cut(runs, limit, |run| run.id.to_string()))
    })
    .await
}

/// Makes a job due now; the runner begins it within a second. Recorded.
///
/// # Errors
/// Not an operator; there is no such job; the database failed.
pub async fn job_run(op: &Op, name: String) -> Result<JobState, GovernanceError> {
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::InstanceSettings)?;
        jobs::run_now(tx, &name, op.now())?;
        let job = find(tx, &name)?;
        op.record(tx, event.target(Target::new("job", &job.name)))?;
        Ok(job)
    })
    .await
}

fn find(reader: &Reader<'_>, name: &str) -> Result<JobState, GovernanceError> {
    let found = jobs::list(reader)?.into_iter().find(|job| job.name == name);
    Ok(found.ok_or_else(|| JobError::not_found(name))?)
}
