//! What a deploy would change, asked of the cluster before it is done.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use super::told;
use crate::cluster::{self, Access, Client, ClientError, Cluster, Resource, SYSTEM_NAMESPACE};
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::runtime::blueprint::Blueprint;
use crate::runtime::bundle::{Bundle, bundles};
use crate::runtime::changes::{Change, ChangeKind, changes};
use crate::runtime::demand::{Costs, Demand};
use crate::runtime::lifecycle::{
    DeployWish, Draft, Foreseen, Revision, RuntimeError, Source, deploy_action, foresee, images, names,
};
use crate::runtime::quota::{self, Excess, Prices};
use crate::runtime::render::{Desired, Gate, LABEL_ENVIRONMENT, MADE, Names, Object, Provided, prober, render};
use crate::runtime::stored;
use crate::vault::VaultError;

/// Objects the cluster is asked about at most, and at once.
const ASKED_MAX: usize = 200;
const ASKED_AT_ONCE: usize = 8;
/// Longest sentence of a cluster that is told, in characters.
const MESSAGE_MAX: usize = 500;

/// An object that the cluster would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its kind.
    pub resource: Resource,
    /// Its name.
    pub name: String,
    /// Why, in words of ours and the cluster's.
    pub message: String,
}

/// What a deploy would do.
#[derive(Debug, Clone)]
pub struct DeployPlan {
    /// The environment.
    pub placed: Placed,
    /// Where it would run.
    pub cluster: Cluster,
    /// The blueprint it was made from.
    pub blueprint: Blueprint,
    /// The revision it would make.
    pub revision: Revision,
    /// Whether nothing would be done at all.
    pub unchanged: bool,
    /// Whether the namespace is not there yet.
    pub is_new: bool,
    /// What would change of the objects, in the order it would be done. An init step that runs is an object that is added.
    pub changes: Vec<Change>,
    /// Secrets that would be drawn in the vault first.
    pub drawn: Vec<String>,
    /// Storage that the blueprint does not have any more, and that stays all the same until the environment is destroyed.
    pub kept: Vec<String>,
    /// What the cluster says no to.
    pub refusals: Vec<Refusal>,
    /// Objects it was not asked about, because they are too many.
    pub unasked: usize,
    /// What it asks for.
    pub demand: Demand,
    /// What of the quotas it would pass: a deploy would be refused.
    pub excesses: Vec<Excess>,
    /// What it costs, where the organization has prices.
    pub costs: Option<(Prices, Costs)>,
}

/// What deploying the newest blueprint, or `text` in its place, would change. Nothing is stored, drawn or sent: the cluster
/// is asked what is there, and by dry runs whether it would take what is new. It takes the rights of a deploy.
///
/// # Errors
/// As deploying; the text is no blueprint; the cluster cannot be asked.
pub async fn deploy_plan(op: &Op, wish: DeployWish, text: Option<String>) -> Result<DeployPlan, RuntimeError> {
    let draft = match text {
        None => Source::Newest,
        Some(text) => Source::Draft(read(op, &wish, text).await?),
    };
    let Prepared { foreseen, provided, names, access, demand, excesses, costs } =
        op.read(|reader| prepare(op, reader, &wish, draft)).await?;
    let client = Client::new(&access)?;
    drop(access);
    let gate = gate(&client, foreseen.cluster.gate_image()?).await?;
    let desired = desired(&foreseen, &names, &provided, &gate);
    let live = live(&client, &names, foreseen.placed.environment.id.to_string()).await?;
    let is_new = live.is_empty();
    let mut all = changes(&live, &desired);
    let kept = keep(&mut all, &foreseen.blueprint);
    let (refusals, unasked) =
        if is_new { (Vec::new(), 0) } else { refusals(&client, &names.namespace, &desired, &all).await? };
    let Foreseen { placed, cluster, blueprint, revision, same, drawn, .. } = foreseen;
    let unchanged = same.is_some() && all.is_empty();
    Ok(DeployPlan {
        placed,
        cluster,
        blueprint,
        revision,
        unchanged,
        is_new,
        changes: all,
        drawn,
        kept,
        refusals,
        unasked,
        demand,
        excesses,
        costs,
    })
}

