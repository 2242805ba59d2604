//! Deploying: what the blueprint says, with the variables whoever deploys may pass on.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RuntimeError;
use super::model::{Granted, OnFailure, Revision, RevisionState, Runtime, Wish, Word, drawn_name, missing, passed_on};
use super::store;
use crate::cluster::{self, Cluster};
use crate::db::{Reader, WriteTx};
use crate::ledger::{Details, Event};
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::{Action, Tier};
use crate::runtime::blueprint::{Blueprint, Label};
use crate::runtime::demand::Demand;
use crate::runtime::quota;
use crate::runtime::render::Names;
use crate::runtime::stored::{self, Stored};
use crate::types::{Id, Slug, Timestamp, kinds};
use crate::vault::generate::{Alphabet, Recipe};
use crate::vault::injection::{Injected, injection};
use crate::vault::secret::{BatchRequest, Item, Wish as SecretWish, secret_batch};

/// Most environments of an organization that run at once.
pub const RUNTIMES_MAX: usize = 500;

/// What is to be deployed.
#[derive(Debug, Clone)]
pub struct DeployWish {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The cluster, by id or name; where it runs already, or the only one, when none.
    pub cluster: Option<String>,
    /// A plan of the blueprint.
    pub plan: Option<String>,
    /// What is done when it does not become ready.
    pub on_failure: OnFailure,
}

/// What a deploy began.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The environment.
    pub placed: Placed,
    /// Where it runs.
    pub cluster: Cluster,
    /// What is wished for now.
    pub runtime: Runtime,
    /// The revision.
    pub revision: Revision,
    /// Whether nothing differs from the revision that is there.
    pub unchanged: bool,
}

/// The permission that deploying here asks for.
pub(in crate::runtime) fn deploy_action(placed: &Placed) -> Action {
    if placed.protected || placed.environment.tier == Tier::Production {
        Action::DeployProduction
    } else {
        Action::DeployPreview
    }
}

/// Deploys the newest blueprint of an environment, or says that nothing differs. Either way its time begins anew, as the
/// blueprint says. The values themselves leave later,
/// when they are sent to the cluster.
///
/// # Errors
/// Unknown or not allowed, also to pass on the variables its services ask for; no blueprint, plan or cluster;
/// variables that are not there or cannot be resolved; it runs on another cluster; too many run; a quota has no room.
pub async fn deploy(op: &Op, wish: DeployWish) -> Result<Deployed, RuntimeError> {
    draw_secrets(op, &wish).await?;
    op.write(move |op, tx| {
        let foreseen = foresee(op, tx, &wish, Source::Drawn)?;
        let Foreseen { placed, cluster, before, revision, blueprint, event, same, .. } = foreseen;
        require_room(tx, &placed, before.as_ref())?;
        let expires_at = blueprint.ttl.as_ref().map(|ttl| later(op.now(), ttl.seconds()));
        if let Some((runtime, last)) = same {
            let runtime = renew(op, tx, event, &runtime, expires_at)?;
            return Ok(Deployed { placed, cluster, runtime, revision: last, unchanged: true });
        }
        let demand = Demand::of(&blueprint, revision.plan.as_ref(), &revision.replicas);
        quota::require(op, tx, &event, &placed, &demand)?;
        let runtime = begin(op, tx, &placed, &cluster, before, &revision, expires_at)?;
        quota::count(tx, &placed, &demand)?;
        store::end_put(tx, runtime.environment, expires_at, op.now())?;
        let details = told(&cluster, &revision);
        op.record(tx, event.details(details))?;
        Ok(Deployed { placed, cluster, runtime, revision, unchanged: false })
    })
    .await
}

/// A deploy as it would be begun now. Nothing of it is written.
pub(in crate::runtime) struct Foreseen {
    pub(in crate::runtime) placed: Placed,
    pub(in crate::runtime) cluster: Cluster,
    pub(in crate::runtime) blueprint: Blueprint,
    /// What runs, or ran.
    pub(in crate::runtime) before: Option<Runtime>,
    pub(in crate::runtime) revision: Revision,
    /// What is there, when it is the same and runs.
    pub(in crate::runtime) same: Option<(Runtime, Revision)>,
    /// Names of the vault that are drawn first, of a draft.
    pub(in crate::runtime) drawn: Vec<String>,
    /// The variables there are. One that is yet to be drawn has no value.
    pub(in crate::runtime) there: Vec<Injected>,
    pub(in crate::runtime) event: Event,
}

