//! The running API against its own description: schemathesis asks what openapi.json allows, and what it does not.

use crate::support::{server::Server, variable};
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;

/// What must hold of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// What would take away the token, or what it may do, that all the others are asked with.
/// And what has no end: `audit_tail` is about that.
const EXCLUDED: &[&str] =
    &["session_delete", "token_delete", "organization_delete", "member_delete", "grant_delete", "audit_follow"];

fn program() -> PathBuf {
    let home = || PathBuf::from(variable("HOME").expect("HOME is set")).join(".cache/holdfast/tools");
    let tools = variable("HOLDFAST_TEST_TOOLS").map_or_else(home, PathBuf::from);
    let program = tools.join("schemathesis/bin/schemathesis");
    assert!(program.exists(), "{} is missing: run `make test-tools`", program.display());
    program
}

#[test]
fn schemathesis_finds_no_server_error_and_no_answer_beside_the_description() {
    let server = Server::start();
    let token = server.set_up();
    let with_token = Some(token.as_str());
    server.request("POST", "/api/v1/projects", with_token, Some(&json!({"slug": "shop"}))).expect(201);
    let staging = json!({"slug": "staging"});
    server.request("POST", "/api/v1/projects/shop/environments", with_token, Some(&staging)).expect(201);

    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(program())
        .current_dir(elsewhere.path()) // it writes caches and reports where it stands
        .env("SCHEMATHESIS_HOOKS", "")
        .env("NO_COLOR", "1")
        .arg("--config-file")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/schemathesis.toml"))
        .arg("run")
        .arg(format!("{}/api/v1/openapi.json", server.base()))
        .args(["--url", server.base(), "--header", &format!("Authorization: Bearer {token}")])
        // One worker: the parser of Python 3.11 is not safe in threads, and cases come in the same order.
        .args(["--checks", CHECKS, "--workers", "1", "--continue-on-failure", "--request-timeout", "20"])
        .args(EXCLUDED.iter().flat_map(|id| ["--exclude-operation-id", id]))
        .args(["--suppress-health-check", "all", "--warnings", "off", "--no-color"])
        .output()
        .expect("schemathesis was installed by its install.sh");
    let report = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}\n{words}");
    assert!(report.contains("No issues found") && !report.contains("Tested: 0\n"), "nothing was tested:\n{report}");
}
