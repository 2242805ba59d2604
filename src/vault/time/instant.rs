//! A moment as it is asked for, and the place in the ledger it stands for.

use std::fmt;

use crate::db::Reader;
use crate::ledger::{self, LedgerError};
use crate::op::Op;
use crate::orgs::past::{Cut, store};
use crate::types::{Id, ParseError, Timestamp, kinds};
use crate::vault::VaultError;

/// A moment: a time, or an event of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instant {
    /// After the last change made at or before this time.
    Time(Timestamp),
    /// After the event with this place.
    Seq(u64),
    /// After the event with this id.
    Event(Id<kinds::Event>),
}

impl Instant {
    /// Reads `2026-11-23T08:00:00Z`, `4711` or `evt_…`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("at", "is no time like 2026-11-23T08:00:00Z and no event (its number or evt_…)");
        if Id::<kinds::Event>::looks_like(text) {
            return Id::parse(text).map(Self::Event).map_err(|_| wrong());
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Self::Seq).map_err(|_| wrong());
        }
        Timestamp::parse(text).map(Self::Time).map_err(|_| wrong())
    }

    /// The place of it, for an organization.
    ///
    /// # Errors
    /// It lies ahead; there is no such event in the organization.
    pub(super) fn cut(
        &self,
        op: &Op,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
    ) -> Result<Cut, VaultError> {
        match *self {
            Self::Time(at) if at > op.now() => Err(ParseError::new("at", format!("{at} lies ahead")).into()),
            Self::Time(at) => Ok(store::moment_get(reader, organization, at)?.unwrap_or(Cut::BEGINNING)),
            Self::Seq(seq) if seq < ledger::size(reader)? => Ok(Cut::after(seq)),
            Self::Seq(_) => Err(self.unknown()),
            Self::Event(id) => {
                let found = match ledger::event_find(reader, id) {
                    Err(LedgerError::NotFound(_)) => return Err(self.unknown()),
                    found => found?,
                };
                let own = found.organization.as_deref() == Some(organization.to_string().as_str());
                if own { Ok(Cut::after(found.seq)) } else { Err(self.unknown()) }
            }
        }
    }

    fn unknown(&self) -> VaultError {
        ParseError::new("at", format!("there is no event {self}")).into()
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(at) => at.fmt(f),
            Self::Seq(seq) => seq.fmt(f),
            Self::Event(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_moment_or_an_error(text in "\\PC{0,40}") {
            if let Ok(Instant::Seq(seq)) = Instant::parse(&text) {
                prop_assert!(text.trim_start_matches('0') == seq.to_string().trim_start_matches('0'));
            }
        }
    }

    #[test]
    fn a_moment_is_a_time_a_number_or_an_id() {
        let id = Id::<kinds::Event>::from_bytes([7; 16]);
        assert_eq!(Instant::parse(&id.to_string()), Ok(Instant::Event(id)));
        assert_eq!(Instant::parse("0"), Ok(Instant::Seq(0)));
        let time = Timestamp::parse("2026-11-23T09:00:00+01:00").expect("valid");
        assert_eq!(Instant::parse("2026-11-23T08:00:00Z"), Ok(Instant::Time(time)));
        for wrong in ["", "yesterday", "-1", "1.5", "2026-11-23", "99999999999999999999", "evt_1", "env_x"] {
            assert!(Instant::parse(wrong).is_err(), "{wrong}");
        }
    }
}
