//! Signing in with a browser, what a session is and when it ends, one's password, and who is kept out.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::{Client, PASSWORD, TestApp, at};
use crate::support::browser::Browser;

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const NEW_PASSWORD: &str = "other words than before";

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Bob, a developer of `acme` with a password its owner set.
fn with_bob(app: &TestApp) {
    let body = json!({ "email": BOB, "password": PASSWORD, "role": "developer" });
    app.owner().post("/members", body).expect(201);
}

fn token_of(app: &TestApp, email: &str, password: &str) -> Client {
    let session = app.nobody().post("/sessions", json!({ "email": email, "password": password })).expect(201);
    app.client(text(&session["token"]))
}

#[test]
fn a_session_is_who_signed_in_until_it_is_ended() {
    let app = TestApp::start();
    let mut browser = Browser::new(&app);
    let answer = browser.sign_in(json!({ "email": ADA, "password": PASSWORD }));
    let set = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(set.starts_with("holdfast=hf_ses_") && set.contains("; HttpOnly; SameSite=Lax; Path=/; Max-Age="), "{set}");
    assert!(!answer.text().contains("hf_ses_"), "no script reads the token: {}", answer.text());
    let me = browser.get("/whoami").expect(200);
    assert_eq!((&me["actor"]["email"], &me["credential"]["kind"]), (&json!(ADA), &json!("session")));
    assert_eq!(me["session"]["csrf_token"], browser.csrf);
    assert_eq!(me["session"]["organizations"][0]["slug"], "acme");
    assert!(app.owner().get("/whoami").expect(200).get("session").is_none());

    browser.post("/projects", json!({ "slug": "shop" })).expect(201);
    let gone = browser.delete("/sessions/current");
    assert!(gone.header("set-cookie").is_some_and(|c| c.contains("Max-Age=0")), "{:?}", gone.headers);
    assert_eq!(gone.header("clear-site-data"), Some("\"cache\", \"storage\""));
    assert_eq!(browser.get("/whoami").expect(401)["code"], "session_ended");
    let events = app.owner().get("/audit/events?action=session.ended").expect(200);
    assert_eq!(events["items"][0]["actor"]["name"], ADA);
}

#[test]
fn a_session_ends_when_it_lies_idle_and_when_its_time_is_over() {
    let variables = [("HOLDFAST_SESSIONS_IDLE_MINUTES", "30"), ("HOLDFAST_SESSIONS_ABSOLUTE_HOURS", "2")];
    let app = TestApp::with(&variables);
    let minutes = |n: u64| app.clock.advance(Duration::from_mins(n));
    let browser = Browser::signed_in(&app, ADA);
    minutes(29);
    browser.get("/whoami").expect(200);
    minutes(29);
    browser.get("/whoami").expect(200);
    minutes(31);
    assert_eq!(browser.get("/whoami").expect(401)["code"], "session_ended");
    browser.get("/whoami").expect(401);
    // What lay idle is listed no more, and a refused request was no use of it.
    assert_eq!(Browser::signed_in(&app, ADA).get("/sessions").expect(200)["items"].as_array().map(Vec::len), Some(1));

    let browser = Browser::signed_in(&app, ADA);
    for _ in 0..5 {
        minutes(20);
        browser.get("/whoami").expect(200);
    }
    minutes(20);
    assert_eq!(browser.get("/whoami").expect(401)["code"], "session_ended");
}

