//! The walk over names and references. Depth first, each name once, on an explicit stack.

use std::collections::HashMap;
use std::rc::Rc;

use crate::types::{Secret, SecretBytes};
use crate::vault::model::{FolderPath, Origin, SecretName, Visibility};
use crate::vault::reference::{Reference, Scope, Segment, Template};

use super::error::{BrokenReference, Place, Reason, ResolveError};
use super::outcome::{Break, Built, Fault, NodeIndex, Outcome};
use super::source::{EnvironmentFacts, EnvironmentId, SecretFacts, Source, State};
use super::tree::{Chain, Tree};
use super::{
    Found, MAX_BREAKS_PER_NAME, MAX_NAMES, MAX_REFERENCE_DEPTH, MAX_TOTAL_LEN, MAX_VALUE_LEN, Options, ResolvedEntry,
};

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

    fn node_in(&mut self, chain: &Rc<Chain>, path: FolderPath, name: SecretName) -> Step<NodeIndex, S> {
        let key = (chain.asked().id, path, name);
        if let Some(node) = self.index.get(&key) {
            return Ok(*node);
        }
        if self.nodes.len() >= MAX_NAMES {
            return Err(ResolveError::TooMuch);
        }
        let (_, path, name) = key.clone();
        self.nodes.push(Node { chain: Rc::clone(chain), path, name, hit: None, progress: Progress::Unseen });
        self.index.insert(key, self.nodes.len() - 1);
        Ok(self.nodes.len() - 1)
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

    /// Settles a node and all it needs.
    pub(super) fn settle(&mut self, root: NodeIndex) -> Step<(), S> {
        let mut stack = Vec::new();
        self.enter(root, &mut stack)?;
        while let Some(frame) = stack.last_mut() {
            let Some(target) = frame.targets.get(frame.settled) else {
                if let Some(frame) = stack.pop() {
                    self.leave(frame)?;
                }
                continue;
            };
            match *target {
                Target::Node(node) if matches!(self.nodes[node].progress, Progress::Open) => {
                    let index = frame.settled;
                    let cycle = cycle_through(node, &stack);
                    if let Some(frame) = stack.last_mut() {
                        frame.targets[index] = Target::Broken(cycle);
                    }
                }
                Target::Node(node) if !matches!(self.nodes[node].progress, Progress::Settled(_)) => {
                    self.enter(node, &mut stack)?;
                }
                Target::Node(_) | Target::Broken(_) => frame.settled += 1,
            }
        }
        Ok(())
    }

    /// Settles a node at once where it needs no other, else puts it on the stack.
    fn enter(&mut self, node: NodeIndex, stack: &mut Vec<Frame>) -> Step<(), S> {
        if matches!(self.nodes[node].progress, Progress::Unseen) {
            self.look_up(node)?;
        }
        if !matches!(self.nodes[node].progress, Progress::Located) {
            return Ok(());
        }
        let progress = match self.open(node)? {
            Opened::Settled(outcome) => Progress::Settled(outcome),
            Opened::Waiting(frame) => {
                stack.push(frame);
                Progress::Open
            }
        };
        self.nodes[node].progress = progress;
        Ok(())
    }

    fn open(&mut self, node: NodeIndex) -> Step<Opened, S> {
        let chain = Rc::clone(&self.nodes[node].chain);
        let Some(hit) = self.nodes[node].hit.filter(|hit| hit.facts.state == State::Value) else {
            return Ok(Opened::fault(Reason::NotFound));
        };
        if let Some(blocker) = chain.blocker(hit.level) {
            return Ok(Opened::fault(closed_by(blocker, &chain)));
        }
        if hit.facts.visibility == Visibility::Restricted && !self.options.may_use_restricted {
            return Ok(Opened::Settled(Ok(Rc::new(Built::leaf(&hit.facts, None, chain, hit.level)))));
        }
        let bytes = self.source.value(hit.facts.id, hit.facts.version).map_err(ResolveError::Source)?;
        self.charge(bytes.expose().len())?;
        let template = match parse(&bytes, hit.facts.interpolate) {
            Ok(Some(template)) => template,
            Ok(None) if bytes.expose().len() > MAX_VALUE_LEN => return Ok(Opened::fault(Reason::TooLarge)),
            Ok(None) => {
                return Ok(Opened::Settled(Ok(Rc::new(Built::leaf(&hit.facts, Some(bytes), chain, hit.level)))));
            }
            Err(reason) => return Ok(Opened::fault(reason)),
        };
        let mut targets = Vec::new();
        for reference in template.references() {
            targets.push(self.target(node, reference)?);
        }
        Ok(Opened::Waiting(Frame { node, bytes, template, targets, settled: 0 }))
    }

    /// The node a reference in `holder` means.
    fn target(&mut self, holder: NodeIndex, reference: &Reference) -> Step<Target, S> {
        let Node { chain, path, .. } = &self.nodes[holder];
        let chain = Rc::clone(chain);
        let path = reference.folder_seen_from(path);
        let (project, environment) = match &reference.scope {
            Scope::Late => return Ok(Target::Node(self.node_in(&chain, path, reference.name.clone())?)),
            Scope::Environment(environment) => (None, environment),
            Scope::Project(project, environment) => (Some(project), environment),
        };
        let asking = chain.asked();
        let reason = match self.tree.find(asking, project, environment)? {
            None => unreachable_for(&chain),
            Some(found) => {
                let meant = self.tree.chain(found)?;
                if chain.is_admitted_by(meant.asked()) {
                    return Ok(Target::Node(self.node_in(&meant, path, reference.name.clone())?));
                }
                closed_target(meant.asked(), &chain)
            }
        };
        let project = project.unwrap_or(&asking.project_slug).clone();
        let place = Place { project, environment: environment.clone(), path, name: reference.name.clone() };
        Ok(Target::Broken(Break::At(Box::new(place), reason)))
    }

    /// Settles a value whose references are settled.
    fn leave(&mut self, frame: Frame) -> Step<(), S> {
        let outcome = match self.gather(&frame) {
            Ok(used) => self.join(&frame, &used)?,
            Err(fault) => Err(Rc::new(fault)),
        };
        self.nodes[frame.node].progress = Progress::Settled(outcome);
        Ok(())
    }

    /// What the references of a frame came to, in order, or all that is wrong with them.
    fn gather(&self, frame: &Frame) -> Result<Vec<Rc<Built>>, Fault> {
        let mut used = Vec::with_capacity(frame.targets.len());
        let mut fault = Fault { breaks: Vec::new(), height: 0 };
        for target in &frame.targets {
            match self.judge(frame.node, target) {
                Ok(built) => used.push(built),
                Err((broken, height)) => {
                    fault.height = fault.height.max(height);
                    if fault.breaks.len() < MAX_BREAKS_PER_NAME && !fault.breaks.contains(&broken) {
                        fault.breaks.push(broken);
                    }
                }
            }
        }
        if fault.breaks.is_empty() {
            Ok(used)
        } else if fault.height > MAX_REFERENCE_DEPTH {
            // Both are true; this one keeps the paths of messages as short as those of values.
            Err(Fault::here(Reason::TooDeep))
        } else {
            Err(fault)
        }
    }

    /// What one reference came to, as `holder` may have it.
    fn judge(&self, holder: NodeIndex, target: &Target) -> Result<Rc<Built>, (Break, usize)> {
        let node = match target {
            Target::Broken(broken) => return Err((broken.clone(), 1)),
            Target::Node(node) => *node,
        };
        match &self.nodes[node].progress {
            Progress::Settled(Ok(built)) => {
                let chain = &self.nodes[holder].chain;
                let refusing = built.environments().find(|environment| !chain.is_admitted_by(environment));
                match refusing {
                    None => Ok(Rc::clone(built)),
                    Some(by) => Err((Break::At(Box::new(self.place(node)), part_closed(by, chain)), 1)),
                }
            }
            Progress::Settled(Err(fault)) => Err((Break::Via(node), fault.height + 1)),
            Progress::Unseen | Progress::Located | Progress::Open => {
                unreachable!("a frame is left only when all it refers to is settled")
            }
        }
    }

    /// The value of a frame whose references came to `used`.
    fn join(&mut self, frame: &Frame, used: &[Rc<Built>]) -> Step<Outcome, S> {
        let Node { chain, hit, .. } = &self.nodes[frame.node];
        let hit = hit.as_ref().expect("only a name that was found is opened");
        let mut built = Built::leaf(&hit.facts, None, Rc::clone(chain), hit.level);
        for part in used {
            built.absorb(part);
        }
        if built.height > MAX_REFERENCE_DEPTH {
            return Ok(Err(Rc::new(Fault::here(Reason::TooDeep))));
        }
        built.finish_parts();
        self.charge(built.overhead())?;
        if used.iter().any(|part| part.bytes.is_none()) {
            return Ok(Ok(Rc::new(built)));
        }
        let pieces = pieces(frame, used);
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if length > MAX_VALUE_LEN {
            return Ok(Err(Rc::new(Fault::here(Reason::TooLarge))));
        }
        self.charge(length)?;
        // One allocation of the right size: growing would leave copies of the plaintext behind.
        let mut bytes = Vec::with_capacity(length);
        for piece in pieces {
            bytes.extend_from_slice(piece);
        }
        built.bytes = Some(Rc::new(Secret::new(bytes)));
        Ok(Ok(Rc::new(built)))
    }

    fn charge(&mut self, bytes: usize) -> Step<(), S> {
        self.left = self.left.checked_sub(bytes).ok_or(ResolveError::TooMuch)?;
        Ok(())
    }

    /// What a settled node is for the one who asked.
    pub(super) fn take(&self, node: NodeIndex) -> Step<Result<Found, Vec<BrokenReference>>, S> {
        let Node { name, hit, progress, .. } = &self.nodes[node];
        let (Progress::Settled(outcome), Some(hit)) = (progress, hit.filter(|hit| hit.facts.state == State::Value))
        else {
            return Ok(Ok(Found::Absent));
        };
        let built = match outcome {
            Ok(built) => built,
            Err(fault) => return Ok(Err(fault.breaks.iter().map(|broken| self.tell(node, broken)).collect())),
        };
        let Some(value) = &built.bytes else { return Ok(Ok(Found::Withheld)) };
        Ok(Ok(Found::Value(ResolvedEntry {
            name: name.clone(),
            value: Rc::clone(value),
            visibility: built.visibility,
            origin: self.origin(node, hit)?,
            secret: hit.facts.id,
            version: hit.facts.version,
            parts: built.parts.clone(),
        })))
    }

    fn origin(&self, node: NodeIndex, hit: Hit) -> Step<Origin, S> {
        let chain = &self.nodes[node].chain;
        let next = match hit.next {
            None if hit.level == 0 && !self.is_listed(node) => {
                self.next_hit(node, 1)?.map(|next| (next.level, next.facts.state))
            }
            known => known,
        };
        Ok(chain.origin(hit.level, next))
    }

    /// A break of `node`, with its whole path.
    fn tell(&self, node: NodeIndex, broken: &Break) -> BrokenReference {
        let mut path = vec![node];
        let mut broken = broken;
        while let Break::Via(next) = broken {
            path.push(*next);
            match &self.nodes[*next].progress {
                Progress::Settled(Err(fault)) => broken = &fault.breaks[0],
                _ => unreachable!("a broken path leads over broken names"),
            }
        }
        if let Break::Cycle(cycle) = broken {
            close_cycle(&mut path, cycle);
        }
        let mut trail: Vec<Place> = path.into_iter().map(|node| self.place(node)).collect();
        let reason = match broken {
            Break::Here(reason) => reason.clone(),
            Break::At(place, reason) => {
                trail.push(Place::clone(place));
                reason.clone()
            }
            Break::Cycle(_) | Break::Via(_) => Reason::Cycle,
        };
        BrokenReference { trail, reason }
    }

    fn place(&self, node: NodeIndex) -> Place {
        let Node { chain, path, name, .. } = &self.nodes[node];
        let EnvironmentFacts { project_slug, slug, .. } = chain.asked();
        Place { project: project_slug.clone(), environment: slug.clone(), path: path.clone(), name: name.clone() }
    }
}

