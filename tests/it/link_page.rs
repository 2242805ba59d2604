//! The page of one-time links in a real Chromium: opens what the command line sealed, in light and dark, wide and
//! narrow, without a complaint of its policy, the console or axe. And the format, by the page's own module.

use crate::support::app::TestApp;
use crate::support::cli::Shell;
use crate::support::variable;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SECRET: &str = "value-of-the-link, käse & 🧀\nand a second line\n";
const WORDS: &str = "a few unrelated words";
const NAME: &str = "a long name of a file with spaces and umlauts äöü.pem";

/// Where `tests/browser/install.sh` puts what drives the browser.
pub(crate) fn tools() -> PathBuf {
    let home = || PathBuf::from(variable("HOME").expect("HOME")).join(".cache/holdfast/tools");
    variable("HOLDFAST_TEST_TOOLS").map_or_else(home, PathBuf::from).join("browser")
}

pub(crate) fn node(script: &str, arguments: &[&str], input: &Value) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script);
    let mut command = Command::new("node");
    command.arg(path).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("node is there: run `make test-tools`");
    // A script that reads nothing may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input.to_string().as_bytes());
    let output = child.wait_with_output().expect("the process is ours");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_pages_own_module_holds_the_vectors_of_the_command_line() {
    let said = node("vectors.mjs", &["--check"], &Value::Null);
    assert!(said.ends_with("vectors hold\n"), "{said}");
}

#[test]
fn the_page_opens_what_the_command_line_sealed() {
    let tools = tools();
    assert!(tools.join("stamp").is_file(), "nothing to drive a browser with: run `make test-tools`");
    let app = TestApp::start();
    let ada = Shell::new(&app.base);
    ada.file("token", &app.owner().token);
    ada.file("words", WORDS);
    ada.file("text", SECRET);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    ada.file(NAME, &bytes);
    let create = |more: &[&str], input: &str| {
        let arguments = [&["link", "create", "--token-file", "token"], more].concat();
        ada.call(arguments, input.as_bytes()).expect(0).trim_end().to_owned()
    };
    // One line end more than is meant, as `echo` adds it.
    let typed = format!("{SECRET}\n");
    let screenshots = variable("HOLDFAST_SCREENSHOTS").map(|dir| dir.to_string_lossy().into_owned());
    let ask = json!({
        "base": app.base,
        "screenshots": screenshots,
        "links": {
            "content": SECRET, "words": WORDS, "name": NAME, "bytes": data_encoding::BASE64.encode(&bytes),
            "text": create(&[], &typed),
            "passphrase": create(&["--passphrase-file", "words", "--views", "3"], &typed),
            "file": create(&["--file", NAME], ""),
            "spare": create(&[], &typed),
        },
    });
    let npm = tools.join("npm");
    let said = node("link.mjs", &[npm.to_str().expect("text")], &ask);
    let checks: Vec<Value> = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let failed: Vec<String> = checks.iter().filter(|c| c["ok"] != true).map(Value::to_string).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(checks.len() > 80, "only {} checks were made", checks.len());
}
