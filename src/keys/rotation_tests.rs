//! Promises of rotations on a real file: what opens with which key, before, between and after.

use std::sync::Arc;

use super::replace::{self, NewRoot};
use super::tests::{NOW, aad, change, fresh, id, root_key, unlock, with_organization, write_key_file};
use super::*;
use crate::db::Db;
use crate::types::{Failure as _, Limit};

/// Rotates the root key of `keyring`.
fn rotate(db: &Db, keyring: &Arc<Keyring>, to: RootKey) -> Result<RootRotated, KeyError> {
    let keyring = Arc::clone(keyring);
    db.write_blocking(move |tx| keyring.root_rotate(tx, to, Some(id(5)), NOW))
}

fn retire(db: &Db, keyring: &Arc<Keyring>, key: &RootKey, given: &RootKey) -> Result<u32, KeyError> {
    let (keyring, key, given) = (Arc::clone(keyring), key.fingerprint(), given.fingerprint());
    db.write_blocking(move |tx| keyring.root_retire(tx, key, given, NOW))
}

fn rotate_organization(db: &Db, keyring: &Arc<Keyring>, n: u8) -> OrganizationRotated {
    let keyring = Arc::clone(keyring);
    db.write_blocking(move |tx| keyring.organization_rotate(tx, id(n), Some(id(5)), NOW)).unwrap()
}

fn destroy_older(db: &Db, keyring: &Arc<Keyring>, n: u8, than: u32) -> Result<(), KeyError> {
    let keyring = Arc::clone(keyring);
    db.write_blocking(move |tx| keyring.organization_destroy_older(tx, id(n), than, NOW))
}

fn make_organization(db: &Db, keyring: &Arc<Keyring>, n: u8) -> Result<(), KeyError> {
    let keyring = Arc::clone(keyring);
    db.write_blocking(move |tx| keyring.organization_create(tx, id(n), None, NOW).map(drop))
}

fn seal(db: &Db, keyring: &Keyring, n: u8) -> Ciphertext {
    let keys = db.read(|r| keyring.organization(r, id(n))).unwrap();
    keys.secret_cipher(id(2)).unwrap().seal(&aad(), b"a value").unwrap()
}

/// Panics unless this keyring opens what is sealed for organization `n`.
fn opens(db: &Db, keyring: &Keyring, n: u8, sealed: &Ciphertext) {
    let keys = db.read(|r| keyring.organization(r, id(n))).unwrap();
    assert_eq!(keys.secret_cipher(id(2)).unwrap().open(&aad(), sealed.as_bytes()).unwrap().expose(), b"a value");
}

fn token_mac(db: &Db, keyring: &Keyring, n: u8) -> [u8; 32] {
    *db.read(|r| keyring.organization(r, id(n))).unwrap().mac(MacPurpose::Token, &[b"t"]).as_bytes()
}

#[test]
fn after_a_rotation_either_root_key_opens_everything_until_the_old_one_is_retired() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let sealed = seal(&db, &keyring, 1);
    let (signer, mac) = (keyring.instance().ledger_signer().public_key(), token_mac(&db, &keyring, 1));
    let done = rotate(&db, &keyring, root_key(2)).unwrap();
    assert_eq!((done.version, done.rewrapped, done.recovery_sealed), (2, 2, false));
    assert_eq!((done.fingerprint, done.previous), (root_key(2).fingerprint(), root_key(1).fingerprint()));
    assert_eq!(keyring.fingerprint(), root_key(2).fingerprint());
    // What is made between the two, by a process that knows both and by one that was given the new one only.
    make_organization(&db, &keyring, 3).unwrap();
    let restarted = Arc::new(unlock(&db, root_key(2), Suite::default()).unwrap());
    make_organization(&db, &restarted, 4).unwrap();
    for key in [1, 2] {
        let next = unlock(&db, root_key(key), Suite::default()).unwrap();
        opens(&db, &next, 1, &sealed);
        assert_eq!(next.instance().ledger_signer().public_key(), signer);
        assert_eq!(token_mac(&db, &next, 1), mac, "tokens stand");
        for n in [3, 4] {
            let sealed = seal(&db, &keyring, n);
            opens(&db, &next, n, &sealed);
        }
    }
    assert_eq!(retire(&db, &restarted, &root_key(1), &root_key(2)).unwrap(), 1);
    assert!(matches!(unlock(&db, root_key(1), Suite::default()), Err(KeyError::RootKeyWrong { .. })));
    opens(&db, &unlock(&db, root_key(2), Suite::default()).unwrap(), 1, &sealed);
    let left = db.read(|r| {
        let sql = "SELECT count(*) FROM wrapped_keys WHERE root_version = 1";
        let left: u32 = r.sql().query_row(sql, [], |row| row.get(0)).unwrap();
        let kept: u32 = r
            .sql()
            .query_row("SELECT count(*) FROM root_keys WHERE wrapped IS NOT NULL", [], |row| row.get(0))
            .unwrap();
        Ok::<_, KeyError>((left, kept))
    });
    assert_eq!(left.unwrap(), (0, 0), "nothing in the database opens with the retired key, or gives it back");
}

