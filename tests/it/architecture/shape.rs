//! The shape of files and functions: how long, what they open with, which attributes they may not carry.

use super::Violation;
use super::facts::Facts;

/// Lines of one file, tests included.
pub(crate) const LONGEST_FILE: usize = 800;
/// Lines between the braces of one function; test functions may be longer.
pub(crate) const LONGEST_FUNCTION: usize = 70;

const ATTRIBUTES: &[(&str, &str)] = &[
    ("allow", "use #[expect(…, reason = \"…\")]: it tells when it is no longer needed"),
    ("ignore", "a test runs always, or is not there"),
];

/// Tests that need more than a machine: a real Kubernetes. They are left out by `cargo test` and run by `make test-cluster`.
const ON_CLUSTER: &str = "tests/it/on_cluster/";

pub(crate) fn check(all: &[Facts]) -> Vec<Violation> {
    let mut found = Vec::new();
    for facts in all {
        let mut add = |line, message| found.push(Violation::new(&facts.file, line, "shape", message));
        if facts.lines > LONGEST_FILE {
            add(1, format!("{} lines, at most {LONGEST_FILE}: split it by what it does", facts.lines));
        }
        for function in facts.functions.iter().filter(|f| !f.in_test && f.body_lines > LONGEST_FUNCTION) {
            let (name, lines) = (&function.name, function.body_lines);
            add(function.line, format!("fn {name} has {lines} lines, at most {LONGEST_FUNCTION}: name its steps"));
        }
        if opens_a_module(&facts.file) && !facts.has_module_doc {
            add(1, "begins without `//!`: say what it is, its invariants, and what it does not do".to_owned());
        }
        for attribute in &facts.attributes {
            for (name, instead) in ATTRIBUTES.iter().filter(|(name, _)| attribute.segments == [*name]) {
                if *name == "ignore" && facts.file.starts_with(ON_CLUSTER) {
                    continue;
                }
                add(attribute.line, format!("#[{name}] is refused: {instead}"));
            }
        }
        for line in facts.notes.iter().filter(|_| facts.file.starts_with("src/")) {
            add(*line, "a note for later: do it now, or file it".to_owned());
        }
    }
    found
}

/// `mod.rs` anywhere, and the files directly in `src/`.
fn opens_a_module(file: &str) -> bool {
    file.strip_prefix("src/").is_some_and(|inside| inside.ends_with("/mod.rs") || !inside.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(file: &str, text: &str) -> Vec<String> {
        let mut all = [Facts::read(file, text).expect("the example parses")];
        super::super::facts::mark_test_files(&mut all);
        check(&all).iter().map(ToString::to_string).collect()
    }

    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines))
    }

    #[test]
    fn a_file_may_have_800_lines_and_not_801() {
        assert!(messages("src/a/b.rs", &"\n".repeat(LONGEST_FILE)).is_empty());
        let found = messages("src/a/b.rs", &"\n".repeat(LONGEST_FILE + 1));
        assert_eq!(found, ["src/a/b.rs:1: [shape] 801 lines, at most 800: split it by what it does"]);
    }

    #[test]
    fn a_function_may_have_70_lines_and_not_71() {
        assert!(messages("src/a/b.rs", &function_of(LONGEST_FUNCTION)).is_empty());
        let found = messages("src/a/b.rs", &format!("\n{}", function_of(LONGEST_FUNCTION + 1)));
        assert_eq!(found, ["src/a/b.rs:2: [shape] fn long has 71 lines, at most 70: name its steps"]);
        let method = format!("impl A {{\n{}}}", function_of(LONGEST_FUNCTION + 1));
        assert_eq!(messages("src/a/b.rs", &method).len(), 1);
    }

    #[test]
    fn test_functions_may_be_longer() {
        let long = function_of(LONGEST_FUNCTION + 1);
        assert!(messages("src/a/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{long}}}")).is_empty());
        assert!(messages("tests/it/b.rs", &long).is_empty());
    }

    #[test]
    fn rooms_and_top_level_files_open_with_their_description() {
        for file in ["src/op.rs", "src/vault/mod.rs", "src/http/api/mod.rs"] {
            assert_eq!(messages(file, "// A plain comment.\nuse std::fmt;\n").len(), 1, "{file}");
            assert!(messages(file, "//! What it is.\nuse std::fmt;\n").is_empty(), "{file}");
        }
        assert!(messages("src/vault/get.rs", "use std::fmt;").is_empty());
    }

    #[test]
    fn allow_and_ignore_are_refused_wherever_they_stand() {
        for text in [
            "#![allow(dead_code)]",
            "#[allow(clippy::all)] fn f() {}",
            "fn f() { #[allow(unused)] let a = 1; }",
            "#[cfg_attr(test, allow(dead_code))] fn f() {}",
            "#[test]\n#[ignore] fn f() {}",
            "#[cfg(test)] mod tests { #[test] #[ignore = \"slow\"] fn f() {} }",
        ] {
            assert_eq!(messages("src/a/b.rs", text).len(), 1, "{text}");
        }
        assert!(messages("tests/it/on_cluster/a.rs", "#[test]\n#[ignore = \"needs a cluster\"] fn f() {}").is_empty());
        assert!(messages("src/a/b.rs", "#[expect(dead_code, reason = \"read by the driver\")] struct A;").is_empty());
    }

    #[test]
    fn notes_for_later_are_refused() {
        let text = concat!("fn f() {}\n// TO", "DO: later\n");
        assert_eq!(messages("src/a/b.rs", text), ["src/a/b.rs:2: [shape] a note for later: do it now, or file it"]);
    }
}