#[test]
fn a_page_that_asks_by_itself_keeps_no_session_from_lying_idle() {
    let app = TestApp::with(&[("HOLDFAST_SESSIONS_IDLE_MINUTES", "30")]);
    let browser = Browser::signed_in(&app, ADA);
    let htmx = [("accept", "text/html"), ("hx-request", "true"), ("sec-fetch-site", "same-origin")];
    let polled = [htmx[0], htmx[1], htmx[2], ("holdfast-background", "1")];
    let poll = |path: &str| browser.raw("GET", path, &polled, b"");
    let minutes = |n: u64| app.clock.advance(Duration::from_mins(n));
    for _ in 0..5 {
        minutes(5);
        assert_eq!(poll("/jobs").status, 200);
        assert_eq!(poll("/organization/keys").status, 200);
    }
    // A click is a use, and begins the time anew.
    assert_eq!(browser.raw("GET", "/jobs", &htmx, b"").status, 200);
    for _ in 0..5 {
        minutes(5);
        assert_eq!(poll("/jobs").status, 200);
        let stream = "/api/v1/projects/none/environments/none/runtime/follow";
        assert_eq!(browser.raw("GET", stream, &[htmx[2]], b"").status, 404, "a stream that is opened anew");
    }
    minutes(6);
    let over = poll("/jobs");
    assert_eq!((over.status, over.header("hx-redirect")), (401, Some("/sign-in")), "the page is led away");
    assert_eq!(browser.get("/whoami").expect(401)["code"], "session_ended");
    // Only a cookie's time is about use: a token with the header is asked as ever.
    app.owner().send_with("GET", "/whoami", &[("holdfast-background", "1")], None).expect(200);
}

/// Every request that a page makes by itself says so.
#[test]
fn what_asks_by_itself_says_so() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut polls = 0;
    for entry in std::fs::read_dir(folder.join("templates")).expect("the templates") {
        let Ok(text) = std::fs::read_to_string(entry.expect("an entry").path()) else { continue };
        for tag in text.split('<').filter(|tag| tag.contains("hx-trigger=\"every ")) {
            polls += 1;
            assert!(tag.contains("hx-headers='{\"Holdfast-Background\":\"1\"}'"), "{tag}");
        }
    }
    assert_eq!(polls, 2, "jobs, and the rotation of a key");
    let services = std::fs::read_to_string(folder.join("assets/ui/src/services.ts")).expect("the script");
    assert!(services.contains("\"Holdfast-Background\": \"1\""), "the state is drawn anew by a timer");
}

#[test]
fn sign_ins_are_listed_and_ended_one_by_one_or_all_others() {
    let app = TestApp::start();
    with_bob(&app);
    let mut here = Browser::new(&app);
    here.extra.push(("user-agent".into(), "Firefox on a laptop".into()));
    here.sign_in(json!({ "email": ADA, "password": PASSWORD })).expect(200);
    app.clock.advance(Duration::from_secs(1));
    let there = Browser::signed_in(&app, ADA);
    app.clock.advance(Duration::from_secs(1));
    let shell = token_of(&app, ADA, PASSWORD);
    let bob = Browser::signed_in(&app, BOB);

    let list = here.get("/sessions").expect(200);
    let items = list["items"].as_array().expect("a list");
    assert_eq!(items.iter().map(|i| text(&i["kind"])).collect::<Vec<_>>(), ["cli_token", "session", "session"]);
    let own = &items[2];
    assert_eq!((&own["current"], &own["device"]), (&json!(true), &json!("Firefox on a laptop")));
    assert_eq!(own["address"], "127.0.0.1");
    assert!(!here.get("/tokens").expect(200).to_string().contains("\"session\""), "sessions are no tokens");

    let other = format!("/sessions/{}", text(&items[1]["id"]));
    assert_eq!(bob.delete(&other).expect(404)["code"], "not_found");
    assert_eq!(here.delete(&format!("{other}?dry_run=true")).expect(200)["dry_run"], true);
    there.get("/whoami").expect(200);
    here.delete(&other).expect(200);
    there.get("/whoami").expect(401);
    here.delete(&other).expect(404);

    assert_eq!(here.delete("/sessions?dry_run=true").expect(200)["ended"], 1);
    shell.get("/whoami").expect(200);
    assert_eq!(here.delete("/sessions").expect(200)["ended"], 1);
    shell.get("/whoami").expect(401);
    here.get("/whoami").expect(200);
    bob.get("/whoami").expect(200);
    app.owner().get("/whoami").expect(200);
}

