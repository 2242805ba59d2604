//! References that point at what is moved: found, and written anew so that they point at it where it is then.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::SecretBytes;
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::reference::{Reference, Scope, Template};
use crate::vault::resolve::{EnvironmentId, Source as _, locate};
use crate::vault::source::{StoreSource, environment_facts};
use crate::vault::store::{self, Referrer, SecretVersion, VersionState};

/// Most secrets that refer to one name and are looked at.
const REFERRERS_OF_ONE: usize = 1_000;
/// Most secrets that refer to anything moved and are looked at.
const REFERRERS_MAX: usize = 10_000;

/// A folder and a name.
pub(super) type Spot = (FolderPath, SecretName);

/// What goes where.
pub(super) struct Moves<'m> {
    pub(super) from: &'m Placed,
    pub(super) to: &'m Placed,
    /// Whether it is gone where it was.
    pub(super) leaves: bool,
    pub(super) spots: HashMap<Spot, Spot>,
    pub(super) arrivals: HashSet<Spot>,
}

/// A reference that points at what is moved, or whose meaning depends on where its own secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointing {
    /// `shop/staging`.
    pub environment: String,
    /// The folder of the secret that holds it.
    pub path: FolderPath,
    /// The secret that holds it.
    pub name: SecretName,
    /// As it is written.
    pub reference: String,
    /// As it would point at the same value; none where it binds late from above and loses an override.
    pub becomes: Option<String>,
}

/// A secret elsewhere with references to what is moved.
pub(super) struct Holder {
    pub(super) placed: Placed,
    pub(super) version: SecretVersion,
    pub(super) pointing: Vec<Pointing>,
    /// Its text with those references written anew; none when there is none that could be.
    pub(super) rewritten: Option<SecretBytes>,
}

/// All of them; those whoever asks may not see are a number.
#[derive(Default)]
pub(super) struct Holders {
    pub(super) visible: Vec<Holder>,
    pub(super) hidden: usize,
}

/// Where a reference stands.
#[derive(Clone, Copy)]
pub(super) struct Stand<'p> {
    environment: &'p Placed,
    folder: &'p FolderPath,
    environment_then: &'p Placed,
    folder_then: &'p FolderPath,
}

impl<'p> Stand<'p> {
    fn still(environment: &'p Placed, folder: &'p FolderPath) -> Self {
        Self { environment, folder, environment_then: environment, folder_then: folder }
    }
}

/// What a move makes of a reference.
enum Turn {
    Keeps,
    Becomes(Reference),
    Loses,
}

/// A look at the world before the move.
pub(super) struct Look<'a, 'r> {
    pub(super) reader: &'a Reader<'r>,
    pub(super) source: &'a StoreSource<'a>,
    pub(super) moves: &'a Moves<'a>,
}

impl Look<'_, '_> {
    /// The references to what is moved, of secrets that are not moved themselves.
    pub(super) fn find(&self, op: &Op) -> Result<Holders, VaultError> {
        let (reader, moves) = (self.reader, self.moves);
        let mut holders = Holders::default();
        for referrer in self.referrers()?.into_values() {
            let Some(placed) = access::placed(reader, moves.from.environment.organization, referrer.environment)?
            else {
                continue;
            };
            let found = store::secret_get(reader, referrer.environment, &referrer.path, &referrer.name)?;
            let Some(version) = found.filter(|v| v.state == VersionState::Set) else { continue };
            let stand = Stand::still(&placed, &version.path);
            let (pointing, rewritten) = self.rewrite(stand, &version)?;
            if pointing.is_empty() {
                continue;
            }
            if op.permits(reader, Action::SecretList, &placed.resource())? {
                holders.visible.push(Holder { placed, version, pointing, rewritten });
            } else {
                holders.hidden += 1;
            }
        }
        Ok(holders)
    }

    /// Secrets that refer to a moved spot, each once, in order.
    fn referrers(&self) -> Result<BTreeMap<(EnvironmentId, FolderPath, SecretName), Referrer>, VaultError> {
        let moves = self.moves;
        let mut found = BTreeMap::new();
        for spot in moves.spots.keys() {
            let organization = moves.from.environment.organization;
            for one in store::referrers(self.reader, organization, &spot.0, &spot.1, REFERRERS_OF_ONE)? {
                let own = (one.path.clone(), one.name.clone());
                if one.environment == moves.from.environment.id && moves.spots.contains_key(&own) {
                    continue;
                }
                found.insert((one.environment, own.0, own.1), one);
            }
            if found.len() > REFERRERS_MAX {
                return Err(VaultError::TooMany { len: found.len() });
            }
        }
        Ok(found)
    }

    /// What a moved secret's own text becomes: what it refers to moves along, or is named by its folder from then on.
    pub(super) fn of_moved(
        &self,
        version: &SecretVersion,
        folder_then: &FolderPath,
    ) -> Result<(Vec<Pointing>, Option<SecretBytes>), VaultError> {
        let (environment, environment_then) = (self.moves.from, self.moves.to);
        let stand = Stand { environment, folder: &version.path, environment_then, folder_then };
        self.rewrite(stand, version)
    }

