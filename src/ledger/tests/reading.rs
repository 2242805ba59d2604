//! Lists, exports and proofs.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::types::{Cursor, Limit};

/// All pages of a filter, as places.
fn all(log: &Log, filter: &EventFilter, limit: u32) -> Vec<u64> {
    let mut found = Vec::new();
    let mut cursor: Option<Cursor> = None;
    for _ in 0..1_000 {
        let page = log.read(|reader| list(reader, filter, Limit::parse(limit).unwrap(), cursor.as_ref()));
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        found.extend(page.items.iter().map(|view| view.seq));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return found,
        }
    }
    panic!("the pages do not end");
}

/// The same by looking at every event.
fn naive(log: &Log, filter: &EventFilter) -> Vec<u64> {
    let text = |id: &Option<String>| id.clone().unwrap_or_default();
    let size = log.head().0;
    (0..size)
        .rev()
        .filter(|seq| {
            let view = log.read(|reader| event_get(reader, *seq));
            let is = |wanted: Option<String>, value: String| wanted.is_none_or(|wanted| wanted == value);
            view.organization == filter.organization.map(|id| id.to_string())
                && is(filter.project.map(|id| id.to_string()), text(&view.project))
                && is(filter.environment.map(|id| id.to_string()), text(&view.environment))
                && is(filter.action.clone(), view.action)
                && is(filter.actor.clone(), view.actor.id.into_owned())
                && filter.mentions.is_none_or(|id| {
                    let listed = serde_json::to_string(&view.details).unwrap().contains(&id.to_string());
                    listed || view.target.as_ref().is_some_and(|target| target.id == id.to_string())
                })
                && is(filter.target.clone(), view.target.map(|target| target.id.into_owned()).unwrap_or_default())
                && filter.outcome.is_none_or(|outcome| outcome == view.outcome)
                && filter.from.is_none_or(|from| view.at >= from)
                && filter.to.is_none_or(|to| view.at <= to)
        })
        .collect()
}

#[test]
fn every_filter_finds_what_looking_at_every_event_finds() {
    let log = Log::of(800);
    // A rare one in an old block, and one in the newest.
    let rare = || event(1).target(Target::new("service_account", "sva_rare"));
    log.write(move |tx| append(tx, rare())).unwrap();
    let listed = vec![(id::<kinds::SecretRow>(777), 1), (id(7), 2)];
    let lists = event(1).details(Details::large().with("secrets", listed));
    log.write(move |tx| append(tx, lists)).unwrap();
    log.append(802..1_100);
    let organization = || EventFilter { organization: Some(id(1)), ..EventFilter::default() };
    let filters = [
        EventFilter::default(),
        organization(),
        EventFilter { project: Some(id(2)), ..organization() },
        EventFilter { environment: Some(id(3)), action: Some("secret.write".into()), ..organization() },
        EventFilter { actor: Some(id::<kinds::User>(3).to_string()), outcome: Some(Outcome::Failed), ..organization() },
        EventFilter { target: Some(id::<kinds::SecretRow>(7).to_string()), ..organization() },
        EventFilter { target: Some("sva_rare".into()), ..organization() },
        EventFilter { target: Some("sec_absent".into()), ..organization() },
        EventFilter { mentions: Some(id(7)), ..organization() },
        EventFilter { mentions: Some(id(777)), ..organization() },
        EventFilter { mentions: Some(id(778)), ..organization() },
        EventFilter { from: Some(at(100)), to: Some(at(300)), ..organization() },
        EventFilter { from: Some(at(790)), ..organization() },
    ];
    for filter in &filters {
        let expected = naive(&log, filter);
        for limit in [1, 7, 500] {
            assert_eq!(all(&log, filter, limit), expected, "{filter:?} by {limit}");
        }
    }
}

#[test]
fn what_jobs_follow_is_found_in_every_organization_and_only_that() {
    let log = Log::of(1_100);
    let names = ["secret.write", "no.such.action"];
    let size = log.head().0;
    let of = |seq: &u64| log.read(|reader| event_get(reader, *seq)).action == "secret.write";
    let expected: Vec<u64> = (5..size).filter(of).collect();
    assert!(!expected.is_empty());
    for most in [1, 7, 10_000] {
        let (mut found, mut place) = (Vec::new(), 5);
        while place < size {
            let (views, next) = log.read(|reader| named_since(reader, &names, place, most));
            assert!(views.len() <= most && next > place, "it goes on");
            found.extend(views.iter().map(|view| view.seq));
            place = next;
        }
        assert_eq!(found, expected, "by {most}");
    }
}

