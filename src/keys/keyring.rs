//! The keys in memory: the instance's from the start, an organization's from its first use.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::aead::Suite;
use super::cipher::{ClusterCipher, FactorCipher, SecretCipher};
use super::envelope::{Chain, KeyVersion, Wrapped, list};
use super::mac::{Mac, MacKey, MacPurpose, equal};
use super::root::{Fingerprint, RootKey};
use super::roots::{Roots, Standing};
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
    pub(super) roots: Arc<Roots>,
    suite: Suite,
    instance: InstanceKeys,
    organizations: RwLock<HashMap<Id<kinds::Organization>, Kept>>,
    /// One change of the root key at a time: its file and its row are changed one after the other.
    root_change: tokio::sync::Mutex<()>,
}

/// What is kept of an organization: its keys, and of which state of its rows they are. While a transaction that
/// changes them is not yet committed, the state is ahead and there are no keys.
struct Kept {
    changes: u64,
    keys: Option<Arc<OrganizationKeys>>,
}

/// The fingerprint of the root key the database wants; none in one that has no keys yet.
///
/// # Errors
/// The database failed.
pub fn wanted(reader: &Reader<'_>) -> Result<Option<Fingerprint>, KeyError> {
    Ok(store::root_list(reader)?.first().map(|row| row.fingerprint))
}

