//! The world as the resolver sees it, read from the database in one transaction.

use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;

use super::VaultError;
use super::model::{FolderPath, SecretName, Visibility};
use super::resolve::{EnvironmentFacts, EnvironmentId, SecretFacts, SecretId, Source, State, StoredSecret};
use super::store::{self, SecretVersion, VersionState};
use super::time::Past;
use crate::db::Reader;
use crate::keys::{Beside, KeyError, OrganizationKeys, SecretAad, SecretCipher};
use crate::op::{Keep, Op};
use crate::orgs::past::Cut;
use crate::orgs::{environment, project};
use crate::types::{ById, Id, SecretBytes, Slug, kinds};

/// The most bytes of a ciphertext that is kept in memory.
const KEPT_MAX: usize = 2_048;
/// The shortest list whose values are opened by several threads: a shorter one is done before a thread has begun.
const AHEAD_MIN: usize = 1_024;
/// The most threads that open values for one request.
const THREADS_MAX: usize = 4;

/// One organization's secrets, now or as they were.
pub struct StoreSource<'r> {
    reader: &'r Reader<'r>,
    organization: Id<kinds::Organization>,
    keys: RefCell<Arc<OrganizationKeys>>,
    /// Whose memory of the tree may be used.
    op: Option<&'r Op>,
    /// Whether names may be looked up in memory too.
    names_kept: bool,
    ciphers: RefCell<HashMap<EnvironmentId, Rc<SecretCipher>>>,
    /// What a listing brought: its values are asked for next.
    seen: RefCell<HashMap<SecretId, Arc<SecretVersion>, ById>>,
    /// The moment that is asked, when it is not now. Nothing of it is in memory.
    past: Option<Past>,
    /// Whether everything that is listed is opened next, and then whether restricted values too.
    opens: Option<Opens>,
    /// Values that were opened ahead, each until it is asked for.
    ahead: RefCell<HashMap<SecretId, (u32, SecretBytes), ById>>,
}

/// How far values that are listed are opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opens {
    /// All of them.
    All,
    /// All but restricted ones.
    Unrestricted,
}

impl<'r> StoreSource<'r> {
    /// The secrets of an organization as this transaction sees them.
    pub fn new(reader: &'r Reader<'r>, keys: Arc<OrganizationKeys>) -> Self {
        let organization = keys.id();
        Self {
            reader,
            organization,
            keys: RefCell::new(keys),
            op: None,
            names_kept: false,
            ciphers: RefCell::default(),
            seen: RefCell::default(),
            past: None,
            opens: None,
            ahead: RefCell::default(),
        }
    }

    /// The same secrets as they were at a place of the ledger.
    pub(super) fn at(mut self, cut: Cut) -> Self {
        self.past = Some(Past::at(cut));
        self
    }

    /// The same, with the environments taken from what `op` remembers of the tree.
    #[must_use]
    pub fn remembering(mut self, op: &'r Op) -> Self {
        self.op = Some(op);
        self
    }

    /// The same, with names looked up in memory too: for one name, whose value is of one moment in any case.
    #[must_use]
    pub(super) fn keeping_names(mut self) -> Self {
        self.names_kept = true;
        self
    }

    /// The same, with every name looked up in the snapshot: what references lead to is of one moment.
    #[must_use]
    pub(super) fn of_one_snapshot(mut self) -> Self {
        self.names_kept = false;
        self
    }

