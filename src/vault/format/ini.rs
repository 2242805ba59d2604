//! `name = value` lines as npm's `.npmrc` has them: one flat list, values with special characters as JSON strings. Plain
//! values mean the same to Python's `configparser`; quoted ones only where quotes are undone, as npm does.

use super::error::shown;
use super::json::push_string;
use super::write::{buffer, refusal};
use super::{Collector, Entry, Format, FormatError, Repeated, Variable, checked_text};
use crate::types::{Secret, SecretBytes};

/// Reads `name = value` lines. `;` and `#` begin a comment unless a backslash stands before them. A value in double quotes
/// is a JSON string, one in single quotes is literal. All values are literal. Of two lines with one name the last wins and says so.
///
/// # Errors
/// [`FormatError`] with the line: a section, a list (`name[] = …`), a name alone, quotes that are not closed.
pub fn parse_ini(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let text = checked_text(input)?;
    let mut entries = Collector::new(Repeated::LastWins);
    let mut line = 0_u32;
    for text in text.split_inclusive(['\r', '\n']) {
        // The LF of a CRLF is a piece of its own here, and no new line.
        if text != "\n" || line == 0 {
            line = line.saturating_add(1);
        }
        let content = text.trim_matches(is_space);
        if !content.is_empty() && !content.starts_with([';', '#']) {
            entries.add(entry(content, line)?)?;
        }
    }
    Ok(entries.finish())
}

/// Space as npm and Python trim it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

fn entry(content: &str, line: u32) -> Result<Entry, FormatError> {
    let syntax = |problem| FormatError::Syntax { line, problem };
    if content.starts_with('[') {
        return Err(syntax("a section; variables are one flat list"));
    }
    // The text before a missing `=` is not shown: it may be a line of a key.
    let (name, value) = content.split_once('=').ok_or_else(|| syntax("no `=` after the name"))?;
    let name = name.trim_matches(is_space);
    if name.ends_with("[]") {
        return Err(syntax("a list; only `name = value` is read"));
    }
    if name.is_empty() || name.starts_with(['"', '\'']) {
        return Err(syntax("expected a name without quotes, as in name = value"));
    }
    let value = undo(value.trim_matches(is_space)).map_err(|problem| FormatError::Value {
        name: shown(name),
        line,
        problem,
    })?;
    Ok(Entry { name: name.to_owned(), value, interpolate: false, line, replaces: None })
}

/// A value without its quotes, escapes and comment.
fn undo(text: &str) -> Result<SecretBytes, &'static str> {
    let closed = |quote| text.len() > 1 && text.ends_with(quote);
    match text.chars().next() {
        Some('"') if closed('"') => {
            let decoded: Result<String, _> = serde_json::from_str(text);
            decoded.map(|text| Secret::new(text).into_bytes()).map_err(|_| "is in quotes and no JSON string")
        }
        Some('\'') if closed('\'') => Ok(Secret::new(text.as_bytes()[1..text.len() - 1].to_vec())),
        Some('"' | '\'') => Err("opens a quote that is not closed at the end of the line"),
        _ => Ok(Secret::new(plain(text).into_bytes())),
    }
}

/// To the first `;` or `#` that no backslash escapes.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ';' | '#' => break,
            '\\' => out.push(chars.next_if(|next| matches!(next, '\\' | ';' | '#')).unwrap_or('\\')),
            other => out.push(other),
        }
    }
    out.truncate(out.trim_end_matches(is_space).len());
    out
}

/// Writes `name=value` lines, plain where every reader agrees, else as a JSON string.
///
/// # Errors
/// [`FormatError::NotRepresentable`]: a name that a reader would take for something else, a value that is not UTF-8.
pub fn write_ini(variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    let mut out = buffer(variables);
    for variable in variables {
        let name = variable.name;
        let refuse = refusal(Format::Ini, name);
        let special = |c: char| c.is_control() || matches!(c, '=' | ';' | '#' | '\\' | '"' | '\'');
        if name.is_empty() || name.contains(special) || name.starts_with('[') || name.ends_with("[]") {
            return Err(refuse("the name is empty, a section or a list, or has one of = ; # \\ \" ' in it"));
        }
        if name.trim_matches(is_space) != name {
            return Err(refuse("the name begins or ends with a space"));
        }
        let text = std::str::from_utf8(variable.value).map_err(|_| refuse("the value is not UTF-8"))?;
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        let quoted = text.contains(|c: char| c.is_control() || matches!(c, ';' | '#' | '\\'))
            || text.starts_with(['"', '\'', '['])
            || text.trim_matches(is_space) != text;
        if quoted {
            push_string(&mut out, text);
        } else {
            out.extend_from_slice(text.as_bytes());
        }
        out.push(b'\n');
    }
    Ok(Secret::new(out))
}
