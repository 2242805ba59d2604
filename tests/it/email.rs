//! Addresses: confirmed by a mailed link, and changed with the consent of both mailboxes, through a real SMTP server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::{Client, PASSWORD, TestApp};
use crate::support::browser::Browser;
use crate::support::cli::Shell;
use crate::support::http::Response;
use crate::support::smtp::{Smtp, token};

const ADA: &str = "ada@example.com";
const NEW: &str = "ada.new@example.com";
const INVALID: &str = "email_change_invalid";

fn signed_in(app: &TestApp, email: &str) -> Client {
    signed_in_to(app, email, None)
}

fn signed_in_to(app: &TestApp, email: &str, organization: Option<&str>) -> Client {
    let mut body = json!({ "email": email, "password": PASSWORD });
    if let Some(organization) = organization {
        body["organization"] = json!(organization);
    }
    app.client(app.nobody().post("/sessions", body).expect(201)["token"].as_str().expect("a token"))
}

fn opens(app: &TestApp, email: &str) -> bool {
    app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).status == 201
}

fn ask(who: &Client, email: &str) -> Response {
    who.post("/account/email", json!({ "email": email }))
}

fn side(app: &TestApp, verb: &str, token: &str) -> Response {
    app.nobody().post(&format!("/email-changes/{verb}"), json!({ "token": token }))
}

fn confirm(app: &TestApp, token: &str) -> Response {
    side(app, "confirm", token)
}

fn is_void(app: &TestApp, token: &str) -> bool {
    ["offer", "confirm", "cancel"].iter().all(|verb| {
        let answer = side(app, verb, token);
        answer.status == 401 && answer.json()["code"] == INVALID
    })
}

/// The next two mails: the one to `new`, and the other.
fn both(smtp: &mut Smtp, new: &str) -> (Value, Value) {
    let (one, other) = (smtp.next(), smtp.next());
    if one["to"] == json!([new]) { (one, other) } else { (other, one) }
}

/// The tokens of a change that is asked for: of the new side, and of the current one.
fn asked(smtp: &mut Smtp, who: &Client, new: &str) -> (String, String) {
    ask(who, new).expect(202);
    let (to_new, to_current) = both(smtp, new);
    assert_eq!(to_new["to"], json!([new]));
    (token(&to_new), token(&to_current))
}

/// What the ledger has of an action, newest first.
fn told(app: &TestApp, action: &str) -> Vec<Value> {
    let found = app.owner().get(&format!("/audit/events?action={action}&limit=50")).expect(200);
    found["items"].as_array().expect("a list").clone()
}

#[test]
fn an_address_changes_when_both_sides_confirmed_in_either_order() {
    for new_first in [true, false] {
        let mut smtp = Smtp::start("none");
        let app = smtp.app("none", "");
        let ada = signed_in(&app, ADA);
        let state = ask(&ada, NEW).expect(202);
        assert_eq!((&state["email"], &state["verified_at"]), (&json!(ADA), &Value::Null));
        assert_eq!((&state["change"]["email"], &state["change"]["only_verifies"]), (&json!(NEW), &json!(false)));
        let (to_new, to_current) = both(&mut smtp, NEW);
        assert_eq!(to_current["to"], json!([ADA]));
        let (new, current) = (token(&to_new), token(&to_current));
        app.nobody().post("/password-resets", json!({ "email": ADA })).expect(202);
        let reset = token(&smtp.next());
        for (token, side_of) in [(&new, "new"), (&current, "current"), (&new, "new")] {
            let offer = side(&app, "offer", token).expect(200);
            let said = (&offer["side"], &offer["current_email"], &offer["change"]["email"]);
            assert_eq!(said, (&json!(side_of), &json!(ADA), &json!(NEW)));
            assert_eq!(offer["change"]["new_confirmed_at"], Value::Null, "looking confirms nothing");
        }
        let (first, last) = if new_first { (&new, &current) } else { (&current, &new) };
        for _ in 0..2 {
            let half = confirm(&app, first).expect(200);
            assert_eq!((&half["done"], &half["user"]["email"]), (&json!(false), &json!(ADA)), "one side, twice");
        }
        assert_eq!(told(&app, "account.email_change_confirmed").len(), 1);
        assert!(opens(&app, ADA) && !opens(&app, NEW));
        let done = confirm(&app, last).expect(200);
        assert_eq!((&done["done"], &done["user"]["email"]), (&json!(true), &json!(NEW)));
        let last_mail = smtp.next();
        assert_eq!(
            (&last_mail["to"], &last_mail["subject"]),
            (&json!([ADA]), &json!("Your e-mail address was changed"))
        );
        assert!(last_mail.to_string().contains(NEW));
        assert!(!opens(&app, ADA) && opens(&app, NEW));
        let state = ada.get("/account/email").expect(200);
        assert_eq!((&state["email"], &state["change"]), (&json!(NEW), &Value::Null));
        assert!(state["verified_at"].is_string());
        assert!(is_void(&app, &new) && is_void(&app, &current), "used twice");
        let reset = json!({ "token": reset, "password": "some other unrelated words" });
        assert_eq!(app.nobody().post("/password-resets/complete", reset).status, 401, "it went to the old address");
        let mut changed = told(&app, "account.email_changed")[0].clone();
        assert_eq!((&changed["outcome"], &changed["address"]), (&json!("allowed"), &json!("127.0.0.1")));
        // Who it was is told by the name they have now; the record itself has no address.
        changed["actor"]["name"] = Value::Null;
        assert!(!changed.to_string().contains("@example.com"), "{changed}");
        assert_eq!(told(&app, "account.email_change_requested")[0]["details"], json!({ "only_verifies": false }));
        let notices = ada.get("/account/notices").expect(200).to_string();
        assert!(notices.contains("account.email_changed") && notices.contains("account.email_change_requested"));
    }
}

