//! Running environments: what is to run, and later how it comes to run.
//!
//! Invariants, and what each one stops:
//! - A blueprint is read under limits, whole or not at all, with every mistake at its line: what is deployed is what was
//!   written, and no text makes a reader busy.
//! - Everything here is pure: text in, types and places out. Files are read by a door, and nothing calls out.
//!
//! There is no cluster here yet: a blueprint is read, checked, taken from elsewhere and proposed; nothing runs it.

pub mod blueprint;
