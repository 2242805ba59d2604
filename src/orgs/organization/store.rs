//! SQL of organizations, their members and what was deleted in them.

use rusqlite::{OptionalExtension, Row, params};

use super::{Deletion, DeletionKind, Extent, Organization};
use crate::db::{DbError, Reader, WriteTx};
use crate::types::{Id, Timestamp, kinds};

const ORGANIZATION: &str = "SELECT id, slug, name, created_at, updated_at, deletion_id FROM organizations";

fn organization(row: &Row<'_>) -> rusqlite::Result<Organization> {
    Ok(Organization {
        id: row.get(0)?,
        slug: row.get(1)?,
        name: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        deletion: row.get(5)?,
    })
}

/// The organization with this id, deleted or not.
pub(crate) fn organization_get(
    reader: &Reader<'_>,
    id: Id<kinds::Organization>,
) -> Result<Option<Organization>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{ORGANIZATION} WHERE id = ?1"))?;
    Ok(statement.query_row([id], organization).optional()?)
}

/// Most organizations of an appliance that are walked.
const ALL_MAX: u32 = 100_000;

/// Every organization, deleted or not: its id and slug.
pub(crate) fn organization_all(reader: &Reader<'_>) -> Result<Vec<(Id<kinds::Organization>, String)>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT id, slug FROM organizations ORDER BY slug LIMIT ?1")?;
    Ok(statement.query_map([ALL_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// The organization with this slug, deleted or not.
pub(crate) fn organization_by_slug(reader: &Reader<'_>, slug: &str) -> Result<Option<Organization>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{ORGANIZATION} WHERE slug = ?1"))?;
    Ok(statement.query_row([slug], organization).optional()?)
}

/// Adds an organization.
pub(crate) fn organization_insert(tx: &WriteTx<'_>, o: &Organization) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO organizations (id, slug, name, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![o.id, o.slug, o.name, o.created_at, o.updated_at])?;
    Ok(())
}

/// Renames an organization.
pub(crate) fn organization_rename(
    tx: &WriteTx<'_>,
    id: Id<kinds::Organization>,
    name: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE organizations SET name = ?2, updated_at = ?3 WHERE id = ?1")?
        .execute(params![id, name, now])?;
    Ok(())
}

/// Makes an organization part of a deletion, or takes it out of it again.
pub(crate) fn organization_mark_deleted(
    tx: &WriteTx<'_>,
    id: Id<kinds::Organization>,
    deletion: Option<Id<kinds::Deletion>>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE organizations SET deletion_id = ?2, updated_at = ?3 WHERE id = ?1")?
        .execute(params![id, deletion, now])?;
    Ok(())
}

/// Makes a user a member; no change when they are one.
pub(crate) fn member_insert(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("INSERT OR IGNORE INTO members (organization_id, user_id, joined_at) VALUES (?1, ?2, ?3)")?
        .execute(params![organization, user, now])?;
    Ok(())
}

/// Since when a user is a member.
pub(crate) fn member_since(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
) -> Result<Option<Timestamp>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT joined_at FROM members WHERE organization_id = ?1 AND user_id = ?2")?;
    Ok(statement.query_row(params![organization, user], |row| row.get(0)).optional()?)
}

/// The organization that is not deleted a user joined first.
pub(crate) fn organization_joined_first(
    reader: &Reader<'_>,
    user: Id<kinds::User>,
) -> Result<Option<Organization>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT o.id, o.slug, o.name, o.created_at, o.updated_at, o.deletion_id FROM organizations o
         JOIN members m ON m.organization_id = o.id
         WHERE m.user_id = ?1 AND o.deletion_id IS NULL ORDER BY m.joined_at, o.id LIMIT 1",
    )?;
    Ok(statement.query_row([user], organization).optional()?)
}

/// Whether an organization asks for a second factor.
pub(crate) fn second_factor_required(reader: &Reader<'_>, id: Id<kinds::Organization>) -> Result<bool, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT second_factor_required FROM organizations WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// Makes an organization ask for a second factor, or no more.
pub(crate) fn second_factor_require(
    tx: &WriteTx<'_>,
    id: Id<kinds::Organization>,
    required: bool,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE organizations SET second_factor_required = ?2 WHERE id = ?1")?
        .execute(params![id, required])?;
    Ok(())
}

/// The organizations a user is in that are not deleted, by slug; at most 500.
pub(crate) fn organizations_of(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<Vec<Organization>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT o.id, o.slug, o.name, o.created_at, o.updated_at, o.deletion_id FROM organizations o
         JOIN members m ON m.organization_id = o.id
         WHERE m.user_id = ?1 AND o.deletion_id IS NULL ORDER BY o.slug LIMIT 500",
    )?;
    Ok(statement.query_map([user], organization)?.collect::<Result<_, _>>()?)
}

/// Counts what an organization holds, without what is deleted.
pub(crate) fn organization_extent(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<Extent, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT (SELECT count(*) FROM projects WHERE organization_id = ?1 AND deletion_id IS NULL),
            (SELECT count(*) FROM environments e JOIN projects p ON p.id = e.project_id
             WHERE p.organization_id = ?1 AND p.deletion_id IS NULL AND e.deletion_id IS NULL),
            (SELECT count(*) FROM members WHERE organization_id = ?1),
            (SELECT count(*) FROM teams WHERE organization_id = ?1)",
    )?;
    let number = |row: &Row<'_>, at| row.get::<_, i64>(at).map(|n| usize::try_from(n).unwrap_or_default());
    let extent = |row: &Row<'_>| {
        let (projects, environments) = (number(row, 0)?, number(row, 1)?);
        Ok(Extent { projects, environments, members: number(row, 2)?, teams: number(row, 3)? })
    };
    Ok(statement.query_row([organization], extent)?)
}

