//! The answer: what a settled name is for the one who asked, and the whole path of what is broken.

use std::rc::Rc;

use crate::vault::model::Origin;

use super::super::error::{BrokenReference, Place, Reason};
use super::super::outcome::{Break, NodeIndex};
use super::super::source::{EnvironmentFacts, Source, State};
use super::super::{Found, ResolvedEntry};
use super::{Answer, Engine, Hit, Node, Progress, Step};

impl<S: Source> Engine<'_, S> {
    /// What a settled node is for the one who asked.
    pub(super) fn take(&self, node: NodeIndex) -> Step<Answer, S> {
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

    pub(super) fn place(&self, node: NodeIndex) -> Place {
        let Node { chain, path, name, .. } = &self.nodes[node];
        let EnvironmentFacts { project_slug, slug, .. } = chain.asked();
        Place { project: project_slug.clone(), environment: slug.clone(), path: path.clone(), name: name.clone() }
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
