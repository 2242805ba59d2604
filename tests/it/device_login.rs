//! Logging in without a password on the machine that logs in: a code, confirmed elsewhere.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::{PASSWORD, TestApp};
use crate::support::browser::Browser;

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// A machine that waits: its own code, and the one it shows.
fn begin(app: &TestApp) -> (String, String) {
    let begun = app.nobody().post("/device/authorize", json!({})).expect(201);
    assert_eq!((&begun["interval"], text(&begun["user_code"]).len()), (&json!(5), 9));
    assert!(text(&begun["verification_uri"]).ends_with("/device"), "{begun}");
    (text(&begun["device_code"]).to_owned(), text(&begun["user_code"]).to_owned())
}

/// Asks five seconds later: the code of the refusal, or the token.
fn ask(app: &TestApp, device_code: &str) -> Result<String, String> {
    app.clock.advance(Duration::from_secs(5));
    let answer = app.nobody().post("/device/token", json!({ "device_code": device_code }));
    let body = answer.json();
    if answer.status == 201 { Ok(text(&body["token"]).to_owned()) } else { Err(text(&body["code"]).to_owned()) }
}

fn refused(code: &str) -> Result<String, String> {
    Err(code.to_owned())
}

#[test]
fn a_machine_is_let_in_once_by_who_confirms_its_code() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let (device, user) = begin(&app);
    assert_eq!(ask(&app, &device), refused("authorization_pending"));
    let early = app.nobody().post("/device/token", json!({ "device_code": device }));
    assert_eq!((early.status, early.header("retry-after")), (429, Some("5")));
    assert_eq!(early.json()["code"], "slow_down");

    let typed = json!({ "user_code": user.to_lowercase().replace('-', " ") });
    let asking = ada.post("/device/lookup", typed.clone()).expect(200);
    assert_eq!(asking["address"], "127.0.0.1");
    assert_eq!(ask(&app, &device), refused("authorization_pending"), "looking confirms nothing");
    ada.post("/device/approve", typed.clone()).expect(200);
    ada.post("/device/lookup", typed).expect(404);
    let token = ask(&app, &device).expect("a token");
    assert_eq!(ask(&app, &device), refused("expired_token"), "given once");
    let shell = app.client(&token);
    let me = shell.get("/whoami").expect(200);
    assert_eq!((&me["actor"]["email"], &me["credential"]["kind"]), (&json!(ADA), &json!("cli_token")));
    assert_eq!(ada.get("/sessions").expect(200)["items"].as_array().map(Vec::len), Some(2));
    let made = shell.get("/audit/events?action=session.device_created").expect(200);
    assert_eq!(made["items"][0]["actor"]["name"], ADA);
    shell.delete("/sessions/current").expect(200);
    shell.get("/whoami").expect(401);
}

#[test]
fn confirming_asks_for_a_fresh_sign_in_of_a_person() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let (device, user) = begin(&app);
    let typed = json!({ "user_code": user });
    let code = |answer: crate::support::http::Response| answer.json()["code"].clone();
    assert_eq!(code(app.nobody().post("/device/approve", typed.clone())), "authentication_required");
    assert_eq!(
        code(app.owner().post("/device/approve", typed.clone())),
        "own_sign_in_required",
        "a token is no sign-in"
    );
    app.clock.advance(Duration::from_mins(9));
    let late = Browser::signed_in(&app, ADA);
    app.clock.advance(Duration::from_secs(50));
    assert_eq!(code(ada.post("/device/approve", json!({ "user_code": "BCDF-GHJK" }))), "not_found");
    late.post("/device/approve", typed.clone()).expect(200);
    assert!(ask(&app, &device).is_ok());

    let (device, user) = begin(&app);
    app.clock.advance(Duration::from_mins(1));
    let typed = json!({ "user_code": user });
    assert_eq!(code(ada.post("/device/approve", typed.clone())), "step_up_required");
    ada.post("/device/deny", typed).expect(200);
    assert_eq!(ask(&app, &device), refused("access_denied"));
    assert_eq!(ask(&app, &device), refused("expired_token"));

    let (device, user) = begin(&app);
    app.clock.advance(Duration::from_mins(10));
    assert_eq!(code(ada.post("/device/lookup", json!({ "user_code": user }))), "not_found");
    assert_eq!(ask(&app, &device), refused("expired_token"));
    for wrong in ["", "nonsense", app.owner().token.as_str()] {
        assert_eq!(ask(&app, wrong), refused("expired_token"));
    }
    assert_eq!(app.client(&device).get("/whoami").expect(401)["code"], "token_invalid", "it opens nothing by itself");
}