#[test]
fn a_changed_password_ends_the_other_sign_ins_and_opens_what_was_sealed_before() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "KEY", "value");
    let (here, there) = (Browser::signed_in(&app, ADA), Browser::signed_in(&app, ADA));
    let change = |current: &str, new: &str| {
        here.send("PUT", "/account/password", Some(&json!({ "current_password": current, "new_password": new })))
    };
    assert_eq!(change("not the right one", NEW_PASSWORD).expect(403)["code"], "password_wrong");
    let denied = ada.get("/audit/events?action=account.password_refused").expect(200);
    assert_eq!(denied["items"][0]["decision"], "deny");
    assert_eq!(change(PASSWORD, "short").expect(400)["code"], "password_too_weak");
    assert_eq!(change(PASSWORD, "iloveyou1").expect(400)["code"], "password_too_common");
    assert_eq!(change(PASSWORD, "ada@example.com").expect(400)["code"], "password_too_common");
    there.get("/whoami").expect(200);

    let done = change(PASSWORD, NEW_PASSWORD).expect(200);
    assert_eq!((&done["ended"], &done["everywhere"]), (&json!(1), &json!(true)));
    there.get("/whoami").expect(401);
    here.get("/whoami").expect(200);
    app.nobody().post("/sessions", json!({ "email": ADA, "password": PASSWORD })).expect(401);
    let again = token_of(&app, ADA, NEW_PASSWORD);
    assert_eq!(again.variables("shop/dev"), json!({ "KEY": "value" }));
    ada.get("/whoami").expect(200);
    let machine = app.service_account("ci", "viewer", "shop");
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    assert_eq!(machine.put("/account/password", body).expect(403)["code"], "people_only");
}

#[test]
fn one_session_acts_in_every_organization_its_owner_is_in() {
    let app = TestApp::start();
    let umbrella = app.second_organization();
    umbrella.create_project("lab");
    with_bob(&app);
    let ada = Browser::signed_in(&app, ADA);
    let inside = |browser: &Browser, organization: &str, path: &str| {
        browser.send_with("GET", path, &[("x-organization-id", organization)], None)
    };
    assert_eq!(inside(&ada, "umbrella", "/whoami").expect(200)["organization"]["slug"], "umbrella");
    let id = text(&umbrella.get("/whoami").expect(200)["organization"]["id"]).to_owned();
    inside(&ada, &id, "/projects/lab").expect(200);
    inside(&ada, "acme", "/projects/lab").expect(404);
    let make = [("x-organization-id", "umbrella"), ("x-csrf-token", ada.csrf.as_str())];
    ada.send_with("POST", "/projects", &make, Some(&json!({ "slug": "more" }))).expect(201);
    umbrella.get("/projects/more").expect(200);
    let minted = ada.send_with("POST", "/tokens", &make, Some(&json!({ "name": "there" }))).expect(201);
    let minted = app.client(text(&minted["token"]));
    assert_eq!(minted.get("/whoami").expect(200)["organization"]["slug"], "umbrella");
    for unknown in ["nowhere", "", "org_00000000000000000000000000"] {
        assert_eq!(inside(&ada, unknown, "/whoami").expect(404)["code"], "organization_not_found", "{unknown}");
    }
    // A bearer token opens one organization, whatever the header says.
    let bearer = app.owner().send_with("GET", "/whoami", &[("x-organization-id", "umbrella")], None);
    assert_eq!(bearer.expect(200)["organization"]["slug"], "acme");
    // Signing out works from wherever one is.
    ada.send_with("DELETE", "/sessions/current", &make, None).expect(200);
    ada.get("/whoami").expect(401);
}

