//! Into and towards what runs, from the command line through an appliance to a cluster, which is one of ours here.

mod kube;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

use crate::runtime::{deploy, member, run_path, seen, store_blueprint};
use crate::support::app::{Client, TestApp, at};
use crate::support::browser::Browser;
use crate::support::cli::{Done, Shell};

const SHOP: &str = "\
name: shop
services:
  - name: api
    image: registry.example/shop-api:1.4
    variables: [API_KEY]
    ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]
  - name: db
    image: registry.example/postgres:16
";

/// A shop that runs on a cluster of ours.
fn shop(app: &TestApp, visibility: &str) -> Client {
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    store_blueprint(&ada, "shop/dev", SHOP);
    let key = json!({ "value": "value-of-API_KEY", "visibility": visibility });
    let stored = ada.put(&format!("{}/secrets/API_KEY", at("shop/dev")), key);
    assert!(matches!(stored.status, 200 | 201), "{}", stored.text());
    let kube = kube::Kube::start();
    let cluster = json!({ "name": "home", "server": kube.server, "authority": kube.authority, "token": "token-of-the-account", "unasked": true });
    ada.post("/clusters", cluster).expect(201);
    deploy(&ada, "shop/dev");
    seen(app, "degraded", &[("api", "ready", ""), ("db", "failing", "image not found")]);
    ada
}

fn shell(app: &TestApp, who: &Client) -> Shell {
    let shell = Shell::new(&app.base);
    shell.file("token", &who.token);
    shell
}

const PLACE: &str = "-p shop -e dev --token-file token";

fn exec(shell: &Shell, line: &str, input: &[u8]) -> Done {
    shell.feed(&format!("env exec {PLACE} {line}"), input)
}

#[expect(clippy::disallowed_methods, reason = "nothing tells that the ledger has news, or that nothing happens")]
fn moment(wait: Duration) {
    std::thread::sleep(wait);
}

fn entered(owner: &Client, decision: &str) -> Vec<Value> {
    let events = owner.get(&format!("/audit/events?action=runtime.exec&decision={decision}")).expect(200);
    events["items"].as_array().expect("a list").clone()
}

#[test]
fn a_command_runs_as_if_it_ran_here_and_is_in_the_ledger_before() {
    let app = TestApp::start();
    let ada = shop(&app, "masked");
    let shell = shell(&app, &ada);
    let both = exec(&shell, "api -- both hush=swordfish", b"");
    assert_eq!((both.status.code(), both.stdout.as_str()), (Some(7), "out\n"), "{}", both.stderr);
    assert_eq!(both.stderr, "bad\n");
    let events = entered(&ada, "allow");
    let told = &events[0]["details"];
    let wanted =
        json!({ "act": "exec", "service": "api", "pod": "api-new", "program": "both", "arguments": 1, "tty": false });
    assert_eq!(*told, wanted);
    assert!(!ada.get("/audit/events?limit=100").text().contains("swordfish"), "no argument is in the ledger");
    let long: Vec<u8> = (0..200_000_u32).map(|n| b"abcdefghij"[(n % 10) as usize]).collect();
    let echoed = exec(&shell, "api -i -- cat", &long);
    assert_eq!((echoed.status.code(), echoed.stdout.len()), (Some(0), long.len()), "{}", echoed.stderr);
    assert!(echoed.stdout.as_bytes() == long, "every byte in its order");
    assert!(exec(&shell, "api -- where", b"").expect(0).starts_with("api-new/exec?"), "the one that is ready");
    assert!(exec(&shell, "api --pod 0 -- where", b"").expect(0).starts_with("api-old/exec?"), "the oldest, by number");
    exec(&shell, "api -- nope", b"").refused(127, "`nope` is not in the container of api");
    exec(&shell, "web -- true", b"").refused(3, "there are api, db");
    exec(&shell, "api --pod x -- true", b"").refused(3, "there are api-old, api-new");
    exec(&shell, "db -- true", b"").refused(5, "no pod of `db` is ready: it is failing: image not found");
    exec(&shell, "api --tty -- true", b"").refused(2, "stdin or stdout is none");
}

