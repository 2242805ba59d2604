//! Opening everything that is sealed under an organization's key, to see whether it opens.

use std::collections::BTreeMap;

use super::model::Place;
use super::operate::authorize;
use super::table::{Ciphers, Most, SealedTable};
use crate::db::Reader;
use crate::keys::{Ciphertext, KeyError, Keyring, OrganizationKeys};
use crate::ledger::{Details, Target};
use crate::op::{Op, OpError};
use crate::orgs::{OrgError, organization};
use crate::types::Failure as _;
use crate::vault::VaultError;

/// How much is opened before others get their turn on this thread.
const PAGE: Most = Most { rows: 500, bytes: 1 << 20 };

/// A row that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unopened {
    /// Which.
    pub row: String,
    /// The stable code of what is wrong with it.
    pub code: &'static str,
}

/// What a verification found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows opened.
    pub checked: u64,
    /// Rows that are not as they should be.
    pub unopened: u64,
    /// Rows whose comment, tags, author and time are not under the seal: an earlier Holdfast wrote them.
    pub unbound: u64,
    /// How many rows are sealed under which version of the key.
    pub by_version: BTreeMap<u32, u64>,
}

/// A verification under way, in memory as large as one page of it.
pub struct Verification {
    op: Op,
    place: Place,
    /// What it found so far.
    pub counts: Counts,
}

/// Begins to open every value of the organization; it is recorded, and no value leaves.
///
/// # Errors
/// Not allowed.
pub async fn key_verify(op: &Op) -> Result<Verification, VaultError> {
    op.write(|op, tx| {
        let event = authorize(op, tx)?;
        let target = Target::new("organization", op.organization()?);
        op.record(tx, event.target(target).details(Details::new().with("verify", true)))?;
        Ok::<_, VaultError>(())
    })
    .await?;
    Ok(Verification { op: op.clone(), place: Place::default(), counts: Counts::default() })
}

impl Verification {
    /// Opens the next rows and says which of them are not as they should be; none at the end. The right is asked again
    /// each time.
    ///
    /// # Errors
    /// The right was taken away; the database failed.
    pub async fn next(&mut self) -> Result<Option<Vec<Unopened>>, VaultError> {
        let op = self.op.clone();
        while let Some(table) = self.place.table() {
            let (last, problems) = op
                .read(|reader| {
                    authorize(&op, reader)?;
                    // Of this very transaction: a rotation may end between two pages.
                    let keys = op.keyring().organization(reader, op.organization()?)?.again(reader)?;
                    page(reader, keys, table, &self.place.after, &mut self.counts)
                })
                .await?;
            let ended = last.is_none();
            self.place = self.place.behind(last);
            if !ended {
                return Ok(Some(problems));
            }
        }
        Ok(None)
    }
}

/// Opens a page of a table; the key of its last row, and the rows that are not as they should be.
fn page(
    reader: &Reader<'_>,
    keys: OrganizationKeys,
    table: &dyn SealedTable,
    after: &[u8],
    counts: &mut Counts,
) -> Result<(Option<Vec<u8>>, Vec<Unopened>), VaultError> {
    let organization = keys.id();
    let ciphers = Ciphers::new(keys);
    let rows = table.page(reader, organization, after, PAGE)?;
    let mut problems = Vec::new();
    for row in &rows {
        *counts.by_version.entry(Ciphertext::key_version(row.stored()).unwrap_or(0)).or_default() += 1;
        counts.unbound += u64::from(!row.is_bound());
        let code = match row.open(&ciphers) {
            Ok(value) if row.fits(&ciphers, &value) => continue,
            Ok(_) => "value_tag_wrong",
            Err(error) => KeyError::code(&error),
        };
        problems.push(Unopened { row: row.name(), code });
    }
    counts.checked += rows.len() as u64;
    counts.unopened += problems.len() as u64;
    Ok((rows.last().map(|row| row.key()), problems))
}

/// An organization of a database that no server has: how it is called, and what was found of it; nothing where its keys
/// were destroyed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedOrganization {
    /// Its slug.
    pub slug: String,
    /// What was found.
    pub counts: Option<Counts>,
}

/// Opens every value of every organization, for whoever has the machine and the root key; `each` is told of every row that
/// is not as it should be. One snapshot, in memory as large as one page.
///
/// # Errors
/// The keys of an organization do not open; the database failed.
pub fn verify_all(
    reader: &Reader<'_>,
    keyring: &Keyring,
    each: &mut dyn FnMut(&str, &Unopened),
) -> Result<Vec<VerifiedOrganization>, VaultError> {
    let mut all = Vec::new();
    for (id, slug) in organization::store::organization_all(reader)? {
        let keys = match keyring.organization(reader, id) {
            Ok(keys) => keys,
            Err(KeyError::OrganizationUnknown(_)) => {
                all.push(VerifiedOrganization { slug, counts: None });
                continue;
            }
            Err(error) => return Err(OrgError::from(OpError::Keys(error)).into()),
        };
        let (mut place, mut counts) = (Place::default(), Counts::default());
        while let Some(table) = place.table() {
            let (last, problems) = page(reader, keys.again(reader)?, table, &place.after, &mut counts)?;
            for problem in &problems {
                each(&slug, problem);
            }
            place = place.behind(last);
        }
        all.push(VerifiedOrganization { slug, counts: Some(counts) });
    }
    Ok(all)
}
