//! Secrets put in order, end to end: copied, moved, renamed.

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, at};
use crate::support::cli::Shell;

fn shell(app: &TestApp) -> Shell {
    let shell = Shell::new(&app.base);
    shell.file("token", &app.owner().token);
    shell
}

#[test]
fn a_secret_is_renamed_with_a_plan_before() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.set_secret("shop/base", "HOST", "db");
    ada.set_secret("shop/base", "URL", "pg://${HOST}");
    let path = format!("{}/secrets/HOST/move", at("shop/base"));
    let body = |rewrite: bool| json!({ "to": { "name": "DB_HOST" }, "rewrite_references": rewrite });
    let refused = ada.post(&path, body(false)).expect(409);
    assert_eq!(refused["code"], "secret_has_dependents");
    assert_eq!(refused["errors"][0]["field"], "shop/base:/URL");
    let plan = ada.post(&format!("{path}?dry_run=true"), body(false)).expect(200);
    assert_eq!(
        (&plan["dry_run"], &plan["applied"], &plan["items"][0]["id"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(plan["references"][0]["reference"], "${HOST}");
    assert_eq!(plan["references"][0]["becomes"], "${DB_HOST}");
    assert_eq!(plan["references_rewritten"], false);
    assert_eq!(plan["warnings"][0]["code"], "depends");
    assert_eq!(ada.variables("shop/base"), json!({ "HOST": "db", "URL": "pg://db" }));
    let done = ada.post(&path, body(true)).expect(200);
    assert_eq!((&done["applied"], &done["references_rewritten"]), (&json!(true), &json!(true)));
    assert_eq!(ada.variables("shop/base"), json!({ "DB_HOST": "db", "URL": "pg://db" }));
    assert_eq!(ada.post(&path, body(true)).expect(404)["code"], "secret_not_found");
    assert!(!plan.to_string().contains("pg://"), "a plan shows references, never values");
}

#[test]
fn the_command_line_copies_moves_and_renames() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "qa", None);
    ada.set_secret("shop/base", "HOST", "db");
    ada.set_secret("shop/base", "URL", "pg://${HOST}");
    let shell = shell(&app);
    let global = "--token-file token -p shop -e base";
    let plan = shell.run(&format!("{global} secrets rename HOST DB_HOST --dry-run"));
    assert!(plan.expect(0).contains("${DB_HOST}"), "{plan:?}");
    assert!(plan.stderr.contains("--rewrite-references"), "{plan:?}");
    shell.run(&format!("{global} secrets rename HOST DB_HOST")).refused(5, "is used by 1 others");
    let done = shell.run(&format!("{global} --json secrets rename HOST DB_HOST --rewrite-references")).json();
    assert_eq!(done["items"][0]["name"], "DB_HOST");
    shell.run(&format!("{global} secrets copy DB_HOST --to-environment qa --to-name HOST")).expect(0);
    assert_eq!(ada.variables("shop/qa"), json!({ "HOST": "db" }));
    shell.run(&format!("{global} secrets copy DB_HOST --to-environment shop/qa --to-name HOST")).refused(5, "is there");
    shell.run(&format!("{global} folders copy / --to-environment qa --to-path /api")).expect(0);
    let copied = ada.get(&format!("{}/variables?path=/api", at("shop/qa"))).expect(200);
    assert_eq!(copied["variables"], json!({ "DB_HOST": "db", "URL": "pg://db" }));
    shell.run("--token-file token -p shop -e qa folders move /api --to-path /svc").expect(0);
    let moved = ada.get(&format!("{}/variables?path=/svc", at("shop/qa"))).expect(200);
    assert_eq!(moved["variables"], json!({ "DB_HOST": "db", "URL": "pg://db" }));
}

/// `who can do what in which environment, and how the value comes there`.
fn ways(answer: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let way = |i: &Value| {
        let how = [&i["name"], &i["permissions"][0], &i["environment"], &i["through"], &i["reference"]];
        how.map(text).join(" ")
    };
    answer["items"].as_array().expect("items").iter().map(way).collect()
}

