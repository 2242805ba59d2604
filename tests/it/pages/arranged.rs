//! What people do on the pages of links, deletions, the tree, care and the instance: it is done once it is meant, shown
//! first where it says so, refused to whoever may not, and not there for another organization.

use serde_json::{Value, json};

use super::plain::ask;
use super::world::World;
use crate::support::app::{Client, TestApp};
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
