//! The HTTP API, end to end: the main job, and what every answer promises.

use serde_json::{Value, json};

use crate::support::app::{PASSWORD, TestApp, at};
use crate::support::http;

#[test]
fn before_set_up_everything_but_health_and_setup_waits() {
    let app = TestApp::bare(&[]);
    let nobody = app.nobody();
    for path in ["/whoami", "/projects", "/openapi.json", "/nonsense"] {
        assert_eq!(nobody.get(path).expect(503)["code"], "setup_required", "{path}");
    }
    assert_eq!(http::send(&app.base, "GET", "/healthz", &[], b"").json(), json!({ "status": "ok" }));
    let ready = http::send(&app.base, "GET", "/readyz", &[], b"").expect(200);
    assert_eq!(ready["checks"], json!({ "database": "ok", "keys": "ok", "ledger": "ok" }));
}

#[test]
fn the_setup_token_works_once() {
    let app = TestApp::bare(&[]);
    let token = app.setup_token();
    let body = |token: &str| json!({ "setup_token": token, "organization": "acme", "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(app.nobody().post("/setup", body("hf_set_x")).expect(401)["code"], "setup_token_invalid");
    let done = app.nobody().post("/setup", body(&token)).expect(201);
    assert_eq!(done["organization"]["slug"], "acme");
    assert!(done["token"].as_str().is_some_and(|t| t.starts_with("hf_pat_")));
    assert_eq!(app.nobody().post("/setup", body(&token)).expect(409)["code"], "already_set_up");
}

#[test]
fn the_setup_token_is_tried_ten_times_a_minute() {
    let app = TestApp::bare(&[]);
    let body = json!({ "setup_token": "hf_set_x", "organization": "acme", "email": "a@b.cd", "password": PASSWORD });
    for _ in 0..10 {
        assert_eq!(app.nobody().post("/setup", body.clone()).status, 401);
    }
    let refused = app.nobody().post("/setup", body);
    assert_eq!(refused.expect(429)["code"], "rate_limited");
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn whoami_tells_the_owner() {
    let app = TestApp::start();
    let me = app.owner().get("/whoami").expect(200);
    assert_eq!(me["actor"]["email"], "ada@example.com");
    assert_eq!(me["organization"]["slug"], "acme");
    assert_eq!(me["instance_operator"], true);
    assert_eq!(me["grants"][0]["role"], "owner");
    assert!(me["permissions"].as_array().is_some_and(|p| p.contains(&json!("org.delete"))));
}

#[test]
fn values_inherit_override_and_refer() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "staging", None);
    ada.create_environment("shop", "feat", Some("staging"));
    ada.set_secret("shop/staging", "HOST", "db.internal");
    ada.set_secret("shop/staging", "URL", "postgres://${HOST}/shop");
    ada.set_secret("shop/feat", "HOST", "feat.internal");
    assert_eq!(ada.variables("shop/feat"), json!({ "HOST": "feat.internal", "URL": "postgres://feat.internal/shop" }));

    let listed = ada.get(&format!("{}/secrets", at("shop/feat"))).expect(200);
    let origins: Vec<_> = listed["items"].as_array().unwrap().iter().map(|i| i["origin"]["kind"].clone()).collect();
    assert_eq!(origins, ["overrides", "inherited"]);
    assert!(!listed.to_string().contains("internal"), "a list holds no values");

    let shown = ada.get(&format!("{}/secrets/URL?reveal=true&resolve=true", at("shop/feat")));
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    let shown = shown.expect(200);
    assert_eq!(shown["value"], "postgres://${HOST}/shop");
    assert_eq!(shown["resolved"], "postgres://feat.internal/shop");
    let hidden = ada.get(&format!("{}/secrets/URL", at("shop/feat"))).expect(200);
    assert!(hidden.get("value").is_none());
}

#[test]
fn a_value_that_is_no_text_travels_as_base64() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    let path = format!("{}/secrets/BLOB", at("shop/dev"));
    ada.put(&path, json!({ "value": "/wD+", "encoding": "base64" })).expect(201);
    let read = ada.get(&format!("{path}?reveal=true")).expect(200);
    assert_eq!((&read["value"], &read["encoding"]), (&json!("/wD+"), &json!("base64")));
    let all = ada.get(&format!("{}/variables", at("shop/dev"))).expect(200);
    assert_eq!(all["encodings"], json!({ "BLOB": "base64" }));
    assert_eq!(ada.put(&path, json!({ "value": "?", "encoding": "base64" })).expect(400)["code"], "base64_invalid");
}

