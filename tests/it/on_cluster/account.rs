//! The account of `holdfast cluster manifest` on a real cluster: what it cannot do, each with what it can beside it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use super::support::{OnCluster, kubectl};

/// What is in every Secret of this test.
const VALUE: &str = "swordfish-in-a-secret";
const OWN: &str = "hf-held-to-its-word";
const FOREIGN: &str = "somebody-elses";

/// The account, with what it asks for.
struct Account(PathBuf);

impl Account {
    /// It cannot, and nothing of a value is told with that.
    fn cannot(&self, line: &str, input: &str) {
        let told = kubectl(&self.0, line, input);
        assert!(!told.done, "the account can: {line}\n{}", told.text);
        let words = told.text.to_lowercase();
        assert!(words.contains("forbidden"), "{line}: failed for another reason: {}", told.text);
        for value in [VALUE.to_owned(), BASE64.encode(VALUE.as_bytes())] {
            assert!(!told.text.contains(&value), "{line} shows the value: {}", told.text);
        }
    }

    /// It can.
    fn can(&self, line: &str, input: &str) -> String {
        let told = kubectl(&self.0, line, input);
        assert!(told.done, "the account cannot: {line}\n{}", told.text);
        told.text
    }
}

fn secret(name: &str, more: &str) -> String {
    format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"{name}\"{more}}},\"stringData\":{{\"KEY\":\"{VALUE}\"}}}}"
    )
}

fn namespace(name: &str, labels: &str) -> String {
    format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{{\"name\":\"{name}\",\"labels\":{{{labels}}}}}}}"
    )
}

const MAP: &str = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"held"},"data":{"a":"b"}}"#;
const LABELLED: &str = r#""app.kubernetes.io/managed-by":"holdfast","pod-security.kubernetes.io/enforce":"restricted""#;

fn start(cluster: &OnCluster) -> Account {
    let account = Account(cluster.account());
    cluster.kubectl(&format!("delete namespace {OWN} {FOREIGN} --ignore-not-found --wait --timeout 60s"), "");
    cluster.must("create -f -", &namespace(FOREIGN, ""));
    for place in [FOREIGN, "kube-system"] {
        cluster.kubectl(&format!("-n {place} delete secret,configmap held --ignore-not-found"), "");
        cluster.must(&format!("-n {place} create -f -"), &secret("held", ""));
        cluster.must(&format!("-n {place} create -f -"), MAP);
    }
    // The API server takes a moment to compile a new policy.
    let end = Instant::now() + Duration::from_secs(30);
    let try_it = || kubectl(&account.0, "-n kube-system create --dry-run=server -f -", &MAP.replace("held", "new"));
    while try_it().done {
        assert!(Instant::now() < end, "the policy never came into force");
    }
    account
}

