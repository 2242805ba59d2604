//! An organization's own policies, roles, teams and the review of access, over HTTP and on the command line.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::{Client, PASSWORD, TestApp, at};

const NIGHT: &str = "@zone(\"Europe/Berlin\")\n\
    forbid (principal is User, action == Action::\"secret.reveal\", resource is Environment)\n\
    unless { context.time.hour >= 8 && context.time.hour < 18 };";

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// A test of a policy about revealing in an environment, at this moment.
fn test(name: &str, at: &str, expect: &str) -> Value {
    json!({
        "name": name, "action": "secret.reveal", "resource": { "tier": "development" }, "context": { "at": at },
        "expect": expect,
    })
}

fn night_tests() -> Value {
    json!([test("by night", "2026-11-25T22:00:00Z", "deny"), test("by day", "2026-11-25T10:00:00Z", "allow")])
}

fn shop(app: &TestApp) -> Client {
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "KEY", "value");
    ada
}

fn reveal(client: &Client) -> (u16, Value) {
    let answer = client.get(&format!("{}/secrets/KEY?reveal=true", at("shop/dev")));
    (answer.status, answer.json())
}

/// Moves the clock to the next time it is this hour of UTC; tokens of a fresh sign-in outlive no more than a day.
fn at_hour(app: &TestApp, hour: i64) {
    use holdfast::types::Clock as _;
    const HOUR: i64 = 3_600_000_000;
    let now = app.clock.now().as_micros();
    let ahead = (hour * HOUR - now).rem_euclid(24 * HOUR);
    app.clock.advance(Duration::from_micros(u64::try_from(ahead).expect("ahead")));
}

/// Ada, freshly signed in again.
fn again(app: &TestApp) -> Client {
    let session = json!({ "email": "ada@example.com", "password": PASSWORD });
    app.client(text(&app.nobody().post("/sessions", session).expect(201)["token"]))
}

fn person(app: &TestApp, ada: &Client, name: &str, role: Option<&str>) -> Client {
    let email = format!("{name}@example.com");
    ada.post("/members", json!({ "email": email, "password": PASSWORD, "role": role })).expect(201);
    let session = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
    app.client(text(&session["token"]))
}

#[test]
fn a_policy_of_the_hour_denies_by_night_and_not_by_day_and_no_decision_is_kept_wrongly() {
    let app = TestApp::start();
    let ada = shop(&app);
    let saved = json!({ "source": NIGHT, "mode": "enforce", "tests": night_tests(), "base_version": 0 });
    assert_eq!(ada.put("/policies/night?dry_run=true", saved.clone()).expect(200)["dry_run"], true);
    assert_eq!(ada.get("/policies").expect(200)["items"], json!([]));
    assert_eq!(ada.put("/policies/night", saved.clone()).expect(201)["policy"]["version"], 1);
    assert_eq!(ada.put("/policies/night", saved).expect(412)["code"], "version_mismatch");
    for _ in 0..2 {
        at_hour(&app, 10);
        assert_eq!(reveal(&ada).0, 200);
        at_hour(&app, 19);
        let (status, problem) = reveal(&ada);
        assert_eq!((status, &problem["code"]), (403, &json!("permission_denied")));
        assert!(text(&problem["detail"]).contains("policy.night"), "{problem}");
    }
    let denied = ada.get("/audit/events?decision=deny&action=secret.reveal").expect(200);
    assert_eq!(denied["items"][0]["policies"], json!(["policy.night"]));
    // What it does not speak of stays as it was, whatever the hour.
    ada.get(&format!("{}/secrets", at("shop/dev"))).expect(200);
    let machine = app.service_account("ci", "developer", "shop/dev");
    assert_eq!(machine.variables("shop/dev"), json!({ "KEY": "value" }));
}

#[test]
fn an_observed_policy_denies_nothing_and_is_recorded() {
    let app = TestApp::start();
    shop(&app);
    at_hour(&app, 20);
    let ada = again(&app);
    ada.put("/policies/night", json!({ "source": NIGHT, "mode": "observe" })).expect(201);
    assert_eq!(reveal(&ada).0, 200);
    let seen = ada.get("/audit/events?action=secret.reveal").expect(200);
    let event = &seen["items"][0];
    assert_eq!((&event["decision"], &event["would_deny"]), (&json!("allow"), &json!(["policy.night"])));
    let resource = json!({ "project": "shop", "environment": "dev" });
    let asked = json!({ "action": "secret.reveal", "resource": resource });
    let explained = ada.post("/policy/evaluate", asked).expect(200);
    assert_eq!((&explained["decision"], &explained["would_deny"]), (&json!("allow"), &json!(["policy.night"])));
    ada.get("/audit/checkpoint");
    let verified = ada.post("/audit/verify", json!({})).expect(200);
    assert_eq!((&verified["ok"], &verified["problems"]), (&json!(true), &json!([])), "{verified}");
}

