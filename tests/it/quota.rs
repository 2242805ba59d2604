//! Quotas, prices and the end of what runs, as far as it goes without a cluster: what is refused before anything is made,
//! what counts and when, who may change it, and what is told before the end.

use std::time::Duration;

use holdfast::op::{Op, Origin, Who};
use holdfast::runtime::lifecycle::{Told, expire as expire_now, warn_due};
use holdfast::types::{Clock as _, Id};
use serde_json::{Value, json};

use crate::runtime::{add_cluster, seen, store_blueprint};
use crate::support::app::{Client, PASSWORD, TestApp, at};
use crate::support::cli::Shell;

/// One core and 1Gi in all, 2Gi of storage, one host; a secret is drawn for it.
const SHOP: &str = "\
name: shop
services:
  - name: web
    image: registry.example/web:1
    expose: true
    resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {cpu: 500m, memory: 512Mi}}
    volumes: [{name: data, mountPath: /data, type: pvc, size: 2Gi}]
  - name: worker
    image: registry.example/worker:1
    secrets: [{name: worker-token, envKey: WORKER_TOKEN, value: auto-generated}]
    resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {cpu: 500m, memory: 512Mi}}
plans:
  large: {services: {web: {replicas: 4}}}
ttl: 10d
";
const DAY: Duration = Duration::from_hours(24);

/// A shop with two environments of the same blueprint.
fn shop(app: &TestApp) -> Client {
    let ada = app.owner();
    ada.create_project("shop");
    for slug in ["dev", "qa"] {
        ada.create_environment("shop", slug, None);
        store_blueprint(&ada, &format!("shop/{slug}"), SHOP);
    }
    add_cluster(&ada, "home");
    ada
}

fn member(app: &TestApp, email: &str, role: &str) -> Client {
    let body = json!({ "email": email, "password": PASSWORD, "role": role });
    app.owner().post("/members", body).expect(201);
    let session = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
    app.client(session["token"].as_str().expect("a token"))
}

fn act(who: &Client, place: &str, verb: &str, body: Value, status: u16) -> Value {
    who.post(&format!("{}/runtime/{verb}", at(place)), body).expect(status)
}

fn deploy(who: &Client, place: &str) -> Value {
    act(who, place, "deploy", json!({}), 202)
}

/// What is used, by its word.
fn used(who: &Client, path: &str) -> Vec<String> {
    let answer = who.get(path).expect(200);
    let rows = answer["usage"].as_array().expect("rows").iter();
    rows.map(|row| format!("{} {}", row["what"].as_str().expect("a word"), row["used"].as_str().expect("an amount")))
        .collect()
}

const NOTHING: [&str; 5] = ["cpu 0", "memory 0", "storage 0", "environments 0", "hosts 0"];
const ONE: [&str; 5] = ["cpu 1", "memory 1Gi", "storage 2Gi", "environments 1", "hosts 1"];

#[test]
fn what_there_is_no_room_for_is_refused_before_anything_is_made() {
    let app = TestApp::start();
    let ada = shop(&app);
    for (quota, what) in [
        (json!({ "cpu": "999m" }), "organization.cpu"),
        (json!({ "memory": "1023Mi" }), "organization.memory"),
        (json!({ "storage": "1Gi" }), "organization.storage"),
        (json!({ "environments": "0" }), "organization.environments"),
        (json!({ "hosts": "0" }), "organization.hosts"),
        (json!({ "each": { "cpu": "500m" } }), "environment.cpu"),
    ] {
        ada.put("/quota", quota.clone()).expect(200);
        let refused = act(&ada, "shop/dev", "deploy", json!({}), 422);
        assert_eq!(
            (&refused["code"], &refused["errors"][0]["field"]),
            (&json!("quota_exceeded"), &json!(what)),
            "{quota}"
        );
        assert!(refused["hint"].as_str().is_some_and(|h| h.contains("holdfast quota set --")), "{refused}");
    }
    let path = format!("{}/runtime", at("shop/dev"));
    assert_eq!(ada.get(&path).expect(404)["code"], "not_deployed", "no row of it");
    assert_eq!(ada.get(&format!("{}/secrets", at("shop/dev"))).expect(200)["items"], json!([]), "no secret was drawn");
    assert_eq!(used(&ada, "/quota"), NOTHING);
    let denied = ada.get("/audit/events?action=deploy.preview&decision=deny").expect(200);
    assert_eq!(denied["items"].as_array().map(Vec::len), Some(6), "each is in the ledger: {denied}");
    ada.put("/quota", json!({ "cpu": "1", "memory": "1Gi", "storage": "2Gi", "environments": "1", "hosts": "1" }))
        .expect(200);
    deploy(&ada, "shop/dev");
    assert_eq!(used(&ada, "/quota"), ONE, "to the limit is within it");
    let several = act(&ada, "shop/qa", "deploy", json!({}), 422);
    assert_eq!(several["errors"].as_array().map(Vec::len), Some(5), "all that is passed is told at once: {several}");
    let detail = several["detail"].as_str().expect("words");
    assert!(
        detail.contains("cpu of the organization would be 2 (1 here, 1 elsewhere), and may be 1 at most"),
        "{detail}"
    );
}

