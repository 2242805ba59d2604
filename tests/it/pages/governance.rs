//! The pages of who may do what: what they offer, what they refuse, and that they change what they say.

use serde_json::{Value, json};

use super::plain::ask;
use super::world::World;
use crate::support::app::{Client, PASSWORD, TestApp};
use crate::support::http::Response;

fn get(app: &TestApp, who: &Client, path: &str) -> String {
    let answer = ask(app, "GET", path, &who.token, &[], "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text().to_owned()
}

fn post(app: &TestApp, who: &Client, path: &str, form: &str) -> Response {
    ask(app, "POST", path, &who.token, &[], form)
}

fn went(answer: &Response, to: &str) {
    let place = answer.header("location").unwrap_or_default();
    assert!(answer.status == 303 && place.starts_with(to), "{} {place}: {}", answer.status, answer.text());
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Somebody who signed in, with a role somewhere.
fn somebody(app: &TestApp, owner: &Client, email: &str, grant: Value) -> Client {
    owner.post("/members", json!({ "email": email, "password": PASSWORD })).expect(201);
    let mut body = grant;
    body["user"] = json!(email);
    owner.post("/grants", body).expect(201);
    let session = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
    app.client(text(&session["token"]))
}

#[test]
fn a_team_is_made_filled_renamed_and_deleted_by_its_typed_name() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let made = post(&app, owner, "/teams", "name=mobile&description=Phones");
    went(&made, "/teams/tea");
    let path = made.header("location").expect("a place").split('?').next().expect("a path").to_owned();
    went(&post(&app, owner, &format!("{path}/members"), "member=grace%40example.com"), &path);
    let twice = post(&app, owner, &format!("{path}/members"), "member=grace%40example.com");
    assert_eq!(twice.status, 409, "{}", twice.text());
    assert!(twice.text().contains("already"), "the page says what is wrong");
    assert!(get(&app, owner, "/members/grace@example.com").contains(">mobile</a>"));
    let taken = post(&app, owner, &path, "name=web&description=typed+text");
    assert_eq!(taken.status, 409);
    assert!(taken.text().contains("value=\"typed text\""), "what was typed is kept: {}", taken.text());
    went(&post(&app, owner, &path, "name=apps&description=Phones+and+tablets"), &path);
    assert_eq!(owner.get("/teams/apps").expect(200)["description"], "Phones and tablets");
    assert_eq!(owner.get("/teams/mobile").status, 404);
    // Nested four deep would be one too many.
    owner.post("/teams", json!({ "name": "outer" })).expect(201);
    owner.post("/teams/outer/members", json!({ "team": "engineering" })).expect(200);
    let deep = post(&app, owner, "/teams/web/members", "member=apps");
    assert!(deep.status == 400 && deep.text().contains("at most 3 deep"), "{}", deep.text());
    let wrong = post(&app, owner, &format!("{path}/delete"), "confirm=app");
    assert!(wrong.status == 400 && wrong.text().contains("from 1 person"), "{}", wrong.text());
    went(&post(&app, owner, &format!("{path}/delete"), "confirm=apps"), "/teams?done=removed");
    assert_eq!(owner.get("/teams/apps").status, 404);
    let refused = post(&app, &world.viewer, "/teams", "name=mine");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("team.manage"), "{}", refused.text());
    assert!(!get(&app, &world.viewer, "/teams/web").contains("Put in"), "a viewer is offered nothing");
}