/// Sets the password that opens this organization for a member who has none of their own.
pub(crate) fn member_password_set(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
    hash: &str,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE members SET password_hash = ?3 WHERE organization_id = ?1 AND user_id = ?2")?
        .execute(params![organization, user, hash])?;
    Ok(())
}

/// The stored hash of the password that opens this organization for a member who has none of their own.
pub(crate) fn member_password(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
) -> Result<Option<String>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT password_hash FROM members WHERE organization_id = ?1 AND user_id = ?2")?;
    Ok(statement.query_row(params![organization, user], |row| row.get(0)).optional()?.flatten())
}

/// Members of an organization by id, after `after`: user and since when.
pub(crate) fn member_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    after: Option<Id<kinds::User>>,
    rows: usize,
) -> Result<Vec<(Id<kinds::User>, Timestamp)>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT user_id, joined_at FROM members WHERE organization_id = ?1 AND (?2 IS NULL OR user_id > ?2)
         ORDER BY user_id LIMIT ?3",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![organization, after, rows], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Ends a membership; false when there was none.
pub(crate) fn member_delete(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
) -> Result<bool, DbError> {
    let mut statement = tx.sql().prepare_cached("DELETE FROM members WHERE organization_id = ?1 AND user_id = ?2")?;
    Ok(statement.execute(params![organization, user])? > 0)
}

fn deletion(row: &Row<'_>) -> rusqlite::Result<Deletion> {
    let kind: String = row.get(2)?;
    Ok(Deletion {
        id: row.get(0)?,
        organization: row.get(1)?,
        kind: DeletionKind::parse(&kind)
            .ok_or_else(|| rusqlite::Error::InvalidColumnType(2, "kind".into(), rusqlite::types::Type::Text))?,
        target: row.get(3)?,
        name: row.get(4)?,
        deleted_at: row.get(5)?,
        restorable_until: row.get(6)?,
        deleted_by: row.get(7)?,
    })
}

const DELETION: &str = "SELECT id, organization_id, kind, target_id, name, deleted_at, restorable_until, deleted_by
    FROM deletions";

/// Notes a deletion.
pub(crate) fn deletion_insert(tx: &WriteTx<'_>, d: &Deletion) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO deletions (id, organization_id, kind, target_id, name, deleted_at, restorable_until, deleted_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            d.id,
            d.organization,
            d.kind.as_str(),
            d.target,
            d.name,
            d.deleted_at,
            d.restorable_until,
            d.deleted_by
        ])?;
    Ok(())
}

/// A deletion of an organization.
pub(crate) fn deletion_get(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Deletion>,
) -> Result<Option<Deletion>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{DELETION} WHERE id = ?1 AND organization_id = ?2 AND purged_at IS NULL"))?;
    Ok(statement.query_row(params![id, organization], deletion).optional()?)
}

/// Deletions of an organization, newest first, before `before`.
pub(crate) fn deletion_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    before: Option<Id<kinds::Deletion>>,
    rows: usize,
) -> Result<Vec<Deletion>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{DELETION} WHERE organization_id = ?1 AND purged_at IS NULL AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![organization, before, rows], deletion)?.collect::<Result<_, _>>()?)
}

/// The condition that a deletion can be purged at `?1`: its date is over, and nothing of it is on a cluster any more, for
/// with its rows it would be forgotten there.
const DUE: &str = "restorable_until <= ?1 AND purged_at IS NULL AND NOT EXISTS (SELECT 1 FROM environments e
    JOIN cluster_uses u ON u.environment_id = e.id WHERE e.deletion_id = deletions.id)";

/// Deletions whose restore window is over, oldest first.
pub(crate) fn deletion_due(reader: &Reader<'_>, now: Timestamp, rows: u32) -> Result<Vec<Deletion>, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("{DELETION} WHERE {DUE} ORDER BY restorable_until LIMIT ?2"))?;
    Ok(statement.query_map(params![now, rows], deletion)?.collect::<Result<_, _>>()?)
}

/// How many deletions there are whose restore window is over.
pub(crate) fn deletion_due_count(reader: &Reader<'_>, now: Timestamp) -> Result<u64, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("SELECT count(*) FROM deletions WHERE {DUE}"))?;
    let count: i64 = statement.query_row([now], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Forgets a deletion: restored or purged.
pub(crate) fn deletion_delete(tx: &WriteTx<'_>, id: Id<kinds::Deletion>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM deletions WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Marks a deletion as done for good: it can neither be restored nor come up again.
pub(crate) fn deletion_close(tx: &WriteTx<'_>, id: Id<kinds::Deletion>, now: Timestamp) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE deletions SET purged_at = ?2 WHERE id = ?1")?.execute(params![id, now])?;
    Ok(())
}
