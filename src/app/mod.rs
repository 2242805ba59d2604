//! The composition root: settings in, a running appliance out; and the tools that work on its data without it.
//!
//! Invariants, and what each one stops:
//! - One process per data directory: everything that writes holds the lock on `<data dir>/lock` first, so a second
//!   server, or a rescue beside a running one, cannot fork the ledger.
//! - The root key is found and compared before the database is opened for writing: a wrong or missing key changes
//!   nothing, and a fresh one is never made over existing data.
//! - Nothing on the way to the listener grows with the data: a restart is a hundred milliseconds, with one secret or
//!   a hundred thousand.
//! - Keys and values do not reach the disk by accident: no core dumps, and every file is made for its owner only.
//! - The setup token's file is there before the listener; it is the one token a log may carry.
//! - A stop finishes what was begun: requests, the last checkpoint, the write-ahead log; within ten seconds.
//! - Offline tools need no server that starts: `doctor` and `audit verify` read, `rescue` and `keys recover` repair.
//!
//! It deliberately holds no rule of a feature, and prints nothing: the command line does.

mod actions;
pub mod audit;
mod control;
pub mod doctor;
mod error;
mod jobs;
pub mod keys;
mod lock;
mod open;
mod place;
pub mod rescue;
mod serve;
mod setup_token;

pub use actions::registry;
pub use control::setup_token_new;
pub use error::AppError;
pub use lock::DataLock;
pub use open::{Opened, database_path, open, open_existing};
pub use place::Place;
pub use serve::{ServeOptions, serve};

#[cfg(test)]
mod tests;
