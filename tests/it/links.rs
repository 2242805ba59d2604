//! One-time links by the API and the command line: what is sent comes out once, and nothing of it stays.

use crate::support::app::{Client, TestApp};
use crate::support::cli::Shell;
use crate::support::http::{self, Response};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const SECRET: &str = "value-of-the-link";

fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

/// Somebody at a shell who is logged in, and somebody who is not.
fn shells(app: &TestApp) -> (Shell, Shell) {
    let ada = Shell::new(&app.base);
    let token = ada.file("token", &app.owner().token);
    ada.file("url", "");
    assert!(token.exists());
    (ada, Shell::offline())
}

fn create(ada: &Shell, more: &str, input: &[u8]) -> String {
    let done = ada.feed(&format!("link create --token-file token {more}"), input);
    let link = done.expect(0).trim_end().to_owned();
    assert!(link.contains("/l/lnk_") && link.contains('#'), "{link}");
    link
}

fn state(owner: &Client, link: &str) -> Value {
    let id = link.split('#').next().and_then(|l| l.rsplit('/').next()).expect("an id");
    let all = owner.get("/links").expect(200);
    let found = all["items"].as_array().expect("a list").iter().find(|l| l["id"] == id).cloned();
    found.unwrap_or_else(|| panic!("{id} is not in {all}"))
}

#[test]
fn a_value_goes_from_one_shell_to_another_once() {
    let app = TestApp::start();
    let (ada, eve) = shells(&app);
    let link = create(&ada, "--note for-eve --expires 2h", format!("{SECRET}\n").as_bytes());
    assert_eq!(state(&app.owner(), &link)["state"], "open");
    let opened = eve.call(["link", "open", &link], b"");
    assert_eq!(opened.expect(0), SECRET);
    assert!(opened.stderr.contains("the only copy"), "{}", opened.stderr);
    eve.call(["link", "open", &link], b"").refused(3, "used up, expired or revoked");
    let told = state(&app.owner(), &link);
    assert_eq!((&told["state"], &told["views_left"], &told["note"]), (&json!("opened"), &json!(0), &json!("for-eve")));
    assert!(told["url"].as_str().is_some_and(|url| !url.contains('#')), "{told}");
}

#[test]
fn a_file_keeps_its_bytes_and_a_link_may_come_by_stdin() {
    let app = TestApp::start();
    let (ada, eve) = shells(&app);
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    ada.file("key.bin", &bytes);
    let link = create(&ada, "--file key.bin --views 3", b"");
    eve.feed("link open --save got.bin", format!("{link}\n").as_bytes()).expect(0);
    assert_eq!(fs::read(eve.dir().join("got.bin")).expect("it was written"), bytes);
    // A file that is there is not written over, and the link keeps its view.
    eve.feed("link open --save got.bin", link.as_bytes()).refused(1, "cannot be made");
    assert_eq!(state(&app.owner(), &link)["views_left"], 2);
    let told = eve.feed("link open --json", link.as_bytes()).json();
    assert_eq!(
        (&told["name"], &told["encoding"], &told["views_left"]),
        (&json!("key.bin"), &json!("base64"), &json!(1))
    );
    assert_eq!(told["value"], base64(&bytes));
    ada.file("large.bin", vec![0; (1 << 20) + 1]);
    ada.run("link create --token-file token --file large.bin").refused(1, "larger than 1024 KiB");
}

#[test]
fn a_passphrase_is_needed_too_and_tried_ten_times() {
    let app = TestApp::start();
    let (ada, eve) = shells(&app);
    ada.file("words", "a few unrelated words\n");
    let link = create(&ada, "--passphrase-file words", SECRET.as_bytes());
    eve.file("wrong", "others\n");
    eve.file("right", "a few unrelated words");
    let open = |shell: &Shell, file: &str| shell.call(["link", "open", &link, "--passphrase-file", file], b"");
    open(&eve, "wrong").refused(4, "9 tries are left");
    eve.call(["--no-input", "link", "open", &link], b"").refused(2, "--passphrase-file");
    assert_eq!(open(&eve, "right").expect(0), SECRET);
    // Whoever tries without the key ends the link, and never sees the ciphertext.
    let spare = create(&ada, "", SECRET.as_bytes());
    let id = state(&app.owner(), &spare)["id"].as_str().expect("an id").to_owned();
    let guess = json!({ "proof": base64(&[7; 32]) });
    let codes: Vec<u16> =
        (0..11).map(|_| app.nobody().post(&format!("/links/{id}/open"), guess.clone()).status).collect();
    assert_eq!(codes, [[403; 10].as_slice(), &[404]].concat());
    assert_eq!(state(&app.owner(), &spare)["state"], "blocked");
    eve.call(["link", "open", &spare], b"").refused(3, "used up");
}

#[test]
fn taken_back_or_expired_it_is_gone_whatever_the_clock_says() {
    let app = TestApp::start();
    let (ada, eve) = shells(&app);
    let revoked = create(&ada, "", SECRET.as_bytes());
    ada.call(["link", "revoke", &revoked, "--token-file", "token"], b"").expect(0);
    eve.call(["link", "open", &revoked], b"").refused(3, "used up");
    let expired = create(&ada, "--expires 60", SECRET.as_bytes());
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(state(&app.owner(), &expired)["state"], "expired", "before the job has seen it");
    let id = state(&app.owner(), &expired)["id"].as_str().expect("an id").to_owned();
    // Asked for in vain, it ends for good: a clock set back does not bring it again.
    assert_eq!(app.nobody().post(&format!("/links/{id}/open"), json!({ "proof": base64(&[7; 32]) })).status, 404);
    app.clock.set(crate::support::app::START);
    eve.call(["link", "open", &expired], b"").refused(3, "used up");
    assert_eq!(state(&app.owner(), &expired)["state"], "expired");
    ada.run("link list --token-file token").expect(0);
}

