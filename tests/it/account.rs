//! One's own account: its pages and their forms, the two steps of a sign-in, machines that are let in, and the
//! organization one looks at.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use holdfast::keys::totp;
use holdfast::types::{Clock as _, SecretBytes};
use serde_json::json;

use crate::support::app::{PASSWORD, TestApp};
use crate::support::browser::Browser;
use crate::support::http::Response;

const ADA: &str = "ada@example.com";
const HTML: (&str, &str) = ("accept", "text/html");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn page(browser: &Browser, path: &str) -> Response {
    browser.raw("GET", path, &[HTML], b"")
}

/// What a page says.
fn text(browser: &Browser, path: &str) -> String {
    page(browser, path).text().to_owned()
}

/// Sends a form of a page with what shows that the session's owner means it.
fn submit(app: &TestApp, browser: &Browser, path: &str, fields: &str) -> Response {
    let body = format!("csrf_token={}&{fields}", browser.csrf);
    browser.raw("POST", path, &[HTML, FORM, ("origin", &app.base)], body.as_bytes())
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().expect("a part").to_owned()
}

/// Sets an authenticator up by the pages; answers its secret and the recovery codes.
fn enrol(app: &TestApp, ada: &Browser) -> (SecretBytes, Vec<String>) {
    let shown = submit(app, ada, "/account/authenticator", "");
    assert_eq!((shown.status, shown.header("cache-control")), (200, Some("no-store")));
    assert!(shown.text().contains("<path fill=\"#000\" d=\"M"), "no picture");
    let secret = between(shown.text(), "data-secret>", "<").replace(' ', "");
    let secret = SecretBytes::new(BASE32_NOPAD.decode(secret.as_bytes()).expect("base32"));
    let wrong = submit(app, ada, "/account/authenticator/confirm", "code=000000");
    assert_eq!(wrong.status, 401);
    assert!(!wrong.text().contains("data-secret"), "it is shown once");
    let code = totp::code(&secret, totp::step(app.clock.now()));
    let codes = submit(app, ada, "/account/authenticator/confirm", &format!("code={code}"));
    assert_eq!(codes.status, 200, "{}", codes.text());
    let list = between(codes.text(), "aria-label=\"Recovery codes\">", "</ul>");
    let codes = list.split("<li>").skip(1).map(|one| between(one, "", "<")).collect();
    (secret, codes)
}

#[test]
fn every_page_of_who_is_signed_in_has_a_way_out() {
    let app = TestApp::start();
    app.owner().create_project("shop");
    let ada = Browser::signed_in(&app, ADA);
    for path in ["/", "/account", "/projects/shop", "/members", "/audit", "/policies", "/jobs"] {
        let shown = text(&ada, path);
        assert!(shown.contains("action=\"/sign-out\"") && shown.contains("Sign out"), "{path}: {shown}");
    }
}

