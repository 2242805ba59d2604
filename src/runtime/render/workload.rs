//! The pods of a service.

use serde_json::{Value, json};

use super::names::ROLE_SERVICE;
use super::pod::{Pod, user};
use super::storage::{Mounts, is_claimed};
use super::values::{environment, literal};
use super::{Object, One, Stage, reach};
use crate::cluster::Resource;
use crate::runtime::blueprint::{Argument, Check, Lasting, PortRef, Probe, Service, usual_port};

/// How many former pod templates the cluster keeps. Going back is ours, from the revision, and needs none of them.
const HISTORY: u32 = 2;
/// How long a rollout may stand still, in seconds, before the cluster says so: images are pulled in that time.
const DEADLINE: u64 = 300;
/// Longest such time: an hour.
const MOST: u64 = 3_600;

/// The Deployment of a service.
pub(super) fn deployment(one: &One<'_>) -> Object {
    let labels = one.desired.pod_labels(&one.service.name, ROLE_SERVICE, one.image());
    let metadata = one.desired.metadata(one.name(), labels.clone());
    let mut mounts = Mounts::of(one);
    mounts.own(one);
    let pod = Pod {
        labels,
        account: one.name(),
        user: user(one.service),
        gate: Some(one.desired.gate),
        after: reach::after(one),
        container: container(one),
        mounts,
        restart: "Always",
    };
    let strategy = if is_claimed(one.service) {
        json!({ "type": "Recreate" })
    } else {
        json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } })
    };
    let mut template = pod.template();
    if let Some(at) = one.desired.restarts.get(&one.service.name) {
        template["metadata"]["annotations"]["holdfast.dev/restarted-at"] = json!(at.to_string());
    }
    let spec = json!({
        "replicas": one.sizes.replicas,
        "revisionHistoryLimit": HISTORY,
        "progressDeadlineSeconds": deadline(one.service),
        "strategy": strategy,
        "selector": { "matchLabels": reach::selector(one.service) },
        "template": template,
    });
    Object::new(Resource::Deployment, Stage::Workload, metadata, json!({ "spec": spec }))
}

fn container(one: &One<'_>) -> Value {
    let service = one.service;
    let mut container = json!({ "name": one.name(), "image": one.image(), "resources": one.sizes.json() });
    let mut list = |field: &str, items: Vec<Value>| {
        if !items.is_empty() {
            container[field] = Value::Array(items);
        }
    };
    list("command", words(&service.command));
    list("args", words(&service.args));
    list("env", environment(one));
    let port = |p: &crate::runtime::blueprint::Port| json!({ "name": p.name.as_str(), "containerPort": p.container_port.get(), "protocol": p.protocol.as_str() });
    list("ports", service.ports.iter().map(port).collect());
    if let Some(folder) = &service.working_dir {
        container["workingDir"] = json!(folder.as_str());
    }
    let probes = [
        ("readinessProbe", &service.probes.readiness),
        ("livenessProbe", &service.probes.liveness),
        ("startupProbe", &service.probes.startup),
    ];
    for (field, asked) in probes {
        if let Some(asked) = asked.as_ref().and_then(|asked| probe(service, asked)) {
            container[field] = asked;
        }
    }
    container
}

fn words(words: &[Argument]) -> Vec<Value> {
    words.iter().map(|word| json!(literal(word.as_str()))).collect()
}

/// A probe; none where a port is meant that the service does not have, which reading a blueprint refuses.
fn probe(service: &Service, probe: &Probe) -> Option<Value> {
    let mut asked = match &probe.check {
        Check::Http { path, port } => {
            let port = match port {
                Some(port) => at(port),
                None => json!(usual_port(service)?.name.as_str()),
            };
            json!({ "httpGet": { "path": path.as_str(), "port": port, "scheme": "HTTP" } })
        }
        Check::Tcp(port) => json!({ "tcpSocket": { "port": at(port) } }),
        // No `literal` here: the kubelet takes a probe's command as it is.
        Check::Command(words) => {
            json!({ "exec": { "command": words.iter().map(Argument::as_str).collect::<Vec<_>>() } })
        }
    };
    asked["periodSeconds"] = json!(interval(probe));
    asked["timeoutSeconds"] = json!(probe.timeout.as_ref().map_or(1, Lasting::seconds));
    asked["failureThreshold"] = json!(failures(probe));
    Some(asked)
}

fn at(port: &PortRef) -> Value {
    match port {
        PortRef::Name(name) => json!(name.as_str()),
        PortRef::Number(number) => json!(number.get()),
    }
}

fn interval(probe: &Probe) -> u64 {
    probe.interval.as_ref().map_or(10, Lasting::seconds)
}

fn failures(probe: &Probe) -> u64 {
    probe.failures.map_or(3, |failures| u64::from(failures.get()))
}

/// How long a rollout may stand still: what a start may take by the service's own probe comes on top.
fn deadline(service: &Service) -> u64 {
    let start = service.probes.startup.as_ref().map_or(0, |p| interval(p).saturating_mul(failures(p)));
    DEADLINE.saturating_add(start).min(MOST)
}
