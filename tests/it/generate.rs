//! Values nobody thinks up: made here and by the server, and read by the programs they are for.

use crate::support::api::{Api, refused};
use crate::support::cli::{Done, Shell, finish};
use crate::support::server::Server;
use serde_json::{Value, json};
use std::path::Path;

fn server() -> (Server, Api) {
    let server = Server::start();
    let api = Api::new(server.base(), &server.set_up());
    api.project("shop");
    api.environment("shop/dev", json!({}));
    (server, api)
}

fn tool(shell: &Shell, program: &str, arguments: &[&str], input: &[u8]) -> Done {
    let mut command = shell.program(Path::new(program));
    command.args(arguments);
    finish(command, input)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn ssh_keygen_reads_the_key_and_finds_its_public_half() {
    let shell = Shell::offline();
    shell.run("generate ssh-key --comment deploy@shop --out id_ed25519").expect(0);
    let derived = tool(&shell, "ssh-keygen", &["-y", "-P", "", "-f", "id_ed25519"], b"");
    let public = std::fs::read_to_string(shell.dir().join("id_ed25519.pub")).expect("written beside it");
    assert_eq!(derived.expect(0).trim_end(), public.trim_end());
    assert!(public.ends_with(" deploy@shop\n"), "{public}");
    // It signs, and what it signed is its own: the two halves belong together.
    std::fs::write(shell.dir().join("message"), "a message").expect("ours");
    tool(&shell, "ssh-keygen", &["-Y", "sign", "-n", "file", "-f", "id_ed25519", "message"], b"").expect(0);
    shell.file("allowed", format!("deploy {public}"));
    let verify = ["-Y", "verify", "-n", "file", "-f", "allowed", "-I", "deploy", "-s", "message.sig"];
    tool(&shell, "ssh-keygen", &verify, b"a message").expect(0);
    assert_ne!(tool(&shell, "ssh-keygen", &verify, b"another").status.code(), Some(0));
}

#[test]
fn openssl_verifies_the_request_and_that_the_key_is_its_own() {
    let shell = Shell::offline();
    for algorithm in ["ecdsa_p256", "ed25519"] {
        let line = format!(
            "generate csr --common-name shop.example --name *.shop.example --name 10.0.0.1 --organization Shop \
             --country DE --algorithm {algorithm} --out {algorithm}.key"
        );
        shell.run(&line).expect(0);
        let (key, request) = (format!("{algorithm}.key"), format!("{algorithm}.key.csr"));
        let shown = tool(&shell, "openssl", &["req", "-verify", "-noout", "-text", "-in", &request], b"");
        shown.expect(0);
        let words = format!("{}{}", shown.stdout, shown.stderr);
        for part in ["verify OK", "shop.example", "*.shop.example", "10.0.0.1", "Shop", "DE"] {
            assert!(words.contains(part), "{part} is not in\n{words}");
        }
        let public = tool(&shell, "openssl", &["req", "-pubkey", "-noout", "-in", &request], b"");
        let of_key = tool(&shell, "openssl", &["pkey", "-pubout", "-in", &key], b"");
        assert_eq!(public.expect(0), of_key.expect(0));
    }
}

#[test]
fn what_is_made_here_goes_to_stdout_or_into_a_new_file_of_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let shell = Shell::offline();
    let once = shell.run("generate random --length 40 --alphabet symbols").expect(0).to_owned();
    assert_eq!(once.trim_end().chars().count(), 40);
    assert_ne!(once, shell.run("generate random --length 40 --alphabet symbols").expect(0), "the same twice");
    let told = shell.run("generate passphrase --words 7 --json").json();
    assert_eq!((text(&told["value"]).split('-').count() >= 7, &told["bits"]), (true, &json!(90)));
    let pair = shell.run("generate age-key");
    assert!(pair.expect(0).starts_with("AGE-SECRET-KEY-1") && pair.stderr.starts_with("age1"), "{pair:?}");

    shell.run("generate hex --out key").expect(0);
    let path = shell.dir().join("key");
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&path).expect("there");
    shell.run("generate hex --out key").refused(1, "there already");
    assert_eq!(std::fs::read(&path).expect("there"), before);
    shell.run("generate random --length 0").refused(2, "1 to 4096");
    shell.run("generate passphrase --words 3").refused(2, "4 to 64");
}

