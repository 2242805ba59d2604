//! Promises of the keyring on a real file: what opens, what does not, and what is never made.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::db::{Db, DbError};
use crate::types::{Failure as _, Id, Limit, SecretString, Timestamp};

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);
const SUITES: [Suite; 2] = [Suite::XChaCha20Poly1305, Suite::Aes256Gcm];

pub(super) fn id<K: crate::types::IdKind>(n: u8) -> Id<K> {
    Id::from_bytes([n; 16])
}

pub(super) fn root_key(n: u8) -> RootKey {
    RootKey::from_bytes([n; 32])
}

/// A database whose keys were made with `root_key(1)`, and its keyring.
pub(super) fn fresh() -> (tempfile::TempDir, Db, Keyring) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("t.db")).unwrap();
    let keyring =
        db.write_blocking(|tx| Keyring::create(tx, root_key(1), id(9), Suite::XChaCha20Poly1305, NOW)).unwrap();
    (dir, db, keyring)
}

pub(super) fn with_organization(db: &Db, keyring: Keyring, n: u8) -> std::sync::Arc<Keyring> {
    let keyring = std::sync::Arc::new(keyring);
    let theirs = std::sync::Arc::clone(&keyring);
    db.write_blocking(move |tx| theirs.organization_create(tx, id(n), Some(id(5)), NOW).map(drop)).unwrap();
    keyring
}

pub(super) fn unlock(db: &Db, root: RootKey, suite: Suite) -> Result<Keyring, KeyError> {
    db.read(|r| Keyring::unlock(r, root, suite))
}

pub(super) fn change(db: &Db, sql: &'static str) {
    db.write_blocking(move |tx| tx.sql().execute_batch(sql).map_err(DbError::from)).unwrap();
}

pub(super) fn aad() -> SecretAad<'static> {
    SecretAad {
        row: id(3),
        version: 7,
        field: "value",
        state: "set",
        path: "/api",
        name: "DATABASE_URL",
        visibility: "masked",
        interpolate: true,
        beside: None,
    }
}

#[test]
fn what_one_process_sealed_the_next_one_opens_with_either_suite() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let mut stored = Vec::new();
    for suite in SUITES {
        let next = unlock(&db, root_key(1), suite).unwrap();
        let keys = db.read(|r| next.organization(r, id(1))).unwrap();
        let sealed = keys.secret_cipher(id(2)).unwrap().seal(&aad(), b"a value").unwrap();
        assert_eq!(Ciphertext::suite(sealed.as_bytes()).unwrap(), suite);
        assert_eq!(Ciphertext::key_version(sealed.as_bytes()).unwrap(), 1);
        assert_eq!(sealed.as_bytes()[..6], [1, suite.number(), 0, 0, 0, 1]);
        assert_eq!(sealed.as_bytes().len(), 6 + suite.nonce_len() + b"a value".len() + 16);
        stored.push(sealed);
    }
    for suite in SUITES {
        let next = unlock(&db, root_key(1), suite).unwrap();
        let cipher = db.read(|r| next.organization(r, id(1))).unwrap().secret_cipher(id(2)).unwrap();
        for sealed in &stored {
            assert_eq!(cipher.open(&aad(), sealed.as_bytes()).unwrap().expose(), b"a value");
        }
    }
    let a = db.read(|r| keyring.organization(r, id(1))).unwrap();
    let b = db.read(|r| keyring.organization(r, id(1))).unwrap();
    assert!(std::sync::Arc::ptr_eq(&a, &b), "unwrapped once");
}

