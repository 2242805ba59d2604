//! What time does to requests.

use super::decide::event;
use super::model::{Request, RequestState};
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
    let event = if let Some(placed) = access::placed(tx, request.organization, request.environment)? {
        event(op, EXPIRED, request, &placed)
    } else {
        // Its environment is deleted: the request ends all the same.
        let event = op.event(EXPIRED, Outcome::Allowed).organization(request.organization);
        event.environment(request.environment).target(Target::new("approval", request.id))
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
