//! How often and how large: what a blueprint says, what its plan changes, and what is meant where neither says anything.
//!
//! A container that names nothing asks for 10m of a core and 50Mi, and may use one core and 512Mi. Its disk is bounded,
//! too: by what its own folders may hold and [`LOGS`] more, so a pod that fills its disk is the one that is ended.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Desired;
use crate::runtime::blueprint::{Blueprint, Label, Memory, Quantities, Service, VolumeSource};

/// Mebibyte.
const MI: u64 = 1 << 20;
/// What /tmp and each folder of `writable` may hold, and an empty volume of no size.
pub(super) const FOLDER: u64 = 256 * MI;
/// What a pod may write in logs and everywhere else before it is ended. The kubelet cuts logs only every ten seconds.
const LOGS: u64 = 1024 * MI;

/// Thousandths of a core, and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::runtime) struct Amounts {
    pub(in crate::runtime) cpu: u64,
    pub(in crate::runtime) memory: u64,
    pub(super) disk: u64,
}

/// What a container may use that names nothing.
pub(super) const USUAL_LIMITS: Amounts = Amounts { cpu: 1_000, memory: 512 * MI, disk: LOGS };
/// What is kept free for a container that names nothing.
pub(super) const USUAL_REQUESTS: Amounts = Amounts { cpu: 10, memory: 50 * MI, disk: 16 * MI };
/// What the gate may use: for a moment, before anything else of the pod runs.
pub(super) const GATE_LIMITS: Amounts = Amounts { cpu: 1_000, memory: 128 * MI, disk: 64 * MI };
/// What is kept free for the gate.
pub(super) const GATE_REQUESTS: Amounts = Amounts { cpu: 10, memory: 32 * MI, disk: 16 * MI };

impl Amounts {
    pub(super) fn add(&mut self, other: &Self, times: u64) {
        self.cpu = self.cpu.saturating_add(other.cpu.saturating_mul(times));
        self.memory = self.memory.saturating_add(other.memory.saturating_mul(times));
        self.disk = self.disk.saturating_add(other.disk.saturating_mul(times));
    }

    /// The larger of the two, amount by amount: what a pod needs whose containers run one after the other.
    pub(super) fn or_more(&self, other: &Self) -> Self {
        Self { cpu: self.cpu.max(other.cpu), memory: self.memory.max(other.memory), disk: self.disk.max(other.disk) }
    }

    fn or_less(&self, other: &Self) -> Self {
        Self { cpu: self.cpu.min(other.cpu), memory: self.memory.min(other.memory), disk: self.disk.min(other.disk) }
    }

    pub(super) fn json(&self) -> Value {
        json!({ "cpu": cpu(self.cpu), "memory": memory(self.memory), "ephemeral-storage": memory(self.disk) })
    }
}

/// Thousandths of a core, as the cluster writes them.
pub(in crate::runtime) fn cpu(millis: u64) -> String {
    if millis.is_multiple_of(1_000) { (millis / 1_000).to_string() } else { format!("{millis}m") }
}

/// Bytes, as the cluster writes them. More than an exbibyte is one: larger numbers are no quantity.
pub(in crate::runtime) fn memory(bytes: u64) -> String {
    let bytes = bytes.min(1 << 60);
    let units = [(1_u64 << 40, "Ti"), (1 << 30, "Gi"), (MI, "Mi"), (1 << 10, "Ki"), (1, "")];
    let fits = |unit: &&(u64, &str)| bytes >= unit.0 && bytes.is_multiple_of(unit.0);
    units.iter().find(fits).map_or_else(|| bytes.to_string(), |(unit, word)| format!("{}{word}", bytes / unit))
}

/// How often a service runs, and how large each copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) struct Sizes {
    /// How often it runs now.
    pub(super) replicas: u32,
    /// How often it runs when it is not suspended.
    pub(in crate::runtime) wanted: u32,
    pub(in crate::runtime) requests: Amounts,
    pub(in crate::runtime) limits: Amounts,
}

impl Sizes {
    pub(super) fn of(desired: &Desired<'_>, service: &Service) -> Self {
        let sizes = Self::chosen(desired.blueprint, desired.plan, desired.replicas, service);
        Self { replicas: if desired.running { sizes.wanted } else { 0 }, ..sizes }
    }

    /// The sizes of a service that runs, as a plan and whoever scaled it have made them.
    pub(in crate::runtime) fn chosen(
        blueprint: &Blueprint,
        plan: Option<&Label>,
        replicas: &BTreeMap<Label, u32>,
        service: &Service,
    ) -> Self {
        let plan = plan.and_then(|plan| blueprint.plans.get(plan));
        let change = plan.and_then(|plan| plan.services.get(&service.name));
        let planned = change.and_then(|change| change.replicas).unwrap_or(service.replicas).get();
        let wanted = replicas.get(&service.name).copied().unwrap_or(planned);
        let asked = change.and_then(|change| change.resources.as_ref());
        let limits = merged(asked.map(|r| &r.limits), &service.resources.limits);
        let requests = merged(asked.map(|r| &r.requests), &service.resources.requests);
        // A limit that nobody named is never below what is asked for; one that somebody named is never gone over.
        let disk = Amounts { cpu: 0, memory: 0, disk: folders(service).saturating_add(LOGS) };
        let least = fill(requests, Amounts::default());
        let limits = fill(limits, USUAL_LIMITS.or_more(&least)).or_more(&disk);
        let requests = fill(requests, USUAL_REQUESTS).or_less(&limits);
        Self { replicas: wanted, wanted, requests, limits }
    }

    pub(super) fn json(&self) -> Value {
        json!({ "requests": self.requests.json(), "limits": self.limits.json() })
    }
}

type Named = (Option<u64>, Option<u64>);

/// What a plan names, and where it names nothing, what the service does.
fn merged(plan: Option<&Quantities>, service: &Quantities) -> Named {
    let named = |q: &Quantities| (q.cpu.as_ref().map(|c| u64::from(c.millis())), q.memory.as_ref().map(Memory::bytes));
    let (plan, service) = (plan.map_or((None, None), named), named(service));
    (plan.0.or(service.0), plan.1.or(service.1))
}

fn fill(named: Named, usual: Amounts) -> Amounts {
    Amounts { cpu: named.0.unwrap_or(usual.cpu), memory: named.1.unwrap_or(usual.memory), disk: usual.disk }
}

/// What the folders of a pod may hold that are on the node's disk.
fn folders(service: &Service) -> u64 {
    let empty = service.volumes.iter().map(|volume| match &volume.source {
        VolumeSource::Empty { size } => size.as_ref().map_or(FOLDER, Memory::bytes),
        VolumeSource::Pvc { .. } | VolumeSource::File { .. } => 0,
    });
    let writable = service.security.writable.iter().map(|_| FOLDER);
    empty.chain(writable).fold(FOLDER, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_a_cluster_writes_them() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1"),
            (1_000_000_000, "1000000000"),
            (64 * MI, "64Mi"),
            (1024 * MI, "1Gi"),
            (1536, "1536"),
            (2048, "2Ki"),
        ] {
            assert_eq!(memory(bytes), text);
        }
        for (millis, text) in [(10, "10m"), (1_000, "1"), (1_250, "1250m"), (0, "0")] {
            assert_eq!(cpu(millis), text);
        }
    }
}