#[test]
fn the_server_draws_keeps_the_value_to_itself_and_answers_the_public_half() {
    let (server, api) = server();
    for (name, generate) in [
        ("A", json!({ "kind": "uuid" })),
        ("B", json!({ "kind": "random", "length": 24, "characters": "ab$" })),
        ("C", json!({ "kind": "hex", "bytes": 16 })),
        ("D", json!({ "kind": "base64", "url_safe": true })),
        ("E", json!({ "kind": "passphrase" })),
        ("F", json!({ "kind": "ssh_key", "comment": "me" })),
        ("G", json!({ "kind": "age_key" })),
        ("H", json!({ "kind": "csr", "common_name": "shop.example" })),
    ] {
        let answer = api.write("shop/dev", name, json!({ "generate": generate }));
        let value = api.value("shop/dev", name);
        assert!(value.len() >= 24 && !answer.to_string().contains(value.trim()), "{name}");
        assert_eq!(answer["generated"]["kind"], generate["kind"], "{answer}");
        assert_eq!(answer["interpolate"], json!(false), "{name}: `${{` in it is text");
        let has_public = ["F", "G", "H"].contains(&name);
        assert_eq!(answer["generated"]["public"].is_string(), has_public, "{answer}");
    }
    let key = api.value("shop/dev", "F");
    let shell = Shell::new(server.base());
    shell.file("key", key);
    let derived = tool(&shell, "ssh-keygen", &["-y", "-P", "", "-f", "key"], b"");
    let again = api.write("shop/dev", "F", json!({ "generate": { "kind": "ssh_key", "comment": "me" } }));
    assert_ne!(derived.expect(0).trim_end(), text(&again["generated"]["public"]), "a new pair each time");
    assert_eq!(again["version"], json!(2));
}

#[test]
fn a_batch_draws_for_names_that_are_missing_and_a_plan_draws_nothing() {
    let (_server, api) = server();
    let path = "/projects/shop/environments/dev/secrets/batch";
    let items = json!([
        { "name": "KEY", "generate": { "kind": "base64" }, "visibility": "restricted" },
        { "name": "PAIR", "generate": { "kind": "age_key" } },
        { "name": "PLAIN", "value": "typed" },
    ]);
    let plan = api.post(path, json!({ "items": items, "dry_run": true })).expect(200);
    assert_eq!((&plan["counts"]["add"], plan.to_string().contains("generated")), (&json!(3), false), "{plan}");
    let done = api.post(path, json!({ "items": items })).expect(200);
    assert!(text(&done["items"][1]["generated"]["public"]).starts_with("age1"), "{done}");
    assert!(done["items"][2].get("generated").is_none(), "{done}");
    assert_eq!(api.variables("shop/dev").json()["code"], "variables_withheld", "KEY is restricted");
    // The version says it must be new: what is there stays.
    let missing = json!([{ "name": "PAIR", "generate": { "kind": "age_key" }, "base_version": 0 }]);
    refused(&api.post(path, json!({ "items": missing })), 412, "version_mismatch");
    let many: Vec<_> = (0..1_001).map(|n| json!({ "name": format!("N{n}"), "generate": { "kind": "uuid" } })).collect();
    assert_eq!(api.post(path, json!({ "items": many })).status, 400);
}

#[test]
fn what_cannot_be_drawn_is_refused_and_changes_nothing() {
    let (_server, api) = server();
    for generate in [
        json!({ "kind": "random", "length": 0 }),
        json!({ "kind": "random", "length": 1_000_000 }),
        json!({ "kind": "random", "length": -1 }),
        json!({ "kind": "random", "characters": "aa" }),
        json!({ "kind": "random", "characters": "ab", "alphabet": "digits" }),
        json!({ "kind": "passphrase", "words": 1 }),
        json!({ "kind": "ssh_key", "comment": "a\nssh-ed25519 AAAA evil" }),
        json!({ "kind": "csr" }),
        json!({ "kind": "csr", "common_name": "a", "names": ["not a name"] }),
        json!({ "kind": "uuid", "length": 3 }),
        json!({ "kind": "dice" }),
        json!({}),
        json!("uuid"),
    ] {
        let answer = api.put("shop/dev", "KEY", json!({ "generate": generate }));
        assert_eq!(answer.status, 400, "{generate}: {}", answer.text());
    }
    let uuid = || json!({ "kind": "uuid" });
    for body in [
        json!({ "generate": uuid(), "value": "x" }),
        json!({ "generate": uuid(), "state": "unset" }),
        json!({ "generate": uuid(), "interpolate": true }),
    ] {
        refused(&api.put("shop/dev", "KEY", body), 400, "value_unexpected");
    }
    assert!(api.list("shop/dev").is_empty());
}

#[test]
fn a_command_has_the_server_draw_and_no_value_passes_the_terminal() {
    let (server, api) = server();
    let shell = Shell::new(server.base());
    let token = shell.file("token", api.token());
    let call = |line: &str| shell.run(&format!("-p shop -e dev --token-file {} {line}", token.display()));
    let line = call("secrets generate --tag ci DEPLOY_KEY ssh-key --comment deploy@shop");
    assert!(line.expect(0).starts_with("ssh-ed25519 AAAA") && !line.stdout.contains("PRIVATE"), "{line:?}");
    let told = call("secrets generate PASSWORD random --length 20 --json").json();
    let value = api.value("shop/dev", "PASSWORD");
    assert_eq!(value.len(), 20);
    assert!(!told.to_string().contains(&value) && told["generated"]["bits"] == json!(119), "{told}");
    call("secrets generate --base-version 0 PASSWORD uuid").refused(5, "changed meanwhile");
    assert_eq!(api.value("shop/dev", "PASSWORD"), value);
}
