//! What every pod has in common: who it runs as, what it may not do, and the gate before everything else.

use serde_json::{Map, Value, json};

use super::storage::Mounts;
use super::{Gate, sizes};
use crate::runtime::blueprint::{Service, UserId};

/// The user of processes of a service that names none: not root, and nobody's on the node.
const USER: u32 = 10_001;
/// How long a process has to end in order, in seconds.
pub(super) const GRACE: u32 = 10;

/// A pod.
pub(super) struct Pod<'a> {
    pub(super) labels: Map<String, Value>,
    /// The name of its account.
    pub(super) account: &'a str,
    pub(super) user: u32,
    pub(super) gate: Option<&'a Gate>,
    /// What the gate waits for once the pod is proven closed, as `name:port`.
    pub(super) after: Vec<String>,
    pub(super) container: Value,
    pub(super) mounts: Mounts,
    /// `Always`, or `Never` for what runs once.
    pub(super) restart: &'a str,
}

/// The user a service runs as.
pub(super) fn user(service: &Service) -> u32 {
    service.security.user.map_or(USER, UserId::get)
}

/// The user of what is ours.
pub(super) const OURS: u32 = USER;

impl Pod<'_> {
    /// The template of a Deployment or a Job.
    pub(super) fn template(self) -> Value {
        let Self { labels, account, user, gate, after, mut container, mounts, restart } = self;
        container["imagePullPolicy"] = json!("IfNotPresent");
        container["securityContext"] = restricted();
        if !mounts.mounts.is_empty() {
            container["volumeMounts"] = Value::Array(mounts.mounts);
        }
        let mut spec = json!({
            "serviceAccountName": account,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": GRACE,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": user,
                "runAsGroup": user,
                "fsGroup": user,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [container],
        });
        if let Some(gate) = gate {
            spec["initContainers"] = json!([gate_container(gate, &after)]);
        }
        if !mounts.volumes.is_empty() {
            spec["volumes"] = Value::Array(mounts.volumes);
        }
        json!({ "metadata": { "labels": labels }, "spec": spec })
    }
}

fn restricted() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "capabilities": { "drop": ["ALL"] },
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

/// The container that proves the pod closed. The image's entry point is the binary.
fn gate_container(gate: &Gate, after: &[String]) -> Value {
    let Gate { image, ask, open, port } = gate;
    let mut args = json!(["gate", "--ask", ask.to_string(), "--open", open.to_string(), "--port", port.to_string()]);
    if let Value::Array(args) = &mut args {
        args.extend(after.iter().flat_map(|way| ["--after", way]).map(|word| json!(word)));
    }
    json!({
        "name": "gate",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": args,
        "resources": { "requests": sizes::GATE_REQUESTS.json(), "limits": sizes::GATE_LIMITS.json() },
        "securityContext": restricted(),
        "terminationMessagePolicy": "File",
    })
}
