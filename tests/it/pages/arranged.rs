//! What people do on the pages of links, deletions, the tree, care and the instance: it is done once it is meant, shown
//! first where it says so, refused to whoever may not, and not there for another organization.

use std::time::Duration;

use holdfast::types::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::plain::ask;
use super::world::World;
use crate::support::app::{Client, TestApp, at};
use crate::support::http::Response;

/// A form sent by whoever has this token.
fn send(app: &TestApp, client: &Client, path: &str, body: &str) -> Response {
    ask(app, "POST", path, &client.token, &[], body)
}

fn look(app: &TestApp, client: &Client, path: &str) -> Response {
    ask(app, "GET", path, &client.token, &[], "")
}

/// Where a form that was taken leads.
fn leads(answer: &Response) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").expect("a place")
}

/// A day so many days ahead.
fn ahead(days: u64) -> String {
    SystemClock.now().plus(Duration::from_hours(days * 24)).to_string()[..10].to_owned()
}

fn names(client: &Client, place: &str) -> Vec<String> {
    let list = client.get(&format!("{}/secrets?recursive=true&limit=500", at(place))).expect(200);
    let item = |secret: &Value| {
        format!("{}:{}", secret["path"].as_str().unwrap_or_default(), secret["name"].as_str().unwrap_or_default())
    };
    list["items"].as_array().expect("a list").iter().map(item).collect()
}

#[test]
fn a_link_is_made_of_what_was_sealed_and_taken_back_by_its_maker_only() {
    let app = TestApp::start();
    let world = World::build(&app);
    let page = look(&app, &world.owner, "/links").text().to_owned();
    let typed = page.split("<textarea id=\"f-text\"").nth(1).and_then(|rest| rest.split('>').next()).expect("a field");
    assert!(!typed.contains(" name="), "what is typed would be sent as it is: {typed}");
    assert!(page.contains("for the supplier") && page.contains("revoked"), "{page}");
    let encoded = |bytes: &[u8]| data_encoding::BASE64.encode(bytes).replace('+', "%2B").replace('=', "%3D");
    let form = format!(
        "ciphertext={}&proof={}&life=1h&views=2&note=by+hand&passphrase=yes",
        encoded(&[9; 64]),
        encoded(&[8; 32])
    );
    let made = send(&app, &world.viewer, "/links", &form);
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")), "{}", made.text());
    let url = serde_json::from_str::<Value>(made.text()).expect("JSON")["url"].as_str().expect("a url").to_owned();
    let id = url.rsplit('/').next().expect("an id").to_owned();
    let facts = world.viewer.get(&format!("/links/{id}")).expect(200);
    assert_eq!((&facts["views_left"], &facts["passphrase"]), (&json!(2), &json!(true)));
    for (wrong, why) in [
        ("note=x".to_owned(), "nothing was sealed"),
        (format!("ciphertext=%20&proof={}", encoded(&[8; 32])), "base64"),
        (form.replace("views=2", "views=101"), "views"),
        (form.replace("life=1h", "life=31d"), "30 days"),
    ] {
        let answer = send(&app, &world.viewer, "/links", &wrong);
        assert!((400..423).contains(&answer.status) && answer.text().contains(why), "{wrong}: {}", answer.text());
    }
    let revoke = format!("/links/{id}/revoke");
    for other in [&world.owner, &app.second_organization()] {
        assert_eq!(send(&app, other, &revoke, "").status, 404, "only its maker");
    }
    assert!(look(&app, &world.viewer, "/links").text().contains("2 of 2 left"));
    assert_eq!(leads(&send(&app, &world.viewer, &revoke, "")), "/links?done=revoked");
    assert!(look(&app, &world.viewer, "/links").text().contains("revoked"));
    let machine = app.service_account("sender", "developer", "shop/staging");
    assert_eq!(look(&app, &machine, "/links").status, 403, "a machine has no links");
}

