//! SOPS: files whose names are readable and whose values are encrypted, to age recipients, each bound to its place, all
//! of them together to a MAC.
//!
//! A value that does not open, or a file whose MAC does not fit, is an error and nothing is imported: a file that
//! somebody changed between its author and us must not be half taken.

mod tree;

use data_encoding::BASE64;
use serde_json::{Map, Value};

use self::tree::Node;
use super::{Dollar, Found, ImportError, MAX_NAMES, Remark, shown};
use crate::keys::age::{AgeFailure, AgeIdentity};
use crate::keys::foreign::{SopsDigest, SopsKey};
use crate::types::{SecretBytes, SecretString};
use crate::vault::generate::age_identity;

/// Most identities of one file, and most recipients: each is tried with each.
const KEYS_MAX: usize = 64;
/// Ways of encrypting the data key that are not age, as they are called in the file.
const OTHERS: [&str; 5] = ["kms", "gcp_kms", "azure_kv", "hc_vault", "pgp"];

/// What a file of SOPS is besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SopsFormat {
    /// Lines of `NAME=value`.
    Dotenv,
    /// JSON; also what SOPS makes of files of no format it knows.
    Json,
    /// YAML.
    Yaml,
    /// Sections of `name = value`.
    Ini,
}

impl SopsFormat {
    /// What a file of this name is.
    pub fn guess(name: &str) -> Self {
        let ends = |ends: &[&str]| ends.iter().any(|e| name.to_ascii_lowercase().ends_with(e));
        match () {
            () if ends(&[".yaml", ".yml"]) => Self::Yaml,
            () if ends(&[".ini"]) => Self::Ini,
            () if ends(&[".env"]) || name.to_ascii_lowercase().contains(".env.") => Self::Dotenv,
            () => Self::Json,
        }
    }
}

/// Reads a file called `name` with the identities of age in `keys`.
///
/// # Errors
/// Not a file of SOPS, none of the identities is one it was encrypted to, a value that does not open, a MAC that does
/// not fit: with the line or the name.
pub fn sops(name: &str, input: &[u8], format: SopsFormat, keys: &[u8]) -> Result<Found, ImportError> {
    let (values, about) = tree::read(input, format)?;
    let key = data_key(&about, &identities(keys)?)?;
    let only_encrypted = matches!(about.get("mac_only_encrypted"), Some(Node::Bool(true)))
        || about.get("mac_only_encrypted").is_some_and(|n| n.text() == "true");
    let digest = SopsDigest::new(only_encrypted);
    let mut reading = Reading { name, key, digest, only_encrypted, uncovered: false, found: Found::default() };
    let Node::Map(fields) = values else {
        return Err(ImportError::shape("the file", "is a list; names of values are needed"));
    };
    // The section without a name is none of the folders.
    for (field, node) in fields {
        match node {
            Node::Map(inner) if format == SopsFormat::Ini && field == "DEFAULT" => {
                for (name, node) in inner {
                    reading.take(&[], &["DEFAULT".to_owned()], &name, node)?;
                }
            }
            node => reading.take(&[], &[], &field, node)?,
        }
    }
    let Reading { key, digest, found, .. } = reading;
    let at = about.get("lastmodified").map(Node::text).unwrap_or_default();
    let mac = about.get("mac").map(Node::text).unwrap_or_default();
    let written = Sealed::read(mac).and_then(|sealed| sealed.open(&key, at.as_bytes()));
    let fits = written.is_some_and(|written| digest.is(written.expose()));
    if !fits {
        let problem = "its MAC does not fit: it was changed after SOPS wrote it, or holds numbers in a form of its own";
        return Err(ImportError::shape("the file", problem));
    }
    Ok(found)
}

/// The identities of age in a file of them.
fn identities(keys: &[u8]) -> Result<Vec<AgeIdentity>, ImportError> {
    let text = std::str::from_utf8(keys).map_err(|_| ImportError::shape("identity file", "it is not UTF-8"))?;
    let mut all = Vec::new();
    for (line, content) in (1..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')) {
        let place = format!("identity file, line {line}");
        let found = age_identity(content.trim()).and_then(|bytes| AgeIdentity::new(bytes.expose()));
        let problem = "no AGE-SECRET-KEY-1…; plugins, SSH keys and post-quantum keys are not read here";
        all.push(found.ok_or_else(|| ImportError::shape(&place, problem))?);
    }
    match all.len() {
        0 => Err(ImportError::shape("identity file", "it has no AGE-SECRET-KEY-1…")),
        1..=KEYS_MAX => Ok(all),
        _ => Err(ImportError::shape("identity file", format!("it has more than {KEYS_MAX} keys"))),
    }
}

