//! People, machines and the ledger over HTTP: who gets in, who may what, and what is recorded of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::{Client, PASSWORD, TestApp, at};
use crate::support::cli::Shell;

fn shop(app: &TestApp) -> Client {
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "KEY", "value");
    ada
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn a_machine_gets_its_variables_and_nothing_beyond_its_node() {
    let app = TestApp::start();
    let ada = shop(&app);
    ada.create_environment("shop", "other", None);
    let machine = app.service_account("ci", "developer", "shop/dev");
    assert_eq!(machine.variables("shop/dev"), json!({ "KEY": "value" }));
    machine.get(&format!("{}/variables", at("shop/other"))).expect(404);
    let me = machine.get("/whoami").expect(200);
    assert_eq!((&me["actor"]["kind"], &me["grants"][0]["role"]), (&json!("service_account"), &json!("developer")));
    assert_eq!(machine.post("/tokens", json!({ "name": "more" })).status, 403);
}

#[test]
fn a_token_that_is_not_replaced_lasts_as_long_as_the_server_says() {
    let app = TestApp::with(&[("HOLDFAST_SESSIONS_TOKEN_HOURS", "2")]);
    let sign_in = |refresh: bool| {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "refresh": refresh });
        let made = app.nobody().post("/sessions", body).expect(201);
        (text(&made["token"]).to_owned(), made["token_until"].clone())
    };
    let ((alone, until), (_, replaced_at)) = (sign_in(false), sign_in(true));
    assert!(until.is_null() && replaced_at.is_string(), "{until} {replaced_at}");
    app.clock.advance(Duration::from_mins(119));
    app.client(&alone).get("/whoami").expect(200);
    app.clock.advance(Duration::from_mins(2));
    assert_eq!(app.client(&alone).get("/whoami").expect(401)["code"], "token_expired");
}

#[test]
fn operators_list_everybody_and_others_nobody() {
    let app = TestApp::start();
    let ada = app.owner();
    let second = app.second_organization();
    for (who, email) in [(&ada, "bob@example.com"), (&second, "Zoe@Elsewhere.example"), (&second, "bob@example.com")] {
        who.post("/members", json!({ "email": email, "password": PASSWORD })).expect(201);
    }
    let emails = |page: &Value| -> Vec<String> {
        page["items"].as_array().expect("a list").iter().map(|one| text(&one["user"]["email"]).to_owned()).collect()
    };
    let all = ada.get("/instance/users").expect(200);
    assert_eq!(emails(&all), ["ada@example.com", "bob@example.com", "Zoe@Elsewhere.example"]);
    let bob = &all["items"][1];
    assert_eq!((&bob["organizations"], &bob["instance_operator"]), (&json!(2), &json!(false)));
    assert_eq!((&bob["disabled_at"], &bob["user"]["email_verified"]), (&Value::Null, &json!(false)));
    let first = ada.get("/instance/users?limit=2").expect(200);
    let rest = ada.get(&format!("/instance/users?limit=2&cursor={}", text(&first["next_cursor"]))).expect(200);
    assert_eq!((emails(&first).len(), emails(&rest)), (2, vec!["Zoe@Elsewhere.example".to_owned()]));
    assert_eq!(emails(&ada.get("/instance/users?search=ELSEwhere").expect(200)), ["Zoe@Elsewhere.example"]);
    assert_eq!(emails(&ada.get("/instance/users?search=%25").expect(200)), Vec::<String>::new(), "no pattern");
    let session = json!({ "email": "bob@example.com", "password": PASSWORD, "organization": "acme" });
    let session = app.nobody().post("/sessions", session).expect(201);
    let refused = app.client(text(&session["token"])).get("/instance/users").expect(403);
    assert_eq!(refused["code"], "permission_denied");

    let shell = Shell::new(&app.base);
    shell.file("token", &ada.token);
    let listed = shell.run("users list --search bob --token-file token");
    assert_eq!(listed.expect(0).lines().count(), 1, "{listed:?}");
    let members = shell.run("members list -o json --token-file token").json();
    assert_eq!(members["items"][0]["user"]["email_verified"], false);
    let table = shell.run("members list --token-file token");
    let row = table.expect(0).lines().next().expect("a row").split('\t').collect::<Vec<_>>();
    assert_eq!(row[3], "no", "whether the address is confirmed: {row:?}");
}

#[test]
fn a_token_stops_working_when_it_is_over_revoked_or_elsewhere() {
    let app = TestApp::start();
    let ada = app.owner();
    let mint = |body: Value| ada.post("/tokens", body).expect(201);
    let short = mint(json!({ "name": "short", "expires_in": "1h" }));
    let far = mint(json!({ "name": "far", "cidrs": ["192.0.2.0/24"] }));
    let gone = mint(json!({ "name": "gone", "expires_in": 3600 }));
    let code = |token: &Value| {
        let answer = app.client(text(&token["token"])).get("/whoami");
        (answer.status, answer.json()["code"].clone())
    };
    assert_eq!(code(&short), (200, Value::Null));
    assert_eq!(code(&far), (403, json!("token_address_not_allowed")));
    let plan = ada.delete(&format!("/tokens/{}?dry_run=true", text(&gone["id"]))).expect(200);
    assert_eq!((&plan["dry_run"], code(&gone).0), (&json!(true), 200));
    ada.delete(&format!("/tokens/{}", text(&gone["id"]))).expect(200);
    assert_eq!(code(&gone), (401, json!("token_invalid")));
    app.clock.advance(Duration::from_hours(2));
    assert_eq!(code(&short), (401, json!("token_expired")));
    assert_eq!(ada.post("/tokens", json!({ "name": "x", "expires_in": "1y" })).expect(400)["code"], "invalid_value");
}

