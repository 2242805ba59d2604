//! Secrets: their names, their places, and how an environment's values come about.
//!
//! Invariants: a name or folder that exists is safe in a path, a message and a process environment,
//! because `parse` is the only way to it; every door asks the one resolver ([`resolve`]), so the CLI, a
//! sync and an agent can never see different values.

pub mod format;
pub mod model;
pub mod reference;
pub mod resolve;
