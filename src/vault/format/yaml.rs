//! YAML 1.2: one flat mapping, read from the parser's events instead of a typed value. Events have the source text
//! of plain scalars (`0123` and `1.10` stay as they are), and since nothing nested is allowed but the binary mapping,
//! there is no tree to build, no recursion and nothing an alias could multiply but one scalar.

use std::collections::{BTreeMap, HashMap};

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::error::shown;
use super::json::{from_base64, push_binary, push_string};
use super::write::buffer;
use super::{Collector, Entry, FormatError, MAX_INPUT_BYTES, Repeated, Variable, checked_text};
use crate::types::{Secret, SecretBytes, SecretString};

/// Most anchors in one file.
const MAX_ANCHORS: usize = 1_000;

/// Longest name written as a plain `name: value`; YAML allows 1,024 characters for such a key (YAML 1.2.2, 7.4.2).
const MAX_SIMPLE_KEY: usize = 1_000;

/// Deepest nesting of a file of variables: one mapping, and the binary mapping in it.
const FLAT_NESTING: usize = 8;

/// Reads one flat mapping of scalars in one document. Plain scalars keep their source text whatever type YAML gives
/// them, except null. `!!binary` and `{value: …, encoding: base64}` are bytes. All values are literal.
///
/// # Errors
/// [`FormatError`] with the line: null, lists, other mappings, unknown tags, a name twice, a second document.
pub fn parse_yaml(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader::new(checked_text(input)?, FLAT_NESTING);
    let mut entries = Collector::new(Repeated::Refused);
    if !reader.open_document()? {
        return Ok(Vec::new());
    }
    while let Some((name, line)) = reader.name()? {
        let value = reader.value(&name, line)?;
        entries.add(Entry { name, value, interpolate: false, line, replaces: None })?;
    }
    reader.close_document()?;
    Ok(entries.finish())
}

pub(super) fn syntax(line: u32, problem: &'static str) -> FormatError {
    FormatError::Syntax { line, problem }
}

/// One event, as far as mappings of scalars care.
pub(super) enum Node {
    Text(Scalar),
    /// An alias of a list or a mapping, which is nothing we read.
    Alias,
    Map,
    List,
    End,
}

/// A scalar and what its tag and style say about it.
pub(super) struct Scalar {
    text: SecretString,
    kind: ScalarKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ScalarKind {
    Text,
    Null,
    Binary,
    UnknownTag,
}

impl Scalar {
    fn new(text: String, style: ScalarStyle, tag: Option<&Tag>) -> Self {
        let name = tag.map(ToString::to_string);
        let kind = match name.as_deref() {
            None if style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") => {
                ScalarKind::Null
            }
            None => ScalarKind::Text,
            Some(tag) => match tag.strip_prefix("tag:yaml.org,2002:").unwrap_or(tag) {
                "!" | "str" | "int" | "float" | "bool" => ScalarKind::Text,
                "null" => ScalarKind::Null,
                "binary" => ScalarKind::Binary,
                _ => ScalarKind::UnknownTag,
            },
        };
        Self { text: Secret::new(text), kind }
    }

    /// The content again, for an alias.
    fn copy(&self) -> Self {
        Self { text: Secret::new(self.text.expose().clone()), kind: self.kind }
    }

    pub(super) fn into_name(self, line: u32) -> Result<String, FormatError> {
        match self.kind {
            ScalarKind::Text => Ok(self.text.expose().clone()),
            ScalarKind::Null => Err(syntax(line, "a name is missing or null; quote it if it is meant")),
            ScalarKind::Binary | ScalarKind::UnknownTag => Err(syntax(line, "a name has a tag")),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.kind == ScalarKind::Null
    }

    /// The bytes whose base64 it is, line breaks in it or not.
    pub(super) fn into_decoded(self, name: &str, line: u32) -> Result<SecretBytes, FormatError> {
        let compact: String = self.text.expose().split_ascii_whitespace().collect();
        from_base64(Secret::new(compact).expose(), name, line)
    }

    pub(super) fn into_value(self, name: &str, line: u32) -> Result<SecretBytes, FormatError> {
        let refuse = |problem| Err(FormatError::Value { name: shown(name), line, problem });
        match self.kind {
            ScalarKind::Text => Ok(self.text.into_bytes()),
            ScalarKind::Null => refuse("is null; an empty value is \"\""),
            ScalarKind::UnknownTag => refuse("has a tag that is not known here"),
            ScalarKind::Binary => self.into_decoded(name, line),
        }
    }
}

/// Reads events under limits: nesting, anchors, and what aliases expand to.
pub(super) struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The scalars with an anchor, for `*alias`.
    anchors: HashMap<usize, Scalar>,
    /// What aliases expanded to so far, in bytes.
    alias_bytes: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `text` that refuses anything nested deeper than `nesting`.
    pub(super) fn new(text: &'a str, nesting: usize) -> Self {
        let mut options = Options::default();
        options.emit_comments = false;
        options.flow_nesting_limit = nesting;
        options.block_nesting_limit = nesting;
        let parser = Parser::new_from_str_with_options(text, options);
        Self { parser, anchors: HashMap::new(), alias_bytes: 0 }
    }

