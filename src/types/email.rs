//! E-mail addresses, as far as a program can judge them.

use std::fmt;

use super::ParseError;

/// An address a mail could be sent to; kept as typed, compared by [`Email::canonical`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, PartialOrd, Ord)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Longest address, in bytes (RFC 5321, 4.5.3.1.3).
    pub const MAX_LEN: usize = 254;

    /// Reads an address: one `@`, something on both sides, no white space or control characters.
    ///
    /// # Errors
    /// Anything else. Whether the mailbox exists only a mail can tell.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let fits = text.len() <= Self::MAX_LEN
            && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"'))
            && text.split_once('@').is_some_and(|(local, domain)| {
                let labels = domain.split('.').all(|l| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-'));
                !local.is_empty() && local.len() <= 64 && labels && !domain.contains('@')
            });
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("e-mail address", "expected one like ada@example.com"))
        }
    }

    /// The form two spellings of one mailbox share: lower case.
    pub fn canonical(&self) -> String {
        self.0.to_lowercase()
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Email {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ordinary_addresses_pass(local in "[a-z0-9+._-]{1,20}", domain in "[a-z0-9]{1,10}(\\.[a-z]{2,5}){0,2}") {
            let text = format!("{local}@{domain}");
            prop_assert_eq!(Email::parse(&text).map(|e| e.to_string()), Ok(text));
        }

        #[test]
        fn what_passes_cannot_smuggle_a_header(text in ".{0,60}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(!email.as_str().contains(['\r', '\n', ' ', ',']));
            }
        }
    }

    #[test]
    fn wrong_shapes() {
        for bad in ["", "a", "@b", "a@", "a@@b", "a b@c", "a@b@c", "a@.b", "a@b..c", "a@b\n"] {
            let trimmed_ok = bad == "a@b\n";
            assert_eq!(Email::parse(bad).is_ok(), trimmed_ok, "{bad:?}");
        }
    }
}