#[test]
fn the_account_is_seen_and_changed_without_a_script() {
    let app = TestApp::start();
    let mut ada = Browser::signed_in(&app, ADA);
    assert!(text(&ada, "/account").contains("Set up an authenticator"));
    assert_eq!(submit(&app, &ada, "/account", "name=Ada+Lovelace").header("location"), Some("/account?done=changed"));
    assert_eq!(ada.get("/account").expect(200)["name"], "Ada Lovelace");
    assert_eq!(submit(&app, &ada, "/account", "name=").status, 400);
    let (_, codes) = enrol(&app, &ada);
    assert_eq!(codes.len(), 10);
    assert!(text(&ada, "/account").contains("10 codes left"));

    let made = submit(&app, &ada, "/account/tokens", "name=backup&life=1d&cidrs=10.0.0.0%2F8&fresh=");
    let token = between(made.text(), "readonly rows=\"2\">", "<");
    assert!(token.starts_with("hf_pat_"), "{token}");
    let list = text(&ada, "/account/tokens");
    assert!(list.contains("backup") && list.contains("from 10.0.0.0/8 only") && !list.contains(&token), "{list}");
    let refused = submit(&app, &ada, "/account/tokens", "name=backup&cidrs=nowhere");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("is no network") && refused.text().contains("value=\"backup\""));
    let id = between(&list, "action=\"/account/tokens/crd_", "/revoke");
    assert_eq!(submit(&app, &ada, &format!("/account/tokens/crd_{id}/revoke"), "").status, 303);

    let notices = text(&ada, "/account/notices");
    for words in ["Signed in", "An authenticator was added", "A personal token was made"] {
        assert!(notices.contains(words), "{words}: {notices}");
    }
    let wrong = submit(&app, &ada, "/account/password", "current=wrong&new=some+other+unrelated+words");
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("not your password"));
    let common =
        submit(&app, &ada, "/account/password", &format!("current={}&new=password1", PASSWORD.replace(' ', "+")));
    assert!(common.text().contains("easily guessed"), "{}", common.text());
    app.clock.advance(Duration::from_mins(11));
    let stale = submit(&app, &ada, "/account/authenticator/remove", "");
    assert_eq!(stale.status, 403);
    assert!(stale.text().contains("/step-up?next=%2Faccount"), "{}", stale.text());
    let again = format!("password={}&next=%2Faccount", PASSWORD.replace(' ', "+"));
    assert_eq!(submit(&app, &ada, "/step-up", &again).header("location"), Some("/account"));
    let away = format!("password={}&next=%2F%2Fevil.example", PASSWORD.replace(' ', "+"));
    assert_eq!(submit(&app, &ada, "/step-up", &away).header("location"), Some("/"));
    assert_eq!(submit(&app, &ada, "/account/authenticator/remove", "").status, 303);
    ada.csrf = "0".repeat(64);
    assert_eq!(submit(&app, &ada, "/account", "name=Eve").status, 403, "a form shows its session's token");
}

#[test]
fn a_sign_in_ends_where_its_owner_ends_it() {
    let app = TestApp::start();
    let (here, there) = (Browser::signed_in(&app, ADA), Browser::signed_in(&app, ADA));
    let list = text(&here, "/account/sessions");
    assert!(list.contains("this one") && list.contains("End all others"), "{list}");
    assert_eq!(submit(&app, &here, "/account/sessions/end-others", "").status, 303);
    assert_eq!(page(&there, "/account").status, 303, "it is led to sign in");
    assert_eq!(page(&here, "/account").status, 200);
}

#[test]
fn a_second_factor_is_a_second_step_with_no_session_in_between() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let (secret, codes) = enrol(&app, &ada);
    app.clock.advance(Duration::from_mins(1));
    let nobody = Browser::new(&app);
    let post = |path: &str, body: &str| nobody.raw("POST", path, &[HTML, FORM, ("origin", &app.base)], body.as_bytes());
    let password = PASSWORD.replace(' ', "+");
    let first = || post("/sign-in", &format!("email={ADA}&password={password}&next=%2Fmembers"));
    let wrong = post("/sign-in", &format!("email={ADA}&password=wrong"));
    let unknown = post("/sign-in", &format!("email=eve@example.com&password={password}"));
    assert_eq!((wrong.status, unknown.status), (401, 401));
    let step = first();
    assert_eq!((step.status, step.header("set-cookie")), (200, None), "no session, not even half of one");
    assert!(!step.text().contains(PASSWORD));
    let ticket = |answer: &Response| between(answer.text(), "name=\"ticket\" value=\"", "\"");
    let one = ticket(&step);
    let second = |ticket: &str, code: &str| {
        post("/sign-in/second?next=%2Fmembers", &format!("ticket={ticket}&code={code}&next=%2Fmembers"))
    };
    let refused = second(&one, "000000");
    assert_eq!(refused.status, 401);
    let two = ticket(&refused);
    assert_ne!(one, two);
    let spent = second(&one, &codes[0]);
    assert_eq!(spent.status, 401);
    assert!(spent.text().contains("took too long") && spent.text().contains("name=\"password\""), "it begins anew");
    let code = totp::code(&secret, totp::step(app.clock.now()));
    let done = second(&two, &code);
    assert_eq!((done.status, done.header("location")), (303, Some("/members")));
    assert!(done.header("set-cookie").is_some_and(|cookie| cookie.contains("HttpOnly")));
    assert_eq!(second(&two, &codes[0]).status, 401, "a step is made once");

    let late = ticket(&first());
    app.clock.advance(Duration::from_mins(5));
    assert!(second(&late, &codes[1]).text().contains("took too long"));
    // A password that was changed meanwhile voids the step.
    let void = ticket(&first());
    ada.post("/sessions/current/step-up", json!({ "password": PASSWORD })).expect(200);
    let change = json!({ "current_password": PASSWORD, "new_password": "some other unrelated words" });
    ada.send("PUT", "/account/password", Some(&change)).expect(200);
    assert!(second(&void, &codes[2]).text().contains("took too long"));
}

