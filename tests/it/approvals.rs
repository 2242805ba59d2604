//! What waits for others: who may decide, what makes a request void, and that nothing goes around it.

use crate::support::api::{Api, environment, refused, secret};
use crate::support::app::TestApp;
use crate::support::cli::Shell;
use crate::support::http::Response;
use serde_json::{Value, json};
use std::time::Duration;

const PLACE: &str = "shop/staging";
const PROPOSED: &str = "proposed-value-of-the-request";
const HOUR: Duration = Duration::from_hours(1);

/// An appliance, its owner, two maintainers and a developer of `shop/staging`.
struct Shop {
    app: TestApp,
    owner: Api,
    ann: Api,
    ben: Api,
    dev: Api,
}

impl Shop {
    /// With a rule of the whole environment: these acts wait for so many.
    fn with(acts: &[&str], approvals: u32) -> Self {
        let app = TestApp::start();
        let owner = Api::new(&app.base, &app.owner().token);
        owner.project("shop");
        owner.environment(PLACE, json!({}));
        owner.set(PLACE, "KEY", "old");
        let node = || json!({ "project": "shop" });
        let ann = owner.person("ann@example.com", "maintainer", node());
        let ben = owner.person("ben@example.com", "maintainer", node());
        let dev = owner.person("dev@example.com", "developer", node());
        let shop = Self { app, owner, ann, ben, dev };
        rule(&shop.ann, json!({ "acts": acts, "approvals": approvals, "expires_in": "2h" })).expect(200);
        shop
    }

    /// A write by the developer that waits; the request's id.
    fn asked(&self, value: &str) -> String {
        waiting(&self.dev.put(PLACE, "KEY", json!({ "value": value })))
    }
}

/// Sets a rule of the environment.
fn rule(who: &Api, body: Value) -> Response {
    who.send("PUT", &format!("{}/approval-rules", environment(PLACE)), Some(&body))
}

/// The id of the request an answer says was made.
fn waiting(answer: &Response) -> String {
    let problem = refused(answer, 409, "approval_required");
    assert_eq!(problem["errors"][0]["code"], "approval_request", "{problem}");
    let id = problem["errors"][0]["detail"].as_str().expect("an id").to_owned();
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains(&id)), "{problem}");
    id
}

fn act(who: &Api, id: &str, verb: &str) -> Response {
    let body = match verb {
        "override" => json!({ "reason": "it burns" }),
        "comments" => json!({ "comment": "why now?" }),
        _ => json!({}),
    };
    who.post(&format!("/approvals/{id}/{verb}"), body)
}

fn state(who: &Api, id: &str) -> String {
    who.get(&format!("/approvals/{id}")).expect(200)["state"].as_str().expect("a word").to_owned()
}

#[test]
fn the_last_approval_makes_the_change_in_the_requesters_name() {
    let shop = Shop::with(&["write"], 2);
    let id = shop.asked(PROPOSED);
    assert_eq!(shop.asked(PROPOSED), id, "asked again it is the same request");
    assert_eq!(shop.owner.value(PLACE, "KEY"), "old");
    let told = shop.ben.get(&format!("/approvals/{id}")).expect(200);
    assert_eq!((&told["state"], &told["approved"], &told["approvals"]), (&json!("open"), &json!(0), &json!(2)));
    assert_eq!((&told["items"][0]["action"], &told["items"][0]["base_version"]), (&json!("change"), &json!(1)));
    assert_ne!(told["items"][0]["fingerprint"], told["items"][0]["current_fingerprint"], "{told}");
    assert!(told["items"][0]["fingerprint"].is_string() && !told.to_string().contains(PROPOSED), "{told}");
    act(&shop.ann, &id, "approve").expect(200);
    assert_eq!(shop.owner.value(PLACE, "KEY"), "old", "one of two is not enough");
    act(&shop.ben, &id, "comments").expect(200);
    assert_eq!(act(&shop.ben, &id, "approve").expect(200)["state"], "executed");
    assert_eq!(shop.owner.value(PLACE, "KEY"), PROPOSED);
    let newest = shop.owner.get(&secret(PLACE, "KEY")).expect(200);
    assert_eq!((&newest["version"], &newest["updated_by"]), (&json!(2), &told["requester"]));
    let events = shop.owner.get("/audit/events?limit=200").expect(200);
    let found =
        |action: &str| events["items"].as_array().expect("a list").iter().filter(|e| e["action"] == action).count();
    assert_eq!([found("approval.requested"), found("approval.decide"), found("approval.executed")], [1, 2, 1]);
    assert!(!events.to_string().contains(PROPOSED) && !events.to_string().contains("why now?"), "{events}");
    refused(&act(&shop.ann, &id, "reject"), 409, "approval_ended");
}

