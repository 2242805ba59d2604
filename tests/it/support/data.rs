//! A data directory looked at, copied and changed from outside: what a backup does, and what an attacker would.

use super::cli::{Done, Shell};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

/// The database, opened by somebody else than the server.
pub(crate) fn sql(data: &Path) -> Connection {
    let sql = Connection::open(data.join("holdfast.db")).expect("the database");
    // The server may be writing.
    sql.busy_timeout(std::time::Duration::from_secs(10)).expect("a time");
    sql
}

/// Runs one statement and panics unless it changed something: a change that missed would prove nothing.
pub(crate) fn change(data: &Path, statement: &str) {
    let changed = sql(data).execute(statement, []).unwrap_or_else(|error| panic!("{error}: {statement}"));
    assert!(changed > 0, "nothing was changed by: {statement}");
}

/// A copy of the files of a data directory (no folders, no sockets).
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory is ours");
    for entry in fs::read_dir(from).expect("the directory is ours") {
        let entry = entry.expect("readable");
        if entry.file_type().expect("known").is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("the disk has room");
        }
    }
}

/// The ledger's public key of this data, as an operator pins it at the first start.
pub(crate) fn ledger_key(data: &Path) -> String {
    let done = Shell::offline().call(["keys", "fingerprint", "--json", "--data-dir", &data.display().to_string()], b"");
    done.expect(0);
    let report = done.json();
    report["ledger_public_key"].as_str().unwrap_or_else(|| panic!("{report}")).to_owned()
}

/// `holdfast audit verify` without a server, with the pinned key, and a checkpoint that was kept elsewhere.
pub(crate) fn verify(data: &Path, key: &str, checkpoint: Option<&str>) -> Done {
    let auditor = Shell::offline();
    auditor.file("ledger.pub", key);
    let data = data.display().to_string();
    let mut arguments = vec!["audit", "verify", "--json", "--data-dir", data.as_str(), "--key", "ledger.pub"];
    if let Some(checkpoint) = checkpoint {
        auditor.file("checkpoint.txt", checkpoint);
        arguments.extend(["--checkpoint", "checkpoint.txt"]);
    }
    auditor.call(arguments, b"")
}

/// `holdfast doctor --json`.
pub(crate) fn doctor(data: &Path) -> Done {
    Shell::offline().call(["doctor", "--json", "--data-dir", &data.display().to_string()], b"")
}

/// The codes of the problems a verification names.
pub(crate) fn problems(done: &Done) -> Vec<String> {
    let report = done.json();
    let problems = report["problems"].as_array().unwrap_or_else(|| panic!("{report}"));
    problems.iter().map(|problem| problem["code"].as_str().expect("a code").to_owned()).collect()
}
