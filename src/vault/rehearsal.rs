//! Rehearsals: an operation of several writes is done whole and then undone, so that its plan is what it would do.

use super::VaultError;
use crate::db::{DbError, WriteTx};
use crate::op::{Op, OpError};

/// How a write that is not kept ends.
enum Ended<T> {
    /// It was a rehearsal, and this is what it came to.
    Rehearsed(T),
    /// It failed.
    Failed(VaultError),
}

impl<T> From<OpError> for Ended<T> {
    fn from(error: OpError) -> Self {
        Self::Failed(error.into())
    }
}

impl<T> From<DbError> for Ended<T> {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs a write in one transaction; with `dry_run` everything it did is undone at its end, its events too.
///
/// # Errors
/// Those of `f`, and the database's.
pub(super) async fn run<T: Send + 'static>(
    op: &Op,
    dry_run: bool,
    f: impl FnOnce(&Op, &mut WriteTx<'_>) -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let ended = op.write(move |op, tx| match f(op, tx) {
        Ok(done) if dry_run => Err(Ended::Rehearsed(done)),
        Ok(done) => Ok(done),
        Err(error) if dry_run => {
            tx.keep_nothing();
            Err(Ended::Failed(error.without_request()))
        }
        Err(error) => Err(Ended::Failed(error)),
    });
    match ended.await {
        Ok(done) | Err(Ended::Rehearsed(done)) => Ok(done),
        Err(Ended::Failed(error)) => Err(error),
    }
}
