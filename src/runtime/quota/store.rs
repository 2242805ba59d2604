//! SQL of quotas, prices, and of what wishes ask for.

use rusqlite::{OptionalExtension as _, Row, params};

use super::model::{Limit, Own, Quota, Used, What};
use super::money::{Currency, Micros, Prices};
use crate::db::{DbError, Reader, WriteTx};
use crate::runtime::demand::{Amount, Sum};
use crate::types::{Id, Timestamp, kinds};

type EnvironmentId = Id<kinds::Environment>;
type OrganizationId = Id<kinds::Organization>;

/// The most that is kept of one amount of one environment: as many as may run add up to less than SQLite's largest number.
const KEPT_MAX: u64 = 1 << 53;

fn broken(index: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(index, "quota".into(), rusqlite::types::Type::Text)
}

fn what(row: &Row<'_>, index: usize) -> rusqlite::Result<What> {
    let text = row.get_ref(index)?.as_str().map_err(|_| broken(index))?;
    What::parse(text).map_err(|_| broken(index))
}

fn whole(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}

fn sql(amount: u64) -> i64 {
    i64::try_from(amount.min(KEPT_MAX)).unwrap_or(i64::MAX)
}

/// The limits of an organization.
pub(super) fn quota_get(reader: &Reader<'_>, organization: OrganizationId) -> Result<Quota, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT each_one, what, most FROM quotas WHERE organization_id = ?1")?;
    let rows =
        statement.query_map([organization], |row| Ok((row.get::<_, bool>(0)?, what(row, 1)?, whole(row, 2)?)))?;
    let mut quota = Quota::default();
    for row in rows {
        let (each, what, most) = row?;
        let amounts = if each { &mut quota.each } else { &mut quota.all };
        amounts.insert(what, most);
    }
    Ok(quota)
}

/// Replaces the limits of an organization.
pub(super) fn quota_set(tx: &WriteTx<'_>, organization: OrganizationId, quota: &Quota) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM quotas WHERE organization_id = ?1")?.execute([organization])?;
    let mut statement = tx
        .sql()
        .prepare_cached("INSERT INTO quotas (organization_id, each_one, what, most) VALUES (?1, ?2, ?3, ?4)")?;
    for (each, amounts) in [(false, &quota.all), (true, &quota.each)] {
        for (what, most) in amounts {
            statement.execute(params![organization, each, what.as_str(), sql(*most)])?;
        }
    }
    Ok(())
}

