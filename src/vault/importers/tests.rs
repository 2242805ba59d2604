//! Names, plans and Vault's answers; every other source has its tests beside it.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::types::Failure as _;
use crate::vault::model::{FolderPath, SecretName};

fn item(folder: &[&str], key: &str, values: &[(&str, Option<&str>)]) -> SourceItem {
    let version = |(value, label): &(&str, Option<&str>)| SourceVersion {
        value: SecretBytes::new(value.as_bytes().to_vec()),
        label: label.map(str::to_owned),
        dollar: Dollar::Reference,
    };
    SourceItem {
        place: folder.join("/"),
        folder: folder.iter().map(|&s| s.to_owned()).collect(),
        key: key.to_owned(),
        versions: values.iter().map(version).collect(),
        comment: String::new(),
        facts: Vec::new(),
    }
}

fn mapped(items: Vec<SourceItem>, any_names: bool) -> Mapped {
    let rules = MapRules { folder: FolderPath::parse("/in").expect("valid"), any_names, interpolate: false };
    map(Found { items, remarks: Vec::new() }, &rules).expect("within the limits")
}

fn called(mapped: &Mapped) -> Vec<String> {
    mapped.names.iter().map(|n| format!("{}/{}", n.path, n.name)).collect()
}

#[test]
fn a_name_that_is_none_becomes_one_and_is_told() {
    let items = vec![item(&["my app", ".dot"], "db-password", &[("x", None)]), item(&[], "2fa", &[("y", None)])];
    let done = mapped(items, false);
    assert_eq!(called(&done), ["/in/_2FA", "/in/my_app/_.dot/DB_PASSWORD"]);
    assert_eq!(done.remarks.len(), 2);
    assert!(done.remarks.iter().all(|r| r.kind == RemarkKind::Changed), "{:?}", done.remarks);
}

#[test]
fn an_environment_of_any_names_keeps_them() {
    let done = mapped(vec![item(&["app"], "db-password", &[("x", None)])], true);
    assert_eq!(called(&done), ["/in/app/db-password"]);
    assert!(done.remarks.is_empty(), "{:?}", done.remarks);
}

#[test]
fn of_names_that_become_one_only_the_exact_one_stays_and_every_other_is_named() {
    let key = |key| item(&[], key, &[("x", None)]);
    let exact = mapped(vec![key("db_url"), key("DB_URL"), key("db-url")], false);
    assert_eq!(called(&exact), ["/in/DB_URL"]);
    let skipped = |m: &Mapped| m.remarks.iter().filter(|r| r.kind == RemarkKind::Skipped).count();
    assert_eq!(skipped(&exact), 2, "{:?}", exact.remarks);
    let none = mapped(vec![key("db.url"), key("db-url")], false);
    assert!(none.names.is_empty());
    assert_eq!(skipped(&none), 2, "{:?}", none.remarks);
    let twice = mapped(vec![key("A"), key("A")], false);
    assert!(twice.names.is_empty() && skipped(&twice) == 2, "{:?}", twice.remarks);
}

#[test]
fn what_is_too_large_too_deep_or_nameless_is_named_and_the_rest_stays() {
    let big = "x".repeat(64 * 1024 + 1);
    let deep = ["a"; 17];
    let items = vec![
        item(&[], "BIG", &[(&big, Some("version 1"))]),
        item(&deep, "DEEP", &[("x", None)]),
        item(&[], "", &[("x", None)]),
        item(&[], "GOOD", &[("x", None)]),
    ];
    let done = mapped(items, false);
    assert_eq!(called(&done), ["/in/GOOD"]);
    assert_eq!(done.remarks.len(), 3, "{:?}", done.remarks);
    assert!(!format!("{:?}", done.remarks).contains("xxx"));
}

#[test]
fn facts_become_tags_where_they_fit_and_lines_of_the_comment_where_not() {
    let mut one = item(&["app"], "A", &[("x", Some("version 1"))]);
    one.comment = "by hand\u{7}".into();
    one.facts = vec![("owner".into(), "payments".into()), ("note".into(), "ask Eve first".into())];
    let done = mapped(vec![one], false);
    assert_eq!(done.names[0].tags, Some(vec!["owner:payments".to_owned()]));
    let comment = done.names[0].versions[0].comment.as_deref();
    assert_eq!(comment, Some("imported from app, version 1\nby hand\u{fffd}\nnote: ask Eve first"));
}

