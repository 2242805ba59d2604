//! Deleting an environment with everything beneath it, as one.

use super::model::Environment;
use super::store;
use crate::ledger::Details;
use crate::op::{Op, epoch_raise};
use crate::orgs::deletion::{Deletion, DeletionKind};
use crate::orgs::organization;
use crate::orgs::{OrgError, access};
use crate::policy::Action;

/// Deletes an environment and its subtree, restorable until the date. Says what, and with `dry_run` only that.
///
/// # Errors
/// Unknown; not allowed there or at something beneath it; one of them is locked.
pub async fn environment_delete(
    op: &Op,
    project: String,
    name: String,
    dry_run: bool,
) -> Result<(Deletion, Vec<Environment>), OrgError> {
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &project, &name)?;
        let event = op.authorize(tx, Action::EnvironmentDelete, &placed.resource())?;
        let ids = store::environment_subtree(tx, placed.environment.id)?;
        let mut inside = Vec::with_capacity(ids.len());
        for id in &ids {
            let Some(found) = access::placed(tx, placed.environment.organization, *id)? else { continue };
            op.authorize(tx, Action::EnvironmentDelete, &found.resource())?;
            access::require_unlocked(&found)?;
            inside.push(found.environment);
        }
        let target = *placed.environment.id.as_bytes();
        let organization = placed.environment.organization;
        let deletion = Deletion::new(op, organization, DeletionKind::Environment, target, &placed.path());
        if !dry_run {
            organization::store::deletion_insert(tx, &deletion)?;
            store::environment_mark_deleted(tx, &ids, Some(deletion.id), op.now())?;
            epoch_raise(tx)?;
            let details = Details::new().with("deletion", deletion.id).with("environments", &ids);
            op.record(tx, event.details(details))?;
        }
        Ok((deletion, inside))
    })
    .await
}
