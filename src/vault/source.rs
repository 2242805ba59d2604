//! The world as the resolver sees it, read from the database in one transaction.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::VaultError;
use super::model::{FolderPath, SecretName};
use super::resolve::{EnvironmentFacts, EnvironmentId, SecretFacts, SecretId, Source, State, StoredSecret};
use super::store::{self, SecretVersion, VersionState};
use super::time::Past;
use crate::db::Reader;
use crate::keys::{OrganizationKeys, SecretAad, SecretCipher};
use crate::orgs::past::Cut;
use crate::orgs::{environment, project};
use crate::types::{Id, SecretBytes, Slug, kinds};

/// One organization's secrets, now or as they were.
pub struct StoreSource<'r> {
    reader: &'r Reader<'r>,
    organization: Id<kinds::Organization>,
    keys: Arc<OrganizationKeys>,
    ciphers: RefCell<HashMap<EnvironmentId, Rc<SecretCipher>>>,
    /// What a listing brought: its values are asked for next.
    seen: RefCell<HashMap<SecretId, Rc<SecretVersion>>>,
    /// The moment that is asked, when it is not now.
    past: Option<Past>,
}

impl<'r> StoreSource<'r> {
    /// The secrets of an organization as this transaction sees them.
    pub fn new(reader: &'r Reader<'r>, keys: Arc<OrganizationKeys>) -> Self {
        let organization = keys.id();
        Self { reader, organization, keys, ciphers: RefCell::default(), seen: RefCell::default(), past: None }
    }

    /// The same secrets as they were at a place of the ledger.
    pub(super) fn at(mut self, cut: Cut) -> Self {
        self.past = Some(Past::at(cut));
        self
    }

    /// Opens one version.
    ///
    /// # Errors
    /// The row was changed by hand, or its key is gone.
    pub fn open(&self, v: &SecretVersion) -> Result<SecretBytes, VaultError> {
        let cipher = self.cipher(v.environment)?;
        Ok(cipher.open(&aad(v), &v.ciphertext)?)
    }

    /// The cipher of an environment, derived once.
    pub(super) fn cipher(&self, environment: EnvironmentId) -> Result<Rc<SecretCipher>, VaultError> {
        if let Some(cipher) = self.ciphers.borrow().get(&environment) {
            return Ok(Rc::clone(cipher));
        }
        let cipher = Rc::new(self.keys.secret_cipher(environment)?);
        self.ciphers.borrow_mut().insert(environment, Rc::clone(&cipher));
        Ok(cipher)
    }

    /// The newest version of a name of one environment that is not deleted.
    pub(super) fn newest(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<Rc<SecretVersion>>, VaultError> {
        let found = store::secret_get(self.reader, environment, path, name)?;
        let found = found.filter(|v| v.state != VersionState::Deleted).map(Rc::new);
        if let Some(found) = &found {
            self.seen.borrow_mut().insert(found.id, Rc::clone(found));
        }
        Ok(found)
    }

    /// A version that was listed or looked up through this source, or is read now.
    ///
    /// # Errors
    /// It is not there; the database failed.
    pub fn version(&self, secret: SecretId, number: u32) -> Result<Rc<SecretVersion>, VaultError> {
        if let Some(seen) = self.seen.borrow().get(&secret).filter(|v| v.version == number) {
            return Ok(Rc::clone(seen));
        }
        let found = store::secret_version_get(self.reader, secret, number)?;
        found.map(Rc::new).ok_or_else(|| VaultError::not_found("version", number.to_string()))
    }
}

/// What a version's ciphertext is bound to.
pub(super) fn aad(v: &SecretVersion) -> SecretAad<'_> {
    SecretAad {
        row: v.id,
        version: v.version,
        field: "value",
        state: v.state.as_str(),
        path: v.path.as_str(),
        name: v.name.as_str(),
        visibility: v.visibility.as_str(),
        interpolate: v.interpolate,
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
        let found = environment::store::environment_get(self.reader, id)?;
        let found = found.filter(|e| e.organization == self.organization);
        match (self.past, found) {
            (Some(past), Some(found)) => past.environment(self.reader, &found),
            (_, found) => Ok(found.filter(|e| e.deletion.is_none()).as_ref().map(environment_facts)),
        }
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
            self.seen.borrow_mut().insert(found.version.id, Rc::new(found.version));
            found.facts
        }))
    }

    fn secrets(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Vec<StoredSecret>, VaultError> {
        if let Some(past) = self.past {
            return past.secrets(self.reader, environment, path, beneath);
        }
        let rows = store::secret_list(self.reader, environment, path, beneath)?;
        let mut seen = self.seen.borrow_mut();
        let stored = rows.into_iter().map(|v| {
            let stored = StoredSecret { path: v.path.clone(), name: v.name.clone(), facts: facts(&v) };
            seen.insert(v.id, Rc::new(v));
            stored
        });
        Ok(stored.collect())
    }

    fn value(&self, secret: SecretId, version: u32) -> Result<Rc<SecretBytes>, VaultError> {
        Ok(Rc::new(self.open(&*self.version(secret, version)?)?))
    }
}
