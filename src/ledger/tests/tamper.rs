//! Each row changed by hand is detected, and the event is named.

use super::*;

/// Changes the log of 600 events by hand and answers what is found.
fn found(sql: &'static str) -> Vec<(Option<u64>, &'static str)> {
    let log = Log::of(600);
    log.by_hand(sql);
    let report = log.verify(&[]);
    assert_eq!(report.ok, report.problems.is_empty());
    codes(&report)
}

#[test]
fn every_changed_column_is_named_with_its_event() {
    let columns = [
        "UPDATE ledger_events SET at = at + 1 WHERE seq = 555",
        "UPDATE ledger_events SET outcome = 1 WHERE seq = 555",
        "UPDATE ledger_events SET organization = NULL WHERE seq = 555",
        "UPDATE ledger_events SET project = zeroblob(16) WHERE seq = 555",
        "UPDATE ledger_events SET environment = zeroblob(16) WHERE seq = 555",
        "UPDATE ledger_events SET action = 'secret.reveal' WHERE seq = 555",
        "UPDATE ledger_events SET actor = 'system' WHERE seq = 555",
        "UPDATE ledger_events SET target = NULL WHERE seq = 555",
    ];
    for sql in columns {
        assert_eq!(found(sql), [(Some(555), "column_changed")], "{sql}");
    }
}

#[test]
fn a_column_of_an_old_block_is_named_and_so_is_its_summary() {
    let sql = "UPDATE ledger_events SET target = 'x' WHERE seq = 5";
    assert_eq!(found(sql), [(Some(5), "column_changed"), (Some(0), "summary_changed")]);
}

#[test]
fn a_changed_record_or_hash_is_named() {
    // Another outcome in the record, of the same length; the checkpoint is the third to notice.
    let record = "UPDATE ledger_events SET outcome = 0,
        record = CAST(replace(CAST(record AS TEXT), '\"denied\"', '\"failed\"') AS BLOB) WHERE seq = 2";
    let problems = found(record);
    assert_eq!(problems[0], (Some(2), "record_changed"));
    assert!(problems.contains(&(Some(0), "node_changed")) && problems.contains(&(Some(0), "checkpoint_mismatch")));
    assert_eq!(
        found("UPDATE ledger_events SET leaf_hash = zeroblob(32) WHERE seq = 555"),
        [(Some(555), "record_changed")]
    );
    let problems = found("UPDATE ledger_events SET record = x'017b7d' WHERE seq = 555");
    let expected = [(Some(555), "record_changed"), (Some(555), "record_unreadable"), (Some(0), "checkpoint_mismatch")];
    assert_eq!(problems, expected);
}

#[test]
fn a_record_changed_together_with_its_hash_is_found_by_node_and_checkpoint() {
    let log = Log::of(600);
    log.write(|tx| {
        let mut other = Vec::new();
        store::records(tx, 300..301, |_, record, _| other = record.unwrap().to_vec())?;
        let text = String::from_utf8(other).unwrap().replace("DATABASE_URL", "DATABASE_URI");
        let hash = merkle::leaf_hash(text.as_bytes());
        tx.sql()
            .execute(
                "UPDATE ledger_events SET record = ?1, leaf_hash = ?2 WHERE seq = 300",
                (text.as_bytes(), hash.as_slice()),
            )
            .map_err(DbError::from)?;
        Ok(())
    })
    .unwrap();
    assert_eq!(codes(&log.verify(&[])), [(Some(256), "node_changed"), (Some(0), "checkpoint_mismatch")]);
}

#[test]
fn two_events_that_changed_places_are_named() {
    let problems = found(
        "UPDATE ledger_events SET seq = 100000 WHERE seq = 580;
         UPDATE ledger_events SET seq = 580 WHERE seq = 586;
         UPDATE ledger_events SET seq = 586 WHERE seq = 100000;",
    );
    assert!(problems.contains(&(Some(580), "record_misplaced")) && problems.contains(&(Some(586), "record_misplaced")));
}

