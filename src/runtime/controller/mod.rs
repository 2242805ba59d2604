//! The controller: makes true on the clusters what is wished for here, and tells what is.
//!
//! Invariants, and what each one stops:
//! - It takes no input but the state of the world: a wish is a row, an event only says where to look. So it can be killed
//!   between any two lines, and nothing is lost with a message.
//! - A pass is one code path, whether a wish, a watch, a value or the clock is why it runs.
//! - Nothing of a namespace that is not labelled with this environment is touched.
//! - A value is on record before it is sent, and only a value that is not there yet is sent.
//! - What the cluster has already is not asked of it again: hashes of what was asked for and of what was made of it are
//!   kept, and an object that differs was changed by somebody else.
//! - A cluster that does not answer makes what runs there `unreachable`, never `ready`.
//! - Passes at once, tries, waits and messages have limits.

mod destroy;
mod facts;
mod follow;
mod lease;
mod load;
mod outcome;
mod pass;
mod sight;
mod tend;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::ledger::ActionName;
use crate::op::{Core, Op, Origin, Who};
use crate::runtime::lifecycle::store;
use crate::runtime::render::Provided;
use crate::types::{Id, kinds};

/// A revision became ready.
const ACTION_READY: ActionName = ActionName::new("runtime.ready");
/// A revision did not become ready in its time.
const ACTION_FAILED: ActionName = ActionName::new("runtime.failed");
/// Nothing is left of what ran.
const ACTION_DESTROYED: ActionName = ActionName::new("runtime.destroyed");
/// It went back to the last revision that was ready.
const ACTION_ROLLED_BACK: ActionName = ActionName::new("runtime.rolled_back");

/// What the controller does that no permission is asked for.
pub const ACTIONS: &[ActionName] = &[ACTION_READY, ACTION_FAILED, ACTION_DESTROYED, ACTION_ROLLED_BACK];

/// Clusters that are tended at most.
const CLUSTERS_MAX: u32 = 64;
/// How often it is looked whether another cluster has something to run.
const LOOK: Duration = Duration::from_secs(2);
/// How long a revision may take to become ready.
const REVISION_TIME_MAX: Duration = Duration::from_mins(15);

/// Tells the controller that something was wished for, so that it looks at once.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Rings.
    pub fn ring(&self) {
        self.0.notify_waiters();
    }
}

/// What every pass works with.
struct World {
    core: Arc<Core>,
    bell: Bell,
}

impl World {
    /// A context for an act of the appliance itself.
    fn op(&self) -> Op {
        Op::new(Arc::clone(&self.core), Who::System, Origin::default(), Id::new(self.core.clock.now()))
    }
}

/// What is remembered of an environment from pass to pass; nothing of it is needed.
#[derive(Default)]
struct Memo {
    values: Option<KeptValues>,
    /// What was told to go, of what is destroyed.
    leaving: HashSet<String>,
}

/// What its services get, while no value, right or revision changed.
struct KeptValues {
    /// The versions of the organization's content and rights, and the revision.
    mark: (i64, u64, u32),
    provided: Option<Vec<Provided>>,
    unsynced: Option<(&'static str, String)>,
}

/// Tends every cluster that something runs on. Ends never: whoever runs it drops it.
pub async fn run(core: Arc<Core>, bell: Bell) {
    let world = Arc::new(World { core, bell });
    let mut tended: HashMap<Id<kinds::Cluster>, Tended> = HashMap::new();
    loop {
        match world.core.db.read(|reader| store::runtime_clusters(reader, CLUSTERS_MAX)) {
            Ok(clusters) => {
                tended.retain(|id, task| clusters.contains(id) && !task.0.is_finished());
                for id in clusters {
                    let world = &world;
                    tended.entry(id).or_insert_with(|| Tended(tokio::spawn(tend::tend(Arc::clone(world), id))));
                }
            }
            Err(error) => tracing::error!(%error, "what runs cannot be looked at"),
        }
        tokio::select! {
            () = world.bell.0.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// A task that ends with whoever holds it.
struct Tended(JoinHandle<()>);

impl Drop for Tended {
    fn drop(&mut self) {
        self.0.abort();
    }
}
