//! Mail through a real SMTP server (aiosmtpd): new passwords and invitations, with and without TLS.

use std::time::Duration;

use holdfast::types::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::app::{Client, PASSWORD, TestApp};
use crate::support::server::Server;
use crate::support::smtp::{Smtp, token};

const ANOTHER: &str = "some other unrelated words";

fn sign_in(app: &TestApp, email: &str, password: &str) -> u16 {
    app.nobody().post("/sessions", json!({ "email": email, "password": password })).status
}

fn reset(app: &TestApp, token: &str, password: &str) -> (u16, Value) {
    let answer = app.nobody().post("/password-resets/complete", json!({ "token": token, "password": password }));
    (answer.status, answer.json())
}

fn accept(app: &TestApp, token: &str, password: Option<&str>) -> (u16, Value) {
    let body = json!({ "token": token, "password": password });
    let answer = app.nobody().post("/invitations/accept", body);
    (answer.status, answer.json())
}

fn signed_in(app: &TestApp, email: &str, password: &str) -> Client {
    let body = json!({ "email": email, "password": password });
    let answer = app.nobody().post("/sessions", body).expect(201);
    app.client(answer["token"].as_str().expect("a token"))
}

#[test]
fn a_test_mail_goes_out_under_tls_and_with_a_password_and_a_wrong_one_is_told() {
    for mode in ["starttls", "tls"] {
        let mut smtp = Smtp::start(mode);
        let app = smtp.app(mode, "password-of-the-relay");
        let sent = app.owner().send("POST", "/instance/mail/test", None).expect(200);
        assert_eq!(sent["sent_to"], "ada@example.com");
        let mail = smtp.next();
        assert_eq!((&mail["tls"], &mail["login"]), (&json!(true), &json!("holdfast")), "{mode}");
        assert_eq!(mail["to"], json!(["ada@example.com"]));
        assert!(mail["from"].as_str().is_some_and(|from| from.contains("holdfast@example.com")));
        let wrong = smtp.app(mode, "another");
        let answer = wrong.owner().send("POST", "/instance/mail/test", None).expect(503);
        assert_eq!(answer["code"], "mail_refused", "{answer}");
        assert!(!answer.to_string().contains("another"));
    }
}

#[test]
fn a_server_without_tls_or_with_a_strange_certificate_gets_nothing() {
    let smtp = Smtp::start("none");
    let mut settings = smtp.settings("starttls", "password-of-the-relay");
    let app = TestApp::with(&settings.iter().map(|(n, v)| (*n, v.as_str())).collect::<Vec<_>>());
    let answer = app.owner().send("POST", "/instance/mail/test", None).expect(503);
    assert!(answer["code"].as_str().is_some_and(|code| code.starts_with("mail_")), "{answer}");
    let smtp = Smtp::start("tls");
    settings = smtp.settings("tls", "password-of-the-relay");
    settings.retain(|(name, _)| *name != "HOLDFAST_MAIL_CA_FILE");
    let app = TestApp::with(&settings.iter().map(|(n, v)| (*n, v.as_str())).collect::<Vec<_>>());
    assert_eq!(app.owner().send("POST", "/instance/mail/test", None).expect(503)["code"], "mail_undelivered");
}

#[test]
fn a_forgotten_password_is_set_anew_once_and_ends_what_was_signed_in() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let before = signed_in(&app, "ada@example.com", PASSWORD);
    let ask = |email: &str| app.nobody().post("/password-resets", json!({ "email": email }));
    let (known, unknown) = (ask("ada@example.com"), ask("nobody@example.com"));
    assert_eq!((known.status, unknown.status), (202, 202));
    assert_eq!(known.text(), unknown.text());
    let mail = smtp.next();
    assert_eq!(mail["to"], json!(["ada@example.com"]));
    let token = token(&mail);
    assert_eq!(reset(&app, &token, "short").0, 400);
    let (status, done) = reset(&app, &token, ANOTHER);
    assert_eq!((status, &done["ended"], &done["user"]["email"]), (200, &json!(1), &json!("ada@example.com")));
    assert_eq!(smtp.next()["subject"], "Your password was changed");
    assert_eq!(reset(&app, &token, ANOTHER).1["code"], "reset_token_invalid");
    assert_eq!((sign_in(&app, "ada@example.com", PASSWORD), sign_in(&app, "ada@example.com", ANOTHER)), (401, 201));
    assert_eq!(before.get("/whoami").status, 401);
    // A personal token outlives it.
    app.owner().get("/whoami").expect(200);
    let asked = app.owner().get("/audit/events?action=account.password_reset&limit=5");
    assert!(!asked.text().contains(&token));
}