#[test]
fn an_end_that_is_given_with_a_value_waits_with_it() {
    let shop = Shop::with(&["write"], 1);
    let end = "2031-01-01T00:00:00.000000Z";
    let put = |end: &str| shop.dev.put(PLACE, "KEY", json!({ "value": PROPOSED, "expires_at": end }));
    let id = waiting(&put(end));
    assert_ne!(waiting(&put("2032-01-01T00:00:00Z")), id, "another end is another request");
    let told = shop.ben.get(&format!("/approvals/{id}")).expect(200);
    assert_eq!(
        (&told["good_until"], &shop.owner.get(&secret(PLACE, "KEY")).expect(200)["expires_at"]),
        (&json!(end), &json!(null))
    );
    act(&shop.ben, &id, "approve").expect(200);
    assert_eq!(shop.owner.value(PLACE, "KEY"), PROPOSED);
    let ends = shop.owner.get(&format!("{}/expiry", secret(PLACE, "KEY"))).expect(200);
    assert_eq!((&ends["expires_at"], &ends["set_by"]), (&json!(end), &told["requester"]));
    // What says nothing of an end keeps the one that is there.
    let without = shop.asked("another value of the request");
    assert_eq!(shop.ben.get(&format!("/approvals/{without}")).expect(200)["good_until"], json!(null));
    act(&shop.ben, &without, "approve").expect(200);
    assert_eq!(shop.owner.get(&secret(PLACE, "KEY")).expect(200)["expires_at"], json!(end));
}

#[test]
fn nobody_decides_on_their_own_or_twice_and_machines_not_at_all() {
    let shop = Shop::with(&["write"], 2);
    let own = waiting(&shop.ann.put(PLACE, "KEY", json!({ "value": "mine" })));
    for verb in ["approve", "reject"] {
        refused(&act(&shop.ann, &own, verb), 403, "approval_own_request");
    }
    act(&shop.ben, &own, "approve").expect(200);
    refused(&act(&shop.ben, &own, "approve"), 409, "approval_repeated");
    refused(&act(&shop.ben, &own, "reject"), 409, "approval_repeated");
    refused(&act(&shop.dev, &own, "approve"), 403, "permission_denied");
    let machine = shop.owner.machine("robot", "maintainer", json!({ "project": "shop" }));
    refused(&act(&machine, &own, "approve"), 403, "people_only");
    assert_eq!(state(&shop.ann, &own), "open");
    // What a service account asks for, whoever made it cannot wave through.
    let asked = waiting(&machine.put(PLACE, "KEY", json!({ "value": "by machine" })));
    refused(&act(&shop.owner, &asked, "approve"), 403, "approval_own_request");
    for who in [&shop.ann, &shop.ben] {
        act(who, &asked, "approve").expect(200);
    }
    assert_eq!(shop.owner.value(PLACE, "KEY"), "by machine");
    refused(&act(&shop.dev, &own, "withdraw"), 403, "approval_not_yours");
    act(&shop.ann, &own, "withdraw").expect(200);
    refused(&act(&shop.owner, &own, "approve"), 409, "approval_ended");
}

#[test]
fn what_changed_meanwhile_makes_a_request_stale_for_good() {
    let shop = Shop::with(&["write"], 1);
    let (first, second) = (shop.asked("first"), shop.asked("second"));
    act(&shop.ann, &second, "approve").expect(200);
    refused(&act(&shop.ann, &first, "approve"), 409, "approval_stale");
    assert_eq!(state(&shop.dev, &first), "stale");
    refused(&act(&shop.ben, &first, "approve"), 409, "approval_ended");
    assert_eq!(shop.owner.value(PLACE, "KEY"), "second");
    // A name that was not there, and is.
    let new = |value: &str| waiting(&shop.dev.put(PLACE, "NEW", json!({ "value": value })));
    let (one, other) = (new("1"), new("2"));
    act(&shop.ann, &one, "approve").expect(200);
    refused(&act(&shop.ann, &other, "approve"), 409, "approval_stale");
    assert_eq!(shop.owner.value(PLACE, "NEW"), "1");
}