#[test]
fn pages_do_not_shift_when_events_arrive() {
    let log = Log::of(300);
    let filter = EventFilter { organization: Some(id(0)), ..EventFilter::default() };
    let before = all(&log, &filter, 10);
    let first = log.read(|reader| list(reader, &filter, Limit::parse(10).unwrap(), None));
    log.append(300..400);
    let second = log.read(|reader| list(reader, &filter, Limit::parse(10).unwrap(), first.next.as_ref()));
    assert_eq!(second.items.iter().map(|view| view.seq).collect::<Vec<_>>(), before[10..20]);
    let wrong = log.db.read(|reader| list(reader, &filter, Limit::default(), Some(&Cursor::after("x"))));
    assert_eq!(wrong.unwrap_err().code(), "checkpoint_invalid");
}

#[test]
fn an_event_is_found_by_its_id_and_shows_all_that_was_said() {
    let log = Log::of(30);
    let view = log.read(|reader| event_get(reader, 10));
    let found = log.read(|reader| event_find(reader, Id::parse(&view.id).unwrap()));
    assert_eq!(found, view);
    assert_eq!(view.personal.as_ref().unwrap().address.as_deref(), Some("192.0.2.7"));
    assert_eq!(view.policies, ["builtin.\"viewer\""]);
    assert_eq!(view.details["version"], 10);
    let other = record::event_id(at(11), 1, 10);
    assert_eq!(log.db.read(|reader| event_find(reader, other)).unwrap_err().code(), "event_not_found");
    assert_eq!(log.db.read(|reader| event_get(reader, 30)).unwrap_err().code(), "event_not_found");
}

#[test]
fn an_export_holds_every_event_once_with_the_bytes_of_its_leaf() {
    let log = Log::of(900);
    let filter = EventFilter { organization: Some(id(1)), ..EventFilter::default() };
    let (mut out, mut from, mut chunks) = (Vec::new(), Some(0), 0);
    while let Some(place) = from {
        from = log.read(|reader| export_chunk(reader, &filter, place, &mut out));
        chunks += 1;
        assert!(chunks < 100);
    }
    let mut places = Vec::new();
    for line in std::str::from_utf8(&out).unwrap().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let (_, event) = line.split_once(r#","event":"#).unwrap();
        let record = [&[1], event.strip_suffix('}').unwrap().as_bytes()].concat();
        let leaf = data_encoding::HEXLOWER.encode(&merkle::leaf_hash(&record));
        assert_eq!(value["leaf_hash"], leaf);
        places.push(value["seq"].as_u64().unwrap());
    }
    places.reverse();
    assert_eq!(places, naive(&log, &filter));
}

#[test]
fn proofs_from_the_database_lead_to_the_root_of_the_checkpoint() {
    // Past 2^16, so that two levels of stored nodes take part.
    let log = Log::of(65_536 + 300);
    let head = log.checkpoint();
    let earlier = 65_000;
    for seq in [0, 255, 256, 4_711, 65_535, 65_536, 65_835] {
        let proof = log.read(|reader| inclusion_proof(reader, seq, head.size));
        assert_eq!(proof.root(), Some(head.root), "event {seq}");
    }
    let old_root = log.read(|reader| merkle::root_at(&list::StoredNodes(reader), earlier));
    let proof = log.read(|reader| consistency_proof(reader, earlier, head.size));
    assert!(merkle::is_consistent(earlier, head.size, &old_root, &head.root, &proof));
    assert!(log.verify(&[&head]).ok);
    let beyond = log.db.read(|reader| inclusion_proof(reader, 1, head.size + 1));
    assert_eq!(beyond.unwrap_err().code(), "event_not_found");
    let Log { dir, db } = log;
    db.close();
    drop(db);
    assert_eq!(Log::open(dir).head(), (head.size, head.root));
}

#[test]
fn proofs_hold_for_any_size() {
    let log = Log::of(1_500);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(100));
    let sizes = (1_u64..=1_500, any::<u64>(), any::<u64>());
    let held = runner.run(&sizes, |(size, seq, old)| {
        let (seq, old) = (seq % size, old % size + 1);
        let root = |size| log.read(|reader| merkle::root_at(&list::StoredNodes(reader), size));
        let proof = log.read(|reader| inclusion_proof(reader, seq, size));
        prop_assert_eq!(proof.root(), Some(root(size)));
        let proof = log.read(|reader| consistency_proof(reader, old, size));
        prop_assert!(merkle::is_consistent(old, size, &root(old), &root(size), &proof));
        Ok(())
    });
    held.unwrap();
}