#[test]
fn an_invitation_has_a_role_teams_and_an_end() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let form = "email=new%40example.com&role=developer&node=shop%2Fstaging&teams=web%2C+engineering&days=3&link=yes";
    let made = post(&app, owner, "/invite", form);
    assert_eq!(made.status, 200, "{}", made.text());
    assert!(made.text().contains("/join#") && made.text().contains("in web, engineering"), "{}", made.text());
    let listed = owner.get("/invitations").expect(200)["items"][0].clone();
    assert_eq!(listed["teams"].as_array().map(Vec::len), Some(2), "{listed}");
    let life = |field: &str| listed[field].as_str().expect("a time")[..10].to_owned();
    assert_ne!(life("created_at"), life("expires_at"));
    for (wrong, status) in [("teams=nobody", 404), ("days=31", 400), ("days=soon", 400)] {
        let refused = post(&app, owner, "/invite", &format!("email=other%40example.com&{wrong}"));
        assert_eq!(refused.status, status, "{wrong}: {}", refused.text());
        assert!(refused.text().contains("value=\"other@example.com\""), "what was typed is kept");
    }
}

#[test]
fn only_what_the_giver_holds_is_offered_and_taken_back_at_once() {
    let app = TestApp::start();
    let world = World::build(&app);
    let lead = somebody(&app, &world.owner, "lead@example.com", json!({ "role": "maintainer", "project": "shop" }));
    let offered = |page: &str| {
        let form = page.split("id=\"f-role\"").nth(1).and_then(|t| t.split("</select>").next()).unwrap_or_default();
        let names = form.split("<option value=\"").skip(1).filter_map(|t| t.split('"').next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let of_lead = offered(&get(&app, &lead, "/grants?node=shop/staging"));
    assert_eq!(of_lead, ["viewer", "developer", "maintainer", "release-manager"]);
    let of_owner = offered(&get(&app, &world.owner, "/grants"));
    assert_eq!(of_owner, ["viewer", "developer", "maintainer", "admin", "owner", "release-manager"]);
    assert!(offered(&get(&app, &world.viewer, "/grants?node=shop/staging")).is_empty());
    assert!(offered(&get(&app, &lead, "/grants")).is_empty(), "nothing is given outside of her project");
    let more = post(&app, &lead, "/grants", "node=&to=grace%40example.com&role=developer");
    assert!(matches!(more.status, 403 | 404), "{}", more.text());
    went(
        &post(&app, &lead, "/grants", "node=shop%2Fstaging&to=team%3Aengineering&role=developer"),
        "/grants?node=shop%2Fstaging",
    );
    let grants = world.owner.get("/grants?team=engineering").expect(200);
    let given = grants["items"].as_array().expect("a list").iter().find(|g| g["role"] == "developer").expect("given");
    let take = format!("/grants/{}/take", text(&given["id"]));
    went(&post(&app, &lead, &take, "back=holder"), "/teams/");
    assert_eq!(world.owner.get("/grants?team=engineering").expect(200)["items"].as_array().expect("a list").len(), 1);
    let nobody = post(&app, &world.owner, "/grants", "node=shop&to=nobody%40example.com&role=viewer");
    assert_eq!(nobody.status, 404);
    assert!(nobody.text().contains("value=\"nobody@example.com\""), "what was typed is kept");
}

#[test]
fn a_role_is_made_of_boxes_and_holds_no_more_than_its_maker() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let form = "name=reader&description=Looks&permission=secret.list&permission=secret.reveal.protected";
    went(&post(&app, owner, "/new-role", form), "/roles/reader?done=created");
    let role = owner.get("/roles/reader").expect(200);
    assert_eq!(role["permissions"], json!(["secret.list", "secret.reveal.protected"]));
    let page = get(&app, owner, "/roles/reader");
    assert!(page.contains("value=\"secret.list\" checked") && !page.contains("value=\"org.delete\""));
    let changed = post(&app, owner, "/roles/reader", "version=1&description=Looks&permission=secret.list");
    went(&changed, "/roles/reader?done=changed");
    let stale = post(&app, owner, "/roles/reader", "version=1&description=typed&permission=secret.use");
    assert_eq!(stale.status, 412);
    let kept = stale.text().contains("value=\"secret.use\" checked") && stale.text().contains("value=\"typed\"");
    assert!(kept, "what was ticked is kept: {}", stale.text());
    let reserved = post(&app, owner, "/new-role", "name=boss&permission=org.delete");
    assert!(reserved.status == 400 && reserved.text().contains("held by owners only"), "{}", reserved.text());
    let used = get(&app, owner, "/roles/release-manager");
    assert!(used.contains("1 grant") && !used.contains("/roles/release-manager/delete"), "it is in use");
    assert_eq!(post(&app, owner, "/roles/release-manager/delete", "confirm=release-manager").status, 409);
    assert_eq!(post(&app, owner, "/roles/reader/delete", "confirm=other").status, 400);
    went(&post(&app, owner, "/roles/reader/delete", "confirm=reader"), "/roles?done=removed");
    assert_eq!(post(&app, &world.viewer, "/new-role", "name=mine&permission=secret.list").status, 403);
    assert!(!get(&app, &world.viewer, "/roles/release-manager").contains("<button class=\"primary\""));
}

#[test]
fn ownership_changes_hands_whole_or_not_at_all() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let path = "/organization/transfer";
    let wrong = post(&app, owner, path, "to=grace%40example.com&keep=admin&confirm=shop");
    assert!(wrong.status == 400 && wrong.text().contains("value=\"grace@example.com\""), "{}", wrong.text());
    let own = post(&app, owner, path, "to=ada%40example.com&keep=admin&confirm=acme");
    assert_eq!(own.status, 400, "to oneself: {}", own.text());
    let gone = post(&app, owner, path, "to=nobody%40example.com&keep=admin&confirm=acme");
    assert_eq!(gone.status, 404);
    assert_eq!(post(&app, &world.viewer, path, "to=grace%40example.com&confirm=acme").status, 403);
    let plan = owner.post("/organizations/acme/transfer?dry_run=true", json!({ "user": "grace@example.com" }));
    assert_eq!(plan.expect(200)["owned_before"], false);
    assert_eq!(owner.get("/grants?user=grace@example.com").expect(200)["items"].as_array().expect("a list").len(), 1);
    went(&post(&app, owner, path, "to=grace%40example.com&keep=admin&confirm=acme"), "/members/usr");
    let roles = |who: &str| -> Vec<String> {
        let grants = owner.get(&format!("/grants?user={who}")).expect(200);
        let mut roles: Vec<_> =
            grants["items"].as_array().expect("a list").iter().map(|g| text(&g["role"]).to_owned()).collect();
        roles.sort_unstable();
        roles
    };
    assert_eq!(roles("grace@example.com"), ["owner", "viewer"]);
    assert_eq!(roles("ada@example.com"), ["admin"]);
    assert_eq!(post(&app, owner, path, "to=lin%40example.com&keep=&confirm=acme").status, 403, "not an owner any more");
    // The last owner stays.
    let grace = &world.viewer;
    let leaving = grace.delete("/members/grace@example.com");
    assert!(matches!(leaving.status, 403 | 409), "{}", leaving.text());
}

