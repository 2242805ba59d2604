//! What runs in environments, as far as it goes without a cluster: what is wished for, who may wish it, and what the
//! doors tell of it. Nothing tends what is wished for here, so every state is as a wish left it, or as it was put down.

use serde_json::{Value, json};

use crate::support::app::{Client, PASSWORD, TestApp, at};
use crate::support::cli::Shell;
use crate::support::stream::Stream;

/// Two services; what they are given is named.
pub(crate) const SHOP: &str = "\
name: shop
services:
  - name: api
    image: registry.example/shop-api:1.4
    variables: [DATABASE_URL, API_KEY]
    dependsOn: [db]
    volumes: [{name: data, mountPath: /data, type: pvc, size: 1Gi}]
  - name: db
    image: registry.example/postgres:16
plans:
  small: {services: {api: {replicas: 1}}}
";

/// A cluster that nobody has asked: nothing listens there.
pub(crate) fn add_cluster(owner: &Client, name: &str) {
    let body =
        json!({ "name": name, "server": "https://127.0.0.1:1", "token": "token-of-the-account", "unasked": true });
    owner.post("/clusters", body).expect(201);
}

/// Stores the blueprint of `project/environment`.
pub(crate) fn store_blueprint(owner: &Client, place: &str, text: &str) {
    let stored = owner.put(&format!("{}/blueprint", at(place)), json!({ "text": text }));
    assert!(matches!(stored.status, 200 | 201), "{}", stored.text());
}

pub(crate) fn run_path(place: &str, rest: &str) -> String {
    format!("{}/runtime{rest}", at(place))
}

/// A shop with what its blueprint asks for, a cluster, and somebody of each role.
fn shop(app: &TestApp) -> Client {
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    store_blueprint(&ada, "shop/dev", SHOP);
    ada.set_secret("shop/dev", "DATABASE_URL", "value-of-DATABASE_URL");
    ada.set_secret("shop/dev", "API_KEY", "value-of-API_KEY");
    add_cluster(&ada, "home");
    ada
}

/// Somebody with a role in the organization.
pub(crate) fn member(app: &TestApp, email: &str, role: &str) -> Client {
    let body = json!({ "email": email, "password": PASSWORD, "role": role });
    app.owner().post("/members", body).expect(201);
    let session = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
    app.client(session["token"].as_str().expect("a token"))
}

pub(crate) fn deploy(who: &Client, place: &str) -> Value {
    who.post(&run_path(place, "/deploy"), json!({})).expect(202)
}

