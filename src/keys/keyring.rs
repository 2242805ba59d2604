//! The keys in memory: the instance's from the start, an organization's from its first use.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::aead::Suite;
use super::cipher::SecretCipher;
use super::envelope::{Chain, KeyVersion, Wrapped, list};
use super::mac::{Mac, MacKey, MacPurpose, equal};
use super::root::{Fingerprint, RootKey};
use super::signing::LedgerSigner;
use super::store::{self, MacRow, NewKey, RootRow};
use super::{KeyError, random};
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// Organizations whose keys are kept unwrapped at most; beyond that the cache starts anew.
const ORGANIZATIONS_KEPT: usize = 4_096;
const FIRST: u32 = 1;

/// All keys, shared by everybody in an `Arc`.
pub struct Keyring {
    root: RootKey,
    root_version: KeyVersion,
    suite: Suite,
    instance: InstanceKeys,
    organizations: RwLock<HashMap<Id<kinds::Organization>, Arc<OrganizationKeys>>>,
}

/// The fingerprint of the root key the database wants; none in one that has no keys yet.
///
/// # Errors
/// The database failed.
pub fn wanted(reader: &Reader<'_>) -> Result<Option<Fingerprint>, KeyError> {
    Ok(store::root_list(reader)?.first().map(|row| row.fingerprint))
}

impl Keyring {
    /// Makes the instance's keys: once, in an empty database.
    ///
    /// # Errors
    /// [`KeyError::AlreadyCreated`] when the database has keys; a fresh key is never made over existing data.
    pub fn create(
        tx: &WriteTx<'_>,
        root: RootKey,
        instance: Id<kinds::Instance>,
        suite: Suite,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        if store::root_exists(tx)? {
            return Err(KeyError::AlreadyCreated);
        }
        let owner = *instance.as_bytes();
        let root_version = KeyVersion::new(FIRST, root.expose());
        let row = RootRow {
            version: FIRST,
            fingerprint: root_version.fingerprint,
            key_check: key_check(&root_version, &owner)?,
        };
        store::root_insert(tx, &row, None, now)?;
        if let Some(parameters) = root.passphrase_parameters() {
            store::passphrase_insert(tx, parameters)?;
        }
        let (chain, mac) = make(tx, &root_version, "instance", owner, None, now)?;
        let signer = LedgerSigner::create(tx, &chain, suite, now)?;
        let instance = InstanceKeys { id: instance, mac, signer: Arc::new(signer) };
        Ok(Self { root, root_version, suite, instance, organizations: RwLock::default() })
    }

    /// Opens the keys of a database that has some. Writes nothing.
    ///
    /// # Errors
    /// [`KeyError::RootKeyWrong`] with both fingerprints; [`KeyError::NotCreated`] in an empty database;
    /// [`KeyError::Unsealable`] when a wrapped key was changed by hand.
    pub fn unlock(reader: &Reader<'_>, root: RootKey, suite: Suite) -> Result<Self, KeyError> {
        let rows = store::root_list(reader)?;
        let newest = rows.first().ok_or(KeyError::NotCreated)?;
        let owner = store::instance_owner(reader)?.ok_or(KeyError::NotCreated)?;
        let given = root.fingerprint();
        let row = rows
            .iter()
            .find(|row| row.fingerprint == given)
            .ok_or(KeyError::RootKeyWrong { wanted: newest.fingerprint, given })?;
        let root_version = KeyVersion::new(row.version, root.expose());
        if !equal(&key_check(&root_version, &owner)?, &row.key_check) {
            return Err(KeyError::RootKeyWrong { wanted: row.fingerprint, given });
        }
        let (chain, mac) = load(reader, &root_version, "instance", owner)?.ok_or(KeyError::NotCreated)?;
        let signer = LedgerSigner::load(reader, &chain, suite)?;
        let instance = InstanceKeys { id: Id::from_bytes(owner), mac, signer: Arc::new(signer) };
        Ok(Self { root, root_version, suite, instance, organizations: RwLock::default() })
    }

    /// The keys of the instance itself.
    pub const fn instance(&self) -> &InstanceKeys {
        &self.instance
    }

