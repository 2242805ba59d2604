//! A clock that is set: back an hour, forward a day. Order is the ledger's sequence, never the time.

use super::in_process;
use crate::support::api::{Api, refused, secret};
use crate::support::app::{START, TestApp};
use holdfast::ledger;
use holdfast::types::Clock as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn with_staging() -> (TestApp, Api) {
    let (app, owner) = in_process();
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    (app, owner)
}

/// Every event, oldest first.
fn events(owner: &Api) -> Vec<Value> {
    let mut items = owner.get("/audit/events?limit=500").expect(200)["items"].as_array().expect("a list").clone();
    items.reverse();
    items
}

fn verifies(app: &TestApp, owner: &Api) {
    let (signer, now) = (Arc::clone(app.core.keyring.instance().ledger_signer()), app.clock.now());
    let signed = app.core.db.write_blocking(move |tx| ledger::checkpoint_make(tx, &*signer, now));
    signed.unwrap_or_else(|error| panic!("{error}"));
    let report = owner.post("/audit/verify", json!({})).expect(200);
    assert_eq!((&report["ok"], &report["problems"]), (&json!(true), &json!([])), "{report}");
}

#[test]
fn a_clock_set_back_an_hour_changes_no_order_and_loses_nothing() {
    let (app, owner) = with_staging();
    owner.set("shop/staging", "A", "before");
    let before = app.clock.now();
    app.clock.set(before.minus(HOUR));
    let second = owner.set("shop/staging", "A", "after");
    assert_eq!(second["version"], 2);
    assert_eq!(owner.value("shop/staging", "A"), "after", "the newest version is the last one written");
    let history = owner.get(&format!("{}/history", secret("shop/staging", "A"))).expect(200);
    let versions: Vec<_> = history["items"].as_array().expect("a list").iter().map(|v| &v["version"]).collect();
    assert_eq!(versions, [2, 1], "{history}");
    // What is made now has smaller times, and is still found, page after page.
    for n in 0..30 {
        owner.set("shop/staging", &format!("N_{n}"), "v");
    }
    assert_eq!(owner.list("shop/staging").len(), 31);
    let events = events(&owner);
    let numbers: Vec<_> = events.iter().map(|e| e["seq"].as_u64().expect("a number")).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    let times: Vec<_> = events.iter().map(|e| e["at"].as_str().expect("a time")).collect();
    assert!(times.windows(2).any(|pair| pair[0] > pair[1]), "the record says what the clock said: {times:?}");
    verifies(&app, &owner);
    // A search by time finds an event at its own time, wherever it lies in the log.
    let from = before.minus(HOUR);
    let path =
        format!("/audit/events?action=secret.write&from={from}&to={}&limit=500", from.plus(Duration::from_secs(1)));
    assert_eq!(owner.get(&path).expect(200)["items"].as_array().map(Vec::len), Some(31));
}

#[test]
fn a_clock_set_forward_a_day_ends_what_is_over_and_nothing_else() {
    let (app, owner) = with_staging();
    let mint = |name: &str, seconds: u64| {
        let made = owner.post("/tokens", json!({ "name": name, "expires_in": seconds })).expect(201);
        owner.with_token(made["token"].as_str().expect("shown once"))
    };
    let (short, long) = (mint("short", 3_600), mint("long", 7 * 24 * 3_600));
    owner.set("shop/staging", "GONE", "deleted in time");
    owner.delete(&secret("shop/staging", "GONE")).expect(200);
    let key = [("idempotency-key", "once a day")];
    let path = secret("shop/staging", "ONCE");
    owner.send_with("PUT", &path, &key, &json!({ "value": "first" })).expect(201);
    owner.environment("shop/production", json!({}));
    owner.set("shop/production", "GUARDED", "for fresh eyes");
    assert_eq!(owner.value("shop/production", "GUARDED"), "for fresh eyes");

    app.clock.advance(DAY + HOUR);
    assert_eq!(short.get("/whoami").status, 401);
    long.get("/whoami").expect(200);
    // A key is kept a day: after it, the same one is another write's.
    owner.send_with("PUT", &path, &key, &json!({ "value": "second" })).expect(200);
    // 30 days to restore are not over.
    owner.send("POST", &format!("{}/undelete", secret("shop/staging", "GONE")), None).expect(200);
    assert_eq!(owner.value("shop/staging", "GONE"), "deleted in time");
    // The owner's set-up token counted as a fresh sign-in for 24 hours; they are over.
    refused(&owner.reveal("shop/production", "GUARDED"), 403, "step_up_required");
    verifies(&app, &owner);
    // And back again: what expired under the wrong clock was not destroyed by it.
    app.clock.set(START);
    short.get("/whoami").expect(200);
    verifies(&app, &owner);
}

#[test]
fn ids_made_under_any_clock_are_their_own() {
    let (app, owner) = with_staging();
    let mut ids = Vec::new();
    for step in [HOUR, DAY] {
        for n in 0..10 {
            let name = format!("N_{}_{n}", step.as_secs());
            ids.push(owner.set("shop/staging", &name, "v")["id"].as_str().expect("an id").to_owned());
        }
        app.clock.advance(step);
        app.clock.set(START);
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "twenty made in the same microsecond");
}