#[test]
fn a_port_is_reached_from_here_one_connection_after_the_other() {
    let app = TestApp::start();
    let ada = shop(&app, "masked");
    let shell = shell(&app, &ada);
    let forward = |ports: &str| shell.run(&format!("env port-forward {PLACE} {ports}"));
    forward("api nope").refused(3, "there is http (8080)");
    forward("api 0:dns").refused(3, "no TCP port `dns`");
    forward("web 80").refused(3, "there are api, db");
    forward("api 0:0").refused(2, "REMOTE is");
    let line = format!("env port-forward {PLACE} api 0:http 0:9 --json");
    let (mut child, lines) = begun(shell.command(line.split_whitespace()), 2);
    let [first, second] = [0, 1].map(|at| serde_json::from_str::<Value>(&lines[at]).expect("JSON"));
    assert_eq!((&first["port"], &first["pod"], &second["port"]), (&json!(8080), &json!("api-new"), &json!(9)));
    let local = first["local"].as_str().expect("an address");
    assert!(local.starts_with("127.0.0.1:"), "{local}");
    for _ in 0..2 {
        assert!(asked(local).ends_with("port 8080"), "{}", asked(local));
    }
    assert_eq!(asked(second["local"].as_str().expect("an address")), "", "nothing listens there");
    let events = entered(&ada, "allow");
    let wanted = json!({ "act": "port-forward", "service": "api", "pod": "api-new", "port": 8080 });
    assert!(events.iter().filter(|event| event["details"] == wanted).count() >= 2, "{events:?}");
    end(&child, Signal::INT);
    assert_eq!(child.wait().expect("ours").code(), Some(0), "Ctrl-C is how it ends");
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(said.contains("nothing answers on port 9 of api-new"), "{said}");
}

/// A command that has written so many lines.
fn begun(mut command: Command, lines: usize) -> (Child, Vec<String>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program is there");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
    let lines = (0..lines).map(|_| stdout.next().expect("a line").expect("text")).collect();
    (child, lines)
}

fn asked(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let mut answer = String::new();
    // What was cut off says as much as what came.
    let _cut = stream.read_to_string(&mut answer);
    answer
}

fn end(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("it runs");
}

#[test]
fn who_loses_the_right_is_put_out() {
    let app = TestApp::start();
    let ada = shop(&app, "masked");
    let mia = member(&app, "mia@example.com", "maintainer");
    let shell = shell(&app, &mia);
    let line = format!("env exec {PLACE} api -- sleep");
    let (mut child, _) = begun(shell.command(line.split_whitespace()), 0);
    let began = Instant::now();
    while entered(&ada, "allow").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never enters");
        moment(Duration::from_millis(50));
    }
    moment(Duration::from_millis(1_500));
    assert!(child.try_wait().expect("ours").is_none(), "whoever may stays inside");
    let id = mia.get("/whoami").expect(200)["actor"]["id"].as_str().expect("an id").to_owned();
    let grants = ada.get(&format!("/grants?user={id}")).expect(200);
    ada.delete(&format!("/grants/{}", grants["items"][0]["id"].as_str().expect("a grant"))).expect(200);
    let code = child.wait().expect("ours").code();
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(matches!(code, Some(3 | 4)) && said.contains("error: "), "{code:?} {said}");
    let (mut child, _) = begun(shell.command(format!("env exec {PLACE} api -- sleep").split_whitespace()), 0);
    assert!(matches!(child.wait().expect("ours").code(), Some(3 | 4)), "and not let in again");
}

#[test]
fn who_may_not_enter_is_told_so_and_it_is_in_the_ledger() {
    let app = TestApp::start();
    let ada = shop(&app, "restricted");
    let dana = member(&app, "dana@example.com", "developer");
    exec(&shell(&app, &dana), "api -- both", b"").refused(4, "runtime.exec");
    let denied = entered(&ada, "deny");
    assert_eq!(denied.len(), 1, "{denied:?}");
    let path = run_path("shop/dev", "/port-forward?service=api&port=80&dry_run=true");
    assert_eq!(dana.get(&path).status, 403, "what would be reached is not told either");
    let permissions = json!(["project.read", "environment.read", "runtime.read", "runtime.exec"]);
    ada.post("/roles", json!({ "name": "enterers", "permissions": permissions })).expect(201);
    let eli = member(&app, "eli@example.com", "enterers");
    exec(&shell(&app, &eli), "api -- both", b"").refused(4, "secret.use.restricted");
    assert!(entered(&ada, "allow").is_empty(), "nobody was inside");
    assert_eq!(exec(&shell(&app, &ada), "api -- both", b"").status.code(), Some(7), "who may use them enters");
    let eve = app.second_organization();
    for path in ["/exec?service=api&command=true", "/port-forward?service=api&port=80&dry_run=true"] {
        assert_eq!(eve.get(&run_path("shop/dev", path)).status, 404, "{path}");
    }
}

/// The headers that ask for a socket.
const UPGRADE: [(&str, &str); 5] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-protocol", "holdfast.exec.v1"),
];

