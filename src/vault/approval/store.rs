//! SQL of rules and requests.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row, params};

use super::ask::Asked;
use super::model::{
    ActWish, Acts, OrganizationAct, OrganizationRule, Request, RequestItem, RequestKind, RequestNote, RequestState,
    Rule, Verdict,
};
use crate::db::{DbError, Reader, WriteTx};
use crate::policy::PrincipalId;
use crate::types::{Id, Timestamp, kinds};
use crate::vault::model::{FolderPath, SecretName, Visibility};

fn broken(index: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(index, "approval".into(), rusqlite::types::Type::Text)
}

const RULE: &str = "SELECT id, environment_id, path, acts, approvals, life, created_at, created_by FROM approval_rules";

fn rule(row: &Row<'_>) -> rusqlite::Result<Rule> {
    let acts: String = row.get(3)?;
    Ok(Rule {
        id: row.get(0)?,
        environment: row.get(1)?,
        path: FolderPath::parse(&row.get::<_, String>(2)?).map_err(|_| broken(2))?,
        acts: Acts::parse(&acts.split(',').collect::<Vec<_>>()).map_err(|_| broken(3))?,
        approvals: row.get(4)?,
        life: Duration::from_secs(row.get::<_, i64>(5)?.unsigned_abs()),
        created_at: row.get(6)?,
        created_by: row.get(7)?,
    })
}

/// The rules of an environment, by folder.
pub(super) fn rule_list(reader: &Reader<'_>, environment: Id<kinds::Environment>) -> Result<Vec<Rule>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{RULE} WHERE environment_id = ?1 ORDER BY path"))?;
    Ok(statement.query_map([environment], rule)?.collect::<Result<_, _>>()?)
}

/// Sets the rule of a folder, in place of the one it has.
pub(super) fn rule_set(tx: &WriteTx<'_>, organization: Id<kinds::Organization>, r: &Rule) -> Result<(), DbError> {
    rule_delete(tx, r.environment, &r.path)?;
    tx.sql()
        .prepare_cached(
            "INSERT INTO approval_rules (id, organization_id, environment_id, path, acts, approvals, life, created_at,
                created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            r.id,
            organization,
            r.environment,
            r.path.as_str(),
            r.acts.names().join(","),
            r.approvals,
            i64::try_from(r.life.as_secs()).unwrap_or(i64::MAX),
            r.created_at,
            r.created_by
        ])?;
    Ok(())
}

/// Takes the rule of a folder away.
pub(super) fn rule_delete(
    tx: &WriteTx<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("DELETE FROM approval_rules WHERE environment_id = ?1 AND path = ?2")?
        .execute(params![environment, path.as_str()])?;
    Ok(())
}

const ORGANIZATION_RULE: &str = "SELECT id, act, approvals, life, created_at, created_by FROM approval_organization_rules WHERE organization_id = ?1";

fn organization_rule_of(row: &Row<'_>) -> rusqlite::Result<OrganizationRule> {
    Ok(OrganizationRule {
        id: row.get(0)?,
        act: OrganizationAct::parse(&row.get::<_, String>(1)?).map_err(|_| broken(1))?,
        approvals: row.get(2)?,
        life: Duration::from_secs(row.get::<_, i64>(3)?.unsigned_abs()),
        created_at: row.get(4)?,
        created_by: row.get(5)?,
    })
}

/// The rules of the organization itself, by act.
pub(super) fn organization_rule_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
) -> Result<Vec<OrganizationRule>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{ORGANIZATION_RULE} ORDER BY act"))?;
    Ok(statement.query_map([organization], organization_rule_of)?.collect::<Result<_, _>>()?)
}

/// The organization's rule of an act on itself.
pub(super) fn organization_rule(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    act: OrganizationAct,
) -> Result<Option<OrganizationRule>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{ORGANIZATION_RULE} AND act = ?2"))?;
    Ok(statement.query_row(params![organization, act.as_str()], organization_rule_of).optional()?)
}

/// Sets the organization's rule of an act, in place of the one it has.
pub(super) fn organization_rule_set(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    r: &OrganizationRule,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT OR REPLACE INTO approval_organization_rules (id, organization_id, act, approvals, life, created_at,
                created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            r.id,
            organization,
            r.act.as_str(),
            r.approvals,
            i64::try_from(r.life.as_secs()).unwrap_or(i64::MAX),
            r.created_at,
            r.created_by
        ])?;
    Ok(())
}

/// Takes the organization's rule of an act away.
pub(super) fn organization_rule_delete(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    act: OrganizationAct,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("DELETE FROM approval_organization_rules WHERE organization_id = ?1 AND act = ?2")?
        .execute(params![organization, act.as_str()])?;
    Ok(())
}

const REQUEST: &str = "SELECT id, organization_id, environment_id, kind, requester_kind, requester_id, credential_id,
    force, approvals, created_at, expires_at, state, ended_at, usable_until, good_until
    FROM approval_requests";

