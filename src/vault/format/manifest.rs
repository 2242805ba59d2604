//! Variables inside other people's YAML: the `environment:` of a Compose file, and the Secret and ConfigMap of Kubernetes.
//! Read from events like flat YAML: what is not about variables is passed over without being kept.

use super::error::shown;
use super::json::{push_base64, push_string};
use super::write::{buffer, refusal};
use super::yaml::{Node, Reader, Scalar, push_key, syntax};
use super::{Collector, Entry, Format, FormatError, Repeated, Variable, checked_text};
use crate::types::{ParseError, Secret, SecretBytes};

/// Deepest nesting of a manifest or Compose file.
const MAX_NESTING: usize = 64;

/// Most bytes of all values of one object: the API server refuses more.
const MAX_OBJECT_BYTES: usize = 1024 * 1024;

/// Longest name of a variable in Compose, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// The name of a Kubernetes object (RFC 1123 subdomain).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName(String);

impl ObjectName {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = 253;

    /// Reads a name: lower-case letters, digits, `-` and `.`, each part between dots beginning and ending with a letter
    /// or digit; at most 253.
    ///
    /// # Errors
    /// Anything else; the message says what is allowed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let part = |part: &str| {
            part.bytes().all(|b| inner(b) || b == b'-')
                && part.bytes().next().is_some_and(inner)
                && part.bytes().last().is_some_and(inner)
        };
        if text.len() <= Self::MAX_LEN && text.split('.').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("object name", "1 to 253 of a-z, 0-9, - and ., as in shop-staging"))
        }
    }

    /// The name for the variables of an environment, each by slug or id: `shop-staging`.
    pub fn of(project: &str, environment: &str) -> Self {
        let text = format!("{project}-{environment}").to_ascii_lowercase().replace('_', "-");
        Self::parse(&text).unwrap_or_else(|_| Self("holdfast".to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads the `environment:` of a Compose file: at the top, or of the one service that has it; a mapping or a list of
/// `NAME=value`. `$$` is a dollar. All values are literal.
///
/// # Errors
/// [`FormatError`] with the line: several services with variables, a value Compose would take from elsewhere (`${…}`, no
/// value at all), a name twice.
pub fn parse_compose(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader::new(checked_text(input)?, MAX_NESTING);
    let mut found = Found { entries: Collector::new(Repeated::Refused), seen: false };
    if !reader.open_document()? {
        return Ok(Vec::new());
    }
    while let Some((name, line)) = reader.name()? {
        match name.as_str() {
            "environment" => found.environment(&mut reader, line)?,
            "services" => found.services(&mut reader)?,
            _ => reader.skip()?,
        }
    }
    reader.close_document()?;
    Ok(found.entries.finish())
}

/// What a Compose file gave so far.
struct Found {
    entries: Collector,
    seen: bool,
}

impl Found {
    fn services(&mut self, reader: &mut Reader<'_>) -> Result<(), FormatError> {
        let (Node::Map, _) = reader.next()? else { return Err(syntax(1, "`services` is no mapping")) };
        while let Some((_service, line)) = reader.name()? {
            match reader.next()?.0 {
                Node::Map => {}
                Node::Text(_) | Node::Alias => continue,
                Node::List | Node::End => return Err(syntax(line, "a service is no mapping")),
            }
            while let Some((name, line)) = reader.name()? {
                if name == "environment" {
                    self.environment(reader, line)?;
                } else {
                    reader.skip()?;
                }
            }
        }
        Ok(())
    }

    fn environment(&mut self, reader: &mut Reader<'_>, line: u32) -> Result<(), FormatError> {
        if std::mem::replace(&mut self.seen, true) {
            return Err(syntax(line, "a second `environment`; keep the one that is meant"));
        }
        match reader.next()?.0 {
            Node::Map => {
                while let Some((name, line)) = reader.name()? {
                    match reader.next()?.0 {
                        Node::Text(scalar) => {
                            let text = scalar.into_value(&name, line)?;
                            self.add(name, text.expose(), line)?;
                        }
                        _ => return Err(not_scalar(&name, line)),
                    }
                }
                Ok(())
            }
            Node::List => loop {
                match reader.next()? {
                    (Node::End, _) => return Ok(()),
                    (Node::Text(scalar), line) => self.item(scalar, line)?,
                    (_, line) => return Err(syntax(line, "an item that is not NAME=value")),
                }
            },
            _ => Err(syntax(line, "`environment` is neither a mapping nor a list")),
        }
    }

    /// `NAME=value` of a list.
    fn item(&mut self, scalar: Scalar, line: u32) -> Result<(), FormatError> {
        let text = scalar.into_value("", line)?;
        let bytes = text.expose();
        let equals = bytes.iter().position(|byte| *byte == b'=');
        let Some(equals) = equals else {
            return Err(syntax(line, "an item without `=`: Compose takes its value from the shell"));
        };
        let name = String::from_utf8_lossy(&bytes[..equals]).into_owned();
        self.add(name, &bytes[equals + 1..], line)
    }

    fn add(&mut self, name: String, text: &[u8], line: u32) -> Result<(), FormatError> {
        let problem = "has a `$` that Compose replaces from the shell; write `$$` where a dollar is meant";
        let value = undouble(text).ok_or_else(|| FormatError::Value { name: shown(&name), line, problem })?;
        self.entries.add(Entry { name, value, interpolate: false, line, replaces: None })
    }
}

/// Every `$$` as `$`; `None` where a `$` stands alone.
fn undouble(text: &[u8]) -> Option<SecretBytes> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'$' && bytes.next() != Some(&b'$') {
            return None;
        }
        out.push(*byte);
    }
    Some(Secret::new(out))
}

fn not_scalar(name: &str, line: u32) -> FormatError {
    FormatError::Value { name: shown(name), line, problem: "is a list, a mapping or an alias of one" }
}

/// Writes an `environment:` for a service, every `$` doubled so that Compose leaves it alone.
///
/// # Errors
/// [`FormatError::NotRepresentable`]: a name or value that no process environment can hold, or that is not UTF-8.
pub fn write_compose(variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    let mut out = buffer(variables);
    out.extend_from_slice(if variables.is_empty() { b"environment: {}\n" } else { b"environment:\n" });
    for Variable { name, value } in variables {
        let refuse = refusal(Format::Compose, name);
        let fits = |c: char| !c.is_control() && c != '=';
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(fits) {
            return Err(refuse("the name is empty, over 255 bytes, or has a control character or `=`"));
        }
        let text = std::str::from_utf8(value).map_err(|_| refuse("the value is not UTF-8"))?;
        if text.contains('\0') {
            return Err(refuse("the value has a NUL byte"));
        }
        out.extend_from_slice(b"  ");
        push_key(&mut out, name);
        push_string(&mut out, Secret::new(text.replace('$', "$$")).expose());
        out.push(b'\n');
    }
    Ok(Secret::new(out))
}

/// Reads a Secret: `data` in base64 and `stringData` as text. All values are literal.
///
/// # Errors
/// [`FormatError`] with the line: another kind of object, a value that is not base64, a name twice.
pub fn parse_kubernetes_secret(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    parse_object(input, "Secret", "data", "stringData")
}

/// Reads a ConfigMap: `data` as text and `binaryData` in base64. All values are literal.
///
/// # Errors
/// As [`parse_kubernetes_secret`].
pub fn parse_kubernetes_configmap(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    parse_object(input, "ConfigMap", "binaryData", "data")
}

fn parse_object(input: &[u8], kind: &str, encoded: &str, text: &str) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader::new(checked_text(input)?, MAX_NESTING);
    let mut entries = Collector::new(Repeated::Refused);
    let mut is_kind = false;
    if !reader.open_document()? {
        return Err(syntax(1, "no object; expected `kind: Secret` or `kind: ConfigMap`"));
    }
    while let Some((name, line)) = reader.name()? {
        match name.as_str() {
            "kind" => {
                let (Node::Text(given), _) = reader.next()? else { return Err(other_kind(kind, line)) };
                is_kind = given.into_name(line)? == kind;
                if !is_kind {
                    return Err(other_kind(kind, line));
                }
            }
            part if part == encoded || part == text => {
                let decode = part == encoded;
                read_data(&mut reader, decode, &mut entries, line)?;
            }
            _ => reader.skip()?,
        }
    }
    reader.close_document()?;
    if is_kind { Ok(entries.finish()) } else { Err(other_kind(kind, 1)) }
}

