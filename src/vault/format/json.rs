//! JSON (RFC 8259): one flat object. A small scanner of our own instead of a value tree: it knows lines, keeps the
//! text of numbers, and has no recursion at all, because nothing nested is allowed but the binary object.

use std::collections::BTreeMap;

use data_encoding::BASE64;

use super::error::shown;
use super::write::buffer;
use super::{Collector, Entry, FormatError, Repeated, Variable, checked_text, line_breaks};
use crate::types::{Secret, SecretBytes};

/// Reads one flat object of strings. Numbers, `true` and `false` keep their text. A value that is not text is
/// `{"value": "…", "encoding": "base64"}`, exactly. All values are literal.
///
/// # Errors
/// [`FormatError`] with the line: null, lists, other objects, a name twice, anything after the object.
pub fn parse_json(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader { rest: checked_text(input)?, line: 1 };
    let mut entries = Collector::new(Repeated::Refused);
    reader.expect('{', "expected `{`: variables are one JSON object")?;
    let mut more = !reader.accept('}');
    while more {
        let (name, line) = reader.name()?;
        let value = reader.value(&name, line)?;
        entries.add(Entry { name, value, interpolate: false, line, replaces: None })?;
        more = reader.comma_or_end()?;
    }
    reader.skip_space();
    if !reader.rest.is_empty() {
        return Err(reader.syntax("expected nothing after the object"));
    }
    Ok(entries.finish())
}

/// What is left to read, and the line it is on.
struct Reader<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line = self.line.saturating_add(line_breaks(taken));
        self.rest = rest;
        taken
    }

    fn skip_space(&mut self) {
        let content = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.take(self.rest.len() - content.len());
    }

    fn accept(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.rest.starts_with(wanted);
        if found {
            self.take(wanted.len_utf8());
        }
        found
    }

    fn expect(&mut self, wanted: char, problem: &'static str) -> Result<(), FormatError> {
        if self.accept(wanted) { Ok(()) } else { Err(self.syntax(problem)) }
    }

    fn syntax(&self, problem: &'static str) -> FormatError {
        FormatError::Syntax { line: self.line, problem }
    }

    fn comma_or_end(&mut self) -> Result<bool, FormatError> {
        if self.accept(',') {
            return Ok(true);
        }
        self.expect('}', "expected `,` or `}`")?;
        Ok(false)
    }

    fn name(&mut self) -> Result<(String, u32), FormatError> {
        self.skip_space();
        let line = self.line;
        let name = self.string()?;
        self.expect(':', "expected `:` after the name")?;
        Ok((name, line))
    }

    /// One string. The extent is found here; the escapes are serde_json's.
    fn string(&mut self) -> Result<String, FormatError> {
        let bytes = self.rest.as_bytes();
        if bytes.first() != Some(&b'"') {
            return Err(self.syntax("expected a string in double quotes"));
        }
        let mut at = 1;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                // A line end is a control character, which JSON does not allow in a string: the string is not closed.
                Some(0..=0x1f) | None => return Err(self.syntax("a string is not closed on its line")),
                Some(_) => at += 1,
            }
        }
        let literal = &self.rest[..=at];
        let text = serde_json::from_str(literal).map_err(|_| self.syntax("a string has an invalid escape"))?;
        self.take(at + 1);
        Ok(text)
    }

    fn value(&mut self, name: &str, line: u32) -> Result<SecretBytes, FormatError> {
        self.skip_space();
        let refuse = |problem| Err(FormatError::Value { name: shown(name), line, problem });
        match self.rest.as_bytes().first() {
            Some(b'"') => Ok(Secret::new(self.string()?).into_bytes()),
            Some(b'{') => self.binary(name, line),
            Some(b'[') => refuse("is a list; only strings, numbers, true and false are values"),
            _ => {
                let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
                let word = self.take(end.unwrap_or(self.rest.len()));
                match word {
                    "null" => refuse("is null; an empty value is \"\""),
                    _ if word == "true" || word == "false" || is_number(word) => {
                        Ok(Secret::new(word.as_bytes().to_vec()))
                    }
                    _ => Err(self.syntax("expected a value")),
                }
            }
        }
    }

    /// `{"value": "…", "encoding": "base64"}`, the two in any order and nothing else.
    fn binary(&mut self, name: &str, line: u32) -> Result<SecretBytes, FormatError> {
        let problem = "is an object; the only one allowed is {\"value\": \"…\", \"encoding\": \"base64\"}";
        let refuse = || FormatError::Value { name: shown(name), line, problem };
        self.take(1);
        let mut parts = BTreeMap::new();
        loop {
            let (part, _) = self.name().map_err(|_| refuse())?;
            self.skip_space();
            if !matches!(part.as_str(), "value" | "encoding") || !self.rest.starts_with('"') {
                return Err(refuse());
            }
            if parts.insert(part, Secret::new(self.string()?)).is_some() {
                return Err(refuse());
            }
            if !self.comma_or_end()? {
                break;
            }
        }
        match (parts.get("value"), parts.get("encoding")) {
            (Some(value), Some(encoding)) if encoding.expose() == "base64" => from_base64(value.expose(), name, line),
            _ => Err(refuse()),
        }
    }
}

/// Decodes a binary value (RFC 4648 section 4, padded).
pub(super) fn from_base64(text: &str, name: &str, line: u32) -> Result<SecretBytes, FormatError> {
    let refuse = |_| FormatError::Value { name: shown(name), line, problem: "is not valid base64" };
    BASE64.decode(text.as_bytes()).map(Secret::new).map_err(refuse)
}

/// The number grammar of RFC 8259 section 6.
fn is_number(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

/// Writes one object, a name on each line. A value that is not UTF-8 becomes the base64 object: every name and every
/// byte sequence has a form.
pub fn write_json(variables: &[Variable<'_>]) -> SecretBytes {
    let mut out = buffer(variables);
    out.extend_from_slice(b"{");
    for (at, variable) in variables.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"\n  " } else { b",\n  " });
        push_string(&mut out, variable.name);
        out.extend_from_slice(b": ");
        match std::str::from_utf8(variable.value) {
            Ok(text) => push_string(&mut out, text),
            Err(_) => push_binary(&mut out, variable.value),
        }
    }
    out.extend_from_slice(if variables.is_empty() { b"}\n" } else { b"\n}\n" });
    Secret::new(out)
}

/// `{"value": "…", "encoding": "base64"}`, valid as JSON and as YAML.
pub(super) fn push_binary(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(b"{\"value\": \"");
    push_base64(out, value);
    out.extend_from_slice(b"\", \"encoding\": \"base64\"}");
}

/// Base64 (RFC 4648 section 4, padded), without quotes.
pub(super) fn push_base64(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(Secret::new(BASE64.encode(value)).expose().as_bytes());
}

/// A double-quoted string that is valid as JSON (RFC 8259), as YAML 1.2 (5.7 escapes, 5.1 printable characters) and as a
/// basic string of TOML.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut utf8 = [0; 4];
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut utf8).as_bytes()),
        }
    }
    out.push(b'"');
}
