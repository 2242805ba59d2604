//! Writers that meet: exactly one wins, and a write sent twice is done once.

use super::shop;
use crate::support::api::{refused, secret};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::thread;

const STAGING: &str = "shop/staging";

/// Sends the same write from `count` threads at once; answers the statuses, smallest first.
fn at_once(count: usize, write: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Vec<u16> {
    let (barrier, write) = (Arc::new(Barrier::new(count)), Arc::new(write));
    let threads: Vec<_> = (0..count)
        .map(|number| {
            let (barrier, write) = (Arc::clone(&barrier), Arc::clone(&write));
            thread::spawn(move || {
                barrier.wait();
                write(number)
            })
        })
        .collect();
    let mut statuses: Vec<_> = threads.into_iter().map(|t| t.join().expect("it answers")).collect();
    statuses.sort_unstable();
    statuses
}

#[test]
fn of_writers_on_one_version_exactly_one_wins() {
    let (_server, owner) = shop();
    owner.set(STAGING, "SHARED", "the first");
    let read = owner.get(&secret(STAGING, "SHARED"));
    let etag = read.header("etag").expect("a secret has an ETag").to_owned();
    let writer = owner.clone();
    let by_header = at_once(8, move |number| {
        let value = json!({ "value": format!("of writer {number}") });
        let answer = writer.send_with("PUT", &secret(STAGING, "SHARED"), &[("if-match", &etag)], &value);
        if answer.status != 200 {
            refused(&answer, 412, "version_mismatch");
        }
        answer.status
    });
    assert_eq!(by_header, [200, 412, 412, 412, 412, 412, 412, 412]);
    let writer = owner.clone();
    let by_body = at_once(8, move |number| {
        let item = json!({ "name": "SHARED", "value": format!("of batch {number}"), "base_version": 2 });
        writer.post("/projects/shop/environments/staging/secrets/batch", json!({ "items": [item] })).status
    });
    assert_eq!(by_body, [200, 412, 412, 412, 412, 412, 412, 412]);
    let history = owner.get(&format!("{}/history", secret(STAGING, "SHARED"))).expect(200);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(3), "one version for each that won: {history}");
}

#[test]
fn of_two_who_make_the_same_name_one_does() {
    let (_server, owner) = shop();
    let writer = owner.clone();
    let statuses = at_once(6, move |_| writer.put(STAGING, "NEW", json!({ "value": "x", "base_version": 0 })).status);
    assert_eq!(statuses, [201, 412, 412, 412, 412, 412]);
    let statuses = at_once(6, move |_| owner.post("/projects", json!({ "slug": "second" })).status);
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
}

#[test]
fn a_batch_with_one_stale_item_changes_nothing() {
    let (_server, owner) = shop();
    owner.set(STAGING, "OLD", "as it was");
    let items = json!([
        { "name": "FRESH", "value": "new" },
        { "name": "OLD", "value": "changed", "base_version": 7 },
    ]);
    let answer = owner.post("/projects/shop/environments/staging/secrets/batch", json!({ "items": items }));
    refused(&answer, 412, "version_mismatch");
    let names: Vec<Value> = owner.list(STAGING).into_iter().map(|item| item["name"].clone()).collect();
    assert_eq!(names, ["OLD"]);
    assert_eq!(owner.value(STAGING, "OLD"), "as it was");
}

#[test]
fn a_key_of_a_write_is_good_for_that_write_only() {
    let (_server, owner) = shop();
    let key = [("idempotency-key", "job 17, step 3")];
    let path = secret(STAGING, "ONCE");
    let first = owner.send_with("PUT", &path, &key, &json!({ "value": "one" }));
    let again = owner.send_with("PUT", &path, &key, &json!({ "value": "one" }));
    assert_eq!((first.expect(201), again.header("idempotency-replayed")), (again.expect(201), Some("true")));
    assert_eq!(owner.get(&path).expect(200)["version"], 1, "done once");
    refused(&owner.send_with("PUT", &path, &key, &json!({ "value": "two" })), 422, "idempotency_key_reused");
    let elsewhere = secret(STAGING, "OTHER");
    refused(&owner.send_with("PUT", &elsewhere, &key, &json!({ "value": "one" })), 422, "idempotency_key_reused");
    assert_eq!(owner.value(STAGING, "ONCE"), "one");
    refused(&owner.reveal(STAGING, "OTHER"), 404, "secret_not_found");
    let long = "k".repeat(256);
    let answer = owner.send_with("PUT", &path, &[("idempotency-key", &long)], &json!({ "value": "one" }));
    refused(&answer, 400, "idempotency_key_invalid");
}

#[test]
fn a_token_is_minted_once_and_never_told_again() {
    let (_server, owner) = shop();
    let key = [("idempotency-key", "mint")];
    let first = owner.send_with("POST", "/tokens", &key, &json!({ "name": "laptop" })).expect(201);
    let again = owner.send_with("POST", "/tokens", &key, &json!({ "name": "laptop" })).expect(201);
    assert!(first["token"].is_string() && again.get("token").is_none(), "{again}");
    assert_eq!(first["id"], again["id"]);
    let tokens = owner.get("/tokens").expect(200);
    let laptops = tokens["items"].as_array().expect("a list").iter().filter(|t| t["name"] == "laptop").count();
    assert_eq!(laptops, 1, "{tokens}");
}

#[test]
fn a_refused_write_leaves_its_key_free() {
    let (_server, owner) = shop();
    let key = [("idempotency-key", "try again")];
    let path = secret(STAGING, "LATER");
    let broken = owner.send_with("PUT", &path, &key, &json!({ "value": "${NOT_THERE_YET}" }));
    refused(&broken, 422, "reference_broken");
    owner.set(STAGING, "NOT_THERE_YET", "now it is");
    owner.send_with("PUT", &path, &key, &json!({ "value": "${NOT_THERE_YET}" })).expect(201);
}
