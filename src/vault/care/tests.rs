//! What looking after secrets promises: nothing is shown, nothing loosened, and nothing done twice.

use std::time::Duration;

use super::*;
use crate::ledger::Outcome;
use crate::op::Who;
use crate::orgs::testing::{World, code};
use crate::policy::BuiltinRole;
use crate::types::{Email, Limit, SecretBytes};
use crate::vault::model::Visibility;
use crate::vault::secret::{BatchRequest, Item, ListSecrets, PlannedAction, Wish, secret_batch, secret_list};
use crate::vault::uses::Uses;
use crate::vault::variables::{Etags, ReadVariables, variables};

fn item(name: &str, visibility: Visibility, tags: &[&str]) -> Item {
    Item {
        name: name.into(),
        path: None,
        wish: Wish::Set { value: SecretBytes::new("v".into()), interpolate: false, visibility: Some(visibility) },
        comment: None,
        tags: Some(tags.iter().map(|t| (*t).to_owned()).collect()),
        base_version: None,
    }
}

async fn set(op: &Op, environment: &str, items: Vec<Item>) {
    let (project, environment) = ("shop".into(), environment.into());
    let request = BatchRequest { project, environment, items, skip_same: true, force: false, dry_run: false };
    secret_batch(op, request).await.unwrap();
}

fn plain(name: &str) -> Item {
    item(name, Visibility::Masked, &[])
}

async fn read(op: &Op, environment: &str) {
    let ask = ReadVariables { project: "shop".into(), environment: environment.into(), ..ReadVariables::default() };
    variables(op, &Uses::default(), &Etags::default(), &ask).await.unwrap();
}

fn shop() -> Scope {
    Scope { project: Some("shop".into()), environment: None }
}

const DAY: Duration = Duration::from_hours(24);

fn list(environment: &str) -> ListSecrets {
    ListSecrets { project: "shop".into(), environment: environment.into(), ..ListSecrets::default() }
}

#[tokio::test]
async fn stale_is_what_was_neither_read_nor_written() {
    let world = World::new().await;
    world.shop().await;
    set(&world.owner(), "base", vec![plain("OLD"), plain("WRITTEN")]).await;
    set(&world.owner(), "production", vec![plain("READ")]).await;
    world.clock.advance(DAY * 20);
    let person = world.fresh(&world.owner).await;
    let owner = || world.op_as(&person);
    set(&owner(), "base", vec![item("WRITTEN", Visibility::Masked, &["new"])]).await;
    read(&owner(), "production").await;
    world.clock.advance(DAY * 15);
    let names = async |op: &Op, count: u32| {
        let page = secret_stale(op, &shop(), count, Limit::default(), None).await.unwrap();
        page.items.iter().map(|s| format!("{}:{}", s.environment, s.name)).collect::<Vec<_>>()
    };
    let person = world.fresh(&world.owner).await;
    let owner = world.op_as(&person);
    assert_eq!(names(&owner, 30).await, ["shop/base:OLD"]);
    assert_eq!(names(&owner, 10).await, ["shop/base:OLD", "shop/base:WRITTEN", "shop/production:READ"]);
    assert_eq!(names(&owner, 40).await, [] as [&str; 0]);
    let first = secret_stale(&owner, &shop(), 10, Limit::parse(2).unwrap(), None).await.unwrap();
    let rest = secret_stale(&owner, &shop(), 10, Limit::parse(2).unwrap(), first.next).await.unwrap();
    assert_eq!((first.items.len(), rest.items.len()), (2, 1));
    assert_eq!(code(secret_stale(&owner, &shop(), 0, Limit::default(), None).await), "invalid_value");
    let dora = world.op_as(&world.person("dora", &[(BuiltinRole::Viewer, "shop/base")]).await);
    assert_eq!(names(&dora, 10).await, ["shop/base:OLD", "shop/base:WRITTEN"], "of what may be listed");
}