/// The key of the values, which each recipient has encrypted for them.
fn data_key(about: &Node, identities: &[AgeIdentity]) -> Result<SopsKey, ImportError> {
    let refused = |problem: String| Err(ImportError::shape("sops", problem));
    let groups = about.get("key_groups").map(Node::items).unwrap_or_default();
    if groups.len() > 1 {
        return refused("its key is split among key groups, which are not read here".into());
    }
    let recipients = about.get("age").or_else(|| groups.first()?.get("age")).map(Node::items).unwrap_or_default();
    if recipients.is_empty() {
        let others: Vec<_> =
            OTHERS.into_iter().filter(|o| about.get(o).is_some_and(|n| !n.items().is_empty())).collect();
        let others = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
        return refused(format!("it is encrypted to {others} and no age recipient; add one with sops updatekeys"));
    }
    if recipients.len() > KEYS_MAX {
        return refused(format!("it has more than {KEYS_MAX} recipients"));
    }
    let mut failure = AgeFailure::NotFor;
    for recipient in recipients {
        let sealed = recipient.get("enc").map(Node::text).unwrap_or_default();
        for identity in identities {
            match identity.open(sealed.as_bytes()) {
                Ok(key) => {
                    let key = SopsKey::new(key.expose());
                    return key.ok_or_else(|| ImportError::shape("sops", "its key is none of 32 bytes"));
                }
                Err(AgeFailure::NotFor) => {}
                Err(other) => failure = other,
            }
        }
    }
    refused(match failure {
        AgeFailure::NotFor => "none of the identities is one it was encrypted to".into(),
        AgeFailure::Shape => "the key of a recipient is cut off, or none of age".into(),
        AgeFailure::Changed => "the key of a recipient was changed".into(),
    })
}

/// An encrypted value as it is written.
struct Sealed<'a> {
    parts: [Vec<u8>; 3],
    kind: &'a str,
}

impl<'a> Sealed<'a> {
    /// Reads `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.
    fn read(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("ENC[AES256_GCM,data:")?.strip_suffix(']')?;
        let (data, rest) = rest.split_once(",iv:")?;
        let (nonce, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        let decode = |part: &str| BASE64.decode(part.as_bytes()).ok();
        Some(Self { parts: [decode(nonce)?, decode(data)?, decode(tag)?], kind })
    }

    fn open(&self, key: &SopsKey, place: &[u8]) -> Option<SecretBytes> {
        let [nonce, encrypted, tag] = &self.parts;
        key.open(nonce, encrypted, tag, place)
    }
}

/// A value on its way out of the file.
enum Leaf {
    Text(SecretBytes),
    Number(SecretString),
    Bool(bool),
    Null,
}

struct Reading<'a> {
    name: &'a str,
    key: SopsKey,
    digest: SopsDigest,
    only_encrypted: bool,
    /// Whether something the MAC does not cover was read since this was last looked at.
    uncovered: bool,
    found: Found,
}

