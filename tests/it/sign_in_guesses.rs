//! Guessing gets slower, and nobody is kept out of their account by others: the table of the manual, with a moved clock.

use std::time::Duration;

use holdfast::auth::softlock::{ACCOUNT_FREE, FORGOTTEN, NETWORK_FREE};
use holdfast::ledger::{self, EventFilter};
use holdfast::types::Limit;
use serde_json::{Value, json};

use crate::support::app::{PASSWORD, TestApp};
use crate::support::browser::Browser;

const ADA: &str = "ada@example.com";
const WRONG: &str = "not the right one";
const HOME: &str = "192.0.2.7";
const ELSEWHERE: &str = "198.51.100.7";

/// An appliance behind a proxy, so that sign-ins come from where the test says.
fn behind_a_proxy() -> TestApp {
    TestApp::with(&[("HOLDFAST_SERVER_TRUSTED_PROXIES", r#"["127.0.0.1"]"#)])
}

/// Tries to sign in from an address: the status, the code and how long to wait.
fn attempt(app: &TestApp, from: &str, email: &str, password: &str) -> (u16, Value, Option<u64>) {
    let mut browser = Browser::new(app);
    browser.extra.push(("x-forwarded-for".into(), from.to_owned()));
    let answer = browser.sign_in(json!({ "email": email, "password": password }));
    let wait = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
    (answer.status, answer.json()["code"].clone(), wait)
}

fn fail(app: &TestApp, from: &str, email: &str) {
    assert_eq!(attempt(app, from, email, WRONG).0, 401);
}

#[test]
fn failures_of_an_account_make_the_next_wait_longer_each_time() {
    let app = behind_a_proxy();
    // Whether there is such an account makes no difference.
    for email in [ADA, "nobody@example.com"] {
        for _ in 0..ACCOUNT_FREE {
            fail(&app, ELSEWHERE, email);
        }
        for seconds in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            fail(&app, ELSEWHERE, email);
            let (status, code, wait) = attempt(&app, ELSEWHERE, email, WRONG);
            assert_eq!((status, &code, wait), (429, &json!("sign_in_locked"), Some(seconds)), "{email}");
            app.clock.advance(Duration::from_secs(seconds - 1));
            assert_eq!(attempt(&app, ELSEWHERE, email, PASSWORD).0, 429, "not even the right password is looked at");
            app.clock.advance(Duration::from_secs(1));
        }
        app.clock.advance(FORGOTTEN);
    }
    for _ in 0..ACCOUNT_FREE {
        fail(&app, ELSEWHERE, ADA);
    }
    assert_eq!(attempt(&app, ELSEWHERE, ADA, PASSWORD).0, 200, "a day later all is forgotten");
    let filter = EventFilter { action: Some("session.failed".into()), ..EventFilter::default() };
    let events = app.core.db.read(|reader| ledger::list(reader, &filter, Limit::default(), None)).expect("events");
    assert!(events.items.iter().any(|event| event.code.as_deref() == Some("sign_in_locked")), "what waits is recorded");
}

#[test]
fn nobody_is_kept_out_from_where_they_signed_in_before() {
    let app = behind_a_proxy();
    assert_eq!(attempt(&app, HOME, ADA, PASSWORD).0, 200);
    for _ in 0..=ACCOUNT_FREE {
        fail(&app, ELSEWHERE, ADA);
    }
    assert_eq!(attempt(&app, ELSEWHERE, ADA, PASSWORD).0, 429);
    assert_eq!(attempt(&app, "203.0.113.7", ADA, PASSWORD).0, 429, "from another unknown place it is the same count");
    assert_eq!(attempt(&app, HOME, ADA, PASSWORD).0, 200, "others' failures do not count here");
    // Who guesses from there is slowed down there.
    for _ in 0..=ACCOUNT_FREE {
        fail(&app, HOME, ADA);
    }
    assert_eq!(attempt(&app, HOME, ADA, PASSWORD).0, 429);
}

#[test]
fn a_success_forgets_the_failures_of_its_account() {
    let app = behind_a_proxy();
    for _ in 0..3 {
        for _ in 0..ACCOUNT_FREE - 1 {
            fail(&app, HOME, ADA);
        }
        assert_eq!(attempt(&app, HOME, ADA, PASSWORD).0, 200);
    }
}

#[test]
fn a_network_that_tries_many_accounts_waits_too() {
    let app = behind_a_proxy();
    assert_eq!(attempt(&app, HOME, ADA, PASSWORD).0, 200);
    for number in 0..=NETWORK_FREE {
        fail(&app, HOME, &format!("nobody{number}@example.com"));
    }
    let (status, code, wait) = attempt(&app, HOME, "another@example.com", WRONG);
    assert_eq!((status, code, wait), (429, json!("sign_in_locked"), Some(2)));
    assert_eq!(attempt(&app, ELSEWHERE, "another@example.com", WRONG).0, 401);
    assert_eq!(attempt(&app, HOME, ADA, PASSWORD).0, 200, "its own people come in");
}

#[test]
fn many_guesses_at_once_are_many() {
    let app = behind_a_proxy();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..12).map(|_| scope.spawn(|| attempt(&app, ELSEWHERE, ADA, WRONG).0)).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(looked_at, ACCOUNT_FREE as usize + 1, "{statuses:?}");
}

#[test]
fn a_stolen_session_does_not_guess_the_password_faster() {
    let app = TestApp::start();
    let ada = Browser::signed_in(&app, ADA);
    for _ in 0..3 {
        assert_eq!(ada.post("/sessions/current/step-up", json!({ "password": WRONG })).status, 403);
        let body = json!({ "current_password": WRONG, "new_password": "other words than before" });
        assert_eq!(ada.send("PUT", "/account/password", Some(&body)).status, 403);
    }
    assert_eq!(
        ada.post("/sessions/current/step-up", json!({ "password": PASSWORD })).expect(429)["code"],
        "sign_in_locked"
    );
    app.clock.advance(Duration::from_secs(2));
    ada.post("/sessions/current/step-up", json!({ "password": PASSWORD })).expect(200);
}