#[test]
fn a_member_signs_in_and_out() {
    let app = TestApp::start();
    let ada = shop(&app);
    let member = json!({ "email": "bob@example.com", "password": PASSWORD, "role": "viewer", "project": "shop" });
    ada.post("/members", member).expect(201);
    let wrong = json!({ "email": "bob@example.com", "password": "not the right one" });
    assert_eq!(app.nobody().post("/sessions", wrong).expect(401)["code"], "credentials_wrong");
    let session = json!({ "email": "bob@example.com", "password": PASSWORD });
    let session = app.nobody().post("/sessions", session).expect(201);
    let bob = app.client(text(&session["token"]));
    bob.get("/projects/shop").expect(200);
    let denied = bob.get(&format!("{}/secrets/KEY?reveal=true", at("shop/dev"))).expect(403);
    assert_eq!(denied["code"], "permission_denied");
    assert!(text(&denied["detail"]).contains("secret.reveal"), "{denied}");
    bob.delete("/sessions/current").expect(200);
    bob.get("/projects/shop").expect(401);
}

#[test]
fn nobody_gives_more_than_they_hold() {
    let app = TestApp::start();
    let ada = shop(&app);
    let body = json!({ "email": "max@example.com", "password": PASSWORD, "role": "maintainer", "project": "shop" });
    ada.post("/members", body).expect(201);
    let session = json!({ "email": "max@example.com", "password": PASSWORD });
    let session = app.nobody().post("/sessions", session).expect(201);
    let max = app.client(text(&session["token"]));
    let give = |role: &str, project: Option<&str>| {
        max.post("/grants", json!({ "user": "max@example.com", "role": role, "project": project }))
    };
    give("developer", Some("shop")).expect(201);
    assert_eq!(give("admin", None).status, 403);
    let refused = ada.delete("/members/ada@example.com").expect(409);
    assert_eq!(refused["code"], "last_owner");
}

#[test]
fn a_decision_is_explained() {
    let app = TestApp::start();
    let ada = shop(&app);
    let machine = app.service_account("ci", "viewer", "shop");
    let ask = |actor: Value, action: &str| {
        let resource = json!({ "project": "shop", "environment": "dev" });
        ada.post("/policy/evaluate", json!({ "actor": actor, "action": action, "resource": resource })).expect(200)
    };
    assert_eq!(ask(json!("self"), "secret.use")["decision"], "allow");
    let denied = ask(json!({ "service_account": "ci" }), "secret.use");
    assert_eq!((&denied["decision"], &denied["missing"]), (&json!("deny"), &json!("secret.use")));
    assert!(denied["reasons"].as_array().is_some_and(|r| !r.is_empty()));
    let matrix = machine.get("/access/matrix?project=shop&environment=dev").expect(200);
    assert_eq!(matrix["cells"]["viewer"]["secret.use"]["shop/dev"], "deny");
    assert_eq!(matrix["cells"]["developer"]["secret.use"]["shop/dev"], "allow");
}

#[test]
fn what_happened_is_listed_proven_exported_and_verified() {
    let app = TestApp::start();
    let ada = shop(&app);
    let bob = app.service_account("ci", "viewer", "shop");
    ada.get(&format!("{}/secrets/KEY?reveal=true", at("shop/dev"))).expect(200);
    bob.get(&format!("{}/variables", at("shop/dev"))).expect(403);

    let revealed = ada.get("/audit/events?action=secret.reveal").expect(200);
    let event = &revealed["items"][0];
    assert_eq!((&event["actor"]["name"], &event["decision"]), (&json!("ada@example.com"), &json!("allow")));
    let denied = ada.get("/audit/events?decision=deny").expect(200);
    assert_eq!(denied["items"][0]["actor"]["name"], "ci");
    let reads = ada.get(&format!("{}/secrets/KEY/accesses", at("shop/dev"))).expect(200);
    assert_eq!(reads["items"][0]["id"], event["id"]);

    let note = ada.get("/audit/checkpoint");
    assert!(note.text().starts_with("holdfast/ins_"), "{}", note.text());
    let proof = ada.get(&format!("/audit/events/{}/proof", text(&event["id"]))).expect(200);
    assert_eq!(proof["checkpoint"], note.text());
    let exported = ada.get("/audit/export");
    assert_eq!(exported.header("content-type"), Some("application/jsonl"));
    let lines: Vec<Value> = exported.text().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(lines.iter().any(|l| l["leaf_hash"] == proof["leaf_hash"]), "the event is in the export");
    assert!(!exported.text().contains("\"value\""), "no value is in the ledger");

    let found = ada.post("/audit/verify", json!({ "checkpoint": note.text() })).expect(200);
    assert_eq!((&found["ok"], &found["problems"]), (&json!(true), &json!([])), "{found}");
    let foreign = app.second_organization();
    let other = foreign.get("/audit/events").expect(200);
    assert!(!other.to_string().contains("shop"), "{other}");
}

#[test]
fn the_last_use_of_a_token_is_told() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.get("/whoami").expect(200);
    // Notes are written beside the request; a write after it finds them on disk.
    ada.create_project("shop");
    let mine = ada.get("/tokens").expect(200);
    assert_eq!(mine["items"][0]["last_used_address"], "127.0.0.1");
}
