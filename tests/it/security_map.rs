//! SECURITY.md names the tests that hold its promises: each of them must be there and hold tests, and each requirement of
//! ASVS 5.0.0 of levels 1 and 2 must stand in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Words in code marks that name no test: headers, settings, words of the language, commands.
const OTHER: &[&str] = &[
    "no-store",
    "===",
    "forbid(unsafe_code)",
    "unsafe-eval",
    "unsafe",
    "make test",
    "make test-cluster",
    "tests/cluster/checks/gate.sh",
    "store.rs",
    "tests/it",
];

/// The requirements of ASVS 5.0.0 by section: the level of each, in order. OAuth (V10) and WebRTC (V17) are left whole.
const LEVELS: &str = "
1.1 22  1.2 1111122223  1.3 112222222223  1.4 222  1.5 123
2.1 122  2.2 112  2.3 12223  2.4 23
3.1 3  3.2 113  3.3 12223  3.4 11222233  3.5 11122333  3.6 3  3.7 22333
4.1 12233  4.2 23333  4.3 22  4.4 1222
5.1 2  5.2 112333  5.3 113  5.4 222
6.1 122  6.2 111111112222  6.3 11223333  6.4 112233  6.5 22222333  6.6 2223  6.7 33  6.8 2222
7.1 222  7.2 1111  7.3 22  7.4 11222  7.5 223  7.6 22
8.1 1233  8.2 1123  8.3 133  8.4 23
9.1 111  9.2 1222
11.1 2233  11.2 22233  11.3 11233  11.4 1222  11.5 23  11.6 23  11.7 33
12.1 12233  12.2 11  12.3 22223
13.1 2333  13.2 222223  13.3 2233  13.4 1222233
14.1 22  14.2 12223333  14.3 122
15.1 12233  15.2 12233  15.3 1222222  15.4 3333
16.1 2  16.2 22222  16.3 2222  16.4 222  16.5 2223";
/// Chapters of which nothing applies.
const WHOLE: &[&str] = &["V10", "V17"];

fn text() -> &'static str {
    include_str!("../../SECURITY.md")
}

/// The requirements of levels 1 and 2.
fn required() -> BTreeSet<String> {
    let words: Vec<&str> = LEVELS.split_whitespace().collect();
    let mut all = BTreeSet::new();
    for pair in words.chunks(2) {
        let levels = pair[1].chars().enumerate().filter(|(_, level)| *level != '3');
        all.extend(levels.map(|(n, _)| format!("V{}.{}", pair[0], n + 1)));
    }
    all.extend(WHOLE.iter().map(|chapter| (*chapter).to_owned()));
    all
}

/// The rows of the tables: the cells of each.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with('|') && !line.contains("---"));
    let rows = lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>());
    rows.filter(|row| row.len() == 3 && !["test", "tested in"].contains(&row[2])).collect()
}

/// What is in code marks.
fn marked(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The files of a module: its own, and all beneath it. `a::tests` may be in `a`.
fn files(module: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = module.replace("::", "/");
    let short = path.strip_suffix("/tests").unwrap_or(&path).to_owned();
    let mut found = Vec::new();
    for path in [&path, &short] {
        for place in ["src", "tests/it"] {
            let at = root.join(place).join(path);
            found.extend(Some(at.with_extension("rs")).filter(|file| file.is_file()));
            let mut folders = vec![at];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).into_iter().flatten() {
                    let path = entry.expect("an entry").path();
                    if path.is_dir() {
                        folders.push(path);
                    } else if path.extension().is_some_and(|extension| extension == "rs") {
                        found.push(path);
                    }
                }
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    found
}

/// The names of the tests of a file: functions under `#[test]` or an attribute that ends so.
fn tests_of(file: &Path) -> BTreeSet<String> {
    let source = fs::read_to_string(file).expect("readable");
    let mut found = BTreeSet::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.contains("::test]") || line.contains("::test(");
        } else if let Some(rest) = line.split_once("fn ").map(|(_, rest)| rest).filter(|_| is_test) {
            found.insert(rest.split(['(', '<']).next().unwrap_or_default().to_owned());
            is_test = false;
        }
    }
    found
}

/// Whether the last part of the name is a test in the module before it.
fn is_test(name: &str) -> bool {
    let holds = |(module, test): (&str, &str)| files(module).iter().any(|file| tests_of(file).contains(test));
    name.rsplit_once("::").is_some_and(holds)
}

/// Whether a module of this name holds a test, or it is one itself.
fn is_there(name: &str) -> bool {
    files(name).iter().any(|file| !tests_of(file).is_empty()) || is_test(name)
}

