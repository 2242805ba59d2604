//! Running environments: what is to run, and later how it comes to run.
//!
//! Invariants, and what each one stops:
//! - A blueprint is read under limits, whole or not at all, with every mistake at its line: what is deployed is what was
//!   written, and no text makes a reader busy.
//! - A blueprint of an environment is a row with versions (`stored`); only what can be read is kept.
//! - `blueprint`, `render` and `changes` are pure: text in, types and objects out. Files are read by a door, and nothing calls out.
//!
//! Nothing here speaks to a cluster yet: a blueprint is read, checked, taken from elsewhere, proposed and kept, and the
//! objects that it means are made; nothing runs it.

pub mod blueprint;
pub mod changes;
pub mod render;
pub mod stored;
