//! The whole of an environment at a glance, and a project's tree with what each node adds: for people who look.
//!
//! However many names there are, the database is asked a fixed number of times for each environment of the chain.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::browse::{holds, wanted};
use super::read::{named_origin, view_plain};
use super::{EnvironmentName, NamedOrigin, SecretView, store as rows};
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::orgs::project::Project;
use crate::policy::{Action, PrincipalId};
use crate::types::{Id, Timestamp, kinds};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, Origin};
use crate::vault::personal::{self, Overrides};
use crate::vault::reference::{Reference, Scope};
use crate::vault::resolve::list_folder;
use crate::vault::store::{StoredReference, VersionState};
use crate::vault::time::{self, Instant};

/// Most rows of one table; what is beyond is found by a search.
pub const TABLE_MAX: usize = 5_000;

/// Which table.
#[derive(Debug, Clone, Default)]
pub struct TableAsk {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// Only names with these words in name, comment or tags, in any case.
    pub words: Option<String>,
    /// The moment whose names they are; now when none.
    pub at: Option<Instant>,
}

/// How many names an environment has, by where it has them from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NameCounts {
    /// Stored here, new in the tree.
    pub own: usize,
    /// Stored above.
    pub inherited: usize,
    /// Stored here in place of what is above.
    pub overrides: usize,
}

/// One name of a table.
#[derive(Debug, Clone)]
pub struct TableRow {
    /// What is told of it.
    pub secret: SecretView,
    /// Whether a flow keeps its value away: to use the name is an error.
    pub is_blocked: bool,
    /// How whoever wrote it is called.
    pub updated_by: String,
    /// How whoever had it last is called.
    pub accessed_by: Option<String>,
}

/// An environment with all its names.
#[derive(Debug, Clone)]
pub struct SecretTable {
    /// The environment.
    pub placed: Placed,
    /// What it inherits from, when whoever asks may see that.
    pub parent: Option<EnvironmentName>,
    /// How many names it has, whatever is searched for.
    pub counts: NameCounts,
    /// The names, by folder and name.
    pub rows: Vec<TableRow>,
    /// Whether there are more than [`TABLE_MAX`].
    pub is_cut: bool,
}

