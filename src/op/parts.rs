//! What operations need of the appliance, and what they ask of the features above them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Op, Remembered};
use crate::db::{Db, DbError, Reader, WriteTx};
use crate::keys::Keyring;
use crate::policy::{Decision, DecisionCache, Engine, ForbidSet, Principal};
use crate::types::{Clock, Failure, Id, Timestamp, kinds};

/// Finds out what a credential's owner may do now. Implemented by `orgs`, which knows members and grants.
pub trait Principals: Send + Sync + 'static {
    /// The principal of a credential that still stands, in an organization it opens; none when it, its owner or the
    /// organization is gone.
    ///
    /// # Errors
    /// The database failed.
    fn principal(
        &self,
        reader: &Reader<'_>,
        credential: Id<kinds::Credential>,
        organization: Id<kinds::Organization>,
        now: Timestamp,
    ) -> Result<Option<Principal>, DbError>;
}

/// Loads an organization's own policies. Implemented by `governance`, which keeps them.
pub trait Policies: Send + Sync + 'static {
    /// The policies of an organization as they are in this transaction, whose authorization epoch is `epoch`. With
    /// `committed` the epoch was seen committed, so that what is loaded may be kept under it.
    ///
    /// # Errors
    /// The database failed.
    fn forbids(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        epoch: u64,
        committed: bool,
    ) -> Result<Arc<ForbidSet>, DbError>;

    /// The exact mark and the version of a policy as it is; an empty mark and 0 when there is none. For whoever keeps
    /// the wish to change it until others agreed.
    ///
    /// # Errors
    /// The database failed.
    fn standing(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        name: &str,
    ) -> Result<(String, u32), DbError>;

    /// Makes a change that others agreed on, in the name of `op`. `wish` is what was kept of it.
    ///
    /// # Errors
    /// What the change itself could fail with.
    fn carry_out(&self, op: &Op, tx: &mut WriteTx<'_>, wish: &str) -> Result<(), Box<dyn Failure>>;
}

/// What every operation needs of the appliance.
pub struct Core {
    /// The database.
    pub db: Db,
    /// The keys, unlocked.
    pub keyring: Arc<Keyring>,
    /// Decides.
    pub policy: Engine,
    /// Decisions of the current authorization epoch.
    pub decisions: DecisionCache,
    /// Facts of the tree, until rights change.
    pub facts: Remembered,
    /// What is stored of secrets, sealed as it is stored, until one is written.
    pub values: Remembered,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Loads principals.
    pub principals: Box<dyn Principals>,
    /// Loads organizations' own policies.
    pub policies: Box<dyn Policies>,
    /// How long what is deleted can be restored.
    pub restore_window: Duration,
    /// How often the policies decided about an act.
    pub decided: Decided,
}

/// How often acts were allowed and denied since the start.
#[derive(Debug, Default)]
pub struct Decided {
    allowed: AtomicU64,
    denied: AtomicU64,
}

impl Decided {
    pub(super) fn count(&self, decision: &Decision) {
        let number = if decision.allow { &self.allowed } else { &self.denied };
        number.fetch_add(1, Ordering::Relaxed);
    }

    /// Acts that were allowed, and those that were denied.
    pub fn counts(&self) -> (u64, u64) {
        (self.allowed.load(Ordering::Relaxed), self.denied.load(Ordering::Relaxed))
    }
}
