//! Chains of environments, and whom their flows admit.

use std::collections::HashMap;
use std::rc::Rc;

use crate::types::{Id, Slug, kinds};
use crate::vault::model::{Flow, Origin};

use super::MAX_TREE_DEPTH;
use super::error::{EnvironmentLabel, Reason, ResolveError};
use super::source::{EnvironmentFacts, EnvironmentId, Source, State};

/// An environment with all it inherits from.
#[derive(Debug)]
pub(super) struct Chain {
    /// The environment itself, then its parent, and so on to the top. Never empty.
    pub(super) members: Vec<Rc<EnvironmentFacts>>,
    /// How many members, from the environment upwards, let their values come down to it: what a farther
    /// one stores cannot reach it, because it would have to pass the first that does not.
    open: usize,
}

impl Chain {
    fn new(members: Vec<Rc<EnvironmentFacts>>) -> Self {
        let mut chain = Self { members, open: 0 };
        chain.open = chain.members.iter().take_while(|member| chain.is_admitted_by(member)).count();
        chain
    }

    /// The environment itself.
    pub(super) fn asked(&self) -> &EnvironmentFacts {
        &self.members[0]
    }

    /// Whether `owner` lets its values go to this environment.
    pub(super) fn is_admitted_by(&self, owner: &EnvironmentFacts) -> bool {
        let asked = self.asked();
        asked.id == owner.id
            || match &owner.flow {
                Flow::Tree => asked.project == owner.project,
                Flow::Listed(listed) => match &asked.listed_as {
                    None => self.members.iter().any(|member| listed.contains(&member.id)),
                    Some(places) => places.iter().any(|place| listed.contains(place)),
                },
                Flow::Closed => false,
            }
    }

    /// How the environment comes by a name that `members[level]` is the nearest to store, `next` being the
    /// nearest farther member that stores it too. An unset name hides all above it, so it is not overridden.
    pub(super) fn origin(&self, level: usize, next: Option<(usize, State)>) -> Origin {
        match next {
            _ if level > 0 => Origin::Inherited { from: self.members[level].id },
            Some((what, State::Value)) => Origin::Overrides { what: self.members[what].id },
            Some((_, State::Unset)) | None => Origin::Own,
        }
    }

    /// The member that keeps what `members[level]` stores from reaching this environment, if one does.
    pub(super) fn blocker(&self, level: usize) -> Option<&EnvironmentFacts> {
        if level < self.open { None } else { self.members.get(self.open).map(Rc::as_ref) }
    }
}

/// Why this environment may not have a value. An environment of another project is not named to it.
impl Chain {
    /// A member of the chain does not let its value down.
    pub(super) fn closed_by(&self, by: &EnvironmentFacts) -> Reason {
        Reason::ClosedByFlow { by: by.label(), asked: self.asked().label() }
    }

    /// The environment a reference names does not admit this one.
    pub(super) fn closed_target(&self, by: &EnvironmentFacts) -> Reason {
        if by.project == self.asked().project { self.closed_by(by) } else { self.no_such_environment() }
    }

    /// A part of what a reference names comes from an environment that does not admit this one.
    pub(super) fn part_closed(&self, by: &EnvironmentFacts) -> Reason {
        let asked = self.asked();
        if by.project == asked.project { self.closed_by(by) } else { Reason::PartClosed { asked: asked.label() } }
    }

    /// A reference names an environment that is not there, or must seem so.
    pub(super) fn no_such_environment(&self) -> Reason {
        Reason::Unreachable { asked: self.asked().label() }
    }
}

impl EnvironmentFacts {
    /// How messages call it.
    pub(super) fn label(&self) -> EnvironmentLabel {
        EnvironmentLabel { project: self.project_slug.clone(), environment: self.slug.clone() }
    }
}

/// The environments seen so far, each asked of the source once.
pub(super) struct Tree<'s, S: Source> {
    source: &'s S,
    chains: HashMap<EnvironmentId, Rc<Chain>>,
    facts: HashMap<EnvironmentId, Rc<EnvironmentFacts>>,
    found: HashMap<(Id<kinds::Project>, Option<Slug>, Slug), Option<EnvironmentId>>,
}

impl<'s, S: Source> Tree<'s, S> {
    pub(super) fn new(source: &'s S) -> Self {
        Self { source, chains: HashMap::new(), facts: HashMap::new(), found: HashMap::new() }
    }

    /// The chain of `environment`.
    pub(super) fn chain(&mut self, environment: EnvironmentId) -> Result<Rc<Chain>, ResolveError<S::Error>> {
        if let Some(chain) = self.chains.get(&environment) {
            return Ok(Rc::clone(chain));
        }
        let mut members = Vec::new();
        let mut next = Some(environment);
        while let Some(id) = next {
            if members.len() >= MAX_TREE_DEPTH {
                return Err(ResolveError::TreeTooDeep(environment));
            }
            let facts = self.facts(id)?;
            next = facts.parent;
            members.push(facts);
        }
        let chain = Rc::new(Chain::new(members));
        self.chains.insert(environment, Rc::clone(&chain));
        Ok(chain)
    }

    fn facts(&mut self, id: EnvironmentId) -> Result<Rc<EnvironmentFacts>, ResolveError<S::Error>> {
        if let Some(facts) = self.facts.get(&id) {
            return Ok(Rc::clone(facts));
        }
        let facts = self.source.environment(id).map_err(ResolveError::Source)?;
        let facts = Rc::new(facts.ok_or(ResolveError::UnknownEnvironment(id))?);
        self.facts.insert(id, Rc::clone(&facts));
        Ok(facts)
    }

    /// The environment a reference in `seen_from` names.
    pub(super) fn find(
        &mut self,
        seen_from: &EnvironmentFacts,
        project: Option<&Slug>,
        environment: &Slug,
    ) -> Result<Option<EnvironmentId>, ResolveError<S::Error>> {
        let key = (seen_from.project, project.cloned(), environment.clone());
        if let Some(found) = self.found.get(&key) {
            return Ok(*found);
        }
        let found = self.source.find_environment(seen_from, project, environment).map_err(ResolveError::Source)?;
        self.found.insert(key, found);
        Ok(found)
    }
}