    /// The newest version of a name as it is stored, or that there is none.
    fn stored(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<SecretVersion>, VaultError> {
        let found = store::secret_get(self.reader, environment, path, name)?;
        Ok(found.filter(|v| v.state != VersionState::Deleted))
    }

    /// The facts of an environment, as they are stored.
    fn environment_stored(&self, id: EnvironmentId) -> Result<Option<EnvironmentFacts>, VaultError> {
        let found = environment::store::environment_get(self.reader, id)?;
        let found = found.filter(|e| e.organization == self.organization);
        match (self.past, found) {
            (Some(past), Some(found)) => past.environment(self.reader, &found),
            (_, found) => Ok(found.filter(|e| e.deletion.is_none()).as_ref().map(environment_facts)),
        }
    }

    /// The same secrets, for who opens everything that is listed: one query in place of one for each, and for a long list
    /// every processor there is.
    pub(super) fn opening(mut self, opens: Opens) -> Self {
        self.past = self.past.map(Past::opening);
        self.opens = Some(opens);
        self
    }

    /// Opens a long list of versions of one environment, with several threads. One that cannot be opened is left to
    /// whoever asks for it, and to the message that it gets then.
    fn open_ahead(&self, environment: EnvironmentId, listed: &[Arc<SecretVersion>]) -> Result<(), VaultError> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
        let Some(opens) = self.opens.filter(|_| threads > 1 && listed.len() >= AHEAD_MIN) else { return Ok(()) };
        let cipher = self.cipher(environment)?;
        let cipher: &SecretCipher = &cipher;
        let is_opened = |v: &&Arc<SecretVersion>| {
            v.state == VersionState::Set && (opens == Opens::All || v.visibility != Visibility::Restricted)
        };
        let open = |part: &[Arc<SecretVersion>]| {
            let opened = part
                .iter()
                .filter(is_opened)
                .map(|v| Some((v.id, (v.version, cipher.open(&aad(v), &v.ciphertext).ok()?))));
            opened.flatten().collect::<Vec<_>>()
        };
        let mut ahead = self.ahead.borrow_mut();
        ahead.reserve(listed.len());
        std::thread::scope(|scope| {
            let (own, others) = listed.split_at(listed.len().div_ceil(threads));
            let others: Vec<_> = others.chunks(own.len()).map(|part| scope.spawn(move || open(part))).collect();
            ahead.extend(open(own));
            for opened in others.into_iter().filter_map(|thread| thread.join().ok()) {
                ahead.extend(opened);
            }
        });
        Ok(())
    }

    /// Opens one version.
    ///
    /// # Errors
    /// The row was changed by hand, or its key is gone.
    pub fn open(&self, v: &SecretVersion) -> Result<SecretBytes, VaultError> {
        self.open_bound(v.environment, &aad(v), &v.ciphertext)
    }

    /// Opens what is bound to `aad` in an environment.
    pub(super) fn open_bound(
        &self,
        environment: EnvironmentId,
        aad: &SecretAad<'_>,
        stored: &[u8],
    ) -> Result<SecretBytes, VaultError> {
        match self.cipher(environment)?.open(aad, stored) {
            // The keys in memory are newer than this transaction, which still sees rows under a key that was destroyed
            // since: its own rows say which keys it has.
            Err(KeyError::VersionUnknown(_)) => {
                let keys = self.keys.borrow().again(self.reader)?;
                *self.keys.borrow_mut() = Arc::new(keys);
                self.ciphers.borrow_mut().clear();
                Ok(self.cipher(environment)?.open(aad, stored)?)
            }
            opened => Ok(opened?),
        }
    }

    /// The cipher of an environment, derived once.
    pub(super) fn cipher(&self, environment: EnvironmentId) -> Result<Rc<SecretCipher>, VaultError> {
        if let Some(cipher) = self.ciphers.borrow().get(&environment) {
            return Ok(Rc::clone(cipher));
        }
        let cipher = Rc::new(self.keys.borrow().secret_cipher(environment)?);
        self.ciphers.borrow_mut().insert(environment, Rc::clone(&cipher));
        Ok(cipher)
    }

    /// The newest version of a name of one environment that is not deleted.
    pub(super) fn newest(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<Arc<SecretVersion>>, VaultError> {
        let load = || {
            let found = self.stored(environment, path, name)?.map(Arc::new);
            let is_small = found.as_ref().is_none_or(|v| v.ciphertext.len() <= KEPT_MAX);
            Ok::<_, VaultError>((found, if is_small { Keep::Yes } else { Keep::No }))
        };
        let found = match self.op.filter(|_| self.names_kept) {
            None => load()?.0,
            Some(op) => {
                let words = format!("{environment}:{path}/{name}");
                Option::clone(&*op.core().values.get_or_load(self.reader, self.organization, words, load)?)
            }
        };
        if let Some(found) = &found {
            self.seen.borrow_mut().insert(found.id, Arc::clone(found));
        }
        Ok(found)
    }

    /// A version that was listed or looked up through this source, or is read now.
    ///
    /// # Errors
    /// It is not there; the database failed.
    pub fn version(&self, secret: SecretId, number: u32) -> Result<Arc<SecretVersion>, VaultError> {
        if let Some(seen) = self.seen.borrow().get(&secret).filter(|v| v.version == number) {
            return Ok(Arc::clone(seen));
        }
        let found = store::secret_version_get(self.reader, secret, number)?;
        found.map(Arc::new).ok_or_else(|| VaultError::not_found("version", number.to_string()))
    }
}

/// What a version's ciphertext is bound to.
pub(super) fn aad(v: &SecretVersion) -> SecretAad<'_> {
    let beside = Beside {
        comment: &v.comment,
        tags: &v.tags,
        author: &v.written_by,
        at: v.written_at.as_micros().to_be_bytes(),
        tag_count: u32::try_from(v.tags.len()).unwrap_or(u32::MAX).to_be_bytes(),
    };
    SecretAad {
        row: v.id,
        version: v.version,
        field: "value",
        state: v.state.as_str(),
        path: v.path.as_str(),
        name: v.name.as_str(),
        visibility: v.visibility.as_str(),
        interpolate: v.interpolate,
        beside: v.bound.then_some(beside),
    }
}