#[test]
fn either_side_stops_a_change_and_so_does_who_asked() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let ada = signed_in(&app, ADA);
    for by_current in [true, false] {
        let (new, current) = asked(&mut smtp, &ada, NEW);
        let (stops, other) = if by_current { (&current, &new) } else { (&new, &current) };
        confirm(&app, other).expect(200);
        assert_eq!(side(&app, "cancel", stops).expect(200)["current_email"], ADA);
        assert!(is_void(&app, &new) && is_void(&app, &current));
        assert_eq!(ada.get("/account/email").expect(200)["change"], Value::Null);
        assert_eq!(ask(&ada, NEW).status, 429, "what was stopped mails no sooner");
        app.clock.advance(Duration::from_mins(2));
    }
    let (new, current) = asked(&mut smtp, &ada, NEW);
    confirm(&app, &new).expect(200);
    assert_eq!(ada.delete("/account/email").expect(200)["change"], Value::Null);
    assert!(is_void(&app, &new) && is_void(&app, &current));
    let before = told(&app, "account.email_change_cancelled").iter().filter(|e| e["outcome"] == "allowed").count();
    ada.delete("/account/email").expect(200);
    let after = told(&app, "account.email_change_cancelled").iter().filter(|e| e["outcome"] == "allowed").count();
    assert_eq!((before, after), (3, 3), "nothing was there to take back");
    assert!(ada.get("/account/notices").expect(200).to_string().contains("account.email_change_cancelled"));
    assert!(opens(&app, ADA) && !opens(&app, NEW));
}

#[test]
fn a_link_ends_with_its_day_and_with_the_next_wish_and_nothing_else_passes_for_it() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let ada = signed_in(&app, ADA);
    let (first_new, first_current) = asked(&mut smtp, &ada, NEW);
    confirm(&app, &first_current).expect(200);
    let early = ask(&ada, "ada.other@example.com");
    assert_eq!((early.status, early.header("retry-after")), (429, Some("60")));
    assert_eq!(early.json()["code"], "email_change_too_soon");
    app.clock.advance(Duration::from_secs(61));
    let (new, current) = asked(&mut smtp, &ada, "ada.other@example.com");
    assert!(is_void(&app, &first_new) && is_void(&app, &first_current), "a newer one is asked for");
    assert_eq!(confirm(&app, &new).expect(200)["done"], json!(false), "no consent of before counts");
    app.nobody().post("/password-resets", json!({ "email": ADA })).expect(202);
    let reset = token(&smtp.next());
    let whole = format!("http://localhost/email#{current}");
    for wrong in [reset.as_str(), &ada.token, "", "hf_eml_x", &whole, &current[..current.len() - 1]] {
        assert!(is_void(&app, wrong), "{wrong}");
    }
    app.clock.advance(Duration::from_hours(24));
    assert!(is_void(&app, &current) && is_void(&app, &new), "its day is over");
    let denied = told(&app, "account.email_change_confirmed");
    let denied = denied.iter().filter(|e| e["outcome"] == "denied" && e["code"] == INVALID).count();
    assert_eq!(denied, 2, "a link that was good once is told of where it was asked for");
    assert_eq!(ada.get("/account/email").expect(200)["change"], Value::Null);
    assert!(opens(&app, ADA));
}

