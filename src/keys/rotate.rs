//! Replacing keys while everything runs: the root key, and an organization's key.
//!
//! Each function is one step of a transaction of its caller. What it puts into memory it does last, so that a
//! transaction that fails has changed nothing there.

use std::sync::Arc;

use super::envelope::{Chain, KeyVersion, Wrapped};
use super::keyring::{key_check, load, load_mac, make_version};
use super::root::{Fingerprint, RootKey};
use super::roots::STANDING_MAX;
use super::store::{self, RootRow, WrappedPage};
use super::{KeyError, Keyring, recovery};
use crate::db::WriteTx;
use crate::types::{Id, Timestamp, kinds};

/// Wrapped keys read at once.
const AT_ONCE: u32 = 500;

/// What a rotation of the root key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootRotated {
    /// The number of the new root key.
    pub version: u32,
    /// Which it is.
    pub fingerprint: Fingerprint,
    /// Which it replaces; it opens the database until it is retired.
    pub previous: Fingerprint,
    /// Keys that were wrapped anew.
    pub rewrapped: u32,
    /// Whether it is sealed to a recovery kit: false when there is none.
    pub recovery_sealed: bool,
}

/// What a rotation of an organization's key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganizationRotated {
    /// The version that seals from now on.
    pub version: u32,
    /// Which key it is.
    pub fingerprint: Fingerprint,
    /// The version before.
    pub previous: u32,
}

impl Keyring {
    /// Makes `root` the newest root key: every key is wrapped under it too, and the older root keys open the database
    /// until they are retired. MAC keys lie beneath the keys that are wrapped anew, so no token and no tag changes.
    ///
    /// # Errors
    /// [`KeyError::RootKeyKnown`] when this database had it before, [`KeyError::RootKeysMany`],
    /// [`KeyError::RootKeySuperseded`] when this process does not hold the newest one.
    pub fn root_rotate(
        &self,
        tx: &WriteTx<'_>,
        root: RootKey,
        by: Option<Id<kinds::User>>,
        now: Timestamp,
    ) -> Result<RootRotated, KeyError> {
        let instance = *self.instance().id().as_bytes();
        let standing = self.roots.standing(tx, &instance)?;
        let fingerprint = root.fingerprint();
        if standing.len() >= STANDING_MAX {
            return Err(KeyError::RootKeysMany(standing.len()));
        }
        if store::root_known(tx, fingerprint)? {
            return Err(KeyError::RootKeyKnown(fingerprint));
        }
        let new = KeyVersion::new(store::root_next(tx)?, root.expose());
        let row = RootRow { version: new.version, fingerprint, key_check: key_check(&new, &instance)? };
        store::root_insert(tx, &row, by, now)?;
        for old in &standing {
            let what = Wrapped { kind: "root", owner: &instance, version: old.version.version };
            store::root_wrapped_set(tx, old.version.version, &new.wrap(what, old.key.expose())?)?;
        }
        if let Some(parameters) = root.passphrase_parameters()
            && store::passphrase_load(tx)?.is_none()
        {
            store::passphrase_insert(tx, parameters)?;
        }
        let previous = &standing[0].version;
        let rewrapped = rewrap(tx, previous, &new)?;
        let recovery_sealed = recovery::reseal(tx, &root, new.version, self.instance().id())?;
        let previous = previous.fingerprint;
        self.roots.take(Arc::new(root));
        Ok(RootRotated { version: new.version, fingerprint, previous, rewrapped, recovery_sealed })
    }