#[test]
fn too_late_is_too_late_whatever_the_clock_says_then() {
    let shop = Shop::with(&["write"], 1);
    let (decided_late, swept) = (shop.asked("a"), shop.asked("b"));
    let start = crate::support::app::START;
    shop.app.clock.set(start.plus(HOUR * 2));
    assert_eq!(state(&shop.dev, &decided_late), "expired");
    refused(&act(&shop.ann, &decided_late, "approve"), 409, "approval_ended");
    shop.app.clock.set(start);
    refused(&act(&shop.ann, &decided_late, "approve"), 409, "approval_ended");
    assert_eq!(state(&shop.dev, &decided_late), "expired", "a clock set back gives nothing back");
    act(&shop.ann, &swept, "approve").expect(200);
    assert_eq!(shop.owner.value(PLACE, "KEY"), "b", "nobody saw this one expire");
}

#[test]
fn who_lost_the_right_does_not_count_and_what_the_requester_lost_is_not_done() {
    let shop = Shop::with(&["write"], 2);
    let id = shop.asked("value");
    act(&shop.ann, &id, "approve").expect(200);
    shop.owner.delete("/members/ann@example.com").expect(200);
    assert_eq!(act(&shop.ben, &id, "approve").expect(200)["state"], "open", "one of the two is gone");
    assert_eq!(act(&shop.owner, &id, "approve").expect(200)["state"], "executed");
    let id = shop.asked("another");
    act(&shop.ben, &id, "approve").expect(200);
    shop.owner.delete("/members/dev@example.com").expect(200);
    refused(&act(&shop.owner, &id, "approve"), 409, "approval_requester_lost");
    assert_eq!(shop.owner.value(PLACE, "KEY"), "value");
}

#[test]
fn no_way_of_writing_goes_around_a_rule_and_a_plan_says_so() {
    let shop = Shop::with(&["write", "delete"], 1);
    let at = environment(PLACE);
    waiting(&shop.owner.put(PLACE, "KEY", json!({ "value": "by the owner" })));
    let batch = json!({ "items": [{ "name": "KEY", "value": "x" }, { "name": "OTHER", "value": "y" }] });
    let id = waiting(&shop.dev.post(&format!("{at}/secrets/batch"), batch.clone()));
    let plan = shop.dev.post(&format!("{at}/secrets/batch?dry_run=true"), batch).expect(200);
    assert_eq!(plan["warnings"][0]["code"], "approval_required", "{plan}");
    waiting(&shop.dev.post(&format!("{at}/import"), json!({ "format": "dotenv", "content": "KEY=z\n" })));
    waiting(&shop.dev.delete(&secret(PLACE, "KEY")));
    waiting(&shop.dev.post(&format!("{}/rollback", secret(PLACE, "KEY")), json!({ "version": 1 })));
    waiting(&shop.dev.put(PLACE, "KEY", json!({ "state": "unset" })));
    assert_eq!(shop.dev.variables(PLACE).expect(200)["variables"], json!({ "KEY": "old" }));
    // What is the same already waits for nobody.
    shop.dev.post(&format!("{at}/secrets/batch"), json!({ "items": [{ "name": "KEY", "value": "old" }] })).expect(200);
    act(&shop.ann, &id, "approve").expect(200);
    assert_eq!(shop.dev.variables(PLACE).expect(200)["variables"], json!({ "KEY": "x", "OTHER": "y" }));
    let id = waiting(&shop.dev.delete(&secret(PLACE, "OTHER")));
    act(&shop.ann, &id, "approve").expect(200);
    assert_eq!(shop.dev.variables(PLACE).expect(200)["variables"], json!({ "KEY": "x" }));
}

#[test]
fn a_rule_is_of_a_folder_and_what_is_beneath() {
    let shop = Shop::with(&["reveal"], 1);
    rule(&shop.ann, json!({ "path": "/pay", "acts": ["write"], "approvals": 1 })).expect(200);
    let put = |path: &str| {
        shop.dev.send("PUT", &format!("{}?path={path}", secret(PLACE, "A")), Some(&json!({ "value": "v" })))
    };
    for free in ["/", "/payments", "/other/pay"] {
        assert_eq!(put(free).status, 201, "{free}");
    }
    for held in ["/pay", "/pay/card"] {
        waiting(&put(held));
    }
    let rules = shop.dev.get(&format!("{}/approval-rules", environment(PLACE))).expect(200);
    let paths: Vec<_> = rules["items"].as_array().expect("a list").iter().map(|r| r["path"].clone()).collect();
    assert_eq!(paths, ["/", "/pay"]);
}