#[test]
fn who_can_have_a_secret_is_told_wherever_its_value_comes_to() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "feat", Some("base"));
    ada.create_environment("shop", "own", Some("base"));
    ada.create_environment("shop", "far", None);
    ada.set_secret("shop/base", "HOST", "db");
    ada.set_secret("shop/base", "URL", "pg://${HOST}");
    ada.set_secret("shop/own", "HOST", "mine");
    ada.set_secret("shop/far", "COPY", "${base.HOST}");
    let of = |who: &Client, place: &str, name: &str, query: &str| {
        who.get(&format!("{}/secrets/{name}/access{query}", at(place)))
    };
    for (name, node) in [("feat", "shop/feat"), ("far", "shop/far"), ("own", "shop/own")] {
        app.service_account(name, "developer", node);
    }
    app.service_account("looks", "viewer", "shop");
    let told = of(&ada, "shop/feat", "HOST", "").expect(200);
    assert_eq!((&told["stored_in"], &told["visibility"]), (&json!("shop/base"), &json!("masked")));
    assert_eq!((&told["complete"], &told["hidden_environments"]), (&json!(true), &json!(0)));
    let all = ways(&told);
    let machines = |all: &[String]| {
        let mut machines: Vec<_> = all.iter().filter(|w| !w.starts_with("ada@")).cloned().collect();
        machines.sort_unstable();
        machines
    };
    let expected = [
        "far secret.reveal shop/far reference shop/far:/COPY",
        "far secret.use shop/far reference shop/far:/COPY",
        "feat secret.reveal shop/feat inherited -",
        "feat secret.reveal shop/feat reference shop/base:/URL",
        "feat secret.use shop/feat inherited -",
        "feat secret.use shop/feat reference shop/base:/URL",
    ];
    assert_eq!(machines(&all), expected, "own has a host of its own, also in the inherited URL");
    assert!(all.contains(&"ada@example.com secret.use shop/base stored -".to_owned()), "{all:?}");
    // A page at a time, everybody once.
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = of(&ada, "shop/base", "HOST", &format!("?limit=1{cursor}")).expect(200);
        paged.extend(ways(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, all);
    // What is restricted reaches whoever holds that, also where something is built from it.
    let body = json!({ "value": "db", "visibility": "restricted" });
    ada.put(&format!("{}/secrets/HOST", at("shop/base")), body).expect(200);
    app.service_account("runs", "maintainer", "shop/far");
    let told = of(&ada, "shop/base", "HOST", "").expect(200);
    assert_eq!(machines(&ways(&told)), ["runs secret.use.restricted shop/far reference shop/far:/COPY"]);
    // Who may not have access explained where it is stored is told nothing; elsewhere it is counted.
    let maintains = app.service_account("base", "maintainer", "shop/base");
    assert_eq!(of(&maintains, "shop/base", "HOST", "").expect(200)["hidden_environments"], 1);
    let feat = app.service_account("above", "maintainer", "shop/feat");
    assert_eq!(of(&feat, "shop/feat", "HOST", "").status, 403);
    assert_eq!(of(&ada, "shop/base", "NONE", "").expect(404)["code"], "secret_not_found");
    let shell = shell(&app);
    // Several at once keep their names.
    let copy = "--token-file token -p shop -e base secrets copy HOST URL";
    shell.run(&format!("{copy} --to-name OTHER")).refused(2, "for one secret");
    shell.run(&format!("{copy} --to-path /many")).expect(0);
    let many = ada.get(&format!("{}/secrets?path=/many", at("shop/base"))).expect(200);
    assert_eq!(many["items"].as_array().map(Vec::len), Some(2));
    let csv = shell.run("--token-file token -p shop -e base access secret HOST --csv");
    assert!(csv.expect(0).contains("\"runs\",\"secret.use.restricted\",\"shop/far\""), "{csv:?}");
}