#[test]
fn a_cell_says_which_policy_and_which_grant_decide() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let source = "forbid (principal, action == Action::\"secret.reveal\", resource is Environment)\n\
        when { resource.tier == \"production\" };";
    let case = json!({
        "name": "no", "actor": { "role": "maintainer" }, "action": "secret.reveal",
        "resource": { "tier": "production" }, "expect": "deny"
    });
    let body = json!({ "source": source, "mode": "enforce", "tests": [case] });
    let saved = owner.put("/policies/no-reveal", body);
    assert_eq!(saved.status, 201, "{}", saved.text());
    let matrix = get(&app, owner, "/access");
    assert!(matrix.contains("/access/why?role=developer&#38;action=secret.reveal&#38;on=environment"), "{matrix}");
    let why = get(&app, owner, "/access/why?role=developer&action=secret.reveal&on=environment");
    assert!(why.contains("Allowed") && why.contains("role.developer"), "{why}");
    let lacking = get(&app, owner, "/access/why?role=viewer&action=secret.reveal&on=environment");
    assert!(lacking.contains("Denied") && lacking.contains("<code>secret.reveal</code>"), "{lacking}");
    let person = "/access/why?who=ada@example.com&action=secret.reveal&on=shop/production";
    let forbidden = get(&app, owner, person);
    assert!(forbidden.contains("Denied") && forbidden.contains("policy.no-reveal"), "{forbidden}");
    let role = owner.post(
        "/policy/evaluate",
        json!({
            "actor": { "role": "owner" }, "action": "secret.reveal",
            "resource": { "project": "shop", "environment": "production" },
        }),
    );
    assert_eq!(role.expect(200)["policies"], json!(["policy.no-reveal"]));
    let people = get(&app, owner, "/access/people?project=shop&action=secret.reveal");
    assert!(people.contains("forbidden by a policy, why") && people.contains(">yes, why<"), "{people}");
    assert_eq!(ask(&app, "GET", person, &world.viewer.token, &[], "").status, 403);
}

