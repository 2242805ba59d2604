//! Looking at quotas and prices, and changing them.

use super::model::{self, Amounts, Limit, Own, Quota, Usage, Used, What};
use super::money::Prices;
use super::store;
use crate::db::Reader;
use crate::ledger::Details;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::runtime::demand::{Costs, Demand};
use crate::runtime::lifecycle::store::{revision_get, runtime_get};
use crate::runtime::lifecycle::{At, RuntimeError, Wish};
use crate::runtime::stored;
use crate::types::{Id, kinds};

/// The limits of an organization, and how much of them is used.
#[derive(Debug, Clone)]
pub struct QuotaView {
    /// The limits.
    pub quota: Quota,
    /// How much is used, and may be.
    pub usage: Vec<Usage>,
}

/// The limits of one environment, and how much of them is used.
#[derive(Debug, Clone)]
pub struct EnvironmentQuota {
    /// The environment.
    pub placed: Placed,
    /// What it has of its own.
    pub own: Own,
    /// How much is used here, and may be.
    pub usage: Vec<Usage>,
    /// What its services ask for; none when nothing is deployed.
    pub demand: Option<Demand>,
    /// What it costs as it is wished for now, where the organization has prices.
    pub costs: Option<(Prices, Costs)>,
}

/// The prices of an organization.
#[derive(Debug, Clone)]
pub struct PricesView {
    /// The prices; none when it has none.
    pub prices: Option<Prices>,
    /// What all that runs of it costs at them.
    pub costs: Option<Costs>,
}

fn quota_view(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    quota: Quota,
) -> Result<QuotaView, RuntimeError> {
    let used = store::used_in(reader, organization)?.amounts();
    Ok(QuotaView { usage: Usage::all(What::ALL, &used, &quota.all), quota })
}

/// The limits of the organization, and how much of them is used.
///
/// # Errors
/// Not allowed to see what runs of it.
pub async fn quota_get(op: &Op) -> Result<QuotaView, RuntimeError> {
    op.read(|reader| {
        op.authorize(reader, Action::RuntimeRead, &access::own_organization(op)?)?;
        let organization = op.organization()?;
        quota_view(reader, organization, store::quota_get(reader, organization)?)
    })
    .await
}

/// Replaces the limits of the organization. What runs and is over them goes on; nothing is added to it. A dry run
/// changes nothing, and answers the same.
///
/// # Errors
/// Not allowed.
pub async fn quota_set(op: &Op, quota: Quota, dry_run: bool) -> Result<QuotaView, RuntimeError> {
    op.write(move |op, tx| {
        let event = op.authorize(tx, Action::QuotaManage, &access::own_organization(op)?)?;
        let organization = op.organization()?;
        if !dry_run {
            store::quota_set(tx, organization, &quota)?;
            let details = Details::new().with("all", texts(&quota.all)).with("each", texts(&quota.each));
            op.record(tx, event.details(details))?;
        }
        quota_view(tx, organization, quota)
    })
    .await
}

/// Amounts as the ledger keeps them: `cpu 4`.
fn texts(amounts: &Amounts) -> Vec<String> {
    amounts.iter().map(|(what, most)| format!("{} {}", what.as_str(), what.text(*most))).collect()
}

fn environment_view(reader: &Reader<'_>, placed: Placed, own: Own) -> Result<EnvironmentQuota, RuntimeError> {
    let (environment, organization) = (placed.environment.id, placed.environment.organization);
    let quota = store::quota_get(reader, organization)?;
    let used = store::used_by(reader, environment)?;
    let most = model::over(&own, &quota.each);
    Ok(EnvironmentQuota {
        usage: Usage::all(What::OF_ONE, &used.amounts(), &most),
        demand: demand(reader, environment)?,
        costs: costs(reader, organization, &used)?,
        placed,
        own,
    })
}