#[test]
fn whom_a_rule_holds_back_cannot_make_it_weaker() {
    let shop = Shop::with(&["write", "delete"], 2);
    refused(&rule(&shop.dev, json!({ "acts": ["write"], "approvals": 1 })), 403, "permission_denied");
    let weaker = json!({ "acts": ["write", "delete"], "approvals": 1, "reason": "too slow" });
    refused(&rule(&shop.ann, weaker.clone()), 403, "permission_denied");
    refused(&rule(&shop.ann, json!({ "acts": ["write"], "approvals": 2, "reason": "x" })), 403, "permission_denied");
    let remove = |who: &Api, reason: &str| who.delete(&format!("{}/approval-rules{reason}", environment(PLACE)));
    refused(&remove(&shop.ann, "?reason=x"), 403, "permission_denied");
    rule(&shop.ann, json!({ "acts": ["write", "delete", "reveal"], "approvals": 3 })).expect(200);
    refused(&remove(&shop.owner, ""), 400, "invalid_value");
    // Requests stand by what was asked for when they were made, or by more.
    let id = shop.asked("v");
    rule(&shop.owner, weaker).expect(200);
    act(&shop.ann, &id, "approve").expect(200);
    assert_eq!(state(&shop.dev, &id), "open");
    remove(&shop.owner, "?reason=over").expect(200);
    let overrides = shop.owner.get("/audit/events?action=governance.override&decision=allow").expect(200);
    assert_eq!(overrides["items"].as_array().map(Vec::len), Some(2), "{overrides}");
    shop.dev.set(PLACE, "KEY", "free again");
    for bad in [
        json!({ "acts": [], "approvals": 1 }),
        json!({ "acts": ["policy"], "approvals": 1 }),
        json!({ "acts": ["write"], "approvals": 0 }),
        json!({ "acts": ["write"], "approvals": 11 }),
        json!({ "acts": ["write"], "approvals": 1, "expires_in": "31d" }),
        json!({ "acts": ["write"], "approvals": 1, "path": "/../x" }),
    ] {
        assert_eq!(rule(&shop.owner, bad.clone()).status, 400, "{bad}");
    }
}

#[test]
fn an_owner_passes_a_rule_over_with_a_reason_and_a_fresh_sign_in() {
    let shop = Shop::with(&["write"], 2);
    let id = waiting(&shop.owner.put(PLACE, "KEY", json!({ "value": "now" })));
    refused(&act(&shop.ann, &id, "override"), 403, "permission_denied");
    refused(&shop.owner.post(&format!("/approvals/{id}/override"), json!({ "reason": " " })), 400, "invalid_value");
    assert_eq!(act(&shop.owner, &id, "override").expect(200)["state"], "executed");
    assert_eq!(shop.owner.value(PLACE, "KEY"), "now");
    let events = shop.owner.get("/audit/events?action=governance.override").expect(200);
    assert_eq!(events["items"][0]["outcome"], "allowed", "{events}");
    let id = waiting(&shop.owner.put(PLACE, "KEY", json!({ "value": "later" })));
    shop.app.clock.advance(HOUR);
    let stale = shop.owner.person("eve@example.com", "admin", json!({}));
    shop.app.clock.advance(HOUR / 2);
    refused(&act(&stale, &id, "override"), 403, "step_up_required");
}

#[test]
fn a_value_is_shown_to_a_person_only_while_that_was_granted() {
    let shop = Shop::with(&["reveal"], 1);
    let id = waiting(&shop.dev.reveal(PLACE, "KEY"));
    assert_eq!(waiting(&shop.dev.reveal(PLACE, "KEY")), id);
    let told = shop.ann.get(&format!("/approvals/{id}")).expect(200);
    assert_eq!((&told["kind"], &told["items"][0]["action"]), (&json!("reveal"), &json!("reveal")), "{told}");
    refused(&act(&shop.dev, &id, "approve"), 403, "permission_denied");
    assert_eq!(act(&shop.ann, &id, "approve").expect(200)["state"], "granted");
    assert_eq!(shop.dev.value(PLACE, "KEY"), "old");
    waiting(&shop.ben.reveal(PLACE, "KEY"));
    // A machine receives it, as before: that is use, and not showing.
    let machine = shop.owner.machine("robot", "developer", json!({ "project": "shop" }));
    assert_eq!(machine.value(PLACE, "KEY"), "old");
    shop.dev.set(PLACE, "KEY", "new");
    waiting(&shop.dev.reveal(PLACE, "KEY"));
    let old = shop.dev.get(&format!("{}?reveal=true&version=1", secret(PLACE, "KEY"))).expect(200);
    assert_eq!(old["value"], "old", "what was granted is that version");
    shop.app.clock.advance(HOUR);
    waiting(&shop.dev.get(&format!("{}?reveal=true&version=1", secret(PLACE, "KEY"))));
}

