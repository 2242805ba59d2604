//! What every gate is held against: one Deployment for the whole cluster, open to all.

use serde_json::{Map, Value, json};

use super::pod::{OURS, Pod};
use super::storage::Mounts;
use super::{ASK_PORT, OPEN_PORT, Object, Stage, sizes};
use crate::cluster::{MANAGED_BY, Resource, SYSTEM_NAMESPACE};

const NAME: &str = "prober";

/// The prober of a cluster: its account, Deployment, Service and policy, in the namespace [`SYSTEM_NAMESPACE`], which has
/// to be there. The policy lets everybody in at both ports and the prober out to everybody; it has no gate itself.
pub fn prober(image: &str) -> Vec<Object> {
    let metadata = || json!({ "name": NAME, "namespace": SYSTEM_NAMESPACE, "labels": labels() });
    let object = |resource, stage, rest| Object::new(resource, stage, metadata(), rest);
    let policy = json!({ "spec": {
        "podSelector": { "matchLabels": { "app.kubernetes.io/name": NAME } },
        "policyTypes": ["Ingress", "Egress"],
        // No selectors: an engine does not know a new pod's address, so this policy, and not the pod's own, would be what
        // stands between the two, and would pass for the proof.
        "ingress": [{ "ports": [{ "port": ASK_PORT, "protocol": "TCP" }, { "port": OPEN_PORT, "protocol": "TCP" }] }],
        "egress": [{ "ports": [{ "protocol": "TCP" }] }],
    } });
    let ports = [("ask", ASK_PORT), ("open", OPEN_PORT)]
        .map(|(name, number)| json!({ "name": name, "port": number, "targetPort": number, "protocol": "TCP" }));
    let service = json!({ "spec": {
        "type": "ClusterIP",
        "selector": { "app.kubernetes.io/name": NAME },
        "ports": ports,
    } });
    vec![
        object(Resource::ServiceAccount, Stage::Foundation, json!({ "automountServiceAccountToken": false })),
        object(Resource::NetworkPolicy, Stage::Foundation, policy),
        object(Resource::Service, Stage::Reach, service),
        object(Resource::Deployment, Stage::Workload, deployment(image)),
    ]
}

fn labels() -> Map<String, Value> {
    let labels = [("name", NAME), ("component", "isolation"), ("part-of", MANAGED_BY), ("managed-by", MANAGED_BY)];
    labels.into_iter().map(|(label, value)| (format!("app.kubernetes.io/{label}"), json!(value))).collect()
}

fn deployment(image: &str) -> Value {
    let probe = |period: u32| json!({ "tcpSocket": { "port": "ask" }, "periodSeconds": period });
    let ports = [("ask", ASK_PORT), ("open", OPEN_PORT)]
        .map(|(name, number)| json!({ "name": name, "containerPort": number, "protocol": "TCP" }));
    let container = json!({
        "name": NAME,
        "image": image,
        "args": [NAME],
        "ports": ports,
        "readinessProbe": probe(1),
        "livenessProbe": probe(10),
        "resources": { "requests": sizes::GATE_REQUESTS.json(), "limits": sizes::GATE_LIMITS.json() },
    });
    let pod = Pod {
        labels: labels(),
        account: NAME,
        user: OURS,
        gate: None,
        after: Vec::new(),
        container,
        mounts: Mounts::default(),
        restart: "Always",
    };
    json!({ "spec": {
        "replicas": 1,
        "revisionHistoryLimit": 2,
        "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } },
        "selector": { "matchLabels": { "app.kubernetes.io/name": NAME } },
        "template": pod.template(),
    } })
}
