//! Clusters by the API and the command line, where no Kubernetes answers: what is refused, and what comes out nowhere.
//! What a real one answers is in `on_cluster`.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::cli::Shell;

const TOKEN: &str = "swordfish-token-of-the-account";

/// An address nothing listens at.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("https://{}", listener.local_addr().expect("an address"))
}

fn add(owner: &Client, name: &str) -> Value {
    let body = json!({ "name": name, "server": "https://127.0.0.1:1", "token": TOKEN, "unasked": true });
    owner.post("/clusters", body).expect(201)
}

#[test]
fn an_address_where_nobody_answers_is_told_in_words() {
    let app = TestApp::start();
    let owner = app.owner();
    let told = owner.post("/clusters", json!({ "name": "home", "server": nowhere(), "token": TOKEN }));
    assert_eq!(told.status, 503, "{}", told.text());
    let told = told.json();
    assert_eq!(told["code"], "cluster_unreachable");
    assert!(told["detail"].as_str().is_some_and(|d| d.contains("nothing listens there")), "{told}");
    assert_eq!(owner.get("/clusters").expect(200)["items"], json!([]));

    let added = add(&owner, "home");
    assert_eq!((&added["state"], &added["found"], &added["checks"]), (&json!("untested"), &Value::Null, &json!([])));
    let tested = owner.send("POST", "/clusters/home/test", None).expect(200);
    assert_eq!((&tested["state"], &tested["found"]), (&json!("unreachable"), &json!("failed")));
    assert_eq!(tested["checks"].as_array().map(Vec::len), Some(1), "nothing else can be known: {tested}");
    assert_eq!(tested["checks"][0]["name"], "reachable");
    assert!(tested["checks"][0]["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{tested}");
    assert_eq!(owner.get("/clusters/home").expect(200)["tested_at"], tested["tested_at"]);
}

#[test]
fn a_cluster_is_given_in_one_way() {
    let app = TestApp::start();
    let owner = app.owner();
    let refused = |fields: Value| {
        let mut body = json!({ "name": "home", "unasked": true });
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        owner.post("/clusters", body).json()["code"].as_str().expect("a code").to_owned()
    };
    assert_eq!(refused(json!({})), "missing_field");
    assert_eq!(refused(json!({ "server": "https://127.0.0.1:1" })), "missing_field");
    assert_eq!(refused(json!({ "token": TOKEN })), "missing_field");
    assert_eq!(refused(json!({ "kubeconfig": "a: b", "local": true })), "cluster_ambiguous");
    assert_eq!(refused(json!({ "kubeconfig": "a: b" })), "kubeconfig_context_unknown");
    assert_eq!(refused(json!({ "server": "http://127.0.0.1:1", "token": TOKEN })), "cluster_server_invalid");
    assert_eq!(refused(json!({ "server": "https://127.0.0.1:1", "token": "" })), "cluster_credential_invalid");
    let authority = json!({ "server": "https://127.0.0.1:1", "token": TOKEN, "authority": "no pem" });
    assert_eq!(refused(authority), "cluster_authority_invalid");
    assert_eq!(refused(json!({ "local": true })), "local_cluster_missing");
    let image = json!({ "server": "https://127.0.0.1:1", "token": TOKEN, "image": "a b" });
    assert_eq!(refused(image), "invalid_value");
    add(&owner, "home");
    assert_eq!(refused(json!({ "server": "https://127.0.0.1:1", "token": TOKEN })), "name_taken");
}

#[test]
fn a_client_certificate_of_a_kubeconfig_is_taken() {
    let app = TestApp::start();
    let made = rcgen::generate_simple_self_signed(vec!["holdfast".to_owned()]).expect("a certificate");
    let base64 = |pem: String| data_encoding::BASE64.encode(pem.as_bytes());
    let (certificate, key) = (base64(made.cert.pem()), base64(made.signing_key.serialize_pem()));
    let text = format!(
        "current-context: b\ncontexts:\n- {{name: a, context: {{cluster: none, user: none}}}}\n\
         - {{name: b, context: {{cluster: c, user: u}}}}\n\
         clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1/', certificate-authority-data: {certificate}}}}}]\n\
         users: [{{name: u, user: {{client-certificate-data: {certificate}, client-key-data: {key}}}}}]\n"
    );
    let body =
        |context: Option<&str>| json!({ "name": "home", "kubeconfig": text, "context": context, "unasked": true });
    let broken = app.owner().post("/clusters", body(Some("a"))).expect(400);
    assert_eq!(broken["code"], "kubeconfig_refused", "{broken}");
    let added = app.owner().post("/clusters", body(None)).expect(201);
    assert_eq!((&added["server"], &added["kind"]), (&json!("https://127.0.0.1:1"), &json!("remote")));
    // It is read again from what was sealed.
    let tested = app.owner().send("POST", "/clusters/home/test", None).expect(200);
    assert!(tested["message"].as_str().is_some_and(|m| m.contains("nothing listens there")), "{tested}");
}

#[test]
fn what_opens_a_cluster_comes_out_nowhere() {
    let app = TestApp::start();
    let owner = app.owner();
    let mut told = vec![add(&owner, "home").to_string()];
    told.push(owner.get("/clusters").text().to_owned());
    told.push(owner.get("/clusters/home").text().to_owned());
    told.push(owner.send("POST", "/clusters/home/test", None).text().to_owned());
    let body = json!({ "server": nowhere(), "token": format!("{TOKEN}-2") });
    told.push(owner.put("/clusters/home/credential", body).text().to_owned());
    told.push(owner.send("PATCH", "/clusters/home", Some(&json!({ "image": "a/b:1" }))).text().to_owned());
    told.push(owner.delete("/clusters/home").text().to_owned());
    let broken = json!({ "name": "x", "kubeconfig": format!("token: {TOKEN}\n\t- :"), "unasked": true });
    told.push(owner.post("/clusters", broken).text().to_owned());
    let events = owner.get("/audit/events?limit=100");
    assert!(events.text().contains("cluster.manage"), "control: {}", events.text());
    told.push(events.text().to_owned());
    for text in told {
        assert!(!text.contains("swordfish"), "{text}");
    }
}

#[test]
fn a_cluster_is_managed_from_a_shell() {
    let app = TestApp::start();
    let shell = Shell::new(&app.base);
    shell.file("token", &app.owner().token);
    shell.file("account", format!("{TOKEN}\n"));
    let at = nowhere();
    let add = format!("clusters add home --server {at} --account-token account --token-file token");
    let refused = shell.run(&add);
    refused.refused(1, "nothing listens there");
    assert!(!refused.stderr.contains("swordfish"));
    shell.run(&format!("{add} --unasked --image registry.example/holdfast:1")).expect(0);
    let listed = shell.run("cluster list --json --token-file token").json();
    assert_eq!(listed["items"][0]["image"], "registry.example/holdfast:1", "{listed}");
    let tested = shell.run("clusters test home --token-file token");
    assert!(tested.expect(1).starts_with("failed   reachable: "), "{}", tested.stdout);
    shell.run("clusters update home --name away --token-file token").expect(0);
    shell.run("clusters rotate away --kubeconfig account --token-file token").refused(1, "no kubeconfig");
    shell.run("clusters remove away --confirm home --token-file token").refused(2, "whose name it must be");
    shell.run("clusters remove away --confirm away --token-file token").expect(0);
    shell.run("clusters show away --token-file token").refused(3, "no cluster");
}

#[test]
fn the_manifest_needs_no_server_and_is_the_same_from_one() {
    let app = TestApp::start();
    let written = Shell::offline().run("cluster manifest");
    assert_eq!(app.owner().get("/cluster-manifest").text(), written.expect(0));
    assert!(written.stdout.contains("kind: ValidatingAdmissionPolicy"), "{}", written.stdout);
}