#[test]
fn a_reset_link_ends_with_its_half_hour_and_with_the_next_one() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let ask = || app.nobody().post("/password-resets", json!({ "email": "Ada@Example.com" })).expect(202);
    ask();
    let first = token(&smtp.next());
    // Too soon: nothing is mailed, and the link that was stays.
    ask();
    app.clock.advance(Duration::from_mins(2));
    ask();
    let second = token(&smtp.next());
    assert_eq!(reset(&app, &first, ANOTHER).0, 401);
    app.clock.advance(Duration::from_mins(31));
    assert_eq!(reset(&app, &second, ANOTHER).0, 401);
    assert_eq!(sign_in(&app, "ada@example.com", PASSWORD), 201);
}

#[test]
fn without_mail_an_operator_hands_the_link_over_and_nobody_else_can() {
    let app = TestApp::start();
    let ada = app.owner();
    let asked = app.nobody().post("/password-resets", json!({ "email": "ada@example.com" })).expect(409);
    assert_eq!(asked["code"], "mail_not_configured");
    let bob = json!({ "email": "bob@example.com", "password": PASSWORD, "role": "admin" });
    ada.post("/members", bob).expect(201);
    let admin = signed_in(&app, "bob@example.com", PASSWORD);
    let ask = json!({ "email": "bob@example.com" });
    assert_eq!(admin.post("/instance/password-resets", ask.clone()).status, 403);
    let made = ada.post("/instance/password-resets", ask).expect(201);
    let url = made["url"].as_str().expect("a link");
    let token = url.split('#').nth(1).expect("a token");
    assert_eq!(reset(&app, token, ANOTHER).0, 200);
    assert_eq!(sign_in(&app, "bob@example.com", ANOTHER), 201);
    assert_eq!(admin.get("/whoami").status, 401);
    app.clock.advance(Duration::from_hours(25));
    let stale = ada.post("/instance/password-resets", json!({ "email": "bob@example.com" })).expect(403);
    assert_eq!(stale["code"], "step_up_required");
}

#[test]
fn a_mailed_invitation_makes_somebody_with_a_password_of_their_own() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    ada.post("/teams", json!({ "name": "web" })).expect(201);
    let wish = json!({
        "email": "bob@example.com", "role": "developer", "project": "shop", "environment": "dev", "teams": ["web"],
    });
    let made = ada.post("/invitations", wish).expect(201);
    assert_eq!((&made["mailed"], &made["url"], &made["state"]), (&json!(true), &Value::Null, &json!("open")));
    let token = token(&smtp.next());
    let offer = app.nobody().post("/invitations/offer", json!({ "token": token })).expect(200);
    assert_eq!((&offer["organization"], &offer["email"]), (&json!("acme"), &json!("bob@example.com")));
    assert_eq!(accept(&app, &token, None).1["code"], "invitation_password_needed");
    assert_eq!(accept(&app, &token, Some("short")).0, 400);
    let (status, joined) = accept(&app, &token, Some(ANOTHER));
    assert_eq!((status, &joined["new"]), (201, &json!(true)));
    assert_eq!(accept(&app, &token, Some(ANOTHER)).1["code"], "invitation_invalid");
    let bob = signed_in(&app, "bob@example.com", ANOTHER);
    bob.set_secret("shop/dev", "KEY", "value");
    bob.get("/projects/shop/environments/dev/variables").expect(200);
    let team = ada.get("/teams/web").expect(200);
    assert!(team["members"].to_string().contains("bob@example.com"));
    // The password is his: it opens an organization another owner lets him into.
    let second = app.second_organization();
    let wish = json!({ "email": "bob@example.com", "link": true });
    let link = second.post("/invitations", wish).expect(201)["url"].as_str().expect("a link").to_owned();
    let token = link.split('#').nth(1).expect("a token");
    assert_eq!(accept(&app, token, Some(PASSWORD)).1["code"], "credentials_wrong");
    assert_eq!(accept(&app, token, Some(ANOTHER)).0, 201);
}

#[test]
fn a_link_the_inviter_saw_makes_nobody_up_elsewhere() {
    let app = TestApp::start();
    let ada = app.owner();
    let link = ada.post("/invitations", json!({ "email": "eve@example.com" })).expect(201);
    let url = link["url"].as_str().expect("a link");
    let token = url.split('#').nth(1).expect("a token");
    assert_eq!(accept(&app, token, Some(PASSWORD)).0, 201);
    let second = app.second_organization();
    second.post("/members", json!({ "email": "eve@example.com" })).expect(201);
    let into = |organization: &str| {
        let body = json!({ "email": "eve@example.com", "password": PASSWORD, "organization": organization });
        app.nobody().post("/sessions", body).status
    };
    assert_eq!((into("acme"), into("umbrella")), (201, 401));
}

