//! Running it: health, logs, configuration, certificates, the stop, and what an operator does when something is wrong.

use crate::support::api::{Api, environment, refused, secret};
use crate::support::cli::Shell;
use crate::support::data::{change, doctor};
use crate::support::http;
use crate::support::server::Server;
use data_encoding::BASE64;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

const STAGING: &str = "shop/staging";

fn staging(server: &Server) -> Api {
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment(STAGING, json!({}));
    owner
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn health_needs_no_token_and_no_owner_and_the_rest_needs_both() {
    let server = Server::start();
    for (path, words) in [("/healthz", "ok"), ("/readyz", "ok"), ("/metrics", "holdfast_")] {
        let answer = server.request("GET", path, None, None);
        assert!(answer.status == 200 && answer.text().contains(words), "{path}: {}", answer.text());
    }
    for (method, path) in [("GET", "/api/v1/whoami"), ("POST", "/api/v1/projects"), ("GET", "/api/v1/audit/events")] {
        refused(&server.request(method, path, None, None), 503, "setup_required");
    }
    let owner = staging(&server);
    refused(&server.request("GET", "/api/v1/projects", None, None), 401, "authentication_required");
    owner.set(STAGING, "NAME", "counted, not shown");
    owner.value(STAGING, "NAME");
    let metrics = server.request("GET", "/metrics", None, None);
    assert!(metrics.header("content-type").is_some_and(|kind| kind.contains("text")), "{:?}", metrics.headers);
    let metrics = metrics.text();
    assert!(metrics.contains("/secrets/{name}"), "routes are counted by their pattern:\n{metrics}");
    for hidden in ["counted, not shown", owner.token(), "/secrets/NAME"] {
        assert!(!metrics.contains(hidden), "{hidden} in:\n{metrics}");
    }
}

#[test]
fn a_stop_finishes_the_request_it_finds_and_ends_well() {
    let server = Server::start();
    let owner = staging(&server);
    let body = json!({ "value": "finished" }).to_string();
    let mut late = begun(&server, &owner, "LATE", body.len());
    server.terminate();
    server.wait_for("stopping");
    late.get_mut().write_all(body.as_bytes()).expect("the connection is kept");
    let mut answer = String::new();
    late.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(server.wait().success());
}

#[test]
fn a_request_that_never_ends_does_not_keep_the_server() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let server = Server::start_in(&data, &[("HOLDFAST_SERVER_GRACEFUL_STOP_SECONDS", "1")]);
    let owner = staging(&server);
    owner.set(STAGING, "KEPT", "acknowledged");
    let _stuck = begun(&server, &owner, "STUCK", 1_000);
    let token = owner.token().to_owned();
    assert!(server.stop().success(), "within its limit, and with a good end");
    assert!(!data.join("address").exists() && !data.join("control.sock").exists(), "nothing points to what is gone");
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), &token);
    assert_eq!(owner.value(STAGING, "KEPT"), "acknowledged");
    refused(&owner.reveal(STAGING, "STUCK"), 404, "secret_not_found");
}

/// A write whose headers the server has read and whose body of `length` bytes it waits for.
fn begun(server: &Server, owner: &Api, name: &str, length: usize) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.base().trim_start_matches("http://")).expect("it listens");
    let head = format!(
        "PUT /api/v1{} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
        secret(STAGING, name),
        owner.token()
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("it asks for the body");
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    reader.read_line(&mut line).expect("and ends with an empty line");
    reader
}

#[test]
fn a_configuration_that_is_wrong_names_the_nearest_key_and_does_not_start() {
    let operator = Shell::offline();
    let file = operator.file("wrong.toml", "[server]\nlistn = \"127.0.0.1:1\"\n");
    let done = operator.run("config check wrong.toml");
    done.refused(2, "server.listn");
    assert!(done.stderr.contains("`server.listen`") && done.stderr.contains("wrong.toml"), "{}", done.stderr);
    operator.file("section.toml", "[sever]\nlisten = \"127.0.0.1:1\"\n");
    let done = operator.run("config check section.toml");
    done.refused(2, "sever");
    assert!(done.stderr.contains("server"), "{}", done.stderr);
    operator.file("value.toml", "[rate_limits]\nenabled = \"perhaps\"\n");
    operator.run("config check value.toml").refused(2, "rate_limits.enabled");
    operator.run("config check nowhere.toml").expect(2);
    operator.file("right.toml", "[server]\nlisten = \"127.0.0.1:1\"\n[log]\nformat = \"json\"\n");
    operator.run("config check right.toml").expect(0);
    let shown = operator.run("config show --config right.toml --json").json();
    let listen = shown["settings"].as_array().expect("settings").iter().find(|s| s["key"] == "server.listen");
    assert_eq!(listen.expect("shown")["value"], "127.0.0.1:1");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let refusal = Server::refused(&dir.path().join("data"), &["--config", &text(&file)], &[]);
    assert!(refusal.code == Some(1) && refusal.stderr.contains("listn"), "{refusal:?}");
    assert_eq!(refusal.stderr.trim_end().lines().count(), 1, "{}", refusal.stderr);
    assert!(!dir.path().join("data").exists(), "nothing was made");
    // A variable that is none is worth a warning, not a stop: others may use the prefix.
    let server = Server::start_in(&dir.path().join("data"), &[("HOLDFAST_SERVER_LISTN", "127.0.0.1:1")]);
    assert!(server.log().contains("HOLDFAST_SERVER_LISTN"), "{}", server.log());
}