#[test]
fn a_deleted_project_comes_back_as_a_whole_for_whoever_may() {
    let app = TestApp::start();
    let world = World::build(&app);
    let other = app.second_organization();
    let settings = look(&app, &world.owner, "/projects/billing/settings");
    assert!(settings.text().contains("Deletes 1 environment with 0 secrets"), "{}", settings.text());
    assert!(
        !look(&app, &world.viewer, "/projects/billing/settings")
            .text()
            .contains("<form method=\"post\" action=\"/projects")
    );
    let delete = "/projects/billing/delete";
    assert_eq!(send(&app, &world.owner, delete, "confirm=bill").status, 400);
    assert_eq!(send(&app, &world.viewer, delete, "confirm=billing").status, 403);
    assert_eq!(send(&app, &other, delete, "confirm=billing").status, 404);
    assert_eq!(look(&app, &other, "/projects/billing/settings").status, 404);
    assert_eq!(world.owner.get("/projects/billing").status, 200);
    assert_eq!(leads(&send(&app, &world.owner, delete, "confirm=billing")), "/deleted?done=deleted-whole");
    assert_eq!(world.owner.get("/projects/billing").status, 404);
    let list = look(&app, &world.owner, "/deleted").text().to_owned();
    for name in ["billing", "legacy", "shop/pr-199"] {
        assert!(list.contains(name), "{name} is not listed");
    }
    assert!(look(&app, &world.viewer, "/deleted").text().contains("Nothing to bring back"));
    let deletions = world.owner.get("/deletions").expect(200);
    let id = |name: &str| {
        let all = deletions["items"].as_array().expect("a list");
        let found = all.iter().find(|d| d["name"] == name).expect("a deletion");
        found["id"].as_str().expect("an id").to_owned()
    };
    let restore = |client: &Client, id: &str| send(&app, client, &format!("/deleted/{id}/restore"), "");
    assert_eq!(restore(&world.viewer, &id("billing")).status, 403);
    assert_eq!(restore(&other, &id("billing")).status, 404);
    assert_eq!(restore(&world.owner, "nothing").status, 404);
    assert_eq!(leads(&restore(&world.owner, &id("billing"))), "/projects/billing?done=restored");
    assert_eq!(world.owner.get("/projects/billing/environments/development").status, 200);
    let back = restore(&world.owner, &id("shop/pr-199"));
    assert_eq!(leads(&back), "/projects/shop/environments/pr-199?done=restored");
    let change = "name=Invoices&description=one%0D%0Atwo&version=1";
    assert_eq!(send(&app, &world.viewer, "/projects/billing/settings", change).status, 403);
    assert_eq!(
        leads(&send(&app, &world.owner, "/projects/billing/settings", change)),
        "/projects/billing/settings?done=changed"
    );
    let now = world.owner.get("/projects/billing").expect(200);
    assert_eq!((&now["name"], &now["description"]), (&json!("Invoices"), &json!("one\ntwo")));
    assert_eq!(send(&app, &world.owner, "/projects/billing/settings", change).status, 412, "changed meanwhile");
}

