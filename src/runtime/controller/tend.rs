//! One cluster: watched, and a pass for every environment of which something may have changed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};

use super::follow::{Shown, follow};
use super::lease::{Claim, claim};
use super::pass::{Came, Hands, pass};
use super::sight::{Sight, watched};
use super::{ACTION_ROLLED_BACK, Memo, World};
use crate::cluster::{self, Client, ClientError, Cluster, MANAGED_BY, Resource, SYSTEM_NAMESPACE, Seen};
use crate::db::Reader;
use crate::ledger::{Details, Outcome, Target};
use crate::op::epoch;
use crate::orgs::setup;
use crate::runtime::lifecycle::{self, Runtime, RuntimeError, Wish, store};
use crate::runtime::render::{self, Gate};
use crate::types::{Id, kinds};

/// Passes at once on one cluster.
const AT_ONCE: usize = 8;
/// Environments of one cluster.
const ENVIRONMENTS_MAX: u32 = 2_000;
/// How long after a pass that goes on by itself the next one comes, at the latest.
const MOVING: Duration = Duration::from_secs(1);
/// How long after a settled pass the next one comes, at the latest.
const SETTLED: Duration = Duration::from_mins(5);
/// How often rows are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How long after rows were looked at they are looked at again, however much the watches show.
const LOOKED: Duration = Duration::from_millis(100);
/// How often the lease is renewed, and what is seen is said to be true still.
const RENEW: Duration = Duration::from_secs(20);
/// How long after a failure it is tried again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Failures of passes of one environment, one after the other, that are not told of when they may pass by themselves.
const PASSING_MAX: u32 = 5;