#[test]
fn a_comment_that_is_too_long_is_cut_after_the_mark_and_told() {
    let mut one = item(&["app"], "A", &[("x", Some("version 1"))]);
    one.comment = "é".repeat(3_000);
    let done = mapped(vec![one], false);
    let comment = done.names[0].versions[0].comment.as_deref().expect("a comment");
    assert_eq!(comment.chars().count(), 2_000);
    assert!(comment.starts_with("imported from app, version 1\n") && done.remarks.len() == 1);
}

#[test]
fn more_than_one_import_takes_is_refused() {
    let versions = vec![("x", None); MAX_VERSIONS + 1];
    let found = Found { items: vec![item(&[], "A", &versions)], remarks: Vec::new() };
    let rules = MapRules { folder: FolderPath::root(), any_names: false, interpolate: false };
    assert_eq!(map(found, &rules).expect_err("too much").code(), "import_too_large");
}

fn history(labels: &[&str]) -> Mapped {
    let versions: Vec<_> = labels.iter().map(|l| (*l, Some(*l))).collect();
    mapped(vec![item(&["app"], "A", &versions), item(&["app"], "B", &versions[..1])], false)
}

fn there(comment: &str) -> HashMap<(FolderPath, SecretName), There> {
    let name = (FolderPath::parse("/in/app").expect("valid"), SecretName::parse("A").expect("valid"));
    HashMap::from([(name, There { version: 7, comment: comment.to_owned() })])
}

#[test]
fn the_oldest_of_every_name_is_written_first_and_no_round_has_a_name_twice() {
    let plan = Plan::new(history(&["v1", "v2", "v3"]), &HashMap::new());
    let rounds: Vec<Vec<(usize, usize)>> =
        plan.rounds().map(|r| r.iter().map(|s| (s.name, s.version)).collect()).collect();
    assert_eq!(rounds, [vec![(0, 0), (1, 0)], vec![(0, 1)], vec![(0, 2)]]);
    assert_eq!((plan.steps(), plan.count(Action::Add)), (4, 2));
    assert!(plan.names.iter().all(|n| n.base_version == 0));
}

#[test]
fn an_import_goes_on_after_the_version_whose_mark_is_there() {
    let plan = Plan::new(history(&["v1", "v2", "v3"]), &there("imported from app, v2\nand more"));
    assert_eq!((plan.names[0].action, plan.names[0].base_version), (Action::Continue, 7));
    assert_eq!(plan.names[0].left().len(), 1);
    let done = Plan::new(history(&["v1", "v2"]), &there("imported from app, v2"));
    assert_eq!((done.names[0].action, done.names[0].left().len()), (Action::Done, 0));
    let other = Plan::new(history(&["v1", "v2"]), &there("imported from app2, v2"));
    assert_eq!((other.names[0].action, other.names[0].left().len()), (Action::Change, 2));
}