#[test]
fn a_machine_is_let_in_by_the_page_after_it_said_what_asks() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let begun = app.nobody().post("/device/authorize", json!({})).expect(201);
    let code = begun["user_code"].as_str().expect("a code");
    let brought = text(&ada, &format!("/device?code={code}"));
    assert!(brought.contains(code) && !brought.contains("Let it in"), "a link confirms nothing by itself");
    let looked = submit(&app, &ada, "/device", &format!("code={}&act=look", code.to_lowercase()));
    assert!(looked.text().contains("127.0.0.1") && looked.text().contains("Let it in"), "{}", looked.text());
    assert_eq!(submit(&app, &ada, "/device", "code=BCDF-GHJK&act=approve").status, 404);
    let ask = json!({ "device_code": begun["device_code"] });
    assert_eq!(app.nobody().post("/device/token", ask.clone()).json()["code"], "authorization_pending");
    let done = submit(&app, &ada, "/device", &format!("code={code}&act=approve"));
    assert_eq!(done.header("location"), Some("/account/sessions?done=let-in"));
    app.clock.advance(Duration::from_secs(5));
    app.nobody().post("/device/token", ask).expect(201);

    let begun = app.nobody().post("/device/authorize", json!({})).expect(201);
    let code = begun["user_code"].as_str().expect("a code");
    app.clock.advance(Duration::from_mins(9));
    let forged =
        ada.raw("POST", "/device", &[HTML, FORM, ("origin", &app.base)], format!("code={code}&act=approve").as_bytes());
    assert_eq!(forged.status, 403);
    app.clock.advance(Duration::from_secs(55));
    let stale = submit(&app, &ada, "/device", &format!("code={code}&act=approve"));
    assert!(stale.status == 403 && stale.text().contains("step-up"), "{}", stale.text());
    assert_eq!(
        submit(&app, &ada, "/device", &format!("code={code}&act=deny")).status,
        303,
        "refusing needs no password"
    );
    assert_eq!(submit(&app, &ada, "/device", &format!("code={code}&act=deny")).status, 404, "it is decided");
}

#[test]
fn pages_show_the_organization_that_was_chosen_while_it_is_open() {
    let app = TestApp::start();
    // Who is in two signs in to the one that was joined first.
    app.clock.advance(Duration::from_secs(1));
    app.second_organization();
    let mut ada = Browser::signed_in(&app, ADA);
    let home = text(&ada, "/");
    assert!(home.contains("value=\"umbrella\""), "{home}");
    let chosen = submit(&app, &ada, "/switch", "organization=umbrella");
    let cookie = chosen.header("set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
    let session = ada.cookie.clone();
    ada.cookie = format!("{session}; {cookie}");
    assert!(text(&ada, "/account/tokens").contains("in umbrella"), "the pages follow");
    assert_eq!(ada.get("/whoami").expect(200)["organization"]["slug"], "acme", "the API is told by a header");
    ada.cookie = format!("{session}; holdfast_organization=of-somebody-else");
    assert_eq!(page(&ada, "/").status, 200, "what is not open is not shown");
}
