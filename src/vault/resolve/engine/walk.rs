//! The walk: a name is opened, waits on the stack for what it refers to, and is settled.

use std::rc::Rc;

use crate::types::SecretBytes;
use crate::vault::model::Visibility;
use crate::vault::reference::{Reference, Scope, Template};

use super::super::error::{Place, Reason, ResolveError};
use super::super::outcome::{Break, Built, Fault, NodeIndex, Outcome};
use super::super::source::{Source, State};
use super::super::{MAX_REFERENCE_DEPTH, MAX_VALUE_LEN};
use super::{Engine, Frame, Node, Progress, Step, Target};

impl<S: Source> Engine<'_, S> {
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
            return Ok(Opened::fault(chain.closed_by(blocker)));
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
            None => chain.no_such_environment(),
            Some(found) => {
                let meant = self.tree.chain(found)?;
                if chain.is_admitted_by(meant.asked()) {
                    return Ok(Target::Node(self.node_in(&meant, path, reference.name.clone())?));
                }
                chain.closed_target(meant.asked())
            }
        };
        let project = project.unwrap_or(&asking.project_slug).clone();
        let place = Place { project, environment: environment.clone(), path, name: reference.name.clone() };
        Ok(Target::Broken(Break::At(Box::new(place), reason)))
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
        Ok(text) if interpolate && text.contains('$') => text,
        _ => return Ok(None),
    };
    Template::parse(text).map(Some).map_err(Reason::Syntax)
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