/// The limits an environment has of its own.
pub(super) fn own_get(reader: &Reader<'_>, environment: EnvironmentId) -> Result<Own, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT what, most FROM environment_quotas WHERE environment_id = ?1")?;
    let rows = statement.query_map([environment], |row| {
        let most: Option<i64> = row.get(1)?;
        let limit = most.map_or(Limit::Unlimited, |most| Limit::Most(u64::try_from(most).unwrap_or(0)));
        Ok((what(row, 0)?, limit))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replaces the limits an environment has of its own.
pub(super) fn own_set(tx: &WriteTx<'_>, environment: EnvironmentId, own: &Own) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM environment_quotas WHERE environment_id = ?1")?.execute([environment])?;
    let mut statement =
        tx.sql().prepare_cached("INSERT INTO environment_quotas (environment_id, what, most) VALUES (?1, ?2, ?3)")?;
    for (what, limit) in own {
        let most = match limit {
            Limit::Unlimited => None,
            Limit::Most(most) => Some(sql(*most)),
        };
        statement.execute(params![environment, what.as_str(), most])?;
    }
    Ok(())
}

/// What an organization counts for what runs.
pub(super) fn prices_get(reader: &Reader<'_>, organization: OrganizationId) -> Result<Option<Prices>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT currency, cpu_core_hour, memory_gib_hour, storage_gib_month FROM prices WHERE organization_id = ?1",
    )?;
    let prices = statement.query_row([organization], |row| {
        let currency: String = row.get(0)?;
        Ok(Prices {
            currency: Currency::parse(&currency).map_err(|_| broken(0))?,
            cpu_core_hour: Micros(whole(row, 1)?),
            memory_gib_hour: Micros(whole(row, 2)?),
            storage_gib_month: Micros(whole(row, 3)?),
        })
    });
    Ok(prices.optional()?)
}

/// Replaces what an organization counts; nothing when it counts nothing.
pub(super) fn prices_set(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    prices: Option<&Prices>,
    (now, author): (Timestamp, &str),
) -> Result<(), DbError> {
    tx.sql().prepare_cached("DELETE FROM prices WHERE organization_id = ?1")?.execute([organization])?;
    let Some(prices) = prices else { return Ok(()) };
    tx.sql()
        .prepare_cached(
            "INSERT INTO prices (organization_id, currency, cpu_core_hour, memory_gib_hour, storage_gib_month, changed_at,
                changed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            organization,
            prices.currency.as_str(),
            sql(prices.cpu_core_hour.0),
            sql(prices.memory_gib_hour.0),
            sql(prices.storage_gib_month.0),
            now,
            author
        ])?;
    Ok(())
}

/// Notes what an environment asks for. Its runtime is written down before.
pub(super) fn demand_put(tx: &WriteTx<'_>, environment: EnvironmentId, sum: &Sum) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO runtime_demands (environment_id, cpu_requests, memory_requests, cpu_limits, memory_limits,
                storage, hosts, pods) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (environment_id) DO UPDATE SET cpu_requests = ?2, memory_requests = ?3, cpu_limits = ?4,
                memory_limits = ?5, storage = ?6, hosts = ?7, pods = ?8",
        )?
        .execute(params![
            environment,
            sql(sum.requests.cpu),
            sql(sum.requests.memory),
            sql(sum.limits.cpu),
            sql(sum.limits.memory),
            sql(sum.storage),
            sql(sum.hosts),
            sql(sum.pods)
        ])?;
    Ok(())
}

/// What was stopped keeps its storage and its hosts; of what is being destroyed nothing counts.
const USED: &str = "SELECT ifnull(sum(CASE r.wish WHEN 'running' THEN d.cpu_requests END), 0),
        ifnull(sum(CASE r.wish WHEN 'running' THEN d.memory_requests END), 0),
        ifnull(sum(CASE r.wish WHEN 'running' THEN d.cpu_limits END), 0),
        ifnull(sum(CASE r.wish WHEN 'running' THEN d.memory_limits END), 0),
        ifnull(sum(d.storage), 0), ifnull(sum(d.hosts), 0),
        ifnull(sum(CASE r.wish WHEN 'running' THEN d.pods END), 0),
        ifnull(sum(r.wish = 'running'), 0)
    FROM runtimes r LEFT JOIN runtime_demands d ON d.environment_id = r.environment_id
    WHERE r.wish <> 'destroyed'";

fn used(row: &Row<'_>) -> rusqlite::Result<Used> {
    Ok(Used {
        sum: Sum {
            requests: Amount { cpu: whole(row, 0)?, memory: whole(row, 1)? },
            limits: Amount { cpu: whole(row, 2)?, memory: whole(row, 3)? },
            storage: whole(row, 4)?,
            hosts: whole(row, 5)?,
            pods: whole(row, 6)?,
        },
        environments: whole(row, 7)?,
    })
}

/// What one environment uses.
pub(super) fn used_by(reader: &Reader<'_>, environment: EnvironmentId) -> Result<Used, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{USED} AND r.environment_id = ?1"))?;
    Ok(statement.query_row([environment], used)?)
}

/// What an organization uses in all.
pub(super) fn used_in(reader: &Reader<'_>, organization: OrganizationId) -> Result<Used, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{USED} AND r.organization_id = ?1"))?;
    Ok(statement.query_row([organization], used)?)
}

/// What an organization uses without one environment.
pub(super) fn used_by_others(
    reader: &Reader<'_>,
    organization: OrganizationId,
    environment: EnvironmentId,
) -> Result<Used, DbError> {
    let mut statement =
        reader.sql().prepare_cached(&format!("{USED} AND r.organization_id = ?1 AND r.environment_id <> ?2"))?;
    Ok(statement.query_row(params![organization, environment], used)?)
}
