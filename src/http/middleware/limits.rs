//! How often an actor may ask: governor's GCRA, one cell per actor or address, in bounded memory.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use actix_web::http::StatusCode;
use governor::clock::{Clock as _, DefaultClock, QuantaInstant};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};

use crate::config::RateLimitsConfig;
use crate::http::error::Problem;
use crate::policy::PrincipalId;

/// Cells kept at most; beyond that newcomers share one until others are forgotten.
const CELLS_MAX: usize = 65_536;
/// Checks between two looks at how many cells there are: counting them is dear.
const CHECKS_PER_SWEEP: u32 = 4_096;
/// Attempts at the setup token a minute, of all addresses together.
const SETUP_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// Sign-ins with a password a minute from one address.
const SIGN_INS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// Links opened a minute from one address.
const LINKS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(20).expect("twenty is not zero");
/// Questions answered by comparing values a minute: enough to look around, too few to guess.
const COMPARISONS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("thirty is not zero");
/// Comparisons of a scan with values a minute by one actor: enough for the largest tree, slow for whoever guesses.
const SCANS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("sixty is not zero");
/// The cell of newcomers when all are taken.
const SHARED: [u8; 16] = [0xff; 16];

type Cells = RateLimiter<[u8; 16], DashMapStateStore<[u8; 16]>, DefaultClock, StateInformationMiddleware>;
type One = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// Where an actor stands, for the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests a minute.
    pub(crate) limit: u32,
    /// Requests left now.
    pub(crate) remaining: u32,
    /// Seconds until all are there again.
    pub(crate) reset: u64,
}

impl Standing {
    fn of(snapshot: &StateSnapshot) -> Self {
        let (limit, remaining) = (snapshot.quota().burst_size().get(), snapshot.remaining_burst_capacity());
        let used = u64::from(limit.saturating_sub(remaining));
        Self { limit, remaining, reset: (used * 60).div_ceil(u64::from(limit)) }
    }
}

/// A refusal, and where the actor stands.
pub(crate) struct Refused {
    pub(crate) problem: Problem,
    pub(crate) standing: Standing,
}

struct Group {
    cells: Cells,
    checks: AtomicU32,
    is_full: AtomicBool,
}

impl Group {
    fn new(per_minute: NonZeroU32) -> Self {
        let cells = RateLimiter::dashmap(Quota::per_minute(per_minute)).with_middleware();
        Self { cells, checks: AtomicU32::new(0), is_full: AtomicBool::new(false) }
    }

    fn check(&self, key: [u8; 16]) -> Result<Standing, Refused> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_PER_SWEEP == CHECKS_PER_SWEEP - 1 {
            self.cells.retain_recent();
            self.is_full.store(self.cells.len() >= CELLS_MAX, Ordering::Relaxed);
        }
        let key = if self.is_full.load(Ordering::Relaxed) { SHARED } else { key };
        self.cells.check_key(&key).map(|s| Standing::of(&s)).map_err(|n| refused(&n))
    }
}

fn refused(not_until: &NotUntil<QuantaInstant>) -> Refused {
    let wait = not_until.wait_time_from(DefaultClock::default().now()).as_secs_f64().ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a minute at most, never negative")]
    let seconds = (wait as u64).clamp(1, 60);
    let limit = not_until.quota().burst_size().get();
    let detail = format!("more than {limit} requests a minute");
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
        .hint(format!("wait {seconds} seconds; an operator can raise [rate_limits]"))
        .retry_after(seconds);
    Refused { problem, standing: Standing { limit, remaining: 0, reset: 60 } }
}

/// The limits of one server.
pub(crate) struct Limits {
    enabled: bool,
    addresses: Group,
    people: Group,
    machines: Group,
    sign_ins: Group,
    links: Group,
    comparisons: Group,
    scans: Group,
    setup: One,
}

impl Limits {
    pub(crate) fn new(config: &RateLimitsConfig) -> Self {
        Self {
            enabled: config.enabled,
            addresses: Group::new(config.unauthenticated_per_minute),
            people: Group::new(config.people_per_minute),
            machines: Group::new(config.machines_per_minute),
            sign_ins: Group::new(SIGN_INS_PER_MINUTE),
            links: Group::new(LINKS_PER_MINUTE),
            comparisons: Group::new(COMPARISONS_PER_MINUTE),
            scans: Group::new(SCANS_PER_MINUTE),
            setup: RateLimiter::direct(Quota::per_minute(SETUP_PER_MINUTE)).with_middleware(),
        }
    }