#[test]
fn what_counts_follows_each_wish_at_once() {
    let app = TestApp::start();
    let ada = shop(&app);
    deploy(&ada, "shop/dev");
    assert_eq!(used(&ada, "/quota"), ONE);
    let scale = |n: Value, status| act(&ada, "shop/dev", "scale", json!({ "service": "web", "replicas": n }), status);
    scale(json!(3), 202);
    assert_eq!(used(&ada, "/quota")[..3], ["cpu 2", "memory 2Gi", "storage 2Gi"]);
    ada.put("/quota", json!({ "cpu": "2", "each": { "memory": "2Gi" } })).expect(200);
    let refused = scale(json!(4), 422);
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(2), "of the whole and of the one: {refused}");
    assert_eq!(used(&ada, "/quota")[0], "cpu 2", "nothing of it was kept");
    act(&ada, "shop/dev", "stop", json!({}), 202);
    let stopped = ["cpu 0", "memory 0", "storage 2Gi", "environments 0", "hosts 1"];
    assert_eq!(used(&ada, "/quota"), stopped, "what was stopped keeps its storage and its hosts");
    deploy(&ada, "shop/qa");
    let resumed = act(&ada, "shop/dev", "resume", json!({}), 422);
    assert_eq!(resumed["errors"][0]["field"], "organization.cpu", "what went meanwhile is gone: {resumed}");
    let restarted = act(&ada, "shop/dev", "restart", json!({}), 422);
    assert_eq!(restarted["code"], "quota_exceeded", "nor does another way lead back: {restarted}");
    let qa = json!({ "confirm": "qa" });
    ada.send("DELETE", &format!("{}/runtime", at("shop/qa")), Some(&qa)).expect(202);
    assert_eq!(used(&ada, "/quota"), stopped, "what is destroyed counts no more");
    act(&ada, "shop/dev", "resume", json!({}), 202);
    assert_eq!(used(&ada, "/quota")[0], "cpu 2");
}

#[test]
fn a_lowered_quota_ends_nothing_and_adds_nothing() {
    let app = TestApp::start();
    let ada = shop(&app);
    deploy(&ada, "shop/dev");
    act(&ada, "shop/dev", "scale", json!({ "service": "web", "replicas": 2 }), 202);
    let planned = ada.put("/quota?dry_run=true", json!({ "cpu": "1" })).expect(200);
    assert_eq!((&planned["dry_run"], &planned["usage"][0]["over"]), (&json!(true), &json!(true)), "{planned}");
    assert_eq!(ada.get("/quota").expect(200)["quota"]["cpu"], Value::Null, "a dry run changes nothing");
    let lowered = ada.put("/quota", json!({ "cpu": "1" })).expect(200);
    assert_eq!(lowered["usage"][0], json!({ "what": "cpu", "used": "1500m", "most": "1", "over": true }));
    act(&ada, "shop/dev", "restart", json!({}), 202);
    assert_eq!(ada.get(&format!("{}/runtime", at("shop/dev"))).expect(200)["wish"], "running");
    act(&ada, "shop/dev", "scale", json!({ "service": "web", "replicas": 3 }), 422);
    act(&ada, "shop/dev", "scale", json!({ "service": "web", "replicas": 1 }), 202);
    assert_eq!(used(&ada, "/quota")[0], "cpu 1");
    seen(&app, "ready", &[("web", "ready", ""), ("worker", "ready", "")]);
    assert_eq!(act(&ada, "shop/dev", "deploy", json!({}), 202)["unchanged"], true, "nothing new is nothing added");
    act(&ada, "shop/dev", "scale", json!({ "service": "web", "replicas": null }), 202);
    act(&ada, "shop/dev", "deploy", json!({ "plan": "large" }), 422);
}

