//! Power cuts and dying disks, on the real binary: what was acknowledged is there, what was not is whole or absent,
//! and the ledger verifies.

use crate::support::api::{Api, environment, secret};
use crate::support::data::{change, ledger_key, verify};
use crate::support::http::{self, Response};
use crate::support::server::Server;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

const STAGING: &str = "shop/staging";
/// Servers killed under load.
const ROUNDS: u64 = 15;
/// Secrets of one batch.
const BATCH: usize = 20;

/// Requests of one client at most: a server that should have died and did not is found out by its silence.
const REQUESTS: u64 = 1_000;

/// What a server said it had done.
enum Acknowledged {
    /// One secret is written.
    Secret(String),
    /// A batch of [`BATCH`] secrets that begin so is written.
    Batch(String),
    /// The counter has this value.
    Counter(u64),
    /// A value was given to somebody.
    Given,
}

/// All that was acknowledged so far.
#[derive(Default)]
struct Promised {
    secrets: BTreeSet<String>,
    batches: BTreeSet<String>,
    counter: u64,
    given: usize,
}

impl Promised {
    fn keep(&mut self, said: Acknowledged) {
        match said {
            Acknowledged::Secret(name) => drop(self.secrets.insert(name)),
            Acknowledged::Batch(prefix) => drop(self.batches.insert(prefix)),
            Acknowledged::Counter(value) => self.counter = self.counter.max(value),
            Acknowledged::Given => self.given += 1,
        }
    }

    /// Panics unless the server has kept every promise, has no half of a batch, and its ledger verifies.
    fn check(&self, owner: &Api) {
        let items = owner.list(STAGING);
        let names: BTreeSet<&str> = items.iter().map(|item| item["name"].as_str().expect("a name")).collect();
        let lost: Vec<_> = self.secrets.iter().filter(|name| !names.contains(name.as_str())).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let mut batches: BTreeMap<&str, usize> = BTreeMap::new();
        for (prefix, _) in names.iter().filter(|name| name.starts_with("B_")).filter_map(|name| name.rsplit_once('_')) {
            *batches.entry(prefix).or_default() += 1;
        }
        assert!(batches.values().all(|count| *count == BATCH), "half a batch: {batches:?}");
        let lost: Vec<_> = self.batches.iter().filter(|prefix| !batches.contains_key(prefix.as_str())).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        if self.counter > 0 {
            let counter: u64 = owner.value(STAGING, "COUNTER").parse().expect("a number");
            assert!(counter >= self.counter, "the counter went back from {} to {counter}", self.counter);
        }
        assert!(count_events(owner, "secret.reveal") >= self.given, "a value left without a trace");
        let report = owner.post("/audit/verify", json!({})).expect(200);
        assert_eq!(report["ok"], true, "{report}");
    }
}