/// An answer without the address that was asked for and the times.
fn without_what_differs(answer: &Response, email: &str) -> String {
    let mut body = answer.json();
    for field in ["created_at", "expires_at"] {
        assert!(body["change"][field].is_string());
        body["change"][field] = Value::Null;
    }
    body.to_string().replace(email, "ASKED")
}

#[test]
fn an_address_somebody_has_is_answered_like_any_other_and_gets_no_link() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    app.owner().post("/members", json!({ "email": "bob@example.com", "password": PASSWORD })).expect(201);
    let ada = signed_in(&app, ADA);
    let (mut answers, mut subjects, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for email in ["bob@example.com", NEW] {
        let answer = ask(&ada, email);
        answers.push((answer.status, without_what_differs(&answer, email)));
        let (to_new, to_current) = both(&mut smtp, email);
        subjects.push((to_new, to_current["subject"].clone()));
        confirm(&app, &token(&to_current)).expect(200);
        let state = ada.get("/account/email");
        let mut body = state.json();
        body["change"]["current_confirmed_at"] = Value::Null;
        assert_eq!(body["change"]["new_confirmed_at"], Value::Null);
        waiting.push(without_what_differs(&state, email).len());
        app.clock.advance(Duration::from_mins(2));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(waiting[0], waiting[1]);
    assert_eq!(subjects[0].1, subjects[1].1, "the own mailbox is asked alike");
    let to_taken = &subjects[0].0;
    assert_eq!(to_taken["to"], json!(["bob@example.com"]));
    let text = to_taken["parts"].to_string();
    assert!(text.contains("has an account here already"), "{text}");
    assert!(!text.contains("hf_eml_") && !text.contains("/email#") && !text.contains(ADA), "{text}");
    let requested = told(&app, "account.email_change_requested");
    let told_of = |event: &Value| (event["outcome"].clone(), event["code"].clone(), event["details"].clone());
    assert_eq!(told_of(&requested[0]), told_of(&requested[1]), "the ledger tells nobody either");
}

#[test]
fn an_address_that_is_taken_meanwhile_stays_whose_it_is() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let ada = signed_in(&app, ADA);
    let (new, current) = asked(&mut smtp, &ada, NEW);
    confirm(&app, &current).expect(200);
    app.owner().post("/members", json!({ "email": NEW, "password": PASSWORD })).expect(201);
    assert_eq!(confirm(&app, &new).expect(409)["code"], "already_exists");
    assert!(is_void(&app, &new) && is_void(&app, &current));
    assert_eq!(ada.get("/account/email").expect(200)["email"], ADA);
    let events = told(&app, "account.email_changed");
    assert_eq!((events.len(), &events[0]["outcome"]), (1, &json!("denied")));
}

#[test]
fn only_a_fresh_sign_in_of_ones_own_asks_for_another_address() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let code = |who: &Client| ask(who, NEW).expect(403)["code"].clone();
    assert_eq!(app.nobody().post("/account/email", json!({ "email": NEW })).status, 401);
    assert_eq!(code(&app.service_account("ci", "admin", "")), "people_only");
    assert_eq!(code(&app.owner()), "own_sign_in_required", "a personal token");
    app.owner().post("/members", json!({ "email": "bob@example.com", "password": PASSWORD })).expect(201);
    assert_eq!(code(&signed_in(&app, "bob@example.com")), "own_sign_in_required", "a password somebody else set");
    let ada = signed_in(&app, ADA);
    app.clock.advance(Duration::from_mins(11));
    assert_eq!(code(&ada), "step_up_required");
    let denied = told(&app, "account.email_change_requested");
    assert_eq!(denied.iter().filter(|e| e["outcome"] == "denied").count(), 3, "{denied:?}");
    assert_eq!(ask(&ada, "no address").status, 400);
    // What was refused mailed nothing: the first mail is of what is asked now.
    let (new, _) = asked(&mut smtp, &signed_in(&app, ADA), "ada.third@example.com");
    assert_eq!(side(&app, "offer", &new).expect(200)["change"]["email"], "ada.third@example.com");
}