#[test]
fn two_writers_on_one_version_do_not_overwrite_each_other() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "KEY", "one");
    let path = format!("{}/secrets/KEY", at("shop/dev"));
    let etag = ada.get(&path).header("etag").unwrap().to_owned();
    let write = |value: &str| ada.send_with("PUT", &path, &[("if-match", &etag)], Some(&json!({ "value": value })));
    write("two").expect(200);
    assert_eq!(write("three").expect(412)["code"], "version_mismatch");

    let staging = at("shop/dev");
    let etag = ada.get(&staging).header("etag").unwrap().to_owned();
    let rename = |name: &str| ada.send_with("PATCH", &staging, &[("if-match", &etag)], Some(&json!({ "name": name })));
    rename("Work").expect(200);
    assert_eq!(rename("Play").expect(412)["code"], "version_mismatch");
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "KEY", "one");
    for path in [format!("{}/variables", at("shop/dev")), at("shop/dev"), "/projects/shop".into()] {
        let etag = ada.get(&path).header("etag").unwrap().to_owned();
        let again = ada.send_with("GET", &path, &[("if-none-match", &etag)], None);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
    let path = format!("{}/variables", at("shop/dev"));
    let etag = ada.get(&path).header("etag").unwrap().to_owned();
    ada.set_secret("shop/dev", "KEY", "two");
    assert_eq!(ada.send_with("GET", &path, &[("if-none-match", &etag)], None).status, 200);
}

#[test]
fn variables_come_in_the_format_asked_for() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "KEY", "one two");
    for (format, line) in [("dotenv", "KEY="), ("shell", "export KEY="), ("docker", "KEY=one two"), ("yaml", "KEY:")] {
        let answer = ada.get(&format!("{}/variables?format={format}", at("shop/dev")));
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains(line), "{format}: {}", answer.text());
    }
    assert_eq!(ada.get(&format!("{}/variables?format=xml", at("shop/dev"))).expect(400)["code"], "query_invalid");
}

#[test]
fn a_batch_is_planned_then_done_whole_or_not_at_all() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "OLD", "1");
    let path = format!("{}/secrets/batch", at("shop/dev"));
    let items = json!([{ "name": "NEW", "value": "2" }, { "name": "OLD", "delete": true }]);
    let plan = ada.post(&path, json!({ "items": items, "dry_run": true })).expect(200);
    assert_eq!(plan["counts"], json!({ "add": 1, "change": 0, "same": 0, "delete": 1, "unset": 0 }));
    assert_eq!(ada.variables("shop/dev"), json!({ "OLD": "1" }));
    let broken = json!([{ "name": "NEW", "value": "2" }, { "name": "bad name", "value": "x" }]);
    assert_eq!(ada.post(&path, json!({ "items": broken })).status, 400);
    assert_eq!(ada.variables("shop/dev"), json!({ "OLD": "1" }));
    assert_eq!(ada.post(&path, json!({ "items": items })).expect(200)["applied"], true);
    assert_eq!(ada.variables("shop/dev"), json!({ "NEW": "2" }));
}

#[test]
fn a_file_is_imported_and_an_unclosed_quote_imports_nothing() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    let path = format!("{}/import", at("shop/dev"));
    let content = "A=1\nB=\"two words\"\n";
    ada.post(&path, json!({ "format": "dotenv", "content": content })).expect(200);
    assert_eq!(ada.variables("shop/dev"), json!({ "A": "1", "B": "two words" }));
    let fewer = json!({ "format": "dotenv", "content": "A=1\n", "replace": true, "dry_run": true });
    assert_eq!(ada.post(&path, fewer).expect(200)["counts"]["delete"], 1);
    let found = ada.get(&format!("{}/secrets?search=b", at("shop/dev"))).expect(200);
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["name"]), (1, &json!("B")));
    let refused = ada.post(&path, json!({ "format": "dotenv", "content": "C=3\nD=\"open\n" }));
    assert!(refused.status >= 400 && refused.text().contains('2'), "{}", refused.text());
    assert_eq!(ada.variables("shop/dev").as_object().unwrap().len(), 2);
}