#[test]
fn a_listener_others_can_reach_needs_tls_or_the_word_for_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let refusal = Server::refused(&data, &["--listen", listen], &[]);
        assert_eq!(refusal.code, Some(1), "{refusal:?}");
        assert!(refusal.stderr.contains("--insecure-listen") && refusal.stderr.contains("TLS"), "{}", refusal.stderr);
        assert_eq!(refusal.stderr.trim_end().lines().count(), 1, "{}", refusal.stderr);
    }
    assert!(!data.exists(), "nothing was made");
    // Told so, it gets as far as the address, which is nobody's.
    let refusal = Server::refused(&data, &["--listen", "192.0.2.1:0", "--insecure-listen"], &[]);
    assert!(refusal.stderr.contains("cannot listen on 192.0.2.1:0"), "{}", refusal.stderr);
}

#[test]
fn tls_by_two_files() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let write = |name: &str, content: String, mode: u32| {
        let path = dir.path().join(name);
        fs::write(&path, content).expect("ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        text(&path)
    };
    let cert = write("cert.pem", made.cert.pem(), 0o644);
    let key = write("key.pem", made.signing_key.serialize_pem(), 0o600);
    let data = dir.path().join("data");
    let server = Server::start_in(&data, &[("HOLDFAST_TLS_CERT", &cert), ("HOLDFAST_TLS_KEY", &key)]);
    let address = server.base().strip_prefix("https://").expect("the address says so").to_owned();

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = StreamOwned::new(connection, TcpStream::connect(&address).expect("it listens"));
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    // A peer that closes without the TLS word for it has still said all it had to.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    // Plain words on that port are not answered as if they were private.
    let plain = http::try_send(&format!("http://{address}"), "GET", "/healthz", &[], b"");
    assert!(plain.as_ref().map_or(true, |answer| answer.status != 200), "{plain:?}");
    assert!(server.stop().success());

    // What cannot be served is refused before anything listens.
    let others = write("open.pem", fs::read_to_string(&key).expect("ours"), 0o644);
    let no_key = write("none.pem", "-----BEGIN NOTHING-----\n-----END NOTHING-----\n".to_owned(), 0o600);
    let another = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let another = write("another.pem", another.signing_key.serialize_pem(), 0o600);
    for (what, cert, key) in [
        ("a key others can read", &cert, &others),
        ("no key", &cert, &no_key),
        ("the key of another certificate", &cert, &another),
        ("no certificate", &no_key, &key),
    ] {
        let refusal = Server::refused(&data, &[], &[("HOLDFAST_TLS_CERT", cert), ("HOLDFAST_TLS_KEY", key)]);
        assert_eq!(refusal.code, Some(1), "{what}: {refusal:?}");
        assert_eq!(refusal.stderr.trim_end().lines().count(), 1, "{what}: {}", refusal.stderr);
    }
    let half = Server::refused(&data, &[], &[("HOLDFAST_TLS_CERT", &cert)]);
    assert!(half.stderr.contains("tls.key"), "{}", half.stderr);
}

/// The distinctive words of this test: what no log and no file may hold in clear.
struct Words {
    password: String,
    values: Vec<String>,
    tokens: Vec<String>,
}

impl Words {
    /// Panics if one of them, or its base64, is in these bytes.
    fn absent(&self, place: &str, bytes: &[u8]) {
        let all = self.values.iter().chain(&self.tokens).chain([&self.password]);
        for word in all {
            for form in [word.clone(), BASE64.encode(word.as_bytes())] {
                let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
                assert!(!found, "{form} stands in {place}");
            }
        }
    }

    fn absent_below(&self, data: &Path) {
        let mut count = 0;
        for entry in fs::read_dir(data).expect("ours") {
            let path = entry.expect("readable").path();
            if path.is_file() {
                self.absent(&text(&path), &fs::read(&path).expect("ours"));
                count += 1;
            }
        }
        assert!(count >= 3, "the database, its log and more: {count} files");
    }
}

