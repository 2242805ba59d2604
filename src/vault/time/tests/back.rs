//! Going back, bringing back, and what differs.

use std::time::Duration;

use super::{item, now, seen, set, text, write};
use crate::ledger::Outcome;
use crate::op::Op;
use crate::orgs::testing::{World, code};
use crate::policy::BuiltinRole;
use crate::types::{Limit, SecretBytes};
use crate::vault::VaultError;
use crate::vault::folder::{folder_delete, folder_list};
use crate::vault::model::Visibility;
use crate::vault::secret::{BatchOutcome, Item, PlannedAction, Wish};
use crate::vault::time::{
    Diff, Difference, Instant, Revert, Side, Undelete, environment_diff, environment_revert, folder_undelete,
};

fn at(path: &str, name: &str, wish: Wish) -> Item {
    Item { path: Some(path.into()), ..item(name, wish) }
}

fn back(at: Instant, path: &str) -> Revert {
    let (project, environment, path) = ("shop".into(), "base".into(), path.into());
    Revert { project, environment, path, at, force: false, dry_run: false, plan: None }
}

fn told(outcome: &BatchOutcome) -> Vec<(String, PlannedAction)> {
    let place = |p: &crate::vault::model::FolderPath, n: &crate::vault::model::SecretName| {
        if p.is_root() { n.to_string() } else { format!("{p}/{n}") }
    };
    outcome.items.iter().map(|i| (place(&i.path, &i.name), i.action)).collect()
}

fn actions(expected: &[(&str, PlannedAction)]) -> Vec<(String, PlannedAction)> {
    expected.iter().map(|(n, a)| ((*n).to_owned(), *a)).collect()
}

/// `base` with a past worth going back to.
async fn changed(world: &World) -> (Op, Instant) {
    world.shop().await;
    let op = world.owner();
    for (name, value) in [("KEPT", "1"), ("CHANGED", "old"), ("GONE", "1"), ("BACK", "same")] {
        set(&op, "base", name, value).await;
    }
    let then = now(world);
    world.clock.advance(Duration::from_secs(1));
    set(&op, "base", "CHANGED", "new").await;
    set(&op, "base", "BACK", "other").await;
    set(&op, "base", "BACK", "same").await;
    set(&op, "base", "ADDED", "${CHANGED}").await;
    write(&op, "base", vec![item("GONE", Wish::Delete)]).await.unwrap();
    (op, then)
}

#[tokio::test]
async fn a_revert_is_planned_first_and_then_writes_new_versions() {
    let world = World::new().await;
    let (op, then) = changed(&world).await;
    let expected = actions(&[
        ("ADDED", PlannedAction::Delete),
        ("BACK", PlannedAction::Same),
        ("CHANGED", PlannedAction::Change),
        ("GONE", PlannedAction::Add),
    ]);
    let writes = world.events("secret.write", Outcome::Allowed).len();
    let plan = environment_revert(&op, Revert { dry_run: true, ..back(then, "") }).await.unwrap().outcome;
    assert_eq!(told(&plan), expected);
    assert!(!plan.applied);
    assert_eq!(world.events("secret.write", Outcome::Allowed).len(), writes, "a plan records nothing");
    let middle = now(&world);
    world.clock.advance(Duration::from_secs(1));
    let done = environment_revert(&op, back(then, "/")).await.unwrap().outcome;
    assert_eq!((told(&done), done.applied), (expected, true));
    let versions: Vec<_> = done.items.iter().map(|i| i.version).collect();
    assert_eq!(versions, [2, 3, 3, 3]);
    let all = ["BACK=same", "CHANGED=old", "GONE=1", "KEPT=1"];
    assert_eq!(seen(&op, "base", None).await.unwrap(), all);
    assert_eq!(seen(&op, "base", Some(then)).await.unwrap(), all);
    let before = ["ADDED=new", "BACK=same", "CHANGED=new", "KEPT=1"];
    assert_eq!(seen(&op, "base", Some(middle)).await.unwrap(), before, "what was undone stays in the past");
    let newest = &world.events("secret.write", Outcome::Allowed)[0];
    assert!(newest.details.contains_key("reverted_to"), "{:?}", newest.details);
    // Going back once more changes nothing, and back to the middle undoes it.
    let again = environment_revert(&op, back(then, "/")).await.unwrap().outcome;
    assert!(again.items.iter().all(|i| i.action == PlannedAction::Same));
    environment_revert(&op, back(middle, "/")).await.unwrap();
    assert_eq!(seen(&op, "base", None).await.unwrap(), before);
}

