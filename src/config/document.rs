//! A TOML file as a flat list of known keys with their places. Knows which keys there are, not what they mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::error::{ConfigError, Origin};
use super::files::read_text_file;
use super::nearest::nearest;

/// Largest configuration file, in bytes.
pub(super) const CONFIG_FILE_LIMIT: usize = 256 * 1024;

/// A value before it is known what its key asks for. Text is wiped on drop: it may be a DSN or a token.
pub(super) enum Raw {
    Text(Zeroizing<String>),
    Integer(i64),
    Boolean(bool),
    List(Vec<String>),
    /// A kind no key takes; its name, for the message.
    Other(&'static str),
}

impl Raw {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(Zeroizing::new(text.into()))
    }

    fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::text(text.as_ref()),
            DeValue::Boolean(value) => Self::Boolean(*value),
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                i64::from_str_radix(&digits, number.radix()).map_or(Self::Other("a number that large"), Self::Integer)
            }
            DeValue::Array(items) => items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .map_or(Self::Other("a list with something else than text in it"), Self::List),
            other => Self::Other(other.type_str()),
        }
    }

    /// The value for a message, shortened and without control characters.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => shorten(text),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::List(items) => shorten(&format!("{items:?}")),
            Self::Other(kind) => (*kind).to_owned(),
        }
    }
}

/// At most 60 characters without control characters, so that a message stays one line.
pub(super) fn shorten(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(60).collect();
    if text.chars().nth(60).is_some() { format!("{clean}…") } else { clean }
}

/// A value and where it stands.
pub(super) struct Entry {
    pub(super) raw: Raw,
    pub(super) origin: Origin,
}

/// A configuration file that was read: dotted keys, all of them known.
pub(super) struct Document {
    pub(super) entries: BTreeMap<String, Entry>,
}

impl Document {
    /// Reads a file of at most [`CONFIG_FILE_LIMIT`] bytes. `known` are the dotted keys it may have.
    pub(super) fn read(path: &Path, known: &[String]) -> Result<Self, ConfigError> {
        Self::parse(path, &read_text_file(path, CONFIG_FILE_LIMIT)?, known)
    }

    /// Parses the text of `path`.
    pub(super) fn parse(path: &Path, text: &str, known: &[String]) -> Result<Self, ConfigError> {
        let places = Places { path, text };
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            origin: places.at(error.span().map_or(0, |span| span.start)),
            // Not the error's Display: it quotes the line, which may hold a secret.
            problem: error.message().lines().next().unwrap_or_default().to_owned(),
        })?;
        let mut entries = BTreeMap::new();
        flatten(table.get_ref(), "", &places, known, &mut entries)?;
        Ok(Self { entries })
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        self.entries.remove(key)
    }
}

fn flatten(
    table: &DeTable<'_>,
    prefix: &str,
    places: &Places<'_>,
    known: &[String],
    entries: &mut BTreeMap<String, Entry>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let origin = places.at(name.span().start);
        if known.contains(&key) {
            entries.insert(key, Entry { raw: Raw::from_toml(value.get_ref()), origin });
            continue;
        }
        let section = format!("{key}.");
        match value.get_ref().as_table() {
            // A known section; known keys have at most one dot, so this ends after two levels.
            Some(inner) if known.iter().any(|known| known.starts_with(&section)) => {
                flatten(inner, &section, places, known, entries)?;
            }
            _ => {
                let nearest = nearest_key(&key, value.get_ref(), known);
                return Err(ConfigError::UnknownKey { origin, key: shorten(&key), nearest });
            }
        }
    }
    Ok(())
}

/// The key that was meant. A section is compared with sections, a key also with the last part of known ones,
/// because `listen` at the top most likely means `server.listen`.
fn nearest_key(key: &str, value: &DeValue<'_>, known: &[String]) -> Option<String> {
    if value.is_table() {
        let sections = known.iter().filter_map(|known| known.split_once('.').map(|(section, _)| section));
        return nearest(key, sections).map(str::to_owned);
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    nearest(key, known.iter().map(String::as_str)).map(str::to_owned).or_else(|| {
        let parts: Vec<&str> = known.iter().map(|known| known.rsplit('.').next().unwrap_or(known)).collect();
        let part = nearest(last, parts.iter().copied())?;
        let index = parts.iter().position(|candidate| *candidate == part)?;
        known.get(index).cloned()
    })
}

struct Places<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Places<'_> {
    /// Line and column of a byte offset, both from 1.
    fn at(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Origin::File {
            path: PathBuf::from(self.path),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Document, ConfigError> {
        let known = ["server.listen", "server.workers", "rate_limits.enabled", "url"].map(str::to_owned);
        Document::parse(Path::new("h.toml"), text, &known)
    }

    #[track_caller]
    fn refused(text: &str) -> String {
        match parse(text) {
            Ok(_) => panic!("accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_its_neighbour() {
        assert_eq!(
            refused("[server]\nworkers = 2\n  lisen = \"x\"\n"),
            "h.toml:3:3: unknown key `server.lisen`; did you mean `server.listen`?"
        );
        assert_eq!(
            refused("[rate_limit]\nenabled = true\n"),
            "h.toml:1:2: unknown key `rate_limit`; did you mean `rate_limits`?"
        );
        assert_eq!(refused("listen = 1"), "h.toml:1:1: unknown key `listen`; did you mean `server.listen`?");
        assert_eq!(refused("colour = 1"), "h.toml:1:1: unknown key `colour`");
        assert_eq!(refused("server = 1"), "h.toml:1:1: unknown key `server`");
    }

    #[test]
    fn a_syntax_error_has_a_place_and_never_quotes_the_line() {
        let message = refused("url = \"sesame\n");
        assert!(message.starts_with("h.toml:1:"), "{message}");
        assert!(!message.contains("sesame"), "{message}");
        assert!(refused("url = 1\nurl = 2").starts_with("h.toml:2:1: "));
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(refused("server = {\"ä\" = 1}"), "h.toml:1:11: unknown key `server.ä`");
    }

    #[test]
    fn values_keep_their_kind() {
        let mut document = parse("url = ['a', 'b']\n[server]\nlisten = 'x'\nworkers = 1_0").expect("known keys");
        let raw = |entry: Option<Entry>| entry.expect("there").raw;
        assert!(matches!(raw(document.take("server.workers")), Raw::Integer(10)));
        assert!(matches!(raw(document.take("server.listen")), Raw::Text(text) if text.as_str() == "x"));
        assert!(matches!(raw(document.take("url")), Raw::List(items) if items == ["a", "b"]));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[a-z\\[\\]{}=.\"'\n 0-9ä]{0,200}") {
            let _ = parse(&text);
        }
    }
}
