//! The tree and what flows on it: circles, closed parents, references to where the writer may not go, and values
//! that must not be washed clean on the way.

use super::shop;
use crate::support::api::{Api, environment, refused, secret};
use serde_json::{Value, json};

/// Three projects with one environment each, open to each other.
fn three() -> (crate::support::server::Server, Api) {
    let (server, owner) = shop();
    for project in ["billing", "mail"] {
        owner.project(project);
        owner.environment(&format!("{project}/main"), json!({}));
    }
    let listed = |others: [&str; 2]| json!({ "flow": { "mode": "listed", "environments": others } });
    for (place, others) in [
        ("shop/staging", ["billing/main", "mail/main"]),
        ("billing/main", ["shop/staging", "mail/main"]),
        ("mail/main", ["shop/staging", "billing/main"]),
    ] {
        owner.patch(&environment(place), listed(others)).expect(200);
    }
    (server, owner)
}

fn variables(api: &Api, place: &str) -> Value {
    api.variables(place).expect(200)["variables"].clone()
}

#[test]
fn a_circle_of_references_through_three_projects_is_found_before_it_is_written() {
    let (_server, owner) = three();
    owner.set("mail/main", "A", "for now a value");
    owner.set("billing/main", "A", "${mail.main:/A}");
    owner.set("shop/staging", "A", "${billing.main:/A}");
    assert_eq!(variables(&owner, "shop/staging"), json!({ "A": "for now a value" }));
    let answer = owner.put("mail/main", "A", json!({ "value": "${shop.staging:/A}" }));
    let problem = refused(&answer, 422, "reference_broken");
    let words = problem["detail"].as_str().expect("words");
    for place in ["mail/main:/A", "shop/staging:/A", "billing/main:/A", "cycle"] {
        assert!(words.contains(place), "{place} in {words}");
    }
    assert_eq!(variables(&owner, "shop/staging"), json!({ "A": "for now a value" }), "nothing was written");
    // One that closes only where it is resolved, by an override: the environment written breaks, so it is refused.
    owner.environment("shop/feature", json!({ "parent": "staging" }));
    owner.set("shop/staging", "X", "${Y}");
    let answer = owner.put("shop/staging", "Y", json!({ "value": "${X}" }));
    refused(&answer, 422, "reference_broken");
    let itself = owner.put("shop/feature", "Z", json!({ "value": "a${Z}" }));
    refused(&itself, 422, "reference_broken");
}

#[test]
fn an_environment_cannot_be_its_own_ancestor() {
    let (_server, owner) = shop();
    owner.environment("shop/child", json!({ "parent": "staging" }));
    owner.environment("shop/grandchild", json!({ "parent": "child" }));
    for parent in ["staging", "child", "grandchild"] {
        let answer = owner.post(&format!("{}/move", environment("shop/staging")), json!({ "parent": parent }));
        refused(&answer, 409, "parent_cycle");
    }
    let dry = owner.post(&format!("{}/move?dry_run=true", environment("shop/staging")), json!({ "parent": "child" }));
    refused(&dry, 409, "parent_cycle");
    let answer = owner.post(&format!("{}/move", environment("shop/staging")), json!({ "parent": "nobody" }));
    refused(&answer, 404, "environment_not_found");
    let staging = owner.get(&environment("shop/staging")).expect(200);
    assert_eq!(staging["parent"], Value::Null);
}

#[test]
fn a_tree_has_eight_levels_and_no_move_makes_nine() {
    let (_server, owner) = shop();
    let mut parent = "staging".to_owned();
    for level in 2..=8 {
        let slug = format!("level-{level}");
        owner.environment(&format!("shop/{slug}"), json!({ "parent": parent }));
        parent = slug;
    }
    let ninth = owner.post("/projects/shop/environments", json!({ "slug": "level-9", "parent": parent }));
    refused(&ninth, 422, "tree_too_deep");
    owner.environment("shop/other", json!({}));
    owner.environment("shop/below-other", json!({ "parent": "other" }));
    let moved = owner.post(&format!("{}/move", environment("shop/other")), json!({ "parent": "level-7" }));
    refused(&moved, 422, "tree_too_deep");
    owner.post(&format!("{}/move", environment("shop/other")), json!({ "parent": "level-6" })).expect(200);
}

