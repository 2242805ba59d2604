//! SECURITY.md names the tests that hold its promises: each of them must be there.

use std::path::Path;

/// Words in code marks that are no tests: headers, settings, words of the language.
const OTHER: &[&str] = &["nosniff", "clippy", "keys", "configuration"];

/// The names in code marks of the last column of each table.
fn named(text: &str) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.contains("---"));
    let last = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let marked = last.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    let is_name = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | ':'));
    marked.filter(is_name).filter(|name| !OTHER.contains(&name.as_str())).collect()
}

/// Whether a module of this name is there, beside the code or in the integration binary; `a::tests` is in `a`, too.
fn is_there(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = name.replace("::", "/");
    let short = path.trim_end_matches("/tests");
    [path.as_str(), short].iter().any(|path| {
        ["src", "tests/it"].iter().any(|place| {
            let at = root.join(place).join(path);
            at.with_extension("rs").is_file() || at.is_dir()
        })
    })
}

#[test]
fn every_test_that_is_named_is_there() {
    let text = include_str!("../../SECURITY.md");
    let names = named(text);
    assert!(names.len() > 150, "the tables lost their names: {}", names.len());
    let missing: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!is_there("no_such_test") && is_there("faults::crash") && is_there("keys::tests"));
}
