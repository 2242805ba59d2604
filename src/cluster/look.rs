//! Looking at every cluster, so that one that stops answering is told of.

use futures_util::{StreamExt as _, stream};

use super::client::Client;
use super::model::{Cluster, ClusterState, Seen};
use super::{ClusterError, operate, store};
use crate::db::{DbError, Reader};
use crate::op::Op;

/// Clusters that are asked at once.
const AT_ONCE: usize = 8;

/// What a round saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Clusters that answered.
    pub reachable: usize,
    /// Clusters that did not.
    pub unreachable: usize,
}

/// Whether there is any cluster to look at.
///
/// # Errors
/// The database failed.
pub fn is_wanted(reader: &Reader<'_>) -> Result<bool, DbError> {
    store::cluster_any(reader)
}

/// The job: asks every cluster for its version and notes what has changed.
///
/// # Errors
/// The database failed; a cluster that does not answer is none.
pub async fn cluster_look(op: &Op) -> Result<Looked, ClusterError> {
    let all = op.core().db.read(|reader| Ok::<_, ClusterError>(store::cluster_standing(reader)?))?;
    let saw: Vec<(Cluster, Seen)> =
        stream::iter(all).map(|cluster| one(op, cluster)).buffer_unordered(AT_ONCE).collect().await;
    let mut looked = Looked::default();
    let mut news = Vec::new();
    for (cluster, seen) in saw {
        let state = match &seen {
            Seen::Reachable { .. } => ClusterState::Reachable,
            Seen::Unreachable { .. } => ClusterState::Unreachable,
        };
        let count = if state == ClusterState::Reachable { &mut looked.reachable } else { &mut looked.unreachable };
        *count += 1;
        if state != cluster.state {
            tracing::warn!(cluster = %cluster.id, state = state.as_str(), "a cluster is seen otherwise than before");
        }
        if is_news(&cluster, &seen) {
            news.push((cluster.id, seen));
        }
    }
    if !news.is_empty() {
        op.write(move |op, tx| {
            for (id, seen) in &news {
                store::cluster_seen(tx, *id, seen, op.now())?;
            }
            Ok::<_, ClusterError>(())
        })
        .await?;
    }
    Ok(looked)
}

/// Whether a look saw what is not known yet: nothing is written for anything else.
fn is_news(cluster: &Cluster, seen: &Seen) -> bool {
    match seen {
        Seen::Reachable { version } => {
            cluster.state != ClusterState::Reachable || cluster.version.as_ref() != Some(version)
        }
        Seen::Unreachable { message } => {
            cluster.state != ClusterState::Unreachable || cluster.message.as_ref() != Some(message)
        }
    }
}

async fn one(op: &Op, cluster: Cluster) -> (Cluster, Seen) {
    let opened = op.core().db.read(|reader| operate::access(reader, op.keyring(), cluster.id));
    let seen = match opened {
        Ok(access) => match Client::new(&access) {
            Ok(client) => Seen::of(&client.version().await),
            Err(error) => Seen::Unreachable { message: error.to_string() },
        },
        Err(error) => Seen::Unreachable { message: error.to_string() },
    };
    (cluster, seen)
}