#[test]
fn an_inviter_gives_no_more_than_they_hold_then_and_now() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    let bob = json!({ "email": "bob@example.com", "password": PASSWORD, "role": "maintainer", "project": "shop" });
    let member = ada.post("/members", bob).expect(201);
    let bob = signed_in(&app, "bob@example.com", PASSWORD);
    let invite = |who: &Client, body: Value| who.post("/invitations", body);
    let shop = |role: &str| json!({ "email": "eve@example.com", "role": role, "project": "shop" });
    assert_eq!(invite(&bob, json!({ "email": "eve@example.com", "role": "viewer" })).status, 403);
    assert_eq!(invite(&ada, json!({ "email": "eve@example.com", "role": "owner" })).status, 400);
    assert_eq!(invite(&ada, json!({ "email": "bob@example.com" })).status, 409);
    let made = invite(&bob, shop("developer")).expect(201);
    let token = made["url"].as_str().and_then(|url| url.split('#').nth(1)).expect("a token");
    let grant = member["grants"][0]["id"].as_str().expect("a grant");
    ada.delete(&format!("/grants/{grant}")).expect(200);
    let (status, lost) = accept(&app, token, Some(ANOTHER));
    assert_eq!((status, &lost["code"]), (409, &json!("invitation_lost")));
    assert_eq!(sign_in(&app, "eve@example.com", ANOTHER), 401, "nothing of it was kept");
    assert_eq!(ada.get("/invitations").expect(200)["items"][0]["state"], "open");
}

#[test]
fn an_invitation_that_was_taken_back_or_is_over_lets_nobody_in() {
    let app = TestApp::start();
    let ada = app.owner();
    let make = || {
        let made = ada.post("/invitations", json!({ "email": "eve@example.com", "expires_in": "1h" })).expect(201);
        let token = made["url"].as_str().and_then(|url| url.split('#').nth(1)).expect("a token").to_owned();
        (made["id"].as_str().expect("an id").to_owned(), token)
    };
    let (id, token) = make();
    assert_eq!(ada.delete(&format!("/invitations/{id}")).expect(200)["state"], "revoked");
    assert_eq!(accept(&app, &token, Some(ANOTHER)).0, 401);
    let (_, token) = make();
    app.clock.advance(Duration::from_mins(61));
    assert_eq!(accept(&app, &token, Some(ANOTHER)).0, 401);
    for bad in ["", "hf_inv_x", &ada.token] {
        assert_eq!(accept(&app, bad, Some(ANOTHER)).1["code"], "invitation_invalid", "{bad}");
    }
    assert_eq!(ada.post("/invitations", json!({ "email": "x@example.com", "expires_in": "31d" })).status, 400);
}

#[test]
fn who_said_an_end_is_reminded_of_it_without_a_name_of_a_secret() {
    let mut smtp = Smtp::start("none");
    let data = tempfile::tempdir().expect("a temporary directory");
    let settings = smtp.settings("none", "");
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start_in(&data.path().join("data"), &settings);
    let ada = Api::new(server.base(), &server.set_up());
    ada.project("shop");
    ada.environment("shop/staging", json!({}));
    let bob = ada.person("bob@example.com", "developer", json!({}));
    let day = Duration::from_hours(24);
    let end = |days: u32| json!({ "value": "v", "expires_at": SystemClock.now().plus(day * days) });
    bob.write("shop/staging", "BOBS_KEY", end(7));
    bob.write("shop/staging", "BOBS_OTHER", end(90));
    // Whoever is no person cannot be written to: the owner is.
    ada.machine("ci", "developer", json!({})).write("shop/staging", "CI_KEY", end(1));
    ada.send("POST", "/jobs/remind_expiring/run", None).expect(200);
    let mut mails = [smtp.next(), smtp.next()];
    mails.sort_by_key(|mail| mail["to"].to_string());
    assert_eq!([&mails[0]["to"], &mails[1]["to"]], [&json!(["ada@example.com"]), &json!(["bob@example.com"])]);
    for mail in mails {
        let text = mail["parts"]["text/plain"].as_str().expect("a text part");
        assert!(text.contains("shop/staging: 1 secret expires within 14 days."), "{text}");
        assert!(text.contains("/projects/shop/environments/staging"), "{text}");
        assert!(!mail.to_string().contains("_KEY"), "{mail}");
    }
}