/// The fingerprints of the root keys that open this database, newest first.
///
/// # Errors
/// The database failed.
pub fn standing(reader: &Reader<'_>) -> Result<Vec<Fingerprint>, KeyError> {
    Ok(store::root_list(reader)?.into_iter().map(|row| row.fingerprint).collect())
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
        let standing = [Standing { key: Arc::new(root), version: root_version }];
        let (chain, mac) = make(tx, &standing, "instance", owner, None, now)?;
        let signer = LedgerSigner::create(tx, &chain, suite, now)?;
        let instance = InstanceKeys { id: instance, mac, signer: Arc::new(signer), chain, suite };
        let [Standing { key, .. }] = standing;
        Ok(Self::of(Roots::held(key), suite, instance))
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
        let instance = InstanceKeys { id: Id::from_bytes(owner), mac, signer: Arc::new(signer), chain, suite };
        Ok(Self::of(Roots::held(Arc::new(root)), suite, instance))
    }

    fn of(roots: Roots, suite: Suite, instance: InstanceKeys) -> Self {
        Self {
            roots: Arc::new(roots),
            suite,
            instance,
            organizations: RwLock::default(),
            root_change: tokio::sync::Mutex::default(),
        }
    }

    /// The keys of the instance itself.
    pub const fn instance(&self) -> &InstanceKeys {
        &self.instance
    }

    /// The fingerprint of the root key in use.
    pub fn fingerprint(&self) -> Fingerprint {
        self.roots.fingerprint()
    }

    /// The turn of whoever changes the root key; none while somebody else does.
    pub fn root_turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.root_change.try_lock().ok()
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
        let standing = self.roots.standing(tx, self.instance.id.as_bytes())?;
        let made = make(tx, &standing, "organization", *organization.as_bytes(), by, now);
        let (chain, mac) = made.map_err(|error| match error {
            KeyError::Db(db) if db.is_unique_violation() => KeyError::AlreadyCreated,
            other => other,
        })?;
        Ok(Arc::new(self.organization_of(organization, chain, mac)))
    }

    fn organization_of(&self, id: Id<kinds::Organization>, chain: Arc<Chain>, mac: MacKey) -> OrganizationKeys {
        OrganizationKeys { id, chain, mac, suite: self.suite, roots: Arc::clone(&self.roots) }
    }

    /// The keys of an organization: from memory, or unwrapped from the database the first time.
    ///
    /// Keys in memory may be newer than the transaction: see [`OrganizationKeys::again`].
    ///
    /// # Errors
    /// [`KeyError::OrganizationUnknown`] when it has none (any more).
    pub fn organization(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
    ) -> Result<Arc<OrganizationKeys>, KeyError> {
        let all = self.organizations.read().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get(&organization).and_then(|kept| kept.keys.as_ref().map(Arc::clone));
        drop(all);
        if let Some(keys) = kept {
            return Ok(keys);
        }
        let (chain, mac) = load_organization(reader, &self.roots, organization)?;
        let keys = Arc::new(self.organization_of(organization, chain, mac));
        // Seen through a transaction that writes, these keys may still be undone.
        if store::shows_only_committed(reader)? {
            self.organization_keep(organization, store::key_changes(reader, organization.as_bytes())?, &keys);
        }
        Ok(keys)
    }

    /// Keeps what was loaded, unless it is of a state that a change has left behind.
    fn organization_keep(&self, id: Id<kinds::Organization>, changes: u64, keys: &Arc<OrganizationKeys>) {
        let mut all = self.organizations.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ORGANIZATIONS_KEPT {
            all.clear();
        }
        let kept = all.entry(id).or_insert(Kept { changes, keys: None });
        if kept.changes <= changes {
            *kept = Kept { changes, keys: Some(Arc::clone(keys)) };
        }
    }

    /// Drops an organization's keys from memory in the transaction that changes them: until it is committed
    /// everybody loads what their own transaction sees, and afterwards nobody finds the keys of before.
    pub(super) fn organization_changing(
        &self,
        tx: &WriteTx<'_>,
        organization: Id<kinds::Organization>,
    ) -> Result<(), KeyError> {
        let changes = store::key_changes(tx, organization.as_bytes())?;
        let mut all = self.organizations.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(organization, Kept { changes, keys: None });
        Ok(())
    }

    /// Destroys the keys of an organization, and with them all that is sealed under them.
    ///
    /// # Errors
    /// The database failed.
    pub fn organization_destroy(
        &self,
        tx: &WriteTx<'_>,
        organization: Id<kinds::Organization>,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        store::keys_destroy(tx, organization.as_bytes(), now)?;
        self.organization_changing(tx, organization)
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
    chain: Arc<Chain>,
    suite: Suite,
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

    /// The cipher of one person's second factors.
    ///
    /// # Errors
    /// The derivation failed, which it does not with the sizes used here.
    pub fn factor_cipher(&self, user: Id<kinds::User>) -> Result<FactorCipher, KeyError> {
        FactorCipher::new(&self.chain, user, self.suite)
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
    roots: Arc<Roots>,
}

impl OrganizationKeys {
    /// The organization they belong to.
    pub const fn id(&self) -> Id<kinds::Organization> {
        self.id
    }

    /// The same organization's keys as this transaction sees them: for who finds something sealed under a version
    /// that is not among these, because it was destroyed after the transaction began.
    ///
    /// # Errors
    /// [`KeyError::OrganizationUnknown`] when it has none (any more).
    pub fn again(&self, reader: &Reader<'_>) -> Result<Self, KeyError> {
        let (chain, mac) = load_organization(reader, &self.roots, self.id)?;
        Ok(Self { id: self.id, chain, mac, suite: self.suite, roots: Arc::clone(&self.roots) })
    }

    /// The cipher of one environment's secrets. Derives a key (under a microsecond): keep it for a whole request.
    ///
    /// # Errors
    /// The derivation failed, which it does not with the sizes used here.
    pub fn secret_cipher(&self, environment: Id<kinds::Environment>) -> Result<SecretCipher, KeyError> {
        SecretCipher::new(&self.chain, environment, self.suite)
    }

    /// The cipher of what opens one cluster.
    ///
    /// # Errors
    /// The derivation failed, which it does not with the sizes used here.
    pub fn cluster_cipher(&self, cluster: Id<kinds::Cluster>) -> Result<ClusterCipher, KeyError> {
        ClusterCipher::new(&self.chain, cluster, self.suite)
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

/// Tells whether a root key is the right one without opening anything.
pub(super) fn key_check(root: &KeyVersion, instance: &[u8; 16]) -> Result<[u8; 32], KeyError> {
    let context = super::envelope::Context { kind: "root", id: *instance };
    let key = MacKey::new(&*root.derive(instance, context, b"check")?);
    Ok(*key.mac(MacPurpose::KeyCheck, &[&list(&[instance, &root.version.to_be_bytes()])]).as_bytes())
}

/// Makes and stores the first key-encryption key and the MAC key of an owner.
fn make(
    tx: &WriteTx<'_>,
    standing: &[Standing],
    kind: &'static str,
    owner: [u8; 16],
    by: Option<Id<kinds::User>>,
    now: Timestamp,
) -> Result<(Arc<Chain>, MacKey), KeyError> {
    let version = make_version(tx, standing, Wrapped { kind, owner: &owner, version: FIRST }, by, now)?;
    let mac = zeroize::Zeroizing::new(random()?);
    let wrapped = version.wrap(Wrapped { kind: "mac", owner: &owner, version: FIRST }, &mac)?;
    store::mac_insert(tx, &owner, &MacRow { version: FIRST, encryption_version: FIRST, wrapped }, now)?;
    let chain = Chain::new(owner, vec![version]).ok_or(KeyError::NotCreated)?;
    Ok((Arc::new(chain), MacKey::new(&mac)))
}

/// Makes and stores a version of an owner's key-encryption key, wrapped under every root key that stands.
pub(super) fn make_version(
    tx: &WriteTx<'_>,
    standing: &[Standing],
    what: Wrapped<'_>,
    by: Option<Id<kinds::User>>,
    now: Timestamp,
) -> Result<KeyVersion, KeyError> {
    let key = zeroize::Zeroizing::new(random()?);
    let version = KeyVersion::new(what.version, &key);
    let row = NewKey { kind: what.kind, owner: what.owner, version: what.version, fingerprint: version.fingerprint };
    store::key_insert(tx, &row, by, now)?;
    for root in standing {
        store::wrapped_insert(tx, what.owner, what.version, root.version.version, &root.version.wrap(what, &key)?)?;
    }
    Ok(version)
}

fn load_organization(
    reader: &Reader<'_>,
    roots: &Roots,
    organization: Id<kinds::Organization>,
) -> Result<(Arc<Chain>, MacKey), KeyError> {
    let loaded = load(reader, &roots.in_use(reader)?.version, "organization", *organization.as_bytes())?;
    loaded.ok_or(KeyError::OrganizationUnknown(organization))
}

/// Unwraps all versions of an owner's key and its MAC key; none when it has no keys.
pub(super) fn load(
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
    let (_, mac) = load_mac(reader, &chain)?;
    Ok(Some((Arc::new(chain), MacKey::new(&mac))))
}

/// The MAC key of a chain's owner, unwrapped, and its version.
pub(super) fn load_mac(reader: &Reader<'_>, chain: &Chain) -> Result<(u32, zeroize::Zeroizing<[u8; 32]>), KeyError> {
    let row = store::mac_load(reader, &chain.owner)?
        .ok_or_else(|| DbError::Corrupt("an owner has a key but no MAC key".into()))?;
    let what = Wrapped { kind: "mac", owner: &chain.owner, version: row.version };
    Ok((row.version, chain.version(row.encryption_version)?.unwrap(what, &row.wrapped)?))
}
