//! The resolver against the oracle, over random forests with every kind of flow, reference and visibility.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use proptest::prelude::*;

use crate::types::{Id, Secret};
use crate::vault::model::{Origin, SecretName, Visibility};
use crate::vault::resolve::check::{Change, NewSecret, Proposed};
use crate::vault::resolve::{
    BrokenReference, Found, Options, Part, Reason, ResolveError, ResolvedEntry, SecretFacts, State, resolve_one,
};

use super::oracle::{Answer, At, Content, Environment, FOLDERS, FlowSpec, NAMES, No, Oracle, Piece, Spec};
use super::world::World;

const ENVIRONMENTS: usize = 6;

fn environments() -> impl Strategy<Value = Vec<Environment>> {
    let flow = prop_oneof![
        12 => Just(FlowSpec::Tree),
        1 => Just(FlowSpec::Closed),
        6 => prop::collection::vec(0..ENVIRONMENTS, 1..6).prop_map(FlowSpec::Listed),
    ];
    let one = (0..2_usize, any::<prop::sample::Index>(), prop::bool::weighted(0.75), flow);
    prop::collection::vec(one, ENVIRONMENTS).prop_map(|drawn| {
        let mut made: Vec<Environment> = Vec::new();
        for (project, parent, has_parent, flow) in drawn {
            let candidates: Vec<usize> = (0..made.len()).filter(|index| made[*index].project == project).collect();
            let parent = (has_parent && !candidates.is_empty()).then(|| *parent.get(&candidates));
            made.push(Environment { project, parent, flow });
        }
        made
    })
}