#[test]
fn an_environment_is_duplicated_and_moved_after_its_plan() {
    let app = TestApp::start();
    let world = World::build(&app);
    let (owner, other) = (&world.owner, app.second_organization());
    let page = "/projects/shop/environments/feat-checkout/duplicate";
    let plan = send(&app, owner, page, "slug=twin&step=plan&values=yes");
    assert_eq!(plan.status, 200, "{}", plan.text());
    assert!(plan.text().contains("CHECKOUT_V2") && plan.text().contains("Make twin"), "{}", plan.text());
    assert_eq!(owner.get("/projects/shop/environments/twin").status, 404, "a plan makes nothing");
    assert_eq!(send(&app, owner, page, "slug=UPPER&step=plan").status, 400);
    assert_eq!(send(&app, owner, page, "slug=staging&step=plan").status, 409);
    assert_eq!(send(&app, &world.viewer, page, "slug=twin&step=apply").status, 403);
    assert_eq!(send(&app, &other, page, "slug=twin&step=apply").status, 404);
    let made = send(&app, owner, page, "slug=twin&step=apply&parent=/&values=yes&name=Twin");
    assert_eq!(leads(&made), "/projects/shop/environments/twin?done=created");
    let twin = owner.get("/projects/shop/environments/twin").expect(200);
    assert_eq!((&twin["parent"], &twin["name"]), (&Value::Null, &json!("Twin")));
    assert!(names(owner, "shop/twin").contains(&"/:CHECKOUT_V2".to_owned()));

    let page = "/projects/shop/environments/pr-212/move";
    let targets = look(&app, owner, page).text().to_owned();
    assert!(targets.contains("value=\"uat\"") && !targets.contains("value=\"pr-212\""), "{targets}");
    assert_eq!(send(&app, owner, page, "step=plan").status, 400, "where to?");
    let plan = send(&app, owner, page, "parent=/&step=plan");
    assert!(plan.text().contains("lost") && plan.text().contains("REDIS_URL"), "{}", plan.text());
    let parent = || owner.get("/projects/shop/environments/pr-212").expect(200)["parent"].clone();
    assert_ne!(parent(), Value::Null, "a plan moves nothing");
    assert_eq!(send(&app, &world.viewer, page, "parent=/&step=apply").status, 403);
    assert_eq!(send(&app, &other, page, "parent=/&step=apply").status, 404);
    assert_eq!(send(&app, owner, page, "parent=production&step=apply").status, 409, "closed");
    let moved = send(&app, owner, page, "parent=/&step=apply");
    assert_eq!(leads(&moved), "/projects/shop/environments/pr-212?done=moved");
    assert_eq!(parent(), Value::Null);
}

#[test]
fn a_folder_goes_after_its_path_was_typed_and_its_names_come_back() {
    let app = TestApp::start();
    let world = World::build(&app);
    let (owner, base) = (&world.owner, "/projects/shop/environments/staging");
    let plan = look(&app, owner, &format!("{base}/folders?delete=/api"));
    assert!(plan.text().contains("/api/v2/TOKEN") && plan.text().contains("1 secret"), "{}", plan.text());
    assert!(names(owner, "shop/staging").contains(&"/api/v2:TOKEN".to_owned()), "a plan deletes nothing");
    let page = format!("{base}/folders");
    assert_eq!(send(&app, owner, &page, "path=/api&confirm=/ap").status, 400);
    assert_eq!(send(&app, owner, &page, "path=/&confirm=/").status, 400, "the root stays");
    assert_eq!(send(&app, &world.viewer, &page, "path=/api&confirm=/api").status, 403);
    assert_eq!(send(&app, &app.second_organization(), &page, "path=/api&confirm=/api").status, 404);
    let gone = send(&app, owner, &page, "path=/api&confirm=/api");
    assert_eq!(leads(&gone), "/projects/shop/environments/staging/deleted?path=%2Fapi");
    assert!(!names(owner, "shop/staging").contains(&"/api/v2:TOKEN".to_owned()));
    let deleted = look(&app, owner, &format!("{base}/deleted?path=/api"));
    assert!(deleted.text().contains("/api/v2/TOKEN") && deleted.text().contains("1 name would come back"));
    let all = look(&app, owner, &format!("{base}/deleted?which=all"));
    assert!(all.text().contains("OLD") && all.text().contains("/api/v2/TOKEN"), "{}", all.text());
    let page = format!("{base}/deleted");
    assert_eq!(send(&app, &world.viewer, &page, "path=/api").status, 403);
    assert_eq!(leads(&send(&app, owner, &page, "path=/api")), "/projects/shop/environments/staging?done=restored");
    let back = names(owner, "shop/staging");
    assert!(back.contains(&"/api/v2:TOKEN".to_owned()) && !back.contains(&"/:OLD".to_owned()), "{back:?}");
    assert_eq!(send(&app, owner, &page, "path=/nothing").status, 404);
}

