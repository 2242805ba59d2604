//! Amounts, limits, and whether something is passed.

use std::collections::BTreeMap;

use crate::runtime::blueprint::{Cpu, Memory};
use crate::runtime::demand::{Demand, Sum};
use crate::runtime::render::{cpu_text, memory_text};
use crate::types::ParseError;

/// The most environments or hosts a quota can name.
const COUNT_MAX: u64 = 100_000;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// Processor time at most, in thousandths of a core.
    Cpu,
    /// Memory at most, in bytes.
    Memory,
    /// Storage that stays, in bytes.
    Storage,
    /// Environments that run.
    Environments,
    /// Hosts that are reached from outside.
    Hosts,
}

impl What {
    /// All of it.
    pub const ALL: &[Self] = &[Self::Cpu, Self::Memory, Self::Storage, Self::Environments, Self::Hosts];
    /// What one environment can have a limit of.
    pub const OF_ONE: &[Self] = &[Self::Cpu, Self::Memory, Self::Storage, Self::Hosts];

    /// The word for it, as fields and flags are called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Storage => "storage",
            Self::Environments => "environments",
            Self::Hosts => "hosts",
        }
    }

    /// The word for it for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Storage => "storage",
            Self::Environments => "environments that run",
            Self::Hosts => "exposed hosts",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// It is none of them.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let unknown = || ParseError::new("quota", "is of cpu, memory, storage, environments or hosts");
        Self::ALL.iter().copied().find(|what| what.as_str() == text).ok_or_else(unknown)
    }

    /// An amount as a blueprint writes it: `500m` or `4`, `8Gi`, `20`. `0` is nothing at all.
    ///
    /// # Errors
    /// It is no amount, or too much: 9,999 cores, 1 PiB, 100,000 environments or hosts.
    pub fn amount(self, text: &str) -> Result<u64, ParseError> {
        let wrong = |right: &str| ParseError::new(self.as_str(), format!("an amount is {right}"));
        if text == "0" {
            return Ok(0);
        }
        match self {
            Self::Cpu => {
                Cpu::parse(text).map(|cpu| u64::from(cpu.millis())).map_err(|_| wrong("like 500m or 4, at most 9999"))
            }
            Self::Memory | Self::Storage => {
                Memory::parse(text).map(|m| m.bytes()).map_err(|_| wrong("like 512Mi or 8Gi, at most 1024Ti"))
            }
            Self::Environments | Self::Hosts => {
                let is_plain = !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
                let number = text.parse().ok().filter(|n| is_plain && *n <= COUNT_MAX);
                number.ok_or_else(|| wrong("a number like 20, at most 100000"))
            }
        }
    }

    /// An amount, as [`What::amount`] reads it.
    pub fn text(self, amount: u64) -> String {
        match self {
            Self::Cpu => cpu_text(amount),
            Self::Memory | Self::Storage => memory_text(amount),
            Self::Environments | Self::Hosts => amount.to_string(),
        }
    }

    /// An amount for people: cut to the hundredth of its unit.
    pub fn told(self, amount: u64) -> String {
        if !matches!(self, Self::Memory | Self::Storage) {
            return self.text(amount);
        }
        let units = [(1_u64 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
        let fits = units.iter().find(|(unit, _)| amount >= *unit);
        let Some((unit, word)) = fits.filter(|(unit, _)| !amount.is_multiple_of(*unit)) else {
            return self.text(amount);
        };
        let hundredths = u128::from(amount) * 100 / u128::from(*unit);
        let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        format!("{}{word}", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Amounts by what they are of. What is missing is nothing, or, of limits, without one.
pub type Amounts = BTreeMap<What, u64>;

/// What an environment has in place of its organization's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// No limit.
    Unlimited,
    /// So much at most.
    Most(u64),
}

/// What an environment has of its own; what is missing is the organization's default.
pub type Own = BTreeMap<What, Limit>;

/// The limits of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quota {
    /// Of everything that runs of it together.
    pub all: Amounts,
    /// Of each of its environments that has none of its own.
    pub each: Amounts,
}

impl Quota {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        self.all.is_empty() && self.each.is_empty()
    }
}

/// The limits of one environment: its own, and where it has none, the default.
pub(super) fn over(own: &Own, default: &Amounts) -> Amounts {
    let limit = |what: &What| match own.get(what) {
        None => default.get(what).copied(),
        Some(Limit::Unlimited) => None,
        Some(Limit::Most(most)) => Some(*most),
    };
    What::OF_ONE.iter().filter_map(|what| Some((*what, limit(what)?))).collect()
}

/// What is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// What the wishes ask for.
    pub sum: Sum,
    /// How many environments run.
    pub environments: u64,
}

