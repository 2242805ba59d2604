//! What an environment's values are, by example. Several are faults that users of other tools reported.

use crate::vault::model::{Flow, Origin, Visibility};
use crate::vault::resolve::{Found, ListedSecret, Part, State, list_folder};

use super::world::{MACHINE, PERSON, World, folder};

#[test]
fn the_nearest_environment_wins_and_the_rest_is_inherited() {
    let mut world = World::shop();
    world.set("shop/base:/A", "base");
    world.set("shop/base:/B", "base");
    world.set("shop/base:/C", "base");
    world.set("shop/staging:/B", "staging");
    world.set("shop/feat:/C", "feat");
    assert_eq!(world.variables("shop/feat:/"), ["A=base", "B=staging", "C=feat"]);
    assert_eq!(world.variables("shop/base:/"), ["A=base", "B=base", "C=base"]);
}

#[test]
fn inheritance_matches_folder_and_name() {
    let mut world = World::shop();
    world.set("shop/base:/X", "root");
    world.set("shop/base:/api/X", "api");
    world.set("shop/feat:/api/X", "mine");
    assert_eq!(world.variables("shop/feat:/"), ["X=root"]);
    assert_eq!(world.variables("shop/feat:/api"), ["X=mine"]);
    assert!(world.variables("shop/feat:/api/v2").is_empty());
}

#[test]
fn an_unset_name_hides_what_is_above_until_it_is_set_again() {
    let mut world = World::shop();
    world.set("shop/base:/X", "base");
    world.unset("shop/staging:/X");
    assert!(world.variables("shop/staging:/").is_empty());
    assert!(world.variables("shop/feat:/").is_empty());
    assert!(matches!(world.one("shop/feat:/X", MACHINE), Ok(Found::Absent)));
    world.set("shop/feat:/X", "feat");
    assert_eq!(world.variables("shop/feat:/"), ["X=feat"]);
    assert_eq!(world.variables("shop/base:/"), ["X=base"]);
}

#[test]
fn a_reference_to_an_overridden_name_sees_the_override() {
    let mut world = World::shop();
    world.set("shop/staging:/HOST", "db.staging");
    world.set("shop/staging:/URL", "pg://${HOST}/app");
    world.set("shop/feat:/HOST", "db.feat");
    assert_eq!(world.value("shop/feat:/URL"), "pg://db.feat/app");
    assert_eq!(world.value("shop/staging:/URL"), "pg://db.staging/app");
}

#[test]
fn an_override_is_seen_through_every_inherited_step() {
    let mut world = World::shop();
    world.set("shop/base:/HOST", "h");
    world.set("shop/base:/ADDRESS", "${HOST}:5432");
    world.set("shop/base:/URL", "pg://${ADDRESS}/${/api/DATABASE}");
    world.set("shop/base:/api/DATABASE", "app");
    world.set("shop/feat:/HOST", "f");
    world.set("shop/feat:/api/DATABASE", "feat");
    assert_eq!(world.value("shop/feat:/URL"), "pg://f:5432/feat");
    assert_eq!(world.value("shop/staging:/URL"), "pg://h:5432/app");
}

#[test]
fn a_value_of_one_s_own_may_refer_to_an_inherited_one() {
    let mut world = World::shop();
    world.set("shop/base:/HOST", "h");
    world.set("shop/feat:/URL", "pg://${HOST}");
    assert_eq!(world.value("shop/feat:/URL"), "pg://h");
}

#[test]
fn a_missing_name_beside_a_real_one_breaks_the_same_way_where_it_is_stored_and_where_it_is_inherited() {
    let mut world = World::shop();
    world.set("shop/base:/REAL", "r");
    world.set("shop/base:/MIXED", "${REAL}-${MISSING}");
    assert_eq!(world.broken("shop/base:/MIXED"), ["shop/base:/MIXED → shop/base:/MISSING: not found"]);
    assert_eq!(world.broken("shop/feat:/MIXED"), ["shop/feat:/MIXED → shop/feat:/MISSING: not found"]);
}

#[test]
fn references_cross_folders_and_each_looks_from_its_own() {
    let mut world = World::shop();
    world.set("shop/base:/TOP", "<${/api/URL}>");
    world.set("shop/base:/HOST", "wrong folder");
    world.set("shop/base:/api/URL", "${HOST}/${/db/NAME}");
    world.set("shop/base:/api/HOST", "api");
    world.set("shop/base:/db/NAME", "${PREFIX}-db");
    world.set("shop/base:/db/PREFIX", "p");
    assert_eq!(world.value("shop/base:/TOP"), "<api/p-db>");
    assert_eq!(world.value("shop/feat:/TOP"), "<api/p-db>");
}

