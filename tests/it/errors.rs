//! The bodies of failures, as clients read them.

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, at};

struct Told(serde_json::Map<String, Value>);

impl Told {
    /// Asks under a fixed request id and keeps the failure under its code.
    fn ask(&mut self, client: &Client, method: &str, path: &str, body: Option<&Value>) {
        let answer = client.send_with(method, path, &[("x-request-id", "test")], body);
        assert!(answer.status >= 400, "{method} {path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path}");
        let problem: Value = serde_json::from_str(&without_ids(answer.text())).expect("JSON");
        assert_eq!(problem["status"], answer.status);
        let code = problem["code"].as_str().expect("a code").to_owned();
        assert!(self.0.insert(code.clone(), problem).is_none(), "{code} twice");
    }
}

/// Ids of people differ from run to run.
fn without_ids(text: &str) -> String {
    let mut parts = text.split("usr_");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "usr_" + part.get(26..).unwrap_or_default())
}

#[test]
fn failures_are_told_as_reviewed() {
    let app = TestApp::start();
    let ada = app.owner();
    let mut told = Told(serde_json::Map::new());
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "leaf", Some("base"));
    ada.create_environment("shop", "production", None);
    ada.set_secret("shop/base", "HOST", "h");
    ada.set_secret("shop/base", "URL", "${HOST}");
    let base = at("shop/base");
    let value = json!({ "value": "v" });

    told.ask(&app.client("nonsense"), "GET", "/whoami", None);
    told.ask(&app.client(&ada.token[..40]), "GET", "/whoami", None);
    told.ask(&ada, "GET", "/nonsense", None);
    told.ask(&ada, "PUT", "/projects", Some(&value));
    told.ask(&ada, "POST", "/projects", Some(&json!({ "slug": "a", "slog": "b" })));
    told.ask(&ada, "POST", "/projects", Some(&json!({})));
    told.ask(&ada, "POST", "/projects", Some(&json!({ "slug": "Not A Slug" })));
    told.ask(&ada, "POST", "/projects", Some(&json!({ "slug": "shop" })));
    told.ask(&ada, "GET", "/projects?limit=many", None);
    told.ask(&ada, "GET", "/projects?limit=501", None);
    told.ask(&ada, "GET", "/projects/none", None);
    told.ask(&ada, "GET", &at("shop/none"), None);
    told.ask(&ada, "GET", &format!("{base}/secrets/NONE"), None);
    told.ask(&ada, "GET", "/organizations/none", None);
    told.ask(&ada, "GET", "/audit/events/999999", None);
    told.ask(&ada, "DELETE", &format!("{base}/secrets/HOST"), None);
    told.ask(&ada, "PUT", &format!("{base}/secrets/OPEN"), Some(&json!({ "value": "${HOST" })));
    let large = json!({ "value": "x".repeat(64 * 1024 + 1) });
    told.ask(&ada, "PUT", &format!("{base}/secrets/LARGE"), Some(&large));
    told.ask(&ada, "PUT", &format!("{base}/secrets/HOST"), Some(&json!({ "value": "v", "base_version": 9 })));
    told.ask(&ada, "POST", &format!("{base}/move"), Some(&json!({ "parent": "leaf" })));
    let beneath = json!({ "slug": "x", "parent": "production" });
    told.ask(&ada, "POST", "/projects/shop/environments", Some(&beneath));
    ada.delete(&format!("{base}/secrets/HOST?force=true")).expect(200);
    told.ask(&ada, "GET", &format!("{base}/variables"), None);
    ada.put(&format!("{base}/secrets/HOST"), json!({ "value": "h", "visibility": "restricted" }));
    told.ask(&ada, "GET", &format!("{base}/secrets/HOST?reveal=true"), None);
    told.ask(&ada, "GET", &format!("{base}/variables"), None);
    let runner = json!({ "name": "runner", "grants": [{ "role": "maintainer", "project": "shop" }] });
    ada.post("/service-accounts", runner).expect(201);
    let key = ada.send("POST", "/service-accounts/runner/keys", None).expect(201);
    let runner = app.client(key["token"].as_str().expect("a token"));
    told.ask(&runner, "GET", &format!("{base}/variables?format=kubernetes-configmap"), None);
    ada.post(&format!("{base}/lock"), json!({ "reason": "freeze" })).expect(200);
    told.ask(&ada, "PUT", &format!("{base}/secrets/KEY"), Some(&value));
    let me = ada.get("/whoami").expect(200);
    let own_grant = format!("/grants/{}", me["grants"][0]["id"].as_str().expect("an id"));
    told.ask(&ada, "DELETE", &own_grant, None);
    let account = json!({ "name": "ci", "grants": [{ "role": "viewer" }] });
    ada.post("/service-accounts", account).expect(201);
    let key = ada.send("POST", "/service-accounts/ci/keys", None).expect(201);
    let machine = app.client(key["token"].as_str().expect("a token"));
    told.ask(&machine, "POST", "/projects", Some(&json!({ "slug": "other" })));
    app.clock.advance(std::time::Duration::from_hours(25));
    told.ask(&ada, "DELETE", "/organizations/acme", None);
    insta::assert_json_snapshot!("errors", Value::Object(told.0));
}