impl Used {
    /// What one environment uses that runs this.
    pub(super) fn of(demand: &Demand) -> Self {
        Self { sum: demand.total, environments: 1 }
    }

    /// What of it can be limited.
    pub fn amounts(&self) -> Amounts {
        Amounts::from([
            (What::Cpu, self.sum.limits.cpu),
            (What::Memory, self.sum.limits.memory),
            (What::Storage, self.sum.storage),
            (What::Environments, self.environments),
            (What::Hosts, self.sum.hosts),
        ])
    }
}

/// How much of something is used, and how much may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Of what.
    pub what: What,
    /// How much is used.
    pub used: u64,
    /// How much may be; none without a limit.
    pub most: Option<u64>,
}

impl Usage {
    /// Of each of these.
    pub(super) fn all(of: &[What], used: &Amounts, most: &Amounts) -> Vec<Self> {
        let one = |what: &What| Self {
            what: *what,
            used: used.get(what).copied().unwrap_or_default(),
            most: most.get(what).copied(),
        };
        of.iter().map(one).collect()
    }

    /// How much is used, for people.
    pub fn used_told(&self) -> String {
        self.what.told(self.used)
    }

    /// How much may be used, for people; none without a limit.
    pub fn most_told(&self) -> Option<String> {
        self.most.map(|most| self.what.told(most))
    }

    /// Whether more is used than may be: the limit came later. It stays, and nothing is added.
    pub fn is_over(&self) -> bool {
        self.most.is_some_and(|most| self.used > most)
    }
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Of everything of the organization.
    Organization,
    /// Of one environment.
    Environment,
}

impl Reach {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Environment => "environment",
        }
    }
}

/// A limit that would be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// Of what.
    pub what: What,
    /// Whose limit.
    pub reach: Reach,
    /// What the environment asks for.
    pub asked: u64,
    /// What is used without it, under that limit.
    pub used: u64,
    /// What may be used.
    pub most: u64,
}

impl Excess {
    /// What would be used.
    pub fn wished(&self) -> u64 {
        self.used.saturating_add(self.asked)
    }

    /// In words: what is asked, what is used, what is most.
    pub fn words(&self) -> String {
        let Self { what, asked, used, most, .. } = *self;
        let told = |amount| what.told(amount);
        match self.reach {
            Reach::Environment => {
                format!("{} would be {}, and one environment may have {}", what.words(), told(asked), told(most))
            }
            Reach::Organization => format!(
                "{} of the organization would be {} ({} here, {} elsewhere), and may be {} at most",
                what.words(),
                told(self.wished()),
                told(asked),
                told(used),
                told(most)
            ),
        }
    }
}

