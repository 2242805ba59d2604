//! The pages as answers: headers, refusals, and what is in no page.

use crate::support::app::{TestApp, at};
use crate::support::http::{self, Response};
use serde_json::json;

use super::world::World;

pub(crate) fn ask(app: &TestApp, method: &str, path: &str, token: &str, more: &[(&str, &str)], body: &str) -> Response {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("accept", "text/html"), ("authorization", bearer.as_str())];
    if method == "POST" {
        headers.push(("content-type", "application/x-www-form-urlencoded"));
    }
    headers.extend(more);
    http::send(&app.base, method, path, &headers, body.as_bytes())
}

#[test]
fn a_page_has_its_policy_and_is_not_kept() {
    let app = TestApp::start();
    let world = World::build(&app);
    let page = ask(&app, "GET", "/projects/shop/environments/staging", &world.owner.token, &[], "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    for part in [
        "default-src 'none'",
        "script-src 'nonce-",
        "require-trusted-types-for 'script'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let headers = [
        "cache-control",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "referrer-policy",
        "x-frame-options",
    ];
    let values = headers.map(|name| page.header(name).unwrap_or("none").to_owned());
    assert_eq!(values, ["no-store", "same-origin", "same-origin", "same-origin", "DENY"]);
    let again = ask(&app, "GET", "/projects/shop/environments/staging", &world.owner.token, &[], "");
    assert_ne!(again.header("content-security-policy"), Some(policy), "the nonce is new each time");
    assert!(!page.text().contains("value-of-"), "a value is in the page");
    let asset = page.text().split("href=\"/assets/ui/app.").nth(1).and_then(|t| t.split('"').next()).expect("a style");
    let style = http::send(&app.base, "GET", &format!("/assets/ui/app.{asset}"), &[("accept-encoding", "gzip")], b"");
    assert_eq!((style.status, style.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(http::send(&app.base, "GET", "/assets/ui/app.000000000000.css", &[], b"").status, 404);
}

#[test]
fn a_failure_is_a_page_for_who_reads_pages() {
    let app = TestApp::start();
    let world = World::build(&app);
    let gone = ask(&app, "GET", "/projects/nothing", &world.owner.token, &[], "");
    assert_eq!(gone.status, 404);
    assert!(gone.text().contains("There is nothing here") && gone.text().contains("<!doctype html>"));
    let unknown = ask(&app, "GET", "/", "hf_pat_wrong", &[], "");
    assert_eq!(unknown.status, 401);
    let refused = ask(&app, "POST", "/new-project", &world.viewer.token, &[], "slug=mine");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("project.create") && refused.text().contains("ask "), "{}", refused.text());
    let json = http::send(&app.base, "GET", "/projects/nothing", &[("accept", "application/json")], b"");
    assert_eq!(json.header("content-type"), Some("application/problem+json"));
}

#[test]
fn forms_of_other_sites_and_values_by_get_are_refused() {
    let app = TestApp::start();
    let world = World::build(&app);
    let secret = "/projects/shop/environments/staging/secrets/REDIS_URL";
    let cross = [("sec-fetch-site", "cross-site")];
    let answer = ask(&app, "POST", &format!("{secret}/reveal"), &world.owner.token, &cross, "");
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(ask(&app, "GET", &format!("{secret}/reveal"), &world.owner.token, &[], "").status, 405);
    let shown =
        ask(&app, "POST", &format!("{secret}/reveal"), &world.owner.token, &[("sec-fetch-site", "same-origin")], "");
    assert_eq!((shown.status, shown.header("cache-control")), (200, Some("no-store")));
    assert!(shown.text().contains("redis://cache.staging.example"), "the answer to a reveal has it");
    assert_eq!(ask(&app, "POST", &format!("{secret}/reveal"), &world.viewer.token, &[], "").status, 403);
    let back = ask(&app, "POST", "/theme?back=//evil.example", &world.owner.token, &[], "theme=dark");
    assert_eq!((back.status, back.header("location")), (303, Some("/")));
}

#[test]
fn a_form_that_is_not_taken_keeps_what_was_typed_but_no_value() {
    let app = TestApp::start();
    let world = World::build(&app);
    let form = "name=lower+case&value=typed-value-4711&what=value&comment=typed-comment&visibility=masked";
    let path = "/projects/shop/environments/staging/new-secret";
    let answer = ask(&app, "POST", path, &world.owner.token, &[], form);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("typed-comment") && answer.text().contains("lower case"), "{}", answer.text());
    assert!(!answer.text().contains("typed-value-4711"));
    let form = "name=TYPED&value=one%0D%0Atwo&what=value&visibility=masked&tags=a%2C+b";
    let answer = ask(&app, "POST", path, &world.owner.token, &[], form);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let read = world.owner.get(&format!("{}/secrets/TYPED?reveal=true", at("shop/staging"))).expect(200);
    assert_eq!((&read["value"], &read["tags"]), (&json!("one\ntwo"), &json!(["a", "b"])));
}