#[tokio::test]
async fn a_revert_touches_its_folder_and_its_own_secrets_only() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    let both = |value: &str| vec![at("/api", "A", text(value)), at("/apis", "A", text(value))];
    write(&op, "base", both("1")).await.unwrap();
    set(&op, "staging", "OWN", "1").await;
    let then = now(&world);
    world.clock.advance(Duration::from_secs(1));
    write(&op, "base", both("2")).await.unwrap();
    set(&op, "staging", "OWN", "2").await;
    let done = environment_revert(&op, back(then, "/api")).await.unwrap().outcome;
    assert_eq!(told(&done), actions(&[("/api/A", PlannedAction::Change)]));
    let staging = Revert { environment: "staging".into(), ..back(then, "/") };
    let done = environment_revert(&op, staging).await.unwrap().outcome;
    assert_eq!(told(&done), actions(&[("OWN", PlannedAction::Change)]), "nothing of base");
}

#[tokio::test]
async fn a_revert_loosens_nothing_and_asks_for_the_right_to_write_and_to_delete() {
    let world = World::new().await;
    let (op, then) = changed(&world).await;
    let wish = Wish::Set {
        value: SecretBytes::new(b"2".to_vec()),
        interpolate: false,
        visibility: Some(Visibility::Restricted),
    };
    write(&op, "base", vec![item("KEPT", wish)]).await.unwrap();
    let viewer = world.op_as(&world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await);
    assert_eq!(code(environment_revert(&viewer, back(then, "/")).await), "permission_denied");
    environment_revert(&op, back(then, "/")).await.unwrap();
    assert_eq!(code(seen(&op, "base", None).await), "variables_withheld", "KEPT stays restricted");
    assert_eq!(code(environment_revert(&op, back(Instant::Seq(0), "/")).await), "environment_not_found");
}

#[tokio::test]
async fn a_revert_that_would_take_what_others_use_is_refused_until_it_is_meant() {
    let world = World::new().await;
    let (op, then) = changed(&world).await;
    set(&op, "staging", "USES", "${ADDED}").await;
    assert_eq!(code(environment_revert(&op, back(then, "/")).await), "secret_has_dependents");
    assert_eq!(seen(&op, "base", None).await.unwrap()[0], "ADDED=new", "nothing was done");
    let done = environment_revert(&op, Revert { force: true, ..back(then, "/") }).await.unwrap().outcome;
    assert!(done.applied && !done.warnings.is_empty());
}

async fn undelete(op: &Op, path: &str, all: bool, dry_run: bool) -> Result<BatchOutcome, VaultError> {
    let (project, environment, path) = ("shop".into(), "base".into(), path.into());
    folder_undelete(op, Undelete { project, environment, path, all, dry_run }).await
}

#[tokio::test]
async fn a_folder_comes_back_as_it_was_deleted() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    let items = vec![
        at("/api", "EARLIER", text("0")),
        at("/api", "A", text("1")),
        at("/api/v2", "B", text("2")),
        at("/apis", "C", text("3")),
    ];
    write(&op, "base", items).await.unwrap();
    write(&op, "base", vec![at("/api", "EARLIER", Wish::Delete)]).await.unwrap();
    assert_eq!(code(undelete(&op, "/apis", true, false).await), "not_found");
    folder_delete(&op, "shop".into(), "base".into(), "/api".into(), false, false).await.unwrap();
    let both = actions(&[("/api/A", PlannedAction::Add), ("/api/v2/B", PlannedAction::Add)]);
    let plan = undelete(&op, "/", false, true).await.unwrap();
    assert_eq!((told(&plan), plan.applied), (both.clone(), false));
    assert_eq!(told(&undelete(&op, "/api", false, false).await.unwrap()), both);
    let folders = folder_list(&op, "shop", "base", "/api", Limit::default(), None).await.unwrap();
    assert_eq!(folders.items.iter().map(|f| f.path.to_string()).collect::<Vec<_>>(), ["/api", "/api/v2"]);
    let rest = undelete(&op, "/api", true, false).await.unwrap();
    assert_eq!(told(&rest), actions(&[("/api/EARLIER", PlannedAction::Add)]));
    assert_eq!(code(undelete(&op, "/api", true, false).await), "not_found");
    let viewer = world.op_as(&world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await);
    assert_eq!(code(undelete(&viewer, "/api", true, false).await), "permission_denied");
}

fn side(environment: &str, at: Option<Instant>) -> Side {
    Side { project: "shop".into(), environment: environment.into(), at }
}

