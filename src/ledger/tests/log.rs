//! Appending: what is kept, what is undone, and that the tree follows.

use proptest::prelude::*;

use super::*;

#[test]
fn the_record_of_an_event_keeps_its_form() {
    let log = Log::of(2);
    let mut records = Vec::new();
    log.read(|reader| Ok(store::records(reader, 1..2, |_, record, _| records.push(record.unwrap().to_vec()))?));
    let (version, json) = records[0].split_first().unwrap();
    assert_eq!(*version, 1);
    insta::assert_snapshot!(std::str::from_utf8(json).unwrap());
}

#[test]
fn a_log_that_was_left_alone_verifies() {
    let log = Log::of(600);
    let report = log.verify(&[]);
    assert_eq!(codes(&report), []);
    assert!(report.ok);
    assert_eq!((report.size, report.signed_size, report.epoch), (600, 600, 1));
    assert_eq!(report.root, log.naive_root());
    assert_eq!((report.size, report.root), log.head());
}

#[test]
fn an_empty_log_verifies() {
    let log = Log::of(0);
    let report = log.verify(&[&log.checkpoint()]);
    assert!(report.ok, "{:?}", report.problems);
    assert_eq!(report.root, merkle::empty_root());
}

#[test]
fn an_unknown_or_reserved_action_and_an_oversized_part_are_refused() {
    let log = Log::of(1);
    let refused = |event: Event| log.write(move |tx| append(tx, event)).unwrap_err().code();
    let base = |action| Event::new(at(0), action, Outcome::Allowed, Actor::System);
    assert_eq!(refused(base(ActionName::new("secret.unknown"))), "ledger_action_unknown");
    assert_eq!(refused(base(RESTORED)), "ledger_action_unknown");
    assert_eq!(refused(base(READ).target(Target::new("secret", "x".repeat(513)))), "event_too_long");
    assert_eq!(refused(base(READ).policies(vec!["x".repeat(257)])), "event_too_long");
    let details = "x".repeat(20_000);
    assert_eq!(refused(base(READ).details(Details::new().with("names", &details))), "event_too_long");
    log.write(move |tx| append(tx, base(READ).details(Details::large().with("names", &details)))).unwrap();
    assert_eq!(log.head().0, 2);
    assert!(log.verify(&[]).ok);
}

#[test]
fn a_denied_operation_leaves_its_denial_and_nothing_else() {
    let log = Log::of(3);
    let denied = log.write(|tx| {
        append_on_rollback(tx, event(1).with_outcome(Outcome::Denied).code("forbidden"));
        append(tx, event(7))?;
        Err::<(), _>(LedgerError::NotFound(0))
    });
    assert!(denied.is_err());
    let last = log.read(|reader| event_get(reader, 3));
    assert_eq!((last.outcome, last.code.as_deref()), (Outcome::Denied, Some("forbidden")));
    assert_eq!(log.head(), (4, log.naive_root()));
    assert!(log.verify(&[]).ok);
}

#[test]
fn an_event_that_was_half_appended_undoes_the_batch() {
    let log = Log::of(3);
    // A row in the place of the next event: its insertion fails.
    log.by_hand("INSERT INTO ledger_personal (seq, salt, content) VALUES (5, zeroblob(16), x'7b7d')");
    let swallowed = log.write(|tx| {
        append(tx, event(1))?;
        append(tx, event(2))?;
        let _swallowed = append(tx, event(5));
        Ok(())
    });
    assert!(swallowed.is_err(), "the caller must not be told that it was done");
    assert_eq!(log.head(), (3, log.naive_root()));
}

#[test]
fn a_start_after_any_number_of_events_goes_on_with_the_same_tree() {
    let mut log = Log::of(0);
    let mut from = 0;
    for to in [1, 2, 255, 256, 257, 511, 513, 700] {
        log.append(from..to);
        from = to;
        log.db.close();
        let Log { dir, db } = log;
        drop(db);
        log = Log::open(dir);
        assert_eq!(log.head(), (to, log.naive_root()));
    }
    assert!(check(&log.path(), None, &[]).ok);
}

#[test]
fn a_start_names_changed_records_among_the_newest() {
    let log = Log::of(300);
    log.by_hand("UPDATE ledger_events SET record = x'017b7d' WHERE seq IN (40, 290)");
    log.db.close();
    let db = Db::open(&log.path()).unwrap();
    let started = start(&db, registry(), instance()).unwrap();
    assert_eq!(started, Started { size: 300, epoch: 1, changed: vec![290] });
}

#[test]
fn a_start_on_a_log_with_a_gap_is_refused() {
    let log = Log::of(300);
    log.by_hand("DELETE FROM ledger_events WHERE seq = 290");
    log.db.close();
    let db = Db::open(&log.path()).unwrap();
    assert_eq!(start(&db, registry(), instance()).unwrap_err().code(), "ledger_damaged");
}

#[derive(Debug, Clone)]
struct Step {
    events: u64,
    fail: bool,
    denial: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step =
        (0_u64..90, any::<bool>(), any::<bool>()).prop_map(|(events, fail, denial)| Step { events, fail, denial });
    prop::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_tree_is_that_of_the_rows_whatever_was_undone(steps in steps()) {
        let log = Log::of(0);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // All at once, so that they share commits.
        runtime.block_on(futures_util::future::join_all(steps.iter().cloned().map(|step| {
            log.db.write(move |tx| {
                if step.denial {
                    append_on_rollback(tx, event(2));
                }
                for n in 0..step.events {
                    append(tx, event(n))?;
                }
                if step.fail { Err(LedgerError::NotFound(0)) } else { Ok(()) }
            })
        })));
        let kept: u64 = steps.iter().map(|step| if step.fail { u64::from(step.denial) } else { step.events }).sum();
        prop_assert_eq!(log.head(), (kept, log.naive_root()));
        let report = check(&log.path(), None, &[]);
        prop_assert!(report.ok, "{:?}", report.problems);
    }
}