    /// The fingerprint of the root key in use.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.root_version.fingerprint
    }

    /// The suite of new writes.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Makes the keys of a new organization. They are not kept until they are read back after the commit: what
    /// rolls back leaves nothing.
    ///
    /// # Errors
    /// The organization has keys already, no randomness, or the database failed.
    pub fn organization_create(
        &self,
        tx: &WriteTx<'_>,
        organization: Id<kinds::Organization>,
        by: Option<Id<kinds::User>>,
        now: Timestamp,
    ) -> Result<Arc<OrganizationKeys>, KeyError> {
        let made = make(tx, &self.root_version, "organization", *organization.as_bytes(), by, now);
        let (chain, mac) = made.map_err(|error| match error {
            KeyError::Db(db) if db.is_unique_violation() => KeyError::AlreadyCreated,
            other => other,
        })?;
        Ok(Arc::new(OrganizationKeys { id: organization, chain, mac, suite: self.suite }))
    }

    /// The keys of an organization: from memory, or unwrapped from the database the first time.
    ///
    /// # Errors
    /// [`KeyError::OrganizationUnknown`] when it has none (any more).
    pub fn organization(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
    ) -> Result<Arc<OrganizationKeys>, KeyError> {
        let kept = self.organizations.read().unwrap_or_else(PoisonError::into_inner).get(&organization).map(Arc::clone);
        if let Some(keys) = kept {
            return Ok(keys);
        }
        let (chain, mac) = load(reader, &self.root_version, "organization", *organization.as_bytes())?
            .ok_or(KeyError::OrganizationUnknown(organization))?;
        let keys = Arc::new(OrganizationKeys { id: organization, chain, mac, suite: self.suite });
        // Seen through a transaction that writes, these keys may still be undone.
        if store::shows_only_committed(reader)? {
            let mut all = self.organizations.write().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= ORGANIZATIONS_KEPT {
                all.clear();
            }
            all.insert(organization, Arc::clone(&keys));
        }
        Ok(keys)
    }

    /// Destroys the keys of an organization, and with them all that is sealed under them. Call
    /// [`Keyring::organization_forget`] after the commit.
    ///
    /// # Errors
    /// The database failed.
    pub fn organization_destroy(
        tx: &WriteTx<'_>,
        organization: Id<kinds::Organization>,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        Ok(store::keys_destroy(tx, organization.as_bytes(), now)?)
    }

    /// Drops an organization's keys from memory: after its keys changed or were destroyed.
    pub fn organization_forget(&self, organization: Id<kinds::Organization>) {
        self.organizations.write().unwrap_or_else(PoisonError::into_inner).remove(&organization);
    }

    /// The root key and its version in the history, for what seals or re-wraps it.
    pub(super) const fn root(&self) -> (&RootKey, u32) {
        (&self.root, self.root_version.version)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({})", self.fingerprint())
    }
}

/// The keys of the instance itself.
pub struct InstanceKeys {
    id: Id<kinds::Instance>,
    mac: MacKey,
    signer: Arc<LedgerSigner>,
}

impl InstanceKeys {
    /// The instance they belong to.
    pub const fn id(&self) -> Id<kinds::Instance> {
        self.id
    }

    /// The key of the instance's own keyed hashes: setup token, sessions.
    pub const fn mac_key(&self) -> &MacKey {
        &self.mac
    }

    /// A keyed hash of the instance.
    pub fn mac(&self, purpose: MacPurpose, parts: &[&[u8]]) -> Mac {
        self.mac.mac(purpose, parts)
    }

    /// What signs the ledger's checkpoints.
    pub const fn ledger_signer(&self) -> &Arc<LedgerSigner> {
        &self.signer
    }
}

impl fmt::Debug for InstanceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceKeys({})", self.id)
    }
}

/// The keys of one organization.
pub struct OrganizationKeys {
    id: Id<kinds::Organization>,
    chain: Arc<Chain>,
    mac: MacKey,
    suite: Suite,
}

impl OrganizationKeys {
    /// The organization they belong to.
    pub const fn id(&self) -> Id<kinds::Organization> {
        self.id
    }

    /// The cipher of one environment's secrets. Derives a key (under a microsecond): keep it for a whole request.
    ///
    /// # Errors
    /// The derivation failed, which it does not with the sizes used here.
    pub fn secret_cipher(&self, environment: Id<kinds::Environment>) -> Result<SecretCipher, KeyError> {
        SecretCipher::new(&self.chain, environment, self.suite)
    }

    /// The key of this organization's keyed hashes, for tokens.
    pub const fn mac_key(&self) -> &MacKey {
        &self.mac
    }

