//! Passkeys in a real Chromium: invited, joined, one value, signed in with nothing else, copied, stepped up, removed. And
//! what no browser is needed for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::link_page::{node, tools};
use crate::pages::screenshots;
use crate::support::app::{PASSWORD, TestApp};
use crate::support::browser::Browser;

const BOB: &str = "bob@example.com";

fn drive(ask: &Value) -> Value {
    let tools = tools();
    assert!(tools.join("stamp").is_file(), "nothing to drive a browser with: run `make test-tools`");
    let npm = tools.join("npm");
    let said = node("passkey.mjs", &[npm.to_str().expect("text")], ask);
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let checks = said["checks"].as_array().expect("a list");
    let failed: Vec<String> = checks.iter().filter(|c| c["ok"] != true).map(Value::to_string).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), checks.len(), failed.join("\n"));
    assert!(checks.len() >= 8, "only {} checks were made", checks.len());
    said
}

#[test]
fn a_guest_joins_adds_a_passkey_reads_one_value_and_signs_in_with_nothing_else() {
    let app = TestApp::start();
    let owner = app.owner();
    owner.create_project("shop");
    for (environment, value) in [("staging", "value-of-API_KEY"), ("production", "value-in-production")] {
        owner.create_environment("shop", environment, None);
        owner.set_secret(&format!("shop/{environment}"), "API_KEY", value);
    }
    let invitation = json!({ "email": BOB, "role": "maintainer", "project": "shop" });
    let invited = owner.post("/invitations", invitation).expect(201);
    // Passkeys are of a name: browsers make none for an address.
    let base = app.base.replace("127.0.0.1", "localhost");
    let token = invited["url"].as_str().expect("a link").rsplit_once('#').expect("a token").1.to_owned();
    let mut ask = json!({
        "part": "join", "base": base, "link": format!("{base}/join#{token}"), "email": BOB, "password": PASSWORD,
        "screenshots": screenshots(),
    });
    let said = drive(&ask);
    let events = |action: &str| {
        let found = owner.get(&format!("/audit/events?action={action}")).expect(200);
        found["items"].as_array().expect("a list").clone()
    };
    assert_eq!(events("account.passkey_added").len(), 1);
    let failed = events("session.failed");
    let codes: Vec<_> = failed.iter().map(|event| event["code"].as_str().unwrap_or_default()).collect();
    assert!(codes.iter().any(|code| ["passkey_wrong", "second_factor_wrong"].contains(code)), "{codes:?}");
    assert_eq!((events("account.passkey_disabled").len(), events("account.passkey_enabled").len()), (1, 1));
    // Where a second factor is asked for, a passkey is one.
    let ada = Browser::signed_in(&app, "ada@example.com");
    assert_eq!(
        ada.send("PUT", "/organizations/acme/security", Some(&json!({ "second_factor_required": true }))).status,
        403,
        "who has none locks themselves out"
    );
    app.clock.advance(Duration::from_mins(11));
    ask["part"] = json!("later");
    ask["state"] = said["state"].clone();
    ask["credential"] = said["credential"].clone();
    drive(&ask);
    assert_eq!(events("account.passkey_removed").len(), 1);
}

#[test]
fn only_a_fresh_sign_in_adds_a_passkey_and_nothing_is_told_of_others() {
    let app = TestApp::start();
    let code = |answer: crate::support::http::Response| answer.json()["code"].clone();
    assert_eq!(code(app.owner().post("/account/passkeys/begin", json!({}))), "own_sign_in_required");
    let ada = Browser::signed_in(&app, "ada@example.com");
    let asked = ada.post("/account/passkeys/begin", json!({})).expect(201);
    let selection = &asked["options"]["authenticatorSelection"];
    assert_eq!((&selection["residentKey"], &selection["userVerification"]), (&json!("preferred"), &json!("required")));
    assert_eq!(asked["options"]["rp"]["id"], "localhost");
    let add = |name: &str, credential: Value| json!({ "name": name, "ceremony": asked["ceremony"], "credential": credential });
    assert_eq!(code(ada.post("/account/passkeys", add(" ", json!({})))), "invalid_value");
    assert_eq!(code(ada.post("/account/passkeys", add("Laptop", json!({})))), "passkey_wrong");
    assert_eq!(code(ada.post("/account/passkeys", add("Laptop", json!({})))), "passkey_wrong", "it was taken");
    assert_eq!(code(ada.post("/sessions/current/step-up/passkey", json!({}))), "passkey_wrong", "there is none");
    app.clock.advance(Duration::from_mins(11));
    assert_eq!(code(ada.post("/account/passkeys/begin", json!({}))), "step_up_required");
    assert_eq!(ada.get("/account/passkeys").expect(200)["items"], json!([]));
    let machine = app.service_account("ci", "viewer", "");
    assert_eq!(code(machine.get("/account/passkeys")), "people_only");
    let origin = ("origin", app.base.as_str());
    let form = ("content-type", "application/json");
    let nobody = Browser::new(&app);
    let begun = nobody.raw("POST", "/sign-in/passkey/begin", &[origin, form], b"{}");
    assert_eq!(begun.json()["options"]["allowCredentials"], json!([]), "nobody is named");
    let elsewhere = [("origin", "https://evil.example"), form];
    assert_eq!(nobody.raw("POST", "/sign-in/passkey/begin", &elsewhere, b"{}").status, 403);
    assert_eq!(
        nobody.raw("POST", "/sign-in/passkey/begin", &[form], b"{}").status,
        403,
        "it says not where it is from"
    );
}