#[test]
fn an_operator_hands_both_links_over_and_nothing_counts_as_confirmed_by_them() {
    let app = TestApp::start();
    let ada = app.owner();
    let refused = ask(&signed_in(&app, ADA), NEW).expect(409);
    assert_eq!(refused["code"], "mail_not_configured");
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("holdfast users email OLD NEW")), "{refused}");
    ada.post("/members", json!({ "email": "bob@example.com", "password": PASSWORD, "role": "admin" })).expect(201);
    let bob = signed_in(&app, "bob@example.com");
    let wish = |old: &str, new: &str| json!({ "email": old, "new_email": new });
    let path = "/instance/email-changes";
    assert_eq!(bob.post(path, wish(ADA, NEW)).status, 403);
    assert_eq!(ada.post(path, wish("bob@example.com", ADA)).expect(409)["code"], "already_exists");
    assert_eq!(ada.post(path, wish("bob@example.com", "Bob@Example.com")).status, 400);
    assert_eq!(ada.post(path, wish("nobody@example.com", NEW)).status, 404);
    let keyed = [("idempotency-key", "one")];
    let made = ada.send_with("POST", path, &keyed, Some(&wish("bob@example.com", "bob.new@example.com")));
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")));
    let links = made.json();
    let again = ada.send_with("POST", path, &keyed, Some(&wish("bob@example.com", "bob.new@example.com")));
    assert!(!again.text().contains("hf_eml_"), "shown once: {}", again.text());
    let link = |links: &Value, name: &str| {
        let url = links[name].as_str().expect("a link").to_owned();
        url.split_once("/email#").expect("a token").1.to_owned()
    };
    confirm(&app, &link(&links, "current_url")).expect(200);
    assert_eq!(confirm(&app, &link(&links, "new_url")).expect(200)["user"]["email"], "bob.new@example.com");
    let state = bob.get("/account/email").expect(200);
    assert_eq!((&state["email"], &state["verified_at"]), (&json!("bob.new@example.com"), &Value::Null));
    // Somebody who is kept out confirms nothing, and gets no links.
    let links = ada.post(path, wish("bob.new@example.com", "bob@example.com")).expect(201);
    ada.send("POST", "/instance/users/bob.new@example.com/disable", None).expect(200);
    assert!(is_void(&app, &link(&links, "new_url")) && is_void(&app, &link(&links, "current_url")));
    assert_eq!(ada.post(path, wish("bob.new@example.com", "bob@example.com")).status, 404);
    app.clock.advance(Duration::from_hours(25));
    assert_eq!(ada.post(path, wish(ADA, NEW)).expect(403)["code"], "step_up_required");
}

fn is_confirmed(app: &TestApp, email: &str) -> bool {
    app.owner().get(&format!("/members/{email}")).expect(200)["user"]["email_verified"] == true
}

#[test]
fn only_what_was_mailed_confirms_an_address() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let owner = app.owner();
    // A link that is handed over, and one that is mailed.
    let join = |token: &str| app.nobody().post("/invitations/accept", json!({ "token": token, "password": PASSWORD }));
    let handed = owner.post("/invitations", json!({ "email": "bob@example.com", "link": true })).expect(201);
    join(handed["url"].as_str().and_then(|url| url.split('#').nth(1)).expect("a token")).expect(201);
    owner.post("/invitations", json!({ "email": "eve@example.com" })).expect(201);
    join(&token(&smtp.next())).expect(201);
    assert_eq!((is_confirmed(&app, "bob@example.com"), is_confirmed(&app, "eve@example.com")), (false, true));
    let complete = |token: &str| {
        let body = json!({ "token": token, "password": PASSWORD });
        app.nobody().post("/password-resets/complete", body).expect(200);
    };
    let handed = owner.post("/instance/password-resets", json!({ "email": "bob@example.com" })).expect(201);
    complete(handed["url"].as_str().and_then(|url| url.split('#').nth(1)).expect("a token"));
    assert!(!is_confirmed(&app, "bob@example.com"));
    smtp.next();
    app.clock.advance(Duration::from_mins(2));
    app.nobody().post("/password-resets", json!({ "email": "bob@example.com" })).expect(202);
    complete(&token(&smtp.next()));
    assert!(is_confirmed(&app, "bob@example.com"));
    smtp.next();
    // Another organization is not told of it by adding somebody.
    let added = app.second_organization().post("/members", json!({ "email": "eve@example.com" })).expect(201);
    assert_eq!(added["user"]["email_verified"], json!(false));
}