#[test]
fn a_review_and_what_is_unused_are_files_too() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let page = get(&app, owner, "/access/review?node=shop/staging&action=secret.use");
    assert!(page.contains("developer on shop/staging, as part of web"), "{page}");
    let path = "/access/review?node=shop/staging&action=secret.use&format=csv";
    let file = ask(&app, "GET", path, &owner.token, &[], "");
    let header = |name: &str| file.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(header("content-disposition"), "attachment; filename=\"access-review-shop-staging.csv\"");
    let line = "user,lin@example.com,secret.use,developer,web,shop/staging,";
    assert!(file.text().lines().any(|l| l == line), "{}", file.text());
    assert_eq!(ask(&app, "GET", path, &world.viewer.token, &[], "").status, 403);
    let unused = get(&app, owner, "/access/unused?who=ada@example.com");
    assert!(unused.contains("<code>secret.rotate</code>") && !unused.contains("<code>secret.write</code>"));
    let file = ask(&app, "GET", "/access/unused?format=csv&show=all", &owner.token, &[], "");
    assert!(file.text().lines().any(|l| l.starts_with("secret.write,used,2026-")), "{}", file.text());
}

/// A form as a body, with every byte escaped that is not plain.
fn form(fields: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let one = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
        text.bytes().map(one).collect::<String>()
    };
    fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
}

const FORBID: &str = "forbid (principal, action == Action::\"secret.write\", resource is Environment)\n\
    when { resource.tier == \"qa\" };\n";
const CASE: &str = "[{\"name\":\"no\",\"action\":\"secret.write\",\"resource\":{\"tier\":\"qa\"},\"expect\":\"deny\"}]";

#[test]
fn tests_of_a_policy_are_rows_of_a_form_or_json_and_nothing_typed_is_lost() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let row = [
        ("t0-name", "no"),
        ("t0-who", "machine"),
        ("t0-role", "admin"),
        ("t0-action", "secret.write"),
        ("t0-tier", "qa"),
        ("t0-protected", "1"),
        ("t0-address", "192.0.2.1"),
        ("t0-expect", "deny"),
    ];
    let base = [("name", "no-qa"), ("source", FORBID), ("mode", "observe"), ("tests_as", "rows"), ("t1-name", "")];
    let with = |more: &[(&str, &str)]| form(&[base.as_slice(), row.as_slice(), more].concat());
    let went_on = |act: &str| post(&app, owner, "/new-policy", &with(&[("act", act)])).text().to_owned();
    assert_eq!(get(&app, owner, "/new-policy").matches("<legend>Test ").count(), 1, "one is there to begin with");
    let more = went_on("add");
    assert_eq!(more.matches("<legend>Test ").count(), 3, "{more}");
    assert!(more.contains("value=\"192.0.2.1\"") && more.contains("resource.tier =="), "{more}");
    assert_eq!(went_on("drop-0").matches("value=\"192.0.2.1\"").count(), 0);
    let json = went_on("json");
    assert!(json.contains("&#34;machine&#34;: true") && json.contains("192.0.2.1"), "{json}");
    assert!(!json.contains("t0-name"), "{json}");
    assert_eq!(owner.get("/policies/no-qa").status, 404, "no button but one saves");
    let wrong = post(&app, owner, "/new-policy", &with(&[("t0-at", "noon")]));
    assert!(wrong.status == 400 && wrong.text().contains("test 1: "), "{}", wrong.text());
    went(&post(&app, owner, "/new-policy", &with(&[])), "/policies/no-qa?done=created");
    let saved = owner.get("/policies/no-qa").expect(200)["tests"].clone();
    assert_eq!(saved.as_array().expect("a list").len(), 1, "an empty row is no test: {saved}");
    let actor = &saved[0]["actor"];
    assert_eq!(
        (&actor["machine"], &actor["role"], &saved[0]["expect"]),
        (&json!(true), &json!("admin"), &json!("deny"))
    );
    assert_eq!(
        (&saved[0]["resource"]["protected"], &saved[0]["context"]["address"]),
        (&json!(true), &json!("192.0.2.1"))
    );
    let broken = [("source", FORBID), ("mode", "observe"), ("version", "1"), ("tests", "{"), ("act", "rows")];
    let kept = post(&app, owner, "/policies/no-qa", &form(&broken));
    assert!(kept.text().contains("no list of tests") && kept.text().contains("id=\"f-tests\""), "{}", kept.text());
}

