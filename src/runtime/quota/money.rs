//! Prices: whole millionths of a currency.

use std::fmt;

use serde::Serialize;

use crate::types::ParseError;

/// The highest price: a million of the currency.
const PRICE_MAX: u64 = 1_000_000 * MICROS;
/// Parts of one.
const MICROS: u64 = 1_000_000;

/// A currency, by its three letters: `EUR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Currency(String);

impl Currency {
    /// Reads it.
    ///
    /// # Errors
    /// It is not three upper-case letters.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
            return Ok(Self(text.to_owned()));
        }
        Err(ParseError::new("currency", "is three upper-case letters, like EUR"))
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An amount of money in millionths of its currency. Written as a decimal number: `0.025`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Micros(pub u64);

impl Micros {
    /// Reads a price: digits, and after a point at most six more.
    ///
    /// # Errors
    /// It is no such number, or more than a million.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let right = "is a number like 0.025, with at most six digits behind the point and at most 1000000";
            ParseError::new("price", right)
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str, most: usize| {
            !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole, 7) || !is_number(fraction, 6) {
            return Err(wrong());
        }
        let number = |digits: &str| digits.parse::<u64>().map_err(|_| wrong());
        let micros = number(whole)? * MICROS + number(&format!("{fraction:0<6}"))?;
        if micros > PRICE_MAX { Err(wrong()) } else { Ok(Self(micros)) }
    }

    /// The amount as people read money: to the hundredth, or where it is less than one, to what tells it from nothing.
    pub fn told(self) -> String {
        if self.0 >= MICROS || self.0 == 0 {
            let cents = u128::from(self.0).saturating_add(5_000) / 10_000;
            return format!("{}.{:02}", cents / 100, cents % 100);
        }
        self.to_string()
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / MICROS, self.0 % MICROS);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{rest:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// What an organization counts for what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// In which currency.
    pub currency: Currency,
    /// One core for one hour.
    pub cpu_core_hour: Micros,
    /// One gibibyte of memory for one hour.
    pub memory_gib_hour: Micros,
    /// One gibibyte of storage for thirty days.
    pub storage_gib_month: Micros,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_are_decimal_and_whole_millionths() {
        for (text, micros) in [("0", 0), ("0.025", 25_000), ("12", 12_000_000), ("0.000001", 1), ("1.50", 1_500_000)] {
            assert_eq!(Micros::parse(text), Ok(Micros(micros)), "{text}");
        }
        for wrong in ["", ".5", "1.", "-1", "1e3", "0.0000001", "1000000.000001", "99999999", "0,5", "١"] {
            assert!(Micros::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Micros(25_000).to_string(), "0.025");
        assert_eq!((Micros(12_345_000).told(), Micros(25_000).told()), ("12.35".to_owned(), "0.025".to_owned()));
        assert_eq!(Micros(0).told(), "0.00");
        assert!(Currency::parse("EUR").is_ok());
        for wrong in ["eur", "EURO", "E1R", "€€€", ""] {
            assert!(Currency::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_price_reads_as_it_is_written(micros in 0..=PRICE_MAX) {
            prop_assert_eq!(Micros::parse(&Micros(micros).to_string()), Ok(Micros(micros)));
        }
    }
}
