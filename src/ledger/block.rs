//! What a block of 256 events can match: its times and a Bloom filter of its terms.
//!
//! A search reads these newest first and opens only the blocks that may hold a match. This replaces an index per
//! filter, each of which would dirty a page of its own with every event.

/// Events in a block; the leaves of a stored node of level 8.
pub(super) const BLOCK: u64 = 256;

/// What a term is of.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Organization = 1,
    Project,
    Environment,
    Action,
    Actor,
    Target,
    Outcome,
    Mention,
}

/// A term as the filter has it: FNV-1a with a final mix. Stable for ever: it is stored.
pub(super) fn term(kind: Kind, bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ kind as u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 30;
    hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^= hash >> 27;
    hash = hash.wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Secrets a block can tell apart; one that names more is looked at whatever is searched.
const MENTIONS_MAX: usize = 200_000;
/// Names kept until they are brought down to those that differ.
const MENTIONS_KEPT: usize = 400_000;

/// Bits set for a term.
const PROBES: u32 = 4;
/// Bits for a term: with four probes one block in 200 is opened for nothing.
const BITS_PER_TERM: usize = 12;
/// Bytes of the smallest filter.
const LEN_MIN: usize = 32;

/// The summary of a block while it is made.
#[derive(Default)]
pub(super) struct Summary {
    terms: Vec<u64>,
    times: Option<(i64, i64)>,
}

/// The columns of an event that can be searched for.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) at: i64,
    pub(super) outcome: i64,
    pub(super) organization: Option<&'a [u8]>,
    pub(super) project: Option<&'a [u8]>,
    pub(super) environment: Option<&'a [u8]>,
    pub(super) action: &'a [u8],
    pub(super) actor: &'a [u8],
    pub(super) target: Option<&'a [u8]>,
}

impl Summary {
    pub(super) fn add(&mut self, event: &Columns<'_>) {
        let (min, max) = self.times.unwrap_or((event.at, event.at));
        self.times = Some((min.min(event.at), max.max(event.at)));
        let optional =
            [(Kind::Project, event.project), (Kind::Environment, event.environment), (Kind::Target, event.target)];
        self.terms.push(term(Kind::Organization, event.organization.unwrap_or_default()));
        self.terms.push(term(Kind::Action, event.action));
        self.terms.push(term(Kind::Actor, event.actor));
        self.terms.push(term(Kind::Outcome, &event.outcome.to_be_bytes()));
        self.terms.extend(optional.iter().filter_map(|(kind, bytes)| bytes.map(|bytes| term(*kind, bytes))));
    }

    /// The earliest and latest time and the filter, and begins anew.
    pub(super) fn take(&mut self) -> (i64, i64, Vec<u8>) {
        let filter = filter(&mut self.terms);
        let (min, max) = self.times.take().unwrap_or((0, 0));
        (min, max, filter)
    }
}

/// The filter of these terms, which are taken.
fn filter(terms: &mut Vec<u64>) -> Vec<u8> {
    terms.sort_unstable();
    terms.dedup();
    let len = (terms.len() * BITS_PER_TERM / 8).next_power_of_two().max(LEN_MIN);
    let mut filter = vec![0; len];
    for term in terms.drain(..) {
        for (byte, bit) in places(term, len) {
            filter[byte] |= bit;
        }
    }
    filter
}

/// The secrets the events of a block name anywhere: as their target, or in the list of what left at once.
#[derive(Default)]
pub(super) struct Mentions {
    terms: Vec<u64>,
    is_incomplete: bool,
}

impl Mentions {
    /// Adds an event by its record; one without can be searched for by nobody.
    pub(super) fn add(&mut self, record: Option<&[u8]>) {
        let Some(record) = record else {
            self.is_incomplete = true;
            return;
        };
        self.terms.extend(mentioned(record).map(|id| term(Kind::Mention, id)));
        if self.terms.len() > MENTIONS_KEPT {
            self.terms.sort_unstable();
            self.terms.dedup();
        }
    }