fn count_events(owner: &Api, action: &str) -> usize {
    let mut count = 0;
    let mut cursor = String::new();
    loop {
        let page = owner.get(&format!("/audit/events?action={action}&limit=500{cursor}")).expect(200);
        count += page["items"].as_array().expect("a list").len();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

/// A request to a server that may be dead by now: none then.
fn attempt(base: &str, token: &str, method: &str, path: &str, body: &Value) -> Option<Response> {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = http::try_send(base, method, &format!("/api/v1{path}"), &headers, body.as_bytes()).ok()?;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    Some(answer)
}

/// Somebody who writes or reads, one request after the other, until the server is gone, and tells what was
/// acknowledged.
fn client(
    base: &str,
    token: &str,
    told: &Sender<Acknowledged>,
    step: impl Fn(u64, &dyn Fn(&str, &str, Value) -> Option<Response>) -> Option<Acknowledged> + Send + 'static,
) -> JoinHandle<()> {
    let (base, token, told) = (base.to_owned(), token.to_owned(), told.clone());
    thread::spawn(move || {
        let ask = |method: &str, path: &str, body: Value| attempt(&base, &token, method, path, &body);
        for number in 1..=REQUESTS {
            let Some(said) = step(number, &ask) else { return };
            if told.send(said).is_err() {
                return;
            }
        }
    })
}

/// Five clients at once: two with secrets of their own, one with batches, one with a counter, one who reads.
fn load(base: &str, token: &str, round: u64, counter: u64, told: &Sender<Acknowledged>) -> Vec<JoinHandle<()>> {
    let mut clients: Vec<_> = (0..2)
        .map(|writer| {
            client(base, token, told, move |number, ask| {
                let name = format!("S_{round}_{writer}_{number}");
                ask("PUT", &secret(STAGING, &name), json!({ "value": name }))?;
                Some(Acknowledged::Secret(name))
            })
        })
        .collect();
    clients.push(client(base, token, told, move |number, ask| {
        let prefix = format!("B_{round}_{number}");
        let items: Vec<_> = (0..BATCH).map(|n| json!({ "name": format!("{prefix}_{n}"), "value": "v" })).collect();
        ask("POST", &format!("{}/secrets/batch", environment(STAGING)), json!({ "items": items }))?;
        Some(Acknowledged::Batch(prefix))
    }));
    clients.push(client(base, token, told, move |number, ask| {
        let value = counter + number;
        ask("PUT", &secret(STAGING, "COUNTER"), json!({ "value": value.to_string() }))?;
        Some(Acknowledged::Counter(value))
    }));
    clients.push(client(base, token, told, move |_, ask| {
        let answer = ask("GET", &format!("{}?reveal=true", secret(STAGING, "READ")), Value::Null)?;
        assert_eq!(answer.json()["value"], "by many");
        Some(Acknowledged::Given)
    }));
    clients
}

/// A data directory with `shop/staging` and the owner's token; no server runs on it.
fn prepared(data: &Path) -> String {
    let server = Server::start_in(data, &[]);
    let token = server.set_up();
    let owner = Api::new(server.base(), &token);
    owner.project("shop");
    owner.environment(STAGING, json!({}));
    owner.set(STAGING, "READ", "by many");
    assert!(server.stop().success());
    token
}

/// A write with a key of its own, to a name of its own.
fn keyed(base: &str, token: &str, name: &str) -> Option<Response> {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", name)];
    let body = json!({ "value": name }).to_string();
    let path = format!("/api/v1{}", secret(STAGING, name));
    http::try_send(base, "PUT", &path, &headers, body.as_bytes()).ok()
}

#[test]
fn a_keyed_write_cut_off_by_a_kill_is_done_once_and_its_key_is_not_stuck() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let token = prepared(&data);
    let mut again: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let mut server = Server::start_in(&data, &[]);
        let owner = Api::new(server.base(), &token);
        for name in std::mem::take(&mut again) {
            let answer: Response = keyed(server.base(), &token, &name).expect("an answer");
            let code = answer.json()["code"].clone();
            assert!(answer.status == 201 || code == "idempotency_unknown", "{name}: {}", answer.text());
            assert_eq!(owner.get(&secret(STAGING, &name)).expect(200)["version"], 1, "{name} was done once");
        }
        let (told, said) = mpsc::channel();
        let clients: Vec<_> = (0..3)
            .map(|client| {
                let (base, token, told) = (server.base().to_owned(), token.clone(), told.clone());
                thread::spawn(move || {
                    (1..=REQUESTS).map(|number| format!("K_{round}_{client}_{number}")).find(|name| {
                        let answer = keyed(&base, &token, name);
                        told.send(()).ok();
                        answer.is_none()
                    })
                })
            })
            .collect();
        for _ in 0..=(round * 7) % 20 {
            said.recv().expect("the server works until it is killed");
        }
        server.kill();
        again = clients.into_iter().filter_map(|client| client.join().expect("an answer or none")).collect();
        assert_eq!(again.len(), 3, "each client was cut off");
    }
}

#[test]
fn what_a_key_says_after_its_process_is_gone_is_true() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let token = prepared(&data);
    let again = |status: u16, changed: &str| {
        change(&data, &format!("UPDATE idempotency SET status = {status}, body = ''{changed}"));
        let server = Server::start_in(&data, &[]);
        let answer = keyed(server.base(), &token, "ONCE").expect("an answer");
        assert!(server.stop().success());
        answer
    };
    let server = Server::start_in(&data, &[]);
    keyed(server.base(), &token, "ONCE").expect("an answer").expect(201);
    assert!(server.stop().success());
    // It had changed nothing: it is done now, which is a second version here.
    assert_eq!(again(0, "").expect(200)["version"], 2);
    // It had changed something, and nobody knows what was answered.
    let unknown = again(1, "");
    assert_eq!((unknown.status, &unknown.json()["code"]), (409, &json!("idempotency_unknown")), "{}", unknown.text());
    // Another request is still another request.
    assert_eq!(again(0, ", request = X'00'").expect(422)["code"], "idempotency_key_reused");
    // What was answered is answered again.
    let server = Server::start_in(&data, &[]);
    assert_eq!(Api::new(server.base(), &token).get(&secret(STAGING, "ONCE")).expect(200)["version"], 2);
}