/// Puts down what a controller would have seen.
pub(crate) fn seen(app: &TestApp, word: &'static str, services: &'static [(&'static str, &'static str, &'static str)]) {
    let now = holdfast::types::Clock::now(&*app.clock).as_micros();
    let written = app.core.db.write_blocking(move |tx| {
        let sql = tx.sql();
        sql.execute("UPDATE runtimes SET word = ?1, seen_at = ?2", (word, now))?;
        sql.execute("DELETE FROM runtime_services", ())?;
        for (place, (service, state, message)) in services.iter().enumerate() {
            let ready = i64::from(*state == "ready");
            sql.execute(
                "INSERT INTO runtime_services (environment_id, service, place, wanted, ready, state, message, image, restarts, since)
                 SELECT environment_id, ?1, ?2, 1, ?3, ?4, ?5, 'registry.example/' || ?1 || ':1', 0, ?6 FROM runtimes",
                (service, i64::try_from(place).unwrap_or(0), ready, state, message, now),
            )?;
        }
        Ok::<_, holdfast::db::DbError>(())
    });
    written.expect("the database is writable");
}

#[test]
fn a_deploy_says_what_is_missing_before_anything_is_made() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    let path = run_path("shop/dev", "/deploy");
    let refused = |body: Value, status: u16| {
        let answer = ada.post(&path, body);
        assert_eq!(answer.status, status, "{}", answer.text());
        answer.json()
    };
    assert_eq!(refused(json!({}), 404)["code"], "blueprint_missing");
    store_blueprint(&ada, "shop/dev", SHOP);
    let none = refused(json!({}), 422);
    assert_eq!(none["code"], "cluster_missing");
    assert!(none["hint"].as_str().is_some_and(|hint| hint.contains("clusters add")), "{none}");
    add_cluster(&ada, "home");
    let plan = refused(json!({ "plan": "large" }), 422);
    assert_eq!(plan["code"], "plan_not_found");
    assert!(plan["detail"].as_str().is_some_and(|detail| detail.contains("small")), "it names what there is: {plan}");
    ada.set_secret("shop/dev", "API_KEY", "value");
    let missing = refused(json!({}), 422);
    assert_eq!(missing["code"], "variables_missing");
    assert_eq!(missing["errors"][0]["field"], "services.api.variables");
    assert_eq!(missing["errors"].as_array().map(Vec::len), Some(1), "{missing}");
    assert!(missing["detail"].as_str().is_some_and(|detail| detail.contains("DATABASE_URL (api)")), "{missing}");
    assert_eq!(ada.get(&run_path("shop/dev", "")).expect(404)["code"], "not_deployed", "nothing was made");
    add_cluster(&ada, "other");
    ada.set_secret("shop/dev", "DATABASE_URL", "value");
    let several = refused(json!({}), 422);
    assert!(several["detail"].as_str().is_some_and(|d| d.contains("home, other")), "{several}");
    assert_eq!(refused(json!({ "cluster": "elsewhere" }), 404)["code"], "cluster_not_found");
    ada.post(&path, json!({ "cluster": "other", "plan": "small", "on_failure": "rollback" })).expect(202);
    assert_eq!(refused(json!({ "cluster": "home" }), 409)["code"], "cluster_differs");
}

#[test]
fn a_plan_is_refused_where_a_deploy_is_and_does_nothing() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    let path = run_path("shop/dev", "/plan");
    let refused = |body: Value, status: u16, code: &str| {
        let answer = ada.post(&path, body).expect(status);
        assert_eq!(answer["code"], code, "{answer}");
        answer
    };
    refused(json!({}), 404, "blueprint_missing");
    refused(json!({ "text": SHOP }), 422, "cluster_missing");
    add_cluster(&ada, "home");
    let missing = refused(json!({ "text": SHOP }), 422, "variables_missing");
    assert!(missing.to_string().contains("DATABASE_URL (api)"), "{missing}");
    let wrong = refused(json!({ "text": "name: shop\nservices: [{nam: a}]\n" }), 422, "blueprint_invalid");
    assert!(wrong.to_string().contains("nam"), "{wrong}");
    ada.set_secret("shop/dev", "DATABASE_URL", "value");
    ada.set_secret("shop/dev", "API_KEY", "value");
    let drawing = SHOP.replace("image: registry.example/postgres:16", "image: registry.example/postgres:16\n    secrets: [{name: db-key, envKey: DB_KEY, value: auto-generated, length: 20}]");
    // Nothing listens where the cluster should be: what comes before it was passed.
    let away = ada.post(&path, json!({ "text": drawing })).json();
    assert!(away["code"].as_str().is_some_and(|code| code.starts_with("cluster_")), "{away}");
    refused(json!({}), 404, "blueprint_missing");
    let names = ada.get(&format!("{}/secrets", at("shop/dev"))).expect(200);
    assert_eq!(names["items"].as_array().map(Vec::len), Some(2), "nothing was drawn: {names}");
    assert_eq!(ada.get(&run_path("shop/dev", "")).expect(404)["code"], "not_deployed");
    let grace = member(&app, "grace@example.com", "viewer");
    let denied = grace.post(&path, json!({ "text": SHOP })).expect(403);
    assert!(denied.to_string().contains("deploy.preview"), "{denied}");
    let events = ada.get("/audit/events?action=deploy.preview&decision=deny").expect(200);
    assert_eq!(events["items"].as_array().map(Vec::len), Some(1), "{events}");
    assert_eq!(app.second_organization().post(&path, json!({ "text": SHOP })).status, 404);
}