async fn differs(op: &Op, before: Side, after: Side, fingerprints: bool) -> Vec<Difference> {
    let ask = Diff { before, after, path: "/".into(), fingerprints };
    environment_diff(op, &ask, Limit::default(), None).await.unwrap().items
}

fn words(found: &[Difference]) -> Vec<String> {
    found.iter().map(|d| format!("{} {}", d.change.as_str(), d.name)).collect()
}

#[tokio::test]
async fn two_moments_differ_by_names_and_with_fingerprints_by_values() {
    let world = World::new().await;
    let (op, then) = changed(&world).await;
    let names = differs(&op, side("base", Some(then)), side("base", None), false).await;
    assert_eq!(words(&names), ["added ADDED", "rewritten BACK", "rewritten CHANGED", "removed GONE"]);
    assert_eq!(world.events("secret.reveal", Outcome::Allowed).len(), 0, "names are no values");
    let values = differs(&op, side("base", Some(then)), side("base", None), true).await;
    assert_eq!(words(&values), ["added ADDED", "changed CHANGED", "removed GONE"]);
    let told = world.events("secret.reveal", Outcome::Allowed);
    assert_eq!(told.len(), 2, "one for each moment");
    assert!(told.iter().all(|e| e.details["compared"] == 2), "{:?}", told[0].details);
    let changed = &values[1];
    let print = |h: &Option<crate::vault::time::Has>| h.as_ref().unwrap().fingerprint.clone().unwrap();
    assert!(print(&changed.before) != print(&changed.after) && print(&changed.after).len() == 16);
    let viewer = world.op_as(&world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await);
    let unknown = differs(&viewer, side("base", Some(then)), side("base", None), true).await;
    assert_eq!(words(&unknown), ["added ADDED", "unknown BACK", "unknown CHANGED", "removed GONE"]);
    assert_eq!(world.events("secret.reveal", Outcome::Denied).len(), 0, "a viewer did not try");
}

#[tokio::test]
async fn two_environments_differ_and_what_may_not_be_read_is_unknown() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    for (environment, other) in [("base", "1"), ("production", "2")] {
        set(&op, environment, "SAME", "x").await;
        set(&op, environment, "OTHER", other).await;
    }
    let hidden = |value: &[u8]| Wish::Set {
        value: SecretBytes::new(value.to_vec()),
        interpolate: false,
        visibility: Some(Visibility::Restricted),
    };
    for environment in ["base", "production"] {
        write(&op, environment, vec![item("HIDDEN", hidden(b"x")), item("BUILT", text("${HIDDEN}"))]).await.unwrap();
    }
    set(&op, "staging", "OWN", "1").await;
    let found = differs(&op, side("base", None), side("production", None), true).await;
    assert_eq!(words(&found), ["unknown BUILT", "unknown HIDDEN", "changed OTHER"]);
    // What staging inherits is the very same version.
    assert_eq!(words(&differs(&op, side("base", None), side("staging", None), true).await), ["added OWN"]);
    let dev = world.op_as(&world.person("dora", &[(BuiltinRole::Developer, "shop/base")]).await);
    let ask =
        Diff { before: side("base", None), after: side("production", None), path: "/".into(), fingerprints: true };
    let refused = environment_diff(&dev, &ask, Limit::default(), None).await;
    assert_eq!(code(refused), "environment_not_found");
    let maintainer = world.person("mia", &[(BuiltinRole::Maintainer, "shop")]).await;
    let stale = differs(&world.op_as(&maintainer), side("base", None), side("production", None), true).await;
    assert_eq!(words(&stale), ["unknown BUILT", "unknown HIDDEN", "unknown OTHER", "unknown SAME"]);
    let fresh = world.op_as(&world.fresh(&maintainer).await);
    let found = differs(&fresh, side("base", None), side("production", None), true).await;
    assert_eq!(words(&found), ["unknown BUILT", "unknown HIDDEN", "changed OTHER"]);
}

#[tokio::test]
async fn a_diff_has_pages() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    let names: Vec<String> = (0..5).map(|n| format!("N{n}")).collect();
    write(&op, "staging", names.iter().map(|n| item(n, text("1"))).collect()).await.unwrap();
    let ask = Diff { before: side("base", None), after: side("staging", None), path: "/".into(), fingerprints: true };
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = environment_diff(&op, &ask, Limit::parse(2).unwrap(), cursor).await.unwrap();
        assert!(page.items.len() <= 2);
        found.extend(page.items.into_iter().map(|d| d.name.to_string()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, names);
}
