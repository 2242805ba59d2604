//! The rendered objects before graders from elsewhere: checkov for how closed they are, kubernetes-validate for their form.
//! They are given what the snapshots hold, which is what a cluster is given.

use crate::support::cli::{Shell, finish};
use crate::support::variable;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What checkov asks for and Holdfast means otherwise, with the reason.
const SKIPPED: &[(&str, &str)] = &[
    ("CKV_K8S_8", "a liveness probe is the blueprint's to have: a wrong one restarts what works"),
    ("CKV_K8S_15", "Always would ask a registry at every start: a cluster without a network could start nothing"),
    ("CKV_K8S_35", "`delivery: env` is a choice of the blueprint, `files` the other; most programs read environments"),
    ("CKV_K8S_43", "the controller resolves tags to digests; an image that has no registry has none"),
];

fn tool(name: &str) -> PathBuf {
    let home = || PathBuf::from(variable("HOME").expect("HOME is set")).join(".cache/holdfast/tools");
    let tools = variable("HOLDFAST_TEST_TOOLS").map_or_else(home, PathBuf::from);
    let program = tools.join("manifests/venv/bin").join(name);
    assert!(program.exists(), "{} is missing: run `make test-tools`", program.display());
    program
}

/// Every rendered snapshot: its name and its objects.
fn snapshots() -> Vec<(String, Vec<Value>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/runtime/render/snapshots");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("snapshots")
        .map(|entry| {
            let path = entry.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("readable");
            let body = text.splitn(3, "---\n").nth(2).expect("a header and a body");
            let name = path.file_stem().expect("a name").to_string_lossy().rsplit("__").next().map(str::to_owned);
            (name.expect("a name"), serde_json::from_str(body).expect("a list of objects"))
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn yaml(objects: &[Value]) -> String {
    objects.iter().flat_map(|object| ["---\n".to_owned(), object.to_string(), "\n".to_owned()]).collect()
}

fn checkov(shell: &Shell) -> Value {
    let skipped: Vec<_> = SKIPPED.iter().map(|(id, _)| *id).collect();
    let mut command = shell.program(&tool("checkov"));
    command.args(["-d", ".", "--framework", "kubernetes", "--skip-download", "--compact", "--quiet", "-o", "json"]);
    command.args(["--skip-check", &skipped.join(",")]);
    let answer = finish(command, b"");
    serde_json::from_str(&answer.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", answer.stdout, answer.stderr))
}

#[test]
fn checkov_finds_nothing_beyond_what_is_skipped_with_a_reason() {
    let shell = Shell::offline();
    let all = snapshots();
    for (name, objects) in &all {
        shell.file(&format!("{name}.yaml"), yaml(objects));
    }
    let report = checkov(&shell);
    let failed: Vec<_> = report["results"]["failed_checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| format!("{} {}: {}", check["check_id"], check["resource"], check["check_name"]))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(report["summary"]["parsing_errors"], json!(0));
    let passed = report["summary"]["passed"].as_u64().expect("a number");
    assert!(all.len() >= 3 && passed > 500, "it looked at {} snapshots and passed {passed} checks", all.len());
}

#[test]
fn checkov_would_find_an_open_pod() {
    let shell = Shell::offline();
    let mut objects = snapshots().remove(0).1;
    let deployment = objects.iter_mut().find(|o| o["kind"] == "Deployment").expect("there");
    deployment["spec"]["template"]["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    shell.file("open.yaml", yaml(&objects));
    let report = checkov(&shell);
    assert!(report["summary"]["failed"].as_u64().is_some_and(|n| n >= 4), "{}", report["summary"]);
}

#[test]
fn objects_have_the_form_of_every_version_that_is_served() {
    let shell = Shell::offline();
    let all = snapshots();
    for (name, objects) in &all {
        shell.file(&format!("{name}.yaml"), yaml(objects));
    }
    let mut wrong = all[0].1.clone();
    let deployment = wrong.iter_mut().find(|o| o["kind"] == "Deployment").expect("there");
    deployment["spec"]["template"]["spec"]["hostNetwrok"] = json!(true);
    shell.file("wrong.yaml", yaml(&wrong));
    let validate = |version: &str, file: &str| {
        let mut command = shell.program(&tool("kubernetes-validate"));
        command.args(["-k", version, "--strict", file]);
        finish(command, b"")
    };
    for version in ["1.33", "1.37"] {
        for (name, _) in &all {
            validate(version, &format!("{name}.yaml")).expect(0);
        }
        let refused = validate(version, "wrong.yaml");
        assert!(!refused.status.success(), "{version}");
        assert!((refused.stdout + &refused.stderr).contains("hostNetwrok"), "the grader looks");
    }
}