#[test]
fn one_plaintext_sealed_twice_shows_no_equality() {
    let (_dir, db, keyring) = fresh();
    let cipher =
        db.read(|r| with_organization(&db, keyring, 1).organization(r, id(1))).unwrap().secret_cipher(id(2)).unwrap();
    assert_ne!(cipher.seal(&aad(), b"x").unwrap(), cipher.seal(&aad(), b"x").unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_relocated_or_changed_ciphertext_never_opens(
        plain in prop::collection::vec(any::<u8>(), 0..300),
        aes: bool,
        at: prop::sample::Index,
        flip in 1_u8..,
        (row, version, text) in (1_u8..3, 0_u32..9, "[a-z/A-Z_]{0,12}"),
    ) {
        let chain = |owner: u8, key: u8| {
            let versions = vec![envelope::KeyVersion::new(1, &[key; 32])];
            std::sync::Arc::new(envelope::Chain::new([owner; 16], versions).unwrap())
        };
        let suite = SUITES[usize::from(aes)];
        let cipher = SecretCipher::new(&chain(1, 1), id(2), suite).unwrap();
        let sealed = cipher.seal(&aad(), &plain).unwrap().into_bytes();
        let opened = cipher.open(&aad(), &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &plain);

        let mut changed = sealed.clone();
        changed[at.index(sealed.len())] ^= flip;
        prop_assert!(cipher.open(&aad(), &changed).is_err(), "byte {} of {}", at.index(sealed.len()), sealed.len());
        prop_assert!(cipher.open(&aad(), &sealed[..at.index(sealed.len())]).is_err());

        let text = text.as_str();
        for other in [
            SecretAad { row: id(row), ..aad() },
            SecretAad { version, ..aad() },
            SecretAad { field: "comment", ..aad() },
            SecretAad { state: text, ..aad() },
            SecretAad { path: text, ..aad() },
            SecretAad { name: text, ..aad() },
            SecretAad { visibility: text, ..aad() },
            SecretAad { interpolate: false, ..aad() },
            // The same characters, the border elsewhere.
            SecretAad { path: "/apiD", name: "ATABASE_URL", ..aad() },
        ] {
            prop_assert_eq!(cipher.open(&other, &sealed).is_ok(), other == aad(), "{:?}", other);
        }
        for (what, other) in [
            ("environment", SecretCipher::new(&chain(1, 1), id(3), suite)),
            ("organization", SecretCipher::new(&chain(2, 1), id(2), suite)),
            ("key", SecretCipher::new(&chain(1, 2), id(2), suite)),
        ] {
            prop_assert!(other.unwrap().open(&aad(), &sealed).is_err(), "another {}", what);
        }
    }

    #[test]
    fn arbitrary_stored_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let chain = envelope::Chain::new([1; 16], vec![envelope::KeyVersion::new(1, &[1; 32])]).unwrap();
        let cipher = SecretCipher::new(&std::sync::Arc::new(chain), id(2), Suite::Aes256Gcm).unwrap();
        prop_assert!(cipher.open(&aad(), &bytes).is_err());
    }
}

#[test]
fn an_older_key_version_opens_and_an_unheld_one_is_named() {
    let chain = |versions: &[u32]| {
        let versions = versions.iter().map(|v| envelope::KeyVersion::new(*v, &[7; 32])).collect();
        std::sync::Arc::new(envelope::Chain::new([1; 16], versions).unwrap())
    };
    let cipher = |versions: &[u32]| SecretCipher::new(&chain(versions), id(2), Suite::default()).unwrap();
    let old = cipher(&[1]).seal(&aad(), b"v").unwrap();
    let both = cipher(&[1, 2]);
    assert_eq!(both.open(&aad(), old.as_bytes()).unwrap().expose(), b"v");
    assert_eq!(Ciphertext::key_version(both.seal(&aad(), b"v").unwrap().as_bytes()).unwrap(), 2);
    assert!(matches!(cipher(&[2]).open(&aad(), old.as_bytes()), Err(KeyError::VersionUnknown(1))));
    assert!(matches!(both.seal(&aad(), &vec![0; (1 << 20) + 1]), Err(KeyError::TooLarge(_))));
}

#[test]
fn a_context_of_another_kind_opens_nothing() {
    let versions = vec![envelope::KeyVersion::new(1, &[7; 32])];
    let chain = std::sync::Arc::new(envelope::Chain::new([1; 16], versions).unwrap());
    let sealer =
        |kind| envelope::Sealer::new(&chain, envelope::Context { kind, id: [2; 16] }, Suite::default()).unwrap();
    let sealed = sealer("secret").seal(&[b"m"], b"v").unwrap();
    assert!(sealer("secret").open(&[b"m"], &sealed).is_ok());
    assert!(matches!(sealer("integration").open(&[b"m"], &sealed), Err(KeyError::Unsealable)));
}

#[test]
fn a_wrong_root_key_is_refused_in_one_line_with_both_fingerprints() {
    let (_dir, db, _) = fresh();
    let error = unlock(&db, root_key(2), Suite::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&root_key(1).fingerprint().to_string()), "{text}");
    assert!(text.contains(&root_key(2).fingerprint().to_string()), "{text}");
    assert_eq!((error.code(), text.lines().count()), ("root_key_wrong", 1));
    assert_eq!(root_key(1).fingerprint().to_string().len(), 19);
}

