//! What a copy, a move and a rename promise: nothing is lost, nothing gained, and every value means what it meant.

use super::*;
use crate::ledger::Outcome;
use crate::orgs::testing::{World, code};
use crate::policy::BuiltinRole;
use crate::types::Limit;
use crate::vault::folder::{folder_create, folder_list};
use crate::vault::secret::{ReadSecret, secret_batch, secret_get, secret_history};
use crate::vault::uses::Uses;
use crate::vault::variables::{Etags, ReadVariables, Variables, variables};

fn item(place: &str, value: &str) -> Item {
    let (path, name) = place.rsplit_once('/').unwrap_or(("", place));
    Item {
        name: name.into(),
        path: Some(if path.is_empty() { "/".into() } else { path.into() }),
        wish: Wish::Set { value: SecretBytes::new(value.into()), interpolate: true, visibility: None },
        comment: Some("why".into()),
        tags: Some(vec!["t".into()]),
        base_version: None,
    }
}

async fn set(op: &Op, environment: &str, all: &[(&str, &str)]) {
    let items = all.iter().map(|(place, value)| item(place, value)).collect();
    let (project, environment) = ("shop".into(), environment.into());
    let request = BatchRequest { project, environment, items, skip_same: true, force: false, dry_run: false };
    secret_batch(op, request).await.unwrap();
}

async fn restrict(op: &Op, environment: &str, name: &str) {
    let wish = Wish::Set {
        value: SecretBytes::new("top".into()),
        interpolate: false,
        visibility: Some(Visibility::Restricted),
    };
    let items = vec![Item { wish, ..item(name, "") }];
    let (project, environment) = ("shop".into(), environment.into());
    let request = BatchRequest { project, environment, items, skip_same: true, force: false, dry_run: false };
    secret_batch(op, request).await.unwrap();
}

async fn seen(op: &Op, environment: &str, path: &str) -> Vec<String> {
    let ask = ReadVariables {
        project: "shop".into(),
        environment: environment.into(),
        path: path.into(),
        ..ReadVariables::default()
    };
    match variables(op, &Uses::default(), &Etags::default(), &ask).await.unwrap() {
        Variables::Changed { variables, .. } => {
            variables.iter().map(|v| format!("{}={}", v.name, String::from_utf8_lossy(v.value.expose()))).collect()
        }
        Variables::Unchanged { .. } => Vec::new(),
    }
}

fn of(environment: &str, place: &str) -> Transfer {
    let (path, name) = place.rsplit_once('/').unwrap_or(("", place));
    Transfer {
        project: "shop".into(),
        environment: environment.into(),
        what: What::Secrets(vec![(folder_of(path).unwrap(), SecretName::parse_any(name).unwrap())]),
        to: Destination::default(),
        mode: Mode::Move,
        rewrite_references: false,
        replace: false,
        force: false,
        dry_run: false,
    }
}

fn to_name(name: &str) -> Destination {
    Destination { name: Some(name.into()), ..Destination::default() }
}

fn to_environment(environment: &str) -> Destination {
    Destination { environment: Some(environment.into()), ..Destination::default() }
}

fn to_path(path: &str) -> Destination {
    Destination { path: Some(path.into()), ..Destination::default() }
}

fn told(outcome: &TransferOutcome) -> Vec<String> {
    let mut told: Vec<_> = outcome
        .references
        .iter()
        .map(|p| format!("{} {}: {} -> {}", p.environment, p.name, p.reference, p.becomes.as_deref().unwrap_or("-")))
        .collect();
    told.sort_unstable();
    told
}

