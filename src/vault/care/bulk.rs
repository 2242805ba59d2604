//! Changing many secrets at once, found by a filter.

use std::collections::BTreeSet;

use super::store;
use super::{days, expiry};
use crate::db::{Reader, WriteTx};
use crate::ledger::Details;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{ParseError, Problem, SecretBytes, Timestamp};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, SecretName, Visibility};
use crate::vault::rehearsal;
use crate::vault::secret::{BATCH_MAX, BatchOutcome, BatchRequest, Item, Wish, apply, holds, wanted};
use crate::vault::source::StoreSource;
use crate::vault::store::{SecretVersion, VersionState, secret_get, secret_list, use_get};

/// Most bytes of values one change holds in memory.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Which secrets an environment stores itself are meant. What is not said matches all.
#[derive(Debug, Clone, Default)]
pub struct BulkFilter {
    /// The folder; `/` when empty.
    pub path: String,
    /// Whether those beneath it are meant, too.
    pub recursive: bool,
    /// These and no others, by folder and name, wherever they are; with none named, all of the folder.
    pub names: Vec<(FolderPath, SecretName)>,
    /// Those with these words in their name, comment or tags, in any case.
    pub words: Option<String>,
    /// Those with all of these tags.
    pub tags: Vec<String>,
    /// Those with this visibility.
    pub visibility: Option<Visibility>,
    /// Those neither read nor written for so many days.
    pub stale_days: Option<u32>,
    /// Those that expire within so many days.
    pub expires_within_days: Option<u32>,
}

/// What becomes of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// It is as it was.
    #[default]
    Kept,
    /// There is none.
    Never,
    /// It is then.
    At(Timestamp),
}

/// What is said of every secret that is found. None: as it is.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// Tags they get.
    pub add_tags: Vec<String>,
    /// Tags they lose.
    pub remove_tags: Vec<String>,
    /// Their comment.
    pub comment: Option<String>,
    /// Who may see them; what is restricted stays so.
    pub visibility: Option<Visibility>,
    /// When they expire.
    pub end: End,
}

/// What is done to every secret that is found.
#[derive(Debug, Clone)]
pub enum BulkChange {
    /// It is marked.
    Mark(Marks),
    /// It is deleted.
    Delete,
}

/// A change of many.
#[derive(Debug, Clone)]
pub struct BulkEdit {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// Which.
    pub filter: BulkFilter,
    /// What is done.
    pub change: BulkChange,
    /// Whether to delete what others refer to.
    pub force: bool,
    /// Whether only to say what it would do.
    pub dry_run: bool,
}

/// What became, or would become, of a change of many.
#[derive(Debug, Clone)]
pub struct BulkOutcome {
    /// The writes.
    pub batch: BatchOutcome,
    /// How many have another end than before.
    pub expiries: usize,
}

/// Changes every secret a filter finds, all or nothing.
///
/// # Errors
/// As a write; nothing to change is said; a filter that is none.
pub async fn secret_edit(op: &Op, edit: BulkEdit) -> Result<BulkOutcome, VaultError> {
    let dry_run = edit.dry_run;
    let mut outcome = rehearsal::run(op, dry_run, move |op, tx| change(op, tx, edit)).await?;
    outcome.batch.applied = !dry_run;
    Ok(outcome)
}

fn change(op: &Op, tx: &mut WriteTx<'_>, edit: BulkEdit) -> Result<BulkOutcome, VaultError> {
    let placed = access::environment(op, tx, &edit.project, &edit.environment)?;
    // Before anything is looked for: what a filter finds is told to whoever may change it.
    let action = if matches!(edit.change, BulkChange::Delete) { Action::SecretDelete } else { Action::SecretWrite };
    op.authorize(tx, action, &placed.resource())?;
    let found = find(op, tx, &placed, &edit.filter)?;
    let mut warnings = Vec::new();
    let (items, end) = match &edit.change {
        BulkChange::Delete => (found.iter().map(deletion).collect(), End::Kept),
        BulkChange::Mark(marks) => (marked(op, tx, marks, &found, &mut warnings)?, marks.end),
    };
    let is_empty = items.is_empty();
    let request = BatchRequest {
        project: edit.project,
        environment: edit.environment,
        items,
        // A plan tells who depends on what would be deleted, instead of refusing.
        force: edit.force || edit.dry_run,
        skip_same: true,
        dry_run: false,
    };
    let mut batch = if is_empty {
        BatchOutcome { placed: placed.clone(), items: Vec::new(), warnings: Vec::new(), applied: true }
    } else {
        apply(op, tx, &placed, request)?
    };
    batch.warnings.extend(warnings);
    let expiries = match end {
        End::Kept => 0,
        End::Never => set_end(op, tx, &placed, &found, None)?,
        End::At(at) => set_end(op, tx, &placed, &found, Some(at))?,
    };
    Ok(BulkOutcome { batch, expiries })
}