#[test]
fn neither_a_child_nor_a_reference_shows_what_its_environment_would_not() {
    let shop = Shop::with(&["reveal"], 1);
    shop.owner.environment("shop/feature", json!({ "parent": "staging" }));
    waiting(&shop.dev.reveal("shop/feature", "KEY"));
    shop.owner.environment("shop/other", json!({}));
    shop.owner.set("shop/other", "BUILT", "with ${staging.KEY}");
    let resolved = shop.dev.get(&format!("{}?resolve=true", secret("shop/other", "BUILT")));
    refused(&resolved, 403, "approval_of_parts");
    shop.owner.set("shop/other", "PLAIN", "text");
    assert_eq!(shop.dev.value("shop/other", "PLAIN"), "text");
}

#[test]
fn others_see_no_request_and_the_proposed_value_is_nowhere() {
    let shop = Shop::with(&["write"], 1);
    let id = shop.asked(PROPOSED);
    let outsider = shop.owner.person("out@example.com", "viewer", json!({ "project": "shop" }));
    let seen = outsider.get(&format!("/approvals/{id}")).expect(200);
    assert_eq!(seen["items"][0]["fingerprint"], Value::Null, "who may not see values compares none");
    shop.owner.project("else");
    let stranger = shop.owner.person("far@example.com", "maintainer", json!({ "project": "else" }));
    refused(&stranger.get(&format!("/approvals/{id}")), 404, "not_found");
    refused(&act(&stranger, &id, "approve"), 404, "not_found");
    assert_eq!(stranger.get("/approvals").expect(200)["items"], json!([]));
    assert_eq!(shop.dev.get("/approvals?state=open").expect(200)["items"][0]["id"], json!(id));
    assert_eq!(shop.dev.get("/approvals?state=stale").expect(200)["items"], json!([]));
    assert_eq!(shop.dev.get("/approvals?state=none").status, 400);
    let path = shop.app.core.db.path().to_owned();
    let holds = |needle: &[u8]| {
        ["", "-wal"].iter().any(|end| {
            let mut name = path.clone().into_os_string();
            name.push(end);
            std::fs::read(name).is_ok_and(|bytes| bytes.windows(needle.len()).any(|w| w == needle))
        })
    };
    assert!(holds(id.as_bytes()) || holds(b"approval.requested"), "the file is the one that is looked into");
    assert!(!holds(PROPOSED.as_bytes()));
}

const FORBID: &str = "forbid (principal, action == Action::\"secret.reveal\", resource);";

/// A policy that is saved, as its text says.
fn policy(mode: &str) -> Value {
    let test = json!({ "name": "shown", "action": "secret.reveal", "expect": "deny" });
    json!({ "source": FORBID, "mode": mode, "tests": [test] })
}

/// An admin of the shop's organization, and the rule that one other must agree to this act on it.
fn governed(act: &str) -> (Shop, Api) {
    let shop = Shop::with(&["reveal"], 1);
    let admin = shop.owner.person("eve@example.com", "admin", json!({}));
    let rule = shop.owner.send("PUT", &format!("/approval-rules/{act}"), Some(&json!({ "approvals": 1 })));
    assert_eq!(rule.expect(200)["act"], act);
    (shop, admin)
}