#[test]
fn history_rollback_delete_and_undelete() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "KEY", "one");
    ada.set_secret("shop/dev", "KEY", "two");
    let path = format!("{}/secrets/KEY", at("shop/dev"));
    let back = ada.post(&format!("{path}/rollback"), json!({ "version": 1 })).expect(200);
    assert_eq!(back["version"], 3);
    assert_eq!(ada.variables("shop/dev"), json!({ "KEY": "one" }));
    ada.delete(&format!("{path}?dry_run=true")).expect(200);
    assert_eq!(ada.variables("shop/dev"), json!({ "KEY": "one" }));
    ada.delete(&path).expect(200);
    assert_eq!(ada.variables("shop/dev"), json!({}));
    ada.send("POST", &format!("{path}/undelete"), None).expect(200);
    assert_eq!(ada.variables("shop/dev"), json!({ "KEY": "one" }));
    let history = ada.get(&format!("{path}/history")).expect(200);
    let states: Vec<_> = history["items"].as_array().unwrap().iter().map(|v| v["state"].clone()).collect();
    assert_eq!(states, ["set", "deleted", "set", "set", "set"]);
}

#[test]
fn deleting_what_others_use_says_who_first() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "HOST", "h");
    ada.set_secret("shop/dev", "URL", "${HOST}");
    let path = format!("{}/secrets/HOST", at("shop/dev"));
    let refused = ada.delete(&path).expect(409);
    assert_eq!(refused["code"], "secret_has_dependents");
    assert_eq!(refused["errors"][0]["field"], "shop/dev:/URL");
    ada.delete(&format!("{path}?force=true")).expect(200);
    let broken = ada.get(&format!("{}/variables", at("shop/dev"))).expect(422);
    assert_eq!((&broken["code"], &broken["errors"][0]["field"]), (&json!("reference_broken"), &json!("URL")));
}

#[test]
fn what_is_deleted_is_restored_as_a_whole() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "base", None);
    ada.create_environment("shop", "leaf", Some("base"));
    ada.set_secret("shop/leaf", "KEY", "one");
    let plan = ada.delete(&format!("{}?dry_run=true", at("shop/base"))).expect(200);
    assert_eq!((&plan["secrets"], plan["environments"].as_array().unwrap().len()), (&json!(1), 2));
    ada.delete(&at("shop/base")).expect(200);
    ada.get(&at("shop/leaf")).expect(404);
    ada.send("POST", &format!("{}/restore", at("shop/base")), None).expect(200);
    assert_eq!(ada.variables("shop/leaf"), json!({ "KEY": "one" }));
    let deleted = ada.delete("/projects/shop").expect(200);
    let id = deleted["deletion"]["id"].as_str().unwrap();
    assert_eq!(ada.get("/deletions").expect(200)["items"][0]["id"], id);
    ada.send("POST", &format!("/deletions/{id}/restore"), None).expect(200);
    ada.get("/projects/shop").expect(200);
}

#[test]
fn a_move_says_what_it_gives_and_takes_before_it_does() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    for root in ["east", "west"] {
        ada.create_environment("shop", root, None);
        ada.set_secret(&format!("shop/{root}"), &root.to_uppercase(), "1");
    }
    ada.create_environment("shop", "leaf", Some("east"));
    let path = format!("{}/move", at("shop/leaf"));
    let plan = ada.post(&format!("{path}?dry_run=true"), json!({ "parent": "west" })).expect(200);
    let changes: Vec<_> = plan["plan"]["variables"].as_array().unwrap().iter().map(|v| v["change"].clone()).collect();
    assert_eq!(changes, ["lost", "gained"]);
    assert_eq!(ada.variables("shop/leaf"), json!({ "EAST": "1" }));
    ada.post(&path, json!({ "parent": "west" })).expect(200);
    assert_eq!(ada.variables("shop/leaf"), json!({ "WEST": "1" }));
    assert_eq!(ada.post(&path, json!({})).expect(400)["code"], "missing_field");
    let circle = ada.post(&format!("{}/move", at("shop/west")), json!({ "parent": "leaf" })).expect(409);
    assert_eq!(circle["code"], "parent_cycle");
}

