//! Authenticators, recovery codes, fresh sign-ins, and organizations that ask for a second factor.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use holdfast::keys::totp;
use holdfast::types::{Clock as _, SecretBytes};
use serde_json::{Value, json};

use crate::support::app::{Client, PASSWORD, TestApp, at};
use crate::support::browser::Browser;

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// An authenticator app.
struct Authenticator(SecretBytes);

impl Authenticator {
    fn of(secret: &str) -> Self {
        Self(SecretBytes::new(BASE32_NOPAD.decode(secret.as_bytes()).expect("base32")))
    }

    /// What it shows now, or some steps from now.
    fn code(&self, app: &TestApp, later: i64) -> String {
        totp::code(&self.0, totp::step(app.clock.now()) + later)
    }
}

/// Sets an authenticator up; answers it and the recovery codes.
fn enrol(app: &TestApp, browser: &Browser) -> (Authenticator, Vec<String>) {
    let new = browser.post("/account/factors/authenticator", json!({})).expect(201);
    assert!(text(&new["uri"]).starts_with("otpauth://totp/Holdfast:"), "{new}");
    let authenticator = Authenticator::of(text(&new["secret"]));
    let code = json!({ "code": authenticator.code(app, 0) });
    let codes = browser.post("/account/factors/authenticator/confirm", code).expect(201);
    let codes = codes["recovery_codes"].as_array().expect("a list").iter().map(|c| text(c).to_owned()).collect();
    (authenticator, codes)
}

fn sign_in(app: &TestApp, email: &str, code: Option<&str>) -> (u16, Value) {
    let answer = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD, "code": code }));
    (answer.status, answer.json())
}

fn refusal(app: &TestApp, code: Option<&str>) -> String {
    let (status, body) = sign_in(app, ADA, code);
    if status == 201 { "ok".into() } else { text(&body["code"]).to_owned() }
}

#[test]
fn a_code_is_asked_for_after_the_password_and_taken_once() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let new = ada.post("/account/factors/authenticator", json!({})).expect(201);
    assert_eq!(refusal(&app, None), "ok", "one that was only begun does not count");
    let wrong = ada.post("/account/factors/authenticator/confirm", json!({ "code": "000000" })).expect(401);
    assert_eq!(wrong["code"], "second_factor_wrong");
    let (authenticator, codes) = enrol(&app, &ada);
    assert_ne!(authenticator.0.expose(), Authenticator::of(text(&new["secret"])).0.expose());
    assert_eq!(codes.len(), 10);
    ada.post("/account/factors/authenticator", json!({})).expect(409);

    assert_eq!(refusal(&app, None), "second_factor_required");
    let (_, unknown) = sign_in(&app, "nobody@example.com", None);
    assert_eq!(unknown["code"], "credentials_wrong", "who does not know the password is not told of the code");
    assert_eq!(refusal(&app, Some(&authenticator.code(&app, 0))), "second_factor_wrong", "it confirmed already");
    assert_eq!(refusal(&app, Some(&authenticator.code(&app, 2))), "second_factor_wrong");
    let next = authenticator.code(&app, 1);
    assert_eq!(refusal(&app, Some(&format!(" {} {} ", &next[..3], &next[3..]))), "ok");
    assert_eq!(refusal(&app, Some(&next)), "second_factor_wrong", "a code is taken once");
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(refusal(&app, Some(&next)), "second_factor_wrong");
    assert_eq!(refusal(&app, Some(&authenticator.code(&app, 0))), "ok");

    assert_eq!(refusal(&app, Some(&codes[3].to_uppercase().replace('-', " "))), "ok");
    assert_eq!(refusal(&app, Some(&codes[3])), "second_factor_wrong", "a recovery code is good once");
    let left = ada.get("/account/factors").expect(200);
    assert_eq!(left["recovery_codes"], 9);
    app.clock.advance(Duration::from_mins(1));
    let renewed = ada.post("/account/factors/recovery-codes", json!({})).expect(201);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(refusal(&app, Some(&codes[4])), "second_factor_wrong", "new ones void the old ones");
    assert_eq!(refusal(&app, Some(text(&renewed["recovery_codes"][0]))), "ok");
    let failed = app.owner().get("/audit/events?action=session.failed").expect(200).to_string();
    assert!(failed.contains("second_factor_wrong") && !failed.contains(&next), "{failed}");
}

