//! What was, and in which order: the places of the ledger that `--at` names, and where environments hung at each.
//!
//! Invariants, and what each one stops:
//! - Order is the ledger's, never the clock's: a clock that was set back cannot mix a new value with an old tree, so
//!   what is shown is a state that was.
//! - A time stands for exactly one place, looked up by an index: however often the clock jumped.
//! - The tree of any place is one that was: no circle can come of two moves read from different moments.
//!
//! It knows places only; what a secret was at one of them is `vault`'s to say.

pub(crate) mod store;

/// A place in the order of the ledger: what the events up to it tell of has happened, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cut(i64);

impl Cut {
    /// Before everything.
    pub const BEGINNING: Self = Self(-1);

    /// Right after the event at `seq`.
    pub fn after(seq: u64) -> Self {
        Self(i64::try_from(seq).unwrap_or(i64::MAX))
    }

    /// The last event that has happened; none before the first.
    pub fn seq(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }

    /// As SQL compares it with the place of a row.
    pub(crate) const fn as_sql(self) -> i64 {
        self.0
    }
}
