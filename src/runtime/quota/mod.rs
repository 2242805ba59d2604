//! Quotas: what an organization may run in all, and what one of its environments may; and what running costs.
//!
//! Invariants, and what each one stops:
//! - A wish is held against the quotas in the transaction that writes it down, and before any object, secret or row of it
//!   is made: two at once cannot both take the last of it.
//! - What a wish asks for is kept beside it, so a check is a sum over rows and reads no blueprint but the one it is about.
//! - Only what grows is refused. A quota that is lowered under what runs ends nothing; nothing is added to it any more.
//! - Going back by itself to the last revision that was ready is not refused: it brings back what was counted before.
//! - Only `quota.manage` on the organization changes a quota, also that of one environment: nobody raises their own.
//! - Who meets a limit is told the sums that led to it, and never where the rest of it runs.
//!
//! What counts is what is wished for, and at its limits: what may be used at most. What was stopped keeps its storage and
//! its hosts and gives back the rest. What was deployed before demands were kept counts from its next wish on.

mod model;
mod money;
mod operate;
mod store;

pub use model::{Amounts, Excess, Limit, Own, Quota, Reach, Usage, Used, What};
pub use money::{Currency, Micros, Prices};
pub use operate::{
    EnvironmentQuota, PricesView, QuotaView, environment_quota_get, environment_quota_set, prices_get, prices_set,
    quota_get, quota_set,
};

use super::demand::{Costs, Demand};
use super::lifecycle::RuntimeError;
use crate::db::{DbError, Reader, WriteTx};
use crate::ledger::Event;
use crate::op::Op;
use crate::orgs::environment::Placed;
use crate::types::{Id, kinds};

/// What of the quotas would be passed if an environment ran what `demand` says; nothing when there is room.
///
/// # Errors
/// The database failed.
pub fn excesses(reader: &Reader<'_>, placed: &Placed, demand: &Demand) -> Result<Vec<Excess>, DbError> {
    let environment = &placed.environment;
    let quota = store::quota_get(reader, environment.organization)?;
    let own = store::own_get(reader, environment.id)?;
    if quota.is_none() && own.is_empty() {
        return Ok(Vec::new());
    }
    let before = store::used_by(reader, environment.id)?.amounts();
    let others = store::used_by_others(reader, environment.organization, environment.id)?.amounts();
    let wished = Used::of(demand).amounts();
    let each = model::over(&own, &quota.each);
    let mut all = model::passed(Reach::Environment, &each, &Amounts::new(), &before, &wished);
    all.extend(model::passed(Reach::Organization, &quota.all, &others, &before, &wished));
    Ok(all)
}

/// What that costs at the organization's prices; none when it has none.
///
/// # Errors
/// The database failed.
pub fn costs(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    demand: &Demand,
) -> Result<Option<(Prices, Costs)>, DbError> {
    let prices = store::prices_get(reader, organization)?;
    Ok(prices.map(|prices| {
        let costs = demand.cost(&prices);
        (prices, costs)
    }))
}

/// Refuses what there is no room for; `event` becomes the record of the refusal.
///
/// # Errors
/// [`RuntimeError::OverQuota`]; the database failed.
pub(super) fn require(
    op: &Op,
    reader: &Reader<'_>,
    event: &Event,
    placed: &Placed,
    demand: &Demand,
) -> Result<(), RuntimeError> {
    let excesses = excesses(reader, placed, demand)?;
    if excesses.is_empty() {
        return Ok(());
    }
    op.refuse(event, "quota_exceeded");
    Err(RuntimeError::OverQuota { environment: placed.path(), excesses })
}

/// Notes what an environment asks for from now on.
///
/// # Errors
/// The database failed.
pub(super) fn count(tx: &WriteTx<'_>, placed: &Placed, demand: &Demand) -> Result<(), DbError> {
    store::demand_put(tx, placed.environment.id, &demand.total)
}