#[test]
fn missing_events_are_named_wherever_they_were() {
    assert_eq!(found("DELETE FROM ledger_events WHERE seq BETWEEN 551 AND 554"), [(Some(551), "events_missing")]);
    let first = found("DELETE FROM ledger_events WHERE seq = 0");
    assert_eq!(first[0], (Some(0), "events_missing"));
    let end = found("DELETE FROM ledger_events WHERE seq >= 599");
    assert_eq!(end, [(Some(599), "rolled_back")]);
    let block = found("DELETE FROM ledger_events WHERE seq >= 400");
    assert!(block.contains(&(Some(400), "events_missing")) && block.contains(&(Some(400), "rolled_back")));
}

#[test]
fn changed_nodes_and_summaries_are_named() {
    let node = (Some(256), "node_changed");
    assert_eq!(found("UPDATE ledger_nodes SET hash = zeroblob(32) WHERE idx = 1"), [node]);
    assert_eq!(found("DELETE FROM ledger_nodes WHERE idx = 1"), [node]);
    assert_eq!(found("INSERT INTO ledger_nodes VALUES (8, 2, zeroblob(32))"), [(Some(600), "events_missing")]);
    let summary = (Some(0), "summary_changed");
    assert_eq!(found("UPDATE ledger_blocks SET terms = zeroblob(length(terms)) WHERE block = 0"), [summary]);
    assert_eq!(found("UPDATE ledger_blocks SET mentions = zeroblob(length(mentions)) WHERE block = 0"), [summary]);
    assert_eq!(found("UPDATE ledger_blocks SET at_max = at_min WHERE block = 0"), [summary]);
    assert_eq!(found("DELETE FROM ledger_blocks WHERE block = 0"), [summary]);
}

#[test]
fn changed_checkpoints_are_noticed() {
    let changed = (Some(0), "checkpoint_changed");
    let missing = (Some(0), "checkpoint_missing");
    assert_eq!(found("UPDATE ledger_checkpoints SET root = zeroblob(32)"), [changed, missing]);
    assert_eq!(found("UPDATE ledger_checkpoints SET size = 599"), [changed, missing]);
    assert_eq!(found("UPDATE ledger_checkpoints SET note = 'x'"), [changed, missing]);
    assert_eq!(found("DELETE FROM ledger_checkpoints"), [missing]);
}

#[test]
fn changed_personal_data_is_named() {
    let changed = (Some(10), "personal_changed");
    let missing = (Some(10), "personal_missing");
    assert_eq!(found("UPDATE ledger_personal SET content = x'7b7d' WHERE seq = 10"), [changed]);
    assert_eq!(found("UPDATE ledger_personal SET salt = zeroblob(16) WHERE seq = 10"), [changed]);
    assert_eq!(found("DELETE FROM ledger_personal WHERE seq = 10"), [missing]);
    let forged = "UPDATE ledger_personal SET salt = NULL, content = NULL, erased_by = 20 WHERE seq = 10";
    assert_eq!(found(forged), [missing]);
    let added = "INSERT INTO ledger_personal (seq, salt, content) VALUES (11, zeroblob(16), x'7b7d')";
    assert_eq!(found(added), [(Some(11), "personal_changed")]);
    let beyond = "INSERT INTO ledger_personal (seq, salt, content) VALUES (700, zeroblob(16), x'7b7d')";
    assert_eq!(found(beyond), [(Some(600), "events_missing")]);
}

#[test]
fn a_dropped_body_and_an_invented_restore_are_noticed() {
    assert_eq!(found("UPDATE ledger_events SET record = NULL WHERE seq = 555"), [(Some(555), "record_missing")]);
    assert_eq!(found("INSERT INTO ledger_restores VALUES (2, 300)"), [(None, "restores_changed")]);
}
