//! `[cluster]`: the Kubernetes on this machine.

use std::path::PathBuf;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

/// Where k3s writes the kubeconfig of its administrator.
const K3S: &str = "/etc/rancher/k3s/k3s.yaml";

static LOCAL_KUBECONFIG: Key = Key {
    section: "cluster",
    name: "local_kubeconfig",
    kind: Kind::Path,
    fallback: Fallback::Value(K3S),
    help: "The administrator's kubeconfig of the k3s on this machine, read by `holdfast clusters add --local` only.",
};

pub(super) const KEYS: &[&Key] = &[&LOCAL_KUBECONFIG];

/// The Kubernetes on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The kubeconfig of its administrator; it need not be there.
    pub local_kubeconfig: PathBuf,
}

impl ClusterConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self { local_kubeconfig: reader.path(&LOCAL_KUBECONFIG)?.unwrap_or_else(|| PathBuf::from(K3S)) })
    }
}
