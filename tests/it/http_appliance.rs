//! The appliance over HTTP: its jobs, its recovery kit, what it is, its manual.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use holdfast::jobs::{Job, Run, Runner, Schedule};
use holdfast::keys::recovery;
use holdfast::telemetry::Metrics;
use holdfast::types::SecretString;
use serde_json::{Value, json};

use crate::support::app::{PASSWORD, TestApp, at};
use crate::support::http;

struct Counting(&'static str);

impl Job for Counting {
    fn name(&self) -> &'static str {
        self.0
    }

    fn schedule(&self) -> Schedule {
        Schedule::parse("0 3 29 2 *").expect("a schedule")
    }

    fn run(&self, _: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        let fails = self.0 == "reseal_secrets";
        Box::pin(async move {
            anyhow::ensure!(
                !fails,
                "the disk is full: nothing was sealed anew, and it is tried again at its next time"
            );
            Ok("counted".to_owned())
        })
    }
}

/// Lets the appliance have jobs of which one fails and one never ran, as a page of them shows.
pub(crate) fn ran(app: &TestApp) {
    let mut runner = jobs(app, &["checkpoint", "expire_tokens", "reseal_secrets", "tidy"]);
    for name in ["checkpoint", "reseal_secrets", "tidy"] {
        app.clock.advance(Duration::from_secs(5));
        app.owner().send("POST", &format!("/jobs/{name}/run"), None).expect(200);
        block_on(async {
            runner.tick().await.expect("a tick");
            runner.settle().await;
        });
    }
}

/// Lets the appliance have jobs; answers what to tick.
fn jobs(app: &TestApp, names: &[&'static str]) -> Runner {
    let jobs = names.iter().map(|name| Arc::new(Counting(name)) as Arc<dyn Job>).collect();
    let clock = Arc::clone(&app.core.clock);
    let runner = Runner::new(app.core.db.clone(), clock, Arc::new(Metrics::new()), jobs);
    block_on(runner.register()).expect("registered");
    runner
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

#[test]
fn operators_see_jobs_and_make_one_due_now() {
    let app = TestApp::start();
    let ada = app.owner();
    let mut runner = jobs(&app, &["count", "sweep"]);
    let page = ada.get("/jobs?limit=1").expect(200);
    assert_eq!((&page["items"][0]["name"], &page["items"][0]["last_run"]), (&json!("count"), &Value::Null));
    let rest = ada.get(&format!("/jobs?cursor={}", page["next_cursor"].as_str().unwrap())).expect(200);
    assert_eq!((&rest["items"][0]["name"], &rest["next_cursor"]), (&json!("sweep"), &Value::Null));

    let mut tick = || {
        block_on(async {
            runner.tick().await.expect("a tick");
            runner.settle().await;
        });
    };
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(5));
        let due = ada.send("POST", "/jobs/count/run", None).expect(200);
        assert_eq!(due["name"], "count");
        tick();
    }
    let page = ada.get("/jobs/count/history?limit=2").expect(200);
    let rest = ada.get(&format!("/jobs/count/history?limit=2&cursor={}", page["next_cursor"].as_str().unwrap()));
    let runs = [page["items"].as_array().unwrap().as_slice(), rest.expect(200)["items"].as_array().unwrap()].concat();
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert!(runs.windows(2).all(|two| two[0]["started_at"].as_str() > two[1]["started_at"].as_str()), "{runs:?}");
    assert!(runs.iter().all(|run| run["outcome"] == "done" && run["detail"] == "counted"), "{runs:?}");
    assert_eq!(ada.get("/jobs/sweep/history").expect(200)["items"], json!([]));
    assert_eq!(ada.send("POST", "/jobs/none/run", None).expect(404)["code"], "job_not_found");
    let event = &ada.get("/audit/events?action=instance.settings&limit=1").expect(200)["items"][0];
    assert_eq!((&event["target"]["kind"], &event["target"]["id"]), (&json!("job"), &json!("count")));
}

#[test]
fn a_recovery_kit_is_shown_once_to_a_fresh_operator_and_opens_the_root_key() {
    let app = TestApp::start();
    let ada = app.owner();
    let make = || ada.send_with("POST", "/instance/recovery-kit", &[("idempotency-key", "k")], None);
    let first = make();
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let kit = first.expect(201);
    let key = kit["kit"].as_str().unwrap().lines().find(|line| line.starts_with("HFRK1-")).expect("a key");
    let sealed = app.core.db.read(recovery::sealed).expect("sealed");
    let root = recovery::recover(&SecretString::new(key.to_owned()), &sealed).expect("the root key");
    assert_eq!(root.fingerprint().to_string(), kit["key_fingerprint"].as_str().unwrap());

    let again = make();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert!(again.expect(201).get("kit").is_none() && !again.text().contains("HFRK1"), "{}", again.text());
    let events = ada.get("/audit/events?action=instance.key.rotate").expect(200);
    assert_eq!(events["items"].as_array().unwrap().len(), 1, "a replay makes no kit");
    assert!(!events.to_string().contains("HFRK1"));

    app.clock.advance(Duration::from_hours(24));
    let stale = ada.send("POST", "/instance/recovery-kit", None);
    assert_eq!(stale.expect(403)["code"], "step_up_required");
    let after = app.core.db.read(recovery::sealed).expect("sealed");
    assert_eq!(after, sealed, "a refusal voids no kit");
}

