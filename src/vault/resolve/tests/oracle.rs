//! A second resolver, as simple as the words of the product: recursive, without memory, exponential.
//! It shares nothing with the first but those words; it does not even read templates.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::Id;
use crate::vault::model::{Flow, Visibility};
use crate::vault::resolve::{EnvironmentId, State};

use super::world::World;

pub(super) const FOLDERS: [&str; 2] = ["/", "/f"];
pub(super) const NAMES: [&str; 4] = ["A", "B", "C", "D"];

/// Environment, folder and name, as indexes.
pub(super) type At = (usize, usize, usize);

#[derive(Debug, Clone)]
pub(super) enum FlowSpec {
    Tree,
    Closed,
    Listed(Vec<usize>),
}

#[derive(Debug, Clone)]
pub(super) struct Environment {
    pub(super) project: usize,
    pub(super) parent: Option<usize>,
    pub(super) flow: FlowSpec,
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Text(&'static str),
    /// `$${`.
    Escape,
    Late {
        folder: Option<usize>,
        name: usize,
    },
    /// Of the project the holder is in; `folder` none is `${environment.NAME}`.
    Environment {
        environment: usize,
        folder: Option<usize>,
        name: usize,
    },
    /// `${project.environment:/folder/NAME}`.
    Project {
        environment: usize,
        folder: usize,
        name: usize,
    },
    /// An environment that is not there.
    Nowhere,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Unset,
    Value { pieces: Vec<Piece>, interpolate: bool, visibility: Visibility },
}

/// A world as data; the resolver's one is made from it.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) environments: Vec<Environment>,
    pub(super) contents: BTreeMap<At, Content>,
    /// What one person has set for themselves; the one who asks in every test that has any.
    pub(super) personal: BTreeMap<At, Content>,
}

/// A name with a value; `bytes` none when withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) bytes: Option<String>,
    pub(super) visibility: Visibility,
    pub(super) parts: BTreeSet<At>,
    environments: BTreeSet<usize>,
}

/// There is no such name, or it is unset; or it is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    Absent,
    Broken,
}

pub(super) struct Oracle<'s> {
    spec: &'s Spec,
    may_use_restricted: bool,
    /// Steps left; at zero the case is too dear to judge.
    pub(super) fuel: u32,
}

impl<'s> Oracle<'s> {
    pub(super) fn new(spec: &'s Spec, may_use_restricted: bool) -> Self {
        Self { spec, may_use_restricted, fuel: 20_000 }
    }

    pub(super) fn resolve(&mut self, at: At, stack: &mut Vec<At>) -> Result<Answer, No> {
        let (asked, folder, _) = at;
        self.fuel = self.fuel.saturating_sub(1);
        if stack.contains(&at) || self.fuel == 0 {
            return Err(No::Broken);
        }
        let (stored_in, content) = self.spec.nearest(at).ok_or(No::Absent)?;
        let Content::Value { pieces, interpolate, visibility } = content else { return Err(No::Absent) };
        let mut answer = Answer {
            bytes: Some(String::new()),
            visibility: *visibility,
            parts: BTreeSet::from([(stored_in, at.1, at.2)]),
            environments: self.spec.upwards(asked).take_while(|e| *e != stored_in).chain([stored_in]).collect(),
        };
        self.all_admit(&answer, asked)?;
        if *visibility == Visibility::Restricted && !self.may_use_restricted {
            return Ok(Answer { bytes: None, ..answer });
        }
        if !interpolate {
            return Ok(Answer { bytes: Some(self.spec.text(pieces)), ..answer });
        }
        stack.push(at);
        let used: Vec<_> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Ok(((*text).to_owned(), None)),
                Piece::Escape => Ok(("${".to_owned(), None)),
                piece => {
                    let target = self.spec.target(piece, asked, folder).ok_or(No::Broken)?;
                    let part = self.resolve(target, stack).map_err(|_| No::Broken)?;
                    self.all_admit(&part, asked)?;
                    Ok((String::new(), Some(part)))
                }
            })
            .collect();
        stack.pop();
        for used in used {
            let (text, part) = used?;
            let text = part.as_ref().map_or(Some(text), |part| part.bytes.clone());
            answer.bytes = answer.bytes.zip(text).map(|(all, text)| all + &text);
            if let Some(part) = part {
                answer.visibility = answer.visibility.max(part.visibility);
                answer.parts.extend(part.parts);
                answer.environments.extend(part.environments);
            }
        }
        Ok(answer)
    }

    fn all_admit(&self, answer: &Answer, asked: usize) -> Result<(), No> {
        let all = answer.environments.iter().all(|owner| self.spec.admits(*owner, asked));
        if all { Ok(()) } else { Err(No::Broken) }
    }
}

