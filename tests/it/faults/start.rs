//! What must not start, and how it says so: one line that names the fix.

use crate::support::api::Api;
use crate::support::cli::Shell;
use crate::support::server::{Refusal, Server};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A data directory with one secret in it, its server stopped.
fn stopped() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start_in(&data(&dir), &[]);
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    owner.set("shop/staging", "KEPT", "as it was");
    assert!(server.stop().success());
    dir
}

fn data(dir: &tempfile::TempDir) -> std::path::PathBuf {
    dir.path().join("data")
}

/// Panics unless the server refused in one line with these words and logged no stack or second sentence.
fn one_line(refusal: &Refusal, words: &[&str]) {
    assert_eq!(refusal.code, Some(1), "{refusal:?}");
    assert_eq!(refusal.stderr.trim_end().lines().count(), 1, "{}", refusal.stderr);
    for word in words {
        assert!(refusal.stderr.contains(word), "{word:?} in:\n{}", refusal.stderr);
    }
    assert!(!refusal.stdout.contains("panicked"), "{}", refusal.stdout);
}

/// The fingerprint the database wants.
fn wanted(dir: &Path) -> String {
    let report =
        Shell::offline().call(["keys", "fingerprint", "--json", "--data-dir", &dir.display().to_string()], b"");
    let report = report.json();
    report["root_key_wanted"].as_str().unwrap_or_else(|| panic!("{report}")).to_owned()
}

/// The files of a data directory that may not change when a start is refused.
fn database(dir: &Path) -> Vec<u8> {
    fs::read(dir.join("holdfast.db")).expect("the database")
}

#[test]
fn a_wrong_root_key_is_named_beside_the_one_wanted() {
    let (dir, other) = (stopped(), stopped());
    let before = database(&data(&dir));
    let (wanted, given) = (wanted(&data(&dir)), wanted(&data(&other)));
    assert_ne!(wanted, given);
    let key = data(&other).join("root.key").display().to_string();
    let refusal = Server::refused(&data(&dir), &[], &[("HOLDFAST_ROOT_KEY_FILE", &key)]);
    one_line(&refusal, &["root key", &wanted, &given]);
    assert_eq!(database(&data(&dir)), before, "a refused start writes nothing");
    // The right one is still accepted.
    assert!(Server::start_in(&data(&dir), &[]).stop().success());
}

#[test]
fn a_missing_root_key_is_named_and_no_fresh_one_is_made_over_data() {
    let dir = stopped();
    let wanted = wanted(&data(&dir));
    let key = data(&dir).join("root.key");
    fs::rename(&key, dir.path().join("elsewhere")).expect("the file is ours");
    let refusal = Server::refused(&data(&dir), &[], &[]);
    one_line(&refusal, &["missing", &wanted, "given was none"]);
    assert!(!key.exists(), "a fresh key was made over existing data");
    // A file that was named and is not there, likewise.
    let named = dir.path().join("no-such-file").display().to_string();
    one_line(&Server::refused(&data(&dir), &[], &[("HOLDFAST_ROOT_KEY_FILE", &named)]), &[&wanted, "given was none"]);
    // Put back where somebody says, it opens everything.
    let elsewhere = dir.path().join("elsewhere").display().to_string();
    assert!(Server::start_in(&data(&dir), &[("HOLDFAST_ROOT_KEY_FILE", &elsewhere)]).stop().success());
}

#[test]
fn a_root_key_that_others_can_read_or_that_is_none_is_refused() {
    let dir = stopped();
    let key = data(&dir).join("root.key");
    let mode = |mode| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("the file is ours");
    mode(0o444);
    one_line(&Server::refused(&data(&dir), &[], &[]), &["read by others", "0444", "chmod 0400"]);
    mode(0o440);
    one_line(&Server::refused(&data(&dir), &[], &[]), &["read by others", "0440"]);
    mode(0o600);
    let line = fs::read_to_string(&key).expect("ours");
    let cut = &line.trim_end()[..line.trim_end().len() - 6];
    fs::write(&key, cut).expect("ours");
    let refusal = Server::refused(&data(&dir), &[], &[]);
    one_line(&refusal, &["no root key"]);
    assert!(!refusal.stderr.contains(cut), "the key was printed");
    fs::write(&key, &line).expect("ours");
    mode(0o400);
    assert!(Server::start_in(&data(&dir), &[]).stop().success());
}

#[test]
fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let server = Server::start();
    let owner = Api::new(server.base(), &server.set_up());
    let pid = server.pid().to_string();
    one_line(&Server::refused(server.data(), &[], &[]), &["another holdfast", &pid]);
    owner.project("shop");
    let rescue = ["rescue", "--owner", "ada@example.com", "--data-dir", &server.data().display().to_string()];
    let refused = Shell::offline().call(rescue, b"");
    assert_ne!(refused.status.code(), Some(0), "{}", refused.stdout);
    assert!(server.stop().success());
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let dir = stopped();
    let path = data(&dir).join("holdfast.db");
    let raise = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                 SELECT version + 1, 'of_a_later_holdfast', applied_on, '1' FROM refinery_schema_history
                 ORDER BY version DESC LIMIT 1";
    let newest: u32 = {
        let sql = rusqlite::Connection::open(&path).expect("the database");
        sql.execute(raise, []).expect("the history of migrations");
        sql.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0)).expect("a version")
    };
    let before = database(&data(&dir));
    let words = [format!("schema version {newest}"), format!("up to {}", newest - 1)];
    one_line(&Server::refused(&data(&dir), &[], &[]), &[&words[0], &words[1]]);
    assert_eq!(database(&data(&dir)), before);
    let doctor = Shell::offline().call(["doctor", "--json", "--data-dir", &data(&dir).display().to_string()], b"");
    doctor.expect(1);
    assert!(doctor.stdout.contains(&format!("version {newest}")), "{}", doctor.stdout);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let dir = stopped();
    let path = data(&dir).join("holdfast.db");
    let garbage = b"this was a database once, before somebody edited it\n".repeat(200);
    fs::write(&path, &garbage).expect("ours");
    one_line(&Server::refused(&data(&dir), &[], &[]), &["database"]);
    assert_eq!(database(&data(&dir)), garbage);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let first = Server::start();
    let address = first.base().trim_start_matches("http://").to_owned();
    let dir = tempfile::tempdir().expect("a temporary directory");
    one_line(&Server::refused(&data(&dir), &["--listen", &address], &[]), &["cannot listen", &address]);
}
