//! What may be wished for after a deploy: to stop, come back, start anew, be larger, go back, be gone.

use std::collections::BTreeMap;

use super::deploy::{begin, cluster_name, deploy_action, newest};
use super::error::RuntimeError;
use super::image;
use super::model::{
    Condition, ConditionKind, OnFailure, Revision, RevisionState, Runtime, ServiceWord, Status, Wish, Word,
};
use super::store;
use crate::cluster;
use crate::db::{Reader, WriteTx};
use crate::ledger::Details;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::runtime::blueprint::{Blueprint, Label};
use crate::runtime::demand::Demand;
use crate::runtime::{quota, stored};
use crate::types::{Id, kinds};

/// Most pods of one service.
pub const REPLICAS_MAX: u32 = 100;

/// An environment, as a request names it.
#[derive(Debug, Clone)]
pub struct At {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
}

/// A runtime with what it belongs to.
pub(super) struct Found {
    pub(super) placed: Placed,
    pub(super) runtime: Runtime,
    pub(super) revision: Revision,
}

pub(super) fn find(op: &Op, reader: &Reader<'_>, at: &At) -> Result<Found, RuntimeError> {
    let placed = access::environment(op, reader, &at.project, &at.environment)?;
    let missing = || RuntimeError::NotDeployed(placed.path());
    let runtime = store::runtime_get(reader, placed.environment.id)?.ok_or_else(missing)?;
    let revision = store::revision_get(reader, runtime.environment, runtime.revision)?.ok_or_else(missing)?;
    Ok(Found { placed, runtime, revision })
}

pub(super) fn require(found: &Found, allowed: bool, problem: &'static str) -> Result<(), RuntimeError> {
    if allowed {
        return Ok(());
    }
    Err(RuntimeError::WrongState { environment: found.placed.path(), word: found.runtime.word.as_str(), problem })
}

/// Notes a wish that needs no new revision.
fn wished(op: &Op, tx: &WriteTx<'_>, mut runtime: Runtime, wish: Wish, word: Word) -> Result<Runtime, RuntimeError> {
    runtime.wish = wish;
    runtime.word = word;
    runtime.generation += 1;
    runtime.changed_at = op.now();
    runtime.changed_by = op.author();
    store::runtime_put(tx, &runtime)?;
    Ok(runtime)
}

/// Stops all services; volumes, values and the revision stay.
///
/// # Errors
/// Unknown or not allowed; nothing runs.
pub async fn stop(op: &Op, at: At) -> Result<Runtime, RuntimeError> {
    op.write(move |op, tx| {
        let found = find(op, tx, &at)?;
        let event = op.authorize(tx, Action::RuntimeStop, &found.placed.resource())?;
        require(&found, found.runtime.wish != Wish::Destroyed, "there is nothing to stop")?;
        if found.runtime.wish == Wish::Stopped {
            return Ok(found.runtime);
        }
        let runtime = wished(op, tx, found.runtime, Wish::Stopped, Word::Stopping)?;
        op.record(tx, event.details(Details::new().with("revision", runtime.revision)))?;
        Ok(runtime)
    })
    .await
}

/// Starts what was stopped, as it was.
///
/// # Errors
/// Unknown or not allowed; it was not stopped; a quota has no room.
pub async fn resume(op: &Op, at: At) -> Result<Runtime, RuntimeError> {
    op.write(move |op, tx| {
        let found = find(op, tx, &at)?;
        let event = op.authorize(tx, deploy_action(&found.placed), &found.placed.resource())?;
        require(&found, found.runtime.wish != Wish::Destroyed, "deploy it with: holdfast env up")?;
        if found.runtime.wish == Wish::Running {
            return Ok(found.runtime);
        }
        let demand = demand(tx, &found, &found.revision)?;
        quota::require(op, tx, &event, &found.placed, &demand)?;
        quota::count(tx, &found.placed, &demand)?;
        let runtime = wished(op, tx, found.runtime, Wish::Running, Word::Waking)?;
        op.record(tx, event.details(Details::new().with("revision", runtime.revision).with("how", "resume")))?;
        Ok(runtime)
    })
    .await
}