#[test]
fn a_server_killed_under_load_again_and_again_keeps_every_promise() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let token = prepared(&data);
    let mut promised = Promised::default();
    for round in 0..ROUNDS {
        let mut server = Server::start_in(&data, &[]);
        promised.check(&Api::new(server.base(), &token));
        let (told, said) = mpsc::channel();
        let clients = load(server.base(), &token, round, promised.counter, &told);
        drop(told);
        // Another moment in each round, from the first write on; where exactly it strikes is up to the machine.
        for _ in 0..=(round * 37) % 60 {
            promised.keep(said.recv().expect("the server works until it is killed"));
        }
        server.kill();
        for client in clients {
            client.join().expect("a client sees an answer or none");
        }
        for said in said {
            promised.keep(said);
        }
    }
    let server = Server::start_in(&data, &[]);
    promised.check(&Api::new(server.base(), &token));
    assert!(promised.secrets.len() > 50 && !promised.batches.is_empty() && promised.given > 10, "too little load");
    let key = ledger_key(&data);
    assert!(server.stop().success());
    verify(&data, &key, None).expect(0);
}

#[test]
fn a_failed_fsync_ends_the_process_with_one_line_and_loses_nothing_acknowledged() {
    let can_trace = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).status();
    assert!(can_trace.as_ref().is_ok_and(ExitStatus::success), "strace must work here: {can_trace:?}");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let token = prepared(&data);
    let mut promised = Promised::default();
    // strace counts the calls of each thread: it is the writer that comes that far.
    for nth in [20, 33] {
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={nth}");
        let tracer = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject.as_str()];
        let server = Server::start_traced(&tracer, &data);
        let (told, said) = mpsc::channel();
        let clients = load(server.base(), &token, nth, promised.counter, &told);
        drop(told);
        for client in clients {
            client.join().expect("a client sees an answer or none");
        }
        for said in said {
            promised.keep(said);
        }
        server.wait_for("storage_io");
        let log = server.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
        assert_eq!(lines.len(), 1, "one line: {lines:?}");
        assert!(lines[0].contains("the disk failed under a commit") && lines[0].contains("storage_io"), "{}", lines[0]);
        assert_eq!(server.wait().code(), Some(1));

        let server = Server::start_in(&data, &[]);
        promised.check(&Api::new(server.base(), &token));
        assert!(server.stop().success());
    }
    assert!(!promised.secrets.is_empty() || !promised.batches.is_empty(), "nothing was acknowledged before");
}

#[test]
fn a_server_killed_with_a_long_write_ahead_log_is_ready_again_with_all_of_it() {
    const LONG: u64 = 64 * 1024 * 1024;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let token = prepared(&data);
    let mut server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), &token);
    // A reader that stays keeps the log from being folded into the database.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(data.join("holdfast.db"), flags).expect("the database");
    reader.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).expect("known to SQLite");
    reader.execute_batch("BEGIN").expect("a transaction");
    reader.query_row("SELECT count(*) FROM secrets", [], |row| row.get::<_, u32>(0)).expect("a count");
    let value = "v".repeat(60_000);
    let log = data.join("holdfast.db-wal");
    let length = || fs::metadata(&log).expect("the log").len();
    let mut count = 0;
    while length() < LONG {
        assert!(count < 4_000, "{} MiB after {count} secrets", length() >> 20);
        let items: Vec<_> = (count..count + 400).map(|n| json!({ "name": format!("N_{n}"), "value": value })).collect();
        owner.post(&format!("{}/secrets/batch", environment(STAGING)), json!({ "items": items })).expect(200);
        count += 400;
    }
    server.kill();
    drop(reader);
    assert!(length() >= LONG, "the log is there when the server comes back");

    let server = Server::start_in(&data, &[]);
    assert_eq!(server.request("GET", "/readyz", None, None).status, 200);
    let owner = Api::new(server.base(), &token);
    assert_eq!(owner.list(STAGING).len(), count + 1);
    assert_eq!(owner.value(STAGING, &format!("N_{}", count - 1)), value);
    assert_eq!(owner.post("/audit/verify", json!({})).expect(200)["ok"], true);
}
