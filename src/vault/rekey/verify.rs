//! Opening everything that is sealed under an organization's key, to see whether it opens.

use std::collections::BTreeMap;

use super::model::Place;
use super::operate::authorize;
use super::table::{Ciphers, Most};
use crate::keys::{Ciphertext, KeyError};
use crate::ledger::{Details, Target};
use crate::op::Op;
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

/// A verification under way, in memory as large as one page of it.
pub struct Verification {
    op: Op,
    place: Place,
    /// Rows opened so far.
    pub checked: u64,
    /// Rows that are not as they should be.
    pub unopened: u64,
    /// How many rows are sealed under which version of the key.
    pub by_version: BTreeMap<u32, u64>,
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
    Ok(Verification { op: op.clone(), place: Place::default(), checked: 0, unopened: 0, by_version: BTreeMap::new() })
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
            let found = op
                .read(|reader| {
                    authorize(&op, reader)?;
                    let organization = op.organization()?;
                    // Of this very transaction: a rotation may end between two pages.
                    let ciphers = Ciphers::new(op.keyring().organization(reader, organization)?.again(reader)?);
                    let rows = table.page(reader, organization, &self.place.after, PAGE)?;
                    let mut problems = Vec::new();
                    for row in &rows {
                        *self.by_version.entry(Ciphertext::key_version(row.stored()).unwrap_or(0)).or_default() += 1;
                        let code = match row.open(&ciphers) {
                            Ok(value) if row.fits(&ciphers, &value) => continue,
                            Ok(_) => "value_tag_wrong",
                            Err(error) => KeyError::code(&error),
                        };
                        problems.push(Unopened { row: row.name(), code });
                    }
                    Ok::<_, VaultError>((rows.last().map(|row| row.key()), rows.len(), problems))
                })
                .await?;
            let (last, rows, problems) = found;
            self.checked += rows as u64;
            self.unopened += problems.len() as u64;
            let ended = last.is_none();
            self.place = self.place.behind(last);
            if !ended {
                return Ok(Some(problems));
            }
        }
        Ok(None)
    }
}
