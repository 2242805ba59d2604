//! Somebody with the database file and without the keys: whatever they change is found out, and nothing they change
//! shows a value it should not.

use super::shop;
use crate::support::api::{Api, refused, secret};
use crate::support::data::{change, copy, doctor, ledger_key, problems, sql, verify};
use crate::support::server::Server;
use serde_json::json;
use std::path::Path;

const STAGING: &str = "shop/staging";
/// In no answer may this be, once its row was changed.
const VALUE: &str = "the value in question";

/// Panics unless reading the secret fails as a changed row does, without its value.
fn found_out(server: &Server, owner: &Api, place: &str, name: &str, what: &str) {
    // A write voids what the server still has in memory, which nobody could change.
    owner.set("shop/other", "BESIDE", what);
    for answer in [owner.reveal(place, name), owner.variables(place)] {
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        let known = ["ciphertext_invalid", "ciphertext_unknown", "key_version_unknown", "database_corrupt"];
        assert!(answer.status == 500 && known.contains(&code.as_str()), "{what}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains(VALUE), "{what} showed the value");
        // Whoever runs the server finds the cause under the id the client was told.
        server.wait_for(answer.header("x-request-id").expect("every answer has one"));
    }
}

/// A server whose one environment has one secret of two versions, and another with a second.
fn begin(fields: serde_json::Value) -> (Server, Api) {
    let (server, owner) = shop();
    owner.environment("shop/other", json!({}));
    owner.set("shop/other", "OTHER", "of another row");
    owner.set(STAGING, "NAME", "the first");
    let mut fields = fields;
    fields["value"] = json!(VALUE);
    owner.write(STAGING, "NAME", fields);
    (server, owner)
}

const NEWEST: &str = "secret_id = (SELECT id FROM secrets WHERE name = 'NAME') AND version = 2";

#[test]
fn a_changed_ciphertext_does_not_open() {
    let (server, owner) = begin(json!({}));
    let database = sql(server.data());
    let stored: Vec<u8> = database
        .query_row(&format!("SELECT ciphertext FROM secret_versions WHERE {NEWEST}"), [], |row| row.get(0))
        .expect("the version");
    let write = |bytes: &[u8]| {
        let set = format!("UPDATE secret_versions SET ciphertext = ?1 WHERE {NEWEST}");
        assert_eq!(database.execute(&set, [bytes]).expect("one row"), 1);
    };
    assert_eq!(owner.value(STAGING, "NAME"), VALUE);
    // The version byte, the suite, the key's version, the nonce, the text, the tag: one bit each.
    for at in [0, 1, 5, 6, 20, stored.len() / 2, stored.len() - 17, stored.len() - 1] {
        let mut changed = stored.clone();
        changed[at] ^= 1;
        write(&changed);
        found_out(&server, &owner, STAGING, "NAME", &format!("bit 0 of byte {at}"));
    }
    for (what, bytes) in [
        ("cut", &stored[..stored.len() - 1]),
        ("a header alone", &stored[..6]),
        ("nothing", &[]),
        ("one more byte", &[stored.as_slice(), b"x"].concat()),
    ] {
        write(bytes);
        found_out(&server, &owner, STAGING, "NAME", what);
    }
    write(&stored);
    assert_eq!(owner.value(STAGING, "NAME"), VALUE, "the test changed nothing else");
}

#[test]
fn a_ciphertext_moved_to_another_row_does_not_open() {
    let (server, owner) = begin(json!({}));
    let from = |select: &str| format!("UPDATE secret_versions SET ciphertext = ({select}) WHERE {NEWEST}");
    change(
        server.data(),
        &from(
            "SELECT ciphertext FROM secret_versions WHERE version = 1 AND secret_id =
        (SELECT id FROM secrets WHERE name = 'NAME')",
        ),
    );
    found_out(&server, &owner, STAGING, "NAME", "an older version's in the newer one's place");
    change(
        server.data(),
        &from(
            "SELECT ciphertext FROM secret_versions WHERE secret_id =
        (SELECT id FROM secrets WHERE name = 'OTHER')",
        ),
    );
    found_out(&server, &owner, STAGING, "NAME", "another environment's");
}

#[test]
fn what_is_said_beside_a_value_is_bound_to_it() {
    let fields = || json!({ "comment": "asked for by Ada", "tags": ["a", "b"] });
    for (what, statement) in [
        ("another comment", "comment = 'asked for by Eve'"),
        ("no comment", "comment = ''"),
        ("another tag", "tags = 'a,c'"),
        ("one tag fewer", "tags = 'a'"),
        ("tags joined", "tags = 'ab'"),
        ("another author", "created_by = 'usr_01m7ywjwg0fart9zy2664khgev'"),
        ("another time", "created_at = created_at - 1"),
        ("said to be unbound", "bound = 0"),
        ("a comment, and said to be unbound", "comment = 'x', bound = 0"),
    ] {
        let (server, owner) = begin(fields());
        assert_eq!(owner.value(STAGING, "NAME"), VALUE);
        change(server.data(), &format!("UPDATE secret_versions SET {statement} WHERE {NEWEST}"));
        found_out(&server, &owner, STAGING, "NAME", what);
        let lines = owner.get("/keys/verification");
        assert!(lines.text().contains("ciphertext_invalid"), "{what}: {}", lines.text());
    }
}

#[test]
fn no_field_that_gives_a_value_its_meaning_can_be_flipped() {
    for (what, fields, statement) in [
        ("restricted made unmasked", json!({ "visibility": "restricted" }), "visibility = 'unmasked'"),
        ("masked made unmasked", json!({}), "visibility = 'unmasked'"),
        ("interpolate off", json!({}), "interpolate = 0"),
        ("interpolate on", json!({ "interpolate": false }), "interpolate = 1"),
    ] {
        let (server, owner) = begin(fields);
        change(server.data(), &format!("UPDATE secret_versions SET {statement} WHERE {NEWEST}"));
        found_out(&server, &owner, STAGING, "NAME", what);
    }
}

#[test]
fn a_value_moved_to_another_name_folder_or_environment_does_not_open() {
    let (server, owner) = begin(json!({}));
    change(server.data(), "UPDATE secrets SET name = 'RENAMED' WHERE name = 'NAME'");
    found_out(&server, &owner, STAGING, "RENAMED", "a rename by hand");
    change(server.data(), "UPDATE secrets SET name = 'NAME' WHERE name = 'RENAMED'");
    assert_eq!(owner.value(STAGING, "NAME"), VALUE);
    change(
        server.data(),
        "UPDATE secrets SET environment_id = (SELECT id FROM environments WHERE slug = 'other')
        WHERE name = 'NAME'",
    );
    found_out(&server, &owner, "shop/other", "NAME", "a move by hand into an environment somebody else may read");
    change(
        server.data(),
        "UPDATE secrets SET environment_id = (SELECT id FROM environments WHERE slug = 'staging'),
        path = '/api' WHERE name = 'NAME'",
    );
    let answer = owner.get(&format!("{}?reveal=true&path=/api", secret(STAGING, "NAME")));
    assert!(answer.status == 500 && !answer.text().contains(VALUE), "{}", answer.text());
}

#[test]
fn what_was_deleted_is_not_brought_back_by_hand() {
    let (server, owner) = begin(json!({}));
    owner.delete(&secret(STAGING, "NAME")).expect(200);
    let newest = "secret_id = (SELECT id FROM secrets WHERE name = 'NAME') AND version = 3";
    change(server.data(), &format!("UPDATE secret_versions SET state = 'set' WHERE {newest}"));
    found_out(&server, &owner, STAGING, "NAME", "a delete turned into a value");
}

#[test]
fn a_version_row_that_was_taken_out_is_missed() {
    let (server, _owner) = begin(json!({}));
    let data = server.data().to_owned();
    doctor(&data).expect(0);
    let scratch = tempfile::tempdir().expect("a temporary directory");
    for (name, statement) in [
        ("newest", format!("DELETE FROM secret_versions WHERE {NEWEST}")),
        ("pointer", "UPDATE secrets SET version = 1 WHERE name = 'NAME'".to_owned()),
        ("first", "DELETE FROM secret_versions WHERE version = 1 AND secret_id = (SELECT id FROM secrets WHERE name = 'NAME')".to_owned()),
        ("secret", "DELETE FROM secret_versions WHERE secret_id = (SELECT id FROM secrets WHERE name = 'NAME')".to_owned()),
    ] {
        let copied = scratch.path().join(name);
        copy(&data, &copied);
        change(&copied, &statement);
        let report = doctor(&copied);
        report.expect(1);
        let report = report.json();
        let check = check(&report, "secrets");
        assert_eq!(check["ok"], false, "{name}: {report}");
        assert!(check["detail"].as_str().expect("words").contains("1 secrets have versions missing"), "{name}: {check}");
    }
}

fn check<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {report}"))
}