#[test]
fn with_a_replaced_root_key_in_use_values_open_and_no_key_is_made() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let sealed = seal(&db, &keyring, 1);
    rotate(&db, &keyring, root_key(2)).unwrap();
    let old = Arc::new(unlock(&db, root_key(1), Suite::default()).unwrap());
    opens(&db, &old, 1, &sealed);
    assert_eq!(make_organization(&db, &old, 3).unwrap_err().code(), "root_key_superseded");
    assert_eq!(rotate(&db, &old, root_key(3)).unwrap_err().code(), "root_key_superseded");
    let theirs = Arc::clone(&old);
    let refused = db.write_blocking(move |tx| theirs.organization_rotate(tx, id(1), None, NOW));
    assert_eq!(refused.unwrap_err().code(), "root_key_superseded");
    let kit = db.write_blocking(move |tx| recovery::kit_create(tx, &old, None, NOW));
    assert_eq!(kit.unwrap_err().code(), "root_key_superseded", "a kit of a replaced key gives nothing back");
}

#[test]
fn a_root_key_is_new_only_once_and_few_stand_at_once() {
    let (_dir, db, keyring) = fresh();
    let keyring = Arc::new(keyring);
    assert_eq!(rotate(&db, &keyring, root_key(1)).unwrap_err().code(), "root_key_known");
    for n in 2..=8 {
        rotate(&db, &keyring, root_key(n)).unwrap();
    }
    assert_eq!(rotate(&db, &keyring, root_key(9)).unwrap_err().code(), "root_keys_many");
    for n in 1..=8 {
        unlock(&db, root_key(n), Suite::default()).unwrap();
    }
    retire(&db, &keyring, &root_key(1), &root_key(8)).unwrap();
    assert_eq!(rotate(&db, &keyring, root_key(1)).unwrap_err().code(), "root_key_known", "a retired one stays known");
    rotate(&db, &keyring, root_key(9)).unwrap();
}

#[test]
fn a_root_key_is_not_retired_while_something_needs_it() {
    let (_dir, db, keyring) = fresh();
    let keyring = Arc::new(keyring);
    let code = |key, given| retire(&db, &keyring, &root_key(key), &root_key(given)).unwrap_err().code();
    assert_eq!(code(1, 1), "root_key_in_use");
    assert_eq!(code(7, 1), "root_key_unknown");
    rotate(&db, &keyring, root_key(2)).unwrap();
    assert_eq!(code(1, 1), "root_key_not_in_place", "the next start would be given the old key");
    change(&db, "INSERT INTO key_holds VALUES (zeroblob(16), 1, 'a backup', NULL)");
    assert_eq!(code(1, 2), "key_held");
    let sql = format!("UPDATE key_holds SET until = {}", NOW.as_micros());
    db.write_blocking(move |tx| tx.sql().execute_batch(&sql).map_err(crate::db::DbError::from)).unwrap();
    retire(&db, &keyring, &root_key(1), &root_key(2)).expect("the hold is over");
    assert_eq!(code(1, 2), "root_key_unknown");
}

#[test]
fn a_kit_printed_once_gives_back_every_later_root_key() {
    let (_dir, db, keyring) = fresh();
    let keyring = Arc::new(keyring);
    let theirs = Arc::clone(&keyring);
    let kit = db.write_blocking(move |tx| recovery::kit_create(tx, &theirs, None, NOW)).unwrap();
    for n in 2..5 {
        assert!(rotate(&db, &keyring, root_key(n)).unwrap().recovery_sealed);
        let recovered = recovery::recover(&kit.private_key, &db.read(recovery::sealed).unwrap()).unwrap();
        assert_eq!(recovered.fingerprint(), root_key(n).fingerprint());
    }
}

#[test]
fn a_rotation_that_is_undone_leaves_nothing_that_is_used() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let theirs = Arc::clone(&keyring);
    let undone: Result<(), KeyError> = db.write_blocking(move |tx| {
        theirs.root_rotate(tx, root_key(2), None, NOW)?;
        theirs.organization_rotate(tx, id(1), None, NOW)?;
        Err(KeyError::Cipher)
    });
    assert!(undone.is_err());
    make_organization(&db, &keyring, 3).unwrap();
    let next = unlock(&db, root_key(1), Suite::default()).unwrap();
    for n in [1, 3] {
        let sealed = seal(&db, &keyring, n);
        assert_eq!(Ciphertext::key_version(sealed.as_bytes()).unwrap(), 1);
        opens(&db, &next, n, &sealed);
    }
    assert!(unlock(&db, root_key(2), Suite::default()).is_err());
}