    /// A keyed hash of this organization.
    pub fn mac(&self, purpose: MacPurpose, parts: &[&[u8]]) -> Mac {
        self.mac.mac(purpose, parts)
    }

    /// The version of the key that seals now.
    pub fn key_version(&self) -> u32 {
        self.chain.current().version
    }

    /// The fingerprint of the key that seals now.
    pub fn fingerprint(&self) -> Fingerprint {
        self.chain.current().fingerprint
    }
}

impl fmt::Debug for OrganizationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrganizationKeys({}, version {})", self.id, self.key_version())
    }
}

/// A key of the past or the present, as the history tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// `root`, `instance` or `organization`.
    pub kind: String,
    /// The id of the instance or organization; none for a root key.
    pub owner: Option<[u8; 16]>,
    /// Its number among the owner's keys.
    pub version: u32,
    /// Which key it is.
    pub fingerprint: Fingerprint,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who asked for it; none is the instance itself.
    pub created_by: Option<Id<kinds::User>>,
    /// Since when it seals nothing new.
    pub retired_at: Option<Timestamp>,
    /// Since when it no longer exists here.
    pub destroyed_at: Option<Timestamp>,
}

/// All keys there ever were, oldest first, at most 10,000.
///
/// # Errors
/// The database failed.
pub fn history(reader: &Reader<'_>) -> Result<Vec<HistoryEntry>, KeyError> {
    Ok(store::history(reader)?)
}

/// Tells whether a root key is the right one without opening anything.
fn key_check(root: &KeyVersion, instance: &[u8; 16]) -> Result<[u8; 32], KeyError> {
    let context = super::envelope::Context { kind: "root", id: *instance };
    let key = MacKey::new(&*root.derive(instance, context, b"check")?);
    Ok(*key.mac(MacPurpose::KeyCheck, &[&list(&[instance, &root.version.to_be_bytes()])]).as_bytes())
}

/// Makes and stores the first key-encryption key and the MAC key of an owner.
fn make(
    tx: &WriteTx<'_>,
    root: &KeyVersion,
    kind: &'static str,
    owner: [u8; 16],
    by: Option<Id<kinds::User>>,
    now: Timestamp,
) -> Result<(Arc<Chain>, MacKey), KeyError> {
    let key = zeroize::Zeroizing::new(random()?);
    let version = KeyVersion::new(FIRST, &key);
    let wrapped = root.wrap(Wrapped { kind, owner: &owner, version: FIRST }, &key)?;
    let row = NewKey {
        kind,
        owner: &owner,
        version: FIRST,
        fingerprint: version.fingerprint,
        root_version: root.version,
        wrapped: &wrapped,
    };
    store::key_insert(tx, &row, by, now)?;

    let mac = zeroize::Zeroizing::new(random()?);
    let wrapped = version.wrap(Wrapped { kind: "mac", owner: &owner, version: FIRST }, &mac)?;
    store::mac_insert(tx, &owner, &MacRow { version: FIRST, encryption_version: FIRST, wrapped }, now)?;
    let chain = Chain::new(owner, vec![version]).ok_or(KeyError::NotCreated)?;
    Ok((Arc::new(chain), MacKey::new(&mac)))
}

/// Unwraps all versions of an owner's key and its MAC key; none when it has no keys.
fn load(
    reader: &Reader<'_>,
    root: &KeyVersion,
    kind: &'static str,
    owner: [u8; 16],
) -> Result<Option<(Arc<Chain>, MacKey)>, KeyError> {
    let versions = store::wrapped_list(reader, &owner, root.version)?
        .into_iter()
        .map(|row| {
            let what = Wrapped { kind, owner: &owner, version: row.version };
            Ok(KeyVersion::new(row.version, &*root.unwrap(what, &row.wrapped)?))
        })
        .collect::<Result<Vec<_>, KeyError>>()?;
    let Some(chain) = Chain::new(owner, versions) else { return Ok(None) };
    let row = store::mac_load(reader, &owner)?
        .ok_or_else(|| DbError::Corrupt(format!("an {kind} has a key but no MAC key")))?;
    let what = Wrapped { kind: "mac", owner: &owner, version: row.version };
    let mac = chain.version(row.encryption_version)?.unwrap(what, &row.wrapped)?;
    Ok(Some((Arc::new(chain), MacKey::new(&mac))))
}
