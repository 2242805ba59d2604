//! Quotas, how much of them is used, and prices. Amounts are texts as a blueprint writes them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::environment::EnvironmentName;
use super::{Answer, ok};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query};
use crate::runtime::demand::{Cost, Costs, Demand, ServiceDemand, Sum};
use crate::runtime::lifecycle::At;
use crate::runtime::quota::{
    self, Amounts, Currency, EnvironmentQuota, Limit, Micros, Own, Prices, PricesView, Quota, QuotaView, Usage, What,
};

/// The word for no limit.
const NONE: &str = "none";

/// The limits of each environment that has none of its own.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EachForm {
    /// Processor time at most: `500m`, `4`. Null is no limit.
    #[schema(max_length = 20)]
    cpu: Option<String>,
    /// Memory at most: `8Gi`. Null is no limit.
    #[schema(max_length = 20)]
    memory: Option<String>,
    /// Storage that stays: `20Gi`. Null is no limit.
    #[schema(max_length = 20)]
    storage: Option<String>,
    /// Hosts that are reached from outside: `3`. Null is no limit.
    #[schema(max_length = 20)]
    hosts: Option<String>,
}

/// The limits of an organization. What is null or left out has none.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaForm {
    /// Processor time of all that runs, at most: `500m`, `16`.
    #[schema(max_length = 20)]
    cpu: Option<String>,
    /// Memory of all that runs, at most: `64Gi`.
    #[schema(max_length = 20)]
    memory: Option<String>,
    /// Storage of all that was deployed: `200Gi`.
    #[schema(max_length = 20)]
    storage: Option<String>,
    /// Environments that run: `20`.
    #[schema(max_length = 20)]
    environments: Option<String>,
    /// Hosts that are reached from outside: `10`.
    #[schema(max_length = 20)]
    hosts: Option<String>,
    /// The limits of each environment that has none of its own.
    #[serde(default)]
    #[schema(required = false, inline)]
    each: EachForm,
}

/// The limits an environment has in place of its organization's default.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnQuotaForm {
    /// Processor time at most: `500m`, `4`, or `none` for no limit. Null is the organization's default.
    #[schema(max_length = 20)]
    cpu: Option<String>,
    /// Memory at most: `8Gi`, or `none`.
    #[schema(max_length = 20)]
    memory: Option<String>,
    /// Storage that stays: `20Gi`, or `none`.
    #[schema(max_length = 20)]
    storage: Option<String>,
    /// Hosts that are reached from outside: `3`, or `none`.
    #[schema(max_length = 20)]
    hosts: Option<String>,
}

/// The amounts that were named. `field` says where they stand.
pub(crate) fn amounts<'a>(
    fields: impl IntoIterator<Item = (What, &'a Option<String>)>,
    prefix: &str,
) -> Result<Amounts, Problem> {
    let mut all = Amounts::new();
    for (what, text) in fields {
        let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty() && *text != NONE);
        if let Some(text) = text {
            all.insert(what, amount(what, text, prefix)?);
        }
    }
    Ok(all)
}

/// The limits that were named in place of the default.
pub(crate) fn own<'a>(fields: impl IntoIterator<Item = (What, &'a Option<String>)>) -> Result<Own, Problem> {
    let mut all = Own::new();
    for (what, text) in fields {
        let limit = match text.as_deref().map(str::trim) {
            None | Some("") => continue,
            Some(NONE) => Limit::Unlimited,
            Some(text) => Limit::Most(amount(what, text, "")?),
        };
        all.insert(what, limit);
    }
    Ok(all)
}

fn amount(what: What, text: &str, prefix: &str) -> Result<u64, Problem> {
    what.amount(text).map_err(|error| Problem::from(error).field(format!("{prefix}{}", what.as_str()), "invalid_value"))
}

fn named(amounts: &Amounts, what: What) -> Option<String> {
    amounts.get(&what).map(|amount| what.text(*amount))
}