/// Reads a text; who may not deploy it is refused before the work of that.
async fn read(op: &Op, wish: &DeployWish, text: String) -> Result<Draft, RuntimeError> {
    let version = op
        .read(|reader| {
            let placed = access::environment(op, reader, &wish.project, &wish.environment)?;
            op.authorize(reader, deploy_action(&placed), &placed.resource())?;
            Ok::<_, RuntimeError>(stored::version_of(reader, placed.environment.id, &text)?)
        })
        .await?;
    Ok(Draft { blueprint: stored::Draft::read(text)?.into_blueprint(), version })
}

/// What is known before the cluster is asked.
struct Prepared {
    foreseen: Foreseen,
    provided: Vec<Provided>,
    names: Names,
    access: Access,
    demand: Demand,
    excesses: Vec<Excess>,
    costs: Option<(Prices, Costs)>,
}

fn prepare(op: &Op, reader: &Reader<'_>, wish: &DeployWish, source: Source) -> Result<Prepared, RuntimeError> {
    let mut foreseen = foresee(op, reader, wish, source)?;
    let environment = &foreseen.placed.environment;
    let keys = op.keyring().organization(reader, environment.organization).map_err(VaultError::from)?;
    // The values serve to name the objects they would be in, and go no further.
    let there = std::mem::take(&mut foreseen.there);
    let all = bundles(&foreseen.blueprint, &foreseen.revision.names, &there, keys.mac_key(), environment.id);
    let demand = Demand::of(&foreseen.blueprint, foreseen.revision.plan.as_ref(), &foreseen.revision.replicas);
    Ok(Prepared {
        excesses: quota::excesses(reader, &foreseen.placed, &demand)?,
        costs: quota::costs(reader, environment.organization, &demand)?,
        demand,
        provided: all.iter().map(Bundle::provided).collect(),
        names: names(reader, &foreseen.placed)?,
        access: cluster::access(reader, op.keyring(), foreseen.cluster.id)?,
        foreseen,
    })
}

fn desired(foreseen: &Foreseen, names: &Names, provided: &[Provided], gate: &Gate) -> Vec<Object> {
    let Foreseen { blueprint, revision, same, .. } = foreseen;
    let images = images(blueprint, &revision.pins);
    // As it is in the end: with every init step done.
    let initialized = blueprint.services.iter().map(|s| s.name.clone()).collect();
    // What is there already would not be made anew: its init steps have run.
    let number = same.as_ref().map_or(revision.number, |(_, last)| last.number);
    render(&Desired {
        names,
        revision: u64::from(number),
        blueprint,
        plan: revision.plan.as_ref(),
        images: &images,
        provided,
        gate,
        running: true,
        replicas: &revision.replicas,
        restarts: &revision.restarts,
        initialized: &initialized,
        storage_class: None,
    })
}

/// The gate as it is on this cluster. Where nothing ever ran, its prober has no address yet, and no pod is there that
/// could be compared.
async fn gate(client: &Client, image: &str) -> Result<Gate, RuntimeError> {
    let mut address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if let Some(service) = prober(image).iter().find(|object| object.resource == Resource::Service) {
        let there = client.get(Resource::Service, Some(SYSTEM_NAMESPACE), &service.name).await?;
        let known = there.as_ref().and_then(|s| s["spec"]["clusterIP"].as_str()).and_then(|ip| ip.parse().ok());
        address = known.unwrap_or(address);
    }
    Ok(Gate::at(image, address))
}

