//! Environments side by side: which names each has and whether their values are the same, without showing any.
//!
//! Values are compared as a program would get them. Whether two are equal says something about both, so it is answered
//! only about values whoever asks could be shown, and recorded; the door counts such questions.

use std::collections::{BTreeMap, HashMap};

use super::VaultError;
use super::approval;
use super::model::{FolderPath, SecretName};
use super::resolve::{Each, Found, Options, Part, resolve_each};
use super::source::StoreSource;
use crate::db::Reader;
use crate::keys::MacPurpose;
use crate::ledger::{ActionName, Details, Event, Outcome};
use crate::op::{Op, Released};
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Cursor, Id, Limit, Page, ParseError, kinds};

/// Most environments of one comparison.
pub const COMPARED_MAX: usize = 16;

/// What is compared.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The project, by id or slug.
    pub project: String,
    /// The environments by id or slug, or as `project/environment`; 2 to 16.
    pub environments: Vec<String>,
    /// The folder, with those beneath it; `/` when empty.
    pub path: String,
    /// Whether names that are the same everywhere are left out.
    pub differences: bool,
}

/// How a name compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every environment has the same value.
    Same,
    /// Two of them have different ones.
    Different,
    /// One of them has none.
    Missing,
    /// Some value may not be shown, or cannot be resolved; those that can be compared are the same.
    Unknown,
}

impl Verdict {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// What an environment has under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// A value; the same number is the same value, within one name.
    Value(usize),
    /// Nothing.
    Missing,
    /// A value that may not be compared.
    Unknown,
    /// A value whose references lead nowhere.
    Broken,
}

/// A name in every environment.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// How it compares.
    pub verdict: Verdict,
    /// One for each environment, in their order.
    pub cells: Vec<Cell>,
}

/// Environments side by side.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The environments, and whether their values may be compared.
    pub environments: Vec<(Placed, bool)>,
    /// A page of names, by folder and name.
    pub page: Page<Row>,
    /// How many names, of all pages, are the same, different, missing somewhere, unknown.
    pub counts: [usize; 4],
}