/// The secrets meant, in order of folder and name.
fn find(op: &Op, reader: &Reader<'_>, placed: &Placed, filter: &BulkFilter) -> Result<Vec<SecretVersion>, VaultError> {
    let path = FolderPath::parse(if filter.path.is_empty() { "/" } else { &filter.path })?;
    let words = filter.words.as_deref().map(wanted).transpose()?;
    let unread = filter.stale_days.map(|n| days("stale_days", n)).transpose()?.map(|age| op.now().minus(age));
    let ends = filter.expires_within_days.map(|n| days("expires_within_days", n)).transpose()?;
    let ends = ends.map(|ahead| op.now().plus(ahead));
    let mut found = Vec::new();
    let mut bytes = 0;
    let candidates = if filter.names.is_empty() {
        secret_list(reader, placed.environment.id, &path, filter.recursive)?
    } else {
        named(reader, placed, &filter.names)?
    };
    for version in candidates {
        let is_meant = words.as_deref().is_none_or(|words| holds(&version, words))
            && filter.tags.iter().all(|tag| version.tags.contains(tag))
            && filter.visibility.is_none_or(|visibility| visibility == version.visibility)
            && is_unread(reader, &version, unread)?
            && ends_before(reader, &version, ends)?;
        if is_meant {
            bytes += version.ciphertext.len();
            found.push(version);
        }
    }
    if found.len() > BATCH_MAX {
        return Err(VaultError::TooMany { len: found.len() });
    }
    if bytes > BYTES_MAX {
        return Err(VaultError::TooMuch);
    }
    found.sort_unstable_by(|a, b| (&a.path, &a.name).cmp(&(&b.path, &b.name)));
    Ok(found)
}

/// The secrets with these names, each once.
fn named(
    reader: &Reader<'_>,
    placed: &Placed,
    names: &[(FolderPath, SecretName)],
) -> Result<Vec<SecretVersion>, VaultError> {
    if names.len() > BATCH_MAX {
        return Err(VaultError::TooMany { len: names.len() });
    }
    let names: BTreeSet<_> = names.iter().collect();
    let mut found = Vec::with_capacity(names.len());
    for (path, name) in names {
        let version = secret_get(reader, placed.environment.id, path, name)?;
        let version = version.filter(|v| v.state != VersionState::Deleted);
        found.push(version.ok_or_else(|| VaultError::not_found("secret", name.as_str()))?);
    }
    Ok(found)
}

fn is_unread(reader: &Reader<'_>, version: &SecretVersion, since: Option<Timestamp>) -> Result<bool, VaultError> {
    let Some(since) = since else { return Ok(true) };
    let used = use_get(reader, version.id)?.map(|(at, _)| at);
    Ok(version.written_at < since && used.is_none_or(|at| at < since))
}

fn ends_before(reader: &Reader<'_>, version: &SecretVersion, end: Option<Timestamp>) -> Result<bool, VaultError> {
    let Some(end) = end else { return Ok(true) };
    Ok(store::expiry_get(reader, version.id)?.is_some_and(|(at, _)| at < end))
}

fn deletion(version: &SecretVersion) -> Item {
    Item {
        name: version.name.to_string(),
        path: Some(version.path.to_string()),
        wish: Wish::Delete,
        comment: None,
        tags: None,
        base_version: None,
    }
}

/// The writes that mark what was found; none where only ends change.
fn marked(
    op: &Op,
    reader: &Reader<'_>,
    marks: &Marks,
    found: &[SecretVersion],
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Item>, VaultError> {
    let writes = !marks.add_tags.is_empty()
        || !marks.remove_tags.is_empty()
        || marks.comment.is_some()
        || marks.visibility.is_some();
    if !writes && marks.end == End::Kept {
        return Err(ParseError::new("change", "says nothing to change").into());
    }
    if !writes {
        return Ok(Vec::new());
    }
    let source = StoreSource::new(reader, op.keyring().organization(reader, op.organization()?)?);
    let kept = found.iter().filter(|v| v.visibility == Visibility::Restricted);
    let kept = kept.filter(|_| marks.visibility.is_some_and(|v| v < Visibility::Restricted)).count();
    if kept > 0 {
        let detail = format!("{kept} restricted secrets stay restricted: set their values anew to change that");
        warnings.push(Problem { field: "visibility".into(), code: "restricted_kept".into(), detail });
    }
    found.iter().map(|version| mark(&source, marks, version)).collect()
}

fn mark(source: &StoreSource<'_>, marks: &Marks, version: &SecretVersion) -> Result<Item, VaultError> {
    // Else whoever may write could have shown what nobody may see.
    let visibility = match version.visibility {
        Visibility::Restricted => Visibility::Restricted,
        other => marks.visibility.unwrap_or(other),
    };
    let wish = match version.state {
        VersionState::Set => {
            let value: SecretBytes = source.open(version)?;
            Wish::Set { value, interpolate: version.interpolate, visibility: Some(visibility) }
        }
        VersionState::Unset | VersionState::Deleted => Wish::UnsetAs(visibility),
    };
    let mut tags: Vec<_> = version.tags.iter().filter(|tag| !marks.remove_tags.contains(tag)).cloned().collect();
    tags.extend(marks.add_tags.iter().cloned());
    tags.sort_unstable();
    tags.dedup();
    Ok(Item {
        name: version.name.to_string(),
        path: Some(version.path.to_string()),
        wish,
        comment: Some(marks.comment.clone().unwrap_or_else(|| version.comment.clone())),
        tags: Some(tags),
        base_version: None,
    })
}

/// Says when all of them expire; answers for how many that is new.
fn set_end(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    found: &[SecretVersion],
    at: Option<Timestamp>,
) -> Result<usize, VaultError> {
    let event = op.authorize(tx, Action::SecretWrite, &placed.resource())?;
    access::require_unlocked(placed)?;
    expiry::require_ahead(op, at)?;
    let mut changed = Vec::new();
    for version in found {
        if store::expiry_get(tx, version.id)?.map(|(was, _)| was) != at {
            store::expiry_set(tx, version.id, at, &op.author())?;
            changed.push((version.id, version.version));
        }
    }
    let count = changed.len();
    let details = Details::large().with("expires_at", at).with("count", count).with("secrets", changed);
    op.record(tx, event.details(details))?;
    Ok(count)
}