fn other_kind(kind: &str, line: u32) -> FormatError {
    syntax(line, if kind == "Secret" { "the object is no Secret" } else { "the object is no ConfigMap" })
}

/// One mapping of names to values.
fn read_data(reader: &mut Reader<'_>, decode: bool, entries: &mut Collector, line: u32) -> Result<(), FormatError> {
    match reader.next()?.0 {
        Node::Map => {}
        // `data: null` is how an empty object is written.
        Node::Text(scalar) if scalar.is_null() => return Ok(()),
        _ => return Err(syntax(line, "the data of an object is a mapping")),
    }
    while let Some((name, line)) = reader.name()? {
        let (Node::Text(scalar), _) = reader.next()? else { return Err(not_scalar(&name, line)) };
        let value = if decode { scalar.into_decoded(&name, line)? } else { scalar.into_value(&name, line)? };
        entries.add(Entry { name, value, interpolate: false, line, replaces: None })?;
    }
    Ok(())
}

/// Writes a Secret of this name, every value in base64.
///
/// # Errors
/// [`FormatError::NotRepresentable`]: a name that is no key of an object, or more than 1 MiB.
pub fn write_kubernetes_secret(object: &ObjectName, variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    check_object(Format::KubernetesSecret, variables)?;
    let mut out = begin_object("Secret", object, variables);
    out.extend_from_slice(b"type: Opaque\n");
    push_data(&mut out, "data", variables, push_encoded);
    Ok(Secret::new(out))
}