impl QuotaForm {
    fn quota(&self) -> Result<Quota, Problem> {
        let all = [
            (What::Cpu, &self.cpu),
            (What::Memory, &self.memory),
            (What::Storage, &self.storage),
            (What::Environments, &self.environments),
            (What::Hosts, &self.hosts),
        ];
        let each = [
            (What::Cpu, &self.each.cpu),
            (What::Memory, &self.each.memory),
            (What::Storage, &self.each.storage),
            (What::Hosts, &self.each.hosts),
        ];
        Ok(Quota { all: amounts(all, "")?, each: amounts(each, "each.")? })
    }
}

impl From<&Quota> for QuotaForm {
    fn from(quota: &Quota) -> Self {
        let (all, each) = (|what| named(&quota.all, what), |what| named(&quota.each, what));
        Self {
            cpu: all(What::Cpu),
            memory: all(What::Memory),
            storage: all(What::Storage),
            environments: all(What::Environments),
            hosts: all(What::Hosts),
            each: EachForm {
                cpu: each(What::Cpu),
                memory: each(What::Memory),
                storage: each(What::Storage),
                hosts: each(What::Hosts),
            },
        }
    }
}

impl From<&Own> for OwnQuotaForm {
    fn from(own: &Own) -> Self {
        let limit = |what: What| match own.get(&what)? {
            Limit::Unlimited => Some(NONE.to_owned()),
            Limit::Most(most) => Some(what.text(*most)),
        };
        Self {
            cpu: limit(What::Cpu),
            memory: limit(What::Memory),
            storage: limit(What::Storage),
            hosts: limit(What::Hosts),
        }
    }
}

/// How much of something is used.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageAnswer {
    /// Of what: `cpu`, `memory`, `storage`, `environments` or `hosts`.
    what: &'static str,
    /// How much is used, as the wishes of now ask for at most.
    used: String,
    /// How much may be; null without a limit.
    most: Option<String>,
    /// Whether more is used than may be, because the limit came later. It goes on, and nothing is added.
    over: bool,
}

impl From<&Usage> for UsageAnswer {
    fn from(usage: &Usage) -> Self {
        let Usage { what, used, most } = *usage;
        Self {
            what: what.as_str(),
            used: what.text(used),
            most: most.map(|most| what.text(most)),
            over: usage.is_over(),
        }
    }
}

/// The limits of an organization, and how much of them is used.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuotaAnswer {
    /// The limits, as they can be set.
    quota: QuotaForm,
    /// How much is used.
    usage: Vec<UsageAnswer>,
    /// Whether nothing was changed, and it was only told how it would be.
    dry_run: bool,
}

impl QuotaAnswer {
    fn of(view: &QuotaView, dry_run: bool) -> Self {
        Self { quota: (&view.quota).into(), usage: view.usage.iter().map(Into::into).collect(), dry_run }
    }
}

/// What something asks for.
#[derive(Serialize, ToSchema)]
pub(crate) struct SumAnswer {
    /// Processor time kept free for it.
    cpu_requests: String,
    /// Processor time it may use.
    cpu_limits: String,
    /// Memory kept free for it.
    memory_requests: String,
    /// Memory it may use.
    memory_limits: String,
    /// Storage that stays.
    storage: String,
    /// Hosts it is reached by from outside.
    hosts: u64,
    /// Pods.
    pods: u64,
}

impl From<&Sum> for SumAnswer {
    fn from(sum: &Sum) -> Self {
        Self {
            cpu_requests: What::Cpu.text(sum.requests.cpu),
            cpu_limits: What::Cpu.text(sum.limits.cpu),
            memory_requests: What::Memory.text(sum.requests.memory),
            memory_limits: What::Memory.text(sum.limits.memory),
            storage: What::Storage.text(sum.storage),
            hosts: sum.hosts,
            pods: sum.pods,
        }
    }
}

/// What one service asks for.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceDemandAnswer {
    /// Its name.
    service: String,
    /// All its pods together.
    #[serde(flatten)]
    sum: SumAnswer,
}

impl From<&ServiceDemand> for ServiceDemandAnswer {
    fn from(demand: &ServiceDemand) -> Self {
        Self { service: demand.service.clone(), sum: (&demand.sum).into() }
    }
}

