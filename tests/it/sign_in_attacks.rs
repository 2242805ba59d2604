//! What others may try with a browser that is signed in, with cookies of their own, and from behind a proxy.

use serde_json::json;

use crate::support::app::{PASSWORD, TestApp};
use crate::support::browser::Browser;
use crate::support::http::Response;

const ADA: &str = "ada@example.com";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn code(answer: &Response) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A form that signs Ada in, with these headers.
fn form(browser: &Browser, next: &str, headers: &[(&str, &str)]) -> Response {
    let password = PASSWORD.replace(' ', "+");
    let body = format!("email=ada%40example.com&password={password}&next={next}");
    browser.raw("POST", "/sign-in", &[&[FORM], headers].concat(), body.as_bytes())
}

#[test]
fn a_change_by_cookie_shows_the_sessions_own_token() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let other = Browser::signed_in(&app, ADA);
    let make = |headers: &[(&str, &str)]| ada.send_with("POST", "/projects", headers, Some(&json!({ "slug": "shop" })));
    let wrong = is(403, "csrf_token_wrong");
    assert_eq!(code(&make(&[])), wrong);
    for token in ["", "0", &"0".repeat(64), &other.csrf, &ada.csrf[..62], &ada.csrf.to_uppercase()] {
        assert_eq!(code(&make(&[("x-csrf-token", token)])), wrong, "{token}");
    }
    for (method, path) in [("DELETE", "/sessions/current"), ("PUT", "/account/password"), ("PATCH", "/projects/x")] {
        assert_eq!(code(&ada.send_with(method, path, &[], Some(&json!({})))), wrong, "{method} {path}");
    }
    app.owner().get("/projects/shop").expect(404);
    make(&[("x-csrf-token", &ada.csrf)]).expect(201);
}

#[test]
fn another_site_gets_nothing_with_the_cookie() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let ask = |headers: &[(&str, &str)]| code(&ada.send_with("GET", "/whoami", headers, None));
    let refused = is(403, "cross_site_request");
    let navigated = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    assert_eq!(ask(&[("sec-fetch-site", "cross-site")]), refused);
    assert_eq!(ask(&[("sec-fetch-site", "same-site")]), refused);
    assert_eq!(ask(&navigated), refused, "no page of ours is below /api");
    for origin in ["null", "https://evil.example", "http://localhost:1", "http://127.0.0.1.evil.example", "nonsense"] {
        assert_eq!(ask(&[("origin", origin)]), refused, "{origin}");
    }
    assert_eq!(ask(&[("sec-fetch-site", "same-origin"), ("origin", &app.base)]), is(200, ""));
    assert_eq!(ask(&[("sec-fetch-site", "none")]), is(200, ""));
    let port = app.base.rsplit(':').next().expect("a port");
    assert_eq!(ask(&[("origin", &format!("http://localhost:{port}"))]), is(200, ""));
    // A token in a header is no browser's doing, so it is not asked where it comes from.
    let bearer = app.owner().send_with("GET", "/whoami", &[("origin", "https://evil.example")], None);
    bearer.expect(200);
}

#[test]
fn another_site_signs_nobody_in() {
    let app = TestApp::start();
    let browser = Browser::new(&app);
    let refused = is(403, "cross_site_request");
    assert_eq!(code(&form(&browser, "/", &[])), refused, "a form that does not say where it is from");
    assert_eq!(code(&form(&browser, "/", &[("origin", "https://evil.example")])), refused);
    assert_eq!(code(&form(&browser, "/", &[("sec-fetch-site", "cross-site"), ("origin", &app.base)])), refused);
    let json_body = json!({ "email": ADA, "password": PASSWORD }).to_string();
    let foreign = [("content-type", "application/json"), ("origin", "https://evil.example")];
    assert_eq!(code(&browser.raw("POST", "/sign-in", &foreign, json_body.as_bytes())), refused);
    let plain = browser.raw("POST", "/sign-in", &[("content-type", "text/plain")], json_body.as_bytes());
    assert_eq!(plain.status, 415);

    let done = form(&browser, "%2Fprojects%3Ftab%3Dall", &[("origin", &app.base)]);
    assert_eq!((done.status, done.header("location")), (303, Some("/projects?tab=all")));
    for next in ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example", ""] {
        let done = form(&browser, next, &[("origin", &app.base)]);
        assert_eq!((done.status, done.header("location")), (303, Some("/")), "{next}");
    }
}

#[test]
fn a_form_signs_out_with_its_token_only() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let out = |token: &str| ada.raw("POST", "/sign-out", &[FORM], format!("csrf_token={token}").as_bytes());
    assert_eq!(code(&out("")), is(403, "csrf_token_wrong"));
    assert_eq!(out("x&more=1").status, 400);
    ada.get("/whoami").expect(200);
    let done = out(&ada.csrf);
    assert_eq!((done.status, done.header("location")), (303, Some("/sign-in")));
    assert_eq!(code(&ada.get("/whoami")), is(401, "session_ended"));
    assert_eq!(code(&out(&ada.csrf)), is(401, "session_ended"));
}