#[test]
fn a_secret_is_good_until_a_day_and_whoever_read_it_is_told() {
    let app = TestApp::start();
    let world = World::build(&app);
    let (owner, base) = (&world.owner, "/projects/shop/environments/staging");
    let expiry = format!("{base}/secrets/SENTRY_DSN/expiry");
    let end = |name: &str| {
        let path = format!("{}/secrets/{name}/expiry", at("shop/staging"));
        owner.get(&path).expect(200)["expires_at"].as_str().map(|at| at[..10].to_owned())
    };
    let (day, later) = (ahead(100), ahead(200));
    for wrong in ["until=", "until=tomorrow", "until=2001-01-01"] {
        assert_eq!(send(&app, owner, &expiry, wrong).status, 400, "{wrong}");
    }
    assert_eq!(send(&app, &world.viewer, &expiry, &format!("until={day}")).status, 403);
    assert_eq!(send(&app, &app.second_organization(), &expiry, &format!("until={day}")).status, 404);
    assert_eq!(end("SENTRY_DSN"), None);
    let set = send(&app, owner, &expiry, &format!("until={day}"));
    assert_eq!(leads(&set), format!("{base}/secrets/SENTRY_DSN?done=changed"));
    assert_eq!(end("SENTRY_DSN").as_ref(), Some(&day));
    let panel = look(&app, owner, &format!("{base}/secrets/SENTRY_DSN"));
    assert!(panel.text().contains(&format!("value=\"{day}\"")), "{}", panel.text());
    leads(&send(&app, owner, &expiry, &format!("until={day}&never=yes")));
    assert_eq!(end("SENTRY_DSN"), None);

    let new = "name=FRESH_TOKEN&value=abc&what=value&visibility=masked&until=";
    let page = format!("{base}/new-secret");
    assert_eq!(send(&app, owner, &page, &format!("{new}2001-01-01")).status, 400, "over already");
    assert_eq!(owner.get(&format!("{}/secrets/FRESH_TOKEN", at("shop/staging"))).status, 404);
    leads(&send(&app, owner, &page, &format!("{new}{later}")));
    assert_eq!(end("FRESH_TOKEN").as_ref(), Some(&later));

    let soon = look(&app, owner, "/expiring").text().to_owned();
    assert!(soon.contains("SMTP_PASSWORD") && !soon.contains("FRESH_TOKEN"), "{soon}");
    let later = look(&app, owner, "/expiring?days=3650&project=shop&environment=staging");
    assert!(later.text().contains("FRESH_TOKEN"), "{}", later.text());
    assert!(!look(&app, owner, "/expiring?days=3650&project=billing").text().contains("FRESH_TOKEN"));
    assert!(look(&app, owner, "/expiring?days=many").status == 400);
    let reads = look(&app, owner, &format!("{base}/secrets/REDIS_URL/reads"));
    assert!(reads.text().contains("ada@example.com") && reads.text().contains("shown"), "{}", reads.text());
    assert_eq!(look(&app, &world.viewer, &format!("{base}/secrets/REDIS_URL/reads")).status, 403);
}

