//! Clusters: the Kubernetes that environments run on, and the only way to it.
//!
//! Invariants, and what each one stops:
//! - Nothing else speaks to a cluster: what may be asked of one is what [`Resource`] and the client of this room name.

mod resource;

pub use resource::{MANAGED_BY, Resource, SYSTEM_NAMESPACE};