#[test]
fn a_socket_takes_a_token_and_no_cookie() {
    let app = TestApp::start();
    let ada = shop(&app, "masked");
    let path = run_path("shop/dev", "/exec?service=api&command=both");
    let plain = ada.get(&path);
    assert_eq!((plain.status, &plain.json()["code"]), (426, &json!("upgrade_required")));
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    assert!(plain.json()["hint"].as_str().is_some_and(|hint| hint.contains("holdfast env exec")), "{}", plain.text());
    let browser = Browser::signed_in(&app, "ada@example.com");
    for origin in [app.base.as_str(), "https://evil.example"] {
        let answer = browser.send_with("GET", &path, &[&UPGRADE[..], &[("origin", origin)]].concat(), None);
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    let same = [&UPGRADE[..], &[("origin", app.base.as_str()), ("sec-fetch-site", "same-origin")]].concat();
    assert_eq!(browser.send_with("GET", &path, &same, None).json()["code"], "token_required");
    assert!(entered(&ada, "allow").is_empty(), "nothing was opened");
    let asked = |path: &str, headers: &[(&str, &str)]| {
        let answer = ada.send_with("GET", &run_path("shop/dev", path), headers, None);
        (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    let wrong = |code: &str| (400, code.to_owned());
    let other = UPGRADE.map(|(name, value)| (name, if name == "sec-websocket-protocol" { "chat" } else { value }));
    assert_eq!(asked("/exec?service=api&command=both", &other), wrong("websocket_protocol"));
    assert_eq!(asked("/exec?command=both", &UPGRADE), wrong("query_invalid"));
    assert_eq!(asked("/exec?service=api&command=both&x=1", &UPGRADE), wrong("query_invalid"));
    assert_eq!(asked("/exec?service=api&command=both&tty=yes", &UPGRADE), wrong("query_invalid"));
    assert_eq!(asked("/exec?service=api", &UPGRADE), wrong("invalid_value"));
    assert_eq!(asked("/exec?service=api&command=a%00b", &UPGRADE).0, 400);
}

/// A socket to a command, without the command line in between.
fn socket(app: &TestApp, who: &Client, command: &str) -> WebSocket<TcpStream> {
    let address = app.base.trim_start_matches("http://");
    let path = run_path("shop/dev", &format!("/exec?service=api&command={command}"));
    let mut request = format!("ws://{address}/api/v1{path}").into_client_request().expect("a request");
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "holdfast.exec.v1".parse().expect("a header"));
    headers.insert("authorization", format!("Bearer {}", who.token).parse().expect("a header"));
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    client(request, stream).expect("a socket").0
}

#[test]
fn a_terminal_has_a_size_and_no_message_that_is_none_is_taken() {
    let app = TestApp::start();
    let ada = shop(&app, "masked");
    let open = || socket(&app, &ada, "cat&tty=true");
    let next = |socket: &mut WebSocket<TcpStream>| loop {
        match socket.read() {
            Ok(Message::Binary(bytes)) => return bytes.to_vec(),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => return Vec::new(),
            other => panic!("{other:?}"),
        }
    };
    let mut socket = open();
    socket.send(Message::binary(&b"\x04{\"columns\":120,\"rows\":40}"[..])).expect("sent");
    let size = next(&mut socket);
    assert_eq!(size[0], 1);
    let told: Value = serde_json::from_slice(&size[1..]).expect("JSON");
    assert_eq!((&told["Width"], &told["Height"]), (&json!(120), &json!(40)), "as the cluster takes it");
    socket.send(Message::binary(&b"\0hello"[..])).expect("sent");
    assert_eq!(next(&mut socket), b"\x01hello");
    socket.send(Message::binary(&b"\x05"[..])).expect("sent");
    assert_eq!(next(&mut socket), b"\x03{\"exit_code\":0}");
    for bad in
        [Message::text("x"), Message::binary(&b"\x09"[..]), Message::binary(&b"\x03{}"[..]), Message::binary(&b""[..])]
    {
        let mut socket = open();
        socket.send(bad.clone()).expect("sent");
        let ending = next(&mut socket);
        assert!(String::from_utf8_lossy(&ending).contains("message_invalid"), "{bad:?}: {ending:?}");
    }
}

#[test]
fn only_so_many_are_inside_at_once_and_an_end_makes_room() {
    let app = TestApp::start();
    let ada = shop(&app, "masked");
    let shell = shell(&app, &ada);
    let mut inside: Vec<_> = (0..47).map(|_| socket(&app, &ada, "sleep")).collect();
    let line = format!("env exec {PLACE} api -- sleep");
    let (mut child, _) = begun(shell.command(line.split_whitespace()), 0);
    let began = Instant::now();
    while entered(&ada, "allow").len() < 48 {
        assert!(began.elapsed() < Duration::from_mins(1), "{} are inside", entered(&ada, "allow").len());
        moment(Duration::from_millis(100));
    }
    moment(Duration::from_millis(500));
    exec(&shell, "api -- both", b"").refused(1, "48 commands and forwarded connections");
    end(&child, Signal::TERM);
    assert_eq!(child.wait().expect("ours").code(), Some(143), "ended by a signal, as shells say it");
    inside[0].close(None).expect("closed");
    drop(inside);
    let began = Instant::now();
    while exec(&shell, "api -- both", b"").status.code() != Some(7) {
        assert!(began.elapsed() < Duration::from_secs(30), "their places stay taken");
        moment(Duration::from_millis(200));
    }
}
