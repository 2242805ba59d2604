//! What differs: between two moments of an environment, or between two environments. Names always; whether values
//! differ only over those whoever asks may have, by keyed fingerprints, and recorded like a read of them.

use std::collections::BTreeMap;

use super::{Instant, noted, world};
use crate::db::Reader;
use crate::keys::{MacPurpose, OrganizationKeys};
use crate::ledger::Details;
use crate::op::{Op, Released};
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Cursor, Id, Limit, Page, kinds};
use crate::vault::VaultError;
use crate::vault::approval;
use crate::vault::model::{FolderPath, SecretName, Visibility};
use crate::vault::resolve::{Found, ListedSecret, Options, State, list_folder, resolve_one};
use crate::vault::source::StoreSource;

/// One of the two things compared.
#[derive(Debug, Clone)]
pub struct Side {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The moment; now when none.
    pub at: Option<Instant>,
}

/// What is compared.
#[derive(Debug, Clone)]
pub struct Diff {
    /// What was.
    pub before: Side,
    /// What is.
    pub after: Side,
    /// The folder; what is beneath it is compared too.
    pub path: String,
    /// Whether values are told equal from changed.
    pub fingerprints: bool,
}

/// How a name differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the later side has it.
    Added,
    /// Only the earlier side has it.
    Removed,
    /// Both have it, written at different times or in different environments; the values were not compared.
    Rewritten,
    /// The values differ.
    Changed,
    /// Whoever asks may not have one of the values.
    Unknown,
}

impl Change {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Rewritten => "rewritten",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
        }
    }
}

/// What one side has of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Has {
    /// The version.
    pub version: u32,
    /// Whether the environment inherits it.
    pub inherited: bool,
    /// A keyed fingerprint of the text as it is stored: the same for the same text in this organization.
    pub fingerprint: Option<String>,
}

/// A name that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// How.
    pub change: Change,
    /// The earlier side.
    pub before: Option<Has>,
    /// The later side.
    pub after: Option<Has>,
}

type Key = (FolderPath, SecretName);
type Names = BTreeMap<Key, ListedSecret>;

/// The names that differ, by folder and name. What is compared is the text that is stored: a value that differs by what
/// it refers to differs at the name referred to. With fingerprints a page may be short and still name a next one.
///
/// # Errors
/// Unknown or not visible; not allowed; no such moment; the folder is none.
pub async fn environment_diff(
    op: &Op,
    ask: &Diff,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<Difference>, VaultError> {
    let path = FolderPath::parse(if ask.path.is_empty() { "/" } else { &ask.path })?;
    let (mut before, mut after) = op
        .read(|reader| {
            Ok::<_, VaultError>((names(op, reader, &ask.before, &path)?, names(op, reader, &ask.after, &path)?))
        })
        .await?;
    let start = cursor.as_ref().map(Cursor::key);
    let mut keys: Vec<Key> = before.keys().chain(after.keys()).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| !is_same(before.get(key), after.get(key)) && start.is_none_or(|s| sort_key(key).as_str() > s));
    keys.truncate(limit.rows() + 1);
    let page = Page::cut(keys, limit, sort_key);
    before.retain(|key, _| page.items.binary_search(key).is_ok());
    after.retain(|key, _| page.items.binary_search(key).is_ok());
    let (told_before, told_after) = if ask.fingerprints {
        // Only names that both have are compared.
        let both = |one: &Names, other: &Names| -> Names {
            one.iter().filter(|(k, _)| other.contains_key(*k)).map(|(k, l)| (k.clone(), l.clone())).collect()
        };
        let (left, right) = (both(&before, &after), both(&after, &before));
        (fingerprints(op, &ask.before, &left).await?, fingerprints(op, &ask.after, &right).await?)
    } else {
        (BTreeMap::new(), BTreeMap::new())
    };
    let differs = |key: &Key| {
        let (b, a) = (before.get(key), after.get(key));
        let (told_b, told_a) = (told_before.get(key), told_after.get(key));
        let change = match (b, a) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ if !ask.fingerprints => Change::Rewritten,
            _ if told_b.is_none() || told_a.is_none() => Change::Unknown,
            _ if told_b == told_a => return None,
            _ => Change::Changed,
        };
        let (before, after) = (b.map(|l| has(l, told_b)), a.map(|l| has(l, told_a)));
        Some(Difference { path: key.0.clone(), name: key.1.clone(), change, before, after })
    };
    Ok(Page { items: page.items.iter().filter_map(differs).collect(), next: page.next })
}

fn sort_key((path, name): &Key) -> String {
    format!("{path}\n{name}")
}

