//! What opens a cluster, as it is stored: sealed under the organization's key, bound to where it may be sent.

use zeroize::Zeroizing;

use super::access::{Access, Credential};
use super::store;
use crate::db::{DbError, Reader, WriteTx};
use crate::keys::{KeyError, OrganizationKeys};
use crate::types::{Id, SecretBytes, SecretString, kinds};

/// A sealed credential with what it is bound to.
pub struct SealedCluster {
    /// Whose.
    pub id: Id<kinds::Cluster>,
    /// How the cluster is called, for reports.
    pub name: String,
    pub(super) number: u32,
    pub(super) server: String,
    pub(super) authority: String,
    /// The sealed bytes as they are stored.
    pub sealed: Vec<u8>,
}

impl SealedCluster {
    /// Opens it.
    ///
    /// # Errors
    /// It was changed by hand, or its key is gone.
    pub fn open(&self, keys: &OrganizationKeys) -> Result<SecretBytes, KeyError> {
        keys.cluster_cipher(self.id)?.open(self.number, &self.server, &self.authority, &self.sealed)
    }

    /// Seals what was opened under the newest key.
    ///
    /// # Errors
    /// No randomness.
    pub fn seal(&self, keys: &OrganizationKeys, value: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let sealed = keys.cluster_cipher(self.id)?.seal(self.number, &self.server, &self.authority, value.expose())?;
        Ok(sealed.into_bytes())
    }

    /// How to reach the cluster, from what was opened.
    pub(super) fn access(&self, opened: &SecretBytes) -> Result<Access, KeyError> {
        let credential = read(opened).ok_or(KeyError::Unsealable)?;
        let authority = (!self.authority.is_empty()).then_some(self.authority.as_str());
        Access::new(&self.server, authority, credential).map_err(|_| KeyError::Unsealable)
    }
}

/// Seals how a cluster is reached.
pub(super) fn seal(
    keys: &OrganizationKeys,
    id: Id<kinds::Cluster>,
    number: u32,
    access: &Access,
) -> Result<Vec<u8>, KeyError> {
    let text = written(&access.credential);
    let authority = access.authority.as_deref().unwrap_or_default();
    Ok(keys.cluster_cipher(id)?.seal(number, &access.server, authority, &text)?.into_bytes())
}

/// One byte that says what it is, then the parts with a zero byte between them, which no PEM and no token has.
fn written(credential: &Credential) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::new());
    match credential {
        Credential::Token(token) => {
            bytes.push(b't');
            bytes.extend_from_slice(token.expose().as_bytes());
        }
        Credential::Certificate { chain, key } => {
            bytes.push(b'c');
            bytes.extend_from_slice(chain.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(key.expose().as_bytes());
        }
    }
    bytes
}

fn read(opened: &SecretBytes) -> Option<Credential> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    match opened.expose().split_first()? {
        (b't', token) => Some(Credential::Token(SecretString::new(text(token)?))),
        (b'c', rest) => {
            let at = rest.iter().position(|b| *b == 0)?;
            let key = SecretString::new(text(&rest[at + 1..])?);
            Some(Credential::Certificate { chain: text(&rest[..at])?, key })
        }
        _ => None,
    }
}

/// How many sealed credentials an organization has.
///
/// # Errors
/// The database failed.
pub fn sealed_count(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError> {
    store::sealed_count(reader, organization)
}

/// An organization's sealed credentials behind this one, by id.
///
/// # Errors
/// The database failed.
pub fn sealed_page(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    after: Id<kinds::Cluster>,
    rows: usize,
) -> Result<Vec<SealedCluster>, DbError> {
    store::sealed_page(reader, organization, after, rows)
}

/// Whether a credential is sealed under a key older than `than`.
///
/// # Errors
/// The database failed.
pub fn sealed_has_older(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    than: u32,
) -> Result<bool, DbError> {
    store::sealed_has_older(reader, organization, than)
}

/// Puts newly sealed bytes in the place of exactly those that were read.
///
/// # Errors
/// The database failed.
pub fn sealed_replace(tx: &WriteTx<'_>, id: Id<kinds::Cluster>, old: &[u8], new: &[u8]) -> Result<bool, DbError> {
    store::sealed_replace(tx, id, old, new)
}
