//! SQL of invitations.

use rusqlite::{OptionalExtension, Row, params};

use super::model::{Ended, Invitation, Stored};
use crate::auth;
use crate::db::{DbError, Reader, WriteTx};
use crate::policy::PrincipalId;
use crate::types::{Id, Timestamp, kinds};

const COLUMNS: &str = "SELECT id, organization_id, email, role, project_id, environment_id, teams, mailed,
    invited_by_kind, invited_by, credential_id, created_at, expires_at, ended_at, ended, hash FROM invitations";

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let by_kind: String = row.get(8)?;
    let invited_by =
        if by_kind == "user" { PrincipalId::User(row.get(9)?) } else { PrincipalId::ServiceAccount(row.get(9)?) };
    let teams: String = row.get(6)?;
    let ended: Option<String> = row.get(14)?;
    let invitation = Invitation {
        id: row.get(0)?,
        organization: row.get(1)?,
        email: row.get(2)?,
        role: row.get(3)?,
        project: row.get(4)?,
        environment: row.get(5)?,
        teams: teams.split(',').filter_map(|id| Id::parse(id).ok()).collect(),
        mailed: row.get(7)?,
        invited_by,
        credential: row.get(10)?,
        created_at: row.get(11)?,
        expires_at: row.get(12)?,
        ended: row.get::<_, Option<Timestamp>>(13)?.zip(ended.as_deref().and_then(Ended::parse)),
    };
    Ok(Stored { invitation, hash: row.get(15)? })
}

/// Keeps an invitation with the keyed hash of its token.
pub(super) fn invitation_insert(
    tx: &WriteTx<'_>,
    i: &Invitation,
    (public_id, hash): (&str, &[u8]),
) -> Result<(), DbError> {
    let (by_kind, by) = auth::store::principal_columns(&i.invited_by);
    let teams: Vec<String> = i.teams.iter().map(ToString::to_string).collect();
    tx.sql()
        .prepare_cached(
            "INSERT INTO invitations (id, organization_id, email, role, project_id, environment_id, teams, mailed,
                public_id, hash, invited_by_kind, invited_by, credential_id, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            i.id,
            i.organization,
            i.email,
            i.role,
            i.project,
            i.environment,
            teams.join(","),
            i.mailed,
            public_id,
            hash,
            by_kind,
            by,
            i.credential,
            i.created_at,
            i.expires_at
        ])?;
    Ok(())
}

/// The invitation whose token has this public id.
pub(super) fn invitation_by_public_id(reader: &Reader<'_>, public_id: &str) -> Result<Option<Stored>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{COLUMNS} WHERE public_id = ?1"))?;
    Ok(statement.query_row([public_id], stored).optional()?)
}

/// The invitation with this id.
pub(super) fn invitation_get(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Invitation>,
) -> Result<Option<Invitation>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{COLUMNS} WHERE id = ?1 AND organization_id = ?2"))?;
    Ok(statement.query_row(params![id, organization], stored).optional()?.map(|s| s.invitation))
}

/// An organization's invitations, newest first, before `before`.
pub(super) fn invitation_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    before: Option<Id<kinds::Invitation>>,
    rows: usize,
) -> Result<Vec<Invitation>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{COLUMNS} WHERE organization_id = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![organization, before, rows], stored)?;
    Ok(found.map(|row| row.map(|s| s.invitation)).collect::<Result<_, _>>()?)
}

/// Invitations of an organization that can still be accepted.
pub(super) fn invitation_open_count(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    now: Timestamp,
) -> Result<usize, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT count(*) FROM invitations WHERE organization_id = ?1 AND ended IS NULL AND expires_at > ?2",
    )?;
    let count: i64 = statement.query_row(params![organization, now], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Ends an invitation; false when it had ended.
pub(super) fn invitation_end(
    tx: &WriteTx<'_>,
    id: Id<kinds::Invitation>,
    ended: Ended,
    now: Timestamp,
) -> Result<bool, DbError> {
    let mut statement =
        tx.sql().prepare_cached("UPDATE invitations SET ended = ?2, ended_at = ?3 WHERE id = ?1 AND ended IS NULL")?;
    Ok(statement.execute(params![id, ended.as_str(), now])? > 0)
}

/// Forgets invitations that ended or expired before `before`; how many.
pub(super) fn invitation_purge(tx: &WriteTx<'_>, before: Timestamp, at_once: u32) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "DELETE FROM invitations WHERE id IN
            (SELECT id FROM invitations WHERE coalesce(ended_at, expires_at) < ?1 LIMIT ?2)",
    )?;
    Ok(statement.execute(params![before, at_once])?)
}

/// Sets the password of somebody who has none of their own; false when they have one.
pub(super) fn own_password_set_first(tx: &WriteTx<'_>, user: Id<kinds::User>, hash: &str) -> Result<bool, DbError> {
    let mut statement =
        tx.sql().prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1 AND password_hash IS NULL")?;
    Ok(statement.execute(params![user, hash])? > 0)
}