proptest! {
    /// Killed after any number of writes and run again, the versions are written once each and in order.
    #[test]
    fn a_killed_import_that_is_repeated_writes_each_version_once(total in 1_usize..12, stops in prop::collection::vec(0_usize..5, 0..6)) {
        let labels: Vec<String> = (1..=total).map(|n| format!("v{n}")).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let mut written: Vec<String> = Vec::new();
        for stop in stops.into_iter().chain([usize::MAX]) {
            let now = written.last().map(|c: &String| there(c)).unwrap_or_default();
            let plan = Plan::new(history(&labels), &now);
            written.extend(plan.names[0].left().iter().take(stop).filter_map(|v| v.comment.clone()));
        }
        let expected: Vec<String> = labels.iter().map(|l| format!("imported from app, {l}")).collect();
        prop_assert_eq!(written, expected);
    }

    /// Whatever a source calls its things, what comes out is ours, without a name twice, and nothing is lost unnamed.
    #[test]
    fn every_item_is_mapped_or_named(keys in prop::collection::vec((".{0,12}", ".{0,12}"), 0..20), any in any::<bool>()) {
        let items: Vec<_> = keys.iter().map(|(folder, key)| item(&[folder.as_str()], key, &[("x", None)])).collect();
        let count = items.len();
        let done = mapped(items, any);
        let names: BTreeSet<_> = done.names.iter().map(|n| (n.path.clone(), n.name.clone())).collect();
        prop_assert_eq!(names.len(), done.names.len());
        let skipped = done.remarks.iter().filter(|r| r.kind == RemarkKind::Skipped).count();
        prop_assert_eq!(names.len() + skipped, count);
        prop_assert!(done.remarks.iter().all(|r| !r.place.contains(char::is_control)));
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn a_key_has_the_versions_in_which_its_value_changed() {
    let label = |n: u32| Some(format!("version {n}"));
    let versions = vec![
        (label(1), object(json!({"user": "a", "password": "1", "old": "x"}))),
        (label(2), object(json!({"user": "a", "password": "2"}))),
        (label(4), object(json!({"user": "b", "password": "2", "port": 5432, "more": {"a": [1]}, "none": null}))),
    ];
    let found = kv_names("secret/app", &["app".to_owned()], &[], versions, Dollar::Unknown);
    let of = |key: &str| {
        let item = found.items.iter().find(|i| i.key == key).expect(key);
        let text = |v: &SourceVersion| {
            format!("{}={}", v.label.as_deref().unwrap_or(""), String::from_utf8_lossy(v.value.expose()))
        };
        item.versions.iter().map(text).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("user"), "version 1=a version 4=b");
    assert_eq!(of("password"), "version 1=1 version 2=2");
    assert_eq!(of("port"), "version 4=5432");
    assert_eq!(of("more"), r#"version 4={"a":[1]}"#);
    let remarks: Vec<_> = found.remarks.iter().map(|r| (r.place.as_str(), r.kind)).collect();
    assert_eq!(
        remarks,
        [
            ("secret/app: none", RemarkKind::Skipped),
            ("secret/app: old", RemarkKind::Skipped),
            ("secret/app: more", RemarkKind::Changed)
        ]
    );
}

#[test]
fn metadata_is_in_the_order_of_its_numbers_and_its_rules_are_named() {
    let time = "2026-01-02T03:04:05.678Z";
    let version = |destroyed| json!({"created_time": time, "deletion_time": "", "destroyed": destroyed});
    let answer = json!({"data": {
        "cas_required": true, "delete_version_after": "24h0m0s", "custom_metadata": {"owner": "payments"},
        "versions": {"10": version(false), "9": version(true), "2": version(false)},
    }});
    let read = metadata("secret/app", &answer).expect("Vault's shape");
    let numbers: Vec<_> = read.versions.iter().map(|(n, _, destroyed)| (*n, *destroyed)).collect();
    assert_eq!(numbers, [(2, false), (9, true), (10, false)]);
    assert_eq!(read.custom, [("owner".to_owned(), "payments".to_owned())]);
    assert_eq!(read.rules.len(), 2);
}

#[test]
fn a_mount_is_read_and_another_engine_is_refused() {
    let kv = |options: Value| json!({"data": {"path": "team/kv/", "type": "kv", "options": options}});
    assert_eq!(mount(&kv(json!({"version": "2"}))), Ok(("team/kv".to_owned(), KvVersion::V2)));
    assert_eq!(mount(&kv(json!(null))), Ok(("team/kv".to_owned(), KvVersion::V1)));
    let other = json!({"data": {"path": "pki/", "type": "pki", "options": null}});
    assert_eq!(mount(&other).expect_err("no secrets").code(), "import_not_key_value");
}

#[test]
fn answers_that_are_not_vaults_are_refused_without_being_quoted() {
    let hostile = [
        json!(null),
        json!({"data": null}),
        json!({"data": {"keys": "s3cret", "data": "s3cret", "versions": ["s3cret"], "path": 1, "type": "kv"}}),
        json!({"data": {"keys": [1], "data": {"a": "s3cret"}, "versions": {"s3cret": {}}}}),
        json!({"data": {"keys": ["/"], "metadata": {"version": -1, "created_time": "s3cret"}}}),
        json!({"data": {"versions": {"1": {"created_time": 3, "destroyed": false}}}}),
        json!(["s3cret"]),
        json!("s3cret"),
    ];
    for answer in hostile {
        let errors = [
            mount(&answer).err(),
            listing("secret/app", &answer).err(),
            metadata("secret/app", &answer).err(),
            v2_values("secret/app", &mut answer.clone()).err(),
        ];
        for error in errors {
            let error = error.unwrap_or_else(|| panic!("{answer} was read"));
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
