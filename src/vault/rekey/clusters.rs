//! What opens clusters: sealed under the organization's key like values, so sealed anew like them.

use super::table::{Ciphers, Most, SealedRow, SealedTable};
use crate::cluster::sealed::{SealedCluster, sealed_count, sealed_has_older, sealed_page, sealed_replace};
use crate::db::{DbError, Reader, WriteTx};
use crate::keys::KeyError;
use crate::types::{Id, SecretBytes, kinds};

/// The table of clusters.
pub(super) struct Clusters;

impl SealedTable for Clusters {
    fn name(&self) -> &'static str {
        "clusters"
    }

    fn count(&self, reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError> {
        sealed_count(reader, organization)
    }

    fn page(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        after: &[u8],
        most: Most,
    ) -> Result<Vec<Box<dyn SealedRow>>, DbError> {
        let after = Id::from_bytes(after.try_into().unwrap_or([0; 16]));
        // A credential has some kilobytes at most, and an organization a handful of clusters.
        let rows = sealed_page(reader, organization, after, most.rows)?;
        Ok(rows.into_iter().map(|row| Box::new(row) as Box<dyn SealedRow>).collect())
    }

    fn has_older(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        than: u32,
    ) -> Result<bool, DbError> {
        sealed_has_older(reader, organization, than)
    }
}

impl SealedRow for SealedCluster {
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn name(&self) -> String {
        format!("the credential of cluster {} ({})", self.name, self.id)
    }

    fn stored(&self) -> &[u8] {
        &self.sealed
    }

    fn open(&self, ciphers: &Ciphers) -> Result<SecretBytes, KeyError> {
        self.open(&ciphers.keys)
    }

    fn fits(&self, _: &Ciphers, _: &SecretBytes) -> bool {
        // Address, authority and number are bound to it: it would not have opened.
        true
    }

    fn seal(&self, ciphers: &Ciphers, value: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        self.seal(&ciphers.keys, value)
    }

    fn replace(&self, tx: &WriteTx<'_>, sealed: &[u8]) -> Result<bool, DbError> {
        sealed_replace(tx, self.id, &self.sealed, sealed)
    }
}
