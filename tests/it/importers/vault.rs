//! `holdfast import vault` against a real OpenBao: both versions of the engine, histories, rights, a kill in between;
//! and against servers that answer nonsense.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::{Value, json};

use super::openbao::OpenBao;
use super::{Newcomer, STAGING, places};
use crate::support::api::environment;
use crate::support::cli::{Done, finish};

impl Newcomer {
    /// `holdfast import vault …` from this server, over TLS, with this token.
    fn bao(&self, server: &OpenBao, token: &str, arguments: &str) -> Done {
        let mut command = self.command(&format!("vault {arguments}"));
        command.env("VAULT_ADDR", server.address()).env("VAULT_CACERT", server.ca()).env("VAULT_TOKEN", token);
        finish(command, b"")
    }
}

/// A mount of version 2 with everything an import meets.
fn furnished() -> OpenBao {
    let bao = OpenBao::start();
    bao.mount("secret", "2");
    bao.put("secret/app/db", json!({ "user": "shop", "password": "first", "old-key": "x" }));
    bao.put("secret/app/db", json!({ "user": "shop", "password": "second ${NOT_A_REFERENCE}" }));
    bao.put("secret/app/db", json!({ "user": "shop", "password": "third", "port": 5432, "tls": { "verify": true } }));
    let custom = json!({ "custom_metadata": { "owner": "payments", "note": "ask before changing" } });
    bao.call("POST", "secret/metadata/app/db", custom).expect(204);
    for value in ["one", "two", "three", "four"] {
        bao.put("secret/partly", json!({ "value": value }));
    }
    bao.call("POST", "secret/delete/partly", json!({ "versions": [2] })).expect(204);
    bao.call("POST", "secret/destroy/partly", json!({ "versions": [3] })).expect(204);
    bao.put("secret/gone", json!({ "value": "x" }));
    bao.call("DELETE", "secret/data/gone", Value::Null).expect(204);
    bao.put("secret/app", json!({ "at-a-folder": "yes" }));
    bao.put("secret/app/same", json!({ "a.b": "1", "a-b": "2" }));
    bao
}

