//! TOML 1.0: one flat table. The extent of each `name = value` is found here and read by the `toml` crate, one at a
//! time, so that no tree of the whole file is built: a list of a million numbers is refused at its first bracket.

use ::toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::error::shown;
use super::json::{from_base64, push_base64, push_string};
use super::write::buffer;
use super::{Collector, Entry, FormatError, MAX_VALUE_BYTES, Repeated, Variable, checked_text, line_breaks};
use crate::types::{Secret, SecretBytes};

/// Longest text of one value, in bytes: the largest value with every byte written as `\U0000000A`.
const MAX_VALUE_TEXT: usize = MAX_VALUE_BYTES * 10 + 16;

/// Longest text of a binary value, in bytes: the largest one in base64, and the table around it.
const MAX_BINARY_TEXT: usize = MAX_VALUE_BYTES * 3 / 2 + 1_024;

/// Longest text of a name, in bytes.
const MAX_NAME_TEXT: usize = 4_096;

/// Reads one flat table. Numbers, booleans and times keep their text. A value that is not text is
/// `{value = "…", encoding = "base64"}`, exactly. All values are literal.
///
/// # Errors
/// [`FormatError`] with the line: a section, a dotted name, a list, another table, a name twice.
pub fn parse_toml(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader { rest: checked_text(input)?, line: 1 };
    let mut entries = Collector::new(Repeated::Refused);
    while reader.next_content() {
        entries.add(reader.entry()?)?;
    }
    Ok(entries.finish())
}

/// What is left to read, and the line it is on.
struct Reader<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Reader<'a> {
    /// Moves to the next line that is neither blank nor a comment; false at the end.
    fn next_content(&mut self) -> bool {
        loop {
            let content = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            self.take(self.rest.len() - content.len());
            if !content.starts_with('#') {
                return !content.is_empty();
            }
            self.take(line_end(content));
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line = self.line.saturating_add(line_breaks(taken));
        self.rest = rest;
        taken
    }

    fn syntax(&self, problem: &'static str) -> FormatError {
        FormatError::Syntax { line: self.line, problem }
    }

    fn entry(&mut self) -> Result<Entry, FormatError> {
        let line = self.line;
        if self.rest.starts_with('[') {
            return Err(self.syntax("a section; variables are one flat table"));
        }
        let equals = name_end(self.rest).ok_or_else(|| self.syntax("no `=` after the name"))?;
        let name = self.name(self.rest[..equals].trim_end_matches([' ', '\t']))?;
        self.take(equals + 1);
        let space = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.take(space);
        if self.rest.starts_with('[') {
            return Err(FormatError::Value { name: shown(&name), line, problem: "is a list; only scalars are values" });
        }
        let end = value_end(self.rest).ok_or_else(|| FormatError::Value {
            name: shown(&name),
            line,
            problem: "is text or a table that is never closed",
        })?;
        // What stands behind the value on its line is the parser's to judge.
        let whole = end + line_end(&self.rest[end..]);
        let most = if self.rest.starts_with('{') { MAX_BINARY_TEXT } else { MAX_VALUE_TEXT };
        if end > most {
            return Err(FormatError::ValueTooLarge { name: shown(&name), line });
        }
        let value = value(&self.rest[..whole], &name, line)?;
        self.take(whole);
        Ok(Entry { name, value, interpolate: false, line, replaces: None })
    }

    fn name(&self, text: &str) -> Result<String, FormatError> {
        if text.len() > MAX_NAME_TEXT {
            return Err(self.syntax("a name is too long"));
        }
        let wrong = || self.syntax("a name is letters, digits, `_` and `-`, or quoted");
        let line = format!("{text} = 0");
        let table = DeTable::parse(&line).map_err(|_| wrong())?;
        match table.get_ref().iter().next() {
            Some((name, value)) if value.get_ref().is_integer() => Ok(name.get_ref().clone().into_owned()),
            Some(_) => Err(self.syntax("a name with a dot is a table; quote it if the dot is meant")),
            None => Err(wrong()),
        }
    }
}

