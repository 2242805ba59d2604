//! Adding, showing, changing and removing clusters.

use super::access::Access;
use super::client::Client;
use super::model::{Cluster, ClusterAdd, ClusterRemoval, ClusterState, ClusterUpdate, Seen, Source, image};
use super::{CLUSTERS_MAX, ClusterError, local, sealed, store};
use crate::cluster::Resource;
use crate::cluster::client::ClientError;
use crate::db::{Reader, WriteTx};
use crate::keys::{KeyError, Keyring};
use crate::ledger::{Details, Event, Target};
use crate::op::Op;
use crate::orgs::access;
use crate::policy::{Action, InstancePermission};
use crate::types::{Id, Slug, Timestamp, kinds};

/// What a cluster says of itself and of us.
pub(super) struct Greeting {
    pub(super) version: String,
    pub(super) account: String,
    pub(super) identity: Option<String>,
}

/// Asks a cluster who it is, and who we are to it.
pub(super) async fn greet(client: &Client) -> Result<Greeting, ClientError> {
    let version = client.version().await?;
    let account = client.whoami().await?;
    let identity = match client.get(Resource::Namespace, None, "kube-system").await {
        Ok(found) => found.and_then(|n| n["metadata"]["uid"].as_str().map(str::to_owned)).filter(|u| u.len() <= 64),
        // A narrower account than ours: it is told by the preflight.
        Err(ClientError::Forbidden(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(Greeting { version, account, identity })
}

/// The cluster with this name or id in an organization. Asks nobody's rights.
///
/// # Errors
/// [`ClusterError::NotFound`], also for another organization's.
pub fn find(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name_or_id: &str,
) -> Result<Cluster, ClusterError> {
    let found = match Id::parse(name_or_id) {
        Ok(id) => store::cluster_get(reader, id)?.filter(|c| c.organization == organization),
        Err(_) => store::cluster_by_name(reader, organization, name_or_id)?,
    };
    found.ok_or_else(|| ClusterError::not_found(name_or_id))
}

/// Every cluster of an organization, by name. Asks nobody's rights.
///
/// # Errors
/// The database failed.
pub fn of(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<Vec<Cluster>, ClusterError> {
    Ok(store::cluster_list(reader, organization)?)
}

/// How to reach a cluster, opened. Asks nobody's rights: for what the appliance itself does there.
///
/// # Errors
/// [`ClusterError::NotFound`]; what is stored was changed by hand, or its key is gone.
pub fn access(reader: &Reader<'_>, keyring: &Keyring, id: Id<kinds::Cluster>) -> Result<Access, ClusterError> {
    let found = store::sealed_get(reader, id)?;
    let (organization, row) = found.ok_or_else(|| ClusterError::not_found(&id.to_string()))?;
    let keys = keyring.organization(reader, organization)?;
    let opened = match row.open(&keys) {
        // The keys in memory are newer than this transaction.
        Err(KeyError::VersionUnknown(_)) => row.open(&keys.again(reader)?)?,
        opened => opened?,
    };
    Ok(row.access(&opened)?)
}

/// Notes what a look at a cluster saw; whether that is something new.
///
/// # Errors
/// The database failed.
pub fn seen(tx: &WriteTx<'_>, id: Id<kinds::Cluster>, seen: &Seen, now: Timestamp) -> Result<bool, ClusterError> {
    Ok(store::cluster_seen(tx, id, seen, now)?)
}

/// Notes on which cluster an environment runs, or that it runs on none: a cluster is not removed beneath it.
///
/// # Errors
/// The database failed.
pub fn use_set(
    tx: &WriteTx<'_>,
    environment: Id<kinds::Environment>,
    cluster: Option<Id<kinds::Cluster>>,
    now: Timestamp,
) -> Result<(), ClusterError> {
    Ok(store::use_set(tx, environment, cluster, now)?)
}

/// Every cluster of the organization, by name.
///
/// # Errors
/// Not allowed; the database failed.
pub async fn cluster_list(op: &Op) -> Result<Vec<Cluster>, ClusterError> {
    op.read(|reader| {
        op.authorize(reader, Action::EnvironmentRead, &access::own_organization(op)?)?;
        of(reader, op.organization()?)
    })
    .await
}

/// A cluster by its name or id, with what its last preflight found.
///
/// # Errors
/// Unknown; not allowed.
pub async fn cluster_get(op: &Op, name: &str) -> Result<Cluster, ClusterError> {
    op.read(|reader| {
        op.authorize(reader, Action::EnvironmentRead, &access::own_organization(op)?)?;
        find(reader, op.organization()?, name)
    })
    .await
}

/// Whether whoever asks may manage clusters; also the one of this host, if that is meant.
fn managed(op: &Op, reader: &Reader<'_>, local: bool) -> Result<Event, ClusterError> {
    let event = op.authorize(reader, Action::ClusterManage, &access::own_organization(op)?)?;
    if local {
        op.authorize_instance(reader, InstancePermission::ClusterLocal)?;
    }
    Ok(event)
}

/// The cluster, for whoever manages clusters, with the event of doing so.
pub(super) fn managed_one(op: &Op, reader: &Reader<'_>, name: &str) -> Result<(Cluster, Event), ClusterError> {
    let event = managed(op, reader, false)?;
    let cluster = find(reader, op.organization()?, name)?;
    let event = event.target(Target::new("cluster", cluster.id));
    Ok((cluster, event))
}

fn require_free(reader: &Reader<'_>, organization: Id<kinds::Organization>, name: &Slug) -> Result<(), ClusterError> {
    if store::cluster_by_name(reader, organization, name.as_str())?.is_some() {
        return Err(ClusterError::Taken(name.to_string()));
    }
    if store::cluster_list(reader, organization)?.len() >= CLUSTERS_MAX {
        return Err(ClusterError::TooMany(CLUSTERS_MAX));
    }
    Ok(())
}

/// How a cluster is reached from now on. Of the administrator of the one on this host nothing is kept.
async fn reached(source: Source) -> Result<Access, ClusterError> {
    let is_local = source.kind() == super::ClusterKind::Local;
    let access = source.open()?;
    if is_local { local::adopt(&access).await } else { Ok(access) }
}

/// Whether whoever asks may have the kubeconfig of this host read at all, before it is.
///
/// # Errors
/// Not allowed.
pub async fn local_allowed(op: &Op) -> Result<(), ClusterError> {
    op.read(|reader| managed(op, reader, true).map(drop)).await
}

/// Adds a cluster, after asking it who it is. What opens it is sealed, and shown to nobody again.
///
/// # Errors
/// Not allowed; the name is taken; it cannot be reached, or does not know the credential.
pub async fn cluster_add(op: &Op, add: ClusterAdd) -> Result<Cluster, ClusterError> {
    let (name, kind, image) = (add.name, add.source.kind(), image(add.image)?);
    let local = kind == super::ClusterKind::Local;
    op.read(|reader| {
        managed(op, reader, local)?;
        require_free(reader, op.organization()?, &name)
    })
    .await?;
    let access = reached(add.source).await?;
    let greeting = if add.unasked { None } else { Some(greet(&Client::new(&access)?).await?) };
    op.write(move |op, tx| {
        let event = managed(op, tx, local)?;
        let organization = op.organization()?;
        require_free(tx, organization, &name)?;
        let (now, id) = (op.now(), Id::new(op.now()));
        let state = if greeting.is_some() { ClusterState::Reachable } else { ClusterState::Untested };
        let (version, account, identity) = told(greeting);
        let cluster = Cluster {
            id,
            organization,
            name,
            kind,
            server: access.server.clone(),
            credential: 1,
            account,
            identity,
            image,
            state,
            state_since: now,
            message: None,
            version,
            checks: Vec::new(),
            tested_at: None,
            environments: 0,
            created_at: now,
            created_by: op.author(),
        };
        let keys = op.keyring().organization(tx, organization)?;
        let sealed = sealed::seal(&keys, id, cluster.credential, &access)?;
        store::cluster_insert(tx, &cluster, &access, &sealed)?;
        let details = Details::new().with("added", &cluster.name).with("server", &cluster.server);
        op.record(tx, event.target(Target::new("cluster", id)).details(details.with("kind", kind.as_str())))?;
        Ok(cluster)
    })
    .await
}

fn told(greeting: Option<Greeting>) -> (Option<String>, Option<String>, Option<String>) {
    greeting.map_or((None, None, None), |g| (Some(g.version), Some(g.account), g.identity))
}

/// Changes how a cluster is called, and the image its pods get as their gate.
///
/// # Errors
/// Unknown; not allowed; the name is taken.
pub async fn cluster_update(op: &Op, name: String, change: ClusterUpdate) -> Result<Cluster, ClusterError> {
    let (given, new_image) = (change.image.is_some(), image(change.image)?);
    op.write(move |op, tx| {
        let (mut cluster, event) = managed_one(op, tx, &name)?;
        let before = cluster.name.clone();
        if let Some(new) = change.name.filter(|new| *new != before) {
            if store::cluster_by_name(tx, cluster.organization, new.as_str())?.is_some() {
                return Err(ClusterError::Taken(new.to_string()));
            }
            cluster.name = new;
        }
        if given {
            cluster.image = new_image;
        }
        store::cluster_update(tx, &cluster)?;
        let details = Details::new().with("changed", &cluster.name).with("image", &cluster.image);
        let details = if before == cluster.name { details } else { details.with("name_before", before) };
        op.record(tx, event.details(details))?;
        Ok(cluster)
    })
    .await
}

/// Puts a new credential in the place of the one a cluster has, after asking the cluster whether it takes it.
///
/// # Errors
/// Unknown; not allowed; it cannot be reached with it, or is another cluster; somebody else did the same meanwhile.
pub async fn cluster_rotate(op: &Op, name: String, source: Source) -> Result<Cluster, ClusterError> {
    let kind = source.kind();
    let local = kind == super::ClusterKind::Local;
    let standing = op
        .read(|reader| {
            managed(op, reader, local)?;
            managed_one(op, reader, &name).map(|(cluster, _)| cluster)
        })
        .await?;
    let access = reached(source).await?;
    let greeting = greet(&Client::new(&access)?).await?;
    if let (Some(known), Some(new)) = (&standing.identity, &greeting.identity)
        && known != new
    {
        return Err(ClusterError::Another);
    }
    op.write(move |op, tx| {
        managed(op, tx, local)?;
        let (before, event) = managed_one(op, tx, &standing.id.to_string())?;
        let number = standing.credential + 1;
        let now = Seen::Reachable { version: greeting.version.clone() };
        let (_, account, identity) = told(Some(greeting));
        let cluster =
            Cluster { kind, server: access.server.clone(), credential: number, account, identity, ..before.clone() };
        let keys = op.keyring().organization(tx, cluster.organization)?;
        let sealed = sealed::seal(&keys, cluster.id, number, &access)?;
        if !store::credential_replace(tx, &cluster, &access, &sealed)? {
            return Err(ClusterError::Replaced);
        }
        store::cluster_seen(tx, cluster.id, &now, op.now())?;
        let details = Details::new().with("rotated", &cluster.name).with("credential", number);
        let details = if before.server == cluster.server { details } else { details.with("server", &cluster.server) };
        op.record(tx, event.details(details))?;
        find(tx, cluster.organization, &cluster.id.to_string())
    })
    .await
}

/// Removes a cluster with its credential; with `dry_run` only says which one. Nothing on the cluster itself is touched.
///
/// # Errors
/// Unknown; not allowed; environments run on it.
pub async fn cluster_remove(op: &Op, name: String, dry_run: bool) -> Result<ClusterRemoval, ClusterError> {
    op.write(move |op, tx| {
        let (cluster, event) = managed_one(op, tx, &name)?;
        if cluster.environments > 0 {
            return Err(ClusterError::InUse { environments: cluster.environments });
        }
        if !dry_run {
            store::cluster_delete(tx, cluster.id)?;
            op.record(tx, event.details(Details::new().with("removed", &cluster.name)))?;
        }
        Ok(ClusterRemoval { cluster })
    })
    .await
}
