//! The root keys this process holds, and which of them open the database as a transaction sees it.
//!
//! What is in memory is only a bag of keys; which one is the newest, and which older ones still stand, is said by the
//! rows of the transaction that asks. So a rotation that is undone leaves nothing behind that could be used.

use std::sync::{Arc, PoisonError, RwLock};

use super::envelope::{KeyVersion, Wrapped};
use super::root::{Fingerprint, RootKey};
use super::{KeyError, store};
use crate::db::{DbError, Reader};

/// Root keys that stand at once at most: each is one more that must be kept safe.
pub(super) const STANDING_MAX: usize = 8;

/// A root key that opens this database.
pub(super) struct Standing {
    pub(super) key: Arc<RootKey>,
    pub(super) version: KeyVersion,
}

/// The first is the one in use.
pub(super) struct Roots(RwLock<Vec<Arc<RootKey>>>);

impl Roots {
    pub(super) fn held(key: Arc<RootKey>) -> Self {
        Self(RwLock::new(vec![key]))
    }

    /// Which key is in use: the one the process was started with, or the one it made since.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.first().expect("there is always one: see held and drop_key").fingerprint()
    }

    fn find(&self, fingerprint: Fingerprint) -> Option<Arc<RootKey>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|key| key.fingerprint() == fingerprint).map(Arc::clone)
    }

    /// The newest root key of this transaction that is held.
    ///
    /// # Errors
    /// [`KeyError::RootKeyWrong`] when none of those that stand is held.
    pub(super) fn in_use(&self, reader: &Reader<'_>) -> Result<Standing, KeyError> {
        let rows = store::root_list(reader)?;
        let newest = rows.first().ok_or(KeyError::NotCreated)?;
        let held = rows.iter().find_map(|row| self.find(row.fingerprint).map(|key| (row.version, key)));
        let (version, key) =
            held.ok_or_else(|| KeyError::RootKeyWrong { wanted: newest.fingerprint, given: self.fingerprint() })?;
        Ok(Standing { version: KeyVersion::new(version, key.expose()), key })
    }

    /// Every root key that stands, the newest first: what a key made now is wrapped under.
    ///
    /// # Errors
    /// [`KeyError::RootKeySuperseded`] when the newest is not held: a key made now would be lost to it.
    pub(super) fn standing(&self, reader: &Reader<'_>, instance: &[u8; 16]) -> Result<Vec<Standing>, KeyError> {
        let rows = store::root_list(reader)?;
        let newest = rows.first().ok_or(KeyError::NotCreated)?.fingerprint;
        let in_use = self.in_use(reader)?;
        if in_use.version.fingerprint != newest {
            return Err(KeyError::RootKeySuperseded { newest, given: in_use.version.fingerprint });
        }
        let mut all = vec![in_use];
        for row in &rows[1..] {
            let key = match self.find(row.fingerprint) {
                Some(key) => key,
                None => self.unwrap(reader, &all[0].version, instance, row.version)?,
            };
            all.push(Standing { version: KeyVersion::new(row.version, key.expose()), key });
        }
        Ok(all)
    }

    /// Opens an older root key that is sealed under the newest one, and keeps it.
    fn unwrap(
        &self,
        reader: &Reader<'_>,
        newest: &KeyVersion,
        instance: &[u8; 16],
        version: u32,
    ) -> Result<Arc<RootKey>, KeyError> {
        let wrapped = store::root_wrapped(reader, version)?
            .ok_or_else(|| DbError::Corrupt(format!("root key {version} stands and is not sealed under the newest")))?;
        let bytes = newest.unwrap(Wrapped { kind: "root", owner: instance, version }, &wrapped)?;
        let key = Arc::new(RootKey::from_bytes(*bytes));
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&key));
        Ok(key)
    }

    /// Puts a key in use. Call it as the last step of the transaction that stores it.
    pub(super) fn take(&self, key: Arc<RootKey>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(0, key);
    }

    /// Wipes a key that is not in use from memory.
    pub(super) fn drop_key(&self, fingerprint: Fingerprint) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let in_use = held.first().map(|key| key.fingerprint());
        held.retain(|key| key.fingerprint() != fingerprint || Some(fingerprint) == in_use);
    }
}