#[test]
fn only_a_fresh_sign_in_with_a_password_of_ones_own_changes_second_factors() {
    let app = TestApp::start();
    app.owner().post("/members", json!({ "email": BOB, "password": PASSWORD })).expect(201);
    let bob = Browser::signed_in(&app, BOB);
    let begin = |status: u16, browser: &Browser| {
        browser.post("/account/factors/authenticator", json!({})).expect(status)["code"].clone()
    };
    assert_eq!(begin(403, &bob), "own_sign_in_required", "an administrator knows this password");
    let by_token = app.owner().post("/account/factors/authenticator", json!({})).expect(403);
    assert_eq!(by_token["code"], "own_sign_in_required");
    let ada = Browser::signed_in(&app, ADA);
    app.clock.advance(Duration::from_mins(11));
    assert_eq!(begin(403, &ada), "step_up_required");
    ada.post("/sessions/current/step-up", json!({ "password": PASSWORD })).expect(200);
    let (authenticator, _) = enrol(&app, &ada);
    app.clock.advance(Duration::from_mins(11));
    assert_eq!(ada.delete("/account/factors/authenticator").expect(403)["code"], "step_up_required");
    let code = json!({ "code": authenticator.code(&app, 0) });
    ada.post("/sessions/current/step-up", code.clone()).expect(200);
    assert_eq!(ada.post("/sessions/current/step-up", code).expect(401)["code"], "second_factor_wrong");
    ada.delete("/account/factors/authenticator").expect(200);
    assert_eq!(refusal(&app, None), "ok");
    let none = json!({ "authenticator_since": null, "recovery_codes": 0, "passkeys": 0, "passkeys_disabled": 0 });
    assert_eq!(ada.get("/account/factors").expect(200), none);
}

#[test]
fn what_asks_for_a_fresh_sign_in_is_open_after_stepping_up_and_never_to_an_old_token() {
    let app = TestApp::start();
    let owner = app.owner();
    owner.create_project("shop");
    owner.create_environment("shop", "production", None);
    owner.set_secret("shop/production", "KEY", "value");
    let ada = Browser::signed_in(&app, ADA);
    app.clock.advance(Duration::from_mins(11));
    let reveal = || ada.post(&format!("{}/secrets/KEY/reveal", at("shop/production")), json!({}));
    assert_eq!(reveal().expect(403)["code"], "step_up_required");
    let step_up = |body: Value| ada.post("/sessions/current/step-up", body);
    assert_eq!(step_up(json!({ "password": "not the right one" })).expect(403)["code"], "password_wrong");
    assert_eq!(step_up(json!({ "code": "000000" })).expect(401)["code"], "second_factor_wrong");
    step_up(json!({})).expect(400);
    step_up(json!({ "password": PASSWORD, "code": "000000" })).expect(400);
    assert_eq!(reveal().status, 403);
    step_up(json!({ "password": PASSWORD })).expect(200);
    assert_eq!(reveal().expect(200)["value"], "value");
    let events = owner.get("/audit/events?action=session.stepped_up").expect(200);
    assert_eq!(events["items"].as_array().map(Vec::len), Some(3), "{events}");

    // A token is as fresh as it was made, for a day at most, and cannot become it.
    let mint = |body: Value| ada.post("/tokens", body);
    let plain = mint(json!({ "name": "plain", "stepped_up_for": "48h" })).expect(201);
    let until = text(&plain["stepped_up_until"]).to_owned();
    assert_eq!(until, app.clock.now().plus(Duration::from_hours(24)).to_string());
    let token = app.client(text(&plain["token"]));
    assert_eq!(
        token.post("/sessions/current/step-up", json!({ "password": PASSWORD })).expect(403)["code"],
        "own_sign_in_required"
    );
    app.clock.advance(Duration::from_mins(11));
    assert_eq!(mint(json!({ "name": "late", "stepped_up_for": "1h" })).expect(403)["code"], "step_up_required");
    let shown = |client: &Client| client.get(&format!("{}/secrets/KEY?reveal=true", at("shop/production"))).status;
    assert_eq!(shown(&token), 200);
    let late = mint(json!({ "name": "late" })).expect(201);
    assert_eq!(shown(&app.client(text(&late["token"]))), 403);
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(shown(&token), 403);
}

