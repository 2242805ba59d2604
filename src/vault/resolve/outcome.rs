//! What becomes of a name: a value with what it is made of, or the faults that keep it from having one.

use std::rc::Rc;

use crate::types::SecretBytes;
use crate::vault::model::Visibility;

use super::Part;
use super::error::{Place, Reason};
use super::source::{EnvironmentFacts, SecretFacts};
use super::tree::Chain;

/// A name of one environment, as an index into the engine's list.
pub(super) type NodeIndex = usize;

/// How a name ended.
pub(super) type Outcome = Result<Rc<Built>, Rc<Fault>>;

/// A name that has a value.
pub(super) struct Built {
    /// The value; none when it is withheld.
    pub(super) bytes: Option<Rc<SecretBytes>>,
    /// The strictest visibility of all parts.
    pub(super) visibility: Visibility,
    /// References in a row beneath it.
    pub(super) height: usize,
    /// Every version in it, sorted.
    pub(super) parts: Vec<Part>,
    /// The chain of the environment it was resolved in.
    pub(super) chain: Rc<Chain>,
    /// The farthest member of that chain a part is stored in: the value passed through all nearer ones.
    pub(super) reach: usize,
    /// Environments outside the chain that parts came from or passed through.
    pub(super) foreign: Vec<Rc<EnvironmentFacts>>,
}

impl Built {
    /// A value of one part: `bytes` as the member `level` of `chain` stores them.
    pub(super) fn leaf(facts: &SecretFacts, bytes: Option<Rc<SecretBytes>>, chain: Rc<Chain>, level: usize) -> Self {
        Self {
            bytes,
            visibility: facts.visibility,
            height: 0,
            parts: vec![Part { secret: facts.id, version: facts.version }],
            chain,
            reach: level,
            foreign: Vec::new(),
        }
    }

    /// Every environment a part of it was stored in or passed through.
    pub(super) fn environments(&self) -> impl Iterator<Item = &Rc<EnvironmentFacts>> {
        self.chain.members[..=self.reach].iter().chain(&self.foreign)
    }

    /// Makes `used` a part of this value; its bytes are joined elsewhere.
    pub(super) fn absorb(&mut self, used: &Self) {
        self.visibility = self.visibility.max(used.visibility);
        self.height = self.height.max(used.height + 1);
        self.parts.extend_from_slice(&used.parts);
        let late = self.chain.asked().id == used.chain.asked().id;
        if late {
            self.reach = self.reach.max(used.reach);
        }
        let came_through = used.environments().skip(if late { used.reach + 1 } else { 0 });
        for environment in came_through {
            if !self.foreign.iter().any(|known| known.id == environment.id) {
                self.foreign.push(Rc::clone(environment));
            }
        }
    }

    /// Brings the parts in order, each once.
    pub(super) fn finish_parts(&mut self) {
        self.parts.sort_unstable();
        self.parts.dedup();
    }

    /// Roughly what it takes in memory beside its bytes.
    pub(super) fn overhead(&self) -> usize {
        self.parts.len() * size_of::<Part>() + self.foreign.len() * size_of::<Rc<EnvironmentFacts>>()
    }
}

/// A name that cannot be resolved.
pub(super) struct Fault {
    /// What is wrong with it. Never empty.
    pub(super) breaks: Vec<Break>,
    /// References in a row to the farthest end of a path in `breaks`.
    pub(super) height: usize,
}

/// One broken path, told from the name that holds it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Break {
    /// The name itself.
    Here(Reason),
    /// What it refers to, which is in no environment that could be asked.
    At(Box<Place>, Reason),
    /// It refers to this name, which is broken.
    Via(NodeIndex),
    /// It is the last of these names, and refers to the first, each of which refers to the next.
    Cycle(Rc<[NodeIndex]>),
}

impl Fault {
    /// A fault of the name itself.
    pub(super) fn here(reason: Reason) -> Self {
        Self { breaks: vec![Break::Here(reason)], height: 0 }
    }
}
