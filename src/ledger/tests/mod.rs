//! The promises of the ledger, on a real file.

mod log;
mod reading;
mod tamper;
mod trust;

use std::path::{Path, PathBuf};

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::merkle::Hash;
use super::*;
use crate::db::{DbError, Reader, WriteTx, read_offline};
use crate::types::Timestamp;

const READ: ActionName = ActionName::new("secret.reveal");
const WRITE: ActionName = ActionName::new("secret.write");

/// A signer with a fixed key that protects nothing.
pub(super) struct TestKey(Ed25519KeyPair);

impl TestKey {
    pub(super) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }
}

impl Sign for TestKey {
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }
}

struct Log {
    dir: tempfile::TempDir,
    db: Db,
}

fn instance() -> Id<kinds::Instance> {
    Id::from_bytes([1; 16])
}

fn id<K: crate::types::IdKind>(n: u64) -> Id<K> {
    let mut bytes = [3; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    Id::from_bytes(bytes)
}

fn at(n: u64) -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000 + i64::try_from(n).unwrap() * 1_000_000)
}

/// The `n`th of a mixed lot of events.
fn event(n: u64) -> Event {
    let actor = if n.is_multiple_of(4) { Actor::ServiceAccount(id(n % 3)) } else { Actor::User(id(n % 5)) };
    let outcome =
        [Outcome::Allowed, Outcome::Allowed, Outcome::Denied, Outcome::Failed][usize::try_from(n % 4).unwrap()];
    let mut event = Event::new(at(n), if n.is_multiple_of(3) { WRITE } else { READ }, outcome, actor)
        .credential(id(n % 7))
        .request(id(n))
        .target(Target::new("secret", id::<kinds::SecretRow>(n % 50)))
        .policies(vec!["builtin.\"viewer\"".to_owned()])
        .details(Details::new().with("version", n).with("name", "DATABASE_URL"));
    if n % 6 != 5 {
        event = event.organization(id(n % 2)).project(id(n % 3)).environment(id(n % 4));
    }
    if n.is_multiple_of(5) {
        let text = Some("a \"reason\"".to_owned());
        event = event.personal(Personal { address: Some("192.0.2.7".into()), user_agent: None, text });
    }
    event
}

fn registry() -> Registry {
    Registry::freeze(&[&[READ, WRITE]]).unwrap()
}

impl Log {
    fn open(dir: tempfile::TempDir) -> Self {
        let db = Db::open(&dir.path().join("t.db")).unwrap();
        start(&db, registry(), instance()).unwrap();
        Self { dir, db }
    }

    /// A log of `n` events and a checkpoint.
    fn of(n: u64) -> Self {
        let log = Self::open(tempfile::tempdir().unwrap());
        log.append(0..n);
        log.checkpoint();
        log
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("t.db")
    }

    fn append(&self, events: std::ops::Range<u64>) {
        self.write(move |tx| {
            for n in events {
                append(tx, event(n))?;
            }
            Ok(())
        })
        .unwrap();
    }

    fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut WriteTx<'_>) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.db.write_blocking(f)
    }

    fn checkpoint(&self) -> Checkpoint {
        self.write(|tx| checkpoint_make(tx, &TestKey::new(9), at(0))).unwrap()
    }

    /// Changes rows behind the ledger's back.
    fn by_hand(&self, sql: &'static str) {
        let changed: Result<(), DbError> = self.db.write_blocking(move |tx| Ok(tx.sql().execute_batch(sql)?));
        changed.unwrap();
    }

    /// A copy of the files as they are, to be opened as another database.
    fn copy(&self) -> tempfile::TempDir {
        let to = tempfile::tempdir().unwrap();
        for name in ["t.db", "t.db-wal"] {
            let from = self.dir.path().join(name);
            if from.exists() {
                std::fs::copy(from, to.path().join(name)).unwrap();
            }
        }
        to
    }

    fn verify(&self, checkpoints: &[&Checkpoint]) -> Report {
        check(&self.path(), Some(9), checkpoints)
    }

    fn head(&self) -> (u64, Hash) {
        self.write(|tx| {
            let tail = tx.parts::<LedgerTail>().1.unwrap();
            Ok((tail.size(), tail.root()))
        })
        .unwrap()
    }

    fn read<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, LedgerError>) -> T {
        self.db.read(f).unwrap()
    }

    /// The root by definition, over the stored records.
    fn naive_root(&self) -> Hash {
        let mut leaves = Vec::new();
        self.read(|reader| {
            store::records(reader, 0..u64::MAX, |_, record, _| leaves.push(merkle::leaf_hash(record.unwrap())))?;
            Ok(())
        });
        merkle::tests::naive_root(&leaves)
    }
}

/// Verifies a file with the key of this seed.
fn check(path: &Path, key: Option<u8>, checkpoints: &[&Checkpoint]) -> Report {
    let trust = Trust {
        key: key.map(|seed| TestKey::new(seed).public_key()),
        instance: Some(instance()),
        checkpoints: checkpoints.iter().map(|head| head.note().to_owned()).collect(),
    };
    read_offline(path, |reader| verify(reader, &trust, &mut |_, _| ())).unwrap()
}

fn codes(report: &Report) -> Vec<(Option<u64>, &'static str)> {
    report.problems.iter().map(|problem| (problem.seq, problem.code)).collect()
}
