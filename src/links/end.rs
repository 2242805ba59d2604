//! Ending links before their last view: by their maker, and by time.

use super::create::{event, require_person};
use super::model::{End, Link};
use super::{EXPIRED, KEPT, LinkError, REVOKED, store};
use crate::db::WriteTx;
use crate::op::{Op, OpError};
use crate::types::{Id, kinds};

/// Takes a link back at once; with `dry_run` only says which one. One that has ended stays as it is.
///
/// # Errors
/// Unknown, or somebody else's.
pub async fn link_revoke(op: &Op, id: Id<kinds::Link>, dry_run: bool) -> Result<Link, LinkError> {
    op.write(move |op, tx| {
        let (_, own) = op.principal(tx)?;
        let maker = require_person(op, own.id, REVOKED)?;
        let missing = || LinkError::not_found(&id.to_string());
        let mut link = store::link_of(tx, own.organization, maker, id)?.ok_or_else(missing)?;
        if !dry_run && link.end.is_none() {
            store::link_end(tx, id, End::Revoked, op.now())?;
            link.end = Some((op.now(), End::Revoked));
            op.record(tx, event(op, REVOKED, &link))?;
        }
        Ok(link)
    })
    .await
}

/// Ends a link whose time is over.
pub(super) fn expire(op: &Op, tx: &mut WriteTx<'_>, link: &Link) -> Result<(), OpError> {
    store::link_end(tx, link.id, End::Expired, op.now())?;
    op.record(tx, event(op, EXPIRED, link))
}

/// The job: ends links whose time is over, at most `at_once`; how many it were.
///
/// # Errors
/// The database failed.
pub async fn link_expire_due(op: &Op, at_once: u32) -> Result<usize, LinkError> {
    op.write(move |op, tx| {
        let due = store::link_due(tx, op.now(), at_once)?;
        for link in &due {
            expire(op, tx, link)?;
        }
        Ok(due.len())
    })
    .await
}

/// The job: forgets links that ended long ago, at most `at_once`; how many it were.
///
/// # Errors
/// The database failed.
pub async fn link_purge(op: &Op, at_once: u32) -> Result<usize, LinkError> {
    op.write(move |op, tx| Ok(store::link_purge(tx, op.now().minus(KEPT), at_once)?)).await
}