    /// The next event and its line. The parser's own message is dropped: it may quote the input.
    fn event(&mut self) -> Result<(Event<'a>, u32), FormatError> {
        let broken = |e: ScanError| syntax(line_number(e.marker().line()), "not valid YAML");
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, line_number(span.start.line()))),
            Some(Err(e)) => Err(broken(e)),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    /// To the first name; false when there is no document or an empty one.
    pub(super) fn open_document(&mut self) -> Result<bool, FormatError> {
        loop {
            let (event, line) = self.event()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::MappingStart(..) => return Ok(true),
                Event::StreamEnd => return Ok(false),
                Event::Scalar(text, ScalarStyle::Plain, _, None) if matches!(&*text, "" | "~") => {
                    self.close_document()?;
                    return Ok(false);
                }
                _ => return Err(syntax(line, "expected one mapping of names to values")),
            }
        }
    }

    pub(super) fn close_document(&mut self) -> Result<(), FormatError> {
        loop {
            let (event, line) = self.event()?;
            match event {
                Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(()),
                _ => return Err(syntax(line, "a second document; variables are one mapping in one document")),
            }
        }
    }

    /// The next name of the mapping that is open; `None` at its end.
    pub(super) fn name(&mut self) -> Result<Option<(String, u32)>, FormatError> {
        match self.next()? {
            (Node::End, _) => Ok(None),
            (Node::Text(name), line) => Ok(Some((name.into_name(line)?, line))),
            (_, line) => Err(syntax(line, "a name is text, not a list or a mapping")),
        }
    }

    /// Passes over the next value, whatever it holds.
    pub(super) fn skip(&mut self) -> Result<(), FormatError> {
        let mut depth = 0_u32;
        loop {
            match self.next()?.0 {
                Node::Map | Node::List => depth += 1,
                Node::End => depth = depth.saturating_sub(1),
                Node::Text(_) | Node::Alias => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    pub(super) fn next(&mut self) -> Result<(Node, u32), FormatError> {
        let (event, line) = self.event()?;
        let node = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar::new(text.into_owned(), style, tag.as_deref());
                if anchor != 0 {
                    if self.anchors.len() >= MAX_ANCHORS {
                        return Err(syntax(line, "too many anchors"));
                    }
                    self.anchors.insert(anchor, scalar.copy());
                }
                Node::Text(scalar)
            }
            Event::Alias(anchor) => {
                let Some(scalar) = self.anchors.get(&anchor) else { return Ok((Node::Alias, line)) };
                self.alias_bytes = self.alias_bytes.saturating_add(scalar.text.expose().len());
                if self.alias_bytes > MAX_INPUT_BYTES {
                    return Err(FormatError::InputTooLarge);
                }
                Node::Text(scalar.copy())
            }
            Event::MappingStart(..) => Node::Map,
            Event::SequenceStart(..) => Node::List,
            Event::MappingEnd | Event::SequenceEnd => Node::End,
            _ => return Err(syntax(line, "not valid YAML")),
        };
        Ok((node, line))
    }

    /// The value of a name: a scalar, or bytes as `{value: …, encoding: base64}`.
    pub(super) fn value(&mut self, name: &str, key_line: u32) -> Result<SecretBytes, FormatError> {
        let (node, line) = self.next()?;
        match node {
            Node::Text(scalar) => scalar.into_value(name, line),
            Node::Map => self.binary(name, key_line),
            Node::List | Node::Alias | Node::End => {
                let problem = "is a list, or an alias of one or of a mapping; only scalars are values";
                Err(FormatError::Value { name: shown(name), line, problem })
            }
        }
    }

    /// `{value: …, encoding: base64}`, the two in any order and nothing else.
    fn binary(&mut self, name: &str, line: u32) -> Result<SecretBytes, FormatError> {
        let problem = "is a mapping; the only one allowed is {value: …, encoding: base64}";
        let refuse = || FormatError::Value { name: shown(name), line, problem };
        let mut parts: BTreeMap<String, SecretString> = BTreeMap::new();
        loop {
            let part = match self.next()?.0 {
                Node::End => break,
                Node::Text(part) => part.into_name(line).map_err(|_| refuse())?,
                Node::Map | Node::List | Node::Alias => return Err(refuse()),
            };
            if !matches!(&*part, "value" | "encoding") {
                return Err(refuse());
            }
            match self.next()?.0 {
                Node::Text(Scalar { text, kind: ScalarKind::Text }) if !parts.contains_key(&part) => {
                    parts.insert(part, text);
                }
                _ => return Err(refuse()),
            }
        }
        match (parts.get("value"), parts.get("encoding")) {
            (Some(value), Some(encoding)) if encoding.expose() == "base64" => from_base64(value.expose(), name, line),
            _ => Err(refuse()),
        }
    }
}

fn line_number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Writes one mapping, a name on each line, all values double-quoted so that no reader gives them another type. A
/// value that is not UTF-8 becomes the base64 mapping: every name and every byte sequence has a form.
pub fn write_yaml(variables: &[Variable<'_>]) -> SecretBytes {
    let mut out = buffer(variables);
    for variable in variables {
        push_key(&mut out, variable.name);
        match std::str::from_utf8(variable.value) {
            Ok(text) => push_string(&mut out, text),
            Err(_) => push_binary(&mut out, variable.value),
        }
        out.push(b'\n');
    }
    if variables.is_empty() {
        out.extend_from_slice(b"{}\n");
    }
    Secret::new(out)
}

/// The name and `: `; plain where no YAML version could read it as anything but text.
pub(super) fn push_key(out: &mut Vec<u8>, name: &str) {
    let reserved = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.len() <= MAX_SIMPLE_KEY
        && !reserved.iter().any(|word| name.eq_ignore_ascii_case(word));
    if plain {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        return;
    }
    let mut key = Vec::with_capacity(name.len() + 8);
    push_string(&mut key, name);
    if key.len() > MAX_SIMPLE_KEY {
        out.extend_from_slice(b"? ");
        out.extend_from_slice(&key);
        out.extend_from_slice(b"\n: ");
    } else {
        out.extend_from_slice(&key);
        out.extend_from_slice(b": ");
    }
}
