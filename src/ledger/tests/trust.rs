//! Checkpoints kept elsewhere, restores, erasures and archives.

use proptest::prelude::*;

use super::*;

#[test]
fn a_checkpoint_reads_back_and_only_its_key_has_signed_it() {
    let log = Log::of(10);
    let made = log.checkpoint();
    let read = Checkpoint::parse(made.note()).unwrap();
    assert_eq!(read, made);
    assert_eq!((read.size, read.epoch, read.instance), (10, 1, instance()));
    assert!(read.is_signed_by(&TestKey::new(9).public_key()));
    assert!(!read.is_signed_by(&TestKey::new(8).public_key()));
    let forged = Checkpoint::parse(&made.note().replacen("\n10\n", "\n11\n", 1)).unwrap();
    assert!(!forged.is_signed_by(&TestKey::new(9).public_key()));
    let newest = log.read(checkpoint_newest).unwrap();
    assert_eq!(newest, (made, at(0)));
}

#[test]
fn a_note_has_the_form_of_c2sp() {
    let log = Log::of(3);
    let note = log.checkpoint().note().to_owned();
    let lines: Vec<&str> = note.split('\n').collect();
    let name = format!("holdfast/{}", instance());
    assert_eq!((lines.len(), lines[0], lines[1], lines[3], lines[5]), (6, format!("{name}/1").as_str(), "3", "", ""));
    let signature = lines[4].strip_prefix(&format!("\u{2014} {name} ")).unwrap();
    assert_eq!(data_encoding::BASE64.decode(signature.as_bytes()).unwrap().len(), 4 + 64);
}

#[test]
fn without_new_events_the_same_checkpoint_is_answered() {
    let log = Log::of(10);
    assert_eq!(log.checkpoint(), log.checkpoint());
    log.append(10..11);
    assert_eq!(log.checkpoint().size, 11);
}

#[test]
fn nothing_is_signed_over_a_log_that_contradicts_its_checkpoint() {
    let log = Log::of(300);
    log.append(300..310);
    log.by_hand("UPDATE ledger_events SET leaf_hash = zeroblob(32) WHERE seq = 290");
    let refused = log.write(|tx| checkpoint_make(tx, &TestKey::new(9), at(0)));
    assert_eq!(refused.unwrap_err().code(), "ledger_inconsistent");
}

#[test]
fn a_public_key_reads_back_as_it_was_printed() {
    let key = TestKey::new(9).public_key();
    let text = public_key_text(instance(), &key);
    assert_eq!(public_key_parse(&format!("{text}\n")), Ok(key));
    assert_eq!(public_key_parse(&data_encoding::BASE64.encode(&key)), Ok(key));
    assert!(public_key_parse(&text.replace("holdfast/ins_", "holdfast/inz_")).is_err());
}

proptest! {
    #[test]
    fn any_note_and_any_key_is_read_or_refused(text in "(holdfast/|[0-9a-z+/=\n\u{2014} ]){0,80}") {
        let _ = public_key_parse(&text);
        if let Ok(head) = Checkpoint::parse(&text) {
            prop_assert!(!head.is_signed_by(&[0; 32]));
        }
    }
}

#[test]
fn an_older_copy_put_back_is_detected_by_a_newer_checkpoint() {
    let log = Log::of(300);
    let older = log.copy();
    log.append(300..400);
    let newer = log.checkpoint();
    assert!(log.verify(&[&newer]).ok);
    let report = check(&older.path().join("t.db"), Some(9), &[&newer]);
    assert_eq!(codes(&report), [(Some(300), "rolled_back")]);
    // Going on from the older copy does not help.
    let forked = Log::open(older);
    forked.append(700..900);
    forked.checkpoint();
    assert_eq!(codes(&forked.verify(&[&newer])), [(Some(300), "checkpoint_mismatch")]);
    assert!(forked.verify(&[]).ok, "without the newer checkpoint nobody can tell");
}

#[test]
fn an_older_checkpoint_verifies_and_one_of_another_key_or_instance_does_not() {
    let log = Log::of(300);
    let older = log.checkpoint();
    log.append(300..400);
    log.checkpoint();
    assert!(log.verify(&[&older]).ok);
    let other_key = check(&log.path(), Some(8), &[]);
    assert_eq!(codes(&other_key)[0], (None, "checkpoint_unsigned"));
    assert_eq!(other_key.signed_size, 0);
    let trust = Trust { instance: Some(Id::from_bytes([2; 16])), ..Trust::default() };
    let report = log.read(|reader| verify(reader, &trust, &mut |_, _| ()));
    assert_eq!(codes(&report)[0], (None, "checkpoint_foreign"));
    let trust = Trust { checkpoints: vec!["no note".into()], ..Trust::default() };
    let unreadable = log.db.read(|reader| verify(reader, &trust, &mut |_, _| ()));
    assert_eq!(unreadable.unwrap_err().code(), "checkpoint_invalid");
}

