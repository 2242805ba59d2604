//! The preflight on a real cluster, with the account Holdfast makes itself there.

use holdfast::types::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::support::OnCluster;
use crate::support::app::TestApp;

fn state<'a>(tested: &'a Value, name: &str) -> &'a Value {
    let checks = tested["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name} in {tested}"))
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_cluster_that_is_fit_passes() {
    let cluster = OnCluster::get();
    let kubeconfig = cluster.kubeconfig.to_str().expect("a path");
    let app = TestApp::with(&[("HOLDFAST_CLUSTER_LOCAL_KUBECONFIG", kubeconfig)]);
    app.clock.set(SystemClock.now());
    let owner = app.owner();
    let added =
        owner.post("/clusters", json!({ "name": "here", "local": true, "image": OnCluster::image() })).expect(201);
    assert_eq!(added["account"], "system:serviceaccount:holdfast-system:holdfast", "the administrator is forgotten");
    assert_eq!((&added["state"], &added["kind"]), (&json!("reachable"), &json!("local")));
    // The API server takes a moment to compile a new policy.
    let mut tested = owner.send("POST", "/clusters/here/test", None).expect(200);
    for _ in 0..10 {
        if state(&tested, "admission")["state"] == "ok" {
            break;
        }
        tested = owner.send("POST", "/clusters/here/test", None).expect(200);
    }
    for name in [
        "reachable",
        "version",
        "clock",
        "credential",
        "permissions",
        "least_privilege",
        "admission",
        "dns",
        "storage",
        "metrics",
    ] {
        assert_eq!(state(&tested, name)["state"], "ok", "{tested:#}");
    }
    // Its API server is no pod: whether it encrypts cannot be seen.
    assert_eq!(state(&tested, "encryption")["state"], "warning", "{tested:#}");
    let probed = if OnCluster::image().is_some() { "ok" } else { "unknown" };
    for name in ["images", "network_policy"] {
        assert_eq!(state(&tested, name)["state"], probed, "{tested:#}");
    }
    let left =
        cluster.must("get namespaces -l holdfast.dev/preflight=true --field-selector status.phase=Active -o name", "");
    assert_eq!(left.trim(), "", "a preflight leaves nothing");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn an_administrator_is_told_to_be_one_right_too_many() {
    let cluster = OnCluster::get();
    let app = TestApp::start();
    app.clock.set(SystemClock.now());
    let owner = app.owner();
    let text = std::fs::read_to_string(&cluster.kubeconfig).expect("a kubeconfig");
    owner.post("/clusters", json!({ "name": "there", "kubeconfig": text })).expect(201);
    let image = json!({ "image": "localhost/not-there:1" });
    owner.send("PATCH", "/clusters/there", Some(&image)).expect(200);
    let tested = owner.send("POST", "/clusters/there/test", None).expect(200);
    assert_eq!(state(&tested, "least_privilege")["state"], "failed", "{tested:#}");
    assert_eq!(state(&tested, "admission")["state"], "failed", "{tested:#}");
    assert_eq!(state(&tested, "images")["state"], "failed", "{tested:#}");
    assert_eq!(state(&tested, "network_policy")["state"], "unknown", "{tested:#}");
    // The account of the manifest is of the same cluster: it takes the administrator's place.
    let account = std::fs::read_to_string(cluster.account()).expect("a kubeconfig");
    let rotated = owner.put("/clusters/there/credential", json!({ "kubeconfig": account })).expect(200);
    assert_eq!(rotated["account"], "system:serviceaccount:holdfast-system:holdfast");
    assert_eq!(rotated["credential"], 2);
}
