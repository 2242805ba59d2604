//! The SQL of keys: rows in and out, nothing opened here.

use rusqlite::{OptionalExtension as _, Row, params};

use super::passphrase::PassphraseParameters;
use super::root::Fingerprint;
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// Versions of one owner's keys read at most; a rotation destroys the old ones long before.
const VERSIONS_MAX: u32 = 1_024;

pub(super) struct RootRow {
    pub(super) version: u32,
    pub(super) fingerprint: Fingerprint,
    pub(super) key_check: [u8; 32],
}

/// The root keys that may open this database, newest first.
pub(super) fn root_list(reader: &Reader<'_>) -> Result<Vec<RootRow>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT version, fingerprint, key_check FROM root_keys WHERE retired_at IS NULL ORDER BY version DESC LIMIT 16",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(RootRow { version: row.get(0)?, fingerprint: Fingerprint::from_bytes(row.get(1)?), key_check: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether any root key was ever recorded, retired ones included.
pub(super) fn root_exists(reader: &Reader<'_>) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM root_keys) OR EXISTS (SELECT 1 FROM encryption_keys)";
    Ok(reader.sql().prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

pub(super) fn root_insert(
    tx: &WriteTx<'_>,
    row: &RootRow,
    by: Option<Id<kinds::User>>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO root_keys (version, fingerprint, key_check, created_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![row.version, row.fingerprint.as_bytes(), row.key_check, now.as_micros(), user(by.as_ref())])?;
    Ok(())
}

pub(super) fn passphrase_load(reader: &Reader<'_>) -> Result<Option<PassphraseParameters>, DbError> {
    let sql = "SELECT salt, iterations, memory_kib, parallelism FROM root_passphrase WHERE one = 1";
    let row = reader.sql().prepare_cached(sql)?.query_row([], |row| {
        Ok(PassphraseParameters {
            salt: row.get(0)?,
            iterations: row.get(1)?,
            memory_kib: row.get(2)?,
            parallelism: row.get(3)?,
        })
    });
    Ok(row.optional()?)
}

pub(super) fn passphrase_insert(tx: &WriteTx<'_>, p: &PassphraseParameters) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO root_passphrase (one, salt, iterations, memory_kib, parallelism) VALUES (1, ?1, ?2, ?3, ?4)",
        )?
        .execute(params![p.salt, p.iterations, p.memory_kib, p.parallelism])?;
    Ok(())
}

/// A key-encryption key as stored.
pub(super) struct WrappedRow {
    pub(super) version: u32,
    pub(super) wrapped: Vec<u8>,
}

/// The versions of `owner`'s key that `root_version` opens, oldest first.
pub(super) fn wrapped_list(
    reader: &Reader<'_>,
    owner: &[u8; 16],
    root_version: u32,
) -> Result<Vec<WrappedRow>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT version, wrapped FROM wrapped_keys WHERE owner = ?1 AND root_version = ?2 ORDER BY version LIMIT ?3",
    )?;
    let rows = statement.query_map(params![owner, root_version, VERSIONS_MAX], wrapped_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn wrapped_row(row: &Row<'_>) -> rusqlite::Result<WrappedRow> {
    Ok(WrappedRow { version: row.get(0)?, wrapped: row.get(1)? })
}

/// The instance the keys were made for.
pub(super) fn instance_owner(reader: &Reader<'_>) -> Result<Option<[u8; 16]>, DbError> {
    let sql = "SELECT owner FROM encryption_keys WHERE kind = 'instance' LIMIT 1";
    Ok(reader.sql().prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
}

/// A new key-encryption key, wrapped under `root_version`.
pub(super) struct NewKey<'a> {
    pub(super) kind: &'static str,
    pub(super) owner: &'a [u8; 16],
    pub(super) version: u32,
    pub(super) fingerprint: Fingerprint,
    pub(super) root_version: u32,
    pub(super) wrapped: &'a [u8],
}

pub(super) fn key_insert(
    tx: &WriteTx<'_>,
    key: &NewKey<'_>,
    by: Option<Id<kinds::User>>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO encryption_keys (owner, version, kind, fingerprint, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            key.owner,
            key.version,
            key.kind,
            key.fingerprint.as_bytes(),
            now.as_micros(),
            user(by.as_ref())
        ])?;
    tx.sql()
        .prepare_cached("INSERT INTO wrapped_keys (owner, version, root_version, wrapped) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key.owner, key.version, key.root_version, key.wrapped])?;
    Ok(())
}

/// Destroys every wrapped form of `owner`'s keys; the history stays.
pub(super) fn keys_destroy(tx: &WriteTx<'_>, owner: &[u8; 16], now: Timestamp) -> Result<(), DbError> {
    for sql in ["DELETE FROM wrapped_keys WHERE owner = ?1", "DELETE FROM mac_keys WHERE owner = ?1"] {
        tx.sql().prepare_cached(sql)?.execute([owner])?;
    }
    tx.sql()
        .prepare_cached("UPDATE encryption_keys SET destroyed_at = ?2 WHERE owner = ?1 AND destroyed_at IS NULL")?
        .execute(params![owner, now.as_micros()])?;
    Ok(())
}

/// A MAC key as stored.
pub(super) struct MacRow {
    pub(super) version: u32,
    pub(super) encryption_version: u32,
    pub(super) wrapped: Vec<u8>,
}

/// The newest MAC key of `owner`.
pub(super) fn mac_load(reader: &Reader<'_>, owner: &[u8; 16]) -> Result<Option<MacRow>, DbError> {
    let sql =
        "SELECT version, encryption_version, wrapped FROM mac_keys WHERE owner = ?1 ORDER BY version DESC LIMIT 1";
    let row = reader.sql().prepare_cached(sql)?.query_row([owner], |row| {
        Ok(MacRow { version: row.get(0)?, encryption_version: row.get(1)?, wrapped: row.get(2)? })
    });
    Ok(row.optional()?)
}

pub(super) fn mac_insert(tx: &WriteTx<'_>, owner: &[u8; 16], row: &MacRow, now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO mac_keys (owner, version, encryption_version, wrapped, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![owner, row.version, row.encryption_version, row.wrapped, now.as_micros()])?;
    Ok(())
}

/// A signing key of the ledger as stored.
pub(super) struct LedgerKeyRow {
    pub(super) version: u32,
    pub(super) public: [u8; 32],
    pub(super) sealed: Vec<u8>,
}

/// The newest signing key.
pub(super) fn ledger_key_load(reader: &Reader<'_>) -> Result<Option<LedgerKeyRow>, DbError> {
    let sql = "SELECT version, public, sealed FROM ledger_keys WHERE retired_at IS NULL ORDER BY version DESC LIMIT 1";
    let row = reader
        .sql()
        .prepare_cached(sql)?
        .query_row([], |row| Ok(LedgerKeyRow { version: row.get(0)?, public: row.get(1)?, sealed: row.get(2)? }));
    Ok(row.optional()?)
}

pub(super) fn ledger_key_insert(tx: &WriteTx<'_>, row: &LedgerKeyRow, now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT INTO ledger_keys (version, public, sealed, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![row.version, row.public, row.sealed, now.as_micros()])?;
    Ok(())
}

/// Records a new recovery key, retires the older ones and drops what was sealed to them. Answers its version.
pub(super) fn recovery_replace(
    tx: &WriteTx<'_>,
    public: &[u8; 32],
    by: Option<Id<kinds::User>>,
    now: Timestamp,
) -> Result<u32, DbError> {
    tx.sql().prepare_cached("DELETE FROM recovery_seals")?.execute([])?;
    tx.sql()
        .prepare_cached("UPDATE recovery_keys SET retired_at = ?1 WHERE retired_at IS NULL")?
        .execute([now.as_micros()])?;
    let version = tx
        .sql()
        .prepare_cached("SELECT coalesce(max(version), 0) + 1 FROM recovery_keys")?
        .query_row([], |row| row.get(0))?;
    tx.sql()
        .prepare_cached("INSERT INTO recovery_keys (version, public, created_at, created_by) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![version, public, now.as_micros(), user(by.as_ref())])?;
    Ok(version)
}

pub(super) fn recovery_seal_insert(
    tx: &WriteTx<'_>,
    recovery_version: u32,
    root_version: u32,
    sealed: &[u8],
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT INTO recovery_seals (recovery_version, root_version, sealed) VALUES (?1, ?2, ?3)")?
        .execute(params![recovery_version, root_version, sealed])?;
    Ok(())
}

/// The newest root key sealed to the recovery key in force, and that root key's fingerprint.
pub(super) fn recovery_load(reader: &Reader<'_>) -> Result<Option<(Fingerprint, Vec<u8>)>, DbError> {
    let sql = "SELECT r.fingerprint, s.sealed FROM recovery_seals s
               JOIN root_keys r ON r.version = s.root_version
               JOIN recovery_keys k ON k.version = s.recovery_version
               WHERE k.retired_at IS NULL ORDER BY s.root_version DESC LIMIT 1";
    let row =
        reader.sql().prepare_cached(sql)?.query_row([], |row| Ok((Fingerprint::from_bytes(row.get(0)?), row.get(1)?)));
    Ok(row.optional()?)
}

/// One line of the key history.
pub(super) fn history(reader: &Reader<'_>) -> Result<Vec<super::keyring::HistoryEntry>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT 'root', NULL, version, fingerprint, created_at, created_by, retired_at, NULL FROM root_keys
         UNION ALL
         SELECT kind, owner, version, fingerprint, created_at, created_by, retired_at, destroyed_at FROM encryption_keys
         ORDER BY 5, 3 LIMIT 10000",
    )?;
    let rows = statement.query_map([], |row| {
        let at = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(Timestamp::from_micros));
        Ok(super::keyring::HistoryEntry {
            kind: row.get(0)?,
            owner: row.get(1)?,
            version: row.get(2)?,
            fingerprint: Fingerprint::from_bytes(row.get(3)?),
            created_at: Timestamp::from_micros(row.get(4)?),
            created_by: row.get::<_, Option<[u8; 16]>>(5)?.map(Id::from_bytes),
            retired_at: at(6)?,
            destroyed_at: at(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether this is a reader's connection: what it shows is committed.
pub(super) fn shows_only_committed(reader: &Reader<'_>) -> Result<bool, DbError> {
    Ok(reader.sql().prepare_cached("PRAGMA query_only")?.query_row([], |row| row.get(0))?)
}

fn user(by: Option<&Id<kinds::User>>) -> Option<&[u8; 16]> {
    by.map(Id::as_bytes)
}
