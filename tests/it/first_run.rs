//! From nothing to a colleague who reads one value, in a real browser and without a terminal.

use serde_json::{Value, json};

use crate::link_page::{node, tools};
use crate::pages::screenshots;
use crate::support::app::{PASSWORD, TestApp};

#[test]
fn a_browser_leads_from_nothing_to_a_colleague_who_reads_one_value() {
    let app = TestApp::bare(&[]);
    let tools = tools();
    assert!(tools.join("stamp").is_file(), "nothing to drive a browser with: run `make test-tools`");
    let ask = json!({
        "base": app.base.replace("127.0.0.1", "localhost"), "token": app.setup_token(), "password": PASSWORD, "screenshots": screenshots(),
    });
    let npm = tools.join("npm");
    let said = node("first_run.mjs", &[npm.to_str().expect("text")], &ask);
    let checks: Vec<Value> = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let failed: Vec<String> = checks.iter().filter(|c| c["ok"] != true).map(Value::to_string).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), checks.len(), failed.join("\n"));
    assert!(checks.len() >= 20, "only {} checks were made", checks.len());
}
