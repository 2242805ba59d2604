//! An organization's key replaced while everything runs, and every stored value opened to see whether it does.
//!
//! Invariants, and what each one stops:
//! - From the transaction that begins a rotation on, everything is sealed under the new key; the old one only opens.
//!   Nobody waits: a value opens under whichever of the two it is sealed.
//! - The old rows are sealed anew in bounded steps (`reseal`). A step reads and computes where nobody waits, and
//!   hands the writer thread only the finished rows, which replace exactly the bytes that were read.
//! - A step and the place it came to commit together: a process that is killed goes on where it was.
//! - The old key is destroyed when nothing is left under it, which is looked for once more before: a row that does not
//!   open stops the rotation with the old key still there, and so does a backup that needs it.
//! - Every table with sealed values is in `table::TABLES`: a table left out would be lost with the old key. A test holds it.
//!
//! It decides nothing about single values and shows none: it is for who may replace the organization's key.

mod clusters;
mod model;
mod operate;
mod proposals;
mod reseal;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod verify;

pub use model::{KeyRotation, RotationState};
pub use operate::{key_list, key_rotate, rotation_get, rotation_pause, rotation_resume};
pub(in crate::vault) use operate::{rotate_approved, rows, standing};
pub use reseal::{is_wanted, run};
pub use verify::{Counts, Unopened, Verification, VerifiedOrganization, key_verify, verify_all};

use crate::ledger::ActionName;

/// The job's action: the old key of an organization is destroyed, or the rotation has to wait.
pub const RESEALED: ActionName = ActionName::new("job.reseal_secrets");
/// What this records that no permission is behind.
pub const ACTIONS: &[ActionName] = &[RESEALED];