/// A log of 400 events, whose backup of 300 was restored, and the checkpoint that was lost.
fn restored_log(sign: bool) -> (Log, Checkpoint) {
    let log = Log::of(300);
    let backup = log.copy();
    log.append(300..400);
    let lost = log.checkpoint();
    let log = Log::open(backup);
    let known = KnownHead { epoch: lost.epoch, size: lost.size, root: lost.root };
    log.write(move |tx| {
        restored(tx, at(1), Actor::Local, Some(known))?;
        if sign {
            checkpoint_make(tx, &TestKey::new(9), at(1))?;
        }
        Ok(())
    })
    .unwrap();
    log.append(500..900);
    (log, lost)
}

#[test]
fn a_restore_opens_an_epoch_and_what_it_discarded_is_no_tampering() {
    let (log, lost) = restored_log(true);
    let head = log.checkpoint();
    assert_eq!((head.epoch, head.size), (2, 701));
    assert!(head.note().starts_with(&format!("holdfast/{}/2\n", instance())));
    let report = log.verify(&[&lost, &head]);
    assert_eq!(codes(&report), []);
    assert_eq!(report.epoch, 2);
    assert_eq!(report.discarded.iter().map(|problem| problem.seq).collect::<Vec<_>>(), [Some(300)]);
    let Log { dir, db } = log;
    db.close();
    drop(db);
    let again = Log::open(dir);
    assert_eq!(again.write(|tx| Ok(tx.parts::<LedgerTail>().1.unwrap().epoch())).unwrap(), 2);
}

#[test]
fn an_epoch_that_was_undone_leaves_no_trace() {
    let log = Log::of(5);
    let failed = log.write(|tx| {
        restored(tx, at(1), Actor::Local, None)?;
        Err::<(), _>(LedgerError::NotFound(0))
    });
    assert!(failed.is_err());
    log.append(5..7);
    assert_eq!(log.checkpoint().epoch, 1);
    assert!(log.verify(&[]).ok);
}

#[test]
fn a_restore_nobody_signed_excuses_nothing() {
    let (log, lost) = restored_log(false);
    assert_eq!(codes(&log.verify(&[&lost])), [(Some(300), "restore_unproven")]);
    let without_key = check(&log.path(), None, &[&lost]);
    assert_eq!((codes(&without_key), without_key.discarded.len()), (vec![], 1));
}

#[test]
fn a_checkpoint_before_the_cut_must_still_agree() {
    let other = Log::open(tempfile::tempdir().unwrap());
    other.append(10..210);
    let foreign = other.checkpoint();
    let (log, _) = restored_log(true);
    assert_eq!(codes(&log.verify(&[&foreign])), [(Some(0), "checkpoint_mismatch")]);
}

#[test]
fn a_person_is_forgotten_and_the_log_still_verifies() {
    let log = Log::of(300);
    let person = id::<kinds::User>(0);
    let (place, next) = log.write(move |tx| personal_erase(tx, at(900), Actor::System, person)).unwrap();
    assert_eq!(next, None);
    log.checkpoint();
    let report = log.verify(&[]);
    assert_eq!(codes(&report), []);
    assert!(report.erased > 10, "{}", report.erased);
    let view = log.read(|reader| event_get(reader, 10));
    assert!(view.personal_erased && view.personal.is_none());
    // Another actor's event keeps its row.
    assert!(log.read(|reader| event_get(reader, 20)).personal.is_some());
    assert_eq!(log.read(|reader| event_get(reader, place.seq)).action, "instance.personal_erased");
    log.by_hand("UPDATE ledger_personal SET salt = NULL, content = NULL, erased_by = 300 WHERE seq = 20");
    assert_eq!(codes(&log.verify(&[])), [(Some(20), "personal_missing")]);
}

#[test]
fn archived_bodies_leave_a_log_that_verifies_and_proves() {
    let log = Log::of(600);
    let head = log.checkpoint();
    log.write(|tx| archived(tx, at(900), Actor::System, 400)).unwrap();
    log.checkpoint();
    let report = log.verify(&[&head]);
    assert_eq!((codes(&report), report.archived), (vec![], 400));
    let proof = log.read(|reader| inclusion_proof(reader, 7, head.size));
    assert_eq!(proof.root(), Some(head.root));
    log.by_hand("UPDATE ledger_events SET record = NULL WHERE seq IN (400, 500)");
    assert_eq!(codes(&log.verify(&[])), [(Some(400), "record_missing"), (Some(500), "record_missing")]);
}