impl Spec {
    /// An environment and its parents.
    fn upwards(&self, from: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(from), |at| self.environments[*at].parent)
    }

    /// What a name has nearest, and where.
    pub(super) fn nearest(&self, (environment, folder, name): At) -> Option<(usize, &Content)> {
        let at = |e| (e, folder, name);
        let own = |e| self.personal.get(&at(e)).or_else(|| self.contents.get(&at(e)));
        self.upwards(environment).find_map(|e| own(e).map(|content| (e, content)))
    }

    fn admits(&self, owner: usize, asked: usize) -> bool {
        let same_project = self.environments[owner].project == self.environments[asked].project;
        owner == asked
            || match &self.environments[owner].flow {
                FlowSpec::Tree => same_project,
                FlowSpec::Closed => false,
                FlowSpec::Listed(listed) => listed.iter().any(|l| self.upwards(asked).any(|e| e == *l)),
            }
    }

    /// What a piece refers to; none for an environment that is not in its project.
    pub(super) fn target(&self, piece: &Piece, asked: usize, own_folder: usize) -> Option<At> {
        match *piece {
            Piece::Late { folder, name } => Some((asked, folder.unwrap_or(own_folder), name)),
            Piece::Environment { environment, folder, name } => {
                let same = self.environments[environment].project == self.environments[asked].project;
                same.then_some((environment, folder.unwrap_or(0), name))
            }
            Piece::Project { environment, folder, name } => Some((environment, folder, name)),
            Piece::Text(_) | Piece::Escape | Piece::Nowhere => None,
        }
    }

    /// The pieces as a person would type them.
    pub(super) fn text(&self, pieces: &[Piece]) -> String {
        let path = |folder: usize| if folder == 0 { "" } else { FOLDERS[folder] };
        let piece = |piece: &Piece| match *piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Escape => "$${".to_owned(),
            Piece::Late { folder: None, name } => format!("${{{}}}", NAMES[name]),
            Piece::Late { folder: Some(folder), name } => format!("${{{}/{}}}", path(folder), NAMES[name]),
            Piece::Environment { environment, folder: None, name } => format!("${{e{environment}.{}}}", NAMES[name]),
            Piece::Environment { environment, folder: Some(folder), name } => {
                format!("${{e{environment}:{}/{}}}", path(folder), NAMES[name])
            }
            Piece::Project { environment, folder, name } => {
                let project = self.environments[environment].project;
                format!("${{p{project}.e{environment}:{}/{}}}", path(folder), NAMES[name])
            }
            Piece::Nowhere => "${nowhere.A}".to_owned(),
        };
        pieces.iter().map(piece).collect()
    }

    pub(super) fn label(&self, environment: usize) -> String {
        format!("p{}/e{environment}", self.environments[environment].project)
    }

    pub(super) fn place(&self, (environment, folder, name): At) -> String {
        let path = if folder == 0 { "" } else { FOLDERS[folder] };
        format!("{}:{path}/{}", self.label(environment), NAMES[name])
    }

    /// The same world for the resolver. Environment `n` gets the id `n + 1`.
    pub(super) fn world(&self) -> World {
        let mut world = World::default();
        for (index, environment) in self.environments.iter().enumerate() {
            let id = |index: usize| -> EnvironmentId { Id::from_bytes((index as u128 + 1).to_be_bytes()) };
            let flow = match &environment.flow {
                FlowSpec::Tree => Flow::Tree,
                FlowSpec::Closed => Flow::Closed,
                FlowSpec::Listed(listed) => Flow::Listed(listed.iter().map(|index| id(*index)).collect()),
            };
            let parent = environment.parent.map(|parent| self.label(parent));
            assert_eq!(world.add_environment(&self.label(index), parent.as_deref(), flow), id(index));
        }
        for (at, content) in &self.contents {
            match content {
                Content::Unset => world.unset(&self.place(*at)),
                Content::Value { pieces, interpolate, visibility } => {
                    world.put(&self.place(*at), self.text(pieces).as_bytes(), |facts| {
                        facts.interpolate = *interpolate;
                        facts.visibility = *visibility;
                        facts.state = State::Value;
                    })
                }
            };
        }
        world
    }
}
