//! `holdfast blueprint`: what it reads, what it says, and what it leaves as it is.

use crate::support::app::TestApp;
use crate::support::cli::Shell;
use crate::support::http;
use serde_json::{Value, json};
use std::fs;

const GOOD: &str = "\
name: shop
services:
  - name: web
    image: registry.example/web:1.4
    ports: [{name: http, containerPort: 8080}]
    resources: {limits: {memory: 64Mi}}
    probes: {readiness: {http: /readyz}}
";

fn codes(list: &Value) -> Vec<String> {
    let code = |e: &Value| format!("{}:{}", e["line"], e["code"].as_str().expect("a code"));
    list.as_array().expect("a list").iter().map(code).collect()
}

#[test]
fn validate_shows_the_line_a_caret_and_a_hint() {
    let shell = Shell::offline();
    shell.file("good.yaml", GOOD);
    shell.file("bad.yaml", GOOD.replace("image:", "imgae:"));
    assert_eq!(shell.run("blueprint validate good.yaml").expect(0), "");
    let bad = shell.run("blueprint validate good.yaml bad.yaml");
    let expected = "error[unknown_field]: unknown field `imgae`\n --> bad.yaml:4:5\n  |\n4 |     imgae: registry.example/web:1.4\n  |     ^^^^^\n  = hint: did you mean `image`?\n";
    assert!(bad.expect(1).contains(expected), "{}", bad.stdout);
    assert!(bad.stderr.contains("good.yaml: good") && bad.stderr.contains("1 of 2 not valid"), "{}", bad.stderr);
    let answer = shell.run("blueprint validate --json bad.yaml good.yaml");
    answer.expect(1);
    let files = &answer.json()["files"];
    assert_eq!(codes(&files[0]["errors"]), ["3:missing_field", "4:unknown_field"]);
    assert_eq!(files[0]["errors"][1]["path"], json!("services[0]"));
    assert_eq!(files[1], json!({ "file": "good.yaml", "valid": true, "errors": [] }));
    shell.feed("blueprint validate -", GOOD.as_bytes()).expect(0);
    shell.feed("blueprint validate -", b"name: [").expect(1);
    shell.run("blueprint validate nowhere.yaml").refused(3, "there is no file nowhere.yaml");
    shell.run("blueprint validate").expect(2);
}

#[test]
fn a_bomb_and_an_escape_sequence_do_nothing() {
    let shell = Shell::offline();
    let many: Vec<_> = (0..10_000).map(|i| format!("  - {{name: s{i}, image: i:1}}\n")).collect();
    shell.file("bomb.yaml", format!("name: x\nservices:\n{}", many.concat()));
    let bomb = shell.run("blueprint validate bomb.yaml");
    assert!(bomb.expect(1).contains("bomb.yaml:203:5"), "{}", bomb.stdout);
    shell.file("escape.yaml", "name: \"a\u{7}\u{1b}[31m\"\nservices: []\n");
    let escape = shell.run("blueprint validate escape.yaml");
    assert!(!escape.expect(1).contains(['\u{1b}', '\u{7}']), "{}", escape.stdout);
}

#[test]
fn lint_ends_as_bad_as_what_it_finds() {
    let shell = Shell::offline();
    shell.file("good.yaml", GOOD);
    shell.file("warned.yaml", GOOD.replace("web:1.4", "web"));
    shell.file(
        "wrong.yaml",
        GOOD.replace("    ports: [{name: http, containerPort: 8080}]\n", "    expose: true\n")
            .replace("http: /readyz", "tcp: 1"),
    );
    let clean = shell.run("blueprint lint good.yaml");
    assert_eq!(clean.expect(0), "");
    assert!(
        clean.stderr.contains("HF006 is left out") && clean.stderr.contains("0 errors, 0 warnings"),
        "{}",
        clean.stderr
    );
    let warned = shell.run("blueprint lint warned.yaml");
    assert!(
        warned.expect(0).contains("warning[HF003]: ") && warned.stdout.contains("warned.yaml:4:12"),
        "{}",
        warned.stdout
    );
    shell.run("blueprint lint warned.yaml --strict").expect(1);
    shell.run("blueprint lint wrong.yaml").expect(1);
    let answer = shell.run("blueprint lint warned.yaml --json");
    answer.expect(0);
    assert_eq!(codes(&answer.json()["findings"]), ["4:HF003"]);
    assert_eq!(answer.json()["variables_compared"], json!(false));
    let invalid = shell.feed("blueprint lint -", b"name: x\n");
    assert!(invalid.expect(1).contains("error[missing_field]"), "{}", invalid.stdout);
    let invalid = shell.feed("blueprint lint --json -", b"name: x\n");
    invalid.expect(1);
    assert_eq!(invalid.json()["valid"], json!(false));
}

