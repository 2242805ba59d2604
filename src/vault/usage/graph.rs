//! Everywhere a value goes: what is built from it, and who inherits that. Asks nobody's rights.

use std::collections::{HashSet, VecDeque};

use crate::db::Reader;
use crate::orgs::access;
use crate::orgs::environment::{self, Placed};
use crate::types::{Id, kinds};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, SecretName, Visibility};
use crate::vault::resolve::{MAX_REFERENCE_DEPTH, locate};
use crate::vault::source::StoreSource;
use crate::vault::store::{self, Referrer};

/// Most secrets one graph has.
const USED_MAX: usize = 1_000;
/// Most secrets that refer to one name and are looked at.
const REFERRERS_MAX: usize = 1_000;
/// Most environments beneath that are looked at.
const ENVIRONMENTS_MAX: usize = 500;

/// A secret, and which one it is built from.
pub(super) struct Node {
    pub(super) placed: Placed,
    pub(super) path: FolderPath,
    pub(super) name: SecretName,
    /// References in a row from it to the first; 0 for that.
    pub(super) distance: usize,
    /// The place among the nodes of what it refers to on that way; its own for the first.
    pub(super) through: usize,
    /// Whether it refers to that by a name that binds where the value is resolved.
    pub(super) late: bool,
}

impl Node {
    /// `shop/staging:/api/HOST`.
    pub(super) fn place(&self) -> String {
        let folder = if self.path.is_root() { "" } else { self.path.as_str() };
        format!("{}:{folder}/{}", self.placed.path(), self.name)
    }
}

/// A secret and all that is built from it, nearest first.
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// Whether this is all; a very long one is cut.
    pub(super) complete: bool,
}

/// A name of an environment, where it is stored.
pub(super) struct Home {
    pub(super) placed: Placed,
    pub(super) visibility: Visibility,
}

/// Where a name of an environment is stored; none when it has none such.
pub(super) fn home(
    reader: &Reader<'_>,
    source: &StoreSource<'_>,
    placed: Placed,
    path: &FolderPath,
    name: &SecretName,
) -> Result<Option<Home>, VaultError> {
    let Some(listed) = locate(source, placed.environment.id, path, name)? else { return Ok(None) };
    let visibility = listed.facts.visibility;
    if listed.stored_in == placed.environment.id {
        return Ok(Some(Home { placed, visibility }));
    }
    let above = access::placed(reader, placed.environment.organization, listed.stored_in)?;
    Ok(above.map(|placed| Home { placed, visibility }))
}

/// The environments beneath that have the name from `stored_in` and are let to; and whether all were looked at.
pub(super) fn inheritors(
    reader: &Reader<'_>,
    source: &StoreSource<'_>,
    stored_in: &Placed,
    path: &FolderPath,
    name: &SecretName,
) -> Result<(Vec<Placed>, bool), VaultError> {
    let beneath = environment::store::environment_subtree(reader, stored_in.environment.id)?;
    let complete = beneath.len() <= ENVIRONMENTS_MAX;
    let mut found = Vec::new();
    for id in beneath.into_iter().skip(1).take(ENVIRONMENTS_MAX) {
        let listed = locate(source, id, path, name)?;
        if listed.is_some_and(|l| l.stored_in == stored_in.environment.id && l.blocked_by.is_none()) {
            found.extend(access::placed(reader, stored_in.environment.organization, id)?);
        }
    }
    Ok((found, complete))
}

/// The secrets built from one, breadth first.
pub(super) fn graph(
    reader: &Reader<'_>,
    source: &StoreSource<'_>,
    stored_in: Placed,
    path: FolderPath,
    name: SecretName,
) -> Result<Graph, VaultError> {
    let organization = stored_in.environment.organization;
    let mut seen: HashSet<(Id<kinds::Environment>, FolderPath, SecretName)> = HashSet::new();
    seen.insert((stored_in.environment.id, path.clone(), name.clone()));
    let mut graph = Graph {
        nodes: vec![Node { placed: stored_in, path, name, distance: 0, through: 0, late: false }],
        complete: true,
    };
    let mut open = VecDeque::from([0]);
    while let Some(at) = open.pop_front() {
        let distance = graph.nodes[at].distance;
        if distance >= MAX_REFERENCE_DEPTH {
            graph.complete = false;
            continue;
        }
        let of = &graph.nodes[at];
        let referrers = store::referrers(reader, organization, &of.path, &of.name, REFERRERS_MAX)?;
        graph.complete &= referrers.len() < REFERRERS_MAX;
        for referrer in referrers {
            let key = (referrer.environment, referrer.path.clone(), referrer.name.clone());
            if seen.contains(&key) || !is_of(source, &graph.nodes[at], &referrer)? {
                continue;
            }
            if seen.len() >= USED_MAX {
                graph.complete = false;
                return Ok(graph);
            }
            seen.insert(key);
            let Some(placed) = access::placed(reader, organization, referrer.environment)? else { continue };
            let (path, name) = (referrer.path, referrer.name);
            open.push_back(graph.nodes.len());
            graph.nodes.push(Node { placed, path, name, distance: distance + 1, through: at, late: referrer.late });
        }
    }
    Ok(graph)
}

impl Graph {
    /// Whether a secret of the graph, resolved in an environment that inherits it, still leads to the first: what it
    /// refers to may be another secret there.
    pub(super) fn leads_home(
        &self,
        source: &StoreSource<'_>,
        from: &Node,
        environment: Id<kinds::Environment>,
    ) -> Result<bool, VaultError> {
        let mut node = from;
        // A qualified reference is resolved where it points: from there on, this environment has no say.
        while node.distance > 0 && node.late {
            node = &self.nodes[node.through];
            let bound = locate(source, environment, &node.path, &node.name)?;
            if bound.is_none_or(|l| l.stored_in != node.placed.environment.id) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether what the referrer looks up is this secret, in some environment.
fn is_of(source: &StoreSource<'_>, of: &Node, referrer: &Referrer) -> Result<bool, VaultError> {
    let own = of.placed.environment.id;
    if locate(source, referrer.target, &of.path, &of.name)?.is_some_and(|l| l.stored_in == own) {
        return Ok(true);
    }
    // A late reference from above binds here, for this environment and those beneath it.
    Ok(referrer.late && of.placed.parents.contains(&referrer.target))
}