#[test]
fn a_policy_is_changed_only_when_others_agreed_and_as_it_was_asked_for() {
    let (shop, admin) = governed("policy");
    let put = |who: &Api, body: Value| who.send("PUT", "/policies/shown", Some(&body));
    let plan = admin.send("PUT", "/policies/shown?dry_run=true", Some(&policy("observe"))).expect(200);
    assert_eq!((&plan["approvals"], &plan["dry_run"]), (&json!(1), &json!(true)));
    let id = waiting(&put(&admin, policy("observe")));
    assert_eq!(waiting(&put(&admin, policy("observe"))), id, "asked again it is the same request");
    assert_eq!(shop.owner.get("/policies").expect(200)["items"], json!([]));
    // What cannot be saved is not asked for.
    assert_eq!(
        put(&admin, json!({ "source": "permit (principal, action, resource);", "mode": "observe" })).status,
        422
    );
    let told = shop.owner.get(&format!("/approvals/{id}")).expect(200);
    assert_eq!((&told["kind"], &told["environment"], &told["items"]), (&json!("policy"), &Value::Null, &json!([])));
    assert_eq!((&told["act"]["action"], &told["act"]["subject"]), (&json!("save"), &json!("shown")));
    assert!(
        told["act"]["diff"].as_str().is_some_and(|d| d.contains("+mode: observe") && d.contains("+forbid")),
        "{told}"
    );
    // Whoever decides on environments of a project only knows nothing of it.
    refused(&shop.ann.get(&format!("/approvals/{id}")), 404, "not_found");
    refused(&act(&shop.ann, &id, "approve"), 404, "not_found");
    refused(&act(&admin, &id, "approve"), 403, "approval_own_request");
    assert_eq!(act(&shop.owner, &id, "approve").expect(200)["state"], "executed");
    let saved = shop.owner.get("/policies/shown").expect(200);
    assert_eq!(
        (&saved["version"], &saved["mode"], &saved["saved_by"]),
        (&json!(1), &json!("observe"), &told["requester"])
    );
    // Two wishes for the same version: one is made, the other is stale.
    let (first, second) = (waiting(&put(&admin, policy("enforce"))), waiting(&admin.delete("/policies/shown")));
    act(&shop.owner, &first, "approve").expect(200);
    assert_eq!(shop.owner.reveal(PLACE, "KEY").status, 403, "it is enforced from that moment on");
    refused(&act(&shop.owner, &second, "approve"), 409, "approval_stale");
    assert_eq!(shop.owner.get("/policies/shown").expect(200)["mode"], "enforce");
    let back = waiting(&admin.post("/policies/shown/rollback", json!({ "version": 1 })));
    assert_eq!(act(&shop.owner, &back, "approve").expect(200)["state"], "executed");
    let gone = waiting(&admin.delete("/policies/shown"));
    let told = shop.owner.get(&format!("/approvals/{gone}")).expect(200);
    assert!(told["act"]["diff"].as_str().is_some_and(|d| d.contains("-mode: observe")), "{told}");
    act(&shop.owner, &gone, "approve").expect(200);
    assert_eq!(shop.owner.get("/policies").expect(200)["items"], json!([]));
    // A policy of the same name and version that is not the same one.
    let id = waiting(&put(&admin, policy("observe")));
    act(&shop.owner, &id, "approve").expect(200);
    let old = waiting(&admin.delete("/policies/shown"));
    shop.owner.delete("/approval-rules/policy?reason=over").expect(200);
    shop.owner.delete("/policies/shown").expect(200);
    shop.owner.send("PUT", "/policies/shown", Some(&policy("enforce"))).expect(201);
    refused(&act(&shop.owner, &old, "approve"), 409, "approval_stale");
}

#[test]
fn who_may_not_change_policies_any_more_does_not_change_them_by_a_request() {
    let (shop, admin) = governed("policy");
    let put = || admin.send("PUT", "/policies/shown", Some(&policy("observe")));
    let id = waiting(&put());
    shop.owner.delete("/members/eve@example.com").expect(200);
    refused(&act(&shop.owner, &id, "approve"), 409, "approval_requester_lost");
    assert_eq!(shop.owner.get("/policies").expect(200)["items"], json!([]));
    // An owner alone passes the rule over, with a reason and freshly signed in.
    let own = waiting(&shop.owner.send("PUT", "/policies/shown", Some(&policy("observe"))));
    refused(&act(&shop.owner, &own, "approve"), 403, "approval_own_request");
    assert_eq!(act(&shop.owner, &own, "override").expect(200)["state"], "executed");
    assert_eq!(shop.owner.get("/policies/shown").expect(200)["version"], 1);
    let late = waiting(&shop.owner.delete("/policies/shown"));
    shop.app.clock.advance(HOUR * 24 * 2);
    refused(&act(&shop.owner, &late, "override"), 403, "step_up_required");
    refused(&act(&shop.owner, &id, "approve"), 403, "step_up_required");
    assert_eq!(state(&shop.owner, &late), "open");
}

#[test]
fn the_rules_of_the_organization_are_made_weaker_only_with_a_reason() {
    let (shop, admin) = governed("policy");
    let set = |who: &Api, body: Value| who.send("PUT", "/approval-rules/policy", Some(&body));
    refused(&set(&shop.ann, json!({ "approvals": 2 })), 403, "permission_denied");
    refused(&shop.ann.get("/approval-rules"), 403, "permission_denied");
    assert_eq!(set(&admin, json!({ "approvals": 2 })).expect(200)["approvals"], 2);
    refused(&set(&admin, json!({ "approvals": 1 })), 400, "invalid_value");
    assert_eq!(set(&admin, json!({ "approvals": 1, "reason": "one is away" })).expect(200)["approvals"], 1);
    refused(&admin.delete("/approval-rules/policy"), 400, "invalid_value");
    refused(&admin.delete("/approval-rules/rotation?reason=x"), 404, "not_found");
    assert_eq!(admin.get("/approval-rules/x").status, 405);
    refused(&admin.send("PUT", "/approval-rules/x", Some(&json!({ "approvals": 1 }))), 400, "invalid_value");
    for approvals in [0, 11] {
        assert_eq!(set(&admin, json!({ "approvals": approvals })).status, 400);
    }
    admin.delete("/approval-rules/policy?reason=over").expect(200);
    assert_eq!(admin.get("/approval-rules").expect(200)["items"], json!([]));
    admin.send("PUT", "/policies/free", Some(&policy("observe"))).expect(201);
}

