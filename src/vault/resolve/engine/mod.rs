//! The walk over names and references. Depth first, each name once, on an explicit stack.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use crate::types::SecretBytes;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::reference::Template;

use super::error::{BrokenReference, ResolveError};
use super::outcome::{Break, NodeIndex, Outcome};
use super::source::{EnvironmentId, SecretFacts, Source, State};
use super::tree::{Chain, Tree};
use super::{Found, MAX_NAMES, MAX_TOTAL_LEN, Options};

mod join;
mod report;
mod walk;

/// One resolution: what it has seen and settled so far.
pub(super) struct Engine<'s, S: Source> {
    source: &'s S,
    options: Options,
    tree: Tree<'s, S>,
    nodes: Vec<Node>,
    index: HashMap<(EnvironmentId, FolderPath, SecretName), NodeIndex>,
    listed: Vec<Listing>,
    /// Bytes that values may still take.
    left: usize,
}

/// A name as one environment resolves it.
struct Node {
    chain: Rc<Chain>,
    path: FolderPath,
    name: SecretName,
    hit: Option<Hit>,
    progress: Progress,
}

/// Where inheritance found a name.
#[derive(Clone, Copy)]
struct Hit {
    facts: SecretFacts,
    /// The member of the chain that stores it.
    level: usize,
    /// The next farther member that stores the name too, where a listing has shown it.
    next: Option<(usize, State)>,
}

enum Progress {
    /// Not looked for yet.
    Unseen,
    /// Looked for; `hit` tells.
    Located,
    /// On the stack.
    Open,
    Settled(Outcome),
}

/// A part of an environment whose names are all known.
struct Listing {
    environment: EnvironmentId,
    path: FolderPath,
    beneath: bool,
}

/// A value whose references are being settled.
struct Frame {
    node: NodeIndex,
    bytes: Rc<SecretBytes>,
    template: Template,
    /// One per reference of the template, in order.
    targets: Vec<Target>,
    /// How many targets are settled.
    settled: usize,
}

enum Target {
    Node(NodeIndex),
    Broken(Break),
}

/// What a name is, or all that is broken about it.
pub(super) type Answer = Result<Found, Vec<BrokenReference>>;

type Step<T, S> = Result<T, ResolveError<<S as Source>::Error>>;

impl<'s, S: Source> Engine<'s, S> {
    pub(super) fn new(source: &'s S, options: Options) -> Self {
        Self {
            source,
            options,
            tree: Tree::new(source),
            nodes: Vec::new(),
            index: HashMap::new(),
            listed: Vec::new(),
            left: MAX_TOTAL_LEN,
        }
    }

    /// The name of a node.
    pub(super) fn name(&self, node: NodeIndex) -> &SecretName {
        &self.nodes[node].name
    }

    /// The folder of a node.
    pub(super) fn path(&self, node: NodeIndex) -> &FolderPath {
        &self.nodes[node].path
    }

    /// The node of a name, new or known.
    pub(super) fn node(
        &mut self,
        environment: EnvironmentId,
        path: FolderPath,
        name: SecretName,
    ) -> Step<NodeIndex, S> {
        let chain = self.tree.chain(environment)?;
        self.node_in(&chain, path, name)
    }

    /// Settles a node and all it needs, and tells what it is for the one who asks.
    pub(super) fn answer(&mut self, node: NodeIndex) -> Step<Answer, S> {
        self.settle(node)?;
        self.take(node)
    }

    fn node_in(&mut self, chain: &Rc<Chain>, path: FolderPath, name: SecretName) -> Step<NodeIndex, S> {
        let known = self.nodes.len();
        let vacant = match self.index.entry((chain.asked().id, path, name)) {
            Entry::Occupied(node) => return Ok(*node.get()),
            Entry::Vacant(_) if known >= MAX_NAMES => return Err(ResolveError::TooMuch),
            Entry::Vacant(vacant) => vacant,
        };
        let (_, path, name) = vacant.key().clone();
        self.nodes.push(Node { chain: Rc::clone(chain), path, name, hit: None, progress: Progress::Unseen });
        vacant.insert(known);
        Ok(known)
    }

    /// Loads all names of a folder along the chain (with `beneath`, also those of folders beneath it) and
    /// answers with those that are not unset, in order of folder and name.
    pub(super) fn list(
        &mut self,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Step<Vec<NodeIndex>, S> {
        let chain = self.tree.chain(environment)?;
        let mut names = Vec::new();
        for level in 0..chain.members.len() {
            let stored = self.source.secrets(chain.members[level].id, path, beneath).map_err(ResolveError::Source)?;
            self.nodes.reserve(stored.len());
            self.index.reserve(stored.len());
            for secret in stored {
                let node = self.node_in(&chain, secret.path, secret.name)?;
                if self.locate(node, secret.facts, level) && secret.facts.state == State::Value {
                    names.push(node);
                }
            }
        }
        self.listed.push(Listing { environment, path: path.clone(), beneath });
        names.sort_unstable_by(|a, b| {
            let (a, b) = (&self.nodes[*a], &self.nodes[*b]);
            (&a.path, &a.name).cmp(&(&b.path, &b.name))
        });
        Ok(names)
    }

    /// Notes that the member `level` stores a node's name; tells whether it is the nearest that does.
    fn locate(&mut self, node: NodeIndex, facts: SecretFacts, level: usize) -> bool {
        let node = &mut self.nodes[node];
        if let Some(hit) = &mut node.hit {
            hit.next.get_or_insert((level, facts.state));
            return false;
        }
        node.hit = Some(Hit { facts, level, next: None });
        node.progress = Progress::Located;
        true
    }

    /// Looks for a name along its chain, nearest first.
    fn look_up(&mut self, node: NodeIndex) -> Step<(), S> {
        if !self.is_listed(node) {
            self.nodes[node].hit = self.next_hit(node, 0)?;
        }
        self.nodes[node].progress = Progress::Located;
        Ok(())
    }

    /// The nearest member from `level` on that stores the name.
    fn next_hit(&self, node: NodeIndex, level: usize) -> Step<Option<Hit>, S> {
        let Node { chain, path, name, .. } = &self.nodes[node];
        for (level, member) in chain.members.iter().enumerate().skip(level) {
            if let Some(facts) = self.source.secret(member.id, path, name).map_err(ResolveError::Source)? {
                return Ok(Some(Hit { facts, level, next: None }));
            }
        }
        Ok(None)
    }

    fn is_listed(&self, node: NodeIndex) -> bool {
        let node = &self.nodes[node];
        self.listed.iter().any(|listing| {
            listing.environment == node.chain.asked().id
                && (listing.path == node.path || (listing.beneath && listing.path.contains(&node.path)))
        })
    }

    /// Takes `bytes` of the memory that is left.
    fn charge(&mut self, bytes: usize) -> Step<(), S> {
        self.left = self.left.checked_sub(bytes).ok_or(ResolveError::TooMuch)?;
        Ok(())
    }
}
