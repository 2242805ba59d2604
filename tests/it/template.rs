//! `holdfast template` against a real server: what is put in, and what is refused.

use crate::support::api::Api;
use crate::support::cli::Shell;
use crate::support::server::Server;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

const PLACE: &str = "-p shop -e staging --token-file token";

fn begin() -> (Server, Api, Shell) {
    let server = Server::start();
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    owner.set("shop/staging", "HOST", "db");
    owner.set("shop/staging", "URL", "postgres://${HOST}/orders");
    owner.write("shop/staging", "SEALED", json!({ "value": "the sealed words", "visibility": "restricted" }));
    let ada = Shell::new(server.base());
    ada.file("token", owner.token());
    (server, owner, ada)
}

#[test]
fn a_template_is_rendered_to_stdout_or_into_a_file_of_ones_own() {
    let (_server, owner, ada) = begin();
    ada.file("app.j2", "url = {{ URL|tojson }}\n");
    assert_eq!(ada.run(&format!("template app.j2 {PLACE}")).expect(0), "url = \"postgres://db/orders\"\n");
    assert_eq!(ada.feed(&format!("template - {PLACE}"), b"{{ HOST }}").expect(0), "db");
    ada.run(&format!("template app.j2 {PLACE} --file app.conf")).expect(0);
    let file = ada.dir().join("app.conf");
    assert_eq!(std::fs::read_to_string(&file).expect("written"), "url = \"postgres://db/orders\"\n");
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    // The machine that may have it has it.
    let machine = owner.machine("runner", "maintainer", json!({ "project": "shop" }));
    ada.file("token", machine.token());
    assert_eq!(ada.feed(&format!("template - {PLACE}"), b"{{ SEALED }}").expect(0), "the sealed words");
}

#[test]
fn a_template_that_asks_for_too_much_is_refused_and_writes_nothing() {
    let (_server, _owner, ada) = begin();
    ada.file("secret.txt", "of this machine");
    let refused = |template: &str, code: i32, words: &str| {
        ada.file("bad.j2", template);
        let done = ada.run(&format!("template bad.j2 {PLACE} --file out"));
        done.refused(code, words);
        assert!(!done.stderr.contains("sealed words") && !done.stderr.contains("of this machine"), "{}", done.stderr);
        assert!(!ada.dir().join("out").exists(), "{template}");
    };
    refused("{{ SEALED }}", 4, "SEALED");
    refused("{{ variables|length }}", 4, "SEALED");
    refused("a\n{{ NOBODY }}", 1, "bad.j2, line 2: there is no variable NOBODY");
    refused("{% include 'secret.txt' %}", 1, "bad.j2, line 1");
    refused("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", 1, "too long");
    refused("{% if %}", 1, "bad.j2, line 1");
    let listed = ada
        .feed(&format!("template - --omit-withheld {PLACE}"), b"{% for n, v in variables|items %}{{ n }} {% endfor %}");
    assert_eq!(listed.expect(0), "HOST URL ");
    // A text that doubles itself ends this process, and not the machine.
    let doubling = format!("{{% set x = 'xxxxxxxx' %}}{}", "{% set x = x ~ x %}".repeat(60));
    let done = ada.feed(&format!("template - {PLACE}"), doubling.as_bytes());
    assert!(!done.status.success() && done.stdout.is_empty(), "{}", done.stderr);
    ada.run(&format!("template nowhere.j2 {PLACE}")).expect(3);
}