#[test]
fn neither_logs_nor_files_hold_a_value_a_token_or_a_password() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let server = Server::start_in(&data, &[("HOLDFAST_LOG_LEVEL", "trace")]);
    let ada = Shell::new(server.base());
    let password = "juniper otter lantern quarry";
    let value = |n: u32| format!("distinctive-value-{n}-of-this-very-test");
    ada.file("pw.txt", password);
    ada.file(".env", format!("PLAIN={}\nBUILT=\"x-${{PLAIN}}\"\nQUOTED='{}'\n", value(1), value(2)));
    let setup = text(&data.join("setup-token"));
    let init = format!(
        "init --json --setup-token-file {setup} --organization acme --email ada@example.com --password-file pw.txt"
    );
    let owner = Api::new(server.base(), ada.run(&init).json()["token"].as_str().expect("shown once"));
    ada.run("projects create shop").expect(0);
    ada.run("environments create staging --project shop").expect(0);
    ada.run("import .env --project shop --environment staging").expect(0);
    ada.feed("secrets set TYPED --project shop --environment staging", value(3).as_bytes()).expect(0);
    ada.run("setup --project shop --environment staging").expect(0);
    assert!(ada.run("run -- env").expect(0).contains(&value(3)));
    for format in ["dotenv", "json", "yaml", "shell", "docker"] {
        assert!(ada.run(&format!("export --format {format}")).expect(0).contains(&value(1)));
    }
    // Requests that fail with a value in them, and tokens that open nothing.
    owner.put(STAGING, "BROKEN", json!({ "value": format!("{} ${{NOBODY}}", value(4)) })).expect(422);
    owner.put(STAGING, "WRONG", json!({ "value": [value(5)] })).expect(400);
    owner
        .post(
            &format!("{}/import", environment(STAGING)),
            json!({ "format": "dotenv", "content": format!("A=\"{}", value(6)) }),
        )
        .expect(400);
    let bearer = format!("Bearer {}", owner.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    owner.raw("PUT", &secret(STAGING, "CUT"), &headers, format!("{{\"value\":\"{}", value(7)).as_bytes()).expect(400);
    owner.write(STAGING, "SEALED", json!({ "value": value(8), "visibility": "restricted" }));
    owner.delete(&secret(STAGING, "QUOTED")).expect(200);
    let machine = owner.machine("ci", "developer", json!({ "project": "shop" }));
    machine.get(&format!("{}/variables?withheld=omit", environment(STAGING))).expect(200);
    let damaged = format!("{}x", owner.token());
    owner.with_token(&damaged).get("/whoami").expect(401);
    let keyed =
        owner.send_with("POST", "/tokens", &[("idempotency-key", "k")], &json!({ "name": "laptop" })).expect(201);
    let laptop = keyed["token"].as_str().expect("shown once").to_owned();
    let request = owner.get("/whoami").header("x-request-id").expect("every answer has one").to_owned();

    let tokens = vec![owner.token().to_owned(), machine.token().to_owned(), laptop];
    let words = Words { password: password.to_owned(), values: (1..=8).map(value).collect(), tokens };
    words.absent_below(&data);
    server.wait_for(&request);
    words.absent("the log", server.log().as_bytes());
    for line in server.log().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["message"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(!owner.get("/audit/events?limit=500").text().contains("distinctive-value"));
    assert!(server.stop().success());
    words.absent_below(&data);
}

fn problems(report: &Value) -> Vec<(String, String)> {
    let checks = report["checks"].as_array().unwrap_or_else(|| panic!("{report}"));
    let problems = checks.iter().filter(|check| check["severity"] == "problem");
    problems
        .map(|check| {
            (check["name"].as_str().expect("a name").to_owned(), check["fix"].as_str().unwrap_or("").to_owned())
        })
        .collect()
}

#[test]
fn doctor_finds_nothing_on_what_is_well_and_the_fix_for_what_is_not() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let server = Server::start_in(&data, &[]);
    let owner = staging(&server);
    owner.set(STAGING, "NAME", "v");
    let done = doctor(&data);
    done.expect(0);
    let report = done.json();
    assert_eq!((&report["ok"], &report["server_running"]), (&json!(true), &json!(true)), "{report}");
    let names: Vec<_> =
        report["checks"].as_array().expect("checks").iter().map(|c| c["name"].as_str().expect("a name")).collect();
    for name in [
        "configuration",
        "data_dir",
        "files",
        "disk",
        "sqlite",
        "database",
        "schema",
        "root_key",
        "root_key_place",
        "secrets",
        "ledger",
        "clock",
    ] {
        assert!(names.contains(&name), "{name} is not looked at: {names:?}");
    }
    assert!(server.stop().success());
    assert_eq!(doctor(&data).json()["server_running"], false);

    let case = |name: &str, break_it: &dyn Fn(&Path)| {
        let copied = dir.path().join(name);
        crate::support::data::copy(&data, &copied);
        fs::set_permissions(&copied, fs::Permissions::from_mode(0o700)).expect("ours");
        break_it(&copied);
        let done = doctor(&copied);
        done.expect(1);
        let found = problems(&done.json());
        assert!(found.iter().all(|(_, fix)| !fix.is_empty()), "{name}: a problem without its fix: {found:?}");
        found
    };
    let named =
        |found: &[(String, String)], name: &str| found.iter().find(|(n, _)| n == name).map(|(_, fix)| fix.clone());
    let open = case("open", &|data| {
        fs::set_permissions(data.join("holdfast.db"), fs::Permissions::from_mode(0o644)).expect("ours");
    });
    assert!(named(&open, "files").expect("found").starts_with("chmod go= "), "{open:?}");
    let gone = case("gone", &|data| fs::remove_file(data.join("root.key")).expect("ours"));
    assert!(named(&gone, "root_key").is_some(), "{gone:?}");
    let empty = case("empty", &|data| fs::remove_file(data.join("holdfast.db")).expect("ours"));
    assert!(named(&empty, "database").is_some(), "{empty:?}");
    let garbage = case("garbage", &|data| fs::write(data.join("holdfast.db"), vec![7; 8_192]).expect("ours"));
    assert!(named(&garbage, "database").is_some(), "{garbage:?}");
    let later = case("later", &|data| change(data, "UPDATE ledger_events SET at = at + 86400000000"));
    assert!(named(&later, "ledger").is_some(), "{later:?}");
    // The fix it prints is a command that works.
    let copied = dir.path().join("open");
    let (_, fix) = &open[0];
    assert!(std::process::Command::new("sh").args(["-c", fix]).status().expect("sh").success(), "{fix}");
    doctor(&copied).expect(0);
    Shell::offline().run("doctor --data-dir /no/such/place").expect(1);
}