#[test]
fn a_policy_is_checked_saved_simulated_compared_and_gone_back_to() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let base = [("name", "no-qa"), ("source", FORBID), ("tests", CASE), ("mode", "observe")];
    let checked = post(&app, owner, "/new-policy", &form(&[base.as_slice(), &[("act", "check")]].concat()));
    assert!(checked.status == 200 && checked.text().contains("1 test passed"), "{}", checked.text());
    assert_eq!(owner.get("/policies/no-qa").status, 404, "a check saves nothing");
    went(&post(&app, owner, "/new-policy", &form(&base)), "/policies/no-qa?done=created");

    let broken = FORBID.replace("resource.tier", "resource.tear");
    let typed = [("source", broken.as_str()), ("tests", CASE), ("mode", "observe"), ("version", "1")];
    let refused = post(&app, owner, "/policies/no-qa", &form(&typed));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("data-line=\"2\""), "the place is told: {}", refused.text());
    assert!(refused.text().contains("resource.tear =="), "what was typed is kept");
    let unreadable = [("source", FORBID), ("tests", "{not a list"), ("mode", "observe"), ("version", "1")];
    let refused = post(&app, owner, "/policies/no-qa", &form(&unreadable));
    assert!(refused.status == 400 && refused.text().contains("no list of tests"), "{}", refused.text());
    let untrue = CASE.replace("deny", "allow");
    let failing = [("source", FORBID), ("tests", untrue.as_str()), ("mode", "observe"), ("version", "1")];
    let refused = post(&app, owner, "/policies/no-qa", &form(&failing));
    assert!(refused.status == 422 && refused.text().contains("tests failed"), "{}", refused.text());

    // Past writes of staging would have been refused by a policy about staging.
    let wider = FORBID.replace("\"qa\"", "\"staging\"");
    let asked = [("source", wider.as_str()), ("tests", CASE), ("mode", "observe"), ("days", "30")];
    let simulated = post(&app, owner, "/policies/no-qa/simulate", &form(&asked));
    let text = simulated.text();
    assert!(simulated.status == 200 && text.contains("shop/staging") && text.contains(">denied<"), "{text}");

    went(&post(&app, owner, "/policies/no-qa/mode", "mode=enforce"), "/policies/no-qa?done=saved");
    assert_eq!(owner.get("/policies/no-qa").expect(200)["mode"], "enforce");
    let versions = get(&app, owner, "/policies/no-qa/versions");
    assert!(versions.contains("class=\"l-delete\">-mode: observe"), "{versions}");
    went(&post(&app, owner, "/policies/no-qa/rollback", "version=1"), "/policies/no-qa/versions?done=rolled-back");
    let now = owner.get("/policies/no-qa").expect(200);
    assert_eq!((&now["version"], &now["mode"]), (&json!(3), &json!("observe")));

    owner.put("/approval-rules/policy", json!({ "approvals": 1 })).expect(200);
    let waits = post(&app, owner, "/policies/no-qa/mode", "mode=enforce");
    assert!(waits.status == 409 && waits.text().contains("See what waits"), "{}", waits.text());
    let list = get(&app, owner, "/policies");
    let id = list.split("/approvals/").nth(1).and_then(|t| t.split('"').next()).expect("a request is told");
    let request = get(&app, owner, &format!("/approvals/{id}"));
    assert!(request.contains("+mode: enforce"), "{request}");
    assert_eq!(post(&app, owner, "/policies/no-qa/delete", "confirm=no").status, 400);
    assert_eq!(ask(&app, "GET", "/policies", &world.viewer.token, &[], "").status, 403);
    assert_eq!(post(&app, &world.viewer, "/new-policy", &form(&base)).status, 403);
}

