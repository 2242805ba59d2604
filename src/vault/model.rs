//! The words of the vault as types: names, folders, visibility, flow, origin.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::types::{Id, ParseError, kinds};

/// The name of a secret; also the name of the environment variable it becomes. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(Arc<str>);

impl SecretName {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Reads a portable name: `[A-Z_][A-Z0-9_]*`, 1 to 255. Only these can be referenced.
    ///
    /// # Errors
    /// Anything else; the message says what is allowed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut bytes = text.bytes();
        let begins = bytes.next().is_some_and(|b| b.is_ascii_uppercase() || b == b'_');
        let fits = begins
            && text.len() <= Self::MAX_LEN
            && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(ParseError::new("secret name", "1 to 255 of A-Z, 0-9 and _, not beginning with a digit"))
        }
    }

    /// Reads any name the operating system takes for a variable, for environments that allow it:
    /// 1 to 255 bytes of UTF-8 without `=` and NUL.
    ///
    /// # Errors
    /// Anything else; the message says what is allowed.
    pub fn parse_any(text: &str) -> Result<Self, ParseError> {
        if (1..=Self::MAX_LEN).contains(&text.len()) && !text.contains(['=', '\0']) {
            Ok(Self(text.into()))
        } else {
            Err(ParseError::new("secret name", "1 to 255 bytes without `=` and NUL"))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for SecretName {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

/// A folder of an environment: `/`, `/api`, `/api/v2`. Cheap to clone.
///
/// One folder has exactly one spelling, so no trick with dots, slashes, escapes or look-alike letters can
/// reach a folder under another name than the one that was authorized.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderPath(Arc<str>);

impl FolderPath {
    /// Longest path, in bytes.
    pub const MAX_LEN: usize = 512;
    /// Longest segment between two slashes, in bytes.
    pub const MAX_SEGMENT_LEN: usize = 64;
    /// Most segments.
    pub const MAX_DEPTH: usize = 16;

    /// The top folder, `/`. One text for all: most secrets are there.
    pub fn root() -> Self {
        static ROOT: LazyLock<Arc<str>> = LazyLock::new(|| "/".into());
        Self(Arc::clone(&ROOT))
    }

    /// Reads a path: `/`, or segments of `[A-Za-z0-9_][A-Za-z0-9._-]*` each after a slash.
    ///
    /// # Errors
    /// Anything else: no leading slash, a trailing or doubled one, `.` and `..`, backslashes, percent signs,
    /// control and non-ASCII characters, too long or too deep.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text == "/" {
            return Ok(Self::root());
        }
        let wrong = || ParseError::new("folder", "`/`, or up to 16 segments like /api/v2 of A-Z a-z 0-9 _ . and -");
        let segments = text.strip_prefix('/').ok_or_else(wrong)?;
        let fits = text.len() <= Self::MAX_LEN
            && segments.split('/').count() <= Self::MAX_DEPTH
            && segments.split('/').all(Self::is_segment);
        if fits { Ok(Self(text.into())) } else { Err(wrong()) }
    }

    fn is_segment(text: &str) -> bool {
        text.len() <= Self::MAX_SEGMENT_LEN
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// Whether `other` is this folder or lies beneath it.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_root() || other.0.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Default for FolderPath {
    fn default() -> Self {
        Self::root()
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for FolderPath {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for FolderPath {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Who may see a value. Ordered by strictness: a value is as strict as the strictest part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Shown in the open to whoever may reveal it.
    Unmasked,
    /// Hidden until revealed.
    #[default]
    Masked,
    /// Never shown to a person again, only injected.
    Restricted,
}

impl Visibility {
    /// Reads `masked`, `unmasked` or `restricted`.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        match text {
            "unmasked" => Ok(Self::Unmasked),
            "masked" => Ok(Self::Masked),
            "restricted" => Ok(Self::Restricted),
            _ => Err(ParseError::new("visibility", "masked, unmasked or restricted")),
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unmasked => "unmasked",
            Self::Masked => "masked",
            Self::Restricted => "restricted",
        }
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

pub use crate::orgs::environment::Flow;

/// Where an environment has a name from, as lists show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Stored here; nothing above has this name.
    Own,
    /// Stored in an environment above.
    Inherited {
        /// The environment that stores it.
        from: Id<kinds::Environment>,
    },
    /// Stored here, in place of what would be inherited.
    Overrides {
        /// The environment whose value is replaced.
        what: Id<kinds::Environment>,
    },
    /// The personal override of whoever asks, in place of what everybody else has.
    Personal {
        /// The environment it is set at.
        at: Id<kinds::Environment>,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn portable_names_pass(text in "[A-Z_][A-Z0-9_]{0,254}") {
            prop_assert_eq!(SecretName::parse(&text).map(|n| n.to_string()), Ok(text));
        }

        #[test]
        fn what_passes_as_a_name_is_a_variable_name(text in ".{0,40}") {
            if let Ok(name) = SecretName::parse_any(&text) {
                prop_assert!(!name.as_str().is_empty() && !name.as_str().contains(['=', '\0']));
            }
            if let Ok(name) = SecretName::parse(&text) {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'));
                prop_assert!(SecretName::parse_any(&text).is_ok());
            }
        }

        #[test]
        fn ordinary_folders_pass(text in "(/[A-Za-z0-9_][A-Za-z0-9._-]{0,20}){1,16}") {
            prop_assert_eq!(FolderPath::parse(&text).map(|p| p.to_string()), Ok(text));
        }

        #[test]
        fn what_passes_as_a_folder_has_one_spelling(text in "/?[a-z./\\\\%0-9\u{2215}\u{ff0e}]{0,12}") {
            if let Ok(path) = FolderPath::parse(&text) {
                prop_assert!(path.as_str().starts_with('/') && path.as_str().is_ascii());
                prop_assert!(!path.as_str().contains("//") && !path.as_str().contains("/."));
                prop_assert!(path.is_root() || !path.as_str().ends_with('/'));
            }
        }
    }

    #[test]
    fn path_tricks_are_refused() {
        let tricks = [
            "",
            "api",
            "//",
            "/api/",
            "//api",
            "/a//b",
            "/.",
            "/..",
            "/a/..",
            "/a/../b",
            "/./a",
            "/.hidden",
            "\\a",
            "/a\\b",
            "/a\0",
            "/%2e%2e",
            "/a%2fb",
            "/a b",
            "/\u{ff0e}\u{ff0e}",
            "/a\u{2215}b",
            "/\u{430}pi",
            "/a\n",
            "/-a",
            "/a:b",
            "/${A}",
        ];
        for trick in tricks {
            assert!(FolderPath::parse(trick).is_err(), "{trick:?}");
        }
    }

    #[test]
    fn limits_hold_exactly() {
        assert!(FolderPath::parse(&"/a".repeat(16)).is_ok());
        assert!(FolderPath::parse(&"/a".repeat(17)).is_err());
        assert!(FolderPath::parse(&format!("/{}", "a".repeat(64))).is_ok());
        assert!(FolderPath::parse(&format!("/{}", "a".repeat(65))).is_err());
        assert!(FolderPath::parse(&format!("/{}", "a".repeat(63)).repeat(8)).is_ok());
        assert!(FolderPath::parse(&format!("/{}", "a".repeat(63)).repeat(9)).is_err());
        assert!(SecretName::parse(&"A".repeat(255)).is_ok() && SecretName::parse(&"A".repeat(256)).is_err());
        assert!(SecretName::parse_any(&"a".repeat(255)).is_ok() && SecretName::parse_any(&"a".repeat(256)).is_err());
    }

    #[test]
    fn a_folder_contains_itself_and_what_is_beneath() {
        let path = |text| FolderPath::parse(text).expect("valid");
        assert!(path("/").contains(&path("/api")) && path("/api").contains(&path("/api/v2")));
        assert!(path("/api").contains(&path("/api")) && !path("/api").contains(&path("/apis")));
        assert!(!path("/api").contains(&path("/")));
    }

    #[test]
    fn strictness_is_the_order() {
        assert!(Visibility::Unmasked < Visibility::Masked && Visibility::Masked < Visibility::Restricted);
        for word in ["masked", "unmasked", "restricted"] {
            assert_eq!(Visibility::parse(word).map(Visibility::as_str), Ok(word));
        }
        assert!(Visibility::parse("Masked").is_err());
    }
}