#[test]
fn where_a_second_factor_is_asked_for_a_sign_in_without_one_holds_nothing() {
    let app = TestApp::start();
    let owner = app.owner();
    owner.create_project("shop");
    owner.post("/members", json!({ "email": BOB, "password": PASSWORD, "role": "admin" })).expect(201);
    let machine = app.service_account("ci", "viewer", "shop");
    let (ada, bob) = (Browser::signed_in(&app, ADA), Browser::signed_in(&app, BOB));
    let require = |browser: &Browser, required: bool| {
        let body = json!({ "second_factor_required": required });
        browser.send("PUT", "/organizations/acme/security", Some(&body))
    };
    let older = bob.post("/tokens", json!({ "name": "older" })).expect(201);
    let older = app.client(text(&older["token"]));
    older.get("/projects/shop").expect(200);
    assert_eq!(require(&ada, true).expect(403)["code"], "second_factor_missing", "it would shut its own maker out");
    let (authenticator, _) = enrol(&app, &ada);
    require(&ada, true).expect(200);
    assert_eq!(bob.get("/organizations/acme/security").expect(200)["second_factor_required"], true);

    bob.get("/projects/shop").expect(404);
    older.get("/projects/shop").expect(404);
    owner.get("/projects/shop").expect(200);
    assert_eq!(bob.post("/projects", json!({ "slug": "more" })).expect(403)["code"], "permission_denied");
    assert_eq!(require(&bob, false).expect(403)["code"], "permission_denied");
    assert_eq!(bob.post("/tokens", json!({ "name": "around" })).expect(403)["code"], "second_factor_missing");
    let me = bob.get("/whoami").expect(200);
    assert_eq!(
        (&me["second_factor_missing"], &me["session"]["organizations"][0]["slug"]),
        (&json!(true), &json!("acme"))
    );
    let (_, fresh) = sign_in(&app, BOB, None);
    app.client(text(&fresh["token"])).get("/projects/shop").expect(404);

    ada.get("/projects/shop").expect(200);
    machine.get("/projects/shop").expect(200);
    app.clock.advance(Duration::from_mins(1));
    let (status, session) = sign_in(&app, ADA, Some(&authenticator.code(&app, 0)));
    assert_eq!(status, 201);
    app.client(text(&session["token"])).get("/projects/shop").expect(200);
    require(&ada, false).expect(200);
    bob.get("/projects/shop").expect(200);
    older.get("/projects/shop").expect(200);
}

#[test]
fn an_operator_takes_a_lost_factor_away_and_ends_what_was_signed_in() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    enrol(&app, &ada);
    let path = format!("/instance/users/{ADA}/reset-factor");
    app.owner().send("POST", &format!("{path}?dry_run=true"), None).expect(200);
    ada.get("/whoami").expect(200);
    assert_eq!(app.owner().send("POST", &path, None).expect(200)["credentials"], 1);
    ada.get("/whoami").expect(401);
    assert_eq!(refusal(&app, None), "ok");
    app.owner().send("POST", &path, None).expect(404);
}

#[test]
fn recovery_codes_are_long_drawn_anew_and_kept_as_hashes() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let (_, codes) = enrol(&app, &ada);
    app.clock.advance(Duration::from_mins(1));
    let renewed = ada.post("/account/factors/recovery-codes", json!({})).expect(201);
    let renewed = renewed["recovery_codes"].as_array().expect("a list").iter().map(|c| text(c).to_owned());
    let all: std::collections::BTreeSet<String> = codes.iter().cloned().chain(renewed).collect();
    assert_eq!(all.len(), 20, "none is drawn twice: {all:?}");
    for code in &all {
        let letters = code.replace('-', "");
        assert_eq!(letters.len(), 16, "16 letters of 32 are 80 bits: {code}");
        assert!(letters.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{code}");
    }
    let kept = app.core.db.read(|reader| {
        let mut statement = reader.sql().prepare("SELECT hash FROM recovery_codes")?;
        let hashes = statement.query_map((), |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok::<_, holdfast::db::DbError>(hashes)
    });
    let kept = kept.expect("the table");
    assert_eq!(kept.len(), 10);
    let texts = |code: &String| [code.clone(), code.replace('-', "")];
    let holds = |hash: &[u8], text: &str| hash.windows(text.len().min(hash.len())).any(|w| w == text.as_bytes());
    assert!(all.iter().flat_map(texts).all(|text| kept.iter().all(|hash| !holds(hash, &text))));
}

#[test]
fn a_new_password_by_a_link_does_not_pass_by_the_second_factor() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let (authenticator, _) = enrol(&app, &ada);
    let made = app.owner().post("/instance/password-resets", json!({ "email": ADA })).expect(201);
    let token = text(&made["url"]).split('#').nth(1).expect("a token").to_owned();
    let new = "quite other words than before";
    app.nobody().post("/password-resets/complete", json!({ "token": token, "password": new })).expect(200);
    app.clock.advance(Duration::from_mins(1));
    let sign_in =
        |code: Option<&str>| app.nobody().post("/sessions", json!({ "email": ADA, "password": new, "code": code }));
    assert_eq!(sign_in(None).expect(401)["code"], "second_factor_required");
    sign_in(Some(&authenticator.code(&app, 0))).expect(201);
}