/// Every name of an environment, own and inherited, in all its folders.
///
/// # Errors
/// Unknown or not visible; not allowed; words that are none; there is no such moment.
pub async fn secret_table(op: &Op, ask: &TableAsk) -> Result<SecretTable, VaultError> {
    let words = ask.words.as_deref().map(wanted).transpose()?;
    op.read(|reader| {
        let placed = access::environment(op, reader, &ask.project, &ask.environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        let (source, _) = time::world(op, reader, &placed, ask.at.as_ref())?;
        let mine = if ask.at.is_none() { Overrides::of(op, reader)? } else { Overrides::default() };
        let listed = list_folder(&mine.over(&source)?, placed.environment.id, &FolderPath::root(), true)?;
        let mut table = Told::new(op, reader, &placed, ask.at.is_none())?;
        let mut counts = NameCounts::default();
        let (mut shown, mut is_cut) = (Vec::new(), false);
        for one in listed {
            match one.origin {
                Origin::Inherited { .. } => counts.inherited += 1,
                Origin::Overrides { .. } => counts.overrides += 1,
                Origin::Own | Origin::Personal { .. } => counts.own += 1,
            }
            if shown.len() == TABLE_MAX {
                is_cut = true;
                continue;
            }
            if let Some(own) = mine.get(one.facts.id) {
                if words.as_ref().is_none_or(|w| own.name.as_str().to_lowercase().contains(w)) {
                    let origin = table.origin(Origin::Personal { at: one.stored_in })?;
                    shown.push(table.row(personal::view(own, origin.environment), false)?);
                }
                continue;
            }
            let version = source.version(one.facts.id, one.facts.version)?;
            if words.as_ref().is_none_or(|w| holds(&version, w)) {
                let mut secret = view_plain(table.origin(one.origin)?, &one, &version);
                if version.interpolate && version.version == version.newest {
                    secret.references = table.references(version.id)?;
                }
                shown.push(table.row(secret, one.blocked_by.is_some())?);
            }
        }
        let parent = placed.parents.first().map(|id| table.environment(*id)).transpose()?.flatten();
        Ok(SecretTable { parent, counts, rows: shown, is_cut, placed: placed.clone() })
    })
    .await
}

/// What rows tell beyond the versions themselves, loaded for the whole table at once.
struct Told<'r, 'c> {
    op: &'r Op,
    reader: &'r Reader<'c>,
    placed: &'r Placed,
    references: HashMap<Id<kinds::SecretRow>, Vec<StoredReference>>,
    uses: HashMap<Id<kinds::SecretRow>, (Timestamp, String)>,
    environments: HashMap<Id<kinds::Environment>, Option<EnvironmentName>>,
    people: HashMap<String, String>,
}

impl<'r, 'c> Told<'r, 'c> {
    fn new(op: &'r Op, reader: &'r Reader<'c>, placed: &'r Placed, is_now: bool) -> Result<Self, VaultError> {
        let (mut references, mut uses) = (HashMap::<_, Vec<_>>::new(), HashMap::new());
        let chain = std::iter::once(&placed.environment.id).chain(&placed.parents);
        for environment in chain.filter(|_| is_now) {
            for (secret, reference) in rows::environment_references(reader, *environment)? {
                references.entry(secret).or_default().push(reference);
            }
            uses.extend(rows::environment_uses(reader, *environment)?);
        }
        let (environments, people) = (HashMap::new(), HashMap::new());
        Ok(Self { op, reader, placed, references, uses, environments, people })
    }

    fn row(&mut self, mut secret: SecretView, is_blocked: bool) -> Result<TableRow, VaultError> {
        if secret.last_accessed.is_none() {
            secret.last_accessed = self.uses.remove(&secret.id);
        }
        let updated_by = self.person(&secret.updated_by)?;
        let accessed_by = secret.last_accessed.clone().map(|(_, by)| self.person(&by)).transpose()?;
        Ok(TableRow { secret, is_blocked, updated_by, accessed_by })
    }

    /// How an author is called; what has no name is shown as it is stored.
    fn person(&mut self, id: &str) -> Result<String, VaultError> {
        if let Some(known) = self.people.get(id) {
            return Ok(known.clone());
        }
        let label = author_name(self.reader, id)?;
        self.people.insert(id.to_owned(), label.clone());
        Ok(label)
    }

    /// How an environment is called, for who may see it.
    fn environment(&mut self, id: Id<kinds::Environment>) -> Result<Option<EnvironmentName>, VaultError> {
        if let Some(known) = self.environments.get(&id) {
            return Ok(known.clone());
        }
        let named = named_origin(self.op, self.reader, self.placed, Origin::Inherited { from: id })?.environment;
        self.environments.insert(id, named.clone());
        Ok(named)
    }

    fn origin(&mut self, origin: Origin) -> Result<NamedOrigin, VaultError> {
        let environment = match origin {
            Origin::Own => None,
            Origin::Inherited { from: id } | Origin::Overrides { what: id } | Origin::Personal { at: id } => {
                self.environment(id)?
            }
        };
        Ok(NamedOrigin { origin, environment })
    }

    /// What a value refers to; without the environments whoever asks may not see.
    fn references(&mut self, secret: Id<kinds::SecretRow>) -> Result<Vec<String>, VaultError> {
        let Some(stored) = self.references.remove(&secret) else { return Ok(Vec::new()) };
        let mut shown = Vec::with_capacity(stored.len());
        for found in stored {
            let scope = if found.late {
                Scope::Late
            } else {
                let Some(named) = self.environment(found.environment)? else { continue };
                match super::scope_of(&named) {
                    Some(scope) => scope,
                    None => continue,
                }
            };
            shown.push(Reference { scope, folder: Some(found.path), name: found.name }.to_string());
        }
        Ok(shown)
    }
}

/// How an author is called, as versions and uses name them: an address, a machine's name, or the text itself.
fn author_name(reader: &Reader<'_>, id: &str) -> Result<String, VaultError> {
    let user = Id::parse(id).map(PrincipalId::User);
    let known = user.or_else(|_| Id::parse(id).map(PrincipalId::ServiceAccount)).ok();
    let label = known.map(|p| access::principal_label(reader, p)).transpose()?.flatten();
    Ok(label.unwrap_or_else(|| id.to_owned()))
}

/// How authors are called, in their order: for who may see what they wrote.
///
/// # Errors
/// The database failed.
pub async fn author_names(op: &Op, ids: Vec<String>) -> Result<Vec<String>, VaultError> {
    op.read(|reader| {
        op.organization()?;
        let mut known: HashMap<&str, String> = HashMap::new();
        for id in &ids {
            if !known.contains_key(id.as_str()) {
                known.insert(id, author_name(reader, id)?);
            }
        }
        Ok(ids.iter().map(|id| known.get(id.as_str()).unwrap_or(id).clone()).collect())
    })
    .await
}

/// A node of a project's tree, with what it adds.
#[derive(Debug, Clone)]
pub struct TreeNode {
    /// The environment.
    pub placed: Placed,
    /// How far it hangs beneath the first node of its tree that is shown.
    pub depth: usize,
    /// How many names it has; none for who may not list them.
    pub counts: Option<NameCounts>,
    /// When something of its own was written last.
    pub changed_at: Option<Timestamp>,
}

/// The environments of a project that whoever asks may see, parents before their children, siblings by slug.
///
/// # Errors
/// The project is unknown or not visible.
pub async fn secret_tree(op: &Op, project: &str) -> Result<(Project, Vec<TreeNode>), VaultError> {
    op.read(|reader| {
        let found = access::project(op, reader, project)?;
        let names = rows::names_of_project(reader, found.id)?;
        let mut nodes = Vec::new();
        for (placed, depth) in access::tree(op, reader, &found)? {
            let may_list = op.permits(reader, Action::SecretList, &placed.resource())?;
            let counts = may_list.then(|| count(&placed, &names));
            let changed_at = names.get(&placed.environment.id).and_then(|n| n.iter().map(|one| one.written_at).max());
            nodes.push(TreeNode { counts, changed_at: changed_at.filter(|_| may_list), depth, placed });
        }
        Ok((found, nodes))
    })
    .await
}

fn count(placed: &Placed, names: &rows::ProjectNames) -> NameCounts {
    let mut counts = NameCounts::default();
    let mut nearer: HashMap<(&str, &str), (bool, bool)> = HashMap::new();
    let chain = std::iter::once(&placed.environment.id).chain(&placed.parents);
    for (level, id) in chain.enumerate() {
        for one in names.get(id).into_iter().flatten() {
            let is_set = one.state == VersionState::Set;
            let seen = nearer.entry((&one.path, &one.name));
            match seen {
                Entry::Vacant(vacant) => {
                    vacant.insert((level == 0, false));
                    match (level, is_set) {
                        (0, _) => counts.own += 1,
                        (_, true) => counts.inherited += 1,
                        (_, false) => {}
                    }
                }
                Entry::Occupied(mut first) => {
                    let (is_own, is_settled) = *first.get();
                    if is_own && !is_settled {
                        if is_set {
                            counts.own -= 1;
                            counts.overrides += 1;
                        }
                        first.insert((true, true));
                    }
                }
            }
        }
    }
    counts
}

/// A name found for the palette.
#[derive(Debug, Clone)]
pub struct Spotted {
    /// The environment that stores it.
    pub environment: String,
    /// Its folder.
    pub path: String,
    /// Its name.
    pub name: String,
}

/// Names that hold `words`, over every project, in the environments whoever asks may list: those that begin with them
/// first. Looks at names only, so that it answers while somebody types.
///
/// # Errors
/// The words are empty or too long; the database failed.
pub async fn secret_spot(op: &Op, words: &str, most: usize) -> Result<Vec<Spotted>, VaultError> {
    let words = wanted(words)?;
    op.read(|reader| {
        let mut places: HashMap<Id<kinds::Environment>, Option<String>> = HashMap::new();
        let mut found = Vec::new();
        for (environment, path, name) in rows::names_like(reader, op.organization()?, &words.to_uppercase())? {
            if found.len() == most {
                break;
            }
            let place = if let Some(known) = places.get(&environment) {
                known.clone()
            } else {
                let placed = access::placed(reader, op.organization()?, environment)?;
                let may = |p: &Placed| op.permits(reader, Action::SecretList, &p.resource());
                let shown = match placed {
                    Some(placed) if may(&placed)? => Some(placed.path()),
                    _ => None,
                };
                places.insert(environment, shown.clone());
                shown
            };
            if let Some(environment) = place {
                found.push(Spotted { environment, path, name });
            }
        }
        Ok(found)
    })
    .await
}
