//! What a blueprint asks of a cluster, and what that costs: sums, and nothing else.
//!
//! Invariants, and what each one stops:
//! - The sizes are those that [`render`](super::render) makes objects of, also where a service names none: what is counted
//!   is what runs.
//! - No sum overflows: it stops at the largest number there is.
//! - Money is counted in whole millionths, never in fractions of a machine's own.
//!
//! The gate, which runs for a moment before anything else of a pod, and the Jobs of init steps are not counted. It knows
//! no quota: whether there is room is `quota`'s.

use std::collections::BTreeMap;

use serde::Serialize;

use super::blueprint::{Blueprint, Exposure, Label};
use super::quota::Prices;
use super::render::{Sizes, claim_sizes};

/// Processor and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// Thousandths of a core.
    pub cpu: u64,
    /// Bytes.
    pub memory: u64,
}

impl Amount {
    fn times(self, n: u64) -> Self {
        Self { cpu: self.cpu.saturating_mul(n), memory: self.memory.saturating_mul(n) }
    }

    fn plus(self, other: Self) -> Self {
        Self { cpu: self.cpu.saturating_add(other.cpu), memory: self.memory.saturating_add(other.memory) }
    }
}

/// What something asks for in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Sum {
    /// What is kept free for it.
    pub requests: Amount,
    /// What it may use at most.
    pub limits: Amount,
    /// Storage that stays, in bytes.
    pub storage: u64,
    /// Hosts it is reached by from outside.
    pub hosts: u64,
    /// Pods.
    pub pods: u64,
}

/// What it costs to run something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    /// An hour, in millionths of the currency.
    pub hour: u64,
    /// Thirty days, in millionths of the currency.
    pub month: u64,
}

/// What it costs, at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Costs {
    /// Of what is kept free for it.
    pub requests: Cost,
    /// Of what it may use at most.
    pub limits: Cost,
}

/// What one service asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceDemand {
    /// Its name.
    pub service: String,
    /// All its pods together; storage that several services share counts for the first.
    pub sum: Sum,
}

/// What a blueprint asks for, service by service and in all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Demand {
    /// The services, in the order of the blueprint.
    pub services: Vec<ServiceDemand>,
    /// All of them.
    pub total: Sum,
}

/// Hours of thirty days.
const MONTH_HOURS: u128 = 720;
/// Bytes of a gibibyte.
const GIB: u128 = 1 << 30;
/// The largest amount of money that is told: what every JSON reader takes as a whole number.
const MONEY_MAX: u128 = (1 << 53) - 1;

impl Sum {
    fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.plus(other.requests),
            limits: self.limits.plus(other.limits),
            storage: self.storage.saturating_add(other.storage),
            hosts: self.hosts.saturating_add(other.hosts),
            pods: self.pods.saturating_add(other.pods),
        }
    }

    /// What it costs at these prices.
    pub fn cost(&self, prices: &Prices) -> Costs {
        let cost = |amount: Amount| cost(amount, self.storage, prices);
        Costs { requests: cost(self.requests), limits: cost(self.limits) }
    }
}

impl Demand {
    /// What a blueprint asks for with this plan and these services scaled by hand. A plan the blueprint does not have
    /// changes nothing.
    pub fn of(blueprint: &Blueprint, plan: Option<&Label>, replicas: &BTreeMap<Label, u32>) -> Self {
        let claims = claim_sizes(blueprint);
        let mut demand = Self::default();
        for service in blueprint.services.iter() {
            let sizes = Sizes::chosen(blueprint, plan, replicas, service);
            let pods = u64::from(sizes.wanted);
            let own = claims.values().filter(|(_, _, first)| first.name == service.name);
            let amount = |cpu, memory| Amount { cpu, memory }.times(pods);
            let sum = Sum {
                requests: amount(sizes.requests.cpu, sizes.requests.memory),
                limits: amount(sizes.limits.cpu, sizes.limits.memory),
                storage: own.map(|(bytes, ..)| *bytes).fold(0, u64::saturating_add),
                hosts: u64::from(matches!(service.expose, Exposure::Shown(_))),
                pods,
            };
            demand.total = demand.total.plus(sum);
            demand.services.push(ServiceDemand { service: service.name.as_str().to_owned(), sum });
        }
        demand
    }

    /// What all of it costs at these prices.
    pub fn cost(&self, prices: &Prices) -> Costs {
        self.total.cost(prices)
    }
}

/// Money as it is told.
fn money(micros: u128) -> u64 {
    u64::try_from(micros.min(MONEY_MAX)).unwrap_or(u64::MAX)
}

/// `amount * price * times / unit`, to the nearest millionth.
fn part(amount: u64, price: u64, times: u128, unit: u128) -> u128 {
    let whole = u128::from(amount).saturating_mul(u128::from(price)).saturating_mul(times);
    whole.saturating_add(unit / 2) / unit
}