/// What is deployed.
pub(in crate::runtime) enum Source {
    /// The newest blueprint, for which everything was drawn.
    Drawn,
    /// The newest blueprint, before that: what is yet to be drawn counts as there.
    Newest,
    /// This one in its place, as of [`Self::Newest`].
    Draft(Draft),
}

/// What deploying comes to.
pub(in crate::runtime) fn foresee(
    op: &Op,
    reader: &Reader<'_>,
    wish: &DeployWish,
    source: Source,
) -> Result<Foreseen, RuntimeError> {
    let placed = access::environment(op, reader, &wish.project, &wish.environment)?;
    let event = op.authorize(reader, deploy_action(&placed), &placed.resource())?;
    access::require_unlocked(&placed)?;
    let before = store::runtime_get(reader, placed.environment.id)?;
    let is_drawn = matches!(source, Source::Drawn);
    let Draft { blueprint, version } = match source {
        Source::Draft(draft) => draft,
        Source::Drawn | Source::Newest => {
            let stored = newest(reader, &placed)?;
            Draft { blueprint: stored.blueprint, version: stored.version }
        }
    };
    let plan = plan_of(&blueprint, wish.plan.as_deref())?;
    let environment = &placed.environment;
    let mut there = injection(reader, op.keyring(), environment.organization, environment.id)?;
    let mut drawn = Vec::new();
    if !is_drawn {
        drawn.extend(lengths(&blueprint, &there).into_keys());
        there.extend(drawn.iter().cloned().map(Injected::unmade));
    }
    let cluster = choose(reader, &placed, wish.cluster.as_deref(), before.as_ref())?;
    let names = names_passed_on(op, reader, &placed, &blueprint, &there)?;
    let last = before.as_ref().filter(|b| b.word != Word::Deleted);
    let last = last.map(|b| store::revision_get(reader, b.environment, b.revision)).transpose()?.flatten();
    let revision = Revision {
        number: before.as_ref().map_or(1, |b| b.revision + 1),
        blueprint: version,
        plan,
        names,
        replicas: last.as_ref().map(|l| l.replicas.clone()).unwrap_or_default(),
        restarts: last.as_ref().map(|l| l.restarts.clone()).unwrap_or_default(),
        images: BTreeMap::new(),
        pins: BTreeMap::new(),
        on_failure: wish.on_failure,
        state: RevisionState::Rolling,
        reason: String::new(),
        author: op.author(),
        created_at: op.now(),
        settled_at: None,
    };
    let same = match (&before, last) {
        (Some(before), Some(last)) if is_same(&last, &revision) && before.wish == Wish::Running => {
            Some((before.clone(), last))
        }
        _ => None,
    };
    Ok(Foreseen { placed, cluster, blueprint, before, revision, same, drawn, there, event })
}

/// A blueprint that is looked at before it is deployed.
pub(in crate::runtime) struct Draft {
    pub(in crate::runtime) blueprint: Blueprint,
    /// The version it has, or would have.
    pub(in crate::runtime) version: u32,
}

/// A deploy that changes nothing begins the time of what runs anew.
fn renew(
    op: &Op,
    tx: &mut WriteTx<'_>,
    event: Event,
    before: &Runtime,
    expires_at: Option<Timestamp>,
) -> Result<Runtime, RuntimeError> {
    let runtime = Runtime { expires_at, ..before.clone() };
    if before.expires_at != expires_at {
        store::end_put(tx, runtime.environment, expires_at, op.now())?;
        let details = Details::new().with("revision", runtime.revision).with("how", "renew");
        op.record(tx, event.details(details.with("expires_at", expires_at)))?;
    }
    Ok(runtime)
}

fn told(cluster: &Cluster, revision: &Revision) -> Details {
    let names: Vec<&str> = revision.names.iter().map(|n| n.name.as_str()).collect();
    Details::large()
        .with("revision", revision.number)
        .with("blueprint", revision.blueprint)
        .with("cluster", cluster.name.as_str())
        .with("variables", names)
}

pub(super) fn later(now: Timestamp, seconds: u64) -> Timestamp {
    let micros = i64::try_from(seconds).unwrap_or(i64::MAX / 2_000_000).saturating_mul(1_000_000);
    Timestamp::from_micros(now.as_micros().saturating_add(micros))
}

