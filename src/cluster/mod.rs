//! Clusters: the Kubernetes that environments run on, and the only way to it.
//!
//! Invariants, and what each one stops:
//! - Nothing else speaks to a cluster: what may be asked of one is what [`Resource`] and the client of this room name.
//! - A Secret is created and deleted and never read, not by our own account's rights and not by this client.
//! - What opens a cluster is neither printed nor copied, runs no program of this machine and reads no file of it.

mod access;
mod client;
mod error;
mod kubeconfig;
mod local;
mod look;
mod manifest;
mod model;
mod operate;
mod preflight;
mod resource;
pub mod sealed;
mod store;
#[cfg(test)]
mod tests;

pub use access::{Access, AccessError};
pub use client::{Client, ClientError, Created, Duplex, Ended, Exec, Forward, Listed, LogAsk, Watched};
pub use error::ClusterError;
pub use look::{Looked, cluster_look, is_wanted};
pub use manifest::manifest;
pub use model::{
    Check, CheckState, Cluster, ClusterAdd, ClusterKind, ClusterRemoval, ClusterState, ClusterUpdate, Seen, Source,
};
pub use operate::{
    access, cluster_add, cluster_get, cluster_list, cluster_remove, cluster_rotate, cluster_update, find,
    local_allowed, of, seen, use_set,
};
pub use preflight::cluster_test;
pub use resource::{MANAGED_BY, Resource, SYSTEM_NAMESPACE};

/// Most clusters of an organization.
pub const CLUSTERS_MAX: usize = 50;