#[test]
fn one_environment_may_have_more_or_less_than_the_others() {
    let app = TestApp::start();
    let ada = shop(&app);
    ada.put("/quota", json!({ "each": { "cpu": "500m", "memory": "1Gi" } })).expect(200);
    act(&ada, "shop/dev", "deploy", json!({}), 422);
    let path = format!("{}/quota", at("shop/dev"));
    let own = ada.put(&path, json!({ "cpu": "none", "hosts": "1" })).expect(200);
    assert_eq!(own["own"], json!({ "cpu": "none", "memory": null, "storage": null, "hosts": "1" }));
    let most: Vec<_> = own["usage"].as_array().expect("rows").iter().map(|row| row["most"].clone()).collect();
    assert_eq!(most, [json!(null), json!("1Gi"), json!(null), json!("1")]);
    deploy(&ada, "shop/dev");
    act(&ada, "shop/qa", "deploy", json!({}), 422);
    let view = ada.get(&path).expect(200);
    assert_eq!(view["demand"]["services"][0]["service"], "web", "{view}");
    assert_eq!(view["demand"]["services"][0]["cpu_limits"], "500m");
    assert_eq!((&view["demand"]["total"]["pods"], &view["cost"]), (&json!(2), &Value::Null));
    ada.put(&path, json!({})).expect(200);
    act(&ada, "shop/dev", "scale", json!({ "service": "worker", "replicas": 2 }), 422);
    for (path, body) in [
        ("/quota", json!({ "cpu": "many" })),
        ("/quota", json!({ "each": { "memory": "-1" } })),
        ("/quota", json!({ "each": { "environments": "1" } })),
        (&path, json!({ "storage": "8GB" })),
        (
            "/prices",
            json!({ "prices": { "currency": "euro", "cpu_core_hour": "1", "memory_gib_hour": "1", "storage_gib_month": "1" } }),
        ),
        (
            "/prices",
            json!({ "prices": { "currency": "EUR", "cpu_core_hour": "0.0000001", "memory_gib_hour": "1", "storage_gib_month": "1" } }),
        ),
    ] {
        assert_eq!(ada.put(path, body.clone()).status, 400, "{path} {body}");
    }
}

#[test]
fn who_may_not_changes_no_quota_and_another_organization_counts_for_itself() {
    let app = TestApp::start();
    let ada = shop(&app);
    deploy(&ada, "shop/dev");
    let (dana, max) = (member(&app, "dana@example.com", "developer"), member(&app, "max@example.com", "maintainer"));
    let own = format!("{}/quota", at("shop/dev"));
    for who in [&dana, &max] {
        assert_eq!(used(who, "/quota"), ONE, "looking is a viewer's");
        for (path, body) in
            [("/quota", json!({})), (own.as_str(), json!({ "cpu": "none" })), ("/prices", json!({ "prices": null }))]
        {
            let refused = who.put(path, body).expect(403);
            assert!(refused.to_string().contains("quota.manage"), "{path}: {refused}");
        }
        assert_eq!(who.put(&format!("{own}?dry_run=true"), json!({})).status, 403);
    }
    let eve = app.second_organization();
    assert_eq!(used(&eve, "/quota"), NOTHING);
    eve.put("/quota", json!({ "cpu": "0" })).expect(200);
    assert_eq!(eve.get(&own).status, 404);
    assert_eq!(eve.put(&own, json!({ "cpu": "0" })).status, 404);
    assert_eq!(eve.post(&format!("{}/runtime/extend", at("shop/dev")), json!({})).status, 404);
    act(&ada, "shop/dev", "scale", json!({ "service": "web", "replicas": 2 }), 202);
    let events = ada.get("/audit/events?action=quota.manage&decision=deny").expect(200);
    assert_eq!(events["items"].as_array().map(Vec::len), Some(8), "{events}");
}

#[test]
fn cost_is_shown_where_there_are_prices() {
    let app = TestApp::start();
    let ada = shop(&app);
    deploy(&ada, "shop/dev");
    assert_eq!(ada.get("/prices").expect(200), json!({ "prices": null, "cost": null }));
    let prices =
        json!({ "currency": "EUR", "cpu_core_hour": "0.03", "memory_gib_hour": "0.004", "storage_gib_month": "0.10" });
    let set = ada.put("/prices", json!({ "prices": prices })).expect(200);
    assert_eq!(set["prices"]["storage_gib_month"], "0.1");
    // 0.2 cores and 0.5 GiB are kept free, 1 core and 1 GiB may be used; 2 GiB are stored.
    assert_eq!(set["cost"]["requests"]["month"], "5.96");
    assert_eq!(set["cost"]["limits"]["month"], "24.68");
    let one = ada.get(&format!("{}/quota", at("shop/dev"))).expect(200);
    assert_eq!((&one["cost"]["currency"], &one["cost"]["limits"]["month"]), (&json!("EUR"), &json!("24.68")));
    act(&ada, "shop/dev", "stop", json!({}), 202);
    assert_eq!(ada.get("/prices").expect(200)["cost"]["limits"]["month"], "0.2", "storage costs on");
    assert_eq!(ada.put("/prices", json!({ "prices": null })).expect(200)["cost"], Value::Null);
}

