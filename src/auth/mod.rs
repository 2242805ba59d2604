//! Who you are: people and their passwords, bearer tokens and what they prove.
//!
//! Invariants, and what each one stops:
//! - A token is stored as a keyed hash; a copy of the database signs nobody in.
//! - Checking a token costs the same whether its public part exists or not, and compares in constant time:
//!   timing tells nothing about which tokens exist.
//! - A token belongs to one organization and to one owner; both must still stand at every use.
//! - A session's token is taken from a cookie only, every other token from a header only: a page of somebody else can
//!   make a browser send the one, and plant the other nowhere.
//! - At most two Argon2 computations run at once: password guessing cannot take the machine's memory.
//!
//! It decides nothing about rights (`policy`) and knows no tree (`orgs`).

pub mod authenticate;
pub mod credential;
pub mod device;
mod error;
pub mod factor;
mod model;
pub mod one_use;
pub mod passkey;
pub mod password;
mod password_list;
pub mod refresh;
pub mod rules;
pub mod softlock;
pub(crate) mod store;

pub use error::AuthError;
pub use model::{Cidrs, Credential, CredentialKind, NewCredential, SignInFacts, SignedInAs, User};
