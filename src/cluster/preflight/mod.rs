//! Looking whether a cluster is fit for environments: each check by its name, with what was found and what to do.
//!
//! It changes nothing that stays: what has to be tried is tried with `dryRun`, but for the policies of the network, which
//! are tried by real pods in a namespace that is deleted afterwards, and by the next preflight if this one is killed.

mod facts;
mod network;
mod rights;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::client::Client;
use super::model::{Check, CheckState, Cluster, Seen};
use super::{Access, ClusterError, operate, store};
use crate::ledger::Details;
use crate::op::Op;
use crate::types::{Id, Timestamp, kinds};

/// The clusters that are being tested: each once at a time.
static TESTING: Mutex<BTreeSet<Id<kinds::Cluster>>> = Mutex::new(BTreeSet::new());

/// A turn to test a cluster, given back when it is dropped.
struct Turn(Id<kinds::Cluster>);

impl Turn {
    fn take(id: Id<kinds::Cluster>) -> Result<Self, ClusterError> {
        let is_free = TESTING.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        if is_free { Ok(Self(id)) } else { Err(ClusterError::Testing) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TESTING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Tests a cluster and keeps what was found. Takes up to a minute; goes on to its end when nobody waits for it any more.
///
/// # Errors
/// Unknown; not allowed; it is being tested already. A cluster that is not fit is none.
pub async fn cluster_test(op: &Op, name: String) -> Result<Cluster, ClusterError> {
    let (cluster, access) = op
        .read(|reader| {
            let (cluster, _) = operate::managed_one(op, reader, &name)?;
            let access = operate::access(reader, op.keyring(), cluster.id)?;
            Ok::<_, ClusterError>((cluster, access))
        })
        .await?;
    let turn = Turn::take(cluster.id)?;
    let op = op.clone();
    let work = tokio::spawn(async move {
        let kept = test(op, cluster, access).await;
        drop(turn);
        kept
    });
    work.await.unwrap_or_else(|_| Err(crate::db::DbError::Panicked.into()))
}

async fn test(op: Op, cluster: Cluster, access: Access) -> Result<Cluster, ClusterError> {
    let (seen, checks) = run(&access, &cluster, op.now()).await;
    op.write(move |op, tx| {
        let (before, event) = operate::managed_one(op, tx, &cluster.id.to_string())?;
        store::cluster_seen(tx, before.id, &seen, op.now())?;
        store::cluster_tested(tx, before.id, &checks, op.now())?;
        let after = operate::find(tx, before.organization, &before.id.to_string())?;
        let worst = after.worst().map_or("unknown", CheckState::as_str);
        op.record(tx, event.details(Details::new().with("tested", &after.name).with("found", worst)))?;
        Ok(after)
    })
    .await
}

/// All checks, in the order they are told.
async fn run(access: &Access, cluster: &Cluster, now: Timestamp) -> (Seen, Vec<Check>) {
    let client = Client::new(access);
    let answer = match &client {
        Ok(client) => client.version().await,
        Err(error) => {
            let fix = "give it a new credential: holdfast clusters rotate NAME".to_owned();
            let checks = vec![failed("reachable", error.to_string(), fix)];
            return (Seen::Unreachable { message: error.to_string() }, checks);
        }
    };
    let seen = Seen::of(&answer);
    let (client, version) = match (client, answer) {
        (Ok(client), Ok(version)) => (client, version),
        (_, answer) => {
            let found = answer.err().map_or_else(String::new, |e| e.to_string());
            let fix = "see that this machine reaches the address, and that the credential is good".to_owned();
            return (seen, vec![failed("reachable", found, fix)]);
        }
    };
    let mut checks = vec![ok("reachable", format!("{} answers", access.server())), facts::version(&version)];
    checks.push(facts::clock(&client, now).await);
    checks.extend(rights::credential(access, now));
    checks.extend(rights::checks(&client).await);
    checks.push(rights::admission(&client).await);
    checks.extend(network::checks(&client, cluster.image.as_deref(), now).await);
    checks.push(facts::dns(&client).await);
    checks.push(facts::storage(&client).await);
    checks.push(facts::metrics(&client).await);
    checks.push(facts::encryption(&client).await);
    (seen, checks)
}

fn check(name: &str, state: CheckState, found: impl Into<String>, fix: impl Into<String>) -> Check {
    Check { name: name.to_owned(), state, found: found.into(), fix: fix.into() }
}

fn ok(name: &str, found: impl Into<String>) -> Check {
    check(name, CheckState::Ok, found, "")
}

fn warning(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Check {
    check(name, CheckState::Warning, found, fix)
}

fn failed(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Check {
    check(name, CheckState::Failed, found, fix)
}

fn unknown(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Check {
    check(name, CheckState::Unknown, found, fix)
}
