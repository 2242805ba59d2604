//! Every form says how the same is done by command, request and file, and what it says is there.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Templates whose forms have no such words, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("frame.html", "the theme and the cookie are this browser's own"),
    ("sign_in.html", "a browser's cookie; a command signs in with `holdfast login`, which the page says"),
    ("forgot.html", "whoever asks is nobody yet: there is no token to show it with"),
    ("reset.html", "the link's token is only in the browser's address"),
    ("email.html", "the link's token is only in the browser's address"),
    ("join.html", "the link's token is only in the browser's address"),
    ("setup.html", "the one-use token is only in the browser's address"),
    ("home.html", "its form is a button for what the page of a new project says"),
    ("environment.html", "its form takes back what was just deleted: a button of the page that was left"),
    ("key_rotation.html", "a part of the page of keys, which says it"),
    ("device.html", "confirms what a command asked for: there is nothing to show as a command"),
    ("sign_in_second.html", "a browser's cookie, like the page before it"),
    ("step_up.html", "this browser's own sign-in, once more"),
    ("links_table.html", "its buttons take one link back, as the page around it says"),
    (
        "services_state.html",
        "the part of the page of services that is drawn anew; its buttons are single words of `holdfast env`",
    ),
    ("member.html", "its buttons take single grants back, as the page of a grant says it"),
];

fn templates() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            all.push((name, fs::read_to_string(path).expect("readable")));
        }
    }
    all.sort();
    all
}

/// The words of each `ui::same(frame.base, "…", "…", "…")`: command, request, fields.
fn shown() -> Vec<(String, [String; 3])> {
    let mut all = Vec::new();
    for (name, text) in templates() {
        for rest in text.split("ui::same(").skip(1) {
            let words: Vec<_> = rest.split('"').skip(1).step_by(2).take(3).map(|w| w.replace("\\n", "\n")).collect();
            all.push((name.clone(), words.try_into().expect("three texts")));
        }
    }
    assert!(all.len() > 10, "the templates lost them: {}", all.len());
    all
}

#[test]
fn every_form_says_how_the_same_is_done_elsewhere() {
    let (mut lacking, mut needless) = (Vec::new(), Vec::new());
    for (name, text) in templates() {
        let has_form = text.contains("method=\"post\"");
        let says = text.contains("show_as.html") || text.contains("ui::same(");
        let is_excepted = WITHOUT.iter().any(|(known, _)| *known == name);
        match (has_form && !says, is_excepted) {
            (true, false) => lacking.push(name),
            (false, true) => needless.push(name),
            _ => {}
        }
    }
    assert!(lacking.is_empty(), "forms that do not say it: {lacking:?}");
    assert!(needless.is_empty(), "exceptions that are none: {needless:?}");
    assert!(WITHOUT.iter().all(|(_, why)| why.len() > 10));
}

#[test]
fn what_a_form_says_is_there() {
    let document: Value = serde_json::from_str(holdfast::http::document()).expect("JSON");
    let commands = include_str!("../snapshots/it__cli_help__cli_help.snap");
    let is_same = |path: &str, asked: &str| {
        let (path, asked): (Vec<_>, Vec<_>) = (path.split('/').collect(), asked.split('/').collect());
        path.len() == asked.len()
            && path.iter().zip(&asked).all(|(p, a)| p == a || (p.starts_with('{') && a.starts_with('<')))
    };
    for (template, [cli, request, fields]) in shown() {
        let name: Vec<_> = cli.split(' ').take_while(|w| !w.starts_with(['<', '-'])).collect();
        assert!(
            commands.lines().any(|line| line == format!("==== {}", name.join(" "))),
            "{template}: no command {cli}"
        );
        for flag in
            cli.split(' ').filter(|word| word.starts_with("--") && !["--project", "--environment"].contains(word))
        {
            assert!(commands.contains(&format!("{flag} ")), "{template}: no {flag} in {cli}");
        }
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let path = format!("/api/v1{}", path.split('?').next().expect("a path"));
        let found = document["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .find(|(known, item)| is_same(known, &path) && item.get(method.to_lowercase()).is_some());
        let (_, item) = found.unwrap_or_else(|| panic!("{template}: no request {request}"));
        let body = &item[method.to_lowercase()]["requestBody"]["content"]["application/json"]["schema"];
        let reference =
            body["$ref"].as_str().or_else(|| body["oneOf"].as_array()?.iter().find_map(|s| s["$ref"].as_str()));
        let schema = reference.map(|r| &document["components"]["schemas"][r.rsplit('/').next().expect("a name")]);
        for field in fields.lines().filter_map(|line| line.split(": ").next()) {
            let known = schema.unwrap_or(body)["properties"].get(field);
            assert!(known.is_some(), "{template}: {request} has no field {field}: {schema:?} {body}");
        }
    }
}