#[test]
fn a_deploy_is_written_down_once_and_names_what_it_passes_on() {
    let app = TestApp::start();
    let ada = shop(&app);
    let begun = deploy(&ada, "shop/dev");
    assert_eq!(
        (&begun["state"], &begun["family"], &begun["unchanged"]),
        (&json!("queued"), &json!("moving"), &json!(false))
    );
    assert_eq!(begun["variables"], json!(["API_KEY", "DATABASE_URL"]));
    assert_eq!(begun["cluster"]["name"], "home");
    assert!(begun["namespace"].as_str().is_some_and(|name| name.starts_with("hf-shop-dev-")), "{begun}");
    let again = deploy(&ada, "shop/dev");
    assert_eq!((&again["unchanged"], &again["revision"]), (&json!(true), &json!(1)));
    let status = ada.get(&run_path("shop/dev", "")).expect(200);
    assert_eq!((&status["wish"], &status["revision"]["state"]), (&json!("running"), &json!("rolling")));
    assert_eq!(status["seen_at"], Value::Null, "no cluster has said anything");
    let events = ada.get("/audit/events?action=deploy.preview").expect(200);
    assert_eq!(events["items"].as_array().map(Vec::len), Some(1), "what changes nothing is no deploy");
    assert_eq!(events["items"][0]["details"]["variables"], json!(["API_KEY", "DATABASE_URL"]));
    assert!(!events.to_string().contains("value-of-"), "no value is in the ledger");
    ada.set_secret("shop/dev", "API_KEY", "another");
    assert_eq!(deploy(&ada, "shop/dev")["unchanged"], true, "a value is no revision: it is noticed by who tends it");
    store_blueprint(&ada, "shop/dev", &SHOP.replace("[DATABASE_URL, API_KEY]", "[API_KEY]"));
    let second = deploy(&ada, "shop/dev");
    assert_eq!((&second["revision"], &second["variables"]), (&json!(2), &json!(["API_KEY"])));
    let revisions = ada.get(&run_path("shop/dev", "/revisions")).expect(200);
    let numbers: Vec<_> = revisions["items"].as_array().expect("a list").iter().map(|r| &r["revision"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(1)]);
    let running = ada.get("/runtimes").expect(200);
    assert_eq!(running["items"][0]["environment"]["path"], "shop/dev");
    assert_eq!(running["items"][0]["cluster"]["name"], "home");
}

#[test]
fn who_may_not_is_refused_and_another_organizations_is_not_there() {
    let app = TestApp::start();
    let ada = shop(&app);
    ada.create_environment("shop", "production", None);
    store_blueprint(&ada, "shop/production", SHOP);
    for name in ["DATABASE_URL", "API_KEY"] {
        ada.set_secret("shop/production", name, "value");
    }
    let (grace, dana) = (member(&app, "grace@example.com", "viewer"), member(&app, "dana@example.com", "developer"));
    let refused = |who: &Client, path: &str, body: Value, permission: &str| {
        let answer = who.post(path, body).expect(403);
        assert!(answer.to_string().contains(permission), "{path}: {answer}");
    };
    refused(&grace, &run_path("shop/dev", "/deploy"), json!({}), "deploy.preview");
    deploy(&dana, "shop/dev");
    refused(&dana, &run_path("shop/production", "/deploy"), json!({}), "deploy.production");
    deploy(&ada, "shop/production");
    for (act, body) in [("/restart", json!({})), ("/retry", json!({})), ("/scale", json!({ "service": "api" }))] {
        refused(&grace, &run_path("shop/dev", act), body, "deploy.preview");
    }
    refused(&grace, &run_path("shop/dev", "/stop"), json!({}), "runtime.stop");
    assert_eq!(grace.get(&run_path("shop/dev", "")).status, 200, "looking is a viewer's");
    let destroy = json!({ "confirm": "dev" });
    assert_eq!(dana.send("DELETE", &run_path("shop/dev", ""), Some(&destroy)).status, 403);
    assert_eq!(dana.send("DELETE", &run_path("shop/dev", "?dry_run=true"), Some(&destroy)).status, 403);
    let eve = app.second_organization();
    for path in ["", "/revisions", "/events", "/follow", "/services/api/logs"] {
        assert_eq!(eve.get(&run_path("shop/dev", path)).status, 404, "{path}");
    }
    assert_eq!(eve.post(&run_path("shop/dev", "/deploy"), json!({})).status, 404);
    assert_eq!(eve.get("/runtimes").expect(200)["items"], json!([]));
}