#[test]
fn a_key_with_the_right_fingerprint_still_has_to_pass_the_check() {
    let (_dir, db, _) = fresh();
    change(&db, "UPDATE root_keys SET key_check = zeroblob(32)");
    assert!(matches!(unlock(&db, root_key(1), Suite::default()), Err(KeyError::RootKeyWrong { .. })));
}

#[test]
fn keys_are_never_made_over_existing_data() {
    let (dir, db, _) = fresh();
    let again = db.write_blocking(|tx| Keyring::create(tx, root_key(2), id(9), Suite::default(), NOW));
    assert!(matches!(again, Err(KeyError::AlreadyCreated)));
    // Not even when the row that names the root key is gone.
    change(&db, "PRAGMA defer_foreign_keys=ON; DELETE FROM wrapped_keys; DELETE FROM root_keys");
    let again = db.write_blocking(|tx| Keyring::create(tx, root_key(2), id(9), Suite::default(), NOW));
    assert!(matches!(again, Err(KeyError::AlreadyCreated)));

    let wanted = root_key(1).fingerprint();
    for source in [Source::DefaultFile(dir.path().join("root.key")), Source::File(dir.path().join("named.key"))] {
        let missing = root::load_or_create(&source, None, Some(wanted)).unwrap_err();
        assert_eq!(missing.code(), "root_key_missing");
        assert!(missing.to_string().contains(&wanted.to_string()), "{missing}");
    }
    assert!(!dir.path().join("root.key").exists(), "no fresh key was written");
}

#[test]
fn a_first_start_makes_the_key_once_and_finds_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let source = Source::DefaultFile(path.clone());
    let (made, fresh) = root::load_or_create(&source, None, None).unwrap();
    let (found, again) = root::load_or_create(&source, None, Some(made.fingerprint())).unwrap();
    assert!(fresh && !again && source.is_beside_database());
    assert_eq!(found.fingerprint(), made.fingerprint());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o400);
    assert!(matches!(root::create(&path), Err(KeyError::KeyFileExists(_))), "nothing is overwritten");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    let named = root::load_or_create(&Source::File(dir.path().join("other")), None, None);
    assert_eq!(named.unwrap_err().code(), "root_key_file", "a key is not made where somebody named one");
}

pub(super) fn write_key_file(dir: &Path, name: &str, content: &[u8], mode: u32) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_key_file_others_can_read_is_refused_with_the_command_that_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    root::create(&path).unwrap();
    for mode in [0o404, 0o440, 0o600 | 0o020, 0o644] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let error = root::load(&Source::File(path.clone()), None).unwrap_err();
        assert_eq!(error.code(), "root_key_readable_by_others");
        assert_eq!(error.hint(), format!("run: chmod 0400 '{}'", path.display()));
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o440)).unwrap();
    assert!(root::load(&Source::Credential(path), None).unwrap().is_some(), "systemd's access list shows as group");
}

#[test]
fn only_the_one_line_is_a_root_key() {
    let dir = tempfile::tempdir().unwrap();
    let base64 = data_encoding::BASE64.encode(&[1; 32]);
    let good = format!("holdfast-root-key-v1:{base64}\r\n");
    let path = write_key_file(dir.path(), "good", good.as_bytes(), 0o400);
    let key = root::load(&Source::File(path), None).unwrap().unwrap();
    assert_eq!(key.fingerprint(), root_key(1).fingerprint());
    let printed = ["printf", "%s", good.trim()].map(String::from).to_vec();
    let key = root::load(&Source::Command(printed), None).unwrap().unwrap();
    assert_eq!(key.fingerprint(), root_key(1).fingerprint());
    let bad = [String::new(), base64.clone(), good.replace("v1", "v2"), good[..60].to_owned(), good.repeat(2)];
    for (index, bad) in bad.iter().enumerate() {
        let path = write_key_file(dir.path(), &format!("bad{index}"), bad.as_bytes(), 0o400);
        let error = root::load(&Source::File(path), None).unwrap_err();
        assert_eq!(error.code(), "root_key_malformed");
        assert!(!error.to_string().contains(&base64[..8]), "{error}");
    }
}