#[test]
fn a_browser_is_known_by_its_cookie_and_not_by_what_it_calls_itself() {
    let mut smtp = Smtp::start("none");
    let data = tempfile::tempdir().expect("a temporary directory");
    let settings = smtp.settings("none", "");
    let mut settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.push(("HOLDFAST_RATE_LIMITS_ENABLED", "false"));
    let server = Server::start_in(&data.path().join("data"), &settings);
    let ada = Api::new(server.base(), &server.set_up());
    let runs = || {
        let history = ada.get("/jobs/tell_people/history?limit=50").expect(200);
        history["items"].as_array().expect("a list").iter().filter(|run| !run["finished_at"].is_null()).count()
    };
    let tell = || {
        let before = runs();
        ada.send("POST", "/jobs/tell_people/run", None).expect(200);
        assert!((0..20_000).any(|_| runs() > before), "the job never ran");
    };
    ada.person("bob@example.com", "developer", json!({}));
    tell();
    // The cookie a browser is known by afterwards.
    let enter = |agent: &str, cookie: &str| -> String {
        let headers = [("content-type", "application/json"), ("user-agent", agent), ("cookie", cookie)];
        let body = json!({ "email": "bob@example.com", "password": "four words of a test" }).to_string();
        let answer = crate::support::http::send(server.base(), "POST", "/sign-in", &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut set = answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value);
        let known = set.find(|value| value.starts_with("holdfast_device=")).expect("a cookie").clone();
        assert!(known.contains("; HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000"), "{known}");
        known.split(';').next().expect("a pair").to_owned()
    };
    let first = enter("the first browser", "");
    assert_eq!(enter("the first browser, newer", &first), first, "it is known, whatever it calls itself");
    let planted = enter("the first browser", "holdfast_device=planted-by-somebody");
    assert!(planted != first && !planted.contains("planted"), "{planted}");
    enter("the first browser, newest", &planted);
    tell();
    let mails = [smtp.next(), smtp.next()].map(|mail| mail.to_string());
    assert!(mails.iter().all(|mail| mail.contains("A new device signed in")), "{mails:?}");
    assert!(mails.iter().all(|mail| !mail.contains("newer") && !mail.contains("newest")), "{mails:?}");
    ada.post("/tokens", json!({ "name": "of ada" })).expect(201);
    tell();
    assert!(smtp.next().to_string().contains("A personal token was made"), "nothing more was told");
}

#[test]
fn people_are_told_of_new_devices_and_of_what_their_account_is_signed_in_with() {
    let mut smtp = Smtp::start("none");
    let data = tempfile::tempdir().expect("a temporary directory");
    let settings = smtp.settings("none", "");
    let mut settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.push(("HOLDFAST_RATE_LIMITS_ENABLED", "false"));
    let server = Server::start_in(&data.path().join("data"), &settings);
    let ada = Api::new(server.base(), &server.set_up());
    let runs = || {
        let history = ada.get("/jobs/tell_people/history?limit=50").expect(200);
        history["items"].as_array().expect("a list").iter().filter(|run| !run["finished_at"].is_null()).count()
    };
    // A job that is made due begins within a second: what is told counts from when it has run.
    let tell = || {
        let before = runs();
        ada.send("POST", "/jobs/tell_people/run", None).expect(200);
        assert!((0..20_000).any(|_| runs() > before), "the job never ran");
    };
    tell();
    let email = ada.get("/whoami").expect(200)["actor"]["email"].clone();
    let bob = ada.person("bob@example.com", "developer", json!({}));
    let device = |agent: &str| {
        let headers = [("content-type", "application/json"), ("user-agent", agent)];
        let body = json!({ "email": "bob@example.com", "password": "four words of a test" }).to_string();
        let answer = crate::support::http::send(server.base(), "POST", "/api/v1/sessions", &headers, body.as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
    };
    device("a second device");
    device("a second device");
    bob.post("/tokens", json!({ "name": "backup" })).expect(201);
    tell();
    let mails = [smtp.next(), smtp.next()];
    let all = mails.iter().map(Value::to_string).collect::<String>();
    for words in ["A new device signed in", "a second device", "A personal token was made", "/account/sessions"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(mails.iter().all(|mail| mail["to"] == json!(["bob@example.com"])), "{all}");
    // Nothing is told twice, and nobody of what others do.
    ada.post("/tokens", json!({ "name": "of ada" })).expect(201);
    tell();
    assert_eq!(smtp.next()["to"], json!([email]));
    // Of a changed address both are told: the old one at once, the new one like of everything else.
    let wish = json!({ "email": "bob@example.com", "new_email": "bob.new@example.com" });
    let links = ada.post("/instance/email-changes", wish).expect(201);
    for side in ["current_url", "new_url"] {
        let token = links[side].as_str().and_then(|url| url.split('#').nth(1)).expect("a token");
        ada.post("/email-changes/confirm", json!({ "token": token })).expect(200);
    }
    tell();
    let mails = [smtp.next(), smtp.next()];
    let to: Vec<_> = mails.iter().map(|mail| mail["to"][0].as_str().expect("an address")).collect();
    assert_eq!(to, ["bob@example.com", "bob.new@example.com"]);
    assert!(mails.iter().all(|mail| mail["subject"] == "Your e-mail address was changed"), "{mails:?}");
}