#[test]
fn a_restricted_value_is_passed_on_and_read_in_logs_only_by_who_may_use_it() {
    let app = TestApp::start();
    let ada = shop(&app);
    let path = format!("{}/secrets/API_KEY", at("shop/dev"));
    ada.put(&path, json!({ "value": "hush", "visibility": "restricted" })).expect(200);
    let dana = member(&app, "dana@example.com", "developer");
    let refused = dana.post(&run_path("shop/dev", "/deploy"), json!({})).expect(403);
    assert!(refused.to_string().contains("secret.use.restricted"), "{refused}");
    deploy(&ada, "shop/dev");
    let logs = dana.get(&run_path("shop/dev", "/services/api/logs")).expect(403);
    assert!(logs.to_string().contains("secret.use.restricted"), "{logs}");
    let none = ada.get(&run_path("shop/dev", "/services/web/logs")).expect(404);
    assert_eq!(none["code"], "service_not_found");
    let gone = ada.get(&run_path("shop/dev", "/services/api/logs")).expect(503);
    assert_eq!(gone["code"], "cluster_unreachable", "who may is told that the cluster does not answer");
    let read = ada.get("/audit/events?action=runtime.logs.read&decision=allow").expect(200);
    assert_eq!(read["items"][0]["details"]["service"], "api", "that it was asked for is in the ledger: {read}");
    assert_eq!(ada.get(&run_path("shop/dev", "/events")).expect(503)["code"], "cluster_unreachable");
}

#[test]
fn what_runs_is_stopped_resumed_and_destroyed_by_its_name_only() {
    let app = TestApp::start();
    let ada = shop(&app);
    let path = |rest: &str| run_path("shop/dev", rest);
    assert_eq!(ada.post(&path("/stop"), json!({})).expect(404)["code"], "not_deployed");
    deploy(&ada, "shop/dev");
    let stopped = ada.post(&path("/stop"), json!({})).expect(202);
    assert_eq!((&stopped["state"], &stopped["wish"]), (&json!("stopping"), &json!("stopped")));
    let again = ada.post(&path("/stop"), json!({})).expect(202);
    assert_eq!(again["generation"], stopped["generation"], "once is enough");
    assert_eq!(ada.post(&path("/resume"), json!({})).expect(202)["state"], "waking");

    let destroy = |body: Value| ada.send("DELETE", &path(""), Some(&body));
    for wrong in [json!({}), json!({ "confirm": "prod" }), json!({ "confirm": "" })] {
        assert_eq!(destroy(wrong).expect(400)["code"], "confirmation_missing");
    }
    let plan = ada.send("DELETE", &path("?dry_run=true"), None).expect(200);
    assert_eq!((&plan["dry_run"], &plan["services"]), (&json!(true), &json!(["api", "db"])));
    assert_eq!(plan["volumes"][0]["name"], "data", "{plan}");
    assert_eq!(ada.get(&path("")).expect(200)["wish"], "running", "nothing was destroyed");
    let environment = at("shop/dev");
    ada.send("PATCH", &environment, Some(&json!({ "protected": true }))).expect(200);
    for query in ["", "?dry_run=true"] {
        let kept = ada.send("DELETE", &path(query), Some(&json!({ "confirm": "dev" }))).expect(403);
        assert_eq!(kept["code"], "environment_protected");
    }
    ada.send("PATCH", &environment, Some(&json!({ "protected": false }))).expect(200);
    let gone = destroy(json!({ "confirm": "shop/dev" })).expect(202);
    assert_eq!((&gone["state"], &gone["wish"]), (&json!("deleting"), &json!("destroyed")));
    assert_eq!(ada.post(&path("/restart"), json!({})).expect(409)["code"], "runtime_state");
    assert_eq!(ada.variables("shop/dev")["API_KEY"], "value-of-API_KEY", "the secrets stay");
    seen(&app, "deleted", &[]);
    assert_eq!(ada.get("/runtimes").expect(200)["items"], json!([]));
    assert_eq!(deploy(&ada, "shop/dev")["revision"], 2, "and it can come back");
}

