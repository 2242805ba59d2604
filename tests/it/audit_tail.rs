//! The ledger as it grows: what a stream sends, where it goes on, and what ends it.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::link_page::{node, tools};
use crate::support::app::{PASSWORD, TestApp};
use crate::support::browser::Browser;
use crate::support::cli::Shell;
use crate::support::stream::Stream;

/// The places of the events that a stream sent.
fn ids(said: &str) -> Vec<u64> {
    said.lines().filter_map(|line| line.strip_prefix("id: ")?.trim().parse().ok()).collect()
}

#[test]
fn a_stream_sends_what_is_there_and_then_what_comes() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    let mut stream = Stream::audit(&app.base, "?recent=5", &app.owner().token);
    let begun = stream.until("project.create").to_owned();
    assert!(begun.contains("content-type: text/event-stream") && begun.contains("cache-control: no-store"), "{begun}");
    assert!(begun.contains("x-accel-buffering: no"), "{begun}");
    let ping = begun.find(":ping").expect("a sign of life at once");
    assert!(begun.find("\nid: ").is_none_or(|first| ping < first), "{begun}");
    ada.create_environment("shop", "dev", None);
    ada.set_secret("shop/dev", "KEY", "value-of-KEY");
    let said = stream.until("secret.write");
    assert!(said.contains("environment.create") && !said.contains("value-of-KEY"), "{said}");
    let seen = ids(said);
    assert!(seen.windows(2).all(|two| two[0] < two[1]), "{seen:?}");
    assert_eq!(said.matches("\"follow\":true").count(), 1, "that somebody follows is told once: {said}");
    let recorded = ada.get("/audit/events?action=audit.read").expect(200);
    assert_eq!(recorded["items"].as_array().expect("a list").len(), 1, "and recorded once");
}

#[test]
fn a_stream_goes_on_where_it_broke_without_a_gap() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    let mut stream = Stream::audit(&app.base, "?recent=1", &app.owner().token);
    let last = *ids(stream.until("project.create")).last().expect("an event");
    drop(stream);
    for n in 0..30 {
        ada.create_environment("shop", &format!("e-{n}"), None);
    }
    let (bearer, last_text) = (format!("Bearer {}", app.owner().token), last.to_string());
    let headers = [("authorization", bearer.as_str()), ("last-event-id", last_text.as_str())];
    let mut again = Stream::open(&app.base, "/api/v1/audit/events/stream", &headers);
    let seen = ids(again.until("\"slug\":\"e-29\""));
    assert!(seen.len() >= 30 && seen.first() == Some(&(last + 1)), "{last}: {seen:?}");
    assert!(seen.windows(2).all(|two| two[0] + 1 == two[1]), "{seen:?}");
    let headers = [("authorization", bearer.as_str()), ("last-event-id", "not one")];
    let refused = crate::support::http::send(&app.base, "GET", "/api/v1/audit/events/stream", &headers, b"");
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("last_event_id_invalid")));
}

#[test]
fn a_stream_has_the_filters_of_the_list() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    let query = "?action=secret.write&project=shop&environment=dev&decision=allow&actor=ada@example.com";
    let mut stream = Stream::audit(&app.base, query, &app.owner().token);
    stream.until(":ping");
    ada.create_environment("shop", "other", None);
    ada.set_secret("shop/other", "KEY", "value");
    ada.set_secret("shop/dev", "KEY", "value");
    let said = stream.until("\nid: ");
    assert_eq!(ids(said).len(), 1, "{said}");
    assert!(!said.contains("environment.create"), "{said}");
}