impl Reading<'_> {
    /// Takes what stands under a name. `folders` is where it goes, `above` the names above it in the file.
    fn take(&mut self, folders: &[String], above: &[String], name: &str, node: Node) -> Result<(), ImportError> {
        if self.found.items.len() > MAX_NAMES {
            return Err(ImportError::TooMuch);
        }
        let path = [above, &[name.to_owned()]].concat();
        let place = format!("{}: {}", self.name, path.join("."));
        match node {
            Node::Map(fields) => {
                let folders = [folders, &[name.to_owned()]].concat();
                for (field, node) in fields {
                    self.take(&folders, &path, &field, node)?;
                }
            }
            Node::List(_) => {
                let value = self.whole(&path, &place, node)?;
                let text = SecretBytes::new(value.to_string().into_bytes());
                if self.put(folders, name, &place, text) {
                    self.found.remarks.push(Remark::changed(&place, "is a list: its JSON text is stored"));
                }
            }
            leaf => {
                let value = match self.leaf(&path, &place, leaf)? {
                    Leaf::Null => {
                        self.found.remarks.push(Remark::skipped(&place, "is null"));
                        return Ok(());
                    }
                    Leaf::Text(bytes) => bytes,
                    Leaf::Number(text) => SecretBytes::new(text.expose().as_bytes().to_vec()),
                    Leaf::Bool(is) => SecretBytes::new(is.to_string().into_bytes()),
                };
                self.put(folders, name, &place, value);
            }
        }
        Ok(())
    }

    /// Adds what was read, unless anybody may have written it: what no MAC covers is named and left out.
    fn put(&mut self, folders: &[String], name: &str, place: &str, value: SecretBytes) -> bool {
        let covered = !std::mem::take(&mut self.uncovered);
        if covered {
            self.found.push(place, folders.to_vec(), name, value, Dollar::Unknown);
        } else {
            let why = "is not encrypted, and the MAC of the file does not cover it: set it by hand";
            self.found.remarks.push(Remark::skipped(place, why));
        }
        covered
    }

    /// A list with everything in it.
    fn whole(&mut self, path: &[String], place: &str, node: Node) -> Result<Value, ImportError> {
        Ok(match node {
            Node::List(items) => {
                // Items have no names: each is bound to the place of the list.
                let items = items.into_iter().map(|item| self.whole(path, place, item));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Node::Map(fields) => {
                let mut all = Map::new();
                for (name, node) in fields {
                    let inner = [path, std::slice::from_ref(&name)].concat();
                    all.insert(name, self.whole(&inner, place, node)?);
                }
                Value::Object(all)
            }
            leaf => match self.leaf(path, place, leaf)? {
                Leaf::Null => Value::Null,
                Leaf::Bool(is) => Value::Bool(is),
                Leaf::Number(text) => serde_json::from_str(text.expose()).unwrap_or(Value::Null),
                Leaf::Text(bytes) => {
                    let text = std::str::from_utf8(bytes.expose());
                    text.map_err(|_| ImportError::shape(place, "an item is not UTF-8"))?.into()
                }
            },
        })
    }

    /// Opens a value, and adds it to what the MAC is over.
    fn leaf(&mut self, path: &[String], place: &str, node: Node) -> Result<Leaf, ImportError> {
        let text = match node {
            Node::Text(text) => text,
            other => return Ok(self.plain(other)),
        };
        let Some(sealed) = Sealed::read(&text) else {
            if text.starts_with("ENC[") {
                return Err(ImportError::shape(place, "its value is cut off"));
            }
            return Ok(self.plain(Node::Text(text)));
        };
        let bound: String = path.iter().flat_map(|name| [name.as_str(), ":"]).collect();
        let opened = sealed.open(&self.key, bound.as_bytes());
        let problem = "its value does not open: it was changed, moved or made with another key";
        let value = opened.ok_or_else(|| ImportError::shape(place, problem))?;
        self.digest.add(value.expose());
        let text = || std::str::from_utf8(value.expose()).map(str::to_owned);
        match (sealed.kind, text()) {
            ("str" | "bytes", _) => Ok(Leaf::Text(value)),
            ("int" | "int64" | "float", Ok(text)) => Ok(Leaf::Number(SecretString::new(text))),
            ("bool", Ok(text)) => Ok(Leaf::Bool(text.eq_ignore_ascii_case("true"))),
            (kind, _) => {
                Err(ImportError::shape(place, format!("its value is of type {}, which is not read here", shown(kind))))
            }
        }
    }

    /// A value that is not encrypted.
    fn plain(&mut self, node: Node) -> Leaf {
        let leaf = match node {
            Node::Text(text) => Leaf::Text(SecretBytes::new(text.into_bytes())),
            Node::Number(text) => Leaf::Number(SecretString::new(text)),
            Node::Bool(is) => Leaf::Bool(is),
            Node::Null | Node::List(_) | Node::Map(_) => Leaf::Null,
        };
        let bytes = match &leaf {
            Leaf::Text(bytes) => bytes.expose().as_slice(),
            Leaf::Number(text) => text.expose().as_bytes(),
            Leaf::Bool(true) => b"True",
            Leaf::Bool(false) => b"False",
            Leaf::Null => &[],
        };
        if self.only_encrypted {
            // An empty value is left as it is by SOPS.
            self.uncovered |= !bytes.is_empty();
        } else {
            self.digest.add(bytes);
        }
        leaf
    }
}

#[cfg(test)]
mod tests;
