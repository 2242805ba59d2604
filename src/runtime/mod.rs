//! Running environments: what is to run, and how it comes to run.
//!
//! Invariants, and what each one stops:
//! - A blueprint is read under limits, whole or not at all, with every mistake at its line: what is deployed is what was
//!   written, and no text makes a reader busy.
//! - What objects an environment consists of is one pure function (`render`).
//! - What is wished for is written down by an operation (`lifecycle`), and made true by whoever looks at the world
//!   (`controller`): neither waits for the other.
//! - What a blueprint asks for is one pure sum (`demand`), and is held against the quotas (`quota`) before anything is made.
//! - No process of a service starts before its pod's network was seen closed (`gate`).

pub mod blueprint;
mod bundle;
pub mod changes;
pub mod controller;
pub mod demand;
pub mod gate;
pub mod inside;
pub mod insight;
pub mod lifecycle;
pub mod quota;
pub mod render;
pub mod stored;
