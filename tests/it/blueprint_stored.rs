//! The blueprint of an environment: saved, looked at, compared, by API, command and page.

use crate::pages::ask;
use crate::support::app::{Client, PASSWORD, TestApp, at};
use crate::support::cli::Shell;
use serde_json::{Value, json};

const ONE: &str = "name: shop\nservices:\n  - name: web\n    image: registry.example/web:1.4\n";

fn two() -> String {
    ONE.replace(":1.4", ":1.5")
}

fn shop(app: &TestApp) -> (Client, String) {
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    (ada, format!("{}/blueprint", at("shop/dev")))
}

fn codes(answer: &Value, list: &str) -> Vec<String> {
    answer[list].as_array().expect("a list").iter().map(|e| e["code"].as_str().expect("a code").to_owned()).collect()
}

#[test]
fn a_blueprint_is_saved_with_versions_and_compared() {
    let app = TestApp::start();
    let (ada, path) = shop(&app);
    assert_eq!(ada.get(&path).expect(404)["code"], "blueprint_not_found");
    assert_eq!(ada.get(&format!("{path}/diff")).expect(404)["code"], "blueprint_not_found");
    assert_eq!(ada.get(&format!("{path}/versions")).expect(200)["items"], json!([]));
    let checked = ada.put(&format!("{path}?dry_run=true"), json!({ "text": ONE })).expect(200);
    assert_eq!((&checked["dry_run"], &checked["new"], &checked["version"]), (&json!(true), &json!(true), &json!(1)));
    ada.get(&path).expect(404);

    let first = ada.put(&path, json!({ "text": ONE, "comment": "begin", "base_version": 0 })).expect(201);
    assert_eq!((&first["version"], &first["new"]), (&json!(1), &json!(true)));
    assert!(codes(&first, "findings").contains(&"HF001".to_owned()), "{first}");
    let same = ada.put(&path, json!({ "text": ONE, "comment": "again" })).expect(200);
    assert_eq!((&same["version"], &same["new"], &same["comment"]), (&json!(1), &json!(false), &json!("begin")));
    ada.put(&path, json!({ "text": two(), "base_version": 1 })).expect(200);

    let shown = ada.get(&path).expect(200);
    assert_eq!((&shown["version"], &shown["text"], &shown["errors"]), (&json!(2), &json!(two()), &json!([])));
    assert_eq!(ada.get(&format!("{path}?version=1")).expect(200)["text"], json!(ONE));
    assert_eq!(ada.get(&format!("{path}?version=3")).expect(404)["code"], "blueprint_version_not_found");
    let versions = ada.get(&format!("{path}/versions")).expect(200);
    let numbers: Vec<_> = versions["items"].as_array().expect("a list").iter().map(|v| v["version"].clone()).collect();
    assert_eq!(numbers, [2, 1]);
    assert!(versions["items"][0].get("text").is_none());
    let diff = ada.get(&format!("{path}/diff")).expect(200);
    let text = diff["diff"].as_str().expect("a text");
    assert!(text.contains("-    image: registry.example/web:1.4\n+    image: registry.example/web:1.5\n"), "{text}");
    assert_eq!((&diff["from"], &diff["to"]), (&json!(1), &json!(2)));
    let whole = ada.get(&format!("{path}/diff?from=0&to=1")).expect(200);
    assert_eq!(whole["diff"].as_str().expect("a text").matches("\n+").count(), 5, "its header and four lines");

    let events = ada.get("/audit/events?action=blueprint.write").expect(200);
    let saved: Vec<_> =
        events["items"].as_array().expect("a list").iter().map(|e| e["details"]["version"].clone()).collect();
    assert_eq!(saved, [2, 1], "what changed nothing is no event");
}