#[test]
fn a_passphrase_gives_the_same_key_with_the_stored_parameters_only() {
    let dir = tempfile::tempdir().unwrap();
    let source =
        |name: &str, text: &str| Source::PassphraseFile(write_key_file(dir.path(), name, text.as_bytes(), 0o600));
    let phrase = source("p", "correct horse battery\n");
    let short = root::load(&source("s", "too short\n"), None).unwrap_err();
    assert_eq!(short.code(), "root_passphrase_short");

    let first = root::load(&phrase, None).unwrap().unwrap();
    let fingerprint = first.fingerprint();
    let db = Db::open(&dir.path().join("t.db")).unwrap();
    db.write_blocking(|tx| Keyring::create(tx, first, id(9), Suite::default(), NOW)).unwrap();
    let stored = db.read(PassphraseParameters::stored).unwrap();
    let again = root::load(&phrase, stored.as_ref()).unwrap().unwrap();
    assert_eq!(again.fingerprint(), fingerprint);
    assert!(unlock(&db, again, Suite::default()).is_ok());

    let stored = stored.unwrap();
    let cheap = PassphraseParameters { iterations: 1, memory_kib: 32, parallelism: 4, ..stored.clone() };
    assert_ne!(root::load(&phrase, Some(&cheap)).unwrap().unwrap().fingerprint(), fingerprint);
    for mad in [
        PassphraseParameters { memory_kib: u32::MAX, ..stored.clone() },
        PassphraseParameters { iterations: u32::MAX, ..stored.clone() },
        PassphraseParameters { parallelism: 0, ..stored },
    ] {
        assert!(matches!(root::load(&phrase, Some(&mad)), Err(KeyError::PassphraseParameters)));
    }
}

#[test]
fn what_rolls_back_leaves_no_keys_behind() {
    let (_dir, db, keyring) = fresh();
    let keyring = std::sync::Arc::new(keyring);
    let theirs = std::sync::Arc::clone(&keyring);
    let undone: Result<(), KeyError> = db.write_blocking(move |tx| {
        theirs.organization_create(tx, id(1), None, NOW)?;
        theirs.organization(tx, id(1))?;
        Err(KeyError::Cipher)
    });
    assert!(undone.is_err());
    let gone = db.read(|r| keyring.organization(r, id(1)));
    assert!(matches!(gone, Err(KeyError::OrganizationUnknown(o)) if o == id(1)));
}

#[test]
fn destroyed_keys_are_gone_and_the_history_stays() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let keys = db.read(|r| keyring.organization(r, id(1))).unwrap();
    let theirs = std::sync::Arc::clone(&keyring);
    db.write_blocking(move |tx| theirs.organization_destroy(tx, id(1), NOW)).unwrap();
    assert!(matches!(db.read(|r| keyring.organization(r, id(1))), Err(KeyError::OrganizationUnknown(_))));

    let history = db.read(|r| history(r, HistoryOf::All, Limit::default(), None)).unwrap().items;
    let entry = history.iter().find(|e| e.kind == "organization").unwrap();
    assert_eq!((entry.fingerprint, entry.destroyed_at), (keys.fingerprint(), Some(NOW)));
    assert_eq!((entry.owner, entry.created_by, entry.state()), (Some([1; 16]), Some(id(5)), "destroyed"));
    let root = history.iter().find(|e| e.kind == "root").unwrap();
    assert_eq!((root.fingerprint, root.created_by, root.retired_at), (keyring.fingerprint(), None, None));
    let again = db.write_blocking(move |tx| keyring.organization_create(tx, id(1), None, NOW).map(drop));
    assert!(matches!(again, Err(KeyError::AlreadyCreated)), "an organization's keys are made once");
}

#[test]
fn wrapped_keys_swapped_between_organizations_do_not_open() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let theirs = std::sync::Arc::clone(&keyring);
    db.write_blocking(move |tx| theirs.organization_create(tx, id(2), None, NOW).map(drop)).unwrap();
    let swap = [
        "UPDATE wrapped_keys SET wrapped = (SELECT wrapped FROM wrapped_keys WHERE owner = x'01010101010101010101010101010101')
         WHERE owner = x'02020202020202020202020202020202'",
        "UPDATE mac_keys SET wrapped = (SELECT wrapped FROM mac_keys WHERE owner = x'09090909090909090909090909090909')
         WHERE owner = x'01010101010101010101010101010101'",
    ];
    for (sql, n) in swap.into_iter().zip([2, 1]) {
        change(&db, sql);
        assert!(matches!(db.read(|r| keyring.organization(r, id(n))), Err(KeyError::Unsealable)), "{sql}");
    }
}

