//! Looking into the ledger, and what instance operators do: who may, and what of it.
//!
//! Invariants, and what each one stops:
//! - Everybody sees the events of their own organization only; another's event answers like an unknown one.
//! - Looking is asked like any other act, and a refusal is recorded; an export that begins is recorded too.
//! - Verification recomputes the whole log, one run at a time and never in a thread that answers others.
//! - A recovery kit is made, and the root key replaced, only by an operator who signed in recently: a stolen token is
//!   not enough to take the data, or to lock everybody out of it.
//! - Whoever follows the ledger is looked up anew before each part: nothing flows on a credential or a right that ended.
//! - An organization's own policies only forbid, are saved only when their tests pass, and never lock the owners out.
//!
//! It deliberately changes nothing in the ledger: erasing and archiving have operations of their own there.

mod audit;
mod error;
mod export;
mod follow;
pub mod health;
mod jobs;
mod keys;
mod mail;
pub mod policy;
mod recovery;
mod unused;

pub use audit::{
    AuditQuery, EventProof, SeenEvent, audit_checkpoint, audit_event, audit_list, audit_proof, audit_verify,
    secret_accesses,
};
pub use error::GovernanceError;
pub use export::{Export, ExportChunk, ExportForm, audit_export};
pub use follow::{Follow, FollowFrom, audit_follow};
pub use jobs::{job_history, job_list, job_run};
pub use keys::{NewRootKey, key_list, root_key_retire, root_key_rotate};
pub use mail::mail_test;
pub use policy::OwnPolicies;
pub use recovery::recovery_kit_create;
pub use unused::{HeldUse, Use, permission_use};