#[test]
fn who_is_no_operator_manages_nothing() {
    let app = TestApp::start();
    jobs(&app, &["count"]);
    app.owner()
        .post("/members", json!({ "email": "bob@example.com", "password": PASSWORD, "role": "owner" }))
        .expect(201);
    let session = json!({ "email": "bob@example.com", "password": PASSWORD });
    let session = app.nobody().post("/sessions", session).expect(201);
    let bob = app.client(session["token"].as_str().unwrap());
    for (method, path) in [
        ("GET", "/jobs"),
        ("GET", "/jobs/count/history"),
        ("POST", "/jobs/count/run"),
        ("POST", "/instance/recovery-kit"),
    ] {
        bob.send(method, path, None).expect(403);
    }
    assert!(app.core.db.read(recovery::sealed).is_err(), "no kit was made");
}

#[test]
fn the_instance_tells_what_it_is() {
    let app = TestApp::start();
    let told = app.owner().get("/instance").expect(200);
    assert!(told["id"].as_str().unwrap().starts_with("ins_") && told["schema_version"].as_u64() >= Some(16), "{told}");
    assert_eq!(told["set_up_at"], app.core.clock.now().to_string());
    for field in ["version", "sqlite_version", "key_fingerprint", "ledger_public_key"] {
        assert!(told[field].as_str().is_some_and(|t| !t.is_empty()), "{field}");
    }
}

#[test]
fn references_are_told_by_name_and_never_those_of_what_may_not_be_seen() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "feat", None);
    ada.set_secret("shop/base", "HOST", "db.internal");
    ada.set_secret("shop/feat", "PORT", "5432");
    ada.set_secret("shop/feat", "URL", "tcp://${base.HOST}:${PORT}");
    let all = json!(["${shop.base:/HOST}", "${/PORT}"]);
    let of = |listed: &Value| listed["items"].as_array().unwrap().iter().find(|i| i["name"] == "URL").unwrap().clone();
    let list = format!("{}/secrets", at("shop/feat"));
    assert_eq!(of(&ada.get(&list).expect(200))["references"], all);
    assert_eq!(ada.get(&format!("{list}/URL")).expect(200)["references"], all);
    let narrow = app.service_account("ci", "developer", "shop/feat");
    assert_eq!(of(&narrow.get(&list).expect(200))["references"], json!(["${/PORT}"]));
    ada.set_secret("shop/feat", "URL", "nothing");
    assert_eq!(ada.get(&format!("{list}/URL")).expect(200)["references"], json!([]));
    assert_eq!(ada.get(&format!("{list}/URL?version=1")).expect(200)["references"], json!([]));
}

#[test]
fn an_event_carries_the_hash_its_proof_begins_with() {
    let app = TestApp::start();
    let ada = app.owner();
    let listed = ada.get("/audit/events?limit=1").expect(200)["items"][0].clone();
    let path = format!("/audit/events/{}", listed["id"].as_str().unwrap());
    let proof = ada.get(&format!("{path}/proof")).expect(200);
    assert_eq!(listed["leaf_hash"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&listed["leaf_hash"], &ada.get(&path).expect(200)["leaf_hash"]),
        (&proof["leaf_hash"], &proof["leaf_hash"])
    );
}

#[test]
fn the_manual_is_read_without_a_token_and_before_set_up() {
    let app = TestApp::bare(&[]);
    let index = http::request(&app.base, "GET", "/help", None, None);
    assert_eq!((index.status, index.header("content-type")), (200, Some("text/markdown; charset=utf-8")));
    let links: Vec<_> = index.text().split("](").skip(1).map(|l| l.split(')').next().unwrap().to_owned()).collect();
    assert!(links.contains(&"/help/cli".to_owned()) && links.contains(&"/help/dotenv".to_owned()), "{links:?}");
    for link in links {
        let page = http::request(&app.base, "GET", &link, None, None);
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/markdown; charset=utf-8")), "{link}");
        let file = format!("{}/assets{link}.md", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(page.text(), std::fs::read_to_string(file).unwrap());
    }
    for missing in ["/help/none", "/help/..%2FCargo", "/help/.md"] {
        assert_eq!(
            http::request(&app.base, "GET", missing, None, None).expect(404)["code"],
            "page_not_found",
            "{missing}"
        );
    }
}

#[test]
fn operators_see_how_the_appliance_is_and_look_anew() {
    let app = TestApp::start();
    let ada = app.owner();
    let first = ada.get("/instance/health").expect(200);
    let names: Vec<_> = first["checks"].as_array().expect("checks").iter().map(|c| c["name"].as_str()).collect();
    assert!(names.contains(&Some("database")) && names.contains(&Some("data_dir")), "{first}");
    assert!(
        first["checks"].as_array().expect("checks").iter().all(|c| c["ok"] == true || c["fix"].is_string()),
        "{first}"
    );
    app.clock.advance(Duration::from_mins(5));
    assert_eq!(ada.get("/instance/health").expect(200)["checked_at"], first["checked_at"], "what was found is kept");
    let again = ada.send("POST", "/instance/health/check", None).expect(200);
    assert_ne!(again["checked_at"], first["checked_at"]);
    let told = crate::support::cli::Shell::new(&app.base);
    told.file("token", &app.owner().token);
    let done = told.run("doctor --server --token-file token");
    assert!(done.stdout.contains("sqlite") && done.stdout.contains("fix: "), "{} {}", done.stdout, done.stderr);
    let body = json!({ "email": "grace@example.com", "password": PASSWORD, "role": "admin" });
    ada.post("/members", body).expect(201);
    let session = app.nobody().post("/sessions", json!({ "email": "grace@example.com", "password": PASSWORD }));
    let grace = app.client(session.expect(201)["token"].as_str().expect("a token"));
    assert_eq!(grace.get("/instance/health").expect(403)["code"], "permission_denied");
    assert_eq!(grace.send("POST", "/instance/health/check", None).expect(403)["code"], "permission_denied");
}