    fn rewrite(
        &self,
        stand: Stand<'_>,
        version: &SecretVersion,
    ) -> Result<(Vec<Pointing>, Option<SecretBytes>), VaultError> {
        if !version.interpolate || version.state != VersionState::Set {
            return Ok((Vec::new(), None));
        }
        let value = self.source.open(version)?;
        let Some(text) = std::str::from_utf8(value.expose()).ok() else { return Ok((Vec::new(), None)) };
        let Ok(template) = Template::parse(text) else { return Ok((Vec::new(), None)) };
        let mut pointing: Vec<Pointing> = Vec::new();
        let mut with = Vec::new();
        for reference in template.references() {
            let turn = self.turn(stand, reference)?;
            let becomes = match turn {
                Turn::Keeps => {
                    with.push(None);
                    continue;
                }
                Turn::Becomes(new) => Some(new),
                Turn::Loses => None,
            };
            let told = Pointing {
                environment: stand.environment.path(),
                path: version.path.clone(),
                name: version.name.clone(),
                reference: reference.to_string(),
                becomes: becomes.as_ref().map(ToString::to_string),
            };
            if !pointing.contains(&told) {
                pointing.push(told);
            }
            with.push(becomes);
        }
        let rewritten = with.iter().any(Option::is_some).then(|| template.replaced(text, &with));
        Ok((pointing, rewritten))
    }

    /// What becomes of one reference.
    fn turn(&self, stand: Stand<'_>, reference: &Reference) -> Result<Turn, VaultError> {
        let moves = self.moves;
        let folder = reference.folder_seen_from(stand.folder);
        let spot = (folder, reference.name.clone());
        let Some(asked) = self.asked(stand.environment, reference)? else { return Ok(Turn::Keeps) };
        if let Some(then) = moves.spots.get(&spot).filter(|_| moves.leaves) {
            let stored = locate(self.source, asked, &spot.0, &spot.1)?.map(|l| l.stored_in);
            if stored == Some(moves.from.environment.id) {
                let new = self.pointed(stand, asked, reference, then)?;
                return Ok(if new == *reference { Turn::Keeps } else { Turn::Becomes(new) });
            }
            // It binds late: seen from where the value is moved away, another one takes its place.
            if !reference.is_qualified() && moves.from.parents.contains(&asked) {
                let next = self.nearest_then(moves.from, &spot)?;
                let same = next == Some(moves.to.environment.id) && *then == spot;
                return Ok(if same { Turn::Keeps } else { Turn::Loses });
            }
        }
        // Without a folder it looks where its own secret is: moved alone, it would find something else.
        let stays = stand.folder == stand.folder_then || reference.is_qualified() || reference.folder.is_some();
        if stays || moves.spots.get(&spot).is_some_and(|then| then.0 == *stand.folder_then && then.1 == spot.1) {
            return Ok(Turn::Keeps);
        }
        Ok(Turn::Becomes(Reference { scope: Scope::Late, folder: Some(spot.0), name: spot.1 }))
    }

    /// The environment a reference is resolved in, when it is there.
    fn asked(&self, holder: &Placed, reference: &Reference) -> Result<Option<EnvironmentId>, VaultError> {
        let own = || environment_facts(&holder.environment);
        match &reference.scope {
            Scope::Late => Ok(Some(holder.environment.id)),
            Scope::Environment(slug) => self.source.find_environment(&own(), None, slug),
            Scope::Project(project, slug) => self.source.find_environment(&own(), Some(project), slug),
        }
    }

    /// A reference that points at `then` of the environment moved to: by the scope it has where that leads there too.
    fn pointed(
        &self,
        stand: Stand<'_>,
        asked: EnvironmentId,
        reference: &Reference,
        then: &Spot,
    ) -> Result<Reference, VaultError> {
        let (folder, name) = then;
        let to = &self.moves.to.environment;
        let through = if reference.is_qualified() {
            access::placed(self.reader, to.organization, asked)?
        } else {
            Some(stand.environment_then.clone())
        };
        let keeps = match &through {
            Some(through) => self.nearest_then(through, then)? == Some(to.id),
            None => false,
        };
        let scope = if keeps {
            reference.scope.clone()
        } else if to.project == stand.environment_then.environment.project {
            Scope::Environment(to.slug.clone())
        } else {
            Scope::Project(to.project_slug.clone(), to.slug.clone())
        };
        // A folder that was not written is not written where it is still the one meant.
        let implied = match scope {
            Scope::Late => folder == stand.folder_then,
            Scope::Environment(_) => folder.is_root(),
            Scope::Project(..) => false,
        };
        let folder = if implied && reference.folder.is_none() { None } else { Some(folder.clone()) };
        Ok(Reference { scope, folder, name: name.clone() })
    }

    /// The nearest environment from `from` upwards that has `spot` once everything is moved.
    fn nearest_then(&self, from: &Placed, spot: &Spot) -> Result<Option<EnvironmentId>, VaultError> {
        let moves = self.moves;
        for id in std::iter::once(from.environment.id).chain(from.parents.iter().copied()) {
            if id == moves.to.environment.id && moves.arrivals.contains(spot) {
                return Ok(Some(id));
            }
            let gone = moves.leaves && id == moves.from.environment.id && moves.spots.contains_key(spot);
            if !gone && self.source.secret(id, &spot.0, &spot.1)?.is_some() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}
