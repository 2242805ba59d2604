//! Secrets: their names, their places, their versions, and how an environment's values come about.
//!
//! Invariants, and what each one stops:
//! - A name or folder that exists is safe in a path, a message and a process environment: `parse` is the only way
//!   to it.
//! - Every door asks the one resolver ([`resolve`]): the CLI, a sync and an agent can never see different values.
//! - A version is sealed together with everything that gives it its meaning: a row moved, renamed or made visible by
//!   hand does not open.
//! - A write goes one way ([`secret::secret_batch`]), all or nothing: no path skips the check of what it breaks.
//! - A value leaves after its event is on disk, and what is restricted leaves to no person.
//!
//! It runs nothing and pushes nothing: injecting is the doors' work, syncing will be `integrations`'.

pub mod approval;
pub mod care;
pub mod compare;
pub mod demo;
pub mod duplicate;
pub mod error;
pub mod folder;
pub mod format;
pub mod generate;
pub mod impact;
pub mod import;
pub mod importers;
pub mod injection;
pub mod lookup;
pub mod model;
pub mod personal;
pub mod reference;
mod rehearsal;
pub mod rekey;
pub mod resolve;
pub mod scan;
pub mod secret;
pub mod source;
pub mod store;
pub mod time;
pub mod transfer;
pub mod usage;
pub mod uses;
pub mod variables;

pub use error::VaultError;

#[cfg(test)]
mod tests;
