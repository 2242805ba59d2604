//! The binary against a server that answers one thing: what reaches the program, and how the command ends.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

/// Answers one request with `status` and `body`; gives back the request.
fn stub(status: &str, body: &str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let n = stream.read(&mut buffer).expect("a request");
            request.extend_from_slice(&buffer[..n]);
            let text = String::from_utf8_lossy(&request);
            let (head, read) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if n == 0 || text.contains("\r\n\r\n") && read.len() >= length.unwrap_or(0) {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).expect("the client reads");
        String::from_utf8_lossy(&request).into_owned()
    });
    (url, server)
}

fn command(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOLDFAST_URL", url)
        .env("HOLDFAST_TOKEN", "hf_test")
        .env("HOLDFAST_CONFIG_DIR", "/nonexistent")
        .env("HOLDFAST_PROJECT", "shop")
        .env("HOLDFAST_ENVIRONMENT", "staging")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run_with(variables: &str, args: &[&str]) -> Output {
    let (url, server) = stub("200 OK", variables);
    let output = command(&url, args).env("GREETING", "outer").output().expect("the binary runs");
    assert!(
        server.join().expect("one request").starts_with("GET /api/v1/projects/shop/environments/staging/variables")
    );
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_program_gets_the_variables_and_not_the_token() {
    let variables = r#"{"variables":{"GREETING":"a b\n","RAW":"/w=="},"encodings":{"RAW":"base64"}}"#;
    let script = r#"printf '%s|%s|%s|%s' "$GREETING" "$RAW" "$HOLDFAST_TOKEN" "$HOLDFAST_URL""#;
    let output = run_with(variables, &["run", "--", "sh", "-c", script]);
    assert!(output.stdout.starts_with(b"a b\n|\xff||http://"), "{}", text(&output.stdout));
    let kept = run_with(variables, &["run", "--keep-token", "--exclude", "GREETING", "--", "sh", "-c", script]);
    assert!(kept.stdout.starts_with(b"outer|\xff|hf_test|"), "{}", text(&kept.stdout));
}

#[test]
fn the_program_ends_the_command_with_its_own_code_or_signal() {
    let none = r#"{"variables":{}}"#;
    assert_eq!(run_with(none, &["run", "--", "sh", "-c", "exit 42"]).status.code(), Some(42));
    assert_eq!(run_with(none, &["run", "--", "sh", "-c", "kill -TERM $$"]).status.signal(), Some(15));
    assert_eq!(run_with(none, &["run", "--", "no-such-program"]).status.code(), Some(127));
    assert_eq!(run_with(none, &["run", "--", "/etc/passwd"]).status.code(), Some(126));
}

#[test]
fn the_program_has_the_process_of_the_command() {
    let (url, server) = stub("200 OK", r#"{"variables":{}}"#);
    let child = command(&url, &["run", "--", "sh", "-c", "echo $$"]).spawn().expect("the binary runs");
    let id = child.id();
    let output = child.wait_with_output().expect("it ends");
    server.join().expect("one request");
    assert_eq!(text(&output.stdout).trim(), id.to_string());
}

#[test]
fn a_value_no_environment_can_hold_is_refused_by_name_before_anything_runs() {
    let output = run_with(r#"{"variables":{"KEY":"a\u0000b"}}"#, &["run", "--", "sh", "-c", "echo ran"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && text(&output.stderr).starts_with("error: KEY holds a NUL"));
}

#[test]
fn each_refusal_ends_with_its_exit_code_and_its_hint() {
    for (status, code) in [("404 Not Found", 3), ("403 Forbidden", 4), ("409 Conflict", 5), ("422 Unprocessable", 1)] {
        let body = r#"{"detail":"it is so","code":"some_code","hint":"do this","request_id":"req_1"}"#;
        let (url, server) = stub(status, body);
        let output = command(&url, &["projects", "show"]).output().expect("the binary runs");
        server.join().expect("one request");
        assert_eq!(output.status.code(), Some(code), "{status}");
        assert_eq!(text(&output.stderr), "error: it is so\nhint: do this\nrequest: req_1\n");
        assert!(output.stdout.is_empty());
    }
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let output = command(&format!("http://{gone}"), &["projects", "show"]).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(6));
}

#[test]
fn a_value_from_stdin_loses_one_line_end_unless_raw() {
    for (args, sent) in [(&["secrets", "set", "KEY"][..], "x\\n"), (&["secrets", "set", "KEY", "--raw"], "x\\n\\n")] {
        let (url, server) = stub("200 OK", r#"{"name":"KEY","version":1}"#);
        let mut child = command(&url, args).stdin(Stdio::piped()).spawn().expect("the binary runs");
        child.stdin.take().expect("a pipe").write_all(b"x\n\n").expect("it reads");
        assert!(child.wait_with_output().expect("it ends").status.success());
        let request = server.join().expect("one request");
        assert!(request.starts_with("PUT ") && request.ends_with(&format!(r#"{{"value":"{sent}"}}"#)), "{request}");
    }
}

#[test]
fn a_reader_that_stops_is_no_error() {
    let items: Vec<_> = (0..20_000).map(|n| format!(r#"{{"name":"NAME_{n}","path":"/","version":1}}"#)).collect();
    let (url, server) = stub("200 OK", &format!(r#"{{"items":[{}],"next_cursor":null}}"#, items.join(",")));
    let mut child = command(&url, &["secrets", "list"]).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    server.join().expect("one request");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}
