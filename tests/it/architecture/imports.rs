//! Who may import whom: the table, and the checks that hold it.

use super::Violation;
use super::facts::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// The rooms by level. A room may import any room of a lower level; on its own level only what [`SIDEWAYS`] names.
/// ARCHITECTURE.md shows the same table, and a test compares the two.
pub(crate) const LEVELS: &[(u8, &[&str])] = &[
    (7, &["main", "cli"]),
    (6, &["app"]),
    (5, &["http"]),
    (4, &["runtime"]),
    (3, &["vault", "cluster", "governance", "links", "orgs", "auth"]),
    (2, &["op", "policy", "ledger", "jobs", "scan", "notify"]),
    (1, &["keys", "db", "telemetry", "config"]),
    (0, &["types"]),
];

/// Imports between rooms of one level, each with its reason in ARCHITECTURE.md ("Sideways edges").
pub(crate) const SIDEWAYS: &[(&str, &str)] = &[
    ("main", "cli"),
    ("vault", "orgs"),
    ("vault", "cluster"),
    ("cluster", "orgs"),
    ("governance", "orgs"),
    ("governance", "vault"),
    ("orgs", "auth"),
    ("op", "policy"),
    ("op", "ledger"),
    ("keys", "db"),
    ("keys", "config"),
    ("db", "config"),
    ("telemetry", "config"),
];

/// One import between two rooms, where it stands.
pub(crate) struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    file: &'a str,
    line: usize,
}

fn level(room: &str) -> Option<u8> {
    LEVELS.iter().find(|(_, rooms)| rooms.contains(&room)).map(|(level, _)| *level)
}

/// Every `crate::<room>` outside tests. `src/lib.rs` is left out: it declares the rooms.
pub(crate) fn edges(all: &[Facts]) -> Vec<Edge<'_>> {
    let mut edges = Vec::new();
    for facts in all {
        let Some(from) = facts.room() else { continue };
        for named in facts.paths.iter().filter(|named| !named.in_test) {
            if let [first, to, ..] = named.segments.as_slice()
                && first == "crate"
                && to != from
            {
                edges.push(Edge { from, to, file: &facts.file, line: named.line });
            }
        }
    }
    edges
}

pub(crate) fn check(all: &[Facts]) -> Vec<Violation> {
    let edges = edges(all);
    let rooms: BTreeMap<&str, &str> = all.iter().filter_map(|f| f.room().map(|room| (room, f.file.as_str()))).collect();
    let mut found: Vec<Violation> = rooms
        .iter()
        .filter(|(room, _)| level(room).is_none())
        .map(|(room, file)| {
            let message = format!("`{room}` has no level: give it one in LEVELS and in ARCHITECTURE.md");
            Violation::new(file, 1, "imports", message)
        })
        .collect();
    for edge in &edges {
        let Edge { from, to, .. } = edge;
        let message = match (level(from), level(to)) {
            _ if *to == "*" => "import rooms by name: `crate::*` hides which are used".to_owned(),
            // An unknown room is reported once, above; an unknown target is an item of lib.rs or a room unknown too.
            (None, _) => continue,
            (_, None) => format!("`crate::{to}` is no room of the table: name the room an item lives in"),
            (Some(above), Some(below)) if above > below || SIDEWAYS.contains(&(*from, *to)) => continue,
            (Some(a), Some(b)) if a == b => {
                format!("`{from}` may not import `{to}` beside it: move what is shared down, or hand it in from above")
            }
            _ => format!("`{from}` may not import `{to}` above it: move the code down, or let `{to}` hand it in"),
        };
        found.push(Violation::new(edge.file, edge.line, "imports", message));
    }
    found.extend(cycle(&edges.iter().map(|edge| (edge.from, edge.to)).collect()).map(|rooms| {
        Violation::new("src", 1, "imports", format!("rooms import one another in a circle: {}", rooms.join(" -> ")))
    }));
    found
}

/// The rooms of one cycle, first repeated at the end; `None` if there is none.
/// Takes away what imports nothing that is left, until nothing changes; what stays is in, or leads into, a cycle.
pub(crate) fn cycle<'a>(edges: &BTreeSet<(&'a str, &'a str)>) -> Option<Vec<&'a str>> {
    let mut left = edges.clone();
    loop {
        let importers: BTreeSet<&str> = left.iter().map(|(from, _)| *from).collect();
        let before = left.len();
        left.retain(|(_, to)| importers.contains(to));
        if left.len() == before {
            break;
        }
    }
    let next: BTreeMap<&str, &str> = left.into_iter().collect();
    let mut trail = vec![*next.keys().next()?];
    loop {
        let to = next[trail[trail.len() - 1]];
        let seen = trail.iter().position(|room| *room == to);
        trail.push(to);
        if let Some(start) = seen {
            return Some(trail.split_off(start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        let all: Vec<Facts> = files.iter().map(|(file, text)| Facts::read(file, text).expect("parses")).collect();
        check(&all).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn downwards_and_listed_sideways_imports_pass() {
        let found = messages(&[
            ("src/main.rs", "fn main() { holdfast::cli::main(); }"),
            ("src/vault/mod.rs", "use crate::{orgs::Facts, op::Op, types::Slug, vault::model};"),
            ("src/op.rs", "use crate::ledger::Ledger;"),
        ]);
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn an_import_upwards_is_refused_with_its_place() {
        let found = messages(&[("src/ledger/mod.rs", "//! x\nuse crate::vault::Secret;")]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].starts_with("src/ledger/mod.rs:2: [imports] `ledger` may not import `vault` above it"),
            "{found:#?}"
        );
    }

    #[test]
    fn an_unlisted_sideways_import_is_refused_even_inside_a_macro_or_through_super() {
        let found = messages(&[
            ("src/auth/mod.rs", "fn f() { format!(\"{}\", crate::orgs::name()); }"),
            ("src/orgs/store.rs", "use super::super::vault::Secret;"),
        ]);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("`auth` may not import `orgs` beside it"), "{found:#?}");
        assert!(found[1].contains("`orgs` may not import `vault` beside it"), "{found:#?}");
    }

    #[test]
    fn unknown_rooms_and_globs_of_the_crate_are_refused() {
        let found = messages(&[("src/utils.rs", ""), ("src/vault/mod.rs", "use crate::*; use crate::helpers::x;")]);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].contains("`utils` has no level"), "{found:#?}");
        assert!(found[1].contains("by name"), "{found:#?}");
        assert!(found[2].contains("`crate::helpers` is no room"), "{found:#?}");
    }

    #[test]
    fn tests_may_import_what_they_like() {
        assert!(messages(&[("src/types/mod.rs", "#[cfg(test)] mod tests { use crate::vault::X; }")]).is_empty());
    }

    #[test]
    fn a_cycle_is_found_and_shown() {
        let edges = BTreeSet::from([("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]);
        assert_eq!(cycle(&edges), Some(vec!["b", "c", "b"]));
        assert_eq!(cycle(&BTreeSet::from([("a", "b"), ("a", "c"), ("b", "c")])), None);
    }

    #[test]
    fn the_table_itself_has_no_cycle_and_names_only_rooms_of_one_level() {
        assert_eq!(cycle(&SIDEWAYS.iter().copied().collect()), None);
        for (from, to) in SIDEWAYS {
            assert!(level(from).is_some() && level(from) == level(to), "{from} -> {to} is not sideways");
        }
    }
}