#[test]
fn every_version_comes_oldest_first_and_what_cannot_come_is_named() {
    let (bao, new) = (furnished(), Newcomer::new());
    let plan = new.bao(&bao, bao.root(), "secret --dry-run --json");
    plan.expect(0);
    assert!(new.names().is_empty(), "a dry run wrote {:?}", new.names());
    let done = new.bao(&bao, bao.root(), "secret --yes --json");
    done.expect(0);
    let names =
        ["/app AT_A_FOLDER", "/app/db PASSWORD", "/app/db PORT", "/app/db TLS", "/app/db USER", "/partly VALUE"];
    assert_eq!(new.names(), names);
    let history = new.history("/app/db", "PASSWORD");
    let values: Vec<_> = history.iter().map(|(value, _)| value.as_str()).collect();
    assert_eq!(values, ["first", "second ${NOT_A_REFERENCE}", "third"]);
    for (n, (_, comment)) in (1..).zip(&history) {
        assert!(comment.starts_with(&format!("imported from secret/app/db, version {n} of 20")), "{comment}");
    }
    assert_eq!(new.history("/app/db", "USER").len(), 1, "a value that did not change has one version");
    assert_eq!(new.history("/app/db", "TLS")[0].0, r#"{"verify":true}"#);
    let values: Vec<_> = new.history("/partly", "VALUE").into_iter().map(|(value, _)| value).collect();
    assert_eq!(values, ["one", "four"]);
    let one = new.owner.get(&format!("{}/secrets/USER?path=/app/db", environment(STAGING))).expect(200);
    assert_eq!(one["tags"], json!(["owner:payments"]));
    assert!(one["comment"].as_str().expect("a comment").ends_with("\nnote: ask before changing"), "{one}");
    assert_eq!(one["interpolate"], false);
    let (planned, answer) = (plan.json(), done.json());
    let mut skipped = places(&answer, "skipped");
    skipped.sort();
    let expected =
        ["secret/app/db: old-key", "secret/app/same: a-b", "secret/app/same: a.b", "secret/gone", "secret/partly"];
    assert_eq!(skipped, expected);
    assert_eq!(planned["remarks"], answer["remarks"]);
    assert_eq!(planned["counts"], answer["counts"]);
    assert_eq!(answer["counts"]["add"], 6);
    for value in ["first", "second", "third", "payments shop"] {
        assert!(!done.stderr.contains(value) && !done.stdout.contains(value), "{value} is in what it said");
    }
}

#[test]
fn a_second_import_brings_only_what_is_new_and_leaves_what_was_changed_here() {
    let (bao, new) = (OpenBao::start(), Newcomer::new());
    bao.mount("secret", "2");
    bao.put("secret/a", json!({ "KEY": "1" }));
    bao.put("secret/b", json!({ "KEY": "1" }));
    new.bao(&bao, bao.root(), "secret --yes").expect(0);
    let again = new.bao(&bao, bao.root(), "secret --yes --json");
    assert_eq!(again.json()["counts"]["versions"], 0);
    assert_eq!(again.json()["counts"]["done"], 2);
    new.owner.write(STAGING, "B", json!({ "value": "other" }));
    let b = json!({ "items": [{ "name": "KEY", "path": "/b", "value": "ours" }] });
    new.owner.post(&format!("{}/secrets/batch", environment(STAGING)), b).expect(200);
    bao.put("secret/a", json!({ "KEY": "2" }));
    let third = new.bao(&bao, bao.root(), "secret --yes --json");
    assert_eq!(third.json()["counts"]["continue"], 1, "{}", third.stdout);
    let values = |path| new.history(path, "KEY").into_iter().map(|(value, _)| value).collect::<Vec<_>>();
    assert_eq!(values("/a"), ["1", "2"]);
    assert_eq!(values("/b"), ["1", "ours"]);
}

#[test]
fn version_1_a_single_secret_and_a_namespace_are_read_too() {
    let (bao, new) = (OpenBao::start(), Newcomer::new());
    bao.mount("team/kv", "1");
    bao.call("POST", "team/kv/web", json!({ "TOKEN": "t1", "Enabled": true })).expect(204);
    bao.call("POST", "team/kv/web/inner", json!({ "DEEP": "d" })).expect(204);
    let done = new.bao(&bao, bao.root(), "team/kv/web --path /v1 --yes");
    done.expect(0);
    assert_eq!(new.names(), ["/v1 ENABLED", "/v1 TOKEN", "/v1/inner DEEP"]);
    assert_eq!(new.history("/v1", "TOKEN"), [("t1".to_owned(), String::new())]);
    bao.call("POST", "sys/namespaces/east", json!({})).expect(200);
    bao.call_in("east", "POST", "sys/mounts/kv", json!({ "type": "kv", "options": { "version": "1" } })).expect(204);
    bao.call_in("east", "POST", "kv/far", json!({ "AWAY": "a" })).expect(204);
    new.bao(&bao, bao.root(), "kv --namespace east --path /east --yes").expect(0);
    assert!(new.names().contains(&"/east/far AWAY".to_owned()), "{:?}", new.names());
}

#[test]
fn what_a_token_may_not_read_is_named_or_refused() {
    let (bao, new) = (furnished(), Newcomer::new());
    let reads = "path \"secret/data/app/*\" { capabilities = [\"read\"] }";
    let done = new.bao(&bao, &bao.token(reads), "secret --kv-version 2 --yes");
    done.refused(4, "permission denied");
    let lists = format!("{reads}\npath \"secret/metadata/*\" {{ capabilities = [\"list\"] }}");
    let done = new.bao(&bao, &bao.token(&lists), "secret --kv-version 2 --yes --json");
    done.expect(0);
    assert_eq!(new.history("/app/db", "PASSWORD").len(), 1, "without metadata only the newest version is known");
    let skipped = places(&done.json(), "skipped");
    assert!(skipped.contains(&"secret/partly".to_owned()), "{skipped:?}");
    new.bao(&bao, "s.wrong", "secret --yes").refused(4, "permission denied");
    new.bao(&bao, bao.root(), "nothing --yes").refused(4, "nothing: Vault answered 403");
    new.bao(&bao, bao.root(), "sys --yes").refused(1, "only key-value secrets");
    let mut untrusted = new.command("vault secret --yes");
    untrusted.env("VAULT_ADDR", bao.address()).env("VAULT_TOKEN", bao.root());
    finish(untrusted, b"").refused(6, "cannot be reached");
    assert_eq!(new.history("/app/db", "PASSWORD").len(), 1, "what was refused imported something");
}

#[test]
fn a_token_is_taken_from_a_file_and_nobody_is_asked_without_a_plan() {
    let (bao, new) = (OpenBao::start(), Newcomer::new());
    bao.mount("secret", "2");
    bao.put("secret/a", json!({ "KEY": "1" }));
    let file = new.shell.file("token", bao.root());
    let line = |flags: &str| {
        format!("vault secret --address {} --vault-token-file {} {flags}", bao.plain_address(), file.display())
    };
    new.import(&line("")).refused(2, "nobody can be asked");
    assert!(new.names().is_empty());
    new.import(&line("--yes")).expect(0);
    assert_eq!(new.names(), ["/a KEY"]);
}

#[test]
fn an_import_that_is_killed_goes_on_and_doubles_nothing() {
    let (bao, new) = (OpenBao::start(), Newcomer::new());
    bao.mount("secret", "2");
    let (secrets, versions) = (20_usize, 3);
    for number in 0..secrets {
        for version in 1..=versions {
            bao.put(&format!("secret/s{number:02}"), json!({ "KEY": format!("{version}") }));
        }
    }
    let mut killed = 0;
    for wanted in [1, secrets / 2, secrets] {
        let mut command = new.command("vault secret --yes --batch 1");
        command.env("VAULT_ADDR", bao.plain_address()).env("VAULT_TOKEN", bao.root());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
        while child.try_wait().expect("it is ours").is_none() && new.names().len() < wanted {}
        let _ = child.kill();
        killed += i32::from(!child.wait().expect("it is ours").success());
    }
    assert!(killed > 0, "no import was there to be killed");
    let last = new.bao(&bao, bao.root(), "secret --yes --json");
    last.expect(0);
    for number in 0..secrets {
        let values: Vec<_> =
            new.history(&format!("/s{number:02}"), "KEY").into_iter().map(|(value, _)| value).collect();
        assert_eq!(values, ["1", "2", "3"], "s{number:02}");
    }
}

/// A server that answers everything with this.
fn answering(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            let path = String::from_utf8_lossy(&request).split(' ').nth(1).unwrap_or_default().to_owned();
            // The client may hang up first when it has read enough.
            let _ = stream.write_all(answer(&path).as_bytes());
        }
    });
    url
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