/// Lets the job run once.
fn warn(app: &TestApp) -> Told {
    let core = std::sync::Arc::clone(&app.core);
    let op = Op::new(core, Who::Job("warn_ending"), Origin::default(), Id::new(app.clock.now()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(warn_due(&op, 100)).expect("the database is there")
}

#[test]
fn the_end_is_told_once_before_it_comes_and_moved_by_who_may_deploy() {
    let app = TestApp::start();
    let ada = shop(&app);
    let (dana, grace) = (member(&app, "dana@example.com", "developer"), member(&app, "grace@example.com", "viewer"));
    deploy(&dana, "shop/dev");
    let status = || ada.get(&format!("{}/runtime", at("shop/dev"))).expect(200);
    let end = |days: u32| json!(app.clock.now().plus(DAY * days).to_string());
    assert_eq!((&status()["expires_at"], &status()["ends_soon"]), (&end(10), &json!(false)));
    app.clock.advance(Duration::from_mins(9 * 24 * 60 - 1));
    assert_eq!(warn(&app), Told::default());
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(status()["ends_soon"], true);
    let told = warn(&app);
    assert_eq!(told.environments, 1);
    let [warning] = told.warnings.as_slice() else { panic!("one mail: {told:?}") };
    assert_eq!((warning.to.to_string(), warning.place.as_str()), ("dana@example.com".to_owned(), "shop/dev"));
    assert_eq!(warn(&app), Told::default(), "once");
    let events = ada.get("/audit/events?action=runtime.expiring").expect(200);
    assert_eq!(events["items"].as_array().map(Vec::len), Some(1), "{events}");

    let extend = |who: &Client, body: Value, status| act(who, "shop/dev", "extend", body, status);
    assert_eq!(extend(&dana, json!({ "for": "2d" }), 200)["expires_at"], end(2));
    assert_eq!(status()["ends_soon"], false);
    app.clock.advance(Duration::from_hours(39));
    assert_eq!(warn(&app).environments, 1, "each end is told of: a fifth of two days before");
    assert_eq!(extend(&dana, json!({}), 200)["expires_at"], end(10), "as its blueprint says");
    app.clock.advance(DAY);
    assert_eq!(deploy(&dana, "shop/dev")["unchanged"], true);
    assert_eq!(status()["expires_at"], end(10), "a deploy that changes nothing begins its time anew");
    assert_eq!(extend(&dana, json!({ "never": true }), 200)["expires_at"], Value::Null);
    assert_eq!(extend(&dana, json!({ "until": end(366) }), 200)["expires_at"], end(366));
    let over = app.clock.now().to_string();
    for (body, status, code) in [
        (json!({ "for": "367d" }), 400, "invalid_value"),
        (json!({ "for": "soon" }), 400, "invalid_value"),
        (json!({ "until": over }), 422, "end_invalid"),
        (json!({ "until": end(367) }), 422, "end_invalid"),
        (json!({ "for": "2d", "never": true }), 400, "body_invalid"),
    ] {
        assert_eq!(extend(&ada, body.clone(), status)["code"], code, "{body}");
    }
    assert!(extend(&grace, json!({ "for": "1d" }), 403).to_string().contains("deploy.preview"));
    let gone = json!({ "confirm": "dev" });
    ada.send("DELETE", &format!("{}/runtime", at("shop/dev")), Some(&gone)).expect(202);
    extend(&ada, json!({ "for": "1d" }), 409);
}

#[test]
fn whoever_is_gone_is_not_told_and_what_is_destroyed_neither() {
    let app = TestApp::start();
    let ada = shop(&app);
    let ci = app.service_account("ci", "developer", "shop/qa");
    deploy(&ada, "shop/dev");
    deploy(&ci, "shop/qa");
    let gone = json!({ "confirm": "dev" });
    ada.send("DELETE", &format!("{}/runtime", at("shop/dev")), Some(&gone)).expect(202);
    app.clock.advance(DAY * 9);
    let told = warn(&app);
    let to: Vec<_> = told.warnings.iter().map(|w| (w.to.to_string(), w.place.clone())).collect();
    assert_eq!(to, [("ada@example.com".to_owned(), "shop/qa".to_owned())], "of a machine, its owners are told");
    app.clock.advance(DAY * 2);
    assert_eq!(warn(&app), Told::default());
}

#[test]
fn the_command_line_shows_sets_and_extends() {
    let app = TestApp::start();
    let ada = shop(&app);
    deploy(&ada, "shop/dev");
    let shell = Shell::new(&app.base);
    shell.file("token", &ada.token);
    let run = |line: &str| shell.run(&format!("{line} --token-file token"));
    assert!(run("quota show").expect(0).contains("cpu\t1\tno limit"));
    let set = run("quota set --cpu 1 --environments 5 --each-memory 1Gi");
    assert!(set.expect(0).contains("environments\t1\t5"));
    let raised = run("quota set --cpu 2 --environments none");
    let raised = raised.expect(0);
    assert!(raised.contains("cpu\t1\t2") && raised.contains("environments\t1\tno limit"), "{raised}");
    assert_eq!(ada.get("/quota").expect(200)["quota"]["each"]["memory"], "1Gi", "what is not named stays");
    let own = run("quota set -p shop -e dev --memory none --cpu 500m");
    let own = own.expect(0);
    assert!(own.contains("cpu\t1\t500m\tover: nothing is added") && own.contains("web\t1\t100m to 500m"), "{own}");
    run("quota set -p shop -e dev --cpu default").expect(0);
    let view = ada.get(&format!("{}/quota", at("shop/dev"))).expect(200);
    assert_eq!((&view["own"]["cpu"], &view["own"]["memory"]), (&Value::Null, &json!("none")));
    assert_eq!(run("quota set -p shop -e dev --environments 3").status.code(), Some(2));
    assert_eq!(run("quota set").status.code(), Some(2));
    let prices = run("quota prices --currency EUR --cpu 0.03");
    assert!(prices.expect(0).contains("currency\tEUR"));
    run("quota prices --none").expect(0);
    let extended = run("env extend --for 2d -p shop -e dev");
    assert!(extended.expect(0).contains("until\t"), "{}", extended.stdout);
    assert_eq!(run("env extend --for 2d --never -p shop -e dev").status.code(), Some(2));
    app.clock.advance(Duration::from_hours(47));
    let status = run("env status -p shop -e dev");
    assert!(status.stderr.contains("env extend"), "{}", status.stderr);
}

#[test]
fn what_is_protected_does_not_end_and_does_not_wait_for_its_protection_to_go() {
    let app = TestApp::start();
    let ada = shop(&app);
    let expire = |place: &str| {
        let id = ada.get(&at(place)).expect(200)["id"].as_str().map(str::to_owned).expect("an id");
        let id = Id::parse(&id).expect("an id");
        let done = async { expire_now(&app.system(), id).await };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(done).expect("the database answers");
    };
    let status = |place: &str| ada.get(&format!("{}/runtime", at(place))).expect(200);
    for place in ["shop/dev", "shop/qa"] {
        deploy(&ada, place);
    }
    ada.send("PATCH", &at("shop/dev"), Some(&json!({ "protected": true }))).expect(200);
    app.clock.advance(DAY * 9);
    let told = warn(&app);
    let places: Vec<_> = told.warnings.iter().map(|warning| warning.place.as_str()).collect();
    assert_eq!(places, ["shop/qa"], "nobody is told that what is protected ends");
    app.clock.advance(DAY * 2);
    expire("shop/dev");
    expire("shop/qa");
    assert_eq!((&status("shop/dev")["wish"], &status("shop/dev")["expires_at"]), (&json!("running"), &Value::Null));
    assert_eq!(status("shop/qa")["wish"], "destroyed");
    let expired = |decision: &str| {
        let path = format!("/audit/events?action=runtime.expired&decision={decision}");
        ada.get(&path).expect(200)["items"].as_array().map(Vec::len)
    };
    assert_eq!((expired("deny"), expired("allow")), (Some(1), Some(1)));
    ada.send("PATCH", &at("shop/dev"), Some(&json!({ "protected": false }))).expect(200);
    expire("shop/dev");
    assert_eq!(status("shop/dev")["wish"], "running", "it does not go with its protection");
}