#[test]
fn what_else_uses_a_secret_is_told_through_every_reference() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "feat", Some("base"));
    ada.create_environment("shop", "own", Some("base"));
    ada.create_environment("shop", "far", None);
    ada.set_secret("shop/base", "HOST", "db");
    ada.set_secret("shop/base", "URL", "pg://${HOST}");
    ada.set_secret("shop/feat", "DSN", "${URL}?x");
    ada.set_secret("shop/own", "HOST", "mine");
    ada.set_secret("shop/own", "LOCAL", "${HOST}");
    ada.set_secret("shop/far", "COPY", "${feat.DSN}");
    let usage = ada.get(&format!("{}/secrets/HOST/usage", at("shop/base"))).expect(200);
    let items: Vec<_> = usage["items"].as_array().unwrap().iter().map(|i| (&i["environment"], &i["name"])).collect();
    let expected = [("shop/base", "URL"), ("shop/feat", "DSN"), ("shop/far", "COPY")];
    assert_eq!(items, expected.map(|(e, n)| (json!(e), json!(n))).iter().map(|(e, n)| (e, n)).collect::<Vec<_>>());
    assert_eq!(usage["items"][2]["distance"], 3);
    assert_eq!(usage["items"][2]["through"], "shop/feat:/DSN");
    assert_eq!(usage["inherited_by"], json!(["shop/feat"]), "own has a value of its own");
    assert_eq!((&usage["complete"], &usage["hidden"]), (&json!(true), &json!(0)));
    let inherited = ada.get(&format!("{}/secrets/HOST/usage", at("shop/feat"))).expect(200);
    assert_eq!(inherited, usage, "asked where it is inherited, it is the same secret");
    let dev = app.service_account("dev", "developer", "shop/base");
    let seen = dev.get(&format!("{}/secrets/HOST/usage", at("shop/base"))).expect(200);
    assert_eq!((seen["items"].as_array().unwrap().len(), &seen["hidden"]), (2, &json!(1)));
    let shell = shell(&app);
    let shown = shell.run("--token-file token -p shop -e base secrets usage HOST");
    assert!(shown.expect(0).contains("shop/feat:/DSN") && shown.stderr.contains("inherited by shop/feat"), "{shown:?}");
}

#[test]
fn a_value_is_looked_up_only_where_it_might_be_shown() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    for slug in ["dev", "qa", "hidden"] {
        ada.create_environment("shop", slug, None);
        ada.set_secret(&format!("shop/{slug}"), "KEY", "one exact value");
    }
    ada.put(
        &format!("{}/secrets/TOP", at("shop/dev")),
        json!({ "value": "one exact value", "visibility": "restricted" }),
    );
    ada.set_secret("shop/dev", "OTHER", "one exact value!");
    let body = json!({ "value": "one exact value" });
    let found = ada.post("/values/lookup", body.clone()).expect(200);
    let places: Vec<_> = found["items"].as_array().unwrap().iter().map(|i| i["environment"].clone()).collect();
    assert_eq!(places, ["shop/dev", "shop/hidden", "shop/qa"]);
    assert_eq!((&found["environments"], &found["unknown"]), (&json!(3), &json!(0)));
    let body_of = |grants: Value| json!({ "name": "mixed", "grants": grants });
    let grants = json!([{ "role": "viewer", "project": "shop" }, { "role": "developer", "project": "shop", "environment": "qa" }]);
    ada.post("/service-accounts", body_of(grants)).expect(201);
    let key = ada.send("POST", "/service-accounts/mixed/keys", None).expect(201);
    let mixed = app.client(key["token"].as_str().unwrap());
    let found = mixed.post("/values/lookup", body.clone()).expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!((&found["environments"], &found["unknown"]), (&json!(1), &json!(2)));
    let viewer = app.service_account("viewer", "viewer", "shop");
    assert_eq!(viewer.post("/values/lookup", body.clone()).expect(403)["code"], "permission_denied");
    assert_eq!(ada.post("/values/lookup", json!({ "value": "" })).status, 400);
    let events = ada.get("/audit/events?action=secret.use").expect(200);
    assert!(events.to_string().contains("\"lookup\"") && !events.to_string().contains("exact"));
    let shell = shell(&app);
    let shown =
        shell.feed("--token-file token -p shop --json secrets lookup --in-project", b"one exact value\n").json();
    assert_eq!(shown["items"].as_array().unwrap().len(), 3);
}