    /// The filter, and begins anew; none when a record was missing. An empty one hides nothing.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.terms.sort_unstable();
        self.terms.dedup();
        if self.terms.len() > MENTIONS_MAX {
            self.terms.clear();
            return (!std::mem::take(&mut self.is_incomplete)).then(Vec::new);
        }
        let filter = filter(&mut self.terms);
        (!std::mem::take(&mut self.is_incomplete)).then_some(filter)
    }
}

/// The ids of secrets in a record, each without its quotes.
fn mentioned(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BEGIN: &[u8] = b"\"sec_";
    const LEN: usize = "sec_".len() + 26;
    let quotes = record.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(at, _)| at);
    quotes.filter_map(move |at| {
        let whole = record.get(at..at + LEN + 2)?;
        (whole.starts_with(BEGIN) && whole.ends_with(b"\"")).then(|| &whole[1..=LEN])
    })
}

/// Whether a block with this filter may hold an event with all `terms`.
pub(super) fn may_match(filter: &[u8], terms: &[u64]) -> bool {
    // A filter that is none (a damaged row) hides nothing.
    !filter.len().is_power_of_two()
        || terms.iter().all(|term| places(*term, filter.len()).all(|(byte, bit)| filter[byte] & bit != 0))
}

/// The bytes and bits of a term in a filter of `len` bytes, a power of two.
fn places(term: u64, len: usize) -> impl Iterator<Item = (usize, u8)> {
    let (start, step) = (term, (term >> 32) | 1);
    let mask = len as u64 * 8 - 1;
    (0..u64::from(PROBES)).map(move |probe| {
        let place = start.wrapping_add(step.wrapping_mul(probe)) & mask;
        (usize::try_from(place / 8).unwrap_or(0), 1 << (place % 8))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event<'a>(action: &'a [u8], target: Option<&'a [u8]>, at: i64) -> Columns<'a> {
        Columns {
            at,
            outcome: 0,
            organization: None,
            project: None,
            environment: None,
            action,
            actor: b"system",
            target,
        }
    }

    proptest! {
        #[test]
        fn a_block_with_an_event_is_never_skipped(targets in prop::collection::vec(any::<[u8; 16]>(), 1..256)) {
            let mut summary = Summary::default();
            for (at, target) in (0..).zip(&targets) {
                summary.add(&event(b"secret.reveal", Some(target), at));
            }
            let (min, max, filter) = summary.take();
            prop_assert_eq!((min, max), (0, i64::try_from(targets.len()).unwrap() - 1));
            for target in &targets {
                let terms = [term(Kind::Target, target), term(Kind::Action, b"secret.reveal")];
                prop_assert!(may_match(&filter, &terms));
            }
        }

        #[test]
        fn any_stored_filter_is_answered(filter: Vec<u8>, terms: Vec<u64>) {
            let _ = may_match(&filter, &terms);
        }
    }

    #[test]
    fn a_secret_is_mentioned_as_a_target_and_in_a_list() {
        let (one, two) = (format!("sec_{}", "0".repeat(26)), format!("sec_{}", "z".repeat(26)));
        let record = format!(r#"x{{"target":{{"id":"{one}"}},"details":{{"a":"sec_","secrets":[["{two}",3]]}}}}"#);
        let found: Vec<_> = mentioned(record.as_bytes()).collect();
        assert_eq!(found, [one.as_bytes(), two.as_bytes()]);
        let mut mentions = Mentions::default();
        mentions.add(Some(record.as_bytes()));
        let filter = mentions.take().expect("complete");
        assert!([&one, &two].iter().all(|id| may_match(&filter, &[term(Kind::Mention, id.as_bytes())])));
        assert!(!may_match(&filter, &[term(Kind::Mention, b"sec_other")]));
        mentions.add(None);
        assert_eq!(mentions.take(), None, "what cannot be read again cannot be compared again");
    }

    #[test]
    fn few_blocks_are_opened_for_nothing() {
        let mut summary = Summary::default();
        for n in 0..256_u32 {
            summary.add(&event(b"secret.reveal", Some(&n.to_be_bytes()), 0));
        }
        let (_, _, filter) = summary.take();
        let wrong = (1_000..11_000_u32).filter(|n| may_match(&filter, &[term(Kind::Target, &n.to_be_bytes())])).count();
        assert!(wrong < 150, "{wrong} of 10000 absent targets would open the block");
    }
}
