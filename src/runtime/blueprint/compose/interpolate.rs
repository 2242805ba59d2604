//! `$NAME` and `${NAME:-default}` of Compose files.

/// Deepest nesting of defaults in defaults.
const DEPTH: usize = 8;

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(String),
}

/// A value with its variables found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    pieces: Vec<Piece>,
    /// Variables in whose place their default stands.
    pub(super) defaults: Vec<String>,
    /// What could not be read.
    pub(super) problem: Option<&'static str>,
}

impl Value {
    /// Reads a value.
    pub(super) fn read(text: &str) -> Self {
        let mut value = Self::default();
        value.take(text, 0);
        value
    }

    fn take(&mut self, text: &str, depth: usize) {
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            self.text(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix('$') {
                self.text("$");
                rest = behind;
            } else if let Some(inside) = rest.strip_prefix('{') {
                let Some(end) = closing(inside) else {
                    self.problem = Some("has a `${` that is not closed");
                    return;
                };
                self.braced(&inside[..end], depth);
                rest = &inside[end + 1..];
            } else {
                let name = name_of(rest);
                if name.is_empty() {
                    self.text("$");
                } else {
                    self.pieces.push(Piece::Variable(name.to_owned()));
                    rest = &rest[name.len()..];
                }
            }
        }
        self.text(rest);
    }

    fn braced(&mut self, inside: &str, depth: usize) {
        let name = name_of(inside);
        let rest = &inside[name.len()..];
        let operator = rest.strip_prefix(':').unwrap_or(rest);
        if name.is_empty() {
            self.problem = Some("has a `${…}` without a name");
            return;
        }
        match operator.chars().next() {
            None if rest.is_empty() => self.pieces.push(Piece::Variable(name.to_owned())),
            Some('?') => self.pieces.push(Piece::Variable(name.to_owned())),
            Some('-') if depth < DEPTH => {
                self.defaults.push(name.to_owned());
                self.take(&operator[1..], depth + 1);
            }
            // In place of a variable that is set: nothing here knows whether it is.
            Some('+') => self.problem = Some("has a `${NAME:+…}`, which has no counterpart"),
            _ => self.problem = Some("has a `${…}` that cannot be read"),
        }
    }

    fn text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// The text without variables.
    pub(super) fn literal(&self) -> String {
        self.pieces.iter().filter_map(|p| if let Piece::Text(text) = p { Some(text.as_str()) } else { None }).collect()
    }

    /// The variables that have no default.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|p| if let Piece::Variable(name) = p { Some(name.as_str()) } else { None })
    }

    /// The variable, if it is one and nothing else.
    pub(super) fn only_variable(&self) -> Option<&str> {
        if let [Piece::Variable(name)] = self.pieces.as_slice() { Some(name) } else { None }
    }

    /// The value as a blueprint has it; none where a `$` would stand before a variable, which it cannot write.
    pub(super) fn to_env(&self) -> Option<String> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(&text.replace("${", "$${")),
                Piece::Variable(_) if out.ends_with('$') => return None,
                Piece::Variable(name) => out.extend(["${", name, "}"]),
            }
        }
        Some(out)
    }
}

fn name_of(text: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { "" } else { &text[..end] }
}

/// Where the brace closes that was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The words of a command line, as a shell splits them. Nothing is expanded.
pub(in crate::runtime::blueprint) fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut begun) = (Vec::new(), String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                begun = true;
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => word.push(chars.next()?),
                        inside => word.push(inside),
                    }
                }
            }
            '\\' => {
                begun = true;
                word.push(chars.next()?);
            }
            c if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                begun = true;
                word.push(c);
            }
        }
    }
    if begun {
        words.push(word);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::scalar::EnvValue;
    use super::*;

    fn env(text: &str) -> String {
        Value::read(text).to_env().unwrap_or_else(|| "none".to_owned())
    }

    #[test]
    fn variables_stay_and_defaults_take_their_place() {
        assert_eq!(env("a$B-${C}"), "a${B}-${C}");
        assert_eq!(env("${A:-x}${B-y}"), "xy");
        assert_eq!(Value::read("${A:-x}${B-y}").defaults, ["A", "B"]);
        assert_eq!(env("${A:-${B:-z}}"), "z");
        assert_eq!(env("${A:?needed}"), "${A}");
        assert_eq!(env("$$A $${B} 5$ $1"), "$A $${B} 5$ $1");
        assert_eq!(env("$$${A}"), "none");
        assert!(Value::read("${A:+x}").problem.is_some() && Value::read("${A").problem.is_some());
        assert_eq!(Value::read("${A}").only_variable(), Some("A"));
    }

    #[test]
    fn command_lines_are_split_as_a_shell_does() {
        let split = |text: &str| words(text).map(|w| w.join("|"));
        assert_eq!(split("sh -c 'a  b' \"c\\\"d\" e\\ f ''"), Some("sh|-c|a  b|c\"d|e f|".to_owned()));
        assert_eq!(split("  "), Some(String::new()));
        assert_eq!(split("'a"), None);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_a_value(text in "[$${}A-C:?+a\\-]{0,30}") {
            let value = Value::read(&text);
            if value.problem.is_none() && let Some(env) = value.to_env() {
                prop_assert!(EnvValue::parse(&env).is_ok(), "{} -> {}", text, env);
            }
        }
    }
}