/// Where the line ends, without its line end.
fn line_end(text: &str) -> usize {
    let end = text.find('\n').unwrap_or(text.len());
    if text[..end].ends_with('\r') { end - 1 } else { end }
}

/// Where the `=` after a name is, which may be quoted.
fn name_end(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.as_bytes().get(at)? {
            b'=' => return Some(at),
            b'\n' | b'#' => return None,
            b'"' | b'\'' => at += quoted_end(&text[at..])?,
            _ => at += 1,
        }
    }
}

/// Where a value ends: after its quotes or braces, else at the end of the line.
fn value_end(text: &str) -> Option<usize> {
    match text.as_bytes().first() {
        Some(b'"' | b'\'') => quoted_end(text),
        Some(b'{') => {
            let mut at = 1;
            loop {
                match text.as_bytes().get(at)? {
                    b'}' => return Some(at + 1),
                    b'"' | b'\'' => at += quoted_end(&text[at..])?,
                    _ => at += 1,
                }
            }
        }
        _ => Some(text.find(['\r', '\n', '#']).unwrap_or(text.len())),
    }
}

/// The length of the string that begins here, quotes and all.
fn quoted_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.first()?;
    let long = bytes.starts_with(&[quote; 3]);
    let mut at = if long { 3 } else { 1 };
    loop {
        match bytes.get(at)? {
            b'\\' if quote == b'"' => at += 2,
            b'\n' if !long => return None,
            byte if *byte == quote && !long => return Some(at + 1),
            byte if *byte == quote && bytes[at..].starts_with(&[quote; 3]) => {
                // Up to two quotes may stand right before the closing three.
                let more = bytes[at + 3..].iter().take(2).take_while(|byte| **byte == quote).count();
                return Some(at + 3 + more);
            }
            _ => at += 1,
        }
    }
}

/// Reads one value, with what stands behind it on its line.
fn value(text: &str, name: &str, line: u32) -> Result<SecretBytes, FormatError> {
    let refuse = |problem| FormatError::Value { name: shown(name), line, problem };
    let fragment = Zeroizing::new(format!("v = {text}"));
    let table = DeTable::parse(&fragment).map_err(|_| refuse("is not valid TOML"))?;
    let value = table.get_ref().values().next().ok_or_else(|| refuse("is missing"))?;
    match value.get_ref() {
        DeValue::String(text) => Ok(Secret::new(text.as_bytes().to_vec())),
        DeValue::Array(_) => Err(refuse("is a list; only scalars are values")),
        DeValue::Table(table) => binary(table, name, line)
            .ok_or_else(|| refuse("is a table; the only one allowed is {value = \"…\", encoding = \"base64\"}"))?,
        // The source, so that 1.10 and 0x1F stay what they are.
        _ => Ok(Secret::new(fragment.as_bytes()[value.span()].to_vec())),
    }
}

/// `{value = "…", encoding = "base64"}`, the two in any order and nothing else.
fn binary(table: &DeTable<'_>, name: &str, line: u32) -> Option<Result<SecretBytes, FormatError>> {
    let text = |key: &str| table.get(key)?.get_ref().as_str();
    let (value, encoding) = (text("value")?, text("encoding")?);
    (table.len() == 2 && encoding == "base64").then(|| from_base64(value, name, line))
}

/// Writes one table, a name on each line, all values in double quotes. A value that is not UTF-8 becomes the base64
/// table: every name and every byte sequence has a form.
pub fn write_toml(variables: &[Variable<'_>]) -> SecretBytes {
    let mut out = buffer(variables);
    for variable in variables {
        let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if !variable.name.is_empty() && variable.name.bytes().all(bare) {
            out.extend_from_slice(variable.name.as_bytes());
        } else {
            push_string(&mut out, variable.name);
        }
        out.extend_from_slice(b" = ");
        if let Ok(text) = std::str::from_utf8(variable.value) {
            push_string(&mut out, text);
        } else {
            out.extend_from_slice(b"{value = \"");
            push_base64(&mut out, variable.value);
            out.extend_from_slice(b"\", encoding = \"base64\"}");
        }
        out.push(b'\n');
    }
    Secret::new(out)
}