/// What opening a value comes to.
enum Opened {
    Settled(Outcome),
    Waiting(Frame),
}

impl Opened {
    fn fault(reason: Reason) -> Self {
        Self::Settled(Err(Rc::new(Fault::here(reason))))
    }
}

/// The template of a value; none where its bytes are the result as they are.
fn parse(bytes: &SecretBytes, interpolate: bool) -> Result<Option<Template>, Reason> {
    let bytes = bytes.expose();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if interpolate && text.contains("${") => text,
        _ => return Ok(None),
    };
    Template::parse(text).map(Some).map_err(Reason::Syntax)
}

/// The bytes that make up a frame's value, in order.
fn pieces<'a>(frame: &'a Frame, used: &'a [Rc<Built>]) -> Vec<&'a [u8]> {
    let text = frame.bytes.expose();
    let mut used = used.iter();
    let piece = |segment: &Segment| match segment {
        Segment::Literal(range) => &text[range.clone()],
        Segment::Reference(_) => used.next().and_then(|built| built.bytes.as_ref()).map_or(&[][..], |b| b.expose()),
    };
    frame.template.segments().iter().map(piece).collect()
}

/// The cycle that a reference from the top of the stack to the open `node` closes.
fn cycle_through(node: NodeIndex, stack: &[Frame]) -> Break {
    let near = stack.len().saturating_sub(MAX_REFERENCE_DEPTH + 1);
    match stack[near..].iter().position(|frame| frame.node == node) {
        Some(first) => Break::Cycle(stack[near + first..].iter().map(|frame| frame.node).collect()),
        // A longer cycle is as well described by its depth.
        None => Break::Here(Reason::TooDeep),
    }
}