/// Writes a ConfigMap of this name; what is no text goes into `binaryData`. Whoever may read ConfigMaps reads it all.
///
/// # Errors
/// As [`write_kubernetes_secret`].
pub fn write_kubernetes_configmap(object: &ObjectName, variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    check_object(Format::KubernetesConfigmap, variables)?;
    let mut out = begin_object("ConfigMap", object, variables);
    let (text, binary): (Vec<_>, Vec<_>) =
        variables.iter().partition(|variable| std::str::from_utf8(variable.value).is_ok());
    push_data(&mut out, "data", &text, |out, value| push_string(out, &String::from_utf8_lossy(value)));
    if !binary.is_empty() {
        push_data(&mut out, "binaryData", &binary, push_encoded);
    }
    Ok(Secret::new(out))
}

fn begin_object(kind: &str, object: &ObjectName, variables: &[Variable<'_>]) -> Vec<u8> {
    let mut out = buffer(variables);
    out.extend_from_slice(format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: ").as_bytes());
    push_string(&mut out, object.as_str());
    out.push(b'\n');
    out
}

fn push_data(out: &mut Vec<u8>, part: &str, variables: &[Variable<'_>], push: impl Fn(&mut Vec<u8>, &[u8])) {
    out.extend_from_slice(part.as_bytes());
    out.extend_from_slice(if variables.is_empty() { b": {}\n" } else { b":\n" });
    for variable in variables {
        out.extend_from_slice(b"  ");
        push_key(out, variable.name);
        push(out, variable.value);
        out.push(b'\n');
    }
}

fn push_encoded(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    push_base64(out, value);
    out.push(b'"');
}

/// What the API server asks of the keys and the size of an object (`IsConfigMapKey`, `MaxSecretSize`).
fn check_object(format: Format, variables: &[Variable<'_>]) -> Result<(), FormatError> {
    let mut total = 0_usize;
    for Variable { name, value } in variables {
        let refuse = refusal(format, name);
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 253 || !name.bytes().all(fits) || *name == "." || name.starts_with("..") {
            return Err(refuse("a key of an object is 1 to 253 of letters, digits, -, _ and ., not beginning with .."));
        }
        total = total.saturating_add(value.len());
        if total > MAX_OBJECT_BYTES {
            return Err(refuse("with it the object is over 1 MiB, more than Kubernetes takes"));
        }
    }
    Ok(())
}