/// Destroys all that runs, volumes too. The blueprint and the secrets stay.
///
/// # Errors
/// Unknown or not allowed; its name was not said; it is protected.
pub async fn destroy(op: &Op, at: At, confirm: &str) -> Result<Runtime, RuntimeError> {
    let confirm = confirm.to_owned();
    op.write(move |op, tx| {
        let found = find(op, tx, &at)?;
        let event = op.authorize(tx, Action::RuntimeDestroy, &found.placed.resource())?;
        access::require_unlocked(&found.placed)?;
        if found.placed.protected {
            op.refuse(&event, "environment_protected");
            return Err(RuntimeError::Protected(found.placed.path()));
        }
        let slug = &found.placed.environment.slug;
        if confirm != slug.as_str() && confirm != found.placed.path() {
            return Err(RuntimeError::Unconfirmed(slug.to_string()));
        }
        if found.runtime.wish == Wish::Destroyed {
            return Ok(found.runtime);
        }
        let runtime = wished(op, tx, found.runtime, Wish::Destroyed, Word::Deleting)?;
        op.record(tx, event.details(Details::new().with("namespace", &runtime.namespace)))?;
        Ok(runtime)
    })
    .await
}

/// A change of the revision that runs, which makes a new one.
#[derive(Debug, Clone)]
pub enum Change {
    /// Services start anew: these, or all.
    Restart(Vec<String>),
    /// A service runs this often; as the blueprint says when none.
    Scale(String, Option<u32>),
    /// A revision that was ready runs again; the last one when none is named.
    Rollback(Option<u32>),
    /// What failed is tried again.
    Retry,
}

impl Change {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Restart(_) => "restart",
            Self::Scale(..) => "scale",
            Self::Rollback(_) => "rollback",
            Self::Retry => "retry",
        }
    }
}

/// Makes a new revision of the one that runs, or of an older one.
///
/// # Errors
/// Unknown or not allowed; nothing runs; no such service or revision; a quota has no room.
pub async fn change(op: &Op, at: At, change: Change) -> Result<(Runtime, Revision), RuntimeError> {
    op.write(move |op, tx| {
        let found = find(op, tx, &at)?;
        let event = op.authorize(tx, deploy_action(&found.placed), &found.placed.resource())?;
        access::require_unlocked(&found.placed)?;
        require(&found, found.runtime.wish != Wish::Destroyed, "deploy it with: holdfast env up")?;
        let revision = changed(op, tx, &found, &change)?;
        let there = cluster::of(tx, found.placed.environment.organization)?;
        let missing = || RuntimeError::NotDeployed(found.placed.path());
        let cluster = there.iter().find(|c| c.id == found.runtime.cluster).ok_or_else(missing)?;
        let demand = demand(tx, &found, &revision)?;
        quota::require(op, tx, &event, &found.placed, &demand)?;
        let expires_at = found.runtime.expires_at;
        let runtime = begin(op, tx, &found.placed, cluster, Some(found.runtime), &revision, expires_at)?;
        quota::count(tx, &found.placed, &demand)?;
        let details = Details::new()
            .with("revision", revision.number)
            .with("how", change.as_str())
            .with("blueprint", revision.blueprint)
            .with("cluster", cluster_name(Some(cluster), cluster.id));
        op.record(tx, event.details(details))?;
        Ok((runtime, revision))
    })
    .await
}

