//! SQL of teams.

use rusqlite::{OptionalExtension, Row, params};

use super::{DEPTH_MAX, MEMBERS_MAX, Member, TEAMS_MAX, Team};
use crate::db::{DbError, Reader, WriteTx};
use crate::orgs::role::store::slug;
use crate::policy::PrincipalId;
use crate::types::{Id, Timestamp, kinds};

const TEAM: &str = "SELECT id, organization_id, name, description, created_at, created_by FROM teams";

fn team(row: &Row<'_>) -> rusqlite::Result<Team> {
    Ok(Team {
        id: row.get(0)?,
        organization: row.get(1)?,
        name: slug(row, 2)?,
        description: row.get(3)?,
        created_at: row.get(4)?,
        created_by: row.get(5)?,
    })
}

fn member_columns(member: &Member) -> (&'static str, &[u8]) {
    match member {
        Member::User(id) => ("user", id.as_bytes()),
        Member::Team(id) => ("team", id.as_bytes()),
    }
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    let kind: String = row.get(0)?;
    Ok(if kind == "user" { Member::User(row.get(1)?) } else { Member::Team(row.get(1)?) })
}

/// Adds a team.
pub(crate) fn team_insert(tx: &WriteTx<'_>, t: &Team) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO teams (id, organization_id, name, description, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![t.id, t.organization, t.name.as_str(), t.description, t.created_at, t.created_by])?;
    Ok(())
}

/// A team of an organization by its id.
pub(crate) fn team_get(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Team>,
) -> Result<Option<Team>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{TEAM} WHERE organization_id = ?1 AND id = ?2"))?;
    Ok(statement.query_row(params![organization, id], team).optional()?)
}

/// A team of an organization by its name.
pub(crate) fn team_by_name(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name: &str,
) -> Result<Option<Team>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{TEAM} WHERE organization_id = ?1 AND name = ?2"))?;
    Ok(statement.query_row(params![organization, name], team).optional()?)
}

/// Every team of an organization, by name.
pub(crate) fn team_list(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<Vec<Team>, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("{TEAM} WHERE organization_id = ?1 ORDER BY name LIMIT {TEAMS_MAX}"))?;
    Ok(statement.query_map([organization], team)?.collect::<Result<_, _>>()?)
}

/// Changes a team's name and description.
pub(crate) fn team_update(tx: &WriteTx<'_>, t: &Team) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE teams SET name = ?2, description = ?3 WHERE id = ?1")?.execute(params![
        t.id,
        t.name.as_str(),
        t.description
    ])?;
    Ok(())
}

/// The teams of an organization a person is in themselves, by name.
pub(crate) fn team_of(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
) -> Result<Vec<Team>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{TEAM} WHERE organization_id = ?1 AND id IN (SELECT team_id FROM team_members
         WHERE organization_id = ?1 AND member_kind = 'user' AND member_id = ?2) ORDER BY name LIMIT {TEAMS_MAX}"
    ))?;
    Ok(statement.query_map(params![organization, user], team)?.collect::<Result<_, _>>()?)
}

/// Removes a team with its list of members, and from the teams it is in. Its grants are gone before.
pub(crate) fn team_delete(tx: &WriteTx<'_>, id: Id<kinds::Team>) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("DELETE FROM team_members WHERE team_id = ?1 OR (member_kind = 'team' AND member_id = ?1)")?
        .execute([id])?;
    tx.sql().prepare_cached("DELETE FROM teams WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Puts a member into a team; false when it is in there.
pub(crate) fn member_insert(
    tx: &WriteTx<'_>,
    of: &Team,
    member: &Member,
    now: Timestamp,
    by: &str,
) -> Result<bool, DbError> {
    let (kind, id) = member_columns(member);
    let mut statement = tx.sql().prepare_cached(
        "INSERT OR IGNORE INTO team_members (team_id, member_kind, member_id, organization_id, added_at, added_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    Ok(statement.execute(params![of.id, kind, id, of.organization, now, by])? > 0)
}

/// Takes a member out of a team; false when it was not in there.
pub(crate) fn member_delete(tx: &WriteTx<'_>, of: Id<kinds::Team>, member: &Member) -> Result<bool, DbError> {
    let (kind, id) = member_columns(member);
    let mut statement = tx
        .sql()
        .prepare_cached("DELETE FROM team_members WHERE team_id = ?1 AND member_kind = ?2 AND member_id = ?3")?;
    Ok(statement.execute(params![of, kind, id])? > 0)
}

/// Takes a person out of every team of an organization.
pub(crate) fn member_delete_all(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "DELETE FROM team_members WHERE organization_id = ?1 AND member_kind = 'user' AND member_id = ?2",
        )?
        .execute(params![organization, user])?;
    Ok(())
}

/// In how many teams of an organization a person is directly.
pub(crate) fn team_count_of(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
) -> Result<usize, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT count(*) FROM team_members WHERE organization_id = ?1 AND member_kind = 'user' AND member_id = ?2",
    )?;
    let count: i64 = statement.query_row(params![organization, user], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Who is in a team itself, teams last.
pub(crate) fn member_list(reader: &Reader<'_>, of: Id<kinds::Team>) -> Result<Vec<(Member, Timestamp)>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT member_kind, member_id, added_at FROM team_members WHERE team_id = ?1
         ORDER BY member_kind DESC, member_id LIMIT {MEMBERS_MAX}"
    ))?;
    Ok(statement.query_map([of], |row| Ok((member(row)?, row.get(2)?)))?.collect::<Result<_, _>>()?)
}

