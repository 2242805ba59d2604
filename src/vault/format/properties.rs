//! Java properties, as `java.util.Properties` reads and writes them. What is written is ASCII with `\uhhhh` for the
//! rest, so that a reader of ISO 8859-1 (`load(InputStream)`) and one of UTF-8 see the same.

use zeroize::Zeroizing;

use super::error::shown;
use super::write::{buffer, refusal};
use super::{Collector, Entry, Format, FormatError, Repeated, Variable, checked_text};
use crate::types::{Secret, SecretBytes};

/// Space within a line, as Java has it here.
const SPACE: [char; 3] = [' ', '\t', '\u{c}'];

/// Reads `name=value`, `name: value` and `name value` lines in UTF-8, with comments (`#`, `!`), continued lines and
/// escapes. All values are literal. Of two lines with one name the last wins, as in Java, and says so.
///
/// # Errors
/// [`FormatError`] with the line: a name alone, an escape that is not one, half a surrogate pair.
pub fn parse_properties(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader { rest: checked_text(input)?, line: 1 };
    let mut entries = Collector::new(Repeated::LastWins);
    while let Some((text, line)) = reader.logical_line() {
        entries.add(entry(&text, line)?)?;
    }
    Ok(entries.finish())
}

/// What is left to read, and the line it is on.
struct Reader<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Reader<'a> {
    /// One line, without the space it begins with and without its end; CR, LF and CRLF end it.
    fn natural_line(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find(['\r', '\n']).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\r', '\n'])).unwrap_or(rest);
        self.line = self.line.saturating_add(1);
        Some(line.trim_start_matches(SPACE))
    }

    /// The next line that is neither blank nor a comment, with the lines that continue it, and where it begins.
    fn logical_line(&mut self) -> Option<(Zeroizing<String>, u32)> {
        let mut line = self.natural_line()?;
        while line.is_empty() || line.starts_with(['#', '!']) {
            line = self.natural_line()?;
        }
        let begins = self.line.saturating_sub(1);
        let mut whole = Zeroizing::new(String::with_capacity(line.len()));
        // A backslash that no other escapes: the line goes on.
        while (line.len() - line.trim_end_matches('\\').len()) % 2 == 1 {
            whole.push_str(&line[..line.len() - 1]);
            line = self.natural_line().unwrap_or("");
        }
        whole.push_str(line);
        Some((whole, begins))
    }
}

fn entry(text: &str, line: u32) -> Result<Entry, FormatError> {
    let mut escaped = false;
    let ends = |c: char| {
        let ends = !escaped && (SPACE.contains(&c) || matches!(c, '=' | ':'));
        escaped = !escaped && c == '\\';
        ends
    };
    let Some(end) = text.find(ends) else {
        // The text is not shown: it may be a line of a key.
        return Err(FormatError::Syntax { line, problem: "no `=` or `:` after the name (NAME= is an empty value)" });
    };
    let (raw_name, rest) = text.split_at(end);
    let rest = rest.trim_start_matches(SPACE);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(SPACE);
    let name = unescape(raw_name)
        .map_err(|problem| FormatError::Value { name: shown(raw_name), line, problem })?
        .as_str()
        .to_owned();
    let value = unescape(rest).map_err(|problem| FormatError::Value { name: shown(&name), line, problem })?;
    Ok(Entry { name, value: Secret::new(value.as_bytes().to_vec()), interpolate: false, line, replaces: None })
}

/// Undoes the escapes. A backslash before any other character stands for that character, as in Java.
fn unescape(text: &str) -> Result<Zeroizing<String>, &'static str> {
    const HALF: &str = "has half of a surrogate pair (\\ud800 to \\udfff), which is no character";
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    let mut high: Option<u16> = None;
    while let Some(c) = chars.next() {
        let decoded = match c {
            '\\' => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let unit = chars.as_str().get(..4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
                    let signed = chars.as_str().starts_with('+');
                    let unit = unit.filter(|_| !signed).ok_or("has a \\u without four hexadecimal digits")?;
                    chars.nth(3);
                    let units = high.take().into_iter().chain([unit]);
                    if high_half(unit) && units.clone().count() == 1 {
                        high = Some(unit);
                        continue;
                    }
                    let mut whole = char::decode_utf16(units);
                    match (whole.next(), whole.next()) {
                        (Some(Ok(c)), None) => c,
                        _ => return Err(HALF),
                    }
                }
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        if high.is_some() {
            return Err(HALF);
        }
        out.push(decoded);
    }
    if high.is_some() { Err(HALF) } else { Ok(out) }
}

/// Whether a UTF-16 unit is the first half of a pair.
fn high_half(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

/// Writes `name=value` lines that Java and [`parse_properties`] read back to the same text.
///
/// # Errors
/// [`FormatError::NotRepresentable`]: a value that is not UTF-8.
pub fn write_properties(variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    let mut out = buffer(variables);
    for variable in variables {
        let refuse = refusal(Format::Properties, variable.name);
        let text = std::str::from_utf8(variable.value).map_err(|_| refuse("the value is not UTF-8"))?;
        for c in variable.name.chars() {
            push_char(&mut out, c, matches!(c, ' ' | '=' | ':' | '#' | '!'));
        }
        out.push(b'=');
        for (at, c) in text.chars().enumerate() {
            push_char(&mut out, c, at == 0 && c == ' ');
        }
        out.push(b'\n');
    }
    Ok(Secret::new(out))
}

fn push_char(out: &mut Vec<u8>, c: char, special: bool) {
    let letter = match c {
        '\t' => Some(b't'),
        '\n' => Some(b'n'),
        '\r' => Some(b'r'),
        '\u{c}' => Some(b'f'),
        '\\' => Some(b'\\'),
        _ => None,
    };
    match letter {
        Some(letter) => out.extend_from_slice(&[b'\\', letter]),
        None if c == ' ' || c.is_ascii_graphic() => {
            out.extend_from_slice(if special { b"\\" } else { b"" });
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        None => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        }
    }
}