#[test]
fn services_are_restarted_scaled_and_brought_back_within_limits() {
    let app = TestApp::start();
    let ada = shop(&app);
    let act = |verb: &str, body: Value| ada.post(&run_path("shop/dev", verb), body);
    deploy(&ada, "shop/dev");
    assert_eq!(act("/restart", json!({ "services": ["web"] })).expect(404)["code"], "service_not_found");
    assert_eq!(act("/restart", json!({ "services": ["api"] })).expect(202)["revision"], 2);
    let many = act("/scale", json!({ "service": "api", "replicas": 101 })).expect(422);
    assert_eq!(many["code"], "quota_exceeded");
    act("/scale", json!({ "service": "api", "replicas": 3 })).expect(202);
    let scaled = ada.get(&run_path("shop/dev", "")).expect(200);
    assert_eq!(scaled["revision"]["replicas"], json!({ "api": 3 }));
    act("/scale", json!({ "service": "api", "replicas": null })).expect(202);
    assert_eq!(ada.get(&run_path("shop/dev", "")).expect(200)["revision"]["replicas"], json!({}));
    assert_eq!(act("/rollback", json!({})).expect(404)["code"], "revision_not_found", "none was ever ready");
    assert_eq!(act("/rollback", json!({ "revision": 99 })).expect(404)["code"], "revision_not_found");
    assert_eq!(act("/retry", json!({})).expect(202)["revision"], 5);
    ada.post(&format!("{}/lock", at("shop/dev")), json!({})).expect(200);
    assert_eq!(act("/retry", json!({})).expect(409)["code"], "environment_locked");
}

#[test]
fn the_stream_tells_the_state_when_it_changes_and_ends_with_the_right() {
    let app = TestApp::start();
    let ada = shop(&app);
    let grace = member(&app, "grace@example.com", "viewer");
    let follow = |token: &str| {
        let bearer = format!("Bearer {token}");
        let path = format!("/api/v1{}", run_path("shop/dev", "/follow"));
        Stream::open(&app.base, &path, &[("authorization", bearer.as_str())])
    };
    assert_eq!(ada.get(&run_path("shop/dev", "/follow")).expect(404)["code"], "not_deployed");
    deploy(&ada, "shop/dev");
    let mut stream = follow(&grace.token);
    let begun = stream.until("\"state\":\"queued\"").to_owned();
    assert!(begun.contains("content-type: text/event-stream") && begun.contains("event: state"), "{begun}");
    seen(&app, "provisioning", &[("api", "waiting", "waits for db"), ("db", "starting", "")]);
    assert!(stream.until("waits for db").contains("\"state\":\"provisioning\""));
    seen(&app, "ready", &[("api", "ready", ""), ("db", "ready", "")]);
    stream.until("\"state\":\"ready\"");
    let grace_id = grace.get("/whoami").expect(200)["actor"]["id"].as_str().expect("an id").to_owned();
    let grants = ada.get(&format!("/grants?user={grace_id}")).expect(200);
    ada.delete(&format!("/grants/{}", grants["items"][0]["id"].as_str().expect("a grant"))).expect(200);
    assert!(stream.rest_of_it().contains("event: end"), "who lost the right is told no more");
}