#[test]
fn a_planted_session_becomes_nobodys() {
    let app = TestApp::start();
    let planted = Browser::signed_in(&app, ADA);
    let mut victim = planted.clone();
    victim.sign_in(json!({ "email": ADA, "password": PASSWORD })).expect(200);
    assert_ne!(victim.cookie, planted.cookie, "a new id at every sign-in");
    assert_eq!(code(&planted.get("/whoami")), is(401, "session_ended"));
    victim.get("/whoami").expect(200);
    // A sign-in that fails ends nothing.
    let mut again = victim.clone();
    again.sign_in(json!({ "email": ADA, "password": "not the right one" })).expect(401);
    victim.get("/whoami").expect(200);
    let mut with_nonsense = Browser::new(&app);
    with_nonsense.cookie = "holdfast=hf_ses_nonsense".into();
    with_nonsense.get("/whoami").expect(401);
    with_nonsense.sign_in(json!({ "email": ADA, "password": PASSWORD })).expect(200);
    with_nonsense.get("/whoami").expect(200);
}

#[test]
fn tokens_and_cookies_do_not_stand_in_for_each_other() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    let session = ada.cookie.split_once('=').expect("a pair").1;
    assert_eq!(code(&app.client(session).get("/whoami")), is(401, "token_invalid"));
    let mut browser = Browser::new(&app);
    browser.cookie = format!("holdfast={}", app.owner().token);
    assert_eq!(code(&browser.get("/whoami")), is(401, "session_ended"));
    // Of two cookies nobody can tell which one was planted.
    browser.cookie = format!("{}; holdfast={session}", ada.cookie);
    assert_eq!(code(&browser.get("/whoami")), is(401, "session_ended"));
    // A header counts before a cookie.
    let bearer = format!("Bearer {}", app.owner().token);
    let both = ada.send_with("POST", "/projects", &[("authorization", &bearer)], Some(&json!({ "slug": "shop" })));
    both.expect(201);
}

#[test]
fn under_tls_the_cookie_is_one_that_cannot_be_planted() {
    let app = TestApp::with(&[("HOLDFAST_SERVER_PUBLIC_URL", "https://holdfast.example.com")]);
    let mut ada = Browser::new(&app);
    let set = ada.sign_in(json!({ "email": ADA, "password": PASSWORD }));
    let set = set.header("set-cookie").expect("a cookie").to_owned();
    assert!(set.starts_with("__Host-holdfast=") && set.contains("; Secure; Path=/"), "{set}");
    assert!(!set.contains("Domain"), "{set}");
    ada.get("/whoami").expect(200);
    ada.cookie = ada.cookie.replace("__Host-", "");
    assert_eq!(
        code(&ada.get("/whoami")),
        is(401, "authentication_required"),
        "the name without the prefix is nobody's"
    );
}

#[test]
fn only_a_configured_proxy_is_believed() {
    let spoof = [("x-forwarded-for", "198.51.100.7, 192.0.2.7"), ("x-forwarded-proto", "https")];
    let app = TestApp::start();
    let mut ada = Browser::new(&app);
    ada.extra = spoof.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let set = ada.sign_in(json!({ "email": ADA, "password": PASSWORD }));
    assert!(set.header("set-cookie").is_some_and(|c| c.starts_with("holdfast=")));
    assert_eq!(ada.get("/sessions").expect(200)["items"][0]["address"], "127.0.0.1");
    let host = ada.send_with("GET", "/whoami", &[("x-forwarded-host", "evil.example")], None);
    host.expect(200);

    let app = TestApp::with(&[("HOLDFAST_SERVER_TRUSTED_PROXIES", r#"["127.0.0.0/8"]"#)]);
    let extra = ada.extra;
    let mut ada = Browser::new(&app);
    ada.extra = extra;
    let set = ada.sign_in(json!({ "email": ADA, "password": PASSWORD }));
    assert!(set.header("set-cookie").is_some_and(|c| c.starts_with("__Host-holdfast=")), "{:?}", set.headers);
    assert_eq!(ada.get("/sessions").expect(200)["items"][0]["address"], "192.0.2.7");
    let host = ada.send_with("GET", "/whoami", &[("x-forwarded-host", "evil.example")], None);
    assert_eq!(code(&host), is(403, "host_unknown"));
    // A token for certain networks is judged by the address behind the proxy.
    let far = app.owner().post("/tokens", json!({ "name": "far", "cidrs": ["192.0.2.0/24"] })).expect(201);
    let far = app.client(far["token"].as_str().expect("a token"));
    assert_eq!(far.get("/whoami").status, 403);
    far.send_with("GET", "/whoami", &spoof, None).expect(200);
}

#[test]
fn guesses_are_counted_by_the_address_behind_the_proxy() {
    let app = TestApp::with(&[
        ("HOLDFAST_RATE_LIMITS_ENABLED", "true"),
        ("HOLDFAST_SERVER_TRUSTED_PROXIES", r#"["127.0.0.1"]"#),
    ]);
    // Nobody twice: what is counted for an account is another count.
    let mut number = 0;
    let mut from = |address: &str| {
        number += 1;
        let wrong = json!({ "email": format!("nobody{number}@example.com"), "password": "not the right one" });
        let mut browser = Browser::new(&app);
        browser.extra.push(("x-forwarded-for".into(), address.to_owned()));
        browser.sign_in(wrong).status
    };
    assert!((0..10).all(|_| from("192.0.2.7") == 401));
    assert_eq!(from("192.0.2.7"), 429);
    assert_eq!(from("198.51.100.7, 192.0.2.7"), 429, "what the client wrote itself changes nothing");
    assert_eq!(from("192.0.2.8"), 401);
}
