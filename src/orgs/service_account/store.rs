//! SQL of service accounts.

use rusqlite::{OptionalExtension, Row, params};

use super::ServiceAccount;
use crate::db::{DbError, Reader, WriteTx};
use crate::orgs::grant::store::{node, node_columns};
use crate::types::{Id, Timestamp, kinds};

const ACCOUNT: &str = "SELECT id, organization_id, name, node_kind, node_id, created_at, created_by, disabled_at
    FROM service_accounts";

fn account(row: &Row<'_>) -> rusqlite::Result<ServiceAccount> {
    Ok(ServiceAccount {
        id: row.get(0)?,
        organization: row.get(1)?,
        name: row.get(2)?,
        node: node(row, 3, 4)?,
        created_at: row.get(5)?,
        created_by: row.get(6)?,
        disabled_at: row.get(7)?,
    })
}

/// Adds a service account.
pub(crate) fn service_account_insert(tx: &WriteTx<'_>, a: &ServiceAccount) -> Result<(), DbError> {
    let (node_kind, node_id) = node_columns(&a.node);
    tx.sql()
        .prepare_cached(
            "INSERT INTO service_accounts (id, organization_id, name, node_kind, node_id, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![a.id, a.organization, a.name, node_kind, node_id, a.created_at, a.created_by])?;
    Ok(())
}

/// A service account, whatever its organization.
pub(crate) fn service_account_get(
    reader: &Reader<'_>,
    id: Id<kinds::ServiceAccount>,
) -> Result<Option<ServiceAccount>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{ACCOUNT} WHERE id = ?1"))?;
    Ok(statement.query_row([id], account).optional()?)
}

/// A service account of an organization by its name.
pub(crate) fn service_account_by_name(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    name: &str,
) -> Result<Option<ServiceAccount>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{ACCOUNT} WHERE organization_id = ?1 AND name = ?2"))?;
    Ok(statement.query_row(params![organization, name], account).optional()?)
}

/// Service accounts of an organization by id, after `after`.
pub(crate) fn service_account_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    after: Option<Id<kinds::ServiceAccount>>,
    rows: usize,
) -> Result<Vec<ServiceAccount>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{ACCOUNT} WHERE organization_id = ?1 AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![organization, after, rows], account)?.collect::<Result<_, _>>()?)
}

/// Renames, disables or enables a service account.
pub(crate) fn service_account_update(
    tx: &WriteTx<'_>,
    id: Id<kinds::ServiceAccount>,
    name: &str,
    disabled_at: Option<Timestamp>,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE service_accounts SET name = ?2, disabled_at = ?3 WHERE id = ?1")?
        .execute(params![id, name, disabled_at])?;
    Ok(())
}

/// Removes a service account; its grants and keys are gone before.
pub(crate) fn service_account_delete(tx: &WriteTx<'_>, id: Id<kinds::ServiceAccount>) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM service_accounts WHERE id = ?1")?.execute([id])?;
    Ok(())
}
