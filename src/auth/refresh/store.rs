//! SQL of refresh tokens.

use rusqlite::{OptionalExtension, params};

use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

/// The stored side of a login's refresh tokens.
pub(super) struct Stored {
    pub(super) credential: Id<kinds::Credential>,
    pub(super) public_id: String,
    pub(super) hash: Vec<u8>,
    pub(super) made_at: Timestamp,
    pub(super) spent_hash: Option<Vec<u8>>,
    pub(super) spent_is_void: bool,
}

/// Adds the first refresh token of a login.
pub(super) fn insert(
    tx: &WriteTx<'_>,
    credential: Id<kinds::Credential>,
    public_id: &str,
    hash: &[u8],
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT INTO refresh_tokens (credential_id, public_id, hash, made_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![credential, public_id, hash, now])?;
    Ok(())
}

/// The refresh tokens of the login one of whose has this public part: the newest or the one before it.
pub(super) fn get(reader: &Reader<'_>, public_id: &str) -> Result<Option<Stored>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT credential_id, public_id, hash, made_at, spent_hash, spent_is_void FROM refresh_tokens
         WHERE public_id = ?1 OR spent_public_id = ?1",
    )?;
    let stored = |row: &rusqlite::Row<'_>| {
        Ok(Stored {
            credential: row.get(0)?,
            public_id: row.get(1)?,
            hash: row.get(2)?,
            made_at: row.get(3)?,
            spent_hash: row.get(4)?,
            spent_is_void: row.get(5)?,
        })
    };
    Ok(statement.query_row([public_id], stored).optional()?)
}

/// Puts a new refresh token in the place of the newest, which is the spent one from now on; void when nobody used it.
pub(super) fn replace(
    tx: &WriteTx<'_>,
    credential: Id<kinds::Credential>,
    (public_id, hash): (&str, &[u8]),
    newest_is_void: bool,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "UPDATE refresh_tokens SET spent_public_id = public_id, spent_hash = hash, spent_is_void = ?5,
                public_id = ?2, hash = ?3, made_at = ?4
             WHERE credential_id = ?1",
        )?
        .execute(params![credential, public_id, hash, now, newest_is_void])?;
    Ok(())
}
