//! The past through every door: lists, single secrets, variables, export and run.

use std::time::Duration;

use holdfast::types::Clock as _;
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, at};
use crate::support::cli::{Done, Shell, finish};

/// A shop whose staging changed at noon, and what the clock said before.
struct Past {
    app: TestApp,
    owner: Client,
    before: String,
    seq: u64,
}

impl Past {
    fn make() -> Self {
        let app = TestApp::start();
        let owner = app.owner();
        owner.create_project("shop");
        owner.create_environment("shop", "base", None);
        owner.create_environment("shop", "staging", Some("base"));
        owner.set_secret("shop/base", "HOST", "old");
        owner.set_secret("shop/staging", "URL", "pg://${HOST}");
        owner.set_secret("shop/staging", "GONE", "1");
        let before = app.clock.now().to_string();
        let seq = owner.get("/audit/events?limit=1").expect(200)["items"][0]["seq"].as_u64().expect("a place");
        app.clock.advance(Duration::from_hours(1));
        owner.set_secret("shop/base", "HOST", "new");
        owner.set_secret("shop/staging", "LATE", "1");
        owner.delete(&format!("{}/secrets/GONE", at("shop/staging"))).expect(200);
        Self { app, owner, before, seq }
    }

    fn shell(&self, words: &[&str]) -> Done {
        let shell = Shell::new(&self.app.base);
        let mut command = shell.command(words);
        command.env("HOLDFAST_TOKEN", &self.owner.token);
        command.env("HOLDFAST_PROJECT", "shop").env("HOLDFAST_ENVIRONMENT", "staging");
        finish(command, b"")
    }
}

#[test]
fn an_environment_is_read_as_it_was_by_time_and_by_event() {
    let past = Past::make();
    let staging = at("shop/staging");
    let event = past.owner.get("/audit/events?limit=500").expect(200)["items"]
        .as_array()
        .and_then(|all| all.iter().find(|e| e["seq"] == past.seq).cloned())
        .expect("the event");
    for moment in [past.before.clone(), past.seq.to_string(), event["id"].as_str().expect("an id").to_owned()] {
        let then = past.owner.get(&format!("{staging}/variables?at={moment}")).expect(200);
        assert_eq!(then["variables"], json!({ "GONE": "1", "HOST": "old", "URL": "pg://old" }), "{moment}");
        let listed = past.owner.get(&format!("{staging}/secrets?at={moment}")).expect(200);
        let names: Vec<_> = listed["items"].as_array().expect("a list").iter().map(|s| s["name"].clone()).collect();
        assert_eq!(names, ["GONE", "HOST", "URL"], "{moment}");
        let one = past.owner.get(&format!("{staging}/secrets/HOST?reveal=true&at={moment}")).expect(200);
        assert_eq!((&one["value"], &one["version"]), (&json!("old"), &json!(1)), "{moment}");
        past.owner.get(&format!("{staging}/secrets/LATE?at={moment}")).expect(404);
    }
    assert_eq!(past.owner.variables("shop/staging"), json!({ "HOST": "new", "LATE": "1", "URL": "pg://new" }));
    let kept = past.owner.get(&format!("{staging}/secrets/GONE?at={}", past.before)).expect(200);
    assert_eq!(kept["state"], "set");
}

#[test]
fn a_moment_that_is_none_is_refused() {
    let past = Past::make();
    let staging = at("shop/staging");
    for moment in ["", "yesterday", "2026-11-23", "9999-01-01T00:00:00Z", "999999", "evt_00000000000000000000000000"] {
        let answer = past.owner.get(&format!("{staging}/variables?at={moment}"));
        assert_eq!(answer.expect(400)["code"], "invalid_value", "{moment}");
    }
    let missing = past.owner.get(&format!("{staging}/variables?at=2001-01-01T00:00:00Z"));
    assert_eq!(missing.expect(404)["code"], "environment_not_found");
}

#[test]
fn the_command_line_reads_the_past_too() {
    let past = Past::make();
    let before = past.before.as_str();
    assert_eq!(past.shell(&["secrets", "get", "HOST", "--at", before]).expect(0), "old");
    let listed = past.shell(&["secrets", "list", "--json", "--at", before]).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(3));
    let export: Value = past.shell(&["export", "--format", "json", "--at", before]).json();
    assert_eq!(export["URL"], "pg://old");
    let run = past.shell(&["run", "--at", before, "--", "sh", "-c", "printf %s \"$URL\""]);
    assert_eq!(run.expect(0), "pg://old");
    past.shell(&["export", "--at", "yesterday"]).refused(1, "at");
    past.shell(&["secrets", "get", "HOST", "--at", before, "--version", "1"]).expect(2);
}