#[test]
fn an_organizations_new_key_seals_and_the_old_one_opens_until_it_is_destroyed() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let (old, mac) = (seal(&db, &keyring, 1), token_mac(&db, &keyring, 1));
    let done = rotate_organization(&db, &keyring, 1);
    assert_eq!((done.version, done.previous), (2, 1));
    let new = seal(&db, &keyring, 1);
    assert_eq!(Ciphertext::key_version(new.as_bytes()).unwrap(), 2, "in the process that rotated");
    for sealed in [&old, &new] {
        opens(&db, &keyring, 1, sealed);
        opens(&db, &unlock(&db, root_key(1), Suite::default()).unwrap(), 1, sealed);
    }
    change(&db, "INSERT INTO key_holds VALUES (X'01010101010101010101010101010101', 1, 'a backup', NULL)");
    assert_eq!(destroy_older(&db, &keyring, 1, 2).unwrap_err().code(), "key_held");
    opens(&db, &keyring, 1, &old);
    change(&db, "DELETE FROM key_holds");
    destroy_older(&db, &keyring, 1, 2).unwrap();
    for keyring in [&keyring, &Arc::new(unlock(&db, root_key(1), Suite::default()).unwrap())] {
        opens(&db, keyring, 1, &new);
        assert_eq!(token_mac(&db, keyring, 1), mac, "tokens and tags stand");
        let keys = db.read(|r| keyring.organization(r, id(1))).unwrap();
        let gone = keys.secret_cipher(id(2)).unwrap().open(&aad(), old.as_bytes());
        assert!(matches!(gone, Err(KeyError::VersionUnknown(1))));
    }
    let page = db.read(|r| history(r, HistoryOf::Organization(id(1)), Limit::default(), None)).unwrap();
    let states: Vec<_> = page.items.iter().map(|key| (key.version, key.state(), key.created_by)).collect();
    assert_eq!(states, [(2, "current", Some(id(5))), (1, "destroyed", Some(id(5)))]);
    let first = db.read(|r| history(r, HistoryOf::All, Limit::parse(1).unwrap(), None)).unwrap();
    let rest = db.read(|r| history(r, HistoryOf::All, Limit::default(), first.next.as_ref())).unwrap();
    assert_eq!(first.items.len() + rest.items.len(), 4, "root, instance and both of the organization");
}

#[test]
fn a_transaction_that_began_before_a_rotation_reads_what_it_sees() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let old = seal(&db, &keyring, 1);
    db.read(|reader| {
        // The snapshot begins with the first look at the database.
        crate::db::applied_version(reader)?;
        let before = keyring.organization(reader, id(1))?;
        rotate_organization(&db, &keyring, 1);
        destroy_older(&db, &keyring, 1, 2)?;
        // Meanwhile another thread, whose snapshot is newer, has the new keys put into memory.
        let (others, theirs) = (db.clone(), Arc::clone(&keyring));
        let newer = std::thread::spawn(move || others.read(|r| theirs.organization(r, id(1)))).join().unwrap()?;
        assert_eq!((before.key_version(), newer.key_version()), (1, 2));
        let in_memory = keyring.organization(reader, id(1))?;
        assert_eq!(in_memory.key_version(), 2);
        let unknown = in_memory.secret_cipher(id(2))?.open(&aad(), old.as_bytes());
        assert!(matches!(unknown, Err(KeyError::VersionUnknown(1))));
        let again = in_memory.again(reader)?;
        assert_eq!(again.secret_cipher(id(2))?.open(&aad(), old.as_bytes())?.expose(), b"a value");
        Ok::<_, KeyError>(())
    })
    .unwrap();
    assert_eq!(db.read(|r| keyring.organization(r, id(1))).unwrap().key_version(), 2);
}

#[test]
fn a_reader_that_is_late_does_not_bring_destroyed_keys_back_into_memory() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    db.read(|reader| {
        crate::db::applied_version(reader)?;
        rotate_organization(&db, &keyring, 1);
        destroy_older(&db, &keyring, 1, 2)?;
        assert_eq!(keyring.organization(reader, id(1))?.key_version(), 1, "what its own rows say");
        Ok::<_, KeyError>(())
    })
    .unwrap();
    let sealed = seal(&db, &keyring, 1);
    assert_eq!(Ciphertext::key_version(sealed.as_bytes()).unwrap(), 2);
}