#[test]
fn a_hostile_server_costs_an_error_and_nothing_is_imported() {
    let new = Newcomer::new();
    let tree = r#"{"data":{"keys":["a/","b/","c/","d/"]}}"#;
    let big = format!(r#"{{"data":{{"keys":["{}"]}}}}"#, "x".repeat(33 << 20));
    let cases: Vec<(String, &str)> = vec![
        (answering(|_| ok("")), "not one of Vault"),
        (answering(|_| ok("{\"data\":{\"keys\":[\"s3cret")), "not with JSON"),
        (answering(|_| ok("<html>s3cret</html>")), "not with JSON"),
        (answering(|_| ok(r#"{"data":{"keys":{"s3cret":1}}}"#)), "not one of Vault"),
        (answering(move |_| ok(tree)), "more than one import takes"),
        (answering(move |_| ok(&big)), "larger than 32 MiB"),
        (answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"data\":".to_owned()), "broke off"),
        (
            answering(|_| {
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_owned()
            }),
            "302",
        ),
    ];
    for (url, words) in cases {
        let mut command = new.command(&format!("vault secret --kv-version 1 --yes --address {url}"));
        command.env("VAULT_TOKEN", "t");
        let done = finish(command, b"");
        assert_ne!(done.status.code(), Some(0));
        assert!(done.stderr.contains(words) && !done.stderr.contains("s3cret"), "{words:?} in:\n{}", done.stderr);
    }
    assert!(new.names().is_empty());
}

#[test]
fn names_that_no_request_can_say_are_named_and_not_asked_for() {
    let new = Newcomer::new();
    let url = answering(|path| match path {
        "/v1/secret?list=true" => ok(r#"{"data":{"keys":["..","../","good","a\u001b[31m"]}}"#),
        "/v1/secret/good" => ok(r#"{"data":{"KEY":"v"}}"#),
        "/v1/secret/a%1B[31m" => ok(r#"{"data":{"KEY":"w"}}"#),
        other => panic!("{other} was asked for"),
    });
    let mut command = new.command(&format!("vault secret --kv-version 1 --yes --json --address {url}"));
    command.env("VAULT_TOKEN", "t");
    let done = finish(command, b"");
    done.expect(0);
    assert_eq!(places(&done.json(), "skipped"), ["secret/..", "secret/.."]);
    assert!(!done.stderr.contains('\u{1b}') && !done.stdout.contains('\u{1b}'));
    assert_eq!(new.names(), ["/a__31m KEY", "/good KEY"]);
}