#[test]
fn fixes_are_written_and_nothing_else_is_touched() {
    use std::os::unix::fs::PermissionsExt as _;
    let shell = Shell::offline();
    let text = format!("# ours\n{GOOD}    env: {{MODE: 0755}} # octal\n    variables: [A, A] # twice\n");
    let path = shell.file("b.yaml", &text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("ours");
    let fixed = shell.run("blueprint lint b.yaml --fix");
    fixed.expect(0);
    assert!(fixed.stderr.contains("fixed 2 in b.yaml"), "{}", fixed.stderr);
    let after = fs::read_to_string(&path).expect("written");
    assert_eq!(after, text.replace("0755", "\"0755\"").replace("[A, A]", "[A]"));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
    shell.run("blueprint lint b.yaml --fix --strict").expect(0);
    assert_eq!(fs::read_to_string(&path).expect("there"), after);
    shell.feed("blueprint lint --fix -", text.as_bytes()).refused(2, "stdin is none");
}

#[test]
fn rules_explain_themselves() {
    let shell = Shell::offline();
    let told = shell.run("blueprint explain hf008");
    assert!(
        told.expect(0).starts_with("HF008 literal-secret (error): ") && told.stdout.contains("holdfast secrets set")
    );
    assert_eq!(shell.run("blueprint explain literal-secret").stdout, told.stdout);
    assert!(shell.run("blueprint explain").expect(0).lines().count() >= 19);
    assert!(shell.run("blueprint explain HF08").refused(3, "there is no rule HF08").contains("did you mean HF0"));
    assert_eq!(shell.run("blueprint explain HF012 --json").json()["fixable"], json!(true));
}

#[test]
fn a_compose_file_becomes_a_valid_blueprint() {
    let shell = Shell::offline();
    let compose = "services:\n  web:\n    image: nginx:1.27\n    volumes: ['./html:/srv']\n    environment: {API_TOKEN: abcdef}\n";
    shell.file("compose.yaml", compose);
    let done = shell.run("blueprint import compose.yaml --name shop");
    let yaml = done.expect(0).to_owned();
    assert!(yaml.contains("#   line 4: ./html of this machine") && yaml.contains("name: shop\n"), "{yaml}");
    assert!(yaml.contains("variables: [API_TOKEN]") && !yaml.contains("abcdef"), "{yaml}");
    assert!(
        done.stderr.contains("compose.yaml:4: ./html") && done.stderr.contains("compose.yaml:5: "),
        "{}",
        done.stderr
    );
    shell.feed("blueprint validate -", yaml.as_bytes()).expect(0);
    assert!(shell.run("blueprint import compose.yaml").expect(0).contains("name: work\n"), "the folder's name");
    let answer = shell.run("blueprint import compose.yaml --json --name shop");
    answer.expect(0);
    assert_eq!(answer.json()["blueprint"].as_str(), Some(&*yaml));
    let refused = shell.feed("blueprint import -", b"name: x\n");
    assert!(refused.expect(1).contains("there are no services in it"), "{}", refused.stdout);
}

#[test]
fn a_repository_gets_a_proposal() {
    let shell = Shell::offline();
    shell.run("blueprint discover").refused(3, "no file here tells of a service");
    shell.run("blueprint discover nowhere").refused(3, "there is no folder nowhere");
    for folder in ["api", "web/node_modules/x", "a/b/c/d", "secret"] {
        fs::create_dir_all(shell.dir().join(folder)).expect("ours");
    }
    shell.file("api/Dockerfile", "FROM debian:12\nEXPOSE 8080\nUSER 10001\n");
    shell.file("web/package.json", r#"{"scripts": {"start": "node ."}}"#);
    for unseen in ["web/node_modules/x", "a/b/c/d"] {
        shell.file(&format!("{unseen}/Dockerfile"), "FROM x\n");
    }
    std::os::unix::fs::symlink("/etc/hostname", shell.dir().join("secret/Dockerfile")).expect("ours");
    shell.file("web/Procfile", [0xff, 0xfe]);
    let done = shell.run("blueprint discover --name shop");
    let yaml = done.expect(0).to_owned();
    assert!(
        yaml.contains("name: api # api/Dockerfile\n") && yaml.contains("# api/Dockerfile, line 2: EXPOSE\n"),
        "{yaml}"
    );
    assert_eq!(yaml.matches("    image:").count(), 2, "{yaml}");
    assert!(
        done.stderr.contains("web/Procfile is not read") && done.stderr.contains("2 services from 2 files"),
        "{}",
        done.stderr
    );
    shell.feed("blueprint validate -", yaml.as_bytes()).expect(0);
}

#[test]
fn the_schema_is_the_same_from_the_binary_and_from_a_server() {
    let app = TestApp::start();
    let shell = Shell::offline();
    let own: Value = serde_json::from_str(shell.run("blueprint schema").expect(0)).expect("JSON");
    let served = http::send(&app.base, "GET", "/api/v1/blueprint-schema", &[], b"").expect(200);
    assert_eq!(own, served);
    assert_eq!(own["$defs"]["Blueprint"]["required"], json!(["name", "services"]));
}

#[test]
fn lint_asks_the_server_for_names_the_caller_may_see() {
    let app = TestApp::start();
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "staging", None);
    ada.create_environment("shop", "feature", Some("staging"));
    ada.set_secret("shop/staging", "DATABASE_URL", "postgres://db");
    let shell = Shell::new(&app.base);
    shell.file("token", &ada.token);
    shell.file("b.yaml", format!("{GOOD}    variables: [DATABASE_URL, DATABASE_ULR]\n"));
    let found = shell.run("blueprint lint b.yaml -p shop -e feature --token-file token");
    assert!(found.expect(1).contains("no variable `DATABASE_ULR`; did you mean `DATABASE_URL`?"), "{}", found.stdout);
    assert!(!found.stderr.contains("HF006") && found.stderr.contains("1 error, 0 warnings"), "{}", found.stderr);
    let answer = shell.run("blueprint lint b.yaml -p shop -e feature --token-file token --json");
    answer.expect(1);
    assert_eq!(
        (codes(&answer.json()["findings"]), &answer.json()["variables_compared"]),
        (vec!["8:HF006".to_owned()], &json!(true))
    );
    shell.run("blueprint lint b.yaml -p shop -e nowhere --token-file token").expect(3);
}
