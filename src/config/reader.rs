//! Finds the value of a key by precedence and reads it as what the key takes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::document::{Document, Entry, Raw};
use super::env::Env;
use super::error::{ConfigError, Origin, Warning};
use super::table::{Fallback, Key, Kind};

/// The value of a key that is in force, for `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The key.
    pub key: &'static Key,
    /// Its value; `(set)` for a secret one, words for one found out at start, `None` when there is none.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Reads keys one by one: flag, then variable, then file, then the key's default.
pub(super) struct Reader<'a> {
    pub(super) env: &'a Env,
    flags: BTreeMap<String, Entry>,
    document: Option<Document>,
    /// Directory of the file that was read: relative paths in it start there.
    file_dir: Option<PathBuf>,
    pub(super) effective: Vec<Effective>,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        env: &'a Env,
        flags: BTreeMap<String, Entry>,
        file: Option<&Path>,
        document: Option<Document>,
    ) -> Self {
        let file_dir = file.and_then(Path::parent).map(|dir| env.working_dir().join(dir));
        Self { env, flags, document, file_dir, effective: Vec::new(), warnings: Vec::new() }
    }

    /// Whether a configuration file was read.
    pub(super) fn has_file(&self) -> bool {
        self.document.is_some()
    }

    /// Directory that relative paths of this origin start from.
    fn base_dir(&self, origin: &Origin) -> &Path {
        match (origin, &self.file_dir) {
            (Origin::File { .. }, Some(dir)) => dir,
            _ => self.env.working_dir(),
        }
    }

    fn find(&mut self, key: &'static Key) -> Result<Option<Entry>, ConfigError> {
        let dotted = key.dotted();
        // The file's value is always taken out, so that nothing depends on what overrides it.
        let from_file = self.document.as_mut().and_then(|document| document.take(&dotted));
        let from_flag = self.flags.remove(&dotted);
        let variable = key.variable();
        let from_variable = match self.env.text(&variable) {
            Ok(text) => text.map(|text| Entry { raw: Raw::text(text), origin: Origin::Variable(variable) }),
            // Do not fail on a variable that a flag overrides.
            Err(_) if from_flag.is_some() => None,
            Err(error) => return Err(error),
        };
        let given = from_flag.or(from_variable).or(from_file);
        let shown =
            given.as_ref().map(|entry| if key.kind.is_secret() { "(set)".to_owned() } else { entry.raw.shown() });
        let (value, origin) = match (&given, key.fallback) {
            (Some(entry), _) => (shown, entry.origin.clone()),
            (None, Fallback::Value(words) | Fallback::Computed(words)) => (Some(words.to_owned()), Origin::Default),
            (None, Fallback::None) => (None, Origin::Default),
        };
        self.effective.push(Effective { key, value, origin });
        Ok(given.or_else(|| match key.fallback {
            Fallback::Value(text) => Some(Entry { raw: Raw::text(text), origin: Origin::Default }),
            Fallback::Computed(_) | Fallback::None => None,
        }))
    }

    /// Replaces what `config show` says about a key with what was found out for it.
    pub(super) fn found_out(&mut self, key: &'static Key, value: String) {
        if let Some(shown) = self.effective.iter_mut().rev().find(|shown| shown.key == key) {
            shown.value = Some(value);
        }
    }

    /// The same for a value that was found at a place of its own.
    pub(super) fn found_at(&mut self, key: &'static Key, value: String, origin: Origin) {
        if let Some(shown) = self.effective.iter_mut().rev().find(|shown| shown.key == key) {
            shown.value = Some(value);
            shown.origin = origin;
        }
    }

    fn read<T>(
        &mut self,
        key: &'static Key,
        take: impl FnOnce(&Entry) -> Option<T>,
    ) -> Result<Option<(T, Origin)>, ConfigError> {
        let Some(entry) = self.find(key)? else { return Ok(None) };
        match take(&entry) {
            Some(value) => Ok(Some((value, entry.origin))),
            None => Err(ConfigError::BadValue {
                key: key.dotted(),
                origin: entry.origin,
                got: (!key.kind.is_secret()).then(|| entry.raw.shown()),
                expected: key.kind.expected(),
            }),
        }
    }

    /// A key with a default: the value.
    fn required<T>(&mut self, key: &'static Key, take: impl FnOnce(&Entry) -> Option<T>) -> Result<T, ConfigError> {
        let value = self.read(key, take)?.map(|(value, _)| value);
        Ok(value.expect("the key's table gives it a default value"))
    }

    pub(super) fn boolean(&mut self, key: &'static Key) -> Result<bool, ConfigError> {
        self.required(key, |entry| match &entry.raw {
            Raw::Boolean(value) => Some(*value),
            _ => typed_text(entry)?.parse().ok(),
        })
    }

    /// A number within the limits of its kind, when it is set or has a default.
    pub(super) fn optional_integer(&mut self, key: &'static Key) -> Result<Option<u64>, ConfigError> {
        let within = |number: u64| match key.kind {
            Kind::Integer { min, max } => (min..=max).contains(&number),
            _ => false,
        };
        let value = self.read(key, |entry| {
            let number = match &entry.raw {
                Raw::Integer(number) => u64::try_from(*number).ok()?,
                _ => typed_text(entry)?.parse().ok()?,
            };
            within(number).then_some(number)
        })?;
        Ok(value.map(|(number, _)| number))
    }

    /// A number of a key with a default.
    pub(super) fn integer(&mut self, key: &'static Key) -> Result<u64, ConfigError> {
        Ok(self.optional_integer(key)?.expect("the key's table gives it a default value"))
    }

    /// A number of a key with a default, whose limits fit into 32 bits.
    pub(super) fn small_integer(&mut self, key: &'static Key) -> Result<u32, ConfigError> {
        Ok(u32::try_from(self.integer(key)?).expect("the key's table limits it to 32 bits"))
    }

    /// One of the words of the key's kind, with what it means here.
    pub(super) fn choice<T>(
        &mut self,
        key: &'static Key,
        meaning: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        self.required(key, |entry| match &entry.raw {
            Raw::Text(text) => meaning(text),
            _ => None,
        })
    }

    /// What `parse` makes of the text, when there is one.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static Key,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let value = self.read(key, |entry| match &entry.raw {
            Raw::Text(text) => parse(text),
            _ => None,
        })?;
        Ok(value.map(|(value, _)| value))
    }

    pub(super) fn address(&mut self, key: &'static Key) -> Result<Option<SocketAddr>, ConfigError> {
        self.parsed(key, parse_address)
    }

    /// An absolute path, when one is set.
    pub(super) fn path(&mut self, key: &'static Key) -> Result<Option<PathBuf>, ConfigError> {
        let value = self.read(key, |entry| match &entry.raw {
            Raw::Text(text) if !text.is_empty() && !text.contains('\0') => Some(PathBuf::from(text.as_str())),
            _ => None,
        })?;
        Ok(value.map(|(path, origin)| self.base_dir(&origin).join(path)))
    }

    /// A list that is not empty, when one is set.
    pub(super) fn list(&mut self, key: &'static Key) -> Result<Option<Vec<String>>, ConfigError> {
        let value = self.read(key, |entry| {
            let items: Vec<String> = match &entry.raw {
                Raw::List(items) => items.clone(),
                _ => serde_json::from_str(typed_text(entry)?).ok()?,
            };
            items.first().is_some_and(|first| !first.is_empty()).then_some(items)
        })?;
        Ok(value.map(|(items, _)| items))
    }

    /// Networks, perhaps none; a single address is one.
    pub(super) fn networks(&mut self, key: &'static Key) -> Result<Vec<IpNet>, ConfigError> {
        let value = self.read(key, |entry| {
            let items: Vec<String> = match &entry.raw {
                Raw::List(items) => items.clone(),
                _ => serde_json::from_str(typed_text(entry)?).ok()?,
            };
            let one = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
            items.iter().map(one).collect::<Option<Vec<IpNet>>>()
        })?;
        Ok(value.map(|(networks, _)| networks).unwrap_or_default())
    }

    pub(super) fn warn(&mut self, code: &'static str, message: String, hint: String) {
        self.warnings.push(Warning { code, message, hint });
    }
}

/// The text of a value that can only be text: flags, variables and defaults. TOML has kinds of its own, and
/// `enabled = "false"` in a file is a mistake.
fn typed_text(entry: &Entry) -> Option<&str> {
    match (&entry.raw, &entry.origin) {
        (Raw::Text(_), Origin::File { .. }) => None,
        (Raw::Text(text), _) => Some(text),
        _ => None,
    }
}

/// `127.0.0.1:8420`, `[::1]:8420`, and `localhost:8420`, which means 127.0.0.1.
fn parse_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse::<u16>().ok()?))),
        None => text.parse().ok(),
    }
}