/// Writes down that a revision is to run.
pub(super) fn begin(
    op: &Op,
    tx: &WriteTx<'_>,
    placed: &Placed,
    cluster: &Cluster,
    before: Option<Runtime>,
    revision: &Revision,
    expires_at: Option<Timestamp>,
) -> Result<Runtime, RuntimeError> {
    let environment = &placed.environment;
    let namespace = match &before {
        Some(before) => before.namespace.clone(),
        None => namespace(tx, placed)?,
    };
    let runtime = Runtime {
        environment: environment.id,
        organization: environment.organization,
        cluster: cluster.id,
        namespace,
        wish: Wish::Running,
        revision: revision.number,
        healthy: before.as_ref().and_then(|b| b.healthy),
        generation: before.as_ref().map_or(1, |b| b.generation + 1),
        word: Word::Queued,
        changed_at: op.now(),
        changed_by: op.author(),
        seen_at: before.and_then(|b| b.seen_at),
        expires_at,
    };
    cluster::use_set(tx, environment.id, Some(cluster.id), op.now())?;
    store::runtime_put(tx, &runtime)?;
    store::revision_insert(tx, environment.id, revision)?;
    Ok(runtime)
}

/// The names an environment's objects have.
pub(in crate::runtime) fn names(reader: &Reader<'_>, placed: &Placed) -> Result<Names, RuntimeError> {
    let environment = &placed.environment;
    let organization = crate::orgs::organization::store::organization_get(reader, environment.organization)?;
    let slug = organization.map_or_else(|| environment.project_slug.clone(), |o| o.slug);
    Ok(Names::new(&slug, &environment.project_slug, &environment.slug, environment.id))
}

fn namespace(reader: &Reader<'_>, placed: &Placed) -> Result<String, RuntimeError> {
    Ok(names(reader, placed)?.namespace)
}

pub(super) fn newest(reader: &Reader<'_>, placed: &Placed) -> Result<Stored, RuntimeError> {
    stored::current(reader, placed.environment.id)?.ok_or_else(|| RuntimeError::NoBlueprint(placed.path()))
}

fn plan_of(blueprint: &Blueprint, plan: Option<&str>) -> Result<Option<Label>, RuntimeError> {
    let Some(plan) = plan else { return Ok(None) };
    let found = blueprint.plans.keys().find(|label| label.as_str() == plan).cloned();
    let missing = || RuntimeError::NoPlan { plan: plan.to_owned(), there: blueprint.plans.keys().cloned().collect() };
    found.ok_or_else(missing).map(Some)
}

/// The cluster to run on.
fn choose(
    reader: &Reader<'_>,
    placed: &Placed,
    asked: Option<&str>,
    before: Option<&Runtime>,
) -> Result<Cluster, RuntimeError> {
    let organization = placed.environment.organization;
    let there = cluster::of(reader, organization)?;
    let running = before.filter(|b| b.word != Word::Deleted).map(|b| b.cluster);
    let chosen = if let Some(asked) = asked {
        cluster::find(reader, organization, asked)?
    } else {
        let known = running.and_then(|id| there.iter().find(|c| c.id == id));
        let only = || if let [only] = there.as_slice() { Some(only) } else { None };
        let names = || there.iter().map(|c| c.name.to_string()).collect();
        known.or_else(only).cloned().ok_or_else(|| RuntimeError::NoCluster { there: names() })?
    };
    match running {
        Some(id) if id != chosen.id => {
            let there = there.iter().find(|c| c.id == id).map_or_else(|| id.to_string(), |c| c.name.to_string());
            Err(RuntimeError::OtherCluster { environment: placed.path(), there, asked: chosen.name.to_string() })
        }
        _ => Ok(chosen),
    }
}

fn require_room(reader: &Reader<'_>, placed: &Placed, before: Option<&Runtime>) -> Result<(), RuntimeError> {
    if before.is_some_and(|b| b.word != Word::Deleted) {
        return Ok(());
    }
    let rows = u32::try_from(RUNTIMES_MAX).unwrap_or(u32::MAX);
    let running = store::runtime_list(reader, placed.environment.organization, rows)?.len();
    if running < RUNTIMES_MAX {
        return Ok(());
    }
    Err(RuntimeError::Quota {
        what: "environments that run",
        wished: (running + 1).to_string(),
        most: RUNTIMES_MAX.to_string(),
    })
}

/// The variables the services ask for, each of which whoever deploys may pass on.
fn names_passed_on(
    op: &Op,
    reader: &Reader<'_>,
    placed: &Placed,
    blueprint: &Blueprint,
    there: &[Injected],
) -> Result<Vec<Granted>, RuntimeError> {
    let granted = granted(blueprint, there)?;
    let resource = placed.resource();
    if !granted.is_empty() {
        op.authorize(reader, Action::SecretUse, &resource)?;
    }
    if granted.iter().any(|g| g.restricted) {
        op.authorize(reader, Action::SecretUseRestricted, &resource)?;
    }
    Ok(granted)
}