#[test]
fn an_organization_is_renamed_secured_and_deleted_by_its_typed_name() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    went(&post(&app, owner, "/organization/name", "name=Acme+Works"), "/organization?done=changed");
    assert_eq!(owner.get("/organizations/acme").expect(200)["name"], "Acme Works");
    let long = "x".repeat(101);
    let refused = post(&app, owner, "/organization/name", &format!("name={long}"));
    assert!(refused.status == 400 && refused.text().contains(&long), "what was typed is kept");
    let without = post(&app, owner, "/organization/security", "second_factor=yes");
    assert!(matches!(without.status, 403 | 409 | 422), "{}", without.text());
    assert!(without.text().contains("second factor"), "{}", without.text());
    went(&post(&app, owner, "/organization/rules", "act=policy&approvals=2&reason="), "/organization?done=changed");
    assert!(get(&app, owner, "/organization").contains("2 approvals"));
    let weaker = post(&app, owner, "/organization/rules", "act=policy&approvals=1&reason=");
    assert_eq!(weaker.status, 400, "{}", weaker.text());
    let viewer = get(&app, &world.viewer, "/organization");
    assert!(!viewer.contains("/organization/delete") && !viewer.contains("name=\"name\""), "{viewer}");
    assert_eq!(post(&app, &world.viewer, "/organization/name", "name=Mine").status, 403);
    let page = get(&app, owner, "/organization");
    assert!(page.contains("2 projects") && page.contains("3 memberships"), "{page}");
    assert_eq!(post(&app, owner, "/organization/delete", "confirm=Acme").status, 400);
    let gone = post(&app, owner, "/organization/delete", "confirm=acme");
    assert!(gone.status == 200 && gone.text().contains("is deleted"), "{}", gone.text());
    assert_eq!(owner.get("/whoami").status, 401, "its tokens have ended");
}

#[test]
fn a_key_is_replaced_paused_and_found_again() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    assert!(get(&app, owner, "/organization/keys").contains("It was never replaced"));
    went(&post(&app, owner, "/organization/keys", "act=rotate"), "/organization/keys");
    let page = get(&app, owner, "/organization/keys");
    assert!(page.contains("Rotation to version 2") && page.contains("<progress"), "{page}");
    let twice = post(&app, owner, "/organization/keys", "act=rotate");
    assert_eq!(twice.status, 409, "{}", twice.text());
    went(&post(&app, owner, "/organization/keys", "act=pause"), "/organization/keys");
    let part = ask(&app, "GET", "/organization/keys", &owner.token, &[("hx-request", "true")], "");
    assert!(part.text().contains(">paused<") && !part.text().contains("<html"), "{}", part.text());
    went(&post(&app, owner, "/organization/keys", "act=resume"), "/organization/keys");
    assert_eq!(owner.get("/keys/rotation").expect(200)["state"], "running");
    assert_eq!(ask(&app, "GET", "/organization/keys", &world.viewer.token, &[], "").status, 403);
    assert_eq!(post(&app, &world.viewer, "/organization/keys", "act=rotate").status, 403);
}