fn request(row: &Row<'_>) -> rusqlite::Result<Request> {
    let (kind, who, state): (String, String, String) = (row.get(3)?, row.get(4)?, row.get(11)?);
    let requester = match who.as_str() {
        "user" => PrincipalId::User(row.get(5)?),
        _ => PrincipalId::ServiceAccount(row.get(5)?),
    };
    Ok(Request {
        id: row.get(0)?,
        organization: row.get(1)?,
        environment: row.get(2)?,
        kind: RequestKind::parse(&kind).ok_or_else(|| broken(3))?,
        requester,
        credential: row.get(6)?,
        force: row.get(7)?,
        approvals: row.get(8)?,
        created_at: row.get(9)?,
        expires_at: row.get(10)?,
        state: RequestState::parse(&state).map_err(|_| broken(11))?,
        ended_at: row.get(12)?,
        usable_until: row.get(13)?,
        good_until: row.get(14)?,
    })
}

fn principal(id: &PrincipalId) -> (&'static str, &[u8]) {
    match id {
        PrincipalId::User(id) => ("user", id.as_bytes()),
        PrincipalId::ServiceAccount(id) => ("service_account", id.as_bytes()),
    }
}

/// Adds a request with what it would do.
pub(super) fn request_insert(tx: &WriteTx<'_>, r: &Request, digest: &[u8], asked: &Asked) -> Result<(), DbError> {
    let (kind, id) = principal(&r.requester);
    tx.sql()
        .prepare_cached(
            "INSERT INTO approval_requests (id, organization_id, environment_id, kind, requester_kind, requester_id,
                credential_id, force, approvals, digest, created_at, expires_at, state,
                good_until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            r.id,
            r.organization,
            r.environment,
            r.kind.as_str(),
            kind,
            id,
            r.credential,
            r.force,
            r.approvals,
            digest,
            r.created_at,
            r.expires_at,
            r.state.as_str(),
            r.good_until
        ])?;
    match asked {
        Asked::Items(items) => items_insert(tx, r.id, items),
        Asked::Act(wish) => act_insert(tx, r.id, wish),
    }
}

fn act_insert(tx: &WriteTx<'_>, id: Id<kinds::Approval>, w: &ActWish) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO approval_acts (request_id, action, subject, base, base_version, wish, diff)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![id, w.action, w.subject, w.base, w.base_version, w.wish, w.diff])?;
    Ok(())
}

/// What a request about the organization would do; none for other requests.
pub(super) fn act_get(reader: &Reader<'_>, id: Id<kinds::Approval>) -> Result<Option<ActWish>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT action, subject, base, base_version, wish, diff FROM approval_acts WHERE request_id = ?1",
    )?;
    let found = statement.query_row([id], |row| {
        let action: String = row.get(0)?;
        Ok(ActWish {
            action: ["save", "delete", "rotate"].into_iter().find(|a| *a == action).ok_or_else(|| broken(0))?,
            subject: row.get(1)?,
            base: row.get(2)?,
            base_version: row.get(3)?,
            wish: row.get(4)?,
            diff: row.get(5)?,
        })
    });
    Ok(found.optional()?)
}

fn items_insert(tx: &WriteTx<'_>, id: Id<kinds::Approval>, items: &[RequestItem]) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached(
        "INSERT INTO approval_items (request_id, position, secret_id, path, name, action, base_version, visibility,
            interpolate, comment, tags, ciphertext, value_tag)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for (position, i) in (0_i64..).zip(items) {
        statement.execute(params![
            id,
            position,
            i.secret,
            i.path.as_str(),
            i.name.as_str(),
            i.action,
            i.base_version,
            i.visibility.as_str(),
            i.interpolate,
            i.comment,
            i.tags.join(","),
            i.ciphertext,
            i.value_tag
        ])?;
    }
    Ok(())
}

/// A request of an organization.
pub(super) fn request_get(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Approval>,
) -> Result<Option<Request>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{REQUEST} WHERE id = ?1 AND organization_id = ?2"))?;
    Ok(statement.query_row(params![id, organization], request).optional()?)
}

/// The open request of somebody for exactly this.
pub(super) fn request_same(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    environment: Option<Id<kinds::Environment>>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<Request>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{REQUEST} WHERE organization_id = ?1 AND environment_id IS ?2 AND digest = ?3 AND state = 'open'
            AND expires_at > ?4 LIMIT 1"
    ))?;
    Ok(statement.query_row(params![organization, environment, digest, now], request).optional()?)
}

/// How many open requests somebody has in an organization.
pub(super) fn request_count(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    requester: &PrincipalId,
) -> Result<usize, DbError> {
    let (kind, id) = principal(requester);
    let mut statement = reader.sql().prepare_cached(
        "SELECT count(*) FROM approval_requests
         WHERE organization_id = ?1 AND requester_kind = ?2 AND requester_id = ?3 AND state = 'open'",
    )?;
    let count: i64 = statement.query_row(params![organization, kind, id], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Requests of an organization, newest first.
pub(super) fn request_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    state: Option<RequestState>,
    before: Option<Id<kinds::Approval>>,
    rows: usize,
) -> Result<Vec<Request>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "{REQUEST} WHERE organization_id = ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR id < ?3)
         ORDER BY id DESC LIMIT ?4"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let state = state.map(RequestState::as_str);
    Ok(statement.query_map(params![organization, state, before, rows], request)?.collect::<Result<_, _>>()?)
}