fn end(cluster: &OnCluster) {
    cluster.kubectl("-n kube-system delete secret,configmap held --ignore-not-found", "");
    cluster.kubectl(&format!("delete namespace {OWN} {FOREIGN} --ignore-not-found --wait=false"), "");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_account_is_held_to_its_word() {
    let cluster = OnCluster::get();
    let account = start(&cluster);
    its_own_namespace(&account);
    nobody_elses(&account, &cluster);
    no_secret(&account);
    no_further_right(&account);
    end(&cluster);
}

/// The control: inside its own namespaces it can do what it must.
fn its_own_namespace(account: &Account) {
    account.can("create -f -", &namespace(OWN, LABELLED));
    let inside = |line: &str, input: &str| account.can(&format!("-n {OWN} {line}"), input);
    inside("create -f -", MAP);
    inside("apply --server-side --field-manager holdfast -f -", MAP);
    inside("create -f -", &secret("held", ""));
    inside("create -f -", &secret("gone", ""));
    inside("delete secret gone", "");
    inside("create deployment web --image a --replicas 0", "");
    inside("create job once --image a --dry-run=server", "");
    inside("create service clusterip web --tcp 80", "");
    let policy = r#"{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"deny"},"spec":{"podSelector":{}}}"#;
    inside("create -f -", policy);
    let lease = r#"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"mine"}}"#;
    account.can("-n holdfast-system delete lease mine --ignore-not-found", "");
    account.can("-n holdfast-system create -f -", lease);
    account.can("-n holdfast-system delete lease mine", "");
    account.can("get pods --all-namespaces", "");
    account.can("get nodes", "");
    account.can(&format!("label namespace {OWN} holdfast.dev/project=shop"), "");
}

fn nobody_elses(account: &Account, cluster: &OnCluster) {
    for place in ["kube-system", FOREIGN, "default"] {
        let inside = |line: &str, input: &str| account.cannot(&format!("-n {place} {line}"), input);
        inside("create -f -", &MAP.replace("held", "new"));
        inside("create --dry-run=server -f -", &MAP.replace("held", "new"));
        inside("create -f -", &secret("new", ""));
        inside("create deployment web --image a", "");
        inside("create service clusterip web --tcp 80", "");
        inside("run pod --image a", "");
        inside("create serviceaccount new", "");
    }
    for place in ["kube-system", FOREIGN] {
        account.cannot(&format!("-n {place} delete configmap held"), "");
        account.cannot(&format!("-n {place} delete secret held"), "");
        account.cannot(&format!("-n {place} apply --server-side --force-conflicts -f -"), MAP);
    }
    // Into a running pod, too: opening a stream changes nothing stored, and is still refused.
    let pod = cluster.must("-n kube-system get pods -l k8s-app=kube-dns -o jsonpath={.items[0].metadata.name}", "");
    account.cannot(&format!("-n kube-system exec {pod} -- true"), "");
    account.cannot("create -f -", &namespace("hf-new", ""));
    account.cannot("create -f -", &namespace("hf-new", r#""app.kubernetes.io/managed-by":"helm""#));
    account.cannot("create -f -", &namespace("hf-new", r#""app.kubernetes.io/managed-by":"holdfast""#));
    let privileged = LABELLED.replace("restricted", "privileged");
    account.cannot("create -f -", &namespace("hf-new", &privileged));
    account.cannot(&format!("label namespace {FOREIGN} app.kubernetes.io/managed-by=holdfast"), "");
    account.cannot(&format!("label namespace {OWN} app.kubernetes.io/managed-by-"), "");
    account.cannot(&format!("label --overwrite namespace {OWN} pod-security.kubernetes.io/enforce=privileged"), "");
    for name in [FOREIGN, "kube-system", "holdfast-system"] {
        account.cannot(&format!("delete namespace {name} --wait=false"), "");
    }
}

/// No verb shows what is in a Secret: anybody's, or its own.
fn no_secret(account: &Account) {
    for place in [OWN, FOREIGN, "kube-system", "holdfast-system"] {
        let inside = |line: &str, input: &str| account.cannot(&format!("-n {place} {line}"), input);
        inside("get secret held -o yaml", "");
        inside("get secrets -o yaml", "");
        inside("get secrets --watch --request-timeout=5s", "");
        inside("patch secret held -o yaml --patch {}", "");
        inside("patch secret held -o yaml --dry-run=server --patch {}", "");
        inside("patch secret held -o yaml --dry-run=server --type=json --patch []", "");
        inside("apply --server-side --dry-run=server -o yaml -f -", &secret("held", ""));
        account.cannot(
            &format!("replace --raw /api/v1/namespaces/{place}/secrets/held?dryRun=All -f -"),
            &secret("held", ""),
        );
        account.cannot(&format!("get --raw /api/v1/namespaces/{place}/secrets/held"), "");
        account.cannot(&format!("get --raw /api/v1/watch/namespaces/{place}/secrets"), "");
        account.cannot(&format!("delete --raw /api/v1/namespaces/{place}/secrets"), "");
    }
    // A deletion that does not happen at once answers with the object.
    for options in ["propagationPolicy=Foreground", "propagationPolicy=Orphan", "orphanDependents=true"] {
        for dry in ["", "&dryRun=All"] {
            account.cannot(&format!("delete --raw /api/v1/namespaces/{OWN}/secrets/held?{options}{dry}"), "");
        }
    }
    account.cannot(&format!("-n {OWN} create -f -"), &secret("kept", r#","finalizers":["example.com/kept"]"#));
    let token = r#"{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/service-account-token","metadata":{"name":"t","annotations":{"kubernetes.io/service-account.name":"holdfast"}}}"#;
    account.cannot("-n holdfast-system create -f -", token);
    // What a creation answers is what was sent; a dry run of one that is there says so, and nothing more.
    let there = kubectl(&account.0, &format!("-n {OWN} create --dry-run=server -o yaml -f -"), &secret("held", ""));
    assert!(!there.done && there.text.contains("AlreadyExists"), "{}", there.text);
    let gone = account.can(&format!("delete --raw /api/v1/namespaces/{OWN}/secrets/held"), "");
    assert!(gone.contains("\"Success\"") && !gone.contains(&BASE64.encode(VALUE.as_bytes())), "{gone}");
}

fn no_further_right(account: &Account) {
    account.cannot(
        "create clusterrolebinding more --clusterrole cluster-admin --serviceaccount holdfast-system:holdfast",
        "",
    );
    account.cannot(
        &format!("-n {OWN} create rolebinding more --clusterrole admin --serviceaccount holdfast-system:holdfast"),
        "",
    );
    account.cannot("delete validatingadmissionpolicy holdfast", "");
    account.cannot("delete validatingadmissionpolicybinding holdfast", "");
    account.cannot("patch clusterrole holdfast --type=json --patch []", "");
    account.cannot("-n holdfast-system create token holdfast", "");
    account.cannot("get nodes --as system:admin", "");
    account.cannot("get --raw /api/v1/nodes/node1/proxy/pods", "");
    assert!(Path::new(&account.0).exists());
}