fn changed(op: &Op, reader: &Reader<'_>, found: &Found, change: &Change) -> Result<Revision, RuntimeError> {
    let mut revision = match change {
        Change::Rollback(number) => healthy(reader, found, *number)?,
        _ => found.revision.clone(),
    };
    let services = || services_of(reader, found, revision.blueprint);
    match change {
        Change::Restart(named) => {
            let there = services()?;
            let chosen = if named.is_empty() { there } else { chosen(&there, named)? };
            let now = op.now().as_micros();
            revision.restarts.extend(chosen.into_iter().map(|service| (service, now)));
        }
        Change::Scale(service, replicas) => {
            let service = chosen(&services()?, std::slice::from_ref(service))?;
            scale(&mut revision.replicas, service, *replicas)?;
        }
        Change::Retry => {
            // What is ready stays; the rest begins anew, with all its time.
            let waiting = store::service_list(reader, found.runtime.environment)?.into_iter();
            let waiting = waiting.filter(|s| s.wanted > 0 && s.word != ServiceWord::Ready);
            let now = op.now().as_micros();
            revision.restarts.extend(waiting.map(|s| (s.service, now)));
        }
        Change::Rollback(_) => {
            let blueprint = blueprint(reader, found, revision.blueprint)?;
            revision.pins = held(&blueprint, &revision);
        }
    }
    revision.number = found.runtime.revision + 1;
    revision.images = BTreeMap::new();
    revision.state = RevisionState::Rolling;
    revision.reason = String::new();
    revision.author = op.author();
    revision.created_at = op.now();
    revision.settled_at = None;
    Ok(revision)
}

/// The images that a revision which ran is deployed with again: exactly those, where they can be told.
fn held(blueprint: &Blueprint, ran: &Revision) -> BTreeMap<Label, String> {
    let mut pins = ran.pins.clone();
    pins.extend(image::pins(blueprint, &ran.images));
    pins
}

fn scale(replicas: &mut BTreeMap<Label, u32>, services: Vec<Label>, to: Option<u32>) -> Result<(), RuntimeError> {
    if let Some(to) = to
        && to > REPLICAS_MAX
    {
        let most = REPLICAS_MAX.to_string();
        return Err(RuntimeError::Quota { what: "pods of one service", wished: to.to_string(), most });
    }
    for service in services {
        match to {
            Some(to) => replicas.insert(service, to),
            None => replicas.remove(&service),
        };
    }
    Ok(())
}

fn blueprint(reader: &Reader<'_>, found: &Found, version: u32) -> Result<Blueprint, RuntimeError> {
    let stored = match stored::version(reader, found.placed.environment.id, version)? {
        Some(stored) => stored,
        None => newest(reader, &found.placed)?,
    };
    Ok(stored.blueprint)
}

/// What a revision asks for.
fn demand(reader: &Reader<'_>, found: &Found, revision: &Revision) -> Result<Demand, RuntimeError> {
    let blueprint = blueprint(reader, found, revision.blueprint)?;
    Ok(Demand::of(&blueprint, revision.plan.as_ref(), &revision.replicas))
}

fn services_of(reader: &Reader<'_>, found: &Found, version: u32) -> Result<Vec<Label>, RuntimeError> {
    let blueprint = blueprint(reader, found, version)?;
    Ok(blueprint.services.iter().map(|service| service.name.clone()).collect())
}

fn chosen(there: &[Label], named: &[String]) -> Result<Vec<Label>, RuntimeError> {
    let find = |name: &String| {
        let missing = || RuntimeError::NoService { name: name.clone(), there: there.to_vec() };
        there.iter().find(|label| label.as_str() == name).cloned().ok_or_else(missing)
    };
    named.iter().map(find).collect()
}

/// The revision to go back to.
fn healthy(reader: &Reader<'_>, found: &Found, number: Option<u32>) -> Result<Revision, RuntimeError> {
    let path = found.placed.path();
    let ready = |r: &Revision| r.state == RevisionState::Healthy;
    if let Some(number) = number {
        let revision = store::revision_get(reader, found.runtime.environment, number)?;
        let missing = || RuntimeError::NoRevision(format!("{path} has no revision {number}"));
        let revision = revision.ok_or_else(missing)?;
        let never = || RuntimeError::NoRevision(format!("revision {number} of {path} was never ready"));
        return if ready(&revision) { Ok(revision) } else { Err(never()) };
    }
    let older = store::revision_list(reader, found.runtime.environment)?;
    let older = older.into_iter().find(|r| ready(r) && r.number < found.runtime.revision);
    older.ok_or_else(|| RuntimeError::NoRevision(format!("no older revision of {path} was ever ready")))
}