/// Tends a cluster for as long as something runs there.
pub(super) async fn tend(world: Arc<World>, id: Id<kinds::Cluster>) {
    let mut wait = AGAIN.0;
    loop {
        let began = Instant::now();
        let Err(error) = session(&world, id).await;
        tracing::warn!(cluster = %id, %error, "a cluster is not tended");
        lost(&world, id, &error).await;
        if began.elapsed() > AGAIN.1 {
            wait = AGAIN.0;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(AGAIN.1);
    }
}

/// Notes that a cluster is not tended: it is out of reach, or it answers and does not let us.
async fn lost(world: &World, id: Id<kinds::Cluster>, error: &RuntimeError) {
    let message = error.to_string();
    let noted = if is_refusal(error) {
        refused(world, id, message).await
    } else {
        let now = world.core.clock.now();
        let noted = world.core.db.write(move |tx| {
            cluster::seen(tx, id, &Seen::Unreachable { message }, now)?;
            store::runtime_lost(tx, id)?;
            Ok::<_, RuntimeError>(())
        });
        noted.await
    };
    if let Err(error) = noted {
        tracing::error!(cluster = %id, %error, "that a cluster is not tended could not be noted");
    }
}

/// Notes with every environment of a cluster what it refuses.
async fn refused(world: &World, id: Id<kinds::Cluster>, message: String) -> Result<(), RuntimeError> {
    for runtime in world.core.db.read(|reader| store::runtime_on(reader, id, ENVIRONMENTS_MAX))? {
        lifecycle::refused(world.op(), runtime.environment, message.clone()).await?;
    }
    Ok(())
}

/// What is known of an environment between two passes.
struct Known {
    /// None while a pass runs.
    memo: Option<Memo>,
    generation: u64,
    /// The versions of the organization's content, and of rights and the tree.
    content: (i64, u64),
    came: Came,
    at: Instant,
    failures: u32,
    has_moved: bool,
}

enum Never {}

/// One connection to a cluster, until it breaks.
async fn session(world: &World, id: Id<kinds::Cluster>) -> Result<Never, RuntimeError> {
    let core = &world.core;
    let (access, about, instance) = core.db.read(|reader| {
        let access = cluster::access(reader, &core.keyring, id)?;
        let instance = setup::instance_id(reader)?.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
        Ok::<_, RuntimeError>((access, described(reader, id)?, instance))
    })?;
    let client = Client::new(&access)?;
    drop(access);
    let version = client.version().await?;
    let about = about.ok_or_else(|| ClientError::Invalid("nothing runs there".to_owned()))?;
    let gate = prepare(&client, about.gate_image()?, &instance, world).await?;
    let now = core.clock.now();
    core.db.write(move |tx| Ok::<_, RuntimeError>(cluster::seen(tx, id, &Seen::Reachable { version }, now)?)).await?;
    let sight = Mutex::new(Sight::default());
    let hands = Hands { world, client: &client, sight: &sight, gate: &gate };
    let mut shown = stream::select_all(watched().map(|r| follow(client.clone(), r)));
    // The first of each is all there is: before that, nothing is known.
    let mut unseen: Vec<Resource> = watched().collect();
    let mut known: HashMap<Id<kinds::Environment>, Known> = HashMap::new();
    let mut passes: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut renewed = Instant::now();
    let mut looked: Option<Instant> = None;
    loop {
        tokio::select! {
            Some((resource, shown)) = shown.next() => {
                unseen.retain(|r| *r != resource);
                see(&sight, resource, shown?);
            }
            Some(done) = passes.next() => settle(world, &mut known, done).await?,
            () = world.bell.0.notified() => {}
            _ = tick.tick() => {}
        }
        if renewed.elapsed() > RENEW {
            renewed = Instant::now();
            renew(world, &client, id, &instance).await?;
        }
        if unseen.is_empty() && looked.is_none_or(|at| at.elapsed() >= LOOKED) {
            looked = Some(Instant::now());
            start(&hands, id, &mut known, &mut passes)?;
        }
    }
}

/// A cluster that something runs on.
fn described(reader: &Reader<'_>, id: Id<kinds::Cluster>) -> Result<Option<Cluster>, RuntimeError> {
    let one = store::runtime_on(reader, id, 1)?.pop();
    Ok(one.map(|runtime| cluster::find(reader, runtime.organization, &id.to_string())).transpose()?)
}

fn see(sight: &Mutex<Sight>, resource: Resource, shown: Shown) {
    let mut sight = sight.lock().unwrap_or_else(PoisonError::into_inner);
    match shown {
        Shown::All(all) => sight.replace(resource, &all),
        Shown::One(one) => sight.note(resource, &one),
    }
}

/// A pass that ended.
struct Done {
    environment: Id<kinds::Environment>,
    memo: Memo,
    result: Result<Came, RuntimeError>,
}

/// Starts passes for what may need one.
fn start<'h>(
    hands: &'h Hands<'h>,
    id: Id<kinds::Cluster>,
    known: &mut HashMap<Id<kinds::Environment>, Known>,
    passes: &mut FuturesUnordered<BoxFuture<'h, Done>>,
) -> Result<(), RuntimeError> {
    let moved = hands.sight.lock().unwrap_or_else(PoisonError::into_inner).take_moved();
    let db = &hands.world.core.db;
    let (runtimes, contents, epoch) = db.read(|reader| {
        let runtimes = store::runtime_on(reader, id, ENVIRONMENTS_MAX)?;
        let mut contents = HashMap::new();
        for runtime in &runtimes {
            if let std::collections::hash_map::Entry::Vacant(vacant) = contents.entry(runtime.organization) {
                vacant.insert(crate::vault::store::content_version(reader, runtime.organization)?);
            }
        }
        Ok::<_, RuntimeError>((runtimes, contents, epoch(reader)?))
    })?;
    known.retain(|environment, k| k.memo.is_none() || runtimes.iter().any(|r| r.environment == *environment));
    let now = hands.world.core.clock.now();
    for runtime in &runtimes {
        let content = (contents.get(&runtime.organization).copied().unwrap_or(0), epoch);
        let one = known.entry(runtime.environment).or_insert_with(|| Known {
            memo: Some(Memo::default()),
            generation: 0,
            content,
            came: Came::Moving,
            at: Instant::now(),
            failures: 0,
            has_moved: true,
        });
        one.has_moved |= moved.contains(&runtime.namespace)
            || one.generation != runtime.generation
            || one.content != content
            || runtime.expires_at.is_some_and(|at| at <= now && runtime.wish != Wish::Destroyed);
        if passes.len() >= AT_ONCE || !is_due(one) {
            continue;
        }
        let Some(memo) = one.memo.take() else { continue };
        (one.generation, one.content, one.has_moved) = (runtime.generation, content, false);
        passes.push(Box::pin(one_pass(hands, runtime.clone(), memo)));
    }
    Ok(())
}

fn is_due(one: &Known) -> bool {
    let since = one.at.elapsed();
    if one.failures > 0 {
        return since >= (AGAIN.0 * one.failures.min(30)).min(AGAIN.1);
    }
    one.has_moved || since >= if one.came == Came::Moving { MOVING } else { SETTLED }
}

async fn one_pass(hands: &Hands<'_>, runtime: Runtime, mut memo: Memo) -> Done {
    let environment = runtime.environment;
    let result = match expire(hands.world, &runtime).await {
        Ok(()) => pass(hands, environment, &mut memo).await,
        Err(error) => Err(error),
    };
    Done { environment, memo, result }
}

/// Ends what has had its time.
async fn expire(world: &World, runtime: &Runtime) -> Result<(), RuntimeError> {
    let now = world.core.clock.now();
    if runtime.wish == Wish::Destroyed || runtime.expires_at.is_none_or(|at| at > now) {
        return Ok(());
    }
    lifecycle::expire(&world.op(), runtime.environment).await
}

