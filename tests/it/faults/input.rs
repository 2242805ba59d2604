//! Input that is malformed, too much, or means to be: refused with a code, nothing kept of it.

use super::shop;
use crate::support::api::{Api, environment, refused, secret};
use crate::support::http::Response;
use data_encoding::BASE64;
use serde_json::{Value, json};

const STAGING: &str = "shop/staging";
const MIB: usize = 1024 * 1024;

fn import(owner: &Api, format: &str, content: &str) -> Response {
    owner.post("/projects/shop/environments/staging/import", json!({ "format": format, "content": content }))
}

fn batch(owner: &Api, items: Value) -> Response {
    owner.post("/projects/shop/environments/staging/secrets/batch", json!({ "items": items }))
}

/// Panics unless the environment has no secret and no folder.
fn empty(owner: &Api) {
    assert_eq!(owner.list(STAGING), Vec::<Value>::new());
    let folders = owner.get(&format!("{}/folders", environment(STAGING))).expect(200);
    assert_eq!(folders["items"], json!([]), "{folders}");
}

#[test]
fn path_tricks_in_folders_reach_nothing() {
    let (_server, owner) = shop();
    let tricks = [
        "..",
        "/..",
        "/a/..",
        "/a/../b",
        "/./a",
        "//",
        "//a",
        "/a//b",
        "/a/",
        "a",
        "/.hidden",
        "\\a",
        "/a\\b",
        "/a b",
        "/a\u{2215}b",
        "/\u{ff0e}\u{ff0e}",
        "/a\n",
        "/a:b",
        "/${A}",
        "/%2e%2e",
        "/a%2fb",
        "/\u{430}pi",
        "/-a",
    ];
    for trick in tricks {
        let escaped = percent(trick);
        for method in ["PUT", "GET", "DELETE"] {
            let body = (method == "PUT").then(|| json!({ "value": "x" }));
            let answer = owner.send(method, &format!("{}?path={escaped}", secret(STAGING, "A")), body.as_ref());
            refused(&answer, 400, "invalid_value");
        }
        refused(&owner.get(&format!("{}/variables?path={escaped}", environment(STAGING))), 400, "invalid_value");
        refused(
            &owner.post(&format!("{}/folders", environment(STAGING)), json!({ "path": trick })),
            400,
            "invalid_value",
        );
        refused(&batch(&owner, json!([{ "name": "A", "path": trick, "value": "x" }])), 400, "invalid_value");
    }
    empty(&owner);
}

#[test]
fn path_tricks_in_names_reach_nothing() {
    let (_server, owner) = shop();
    owner.set(STAGING, "REAL", "kept");
    for trick in ["..", ".", "a", "A-B", "A B", "1A", "A=B", "A\n", "\u{410}", "A/B", "../REAL", "%2e%2e", "A%00"] {
        let path = format!("{}/secrets/{}", environment(STAGING), percent(trick));
        let answer = owner.send("PUT", &path, Some(&json!({ "value": "x" })));
        assert!(matches!(answer.status, 400 | 404 | 405), "{trick:?}: {}", answer.text());
        refused(&batch(&owner, json!([{ "name": trick, "value": "x" }])), 400, "invalid_value");
    }
    for trick in ["..", "%2e%2e", "%2e%2e%2fshop", "sh%6fp%00", "SHOP", "shop%2fstaging", "*", "shop'--"] {
        let answer = owner.get(&format!("/projects/{trick}/environments/staging/secrets"));
        assert!(matches!(answer.status, 400 | 404), "{trick:?}: {} {}", answer.status, answer.text());
    }
    let names: Vec<_> = owner.list(STAGING).into_iter().map(|item| item["name"].clone()).collect();
    assert_eq!(names, ["REAL"]);
}

/// Percent-encodes every byte: what a client does that escapes too much, and an attacker who hopes for a second decoding.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}

