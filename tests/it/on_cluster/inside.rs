//! A command in a pod and a port of it, from the command line through an appliance to a real cluster, with the rights of
//! the account that `holdfast cluster manifest` makes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::support::OnCluster;
use crate::runtime::{deploy, run_path, store_blueprint};
use crate::support::app::{Client, TestApp};
use crate::support::cli::Shell;

const SHOP: &str = "\
name: shop
services:
  - name: api
    image: localhost/shell:1
    ports: [{name: http, containerPort: 8080}]
";
const PLACE: &str = "-p shop -e dev --token-file token";

/// An environment that is deployed, with the pod that a controller would have made: nothing tends it here.
fn running(cluster: &OnCluster, app: &TestApp) -> (Client, String) {
    let ada = app.owner();
    ada.create_project("shop");
    let environment = ada.create_environment("shop", "dev", None);
    store_blueprint(&ada, "shop/dev", SHOP);
    let kubeconfig = std::fs::read_to_string(cluster.account()).expect("a kubeconfig");
    ada.post("/clusters", json!({ "name": "home", "kubeconfig": kubeconfig })).expect(201);
    deploy(&ada, "shop/dev");
    let status = ada.get(&run_path("shop/dev", "")).expect(200);
    let namespace = status["namespace"].as_str().expect("a namespace").to_owned();
    let labels = json!({
        "app.kubernetes.io/managed-by": "holdfast", "app.kubernetes.io/component": "service",
        "holdfast.dev/service": "api", "holdfast.dev/environment-id": environment["id"],
    });
    let space = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": namespace, "labels": { "app.kubernetes.io/managed-by": "holdfast" } },
    });
    let answer =
        "printf 'HTTP/1.0 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok' >/tmp/a; exec nc -ll -p 8080 -e cat /tmp/a";
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "api-1", "labels": labels },
        "spec": { "terminationGracePeriodSeconds": 1, "containers": [{
            "name": "api", "image": "localhost/shell:1", "imagePullPolicy": "Never", "command": ["sh", "-c", answer],
        }] },
    });
    cluster.must("create -f -", &space.to_string());
    cluster.must(&format!("-n {namespace} create -f -"), &pod.to_string());
    for _ in 0..10 {
        // Each call waits for as long as kubectl may take.
        if cluster.kubectl(&format!("-n {namespace} wait pod/api-1 --for=condition=Ready --timeout=9s"), "").done {
            return (ada, namespace);
        }
    }
    panic!("the pod is never ready");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn commands_and_ports_of_a_real_pod() {
    let (cluster, app) = (OnCluster::get(), TestApp::start());
    let (ada, namespace) = running(&cluster, &app);
    let shell = Shell::new(&app.base);
    shell.file("token", &ada.token);
    let exec = |words: &[&str], input: &[u8]| {
        let place = format!("env exec {PLACE} api");
        shell.call(place.split(' ').chain(words.iter().copied()), input)
    };
    let both = exec(&["--", "sh", "-c", "echo out; echo bad >&2; exit 7"], b"");
    assert_eq!((both.status.code(), both.stdout.as_str(), both.stderr.as_str()), (Some(7), "out\n", "bad\n"));
    let long = b"a line of a file\n".repeat(20_000);
    let echoed = exec(&["-i", "--", "cat"], &long);
    assert!(echoed.status.success() && echoed.stdout.as_bytes() == long, "{}", echoed.stderr);
    assert_eq!(exec(&["--", "cat"], b"not sent").expect(0), "", "without -i there is nothing to read");
    exec(&["--", "no-such-program"], b"").refused(127, "`no-such-program` is not in the container of api");
    exec(&["--", "/etc/passwd"], b"").refused(126, "cannot be executed");

    let line = format!("env port-forward {PLACE} api 0:http");
    let mut command = shell.command(line.split(' '));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program is there");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let told = lines.next().expect("a line").expect("text");
    let address = told.split(' ').next().expect("an address");
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
    child.kill().expect("it runs");
    child.wait().expect("ours");
    cluster.kubectl(&format!("delete namespace {namespace} --wait=false"), "");
}
