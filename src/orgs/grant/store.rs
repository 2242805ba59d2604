//! SQL of grants.

use rusqlite::{OptionalExtension, Row, params};

use super::Grant;
use crate::auth::store::principal_columns;
use crate::db::{DbError, Reader, WriteTx};
use crate::policy::{BuiltinRole, Node, NodeKind, PrincipalId};
use crate::types::{Id, kinds};

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

const GRANT: &str = "SELECT id, organization_id, principal_kind, principal_id, role, node_kind, node_id, created_at,
    created_by FROM grants";

fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let kind: String = row.get(2)?;
    let principal =
        if kind == "user" { PrincipalId::User(row.get(3)?) } else { PrincipalId::ServiceAccount(row.get(3)?) };
    let role: String = row.get(4)?;
    Ok(Grant {
        id: row.get(0)?,
        organization: row.get(1)?,
        principal,
        role: BuiltinRole::parse(&role)
            .map_err(|_| rusqlite::Error::InvalidColumnType(4, "role".into(), rusqlite::types::Type::Text))?,
        node: node(row, 5, 6)?,
        created_at: row.get(7)?,
        created_by: row.get(8)?,
    })
}

/// Adds a grant.
pub(crate) fn grant_insert(tx: &WriteTx<'_>, g: &Grant) -> Result<(), DbError> {
    let (principal_kind, principal_id) = principal_columns(&g.principal);
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
            g.role.as_str(),
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
    let mut statement = reader.sql().prepare_cached(&format!("{GRANT} WHERE id = ?1 AND organization_id = ?2"))?;
    Ok(statement.query_row(params![id, organization], grant).optional()?)
}

/// Every grant of a principal in an organization.
pub(crate) fn grant_of_principal(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    principal: &PrincipalId,
) -> Result<Vec<Grant>, DbError> {
    let (kind, id) = principal_columns(principal);
    let mut statement = reader.sql().prepare_cached(&format!(
        "{GRANT} WHERE organization_id = ?1 AND principal_kind = ?2 AND principal_id = ?3 ORDER BY id"
    ))?;
    Ok(statement.query_map(params![organization, kind, id], grant)?.collect::<Result<_, _>>()?)
}

/// Every grant on one node, not on those above it.
pub(crate) fn grant_on_node(reader: &Reader<'_>, on: &Node) -> Result<Vec<Grant>, DbError> {
    let (kind, id) = node_columns(on);
    let mut statement =
        reader.sql().prepare_cached(&format!("{GRANT} WHERE node_kind = ?1 AND node_id = ?2 ORDER BY id"))?;
    Ok(statement.query_map(params![kind, id], grant)?.collect::<Result<_, _>>()?)
}

/// Grants of an organization by id, after `after`; only those to `principal` and on `on`, when named.
pub(crate) fn grant_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    principal: Option<&PrincipalId>,
    on: Option<&Node>,
    after: Option<Id<kinds::Grant>>,
    rows: usize,
) -> Result<Vec<Grant>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{GRANT} WHERE organization_id = ?1 AND (?2 IS NULL OR (principal_kind = ?2 AND principal_id = ?3))
         AND (?4 IS NULL OR (node_kind = ?4 AND node_id = ?5)) AND (?6 IS NULL OR id > ?6) ORDER BY id LIMIT ?7"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let (principal, on) = (principal.map(principal_columns), on.map(node_columns));
    let found = statement.query_map(
        params![
            organization,
            principal.map(|p| p.0),
            principal.map(|p| p.1),
            on.map(|n| n.0),
            on.map(|n| n.1),
            after,
            rows
        ],
        grant,
    )?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Takes a grant away.
pub(crate) fn grant_delete(tx: &WriteTx<'_>, id: Id<kinds::Grant>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM grants WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Takes every grant of a principal in an organization away; how many it were.
pub(crate) fn grant_delete_of(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    principal: &PrincipalId,
) -> Result<usize, DbError> {
    let (kind, id) = principal_columns(principal);
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