#[test]
fn a_locked_environment_does_not_change() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.send("POST", &format!("{}/lock", at("shop/dev")), None).expect(200);
    let refused = ada.put(&format!("{}/secrets/KEY", at("shop/dev")), json!({ "value": "1" }));
    assert_eq!(refused.expect(409)["code"], "environment_locked");
    ada.send("POST", &format!("{}/unlock", at("shop/dev")), None).expect(200);
    ada.set_secret("shop/dev", "KEY", "1");
}

#[test]
fn lists_go_on_where_they_stopped() {
    let app = TestApp::start();
    let ada = app.owner();
    for slug in ["a", "b", "c"] {
        ada.create_project(slug);
    }
    let mut seen = Vec::new();
    let mut path = "/projects?limit=2".to_owned();
    loop {
        let page = ada.get(&path).expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|p| p["slug"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/projects?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b", "c"]);
}

#[test]
fn a_keyed_write_is_done_once() {
    let app = TestApp::start();
    let ada = app.owner();
    let keyed =
        |slug: &str| ada.send_with("POST", "/projects", &[("idempotency-key", "k1")], Some(&json!({ "slug": slug })));
    let first = keyed("shop");
    let again = keyed("shop");
    assert_eq!((first.expect(201), again.header("idempotency-replayed")), (again.expect(201), Some("true")));
    assert_eq!(keyed("other").expect(422)["code"], "idempotency_key_reused");
    app.clock.advance(std::time::Duration::from_hours(25));
    keyed("other").expect(201);
}

#[test]
fn a_keyed_write_that_was_refused_may_be_tried_again() {
    let app = TestApp::start();
    let ada = app.owner();
    let keyed = || {
        let body = json!({ "slug": "dev" });
        ada.send_with("POST", "/projects/shop/environments", &[("idempotency-key", "k1")], Some(&body))
    };
    keyed().expect(404);
    ada.create_project("shop");
    keyed().expect(201);
}

#[test]
fn a_token_is_not_in_the_replay() {
    let app = TestApp::start();
    let send = || {
        let body = json!({ "slug": "umbrella" });
        app.owner().send_with("POST", "/organizations", &[("idempotency-key", "k")], Some(&body)).expect(201)
    };
    assert!(send()["token"].is_string());
    let again = send();
    assert!(again.get("token").is_none() && again["organization"]["slug"] == "umbrella", "{again}");
}

#[test]
fn bad_requests_are_told_apart_and_change_nothing() {
    let app = TestApp::start();
    let ada = app.owner();
    let send = |headers: &[(&str, &str)], body: &[u8]| {
        let bearer = format!("Bearer {}", ada.token);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        http::send(&app.base, "POST", "/api/v1/projects", &all, body)
    };
    let json = [("content-type", "application/json")];
    let bomb = [b"{\"slug\":".as_slice(), &b"[".repeat(200_000)].concat();
    let cases: [(&[u8], u16, &str); 7] = [
        (b"{\"slug\":", 400, "json_invalid"),
        (b"{\"slug\":\"a\",\"slog\":1}", 400, "unknown_field"),
        (b"{\"slug\":\"a\",\"slug\":\"b\"}", 400, "duplicate_field"),
        (b"{\"slug\":\"a\xff\"}", 400, "json_invalid"),
        (b"{\"slug\":\"a\\u0000\"}", 400, "body_invalid"),
        (b"{}", 400, "missing_field"),
        (&bomb, 400, "body_invalid"),
    ];
    for (body, status, code) in cases {
        assert_eq!(send(&json, body).expect(status)["code"], code);
    }
    assert_eq!(send(&json, &vec![b' '; 1024 * 1024 + 1]).expect(413)["code"], "body_too_large");
    assert_eq!(send(&[("content-type", "text/plain")], b"{}").expect(415)["code"], "unsupported_media_type");
    assert_eq!(ada.get("/projects").expect(200)["items"], json!([]));
    assert_eq!(ada.get("/projects?limit=1&limti=2").expect(400)["code"], "query_invalid");
    assert_eq!(ada.get("/projects/%ff").expect(400)["code"], "encoding_invalid");
    assert_eq!(ada.get("/projects/a%00").expect(400)["code"], "encoding_invalid");
    assert_eq!(ada.get("/nonsense").expect(404)["code"], "endpoint_not_found");
    let wrong = ada.send("TRACE", "/projects", None);
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, POST")));
}

#[test]
fn a_token_that_is_not_good_is_refused_with_its_reason() {
    let app = TestApp::start();
    let token = app.owner().token;
    let damaged = format!("{}x", &token[..token.len() - 1]);
    for (given, code) in [("nonsense", "token_invalid"), (damaged.as_str(), "token_damaged")] {
        let refused = app.client(given).get("/whoami");
        assert_eq!(refused.expect(401)["code"], code);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"holdfast\""));
    }
    assert_eq!(app.nobody().get("/whoami").expect(401)["code"], "authentication_required");
}

