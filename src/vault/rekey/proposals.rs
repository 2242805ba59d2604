//! Values proposed in requests for approval: sealed like stored ones, so sealed anew like them.

use super::store;
use super::table::{Ciphers, Most, SealedRow, SealedTable};
use crate::db::{DbError, Reader, WriteTx};
use crate::keys::{KeyError, MacPurpose};
use crate::types::{Id, SecretBytes, kinds};
use crate::vault::approval::{RequestItem, aad, state_of};

/// The table of proposals; those of requests that ended hold no value any more.
pub(super) struct Proposals;

impl SealedTable for Proposals {
    fn name(&self) -> &'static str {
        "approval_items"
    }

    fn count(&self, reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<u64, DbError> {
        store::proposal_count(reader, organization)
    }

    fn page(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        after: &[u8],
        most: Most,
    ) -> Result<Vec<Box<dyn SealedRow>>, DbError> {
        let (request, position) = place(after);
        let rows = store::proposal_page(reader, organization, request, position, most)?;
        Ok(rows.into_iter().map(|row| Box::new(row) as Box<dyn SealedRow>).collect())
    }

    fn has_older(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        than: u32,
    ) -> Result<bool, DbError> {
        store::proposal_has_older(reader, organization, than)
    }
}

/// Reads what [`SealedRow::key`] wrote: the request and the place in it, or before all of them.
fn place(key: &[u8]) -> (Id<kinds::Approval>, i64) {
    match (key.first_chunk::<16>(), key.last_chunk::<4>()) {
        (Some(request), Some(position)) if key.len() == 20 => {
            (Id::from_bytes(*request), i64::from(u32::from_be_bytes(*position)))
        }
        _ => (Id::from_bytes([0; 16]), -1),
    }
}

/// A proposal, or what is left of a row that is none any more.
pub(super) struct ProposalRow {
    pub(super) request: Id<kinds::Approval>,
    pub(super) environment: Id<kinds::Environment>,
    pub(super) position: u32,
    pub(super) ciphertext: Vec<u8>,
    /// None when a column was changed by hand to what it cannot be.
    pub(super) item: Option<RequestItem>,
}

impl ProposalRow {
    fn item(&self) -> Result<&RequestItem, KeyError> {
        self.item.as_ref().ok_or(KeyError::Unsealable)
    }
}

impl SealedRow for ProposalRow {
    fn key(&self) -> Vec<u8> {
        [self.request.as_bytes().as_slice(), &self.position.to_be_bytes()].concat()
    }

    fn name(&self) -> String {
        format!("proposal {} of {}", self.position, self.request)
    }

    fn stored(&self) -> &[u8] {
        &self.ciphertext
    }

    fn open(&self, ciphers: &Ciphers) -> Result<SecretBytes, KeyError> {
        let item = self.item()?;
        let state = state_of(&item.action);
        let aad = aad(self.request, self.position, state.as_str(), item);
        ciphers.environment(self.environment)?.open(&aad, &self.ciphertext)
    }

    fn fits(&self, ciphers: &Ciphers, value: &SecretBytes) -> bool {
        let tag = ciphers.keys.mac(MacPurpose::ValueTag, &[value.expose()]);
        self.item().is_ok_and(|item| tag.verify(&item.value_tag))
    }

    fn seal(&self, ciphers: &Ciphers, value: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let item = self.item()?;
        let state = state_of(&item.action);
        let aad = aad(self.request, self.position, state.as_str(), item);
        Ok(ciphers.environment(self.environment)?.seal(&aad, value.expose())?.into_bytes())
    }

    fn replace(&self, tx: &WriteTx<'_>, sealed: &[u8]) -> Result<bool, DbError> {
        store::proposal_reseal(tx, self.request, self.position, &self.ciphertext, sealed)
    }
}