/// Which of the variables that are there the services get.
fn granted(blueprint: &Blueprint, there: &[Injected]) -> Result<Vec<Granted>, RuntimeError> {
    let names: BTreeSet<&str> = there.iter().map(|v| v.name.as_str()).collect();
    let missing = missing(blueprint, &names);
    if !missing.is_empty() {
        return Err(RuntimeError::Missing(missing));
    }
    let mut wanted = BTreeSet::new();
    for service in blueprint.services.iter() {
        wanted.extend(passed_on(service, names.iter().copied()));
    }
    let granted = there.iter().filter(|v| wanted.contains(&v.name));
    Ok(granted.map(|v| Granted { name: v.name.clone(), restricted: v.restricted }).collect())
}

/// Whether two revisions ask for the same.
fn is_same(last: &Revision, new: &Revision) -> bool {
    last.blueprint == new.blueprint
        && last.plan == new.plan
        && last.names == new.names
        // What went back to images that ran is deployed anew with the tags.
        && last.pins == new.pins
        && last.on_failure == new.on_failure
        && matches!(last.state, RevisionState::Rolling | RevisionState::Healthy)
}

/// Makes the values that the blueprint asks to be made and that are not there yet: once, as secrets of the environment.
async fn draw_secrets(op: &Op, wish: &DeployWish) -> Result<(), RuntimeError> {
    let items = op
        .read(|reader| {
            let placed = access::environment(op, reader, &wish.project, &wish.environment)?;
            let event = op.authorize(reader, deploy_action(&placed), &placed.resource())?;
            let stored = newest(reader, &placed)?;
            let environment = &placed.environment;
            let there = injection(reader, op.keyring(), environment.organization, environment.id)?;
            let items = to_draw(&stored.blueprint, &there)?;
            if !items.is_empty() {
                // What there is no room for leaves no secret behind either.
                let plan = plan_of(&stored.blueprint, wish.plan.as_deref())?;
                let before = store::runtime_get(reader, environment.id)?;
                let running = before.as_ref().filter(|b| b.word != Word::Deleted);
                let last =
                    running.map(|b| store::revision_get(reader, b.environment, b.revision)).transpose()?.flatten();
                let replicas = last.map(|last| last.replicas).unwrap_or_default();
                let demand = Demand::of(&stored.blueprint, plan.as_ref(), &replicas);
                quota::require(op, reader, &event, &placed, &demand)?;
            }
            Ok::<_, RuntimeError>(items)
        })
        .await?;
    if items.is_empty() {
        return Ok(());
    }
    let (project, environment) = (wish.project.clone(), wish.environment.clone());
    secret_batch(op, BatchRequest { project, environment, items, skip_same: true, force: false, dry_run: false })
        .await?;
    Ok(())
}

/// The names that the blueprint wants drawn and that are not there, and how long their values are.
fn lengths(blueprint: &Blueprint, there: &[Injected]) -> BTreeMap<String, u16> {
    let mut lengths: BTreeMap<String, u16> = BTreeMap::new();
    for secret in blueprint.services.iter().flat_map(|service| &service.secrets) {
        let length = lengths.entry(drawn_name(secret.name.as_str())).or_default();
        *length = (*length).max(secret.length.get());
    }
    lengths.retain(|name, _| !there.iter().any(|v| v.name == *name));
    lengths
}

fn to_draw(blueprint: &Blueprint, there: &[Injected]) -> Result<Vec<Item>, RuntimeError> {
    let item = |(name, length): (String, u16)| {
        let recipe = Recipe::random(usize::from(length), Alphabet::alphanumeric())?;
        Ok(Item {
            name,
            path: None,
            wish: SecretWish::Generate { recipe, visibility: None },
            comment: Some("drawn for a service of the blueprint".into()),
            tags: None,
            // Whoever was quicker made it.
            base_version: Some(0),
        })
    };
    lengths(blueprint, there).into_iter().map(item).collect()
}

/// A name as a cluster is called by.
pub(super) fn cluster_name(cluster: Option<&Cluster>, id: Id<kinds::Cluster>) -> String {
    cluster.map_or_else(|| id.to_string(), |c: &Cluster| Slug::as_str(&c.name).to_owned())
}