/// Ends a runtime whose time is over.
pub(super) fn end(op: &Op, tx: &WriteTx<'_>, runtime: Runtime) -> Result<Runtime, RuntimeError> {
    wished(op, tx, runtime, Wish::Destroyed, Word::Deleting)
}

/// Whether the newest revision failed, and the one before is to run again.
pub(in crate::runtime) fn goes_back(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
) -> Result<bool, RuntimeError> {
    let Some(runtime) = store::runtime_get(reader, environment)? else { return Ok(false) };
    let revision = store::revision_get(reader, environment, runtime.revision)?;
    let failed = |r: &Revision| r.state == RevisionState::Failed && r.on_failure == OnFailure::Rollback;
    Ok(runtime.wish == Wish::Running && runtime.healthy.is_some() && revision.as_ref().is_some_and(failed))
}

/// Makes the last revision that was ready the newest one; none when that is not wished for any more.
pub(in crate::runtime) fn go_back(
    op: &Op,
    tx: &WriteTx<'_>,
    environment: Id<kinds::Environment>,
) -> Result<Option<(Runtime, Revision)>, RuntimeError> {
    if !goes_back(tx, environment)? {
        return Ok(None);
    }
    let Some(before) = store::runtime_get(tx, environment)? else { return Ok(None) };
    let Some(healthy) = before.healthy.map(|n| store::revision_get(tx, environment, n)).transpose()?.flatten() else {
        return Ok(None);
    };
    let Some(placed) = access::placed(tx, before.organization, environment)? else { return Ok(None) };
    let there = cluster::of(tx, before.organization)?;
    let Some(cluster) = there.iter().find(|c| c.id == before.cluster) else { return Ok(None) };
    // A blueprint that newer rules refuse is held to nothing.
    let stored = stored::version(tx, environment, healthy.blueprint).ok().flatten();
    let revision = Revision {
        pins: stored.as_ref().map_or_else(|| healthy.pins.clone(), |s| held(&s.blueprint, &healthy)),
        images: BTreeMap::new(),
        number: before.revision + 1,
        // What went back once does not go back again by itself.
        on_failure: OnFailure::Stay,
        state: RevisionState::Rolling,
        reason: format!("revision {} did not become ready", before.revision),
        author: op.author(),
        created_at: op.now(),
        settled_at: None,
        ..healthy
    };
    let expires_at = before.expires_at;
    let runtime = begin(op, tx, &placed, cluster, Some(before), &revision, expires_at)?;
    // A blueprint that newer rules refuse counts as what ran before it.
    if let Some(stored) = stored {
        quota::count(tx, &placed, &Demand::of(&stored.blueprint, revision.plan.as_ref(), &revision.replicas))?;
    }
    Ok(Some((runtime, revision)))
}

/// Notes that the cluster refuses what is wished for, and what it says.
pub(in crate::runtime) async fn refused(
    op: Op,
    environment: Id<kinds::Environment>,
    message: String,
) -> Result<(), RuntimeError> {
    op.write(move |op, tx| {
        let Some(runtime) = store::runtime_get(tx, environment)? else { return Ok(()) };
        let mut conditions = store::condition_list(tx, environment)?;
        let kind = ConditionKind::Accepted;
        let same = |c: &Condition| c.kind == kind && c.status == Status::False && c.message == message;
        if runtime.word == Word::Blocked && conditions.iter().any(same) {
            return Ok(());
        }
        conditions.retain(|c| c.kind != kind);
        let (status, reason) = (Status::False, "ClusterRefused".to_owned());
        conditions.push(Condition { kind, status, reason, message, revision: runtime.revision, since: op.now() });
        store::condition_set(tx, environment, &conditions)?;
        store::runtime_seen(tx, environment, Word::Blocked, runtime.healthy, op.now())?;
        Ok(())
    })
    .await
}