/// What a blueprint asks for.
#[derive(Serialize, ToSchema)]
pub(crate) struct DemandAnswer {
    /// Service by service, in the order of the blueprint.
    services: Vec<ServiceDemandAnswer>,
    /// All of them.
    total: SumAnswer,
}

impl From<&Demand> for DemandAnswer {
    fn from(demand: &Demand) -> Self {
        Self { services: demand.services.iter().map(Into::into).collect(), total: (&demand.total).into() }
    }
}

/// Money for a time.
#[derive(Serialize, ToSchema)]
pub(crate) struct CostForm {
    /// An hour: a decimal number.
    hour: String,
    /// Thirty days: a decimal number.
    month: String,
}

impl From<Cost> for CostForm {
    fn from(cost: Cost) -> Self {
        Self { hour: Micros(cost.hour).to_string(), month: Micros(cost.month).to_string() }
    }
}

/// What something costs at the organization's prices.
#[derive(Serialize, ToSchema)]
pub(crate) struct CostAnswer {
    /// The currency, by its three letters.
    currency: String,
    /// What is kept free costs this.
    requests: CostForm,
    /// What may be used at most costs this.
    limits: CostForm,
}

impl CostAnswer {
    /// These costs in the currency of these prices.
    pub(crate) fn of(prices: &Prices, costs: Costs) -> Self {
        let currency = prices.currency.as_str().to_owned();
        Self { currency, requests: costs.requests.into(), limits: costs.limits.into() }
    }
}

/// The limits of an environment, and how much of them is used.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnvironmentQuotaAnswer {
    /// The environment.
    environment: EnvironmentName,
    /// What it has in place of the organization's default, as it can be set.
    own: OwnQuotaForm,
    /// How much is used here, and may be.
    usage: Vec<UsageAnswer>,
    /// What its services ask for; null when nothing is deployed.
    demand: Option<DemandAnswer>,
    /// What it costs as it is wished for now; null without prices.
    cost: Option<CostAnswer>,
    /// Whether nothing was changed, and it was only told how it would be.
    dry_run: bool,
}

impl EnvironmentQuotaAnswer {
    fn of(view: EnvironmentQuota, dry_run: bool) -> Self {
        Self {
            environment: view.placed.environment.into(),
            own: (&view.own).into(),
            usage: view.usage.iter().map(Into::into).collect(),
            demand: view.demand.as_ref().map(Into::into),
            cost: view.costs.map(|(prices, costs)| CostAnswer::of(&prices, costs)),
            dry_run,
        }
    }
}

/// What an organization counts for what runs: decimal numbers with at most six digits behind the point.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PricesForm {
    /// The currency, by its three letters: `EUR`.
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$")]
    currency: String,
    /// One core for one hour: `0.03`.
    #[schema(max_length = 14)]
    cpu_core_hour: String,
    /// One GiB of memory for one hour.
    #[schema(max_length = 14)]
    memory_gib_hour: String,
    /// One GiB of storage for thirty days.
    #[schema(max_length = 14)]
    storage_gib_month: String,
}

impl PricesForm {
    /// Prices of these texts.
    pub(crate) fn new(currency: String, [cpu, memory, storage]: [String; 3]) -> Self {
        Self { currency, cpu_core_hour: cpu, memory_gib_hour: memory, storage_gib_month: storage }
    }

    /// The prices.
    pub(crate) fn prices(&self) -> Result<Prices, Problem> {
        let price = |field: &'static str, text: &str| {
            Micros::parse(text.trim()).map_err(|error| Problem::from(error).field(field, "invalid_value"))
        };
        let currency = Currency::parse(self.currency.trim());
        Ok(Prices {
            currency: currency.map_err(|error| Problem::from(error).field("currency", "invalid_value"))?,
            cpu_core_hour: price("cpu_core_hour", &self.cpu_core_hour)?,
            memory_gib_hour: price("memory_gib_hour", &self.memory_gib_hour)?,
            storage_gib_month: price("storage_gib_month", &self.storage_gib_month)?,
        })
    }
}