#[test]
fn what_is_no_policy_is_refused_and_nothing_is_saved() {
    let app = TestApp::start();
    let ada = shop(&app);
    let put = |source: &str, mode: &str, tests: Value| {
        let answer = ada.put("/policies/mine", json!({ "source": source, "mode": mode, "tests": tests }));
        (answer.status, answer.json())
    };
    let none = || json!([]);
    let everything = "forbid (principal, action, resource);";
    let (status, problem) =
        put("forbid (principal, action, resource)\nwhen { principal.nothing == 1 };", "observe", none());
    assert_eq!((status, &problem["code"]), (422, &json!("policy_invalid")));
    assert!(text(&problem["errors"][0]["detail"]).starts_with("line 2, column "), "{problem}");
    assert_eq!(put("forbid (principal, action", "observe", none()).1["code"], "policy_unreadable");
    assert_eq!(put("permit (principal, action, resource);", "observe", none()).1["code"], "policy_permits");
    assert_eq!(put(everything, "enforce", none()).1["code"], "policy_locks_owners_out");
    let sundays = "forbid (principal, action, resource) when { context.time.weekday == 7 };";
    assert_eq!(put(sundays, "enforce", none()).1["code"], "policy_locks_owners_out");
    assert_eq!(put(NIGHT, "enforce", none()).0, 400, "an enforced policy without a test that is denied");
    let (status, problem) = put(
        NIGHT,
        "enforce",
        json!([test("by night", "2026-11-25T22:00:00Z", "deny"), test("wrong", "2026-11-25T23:00:00Z", "allow"),]),
    );
    assert_eq!((status, &problem["code"]), (422, &json!("policy_tests_failed")));
    assert_eq!(problem["errors"].as_array().expect("a list").len(), 1);
    assert_eq!(problem["errors"][0]["field"], "wrong");
    assert_eq!(put(NIGHT, "enforce", json!([{ "name": "x" }])).0, 400);
    assert_eq!(ada.get("/policies").expect(200)["items"], json!([]));
    ada.get("/policies/mine").expect(404);
}

#[test]
fn policies_are_for_who_manages_them_freshly_signed_in_and_owners_always_can() {
    let app = TestApp::start();
    let ada = shop(&app);
    let dev = person(&app, &ada, "dev", Some("developer"));
    let body = json!({ "source": NIGHT, "mode": "observe" });
    assert_eq!(dev.put("/policies/night", body.clone()).expect(403)["code"], "permission_denied");
    dev.get("/policies").expect(403);
    // Machines only: an admin's machine cannot manage policies any more, an owner can.
    let source = "forbid (principal, action, resource) unless { principal.hasTag(\"owner\") };";
    let tests =
        json!([{ "name": "admins", "actor": { "role": "admin" }, "action": "policy.manage", "expect": "deny" }]);
    ada.put("/policies/owners", json!({ "source": source, "mode": "enforce", "tests": tests })).expect(201);
    let ann = person(&app, &ada, "ann", Some("admin"));
    assert_eq!(ann.put("/policies/night", body.clone()).expect(403)["code"], "permission_denied");
    app.clock.advance(Duration::from_hours(25));
    assert_eq!(ada.put("/policies/night", body.clone()).expect(403)["code"], "step_up_required");
    let ada = again(&app);
    ada.put("/policies/night", body).expect(201);
    ada.delete("/policies/owners").expect(200);
}

