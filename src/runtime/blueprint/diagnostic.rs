//! What is wrong, and where.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The codes of errors, which stay, and what each means. The manual lists them.
pub const CODES: &[(&str, &str)] = &[
    ("too_large", "the file, its nesting, its aliases or one of its lists goes over a limit"),
    ("syntax", "it is not YAML, or not one document"),
    ("unknown_tag", "a YAML tag that means nothing here"),
    ("duplicate_field", "a mapping has a field twice"),
    ("unknown_field", "there is no such field"),
    ("missing_field", "a field that is needed is not there"),
    ("wrong_kind", "a list, a mapping, a text or a number stands where another is needed"),
    ("invalid_value", "the value does not have the form it needs"),
    ("unknown_value", "the value is none of those that can be chosen"),
    ("conflicting_fields", "fields that exclude one another, or one that needs another"),
    ("duplicate_name", "two things have the same name"),
    ("unknown_service", "no service has this name"),
    ("unknown_port", "no port of the service has this name or number"),
    ("port_needed", "it is not said which of several ports is meant"),
    ("dependency_cycle", "services wait for one another"),
    ("request_over_limit", "a service asks for more than its limit lets it have"),
    ("different_twice", "two services describe the same thing differently"),
    ("reserved_path", "the path belongs to Holdfast or to the system"),
];

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

/// Something to say about a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What it is, for programs; it stays.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Where.
    pub at: Place,
    /// The same as a path of fields: `services[2].probes`.
    pub path: String,
}

impl Diagnostic {
    /// The text a terminal shows: the sentence, the line with a caret, the hint.
    pub fn show(&self, label: &str, file: &str, text: &str) -> String {
        let Place { line, column, .. } = self.at;
        let mut out = format!("{label}[{}]: {}\n", self.code, self.message);
        let width = line.to_string().len();
        let _infallible = writeln!(out, "{:width$}--> {file}:{line}:{column}", "");
        let (source, marked) = self.excerpt(text);
        if !source.is_empty() {
            let _infallible = writeln!(out, "{:width$} |", "");
            let _infallible = writeln!(out, "{line} | {source}");
            let before: String = source.chars().take(marked.0).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let _infallible = writeln!(out, "{:width$} | {before}{}", "", "^".repeat(marked.1));
        }
        if !self.hint.is_empty() {
            let _infallible = writeln!(out, "{:width$} = hint: {}", "", self.hint);
        }
        out
    }

    /// The line, cut where it is long and where it has a value of `env`, and what of it is marked, in characters.
    fn excerpt(&self, text: &str) -> (String, (usize, usize)) {
        let start = self.at.start.min(text.len());
        let begin = text[..floor(text, start)].rfind('\n').map_or(0, |n| n + 1);
        let rest = &text[begin..];
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        let before = text[begin..floor(text, start)].chars().count();
        let length = line.len().min(self.at.end.saturating_sub(begin)).max(start.saturating_sub(begin));
        let marked = text[floor(text, start)..floor(text, begin + length).max(floor(text, start))].chars().count();
        if self.hides_value() {
            let shown: String = line.chars().take(before).collect();
            return (format!("{shown}\u{2026}"), (before, 1));
        }
        // What is far to the right is not shown: the place says it.
        if before >= SHOWN {
            return (String::new(), (0, 0));
        }
        let mut shown: String = line.chars().take(SHOWN).collect();
        if shown.len() < line.len() {
            shown.push('\u{2026}');
        }
        (shown, (before, marked.clamp(1, SHOWN - before)))
    }

    /// Whether the line holds a value that may be a secret.
    fn hides_value(&self) -> bool {
        self.path.contains(".env.") || self.path.starts_with("env.")
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "line": self.at.line,
            "column": self.at.column,
            "path": self.path,
        })
    }
}

/// Characters of a line that are shown.
const SHOWN: usize = 160;

/// The nearest boundary of a character at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A path as people read it.
pub(super) fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(&short(key)),
            Step::Key(key) => {
                text.push('.');
                text.push_str(&short(key));
            }
            Step::Index(index) => {
                let _infallible = write!(text, "[{index}]");
            }
        }
    }
    text
}

/// A word of the document, as far as a message repeats it.
pub(super) fn short(word: &str) -> String {
    const MOST: usize = 60;
    if word.chars().count() <= MOST {
        return word.to_owned();
    }
    let cut: String = word.chars().take(MOST).collect();
    format!("{cut}\u{2026}")
}

/// A path: `steps!["services", 2, "name"]`.
macro_rules! steps {
    ($($step:expr),* $(,)?) => { [$($crate::runtime::blueprint::diagnostic::Step::from($step)),*] };
}
pub(super) use steps;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, text: &str, word: &str) -> String {
        let start = text.find(word).expect("there");
        let line = text[..start].matches('\n').count() + 1;
        let column = start - text[..start].rfind('\n').map_or(0, |n| n + 1) + 1;
        let at = Place { line, column, start, end: start + word.len() };
        let error = Diagnostic { code: "c", message: "m".to_owned(), hint: "h".to_owned(), at, path: path.to_owned() };
        error.show("error", "b.yaml", text)
    }

    #[test]
    fn the_caret_is_under_the_word() {
        let text = "name: shop\nservices:\n  - nmae: web\n";
        let expected = "error[c]: m\n --> b.yaml:3:5\n  |\n3 |   - nmae: web\n  |     ^^^^\n  = hint: h\n";
        assert_eq!(said("services[0]", text, "nmae"), expected);
    }

    #[test]
    fn a_value_of_env_is_not_repeated() {
        let text = "env: {A: s3cret}\n";
        let told = said("services[0].env.A", text, "s3cret");
        assert!(!told.contains("s3cret") && told.contains("A: \u{2026}"), "{told}");
    }

    #[test]
    fn no_place_makes_it_panic() {
        let text = "\u{e4}\u{fc}\nx";
        for (start, end) in [(0, 99), (1, 2), (5, 3), (99, 99), (4, 4)] {
            let at = Place { line: 1, column: 1, start, end };
            let error = Diagnostic { code: "c", message: String::new(), hint: String::new(), at, path: String::new() };
            assert!(!error.show("error", "b", text).is_empty());
        }
    }
}
