//! Formats through both doors: what one environment exports another imports to the same values, and what a format cannot
//! or should not hold is refused by name.

use crate::support::api::{Api, environment, refused};
use crate::support::cli::Shell;
use crate::support::http::Response;
use crate::support::server::Server;
use serde_json::{Value, json};

const FORMATS: [&str; 10] = [
    "dotenv",
    "json",
    "yaml",
    "toml",
    "csv",
    "properties",
    "ini",
    "compose",
    "kubernetes-secret",
    "kubernetes-configmap",
];

/// A server, its owner, and somebody at a shell with the owner's token.
fn begin() -> (Server, Api, Shell) {
    let server = Server::start();
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    let ada = Shell::new(server.base());
    ada.file("token", owner.token());
    (server, owner, ada)
}

fn export(who: &Api, query: &str) -> Response {
    who.get(&format!("{}/variables?{query}", environment("shop/staging")))
}

fn named(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().expect("one for each").iter().filter_map(|error| error["field"].as_str()).collect()
}

#[test]
fn what_one_environment_exports_another_imports_to_the_same_values() {
    let (_server, owner, ada) = begin();
    let values = json!({
        "EMPTY": "", "HASH": "a # b;c", "LINES": "one\ntwo\r\n", "QUOTES": "it's \"so\" \\n", "REFERENCE": "${NOBODY} $5 $$",
        "SPACES": " x ", "UTF8": "é\u{1f600}", "WORD": "yes",
    });
    for (name, value) in values.as_object().expect("an object") {
        owner.write("shop/staging", name, json!({ "value": value, "interpolate": false }));
    }
    for format in FORMATS {
        let copy = format!("copy-{format}");
        owner.environment(&format!("shop/{copy}"), json!({}));
        let place = "-p shop --token-file token";
        ada.run(&format!("export {place} -e staging --format {format} --file out")).expect(0);
        ada.run(&format!("import out {place} -e {copy} --format {format}")).expect(0);
        let copied = owner.variables(&format!("shop/{copy}")).expect(200);
        assert_eq!(copied["variables"], values, "{format}");
        let again = ada.run(&format!("import out {place} -e {copy} --format {format} --dry-run --json")).json();
        assert_eq!(again["counts"]["same"], 8, "{format}: {again}");
    }
}

#[test]
fn a_value_a_format_cannot_hold_is_refused_by_name_and_the_other_way_round() {
    let (_server, owner, ada) = begin();
    owner.write("shop/staging", "RAW", json!({ "value": "/w==", "encoding": "base64" }));
    for format in ["dotenv", "properties", "ini", "compose", "docker", "github-mask"] {
        let problem = refused(&export(&owner, &format!("format={format}")), 422, "format_not_representable");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`RAW`")), "{problem}");
    }
    for (format, kind) in [("toml", "application/toml"), ("csv", "text/csv"), ("kubernetes-secret", "application/yaml")]
    {
        let answer = export(&owner, &format!("format={format}"));
        assert!(answer.status == 200 && answer.text().contains("/w=="), "{}", answer.text());
        assert!(answer.header("content-type").is_some_and(|found| found.starts_with(kind)), "{:?}", answer.headers);
    }
    refused(&export(&owner, "format=kubernetes-secret&name=Not_A_Name"), 400, "invalid_value");
    let answer = export(&owner, "format=kubernetes-secret&name=my.app");
    assert!(answer.text().contains("name: \"my.app\""), "{}", answer.text());

    // Half a file is never imported, and the broken line is named without being shown.
    ada.file("broken.toml", "GOOD = \"1\"\nBAD = \"hush\n");
    let done = ada.run("import broken.toml -p shop -e staging --token-file token");
    assert!(done.refused(1, "line 2").contains("BAD") && !done.stderr.contains("hush"), "{}", done.stderr);
    ada.run("import x -p shop -e staging --token-file token --format shell").expect(2);
    assert_eq!(owner.list("shop/staging").len(), 1);
}

#[test]
fn restricted_values_do_not_end_up_in_a_config_map_unless_that_is_said() {
    let (_server, owner, ada) = begin();
    owner.set("shop/staging", "OPEN", "shown");
    owner.write("shop/staging", "SEALED", json!({ "value": "the sealed words", "visibility": "restricted" }));
    owner.set("shop/staging", "BUILT", "1:${SEALED}");
    let machine = owner.machine("runner", "maintainer", json!({ "project": "shop" }));
    assert!(export(&machine, "format=kubernetes-secret").text().contains("SEALED"));
    let problem = refused(&export(&machine, "format=kubernetes-configmap"), 422, "variables_restricted");
    assert_eq!(named(&problem), ["BUILT", "SEALED"], "{problem}");
    let omitted = export(&machine, "format=kubernetes-configmap&withheld=omit");
    assert!(omitted.text().contains("OPEN") && !omitted.text().contains("sealed words"), "{}", omitted.text());
    let included = export(&machine, "format=kubernetes-configmap&restricted=include");
    assert!(included.text().contains("1:the sealed words"), "{}", included.text());
    // Each of the three is an answer of its own to whoever has one already.
    for query in ["withheld=omit", "restricted=include"] {
        let path = format!("{}/variables?format=kubernetes-configmap&{query}", environment("shop/staging"));
        let have = omitted.header("etag").expect("a tag");
        let bearer = format!("Bearer {}", machine.token());
        let status = machine.raw("GET", &path, &[("authorization", &bearer), ("if-none-match", have)], b"").status;
        assert_eq!(status, if query == "withheld=omit" { 304 } else { 200 }, "{query}");
    }
    // The word does not give a person what only machines receive.
    refused(&export(&owner, "format=kubernetes-configmap&restricted=include"), 403, "variables_withheld");

    ada.file("key", machine.token());
    let run = |more: &str| {
        ada.run(&format!("export -p shop -e staging --token-file key --format kubernetes-configmap {more}"))
    };
    assert!(run("").refused(1, "2 of the variables are restricted").contains("--include-restricted"));
    assert!(run("--include-restricted").expect(0).contains("the sealed words"));
    assert!(!run("--omit-withheld").expect(0).contains("SEALED"));
}
