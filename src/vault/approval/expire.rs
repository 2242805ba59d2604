//! What time does to requests.

use super::ask::organization_scope;
use super::decide::event;
use super::model::{Request, RequestState, Scope};
use super::{EXPIRED, KEPT, store};
use crate::db::WriteTx;
use crate::ledger::{Outcome, Target};
use crate::op::Op;
use crate::orgs::access;
use crate::vault::VaultError;

/// The job: ends requests nobody decided in time, at most `at_once`; how many it were.
///
/// # Errors
/// The database failed.
pub async fn approval_expire_due(op: &Op, at_once: u32) -> Result<usize, VaultError> {
    op.write(move |op, tx| {
        let due = store::request_due(tx, op.now(), at_once)?;
        for request in &due {
            expire(op, tx, request)?;
        }
        Ok(due.len())
    })
    .await
}

fn expire(op: &Op, tx: &mut WriteTx<'_>, request: &Request) -> Result<(), VaultError> {
    store::request_end(tx, request.id, RequestState::Expired, op.now(), None)?;
    let scope = match request.environment {
        None => Some(organization_scope(tx, request.organization)?),
        Some(environment) => access::placed(tx, request.organization, environment)?.map(Scope::of),
    };
    let event = if let Some(scope) = scope {
        event(op, EXPIRED, request, &scope)
    } else {
        // Its environment is deleted: the request ends all the same.
        let event = op.event(EXPIRED, Outcome::Allowed).organization(request.organization);
        let event = event.target(Target::new("approval", request.id));
        if let Some(environment) = request.environment { event.environment(environment) } else { event }
    };
    op.record(tx, event)?;
    Ok(())
}

/// The job: forgets requests that ended long ago, at most `at_once`; how many it were.
///
/// # Errors
/// The database failed.
pub async fn approval_purge(op: &Op, at_once: u32) -> Result<usize, VaultError> {
    op.write(move |op, tx| Ok(store::request_purge(tx, op.now().minus(KEPT), at_once)?)).await
}