#[test]
fn nul_and_bytes_that_are_no_text_are_values_only_when_they_say_so() {
    let (_server, owner) = shop();
    let bytes: Vec<u8> = (0..=255).collect();
    owner.write(STAGING, "BYTES", json!({ "value": BASE64.encode(&bytes), "encoding": "base64" }));
    let read = owner.reveal(STAGING, "BYTES").expect(200);
    assert_eq!((read["value"].as_str(), &read["encoding"]), (Some(BASE64.encode(&bytes).as_str()), &json!("base64")));
    owner.write(STAGING, "NUL", json!({ "value": "a\0b" }));
    assert_eq!(owner.value(STAGING, "NUL"), "a\0b");
    let path = secret(STAGING, "RAW");
    let bearer = format!("Bearer {}", owner.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    refused(&owner.raw("PUT", &path, &headers, b"{\"value\":\"\xff\xfe\"}"), 400, "json_invalid");
    refused(&owner.put(STAGING, "RAW", json!({ "value": "not base64!", "encoding": "base64" })), 400, "base64_invalid");
    for address in ["/projects/shop%00/environments", "/projects/%ff/environments", "/projects/%zz/environments"] {
        let answer = owner.get(address);
        assert!(matches!(answer.status, 400 | 404), "{address}: {}", answer.text());
    }
    refused(&owner.reveal(STAGING, "RAW"), 404, "secret_not_found");
    // A program's environment and a dotenv file cannot hold it: both say which name.
    let dotenv = owner.get(&format!("{}/variables?format=dotenv", environment(STAGING)));
    assert!(refused(&dotenv, 422, "format_not_representable")["detail"].as_str().expect("words").contains("BYTES"));
}

#[test]
fn a_value_of_64_kib_is_kept_and_one_byte_more_is_not() {
    let (_server, owner) = shop();
    let longest = "v".repeat(64 * 1024);
    owner.set(STAGING, "LONGEST", &longest);
    assert_eq!(owner.value(STAGING, "LONGEST"), longest);
    let too_long = format!("{longest}v");
    refused(&owner.put(STAGING, "LONGER", json!({ "value": too_long })), 413, "value_too_long");
    refused(&batch(&owner, json!([{ "name": "LONGER", "value": too_long }])), 413, "value_too_long");
    let answer = import(&owner, "dotenv", &format!("LONGER='{too_long}'"));
    assert_eq!(answer.status, 413, "{}", answer.text());
    refused(&owner.reveal(STAGING, "LONGER"), 404, "secret_not_found");
    // Two that are fine alone are too much together: the read says so and names it.
    owner.set(STAGING, "PART", "${LONGEST}${LONGEST}");
    let mut fields = json!({ "value": "" });
    fields["value"] = json!("${PART}".repeat(9));
    refused(&owner.put(STAGING, "WHOLE", fields), 422, "reference_broken");
}

#[test]
fn a_batch_of_10_001_is_refused_whole_and_one_of_10_000_is_not() {
    let (_server, owner) = shop();
    let items =
        |count: usize| json!((0..count).map(|n| json!({ "name": format!("N_{n}"), "value": "v" })).collect::<Vec<_>>());
    refused(&batch(&owner, items(10_001)), 413, "batch_too_large");
    empty(&owner);
    let answer = batch(&owner, items(10_000)).expect(200);
    assert_eq!(answer["counts"]["add"], 10_000);
    let lines = (0..10_001).map(|n| format!("N_{n}=v\n")).collect::<Vec<_>>().concat();
    refused(&import(&owner, "dotenv", &lines), 413, "format_too_large");
    let twice = batch(&owner, json!([{ "name": "A", "value": "1" }, { "name": "A", "value": "2" }]));
    refused(&twice, 400, "duplicate_name");
}

#[test]
fn a_body_over_its_limit_is_refused_before_it_is_read_to_its_end() {
    let (_server, owner) = shop();
    let bearer = format!("Bearer {}", owner.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = secret(STAGING, "A");
    let body = format!("{{\"value\":\"{}\"}}", "v".repeat(MIB));
    refused(&owner.raw("PUT", &path, &headers, body.as_bytes()), 413, "body_too_large");
    let bulk = format!("{}/secrets/batch", environment(STAGING));
    let body = format!("{{\"items\":[{{\"name\":\"A\",\"value\":\"{}\"}}]}}", "v".repeat(32 * MIB));
    refused(&owner.raw("POST", &bulk, &headers, body.as_bytes()), 413, "body_too_large");
    empty(&owner);
    owner.set(STAGING, "A", "after all that");
}

#[test]
fn bombs_do_not_go_off() {
    let (_server, owner) = shop();
    let bearer = format!("Bearer {}", owner.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    assert_eq!(owner.raw("PUT", &secret(STAGING, "A"), &headers, &deep).status, 400);
    let deep = format!("{{\"value\":{}{}}}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
    assert_eq!(owner.raw("PUT", &secret(STAGING, "A"), &headers, deep.as_bytes()).status, 400);
    let nested = format!("{}1{}", "{\"A\":".repeat(5_000), "}".repeat(5_000));
    assert!(matches!(import(&owner, "json", &nested).status, 400 | 413));
    let laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                  d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nA: *e\n";
    assert!(matches!(import(&owner, "yaml", laughs).status, 400 | 413));
    // Scalars, too: a thousand aliases of 60 KiB are 60 MB.
    let wide = format!("A: &a '{}'\n", "v".repeat(60_000));
    let wide = wide + &(0..1_000).map(|n| format!("B_{n}: *a\n")).collect::<Vec<_>>().concat();
    assert!(matches!(import(&owner, "yaml", &wide).status, 400 | 413));
    let deep = format!("A: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(matches!(import(&owner, "yaml", &deep).status, 400 | 413));
    empty(&owner);
    owner.set(STAGING, "A", "after all that");
}

#[test]
fn a_dotenv_file_with_an_unclosed_quote_names_the_line_and_imports_nothing() {
    let (_server, owner) = shop();
    let answer = import(&owner, "dotenv", "FIRST=1\n\n# a comment\nBROKEN=\"hush, never closed\nLAST=2\n");
    let problem = refused(&answer, 400, "format_unclosed_quote");
    let detail = problem["detail"].as_str().expect("words");
    assert!(detail.contains("line 4") && detail.contains("BROKEN"), "{detail}");
    assert!(!answer.text().contains("hush"), "a value was repeated: {}", answer.text());
    for (format, content, code) in [
        ("dotenv", "GOOD=1\nno equals sign\n", "format_syntax"),
        ("json", "{\"GOOD\":\"1\",\"GOOD\":\"2\"}", "format_duplicate_name"),
        ("json", "{\"GOOD\":\"1\",", "format_syntax"),
        ("json", "{\"GOOD\":\"1\",\"BAD\":[1]}", "format_invalid_value"),
        ("yaml", "GOOD: '1'\nBAD: [1]\n", "format_invalid_value"),
    ] {
        refused(&import(&owner, format, content), 400, code);
    }
    empty(&owner);
}

#[test]
fn what_is_unknown_in_a_request_is_named_and_no_value_is_repeated() {
    let (_server, owner) = shop();
    let problem = refused(&owner.put(STAGING, "A", json!({ "value": "hush", "vlaue": "hush" })), 400, "unknown_field");
    assert_eq!(problem["errors"][0]["field"], "vlaue");
    let answer = owner.put(STAGING, "A", json!({ "value": ["hush"] }));
    refused(&answer, 400, "body_invalid");
    assert!(!answer.text().contains("hush"), "{}", answer.text());
    let answer = owner.put(STAGING, "A", json!({ "value": "${hush hush" }));
    refused(&answer, 400, "reference_syntax");
    assert!(!answer.text().contains("hush hush"), "{}", answer.text());
    let bearer = format!("Bearer {}", owner.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/plain")];
    refused(&owner.raw("PUT", &secret(STAGING, "A"), &headers, b"hush"), 415, "unsupported_media_type");
    refused(&owner.send("PATCH", &secret(STAGING, "A"), Some(&json!({}))), 405, "method_not_allowed");
    refused(&owner.get("/no/such/endpoint"), 404, "endpoint_not_found");
    empty(&owner);
}