#[test]
fn the_ledger_tells_what_became_of_a_link_and_nothing_in_it() {
    let app = TestApp::start();
    let (ada, eve) = shells(&app);
    let link = create(&ada, "--note private-note", SECRET.as_bytes());
    let key = link.split('#').nth(1).expect("a key").to_owned();
    eve.call(["link", "open", &link], b"").expect(0);
    let events = app.owner().get("/audit/events?limit=100").expect(200);
    let of = |action: &str| {
        let items = events["items"].as_array().expect("a list");
        items.iter().find(|e| e["action"] == action).unwrap_or_else(|| panic!("no {action}")).clone()
    };
    assert_eq!(of("link.created")["actor"]["kind"], "user");
    let opened = of("link.opened");
    assert_eq!((&opened["actor"]["kind"], &opened["outcome"]), (&json!("anonymous"), &json!("allowed")));
    assert_eq!(opened["target"]["id"], state(&app.owner(), &link)["id"]);
    for hidden in [SECRET, "private-note", &key] {
        assert!(!events.to_string().contains(hidden), "{hidden}");
    }
}

#[test]
fn what_is_no_link_is_refused_and_opens_nothing() {
    let app = TestApp::start();
    let owner = app.owner();
    let good = json!({ "ciphertext": base64(&[7; 64]), "proof": base64(&[7; 32]) });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        owner.post("/links", body)
    };
    let bad: &[(&str, Value)] = &[
        ("ciphertext", json!("")),
        ("ciphertext", json!("not base64")),
        ("ciphertext", json!(base64(&[7; 20]))),
        ("proof", json!(base64(&[7; 31]))),
        ("proof", json!("%")),
        ("views", json!(0)),
        ("views", json!(101)),
        ("views", json!(-1)),
        ("expires_in", json!("31d")),
        ("expires_in", json!(0)),
        ("note", json!("x".repeat(101))),
        ("note", json!("a\u{0}b")),
        ("key", json!("sent by mistake")),
    ];
    for (field, value) in bad {
        let answer = with(field, value.clone());
        assert_eq!(answer.status, 400, "{field} {value}: {}", answer.text());
        assert!(!answer.text().contains("by mistake"), "{}", answer.text());
    }
    let large = with("ciphertext", json!(base64(&vec![7; 2 << 20])));
    assert!(matches!(large.status, 400 | 413), "{}", large.text());
    for id in ["lnk_00000000000000000000000000", "nonsense", "%00", "..%2f..", &"x".repeat(4_000)] {
        let answer = app.nobody().get(&format!("/links/{id}"));
        assert!(matches!(answer.status, 400 | 404), "{id}: {}", answer.text());
    }
    assert_eq!(app.nobody().post("/links", good).status, 401);
}

#[test]
fn an_opening_is_kept_for_no_replay() {
    let app = TestApp::start();
    let made =
        app.owner().post("/links", json!({ "ciphertext": base64(&[7; 64]), "proof": base64(&[7; 32]) })).expect(201);
    let path = format!("/links/{}/open", made["id"].as_str().expect("an id"));
    let body = json!({ "proof": base64(&[7; 32]) });
    let ask = || app.owner().send_with("POST", &path, &[("idempotency-key", "again")], Some(&body));
    assert_eq!(ask().expect(200)["ciphertext"], base64(&[7; 64]));
    assert_eq!(ask().expect(200).get("ciphertext"), None, "the answer was stored without it");
}

#[test]
fn openings_from_one_address_are_counted() {
    let app = TestApp::with(&[("HOLDFAST_RATE_LIMITS_ENABLED", "true")]);
    let ask = || app.nobody().post("/links/lnk_00000000000000000000000000/open", json!({ "proof": base64(&[7; 32]) }));
    let codes: Vec<u16> = (0..21).map(|_| ask().status).collect();
    assert_eq!((codes[0], codes[19], codes[20]), (404, 404, 429), "{codes:?}");
}

fn page(app: &TestApp, path: &str) -> Response {
    http::send(&app.base, "GET", path, &[], b"")
}

#[test]
fn the_page_is_the_same_for_every_link_and_burns_none() {
    let app = TestApp::start();
    let made =
        app.owner().post("/links", json!({ "ciphertext": base64(&[7; 64]), "proof": base64(&[7; 32]) })).expect(201);
    let id = made["id"].as_str().expect("an id");
    let there = page(&app, &format!("/l/{id}"));
    assert_eq!(there.status, 200);
    assert_eq!(
        there.body,
        page(&app, "/l/lnk_00000000000000000000000000").body,
        "it tells nobody whether a link is there"
    );
    assert_eq!(app.nobody().get(&format!("/links/{id}")).expect(200)["views_left"], 1);
    let policy = there.header("content-security-policy").expect("a policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(there.header("cache-control"), Some("no-store"));
    assert_eq!(there.header("referrer-policy"), Some("no-referrer"));
    let script = page(&app, "/assets/link/page.mjs");
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    for none in ["/assets/link/none.mjs", "/assets/link/..%2flink%2findex.html", "/l/", "/l"] {
        assert_eq!(page(&app, none).status, 404, "{none}");
    }
}
