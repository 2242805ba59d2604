//! What every answer says to a browser, whatever the route and however it ends; and that looking changes nothing.

use std::collections::BTreeMap;

use holdfast::db::DbError;
use rusqlite::types::Value as Cell;
use serde_json::Value;

use super::routes;
use super::world::World;
use crate::support::app::TestApp;
use crate::support::http::{self, Response};

/// What looking may leave behind: that somebody looked (the ledger), and when something was used last.
const NOTES: &[&str] = &["credential_uses", "secret_uses", "moments", "recorded_writes", "sign_in_tries"];

/// Every operation of the API as method and path, with names that lead somewhere where the world has some.
fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(holdfast::http::document()).expect("JSON");
    let names = [
        ("{project}", "shop"),
        ("{environment}", "staging"),
        ("{name}", "REDIS_URL"),
        ("{organization}", "acme"),
        ("{service_account}", "ci"),
        ("{role}", "viewer"),
        ("{job}", "checkpoint"),
        ("{event}", "0"),
    ];
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let mut path = path.clone();
        for (name, sample) in names {
            path = path.replace(name, sample);
        }
        let path = path.replace(['{', '}'], "");
        // A stream has no end.
        if path.ends_with("/stream") {
            continue;
        }
        all.extend(item.as_object().expect("operations").keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    assert!(all.len() > 100, "the document lost its operations");
    all
}

/// The pages with samples in place of names, as addresses.
fn addresses(world: &World) -> Vec<String> {
    let pages = routes().iter().flat_map(|route| world.samples(route)).collect::<Vec<_>>();
    pages.iter().map(|page| page["url"].as_str().expect("an address").to_owned()).collect()
}

fn send(app: &TestApp, method: &str, path: &str, token: &str, accept: &str) -> Response {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("accept", accept)];
    if !token.is_empty() {
        headers.push(("authorization", bearer.as_str()));
    }
    http::send(&app.base, method, path, &headers, b"")
}

fn lacking(answer: &Response, https: bool) -> Vec<String> {
    let mut lacking = Vec::new();
    let mut want = |name: &str, fits: &dyn Fn(&str) -> bool| {
        let found = answer.header(name).unwrap_or("none");
        if !fits(found) {
            lacking.push(format!("{name}: {found}"));
        }
    };
    want("x-content-type-options", &|v| v == "nosniff");
    want("content-security-policy", &|v| {
        v.contains("default-src 'none'") && v.contains("frame-ancestors 'none'") && !v.contains("unsafe")
    });
    want("referrer-policy", &|v| matches!(v, "no-referrer" | "same-origin"));
    want("cross-origin-resource-policy", &|v| v == "same-origin");
    want("cross-origin-opener-policy", &|v| v == "same-origin");
    want("cache-control", &|v| v.contains("no-store") || v.contains("no-cache") || v.contains("immutable"));
    want("x-request-id", &|v| v != "none");
    want("content-type", &|v| !v.starts_with("text/") || v.contains("charset=utf-8"));
    want("access-control-allow-origin", &|v| v == "none");
    let year = |v: &str| {
        let age = v.split(';').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<u64>().ok());
        age.is_some_and(|age| age >= 31_536_000) && v.contains("includeSubDomains")
    };
    want("strict-transport-security", &|v| if https { year(v) } else { v == "none" });
    lacking
}

#[test]
fn every_answer_of_every_route_has_its_headers_under_tls_and_without() {
    for https in [false, true] {
        let url = [("HOLDFAST_SERVER_PUBLIC_URL", "https://holdfast.example")];
        let app = if https { TestApp::with(&url) } else { TestApp::start() };
        let world = World::build(&app);
        let (owner, viewer) = (world.owner.token.as_str(), world.viewer.token.as_str());
        let mut wrong = Vec::new();
        let mut statuses = BTreeMap::<u16, u32>::new();
        let mut look = |method: &str, path: &str, token: &str, accept: &str| {
            let answer = send(&app, method, path, token, accept);
            *statuses.entry(answer.status).or_default() += 1;
            let lacking = lacking(&answer, https);
            if path.starts_with("/api/") && (300..400).contains(&answer.status) {
                wrong.push(format!("{method} {path} leads elsewhere: {}", answer.status));
            }
            if !lacking.is_empty() {
                wrong.push(format!("{method} {path} {}: {}", answer.status, lacking.join(", ")));
            }
        };
        for path in addresses(&world) {
            look("GET", &path, owner, "text/html");
            look("GET", &path, viewer, "text/html");
            look("GET", &path, "", "text/html");
            look("PATCH", &path, owner, "text/html");
            look("POST", &path, "", "text/html");
        }
        for (method, path) in operations() {
            // Without a token nothing is done: the headers are those of every refusal.
            look(&method, &path, "", "application/json");
            if method == "GET" {
                look(&method, &path, owner, "application/json");
            }
        }
        for path in
            ["/healthz", "/readyz", "/metrics", "/nothing", "/api/v1/nothing", "/assets/ui/no.0.css", "/help/no"]
        {
            look("GET", path, "", "*/*");
            look("TRACE", path, "", "*/*");
        }
        look("GET", "/", "hf_pat_wrong", "text/html");
        assert!(wrong.is_empty(), "{} answers:\n{}", wrong.len(), wrong.join("\n"));
        for status in [200, 303, 400, 401, 403, 404, 405] {
            assert!(statuses.contains_key(&status), "no answer with {status}: {statuses:?}");
        }
    }
}

