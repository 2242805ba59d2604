//! Slugs: the names in paths and command lines, which never change.

use std::fmt;

use super::ParseError;

/// `[a-z][a-z0-9]*(-[a-z0-9]+)*`, 1 to 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// Longest slug, in characters.
    pub const MAX_LEN: usize = 32;

    /// Reads a slug.
    ///
    /// # Errors
    /// Empty, longer than 32, or outside the pattern.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let fits = text.len() <= Self::MAX_LEN
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && !text.contains("--")
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            let allowed = "1 to 32 of a-z, 0-9 and single hyphens between them, beginning with a letter";
            Err(ParseError::new("slug", format!("`{}` is not allowed; a slug is {allowed}", shorten(text))))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most 40 characters of what was typed, so that a message stays a line.
fn shorten(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(40).collect();
    if clean.chars().count() < text.chars().count() { format!("{clean}…") } else { clean }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Slug {
    type Err = ParseError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::parse(s)
    }
}

impl<'de> serde::Deserialize<'de> for Slug {
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
        fn what_the_pattern_makes_is_accepted(text in "[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,4}){0,4}") {
            prop_assert_eq!(Slug::parse(&text).map(|s| s.to_string()), Ok(text));
        }

        #[test]
        fn what_is_accepted_is_safe_in_a_path(text in ".{0,40}") {
            if let Ok(slug) = Slug::parse(&text) {
                prop_assert!(!slug.as_str().is_empty() && slug.as_str().len() <= Slug::MAX_LEN);
                prop_assert!(!slug.as_str().contains(['/', '.', '_', '%', '\0']));
            }
        }
    }

    #[test]
    fn edges() {
        for bad in ["", "A", "1a", "-a", "a-", "a--b", "a_b", "ä", &"a".repeat(33)] {
            assert!(Slug::parse(bad).is_err(), "{bad}");
        }
        assert!(Slug::parse(&"a".repeat(32)).is_ok());
    }
}
