//! The house rules that a compiler does not know, held over our own sources.
//!
//! `imports` holds who may import whom, `words` what may be named where, `shape` how long and how opened, `map` that
//! ARCHITECTURE.md shows the same tables. Each checker is a function over text with its own tests on small sources
//! that break the rule, so none of them can pass by seeing nothing.

mod facts;
mod imports;
mod map;
mod shape;
mod words;

use facts::Facts;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

/// One broken rule: where, which, and what to do.
pub(crate) struct Violation {
    file: String,
    line: usize,
    rule: &'static str,
    message: String,
}

impl Violation {
    fn new(file: &str, line: usize, rule: &'static str, message: String) -> Self {
        Self { file: file.to_owned(), line, rule, message }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.file, self.line, self.rule, self.message)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Our sources, read once for all rules.
fn sources() -> &'static [Facts] {
    static SOURCES: OnceLock<Vec<Facts>> = OnceLock::new();
    SOURCES.get_or_init(|| facts::read_tree(root(), &["src", "tests/it"]))
}

fn assert_none(violations: &[Violation]) {
    let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} house rule(s) broken:\n{}\n", list.len(), list.join("\n"));
}

#[test]
fn the_sources_are_seen() {
    for file in ["src/lib.rs", "src/main.rs", "src/types/mod.rs", "tests/it/architecture.rs"] {
        assert!(sources().iter().any(|facts| facts.file == file), "{file} was not read");
    }
}

#[test]
fn imports_go_downwards_only() {
    assert_none(&imports::check(sources()));
}

#[test]
fn words_stand_only_where_they_belong() {
    assert_none(&words::check(sources()));
}

#[test]
fn files_and_functions_are_short_and_described() {
    assert_none(&shape::check(sources()));
}

#[test]
fn the_map_shows_the_tables_that_are_held() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is readable");
    let sideways = imports::SIDEWAYS.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    assert_eq!(map::sideways(&text), Ok(sideways.collect()), "section \"Sideways edges\" and SIDEWAYS differ");
    let levels =
        imports::LEVELS.iter().flat_map(|(level, rooms)| rooms.iter().map(|room| (*level, (*room).to_owned())));
    let levels: BTreeSet<(u8, String)> = levels.collect();
    assert_eq!(map::levels(&text), Ok(levels), "section \"Who may import whom\" and LEVELS differ");
}
