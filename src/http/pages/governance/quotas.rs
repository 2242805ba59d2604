//! What the organization may run, how much of that is used, and what it counts for it.

use askama::Template;
use serde::Deserialize;

use super::{Done, is_told, status_of};
use crate::http::api::Answer;
use crate::http::api::quota::{PricesForm, amounts};
use crate::http::error::Problem;
use crate::http::extract::Query;
use crate::http::pages::failure::Told;
use crate::http::pages::form::Form;
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::policy::Action;
use crate::runtime::quota::{
    Amounts, Micros, PricesView, Quota, QuotaView, What, prices_get, prices_set, quota_get, quota_set,
};

/// The page.
#[derive(Template)]
#[template(path = "quota.html")]
struct QuotaPage {
    frame: Frame,
    view: QuotaView,
    prices: PricesView,
    may_set: bool,
    told: Option<Told>,
}

impl QuotaPage {
    /// The field of a form: a limit as it is.
    fn limit(amounts: &Amounts, what: &What) -> String {
        amounts.get(what).map(|most| what.text(*most)).unwrap_or_default()
    }

    /// The limits of each environment that are set.
    fn each(&self) -> Vec<(What, String)> {
        self.view.quota.each.iter().map(|(what, most)| (*what, what.told(*most))).collect()
    }

    /// The field of a form: a price as it is.
    fn price(&self, field: &str) -> String {
        let Some(prices) = &self.prices.prices else { return String::new() };
        match field {
            "currency" => prices.currency.as_str().to_owned(),
            "cpu_core_hour" => prices.cpu_core_hour.to_string(),
            "memory_gib_hour" => prices.memory_gib_hour.to_string(),
            _ => prices.storage_gib_month.to_string(),
        }
    }

    /// What all that runs costs: of an hour and of thirty days, at least and at most, with the currency.
    fn costs(&self) -> Vec<(&'static str, String, String)> {
        let Some((prices, costs)) = self.prices.prices.as_ref().zip(self.prices.costs) else { return Vec::new() };
        let told = |micros| format!("{} {}", Micros(micros).told(), prices.currency.as_str());
        let row = |time, least, most| (time, told(least), told(most));
        vec![
            row("an hour", costs.requests.hour, costs.limits.hour),
            row("thirty days", costs.requests.month, costs.limits.month),
        ]
    }
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Query(query): Query<Done>) -> Answer {
    show(&visitor, query.done.as_deref(), None).await
}

async fn show(visitor: &Visitor, done: Option<&str>, told: Option<Told>) -> Answer {
    let (view, prices) = (quota_get(&visitor.op).await?, prices_get(&visitor.op).await?);
    let frame = visitor.frame("Quotas", Section::Settings, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Settings", "/organization").crumb("Quotas", "/organization/quota");
    let may_set = frame.permissions.permits(Action::QuotaManage, false);
    let status = status_of(told.as_ref());
    let frame = frame.help("environments").notice(done);
    visitor.show_as(status, &QuotaPage { frame, view, prices, may_set, told })
}

/// Where a change leads: on, or back with what is wrong.
async fn answer<T>(visitor: &Visitor, done: Result<T, Problem>) -> Answer {
    match done {
        Ok(_) => Visitor::go("/organization/quota?done=changed"),
        Err(problem) if is_told(&problem) => show(visitor, None, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

/// The limits that shall be. What is empty is no limit.
#[derive(Deserialize)]
pub(super) struct QuotaFields {
    #[serde(default)]
    cpu: Option<String>,
    #[serde(default)]
    memory: Option<String>,
    #[serde(default)]
    storage: Option<String>,
    #[serde(default)]
    environments: Option<String>,
    #[serde(default)]
    hosts: Option<String>,
    #[serde(default)]
    each_cpu: Option<String>,
    #[serde(default)]
    each_memory: Option<String>,
    #[serde(default)]
    each_storage: Option<String>,
    #[serde(default)]
    each_hosts: Option<String>,
}

impl QuotaFields {
    fn quota(&self) -> Result<Quota, Problem> {
        let all = [
            (What::Cpu, &self.cpu),
            (What::Memory, &self.memory),
            (What::Storage, &self.storage),
            (What::Environments, &self.environments),
            (What::Hosts, &self.hosts),
        ];
        let each = [
            (What::Cpu, &self.each_cpu),
            (What::Memory, &self.each_memory),
            (What::Storage, &self.each_storage),
            (What::Hosts, &self.each_hosts),
        ];
        Ok(Quota { all: amounts(all, "")?, each: amounts(each, "each.")? })
    }
}

/// Sets the limits.
pub(super) async fn set(Form(visitor, form): Form<QuotaFields>) -> Answer {
    let done = match form.quota() {
        Ok(quota) => quota_set(&visitor.op, quota, false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    answer(&visitor, done).await
}

/// The prices that shall be.
#[derive(Deserialize)]
pub(super) struct PriceFields {
    /// `none` takes them away.
    #[serde(default)]
    act: String,
    #[serde(default)]
    currency: String,
    #[serde(default)]
    cpu_core_hour: String,
    #[serde(default)]
    memory_gib_hour: String,
    #[serde(default)]
    storage_gib_month: String,
}

/// Sets the prices, or takes them away.
pub(super) async fn price(Form(visitor, form): Form<PriceFields>) -> Answer {
    let PriceFields { act, currency, cpu_core_hour, memory_gib_hour, storage_gib_month } = form;
    let prices = if act == "none" {
        Ok(None)
    } else {
        PricesForm::new(currency, [cpu_core_hour, memory_gib_hour, storage_gib_month]).prices().map(Some)
    };
    let done = match prices {
        Ok(prices) => prices_set(&visitor.op, prices).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    answer(&visitor, done).await
}