#[test]
fn nothing_is_put_beneath_a_closed_parent() {
    let (_server, owner) = shop();
    owner.environment("shop/production", json!({}));
    assert_eq!(owner.get(&environment("shop/production")).expect(200)["flow"]["mode"], "closed");
    owner.set("shop/production", "PRIVATE", "of production");
    let child = json!({ "slug": "hotfix", "parent": "production" });
    refused(&owner.post("/projects/shop/environments", child.clone()), 409, "parent_closed");
    let moved = owner.post(&format!("{}/move", environment("shop/staging")), json!({ "parent": "production" }));
    refused(&moved, 409, "parent_closed");
    let reference = owner.put("shop/staging", "TAKEN", json!({ "value": "${production.PRIVATE}" }));
    refused(&reference, 422, "reference_broken");
    owner.patch(&environment("shop/production"), json!({ "flow": { "mode": "tree" } })).expect(200);
    owner.post("/projects/shop/environments", child).expect(201);
    // Closed again, what already flows is an error that says so: never an empty value, never one name fewer.
    assert_eq!(variables(&owner, "shop/hotfix"), json!({ "PRIVATE": "of production" }));
    let close = json!({ "flow": { "mode": "closed" } });
    let plan = owner.patch(&format!("{}?dry_run=true", environment("shop/production")), close.clone()).expect(200);
    assert!(plan.to_string().contains("hotfix") && plan.to_string().contains("PRIVATE"), "{plan}");
    owner.patch(&environment("shop/production"), close).expect(200);
    let broken = owner.variables("shop/hotfix");
    assert!(broken.status == 422 && broken.text().contains("PRIVATE"), "{} {}", broken.status, broken.text());
}

#[test]
fn a_reference_asks_for_the_right_to_use_what_it_points_at() {
    let (_server, owner) = shop();
    owner.environment("shop/secretive", json!({}));
    owner.set("shop/secretive", "HIDDEN", "not for staging's people");
    let staging = json!({ "project": "shop", "environment": "staging" });
    let dev = owner.person("dev@example.com", "developer", staging.clone());
    let bot = owner.machine("bot", "developer", staging);
    for writer in [&dev, &bot] {
        let answer = writer.put("shop/staging", "STOLEN", json!({ "value": "${secretive.HIDDEN}" }));
        assert!(matches!(answer.status, 403 | 422), "{}", answer.text());
        let unknown = writer.put("shop/staging", "STOLEN", json!({ "value": "${nowhere.HIDDEN}" }));
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (unknown.status, &unknown.json()["code"]),
            "whether it exists must not show"
        );
        let content = "STOLEN=\"${secretive.HIDDEN}\"\n";
        let import = json!({ "format": "dotenv", "content": content });
        let answer = writer.post("/projects/shop/environments/staging/import", import);
        assert!(matches!(answer.status, 403 | 422), "{}", answer.text());
    }
    refused(&owner.reveal("shop/staging", "STOLEN"), 404, "secret_not_found");
    // A viewer there may look at names, which is not the right to use values.
    let viewer_there = json!({ "project": "shop", "environment": "secretive" });
    let grant = json!({ "user": "dev@example.com", "role": "viewer" });
    let mut grant = grant;
    grant["project"] = viewer_there["project"].clone();
    grant["environment"] = viewer_there["environment"].clone();
    owner.post("/grants", grant).expect(201);
    let answer = dev.put("shop/staging", "STOLEN", json!({ "value": "${secretive.HIDDEN}" }));
    refused(&answer, 403, "permission_denied");
    // The owner may: the value then flows by the environment's own decision.
    owner.set("shop/staging", "GIVEN", "${secretive.HIDDEN}");
    assert_eq!(variables(&bot, "shop/staging"), json!({ "GIVEN": "not for staging's people" }));
}

