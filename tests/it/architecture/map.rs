//! ARCHITECTURE.md and the tables of the test say the same: a wrong map is a bug.

use std::collections::BTreeSet;

/// The text of one `## ` section, without its heading.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let start = text.lines().position(|line| line.strip_prefix("## ").is_some_and(|title| title.trim() == heading))?;
    let body_at: usize = text.split_inclusive('\n').take(start + 1).map(str::len).sum();
    let body = &text[body_at..];
    Some(body.find("\n## ").map_or(body, |end| &body[..end]))
}

/// The edges of section "Sideways edges": rows that open with a room in backticks, then the room it imports.
pub(crate) fn sideways(text: &str) -> Result<BTreeSet<(String, String)>, String> {
    let section = section(text, "Sideways edges").ok_or("ARCHITECTURE.md has no section \"Sideways edges\"")?;
    let cell = |cell: &str| Some(cell.trim().strip_prefix('`')?.strip_suffix('`')?.to_owned());
    let mut edges = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [from, to, why] = cells.as_slice() else { return Err(format!("not `| from | to | why |`: {row}")) };
        let (Some(from), Some(to)) = (cell(from), cell(to)) else {
            return Err(format!("a room is not in backticks: {row}"));
        };
        if why.trim().is_empty() {
            return Err(format!("{from} -> {to} has no reason"));
        }
        edges.insert((from, to));
    }
    Ok(edges)
}

/// The levels of section "Who may import whom": rows of its code block, a number and the rooms of that level.
pub(crate) fn levels(text: &str) -> Result<BTreeSet<(u8, String)>, String> {
    let section =
        section(text, "Who may import whom").ok_or("ARCHITECTURE.md has no section \"Who may import whom\"")?;
    let mut levels = BTreeSet::new();
    for row in section.lines() {
        let mut words = row.split_whitespace();
        if let Some(level) = words.next().and_then(|word| word.parse::<u8>().ok()) {
            levels.extend(words.map(|room| (level, room.to_owned())));
        }
    }
    Ok(levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "# Map\n\n## Who may import whom\n\n    2  op  policy\n    0  types\n\nProse.\n\n## Sideways edges\n\n\
                       | from | to | why |\n|---|---|---|\n| `op` | `policy` | it asks |\n\n## Next\n\n| `x` | `y` | no |\n";

    #[test]
    fn the_tables_of_the_map_are_read() {
        assert_eq!(sideways(MAP), Ok(BTreeSet::from([("op".to_owned(), "policy".to_owned())])));
        let expected = [(0, "types"), (2, "op"), (2, "policy")].map(|(level, room)| (level, room.to_owned()));
        assert_eq!(levels(MAP), Ok(BTreeSet::from(expected)));
    }

    #[test]
    fn a_map_without_the_section_or_with_a_bare_row_is_refused() {
        assert!(sideways("# Map\n").is_err());
        assert!(levels("# Map\n").is_err());
        assert!(sideways(&MAP.replace("it asks", " ")).is_err());
        assert!(sideways(&MAP.replace("`policy` |", "policy |")).is_err());
    }
}