fn cost(amount: Amount, storage: u64, prices: &Prices) -> Cost {
    let running = |hours: u128| {
        let cpu = part(amount.cpu, prices.cpu_core_hour.0, hours, 1_000);
        cpu.saturating_add(part(amount.memory, prices.memory_gib_hour.0, hours, GIB))
    };
    let stored = |parts: u128| part(storage, prices.storage_gib_month.0, 1, GIB * parts);
    Cost {
        hour: money(running(1).saturating_add(stored(MONTH_HOURS))),
        month: money(running(MONTH_HOURS).saturating_add(stored(1))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runtime::blueprint;
    use crate::runtime::quota::{Currency, Micros};

    const TEXT: &str = "\
name: shop
services:
  - name: web
    image: a:1
    replicas: 2
    expose: true
    resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: 500m, memory: 256Mi}}
    volumes: [{name: data, mountPath: /d, type: pvc, size: 1Gi}]
  - name: worker
    image: a:1
    volumes:
      - {name: data, mountPath: /d, type: pvc, size: 1Gi, readOnly: true}
      - {name: own, mountPath: /o, type: pvc, size: 2Gi}
      - {name: tmp, mountPath: /t, type: empty}
plans:
  large: {services: {web: {replicas: 4, resources: {limits: {cpu: '2'}}}}}
";
    const MI: u64 = 1 << 20;

    fn read() -> Blueprint {
        blueprint::read(TEXT).expect("a blueprint").blueprint
    }

    fn prices(cpu: u64, memory: u64, storage: u64) -> Prices {
        Prices {
            currency: Currency::parse("EUR").expect("a currency"),
            cpu_core_hour: Micros(cpu),
            memory_gib_hour: Micros(memory),
            storage_gib_month: Micros(storage),
        }
    }

    #[test]
    fn pods_are_counted_and_storage_once_and_what_says_nothing_as_it_is_rendered() {
        let demand = Demand::of(&read(), None, &BTreeMap::new());
        let [web, worker] = demand.services.as_slice() else { panic!("two services: {demand:?}") };
        assert_eq!(web.sum.requests, Amount { cpu: 200, memory: 256 * MI });
        assert_eq!(web.sum.limits, Amount { cpu: 1_000, memory: 512 * MI });
        assert_eq!((web.sum.storage, web.sum.hosts, web.sum.pods), (1 << 30, 1, 2));
        assert_eq!(worker.sum.requests, Amount { cpu: 10, memory: 50 * MI }, "as render fills it in");
        assert_eq!(worker.sum.limits, Amount { cpu: 1_000, memory: 512 * MI });
        assert_eq!((worker.sum.storage, worker.sum.hosts), (2 << 30, 0), "shared storage is the first one's");
        assert_eq!(demand.total.storage, 3 << 30);
        assert_eq!((demand.total.limits.cpu, demand.total.pods, demand.total.hosts), (2_000, 3, 1));
    }

    #[test]
    fn a_plan_and_whoever_scales_change_the_sum() {
        let blueprint = read();
        let plan = blueprint.plans.keys().next().cloned();
        let large = Demand::of(&blueprint, plan.as_ref(), &BTreeMap::new());
        assert_eq!((large.services[0].sum.limits.cpu, large.services[0].sum.pods), (8_000, 4));
        let web = Label::parse("web").expect("a label");
        let none = Demand::of(&blueprint, plan.as_ref(), &BTreeMap::from([(web, 0)]));
        assert_eq!((none.services[0].sum.limits, none.services[0].sum.pods), (Amount::default(), 0));
        assert_eq!(none.total.storage, 3 << 30, "storage stays");
    }

    #[test]
    fn cost_is_whole_and_of_an_hour_and_thirty_days() {
        let sum = Sum {
            requests: Amount { cpu: 500, memory: 1 << 30 },
            limits: Amount { cpu: 2_000, memory: 2 << 30 },
            storage: 10 << 30,
            ..Sum::default()
        };
        // 0.03 a core and hour, 0.004 a GiB and hour, 0.10 a GiB and month.
        let costs = sum.cost(&prices(30_000, 4_000, 100_000));
        assert_eq!(costs.requests.month, 720 * (15_000 + 4_000) + 1_000_000);
        assert_eq!(costs.requests.hour, 15_000 + 4_000 + 1_389, "storage by the hour, to the nearest millionth");
        assert_eq!(costs.limits.hour, 60_000 + 8_000 + 1_389);
        assert_eq!(Sum::default().cost(&prices(30_000, 4_000, 100_000)), Costs::default());
    }

    proptest! {
        #[test]
        fn no_sum_and_no_cost_overflows(
            cpu in any::<u64>(), memory in any::<u64>(), storage in any::<u64>(), n in any::<u64>(), price in any::<u64>(),
        ) {
            let amount = Amount { cpu, memory };
            let one = Sum { requests: amount, limits: amount.times(n), storage, hosts: n, pods: n };
            let two = one.plus(one);
            prop_assert!(two.limits.cpu >= one.limits.cpu && two.storage >= one.storage && two.pods >= one.pods);
            let costs = two.cost(&prices(price, price, price));
            prop_assert!(costs.limits.month >= costs.limits.hour);
            prop_assert!(u128::from(costs.limits.month) <= MONEY_MAX);
        }

        #[test]
        fn scaling_up_never_asks_for_less(n in 0_u32..=100) {
            let (blueprint, web) = (read(), Label::parse("web").expect("a label"));
            let at = |n| Demand::of(&blueprint, None, &BTreeMap::from([(web.clone(), n)])).total;
            let (less, more) = (at(n), at(n + 1));
            prop_assert!(more.limits.cpu > less.limits.cpu && more.requests.memory > less.requests.memory);
            prop_assert_eq!(more.storage, less.storage);
        }
    }
}
