//! Tokens that are damaged, over, from the wrong place, or taken away while they are used.

use super::{in_process, shop};
use crate::support::api::{Api, environment, refused, secret};
use crate::support::app::TestApp;
use holdfast::db::DbError;
use holdfast::op::{Op, Origin, Who};
use holdfast::orgs::access::Sessions;
use holdfast::orgs::token::token_revoke;
use holdfast::types::{Clock as _, Failure as _, Id, SecretBytes, SecretString};
use holdfast::vault::secret::{BatchRequest, Item, ReadSecret, Wish, secret_batch, secret_get};
use holdfast::vault::uses::Uses;
use serde_json::json;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

#[test]
fn a_damaged_token_is_told_from_a_wrong_one_and_opens_nothing() {
    let (_server, owner) = shop();
    let token = owner.token().to_owned();
    for cut in [token.len() - 1, token.len() - 6, token.len() / 2] {
        refused(&owner.with_token(&token[..cut]).get("/whoami"), 401, "token_damaged");
    }
    // One character, anywhere behind the kind: the checksum tells. Behind it the alphabet has other letters enough.
    for at in ["hf_pat_".len() + 2, token.len() / 2, token.len() - 2] {
        let other = if token.as_bytes()[at] == b'a' { 'b' } else { 'a' };
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        let answer = owner.with_token(&changed).get("/whoami");
        assert!(matches!(answer.json()["code"].as_str(), Some("token_damaged" | "token_invalid")), "{}", answer.text());
        assert_eq!(answer.status, 401);
    }
    for wrong in ["x", "hf_", "hf_pat_", "hf_zzz_a_b", "Bearer", "\u{e9}", &"hf_pat_a".repeat(100)] {
        let answer = owner.with_token(wrong).get("/whoami");
        assert_eq!(answer.status, 401, "{wrong}: {}", answer.text());
    }
    refused(&owner.raw("GET", "/whoami", &[], b""), 401, "authentication_required");
    refused(&owner.raw("GET", "/whoami", &[("authorization", "Basic YTpi")], b""), 401, "token_invalid");
    // A token in the address is no token: it would stand in logs.
    let answer = owner.raw("GET", &format!("/whoami?token={token}"), &[], b"");
    assert!(matches!(answer.status, 400 | 401), "{}", answer.text());
    owner.get("/whoami").expect(200);
}

#[test]
fn a_revoked_token_opens_nothing_from_the_next_request_on() {
    let (_server, owner) = shop();
    let made = owner.post("/tokens", json!({ "name": "laptop" })).expect(201);
    let laptop = owner.with_token(made["token"].as_str().expect("shown once"));
    laptop.get("/whoami").expect(200);
    owner.delete(&format!("/tokens/{}", made["id"].as_str().expect("an id"))).expect(200);
    refused(&laptop.get("/whoami"), 401, "token_invalid");
    refused(&laptop.put("shop/staging", "A", json!({ "value": "x" })), 401, "token_invalid");
    refused(&owner.reveal("shop/staging", "A"), 404, "secret_not_found");
}

