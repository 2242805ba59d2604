//! The client against a stub server: what it maps each kind of trouble to.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

/// Answers each connection in turn with one of `answers`, and returns the requests it saw.
fn stub(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                let n = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..n]);
            }
            seen.push(String::from_utf8_lossy(&request).into_owned());
            // The client may hang up first when it has read enough.
            let _ = stream.write_all(&answer);
        }
        seen
    });
    (url, server)
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

fn client(url: &str) -> Client {
    // Another test of this process may have been first; both install the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(url, Some(SecretString::new("hf_test".to_owned()))).unwrap()
}

#[test]
fn a_closed_port_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = client(&format!("http://127.0.0.1:{port}")).json(&Request::get(&["whoami"])).unwrap_err();
    assert_eq!(error.exit(), Exit::Unreachable);
    assert!(error.lines()[0].contains(&port.to_string()));
}

#[test]
fn a_problem_is_read_and_the_token_and_key_were_sent() {
    let body = r#"{"detail":"no such project","code":"project_not_found","status":404}"#;
    let (url, server) =
        stub(vec![answer("404 Not Found", "content-type: application/problem+json\r\nx-request-id: req_7\r\n", body)]);
    let error = client(&url).json(&Request::post(&["projects", "a/b", "restore"])).unwrap_err();
    assert_eq!((error.exit(), error.code()), (Exit::NotFound, Some("project_not_found")));
    assert_eq!(error.lines().last().map(String::as_str), Some("request: req_7"));
    let request = server.join().unwrap().remove(0);
    assert!(request.starts_with("POST /api/v1/projects/a%2Fb/restore HTTP/1.1"), "{request}");
    assert!(
        request.contains("authorization: Bearer hf_test") && request.contains("idempotency-key: req_"),
        "{request}"
    );
}

#[test]
fn a_proxy_page_is_an_error_of_its_own() {
    let (url, server) = stub(vec![answer("502 Bad Gateway", "content-type: text/html\r\n", "<h1>Bad Gateway</h1>")]);
    let error = client(&url).json(&Request::get(&["whoami"])).unwrap_err();
    assert_eq!(error.exit(), Exit::Unreachable);
    assert!(error.lines()[0].contains("502") && !error.lines()[0].contains("<h1>"));
    server.join().unwrap();
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let (url, server) = stub(vec![answer("302 Found", "location: http://127.0.0.1:1/steal\r\n", "")]);
    let error = client(&url).json(&Request::get(&["whoami"])).unwrap_err();
    assert!(error.lines()[1].contains("http://127.0.0.1:1/steal"), "{:?}", error.lines());
    assert_eq!(server.join().unwrap().len(), 1);
}

#[test]
fn a_success_that_is_not_json_is_refused() {
    let (url, server) = stub(vec![answer("200 OK", "", "hello")]);
    assert_eq!(client(&url).json(&Request::get(&["whoami"])).unwrap_err().exit(), Exit::Failed);
    server.join().unwrap();
}

#[test]
fn a_huge_answer_is_cut_off() {
    let mut huge = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    huge.resize(huge.len() + MAX_ANSWER + 1, b' ');
    let (url, server) = stub(vec![huge]);
    let error = client(&url).json(&Request::get(&["whoami"])).unwrap_err();
    assert!(error.lines()[0].contains("64 MiB"), "{:?}", error.lines());
    server.join().unwrap();
}

#[test]
fn a_server_that_hangs_up_is_unreachable() {
    let (url, server) = stub(vec![Vec::new()]);
    assert_eq!(client(&url).json(&Request::get(&["whoami"])).unwrap_err().exit(), Exit::Unreachable);
    server.join().unwrap();
}

#[test]
fn pages_are_joined_and_the_limit_holds() {
    let (url, server) = stub(vec![
        answer("200 OK", "", r#"{"items":[1,2],"next_cursor":"c 1"}"#),
        answer("200 OK", "", r#"{"items":[3],"next_cursor":null}"#),
        answer("200 OK", "", r#"{"items":[1,2],"next_cursor":"c1"}"#),
    ]);
    let client = client(&url);
    let list = |limit| client.list(|| Request::get(&["tokens"]), limit).unwrap();
    assert_eq!(list(1000)["items"], serde_json::json!([1, 2, 3]));
    assert_eq!(list(2), serde_json::json!({"items": [1, 2], "next_cursor": "c1"}));
    let seen = server.join().unwrap();
    assert!(seen[0].starts_with("GET /api/v1/tokens?limit=500 "), "{}", seen[0]);
    assert!(seen[1].starts_with("GET /api/v1/tokens?limit=500&cursor=c+1 "), "{}", seen[1]);
    assert!(seen[2].starts_with("GET /api/v1/tokens?limit=2 "), "{}", seen[2]);
}

#[test]
fn a_name_cannot_climb_out_of_its_path() {
    let base = parse_base("http://localhost:8420").unwrap();
    for name in ["", ".", ".."] {
        let error = Request::delete(&["projects", name]).url(&base).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage, "{name}");
    }
    let url = Request::get(&["projects", "%2e%2e/../x?y#z"]).query("path", "/a b&c").url(&base).unwrap();
    assert_eq!(url.as_str(), "http://localhost:8420/api/v1/projects/%252e%252e%2F..%2Fx%3Fy%23z?path=%2Fa+b%26c");
}

#[test]
fn a_base_path_is_kept_and_odd_urls_are_refused() {
    let base = parse_base("https://example.com/holdfast/").unwrap();
    assert_eq!(Request::get(&["whoami"]).url(&base).unwrap().as_str(), "https://example.com/holdfast/api/v1/whoami");
    for bad in ["", "example.com", "ftp://example.com", "http://a:b@example.com", "http://x/?q=1", "file:///etc/passwd"]
    {
        assert_eq!(parse_base(bad).unwrap_err().exit(), Exit::Usage, "{bad}");
    }
}

#[test]
fn a_patient_request_waits_where_the_server_says_too_often_and_others_are_told() {
    let busy =
        || answer("429 Too Many Requests", "retry-after: 0\r\n", r#"{"detail":"too often","code":"rate_limited"}"#);
    let (url, server) = stub(vec![busy(), busy(), answer("200 OK", "", r#"{"done":true}"#)]);
    let done = client(&url).json(&Request::post(&["import"]).patient()).unwrap();
    assert_eq!(done["done"], true);
    let seen = server.join().unwrap();
    let key = |request: &String| request.lines().find(|l| l.starts_with("idempotency-key")).map(str::to_owned);
    assert!(seen.len() == 3 && seen.iter().all(|r| key(r) == key(&seen[0])), "{seen:?}");
    let (url, server) = stub(vec![busy()]);
    let error = client(&url).json(&Request::post(&["import"])).unwrap_err();
    assert_eq!(error.code(), Some("rate_limited"));
    server.join().unwrap();
}