#[test]
fn a_password_somebody_else_set_opens_shows_and_changes_only_their_organization() {
    let app = TestApp::start();
    let umbrella = app.second_organization();
    with_bob(&app);
    umbrella.post("/members", json!({ "email": BOB, "password": NEW_PASSWORD, "role": "owner" })).expect(201);
    let mut there = Browser::new(&app);
    there.sign_in(json!({ "email": BOB, "password": NEW_PASSWORD, "organization": "umbrella" })).expect(200);
    // What acme's owner knows opens acme, and nothing of umbrella is seen, ended or taken from there.
    let mut bob = Browser::new(&app);
    bob.sign_in(json!({ "email": BOB, "password": PASSWORD, "organization": "acme" })).expect(200);
    let refused = bob.send_with("GET", "/whoami", &[("x-organization-id", "umbrella")], None);
    assert_eq!(refused.expect(404)["code"], "organization_not_found");
    assert_eq!(bob.get("/whoami").expect(200)["session"]["organizations"].as_array().map(Vec::len), Some(1));
    assert_eq!(bob.get("/sessions").expect(200)["items"].as_array().map(Vec::len), Some(1));
    let foreign = there.get("/whoami").expect(200);
    bob.delete(&format!("/sessions/{}", text(&foreign["credential"]["id"]))).expect(404);
    assert_eq!(bob.delete("/sessions").expect(200)["ended"], 0);
    let body = json!({ "current_password": PASSWORD, "new_password": "yet another few words" });
    let done = bob.send("PUT", "/account/password", Some(&body)).expect(200);
    assert_eq!((&done["everywhere"], &done["ended"]), (&json!(false), &json!(0)));
    there.get("/whoami").expect(200);
    let try_there = |password: &str| {
        let body = json!({ "email": BOB, "password": password, "organization": "umbrella" });
        app.nobody().post("/sessions", body).status
    };
    assert_eq!((try_there("yet another few words"), try_there(NEW_PASSWORD)), (401, 201));
}

#[test]
fn whoever_is_kept_out_is_out_everywhere_at_once() {
    let app = TestApp::start();
    let umbrella = app.second_organization();
    with_bob(&app);
    umbrella.post("/members", json!({ "email": BOB, "password": PASSWORD, "role": "owner" })).expect(201);
    let bob = Browser::signed_in(&app, BOB);
    let shell = token_of(&app, BOB, PASSWORD);
    let minted = shell.post("/tokens", json!({ "name": "mine" })).expect(201);
    let minted = app.client(text(&minted["token"]));
    let ada = app.owner();
    let disable = format!("/instance/users/{BOB}/disable");
    assert_eq!(bob.post(&disable, json!({})).expect(403)["code"], "permission_denied");
    assert_eq!(ada.post(&format!("{disable}?dry_run=true"), json!({})).expect(200)["credentials"], 3);
    bob.get("/whoami").expect(200);
    assert_eq!(ada.post(&disable, json!({})).expect(200)["credentials"], 3);
    bob.get("/whoami").expect(401);
    shell.get("/whoami").expect(401);
    minted.get("/whoami").expect(401);
    for organization in ["acme", "umbrella"] {
        let body = json!({ "email": BOB, "password": PASSWORD, "organization": organization });
        assert_eq!(app.nobody().post("/sessions", body).expect(401)["code"], "credentials_wrong");
    }
    ada.post(&format!("/instance/users/{ADA}/disable"), json!({})).expect(400);
    ada.post(&format!("/instance/users/{BOB}/enable"), json!({})).expect(200);
    minted.get("/whoami").expect(401);
    Browser::signed_in(&app, BOB).get("/whoami").expect(200);
    app.clock.advance(Duration::from_hours(25));
    assert_eq!(ada.post(&disable, json!({})).expect(403)["code"], "step_up_required");
}

#[test]
fn a_session_shows_values_by_post_only() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "HOST", "h");
    ada.set_secret("shop/dev", "URL", "tcp://${HOST}");
    let browser = Browser::signed_in(&app, ADA);
    let url = format!("{}/secrets/URL", at("shop/dev"));
    for path in [
        format!("{url}?reveal=true"),
        format!("{url}?resolve=true"),
        format!("{url}?reveal=true&personal=true"),
        format!("{}/variables", at("shop/dev")),
    ] {
        let refused = browser.get(&path);
        assert_eq!(refused.expect(403)["code"], "reveal_by_post", "{path}");
    }
    assert!(browser.get(&url).expect(200).get("value").is_none_or(Value::is_null));
    let shown = browser.post(&format!("{url}/reveal"), json!({ "resolve": true }));
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    let shown = shown.expect(200);
    assert_eq!((&shown["value"], &shown["resolved"]), (&json!("tcp://${HOST}"), &json!("tcp://h")));
    assert_eq!(ada.post(&format!("{url}/reveal"), json!({})).expect(200)["value"], "tcp://${HOST}");
    ada.get(&format!("{url}?reveal=true")).expect(200);
    let told = ada.get("/audit/events?action=secret.reveal").expect(200);
    assert_eq!(told["items"].as_array().map(Vec::len), Some(3), "{told}");
}