/// Requests that are open although their time is over.
pub(super) fn request_due(reader: &Reader<'_>, now: Timestamp, rows: u32) -> Result<Vec<Request>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached(&format!("{REQUEST} WHERE state = 'open' AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2"))?;
    Ok(statement.query_map(params![now, rows], request)?.collect::<Result<_, _>>()?)
}

/// Whether somebody was granted to see this version of a secret, until after `now`.
pub(super) fn reveal_granted(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    requester: &PrincipalId,
    secret: Id<kinds::SecretRow>,
    version: u32,
    now: Timestamp,
) -> Result<bool, DbError> {
    let (kind, id) = principal(requester);
    let mut statement = reader.sql().prepare_cached(
        "SELECT 1 FROM approval_items i JOIN approval_requests r ON r.id = i.request_id
         WHERE i.secret_id = ?1 AND i.action = 'reveal' AND i.base_version = ?2 AND r.environment_id = ?3
            AND r.requester_kind = ?4 AND r.requester_id = ?5 AND r.state = 'granted'
            AND r.ended_at <= ?6 AND r.usable_until > ?6 LIMIT 1",
    )?;
    Ok(statement.query_row(params![secret, version, environment, kind, id, now], |_| Ok(())).optional()?.is_some())
}

/// Ends a request: the proposed values go.
pub(super) fn request_end(
    tx: &WriteTx<'_>,
    id: Id<kinds::Approval>,
    state: RequestState,
    now: Timestamp,
    usable_until: Option<Timestamp>,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE approval_requests SET state = ?2, ended_at = ?3, usable_until = ?4 WHERE id = ?1")?
        .execute(params![id, state.as_str(), now, usable_until])?;
    tx.sql().prepare_cached("UPDATE approval_items SET ciphertext = NULL WHERE request_id = ?1")?.execute([id])?;
    Ok(())
}

/// Forgets requests that ended before this time, at most `rows`; how many it were.
pub(super) fn request_purge(tx: &WriteTx<'_>, before: Timestamp, rows: u32) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "DELETE FROM approval_requests WHERE id IN
         (SELECT id FROM approval_requests WHERE state <> 'open' AND ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
    )?;
    Ok(statement.execute(params![before, rows])?)
}

/// The columns [`item`] reads.
pub(in crate::vault) const ITEM: &str = "i.secret_id, i.path, i.name, i.action, i.base_version, i.visibility,
    i.interpolate, i.comment, i.tags, i.ciphertext, i.value_tag";

/// An item of a request, from the columns of [`ITEM`].
pub(in crate::vault) fn item(row: &Row<'_>) -> rusqlite::Result<RequestItem> {
    let tags: String = row.get(8)?;
    Ok(RequestItem {
        secret: row.get(0)?,
        path: FolderPath::parse(&row.get::<_, String>(1)?).map_err(|_| broken(1))?,
        name: SecretName::parse_any(&row.get::<_, String>(2)?).map_err(|_| broken(2))?,
        action: row.get(3)?,
        base_version: row.get(4)?,
        visibility: Visibility::parse(&row.get::<_, String>(5)?).map_err(|_| broken(5))?,
        interpolate: row.get(6)?,
        comment: row.get(7)?,
        tags: if tags.is_empty() { Vec::new() } else { tags.split(',').map(str::to_owned).collect() },
        ciphertext: row.get(9)?,
        value_tag: row.get(10)?,
    })
}

/// What a request would do, in its order.
pub(super) fn item_list(reader: &Reader<'_>, id: Id<kinds::Approval>) -> Result<Vec<RequestItem>, DbError> {
    let sql = format!("SELECT {ITEM} FROM approval_items i WHERE i.request_id = ?1 ORDER BY i.position");
    Ok(reader.sql().prepare_cached(&sql)?.query_map([id], item)?.collect::<Result<_, _>>()?)
}

/// What was said to a request, in order; at most `rows`.
pub(super) fn note_list(
    reader: &Reader<'_>,
    id: Id<kinds::Approval>,
    rows: usize,
) -> Result<Vec<RequestNote>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT at, user_id, verdict, comment FROM approval_notes WHERE request_id = ?1 ORDER BY rowid LIMIT ?2",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![id, rows], |row| {
        let verdict: Option<String> = row.get(2)?;
        Ok(RequestNote {
            at: row.get(0)?,
            user: row.get(1)?,
            verdict: verdict.map(|v| Verdict::parse(&v).ok_or_else(|| broken(2))).transpose()?,
            comment: row.get(3)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Adds what somebody said.
pub(super) fn note_insert(tx: &WriteTx<'_>, id: Id<kinds::Approval>, n: &RequestNote) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO approval_notes (request_id, at, user_id, verdict, comment) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id, n.at, n.user, n.verdict.map(Verdict::as_str), n.comment])?;
    Ok(())
}