/// The limits that a wish would pass: only of what grows by it.
pub(super) fn passed(
    reach: Reach,
    most: &Amounts,
    others: &Amounts,
    before: &Amounts,
    wished: &Amounts,
) -> Vec<Excess> {
    let of = |amounts: &Amounts, what: &What| amounts.get(what).copied().unwrap_or_default();
    let excess = |(what, most): (&What, &u64)| {
        let (asked, used) = (of(wished, what), of(others, what));
        let grows = asked > of(before, what);
        let excess = Excess { what: *what, reach, asked, used, most: *most };
        (grows && excess.wished() > *most).then_some(excess)
    };
    most.iter().filter_map(excess).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cpu(millis: u64) -> Amounts {
        Amounts::from([(What::Cpu, millis)])
    }

    #[test]
    fn amounts_are_read_as_a_blueprint_writes_them() {
        for (what, text, amount) in [
            (What::Cpu, "500m", 500),
            (What::Cpu, "4", 4_000),
            (What::Cpu, "0", 0),
            (What::Memory, "8Gi", 8 << 30),
            (What::Storage, "1024Ti", 1 << 50),
            (What::Hosts, "20", 20),
        ] {
            assert_eq!(what.amount(text), Ok(amount), "{text}");
            assert_eq!(what.amount(&what.text(amount)), Ok(amount), "{text}");
        }
        for (what, text) in [
            (What::Cpu, "-1"),
            (What::Cpu, "4 cores"),
            (What::Memory, "8GB"),
            (What::Storage, "99999999999Ti"),
            (What::Hosts, "+1"),
            (What::Hosts, "1e3"),
            (What::Environments, "100001"),
            (What::Environments, ""),
        ] {
            assert!(what.amount(text).is_err(), "{text}");
        }
        assert_eq!(What::Memory.told((3 << 30) + (1 << 20) * 300), "3.29Gi");
        assert_eq!((What::Memory.told(8 << 30), What::Memory.told(7)), ("8Gi".to_owned(), "7".to_owned()));
    }

    #[test]
    fn only_what_grows_beyond_its_limit_is_refused() {
        let refused = |most, others, before, wished| {
            !passed(Reach::Organization, &cpu(most), &cpu(others), &cpu(before), &cpu(wished)).is_empty()
        };
        assert!(!refused(4_000, 3_000, 0, 1_000), "to the limit is within it");
        assert!(refused(4_000, 3_000, 0, 1_001));
        assert!(!refused(1_000, 3_000, 2_000, 2_000), "a lowered limit ends nothing");
        assert!(!refused(1_000, 3_000, 2_000, 1_500), "and less of it is welcome");
        assert!(refused(1_000, 3_000, 2_000, 2_001), "nothing is added");
        assert!(refused(0, 0, 0, 1));
        assert!(passed(Reach::Organization, &Amounts::new(), &cpu(9), &cpu(0), &cpu(9)).is_empty());
    }

    #[test]
    fn an_environment_has_its_own_the_default_or_none() {
        let default = Amounts::from([(What::Cpu, 1_000), (What::Memory, 1 << 30), (What::Hosts, 1)]);
        let own = Own::from([(What::Cpu, Limit::Most(8_000)), (What::Memory, Limit::Unlimited)]);
        assert_eq!(over(&own, &default), Amounts::from([(What::Cpu, 8_000), (What::Hosts, 1)]));
        assert_eq!(over(&Own::new(), &default), default);
    }

    proptest! {
        #[test]
        fn what_is_refused_would_pass_its_limit(
            most in any::<u64>(), others in any::<u64>(), before in any::<u64>(), wished in any::<u64>(),
        ) {
            let found = passed(Reach::Organization, &cpu(most), &cpu(others), &cpu(before), &cpu(wished));
            let is_passed = others.saturating_add(wished) > most && wished > before;
            prop_assert_eq!(found.len(), usize::from(is_passed));
        }

        #[test]
        fn an_amount_reads_as_it_is_written(millis in 1_u64..9_999_000, bytes in 1_u64..=1 << 49) {
            let text = What::Cpu.text(millis);
            prop_assert_eq!(What::Cpu.amount(&text), Ok(millis));
            if let Ok(read) = What::Memory.amount(&What::Memory.text(bytes)) {
                prop_assert_eq!(read, bytes);
            }
        }
    }
}