#[test]
fn the_ledger_signature_survives_a_restart_and_a_swapped_public_key_is_noticed() {
    let (_dir, db, keyring) = fresh();
    let public = keyring.instance().ledger_signer().public_key();
    let next = unlock(&db, root_key(1), Suite::Aes256Gcm).unwrap();
    let signature = next.instance().ledger_signer().sign(b"checkpoint");
    assert!(signing::verify(&public, b"checkpoint", &signature));
    assert!(!signing::verify(&public, b"checkpoinT", &signature));
    assert!(!signing::verify(&public, b"checkpoint", &signature[..63]));
    assert!(!signing::verify(&[7; 32], b"checkpoint", &signature));
    change(&db, "UPDATE ledger_keys SET public = zeroblob(32)");
    assert!(matches!(unlock(&db, root_key(1), Suite::default()), Err(KeyError::Unsealable)));
}

#[test]
fn keyed_hashes_survive_a_restart_and_differ_between_organizations() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let theirs = std::sync::Arc::clone(&keyring);
    db.write_blocking(move |tx| theirs.organization_create(tx, id(2), None, NOW).map(drop)).unwrap();
    let next = unlock(&db, root_key(1), Suite::default()).unwrap();
    let tag =
        |keyring: &Keyring, n| db.read(|r| keyring.organization(r, id(n))).unwrap().mac(MacPurpose::ValueTag, &[b"v"]);
    assert!(tag(&keyring, 1).verify(tag(&next, 1).as_bytes()));
    assert!(!tag(&keyring, 1).verify(tag(&next, 2).as_bytes()));
    let setup = |keyring: &Keyring| keyring.instance().mac(MacPurpose::ValueTag, &[b"v"]);
    assert!(setup(&keyring).verify(setup(&next).as_bytes()));
    assert!(!setup(&keyring).verify(tag(&keyring, 1).as_bytes()));
}

#[test]
fn the_recovery_kit_gives_the_root_key_back_and_a_newer_one_replaces_it() {
    let (_dir, db, keyring) = fresh();
    assert!(matches!(db.read(recovery::sealed), Err(KeyError::RecoveryNone)));
    let keyring = std::sync::Arc::new(keyring);
    let make = || {
        let keyring = std::sync::Arc::clone(&keyring);
        db.write_blocking(move |tx| recovery::kit_create(tx, &keyring, Some(id(5)), NOW)).unwrap()
    };
    let first = make();
    let page = first.expose_page();
    for part in [first.private_key.expose(), &first.fingerprint.to_string(), &first.instance.to_string()] {
        assert!(page.expose().contains(part.as_str()));
    }
    assert!(page.expose().contains(&data_encoding::BASE64.encode(&first.ledger_public_key)));
    assert!(page.expose().lines().all(|line| line.len() <= 80));

    let sealed = db.read(recovery::sealed).unwrap();
    let typed = SecretString::new(first.private_key.expose().to_lowercase());
    let root = recovery::recover(&typed, &sealed).unwrap();
    assert_eq!(root.fingerprint(), sealed.fingerprint);
    assert!(unlock(&db, root, Suite::default()).is_ok());

    let second = make();
    let resealed = db.read(recovery::sealed).unwrap();
    assert!(recovery::recover(&second.private_key, &resealed).is_ok());
    assert!(matches!(recovery::recover(&first.private_key, &resealed), Err(KeyError::RecoveryKeyWrong)));
    let moved = recovery::SealedRoot { instance: id(8), ..resealed };
    assert!(recovery::recover(&second.private_key, &moved).is_err(), "another instance's seal");
}

#[test]
fn debug_output_of_every_key_shows_no_byte_of_it() {
    let (_dir, db, keyring) = fresh();
    let keyring = with_organization(&db, keyring, 1);
    let keys = db.read(|r| keyring.organization(r, id(1))).unwrap();
    let cipher = keys.secret_cipher(id(2)).unwrap();
    let root = RootKey::from_bytes([0xab; 32]);
    let mac = keys.mac(MacPurpose::Token, &[b"t"]);
    let shown = format!(
        "{keyring:?} {keys:?} {cipher:?} {root:?} {mac:?} {:?} {:?} {:?}",
        keys.mac_key(),
        keyring.instance(),
        cipher.seal(&aad(), b"hunter2").unwrap(),
    );
    for telling in ["abab", "171", "hunter2", "0101010101", &mac.to_hex(4)] {
        assert!(!shown.contains(telling), "{telling} in {shown}");
    }
}