    /// Takes an older root key out of use for good: it opens nothing of this database any more. `given` is the key the
    /// configured source gives now; unless it is the newest, the next start would not find its key.
    ///
    /// # Errors
    /// [`KeyError::RootKeyUnknown`], [`KeyError::RootKeyInUse`] for the newest, [`KeyError::RootKeyNotInPlace`],
    /// [`KeyError::Held`] while a retained backup needs it.
    pub fn root_retire(
        &self,
        tx: &WriteTx<'_>,
        fingerprint: Fingerprint,
        given: Fingerprint,
        now: Timestamp,
    ) -> Result<u32, KeyError> {
        let rows = store::root_list(tx)?;
        let newest = rows.first().ok_or(KeyError::NotCreated)?.fingerprint;
        let row = rows.iter().find(|row| row.fingerprint == fingerprint);
        let version = row.ok_or(KeyError::RootKeyUnknown(fingerprint))?.version;
        if fingerprint == newest {
            return Err(KeyError::RootKeyInUse(fingerprint));
        }
        if given != newest {
            return Err(KeyError::RootKeyNotInPlace { newest, given });
        }
        require_free(tx, &[0; 16], version, now)?;
        store::root_retire(tx, version, now)?;
        self.roots.drop_key(fingerprint);
        Ok(version)
    }

    /// Gives an organization a new key: what is sealed from this transaction on is sealed under it, what was sealed
    /// before opens with the older ones, which are held until [`Keyring::organization_destroy_older`]. The MAC key is
    /// wrapped anew and stays the same.
    ///
    /// # Errors
    /// [`KeyError::OrganizationUnknown`]; [`KeyError::RootKeySuperseded`].
    pub fn organization_rotate(
        &self,
        tx: &WriteTx<'_>,
        organization: Id<kinds::Organization>,
        by: Option<Id<kinds::User>>,
        now: Timestamp,
    ) -> Result<OrganizationRotated, KeyError> {
        let owner = *organization.as_bytes();
        let standing = self.roots.standing(tx, self.instance().id().as_bytes())?;
        let (chain, _) = load(tx, &standing[0].version, "organization", owner)?
            .ok_or(KeyError::OrganizationUnknown(organization))?;
        let (mac_version, mac) = load_mac(tx, &chain)?;
        let next = store::key_next(tx, &owner)?;
        store::keys_retire(tx, &owner, now)?;
        let what = Wrapped { kind: "organization", owner: &owner, version: next };
        let version = make_version(tx, &standing, what, by, now)?;
        let wrapped = version.wrap(Wrapped { kind: "mac", owner: &owner, version: mac_version }, &mac)?;
        store::mac_rewrap(tx, &owner, mac_version, next, &wrapped)?;
        self.organization_changing(tx, organization)?;
        let previous = current(&chain);
        Ok(OrganizationRotated { version: next, fingerprint: version.fingerprint, previous })
    }

    /// Destroys the older keys of an organization, whose rows are all sealed under the newest one: the caller made
    /// sure of that.
    ///
    /// # Errors
    /// [`KeyError::Held`] while a retained backup needs one of them.
    pub fn organization_destroy_older(
        &self,
        tx: &WriteTx<'_>,
        organization: Id<kinds::Organization>,
        than: u32,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        let owner = organization.as_bytes();
        for version in store::key_older(tx, owner, than)? {
            require_free(tx, owner, version, now)?;
        }
        store::keys_destroy_older(tx, owner, than, now)?;
        self.organization_changing(tx, organization)
    }
}

fn current(chain: &Chain) -> u32 {
    chain.current().version
}

/// Refuses what would take a key away from a backup that is retained.
fn require_free(tx: &WriteTx<'_>, owner: &[u8; 16], version: u32, now: Timestamp) -> Result<(), KeyError> {
    match store::hold_find(tx, owner, version, now)? {
        None => Ok(()),
        Some((holder, until)) => Err(KeyError::Held { holder, until }),
    }
}

/// Wraps everything that is wrapped under `old` under `new` too; how many keys it were.
fn rewrap(tx: &WriteTx<'_>, old: &KeyVersion, new: &KeyVersion) -> Result<u32, KeyError> {
    let mut count = 0;
    let mut page = WrappedPage::first(old.version);
    loop {
        let rows = store::wrapped_page(tx, &page, AT_ONCE)?;
        let Some(last) = rows.last() else { return Ok(count) };
        page = page.after(last);
        for row in &rows {
            let what = Wrapped { kind: row.kind, owner: &row.owner, version: row.version };
            let key = old.unwrap(what, &row.wrapped)?;
            store::wrapped_insert(tx, &row.owner, row.version, new.version, &new.wrap(what, &key)?)?;
            count += 1;
        }
    }
}