fn has(listed: &ListedSecret, told: Option<&String>) -> Has {
    let inherited =
        !matches!(listed.origin, crate::vault::model::Origin::Own | crate::vault::model::Origin::Overrides { .. });
    Has { version: listed.facts.version, inherited, fingerprint: told.cloned() }
}

/// Whether both sides have the very same version, or neither has a value.
fn is_same(before: Option<&ListedSecret>, after: Option<&ListedSecret>) -> bool {
    match (before, after) {
        (Some(b), Some(a)) => (b.facts.id, b.facts.version) == (a.facts.id, a.facts.version),
        _ => false,
    }
}

/// The names a side has a value for, own and inherited.
fn names(op: &Op, reader: &Reader<'_>, side: &Side, path: &FolderPath) -> Result<Names, VaultError> {
    let placed = access::environment(op, reader, &side.project, &side.environment)?;
    if !op.permits(reader, Action::SecretList, &placed.resource())? {
        op.authorize(reader, Action::SecretList, &placed.resource())?;
    }
    let (source, _) = world(op, reader, &placed, side.at.as_ref())?;
    let listed = list_folder(&source, placed.environment.id, path, true)?;
    let valued = listed.into_iter().filter(|l| l.facts.state == State::Value);
    Ok(valued.map(|l| ((l.path.clone(), l.name.clone()), l)).collect())
}

/// Fingerprints of the texts of these names, for those whoever asks may have; after the event is on disk.
async fn fingerprints(op: &Op, side: &Side, names: &Names) -> Result<BTreeMap<Key, String>, VaultError> {
    op.read_value(|reader| {
        let nothing = || Released { value: BTreeMap::new(), event: None, note: None };
        let placed = access::environment(op, reader, &side.project, &side.environment)?;
        let action = if op.is_machine() { Action::SecretUse } else { Action::SecretReveal };
        let fresh = !placed.protected || op.require_step_up().is_ok();
        if !fresh || !op.permits(reader, action, &placed.resource())? {
            return Ok(nothing());
        }
        let event = op.authorize(reader, action, &placed.resource())?;
        let restricted = op.is_machine() && op.permits(reader, Action::SecretUseRestricted, &placed.resource())?;
        let (source, cut) = world(op, reader, &placed, side.at.as_ref())?;
        let keys = op.keyring().organization(reader, placed.environment.organization)?;
        let (mut told, mut parts) = (BTreeMap::new(), Vec::new());
        for (key, listed) in names {
            let withheld = approval::withholds(op, reader, placed.environment.id, &listed.path)?
                || approval::withholds(op, reader, listed.stored_in, &listed.path)?;
            if !withheld && may_have(&source, &placed, listed, restricted)? {
                told.insert(key.clone(), fingerprint(&source, &keys, listed)?);
                parts.push((listed.facts.id, listed.facts.version));
            }
        }
        if parts.is_empty() {
            return Ok(nothing());
        }
        let details = Details::large().with("compared", parts.len()).with("secrets", parts);
        Ok(Released { value: told, event: Some(event.details(noted(details, cut))), note: None })
    })
    .await
}

/// Whether the text could be read one by one: not kept back by a flow, not restricted and not built on what is.
fn may_have(
    source: &StoreSource<'_>,
    placed: &Placed,
    listed: &ListedSecret,
    restricted: bool,
) -> Result<bool, VaultError> {
    if listed.blocked_by.is_some() {
        return Ok(false);
    }
    if restricted || listed.facts.visibility == Visibility::Restricted {
        return Ok(restricted);
    }
    if !listed.facts.interpolate {
        return Ok(true);
    }
    let options = Options { may_use_restricted: false };
    match resolve_one(source, placed.environment.id, &listed.path, &listed.name, options) {
        Ok(found) => Ok(!matches!(found, Found::Withheld)),
        Err(error) => match VaultError::from(error) {
            VaultError::Broken(_) => Ok(true),
            other => Err(other),
        },
    }
}

/// Made of the stored tag under a key of the organization: it says what is the same, and nothing else.
fn fingerprint(source: &StoreSource<'_>, keys: &OrganizationKeys, listed: &ListedSecret) -> Result<String, VaultError> {
    let id: Id<kinds::SecretRow> = listed.facts.id;
    let version = source.version(id, listed.facts.version)?;
    let interpolate = [u8::from(version.interpolate)];
    let parts: [&[u8]; 3] = [b"fingerprint", &version.value_tag, &interpolate];
    Ok(keys.mac(MacPurpose::ValueTag, &parts).to_hex(8))
}