#[test]
fn versions_are_kept_compared_and_saved_again() {
    let app = TestApp::start();
    let ada = shop(&app);
    ada.put("/policies/night", json!({ "source": NIGHT, "mode": "enforce", "tests": night_tests() })).expect(201);
    let later = NIGHT.replace("< 18", "< 17");
    let put = json!({ "source": later, "mode": "observe", "description": "an hour less" });
    assert_eq!(ada.put("/policies/night", put).expect(200)["policy"]["version"], 2);
    let diff = ada.get("/policies/night/diff").expect(200);
    let told = text(&diff["diff"]);
    for line in ["-mode: enforce", "+mode: observe", "+description: an hour less"] {
        assert!(told.contains(line), "{told}");
    }
    assert!(told.contains("< 17 };") && told.contains("-    \"name\": \"by night\""), "{told}");
    let back = ada.post("/policies/night/rollback", json!({ "version": 1 })).expect(200);
    assert_eq!((&back["policy"]["version"], &back["policy"]["mode"]), (&json!(3), &json!("enforce")));
    assert_eq!(ada.get("/policies/night").expect(200)["tests"].as_array().expect("a list").len(), 2);
    let versions = ada.get("/policies/night/versions").expect(200);
    let numbers: Vec<_> = versions["items"].as_array().expect("a list").iter().map(|v| v["version"].clone()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    ada.post("/policies/night/rollback", json!({ "version": 9 })).expect(404);
    ada.delete("/policies/night").expect(200);
    ada.get("/policies/night").expect(404);
}

#[test]
fn a_folder_and_an_address_are_circumstances() {
    let app = TestApp::start();
    let ada = shop(&app);
    let put = |path: &str| ada.put(&format!("{}/secrets/DEEP?path={path}", at("shop/dev")), json!({ "value": "v" }));
    put("/payments").expect(201);
    let source = "forbid (principal, action, resource)\n\
        when { context has path && (context.path == \"/payments\" || context.path like \"/payments/*\") }\n\
        unless { context has address && context.address.isInRange(ip(\"10.0.0.0/8\")) };";
    let case = |name: &str, context: Value, expect: &str| {
        json!({ "name": name, "action": "secret.use", "resource": { "tier": "development" }, "context": context,
            "expect": expect })
    };
    let tests = json!([
        case("elsewhere", json!({ "path": "/payments", "address": "192.0.2.1" }), "deny"),
        case("office", json!({ "path": "/payments/card", "address": "10.1.2.3" }), "allow"),
        case("other folder", json!({ "path": "/paymentsx", "address": "192.0.2.1" }), "allow"),
    ]);
    ada.put("/policies/payments", json!({ "source": source, "mode": "enforce", "tests": tests })).expect(201);
    let variables = |path: &str| ada.get(&format!("{}/variables?path={path}", at("shop/dev"))).status;
    assert_eq!((variables("/payments"), variables("/"), variables("/payments")), (403, 200, 403));
    assert_eq!(put("/payments").status, 403);
    let denied = |query: &str| {
        let review = "/access/review?project=shop&environment=dev&permission=secret.reveal";
        ada.get(&format!("{review}{query}")).expect(200)["items"][0]["denied_by"].clone()
    };
    assert_eq!(
        (denied("&path=/payments"), denied("&path=/other"), denied("")),
        (json!(["policy.payments"]), json!([]), json!([]))
    );
    ada.get("/access/review?project=shop&environment=dev&path=payments").expect(400);
    assert_eq!(ada.get(&format!("{}/secrets/DEEP?path=/payments&reveal=true", at("shop/dev"))).status, 403);
    assert_eq!(reveal(&ada).0, 200);
    let batch =
        json!({ "items": [{ "name": "A", "value": "v" }, { "name": "B", "value": "v", "path": "/payments/x" }] });
    assert_eq!(ada.post(&format!("{}/secrets/batch", at("shop/dev")), batch).status, 403);
    ada.get(&format!("{}/secrets/A", at("shop/dev"))).expect(404);
}

#[test]
fn a_simulation_tells_what_would_have_been_denied_and_allowed() {
    let app = TestApp::start();
    let ada = shop(&app);
    at_hour(&app, 10);
    reveal(&ada);
    at_hour(&app, 20);
    reveal(&ada);
    let ada = again(&app);
    let simulate = |source: Option<&str>| {
        let (mut cursor, mut changes, mut decisions) = (Value::Null, Vec::new(), 0);
        loop {
            let body = json!({ "name": "night", "source": source, "days": 30, "cursor": cursor });
            let page = ada.post("/policy/simulate", body).expect(200);
            changes.extend(page["changes"].as_array().expect("a list").clone());
            decisions += page["decisions"].as_u64().expect("a number");
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                return (decisions, changes);
            }
        }
    };
    let (decisions, changes) = simulate(Some(NIGHT));
    assert!(decisions >= 2);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((&changes[0]["action"], &changes[0]["would_be"]), (&json!("secret.reveal"), &json!("deny")));
    assert_eq!(changes[0]["actor_name"], "ada@example.com");
    ada.put("/policies/night", json!({ "source": NIGHT, "mode": "enforce", "tests": night_tests() })).expect(201);
    assert_eq!(reveal(&ada).0, 403);
    let (_, changes) = simulate(Some(&NIGHT.replace("< 18", "< 23")));
    let would: Vec<_> = changes.iter().map(|c| text(&c["would_be"])).collect();
    assert_eq!(would, ["allow"], "{changes:?}");
    assert_eq!(simulate(None).1.len(), 1, "the saved text denies only what passed before it was there");
    let body = json!({ "name": "night", "source": NIGHT, "days": 0 });
    ada.post("/policy/simulate", body).expect(400);
}

#[test]
fn templates_can_be_saved_as_they_are() {
    let app = TestApp::start();
    let ada = shop(&app);
    let templates = ada.get("/policy/templates").expect(200);
    let mut saved = 0;
    for template in templates["items"].as_array().expect("a list") {
        let name = text(&template["name"]);
        if template["source"].is_null() {
            assert!(text(&template["about"]).contains("approvals"), "{template}");
            continue;
        }
        let body = json!({ "source": template["source"], "mode": "enforce", "tests": template["tests"] });
        ada.put(&format!("/policies/{name}"), body).expect(201);
        saved += 1;
    }
    assert!(saved >= 4);
    assert!(ada.get("/policy/schema").text().contains("\"secret.reveal\""));
}