#[test]
fn ones_own_address_is_confirmed_by_one_link_and_stays_as_it_is() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let ada = signed_in(&app, ADA);
    let state = ask(&ada, "Ada@Example.COM").expect(202);
    assert_eq!((&state["change"]["only_verifies"], &state["change"]["email"]), (&json!(true), &json!(ADA)));
    let mail = smtp.next();
    assert_eq!((&mail["to"], &mail["subject"]), (&json!([ADA]), &json!("Confirm your e-mail address")));
    let token = token(&mail);
    assert_eq!(side(&app, "offer", &token).expect(200)["change"]["only_verifies"], json!(true));
    let done = confirm(&app, &token).expect(200);
    assert_eq!((&done["done"], &done["user"]["email"]), (&json!(true), &json!(ADA)));
    assert!(is_void(&app, &token));
    assert!(ada.get("/account").expect(200)["email_verified_at"].is_string());
    assert_eq!(told(&app, "account.email_verified").len(), 1);
}

#[test]
fn a_credential_of_one_organization_neither_sees_nor_ends_what_was_asked_for_in_another() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let umbrella = app.second_organization();
    umbrella.post("/members", json!({ "email": "bob@example.com" })).expect(201);
    app.owner().post("/invitations", json!({ "email": "bob@example.com" })).expect(201);
    let join = json!({ "token": token(&smtp.next()), "password": PASSWORD });
    app.nobody().post("/invitations/accept", join).expect(201);
    let bob = signed_in_to(&app, "bob@example.com", Some("acme"));
    let (new, _) = asked(&mut smtp, &bob, "bob.new@example.com");
    let there = signed_in_to(&app, "bob@example.com", Some("umbrella"));
    let minted = there.post("/tokens", json!({ "name": "backup" })).expect(201);
    let token_there = app.client(minted["token"].as_str().expect("a token"));
    assert_eq!(there.get("/account/email").expect(200)["change"]["email"], "bob.new@example.com", "it is all his");
    assert_eq!(token_there.get("/account/email").expect(200)["change"], Value::Null);
    token_there.delete("/account/email").expect(200);
    side(&app, "offer", &new).expect(200);
    let events = umbrella.get("/audit/events?action=account.email_change_requested").expect(200);
    assert_eq!(events["items"], json!([]));
    assert_eq!(told(&app, "account.email_change_requested").len(), 1);
    there.delete("/account/email").expect(200);
    assert!(is_void(&app, &new));
}

#[test]
fn guesses_of_links_are_counted() {
    let app = TestApp::with(&[("HOLDFAST_RATE_LIMITS_ENABLED", "true")]);
    let guess = |verb: &str| side(&app, verb, "hf_eml_x").status;
    let all: Vec<u16> = (0..5).flat_map(|_| ["offer", "confirm", "cancel"].map(guess)).collect();
    assert_eq!((all[0], all[14]), (401, 429), "{all:?}");
}

const HTML: (&str, &str) = ("accept", "text/html");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn submit(app: &TestApp, browser: &Browser, path: &str, fields: &str) -> Response {
    let body = format!("csrf_token={}&{fields}", browser.csrf);
    browser.raw("POST", path, &[HTML, FORM, ("origin", &app.base)], body.as_bytes())
}