/// What is there of the environment; nothing when its namespace is not.
async fn live(client: &Client, names: &Names, environment: String) -> Result<Vec<Value>, RuntimeError> {
    let namespace = names.namespace.as_str();
    let Some(there) = client.get(Resource::Namespace, None, namespace).await? else { return Ok(Vec::new()) };
    if there["metadata"]["labels"][LABEL_ENVIRONMENT] != environment.as_str() {
        return Err(ClientError::Conflict(format!("the namespace {namespace} is somebody else's")).into());
    }
    if there["metadata"]["deletionTimestamp"].is_string() {
        return Ok(Vec::new());
    }
    let selector = format!("{LABEL_ENVIRONMENT}={environment}");
    let lists = MADE.iter().filter(|made| made.is_namespaced()).map(|resource| {
        let selector = &selector;
        async move {
            let mut items = client.list(*resource, Some(namespace), selector, "").await?.items;
            // Members of a list do not say what they are.
            for item in &mut items {
                item["kind"] = resource.kind().into();
            }
            Ok::<_, ClientError>(items)
        }
    });
    let mut all = vec![named(there)];
    for items in futures_util::future::try_join_all(lists).await? {
        all.extend(items);
    }
    Ok(all)
}

fn named(mut namespace: Value) -> Value {
    namespace["kind"] = Resource::Namespace.kind().into();
    namespace
}

/// Takes out of the changes what a deploy leaves alone: storage stays, and an init step of before has run. Answers with
/// the storage that only stays.
fn keep(all: &mut Vec<Change>, blueprint: &Blueprint) -> Vec<String> {
    let mut kept = Vec::new();
    all.retain(|change| match (&change.kind, change.resource) {
        (ChangeKind::Removed, Resource::PersistentVolumeClaim) => {
            kept.push(change.name.clone());
            false
        }
        (ChangeKind::Removed, Resource::Job | Resource::Namespace) => false,
        // A script of an init step is named by its revision, too, and says nothing that its Job does not.
        (ChangeKind::Removed, Resource::ConfigMap) => !is_init_script(&change.name, blueprint),
        _ => true,
    });
    kept
}

/// Whether a script of this name belongs to a service that the blueprint still has.
fn is_init_script(name: &str, blueprint: &Blueprint) -> bool {
    blueprint.services.iter().any(|s| name.strip_prefix(s.name.as_str()).is_some_and(|rest| rest.starts_with("-init")))
}

/// Asks the cluster, by dry runs, whether it would take what is new or changes.
async fn refusals(
    client: &Client,
    namespace: &str,
    desired: &[Object],
    all: &[Change],
) -> Result<(Vec<Refusal>, usize), RuntimeError> {
    let touched: BTreeSet<(Resource, &str)> = all
        .iter()
        .filter(|change| change.kind != ChangeKind::Removed)
        .map(|change| (change.resource, change.name.as_str()))
        .collect();
    let asked: Vec<&Object> = desired.iter().filter(|o| touched.contains(&(o.resource, o.name.as_str()))).collect();
    let unasked = asked.len().saturating_sub(ASKED_MAX);
    let asking = asked.into_iter().take(ASKED_MAX).map(|object| async move {
        let place = object.resource.is_namespaced().then_some(namespace);
        let answer = if object.resource == Resource::Job {
            client.create(object.resource, place, &object.body, true).await.map(drop)
        } else {
            client.apply(object.resource, place, &object.name, &object.body, true).await.map(drop)
        };
        (object, answer)
    });
    let mut answers = stream::iter(asking).buffered(ASKED_AT_ONCE);
    let mut refusals = Vec::new();
    while let Some((object, answer)) = answers.next().await {
        match answer {
            Ok(()) => {}
            Err(error @ (ClientError::Unreachable(_) | ClientError::Closed { .. } | ClientError::Unauthorized(_))) => {
                return Err(error.into());
            }
            Err(error) => refusals.push(Refusal {
                resource: object.resource,
                name: object.name.clone(),
                message: told(Some(&error.to_string()), MESSAGE_MAX),
            }),
        }
    }
    Ok((refusals, unasked))
}