#[test]
fn what_is_wrong_or_was_changed_meanwhile_is_not_saved() {
    let app = TestApp::start();
    let (ada, path) = shop(&app);
    let wrong = ONE.replace("image:", "imgae:");
    let refused = ada.put(&path, json!({ "text": wrong })).expect(422);
    assert_eq!(
        (&refused["code"], codes(&refused, "errors")),
        (&json!("blueprint_invalid"), vec!["missing_field".to_owned(), "unknown_field".to_owned()])
    );
    let detail = refused["errors"][1]["detail"].as_str().expect("a text");
    assert_eq!(detail, "line 4, column 5: unknown field `imgae`; did you mean `image`?");
    assert_eq!(refused["errors"][1]["field"], "services[0]");
    assert_eq!(ada.put(&path, json!({ "text": "a: [".repeat(200_000) })).expect(422)["code"], "blueprint_invalid");
    let long = json!({ "text": ONE, "comment": "x".repeat(501) });
    assert!(ada.put(&path, long).expect(400)["detail"].as_str().is_some_and(|d| d.contains("comment")));

    ada.put(&path, json!({ "text": ONE })).expect(201);
    let stale = ada.put(&path, json!({ "text": two(), "base_version": 0 })).expect(412);
    assert_eq!(stale["code"], "version_mismatch");
    let body = json!({ "text": two() });
    let tag = ada.get(&path).header("etag").expect("a tag").to_owned();
    ada.send_with("PUT", &path, &[("if-match", "\"7-x\"")], Some(&body)).expect(412);
    ada.send_with("PUT", &path, &[("if-match", &tag)], Some(&body)).expect(200);
    assert_eq!(ada.send_with("GET", &path, &[("if-none-match", &tag)], None).status, 200);

    ada.post(&format!("{}/lock", at("shop/dev")), json!({})).expect(200);
    assert_eq!(ada.put(&path, json!({ "text": ONE })).expect(409)["code"], "environment_locked");
    assert_eq!(ada.get(&format!("{path}/versions")).expect(200)["items"].as_array().map(Vec::len), Some(2));
}

#[test]
fn only_who_may_saves_and_a_protected_environment_asks_for_more() {
    let app = TestApp::start();
    let (ada, path) = shop(&app);
    let person = |name: &str, role: &str| {
        let email = format!("{name}@example.com");
        ada.post("/members", json!({ "email": email, "password": PASSWORD, "role": role })).expect(201);
        let session = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
        app.client(session["token"].as_str().expect("a token"))
    };
    let (viewer, developer) = (person("vic", "viewer"), person("dan", "developer"));
    developer.put(&path, json!({ "text": ONE })).expect(201);
    assert_eq!(viewer.get(&path).expect(200)["text"], json!(ONE));
    // Refused before it is read: nobody learns what is wrong with a text they may not save.
    assert_eq!(viewer.put(&path, json!({ "text": "wrong" })).expect(403)["code"], "permission_denied");
    let update = json!({ "protected": true });
    ada.send("PATCH", &at("shop/dev"), Some(&update)).expect(200);
    developer.put(&path, json!({ "text": two() })).expect(403);
    ada.put(&path, json!({ "text": two() })).expect(200);
    let other = app.second_organization();
    other.get(&path).expect(404);
    other.put(&path, json!({ "text": ONE })).expect(404);
}

#[test]
fn the_command_pushes_shows_lists_and_compares() {
    let app = TestApp::start();
    let (ada, _) = shop(&app);
    let shell = Shell::new(&app.base);
    let place = "--project shop --environment dev";
    let run = |line: &str, input: &[u8]| {
        let mut command = shell.command(format!("{line} {place}").split_whitespace());
        command.env("HOLDFAST_TOKEN", &ada.token);
        crate::support::cli::finish(command, input)
    };
    shell.file("blueprint.yaml", ONE);
    shell.file("wrong.yaml", ONE.replace("image:", "imgae:"));
    run("blueprint show", b"").refused(3, "has no blueprint yet");
    let wrong = run("blueprint push wrong.yaml", b"");
    assert!(wrong.expect(1).contains("wrong.yaml:4:5"), "{}", wrong.stdout);
    assert_eq!(run("blueprint push --dry-run --json", b"").json()["dry_run"], json!(true));
    assert_eq!(run("blueprint push --comment begin --json", b"").json()["version"], json!(1));
    assert_eq!(run("blueprint push - --json", two().as_bytes()).json()["version"], json!(2));
    run("blueprint push - --base-version 1", ONE.as_bytes()).refused(5, "changed meanwhile");
    assert_eq!(run("blueprint show", b"").expect(0), two());
    assert_eq!(run("blueprint show --version 1", b"").expect(0), ONE);
    let versions = run("blueprint versions --json", b"").json();
    assert_eq!(versions["items"][1]["comment"], json!("begin"));
    assert!(run("blueprint diff", b"").expect(0).contains("+    image: registry.example/web:1.5"));
}

