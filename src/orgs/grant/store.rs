//! SQL of grants.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use super::{Grant, Holder};
use crate::auth::store::principal_columns;
use crate::db::{DbError, Reader, WriteTx};
use crate::orgs::role::store::{permissions, slug};
use crate::orgs::team::DEPTH_MAX;
use crate::policy::{BuiltinRole, Node, NodeKind, PrincipalId, Role, RoleFacts};
use crate::types::{Id, Slug, kinds};

/// Grants a principal is loaded with at most, their teams' included; what is beyond counts for nothing.
const LOADED_MAX: usize = 4_096;

/// The words and bytes a holder is stored as.
fn holder_columns(holder: &Holder) -> (&'static str, &[u8]) {
    match holder {
        Holder::Principal(id) => principal_columns(id),
        Holder::Team(id) => ("team", id.as_bytes()),
    }
}

/// The words and bytes a node is stored as.
pub(crate) fn node_columns(node: &Node) -> (&'static str, &[u8]) {
    match node {
        Node::Organization(id) => (NodeKind::Organization.as_str(), id.as_bytes()),
        Node::Project(id) => (NodeKind::Project.as_str(), id.as_bytes()),
        Node::Environment(id) => (NodeKind::Environment.as_str(), id.as_bytes()),
    }
}

/// Reads a node from its word and its id.
pub(crate) fn node(row: &Row<'_>, kind: usize, id: usize) -> rusqlite::Result<Node> {
    let word: String = row.get(kind)?;
    match word.as_str() {
        "organization" => Ok(Node::Organization(row.get(id)?)),
        "project" => Ok(Node::Project(row.get(id)?)),
        _ => Ok(Node::Environment(row.get(id)?)),
    }
}

const COLUMNS: &str = "g.id, g.organization_id, g.principal_kind, g.principal_id, g.role, g.node_kind, g.node_id,
    g.created_at, g.created_by, r.permissions";
const GRANT: &str = "SELECT g.id, g.organization_id, g.principal_kind, g.principal_id, g.role, g.node_kind, g.node_id,
    g.created_at, g.created_by, r.permissions
    FROM grants g LEFT JOIN roles r ON r.organization_id = g.organization_id AND r.name = g.role";

fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let kind: String = row.get(2)?;
    let holder = match kind.as_str() {
        "user" => Holder::Principal(PrincipalId::User(row.get(3)?)),
        "team" => Holder::Team(row.get(3)?),
        _ => Holder::Principal(PrincipalId::ServiceAccount(row.get(3)?)),
    };
    Ok(Grant {
        id: row.get(0)?,
        organization: row.get(1)?,
        holder,
        role: role(row)?,
        node: node(row, 5, 6)?,
        created_at: row.get(7)?,
        created_by: row.get(8)?,
    })
}

/// The role of a grant's row. One without a row of its own would be changed by hand: it holds nothing.
fn role(row: &Row<'_>) -> rusqlite::Result<Role> {
    let name: String = row.get(4)?;
    if let Ok(builtin) = BuiltinRole::parse(&name) {
        return Ok(Role::Builtin(builtin));
    }
    let stored: Option<String> = row.get(9)?;
    let broken = |_| rusqlite::Error::InvalidColumnType(4, "role".into(), rusqlite::types::Type::Text);
    let facts = RoleFacts::new(slug(row, 4)?, permissions(stored.as_deref().unwrap_or_default())).map_err(broken)?;
    Ok(Role::Custom(Arc::new(facts)))
}

/// Adds a grant.
pub(crate) fn grant_insert(tx: &WriteTx<'_>, g: &Grant) -> Result<(), DbError> {
    let (principal_kind, principal_id) = holder_columns(&g.holder);
    let (node_kind, node_id) = node_columns(&g.node);
    tx.sql()
        .prepare_cached(
            "INSERT INTO grants (id, organization_id, principal_kind, principal_id, role, node_kind, node_id,
                created_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            g.id,
            g.organization,
            principal_kind,
            principal_id,
            g.role.name(),
            node_kind,
            node_id,
            g.created_at,
            g.created_by
        ])?;
    Ok(())
}

/// A grant of an organization.
pub(crate) fn grant_get(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Grant>,
) -> Result<Option<Grant>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{GRANT} WHERE g.id = ?1 AND g.organization_id = ?2"))?;
    Ok(statement.query_row(params![id, organization], grant).optional()?)
}

/// Every grant that was given to a holder itself in an organization.
pub(crate) fn grant_of(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    holder: &Holder,
) -> Result<Vec<Grant>, DbError> {
    let (kind, id) = holder_columns(holder);
    let mut statement = reader.sql().prepare_cached(&format!(
        "{GRANT} WHERE g.organization_id = ?1 AND g.principal_kind = ?2 AND g.principal_id = ?3 ORDER BY g.id"
    ))?;
    Ok(statement.query_map(params![organization, kind, id], grant)?.collect::<Result<_, _>>()?)
}

