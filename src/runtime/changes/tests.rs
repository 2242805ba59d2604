//! Objects as a cluster tells them, beside those that were applied.

use serde_json::{Value, json};

use super::*;
use crate::runtime::blueprint::{self, Label};
use crate::runtime::render::{Desired, GATE_PORT, Gate, Names, Provided, Stage, render, wanted};
use crate::types::{Id, Slug};

const SHOP: &str = r#"
name: shop
services:
  - name: api
    image: registry.example/api:1
    ports: [{name: http, containerPort: 8080}]
    variables: [DATABASE_URL]
    env: {LOG_LEVEL: info}
    resources: {requests: {cpu: 0.5, memory: 64Mi}, limits: {cpu: 1, memory: 1024Mi}}
    probes: {readiness: {http: /readyz}}
    volumes: [{name: data, mountPath: /data, type: pvc, size: 1024Mi}]
    egress: ["internet:443"]
"#;

fn rendered(text: &str, revision: u64, values: &str) -> Vec<Object> {
    let blueprint = blueprint::read(text).unwrap_or_else(|e| panic!("{e:#?}")).blueprint;
    let slug = |text: &str| Slug::parse(text).expect("a slug");
    let id = Id::parse("env_01jb2v3w4x5y6z7a8b9cadbecf").expect("an id");
    let provided: Vec<_> = blueprint
        .services
        .iter()
        .map(|service| Provided {
            service: service.name.clone(),
            object: values.to_owned(),
            keys: wanted(service, std::iter::empty()).into_iter().map(|w| w.key).collect(),
        })
        .collect();
    let gate = Gate {
        image: "localhost/holdfast:1".to_owned(),
        ask: "10.43.7.7:8481".parse().expect("an address"),
        open: "10.43.7.7:8482".parse().expect("an address"),
        port: GATE_PORT,
    };
    render(&Desired {
        names: &Names::new(&slug("acme"), &slug("shop"), &slug("dev"), id),
        revision,
        blueprint: &blueprint,
        plan: None::<&Label>,
        images: &std::collections::BTreeMap::new(),
        provided: &provided,
        gate: &gate,
        running: true,
        replicas: &std::collections::BTreeMap::new(),
        restarts: &std::collections::BTreeMap::new(),
        initialized: &BTreeSet::new(),
        storage_class: None,
    })
}

/// An object as a cluster has it: with its defaults, its own ways to write, and what it knows of it.
fn live(object: &Object) -> Value {
    let mut body = object.body.clone();
    body["metadata"]["managedFields"] =
        json!([{ "manager": MANAGED_BY, "operation": "Apply", "fieldsV1": fields(&object.body) }]);
    body["metadata"]["uid"] = json!("0d6bd6e0-0000-4000-8000-000000000000");
    body["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    match object.resource {
        Resource::Deployment => {
            body["metadata"]["annotations"] = json!({ "deployment.kubernetes.io/revision": "1" });
            body["status"] = json!({ "readyReplicas": 1 });
            let pod = &mut body["spec"]["template"]["spec"];
            pod["dnsPolicy"] = json!("ClusterFirst");
            pod["serviceAccount"] = pod["serviceAccountName"].clone();
            let container = &mut pod["containers"][0];
            container["terminationMessagePath"] = json!("/dev/termination-log");
            container["readinessProbe"]["successThreshold"] = json!(1);
            let resources = &mut container["resources"];
            resources["limits"]["memory"] = json!("1Gi");
            resources["requests"]["cpu"] = json!("500m");
        }
        Resource::Service => body["spec"]["clusterIP"] = json!("10.43.0.9"),
        Resource::PersistentVolumeClaim => {
            body["spec"]["volumeName"] = json!("pvc-1");
            body["spec"]["resources"]["requests"]["storage"] = json!("1Gi");
        }
        Resource::NetworkPolicy if object.name == "default-deny" => {}
        Resource::Namespace => body["spec"] = json!({ "finalizers": ["kubernetes"] }),
        _ => {}
    }
    body
}

/// Which fields were applied, in the form the cluster keeps that in.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect(),
        Value::Array(list) if list.iter().all(|item| item.get("name").is_some()) && !list.is_empty() => {
            let key = |item: &Value| format!("k:{}", json!({ "name": item["name"] }));
            list.iter().map(|item| (key(item), fields(item))).collect()
        }
        _ => json!({}),
    }
}

fn cluster(objects: &[Object]) -> Vec<Value> {
    objects.iter().map(live).collect()
}

/// What differs when SHOP runs and `text` is wanted.
fn from_shop(text: &str) -> Vec<Change> {
    changes(&cluster(&rendered(SHOP, 1, "values-1")), &rendered(text, 2, "values-1"))
}