#[test]
fn operators_keep_people_out_and_help_those_who_lost_something() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let page = "/instance/users/grace@example.com";
    let seen = look(&app, owner, page);
    assert!(seen.text().contains("Keep grace out") && !seen.text().contains("Second factor"), "{}", seen.text());
    for act in ["disable", "enable", "reset-factor", "reset-link", "email"] {
        let answer =
            send(&app, &world.viewer, &format!("/instance/users/ada@example.com/{act}"), "confirm=ada@example.com");
        assert_eq!(answer.status, 403, "{act}");
    }
    assert_eq!(look(&app, owner, "/instance/users/nobody@example.com").status, 404);
    let second = app.second_organization();
    second.post("/members", json!({ "email": "zoe@elsewhere.example" })).expect(201);
    let all = look(&app, owner, "/instance/users").text().to_owned();
    assert!(all.contains("grace@example.com") && all.contains("zoe@elsewhere.example"), "{all}");
    let some = look(&app, owner, "/instance/users?search=Zoe").text().to_owned();
    assert!(some.contains("zoe@elsewhere.example</a>") && !some.contains("grace@example.com</a>"), "{some}");
    assert!(look(&app, owner, "/instance/users?search=nobody").text().contains("Nobody has"));
    assert!(!look(&app, &world.viewer, "/instance/users").text().contains("zoe@elsewhere.example"));
    assert!(!look(&app, &world.viewer, "/instance/users").text().contains("href=\"/instance/users/usr_"));
    let link = send(&app, owner, &format!("{page}/reset-link"), "");
    assert!(link.status == 200 && link.text().contains("/reset#"), "{}", link.text());
    let links = send(&app, owner, &format!("{page}/email"), "email=grace.new%40example.com");
    assert_eq!((links.status, links.text().matches("/email#hf_eml_").count()), (200, 2), "{}", links.text());
    assert_eq!(send(&app, owner, &format!("{page}/email"), "email=ada%40example.com").status, 409);
    assert_eq!(send(&app, owner, &format!("{page}/email"), "email=none").status, 400);
    assert_eq!(
        send(&app, owner, &format!("{page}/reset-factor"), "confirm=grace@example.com").status,
        404,
        "there is none"
    );
    assert_eq!(send(&app, owner, &format!("{page}/disable"), "confirm=grace").status, 400);
    assert_eq!(world.viewer.get("/whoami").status, 200);
    assert_eq!(send(&app, owner, "/instance/users/ada@example.com/disable", "confirm=ada@example.com").status, 400);
    leads(&send(&app, owner, &format!("{page}/disable"), "confirm=grace@example.com"));
    assert_eq!(world.viewer.get("/whoami").status, 401, "everything of theirs has ended");
    assert!(look(&app, owner, "/instance/users").text().contains("kept out"));
    assert!(look(&app, owner, page).text().contains("Let them sign in again"));
    leads(&send(&app, owner, &format!("{page}/enable"), ""));
    assert!(!look(&app, owner, "/instance/users").text().contains("kept out"));
}

#[test]
fn organizations_and_machines_are_made_renamed_and_ended_on_their_pages() {
    let app = TestApp::start();
    let world = World::build(&app);
    let (owner, viewer) = (&world.owner, &world.viewer);
    assert_eq!(send(&app, viewer, "/instance/organizations", "slug=mine").status, 403);
    assert_eq!(send(&app, owner, "/instance/organizations", "slug=Mine").status, 400);
    let made = send(&app, owner, "/instance/organizations", "slug=second&name=Second");
    assert_eq!(made.status, 200, "{}", made.text());
    let token = made.text().split("rows=\"2\">").nth(1).and_then(|t| t.split('<').next()).expect("a token").to_owned();
    let second = app.client(&token);
    assert_eq!(second.get("/organizations/second").expect(200)["name"], "Second");
    assert!(!look(&app, owner, "/instance/organizations").text().contains(&token), "shown once");
    assert_eq!(send(&app, owner, "/instance/organizations", "slug=second").status, 409);
    assert_eq!(send(&app, owner, "/instance/organizations/restore", "slug=second").status, 404, "it is not deleted");
    second.delete("/organizations/second").expect(200);
    assert_eq!(second.get("/whoami").status, 401);
    assert_eq!(send(&app, viewer, "/instance/organizations/restore", "slug=second").status, 403);
    let back = send(&app, owner, "/instance/organizations/restore", "slug=second");
    assert_eq!(leads(&back), "/instance/organizations?done=restored");

    let page = "/machines/ci";
    assert!(look(&app, owner, "/machines/ci/delete").text().contains("Deletes it with 1 key and 1 grant"));
    assert_eq!(send(&app, viewer, "/machines/ci/settings", "name=theirs").status, 404);
    assert_eq!(send(&app, viewer, "/machines/ci/delete", "confirm=ci").status, 404);
    leads(&send(&app, owner, "/machines/ci/settings", "name=build"));
    assert_eq!(look(&app, owner, page).status, 404);
    leads(&send(&app, owner, "/machines/build/settings", "disabled=yes"));
    assert!(look(&app, owner, "/machines/build").text().contains("Let its keys work again"));
    leads(&send(&app, owner, "/machines/build/settings", "disabled=no"));
    assert_eq!(send(&app, owner, "/machines/build/delete", "confirm=ci").status, 400);
    assert_eq!(leads(&send(&app, owner, "/machines/build/delete", "confirm=build")), "/machines?done=removed");
    assert_eq!(look(&app, owner, "/machines/build").status, 404);
}