#[test]
fn the_command_line_deploys_waits_and_says_why_not() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    add_cluster(&ada, "home");
    let shell = Shell::new(&app.base);
    shell.file("token", &ada.token);
    shell.file("blueprint.yaml", SHOP);
    shell.file("broken.yaml", "name: shop\nservices: [{name: api, imag: x}]\n");
    let run = |line: &str| shell.run(&format!("env {line} -p shop -e dev --token-file token"));
    let broken = run("up --file broken.yaml");
    assert_eq!(broken.status.code(), Some(1), "{}", broken.stderr);
    assert!(broken.stdout.contains("broken.yaml:2"), "the mistake has its line: {}", broken.stdout);
    let missing = run("up --file blueprint.yaml");
    assert_eq!(missing.status.code(), Some(1), "{}", missing.stderr);
    assert!(missing.stderr.contains("DATABASE_URL") && missing.stderr.contains("API_KEY"), "{}", missing.stderr);
    assert!(missing.stderr.contains("hint: store them"), "{}", missing.stderr);
    for name in ["DATABASE_URL", "API_KEY"] {
        ada.set_secret("shop/dev", name, "value");
    }
    let begun = run("up --cluster home --json");
    let begun: Value = serde_json::from_str(begun.expect(0)).expect("JSON");
    assert_eq!((&begun["revision"], &begun["unchanged"]), (&json!(1), &json!(false)));
    seen(&app, "degraded", &[("api", "failing", "image not found"), ("db", "ready", "")]);
    let late = run("up --wait --timeout 1s");
    assert_eq!(late.status.code(), Some(1), "{}", late.stderr);
    assert!(late.stderr.contains("api: failing: image not found"), "{}", late.stderr);
    assert!(!late.stderr.contains("db: ready"), "{}", late.stderr);
    seen(&app, "ready", &[("api", "ready", ""), ("db", "ready", "")]);
    let ready = run("up --wait");
    assert_eq!(ready.status.code(), Some(0), "{}", ready.stderr);
    assert!(ready.stderr.contains("nothing differs") && ready.stderr.contains("shop/dev is ready"), "{}", ready.stderr);
    let status = run("status");
    let status = status.expect(0);
    assert!(status.contains("api\tready\t1/1"), "{status}");
    assert!(shell.run("env list --token-file token").expect(0).contains("shop/dev\tready\thome"));
    let unnamed = run("destroy");
    assert_eq!(unnamed.status.code(), Some(2), "{}", unnamed.stderr);
    assert_eq!(run("destroy --confirm prod").status.code(), Some(2));
    assert!(run("destroy --dry-run").expect(0).contains("volumes"));
    run("destroy --confirm dev").expect(0);
    let logs = run("logs api");
    assert_eq!(logs.status.code(), Some(1), "the cluster is not there");
    assert!(logs.stderr.contains("cannot be reached"), "{}", logs.stderr);
}

#[test]
fn what_a_cluster_still_has_of_a_deleted_environment_is_not_purged() {
    let app = TestApp::start();
    let ada = shop(&app);
    deploy(&ada, "shop/dev");
    let plan = ada.delete(&format!("{}?dry_run=true", at("shop/dev"))).expect(200);
    assert_eq!(plan["environments"].as_array().map(Vec::len), Some(1), "{plan}");
    ada.delete(&at("shop/dev")).expect(200);
    app.clock.advance(std::time::Duration::from_hours(24 * 31));
    let purge = || {
        let op = app.system();
        let purged = async { holdfast::orgs::deletion::deletion_purge(&op, 10).await };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(purged).expect("the database answers")
    };
    assert_eq!(purge(), 0, "its row is what tells the controller to take it away");
    let gone = app.core.db.write_blocking(|tx| {
        tx.sql().execute("DELETE FROM cluster_uses", ())?;
        Ok::<_, holdfast::db::DbError>(())
    });
    gone.expect("written");
    assert_eq!(purge(), 1);
}