#[test]
fn a_review_names_who_can_and_by_which_grant_both_ways_round() {
    let app = TestApp::start();
    let ada = shop(&app);
    person(&app, &ada, "bob", None);
    let role = json!({ "name": "readers", "permissions": ["environment.read", "secret.reveal"] });
    ada.post("/roles", role).expect(201);
    ada.post("/teams", json!({ "name": "web" })).expect(201);
    ada.post("/teams/web/members", json!({ "user": "bob@example.com" })).expect(200);
    ada.post("/grants", json!({ "team": "web", "role": "readers", "project": "shop" })).expect(201);
    app.service_account("ci", "viewer", "shop");
    let path = "/access/review?project=shop&environment=dev&permission=secret.reveal";
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ada.get(&format!("{path}&limit=1{cursor}")).expect(200);
        found.extend(page["items"].as_array().expect("a list").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    found.sort_by_key(|f| text(&f["name"]).to_owned());
    let names: Vec<_> = found.iter().map(|f| text(&f["name"])).collect();
    assert_eq!(names, ["ada@example.com", "bob@example.com"]);
    let way = &found[1]["grants"][0];
    assert_eq!(
        (&way["team"], &way["role"], &way["project"]["slug"]),
        (&json!("web"), &json!("readers"), &json!("shop"))
    );
    assert_eq!(found[1]["denied_by"], json!([]));
    let all = ada.get("/access/review?project=shop&environment=dev").expect(200);
    assert_eq!(all["items"].as_array().expect("a list").len(), 3);

    let reach = ada.get("/access/reach?user=bob@example.com&permission=secret.reveal").expect(200);
    let places: Vec<_> =
        reach["items"].as_array().expect("a list").iter().map(|p| p["environment"]["slug"].clone()).collect();
    assert_eq!(places, [Value::Null, json!("dev")]);
    let explained = json!({
        "actor": { "user": "bob@example.com" }, "action": "secret.reveal",
        "resource": { "project": "shop", "environment": "dev" },
    });
    let explained = ada.post("/policy/evaluate", explained).expect(200);
    assert!(text(&explained["reasons"][0]).contains("through the team `web`"), "{explained}");
    let lacking = json!({ "actor": { "service_account": "ci" }, "action": "secret.reveal",
        "resource": { "project": "shop", "environment": "dev" } });
    let lacking = ada.post("/policy/evaluate", lacking).expect(200);
    assert!(lacking["held_by"].as_array().expect("a list").contains(&json!("readers")), "{lacking}");
    let matrix = ada.get("/access/matrix").expect(200);
    assert_eq!(matrix["cells"]["readers"]["secret.reveal"]["environment"], "allow");
    assert_eq!(matrix["cells"]["readers"]["secret.reveal"]["protected_environment"], "deny");
    // A policy that denies is named in the review.
    let source = "forbid (principal, action == Action::\"secret.reveal\", resource is Environment);";
    let tests = json!([{ "name": "x", "action": "secret.reveal", "resource": { "tier": "qa" }, "expect": "deny" }]);
    ada.put("/policies/none", json!({ "source": source, "mode": "enforce", "tests": tests })).expect(201);
    let denied = ada.get(path).expect(200);
    let denied = denied["items"].as_array().expect("a list");
    assert!(denied.len() == 2 && denied.iter().all(|d| d["denied_by"] == json!(["policy.none"])), "{denied:?}");
}

#[test]
fn what_is_not_used_is_told_from_the_ledger() {
    let app = TestApp::start();
    let ada = shop(&app);
    reveal(&ada);
    let state = |days: u32| {
        let answer = ada.get(&format!("/access/unused?user=ada@example.com&days={days}")).expect(200);
        let all = answer["permissions"].as_array().expect("a list").clone();
        move |name: &str| {
            let found = all.iter().find(|p| p["permission"] == name).unwrap_or_else(|| panic!("{name}"));
            text(&found["state"]).to_owned()
        }
    };
    let now = state(90);
    assert_eq!(now("secret.reveal"), "used");
    assert_eq!(now("secret.rotate"), "unused");
    assert_eq!(now("secret.list"), "unrecorded");
    app.clock.advance(Duration::from_hours(24 * 5));
    let ada = again(&app);
    let later = ada.get("/access/unused?days=2").expect(200);
    let reveal = later["permissions"].as_array().expect("a list").iter().find(|p| p["permission"] == "secret.reveal");
    assert_eq!(reveal.expect("held")["state"], "unused");
    ada.get("/access/unused?days=0").expect(400);
}