#[test]
fn a_made_root_key_takes_its_place_whenever_the_process_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let source = Source::DefaultFile(path.clone());
    let old = root::create(&path).unwrap().fingerprint();
    let given = || root::load(&source, None).unwrap().unwrap().fingerprint();
    let lone = replace::prepare(&NewRoot::Generate, &source, None, &[old]).unwrap().fingerprint();
    // Killed before the database took it: it is nobody's, and the next rotation begins anew.
    assert_eq!(replace::finish(&source, old).unwrap(), None);
    assert_eq!(given(), old);
    let new = replace::prepare(&NewRoot::Generate, &source, None, &[old]).unwrap().fingerprint();
    assert_ne!(new, lone);
    // Killed after the database took it, before or between the two steps of putting it in its place.
    let kept = dir.path().join(format!("root.key.{old}"));
    std::fs::hard_link(&path, &kept).unwrap();
    assert_eq!(replace::finish(&source, new).unwrap(), Some(kept.clone()));
    assert_eq!(given(), new);
    assert_eq!(root::load(&Source::File(kept), None).unwrap().unwrap().fingerprint(), old, "the old key is kept");
    assert_eq!(replace::finish(&source, new).unwrap(), None, "once is enough");
    // One the database refused is taken away, one it took never is.
    let refused = replace::prepare(&NewRoot::Generate, &source, None, &[new, old]).unwrap().fingerprint();
    replace::abandon(&source, new);
    assert!(dir.path().join("root.key.new").exists());
    let standing = replace::prepare(&NewRoot::Generate, &source, None, &[refused, new]).unwrap_err();
    assert_eq!(standing.code(), "root_key_exists", "a key that opens the database is not written over");
    replace::abandon(&source, refused);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "the key and the one before");
}

#[test]
fn the_server_writes_no_key_where_it_does_not_own_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("elsewhere");
    root::create(&path).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for source in [
        Source::File(link),
        Source::File(dir.path().join("nowhere")),
        Source::Credential(path.clone()),
        Source::PassphraseFile(path.clone()),
        Source::Command(vec!["true".into()]),
    ] {
        let refused = replace::prepare(&NewRoot::Generate, &source, None, &[]).unwrap_err();
        assert_eq!(refused.code(), "root_key_not_writable", "{source}");
        assert_eq!(replace::finish(&source, root_key(1).fingerprint()).unwrap(), None);
    }
    let named = replace::prepare(&NewRoot::KeyFile(path), &Source::Command(Vec::new()), None, &[]).unwrap();
    assert_eq!(
        root::load(&Source::File(dir.path().join("elsewhere")), None).unwrap().unwrap().fingerprint(),
        named.fingerprint()
    );
}

#[test]
fn a_new_passphrase_and_the_old_one_are_stretched_alike() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| write_key_file(dir.path(), name, text.as_bytes(), 0o400);
    let (old, new) = (file("old", "correct horse battery\n"), file("new", "staple correct horse\n"));
    let first = root::load(&Source::PassphraseFile(old.clone()), None).unwrap().unwrap();
    let db = Db::open(&dir.path().join("t.db")).unwrap();
    let keyring = db.write_blocking(|tx| Keyring::create(tx, first, id(9), Suite::default(), NOW)).unwrap();
    let stored = db.read(PassphraseParameters::stored).unwrap();
    let source = Source::PassphraseFile(old.clone());
    let short = NewRoot::PassphraseFile(file("short", "too short\n"));
    assert_eq!(replace::prepare(&short, &source, stored.as_ref(), &[]).unwrap_err().code(), "root_passphrase_short");
    let root = replace::prepare(&NewRoot::PassphraseFile(new.clone()), &source, stored.as_ref(), &[]).unwrap();
    rotate(&db, &Arc::new(keyring), root).unwrap();
    for path in [old, new] {
        let root = root::load(&Source::PassphraseFile(path), stored.as_ref()).unwrap().unwrap();
        unlock(&db, root, Suite::default()).unwrap();
    }
}

#[test]
fn fingerprints_read_back() {
    let key = root_key(1).fingerprint();
    assert_eq!(Fingerprint::parse(&key.to_string()).unwrap(), key);
    assert_eq!(Fingerprint::parse(&key.to_string().to_uppercase().replace('-', "")).unwrap(), key);
    for bad in ["", "1f2e", "zzzz-zzzz-zzzz-zzzz", &"-".repeat(33), &"1f2e-".repeat(5)] {
        assert!(Fingerprint::parse(bad).is_err(), "{bad}");
    }
}