/// The teams a team is in, itself not included, with how many levels they are above it; once for each way up.
pub(crate) fn team_above(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Team>,
) -> Result<Vec<(Id<kinds::Team>, usize)>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "WITH RECURSIVE above (team, depth) AS (
             SELECT ?2, 0 UNION SELECT m.team_id, above.depth + 1 FROM above JOIN team_members m
             ON m.organization_id = ?1 AND m.member_kind = 'team' AND m.member_id = above.team
             WHERE above.depth < {DEPTH_MAX}
         ) SELECT team, depth FROM above WHERE depth > 0"
    ))?;
    Ok(statement.query_map(params![organization, id], level)?.collect::<Result<_, _>>()?)
}

fn level(row: &Row<'_>) -> rusqlite::Result<(Id<kinds::Team>, usize)> {
    let depth: u32 = row.get(1)?;
    Ok((row.get(0)?, usize::try_from(depth).unwrap_or(usize::MAX)))
}

/// The teams in a team, itself not included, with how many levels they are beneath it; once for each way down.
pub(crate) fn team_beneath(reader: &Reader<'_>, id: Id<kinds::Team>) -> Result<Vec<(Id<kinds::Team>, usize)>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "WITH RECURSIVE beneath (team, depth) AS (
             SELECT ?1, 0 UNION SELECT m.member_id, beneath.depth + 1 FROM beneath JOIN team_members m
             ON m.team_id = beneath.team AND m.member_kind = 'team' WHERE beneath.depth < {DEPTH_MAX}
         ) SELECT team, depth FROM beneath WHERE depth > 0"
    ))?;
    Ok(statement.query_map([id], level)?.collect::<Result<_, _>>()?)
}

/// The people of a team and of the teams in it, each once.
pub(crate) fn team_people(reader: &Reader<'_>, id: Id<kinds::Team>) -> Result<Vec<Id<kinds::User>>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "WITH RECURSIVE beneath (team, depth) AS (
             SELECT ?1, 1 UNION SELECT m.member_id, beneath.depth + 1 FROM beneath JOIN team_members m
             ON m.team_id = beneath.team AND m.member_kind = 'team' WHERE beneath.depth < {DEPTH_MAX}
         ) SELECT DISTINCT m.member_id FROM beneath JOIN team_members m
           ON m.team_id = beneath.team AND m.member_kind = 'user' ORDER BY m.member_id"
    ))?;
    Ok(statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Whether a principal is in a team, by whatever way.
pub(crate) fn team_has(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Team>,
    principal: PrincipalId,
) -> Result<bool, DbError> {
    let PrincipalId::User(user) = principal else { return Ok(false) };
    let mut statement = reader.sql().prepare_cached(&format!(
        "WITH RECURSIVE reach (team, depth) AS (
             SELECT team_id, 1 FROM team_members
             WHERE organization_id = ?1 AND member_kind = 'user' AND member_id = ?2
             UNION
             SELECT m.team_id, reach.depth + 1 FROM reach JOIN team_members m
             ON m.organization_id = ?1 AND m.member_kind = 'team' AND m.member_id = reach.team
             WHERE reach.depth < {DEPTH_MAX}
         ) SELECT EXISTS (SELECT 1 FROM reach WHERE team = ?3)"
    ))?;
    Ok(statement.query_row(params![organization, user, id], |row| row.get(0))?)
}
