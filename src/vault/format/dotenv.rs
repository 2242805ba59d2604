//! The dotenv reader. The dialect, and where it differs from npm `dotenv` and PyPI `python-dotenv`, is the manual
//! page `assets/help/dotenv.md`; `tests/it/dotenv_differential.rs` holds both to it.
//!
//! Where the two real parsers skip a line they do not understand, this one stops: a variable missing after an
//! import is found in production.

use super::error::shown;
use super::{Collector, Entry, FormatError, Repeated, checked_text, line_breaks};
use crate::types::{Secret, SecretBytes};

/// Reads a dotenv file: `NAME=value` lines, comments, quotes, `export `, CRLF, byte order mark.
///
/// Unquoted and double-quoted values are templates; in double quotes `\$` is a literal dollar. Single quotes and
/// backticks are literal. Of two lines with one name the last wins and says so in [`Entry::replaces`].
///
/// # Errors
/// [`FormatError`] with the line: nothing is returned of a file with one bad line.
pub fn parse_dotenv(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    parse(input, false)
}

/// Reads the same with every `$` as it stands: what other products wrote knows nothing of our references. Then
/// [`Entry::interpolate`] only says that its quotes would have let one be.
///
/// # Errors
/// As [`parse_dotenv`].
pub fn parse_dotenv_literal(input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    parse(input, true)
}

fn parse(input: &[u8], literal: bool) -> Result<Vec<Entry>, FormatError> {
    let text = checked_text(input)?;
    if let Some(at) = text.find('\0') {
        let problem = "a NUL byte: this is not a text file, or it is UTF-16";
        return Err(FormatError::Syntax { line: 1_u32.saturating_add(line_breaks(&text[..at])), problem });
    }
    let mut reader = Reader { rest: text, line: 1, dollars_are_text: literal };
    let mut entries = Collector::new(Repeated::LastWins);
    while reader.next_content() {
        entries.add(reader.entry()?)?;
    }
    Ok(entries.finish())
}

/// Whether a name may hold `c`. The writer asks the same, so what is written is read back.
pub(super) fn is_name_char(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || matches!(c, '=' | '#' | '\'' | '"' | '`' | '\u{feff}'))
}

/// Space within a line, Unicode's too: both real parsers trim it.
fn is_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\r' | '\n')
}

/// What is left to read, and the line it is on.
struct Reader<'a> {
    rest: &'a str,
    line: u32,
    dollars_are_text: bool,
}

impl<'a> Reader<'a> {
    /// Moves to the next line that is neither blank nor a comment; false at the end.
    fn next_content(&mut self) -> bool {
        loop {
            let content = self.rest.trim_start();
            self.take(self.rest.len() - content.len());
            if !content.starts_with('#') {
                return !content.is_empty();
            }
            self.take(self.current_line().len());
        }
    }