#[test]
fn what_is_built_from_a_restricted_value_stays_restricted() {
    let (_server, owner) = shop();
    let put = |name: &str, value: &str, visibility: &str| {
        owner.write("shop/staging", name, json!({ "value": value, "visibility": visibility }))
    };
    put("SEALED", "never shown", "restricted");
    put("ONCE", "1:${SEALED}", "unmasked");
    put("TWICE", "2:${ONCE}", "unmasked");
    put("OPEN", "shown", "unmasked");
    refused(&owner.reveal("shop/staging", "SEALED"), 403, "secret_restricted");
    for name in ["ONCE", "TWICE"] {
        let answer = owner.get(&format!("{}?resolve=true", secret("shop/staging", name)));
        assert!(answer.status == 403 && !answer.text().contains("never shown"), "{name}: {}", answer.text());
    }
    let problem = refused(&owner.variables("shop/staging"), 403, "variables_withheld");
    let named: Vec<_> = problem["errors"].as_array().expect("one for each").iter().map(|e| &e["field"]).collect();
    assert_eq!(named, ["ONCE", "SEALED", "TWICE"], "{problem}");
    let some = owner.get(&format!("{}/variables?withheld=omit", environment("shop/staging"))).expect(200);
    assert_eq!(some["variables"], json!({ "OPEN": "shown" }));
    for format in ["dotenv", "yaml", "shell", "docker", "json"] {
        let path = format!("{}/variables?format={format}", environment("shop/staging"));
        refused(&owner.get(&path), 403, "variables_withheld");
        let omitted = owner.get(&format!("{path}&withheld=omit"));
        assert!(omitted.status == 200 && !omitted.text().contains("never shown"), "{}", omitted.text());
    }
    // The machine that may have it has all of it, through both references.
    let machine = owner.machine("runner", "maintainer", json!({ "project": "shop" }));
    assert_eq!(
        variables(&machine, "shop/staging"),
        json!({ "OPEN": "shown", "SEALED": "never shown", "ONCE": "1:never shown", "TWICE": "2:1:never shown" })
    );
    // A child inherits the restriction with the value.
    owner.environment("shop/feature", json!({ "parent": "staging" }));
    refused(&owner.variables("shop/feature"), 403, "variables_withheld");
    owner.set("shop/feature", "BELOW", "${TWICE}");
    refused(&owner.get(&format!("{}?resolve=true", secret("shop/feature", "BELOW"))), 403, "secret_restricted");
}

#[test]
fn history_rollback_and_a_looser_rewrite_do_not_open_a_restricted_value() {
    let (_server, owner) = shop();
    owner.write("shop/staging", "SEALED", json!({ "value": "never shown", "visibility": "restricted" }));
    // A new value may be less strict; the old one stays what it was.
    owner.write("shop/staging", "SEALED", json!({ "value": "another", "visibility": "masked" }));
    assert_eq!(owner.value("shop/staging", "SEALED"), "another");
    let old = owner.get(&format!("{}?reveal=true&version=1", secret("shop/staging", "SEALED")));
    refused(&old, 403, "secret_restricted");
    let rolled =
        owner.post(&format!("{}/rollback", secret("shop/staging", "SEALED")), json!({ "version": 1 })).expect(200);
    assert_eq!((&rolled["version"], &rolled["visibility"]), (&json!(3), &json!("restricted")), "{rolled}");
    refused(&owner.reveal("shop/staging", "SEALED"), 403, "secret_restricted");
    // A write that says nothing of visibility keeps it.
    owner.set("shop/staging", "SEALED", "a third");
    refused(&owner.reveal("shop/staging", "SEALED"), 403, "secret_restricted");
    // Deleted and undeleted, it is what it was.
    owner.delete(&secret("shop/staging", "SEALED")).expect(200);
    owner.send("POST", &format!("{}/undelete", secret("shop/staging", "SEALED")), None).expect(200);
    refused(&owner.reveal("shop/staging", "SEALED"), 403, "secret_restricted");
    for (version, status) in [(1, 403), (2, 200), (3, 403), (4, 403)] {
        let path = format!("{}?reveal=true&version={version}", secret("shop/staging", "SEALED"));
        assert_eq!(owner.get(&path).status, status, "version {version}");
    }
}

#[test]
fn a_locked_environment_takes_no_write_by_any_way() {
    let (_server, owner) = shop();
    owner.set("shop/staging", "KEPT", "as it was");
    owner.post(&format!("{}/lock", environment("shop/staging")), json!({ "reason": "release" })).expect(200);
    let import = json!({ "format": "dotenv", "content": "KEPT=changed\n" });
    let batch = json!({ "items": [{ "name": "KEPT", "value": "changed" }] });
    let base = environment("shop/staging");
    for answer in [
        owner.put("shop/staging", "KEPT", json!({ "value": "changed" })),
        owner.post(&format!("{base}/secrets/batch"), batch),
        owner.post(&format!("{base}/import"), import),
        owner.delete(&secret("shop/staging", "KEPT")),
        owner.post(&format!("{}/rollback", secret("shop/staging", "KEPT")), json!({ "version": 1 })),
    ] {
        let problem = refused(&answer, 409, "environment_locked");
        assert!(problem["detail"].as_str().expect("words").contains("release"), "{problem}");
    }
    assert_eq!(owner.value("shop/staging", "KEPT"), "as it was");
    owner.send("POST", &format!("{base}/unlock"), None).expect(200);
    owner.set("shop/staging", "KEPT", "changed");
}