/// Every grant a principal has in an organization, with the name of the team it comes through. One query: the teams
/// somebody is in are followed upwards as deep as they may be nested.
pub(crate) fn grant_held(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    principal: PrincipalId,
) -> Result<Vec<(Grant, Option<Slug>)>, DbError> {
    let PrincipalId::User(user) = principal else {
        let own = grant_of(reader, organization, &Holder::Principal(principal))?;
        return Ok(own.into_iter().map(|g| (g, None)).collect());
    };
    let mut statement = reader.sql().prepare_cached(&format!(
        "WITH RECURSIVE reach (team, depth) AS (
             SELECT team_id, 1 FROM team_members
             WHERE organization_id = ?1 AND member_kind = 'user' AND member_id = ?2
             UNION
             SELECT m.team_id, reach.depth + 1 FROM reach JOIN team_members m
             ON m.organization_id = ?1 AND m.member_kind = 'team' AND m.member_id = reach.team
             WHERE reach.depth < {DEPTH_MAX}
         )
         SELECT {COLUMNS}, NULL FROM grants g
         LEFT JOIN roles r ON r.organization_id = g.organization_id AND r.name = g.role
         WHERE g.organization_id = ?1 AND g.principal_kind = 'user' AND g.principal_id = ?2
         UNION ALL
         SELECT {COLUMNS}, t.name FROM (SELECT DISTINCT team FROM reach) held JOIN teams t ON t.id = held.team
         JOIN grants g ON g.organization_id = ?1 AND g.principal_kind = 'team' AND g.principal_id = held.team
         LEFT JOIN roles r ON r.organization_id = g.organization_id AND r.name = g.role
         LIMIT {LOADED_MAX}"
    ))?;
    let read = |row: &Row<'_>| {
        let team: Option<String> = row.get(10)?;
        Ok((grant(row)?, team.map(|_| slug(row, 10)).transpose()?))
    };
    Ok(statement.query_map(params![organization, user], read)?.collect::<Result<_, _>>()?)
}

/// Every grant on one node, not on those above it.
pub(crate) fn grant_on_node(reader: &Reader<'_>, on: &Node) -> Result<Vec<Grant>, DbError> {
    let (kind, id) = node_columns(on);
    let mut statement =
        reader.sql().prepare_cached(&format!("{GRANT} WHERE g.node_kind = ?1 AND g.node_id = ?2 ORDER BY g.id"))?;
    Ok(statement.query_map(params![kind, id], grant)?.collect::<Result<_, _>>()?)
}

/// Grants of an organization by id, after `after`; only those to `holder` and on `on`, when named.
pub(crate) fn grant_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    holder: Option<&Holder>,
    on: Option<&Node>,
    after: Option<Id<kinds::Grant>>,
    rows: usize,
) -> Result<Vec<Grant>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{GRANT} WHERE g.organization_id = ?1 AND (?2 IS NULL OR (g.principal_kind = ?2 AND g.principal_id = ?3))
         AND (?4 IS NULL OR (g.node_kind = ?4 AND g.node_id = ?5)) AND (?6 IS NULL OR g.id > ?6) ORDER BY g.id LIMIT ?7"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let (holder, on) = (holder.map(holder_columns), on.map(node_columns));
    let found = statement.query_map(
        params![organization, holder.map(|h| h.0), holder.map(|h| h.1), on.map(|n| n.0), on.map(|n| n.1), after, rows],
        grant,
    )?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Takes a grant away.
pub(crate) fn grant_delete(tx: &WriteTx<'_>, id: Id<kinds::Grant>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM grants WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Takes every grant of a holder in an organization away; how many it were.
pub(crate) fn grant_delete_of(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    holder: &Holder,
) -> Result<usize, DbError> {
    let (kind, id) = holder_columns(holder);
    let mut statement = tx.sql().prepare_cached(
        "DELETE FROM grants WHERE organization_id = ?1 AND principal_kind = ?2 AND principal_id = ?3",
    )?;
    Ok(statement.execute(params![organization, kind, id])?)
}

/// Takes every grant on a node away: the node is purged.
pub(crate) fn grant_delete_on(tx: &WriteTx<'_>, on: &Node) -> Result<usize, DbError> {
    let (kind, id) = node_columns(on);
    let mut statement = tx.sql().prepare_cached("DELETE FROM grants WHERE node_kind = ?1 AND node_id = ?2")?;
    Ok(statement.execute(params![kind, id])?)
}

/// How many owners besides this principal an organization has who can sign in.
pub(crate) fn owner_count_without(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    principal: &PrincipalId,
) -> Result<u32, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT count(DISTINCT g.principal_id) FROM grants g JOIN users u ON u.id = g.principal_id
         WHERE g.organization_id = ?1 AND g.role = 'owner' AND g.principal_kind = 'user' AND u.disabled_at IS NULL
           AND g.principal_id <> ?2",
    )?;
    Ok(statement.query_row(params![organization, principal_columns(principal).1], |row| row.get(0))?)
}

/// The owners of an organization who can sign in, at most `rows`.
pub(crate) fn owner_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    rows: usize,
) -> Result<Vec<Id<kinds::User>>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT DISTINCT u.id FROM grants g JOIN users u ON u.id = g.principal_id
         WHERE g.organization_id = ?1 AND g.role = 'owner' AND g.principal_kind = 'user' AND u.disabled_at IS NULL
         ORDER BY u.id LIMIT ?2",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![organization, rows], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