#[test]
fn a_stream_ends_with_what_let_it_in() {
    let app = TestApp::start();
    let ada = app.owner();
    let body = json!({ "email": "bob@example.com", "password": PASSWORD, "role": "admin" });
    let bob = ada.post("/members", body).expect(201);
    let bob_id = bob["user"]["id"].as_str().expect("an id").to_owned();
    let session = |email: &str| {
        let made = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
        made["token"].as_str().expect("a token").to_owned()
    };

    // Signed out.
    let token = session("bob@example.com");
    let mut stream = Stream::audit(&app.base, "", &token);
    stream.until(":ping");
    app.client(&token).delete("/sessions/current").expect(200);
    assert!(stream.rest_of_it().contains("event: end"), "a session that ended");

    // A browser that was signed out elsewhere.
    let browser = Browser::signed_in(&app, "bob@example.com");
    let headers = [("cookie", browser.cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let mut stream = Stream::open(&app.base, "/api/v1/audit/events/stream", &headers);
    stream.until(":ping");
    let other = session("bob@example.com");
    app.client(&other).delete("/sessions").expect(200);
    assert!(stream.rest_of_it().contains("event: end"), "a session that was ended elsewhere");

    // The right is gone, the session is not.
    let token = session("bob@example.com");
    let mut stream = Stream::audit(&app.base, "", &token);
    stream.until(":ping");
    let grants = ada.get(&format!("/grants?user={bob_id}")).expect(200);
    let grant = grants["items"][0]["id"].as_str().expect("a grant").to_owned();
    ada.delete(&format!("/grants/{grant}")).expect(200);
    let said = stream.rest_of_it();
    assert!(said.contains("event: end") && said.contains("permission_denied"), "{said}");
    let denied = ada.get("/audit/events?action=audit.read&decision=deny").expect(200);
    assert_eq!(denied["items"].as_array().expect("a list").len(), 1, "the refusal is recorded");

    // The time of a token is over; nothing was written meanwhile.
    let minted = ada.post("/tokens", json!({ "name": "brief", "expires_in": "1h" })).expect(201);
    let mut stream = Stream::audit(&app.base, "?recent=0", minted["token"].as_str().expect("a token"));
    stream.until(":ping");
    app.clock.advance(std::time::Duration::from_hours(2));
    assert!(stream.rest_of_it().contains("event: end"), "a token whose time is over");
}

#[test]
fn a_stream_ends_when_its_session_lies_idle_and_keeps_none_from_it() {
    let app = TestApp::with(&[("HOLDFAST_SESSIONS_IDLE_MINUTES", "60")]);
    let minutes = |n: u64| app.clock.advance(std::time::Duration::from_mins(n));
    let browser = Browser::signed_in(&app, "ada@example.com");
    let headers = [("cookie", browser.cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let open = || {
        let mut stream = Stream::open(&app.base, "/api/v1/audit/events/stream", &headers);
        stream.until(":ping");
        stream
    };
    let mut used = open();
    minutes(50);
    browser.get("/whoami").expect(200);
    minutes(50);
    app.owner().create_project("shop");
    used.until("project.create");
    // A browser opens a stream that broke by itself: that is nobody's use of the session.
    let again = open();
    minutes(15);
    let said = used.rest_of_it();
    assert!(said.contains("event: end") && said.contains("session_idle"), "{said}");
    browser.get("/whoami").expect(401);
    drop(again);
}

#[test]
fn an_actor_has_a_few_streams_and_no_more() {
    let app = TestApp::start();
    let open: Vec<_> = (0..6)
        .map(|_| {
            let mut stream = Stream::audit(&app.base, "", &app.owner().token);
            stream.until(":ping");
            stream
        })
        .collect();
    let refused = app.owner().get("/audit/events/stream");
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("too_many_streams")));
    drop(open);
}

#[test]
fn a_stop_does_not_wait_for_who_follows() {
    let app = TestApp::start();
    let mut stream = Stream::audit(&app.base, "", &app.owner().token);
    stream.until(":ping");
    drop(app);
    stream.rest_of_it();
}

#[test]
fn the_command_line_follows_too() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    let shell = Shell::new(&app.base);
    shell.file("token", &app.owner().token);
    let mut command = shell.command(["audit", "tail", "--recent", "1", "--token-file", "token"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it was built");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = |words: &str| {
        let found = lines.by_ref().map(|line| line.expect("text")).find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("{words} was not told"))
    };
    assert!(next("project.create").contains("ada@example.com"));
    ada.create_environment("shop", "dev", None);
    assert!(next("environment.create").contains("allowed"));
    child.kill().and_then(|()| child.wait()).expect("the process is ours");
    let refused = shell.run("audit tail --decision maybe --token-file token");
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
}

#[test]
fn an_export_is_a_file_of_lines_or_a_table_with_the_same_filters() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.post("/projects", json!({ "slug": "shop", "name": "=1+1" })).expect(201);
    ada.create_environment("shop", "dev", None);
    let lines = ada.get("/audit/export?action=project.create");
    assert_eq!(lines.header("content-disposition"), Some("attachment; filename=\"events.jsonl\""));
    assert_eq!(lines.text().lines().count(), 1, "{}", lines.text());
    let table = ada.get("/audit/export?format=csv&actor=ada@example.com&project=shop");
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8"));
    let rows: Vec<_> = table.text().split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows[0].starts_with("seq,at,actor_kind,"), "{rows:?}");
    assert!(rows[1].contains(",ada@example.com,project.create,allowed,"), "{rows:?}");
    let none = ada.get("/audit/export?format=csv&action=no.such");
    assert_eq!(none.text().lines().count(), 1, "only the names: {}", none.text());
}

#[test]
fn a_page_follows_pauses_and_is_told_when_it_is_over() {
    let tools = tools();
    assert!(tools.join("stamp").is_file(), "nothing to drive a browser with: run `make test-tools`");
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    let screenshots = crate::pages::screenshots();
    let ask = json!({
        "base": app.base, "screenshots": screenshots, "token": app.owner().token,
        "email": "ada@example.com", "password": PASSWORD,
    });
    let npm = tools.join("npm");
    let said = node("live.mjs", &[npm.to_str().expect("text")], &ask);
    let checks: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let failed: Vec<_> = checks.iter().filter(|check| check["ok"] != true).map(ToString::to_string).collect();
    assert!(failed.is_empty() && checks.len() >= 11, "{} checks:\n{}", checks.len(), failed.join("\n"));
}
