//! What a rotation promises, beneath the doors: nothing is lost, nobody waits, and the old key goes last.

use super::{
    ACTIONS, KeyRotation, RotationState, key_rotate, key_verify, rotation_get, rotation_pause, rotation_resume, run,
};
use crate::cluster;
use crate::db::{DbError, WriteTx};
use crate::jobs::{Run, Telling};
use crate::keys::{self, HistoryOf};
use crate::ledger::Outcome;
use crate::op::{Op, Who};
use crate::orgs::testing::{World, code, secret, slug};
use crate::policy::BuiltinRole;
use crate::types::{Clock as _, Id, Limit, SecretBytes};
use crate::vault::VaultError;
use crate::vault::personal::{Which, personal_get, personal_set};
use crate::vault::secret::{BatchRequest, Item, ReadSecret, Wish, secret_batch, secret_get};
use crate::vault::source::aad;
use crate::vault::store::{COLUMNS, version};

/// A world whose `shop/staging` has this many secrets of two versions each.
async fn filled(secrets: usize) -> World {
    let world = World::with_actions(&[ACTIONS]).await;
    world.shop().await;
    for version in ["old", "new"] {
        let items = (0..secrets).map(|n| item(&format!("S_{n}"), &format!("{version} {n}"))).collect();
        write(&world, items).await;
    }
    world
}

fn which() -> Which {
    Which { project: "shop".into(), environment: "staging".into(), name: "S_9".into(), ..Which::default() }
}

/// The owner's own value for a name.
async fn mine(world: &World) -> String {
    let (_, value) = personal_get(&world.owner(), &which(), true).await.unwrap();
    String::from_utf8(value.expect("revealed").expose().clone()).unwrap()
}

fn item(name: &str, value: &str) -> Item {
    let wish = Wish::Set { value: SecretBytes::new(value.into()), interpolate: false, visibility: None };
    Item { name: name.into(), path: None, wish, comment: None, tags: None, base_version: None }
}

async fn write(world: &World, items: Vec<Item>) {
    let (project, environment) = ("shop".into(), "staging".into());
    let request = BatchRequest { project, environment, items, skip_same: true, force: false, dry_run: false };
    secret_batch(&world.owner(), request).await.unwrap();
}

async fn value(world: &World, name: &str) -> String {
    let read = ReadSecret {
        project: "shop".into(),
        environment: "staging".into(),
        path: "/".into(),
        name: name.into(),
        reveal: true,
        ..ReadSecret::default()
    };
    let read = secret_get(&world.owner(), &crate::vault::uses::Uses::default(), &read).await.unwrap();
    String::from_utf8(read.value.expect("revealed").expose().clone()).unwrap()
}

fn job(world: &World) -> Op {
    world.op(Who::Job("reseal_secrets"))
}

/// How many versions are sealed under which key, by their own headers.
fn headers(world: &World) -> Vec<(Vec<u8>, u32)> {
    world
        .core
        .db
        .read(|reader| {
            let sql = "SELECT substr(ciphertext, 3, 4), count(*) FROM secret_versions GROUP BY 1 ORDER BY 1";
            let mut statement = reader.sql().prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok::<_, DbError>(rows.collect::<Result<_, _>>()?)
        })
        .unwrap()
}

async fn change(world: &World, sql: &'static str) {
    let changed = world.core.db.write(move |tx| tx.sql().execute(sql, []).map_err(DbError::from));
    assert!(changed.await.unwrap() > 0, "{sql}");
}

/// The states of the organization's keys, oldest first.
fn states(world: &World) -> Vec<&'static str> {
    let of = HistoryOf::Organization(world.organization.id);
    let page = world.core.db.read(|reader| keys::history(reader, of, Limit::default(), None)).unwrap();
    page.items.iter().rev().map(keys::HistoryEntry::state).collect()
}