#[test]
fn a_new_setup_token_is_asked_for_over_the_socket_and_voids_the_one_before() {
    let server = Server::start();
    let data = text(server.data());
    let file = server.data().join("setup-token");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let old = fs::read_to_string(&file).expect("there");
    let operator = Shell::offline();
    let done = operator.call(["setup-token", "--new", "--data-dir", &data], b"");
    assert_eq!(done.expect(0).trim(), text(&file));
    let new = fs::read_to_string(&file).expect("there");
    assert_ne!(old, new);
    assert_eq!((mode(&file), mode(&server.data().join("control.sock"))), (0o600, 0o600));
    let redeem = |token: &str| {
        let body = json!({ "setup_token": token.trim(), "organization": "acme", "email": "ada@example.com", "password": "four words of a test" });
        server.request("POST", "/api/v1/setup", None, Some(&body))
    };
    refused(&redeem(&old), 401, "setup_token_invalid");
    redeem(&new).expect(201);
    let late = operator.call(["setup-token", "--new", "--data-dir", &data], b"");
    assert!(late.status.code() != Some(0) && late.stderr.contains("set up already"), "{}", late.stderr);
    assert!(server.stop().success());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let nobody = operator.call(["setup-token", "--new", "--data-dir", &text(dir.path())], b"");
    nobody.refused(6, "no server runs");
}

#[test]
fn an_owner_is_rescued_by_root_with_the_server_stopped_and_the_ledger_says_so() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let server = Server::start_in(&data, &[]);
    let lost = server.set_up();
    let operator = Shell::offline();
    let rescue = |email: &str| operator.call(["rescue", "--json", "--owner", email, "--data-dir", &text(&data)], b"");
    if !rustix::process::geteuid().is_root() {
        assert!(server.stop().success());
        rescue("ada@example.com").refused(4, "root");
        return;
    }
    rescue("ada@example.com").refused(5, "another holdfast");
    assert!(server.stop().success());
    rescue("nobody@example.com").refused(3, "nobody@example.com");
    let done = rescue("ada@example.com");
    done.expect(0);
    let token = done.json()["token"].as_str().expect("shown once").to_owned();
    assert_ne!(token, lost);
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), &token);
    assert_eq!(owner.get("/whoami").expect(200)["actor"]["email"], "ada@example.com");
    let events = owner.get("/audit/events?limit=500").expect(200);
    let events = events["items"].as_array().expect("a list");
    assert!(
        events.iter().any(|event| event["action"].as_str().is_some_and(|action| action.contains("rescue"))),
        "{events:?}"
    );
    assert_eq!(owner.post("/audit/verify", json!({})).expect(200)["ok"], true);
}