#[test]
fn the_key_is_replaced_only_when_others_agreed_and_once() {
    let (shop, admin) = governed("rotation");
    let before = shop.owner.get("/keys").expect(200)["items"].as_array().map(Vec::len);
    let id = waiting(&shop.owner.post("/keys/rotate", json!({})));
    let other = waiting(&admin.post("/keys/rotate", json!({})));
    assert_ne!(id, other);
    assert_eq!(shop.owner.get("/keys").expect(200)["items"].as_array().map(Vec::len), before, "nothing was begun");
    let told = admin.get(&format!("/approvals/{id}")).expect(200);
    assert_eq!((&told["kind"], &told["act"]["action"]), (&json!("rotation"), &json!("rotate")), "{told}");
    refused(&act(&shop.owner, &id, "approve"), 403, "approval_own_request");
    assert_eq!(act(&admin, &id, "approve").expect(200)["state"], "executed");
    let rotation = shop.owner.get("/keys/rotation").expect(200);
    assert_eq!((&rotation["to_version"], &rotation["total"]), (&json!(2), &json!(1)), "{rotation}");
    assert_eq!(rotation["started_by"], told["requester"]);
    // What was asked for was a key in place of the first one.
    refused(&act(&shop.owner, &other, "approve"), 409, "approval_stale");
    assert_eq!(state(&admin, &other), "stale");
}