fn costs(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    used: &Used,
) -> Result<Option<(Prices, Costs)>, RuntimeError> {
    let prices = store::prices_get(reader, organization)?;
    Ok(prices.map(|prices| (prices.clone(), used.sum.cost(&prices))))
}

/// What the revision that is to run asks for; none when nothing is, or its blueprint cannot be read any more.
fn demand(reader: &Reader<'_>, environment: Id<kinds::Environment>) -> Result<Option<Demand>, RuntimeError> {
    let runtime = runtime_get(reader, environment)?.filter(|runtime| runtime.wish != Wish::Destroyed);
    let Some(runtime) = runtime else { return Ok(None) };
    let Some(revision) = revision_get(reader, environment, runtime.revision)? else { return Ok(None) };
    let stored = stored::version(reader, environment, revision.blueprint).ok().flatten();
    Ok(stored.map(|stored| Demand::of(&stored.blueprint, revision.plan.as_ref(), &revision.replicas)))
}

/// The limits of an environment, how much of them is used, and what each of its services asks for.
///
/// # Errors
/// Unknown or not allowed.
pub async fn environment_quota_get(op: &Op, at: &At) -> Result<EnvironmentQuota, RuntimeError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, &at.project, &at.environment)?;
        op.authorize(reader, Action::RuntimeRead, &placed.resource())?;
        let own = store::own_get(reader, placed.environment.id)?;
        environment_view(reader, placed, own)
    })
    .await
}

/// Replaces the limits that an environment has in place of the organization's default. Asks for a right on the
/// organization: nobody raises their own.
///
/// # Errors
/// Unknown or not allowed.
pub async fn environment_quota_set(op: &Op, at: At, own: Own, dry_run: bool) -> Result<EnvironmentQuota, RuntimeError> {
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &at.project, &at.environment)?;
        let event = op.authorize(tx, Action::QuotaManage, &access::own_organization(op)?)?;
        if !dry_run {
            store::own_set(tx, placed.environment.id, &own)?;
            let details = Details::new().with("environment", placed.environment.id).with("own", own_texts(&own));
            op.record(tx, event.details(details))?;
        }
        environment_view(tx, placed, own)
    })
    .await
}

fn own_texts(own: &Own) -> Vec<String> {
    let text = |(what, limit): (&What, &Limit)| match limit {
        Limit::Unlimited => format!("{} none", what.as_str()),
        Limit::Most(most) => format!("{} {}", what.as_str(), what.text(*most)),
    };
    own.iter().map(text).collect()
}

fn prices_view(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<PricesView, RuntimeError> {
    let used = store::used_in(reader, organization)?;
    let (prices, costs) = costs(reader, organization, &used)?.unzip();
    Ok(PricesView { prices, costs })
}

/// The prices of the organization, and what all that runs of it costs.
///
/// # Errors
/// Not allowed to see what runs of it.
pub async fn prices_get(op: &Op) -> Result<PricesView, RuntimeError> {
    op.read(|reader| {
        op.authorize(reader, Action::RuntimeRead, &access::own_organization(op)?)?;
        prices_view(reader, op.organization()?)
    })
    .await
}

/// Replaces the prices of the organization; with none, no cost is shown.
///
/// # Errors
/// Not allowed.
pub async fn prices_set(op: &Op, prices: Option<Prices>) -> Result<PricesView, RuntimeError> {
    op.write(move |op, tx| {
        let event = op.authorize(tx, Action::QuotaManage, &access::own_organization(op)?)?;
        let organization = op.organization()?;
        store::prices_set(tx, organization, prices.as_ref(), (op.now(), &op.author()))?;
        let told = |p: &Prices| {
            let [cpu, memory, storage] =
                [p.cpu_core_hour, p.memory_gib_hour, p.storage_gib_month].map(|m| m.to_string());
            [p.currency.as_str().to_owned(), cpu, memory, storage]
        };
        op.record(tx, event.details(Details::new().with("prices", prices.as_ref().map(told))))?;
        prices_view(tx, organization)
    })
    .await
}