#[test]
fn every_answer_has_a_request_id_and_the_safe_headers() {
    let app = TestApp::start();
    let ada = app.owner();
    let own = ada.send_with("GET", "/nonsense", &[("x-request-id", "abc-1")], None);
    assert_eq!((own.header("x-request-id"), &own.json()["request_id"]), (Some("abc-1"), &json!("abc-1")));
    let unsafe_id = ada.send_with("GET", "/projects", &[("x-request-id", "a\"b")], None);
    assert!(unsafe_id.header("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(unsafe_id.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(unsafe_id.header("cache-control"), Some("no-store"));
    assert_eq!(own.header("content-type"), Some("application/problem+json"));
}

#[test]
fn who_asks_too_often_waits_and_is_told_how_long() {
    let app = TestApp::with(&[
        ("HOLDFAST_RATE_LIMITS_ENABLED", "true"),
        ("HOLDFAST_RATE_LIMITS_UNAUTHENTICATED_PER_MINUTE", "3"),
        ("HOLDFAST_RATE_LIMITS_PEOPLE_PER_MINUTE", "2"),
    ]);
    let ada = app.owner();
    let first = ada.get("/whoami");
    let left = |r: &http::Response| {
        (r.header("ratelimit-limit").map(str::to_owned), r.header("ratelimit-remaining").map(str::to_owned))
    };
    assert_eq!(left(&first), (Some("2".into()), Some("1".into())));
    ada.get("/whoami").expect(200);
    let refused = ada.get("/whoami");
    assert_eq!(refused.expect(429)["code"], "rate_limited");
    assert!(refused.header("retry-after").is_some() && refused.header("ratelimit-reset").is_some());
    for _ in 0..20 {
        assert_eq!(http::send(&app.base, "GET", "/healthz", &[], b"").status, 200);
    }
}

#[test]
fn the_numbers_name_routes_and_never_paths() {
    let app = TestApp::start();
    app.owner().get("/projects/confidential").expect(404);
    let text = http::send(&app.base, "GET", "/metrics", &[], b"");
    assert!(text.text().contains("route=\"/projects/{project}\""), "{}", text.text());
    assert!(!text.text().contains("confidential"));
}

#[test]
fn the_numbers_count_events_commits_and_decisions() {
    let app = TestApp::start();
    let number = |name: &str| {
        let text = http::send(&app.base, "GET", "/metrics", &[], b"").text().to_owned();
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
        line.trim().parse::<u64>().expect("a number")
    };
    let names =
        ["ledger_events", "writer_commits_total", "writer_operations_total", "decisions_total{decision=\"allow\"}"];
    let names = names.map(|name| format!("holdfast_{name}"));
    let before = names.each_ref().map(|name| number(name));
    app.owner().create_project("shop");
    for (name, before) in names.iter().zip(before) {
        assert!(number(name) > before, "{name}");
    }
    assert_eq!(number("holdfast_decisions_total{decision=\"deny\"}"), 0);
}

#[test]
fn a_list_of_environments_is_in_the_order_of_the_tree() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    for (slug, parent) in [("zoo", None), ("base", None), ("able", Some("zoo")), ("leaf", Some("base"))] {
        ada.create_environment("shop", slug, parent);
    }
    let listed = ada.get("/projects/shop/environments").expect(200);
    let slugs: Vec<_> = listed["items"].as_array().unwrap().iter().map(|e: &Value| e["slug"].clone()).collect();
    assert_eq!(slugs, ["base", "leaf", "zoo", "able"]);
    assert_eq!(listed["items"][1]["parent"]["slug"], "base");
    assert_eq!(listed["items"][1]["depth"], 2);
}