impl From<&Prices> for PricesForm {
    fn from(prices: &Prices) -> Self {
        let texts = [prices.cpu_core_hour, prices.memory_gib_hour, prices.storage_gib_month].map(|p| p.to_string());
        Self::new(prices.currency.as_str().to_owned(), texts)
    }
}

/// The prices to have from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PricesBody {
    /// The prices; null for none.
    prices: Option<PricesForm>,
}

/// The prices of an organization.
#[derive(Serialize, ToSchema)]
pub(crate) struct PricesAnswer {
    /// The prices; null when it has none.
    prices: Option<PricesForm>,
    /// What all that runs costs at them, as it is wished for now.
    cost: Option<CostAnswer>,
}

impl From<PricesView> for PricesAnswer {
    fn from(view: PricesView) -> Self {
        let prices = view.prices.as_ref();
        let cost = prices.zip(view.costs).map(|(prices, costs)| CostAnswer::of(prices, costs));
        Self { prices: prices.map(Into::into), cost }
    }
}

/// The limits of the organization, and how much of them is used.
#[utoipa::path(get, path = "/quota", operation_id = "quota_get",
    responses((status = 200, description = "The limits.", body = QuotaAnswer)))]
pub(crate) async fn get(Known(op, _): Known) -> Answer {
    ok(&QuotaAnswer::of(&quota::quota_get(&op).await?, false))
}

/// Replaces the limits of the organization. What is over them goes on; nothing is added to it.
#[utoipa::path(put, path = "/quota", operation_id = "quota_set", params(DryRun), request_body = QuotaForm,
    responses((status = 200, description = "The limits from now on.", body = QuotaAnswer)))]
pub(crate) async fn set(Known(op, _): Known, Query(query): Query<DryRun>, Json(body): Json<QuotaForm>) -> Answer {
    let view = quota::quota_set(&op, body.quota()?, query.dry_run).await?;
    ok(&QuotaAnswer::of(&view, query.dry_run))
}

/// The limits of an environment, how much of them is used, and what its services ask for.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/quota",
    operation_id = "environment_quota_get",
    responses((status = 200, description = "The limits.", body = EnvironmentQuotaAnswer)))]
pub(crate) async fn own_get(Known(op, _): Known, Names([project, environment]): Names<2>) -> Answer {
    let view = quota::environment_quota_get(&op, &At { project, environment }).await?;
    ok(&EnvironmentQuotaAnswer::of(view, false))
}

/// Replaces the limits that an environment has in place of the organization's default.
#[utoipa::path(put, path = "/projects/{project}/environments/{environment}/quota",
    operation_id = "environment_quota_set", params(DryRun), request_body = OwnQuotaForm,
    responses((status = 200, description = "The limits from now on.", body = EnvironmentQuotaAnswer)))]
pub(crate) async fn own_set(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<OwnQuotaForm>,
) -> Answer {
    let fields = [
        (What::Cpu, &body.cpu),
        (What::Memory, &body.memory),
        (What::Storage, &body.storage),
        (What::Hosts, &body.hosts),
    ];
    let own = own(fields)?;
    let view = quota::environment_quota_set(&op, At { project, environment }, own, query.dry_run).await?;
    ok(&EnvironmentQuotaAnswer::of(view, query.dry_run))
}

/// What the organization counts for what runs, and what all that runs costs.
#[utoipa::path(get, path = "/prices", operation_id = "prices_get",
    responses((status = 200, description = "The prices.", body = PricesAnswer)))]
pub(crate) async fn prices_get(Known(op, _): Known) -> Answer {
    ok(&PricesAnswer::from(quota::prices_get(&op).await?))
}

/// Replaces what the organization counts for what runs.
#[utoipa::path(put, path = "/prices", operation_id = "prices_set", request_body = PricesBody,
    responses((status = 200, description = "The prices from now on.", body = PricesAnswer)))]
pub(crate) async fn prices_set(Known(op, _): Known, Json(body): Json<PricesBody>) -> Answer {
    let prices = body.prices.as_ref().map(PricesForm::prices).transpose()?;
    ok(&PricesAnswer::from(quota::prices_set(&op, prices).await?))
}