#[test]
fn comparing_values_is_counted() {
    let app = TestApp::with(&[("HOLDFAST_RATE_LIMITS_ENABLED", "true")]);
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    let ask = || ada.post("/values/lookup", json!({ "value": "guess" }));
    let refused = (0..40).map(|_| ask()).find(|answer| answer.status == 429).expect("guesses are bounded");
    assert_eq!(refused.json()["code"], "rate_limited");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(ada.get(&at("shop/dev")).status, 200, "other requests are not counted with them");
}

#[test]
fn who_read_a_secret_is_told_however_they_read_it() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "feat", Some("base"));
    ada.set_secret("shop/base", "HOST", "db");
    ada.set_secret("shop/base", "OTHER", "x");
    ada.variables("shop/base");
    ada.variables("shop/feat");
    ada.get(&format!("{}/secrets/HOST?reveal=true", at("shop/base"))).expect(200);
    ada.get(&format!("{}/secrets/OTHER?reveal=true", at("shop/base"))).expect(200);
    let read = |name: &str| {
        let page = ada.get(&format!("{}/secrets/{name}/accesses", at("shop/base"))).expect(200);
        page["items"].as_array().unwrap().iter().map(|e| e["action"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(read("HOST"), ["secret.reveal", "secret.use", "secret.use"]);
    assert_eq!(read("OTHER"), ["secret.reveal", "secret.use", "secret.use"]);
}

#[test]
fn environments_are_compared_without_showing_a_value() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "feat", Some("base"));
    ada.create_environment("shop", "qa", None);
    ada.set_secret("shop/base", "HOST", "db");
    ada.set_secret("shop/base", "URL", "pg://${HOST}");
    ada.set_secret("shop/feat", "HOST", "mine");
    ada.set_secret("shop/qa", "HOST", "db");
    ada.set_secret("shop/qa", "URL", "pg://db");
    ada.put(&format!("{}/secrets/TOP", at("shop/base")), json!({ "value": "t", "visibility": "restricted" }));
    ada.put(&format!("{}/secrets/TOP", at("shop/qa")), json!({ "value": "t", "visibility": "restricted" }));
    let path = "/projects/shop/compare?environments=base,feat,shop/qa";
    let all = ada.get(path).expect(200);
    let rows: Vec<_> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| format!("{} {}", text(&r["name"]), text(&r["verdict"])))
        .collect();
    assert_eq!(rows, ["HOST different", "TOP unknown", "URL different"]);
    let groups = |row: usize| -> Vec<Value> {
        all["items"][row]["cells"].as_array().unwrap().iter().map(|c| c["group"].clone()).collect()
    };
    assert_eq!(groups(0), [json!(1), json!(2), json!(1)]);
    assert_eq!(groups(2), [json!(1), json!(2), json!(1)], "values are compared with their references applied");
    assert_eq!(all["counts"], json!({ "same": 0, "different": 2, "missing": 0, "unknown": 1 }));
    assert!(!all.to_string().contains("pg://") && !all.to_string().contains("mine"));
    ada.set_secret("shop/qa", "ONLY", "x");
    let two = ada.get("/projects/shop/compare?environments=base,qa&differences=true").expect(200);
    let rows: Vec<_> = two["items"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
    assert_eq!(rows, ["ONLY", "TOP"], "what is the same is left out");
    let first = ada.get("/projects/shop/compare?environments=base,qa&limit=1").expect(200);
    let next = text(&first["next_cursor"]);
    let second = ada.get(&format!("/projects/shop/compare?environments=base,qa&limit=1&cursor={next}")).expect(200);
    assert_eq!((&first["items"][0]["name"], &second["items"][0]["name"]), (&json!("HOST"), &json!("ONLY")));
    assert_eq!(ada.get("/projects/shop/compare?environments=base").status, 400);
    let viewer = app.service_account("viewer", "viewer", "shop");
    let blind = viewer.get(path).expect(200);
    let told = |r: &Value| matches!(text(&r["verdict"]), "unknown" | "missing");
    assert!(blind["items"].as_array().unwrap().iter().all(told), "{blind}");
    assert_eq!(blind["environments"][0]["comparable"], false);
    let shell = shell(&app);
    let shown = shell.run("--token-file token -p shop environments compare base qa");
    assert!(shown.expect(0).contains("missing"), "{shown:?}");
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn an_environment_is_duplicated_with_and_without_values() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "staging", Some("base"));
    ada.create_environment("shop", "production", None);
    ada.set_secret("shop/base", "HOST", "db");
    ada.set_secret("shop/base", "URL", "pg://${HOST}");
    ada.set_secret("shop/staging", "HOST", "db2");
    ada.set_secret("shop/staging", "KEY", "k");
    let restricted = json!({ "value": "t", "visibility": "restricted", "comment": "why" });
    ada.put(&format!("{}/secrets/TOP", at("shop/staging")), restricted);
    ada.post(&format!("{}/folders", at("shop/staging")), json!({ "path": "/empty" })).expect(201);
    let path = format!("{}/duplicate", at("shop/staging"));
    let plan = ada.post(&format!("{path}?dry_run=true"), json!({ "slug": "stage-b", "values": true })).expect(200);
    assert_eq!((&plan["dry_run"], &plan["environment"]["parent"]["slug"]), (&json!(true), &json!("base")));
    assert_eq!(ada.get(&at("shop/stage-b")).status, 404, "a plan makes nothing");
    let same = ada.post(&path, json!({ "slug": "stage-b", "values": true })).expect(201);
    assert!(same["secrets"].as_array().unwrap().iter().all(|s| s["became"] == "copied"), "{same}");
    let machine = app.service_account("deployer", "maintainer", "shop");
    assert_eq!(machine.variables("shop/stage-b"), json!({ "HOST": "db2", "KEY": "k", "TOP": "t", "URL": "pg://db2" }));
    let empty = ada.post(&path, json!({ "slug": "stage-c" })).expect(201);
    let became: Vec<_> = empty["secrets"].as_array().unwrap().iter().map(|s| s["became"].clone()).collect();
    assert_eq!(became, ["inherited", "placeholder", "placeholder"]);
    assert_eq!(machine.variables("shop/stage-c"), json!({ "HOST": "db", "URL": "pg://db" }));
    let top = ada.get(&format!("{}/secrets/TOP", at("shop/stage-c"))).expect(200);
    assert_eq!(
        (&top["state"], &top["visibility"], &top["comment"]),
        (&json!("unset"), &json!("restricted"), &json!("why"))
    );
    ada.set_secret("shop/stage-c", "TOP", "new");
    let top = ada.get(&format!("{}/secrets/TOP", at("shop/stage-c"))).expect(200);
    assert_eq!(top["visibility"], "restricted", "what was restricted is so again when it is set");
    let folders = ada.get(&format!("{}/folders", at("shop/stage-c"))).expect(200);
    assert_eq!(folders["items"][0]["path"], "/empty");
    assert_eq!(ada.post(&path, json!({ "slug": "stage-c" })).expect(409)["code"], "already_exists");
    let beneath = json!({ "slug": "x", "parent": "production" });
    assert_eq!(ada.post(&path, beneath).expect(409)["code"], "parent_closed");
    ada.set_secret("shop/production", "LIVE", "l");
    let live = format!("{}/duplicate", at("shop/production"));
    let refused = ada.post(&live, json!({ "slug": "prod-b", "values": true })).expect(409);
    assert_eq!(refused["code"], "flow_closed");
    ada.post(&live, json!({ "slug": "prod-b" })).expect(201);
    let dev = app.service_account("dev", "developer", "shop");
    let denied = dev.post(&path, json!({ "slug": "stage-d", "values": true })).expect(403);
    assert_eq!(denied["code"], "permission_denied", "one of them is restricted");
    let shell = shell(&app);
    let done = shell.run("--token-file token -p shop environments duplicate base base-b --with-values");
    assert!(done.expect(0).contains("copied"), "{done:?}");
    assert_eq!(ada.variables("shop/base-b"), json!({ "HOST": "db", "URL": "pg://db" }));
}