/// Data with a few dozen events, its server stopped and its last checkpoint made; and the key pinned before.
fn with_events(scratch: &Path) -> (std::path::PathBuf, String) {
    let data = scratch.join("data");
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment(STAGING, json!({}));
    for n in 0..20 {
        owner.set(STAGING, &format!("N_{n}"), "v");
    }
    let key = ledger_key(&data);
    assert!(server.stop().success());
    (data, key)
}

#[test]
fn whatever_is_changed_in_the_ledger_is_found() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (data, key) = with_events(scratch.path());
    let sound = verify(&data, &key, None);
    sound.expect(0);
    assert!(sound.json()["signed_size"].as_u64().is_some_and(|size| size > 20), "{}", sound.stdout);
    for (name, statement, code) in [
        ("action", "UPDATE ledger_events SET action = 'secret.list' WHERE seq = 9", "column_changed"),
        ("actor", "UPDATE ledger_events SET actor = 'system' WHERE seq = 9", "column_changed"),
        ("outcome", "UPDATE ledger_events SET outcome = 1 - outcome WHERE seq = 9", "column_changed"),
        ("time", "UPDATE ledger_events SET at = at + 1 WHERE seq = 9", "column_changed"),
        (
            "record",
            "UPDATE ledger_events SET record = (SELECT record FROM ledger_events WHERE seq = 8) WHERE seq = 9",
            "record_changed",
        ),
        ("hash", "UPDATE ledger_events SET leaf_hash = zeroblob(32) WHERE seq = 9", "record_changed"),
        ("body", "UPDATE ledger_events SET record = NULL WHERE seq = 9", "record_missing"),
        ("middle", "DELETE FROM ledger_events WHERE seq = 9", "events_missing"),
        (
            "personal",
            "UPDATE ledger_personal SET content = X'00' WHERE seq = (SELECT min(seq) FROM ledger_personal)",
            "personal_changed",
        ),
        (
            "forgotten",
            "DELETE FROM ledger_personal WHERE seq = (SELECT min(seq) FROM ledger_personal)",
            "personal_missing",
        ),
        ("signature", "UPDATE ledger_checkpoints SET note = replace(note, 'holdfast/', 'holdfest/')", ""),
    ] {
        let copied = scratch.path().join(name);
        copy(&data, &copied);
        change(&copied, statement);
        let done = verify(&copied, &key, None);
        done.expect(1);
        let codes = problems(&done);
        assert!(!codes.is_empty() && (code.is_empty() || codes.iter().any(|c| c == code)), "{name}: {}", done.stdout);
        let report = doctor(&copied);
        report.expect(1);
        let report = report.json();
        assert_eq!(check(&report, "ledger")["ok"], false, "{name}: {report}");
    }
    // A changed event with its hash made to match breaks the signed root.
    let copied = scratch.path().join("both");
    copy(&data, &copied);
    let swap = "UPDATE ledger_events SET (record, leaf_hash) =
        (SELECT record, leaf_hash FROM ledger_events WHERE seq = 8) WHERE seq = 9";
    change(&copied, swap);
    verify(&copied, &key, None).expect(1);
}

