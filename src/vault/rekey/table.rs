//! The tables with values that are sealed under an organization's key.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::clusters::Clusters;
use super::proposals::Proposals;
use super::store;
use crate::db::{DbError, Reader, WriteTx};
use crate::keys::{KeyError, MacPurpose, OrganizationKeys, SecretCipher};
use crate::types::{Id, SecretBytes, kinds};
use crate::vault::personal::{self, store as overrides};
use crate::vault::source::aad;
use crate::vault::store::SecretVersion;

/// Every table with values that are sealed under an organization's key, in the order they are walked.
pub(super) static TABLES: &[&dyn SealedTable] = &[&SecretVersions, &PersonalOverrides, &Proposals, &Clusters];

/// How much of a table is read at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    /// Rows.
    pub(super) rows: usize,
    /// Sealed bytes, after which no further row is read.
    pub(super) bytes: usize,
}

/// A table with sealed values.
pub(super) trait SealedTable: Sync {
    /// Its name in the schema.
    fn name(&self) -> &'static str;

    /// How many rows an organization has in it.
    ///
    /// # Errors
    /// The database failed.
    fn count(&self, reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError>;

    /// An organization's rows behind the one with the key `after`, in the order of their keys.
    ///
    /// # Errors
    /// The database failed.
    fn page(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        after: &[u8],
        most: Most,
    ) -> Result<Vec<Box<dyn SealedRow>>, DbError>;

    /// Whether an organization has a row in it that is sealed under a key older than `than`.
    ///
    /// # Errors
    /// The database failed.
    fn has_older(&self, reader: &Reader<'_>, organization: Id<kinds::Organization>, than: u32)
    -> Result<bool, DbError>;
}

/// A row of such a table.
pub(super) trait SealedRow: Send {
    /// Its place in the order of the table.
    fn key(&self) -> Vec<u8>;

    /// What it is, for a report: never the value.
    fn name(&self) -> String;

    /// The sealed bytes as they are stored.
    fn stored(&self) -> &[u8];

    /// Opens it.
    ///
    /// # Errors
    /// It was changed by hand, or its key is gone.
    fn open(&self, ciphers: &Ciphers) -> Result<SecretBytes, KeyError>;

    /// Whether what is stored beside the value fits it.
    fn fits(&self, ciphers: &Ciphers, value: &SecretBytes) -> bool;

    /// Whether everything that is stored beside the value is bound to it.
    fn is_bound(&self) -> bool {
        true
    }

    /// Seals the value again, under the newest key.
    ///
    /// # Errors
    /// No randomness.
    fn seal(&self, ciphers: &Ciphers, value: &SecretBytes) -> Result<Vec<u8>, KeyError>;

    /// Puts `sealed` in the place of exactly the bytes that were read; false when others are there, or none.
    ///
    /// # Errors
    /// The database failed.
    fn replace(&self, tx: &WriteTx<'_>, sealed: &[u8]) -> Result<bool, DbError>;
}

/// The ciphers of one organization, derived once for each context.
pub(super) struct Ciphers {
    pub(super) keys: OrganizationKeys,
    environments: RefCell<HashMap<Id<kinds::Environment>, Rc<SecretCipher>>>,
}

impl Ciphers {
    /// The ciphers of these keys.
    pub(super) fn new(keys: OrganizationKeys) -> Self {
        Self { keys, environments: RefCell::default() }
    }

    /// The version of the key that seals.
    pub(super) fn key_version(&self) -> u32 {
        self.keys.key_version()
    }

    /// The cipher of an environment.
    pub(super) fn environment(&self, id: Id<kinds::Environment>) -> Result<Rc<SecretCipher>, KeyError> {
        if let Some(cipher) = self.environments.borrow().get(&id) {
            return Ok(Rc::clone(cipher));
        }
        let cipher = Rc::new(self.keys.secret_cipher(id)?);
        self.environments.borrow_mut().insert(id, Rc::clone(&cipher));
        Ok(cipher)
    }
}

struct SecretVersions;

impl SealedTable for SecretVersions {
    fn name(&self) -> &'static str {
        "secret_versions"
    }

    fn count(&self, reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError> {
        store::version_count(reader, organization)
    }

    fn page(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        after: &[u8],
        most: Most,
    ) -> Result<Vec<Box<dyn SealedRow>>, DbError> {
        let (secret, version) = place(after);
        let rows = store::version_page(reader, organization, secret, version, most)?;
        Ok(rows.into_iter().map(|row| Box::new(row) as Box<dyn SealedRow>).collect())
    }

    fn has_older(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        than: u32,
    ) -> Result<bool, DbError> {
        store::version_has_older(reader, organization, than)
    }
}

/// Reads what [`SealedRow::key`] wrote: the secret and the version; the very beginning for anything else.
fn place(key: &[u8]) -> (Id<kinds::SecretRow>, u32) {
    match (key.first_chunk::<16>(), key.last_chunk::<4>()) {
        (Some(secret), Some(version)) if key.len() == 20 => (Id::from_bytes(*secret), u32::from_be_bytes(*version)),
        _ => (Id::from_bytes([0; 16]), 0),
    }
}

/// A version of a secret, or what is left of a row that is none any more.
pub(super) struct VersionRow {
    pub(super) secret: Id<kinds::SecretRow>,
    pub(super) number: u32,
    pub(super) ciphertext: Vec<u8>,
    /// None when a column was changed by hand to what it cannot be.
    pub(super) version: Option<SecretVersion>,
}

impl SealedRow for VersionRow {
    fn key(&self) -> Vec<u8> {
        [self.secret.as_bytes().as_slice(), &self.number.to_be_bytes()].concat()
    }

    fn name(&self) -> String {
        match &self.version {
            Some(v) => {
                format!("{} {}:{} version {} ({})", v.environment, v.path.as_str(), v.name, self.number, self.secret)
            }
            None => format!("version {} of {}", self.number, self.secret),
        }
    }

    fn stored(&self) -> &[u8] {
        &self.ciphertext
    }

    fn open(&self, ciphers: &Ciphers) -> Result<SecretBytes, KeyError> {
        let version = self.version.as_ref().ok_or(KeyError::Unsealable)?;
        ciphers.environment(version.environment)?.open(&aad(version), &self.ciphertext)
    }

    fn is_bound(&self) -> bool {
        self.version.as_ref().is_some_and(|version| version.bound)
    }

    fn fits(&self, ciphers: &Ciphers, value: &SecretBytes) -> bool {
        let tag = ciphers.keys.mac(MacPurpose::ValueTag, &[value.expose()]);
        self.version.as_ref().is_some_and(|version| tag.verify(&version.value_tag))
    }

    fn seal(&self, ciphers: &Ciphers, value: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let mut version = self.version.clone().ok_or(KeyError::Unsealable)?;
        // What an earlier Holdfast left open is bound from here on, as it is found.
        version.bound = true;
        let sealed = ciphers.environment(version.environment)?.seal(&aad(&version), value.expose())?;
        Ok(sealed.into_bytes())
    }

    fn replace(&self, tx: &WriteTx<'_>, sealed: &[u8]) -> Result<bool, DbError> {
        store::version_reseal(tx, self.secret, self.number, &self.ciphertext, sealed)
    }
}

struct PersonalOverrides;

impl SealedTable for PersonalOverrides {
    fn name(&self) -> &'static str {
        "personal_overrides"
    }

    fn count(&self, reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError> {
        overrides::override_count(reader, organization)
    }

    fn page(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        after: &[u8],
        most: Most,
    ) -> Result<Vec<Box<dyn SealedRow>>, DbError> {
        let after = Id::from_bytes(after.try_into().unwrap_or([0; 16]));
        let rows = overrides::override_page(reader, organization, after, most.rows)?;
        let mut bytes = 0;
        let within = rows.into_iter().take_while(|(_, stored, _)| {
            let begins = bytes < most.bytes;
            bytes += stored.len();
            begins
        });
        Ok(within.map(|row| Box::new(OverrideRow(row)) as Box<dyn SealedRow>).collect())
    }

    fn has_older(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        than: u32,
    ) -> Result<bool, DbError> {
        overrides::override_has_older(reader, organization, than)
    }
}

/// Somebody's own value for a name.
struct OverrideRow(overrides::Walked);

impl SealedRow for OverrideRow {
    fn key(&self) -> Vec<u8> {
        self.0.0.as_bytes().to_vec()
    }

    fn name(&self) -> String {
        // Which name somebody overrides is theirs to know.
        format!("personal override {}", self.0.0)
    }

    fn stored(&self) -> &[u8] {
        &self.0.1
    }

    fn open(&self, ciphers: &Ciphers) -> Result<SecretBytes, KeyError> {
        let row = self.0.2.as_ref().ok_or(KeyError::Unsealable)?;
        ciphers.environment(row.environment)?.open(&personal::aad(row, &row.owner.to_string()), &row.ciphertext)
    }

    fn fits(&self, _: &Ciphers, _: &SecretBytes) -> bool {
        // Nothing is stored beside it.
        true
    }

    fn seal(&self, ciphers: &Ciphers, value: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let row = self.0.2.as_ref().ok_or(KeyError::Unsealable)?;
        let owner = row.owner.to_string();
        let aad = personal::aad(row, &owner);
        Ok(ciphers.environment(row.environment)?.seal(&aad, value.expose())?.into_bytes())
    }

    fn replace(&self, tx: &WriteTx<'_>, sealed: &[u8]) -> Result<bool, DbError> {
        overrides::override_reseal(tx, self.0.0, &self.0.1, sealed)
    }
}
