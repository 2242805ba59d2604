//! Attempts nobody is known to have made, counted per address and minute: a flood becomes a handful of events.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::types::Timestamp;

/// Addresses and minutes counted apart at most; what comes on top is counted together, without an address.
const COUNTED_MAX: usize = 4_096;
const MINUTE: i64 = 60_000_000;

/// How often it failed from one address in one minute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureCount {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// The address; none for those that came when too many were being counted. Personal.
    pub address: Option<String>,
    /// How often.
    pub count: u64,
}

/// The counters; lost when the process ends without a last [`Failures::drain_before`].
#[derive(Debug, Default)]
pub struct Failures {
    counts: HashMap<(i64, Option<String>), u64>,
}

impl Failures {
    /// Counts a failure.
    pub fn record(&mut self, address: &str, at: Timestamp) {
        let minute = at.as_micros().div_euclid(MINUTE);
        let full = self.counts.len() >= COUNTED_MAX;
        match self.counts.entry((minute, Some(address.to_owned()))) {
            Entry::Occupied(mut entry) => *entry.get_mut() += 1,
            Entry::Vacant(entry) if !full => {
                entry.insert(1);
            }
            // One more entry for each minute at most: the time moves on only while somebody drains.
            Entry::Vacant(_) => self.record_rest(minute),
        }
    }

    fn record_rest(&mut self, minute: i64) {
        // When even these are too many (a clock that jumps), they go to the oldest one there is.
        let rest = self.counts.keys().filter(|(_, address)| address.is_none()).map(|(minute, _)| *minute).min();
        let minute = if self.counts.len() < COUNTED_MAX * 2 { minute } else { rest.unwrap_or(minute) };
        *self.counts.entry((minute, None)).or_default() += 1;
    }

    /// Takes the counts of the minutes that ended before `now`, in order: one event is made of each.
    pub fn drain_before(&mut self, now: Timestamp) -> Vec<FailureCount> {
        let minute = now.as_micros().div_euclid(MINUTE);
        let mut done: Vec<FailureCount> = self
            .counts
            .extract_if(|(of, _), _| *of < minute)
            .map(|((of, address), count)| FailureCount { minute: Timestamp::from_micros(of * MINUTE), address, count })
            .collect();
        done.sort_unstable();
        done
    }

    /// Whether nothing is counted: then there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn count(minute: i64, address: Option<&str>, count: u64) -> FailureCount {
        FailureCount { minute: at(minute * 60), address: address.map(str::to_owned), count }
    }

    #[test]
    fn a_minute_is_one_count_per_address_and_leaves_when_it_is_over() {
        let mut failures = Failures::default();
        for second in [0, 30, 59, 61] {
            failures.record("192.0.2.1", at(second));
        }
        failures.record("192.0.2.2", at(5));
        assert_eq!(failures.drain_before(at(59)), []);
        let first = [count(0, Some("192.0.2.1"), 3), count(0, Some("192.0.2.2"), 1)];
        assert_eq!(failures.drain_before(at(60)), first);
        assert_eq!(failures.drain_before(at(120)), [count(1, Some("192.0.2.1"), 1)]);
        assert!(failures.is_empty());
    }

    #[test]
    fn a_flood_from_many_addresses_stays_bounded_and_loses_no_count() {
        let mut failures = Failures::default();
        for n in 0..100_000_u32 {
            failures.record(&std::net::Ipv4Addr::from(n).to_string(), at(1));
        }
        for minute in 0..20_000 {
            failures.record("192.0.2.1", at(minute * 60));
        }
        assert!(failures.counts.len() <= COUNTED_MAX * 2 + 1);
        let total: u64 = failures.drain_before(at(60 * 20_001)).iter().map(|count| count.count).sum();
        assert_eq!(total, 120_000);
    }
}