/// Every row of every table, as text.
fn tables(app: &TestApp) -> BTreeMap<String, Vec<String>> {
    let read = app.core.db.read(|reader| {
        let sql = reader.sql();
        let mut named =
            sql.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
        let names = named.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut all = BTreeMap::new();
        for name in names.into_iter().filter(|name| !name.starts_with("ledger_") && !NOTES.contains(&name.as_str())) {
            let mut rows = sql.prepare(&format!("SELECT * FROM \"{name}\""))?;
            let width = rows.column_count();
            let told = rows.query_map([], |row| {
                let cells = (0..width).map(|at| row.get::<_, Cell>(at)).collect::<Result<Vec<_>, _>>()?;
                Ok(format!("{cells:?}"))
            })?;
            let mut told = told.collect::<Result<Vec<_>, _>>()?;
            told.sort_unstable();
            all.insert(name, told);
        }
        Ok::<_, DbError>(all)
    });
    read.expect("the database is readable")
}

#[test]
fn looking_at_every_page_and_every_answer_changes_nothing() {
    let app = TestApp::start();
    let world = World::build(&app);
    let before = tables(&app);
    assert!(before.len() > 40 && before["secrets"].len() > 10, "the tables were read");
    let mut looked = 0;
    for path in addresses(&world) {
        for token in [&world.owner.token, &world.viewer.token] {
            let answer = send(&app, "GET", &path, token, "text/html");
            assert!(answer.status < 500, "{path}: {}", answer.status);
            looked += u32::from(answer.status == 200);
        }
    }
    let ours = addresses(&world).len();
    for (method, path) in operations() {
        if method == "GET" {
            looked += u32::from(send(&app, "GET", &path, &world.owner.token, "application/json").status == 200);
        }
    }
    // What acts does so by POST: the same address asked by GET is not taken.
    let acts = ["/sign-out", "/theme", "/projects/shop/environments/staging/lock", "/jobs/checkpoint/run"];
    for path in acts {
        assert_eq!(send(&app, "GET", path, &world.owner.token, "text/html").status, 405, "{path}");
    }
    assert!(looked as usize > ours, "{looked} answers were looked at");
    let after = tables(&app);
    let changed: Vec<_> = before.keys().filter(|name| before[*name] != after[*name]).collect();
    assert!(changed.is_empty(), "looking changed {changed:?}");
    assert_eq!(before.len(), after.len());
}

#[test]
fn signing_out_clears_what_the_browser_kept() {
    let app = TestApp::start();
    let browser = crate::support::browser::Browser::signed_in(&app, "ada@example.com");
    let body = format!("csrf_token={}", browser.csrf);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let out = browser.raw("POST", "/sign-out", &headers, body.as_bytes());
    assert_eq!((out.status, out.header("clear-site-data")), (303, Some("\"cache\", \"storage\"")));
}

#[test]
fn a_large_page_is_packed_only_where_that_tells_nothing() {
    let app = TestApp::start();
    let world = World::build(&app);
    let place = "/projects/shop/environments/staging";
    let browser = crate::support::browser::Browser::signed_in(&app, "ada@example.com");
    let ask = |path: &str, more: &[(&str, &str)]| {
        let headers = [&[("accept", "text/html"), ("accept-encoding", "gzip")], more].concat();
        browser.raw("GET", path, &headers, b"")
    };
    let packed = ask(place, &[("sec-fetch-site", "same-origin")]);
    assert_eq!((packed.status, packed.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(packed.header("vary"), Some("accept-encoding"));
    assert_eq!(packed.body[..2], [0x1f, 0x8b]);
    let reflecting = ask(&format!("{place}?q=guess"), &[("sec-fetch-site", "same-origin")]);
    assert_eq!((reflecting.status, reflecting.header("content-encoding")), (200, None), "what was asked is in it");
    let navigated = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let led = ask(place, &navigated);
    assert_eq!((led.status, led.header("content-encoding")), (200, None), "another site asked");
    let form = format!("csrf_token={}", browser.csrf);
    let headers = [
        ("accept", "text/html"),
        ("accept-encoding", "gzip"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
    ];
    let shown = browser.raw("POST", &format!("{place}/secrets/REDIS_URL/reveal"), &headers, form.as_bytes());
    assert_eq!((shown.status, shown.header("content-encoding")), (200, None), "a value is in it");

    // The token of the forms is another text in each answer, and each of them is taken.
    let token = || {
        let page = browser.raw("GET", place, &[("accept", "text/html")], b"");
        let text = page.text().to_owned();
        text.split("name=\"csrf\" content=\"").nth(1).expect("a token").split('"').next().expect("its end").to_owned()
    };
    let (one, other) = (token(), token());
    assert!(one != other && one.len() == 128 && !one.contains(&browser.csrf), "{one} {other}");
    for (given, status) in [(&one, 303), (&other, 303), (&"0".repeat(128), 403), (&one[..64].to_owned(), 403)] {
        let form = format!("csrf_token={given}&theme=dark");
        assert_eq!(browser.raw("POST", "/theme", &headers, form.as_bytes()).status, status, "{given}");
    }
    drop(world);
}