#[tokio::test]
async fn a_rename_lists_who_points_at_it_and_makes_them_follow() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    world.environment("shop/qa", None).await;
    set(&owner, "base", &[("HOST", "db"), ("URL", "pg://${HOST}/$${x}"), ("/api/DSN", "${/HOST}:1")]).await;
    set(&owner, "staging", &[("LOCAL", "${HOST}")]).await;
    set(&owner, "feat", &[("HOST", "mine")]).await;
    set(&owner, "qa", &[("FAR", "${base.HOST}"), ("FARTHER", "${staging:/HOST}"), ("FORKED", "${feat.HOST}")]).await;
    let refused = secret_transfer(&owner, Transfer { to: to_name("DB_HOST"), ..of("base", "HOST") }).await;
    assert_eq!(code(refused), "secret_has_dependents");
    let wish = |dry_run| Transfer { to: to_name("DB_HOST"), rewrite_references: true, dry_run, ..of("base", "HOST") };
    let plan = secret_transfer(&owner, wish(true)).await.unwrap();
    let expected = [
        "shop/base DSN: ${/HOST} -> ${/DB_HOST}",
        "shop/base URL: ${HOST} -> ${DB_HOST}",
        "shop/qa FAR: ${base.HOST} -> ${base.DB_HOST}",
        "shop/qa FARTHER: ${staging:/HOST} -> ${staging:/DB_HOST}",
        "shop/staging LOCAL: ${HOST} -> ${DB_HOST}",
    ];
    assert_eq!(told(&plan), expected);
    assert!(!plan.applied && plan.items[0].id.is_none());
    assert!(
        plan.warnings.iter().any(|w| w.code == "override_left" && w.field == "shop/feat:/HOST"),
        "{:?}",
        plan.warnings
    );
    assert_eq!(seen(&owner, "base", "/").await, ["HOST=db", "URL=pg://db/${x}"], "a plan changes nothing");
    let done = secret_transfer(&owner, wish(false)).await.unwrap();
    assert_eq!(told(&done), expected);
    assert_eq!(seen(&owner, "base", "/").await, ["DB_HOST=db", "URL=pg://db/${x}"]);
    assert_eq!(seen(&owner, "base", "/api").await, ["DSN=db:1"]);
    let staging = ["DB_HOST=db", "LOCAL=db", "URL=pg://db/${x}"];
    assert_eq!(seen(&owner, "staging", "/").await, staging);
    assert_eq!(seen(&owner, "qa", "/").await, ["FAR=db", "FARTHER=db", "FORKED=mine"]);
    let read = ReadSecret {
        project: "shop".into(),
        environment: "base".into(),
        name: "DB_HOST".into(),
        ..ReadSecret::default()
    };
    let view = secret_get(&owner, &Uses::default(), &read).await.unwrap().view;
    assert_eq!((view.comment.as_str(), view.tags), ("why", vec!["t".to_owned()]));
    let old = secret_history(&owner, "shop", "base", "/", "HOST", Limit::default(), None).await.unwrap();
    assert_eq!(old.items.len(), 2, "what it was stays in its history");
}

#[tokio::test]
async fn a_move_to_another_environment_turns_late_references_into_named_ones() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    world.environment("shop/common", None).await;
    set(&owner, "base", &[("HOST", "db"), ("URL", "pg://${HOST}")]).await;
    let wish = Transfer { to: to_environment("common"), rewrite_references: true, ..of("base", "HOST") };
    let done = secret_transfer(&owner, wish).await.unwrap();
    assert_eq!(told(&done), ["shop/base URL: ${HOST} -> ${common.HOST}"]);
    assert_eq!(seen(&owner, "staging", "/").await, ["URL=pg://db"]);
    assert_eq!(seen(&owner, "common", "/").await, ["HOST=db"]);
    let used = world.events("secret.use", Outcome::Allowed);
    let moved = used.iter().find(|e| e.details.get("as").is_some_and(|a| a == "move")).expect("the move is recorded");
    assert_eq!(moved.details["count"], 1);
}

#[tokio::test]
async fn what_moves_up_the_tree_is_still_found_by_whoever_inherits_it() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "staging", &[("HOST", "db"), ("URL", "pg://${HOST}")]).await;
    let done = secret_transfer(&owner, Transfer { to: to_environment("base"), ..of("staging", "HOST") }).await.unwrap();
    assert_eq!(done.references, []);
    assert_eq!(seen(&owner, "feat", "/").await, ["HOST=db", "URL=pg://db"]);
    assert_eq!(seen(&owner, "base", "/").await, ["HOST=db"]);
}

#[tokio::test]
async fn an_override_that_is_moved_away_is_told_to_whoever_binds_to_it_from_above() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "base", &[("HOST", "db"), ("URL", "pg://${HOST}")]).await;
    set(&owner, "staging", &[("HOST", "db2")]).await;
    let wish = || Transfer { to: to_name("OTHER"), rewrite_references: true, ..of("staging", "HOST") };
    assert_eq!(code(secret_transfer(&owner, wish()).await), "secret_has_dependents");
    let done = secret_transfer(&owner, Transfer { force: true, ..wish() }).await.unwrap();
    assert_eq!(told(&done), ["shop/base URL: ${HOST} -> -"]);
    assert_eq!(seen(&owner, "staging", "/").await, ["HOST=db", "OTHER=db2", "URL=pg://db"]);
}

#[tokio::test]
async fn a_folder_moves_whole_with_what_refers_into_it() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "base", &[("/api/HOST", "db"), ("/api/URL", "pg://${HOST}"), ("/api/v2/DSN", "${/api/URL}")]).await;
    set(&owner, "base", &[("TOP", "${/api/URL}!")]).await;
    folder_create(&owner, "shop".into(), "base".into(), "/api/empty".into()).await.unwrap();
    let wish = |to: &str| Transfer {
        what: What::Folder { path: "/api".into() },
        to: to_path(to),
        rewrite_references: true,
        ..of("base", "URL")
    };
    assert_eq!(code(secret_transfer(&owner, wish("/api/deeper")).await), "invalid_value");
    let done = secret_transfer(&owner, wish("/svc/api")).await.unwrap();
    let expected = ["shop/base DSN: ${/api/URL} -> ${/svc/api/URL}", "shop/base TOP: ${/api/URL} -> ${/svc/api/URL}"];
    assert_eq!(told(&done), expected);
    assert_eq!(seen(&owner, "base", "/").await, ["TOP=pg://db!"]);
    assert_eq!(seen(&owner, "base", "/svc/api").await, ["HOST=db", "URL=pg://db"]);
    assert_eq!(seen(&owner, "base", "/svc/api/v2").await, ["DSN=pg://db"]);
    let left = folder_list(&owner, "shop", "base", "/", Limit::default(), None).await.unwrap();
    let paths: Vec<_> = left.items.iter().map(|f| f.path.to_string()).collect();
    assert_eq!(paths, ["/svc", "/svc/api", "/svc/api/empty", "/svc/api/v2"]);
}