fn piece() -> impl Strategy<Value = Piece> {
    let folder = || 0..FOLDERS.len();
    let name = || 0..NAMES.len();
    prop_oneof![
        20 => prop::sample::select(vec!["x", "$1", "{}", "é", ""]).prop_map(Piece::Text),
        5 => Just(Piece::Escape),
        20 => (prop::option::of(folder()), name()).prop_map(|(folder, name)| Piece::Late { folder, name }),
        12 => (0..ENVIRONMENTS, prop::option::of(folder()), name())
            .prop_map(|(environment, folder, name)| Piece::Environment { environment, folder, name }),
        10 => (0..ENVIRONMENTS, folder(), name())
            .prop_map(|(environment, folder, name)| Piece::Project { environment, folder, name }),
        1 => Just(Piece::Nowhere),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let visibility = prop_oneof![
        1 => Just(Visibility::Unmasked),
        3 => Just(Visibility::Masked),
        1 => Just(Visibility::Restricted)
    ];
    let plain = Just(vec![Piece::Text("v")]);
    let pieces = prop_oneof![2 => plain, 1 => prop::collection::vec(piece(), 1..4)];
    let value = (pieces, prop::bool::weighted(0.9), visibility)
        .prop_map(|(pieces, interpolate, visibility)| Content::Value { pieces, interpolate, visibility });
    prop_oneof![1 => Just(Content::Unset), 20 => value]
}

fn spec() -> impl Strategy<Value = Spec> {
    let at = (0..ENVIRONMENTS, 0..FOLDERS.len(), 0..NAMES.len());
    let contents = prop::collection::btree_map(at, content(), 8..40);
    (environments(), contents).prop_map(|(environments, contents)| Spec {
        environments,
        contents,
        personal: BTreeMap::new(),
    })
}

/// What somebody has set for themselves: values, none of them restricted.
fn personal() -> impl Strategy<Value = BTreeMap<At, Content>> {
    let at = (0..ENVIRONMENTS, 0..FOLDERS.len(), 0..NAMES.len());
    let value = (prop::collection::vec(piece(), 1..4), prop::bool::weighted(0.9))
        .prop_map(|(pieces, interpolate)| Content::Value { pieces, interpolate, visibility: Visibility::Masked });
    prop::collection::btree_map(at, value, 1..8)
}

/// Worlds of long ways: each name refers only to the next ones, so values pass through many environments,
/// and most flows admit most of them. Here a value leaks if anything on its way is forgotten.
fn ladders() -> impl Strategy<Value = Spec> {
    let listed = prop::sample::subsequence((0..ENVIRONMENTS).collect::<Vec<_>>(), ENVIRONMENTS - 3..=ENVIRONMENTS);
    let flow = prop_oneof![1 => Just(FlowSpec::Tree), 2 => listed.prop_map(FlowSpec::Listed)];
    let flows = prop::collection::vec(flow, ENVIRONMENTS);
    let step = (0..ENVIRONMENTS, prop::bool::weighted(0.7), prop::bool::weighted(0.9));
    let steps = prop::collection::vec(step, ENVIRONMENTS * NAMES.len());
    (environments(), flows, steps).prop_map(|(mut environments, flows, steps)| {
        for (environment, flow) in environments.iter_mut().zip(flows) {
            environment.flow = flow;
        }
        let mut contents = BTreeMap::new();
        for (index, (environment, qualified, stored)) in steps.into_iter().enumerate() {
            let (holder, name) = (index / NAMES.len(), index % NAMES.len());
            let piece = match name + 1 {
                next if next == NAMES.len() => Piece::Text("v"),
                next if qualified => Piece::Project { environment, folder: 0, name: next },
                next => Piece::Late { folder: None, name: next },
            };
            let value = Content::Value { pieces: vec![piece], interpolate: true, visibility: Visibility::Masked };
            if stored {
                contents.insert((holder, 0, name), value);
            }
        }
        Spec { environments, contents, personal: BTreeMap::new() }
    })
}

/// What the oracle says of every name of a folder; none when it would take too long.
fn expected(spec: &Spec, environment: usize, folder: usize, may: bool) -> Option<BTreeMap<usize, Result<Answer, No>>> {
    let mut oracle = Oracle::new(spec, may);
    let answers =
        (0..NAMES.len()).map(|name| (name, oracle.resolve((environment, folder, name), &mut Vec::new()))).collect();
    (oracle.fuel > 0).then_some(answers)
}

fn parts_of(spec: &Spec, world: &World, parts: &BTreeSet<At>) -> Vec<Part> {
    let part = |at: &At| {
        let facts = world.rows[&world.place(&spec.place(*at))].facts;
        Part { secret: facts.id, version: facts.version }
    };
    let mut parts: Vec<Part> = parts.iter().map(part).collect();
    parts.sort();
    parts
}

/// A broken path leads over references that are there, to an end that is as the reason says.
fn assert_path_is_real(spec: &Spec, broken: &BrokenReference) {
    let all = (0..spec.environments.len())
        .flat_map(|e| (0..FOLDERS.len()).flat_map(move |f| (0..NAMES.len()).map(move |n| (e, f, n))));
    let by_text: BTreeMap<String, At> = all.map(|at| (spec.place(at), at)).collect();
    let trail: Vec<String> = broken.trail.iter().map(ToString::to_string).collect();
    for pair in trail.windows(2) {
        let (environment, folder, _) = by_text[&pair[0]];
        let Some((_, Content::Value { pieces, interpolate: true, .. })) = spec.nearest(by_text[&pair[0]]) else {
            panic!("{broken}: {} refers to nothing", pair[0])
        };
        let mut targets = pieces.iter().map(|piece| match spec.target(piece, environment, folder) {
            Some(at) => spec.place(at),
            None => String::from("no such environment"),
        });
        let is_missing = |place: &String| !by_text.contains_key(place);
        assert!(targets.any(|t| t == pair[1] || is_missing(&pair[1])), "{broken}: not a reference of {}", pair[0]);
    }
    let last = trail.last().expect("never empty");
    match &broken.reason {
        Reason::NotFound => {
            let found = spec.nearest(by_text[last]);
            assert!(found.is_none_or(|(_, content)| matches!(content, Content::Unset)), "{broken}: it is there");
        }
        Reason::Cycle => assert!(trail[..trail.len() - 1].contains(last), "{broken}: no cycle"),
        Reason::Unreachable { .. } | Reason::ClosedByFlow { .. } | Reason::PartClosed { .. } => {}
        Reason::TooDeep | Reason::TooLarge | Reason::Syntax(_) => panic!("{broken}: cannot be in this world"),
    }
}

fn assert_entry(spec: &Spec, world: &World, at: At, entry: &ResolvedEntry, answer: &Answer) {
    let place = spec.place(at);
    assert_eq!(entry.name.as_str(), NAMES[at.2], "{place}");
    assert_eq!(Some(entry.value.expose().as_slice()), answer.bytes.as_ref().map(String::as_bytes), "{place}");
    assert_eq!(entry.visibility, answer.visibility, "{place}");
    assert_eq!(entry.parts, parts_of(spec, world, &answer.parts), "{place}");
    assert_origin(spec, world, at, entry.origin);
}

fn assert_origin(spec: &Spec, world: &World, at: At, origin: Origin) {
    let stored = |environment: usize| spec.nearest((environment, at.1, at.2));
    let (from, _) = stored(at.0).expect("it has a value");
    let above = spec.environments[at.0].parent.and_then(stored);
    let expected = match above {
        _ if from != at.0 => Origin::Inherited { from: world.id(&spec.label(from)) },
        Some((what, Content::Value { .. })) => Origin::Overrides { what: world.id(&spec.label(what)) },
        _ => Origin::Own,
    };
    assert_eq!(origin, expected, "{}", spec.place(at));
}

fn assert_folder(spec: &Spec, world: &World, environment: usize, folder: usize, may: bool) {
    let Some(answers) = expected(spec, environment, folder, may) else { return };
    let place = format!("{}:{}", spec.label(environment), FOLDERS[folder]);
    let place_of = |name: usize| spec.place((environment, folder, name));
    let broken_names: BTreeSet<String> =
        answers.iter().filter(|(_, answer)| **answer == Err(No::Broken)).map(|(name, _)| place_of(*name)).collect();
    match world.folder_of(&place, Options { may_use_restricted: may }) {
        Err(ResolveError::Broken(broken)) => {
            for broken in &broken {
                assert_path_is_real(spec, broken);
            }
            let names: BTreeSet<String> = broken.iter().map(|broken| broken.trail[0].to_string()).collect();
            assert_eq!(names, broken_names, "broken in {place}");
        }
        Err(other) => panic!("{place}: {other}"),
        Ok(resolved) => {
            assert_eq!(broken_names, BTreeSet::new(), "broken in {place}");
            let withheld: Vec<&str> = resolved.withheld.iter().map(SecretName::as_str).collect();
            let whole: Vec<_> = answers.iter().filter_map(|(name, a)| a.as_ref().ok().map(|a| (*name, a))).collect();
            let is_withheld = |(_, answer): &&(usize, &Answer)| answer.bytes.is_none();
            assert_eq!(
                withheld,
                whole.iter().filter(is_withheld).map(|(n, _)| NAMES[*n]).collect::<Vec<_>>(),
                "{place}"
            );
            let values: Vec<_> = whole.iter().filter(|one| !is_withheld(one)).collect();
            assert_eq!(resolved.entries.len(), values.len(), "{place}");
            for (entry, (name, answer)) in resolved.entries.iter().zip(values) {
                assert_entry(spec, world, (environment, folder, *name), entry, answer);
            }
        }
    }
}

/// Asking for one name says the same as asking for its folder would.
fn assert_one(spec: &Spec, world: &World, at: At, may: bool) {
    let mut oracle = Oracle::new(spec, may);
    let answer = oracle.resolve(at, &mut Vec::new());
    if oracle.fuel == 0 {
        return;
    }
    match (world.one(&spec.place(at), Options { may_use_restricted: may }), answer) {
        (Ok(Found::Absent), Err(No::Absent)) => {}
        (Ok(Found::Withheld), Ok(answer)) => assert_eq!(answer.bytes, None),
        (Ok(Found::Value(entry)), Ok(answer)) => {
            assert_entry(spec, world, at, &entry, &answer);
        }
        (Err(ResolveError::Broken(broken)), Err(No::Broken)) => {
            for broken in &broken {
                assert_path_is_real(spec, broken);
            }
        }
        (found, answer) => panic!("{}: {found:?}, but the oracle says {answer:?}", spec.place(at)),
    }
}

/// The world of somebody with personal overrides, name by name.
fn assert_personal(spec: &Spec, at: At, may: bool) {
    let mut oracle = Oracle::new(spec, may);
    let answer = oracle.resolve(at, &mut Vec::new());
    if oracle.fuel == 0 {
        return;
    }
    let world = spec.world();
    let changes = spec.personal.iter().enumerate().filter_map(|(index, (at, content))| {
        let Content::Value { pieces, interpolate, visibility } = content else { return None };
        let (environment, path, name) = world.place(&spec.place(*at));
        let facts = SecretFacts {
            id: Id::from_bytes((1_000_000 + index as u128).to_be_bytes()),
            version: 1,
            visibility: *visibility,
            interpolate: *interpolate,
            state: State::Value,
        };
        let value = Rc::new(Secret::new(spec.text(pieces).into_bytes()));
        Some(Change { environment, path, name, becomes: Some(NewSecret { facts, value }) })
    });
    let own = Proposed::new(&world, changes);
    let (environment, path, name) = world.place(&spec.place(at));
    match (resolve_one(&own, environment, &path, &name, Options { may_use_restricted: may }), answer) {
        (Ok(Found::Absent), Err(No::Absent)) | (Err(ResolveError::Broken(_)), Err(No::Broken)) => {}
        (Ok(Found::Withheld), Ok(answer)) => assert_eq!(answer.bytes, None),
        (Ok(Found::Value(entry)), Ok(answer)) => {
            assert_eq!(Some(entry.value.expose().as_slice()), answer.bytes.as_ref().map(String::as_bytes));
            assert_eq!(entry.visibility, answer.visibility);
        }
        (found, answer) => panic!("{}: {found:?}, but the oracle says {answer:?}", spec.place(at)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn personal_overrides_stand_in_at_every_level(spec in spec(), personal in personal(), may: bool) {
        let spec = Spec { personal, ..spec };
        for at in (0..ENVIRONMENTS).flat_map(|e| (0..NAMES.len()).map(move |name| (e, name % 2, name))) {
            assert_personal(&spec, at, may);
        }
    }

    #[test]
    fn folders_are_what_the_oracle_says(spec in spec()) {
        let world = spec.world();
        for environment in 0..ENVIRONMENTS {
            for folder in 0..FOLDERS.len() {
                assert_folder(&spec, &world, environment, folder, true);
                assert_folder(&spec, &world, environment, folder, false);
            }
        }
    }

    #[test]
    fn single_names_are_what_the_oracle_says(spec in spec(), may: bool) {
        let world = spec.world();
        for at in (0..ENVIRONMENTS).flat_map(|e| (0..NAMES.len()).map(move |name| (e, name % 2, name))) {
            assert_one(&spec, &world, at, may);
        }
    }

    #[test]
    fn no_way_is_long_enough_to_launder_a_value(spec in ladders()) {
        let world = spec.world();
        for environment in 0..ENVIRONMENTS {
            for name in 0..NAMES.len() {
                assert_one(&spec, &world, (environment, 0, name), true);
            }
        }
    }
}