#[test]
fn a_person_has_values_of_their_own() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "feat", Some("base"));
    ada.set_secret("shop/base", "HOST", "db");
    ada.set_secret("shop/base", "URL", "pg://${HOST}");
    let path = format!("{}/secrets/HOST?personal=true", at("shop/base"));
    let made = ada.put(&path, json!({ "value": "localhost" })).expect(201);
    assert_eq!((&made["origin"]["kind"], &made["origin"]["environment"]["slug"]), (&json!("personal"), &json!("base")));
    ada.put(&path, json!({ "value": "my.local" })).expect(200);
    assert_eq!(ada.variables("shop/feat"), json!({ "HOST": "my.local", "URL": "pg://my.local" }));
    let machine = app.service_account("ci", "maintainer", "shop");
    assert_eq!(machine.variables("shop/feat"), json!({ "HOST": "db", "URL": "pg://db" }));
    assert_eq!(machine.put(&path, json!({ "value": "x" })).expect(403)["code"], "personal_people_only");
    let listed = ada.get(&format!("{}/secrets", at("shop/feat"))).expect(200);
    assert_eq!(listed["items"][0]["origin"]["kind"], "personal");
    let others = machine.get(&format!("{}/secrets", at("shop/feat"))).expect(200);
    assert!(!others.to_string().contains("personal"));
    assert_eq!(ada.put(&path, json!({ "value": "x", "comment": "c" })).expect(400)["code"], "value_unexpected");
    assert_eq!(ada.get(&format!("{path}&reveal=true")).expect(200)["value"], "my.local");
    let shared = ada.get(&format!("{}/secrets/HOST?reveal=true", at("shop/base"))).expect(200);
    assert_eq!(shared["value"], "db", "what everybody has is still shown by its name");
    let shell = shell(&app);
    let global = "--token-file token -p shop -e base secrets";
    shell.feed(&format!("{global} set HOST --personal"), b"mine\n").expect(0);
    assert_eq!(shell.run(&format!("{global} get HOST --personal")).expect(0), "mine");
    shell.run(&format!("{global} delete HOST --personal")).expect(0);
    assert_eq!(ada.variables("shop/base"), json!({ "HOST": "db", "URL": "pg://db" }));
    assert_eq!(ada.delete(&path).status, 404);
    let events = ada.get("/audit/events?action=secret.write").expect(200);
    assert!(events.to_string().contains("\"personal\":true") && !events.to_string().contains("my.local"));
}