#[test]
fn a_running_server_finds_a_ledger_that_was_changed_beneath_it() {
    let (server, owner) = shop();
    assert_eq!(owner.post("/audit/verify", json!({})).expect(200)["ok"], true);
    change(server.data(), "UPDATE ledger_events SET actor = 'system' WHERE seq = 3");
    let report = owner.post("/audit/verify", json!({})).expect(200);
    assert_eq!((&report["ok"], &report["problems"][0]["seq"]), (&json!(false), &json!(3)), "{report}");
}

#[test]
fn a_key_from_elsewhere_does_not_vouch_for_a_ledger() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (data, _) = with_events(scratch.path());
    let (_other, other_key) = with_events(&scratch.path().join("other"));
    verify(&data, &other_key, None).expect(1);
}

#[test]
fn keys_that_were_changed_by_hand_stop_the_start() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (data, _) = with_events(scratch.path());
    for (name, statement) in [
        ("check", "UPDATE root_keys SET key_check = zeroblob(32)"),
        ("wrapped", "UPDATE wrapped_keys SET wrapped = zeroblob(length(wrapped))"),
        ("ledger", "UPDATE ledger_keys SET sealed = zeroblob(length(sealed))"),
        ("gone", "DELETE FROM wrapped_keys"),
    ] {
        let copied = scratch.path().join(name);
        copy(&data, &copied);
        change(&copied, statement);
        let refusal = Server::refused(&copied, &[], &[]);
        assert_eq!(refusal.code, Some(1), "{name}: {refusal:?}");
        assert_eq!(refusal.stderr.trim_end().lines().count(), 1, "{name}: {}", refusal.stderr);
        doctor(&copied).expect(1);
    }
    let refused_nothing = Server::start_in(&data, &[]);
    refused(&refused_nothing.request("GET", "/api/v1/whoami", None, None), 401, "authentication_required");
}