#[test]
fn ticked_secrets_are_tagged_copied_moved_and_deleted_after_a_plan() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = app.client(&world.owner.token);
    owner.create_environment("shop", "picked", None);
    owner.create_environment("shop", "target", None);
    owner.set_secret("shop/picked", "A", "1");
    owner.set_secret("shop/picked", "B", "2");
    owner.put(&format!("{}/secrets/C?path=/api", at("shop/picked")), json!({ "value": "${/A}" })).expect(201);
    let page = "/projects/shop/environments/picked/selected";
    let send = |token: &str, body: &str| ask(&app, "POST", page, token, &[], body);
    let own = |body: &str| send(&world.owner.token, body);
    let names = |place: &str| {
        let list = owner.get(&format!("{}/secrets?recursive=true", at(place))).expect(200);
        let shown = |s: &serde_json::Value| format!("{}{}", s["path"].as_str().unwrap(), s["name"].as_str().unwrap());
        list["items"].as_array().unwrap().iter().map(shown).collect::<Vec<_>>()
    };
    let asked = own("act=tag&secret=/A&secret=/api/C");
    assert!(asked.status == 200 && asked.text().contains("Tag 2 secrets"), "{}", asked.text());
    let plan = own("act=tag&secret=/A&secret=/api/C&add_tags=pci,%20old&step=plan");
    assert!(plan.text().contains("What would change") && plan.text().contains("value=\"pci, old\""), "{}", plan.text());
    let tags = |name: &str| owner.get(&format!("{}/secrets/{name}", at("shop/picked"))).expect(200)["tags"].clone();
    assert_eq!(tags("A"), json!([]), "a plan changes nothing");
    assert_eq!(own("act=tag&secret=/A&secret=/api/C&add_tags=pci,%20old&step=apply").status, 303);
    assert_eq!((tags("A"), tags("B")), (json!(["old", "pci"]), json!([])));
    assert_eq!(own("act=copy&secret=/A&secret=/B&to_environment=target&to_folder=/x&step=apply").status, 303);
    assert_eq!(names("shop/target"), ["/xA", "/xB"]);
    // What others refer to is moved or deleted only when that is meant.
    let refused = own("act=delete&secret=/A&secret=/B&step=apply");
    assert!(refused.status == 409 && refused.text().contains("/A"), "{}", refused.text());
    let kept = own("act=move&secret=/A&secret=/B&to_folder=/m&step=plan");
    assert!(kept.status == 200 && kept.text().contains("reference"), "{}", kept.text());
    assert_eq!(own("act=move&secret=/A&secret=/B&to_folder=/m&rewrite_references=yes&step=apply").status, 303);
    assert_eq!(owner.get(&format!("{}/variables?path=/api", at("shop/picked"))).expect(200)["variables"]["C"], "1");
    assert_eq!(own("act=delete&secret=/m/B&step=apply").status, 303);
    assert_eq!(names("shop/picked").len(), 2);
    assert_eq!(own("act=tag").status, 400);
    assert_eq!(own("act=tag&secret=/NONE&add_tags=x&step=apply").status, 404);
    assert_eq!(send(&world.viewer.token, "act=tag&secret=/m/A&add_tags=x&step=apply").status, 403);
    // Two of one name have no room in one folder.
    owner.put(&format!("{}/secrets/A?path=/api", at("shop/picked")), json!({ "value": "3" })).expect(201);
    let twice = own("act=copy&secret=/m/A&secret=/api/A&to_folder=/z&step=plan");
    assert!(twice.status == 400 && twice.text().contains("twice"), "{}", twice.text());
}

#[test]
fn a_drawn_value_is_stored_and_not_shown() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = app.client(&world.owner.token);
    let send =
        |body: &str| ask(&app, "POST", "/projects/shop/environments/staging/new-secret", &world.owner.token, &[], body);
    for (recipe, length) in [("random", 32), ("hex", 64), ("uuid", 36)] {
        let name = format!("DRAWN_{}", recipe.to_uppercase());
        let made = send(&format!("name={name}&what=generate&recipe={recipe}&value=typed&visibility=masked"));
        assert_eq!(made.status, 303, "{}", made.text());
        let shown = owner.get(&format!("{}/secrets/{name}?reveal=true", at("shop/staging"))).expect(200);
        assert_eq!(shown["value"].as_str().map(str::len), Some(length), "{recipe}");
    }
    let wrong = send("name=DRAWN_WRONG&what=generate&recipe=dice&visibility=masked");
    assert!(wrong.status == 400 && wrong.text().contains("no such kind of value"), "{}", wrong.text());
}