#[test]
fn every_character_survives_and_one_name_may_stand_twice() {
    let odd = "p@$$w0rd{}%&\\\"'`#=;\t\n\r é 🦀 $";
    let mut world = World::shop();
    world.put("shop/base:/ODD", odd.as_bytes(), |facts| facts.interpolate = false);
    world.set("shop/base:/TWICE", "${ODD}|${ODD}$1");
    assert_eq!(world.value("shop/base:/TWICE"), format!("{odd}|{odd}$1"));
}

#[test]
fn what_a_value_brings_in_is_never_read_as_a_reference_again() {
    let mut world = World::shop();
    world.put("shop/base:/RAW", b"${NOT_A_REFERENCE}", |facts| facts.interpolate = false);
    world.set("shop/base:/DOLLAR", "$");
    world.set("shop/base:/USE", "${RAW}${DOLLAR}{RAW}$${RAW}");
    assert_eq!(world.value("shop/base:/USE"), "${NOT_A_REFERENCE}${RAW}${RAW}");
    assert_eq!(world.value("shop/base:/RAW"), "${NOT_A_REFERENCE}");
}

#[test]
fn bytes_that_are_no_text_pass_through() {
    let mut world = World::shop();
    world.put("shop/base:/KEY", b"\xff\x00\xfe", |facts| facts.interpolate = false);
    world.put("shop/base:/ODD", b"\xff${KEY}", |_| {});
    world.set("shop/base:/USE", "<${KEY}>");
    let resolved = world.folder_of("shop/base:/", MACHINE).expect("whole");
    let values: Vec<&[u8]> = resolved.entries.iter().map(|entry| entry.value.expose().as_slice()).collect();
    assert_eq!(values, [&b"\xff\x00\xfe"[..], b"\xff${KEY}", b"<\xff\x00\xfe>"]);
}

#[test]
fn a_qualified_reference_is_what_its_own_environment_makes_of_it() {
    let mut world = World::shop();
    world.set("shop/staging:/HOST", "staging");
    world.set("shop/staging:/URL", "//${HOST}");
    world.set("shop/staging:/api/URL", "api//${/HOST}");
    world.set("shop/feat:/HOST", "feat");
    world.set("shop/feat:/THEIRS", "${staging.URL} ${staging:/api/URL} ${shop.staging:/HOST}");
    world.set("shop/feat:/api/FROM_FOLDER", "${staging.URL}");
    assert_eq!(world.value("shop/feat:/THEIRS"), "//staging api//staging staging");
    assert_eq!(world.value("shop/feat:/api/FROM_FOLDER"), "//staging");
    assert_eq!(world.value("shop/feat:/URL"), "//feat");
}

#[test]
fn an_override_may_extend_what_it_overrides() {
    let mut world = World::shop();
    world.set("shop/base:/FLAGS", "-a");
    world.set("shop/staging:/FLAGS", "${base.FLAGS} -b");
    world.set("shop/feat:/FLAGS", "${staging.FLAGS} -c");
    assert_eq!(world.value("shop/feat:/FLAGS"), "-a -b -c");
}

#[test]
fn a_qualified_name_without_project_is_of_the_project_it_is_resolved_in() {
    let mut world = World::shop();
    let feat = world.id("shop/feat");
    world.add_environment("crm/base", None, Flow::Listed(vec![feat]));
    world.add_environment("crm/keys", None, Flow::Listed(vec![feat, world.id("crm/base")]));
    world.set("crm/keys:/K", "crm's");
    world.set("crm/base:/TOKEN", "${keys.K}");
    world.set("shop/feat:/TOKEN", "${crm.base:/TOKEN}");
    assert_eq!(world.value("shop/feat:/TOKEN"), "crm's");
}

#[test]
fn the_strictest_part_decides_who_may_see_the_whole() {
    let mut world = World::shop();
    world.put("shop/base:/OPEN", b"o", |facts| facts.visibility = Visibility::Unmasked);
    world.set("shop/base:/HIDDEN", "h");
    world.put("shop/base:/BOTH", b"${OPEN}${HIDDEN}", |facts| facts.visibility = Visibility::Unmasked);
    let resolved = world.folder_of("shop/base:/", PERSON).expect("whole");
    let seen: Vec<_> = resolved.entries.iter().map(|entry| (entry.name.as_str(), entry.visibility)).collect();
    let expected = [("BOTH", Visibility::Masked), ("HIDDEN", Visibility::Masked), ("OPEN", Visibility::Unmasked)];
    assert_eq!(seen, expected);
}