#[test]
fn a_token_works_only_from_its_networks() {
    let (_server, owner) = shop();
    let with = |cidrs: serde_json::Value| {
        let made = owner.post("/tokens", json!({ "name": "net", "cidrs": cidrs })).expect(201);
        owner.with_token(made["token"].as_str().expect("shown once")).get("/whoami")
    };
    with(json!(["127.0.0.0/8"])).expect(200);
    with(json!(["10.0.0.0/8", "127.0.0.1/32"])).expect(200);
    refused(&with(json!(["10.0.0.0/8"])), 403, "token_address_not_allowed");
    refused(&with(json!(["::1/128", "2001:db8::/32"])), 403, "token_address_not_allowed");
    for wrong in [json!(["10.0.0.0/33"]), json!(["not a network"]), json!([""]), json!(["10.0.0.1/8/8"])] {
        let answer = owner.post("/tokens", json!({ "name": "net", "cidrs": wrong }));
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    // A header that claims another address is not believed.
    let made = owner.post("/tokens", json!({ "name": "net", "cidrs": ["10.0.0.0/8"] })).expect(201);
    let bearer = format!("Bearer {}", made["token"].as_str().expect("shown once"));
    let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1")];
    refused(&owner.raw("GET", "/whoami", &headers, b""), 403, "token_address_not_allowed");
}

#[test]
fn an_expired_token_says_so_and_a_clock_set_back_does_not_revive_a_revoked_one() {
    let (app, owner) = in_process();
    let mint = |seconds: u64| {
        let made = owner.post("/tokens", json!({ "name": "short", "expires_in": seconds })).expect(201);
        owner.with_token(made["token"].as_str().expect("shown once"))
    };
    let (hour, two_days) = (mint(3_600), mint(2 * 24 * 3_600));
    app.clock.advance(Duration::from_secs(3_599));
    hour.get("/whoami").expect(200);
    app.clock.advance(Duration::from_secs(1));
    refused(&hour.get("/whoami"), 401, "token_expired");
    two_days.get("/whoami").expect(200);
    app.clock.advance(2 * DAY);
    refused(&two_days.get("/whoami"), 401, "token_expired");
}

/// An appliance with `shop/staging:/KEPT`, and a second token of the owner with its id.
fn doomed() -> (TestApp, Api, Api, String) {
    let (app, owner) = in_process();
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    owner.set("shop/staging", "KEPT", "as it was");
    let made = owner.post("/tokens", json!({ "name": "doomed" })).expect(201);
    let doomed = owner.with_token(made["token"].as_str().expect("shown once"));
    (app, owner, doomed, made["id"].as_str().expect("an id").to_owned())
}

/// A context of somebody's next request, as the door makes it: the token is checked now.
fn op_of(app: &TestApp, api: &Api) -> Op {
    let token = SecretString::new(api.token().to_owned());
    let (core, now) = (Arc::clone(&app.core), app.clock.now());
    let session = Sessions::default().check(&core.db, &core.keyring, &token, None, now);
    let identity = session.unwrap_or_else(|error| panic!("{error}")).identity;
    Op::new(core, Who::Known(identity), Origin::default(), Id::new(now))
}

/// Keeps the writer busy until what is returned is dropped: what is queued meanwhile runs in one batch.
fn hold_writer(app: &TestApp) -> mpsc::Sender<()> {
    let (entered, is_held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let db = app.core.db.clone();
    thread::spawn(move || {
        db.write_blocking(move |_| {
            entered.send(()).expect("the test waits");
            // The sender is dropped: an error, and the end of the wait.
            let _ = released.recv();
            Ok::<_, DbError>(())
        })
    });
    is_held.recv().expect("the writer runs");
    release
}

/// Runs a future on this thread alone, so that what it joins is polled in its written order.
fn one_after_the_other<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

#[test]
fn a_value_does_not_leave_when_its_reader_is_revoked_between_decision_and_commit() {
    let (app, owner, doomed, id) = doomed();
    let (revoker, reader) = (op_of(&app, &owner), op_of(&app, &doomed));
    let ask = ReadSecret {
        project: "shop".into(),
        environment: "staging".into(),
        name: "KEPT".into(),
        reveal: true,
        ..ReadSecret::default()
    };
    let uses = Uses::default();
    let held = hold_writer(&app);
    // Polled in this order: the revocation is queued, the read decides under the old rights and queues its event
    // behind it, then the writer may go on.
    let (revoked, read, ()) = one_after_the_other(async {
        futures_util::join!(
            token_revoke(&revoker, Id::parse(&id).expect("an id"), false),
            secret_get(&reader, &uses, &ask),
            async { drop(held) },
        )
    });
    revoked.expect("the owner may");
    let error = read.map(|_| ()).expect_err("the value must not leave");
    assert_eq!(error.code(), "token_invalid");
    let events = owner.get("/audit/events?action=secret.reveal&limit=500").expect(200);
    assert_eq!(events["items"], json!([]), "what did not leave is not recorded as if it had");
    assert_eq!(owner.value("shop/staging", "KEPT"), "as it was");
}

#[test]
fn a_write_is_not_done_when_its_writer_is_revoked_before_its_commit() {
    let (app, owner, doomed, id) = doomed();
    let (revoker, writer) = (op_of(&app, &owner), op_of(&app, &doomed));
    let wish = Wish::Set { value: SecretBytes::new(b"changed".to_vec()), interpolate: true, visibility: None };
    let item = Item { name: "KEPT".into(), path: None, wish, comment: None, tags: None, base_version: None };
    let request = BatchRequest {
        project: "shop".into(),
        environment: "staging".into(),
        items: vec![item],
        skip_same: false,
        force: false,
        dry_run: false,
    };
    let held = hold_writer(&app);
    let (revoked, written, ()) = one_after_the_other(async {
        futures_util::join!(
            token_revoke(&revoker, Id::parse(&id).expect("an id"), false),
            secret_batch(&writer, request),
            async { drop(held) },
        )
    });
    revoked.expect("the owner may");
    assert_eq!(written.map(|_| ()).expect_err("it must not be done").code(), "token_invalid");
    assert_eq!(owner.value("shop/staging", "KEPT"), "as it was");
    let history = owner.get(&format!("{}/history", secret("shop/staging", "KEPT"))).expect(200);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(1), "{history}");
}

#[test]
fn a_right_that_was_taken_away_is_gone_from_the_next_request_on() {
    let (_server, owner) = shop();
    owner.set("shop/staging", "KEPT", "as it was");
    let node = json!({ "project": "shop", "environment": "staging" });
    let dev = owner.person("dev@example.com", "developer", node);
    let tag = dev.variables("shop/staging").header("etag").expect("an ETag").to_owned();
    let bearer = format!("Bearer {}", dev.token());
    let known = [("authorization", bearer.as_str()), ("if-none-match", tag.as_str())];
    let path = format!("{}/variables", environment("shop/staging"));
    assert_eq!(dev.raw("GET", &path, &known, b"").status, 304);
    let grants = owner.get("/grants").expect(200);
    let grants = grants["items"].as_array().expect("a list");
    let grant = grants.iter().find(|g| g["role"] == "developer").expect("the grant of dev");
    owner.delete(&format!("/grants/{}", grant["id"].as_str().expect("an id"))).expect(200);
    // Not even "you have it already" is told to somebody who may not have it.
    assert!(matches!(dev.raw("GET", &path, &known, b"").status, 403 | 404));
    assert!(matches!(dev.reveal("shop/staging", "KEPT").status, 403 | 404));
}