#[tokio::test]
async fn an_end_is_told_once_before_and_once_after() {
    let world = World::with_actions(&[ACTIONS]).await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "base", vec![plain("KEY"), plain("LATER")]).await;
    let which = |name: &str| Which {
        project: "shop".into(),
        environment: "base".into(),
        path: String::new(),
        name: name.into(),
    };
    let at = |n: u32| Some(owner.now().plus(DAY * n));
    assert_eq!(code(expiry_set(&owner, which("KEY"), Some(owner.now())).await), "invalid_value");
    assert_eq!(code(expiry_set(&owner, which("NONE"), at(1)).await), "secret_not_found");
    expiry_set(&owner, which("KEY"), at(20)).await.unwrap();
    expiry_set(&owner, which("LATER"), at(100)).await.unwrap();
    let vera = world.op_as(&world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await);
    assert_eq!(code(expiry_set(&vera, which("KEY"), None).await), "permission_denied");
    let listed = secret_expiring(&vera, &shop(), 30, Limit::default(), None).await.unwrap();
    assert_eq!(listed.items.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["KEY"]);
    let remind = async || expiry_remind(&world.op(Who::Job("remind_expiring")), 100).await.unwrap();
    let one = |ends| {
        let places = [("shop/base".to_owned(), ends)].into();
        let to = Email::parse("ada@example.com").unwrap();
        let reminders = vec![Reminder { to, organization: "acme".into(), places }];
        Told { secrets: 1, organizations: 1, reminders }
    };
    assert_eq!(remind().await, Told::default(), "it is too early");
    world.clock.advance(DAY * 7);
    assert_eq!((remind().await, remind().await), (one(Ends { soon: 1, over: 0 }), Told::default()));
    world.clock.advance(DAY * 14);
    assert_eq!((remind().await, remind().await), (one(Ends { soon: 0, over: 1 }), Told::default()));
    let events = world.events("job.remind_expiring", Outcome::Allowed);
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].details["count"], 1);
    let person = world.fresh(&world.owner).await;
    let owner = world.op_as(&person);
    let listed = secret_expiring(&owner, &Scope::default(), 1, Limit::default(), None).await.unwrap();
    assert!(listed.items[0].is_over);
    expiry_set(&owner, which("KEY"), None).await.unwrap();
    assert!(expiry_get(&owner, &which("KEY")).await.unwrap().is_none());
    let listed = secret_expiring(&owner, &Scope::default(), 1, Limit::default(), None).await.unwrap();
    assert_eq!(listed.items.len(), 0);
}

fn edit(filter: BulkFilter, change: BulkChange) -> BulkEdit {
    let (project, environment) = ("shop".into(), "base".into());
    BulkEdit { project, environment, filter, change, force: false, dry_run: false }
}

async fn listed(op: &Op) -> Vec<String> {
    let page = secret_list(op, &list("base"), Limit::default(), None).await.unwrap();
    let shown = page.items.iter().map(|s| format!("{} {} {}", s.name, s.visibility, s.tags.join("+")));
    shown.collect()
}

#[tokio::test]
async fn a_filter_finds_and_a_plan_changes_nothing() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    let masked = Visibility::Masked;
    let items = vec![
        item("A_KEY", masked, &["pci"]),
        item("B_KEY", masked, &["old", "pci"]),
        item("OTHER", masked, &[]),
        item("TOP", Visibility::Restricted, &["pci"]),
    ];
    set(&owner, "base", items).await;
    let before = listed(&owner).await;
    let marks = Marks {
        add_tags: vec!["audited".into()],
        remove_tags: vec!["old".into()],
        visibility: Some(Visibility::Unmasked),
        ..Marks::default()
    };
    let filter = BulkFilter { tags: vec!["pci".into()], ..BulkFilter::default() };
    let wish = || edit(filter.clone(), BulkChange::Mark(marks.clone()));
    let plan = secret_edit(&owner, BulkEdit { dry_run: true, ..wish() }).await.unwrap();
    assert_eq!(plan.batch.items.len(), 3);
    assert!(!plan.batch.applied);
    assert_eq!(listed(&owner).await, before);
    let done = secret_edit(&owner, wish()).await.unwrap();
    assert!(done.batch.warnings.iter().any(|w| w.code == "restricted_kept"));
    let expected =
        ["A_KEY unmasked audited+pci", "B_KEY unmasked audited+pci", "OTHER masked ", "TOP restricted audited+pci"];
    assert_eq!(listed(&owner).await, expected);
    let again = secret_edit(&owner, wish()).await.unwrap();
    assert!(again.batch.items.iter().all(|i| i.action == PlannedAction::Same));
    let nothing = edit(BulkFilter::default(), BulkChange::Mark(Marks::default()));
    assert_eq!(code(secret_edit(&owner, nothing).await), "invalid_value");
    let ends = Marks { end: End::At(owner.now().plus(DAY)), ..Marks::default() };
    let words = BulkFilter { words: Some("_key".into()), ..BulkFilter::default() };
    let done = secret_edit(&owner, edit(words, BulkChange::Mark(ends))).await.unwrap();
    assert_eq!((done.expiries, done.batch.items.len()), (2, 0));
    let soon = BulkFilter { expires_within_days: Some(2), ..BulkFilter::default() };
    let gone = secret_edit(&owner, edit(soon, BulkChange::Delete)).await.unwrap();
    assert_eq!(gone.batch.items.len(), 2);
    assert_eq!(listed(&owner).await, expected[2..]);
    let vera = world.op_as(&world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await);
    let refused = secret_edit(&vera, edit(BulkFilter::default(), BulkChange::Delete)).await;
    assert_eq!(code(refused), "permission_denied");
}

#[test]
fn days_have_limits() {
    assert!(days("days", 0).is_err() && days("days", 3_651).is_err());
    assert_eq!(days("days", 2).ok(), Some(DAY * 2));
}
