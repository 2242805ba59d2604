//! What a write would break.

use std::rc::Rc;

use crate::types::{Id, Secret};
use crate::vault::model::{Flow, FolderPath, SecretName, Visibility};
use crate::vault::resolve::check::{Change, Names, NewSecret, Proposed, newly_broken};
use crate::vault::resolve::{SecretFacts, State};

use super::world::{World, slug};

fn write(world: &World, place: &str, value: &str) -> Change {
    let (environment, path, name) = world.place(place);
    let facts = SecretFacts {
        id: Id::from_bytes([7; 16]),
        version: 1,
        visibility: Visibility::Masked,
        interpolate: true,
        state: State::Value,
    };
    let value = Rc::new(Secret::new(value.as_bytes().to_vec()));
    Change { environment, path, name, becomes: Some(NewSecret { facts, value }) }
}

fn delete(world: &World, place: &str) -> Change {
    let (environment, path, name) = world.place(place);
    Change { environment, path, name, becomes: None }
}

fn lines(proposed: &Proposed<'_, World>, world: &World, label: &str, names: Names<'_>) -> Vec<String> {
    let broken = newly_broken(proposed, world.id(label), names).expect("checked");
    broken.iter().map(ToString::to_string).collect()
}

fn at_root(name: &str) -> Vec<(FolderPath, SecretName)> {
    vec![(FolderPath::root(), SecretName::parse(name).expect("a name"))]
}

#[test]
fn a_reference_to_nothing_is_refused_before_it_is_written() {
    let world = World::shop();
    let proposed = Proposed::new(&world, [write(&world, "shop/base:/A", "${MISSING}")]);
    let broken = lines(&proposed, &world, "shop/base", Names::These(&at_root("A")));
    assert_eq!(broken, ["shop/base:/A → shop/base:/MISSING: not found"]);
}

#[test]
fn names_written_together_may_refer_to_each_other() {
    let world = World::shop();
    let mut second = write(&world, "shop/base:/B", "b");
    if let Some(new) = &mut second.becomes {
        new.facts.version = 2;
    }
    let proposed = Proposed::new(&world, [write(&world, "shop/base:/A", "${B}"), second]);
    assert!(lines(&proposed, &world, "shop/base", Names::All).is_empty());
}

#[test]
fn a_cycle_is_refused_before_it_is_written() {
    let mut world = World::shop();
    world.set("shop/base:/A", "a");
    world.set("shop/base:/B", "${A}");
    let proposed = Proposed::new(&world, [write(&world, "shop/base:/A", "${B}")]);
    let broken = lines(&proposed, &world, "shop/base", Names::These(&at_root("A")));
    assert_eq!(broken, ["shop/base:/A → shop/base:/B → shop/base:/A: reference cycle"]);
}

#[test]
fn descendants_that_a_delete_breaks_are_found_and_those_with_their_own_are_not() {
    let mut world = World::shop();
    world.set("shop/base:/HOST", "h");
    world.set("shop/staging:/URL", "${HOST}");
    world.set("shop/feat:/HOST", "f");
    let proposed = Proposed::new(&world, [delete(&world, "shop/base:/HOST")]);
    assert!(lines(&proposed, &world, "shop/base", Names::All).is_empty());
    let broken = lines(&proposed, &world, "shop/staging", Names::These(&at_root("URL")));
    assert_eq!(broken, ["shop/staging:/URL → shop/staging:/HOST: not found"]);
    assert!(lines(&proposed, &world, "shop/feat", Names::All).is_empty());
}

#[test]
fn what_was_broken_before_does_not_refuse_another_write() {
    let mut world = World::shop();
    world.set("shop/base:/OLD", "${GONE}");
    let proposed = Proposed::new(&world, [write(&world, "shop/base:/NEW", "n")]);
    assert!(lines(&proposed, &world, "shop/base", Names::All).is_empty());
}

#[test]
fn a_broken_name_is_not_rewritten_into_another_broken_one() {
    let mut world = World::shop();
    world.set("shop/base:/OLD", "${GONE}");
    let proposed = Proposed::new(&world, [write(&world, "shop/base:/OLD", "${GONE_TOO}")]);
    assert_eq!(lines(&proposed, &world, "shop/base", Names::All).len(), 1);
    let proposed = Proposed::new(&world, [write(&world, "shop/base:/OLD", "new text, ${GONE}")]);
    assert!(lines(&proposed, &world, "shop/base", Names::All).is_empty(), "no worse than it was");
    world.set("shop/base:/OLD", "${");
    let proposed = Proposed::new(&world, [write(&world, "shop/base:/OLD", "${x")]);
    assert_eq!(lines(&proposed, &world, "shop/base", Names::All).len(), 1, "text that cannot be read never passes");
}

#[test]
fn a_restricted_part_is_looked_into() {
    let mut world = World::shop();
    world.restrict("shop/base:/KEY", "${OTHER}");
    world.set("shop/base:/OTHER", "o");
    let proposed = Proposed::new(&world, [delete(&world, "shop/base:/OTHER")]);
    let broken = lines(&proposed, &world, "shop/base", Names::All);
    assert_eq!(broken, ["shop/base:/KEY → shop/base:/OTHER: not found"]);
}

#[test]
fn a_narrowed_flow_names_what_is_lost_in_all_folders() {
    let mut world = World::shop();
    world.set("shop/base:/A", "a");
    world.set("shop/base:/api/B", "b");
    world.set("shop/feat:/api/C", "${base.A}");
    let mut closed = world.facts(world.id("shop/base")).clone();
    closed.flow = Flow::Closed;
    let proposed = Proposed::new(&world, []).with_environment(closed);
    let broken = lines(&proposed, &world, "shop/feat", Names::All);
    let expected = [
        "shop/feat:/A: the flow of shop/base does not admit shop/feat",
        "shop/feat:/api/B: the flow of shop/base does not admit shop/feat",
        "shop/feat:/api/C → shop/base:/A: the flow of shop/base does not admit shop/feat",
    ];
    assert_eq!(broken, expected);
}

#[test]
fn an_environment_that_is_still_to_be_made_is_checked_as_a_whole() {
    let mut world = World::shop();
    world.set("shop/base:/A", "a");
    world.set("shop/base:/B", "${base.GONE}");
    let mut child = world.facts(world.id("shop/staging")).clone();
    child.id = Id::from_bytes([8; 16]);
    child.slug = slug("new");
    child.parent = Some(world.id("shop/base"));
    let id = child.id;
    let proposed = Proposed::new(&world, []).with_environment(child);
    assert_eq!(newly_broken(&proposed, id, Names::All).expect("checked").len(), 1);
}