#[test]
fn secrets_are_looked_after() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    for name in ["A_KEY", "B_KEY", "OTHER"] {
        ada.set_secret("shop/base", name, "v");
    }
    let base = at("shop/base");
    let expiry = format!("{base}/secrets/A_KEY/expiry");
    assert_eq!(ada.get(&expiry).expect(200)["expires_at"], Value::Null);
    assert_eq!(ada.put(&expiry, json!({ "expires_at": "2001-01-01T00:00:00Z" })).expect(400)["code"], "invalid_value");
    assert_eq!(ada.put(&expiry, json!({})).status, 400);
    let times = ["2026-11-20T00:00:00Z", "2026-12-01T00:00:00Z", "2099-01-01T00:00:00Z"];
    let set = ada.put(&expiry, json!({ "expires_at": times[1] })).expect(200);
    assert_eq!(set["expires_at"], "2026-12-01T00:00:00.000000Z");
    let listed = ada.get("/secrets/expiring?project=shop&within_days=30").expect(200);
    assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["expired"]), (&json!("A_KEY"), &json!(false)));
    // With the value, in one write; a list tells it, and a write that fails sets none.
    let until = |name: &str, at: &str| {
        let body = json!({ "value": "v", "expires_at": at });
        ada.send("PUT", &format!("{base}/secrets/{name}"), Some(&body))
    };
    assert_eq!(until("ENDS", times[1]).expect(201)["expires_at"], set["expires_at"]);
    assert_eq!(until("NEVER", "2001-01-01T00:00:00Z").expect(400)["code"], "invalid_value");
    ada.get(&format!("{base}/secrets/NEVER")).expect(404);
    let listed = ada.get(&format!("{base}/secrets")).expect(200);
    let ends: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|i| (&i["name"], i["expires_at"].is_null())).collect();
    assert_eq!(
        ends,
        [(&json!("A_KEY"), false), (&json!("B_KEY"), true), (&json!("ENDS"), false), (&json!("OTHER"), true)]
    );
    ada.set_secret("shop/base", "ENDS", "another value");
    assert_eq!(
        ada.get(&format!("{base}/secrets/ENDS")).expect(200)["expires_at"],
        set["expires_at"],
        "it is the secret's"
    );
    ada.delete(&format!("{base}/secrets/ENDS")).expect(200);
    let edit = format!("{base}/edit");
    let body = json!({ "filter": { "search": "_key" }, "change": { "add_tags": ["k"], "expires_at": times[2] } });
    let plan = ada.post(&format!("{edit}?dry_run=true"), body.clone()).expect(200);
    assert_eq!((&plan["dry_run"], &plan["counts"]["change"], &plan["expiries"]), (&json!(true), &json!(2), &json!(2)));
    assert_eq!(ada.get(&expiry).expect(200)["expires_at"], set["expires_at"], "a plan changes nothing");
    ada.post(&edit, body).expect(200);
    let tagged = ada.get(&format!("{base}/secrets?search=k")).expect(200);
    assert_eq!(tagged["items"].as_array().unwrap().len(), 2);
    let gone = ada.post(&edit, json!({ "filter": { "tags": ["k"] }, "change": { "delete": true } })).expect(200);
    assert_eq!(gone["counts"]["delete"], 2);
    assert_eq!(ada.variables("shop/base"), json!({ "OTHER": "v" }));
    let both = json!({ "change": { "delete": true, "comment": "c" } });
    assert_eq!(ada.post(&edit, both).expect(400)["code"], "value_unexpected");
    let stale = ada.get("/secrets/stale?project=shop&days=1").expect(200);
    assert_eq!(stale["items"], json!([]));
    assert_eq!(ada.get("/secrets/stale?environment=base").status, 400);
    let shell = shell(&app);
    let global = "--token-file token -p shop -e base secrets";
    shell.run(&format!("{global} expire OTHER --at {}", times[2])).expect(0);
    let listed = shell.run(&format!("{global} expiring --days 3650 --json")).json();
    assert_eq!(listed["items"], json!([]), "it is farther away");
    shell.run(&format!("{global} edit --search OTHER --comment why --expires-at never")).expect(0);
    assert_eq!(ada.get(&format!("{base}/secrets/OTHER")).expect(200)["comment"], "why");
    shell.run(&format!("{global} edit --delete")).refused(2, "nobody can be asked");
    shell.run(&format!("{global} edit --delete --confirm base")).expect(0);
    assert_eq!(ada.variables("shop/base"), json!({}));
    shell.run(&format!("{global} stale")).expect(0);
}

#[test]
fn a_value_is_set_with_its_end_on_the_command_line() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    let (base, shell) = (at("shop/base"), shell(&app));
    let global = "--token-file token -p shop -e base secrets";
    let set = |flags: &str| shell.feed(&format!("{global} set {flags}"), b"v");
    set("SOON --expires-in 90d").expect(0);
    set("LATER --expires-at 2099-01-01T00:00:00Z").expect(0);
    set("BOTH --expires-at 2099-01-01T00:00:00Z --expires-in 1d").refused(2, "cannot be used with");
    set("MINE --personal --expires-in 1d").refused(2, "cannot be used with");
    assert!(shell.run(&format!("{global} list")).expect(0).contains("2099-01-01"));
    assert_eq!(ada.get(&format!("{base}/secrets/BOTH")).status, 404);
}