pub(super) fn facts(v: &SecretVersion) -> SecretFacts {
    SecretFacts {
        id: v.id,
        version: v.version,
        visibility: v.visibility,
        interpolate: v.interpolate,
        state: if v.state == VersionState::Set { State::Value } else { State::Unset },
    }
}

/// The facts of an environment, as the resolver wants them.
pub(super) fn environment_facts(e: &environment::Environment) -> EnvironmentFacts {
    EnvironmentFacts {
        id: e.id,
        project: e.project,
        project_slug: e.project_slug.clone(),
        slug: e.slug.clone(),
        parent: e.parent,
        flow: e.flow.clone(),
        listed_as: None,
    }
}

impl Source for StoreSource<'_> {
    type Error = VaultError;

    fn environment(&self, id: EnvironmentId) -> Result<Option<EnvironmentFacts>, VaultError> {
        let Some(op) = self.op.filter(|_| self.past.is_none()) else { return self.environment_stored(id) };
        let load = || {
            let found = self.environment_stored(id)?;
            let keep = if found.is_some() { Keep::Yes } else { Keep::No };
            Ok::<_, VaultError>((found, keep))
        };
        let found = op.core().facts.get_or_load(self.reader, self.organization, id.to_string(), load)?;
        Ok(Option::clone(&found))
    }

    fn find_environment(
        &self,
        seen_from: &EnvironmentFacts,
        project: Option<&Slug>,
        environment: &Slug,
    ) -> Result<Option<EnvironmentId>, VaultError> {
        let project = match project {
            Some(slug) => {
                let found = project::store::project_by_slug(self.reader, self.organization, slug.as_str())?;
                let Some(found) = found.filter(|p| p.deletion.is_none()) else { return Ok(None) };
                found.id
            }
            None => seen_from.project,
        };
        let found = environment::store::environment_by_slug(self.reader, project, environment.as_str())?;
        let found = found.filter(|e| e.deletion.is_none()).map(|e| e.id);
        match (self.past, found) {
            (Some(past), Some(id)) => Ok(past.has(self.reader, id)?.then_some(id)),
            _ => Ok(found),
        }
    }

    fn secret(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<SecretFacts>, VaultError> {
        let Some(past) = self.past else { return Ok(self.newest(environment, path, name)?.map(|v| facts(&v))) };
        let found = past.secret(self.reader, environment, path, name)?;
        Ok(found.map(|found| {
            self.seen.borrow_mut().insert(found.version.id, found.version);
            found.facts
        }))
    }

    fn secrets(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Vec<StoredSecret>, VaultError> {
        let mut listed: Vec<Arc<SecretVersion>> = Vec::new();
        let mut stored = Vec::new();
        let mut keep = |v: Arc<SecretVersion>, facts| {
            stored.push(StoredSecret { path: v.path.clone(), name: v.name.clone(), facts });
            listed.push(v);
        };
        match self.past {
            Some(past) => match past.whole(self.reader, environment, path, beneath)? {
                Some(found) => found.into_iter().for_each(|f| keep(f.version, f.facts)),
                None => return past.secrets(self.reader, environment, path, beneath),
            },
            None => store::secret_each(self.reader, environment, path, beneath, |v| {
                let facts = facts(&v);
                keep(Arc::new(v), facts);
            })?,
        }
        self.open_ahead(environment, &listed)?;
        self.seen.borrow_mut().extend(listed.into_iter().map(|v| (v.id, v)));
        Ok(stored)
    }

    fn value(&self, secret: SecretId, version: u32) -> Result<Rc<SecretBytes>, VaultError> {
        if let Some((_, value)) = self.ahead.borrow_mut().remove(&secret).filter(|(number, _)| *number == version) {
            return Ok(Rc::new(value));
        }
        Ok(Rc::new(self.open(&*self.version(secret, version)?)?))
    }
}