/// Compares environments by name and by value.
///
/// # Errors
/// One is unknown or not visible; not allowed to list one; fewer than two or too many are named.
pub async fn environment_compare(
    op: &Op,
    ask: &Comparison,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Compared, VaultError> {
    if !(2..=COMPARED_MAX).contains(&ask.environments.len()) {
        return Err(ParseError::new("environments", format!("must name 2 to {COMPARED_MAX}")).into());
    }
    op.read_value(|reader| compare(op, reader, ask, limit, cursor.as_ref())).await
}

fn compare(
    op: &Op,
    reader: &Reader<'_>,
    ask: &Comparison,
    limit: Limit,
    cursor: Option<&Cursor>,
) -> Result<Released<Compared>, VaultError> {
    let path = FolderPath::parse(if ask.path.is_empty() { "/" } else { &ask.path })?;
    let action = if op.is_machine() { Action::SecretUse } else { Action::SecretReveal };
    let mut environments = Vec::with_capacity(ask.environments.len());
    for name in &ask.environments {
        let (project, name) = name.split_once('/').unwrap_or((&ask.project, name));
        let placed = access::environment(op, reader, project, name)?;
        let resource = placed.resource();
        if !op.permits(reader, Action::SecretList, &resource)? {
            op.authorize(reader, Action::SecretList, &resource)?;
        }
        let shown = op.permits(reader, action, &resource)? && (!placed.protected || op.require_step_up().is_ok());
        environments.push((placed, shown));
    }
    let Table { rows, parts } = table(op, reader, &environments, &path)?;
    let mut counts = [0; 4];
    for row in &rows {
        counts[row.verdict as usize] += 1;
    }
    let event = event(op, action, &environments, parts);
    let key = |row: &Row| format!("{}\n{}", row.path, row.name);
    let after = cursor.map(Cursor::key);
    let rest = rows.into_iter().filter(|r| !ask.differences || r.verdict != Verdict::Same);
    let rest = rest.filter(|r| after.is_none_or(|a| key(r).as_str() > a));
    let page = Page::cut(rest.take(limit.rows() + 1).collect(), limit, key);
    Ok(Released { value: Compared { environments, page, counts }, event, note: None })
}

/// Every name, and the versions that were compared.
struct Table {
    rows: Vec<Row>,
    parts: Vec<(Id<kinds::SecretRow>, u32)>,
}

fn table(
    op: &Op,
    reader: &Reader<'_>,
    environments: &[(Placed, bool)],
    path: &FolderPath,
) -> Result<Table, VaultError> {
    let organization = op.organization()?;
    let keys = op.keyring().organization(reader, organization)?;
    let mut columns: BTreeMap<(FolderPath, SecretName), Vec<Seen>> = BTreeMap::new();
    let mut parts = Vec::new();
    for (column, (placed, shown)) in environments.iter().enumerate() {
        let resource = placed.resource();
        let restricted = op.is_machine() && op.permits(reader, Action::SecretUseRestricted, &resource)?;
        let source = StoreSource::new(reader, std::sync::Arc::clone(&keys));
        let options = Options { may_use_restricted: restricted };
        for Each { path, name, found } in resolve_each(&source, placed.environment.id, path, options)? {
            let seen = match found {
                Ok(Found::Absent) => continue,
                Err(_) => Seen::Broken,
                Ok(Found::Value(entry)) if *shown && !withheld(op, reader, &source, placed, &path, &entry.parts)? => {
                    parts.extend(entry.parts.iter().map(|p| (p.secret, p.version)));
                    Seen::Value(*keys.mac(MacPurpose::ValueTag, &[entry.value.expose()]).as_bytes())
                }
                Ok(Found::Value(_) | Found::Withheld) => Seen::Unknown,
            };
            let row = columns.entry((path, name)).or_insert_with(|| vec![Seen::Missing; environments.len()]);
            row[column] = seen;
        }
    }
    parts.sort_unstable();
    parts.dedup();
    let rows = columns.into_iter().map(|((path, name), seen)| row(path, name, &seen)).collect();
    Ok(Table { rows, parts })
}

/// Whether somebody else has to approve before a value, or a part of it, is shown.
fn withheld(
    op: &Op,
    reader: &Reader<'_>,
    source: &StoreSource<'_>,
    placed: &Placed,
    path: &FolderPath,
    parts: &[Part],
) -> Result<bool, VaultError> {
    if op.is_machine() {
        return Ok(false);
    }
    if approval::withholds(op, reader, placed.environment.id, path)? {
        return Ok(true);
    }
    for part in parts {
        let part = source.version(part.secret, part.version)?;
        if approval::withholds(op, reader, part.environment, &part.path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What one environment has under a name, before values are given numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Value([u8; 32]),
    Missing,
    Unknown,
    Broken,
}

fn row(path: FolderPath, name: SecretName, seen: &[Seen]) -> Row {
    let mut numbers = HashMap::new();
    let cells: Vec<_> = seen
        .iter()
        .map(|one| match one {
            Seen::Value(tag) => {
                let next = numbers.len() + 1;
                Cell::Value(*numbers.entry(*tag).or_insert(next))
            }
            Seen::Missing => Cell::Missing,
            Seen::Unknown => Cell::Unknown,
            Seen::Broken => Cell::Broken,
        })
        .collect();
    let verdict = if cells.contains(&Cell::Missing) {
        Verdict::Missing
    } else if numbers.len() > 1 {
        Verdict::Different
    } else if cells.iter().any(|c| matches!(c, Cell::Unknown | Cell::Broken)) {
        Verdict::Unknown
    } else {
        Verdict::Same
    };
    Row { path, name, verdict, cells }
}

/// Which versions of which environments were compared; none when nothing could be.
fn event(
    op: &Op,
    action: Action,
    environments: &[(Placed, bool)],
    parts: Vec<(Id<kinds::SecretRow>, u32)>,
) -> Option<Event> {
    if parts.is_empty() {
        return None;
    }
    let compared: Vec<_> = environments.iter().filter(|(_, shown)| *shown).map(|(p, _)| p.environment.id).collect();
    let event = op.event(ActionName::new(action.as_str()), Outcome::Allowed);
    let details = Details::large().with("as", "compare").with("environments", compared);
    Some(event.details(details.with("count", parts.len()).with("secrets", parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_missing_before_different_before_unknown() {
        let verdict = |seen: &[Seen]| {
            let name = SecretName::parse("A").expect("a name");
            row(FolderPath::root(), name, seen).verdict
        };
        let (a, b) = (Seen::Value([1; 32]), Seen::Value([2; 32]));
        assert_eq!(verdict(&[a, a]), Verdict::Same);
        assert_eq!(verdict(&[a, b, Seen::Unknown]), Verdict::Different);
        assert_eq!(verdict(&[a, b, Seen::Missing]), Verdict::Missing);
        assert_eq!(verdict(&[a, a, Seen::Unknown]), Verdict::Unknown);
        assert_eq!(verdict(&[a, Seen::Broken]), Verdict::Unknown);
    }
}