#[test]
fn what_was_confirmed_is_given_only_while_the_sign_in_stands_and_opens_no_more_than_it() {
    let app = TestApp::start();
    let umbrella = app.second_organization();
    app.owner().post("/members", json!({ "email": BOB, "password": PASSWORD })).expect(201);
    umbrella.post("/members", json!({ "email": BOB })).expect(201);
    let mut bob = Browser::new(&app);
    bob.sign_in(json!({ "email": BOB, "password": PASSWORD, "organization": "acme" })).expect(200);
    let (device, user) = begin(&app);
    bob.post("/device/approve", json!({ "user_code": user })).expect(200);
    let shell = app.client(&ask(&app, &device).expect("a token"));
    assert_eq!(shell.get("/whoami").expect(200)["organization"]["slug"], "acme");
    assert_eq!(shell.get("/sessions").expect(200)["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(shell.post("/account/factors/authenticator", json!({})).expect(403)["code"], "own_sign_in_required");

    let (device, user) = begin(&app);
    bob.post("/device/approve", json!({ "user_code": user })).expect(200);
    bob.delete("/sessions/current").expect(200);
    assert_eq!(ask(&app, &device), refused("access_denied"));

    let ada = Browser::signed_in(&app, ADA);
    let (device, user) = begin(&app);
    let there = [("x-organization-id", "umbrella"), ("x-csrf-token", ada.csrf.as_str())];
    ada.send_with("POST", "/device/approve", &there, Some(&json!({ "user_code": user }))).expect(200);
    let shell = app.client(&ask(&app, &device).expect("a token"));
    assert_eq!(shell.get("/whoami").expect(200)["organization"]["slug"], "umbrella");
}

/// The next tokens of a login: the token and what replaces it, or the code of the refusal.
fn renew(app: &TestApp, refresh_token: &str) -> Result<(String, String), String> {
    let answer = app.nobody().post("/sessions/refresh", json!({ "refresh_token": refresh_token }));
    let body = answer.json();
    if answer.status != 201 {
        return Err(text(&body["code"]).to_owned());
    }
    Ok((text(&body["token"]).to_owned(), text(&body["refresh_token"]).to_owned()))
}

/// Somebody's login by a code: the token and what replaces it.
fn log_in(app: &TestApp, by: &Browser) -> (String, String) {
    let (device, user) = begin(app);
    by.post("/device/approve", json!({ "user_code": user })).expect(200);
    app.clock.advance(Duration::from_secs(5));
    let body = app.nobody().post("/device/token", json!({ "device_code": device })).expect(201);
    (text(&body["token"]).to_owned(), text(&body["refresh_token"]).to_owned())
}

#[test]
fn a_token_of_a_login_works_for_an_hour_and_is_replaced_while_the_login_stands() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let (token, refresh) = log_in(&app, &ada);
    let shell = app.client(&token);
    let id = shell.get("/whoami").expect(200)["credential"]["id"].clone();
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(shell.get("/whoami").expect(401)["code"], "token_expired");
    let (token, next) = renew(&app, &refresh).expect("tokens");
    let shell = app.client(&token);
    assert_eq!(shell.get("/whoami").expect(200)["credential"]["id"], id, "it is the same login");
    shell.get("/members").expect(200);
    // An answer may be lost: what was spent a moment ago is good once more.
    let (_, lost) = renew(&app, &refresh).expect("tokens");
    assert_eq!(renew(&app, &next).map(drop), Err("refresh_token_invalid".to_owned()), "the lost one is gone");
    let (token, newest) = renew(&app, &lost).expect("tokens");
    // Long after, it shows that two have it: the login ends.
    app.clock.advance(Duration::from_mins(11));
    assert_eq!(renew(&app, &lost).map(drop), Err("refresh_token_invalid".to_owned()));
    assert_eq!(app.client(&token).get("/whoami").expect(401)["code"], "token_invalid");
    assert_eq!(renew(&app, &newest).map(drop), Err("refresh_token_invalid".to_owned()));
    let told = app.owner().get("/audit/events?action=session.refreshed&decision=deny").expect(200);
    assert_eq!(told["items"][0]["code"], "refresh_token_spent", "{told}");
    for wrong in ["", "nonsense", token.as_str()] {
        assert_eq!(renew(&app, wrong).map(drop), Err("refresh_token_invalid".to_owned()));
    }
}

#[test]
fn who_copied_a_token_and_was_the_quicker_one_is_found_out_by_the_other() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let (_, copied) = log_in(&app, &ada);
    let (_, theirs) = renew(&app, &copied).expect("tokens for whoever copied it");
    let (token, newest) = renew(&app, &copied).expect("tokens for whoever's login it is");
    app.clock.advance(Duration::from_mins(11));
    assert_eq!(renew(&app, &theirs).map(drop), Err("refresh_token_invalid".to_owned()));
    assert_eq!(app.client(&token).get("/whoami").expect(401)["code"], "token_invalid", "the login ended");
    assert_eq!(renew(&app, &newest).map(drop), Err("refresh_token_invalid".to_owned()));
    let told = app.owner().get("/audit/events?action=session.refreshed&decision=deny").expect(200);
    assert_eq!(told["items"][0]["code"], "refresh_token_spent", "{told}");
}

#[test]
fn a_login_that_ended_gets_no_token() {
    let app = TestApp::start();
    let over = Err("refresh_token_invalid".to_owned());
    let ada = Browser::signed_in(&app, ADA);
    let (token, refresh) = log_in(&app, &ada);
    app.client(&token).delete("/sessions/current").expect(200);
    assert_eq!(renew(&app, &refresh).map(drop), over, "logged out");

    app.owner().post("/members", json!({ "email": BOB, "password": PASSWORD })).expect(201);
    let bob = Browser::signed_in(&app, BOB);
    let (_, refresh) = log_in(&app, &bob);
    app.owner().post(&format!("/instance/users/{BOB}/disable"), json!({})).expect(200);
    assert_eq!(renew(&app, &refresh).map(drop), over, "disabled");

    let (_, mut refresh) = log_in(&app, &ada);
    for _ in 0..29 {
        app.clock.advance(Duration::from_hours(24));
        refresh = renew(&app, &refresh).expect("it stands for thirty days").1;
    }
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(renew(&app, &refresh).map(drop), over, "after thirty days");
    let long = json!({ "email": ADA, "password": PASSWORD });
    let body = app.nobody().post("/sessions", long).expect(201);
    assert_eq!(body.get("refresh_token"), None, "who asks for none has a token for thirty days");
}