#[test]
fn the_command_line_tells_what_happens_next() {
    let shop = Shop::with(&["write"], 1);
    let dev = Shell::new(&shop.app.base);
    let ann = Shell::new(&shop.app.base);
    dev.file("token", shop.dev.token());
    ann.file("token", shop.ann.token());
    let set = dev.feed("secrets set KEY --token-file token -p shop -e staging", b"from the shell");
    let words = set.refused(5, "asks for 1 approval first").to_owned();
    assert!(words.contains("holdfast approvals approve apr_"), "{words}");
    let list = ann.run("approvals list --state open --json --token-file token").json();
    let id = list["items"][0]["id"].as_str().expect("an id").to_owned();
    assert!(words.contains(&id), "{words}");
    let shown = ann.run(&format!("approvals show {id} --token-file token"));
    assert!(shown.expect(0).contains("change") && !shown.stdout.contains("from the shell"), "{}", shown.stdout);
    let done = ann.run(&format!("approvals approve {id} --comment fine --token-file token"));
    done.expect(0);
    assert!(done.stderr.contains("is executed"), "{}", done.stderr);
    assert_eq!(shop.owner.value(PLACE, "KEY"), "from the shell");
    let at = "--token-file token -p shop -e staging";
    ann.run(&format!("approvals rules set --for write,delete --approvals 2 --path /pay {at}")).expect(0);
    assert!(ann.run(&format!("approvals rules list {at}")).expect(0).contains("/pay"));
    ann.run(&format!("approvals rules remove --path /pay --reason over {at}")).refused(4, "governance.override");
    let owner = Shell::new(&shop.app.base);
    owner.file("token", shop.owner.token());
    let run = |arguments: &str| owner.run(&format!("{arguments} --token-file token"));
    run("approvals rules set --for policy,write --approvals 2").refused(2, "of the organization");
    run("approvals rules set --for policy,rotation --approvals 2").expect(0);
    assert!(run("approvals rules list --own").expect(0).contains("rotation"));
    run("keys rotate-org").refused(5, "asks for 2 approvals first");
    owner.file("policy", FORBID);
    let words = run("policy put shown --source policy").refused(5, "approvals first").to_owned();
    let id = words.split("approvals show ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("an id");
    assert!(run(&format!("approvals show {id}")).expect(0).contains("+mode: observe"));
    run("approvals rules remove --for rotation --reason over").expect(0);
}

#[test]
fn where_a_reveal_waits_comparing_says_nothing() {
    let shop = Shop::with(&["reveal"], 1);
    shop.owner.environment("shop/open", json!({}));
    shop.owner.set("shop/open", "KEY", "old");
    let found = shop.dev.post("/values/lookup", json!({ "value": "old" })).expect(200);
    let held: Vec<_> = found["items"].as_array().expect("items").iter().map(|h| h["environment"].clone()).collect();
    assert_eq!(held, [json!("shop/open")], "{found}");
    let place = PLACE.split('/').nth(1).expect("an environment");
    let table = shop.dev.get(&format!("/projects/shop/compare?environments={place},open")).expect(200);
    assert_eq!(table["items"][0]["verdict"], "unknown", "{table}");
}

#[test]
fn a_diff_tells_no_value_from_another_where_a_reveal_waits() {
    let shop = Shop::with(&["reveal"], 1);
    shop.owner.environment("shop/open", json!({}));
    let prints = |who: &Api, place: &str| {
        let diff = who.get(&format!("{}/diff?with=open&fingerprints=true", environment(place)));
        let items = diff.expect(200)["items"].as_array().expect("a list").clone();
        items
            .iter()
            .map(|d| (d["before"]["fingerprint"].clone(), d["after"]["fingerprint"].clone()))
            .collect::<Vec<_>>()
    };
    shop.owner.set("shop/open", "KEY", "another");
    let held = prints(&shop.dev, PLACE);
    assert!(!held.is_empty() && held.iter().all(|(before, _)| before.is_null()), "{held:?}");
    // A machine is not shown anything: it uses values, and may tell them apart.
    let machine = shop.owner.machine("robot", "developer", json!({ "project": "shop" }));
    assert!(prints(&machine, PLACE).iter().any(|(before, _)| before.is_string()));
    shop.owner.delete(&format!("{}/approval-rules?reason=over", environment(PLACE))).expect(200);
    assert!(prints(&shop.dev, PLACE).iter().all(|(before, after)| before.is_string() && after.is_string()));
}

#[test]
fn a_value_that_is_drawn_waits_like_one_that_is_typed_and_is_the_one_that_was_drawn() {
    let shop = Shop::with(&["write"], 1);
    let asked = shop.dev.put(PLACE, "DRAWN", json!({ "generate": { "kind": "random", "length": 40 } }));
    let id = waiting(&asked);
    let told = shop.ann.get(&format!("/approvals/{id}")).expect(200);
    assert_eq!((&told["items"][0]["action"], &told["items"][0]["base_version"]), (&json!("add"), &json!(0)));
    let print = told["items"][0]["fingerprint"].clone();
    refused(&shop.dev.reveal(PLACE, "DRAWN"), 404, "secret_not_found");
    act(&shop.ann, &id, "approve").expect(200);
    assert_eq!(shop.dev.value(PLACE, "DRAWN").len(), 40);
    // The same value proposed again has the fingerprint that was approved.
    let drawn = shop.dev.value(PLACE, "DRAWN");
    let again = waiting(&shop.dev.put(PLACE, "DRAWN", json!({ "value": drawn, "interpolate": false, "comment": "x" })));
    assert_eq!(shop.ann.get(&format!("/approvals/{again}")).expect(200)["items"][0]["fingerprint"], print);
    // Each drawing is another value, and so another request.
    let draw = || waiting(&shop.dev.put(PLACE, "TWICE", json!({ "generate": { "kind": "random", "length": 40 } })));
    assert_ne!(draw(), draw());
}

#[test]
fn a_scan_for_own_values_finds_none_that_wait_to_be_shown() {
    let shop = Shop::with(&["reveal"], 1);
    let (held, free) = ("grey goose, 8 ponds!", "blue horse, 7 stables!");
    shop.owner.environment("shop/open", json!({}));
    shop.owner.write(PLACE, "HELD", json!({ "value": held, "interpolate": false }));
    shop.owner.write("shop/open", "FREE", json!({ "value": free, "interpolate": false }));
    let shell = Shell::new(&shop.app.base);
    let token = shell.file("../token", shop.dev.token());
    shell.file("notes.md", format!("x \"{held}\"\ny \"{free}\"\n"));
    let scan = || shell.run(&format!("scan --own --json --token-file {}", token.display()));
    let found = |done: &crate::support::cli::Done| {
        let report = done.json();
        let findings = report["findings"].as_array().expect("findings").clone();
        findings.iter().filter_map(|f| f["secret"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let first = scan();
    first.expect(7);
    assert_eq!(found(&first), ["shop/open:/FREE"], "{}", first.stdout);
    let id = waiting(&shop.dev.reveal(PLACE, "HELD"));
    act(&shop.ann, &id, "approve").expect(200);
    let granted = scan();
    let mut all = found(&granted);
    all.sort();
    assert_eq!(all, ["shop/open:/FREE", "shop/staging:/HELD"], "what was granted may be compared");
}
