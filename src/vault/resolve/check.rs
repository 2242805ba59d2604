//! Checks before a write: what would the change break, and where.
//!
//! A check resolves the same names in the world as it is and as it would be, and reports those that are
//! broken only in the second. There is no second set of rules that could differ from the resolver's.

use std::collections::HashMap;
use std::rc::Rc;

use crate::types::{SecretBytes, Slug};
use crate::vault::model::{FolderPath, SecretName};

use super::Options;
use super::engine::Engine;
use super::error::{BrokenReference, Place, Reason, ResolveError};
use super::source::{EnvironmentFacts, EnvironmentId, SecretFacts, SecretId, Source, StoredSecret};

/// What a write makes of one name.
#[derive(Debug)]
pub struct Change {
    /// The environment that stores it.
    pub environment: EnvironmentId,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// What is stored afterwards; none when the name is deleted.
    pub becomes: Option<NewSecret>,
}

/// A secret that is to be written.
#[derive(Debug)]
pub struct NewSecret {
    /// Its facts; id and version may be those it will get, and must differ from any that is stored.
    pub facts: SecretFacts,
    /// Its value; empty when unset.
    pub value: Rc<SecretBytes>,
}

type Placed = HashMap<(FolderPath, SecretName), Option<SecretFacts>>;

/// The world as it would be after some changes.
pub struct Proposed<'s, S> {
    now: &'s S,
    secrets: HashMap<EnvironmentId, Placed>,
    values: HashMap<(SecretId, u32), Rc<SecretBytes>>,
    environments: HashMap<EnvironmentId, EnvironmentFacts>,
}

impl<'s, S: Source> Proposed<'s, S> {
    /// The world `now`, with these secrets changed.
    pub fn new(now: &'s S, changes: impl IntoIterator<Item = Change>) -> Self {
        let mut proposed = Self { now, secrets: HashMap::new(), values: HashMap::new(), environments: HashMap::new() };
        for change in changes {
            let facts = change.becomes.map(|new| {
                proposed.values.insert((new.facts.id, new.facts.version), new.value);
                new.facts
            });
            proposed.secrets.entry(change.environment).or_default().insert((change.path, change.name), facts);
        }
        proposed
    }

    /// The same world with this environment changed too: moved, or its flow narrowed.
    #[must_use]
    pub fn with_environment(mut self, facts: EnvironmentFacts) -> Self {
        self.environments.insert(facts.id, facts);
        self
    }

    /// Whether `environment` itself gets a new value at `place`, which is one of its names.
    fn is_written(&self, environment: EnvironmentId, place: &Place) -> bool {
        let key = (place.path.clone(), place.name.clone());
        self.secrets.get(&environment).is_some_and(|placed| placed.contains_key(&key))
    }
}

impl<S: Source> Source for Proposed<'_, S> {
    type Error = S::Error;

    fn environment(&self, id: EnvironmentId) -> Result<Option<EnvironmentFacts>, S::Error> {
        match self.environments.get(&id) {
            Some(changed) => Ok(Some(changed.clone())),
            None => self.now.environment(id),
        }
    }

    fn find_environment(
        &self,
        seen_from: &EnvironmentFacts,
        project: Option<&Slug>,
        environment: &Slug,
    ) -> Result<Option<EnvironmentId>, S::Error> {
        let is_meant = |facts: &&EnvironmentFacts| {
            let project_fits = project.map_or(facts.project == seen_from.project, |slug| facts.project_slug == *slug);
            project_fits && facts.slug == *environment
        };
        match self.environments.values().find(is_meant) {
            Some(changed) => Ok(Some(changed.id)),
            None => self.now.find_environment(seen_from, project, environment),
        }
    }

    fn secret(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<SecretFacts>, S::Error> {
        let changed = self.secrets.get(&environment).and_then(|placed| placed.get(&(path.clone(), name.clone())));
        match changed {
            Some(becomes) => Ok(*becomes),
            None => self.now.secret(environment, path, name),
        }
    }

    fn secrets(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Vec<StoredSecret>, S::Error> {
        let mut stored = self.now.secrets(environment, path, beneath)?;
        let Some(placed) = self.secrets.get(&environment) else { return Ok(stored) };
        stored.retain(|secret| !placed.contains_key(&(secret.path.clone(), secret.name.clone())));
        let within = |folder: &FolderPath| folder == path || (beneath && path.contains(folder));
        stored.extend(placed.iter().filter(|((folder, _), _)| within(folder)).filter_map(|((path, name), facts)| {
            facts.map(|facts| StoredSecret { path: path.clone(), name: name.clone(), facts })
        }));
        Ok(stored)
    }

    fn value(&self, secret: SecretId, version: u32) -> Result<Rc<SecretBytes>, S::Error> {
        match self.values.get(&(secret, version)) {
            Some(value) => Ok(Rc::clone(value)),
            None => self.now.value(secret, version),
        }
    }
}

/// Which names of an environment a check looks at.
#[derive(Debug, Clone, Copy)]
pub enum Names<'n> {
    /// These: what is written, and what is known to refer to it.
    These(&'n [(FolderPath, SecretName)]),
    /// All of them, in all folders: for a moved environment or a narrowed flow.
    All,
}

/// The names of `environment` that `proposed` breaks: whole now, broken then. A name that is written and was
/// broken before must not be broken in another way. Values are used without regard to who may have them;
/// none of them leaves.
///
/// For the environment written this refuses the write; for each of its descendants, and others that refer to
/// it, it is a warning, told by name only to those who may see that environment.
///
/// # Errors
/// As for resolving; never [`ResolveError::Broken`], which is the answer here.
pub fn newly_broken<S: Source>(
    proposed: &Proposed<'_, S>,
    environment: EnvironmentId,
    names: Names<'_>,
) -> Result<Vec<BrokenReference>, ResolveError<S::Error>> {
    let mut broken = broken_names(proposed, environment, names)?;
    if broken.is_empty() {
        return Ok(broken);
    }
    let already = match broken_names(proposed.now, environment, names) {
        // It comes with the change.
        Err(ResolveError::UnknownEnvironment(unknown)) if unknown == environment => Vec::new(),
        already => already?,
    };
    broken.retain(|new| {
        if proposed.is_written(environment, &new.trail[0]) {
            !already.contains(new) || is_unreadable(new)
        } else {
            !already.iter().any(|old| old.trail[0] == new.trail[0])
        }
    });
    Ok(broken)
}

/// Whether the name itself holds a reference that cannot be read.
fn is_unreadable(broken: &BrokenReference) -> bool {
    broken.trail.len() == 1 && matches!(broken.reason, Reason::Syntax(_))
}

/// The names that cannot be resolved.
fn broken_names<S: Source>(
    source: &S,
    environment: EnvironmentId,
    names: Names<'_>,
) -> Result<Vec<BrokenReference>, ResolveError<S::Error>> {
    let mut engine = Engine::new(source, Options { may_use_restricted: true });
    let nodes = match names {
        Names::All => engine.list(environment, &FolderPath::root(), true)?,
        Names::These(names) => {
            let node = |(path, name): &(FolderPath, SecretName)| engine.node(environment, path.clone(), name.clone());
            names.iter().map(node).collect::<Result<_, _>>()?
        }
    };
    let mut broken = Vec::new();
    for node in nodes {
        if let Err(breaks) = engine.answer(node)? {
            broken.extend(breaks);
        }
    }
    Ok(broken)
}
