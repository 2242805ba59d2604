//! What uses a secret: who refers to it, who refers to those, and which environments inherit it.

use std::collections::{HashSet, VecDeque};

use super::VaultError;
use super::model::{FolderPath, SecretName};
use super::resolve::{MAX_REFERENCE_DEPTH, locate};
use super::source::StoreSource;
use super::store::{self, Referrer};
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::{self, Placed};
use crate::policy::Action;
use crate::types::{Id, kinds};

/// Most secrets one answer lists.
const USED_MAX: usize = 1_000;
/// Most secrets that refer to one name and are looked at.
const REFERRERS_MAX: usize = 1_000;
/// Most environments beneath that are looked at.
const ENVIRONMENTS_MAX: usize = 500;

/// A secret whose value is built from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependence {
    /// `shop/staging`.
    pub environment: String,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// References in a row from it to the secret asked for; 1 when it refers to it itself.
    pub distance: usize,
    /// What it refers to on that way, as `shop/staging:/api/HOST`; none for one that may not be seen.
    pub through: Option<String>,
}

/// All that uses a secret.
#[derive(Debug, Clone)]
pub struct Usage {
    /// The environment that stores it.
    pub stored_in: Placed,
    /// Secrets built from it, nearest first.
    pub items: Vec<Dependence>,
    /// Environments beneath that have it from here, by their slugs.
    pub inherited_by: Vec<String>,
    /// How many more secrets are built from it that whoever asks may not see.
    pub hidden: usize,
    /// How many more environments inherit it that whoever asks may not see.
    pub hidden_environments: usize,
    /// Whether this is all; a very long answer is cut.
    pub complete: bool,
}

/// What uses one secret of an environment, its own or inherited, through any number of references.
///
/// # Errors
/// Unknown or not visible; not allowed.
pub async fn secret_usage(
    op: &Op,
    project: &str,
    environment: &str,
    path: &str,
    name: &str,
) -> Result<Usage, VaultError> {
    let path = FolderPath::parse(if path.is_empty() { "/" } else { path })?;
    let parsed = SecretName::parse_any(name)?;
    op.read(|reader| {
        let placed = access::environment(op, reader, project, environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        let organization = placed.environment.organization;
        let source = StoreSource::new(reader, op.keyring().organization(reader, organization)?);
        let missing = || VaultError::not_found("secret", name);
        let listed = locate(&source, placed.environment.id, &path, &parsed)?.ok_or_else(missing)?;
        let stored_in = if listed.stored_in == placed.environment.id {
            placed
        } else {
            let above = access::placed(reader, organization, listed.stored_in)?.ok_or_else(missing)?;
            if !op.permits(reader, Action::SecretList, &above.resource())? {
                return Err(missing());
            }
            above
        };
        let mut walk = Walk { op, reader, source: &source, usage: empty(stored_in.clone()), seen: HashSet::new() };
        walk.inherited(&stored_in, &path, &parsed)?;
        walk.dependents(stored_in, path, parsed)?;
        Ok(walk.usage)
    })
    .await
}

fn empty(stored_in: Placed) -> Usage {
    Usage { stored_in, items: Vec::new(), inherited_by: Vec::new(), hidden: 0, hidden_environments: 0, complete: true }
}

/// A secret whose referrers are still to be looked at.
struct Open {
    placed: Placed,
    path: FolderPath,
    name: SecretName,
    through: Option<String>,
    distance: usize,
}

struct Walk<'a, 'r> {
    op: &'a Op,
    reader: &'a Reader<'r>,
    source: &'a StoreSource<'a>,
    usage: Usage,
    seen: HashSet<(Id<kinds::Environment>, FolderPath, SecretName)>,
}

impl Walk<'_, '_> {
    /// The environments beneath that have the name from `stored_in` and are let to.
    fn inherited(&mut self, stored_in: &Placed, path: &FolderPath, name: &SecretName) -> Result<(), VaultError> {
        let beneath = environment::store::environment_subtree(self.reader, stored_in.environment.id)?;
        self.usage.complete &= beneath.len() <= ENVIRONMENTS_MAX;
        for id in beneath.into_iter().skip(1).take(ENVIRONMENTS_MAX) {
            let found = locate(self.source, id, path, name)?;
            if !found.is_some_and(|l| l.stored_in == stored_in.environment.id && l.blocked_by.is_none()) {
                continue;
            }
            let Some(placed) = access::placed(self.reader, stored_in.environment.organization, id)? else { continue };
            if self.op.permits(self.reader, Action::EnvironmentRead, &placed.resource())? {
                self.usage.inherited_by.push(placed.path());
            } else {
                self.usage.hidden_environments += 1;
            }
        }
        self.usage.inherited_by.sort_unstable();
        Ok(())
    }

    /// The secrets built from it, breadth first.
    fn dependents(&mut self, placed: Placed, path: FolderPath, name: SecretName) -> Result<(), VaultError> {
        self.seen.insert((placed.environment.id, path.clone(), name.clone()));
        let through = Some(place(&placed, &path, &name));
        let mut open = VecDeque::from([Open { placed, path, name, through, distance: 0 }]);
        while let Some(Open { placed, path, name, through, distance }) = open.pop_front() {
            if distance >= MAX_REFERENCE_DEPTH {
                self.usage.complete = false;
                continue;
            }
            let organization = placed.environment.organization;
            let found = store::referrers(self.reader, organization, &path, &name, REFERRERS_MAX)?;
            self.usage.complete &= found.len() < REFERRERS_MAX;
            for referrer in found {
                let key = (referrer.environment, referrer.path.clone(), referrer.name.clone());
                if self.seen.contains(&key) || !self.is_of(&placed, &path, &name, &referrer)? {
                    continue;
                }
                if self.seen.len() >= USED_MAX {
                    self.usage.complete = false;
                    return Ok(());
                }
                self.seen.insert(key);
                let Some(holder) = access::placed(self.reader, organization, referrer.environment)? else { continue };
                let mut shown = None;
                if self.op.permits(self.reader, Action::SecretList, &holder.resource())? {
                    shown = Some(place(&holder, &referrer.path, &referrer.name));
                    self.usage.items.push(Dependence {
                        environment: holder.path(),
                        path: referrer.path.clone(),
                        name: referrer.name.clone(),
                        distance: distance + 1,
                        through: through.clone(),
                    });
                } else {
                    self.usage.hidden += 1;
                }
                let (path, name) = (referrer.path, referrer.name);
                open.push_back(Open { placed: holder, path, name, through: shown, distance: distance + 1 });
            }
        }
        Ok(())
    }

    /// Whether what the referrer looks up is this secret, in some environment.
    fn is_of(
        &self,
        placed: &Placed,
        path: &FolderPath,
        name: &SecretName,
        referrer: &Referrer,
    ) -> Result<bool, VaultError> {
        let own = placed.environment.id;
        if locate(self.source, referrer.target, path, name)?.is_some_and(|l| l.stored_in == own) {
            return Ok(true);
        }
        // A late reference from above binds here, for this environment and those beneath it.
        Ok(referrer.late && placed.parents.contains(&referrer.target))
    }
}

/// `shop/staging:/api/HOST`.
fn place(placed: &Placed, path: &FolderPath, name: &SecretName) -> String {
    let folder = if path.is_root() { "" } else { path.as_str() };
    format!("{}:{folder}/{name}", placed.path())
}