fn paths(change: &Change) -> Vec<&str> {
    match &change.kind {
        ChangeKind::Changed(fields) => fields.iter().map(|f| f.path.as_str()).collect(),
        ChangeKind::Added | ChangeKind::Removed => Vec::new(),
    }
}

#[test]
fn what_a_cluster_adds_by_itself_is_no_change() {
    assert_eq!(from_shop(SHOP), []);
}

#[test]
fn nothing_there_means_everything_is_added() {
    let desired = rendered(SHOP, 1, "values-1");
    let all = changes(&[], &desired);
    assert_eq!(all.len(), desired.len());
    assert!(all.iter().all(|c| c.kind == ChangeKind::Added && c.restarts.is_none()));
}

#[test]
fn a_change_is_named_and_says_who_restarts_and_why() {
    let container = "spec.template.spec.containers[api]";
    for (from, to, path, why) in [
        ("LOG_LEVEL: info", "LOG_LEVEL: debug", "env[LOG_LEVEL].value", "the variable LOG_LEVEL changes"),
        ("LOG_LEVEL: info", "LOG_LEVEL: info, MODE: x", "env[MODE]", "the variable MODE is added"),
        ("{LOG_LEVEL: info}", "{}", "env[LOG_LEVEL]", "the variable LOG_LEVEL is removed"),
        ("cpu: 0.5", "cpu: 0.6", "resources.requests.cpu", "what it asks for or may use changes"),
        ("http: /readyz", "http: /ready", "readinessProbe.httpGet.path", "its probes change"),
        ("    probes: {readiness: {http: /readyz}}\n", "", "readinessProbe", "its probes change"),
    ] {
        let all = from_shop(&SHOP.replace(from, to));
        let deployment = all.iter().find(|c| c.resource == Resource::Deployment).unwrap_or_else(|| panic!("{to}"));
        assert_eq!(paths(deployment), [format!("{container}.{path}")], "{to}");
        assert_eq!(deployment.restarts, Some(format!("api restarts: {why}")), "{to}");
    }
    let all = from_shop(&SHOP.replace("api:1", "api:2"));
    assert_eq!(all.len(), 1, "{all:#?}");
    let expected =
        "api restarts: its labels change and its image is registry.example/api:2 in place of registry.example/api:1";
    assert_eq!(all[0].restarts.as_deref(), Some(expected));
}

#[test]
fn another_value_restarts_and_shows_no_value() {
    let all = changes(&cluster(&rendered(SHOP, 1, "values-1")), &rendered(SHOP, 2, "values-2"));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].restarts.as_deref(), Some("api restarts: values of its variables change"));
}

#[test]
fn more_copies_restart_nobody() {
    let all = from_shop(&SHOP.replace("    egress", "    replicas: 3\n    egress"));
    let deployment = all.iter().find(|c| c.resource == Resource::Deployment).expect("more copies");
    assert_eq!((paths(deployment), &deployment.restarts), (vec!["spec.replicas"], &None));
}

#[test]
fn what_is_no_longer_wanted_goes_and_a_drift_is_seen() {
    let all = from_shop(&SHOP.replace("    egress: [\"internet:443\"]\n", ""));
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!((all[0].name.as_str(), &all[0].kind), ("egress-api", &ChangeKind::Removed));
    let desired = rendered(SHOP, 1, "values-1");
    let mut live = cluster(&desired);
    let same = live.iter_mut().find(|o| o["metadata"]["name"] == "same-environment").expect("there");
    same["spec"]["ingress"][0]["ports"] = json!([]);
    let drift = changes(&live, &desired);
    assert_eq!(paths(&drift[0]), ["spec.ingress[0].ports"]);
    live.push(json!({ "kind": "Secret", "metadata": { "name": "s" } }));
    live.push(json!({ "kind": "Pod", "metadata": { "name": "p" } }));
    live.push(json!({ "kind": "Unknown", "metadata": { "name": "u" } }));
    assert_eq!(changes(&live, &desired), drift, "nothing else is ours to take away");
}

#[test]
fn an_object_of_another_namespace_is_not_the_same() {
    let desired = rendered(SHOP, 1, "values-1");
    let mut live = cluster(&desired);
    let quota = live.iter_mut().find(|o| o["kind"] == "ResourceQuota").expect("there");
    quota["metadata"]["namespace"] = json!("other");
    let kinds: Vec<_> = changes(&live, &desired).into_iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [ChangeKind::Added, ChangeKind::Removed]);
    assert_eq!(desired.iter().filter(|o| o.stage == Stage::Workload).count(), 1);
}