/// Takes in how a pass ended.
///
/// # Errors
/// The cluster does not answer, or the database failed: the session is over.
async fn settle(
    world: &World,
    known: &mut HashMap<Id<kinds::Environment>, Known>,
    done: Done,
) -> Result<(), RuntimeError> {
    let Done { environment, memo, result } = done;
    let Some(one) = known.get_mut(&environment) else { return Ok(()) };
    one.memo = Some(memo);
    one.at = Instant::now();
    match result {
        Ok(came) => {
            (one.came, one.failures) = (came, 0);
            go_back(world, environment).await
        }
        Err(RuntimeError::Client(error)) if is_out_of_reach(&error) => Err(error.into()),
        Err(error @ RuntimeError::Op(_)) => Err(error),
        // What is wrong with one environment is no reason to let go of the others.
        Err(error) => {
            one.failures = one.failures.saturating_add(1);
            tracing::warn!(%environment, %error, "a pass failed");
            // A cluster that is busy, or stumbles, is asked again before anybody is told that it refuses.
            let is_passing = matches!(&error, RuntimeError::Client(_)) && !is_refusal(&error);
            if is_passing && one.failures < PASSING_MAX {
                return Ok(());
            }
            lifecycle::refused(world.op(), environment, error.to_string()).await
        }
    }
}

/// Whether a cluster answered, and means it: asked again, it would say the same.
const fn is_refusal(error: &RuntimeError) -> bool {
    matches!(
        error,
        RuntimeError::Client(ClientError::Forbidden(_) | ClientError::Conflict(_) | ClientError::Invalid(_))
    )
}

const fn is_out_of_reach(error: &ClientError) -> bool {
    matches!(error, ClientError::Unreachable(_) | ClientError::Closed { .. } | ClientError::Unauthorized(_))
}

/// Goes back to the last revision that was ready, where that was asked for and the newest one failed.
async fn go_back(world: &World, environment: Id<kinds::Environment>) -> Result<(), RuntimeError> {
    let wanted = world.core.db.read(|reader| lifecycle::goes_back(reader, environment))?;
    if !wanted {
        return Ok(());
    }
    let op = world.op();
    op.write(move |op, tx| {
        let Some((runtime, revision)) = lifecycle::go_back(op, tx, environment)? else { return Ok(()) };
        let event = op.event(ACTION_ROLLED_BACK, Outcome::Allowed).organization(runtime.organization);
        let details = Details::new().with("revision", revision.number).with("blueprint", revision.blueprint);
        op.record(tx, event.target(Target::new("environment", environment)).details(details))?;
        Ok(())
    })
    .await
}

async fn renew(world: &World, client: &Client, id: Id<kinds::Cluster>, instance: &str) -> Result<(), RuntimeError> {
    require_claim(client, instance, world).await?;
    let now = world.core.clock.now();
    world.core.db.write(move |tx| Ok::<_, RuntimeError>(store::runtime_still(tx, id, now)?)).await
}

async fn require_claim(client: &Client, instance: &str, world: &World) -> Result<(), RuntimeError> {
    match claim(client, instance, world.core.clock.now()).await? {
        Claim::Ours => Ok(()),
        Claim::Another(other) => {
            let message = format!("another appliance ({other}) runs this cluster; take it away there first");
            Err(ClientError::Conflict(message).into())
        }
    }
}

/// Claims the cluster, and puts there what every pod's gate is held against.
async fn prepare(client: &Client, image: &str, instance: &str, world: &World) -> Result<Gate, RuntimeError> {
    let labels = json!({
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "pod-security.kubernetes.io/enforce": "restricted",
    });
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": SYSTEM_NAMESPACE, "labels": labels },
    });
    // Where an administrator made it, it is theirs, and the policy of the manifest lets us not touch it.
    if client.get(Resource::Namespace, None, SYSTEM_NAMESPACE).await?.is_none() {
        client.apply(Resource::Namespace, None, SYSTEM_NAMESPACE, &namespace, false).await?;
    }
    require_claim(client, instance, world).await?;
    let mut address = None;
    for object in render::prober(image) {
        let made = client.apply(object.resource, Some(SYSTEM_NAMESPACE), &object.name, &object.body, false).await?;
        if object.resource == Resource::Service {
            address = made["spec"]["clusterIP"].as_str().and_then(|ip| ip.parse::<IpAddr>().ok());
        }
    }
    let missing = || ClientError::Broken("the prober's service has no address".to_owned());
    let address = address.ok_or_else(missing)?;
    Ok(Gate::at(image, address))
}