    /// Consumes `bytes` bytes and counts their lines.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line = self.line.saturating_add(line_breaks(taken));
        self.rest = rest;
        taken
    }

    fn current_line(&self) -> &'a str {
        &self.rest[..self.rest.find(['\r', '\n']).unwrap_or(self.rest.len())]
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    fn syntax(&self, problem: &'static str) -> FormatError {
        FormatError::Syntax { line: self.line, problem }
    }

    fn entry(&mut self) -> Result<Entry, FormatError> {
        self.skip_export();
        let line = self.line;
        let name = self.take(self.rest.find(|c| !is_name_char(c)).unwrap_or(self.rest.len()));
        if name.is_empty() {
            return Err(self.syntax("expected a name, as in NAME=value"));
        }
        self.skip_space();
        // The text before the missing `=` is not shown: it may be a line of a key that lost its quotes.
        self.rest = self.rest.strip_prefix('=').ok_or_else(|| {
            self.syntax("no `=` after the name (NAME= is an empty value; a value of several lines needs quotes)")
        })?;
        let after_equals = self.rest;
        self.skip_space();
        let spaced = after_equals.len() != self.rest.len();
        let (value, interpolate) = match self.rest.chars().next() {
            Some(quote @ ('\'' | '`')) => (self.literal(name, quote)?, false),
            Some('"') => (self.double_quoted(name)?, true),
            _ => (self.unquoted(spaced), true),
        };
        Ok(Entry { name: name.to_owned(), value, interpolate, line, replaces: None })
    }

    /// `export ` before a name; a variable may itself be called `export`.
    fn skip_export(&mut self) {
        if let Some(after) = self.rest.strip_prefix("export") {
            let name = after.trim_start_matches(is_space);
            if name.len() != after.len() && name.starts_with(is_name_char) {
                self.rest = name;
            }
        }
    }

    /// To the end of the line, or to a `#` after a space.
    fn unquoted(&mut self, spaced: bool) -> SecretBytes {
        let line = self.take(self.current_line().len());
        let comment = line
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|at| if *at == 0 { spaced } else { line[..*at].ends_with(is_space) });
        let text = line[..comment.unwrap_or(line.len())].trim_matches(is_space);
        Secret::new(text.as_bytes().to_vec())
    }

    /// Single quotes or backticks: nothing inside is special; line ends become LF, as everywhere in quotes.
    fn literal(&mut self, name: &str, quote: char) -> Result<SecretBytes, FormatError> {
        let opened = self.line;
        self.take(1);
        let end = self.rest.find(quote).ok_or_else(|| unclosed(name, quote, opened))?;
        let inside = self.take(end);
        let mut value = Vec::with_capacity(inside.len());
        let mut chunks = inside.bytes().peekable();
        while let Some(byte) = chunks.next() {
            if byte == b'\r' {
                chunks.next_if_eq(&b'\n');
                value.push(b'\n');
            } else {
                value.push(byte);
            }
        }
        let value = Secret::new(value);
        self.closing(name, quote, opened)?;
        Ok(value)
    }

    /// Double quotes: `\n \r \t \" \\ \$`, every other backslash is itself. The result is a template.
    fn double_quoted(&mut self, name: &str) -> Result<SecretBytes, FormatError> {
        let opened = self.line;
        self.take(1);
        let end = closing_double_quote(self.rest).ok_or_else(|| unclosed(name, '"', opened))?;
        let inside = self.take(end);
        let mut value = String::with_capacity(inside.len() + 16);
        let mut chars = inside.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\r' => {
                    chars.next_if(|(_, next)| *next == '\n');
                    value.push('\n');
                }
                '\\' => match unescape(&inside[at + 1..]) {
                    Some('$') if !self.dollars_are_text => {
                        chars.next();
                        let problem = "has a literal `$` right before a reference, which no template can say";
                        push_dollar(&mut value, &inside[at + 2..]).ok_or_else(|| FormatError::Value {
                            name: shown(name),
                            line: opened,
                            problem,
                        })?;
                    }
                    Some(decoded) => {
                        chars.next();
                        value.push(decoded);
                    }
                    None => value.push('\\'),
                },
                _ => value.push(c),
            }
        }
        let value = Secret::new(value).into_bytes();
        self.closing(name, '"', opened)?;
        Ok(value)
    }

    /// The closing quote, then nothing but a comment.
    fn closing(&mut self, name: &str, quote: char, opened: u32) -> Result<(), FormatError> {
        self.take(1);
        let after = self.current_line().trim_start_matches(is_space);
        if after.is_empty() || after.starts_with('#') {
            self.take(self.current_line().len());
            return Ok(());
        }
        // Closed on a later line and text behind it: that quote was meant to open another value.
        if self.line != opened {
            return Err(unclosed(name, quote, opened));
        }
        let problem = "has text after its closing quote";
        Err(FormatError::Value { name: shown(name), line: opened, problem })
    }
}

fn unclosed(name: &str, quote: char, line: u32) -> FormatError {
    FormatError::UnclosedQuote { name: shown(name), quote, line }
}

/// The first `"` that no backslash escapes. A backslash before anything but `"` or `\` takes nothing along.
fn closing_double_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Some(at),
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// What a backslash and the next character mean together, if anything.
fn unescape(after_backslash: &str) -> Option<char> {
    match after_backslash.chars().next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        same @ ('"' | '\\' | '$') => Some(same),
        _ => None,
    }
}

/// Writes `\$` into a template, given what follows. `None` before a reference: `$` + `${X}` would be `$${X}`, which
/// is the literal `${X}`.
fn push_dollar(template: &mut String, following: &str) -> Option<()> {
    if following.starts_with("${") {
        return None;
    }
    template.push_str(if following.starts_with('{') { "$$" } else { "$" });
    Some(())
}
