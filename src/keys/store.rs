//! The SQL of keys: rows in and out, nothing opened here.

use rusqlite::{OptionalExtension as _, Row, params};

use super::history::{HeldUntil, HistoryEntry};
use super::passphrase::PassphraseParameters;
use super::root::Fingerprint;
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// Versions of one owner's keys read at most; a rotation destroys the old ones long before.
const VERSIONS_MAX: u32 = 1_024;

/// A root key as stored.
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

/// Whether this database ever had this root key.
pub(super) fn root_known(reader: &Reader<'_>, fingerprint: Fingerprint) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM root_keys WHERE fingerprint = ?1)";
    Ok(reader.sql().prepare_cached(sql)?.query_row([fingerprint.as_bytes()], |row| row.get(0))?)
}

/// The number of the next root key.
pub(super) fn root_next(reader: &Reader<'_>) -> Result<u32, DbError> {
    let sql = "SELECT coalesce(max(version), 0) + 1 FROM root_keys";
    Ok(reader.sql().prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// An older root key, sealed under the newest one.
pub(super) fn root_wrapped(reader: &Reader<'_>, version: u32) -> Result<Option<Vec<u8>>, DbError> {
    let sql = "SELECT wrapped FROM root_keys WHERE version = ?1";
    Ok(reader.sql().prepare_cached(sql)?.query_row([version], |row| row.get(0)).optional()?.flatten())
}

pub(super) fn root_wrapped_set(tx: &WriteTx<'_>, version: u32, wrapped: &[u8]) -> Result<(), DbError> {
    let sql = "UPDATE root_keys SET wrapped = ?2 WHERE version = ?1";
    tx.sql().prepare_cached(sql)?.execute(params![version, wrapped])?;
    Ok(())
}

/// Takes away everything that a root key opens; its line in the history stays.
pub(super) fn root_retire(tx: &WriteTx<'_>, version: u32, now: Timestamp) -> Result<(), DbError> {
    for sql in
        ["DELETE FROM wrapped_keys WHERE root_version = ?1", "DELETE FROM recovery_seals WHERE root_version = ?1"]
    {
        tx.sql().prepare_cached(sql)?.execute([version])?;
    }
    tx.sql()
        .prepare_cached("UPDATE root_keys SET retired_at = ?2, wrapped = NULL WHERE version = ?1")?
        .execute(params![version, now.as_micros()])?;
    Ok(())
}

/// Who holds on to a key at this time, and until when; of several the one that does longest.
pub(super) fn hold_find(
    reader: &Reader<'_>,
    owner: &[u8; 16],
    version: u32,
    now: Timestamp,
) -> Result<Option<(String, Option<Timestamp>)>, DbError> {
    let sql = "SELECT holder, until FROM key_holds WHERE owner = ?1 AND version = ?2 AND (until IS NULL OR until > ?3)
               ORDER BY until IS NULL DESC, until DESC LIMIT 1";
    let row =
        reader.sql().prepare_cached(sql)?.query_row(params![owner, version, now], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
}

/// Until when any key of `owner` is held.
pub(super) fn hold_last(reader: &Reader<'_>, owner: &[u8; 16]) -> Result<HeldUntil, DbError> {
    let sql = "SELECT until FROM key_holds WHERE owner = ?1 ORDER BY until IS NULL DESC, until DESC LIMIT 1";
    let found = reader.sql().prepare_cached(sql)?.query_row([owner], |row| {
        let until: Option<Timestamp> = row.get(0)?;
        Ok(until.map_or(HeldUntil::NoEnd, HeldUntil::Date))
    });
    Ok(found.optional()?.unwrap_or(HeldUntil::NotHeld))
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

/// Where a walk through all that is wrapped under one root key is.
pub(super) struct WrappedPage {
    root_version: u32,
    owner: [u8; 16],
    version: u32,
}

impl WrappedPage {
    pub(super) const fn first(root_version: u32) -> Self {
        Self { root_version, owner: [0; 16], version: 0 }
    }

    pub(super) const fn after(&self, last: &OwnedRow) -> Self {
        Self { root_version: self.root_version, owner: last.owner, version: last.version }
    }
}

/// A wrapped key and whose it is.
pub(super) struct OwnedRow {
    pub(super) owner: [u8; 16],
    pub(super) version: u32,
    pub(super) kind: &'static str,
    pub(super) wrapped: Vec<u8>,
}

/// The next wrapped keys of a walk.
pub(super) fn wrapped_page(reader: &Reader<'_>, page: &WrappedPage, rows: u32) -> Result<Vec<OwnedRow>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT w.owner, w.version, e.kind = 'instance', w.wrapped FROM wrapped_keys w
         JOIN encryption_keys e ON e.owner = w.owner AND e.version = w.version
         WHERE w.root_version = ?1 AND (w.owner, w.version) > (?2, ?3) ORDER BY w.owner, w.version LIMIT ?4",
    )?;
    let found = statement.query_map(params![page.root_version, page.owner, page.version, rows], |row| {
        let kind = if row.get(2)? { "instance" } else { "organization" };
        Ok(OwnedRow { owner: row.get(0)?, version: row.get(1)?, kind, wrapped: row.get(3)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// How often `owner`'s keys were changed: made or destroyed. It only grows, and tells two states of them apart.
pub(super) fn key_changes(reader: &Reader<'_>, owner: &[u8; 16]) -> Result<u64, DbError> {
    let sql = "SELECT count(*) + count(destroyed_at) FROM encryption_keys WHERE owner = ?1";
    let count: i64 = reader.sql().prepare_cached(sql)?.query_row([owner], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// The number of `owner`'s next key.
pub(super) fn key_next(reader: &Reader<'_>, owner: &[u8; 16]) -> Result<u32, DbError> {
    let sql = "SELECT coalesce(max(version), 0) + 1 FROM encryption_keys WHERE owner = ?1";
    Ok(reader.sql().prepare_cached(sql)?.query_row([owner], |row| row.get(0))?)
}

/// `owner`'s keys below `than` that are not destroyed.
pub(super) fn key_older(reader: &Reader<'_>, owner: &[u8; 16], than: u32) -> Result<Vec<u32>, DbError> {
    let sql = "SELECT version FROM encryption_keys WHERE owner = ?1 AND version < ?2 AND destroyed_at IS NULL LIMIT ?3";
    let mut statement = reader.sql().prepare_cached(sql)?;
    let rows = statement.query_map(params![owner, than, VERSIONS_MAX], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// From now on `owner`'s keys seal nothing new.
pub(super) fn keys_retire(tx: &WriteTx<'_>, owner: &[u8; 16], now: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE encryption_keys SET retired_at = ?2 WHERE owner = ?1 AND retired_at IS NULL";
    tx.sql().prepare_cached(sql)?.execute(params![owner, now.as_micros()])?;
    Ok(())
}

/// Destroys every wrapped form of `owner`'s keys below `than`; the history stays.
pub(super) fn keys_destroy_older(tx: &WriteTx<'_>, owner: &[u8; 16], than: u32, now: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("DELETE FROM wrapped_keys WHERE owner = ?1 AND version < ?2")?
        .execute(params![owner, than])?;
    tx.sql()
        .prepare_cached(
            "UPDATE encryption_keys SET destroyed_at = ?3 WHERE owner = ?1 AND version < ?2 AND destroyed_at IS NULL",
        )?
        .execute(params![owner, than, now.as_micros()])?;
    Ok(())
}

/// A new key-encryption key; its wrapped forms are [`wrapped_insert`]'s.
pub(super) struct NewKey<'a> {
    pub(super) kind: &'static str,
    pub(super) owner: &'a [u8; 16],
    pub(super) version: u32,
    pub(super) fingerprint: Fingerprint,
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
    Ok(())
}

/// A key-encryption key wrapped under a root key.
pub(super) fn wrapped_insert(
    tx: &WriteTx<'_>,
    owner: &[u8; 16],
    version: u32,
    root_version: u32,
    wrapped: &[u8],
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT INTO wrapped_keys (owner, version, root_version, wrapped) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![owner, version, root_version, wrapped])?;
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

/// Replaces the wrapped form of a MAC key; the key itself stays.
pub(super) fn mac_rewrap(
    tx: &WriteTx<'_>,
    owner: &[u8; 16],
    version: u32,
    encryption_version: u32,
    wrapped: &[u8],
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE mac_keys SET encryption_version = ?3, wrapped = ?4 WHERE owner = ?1 AND version = ?2")?
        .execute(params![owner, version, encryption_version, wrapped])?;
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

/// The recovery key in force and its version.
pub(super) fn recovery_key(reader: &Reader<'_>) -> Result<Option<(u32, [u8; 32])>, DbError> {
    let sql = "SELECT version, public FROM recovery_keys WHERE retired_at IS NULL ORDER BY version DESC LIMIT 1";
    let row = reader.sql().prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
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

/// The key history, newest first: everybody's, or one owner's.
pub(super) fn history(reader: &Reader<'_>, owner: Option<&[u8; 16]>) -> Result<Vec<HistoryEntry>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT 'root', NULL, version, fingerprint, created_at, created_by, retired_at, NULL,
             version = (SELECT max(version) FROM root_keys) FROM root_keys WHERE ?1 IS NULL
         UNION ALL
         SELECT kind, owner, version, fingerprint, created_at, created_by, retired_at, destroyed_at,
             version = (SELECT max(version) FROM encryption_keys n WHERE n.owner = e.owner) FROM encryption_keys e
         WHERE ?1 IS NULL OR owner = ?1
         ORDER BY 5 DESC, 1, 2, 3 DESC LIMIT 10000",
    )?;
    let rows = statement.query_map([owner], |row| {
        let at = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(Timestamp::from_micros));
        Ok(HistoryEntry {
            kind: row.get(0)?,
            owner: row.get(1)?,
            version: row.get(2)?,
            fingerprint: Fingerprint::from_bytes(row.get(3)?),
            created_at: Timestamp::from_micros(row.get(4)?),
            created_by: row.get::<_, Option<[u8; 16]>>(5)?.map(Id::from_bytes),
            retired_at: at(6)?,
            destroyed_at: at(7)?,
            is_newest: row.get(8)?,
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