#[test]
fn an_environment_says_what_waits_for_others_and_who_may_weaken_it() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let settings = "/projects/shop/environments/production/settings";
    let rules = "/projects/shop/environments/production/approval-rules";
    assert!(get(&app, owner, settings).contains("Nothing here waits for others"));
    went(&post(&app, owner, rules, "path=%2F&acts=write&acts=delete&approvals=2&reason="), settings);
    let page = get(&app, owner, settings);
    assert!(page.contains("write, delete") && page.contains("2 others must agree"), "{page}");
    let nothing = post(&app, owner, rules, "path=%2Fx&approvals=1&reason=");
    assert_eq!(nothing.status, 400, "{}", nothing.text());
    let quiet = post(&app, owner, rules, "path=%2F&act=remove&reason=");
    assert_eq!(quiet.status, 400, "a rule is not taken away without a reason: {}", quiet.text());
    went(&post(&app, owner, rules, "path=%2F&act=remove&reason=moved+elsewhere"), settings);
    assert!(get(&app, owner, settings).contains("Nothing here waits for others"));
    assert_eq!(post(&app, &world.viewer, rules, "path=%2F&acts=write&approvals=1").status, 403);
}

#[test]
fn what_uses_a_secret_is_told_and_a_value_of_ones_own_is_ones_own() {
    let app = TestApp::start();
    let world = World::build(&app);
    let owner = &world.owner;
    let base = "/projects/shop/environments/staging/secrets/DATABASE_PASSWORD";
    let uses = get(&app, owner, &format!("{base}/uses"));
    assert!(uses.contains(">DATABASE_URL</code>") && uses.contains(">feat-checkout</a>"), "{uses}");
    let looked = post(&app, owner, &format!("{base}/uses"), "value=value-of-DATABASE_PASSWORD");
    assert!(looked.status == 200 && looked.text().contains("shop/staging"), "{}", looked.text());
    assert!(!looked.text().contains("value-of-DATABASE_PASSWORD"), "a value that is typed is not shown again");
    let none = post(&app, owner, &format!("{base}/uses"), "value=held-by-nobody");
    assert!(none.text().contains("No secret that you may be shown"), "{}", none.text());
    let password = || {
        let all = owner.get("/projects/shop/environments/staging/variables?withheld=omit").expect(200);
        all["variables"]["DATABASE_PASSWORD"].clone()
    };
    went(&post(&app, owner, &format!("{base}/own"), "value=mine-alone"), &format!("{base}/uses?done=changed"));
    assert_eq!(password(), "mine-alone");
    let page = get(&app, owner, &format!("{base}/uses"));
    assert!(page.contains("Remove mine") && !page.contains("mine-alone"), "{page}");
    went(&post(&app, owner, &format!("{base}/own"), "act=remove"), &format!("{base}/uses?done=removed"));
    assert_eq!(password(), "value-of-DATABASE_PASSWORD");
    assert!(!get(&app, &world.viewer, &format!("{base}/uses")).contains("Use my own"));
    assert_eq!(post(&app, &world.viewer, &format!("{base}/own"), "value=x").status, 403);
}

#[test]
fn the_tree_of_a_project_is_a_part_of_the_rail_and_leads_to_it_as_a_page() {
    let app = TestApp::start();
    let world = World::build(&app);
    let part = ask(&app, "GET", "/projects/shop/branches", &world.viewer.token, &[("hx-request", "true")], "");
    assert!(part.status == 200 && !part.text().contains("<html"), "{}", part.text());
    assert!(part.text().contains("/projects/shop/environments/feat-checkout"), "{}", part.text());
    went(&ask(&app, "GET", "/projects/shop/branches", &world.viewer.token, &[], ""), "/projects/shop");
}
