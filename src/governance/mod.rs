//! Looking into the ledger: who may, and what of it.
//!
//! Invariants, and what each one stops:
//! - Everybody sees the events of their own organization only; another's event answers like an unknown one.
//! - Looking is asked like any other act, and a refusal is recorded; an export that begins is recorded too.
//! - Verification recomputes the whole log, one run at a time and never in a thread that answers others.
//!
//! It deliberately changes nothing in the ledger: erasing and archiving have operations of their own there.

mod audit;
mod error;

pub use audit::{AuditQuery, ExportChunk};
pub use audit::{
    EventProof, Export, SeenEvent, audit_checkpoint, audit_event, audit_export, audit_list, audit_proof, audit_verify,
    secret_accesses,
};
pub use error::GovernanceError;