    /// Counts a request of somebody known; none when there are no limits.
    pub(crate) fn actor(&self, actor: &PrincipalId) -> Option<Result<Standing, Refused>> {
        self.enabled.then(|| match actor {
            PrincipalId::User(id) => self.people.check(*id.as_bytes()),
            PrincipalId::ServiceAccount(id) => self.machines.check(*id.as_bytes()),
        })
    }

    /// Counts a comparison of a scan with values.
    pub(crate) fn scan(&self, actor: &PrincipalId) -> Option<Result<Standing, Refused>> {
        self.enabled.then(|| match actor {
            PrincipalId::User(id) => self.scans.check(*id.as_bytes()),
            PrincipalId::ServiceAccount(id) => self.scans.check(*id.as_bytes()),
        })
    }

    /// Counts a request of nobody known.
    pub(crate) fn address(&self, address: Option<IpAddr>) -> Option<Result<Standing, Refused>> {
        self.enabled.then(|| self.addresses.check(cell(address)))
    }

    /// Counts a sign-in with a password.
    pub(crate) fn sign_in(&self, address: Option<IpAddr>) -> Option<Result<Standing, Refused>> {
        self.enabled.then(|| self.sign_ins.check(cell(address)))
    }

    /// Counts an attempt at a one-time link.
    pub(crate) fn link(&self, address: Option<IpAddr>) -> Option<Result<Standing, Refused>> {
        self.enabled.then(|| self.links.check(cell(address)))
    }

    /// Counts a question that is answered by comparing values.
    pub(crate) fn comparison(&self, actor: &PrincipalId) -> Option<Result<Standing, Refused>> {
        self.enabled.then(|| match actor {
            PrincipalId::User(id) => self.comparisons.check(*id.as_bytes()),
            PrincipalId::ServiceAccount(id) => self.comparisons.check(*id.as_bytes()),
        })
    }

    /// Counts an attempt at the setup token; also where limits are off.
    pub(crate) fn setup(&self) -> Result<Standing, Refused> {
        self.setup.check().map(|s| Standing::of(&s)).map_err(|n| refused(&n))
    }
}

/// The cell of an address. Whoever has an IPv6 address has 2^64 of them: the network counts.
fn cell(address: Option<IpAddr>) -> [u8; 16] {
    match address.map(|a| a.to_canonical()) {
        None => Ipv6Addr::UNSPECIFIED.octets(),
        Some(IpAddr::V4(v4)) => v4.to_ipv6_mapped().octets(),
        Some(IpAddr::V6(v6)) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_minute: u32) -> Limits {
        let n = NonZeroU32::new(per_minute).unwrap();
        Limits::new(&RateLimitsConfig {
            enabled: true,
            unauthenticated_per_minute: n,
            people_per_minute: n,
            machines_per_minute: n,
        })
    }

    #[test]
    fn the_network_of_an_ipv6_address_counts_as_one() {
        let limits = limits(2);
        let at = |text: &str| limits.address(Some(text.parse().unwrap())).unwrap();
        assert_eq!(at("2001:db8::1").map_err(|_| ()), Ok(Standing { limit: 2, remaining: 1, reset: 30 }));
        assert!(at("2001:db8::2").is_ok());
        let refused = at("2001:db8::3").err().unwrap();
        assert_eq!((refused.problem.code(), refused.standing.remaining), ("rate_limited", 0));
        assert!(at("2001:db8:0:1::1").is_ok() && at("192.0.2.1").is_ok());
    }

    #[test]
    fn the_setup_token_has_ten_tries_a_minute() {
        let limits = limits(1);
        assert!((0..10).all(|_| limits.setup().is_ok()));
        assert!(limits.setup().is_err());
    }

    #[test]
    fn full_memory_makes_newcomers_share() {
        let limits = limits(1_000_000);
        limits.addresses.is_full.store(true, Ordering::Relaxed);
        for n in 0..100_u32 {
            assert!(limits.address(Some(IpAddr::from(n.to_be_bytes()))).unwrap().is_ok());
        }
        assert_eq!(limits.addresses.cells.len(), 1);
    }
}
