//! A blueprint as YAML, as a person would write it: what is as it would be anyway is left out, short lists and mappings
//! are on one line, and comments may stand behind a field.

use std::collections::BTreeMap;

use super::diagnostic::{Step, shown};
use super::form::{Form as _, Yaml};
use super::model::Blueprint;

/// Comments, by the path of what they stand behind: `services[0].image`.
pub type Notes = BTreeMap<String, String>;

/// Longest list or mapping on one line, in characters.
const ONE_LINE: usize = 90;

/// The YAML of a blueprint. Reading it gives the same blueprint.
pub fn write(blueprint: &Blueprint, notes: &Notes) -> String {
    let mut writer = Writer { out: String::new(), path: Vec::new(), notes };
    if let Some(Yaml::Map(fields)) = blueprint.write() {
        writer.map(&fields, 0);
    }
    writer.out
}

struct Writer<'a> {
    out: String,
    path: Vec<Step>,
    notes: &'a Notes,
}

impl Writer<'_> {
    /// The fields, the first of which stands where the writer is: behind a `- `.
    fn map(&mut self, fields: &[(String, Yaml)], indent: usize) {
        for (index, (key, value)) in fields.iter().enumerate() {
            if index > 0 || indent == 0 {
                self.pad(indent);
            }
            self.path.push(Step::from(key.as_str()));
            self.out.push_str(&text(key));
            self.out.push(':');
            self.value(value, indent + 2);
            self.path.pop();
        }
    }

    fn value(&mut self, value: &Yaml, indent: usize) {
        if let Some(line) = self.on_one_line(value) {
            self.out.push(' ');
            self.out.push_str(&line);
            self.end_line();
            return;
        }
        match value {
            Yaml::Text(value) => self.block(value, indent),
            Yaml::Map(fields) => {
                self.end_line();
                self.pad(indent);
                // The first field is where the writer is.
                self.map(fields, indent);
            }
            Yaml::List(items) => {
                self.end_line();
                for (index, item) in items.iter().enumerate() {
                    self.pad(indent);
                    self.out.push('-');
                    self.path.push(Step::from(index));
                    match item {
                        Yaml::Map(fields) if self.on_one_line(item).is_none() => {
                            self.out.push(' ');
                            self.map(fields, indent + 2);
                        }
                        _ => self.value(item, indent + 2),
                    }
                    self.path.pop();
                }
            }
            Yaml::Plain(_) => {}
        }
    }

    /// A text of several lines as a literal block; one that a block cannot hold is quoted.
    fn block(&mut self, value: &str, indent: usize) {
        let (body, chomp) = value.strip_suffix('\n').map_or((value, "-"), |body| (body, ""));
        self.out.push_str(" |");
        self.out.push_str(chomp);
        self.end_line();
        for line in body.split('\n') {
            if !line.is_empty() {
                self.pad(indent);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    fn end_line(&mut self) {
        if let Some(note) = self.notes.get(&shown(&self.path)) {
            self.out.push_str(" # ");
            self.out.push_str(&comment(note));
        }
        self.out.push('\n');
    }

    fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// It on one line, where that is short and nothing inside has a note.
    fn on_one_line(&self, value: &Yaml) -> Option<String> {
        let own = shown(&self.path);
        let is_noted = |key: &String| key.starts_with(&own) && key.len() > own.len() && !own.is_empty();
        let line = match value {
            Yaml::Plain(value) => return Some(value.clone()),
            Yaml::Text(value) if is_block(value) => return None,
            Yaml::Text(value) => return Some(text(value)),
            Yaml::List(items) => {
                let flat = items.iter().all(|i| matches!(i, Yaml::Plain(_) | Yaml::Text(_)));
                if !flat && !items.is_empty() {
                    return None;
                }
                flow(value)?
            }
            Yaml::Map(_) => flow(value)?,
        };
        let is_short = line.chars().count() <= ONE_LINE;
        // A service is never on one line, however little it says.
        let is_service = matches!(self.path.as_slice(), [Step::Key(key), Step::Index(_)] if key == "services");
        (is_short && !is_service && !self.notes.keys().any(is_noted)).then_some(line)
    }
}

/// A comment is one line without control characters.
pub(super) fn comment(note: &str) -> String {
    note.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') { ' ' } else { c })
        .collect()
}

pub(super) fn flow(value: &Yaml) -> Option<String> {
    Some(match value {
        Yaml::Plain(value) => value.clone(),
        Yaml::Text(value) if value.contains('\n') => return None,
        Yaml::Text(value) => text(value),
        Yaml::List(items) => format!("[{}]", items.iter().map(flow).collect::<Option<Vec<_>>>()?.join(", ")),
        Yaml::Map(fields) => {
            let field = |(key, value): &(String, Yaml)| Some(format!("{}: {}", text(key), flow(value)?));
            format!("{{{}}}", fields.iter().map(field).collect::<Option<Vec<_>>>()?.join(", "))
        }
    })
}

/// Whether a literal block can hold it, and it is worth one.
fn is_block(value: &str) -> bool {
    let body = value.strip_suffix('\n').unwrap_or(value);
    value.contains('\n')
        && !body.ends_with('\n')
        && !body.is_empty()
        && !body.starts_with([' ', '\t', '\n'])
        && value.chars().all(|c| c == '\n' || (!c.is_control() && !is_break(c)))
}

fn is_break(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// A text as a plain word where every reader of YAML takes it for one, otherwise in quotes.
pub(super) fn text(value: &str) -> String {
    if is_plain(value) { value.to_owned() } else { quoted(value) }
}

fn is_plain(value: &str) -> bool {
    // Quantities: digits and a unit, which no reader takes for a number.
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
    if unit.len() < value.len() && ["m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "s", "h", "d"].contains(&unit) {
        return true;
    }
    let starts = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | '@' | '+' | '=');
    let colons = value.match_indices(':').all(|(at, _)| value[at + 1..].starts_with(|c: char| is_safe(c)));
    starts && value.chars().all(|c| is_safe(c) || c == ':') && colons && !is_ambiguous(value)
}

/// Whether some reader of YAML takes this plain word for something else than a text.
pub(super) fn is_ambiguous(value: &str) -> bool {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", ".inf", ".nan"];
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let is_sexagesimal = value.contains(':') && value.trim_start_matches(['-', '+']).split(':').all(digits);
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word)) || is_sexagesimal
}

/// A text in double quotes.
pub(super) fn quoted(value: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || is_break(c) => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