#[tokio::test]
async fn a_copy_to_another_folder_keeps_its_meaning_when_asked_to() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "base", &[("HOST", "db"), ("URL", "pg://${HOST}")]).await;
    let wish = Transfer { to: to_path("/api"), mode: Mode::Copy, ..of("base", "URL") };
    assert_eq!(code(secret_transfer(&owner, wish.clone()).await), "reference_broken", "there is no HOST in /api");
    let done = secret_transfer(&owner, Transfer { rewrite_references: true, ..wish }).await.unwrap();
    assert_eq!(told(&done), ["shop/base URL: ${HOST} -> ${/HOST}"]);
    assert_eq!(seen(&owner, "base", "/api").await, ["URL=pg://db"]);
    assert_eq!(seen(&owner, "base", "/").await, ["HOST=db", "URL=pg://db"]);
}

#[tokio::test]
async fn a_copy_goes_only_where_values_flow_and_only_by_who_may_use_them() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "production", &[("KEY", "live")]).await;
    set(&owner, "base", &[("KEY", "base")]).await;
    let copy = |from: &str, to: &str| Transfer { to: to_environment(to), mode: Mode::Copy, ..of(from, "KEY") };
    assert_eq!(code(secret_transfer(&owner, copy("production", "staging")).await), "flow_closed");
    let dora = world.person("dora", &[(BuiltinRole::Viewer, "shop"), (BuiltinRole::Developer, "shop/staging")]).await;
    let dora = world.op_as(&dora);
    assert_eq!(code(secret_transfer(&dora, copy("base", "staging")).await), "permission_denied");
    assert_eq!(world.events("secret.use", Outcome::Denied).len(), 1);
    let mine = Transfer { to: to_environment("base"), mode: Mode::Copy, ..of("staging", "KEY") };
    assert_eq!(code(secret_transfer(&dora, mine).await), "secret_not_found", "what is inherited is copied where it is");
    assert_eq!(code(secret_transfer(&owner, copy("base", "staging")).await), "ok");
    assert_eq!(seen(&owner, "staging", "/").await, ["KEY=base"]);
}

#[tokio::test]
async fn what_is_restricted_stays_restricted_and_needs_the_right_to_it() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    restrict(&owner, "base", "KEY").await;
    let dora = world.op_as(&world.person("dora", &[(BuiltinRole::Developer, "shop")]).await);
    let copy = || Transfer { to: to_environment("staging"), mode: Mode::Copy, ..of("base", "KEY") };
    assert_eq!(code(secret_transfer(&dora, copy()).await), "permission_denied");
    secret_transfer(&owner, copy()).await.unwrap();
    secret_transfer(&dora, Transfer { to: to_name("RENAMED"), ..of("staging", "KEY") }).await.unwrap();
    let read = |name: &str| ReadSecret {
        project: "shop".into(),
        environment: "staging".into(),
        name: name.into(),
        reveal: true,
        ..ReadSecret::default()
    };
    let shown = secret_get(&owner, &Uses::default(), &read("RENAMED")).await;
    assert_eq!(code(shown), "secret_restricted");
    set(&owner, "staging", &[("PLAIN", "x")]).await;
    let over = Transfer { to: to_name("RENAMED"), mode: Mode::Copy, ..of("staging", "PLAIN") };
    assert_eq!(code(secret_transfer(&owner, over.clone()).await), "secret_exists");
    secret_transfer(&owner, Transfer { replace: true, ..over }).await.unwrap();
    assert_eq!(code(secret_get(&owner, &Uses::default(), &read("RENAMED")).await), "secret_restricted");
}

#[tokio::test]
async fn who_may_not_write_a_secret_that_points_at_it_cannot_make_it_follow() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "base", &[("HOST", "db")]).await;
    set(&owner, "staging", &[("URL", "${HOST}")]).await;
    let dora = world.person("dora", &[(BuiltinRole::Developer, "shop/base")]).await;
    let dora = world.op_as(&dora);
    world.environment("shop/hidden", None).await;
    set(&owner, "hidden", &[("FAR", "${base.HOST}")]).await;
    let wish = Transfer { to: to_name("NEW"), rewrite_references: true, ..of("base", "HOST") };
    let refused = secret_transfer(&dora, wish).await.expect_err("one of them is hidden");
    let VaultError::HasDependents { dependents, hidden, .. } = refused else { panic!("{refused}") };
    assert_eq!((dependents.len(), hidden), (0, 1));
    assert_eq!(seen(&owner, "base", "/").await, ["HOST=db"], "nothing was changed");
}
