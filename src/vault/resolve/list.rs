//! The list view: which names an environment has and where each comes from, without opening any.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::vault::model::{FolderPath, Origin, SecretName};

use super::error::ResolveError;
use super::source::{EnvironmentId, SecretFacts, Source, State};
use super::tree::Tree;

/// A name as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSecret {
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// The stored secret. Its visibility is its own: what its references add is known only when resolved.
    pub facts: SecretFacts,
    /// The environment that stores it.
    pub stored_in: EnvironmentId,
    /// How this environment comes by it.
    pub origin: Origin,
    /// The environment whose flow keeps the value from this one, if one does: to use the name is an error.
    pub blocked_by: Option<EnvironmentId>,
}

/// Lists a folder of `environment` with what it inherits, in order of folder and name; with `beneath`, the
/// folders beneath it too. A name the environment itself has unset is listed, one that is unset above is not.
///
/// # Errors
/// Those of the source, an unknown environment, a tree too deep.
pub fn list_folder<S: Source>(
    source: &S,
    environment: EnvironmentId,
    path: &FolderPath,
    beneath: bool,
) -> Result<Vec<ListedSecret>, ResolveError<S::Error>> {
    let chain = Tree::new(source).chain(environment)?;
    let mut names: BTreeMap<(FolderPath, SecretName), Stored> = BTreeMap::new();
    for (level, member) in chain.members.iter().enumerate() {
        for secret in source.secrets(member.id, path, beneath).map_err(ResolveError::Source)? {
            match names.entry((secret.path, secret.name)) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Stored { facts: secret.facts, level, next: None });
                }
                Entry::Occupied(mut nearer) => {
                    nearer.get_mut().next.get_or_insert((level, secret.facts.state));
                }
            }
        }
    }
    let shown = names.into_iter().filter(|(_, stored)| stored.level == 0 || stored.facts.state == State::Value);
    let listed = shown.map(|((path, name), stored)| {
        let origin = chain.origin(stored.level, stored.next);
        let blocked_by = chain.blocker(stored.level).map(|blocker| blocker.id);
        let stored_in = chain.members[stored.level].id;
        ListedSecret { path, name, facts: stored.facts, stored_in, origin, blocked_by }
    });
    Ok(listed.collect())
}

/// Where `environment` has one name from; none when it has not. A name the environment itself has unset is found.
///
/// # Errors
/// Those of the source, an unknown environment, a tree too deep.
pub fn locate<S: Source>(
    source: &S,
    environment: EnvironmentId,
    path: &FolderPath,
    name: &SecretName,
) -> Result<Option<ListedSecret>, ResolveError<S::Error>> {
    let chain = Tree::new(source).chain(environment)?;
    let mut nearest: Option<Stored> = None;
    for (level, member) in chain.members.iter().enumerate() {
        let Some(facts) = source.secret(member.id, path, name).map_err(ResolveError::Source)? else { continue };
        match &mut nearest {
            None => nearest = Some(Stored { facts, level, next: None }),
            Some(stored) => stored.next = Some((level, facts.state)),
        }
        // What is farther is told only of what the environment stores itself.
        if nearest.as_ref().is_some_and(|stored| stored.level > 0 || stored.next.is_some()) {
            break;
        }
    }
    let shown = nearest.filter(|stored| stored.level == 0 || stored.facts.state == State::Value);
    Ok(shown.map(|stored| ListedSecret {
        path: path.clone(),
        name: name.clone(),
        facts: stored.facts,
        stored_in: chain.members[stored.level].id,
        origin: chain.origin(stored.level, stored.next),
        blocked_by: chain.blocker(stored.level).map(|blocker| blocker.id),
    }))
}

/// The nearest place that stores a name, and the state of the next one.
struct Stored {
    facts: SecretFacts,
    level: usize,
    next: Option<(usize, State)>,
}
