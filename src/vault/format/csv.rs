//! CSV (RFC 4180): a heading `name,value`, then a variable in each record. A value that is no text is base64 and says so
//! in a third column, `encoding`, which is there only when it is needed.

use zeroize::Zeroizing;

use super::error::shown;
use super::json::{from_base64, push_base64};
use super::write::buffer;
use super::{Collector, Entry, FormatError, Repeated, Variable, checked_text, line_breaks};
use crate::types::{Secret, SecretBytes};

/// Most columns of a record: more than any heading we take, and than any other product writes.
const MAX_COLUMNS: usize = 64;

/// Reads records under a heading of `name` (or `key`), `value` and maybe `encoding`, in any order and case. Fields are
/// taken as they stand, spaces too. All values are literal.
///
/// # Errors
/// [`FormatError`] with the line: another heading, a record of another length, a quote in the middle of a field or never
/// closed, a name twice.
pub fn parse_csv(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader { rest: checked_text(input)?, line: 1 };
    let mut entries = Collector::new(Repeated::Refused);
    let Some((heading, line)) = reader.record()? else { return Ok(Vec::new()) };
    let columns = Columns::read(&heading, line)?;
    while let Some((record, line)) = reader.record()? {
        if record.len() != heading.len() {
            return Err(FormatError::Syntax { line, problem: "a record with more or fewer fields than the heading" });
        }
        let field = |at: usize| record.get(at).map_or("", |field| field.as_str());
        let name = field(columns.name).to_owned();
        let value = match columns.encoding.map_or("", field) {
            "" => Secret::new(field(columns.value).as_bytes().to_vec()),
            "base64" => from_base64(field(columns.value), &name, line)?,
            _ => {
                let problem = "has an encoding that is not base64";
                return Err(FormatError::Value { name: shown(&name), line, problem });
            }
        };
        entries.add(Entry { name, value, interpolate: false, line, replaces: None })?;
    }
    Ok(entries.finish())
}

/// Which column is which.
struct Columns {
    name: usize,
    value: usize,
    encoding: Option<usize>,
}

impl Columns {
    fn read(heading: &[Zeroizing<String>], line: u32) -> Result<Self, FormatError> {
        let problem = "the first line is the heading: name, value, and encoding where a value is base64";
        let refuse = || FormatError::Syntax { line, problem };
        let (mut name, mut value, mut encoding) = (None, None, None);
        for (at, title) in heading.iter().enumerate() {
            let column = match title.trim().to_ascii_lowercase().as_str() {
                "name" | "key" => &mut name,
                "value" => &mut value,
                "encoding" => &mut encoding,
                // A column that is passed over would be data that is lost.
                _ => return Err(refuse()),
            };
            if column.replace(at).is_some() {
                return Err(refuse());
            }
        }
        Ok(Self { name: name.ok_or_else(refuse)?, value: value.ok_or_else(refuse)?, encoding })
    }
}

/// The fields of a record, and the line it begins on.
pub(in crate::vault) type Record = Vec<Zeroizing<String>>;

/// Every record of a file with any heading, the heading first, each with the line it begins on. At most `most`.
///
/// # Errors
/// [`FormatError`] with the line: a quote in the middle of a field or never closed, more records than that.
pub(in crate::vault) fn csv_records(input: &[u8], most: usize) -> Result<Vec<(Record, u32)>, FormatError> {
    let mut reader = Reader { rest: checked_text(input)?, line: 1 };
    let mut records = Vec::new();
    while let Some((record, line)) = reader.record()? {
        if records.len() >= most {
            return Err(FormatError::TooManyEntries { line });
        }
        records.push((record, line));
    }
    Ok(records)
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

    /// The next record and the line it begins on; blank lines are none.
    fn record(&mut self) -> Result<Option<(Record, u32)>, FormatError> {
        let content = self.rest.trim_start_matches(['\r', '\n']);
        self.take(self.rest.len() - content.len());
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let mut record = Vec::new();
        loop {
            if record.len() >= MAX_COLUMNS {
                return Err(FormatError::Syntax { line, problem: "a record with too many fields" });
            }
            record.push(self.field()?);
            if self.rest.starts_with(',') {
                self.take(1);
            } else {
                let end = if self.rest.starts_with("\r\n") { 2 } else { usize::from(!self.rest.is_empty()) };
                self.take(end);
                return Ok(Some((record, line)));
            }
        }
    }

    fn field(&mut self) -> Result<Zeroizing<String>, FormatError> {
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let end = self.rest.find([',', '\r', '\n']).unwrap_or(self.rest.len());
        let text = self.take(end);
        if text.contains('"') {
            let problem = "a quote in the middle of a field; put the field in quotes and write the quote twice";
            return Err(FormatError::Syntax { line: self.line, problem });
        }
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn quoted(&mut self) -> Result<Zeroizing<String>, FormatError> {
        let opened = self.line;
        self.take(1);
        let mut value = Zeroizing::new(String::new());
        loop {
            let unclosed = FormatError::Syntax { line: opened, problem: "a quote that opens a field is never closed" };
            let end = self.rest.find('"').ok_or(unclosed)?;
            value.push_str(self.take(end));
            self.take(1);
            if !self.rest.starts_with('"') {
                break;
            }
            value.push('"');
            self.take(1);
        }
        if self.rest.is_empty() || self.rest.starts_with([',', '\r', '\n']) {
            return Ok(value);
        }
        Err(FormatError::Syntax { line: self.line, problem: "text after the closing quote of a field" })
    }
}

/// Writes a heading and a record for each variable: every name and every byte sequence has a form.
pub fn write_csv(variables: &[Variable<'_>]) -> SecretBytes {
    let text = |value| std::str::from_utf8(value).ok().filter(|text: &&str| !text.contains('\0'));
    let encoded = variables.iter().any(|variable| text(variable.value).is_none());
    let mut out = buffer(variables);
    out.extend_from_slice(if encoded { b"name,value,encoding\r\n" } else { b"name,value\r\n" });
    for variable in variables {
        push_field(&mut out, variable.name);
        out.push(b',');
        if let Some(text) = text(variable.value) {
            push_field(&mut out, text);
            out.extend_from_slice(if encoded { b"," } else { b"" });
        } else {
            push_base64(&mut out, variable.value);
            out.extend_from_slice(b",base64");
        }
        out.extend_from_slice(b"\r\n");
    }
    Secret::new(out)
}

/// One field, in quotes where a reader could take it apart or trim it.
fn push_field(out: &mut Vec<u8>, text: &str) {
    let plain = !text.contains([',', '"', '\r', '\n']) && text.trim() == text;
    if plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
