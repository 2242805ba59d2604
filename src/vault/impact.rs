//! What a change of the tree means for values: told before it is made.

use std::collections::BTreeMap;

use super::VaultError;
use super::model::{FolderPath, SecretName};
use super::resolve::check::{Names, Proposed, newly_broken};
use super::resolve::{EnvironmentFacts, ListedSecret, Source, list_folder};
use super::source::{StoreSource, environment_facts};
use super::store;
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::{self, Environment, Placed};
use crate::policy::Action;
use crate::types::{Id, Problem, kinds};

/// Most environments and names one answer lists.
const LISTED_MAX: usize = 500;

/// What becomes of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableChange {
    /// It comes from above, newly.
    Gained,
    /// It came from above, and does not any more.
    Lost,
    /// It comes from elsewhere.
    Changed,
}

impl VariableChange {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::Changed => "changed",
        }
    }
}

/// A variable of an environment that a change of the tree touches.
#[derive(Debug, Clone)]
pub struct VariableImpact {
    /// `shop/staging`.
    pub environment: String,
    /// The folder.
    pub path: FolderPath,
    /// The name.
    pub name: SecretName,
    /// What becomes of it.
    pub change: VariableChange,
}

/// What moving an environment changes in it and beneath it, by name and never by value.
///
/// # Errors
/// Not visible; the database failed.
pub async fn of_move(op: &Op, before: &Placed, after: &Placed) -> Result<Vec<VariableImpact>, VaultError> {
    op.read(|reader| {
        let organization = before.environment.organization;
        let source = StoreSource::new(reader, op.keyring().organization(reader, organization)?);
        let old = With { source: &source, changed: environment_facts(&before.environment) };
        let new = With { source: &source, changed: environment_facts(&after.environment) };
        let mut impacts = Vec::new();
        for id in environment::store::environment_subtree(reader, before.environment.id)? {
            let Some(placed) = access::placed(reader, organization, id)? else { continue };
            if op.permits(reader, Action::SecretList, &placed.resource())? {
                compare(&placed.path(), names(&old, id)?, names(&new, id)?, &mut impacts);
            }
        }
        impacts.truncate(LISTED_MAX);
        Ok(impacts)
    })
    .await
}

type Listed = BTreeMap<(FolderPath, SecretName), ListedSecret>;

fn names(world: &With<'_, '_>, id: Id<kinds::Environment>) -> Result<Listed, VaultError> {
    let listed = list_folder(world, id, &FolderPath::root(), true)?;
    Ok(listed.into_iter().map(|l| ((l.path.clone(), l.name.clone()), l)).collect())
}

fn compare(environment: &str, old: Listed, mut new: Listed, impacts: &mut Vec<VariableImpact>) {
    let mut add = |(path, name), change| {
        impacts.push(VariableImpact { environment: environment.to_owned(), path, name, change });
    };
    for (place, was) in old {
        match new.remove(&place) {
            None => add(place, VariableChange::Lost),
            Some(is) if is.stored_in != was.stored_in => add(place, VariableChange::Changed),
            Some(_) => {}
        }
    }
    for place in new.into_keys() {
        add(place, VariableChange::Gained);
    }
}

/// The world with one environment as it would be.
struct With<'s, 'r> {
    source: &'s StoreSource<'r>,
    changed: EnvironmentFacts,
}

impl Source for With<'_, '_> {
    type Error = VaultError;

    fn environment(&self, id: Id<kinds::Environment>) -> Result<Option<EnvironmentFacts>, VaultError> {
        if id == self.changed.id { Ok(Some(self.changed.clone())) } else { self.source.environment(id) }
    }

    fn find_environment(
        &self,
        seen_from: Id<kinds::Environment>,
        project: Option<&crate::types::Slug>,
        environment: &crate::types::Slug,
    ) -> Result<Option<Id<kinds::Environment>>, VaultError> {
        self.source.find_environment(seen_from, project, environment)
    }

    fn secret(
        &self,
        environment: Id<kinds::Environment>,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<super::resolve::SecretFacts>, VaultError> {
        self.source.secret(environment, path, name)
    }

    fn secrets(
        &self,
        environment: Id<kinds::Environment>,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Vec<super::resolve::StoredSecret>, VaultError> {
        self.source.secrets(environment, path, beneath)
    }

    fn value(
        &self,
        secret: Id<kinds::SecretRow>,
        version: u32,
    ) -> Result<std::rc::Rc<crate::types::SecretBytes>, VaultError> {
        self.source.value(secret, version)
    }
}

/// Names that would break when an environment's flow is narrowed, by environment; those whoever asks may not see
/// are a count.
///
/// # Errors
/// Not visible; the database failed.
pub async fn of_flow(op: &Op, changed: &Environment) -> Result<Vec<Problem>, VaultError> {
    op.read(|reader| {
        let source = StoreSource::new(reader, op.keyring().organization(reader, changed.organization)?);
        let proposed = Proposed::new(&source, []).with_environment(environment_facts(changed));
        let mut problems = Vec::new();
        let mut hidden = 0;
        for id in reached(reader, changed)? {
            let Some(placed) = access::placed(reader, changed.organization, id)? else { continue };
            let broken = newly_broken(&proposed, id, Names::All)?;
            if op.permits(reader, Action::SecretList, &placed.resource())? {
                problems.extend(broken.iter().map(|b| Problem {
                    field: placed.path(),
                    code: "loses_value".into(),
                    detail: b.to_string(),
                }));
            } else {
                hidden += broken.len();
            }
        }
        problems.truncate(LISTED_MAX);
        if hidden > 0 {
            let detail = format!("{hidden} names of environments you may not see");
            problems.push(Problem { field: String::new(), code: "loses_value_hidden".into(), detail });
        }
        Ok(problems)
    })
    .await
}

/// Environments that may have values of this one now: those beneath it, and those with references to it.
fn reached(reader: &Reader<'_>, of: &Environment) -> Result<Vec<Id<kinds::Environment>>, VaultError> {
    let mut reached = environment::store::environment_subtree(reader, of.id)?;
    reached.extend(store::environments_referring(reader, of.id)?);
    reached.sort_unstable();
    reached.dedup();
    reached.retain(|id| *id != of.id);
    reached.truncate(LISTED_MAX);
    Ok(reached)
}

/// How many secrets environments hold.
///
/// # Errors
/// The database failed.
pub async fn of_delete(op: &Op, environments: &[Environment]) -> Result<u64, VaultError> {
    let ids: Vec<_> = environments.iter().map(|e| e.id).collect();
    op.read(|reader| Ok(store::secret_count(reader, &ids)?)).await
}