#[test]
fn the_pages_ask_show_confirm_and_stop_without_a_script() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let ada = Browser::signed_in(&app, ADA);
    let account = || ada.raw("GET", "/account", &[HTML], b"").text().to_owned();
    assert!(account().contains("Confirm this address") && account().contains("not confirmed"));
    let verify = submit(&app, &ada, "/account/email", "email=ada%40example.com");
    assert_eq!(verify.header("location"), Some("/account?done=email-verify#email"));
    let link = token(&smtp.next());
    let nobody = Browser::new(&app);
    let act = |token: &str, act: &str| {
        let body = format!("token={token}&act={act}");
        nobody.raw("POST", "/email", &[HTML, FORM, ("origin", &app.base)], body.as_bytes())
    };
    assert!(act(&link, "confirm").text().contains("is confirmed"));
    assert!(!account().contains("not confirmed"));
    app.clock.advance(Duration::from_mins(2));
    let asked = submit(&app, &ada, "/account/email", "email=ada.new%40example.com");
    assert_eq!(asked.header("location"), Some("/account?done=email#email"));
    assert!(account().contains("ada.new@example.com") && account().contains("Take it back"));
    let early = submit(&app, &ada, "/account/email", "email=ada.other%40example.com");
    assert_eq!(early.status, 429);
    assert!(early.text().contains("value=\"ada.other@example.com\""), "what was typed stays");
    let (to_new, to_current) = both(&mut smtp, NEW);
    let look = act(&token(&to_current), "look");
    assert_eq!((look.status, look.header("cache-control")), (200, Some("no-store")));
    assert!(look.text().contains(NEW) && look.text().contains(">Confirm<") && look.text().contains(">Stop it<"));
    assert!(act(&token(&to_current), "confirm").text().contains("Your side has confirmed"));
    assert!(!act(&token(&to_current), "look").text().contains(">Confirm<"), "it has confirmed");
    assert!(act(&token(&to_new), "confirm").text().contains("The address of the account is ada.new@example.com now"));
    let over = act(&token(&to_new), "look");
    assert_eq!(over.status, 401);
    assert!(over.text().contains("not valid any more") && over.text().contains("name=\"token\""));
    assert!(!over.text().contains("hf_eml_"));
    smtp.next();
    app.clock.advance(Duration::from_mins(2));
    assert_eq!(submit(&app, &ada, "/account/email", "email=ada%40example.com").status, 303);
    let (_, to_current) = both(&mut smtp, ADA);
    assert_eq!(submit(&app, &ada, "/account/email/withdraw", "").status, 303);
    assert_eq!(act(&token(&to_current), "stop").status, 401);
    let notices = ada.raw("GET", "/account/notices", &[HTML], b"");
    for words in ["The e-mail address was changed", "The e-mail address was confirmed", "was taken back"] {
        assert!(notices.text().contains(words), "{words}");
    }
    assert_eq!(submit(&app, &ada, "/account/email", "email=none").status, 400);
    app.clock.advance(Duration::from_mins(11));
    let stale = submit(&app, &ada, "/account/email", "email=ada%40example.com");
    assert!(stale.status == 403 && stale.text().contains("/step-up?next=%2Faccount"), "{}", stale.text());
}

#[test]
fn the_command_line_asks_shows_confirms_and_stops() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let shell = Shell::new(&app.base);
    shell.feed(&format!("login --email {ADA} --password-file -"), PASSWORD.as_bytes()).expect(0);
    let json = |line: &str| shell.run(&format!("{line} --json")).expect(0).parse::<Value>().expect("JSON");
    assert_eq!(json("account email")["verified_at"], Value::Null);
    assert_eq!(json("account email verify")["change"]["only_verifies"], json!(true));
    let link = format!("{}/email#{}\n", app.base, token(&smtp.next()));
    let confirmed = shell.feed("account email confirm --link-file -", link.as_bytes());
    assert!(confirmed.stderr.contains("confirming that ada@example.com is yours"), "{}", confirmed.stderr);
    assert!(json("account email")["verified_at"].is_string());
    app.clock.advance(Duration::from_mins(2));
    shell.run(&format!("account email change {NEW}")).expect(0);
    let (_, to_current) = both(&mut smtp, NEW);
    let stopped = shell.feed("account email cancel --link-file -", token(&to_current).as_bytes());
    assert!(stopped.expect(0).contains(NEW), "{}", stopped.stdout);
    app.clock.advance(Duration::from_mins(2));
    shell.run(&format!("account email change {NEW}")).expect(0);
    both(&mut smtp, NEW);
    assert_eq!(json("account email withdraw")["change"], Value::Null);
    let links = json(&format!("users email {ADA} {NEW}"));
    for side in ["current_url", "new_url"] {
        let link = shell.file("link", links[side].as_str().expect("a link"));
        shell.run(&format!("account email confirm --link-file {}", link.display())).expect(0);
    }
    assert_eq!(json("account email")["email"], NEW);
}
