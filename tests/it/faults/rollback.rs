//! An older copy of the database in the place of the newer one: every row in it is sound, so only a checkpoint that
//! was kept elsewhere can tell.

use crate::support::api::Api;
use crate::support::data::{change, copy, ledger_key, problems, verify};
use crate::support::server::Server;
use serde_json::json;
use std::fs;

#[test]
fn an_older_copy_of_the_database_is_found_out_by_a_newer_checkpoint() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let data = scratch.path().join("data");
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    let key = ledger_key(&data);
    assert!(server.stop().success());
    let older = scratch.path().join("older");
    copy(&data, &older);

    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), owner.token());
    owner.set("shop/staging", "REGRETTED", "what somebody wants to undo");
    assert!(server.stop().success(), "the last checkpoint is made at the stop");
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), owner.token());
    let checkpoint = owner.get("/audit/checkpoint");
    assert_eq!(checkpoint.status, 200, "{}", checkpoint.text());
    let checkpoint = checkpoint.text().to_owned();
    let report = owner.post("/audit/verify", json!({ "checkpoint": checkpoint })).expect(200);
    assert_eq!(report["ok"], true, "{report}");
    assert!(server.stop().success());
    verify(&data, &key, Some(&checkpoint)).expect(0);

    // The older copy verifies on its own, and not against what was seen later: offline, and by the server on it.
    verify(&older, &key, None).expect(0);
    let found = verify(&older, &key, Some(&checkpoint));
    found.expect(1);
    assert!(!problems(&found).is_empty(), "{}", found.stdout);
    fs::remove_dir_all(&data).expect("the directory is ours");
    copy(&older, &data);
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), owner.token());
    let report = owner.post("/audit/verify", json!({ "checkpoint": checkpoint })).expect(200);
    assert_eq!(report["ok"], false, "{report}");
    // Not even after it wrote on: a longer log is not the same log.
    for n in 0..30 {
        owner.set("shop/staging", &format!("N_{n}"), "v");
    }
    let report = owner.post("/audit/verify", json!({ "checkpoint": checkpoint })).expect(200);
    assert_eq!(report["ok"], false, "{report}");
}

#[test]
fn events_cut_off_the_end_with_their_checkpoints_are_missed_by_a_kept_one() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let data = scratch.path().join("data");
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    let key = ledger_key(&data);
    assert!(server.stop().success());
    let kept: String = crate::support::data::sql(&data)
        .query_row("SELECT note FROM ledger_checkpoints ORDER BY size DESC LIMIT 1", [], |row| row.get(0))
        .expect("made at the stop");
    verify(&data, &key, Some(&kept)).expect(0);
    change(&data, "DELETE FROM ledger_checkpoints");
    change(&data, "DELETE FROM ledger_personal WHERE seq = (SELECT max(seq) FROM ledger_events)");
    change(&data, "DELETE FROM ledger_events WHERE seq = (SELECT max(seq) FROM ledger_events)");
    verify(&data, &key, Some(&kept)).expect(1);
    // A checkpoint that was edited proves nothing, and says so.
    let edited = kept.replacen("holdfast/", "holdfest/", 1);
    let done = verify(&data, &key, Some(&edited));
    assert_ne!(done.status.code(), Some(0), "{}", done.stdout);
}
