//! The project to look around in: whole, of the organization it was made in, and removable like any other.

use serde_json::json;

use crate::support::app::{PASSWORD, TestApp};
use crate::support::cli::Shell;
use crate::support::http;

#[test]
fn a_demo_has_something_to_show_everywhere_and_goes_like_any_project() {
    let app = TestApp::start();
    let ada = app.owner();
    let made = ada.post("/projects", json!({ "slug": "shop", "demo": true })).expect(201);
    assert!(made["description"].as_str().expect("a text").contains("Nothing in it is real"), "{made}");
    let staging = ada.variables("shop/staging");
    assert_eq!(staging["DATABASE_URL"], "postgres://shop:demo-staging-password@db.staging.demo.example/shop");
    let branch = ada.variables("shop/feature-checkout");
    assert_eq!(
        (&branch["FEATURE_FLAGS"], &branch["LOG_LEVEL"]),
        (&json!("search,reviews,checkout-v2"), &json!("debug"))
    );
    let listed = ada.get("/projects/shop/environments/staging/secrets?recursive=true").expect(200);
    let origins: Vec<_> = listed["items"].as_array().expect("a list").iter().map(|s| s["origin"].to_string()).collect();
    assert!(
        origins.iter().any(|o| o.contains("inherited")) && origins.iter().any(|o| o.contains("overrides")),
        "{listed}"
    );
    let production = ada.get("/projects/shop/environments/production/secrets/SIGNING_KEY").expect(200);
    assert_eq!(production["visibility"], "restricted");
    let placed = ada.get("/projects/shop/environments/production").expect(200);
    assert_eq!((&placed["tier"], &placed["protected"]), (&json!("production"), &json!(true)));
    assert_eq!(ada.post("/projects", json!({ "slug": "shop", "demo": true })).expect(409)["code"], "already_exists");
    ada.delete("/projects/shop").expect(200);
    assert_eq!(ada.get("/projects/shop").status, 404);
}

#[test]
fn it_is_made_whole_or_not_at_all_and_only_by_who_may() {
    let app = TestApp::start();
    let ada = app.owner();
    let body = json!({ "email": "grace@example.com", "password": PASSWORD, "role": "viewer" });
    let made = ada.post("/members", body).expect(201);
    let session = app.nobody().post("/sessions", json!({ "email": "grace@example.com", "password": PASSWORD }));
    let grace = app.client(session.expect(201)["token"].as_str().expect("a token"));
    grace.post("/projects", json!({ "slug": "shop", "demo": true })).expect(403);
    // Makes projects, and nothing in them.
    ada.post("/roles", json!({ "name": "founder", "permissions": ["project.create", "project.read"] })).expect(201);
    ada.post("/grants", json!({ "user": made["user"]["id"], "role": "founder" })).expect(201);
    grace.post("/projects", json!({ "slug": "shop", "demo": true })).expect(403);
    assert_eq!(ada.get("/projects/shop").status, 404, "the half of it is gone");
    grace.post("/projects", json!({ "slug": "shop" })).expect(201);
}

#[test]
fn the_command_line_and_the_form_make_it_too() {
    let app = TestApp::start();
    let shell = Shell::new(&app.base);
    shell.file("token", &app.owner().token);
    shell.run("projects create look --demo --token-file token").expect(0);
    let production = app.owner().get("/projects/look/environments/production/variables?withheld=omit").expect(200);
    assert_eq!(production["variables"]["LOG_LEVEL"], "warn", "{production}");
    let bearer = format!("Bearer {}", app.owner().token);
    let headers = [
        ("accept", "text/html"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = http::send(&app.base, "POST", "/new-project", &headers, b"slug=shop&name=Demo+shop&demo=yes");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/projects/shop?done=created")));
    assert_eq!(app.owner().variables("shop/base")["LOG_LEVEL"], "debug");
}