/// The requirements a text speaks of: `V1.2.3`, `V1.2` for all of a section, and `V1.2.6 to V1.2.8`.
fn spoken_of(text: &str) -> Vec<String> {
    let numbers = |word: &str| -> Option<Vec<u32>> {
        let rest = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).strip_prefix('V')?;
        rest.split('.').map(|n| n.parse().ok()).collect()
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let Some(this) = numbers(word) else { continue };
        let before = index.checked_sub(2).filter(|_| words[index - 1] == "to").and_then(|at| numbers(words[at]));
        let first = before.map_or(this[this.len() - 1], |before| before[before.len() - 1] + 1);
        for last in first..=this[this.len() - 1] {
            let mut all = this.clone();
            *all.last_mut().expect("one") = last;
            found.push(format!("V{}", all.iter().map(u32::to_string).collect::<Vec<_>>().join(".")));
        }
    }
    found
}

/// How often each requirement stands somewhere, and what is spoken of that is none.
fn standing(text: &str) -> (BTreeMap<String, usize>, Vec<String>) {
    let mut all: BTreeMap<String, usize> = required().into_iter().map(|id| (id, 0)).collect();
    let (_, map) = text.split_once("## ASVS").expect("the section");
    let table = rows(map).into_iter().map(|row| row[0].to_owned()).filter(|id| id.starts_with('V'));
    let rest = map.split_once("Not met or not whole:").expect("what is not met").1;
    let mut unknown = Vec::new();
    for id in table.chain(spoken_of(rest)) {
        let beneath = format!("{id}.");
        let meant: Vec<_> = all.keys().filter(|one| **one == id || one.starts_with(&beneath)).cloned().collect();
        if meant.is_empty() {
            unknown.push(id);
        }
        for one in meant {
            *all.entry(one).or_default() += 1;
        }
    }
    (all, unknown)
}

#[test]
fn every_test_that_is_named_is_there() {
    let rows = rows(text());
    assert!(rows.len() > 200, "the tables lost their rows: {}", rows.len());
    let names = rows.iter().flat_map(|row| marked(row[2])).filter(|name| !OTHER.contains(&name.as_str()));
    let missing: BTreeSet<_> = names.filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let bare: Vec<_> = rows.iter().filter(|row| marked(row[2]).is_empty() && row[2].len() < 40).collect();
    assert!(bare.is_empty(), "neither a test nor a reason: {bare:#?}");
}

#[test]
fn the_map_names_tests_and_not_only_where_they_are() {
    let (_, map) = text().split_once("## ASVS").expect("the section");
    let rows = rows(map);
    assert!(rows.len() > 150, "the map lost its rows: {}", rows.len());
    let named = |row: &Vec<&str>| marked(row[2]).into_iter().filter(|name| !OTHER.contains(&name.as_str()));
    let modules: Vec<_> = rows.iter().flat_map(|row| named(row).map(|name| (row[0].to_owned(), name))).collect();
    let modules: Vec<_> = modules.into_iter().filter(|(_, name)| !is_test(name)).collect();
    assert!(modules.is_empty(), "each names a module, not the test in it: {modules:#?}");
}

#[test]
fn every_requirement_stands_in_one_place() {
    let required = required();
    assert_eq!(required.iter().filter(|id| id.starts_with("V6.")).count(), 35);
    let (all, unknown) = standing(text());
    let (nowhere, twice): (Vec<_>, Vec<_>) = all.iter().filter(|(_, n)| **n != 1).partition(|(_, n)| **n == 0);
    assert!(nowhere.is_empty() && twice.is_empty() && unknown.is_empty(), "{nowhere:?} {twice:?} {unknown:?}");
}

#[test]
fn the_map_can_be_wrong() {
    for there in ["faults::crash", "keys::tests", "faults::input::bombs_do_not_go_off", "keys::aead", "importers"] {
        assert!(is_there(there), "{there}");
    }
    let not =
        ["no_such_test", "faults::crash::no_such_test", "support::app", "keys::aead::tests::no_such", "types::failure"];
    for not in not {
        assert!(!is_there(not), "{not}");
    }
    assert!(is_test("faults::input::bombs_do_not_go_off") && !is_test("faults::crash") && !is_test("importers"));
    assert_eq!(spoken_of("(V1.2.6 to V1.2.8, V4.3)"), ["V1.2.6", "V1.2.7", "V1.2.8", "V4.3"]);
    let wrong = text().replace("| V6.2.10 |", "| V6.2.1 |").replace("V12.2.2 (", "V12.2.7 (");
    let (all, unknown) = standing(&wrong);
    assert_eq!((all["V6.2.10"], all["V6.2.1"], all["V12.2.2"]), (0, 2, 0));
    assert_eq!(unknown, ["V12.2.7"]);
}
