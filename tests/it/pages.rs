//! The pages in a real Chromium against the real server and its real policy: each page of the router as owner and as
//! viewer, in light and dark, from 320 to 1,440 px, with and without JavaScript; what people do on them; and that no
//! text of theirs becomes markup.

mod arranged;
mod crowd;
mod governance;
mod plain;
mod show_as;
mod surface;
mod world;

pub(crate) use plain::ask;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

use crate::link_page::{node, tools};
use crate::support::app::{Client, PASSWORD, TestApp};
use crate::support::smtp::{Smtp, token};
use crate::support::variable;
use world::World;

/// What somebody who may only look is refused, and how. Every other page is theirs to see, with the acts they lack left
/// out.
const HIDDEN: &[(&str, u16)] = &[
    ("/machines/{machine}", 404),
    ("/machines/{machine}/delete", 404),
    ("/projects/{project}/environments/{environment}/access", 403),
    ("/projects/{project}/environments/{environment}/secrets/{name}/access", 403),
    ("/access/people", 403),
    ("/access/review", 403),
    ("/access/unused", 403),
    ("/policies", 403),
    ("/new-policy", 403),
    ("/policies/{policy}", 403),
    ("/policies/{policy}/versions", 403),
    ("/organization/keys", 403),
    ("/audit", 403),
    ("/audit/{event}", 403),
    ("/jobs", 403),
    ("/jobs/{job}", 403),
    ("/health", 403),
    ("/instance/users/{user}", 403),
    ("/projects/{project}/environments/{environment}/secrets/{name}/reads", 403),
];

/// The paths of the router that answer GET, as the tables of pages list them.
pub(crate) fn routes() -> Vec<String> {
    let mut pages = Vec::new();
    for file in ["src/http/pages/mod.rs", "src/http/pages/governance/mod.rs", "src/http/sign_in.rs", "src/http/help.rs"]
    {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text: String = std::fs::read_to_string(file).expect("readable").split_whitespace().collect();
        let table = text.split("app.service(at(\"").skip(1);
        let all = table.filter_map(|row| row.split_once("\")")).filter(|(_, acts)| acts.starts_with(".get("));
        pages.extend(all.map(|(path, _)| path.to_owned()).filter(|path| !path.starts_with("/assets/")));
    }
    pages
}

/// Where a person leafs through what the pages look like.
pub(crate) fn screenshots() -> PathBuf {
    let target = variable("HOLDFAST_SCREENSHOTS").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let folder = target.unwrap_or_else(beside);
    std::fs::create_dir_all(&folder).expect("the folder is ours");
    folder
}

fn run(part: &str, app: &TestApp, world: &World, pages: &Value) -> Vec<Value> {
    run_as(part, app, [&world.owner, &world.viewer], pages)
}

/// The same as these two.
fn run_as(part: &str, app: &TestApp, [owner, viewer]: [&Client; 2], pages: &Value) -> Vec<Value> {
    let tools = tools();
    assert!(tools.join("stamp").is_file(), "nothing to drive a browser with: run `make test-tools`");
    let ask = json!({
        "base": app.base, "pages": pages, "screenshots": screenshots(), "part": part,
        "owner": owner.token, "viewer": viewer.token,
        "email": "ada@example.com", "password": PASSWORD,
    });
    let npm = tools.join("npm");
    let said = node("pages.mjs", &[npm.to_str().expect("text")], &ask);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn assert_all(checks: &[Value], least: usize) {
    let failed: Vec<String> = checks.iter().filter(|c| c["ok"] != true).map(Value::to_string).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), checks.len(), failed.join("\n"));
    assert!(checks.len() >= least, "only {} checks were made", checks.len());
}

#[test]
fn every_page_is_whole_for_everybody_in_light_and_dark_wide_and_narrow() {
    // Mail has somewhere to go, and nobody takes it: pages say what they say where it is sent.
    let app = TestApp::with(&[
        ("HOLDFAST_MAIL_HOST", "127.0.0.1"),
        ("HOLDFAST_MAIL_PORT", "9"),
        ("HOLDFAST_MAIL_SECURITY", "none"),
        ("HOLDFAST_MAIL_FROM", "holdfast@example.com"),
    ]);
    let world = World::build(&app);
    World::ask_for_an_address(&app);
    let routes = routes();
    assert!(routes.len() > 8, "{routes:?}");
    let mut pages: Vec<Value> = routes.iter().flat_map(|route| world.samples(route)).collect();
    for page in &mut pages {
        let hidden = HIDDEN.iter().find(|(route, _)| page["route"] == *route);
        page["viewer"] = json!(hidden.map_or(200, |(_, status)| *status));
    }
    assert!(HIDDEN.iter().all(|(route, _)| routes.iter().any(|known| known == route)), "a page is gone: {HIDDEN:?}");
    assert_all(&run("look", &app, &world, &json!(pages)), pages.len() * 12);
}

#[test]
fn people_find_show_change_and_bring_back_values() {
    let app = TestApp::start();
    let world = World::build(&app);
    assert_all(&run("act", &app, &world, &json!([])), 25);
}

#[test]
fn no_text_of_anybody_becomes_markup() {
    let app = TestApp::start();
    let world = World::build(&app);
    let pages = world.hostile(&app);
    assert_all(&run("hostile", &app, &world, &pages), 20);
}

#[test]
fn the_page_of_a_mailed_link_about_an_address_is_whole_after_each_button() {
    let mut smtp = Smtp::start("none");
    let app = smtp.app("none", "");
    let session = json!({ "email": "ada@example.com", "password": PASSWORD });
    let session = app.nobody().post("/sessions", session).expect(201);
    let ada = app.client(session["token"].as_str().expect("a token"));
    let mut asked = |new: &str, mails: usize| -> Vec<(bool, String)> {
        app.clock.advance(std::time::Duration::from_secs(61));
        ada.post("/account/email", json!({ "email": new })).expect(202);
        (0..mails).map(|_| smtp.next()).map(|mail| (mail["to"] == json!([new]), token(&mail))).collect()
    };
    let verify = asked("ada@example.com", 1)[0].1.clone();
    let steps = json!({ "verify": verify });
    assert_all(&run_as("email", &app, [&ada, &ada], &steps), 4);
    let both = asked("a.rather.long.address.of.ada@mail.of.the.shop.example.com", 2);
    let of =
        |new: bool, both: &[(bool, String)]| both.iter().find(|(is_new, _)| *is_new == new).expect("a mail").1.clone();
    let stopped = json!({ "stop": of(false, &both) });
    assert_all(&run_as("email", &app, [&ada, &ada], &stopped), 4);
    let both = asked("ada.new@example.com", 2);
    let steps = json!({ "half": of(false, &both), "changed": of(true, &both) });
    assert_all(&run_as("email", &app, [&ada, &ada], &steps), 9);
}