/// Goes on from the first name of `path` that is in the cycle, once round and back to it.
fn close_cycle(path: &mut Vec<NodeIndex>, cycle: &[NodeIndex]) {
    let entry = path.iter().enumerate().find_map(|(at, node)| {
        let in_cycle = cycle.iter().position(|member| member == node)?;
        Some((at, in_cycle))
    });
    if let Some((at, in_cycle)) = entry {
        path.truncate(at);
        path.extend(cycle[in_cycle..].iter().chain(&cycle[..=in_cycle]));
    }
}

/// An environment of the chain does not let its value down.
fn closed_by(by: &EnvironmentFacts, chain: &Chain) -> Reason {
    Reason::ClosedByFlow { by: by.label(), asked: chain.asked().label() }
}

/// The environment a reference names does not admit the one that asks.
fn closed_target(by: &EnvironmentFacts, chain: &Chain) -> Reason {
    if by.project == chain.asked().project { closed_by(by, chain) } else { unreachable_for(chain) }
}

/// A part of what a reference names comes from an environment that does not admit the one that asks.
fn part_closed(by: &EnvironmentFacts, chain: &Chain) -> Reason {
    let asked = chain.asked();
    if by.project == asked.project { closed_by(by, chain) } else { Reason::PartClosed { asked: asked.label() } }
}

fn unreachable_for(chain: &Chain) -> Reason {
    Reason::Unreachable { asked: chain.asked().label() }
}