async fn report(world: &World) -> (u64, Vec<&'static str>) {
    let mut running = key_verify(&world.owner()).await.unwrap();
    let mut codes = Vec::new();
    while let Some(problems) = running.next().await.unwrap() {
        codes.extend(problems.into_iter().map(|problem| problem.code));
    }
    assert_eq!(running.counts.unopened, codes.len() as u64);
    // Rows come in the order of their secrets' ids, which is any within one instant.
    codes.sort_unstable();
    (running.counts.checked, codes)
}

/// Of a run nobody looks at.
fn telling(world: &World) -> Telling {
    let at = world.clock.now();
    Telling::of(&world.core.db, Run { id: Id::new(at), at, missed: 0 })
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_sealed_anew_and_then_the_old_key_is_destroyed() {
    let world = filled(300).await;
    personal_set(&world.owner(), which(), SecretBytes::new("my own 9".into()), false).await.unwrap();
    let began = key_rotate(&world.owner()).await.unwrap();
    assert_eq!((began.to_version, began.total, began.state), (2, 601, RotationState::Running));
    assert_eq!(code(key_rotate(&world.owner()).await), "key_rotation_open");
    assert_eq!(states(&world), ["readable", "current"]);
    write(&world, vec![item("S_7", "newest 7")]).await;
    assert_eq!(mine(&world).await, "my own 9", "set before, under the old key");
    assert_eq!(headers(&world), [(vec![0, 0, 0, 1], 600), (vec![0, 0, 0, 2], 1)], "new writes are under the new key");
    assert_eq!((value(&world, "S_7").await, value(&world, "S_8").await), ("newest 7".into(), "new 8".into()));
    assert_eq!(report(&world).await, (602, vec![]));

    assert_eq!(run(&job(&world), &mut telling(&world)).await.unwrap(), 601);
    let done = rotation_get(&world.owner()).await.unwrap();
    assert_eq!((done.state, done.seen, done.sealed, done.unopened), (RotationState::Done, 602, 601, 0));
    assert!(done.finished_at.is_some());
    assert_eq!(headers(&world), [(vec![0, 0, 0, 2], 601)]);
    assert_eq!(states(&world), ["destroyed", "current"]);
    assert_eq!((value(&world, "S_7").await, value(&world, "S_299").await), ("newest 7".into(), "new 299".into()));
    assert_eq!(report(&world).await, (602, vec![]));
    assert_eq!(mine(&world).await, "my own 9", "sealed anew");
    assert_eq!(world.events("job.reseal_secrets", Outcome::Allowed).len(), 1);
    assert_eq!(code(rotation_resume(&world.owner()).await), "key_rotation_done");
    assert_eq!(key_rotate(&world.owner()).await.unwrap().to_version, 3, "and again");
    assert_eq!(run(&job(&world), &mut telling(&world)).await.unwrap(), 602);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_rotation_stands_still_and_goes_on_where_it_was() {
    let world = filled(300).await;
    key_rotate(&world.owner()).await.unwrap();
    let rotation = world.core.db.read(super::store::rotation_open).unwrap().remove(0);
    let stepped = super::reseal::step(&job(&world), &rotation).await.unwrap().expect("there is more");
    assert!(stepped.sealed > 0 && stepped.sealed < 600, "{stepped:?}");
    let paused = rotation_pause(&world.owner()).await.unwrap();
    assert_eq!((paused.state, paused.sealed), (RotationState::Paused, stepped.sealed));
    // A step that was under way when it was paused changes nothing.
    assert_eq!(super::reseal::step(&job(&world), &stepped).await.unwrap(), None);
    assert_eq!(run(&job(&world), &mut telling(&world)).await.unwrap(), 0);
    assert_eq!(report(&world).await, (600, vec![]), "both keys open");
    let resumed = rotation_resume(&world.owner()).await.unwrap();
    assert_eq!((resumed.state, resumed.seen), (RotationState::Running, stepped.seen));
    assert_eq!(run(&job(&world), &mut telling(&world)).await.unwrap(), 600 - stepped.sealed);
    assert_eq!(states(&world), ["destroyed", "current"]);
}

/// Seals a stored version again as a Holdfast did that bound nothing beside the value.
async fn unbind(world: &World) {
    let op = world.owner();
    let organization = world.organization.id;
    let unbound = move |tx: &mut WriteTx<'_>| {
        let keys = op.keyring().organization(tx, organization)?;
        let sql = format!(
            "SELECT {COLUMNS} FROM secrets s JOIN secret_versions v ON v.secret_id = s.id ORDER BY s.id, v.version LIMIT 1"
        );
        let mut found = tx.sql().query_row(&sql, [], version).map_err(DbError::from)?;
        let cipher = keys.secret_cipher(found.environment)?;
        let value = cipher.open(&aad(&found), &found.ciphertext)?;
        found.bound = false;
        let sealed = cipher.seal(&aad(&found), value.expose())?.into_bytes();
        let sql = "UPDATE secret_versions SET ciphertext = ?3, bound = 0 WHERE secret_id = ?1 AND version = ?2";
        tx.sql().execute(sql, (found.id, found.version, sealed)).map_err(DbError::from)?;
        Ok::<_, VaultError>(())
    };
    world.core.db.write(unbound).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_holdfast_sealed_opens_is_told_and_is_bound_by_a_rotation() {
    let world = filled(3).await;
    unbind(&world).await;
    let unbound = || async {
        let mut running = key_verify(&world.owner()).await.unwrap();
        while running.next().await.unwrap().is_some() {}
        (running.counts.checked, running.counts.unopened, running.counts.unbound)
    };
    assert_eq!(unbound().await, (6, 0, 1));
    key_rotate(&world.owner()).await.unwrap();
    run(&job(&world), &mut telling(&world)).await.unwrap();
    assert_eq!(unbound().await, (6, 0, 0));
    assert_eq!(states(&world), ["destroyed", "current"]);
    for name in ["S_0", "S_1", "S_2"] {
        assert!(value(&world, name).await.starts_with("new"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_open_keeps_the_old_key() {
    let world = filled(3).await;
    key_rotate(&world.owner()).await.unwrap();
    change(&world, "UPDATE secret_versions SET visibility = 'unmasked' WHERE rowid = 2").await;
    change(&world, "UPDATE secret_versions SET value_tag = zeroblob(32) WHERE rowid = 4").await;
    assert_eq!(report(&world).await, (6, vec!["ciphertext_invalid", "value_tag_wrong"]));
    run(&job(&world), &mut telling(&world)).await.unwrap();
    let stopped = rotation_get(&world.owner()).await.unwrap();
    assert_eq!((stopped.state, stopped.unopened, stopped.sealed), (RotationState::Paused, 1, 5));
    assert!(stopped.reason.unwrap().contains("keys verify"));
    assert_eq!(states(&world), ["readable", "current"], "what the row was sealed under is not lost");
    change(&world, "UPDATE secret_versions SET visibility = 'masked' WHERE rowid = 2").await;
    rotation_resume(&world.owner()).await.unwrap();
    assert_eq!(run(&job(&world), &mut telling(&world)).await.unwrap(), 1);
    assert_eq!(states(&world), ["destroyed", "current"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_backup_keeps_the_old_key_until_it_expires() {
    let world = filled(3).await;
    key_rotate(&world.owner()).await.unwrap();
    change(&world, "INSERT INTO key_holds SELECT owner, 1, 'backup 7', NULL FROM encryption_keys WHERE version = 2")
        .await;
    run(&job(&world), &mut telling(&world)).await.unwrap();
    let waiting = rotation_get(&world.owner()).await.unwrap();
    assert_eq!((waiting.state, waiting.sealed), (RotationState::Waiting, 6));
    assert!(waiting.reason.unwrap().contains("backup 7"));
    let wanted = |due| world.core.db.read(|reader| super::is_wanted(reader, due)).unwrap();
    assert!(!wanted(false) && wanted(true), "it is tried again at the job's time, not every second");
    change(&world, "DELETE FROM key_holds").await;
    run(&job(&world), &mut telling(&world)).await.unwrap();
    assert_eq!(states(&world), ["destroyed", "current"]);
    assert!(!wanted(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_replace_keys_and_signed_in_recently_does() {
    let world = filled(1).await;
    let maintainer = world.person("mia", &[(BuiltinRole::Maintainer, "")]).await;
    assert_eq!(code(key_rotate(&world.op_as(&maintainer)).await), "permission_denied");
    assert_eq!(code(rotation_get(&world.op_as(&maintainer)).await), "permission_denied");
    assert_eq!(code(key_verify(&world.op_as(&maintainer)).await), "permission_denied");
    let stale = world.mint(world.owner.id, |_| {}).await;
    let stale = world.op_with(&stale.token, None).unwrap();
    assert_eq!(code(key_rotate(&stale).await), "step_up_required");
    assert_eq!(world.events("key.rotate", Outcome::Denied).len(), 4);
    key_rotate(&world.owner()).await.unwrap();
    assert_eq!(code(rotation_pause(&stale).await), "step_up_required");
    let elsewhere = world.elsewhere().await;
    assert_eq!(code(rotation_get(&world.op_as(&elsewhere)).await), "not_found");
    let found: KeyRotation = rotation_get(&stale).await.unwrap();
    assert_eq!(found.state, RotationState::Running, "looking needs no fresh sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opens_a_cluster_is_sealed_anew_too() {
    let world = filled(1).await;
    let source = cluster::Source::Token {
        server: "https://127.0.0.1:1".into(),
        authority: None,
        token: secret("token-of-the-account"),
    };
    let add = cluster::ClusterAdd { name: slug("home"), source, image: None, unasked: true };
    let id = cluster::cluster_add(&world.owner(), add).await.unwrap().id;
    let key = |world: &World| -> Vec<u8> {
        let sql = "SELECT substr(sealed, 3, 4) FROM clusters";
        world.core.db.read(|r| Ok::<_, DbError>(r.sql().query_row(sql, [], |row| row.get(0))?)).unwrap()
    };
    assert_eq!(key(&world), [0, 0, 0, 1]);
    key_rotate(&world.owner()).await.unwrap();
    assert_eq!(run(&job(&world), &mut telling(&world)).await.unwrap(), 3);
    assert_eq!(key(&world), [0, 0, 0, 2]);
    assert_eq!(states(&world), ["destroyed", "current"]);
    let opened = world.core.db.read(|reader| cluster::access(reader, &world.core.keyring, id));
    assert_eq!(opened.unwrap().server(), "https://127.0.0.1:1");
}

/// Columns with bytes that are sealed under another key than an organization's: the instance's, the kit's, a link's own.
const OF_OTHER_KEYS: &[&str] =
    &["ledger_keys.sealed", "recovery_seals.sealed", "links.ciphertext", "authenticators.sealed", "passkeys.sealed"];

#[tokio::test]
async fn every_table_with_sealed_values_is_walked() {
    let world = World::new().await;
    let columns: Vec<(String, String)> = world
        .core
        .db
        .read(|reader| {
            let sql = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                       WHERE t.type = 'table' AND (c.name LIKE '%cipher%' OR c.name LIKE '%sealed%')
                       AND c.type = 'BLOB' ORDER BY 1, 2";
            let mut statement = reader.sql().prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok::<_, DbError>(rows.collect::<Result<_, _>>()?)
        })
        .unwrap();
    assert!(columns.len() > OF_OTHER_KEYS.len());
    for (table, column) in columns {
        let walked = super::table::TABLES.iter().any(|known| known.name() == table);
        let other = OF_OTHER_KEYS.contains(&format!("{table}.{column}").as_str());
        assert!(walked || other, "{table}.{column}: add the table to TABLES, or its values are lost with an old key");
    }
}