#[test]
fn two_moments_and_two_environments_are_compared_without_a_value() {
    let past = Past::make();
    let diff = format!("{}/diff", at("shop/staging"));
    let words = |query: &str| {
        let answer = past.owner.get(&format!("{diff}?{query}"));
        let answer = answer.expect(200);
        assert!(!answer.to_string().contains("pg://"), "{answer}");
        let items = answer["items"].as_array().expect("a list").clone();
        items.iter().map(|d| format!("{} {}", text(&d["change"]), text(&d["name"]))).collect::<Vec<_>>()
    };
    assert_eq!(words(&format!("from={}", past.seq)), ["removed GONE", "rewritten HOST", "added LATE"]);
    let told = format!("from={}&fingerprints=true", past.before);
    assert_eq!(words(&told), ["removed GONE", "changed HOST", "added LATE"]);
    assert_eq!(words(&format!("to={}&path=/none", past.seq)), [""; 0]);
    assert_eq!(words("with=base"), ["removed LATE", "removed URL"]);
    assert_eq!(words("with=shop/base"), ["removed LATE", "removed URL"]);
    for query in ["", "?with=", "?from=yesterday"] {
        let refused = past.owner.get(&format!("{diff}{query}"));
        assert!(matches!(refused.status, 400 | 404), "{query}: {}", refused.text());
    }
    let table = past.shell(&["environments", "diff", "staging", "--from", &past.before, "--fingerprints", "--json"]);
    assert_eq!(table.json()["items"][1]["change"], "changed");
    past.shell(&["environments", "diff", "staging"]).expect(2);
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn an_environment_goes_back_after_a_plan() {
    let past = Past::make();
    let revert = format!("{}/revert", at("shop/staging"));
    let plan = past.owner.post(&format!("{revert}?dry_run=true"), json!({ "at": past.seq.to_string() })).expect(200);
    assert_eq!((&plan["dry_run"], &plan["applied"]), (&json!(true), &json!(false)));
    assert_eq!((&plan["counts"]["add"], &plan["counts"]["delete"]), (&json!(1), &json!(1)));
    assert_eq!(past.owner.variables("shop/staging")["LATE"], "1");
    past.shell(&["environments", "revert", "staging", "--to", &past.before]).refused(2, "nobody can be asked");
    // A plan is for what was there when it was made, and for that moment only.
    let with = |plan: &Value, at: u64| past.owner.post(&revert, json!({ "at": at.to_string(), "plan": plan }));
    assert!(plan["plan"].is_string(), "{plan}");
    past.owner.set_secret("shop/staging", "LATE", "2");
    assert_eq!(with(&plan["plan"], past.seq).expect(412)["code"], "plan_stale");
    assert_eq!(past.owner.variables("shop/staging")["LATE"], "2", "nothing was done");
    let plan = past.owner.post(&format!("{revert}?dry_run=true"), json!({ "at": past.seq.to_string() })).expect(200);
    assert_eq!(with(&json!("made up"), past.seq).expect(412)["code"], "plan_stale");
    assert_eq!(with(&plan["plan"], past.seq + 1).expect(412)["code"], "plan_stale");
    let done = past.owner.post(&revert, json!({ "at": past.seq.to_string(), "plan": plan["plan"] })).expect(200);
    assert_eq!(done["counts"], plan["counts"]);
    past.owner.set_secret("shop/staging", "LATE", "3");
    past.shell(&["environments", "revert", "staging", "--to", &past.before, "--confirm", "staging"]).expect(0);
    // Its own secrets went back; what it inherits is its parent's to take back.
    assert_eq!(past.owner.variables("shop/staging"), json!({ "GONE": "1", "HOST": "new", "URL": "pg://new" }));
    let wrong = past.owner.post(&revert, json!({ "at": "soon" }));
    assert_eq!(wrong.expect(400)["code"], "invalid_value");
    past.owner.post(&format!("{}/lock", at("shop/staging")), json!({})).expect(200);
    let locked = past.owner.post(&revert, json!({ "at": past.seq.to_string() }));
    assert_eq!(locked.expect(409)["code"], "environment_locked");
}

#[test]
fn a_folder_comes_back_whole() {
    let past = Past::make();
    let folders = format!("{}/folders", at("shop/staging"));
    for name in ["A", "B"] {
        let put = format!("{}/secrets/{name}?path=/api/{name}", at("shop/staging"));
        past.owner.put(&put, json!({ "value": "1" })).expect(201);
    }
    past.owner.delete(&format!("{folders}?path=/api")).expect(200);
    let plan = past.owner.send("POST", &format!("{folders}/undelete?path=/&dry_run=true"), None).expect(200);
    assert_eq!(plan["counts"]["add"], 2);
    let listed = past.owner.get(&folders).expect(200);
    assert_eq!(listed["items"], json!([]), "a plan changes nothing");
    past.shell(&["folders", "undelete", "/api"]).expect(0);
    let listed = past.owner.get(&folders).expect(200);
    let paths: Vec<_> = listed["items"].as_array().expect("a list").iter().map(|f| text(&f["path"])).collect();
    assert_eq!(paths, ["/api", "/api/A", "/api/B"]);
    assert_eq!(
        past.owner.get(&format!("{}/variables?path=/api/A", at("shop/staging"))).expect(200)["variables"]["A"],
        "1"
    );
    past.owner.send("POST", &format!("{folders}/undelete?path=/api"), None).expect(404);
    past.owner.send("POST", &format!("{folders}/undelete?path=/&all=true"), None).expect(200);
    assert_eq!(past.owner.variables("shop/staging")["GONE"], "1");
}