#[test]
fn an_entry_names_every_version_it_was_built_from_once() {
    let mut world = World::shop();
    let host = world.set("shop/base:/HOST", "old");
    world.set("shop/base:/HOST", "new");
    let port = world.set("shop/base:/PORT", "1");
    let address = world.set("shop/base:/ADDRESS", "${HOST}:${PORT}");
    let url = world.set("shop/feat:/URL", "${ADDRESS} ${HOST}");
    let Ok(Found::Value(entry)) = world.one("shop/feat:/URL", PERSON) else { panic!("whole") };
    let mut expected = [(host, 2), (port, 1), (address, 1), (url, 1)].map(|(secret, version)| Part { secret, version });
    expected.sort();
    assert_eq!(entry.parts, expected);
    assert_eq!((entry.secret, entry.version), (url, 1));
}

#[test]
fn origins_are_the_same_in_lists_and_in_values() {
    let mut world = World::shop();
    world.set("shop/base:/A", "1");
    world.set("shop/base:/B", "1");
    world.set("shop/base:/C", "1");
    world.unset("shop/staging:/C");
    world.set("shop/feat:/B", "2");
    world.set("shop/feat:/C", "2");
    world.set("shop/feat:/D", "2");
    let base = world.id("shop/base");
    let expected = [Origin::Inherited { from: base }, Origin::Overrides { what: base }, Origin::Own, Origin::Own];

    let listed = list_folder(&world, world.id("shop/feat"), &folder("/"), false).expect("whole");
    assert_eq!(listed.iter().map(|secret| secret.origin).collect::<Vec<_>>(), expected);
    let resolved = world.folder_of("shop/feat:/", PERSON).expect("whole");
    assert_eq!(resolved.entries.iter().map(|entry| entry.origin).collect::<Vec<_>>(), expected);
    for (name, expected) in ["A", "B", "C", "D"].into_iter().zip(expected) {
        let Ok(Found::Value(entry)) = world.one(&format!("shop/feat:/{name}"), PERSON) else { panic!("whole") };
        assert_eq!(entry.origin, expected, "{name}");
    }
}

#[test]
fn lists_show_own_unset_names_folders_beneath_and_what_is_blocked() {
    let mut world = World::shop();
    world.set("shop/base:/A", "1");
    world.set("shop/base:/B", "1");
    world.set("shop/base:/api/C", "1");
    world.unset("shop/staging:/A");
    let list = |world: &World, label: &str, beneath| -> Vec<String> {
        let listed = list_folder(world, world.id(label), &folder("/"), beneath).expect("whole");
        let line = |secret: &ListedSecret| {
            let unset = if secret.facts.state == State::Unset { " unset" } else { "" };
            let blocked = if secret.blocked_by.is_some() { " blocked" } else { "" };
            format!("{} {}{unset}{blocked}", secret.path, secret.name)
        };
        listed.iter().map(line).collect()
    };
    assert_eq!(list(&world, "shop/staging", false), ["/ A unset", "/ B"]);
    assert_eq!(list(&world, "shop/feat", true), ["/ B", "/api C"]);
    world.set_flow("shop/base", Flow::Closed);
    assert_eq!(list(&world, "shop/feat", true), ["/ B blocked", "/api C blocked"]);
    assert!(world.opened.borrow().is_empty(), "a list opens nothing");
}

#[test]
fn one_name_costs_only_what_it_needs() {
    let mut world = World::shop();
    for index in 0..50 {
        world.set(&format!("shop/base:/NOISE_{index}"), "${HOST}");
    }
    let host = world.set("shop/base:/HOST", "h");
    let url = world.set("shop/staging:/URL", "${HOST}${HOST}");
    assert_eq!(world.value("shop/staging:/URL"), "hh");
    assert_eq!(*world.opened.borrow(), [url, host]);
    assert!(*world.looked_up.borrow() <= 4, "own, then its origin, then two levels for HOST");
}

#[test]
fn a_folder_opens_each_value_once_and_looks_nothing_up_twice() {
    let mut world = World::shop();
    world.set("shop/base:/HOST", "h");
    for index in 0..50 {
        world.set(&format!("shop/base:/URL_{index}"), "${HOST}${HOST}");
    }
    assert_eq!(world.variables("shop/feat:/").len(), 51);
    assert_eq!(world.opened.borrow().len(), 51);
    assert_eq!(*world.looked_up.borrow(), 0, "the listing told it all");
}