#[test]
fn the_page_saves_checks_and_shows_mistakes_at_their_line() {
    let app = TestApp::start();
    let (ada, path) = shop(&app);
    let page = "/projects/shop/environments/dev/blueprint";
    let post = |path: &str, form: &[(&str, &str)]| {
        let encode = |text: &str| -> String {
            let one = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
            text.bytes().map(one).collect()
        };
        let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        ask(&app, "POST", path, &ada.token, &[], &form.join("&"))
    };
    let empty = ask(&app, "GET", page, &ada.token, &[], "");
    assert!(empty.status == 200 && empty.text().contains("No blueprint yet"), "{}", empty.text());
    let windows = ONE.replace('\n', "\r\n");
    let checked = post(page, &[("text", &windows), ("version", "0"), ("act", "check")]);
    assert!(checked.status == 200 && checked.text().contains("It is valid. Nothing was saved."), "{}", checked.text());
    ada.get(&path).expect(404);
    let saved = post(page, &[("text", &windows), ("version", "0"), ("act", "save")]);
    assert_eq!((saved.status, saved.header("location")), (303, Some(&*format!("{page}?done=saved"))));
    assert_eq!(ada.get(&path).expect(200)["text"], json!(ONE), "as it was written, with plain ends of lines");
    let wrong = post(page, &[("text", &ONE.replace("image:", "imgae:")), ("version", "1"), ("act", "save")]);
    assert_eq!(wrong.status, 422);
    for part in ["data-line=\"4\" data-column=\"5\"", "did you mean `image`?", "imgae: registry.example/web:1.4"] {
        assert!(wrong.text().contains(part), "{part}: {}", wrong.text());
    }
    let late = post(page, &[("text", &two()), ("version", "0"), ("act", "save")]);
    assert!(late.status == 412 && late.text().contains("changed meanwhile"), "{}", late.text());
    post(page, &[("text", &two()), ("version", "1"), ("comment", "newer"), ("act", "save")]);
    let versions = ask(&app, "GET", &format!("{page}/versions"), &ada.token, &[], "");
    assert!(versions.text().contains("newer") && versions.text().contains("l-add"), "{}", versions.text());
    let back = post(&format!("{page}/versions"), &[("version", "1"), ("now", "2")]);
    assert_eq!(back.status, 303, "{}", back.text());
    let now = ada.get(&path).expect(200);
    assert_eq!((&now["version"], &now["text"], &now["comment"]), (&json!(3), &json!(ONE), &json!("back to version 1")));
}

#[test]
fn a_plan_counts_versions_as_saving_does_and_reads_no_other_text() {
    let app = TestApp::start();
    let (ada, path) = shop(&app);
    let id = ada.get(&at("shop/dev")).expect(200)["id"].as_str().map(str::to_owned).expect("an id");
    let id = holdfast::types::Id::parse(&id).expect("an id");
    let version = |text: &str| {
        let read = app.core.db.read(|reader| holdfast::runtime::stored::version_of(reader, id, text));
        read.expect("the database answers")
    };
    assert_eq!(version(ONE), 1);
    ada.put(&path, json!({ "text": ONE })).expect(201);
    assert_eq!((version(ONE), version(&two())), (1, 2), "the same text is no new version");
    let damaged = app.core.db.write_blocking(|tx| {
        tx.sql().execute("UPDATE blueprint_versions SET text = 'what newer rules refuse'", ())?;
        Ok::<_, holdfast::db::DbError>(())
    });
    damaged.expect("written");
    assert_eq!(version(&two()), 2, "what cannot be read any more keeps nobody from planning what can");
}
