//! The life of what runs: deployed, changed, stopped, destroyed, and looked at.
//!
//! Invariants, and what each one stops:
//! - An operation here writes down a wish and speaks to no cluster: it is answered at once, and a cluster that does not
//!   answer loses no wish.
//! - Rights are asked when something is deployed, and stored with the revision: what runs later gets exactly the names
//!   that whoever deployed could pass on, and no other.
//! - A name the services ask for and the environment lacks is refused before anything is made.
//! - Nothing is destroyed without its name, and nothing that is protected; but what has a time ends with it, and whoever
//!   deployed it is told before.
//! - What there is no room for is refused before anything is made: `quota` is asked in the transaction of the wish.
//!
//! How a wish comes true is `controller`'s.

mod deploy;
mod ending;
mod error;
mod image;
mod model;
mod running;
pub(in crate::runtime) mod store;
mod view;
mod wishes;

pub use deploy::{DeployWish, Deployed, RUNTIMES_MAX, deploy};
pub use ending::{ACTIONS, Extension, Told, Warning, expire, extend, warn_by_mail, warn_due};
pub use error::RuntimeError;
pub use model::{
    Condition, ConditionKind, Family, Granted, OnFailure, Revision, RevisionState, Runtime, ServiceState, ServiceWord,
    Status, Wish, Word,
};
pub use running::{Running, RunningFilter, runtime_list};
pub use view::{RuntimeView, revision_list, runtime_get};
pub use wishes::{At, Change, REPLICAS_MAX, change, destroy, resume, stop};

pub(in crate::runtime) use deploy::{Draft, Foreseen, Source, deploy_action, foresee, names};
pub(in crate::runtime) use image::{digest_of, images};
pub(in crate::runtime) use model::{drawn_name, passed_on};
pub(in crate::runtime) use wishes::{go_back, goes_back, refused};
