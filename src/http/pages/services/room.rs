//! How much of its quota an environment uses, what its services ask for, and what they cost.

use serde::Deserialize;

use super::answer;
use crate::http::api::Answer;
use crate::http::api::quota::own;
use crate::http::extract::Names;
use crate::http::pages::form::Form;
use crate::http::pages::visitor::Visitor;
use crate::orgs::access;
use crate::policy::Action;
use crate::runtime::demand::{Demand, Sum};
use crate::runtime::lifecycle::{At, RuntimeError};
use crate::runtime::quota::{
    EnvironmentQuota, Limit, Micros, Usage, What, environment_quota_get, environment_quota_set,
};

/// What the part of the page shows.
pub(super) struct Room {
    view: EnvironmentQuota,
    /// Whether whoever looks may change quotas.
    may_set: bool,
}

impl Room {
    /// Of an environment.
    pub(super) async fn of(visitor: &Visitor, at: &At) -> Result<Self, RuntimeError> {
        let may = access::may(&visitor.op, None, None, &[Action::QuotaManage]).await?;
        Ok(Self { view: environment_quota_get(&visitor.op, at).await?, may_set: !may.is_empty() })
    }

    pub(super) fn may_set(&self) -> bool {
        self.may_set
    }

    /// Whether there is anything to show.
    pub(super) fn is_of_use(&self) -> bool {
        self.may_set || self.view.demand.is_some() || self.view.usage.iter().any(|usage| usage.most.is_some())
    }

    pub(super) fn usage(&self) -> &[Usage] {
        &self.view.usage
    }

    pub(super) fn demand(&self) -> Option<&Demand> {
        self.view.demand.as_ref()
    }

    /// The field of a form: what the environment has of its own.
    pub(super) fn own(&self, what: &What) -> String {
        match self.view.own.get(what) {
            None => String::new(),
            Some(Limit::Unlimited) => "none".to_owned(),
            Some(Limit::Most(most)) => what.text(*most),
        }
    }

    /// Thirty days: at least, at most, in which currency.
    pub(super) fn month(&self) -> Option<(String, String, &str)> {
        let (prices, costs) = self.view.costs.as_ref()?;
        let told = |micros| Micros(micros).told();
        Some((told(costs.requests.month), told(costs.limits.month), prices.currency.as_str()))
    }

    /// Processor time and memory of a sum, each kept free and at most, and its storage.
    pub(super) fn spans(sum: &Sum) -> [String; 3] {
        let span = |what: What, least, most| format!("{} to {}", what.told(least), what.told(most));
        [
            span(What::Cpu, sum.requests.cpu, sum.limits.cpu),
            span(What::Memory, sum.requests.memory, sum.limits.memory),
            What::Storage.told(sum.storage),
        ]
    }
}

/// The limits an environment shall have of its own.
#[derive(Deserialize)]
pub(in crate::http::pages) struct OwnForm {
    #[serde(default)]
    cpu: Option<String>,
    #[serde(default)]
    memory: Option<String>,
    #[serde(default)]
    storage: Option<String>,
    #[serde(default)]
    hosts: Option<String>,
}

/// Sets them.
pub(in crate::http::pages) async fn own_quota(
    Names([project, environment]): Names<2>,
    Form(visitor, form): Form<OwnForm>,
) -> Answer {
    let fields = [
        (What::Cpu, &form.cpu),
        (What::Memory, &form.memory),
        (What::Storage, &form.storage),
        (What::Hosts, &form.hosts),
    ];
    let at = At { project: project.clone(), environment: environment.clone() };
    let done = match own(fields) {
        Ok(own) => environment_quota_set(&visitor.op, at, own, false).await.map_err(Into::into),
        Err(problem) => Err(problem),
    };
    answer(&visitor, [&project, &environment], done, "changed").await
}
