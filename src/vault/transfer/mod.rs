//! Copying, moving and renaming secrets, one or a folder, with the references that point at them.
//!
//! A secret's name, folder and environment are sealed with its value, so what is moved is written anew where it goes
//! and deleted where it was; its history stays there. Everything goes through the one write of secrets.
//!
//! - A value goes to another environment only if its own lets it flow there, and by somebody who may use it here:
//!   copying is no way around either. What is restricted stays restricted.
//! - References are never broken silently: those that point at what is moved are listed, with what they would
//!   become; the move is refused until they are rewritten or their loss is meant.

mod pointing;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use pointing::Pointing;
use pointing::{Holders, Look, Moves, Spot};

use super::VaultError;
use super::error::Dependent;
use super::model::{FolderPath, SecretName, Visibility};
use super::rehearsal;
use super::secret::{BATCH_MAX, BatchOutcome, BatchRequest, Item, PlannedAction, Wish, apply};
use super::source::StoreSource;
use super::store::{self, SecretVersion, VersionState};
use crate::db::{Reader, WriteTx};
use crate::ledger::{Details, Event};
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::{self, Placed};
use crate::policy::Action;
use crate::types::{Failure, Id, ParseError, Problem, SecretBytes, kinds};

/// Most bytes of values one transfer holds in memory.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most environments beneath that are looked at for overrides of what is moved.
const OVERRIDES_LOOKED_AT: usize = 200;
/// Most warnings of one transfer.
const WARNINGS_MAX: usize = 200;

/// What is copied or moved.
#[derive(Debug, Clone)]
pub enum What {
    /// Secrets the environment stores itself, by folder and name.
    Secrets(Vec<(FolderPath, SecretName)>),
    /// A folder with what the environment itself stores in it and beneath it.
    Folder {
        /// Its path.
        path: String,
    },
}

/// Whether what is transferred stays where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Copy,
    /// It does not.
    Move,
}

/// Where it goes; what is not said stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Destination {
    /// The project, by id or slug.
    pub project: Option<String>,
    /// The environment, by id or slug.
    pub environment: Option<String>,
    /// The folder.
    pub path: Option<String>,
    /// The name, of a single secret.
    pub name: Option<String>,
}

/// A copy, a move or a rename.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent wishes of one request, not states of one thing")]
pub struct Transfer {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// What is copied or moved.
    pub what: What,
    /// Where to.
    pub to: Destination,
    /// Whether it stays where it was.
    pub mode: Mode,
    /// Whether references are written anew so that they mean what they meant.
    pub rewrite_references: bool,
    /// Whether names that are there already are overwritten.
    pub replace: bool,
    /// Whether to move what others refer to although their references break.
    pub force: bool,
    /// Whether only to say what it would do.
    pub dry_run: bool,
}

impl Transfer {
    fn leaves(&self) -> bool {
        self.mode == Mode::Move
    }
}

/// What became of one secret.
#[derive(Debug, Clone)]
pub struct Transferred {
    /// The new secret; none in a dry run.
    pub id: Option<Id<kinds::SecretRow>>,
    /// Where it was.
    pub from: (FolderPath, SecretName),
    /// Where it is.
    pub to: (FolderPath, SecretName),
    /// What was done there.
    pub action: PlannedAction,
    /// The version it has there.
    pub version: u32,
}

/// What became, or would become, of a transfer.
#[derive(Debug, Clone)]
pub struct TransferOutcome {
    /// The environment it was in.
    pub from: Placed,
    /// The environment it is in.
    pub to: Placed,
    /// Every secret, by folder and name.
    pub items: Vec<Transferred>,
    /// The references that point at them, each with what it becomes.
    pub references: Vec<Pointing>,
    /// How many more secrets refer to them that whoever asks may not see.
    pub hidden: usize,
    /// Whether the references were written anew.
    pub rewritten: bool,
    /// What else it means.
    pub warnings: Vec<Problem>,
    /// Whether it was done.
    pub applied: bool,
}

/// Copies or moves secrets, all or nothing.
///
/// # Errors
/// Unknown or not allowed, here or there; the environment's flow does not reach there; the name is taken there; others
/// refer to what is moved; as a write.
pub async fn secret_transfer(op: &Op, ask: Transfer) -> Result<TransferOutcome, VaultError> {
    let dry_run = ask.dry_run;
    let mut outcome = rehearsal::run(op, dry_run, move |op, tx| transfer(op, tx, &ask)).await?;
    if dry_run {
        outcome.applied = false;
        outcome.items.iter_mut().filter(|i| i.version == 1).for_each(|i| i.id = None);
    }
    Ok(outcome)
}

fn transfer(op: &Op, tx: &mut WriteTx<'_>, ask: &Transfer) -> Result<TransferOutcome, VaultError> {
    let from = access::environment(op, tx, &ask.project, &ask.environment)?;
    let to = match (&ask.to.project, &ask.to.environment) {
        (None, None) => from.clone(),
        (Some(_), None) => return Err(ParseError::new("to", "names a project without its environment").into()),
        (project, Some(environment)) => {
            let project = project.as_deref().unwrap_or(&ask.project);
            access::environment(op, tx, project, environment)?
        }
    };
    let event = authorize(op, tx, ask, &from, &to)?;
    let versions = listed(tx, &from, &ask.what)?;
    let spots = spots(ask, &versions)?;
    require_fit(op, tx, ask, (&from, &to), &versions, &spots)?;
    let arrivals = spots.values().cloned().collect();
    let moves = Moves { from: &from, to: &to, leaves: ask.leaves(), spots, arrivals };
    let Prepared { items, mut references, holders } = prepare(op, tx, ask, &moves, &versions)?;
    let mut warnings = overrides(op, tx, &moves)?;
    warnings.extend(require_meant(ask, &moves, &holders)?);
    let mut done = Vec::with_capacity(items.len());
    let written = write(op, tx, &to, items, false)?;
    warnings.extend(written.warnings);
    for (version, item) in versions.iter().zip(written.items) {
        let from = (version.path.clone(), version.name.clone());
        let (id, action) = (item.id, item.action);
        done.push(Transferred { id, from, to: (item.path, item.name), action, version: item.version });
    }
    let hidden = holders.hidden;
    references.extend(holders.visible.iter().flat_map(|h| h.pointing.iter().cloned()));
    if ask.rewrite_references {
        warnings.extend(rewrite(op, tx, holders)?);
    }
    if ask.leaves() {
        warnings.extend(leave(op, tx, &from, &versions)?);
    }
    folders(op, tx, ask, &from, &to)?;
    record(op, tx, event, &moves, &versions, &done)?;
    warnings.truncate(WARNINGS_MAX);
    let rewritten = ask.rewrite_references;
    Ok(TransferOutcome { from, to, items: done, references, hidden, rewritten, warnings, applied: true })
}

/// Within one environment nobody gains anything by a copy; to another one the value is used.
fn authorize(op: &Op, tx: &WriteTx<'_>, ask: &Transfer, from: &Placed, to: &Placed) -> Result<Event, VaultError> {
    if ask.leaves() {
        op.authorize(tx, Action::SecretDelete, &from.resource())?;
        access::require_unlocked(from)?;
    }
    let action = if from.environment.id == to.environment.id { Action::SecretWrite } else { Action::SecretUse };
    Ok(op.authorize(tx, action, &from.resource())?)
}

/// What is to be moved, in order of folder and name.
fn listed(reader: &Reader<'_>, from: &Placed, what: &What) -> Result<Vec<SecretVersion>, VaultError> {
    let id = from.environment.id;
    let mut versions = match what {
        What::Secrets(names) if names.len() > BATCH_MAX => return Err(VaultError::TooMany { len: names.len() }),
        What::Secrets(names) => {
            let names: BTreeSet<_> = names.iter().collect();
            let mut found = Vec::with_capacity(names.len());
            for (path, name) in names {
                let there = store::secret_get(reader, id, path, name)?.filter(|v| v.state != VersionState::Deleted);
                found.push(there.ok_or_else(|| VaultError::not_found("secret", name.as_str()))?);
            }
            found
        }
        What::Folder { path } => {
            let path = folder_of(path)?;
            let found = store::secret_list(reader, id, &path, true)?;
            let known = store::folder_list(reader, id, &path, "", 1)?.iter().any(|f| f.path == path);
            if found.is_empty() && !known && !path.is_root() {
                return Err(VaultError::not_found("folder", path.to_string()));
            }
            found
        }
    };
    if versions.len() > BATCH_MAX {
        return Err(VaultError::TooMany { len: versions.len() });
    }
    if versions.iter().map(|v| v.ciphertext.len()).sum::<usize>() > BYTES_MAX {
        return Err(VaultError::TooMuch);
    }
    versions.sort_unstable_by(|a, b| (&a.path, &a.name).cmp(&(&b.path, &b.name)));
    Ok(versions)
}

fn folder_of(text: &str) -> Result<FolderPath, ParseError> {
    FolderPath::parse(if text.is_empty() { "/" } else { text })
}

/// Where each goes; no two to one place.
fn spots(ask: &Transfer, versions: &[SecretVersion]) -> Result<HashMap<Spot, Spot>, VaultError> {
    if ask.to.name.is_some() && versions.len() != 1 {
        return Err(ParseError::new("name", "is given to one secret, not to several").into());
    }
    let mut spots = HashMap::with_capacity(versions.len());
    let mut taken = BTreeSet::new();
    for version in versions {
        let (path, name) = (&version.path, &version.name);
        let then = match &ask.what {
            What::Secrets(_) => {
                let folder = ask.to.path.as_deref().map_or_else(|| Ok(path.clone()), folder_of)?;
                let name = ask.to.name.as_deref().map_or_else(|| Ok(name.clone()), SecretName::parse_any)?;
                (folder, name)
            }
            What::Folder { path: top } => (moved_folder(&folder_of(top)?, ask.to.path.as_deref(), path)?, name.clone()),
        };
        if !taken.insert(then.clone()) {
            return Err(ParseError::new("to", format!("would hold {} twice", then.1)).into());
        }
        spots.insert((path.clone(), name.clone()), then);
    }
    Ok(spots)
}

/// Where a folder at or beneath `top` is when `top` is moved.
fn moved_folder(top: &FolderPath, to: Option<&str>, folder: &FolderPath) -> Result<FolderPath, VaultError> {
    let Some(to) = to.map(folder_of).transpose()? else { return Ok(folder.clone()) };
    let beneath = if top.is_root() { folder.as_str() } else { &folder.as_str()[top.as_str().len()..] };
    let whole = match (to.is_root(), beneath.trim_start_matches('/')) {
        (_, "") => return Ok(to),
        (true, rest) => format!("/{rest}"),
        (false, rest) => format!("{to}/{rest}"),
    };
    Ok(FolderPath::parse(&whole)?)
}

/// Whether it may go there, and there is room.
fn require_fit(
    op: &Op,
    tx: &WriteTx<'_>,
    ask: &Transfer,
    (from, to): (&Placed, &Placed),
    versions: &[SecretVersion],
    spots: &HashMap<Spot, Spot>,
) -> Result<(), VaultError> {
    if from.environment.id == to.environment.id {
        let nested = match (&ask.what, ask.to.path.as_deref()) {
            (What::Folder { path }, Some(to)) => folder_of(path)?.contains(&folder_of(to)?),
            (What::Folder { .. }, None) => true,
            (What::Secrets(_), _) => false,
        };
        if nested || spots.iter().any(|(was, then)| was == then) {
            return Err(ParseError::new("to", "is where it is, or within it").into());
        }
    } else {
        require_flow(from, to)?;
        if versions.iter().any(|v| v.visibility == Visibility::Restricted) {
            op.authorize(tx, Action::SecretUseRestricted, &from.resource())?;
        }
    }
    if ask.replace {
        return Ok(());
    }
    for (folder, name) in spots.values() {
        let there = store::secret_get(tx, to.environment.id, folder, name)?;
        if there.is_some_and(|v| v.state != VersionState::Deleted) {
            let place = if folder.is_root() { "" } else { folder.as_str() };
            return Err(VaultError::Exists { place: format!("{}:{place}/{name}", to.path()) });
        }
    }
    Ok(())
}

/// A value flows only where its environment lets it: a copy is no way around that.
pub(super) fn require_flow(from: &Placed, to: &Placed) -> Result<(), VaultError> {
    if environment::admits(&from.environment, to) {
        return Ok(());
    }
    Err(VaultError::FlowClosed { from: from.path(), to: to.path() })
}

struct Prepared {
    items: Vec<Item>,
    references: Vec<Pointing>,
    holders: Holders,
}

/// The writes at the new place, and the references elsewhere, from the world as it is before.
fn prepare(
    op: &Op,
    tx: &WriteTx<'_>,
    ask: &Transfer,
    moves: &Moves<'_>,
    versions: &[SecretVersion],
) -> Result<Prepared, VaultError> {
    let source = StoreSource::new(tx, op.keyring().organization(tx, moves.from.environment.organization)?);
    let look = Look { reader: tx, source: &source, moves };
    let mut prepared =
        Prepared { items: Vec::with_capacity(versions.len()), references: Vec::new(), holders: Holders::default() };
    for version in versions {
        let then = &moves.spots[&(version.path.clone(), version.name.clone())];
        let (pointing, rewritten) = look.of_moved(version, &then.0)?;
        prepared.references.extend(pointing);
        let value = match rewritten.filter(|_| ask.rewrite_references) {
            Some(value) => value,
            None => source.open(version)?,
        };
        prepared.items.push(arrival(tx, moves.to, version, then, value)?);
    }
    if ask.leaves() {
        prepared.holders = look.find(op)?;
    }
    Ok(prepared)
}

/// The write of one secret at its new place: as strict as the stricter of what it was and what it replaces.
fn arrival(
    reader: &Reader<'_>,
    to: &Placed,
    version: &SecretVersion,
    (folder, name): &Spot,
    value: SecretBytes,
) -> Result<Item, VaultError> {
    let there = store::secret_get(reader, to.environment.id, folder, name)?;
    let there = there.filter(|v| v.state != VersionState::Deleted);
    let strictest = there.map_or(version.visibility, |t| t.visibility.max(version.visibility));
    let wish = match version.state {
        VersionState::Set => Wish::Set { value, interpolate: version.interpolate, visibility: Some(strictest) },
        VersionState::Unset | VersionState::Deleted => Wish::UnsetAs(strictest),
    };
    Ok(Item {
        name: name.to_string(),
        path: Some(folder.to_string()),
        wish,
        comment: Some(version.comment.clone()),
        tags: Some(version.tags.clone()),
        base_version: None,
    })
}

/// Refuses to leave references behind that lead nowhere, unless that is meant or a plan is asked for.
fn require_meant(ask: &Transfer, moves: &Moves<'_>, holders: &Holders) -> Result<Vec<Problem>, VaultError> {
    let settled = |h: &pointing::Holder| ask.rewrite_references && h.pointing.iter().all(|p| p.becomes.is_some());
    let place = |h: &pointing::Holder| {
        let folder = if h.version.path.is_root() { "" } else { h.version.path.as_str() };
        Dependent { place: format!("{}:{folder}/{}", h.placed.path(), h.version.name) }
    };
    let dependents: Vec<_> = holders.visible.iter().filter(|h| !settled(h)).map(place).collect();
    if dependents.is_empty() && holders.hidden == 0 {
        return Ok(Vec::new());
    }
    let name = match &ask.what {
        What::Secrets(names) => match names.as_slice() {
            [(_, name)] => name.to_string(),
            names => format!("{} secrets", names.len()),
        },
        What::Folder { path } => format!("{}:{path}", moves.from.path()),
    };
    let error = VaultError::HasDependents { name, dependents, hidden: holders.hidden };
    if ask.force || ask.dry_run { Ok(error.problems()) } else { Err(error) }
}

/// Environments beneath that override what is moved: their values stay at the old name.
fn overrides(op: &Op, tx: &WriteTx<'_>, moves: &Moves<'_>) -> Result<Vec<Problem>, VaultError> {
    let mut warnings = Vec::new();
    if !moves.leaves {
        return Ok(warnings);
    }
    let beneath = environment::store::environment_subtree(tx, moves.from.environment.id)?;
    for id in beneath.into_iter().skip(1).take(OVERRIDES_LOOKED_AT) {
        let Some(placed) = access::placed(tx, moves.from.environment.organization, id)? else { continue };
        if id == moves.to.environment.id || !op.permits(tx, Action::SecretList, &placed.resource())? {
            continue;
        }
        for (folder, name) in moves.spots.keys().take(BATCH_MAX) {
            if warnings.len() >= WARNINGS_MAX {
                return Ok(warnings);
            }
            if store::secret_exists(tx, id, folder, name)? {
                let place = if folder.is_root() { "" } else { folder.as_str() };
                warnings.push(Problem {
                    field: format!("{}:{place}/{name}", placed.path()),
                    code: "override_left".into(),
                    detail: format!("{} has a value of its own for {name}, which stays under that name", placed.path()),
                });
            }
        }
    }
    warnings.sort_by(|a, b| a.field.cmp(&b.field));
    Ok(warnings)
}

/// Writes to one environment by the one way there is.
fn write(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    items: Vec<Item>,
    force: bool,
) -> Result<BatchOutcome, VaultError> {
    if items.is_empty() {
        return Ok(BatchOutcome { placed: placed.clone(), items: Vec::new(), warnings: Vec::new(), applied: true });
    }
    let request = BatchRequest {
        project: placed.environment.project.to_string(),
        environment: placed.environment.id.to_string(),
        items,
        skip_same: true,
        force,
        dry_run: false,
    };
    apply(op, tx, placed, request)
}

/// Writes the secrets anew whose references point at what was moved, environment by environment.
fn rewrite(op: &Op, tx: &mut WriteTx<'_>, holders: Holders) -> Result<Vec<Problem>, VaultError> {
    let mut environments: BTreeMap<Id<kinds::Environment>, (Placed, Vec<Item>)> = BTreeMap::new();
    for holder in holders.visible {
        let Some(value) = holder.rewritten else { continue };
        let version = holder.version;
        let wish = Wish::Set { value, interpolate: true, visibility: Some(version.visibility) };
        let item = Item {
            name: version.name.to_string(),
            path: Some(version.path.to_string()),
            wish,
            comment: None,
            tags: None,
            base_version: None,
        };
        let entry = environments.entry(holder.placed.environment.id);
        entry.or_insert_with(|| (holder.placed, Vec::new())).1.push(item);
    }
    let mut warnings = Vec::new();
    for (placed, items) in environments.into_values() {
        warnings.extend(write(op, tx, &placed, items, false)?.warnings);
    }
    Ok(warnings)
}

/// Deletes what was moved where it was. Who refers to it was asked before.
fn leave(op: &Op, tx: &mut WriteTx<'_>, from: &Placed, versions: &[SecretVersion]) -> Result<Vec<Problem>, VaultError> {
    let gone = versions.iter().map(|v| Item {
        name: v.name.to_string(),
        path: Some(v.path.to_string()),
        wish: Wish::Delete,
        comment: None,
        tags: None,
        base_version: None,
    });
    let mut warnings = write(op, tx, from, gone.collect(), true)?.warnings;
    warnings.retain(|w| !w.code.starts_with("depends"));
    Ok(warnings)
}

/// Folders go along, empty ones too.
fn folders(op: &Op, tx: &WriteTx<'_>, ask: &Transfer, from: &Placed, to: &Placed) -> Result<(), VaultError> {
    let What::Folder { path } = &ask.what else { return Ok(()) };
    let top = folder_of(path)?;
    for folder in store::folder_list(tx, from.environment.id, &top, "", BATCH_MAX)? {
        let then = moved_folder(&top, ask.to.path.as_deref(), &folder.path)?;
        store::folder_insert(tx, to.environment.id, &then, op.now())?;
    }
    if ask.leaves() && !top.is_root() {
        store::folder_delete(tx, from.environment.id, &top)?;
    }
    Ok(())
}

/// One event at the place they come from: what was taken, and what it became.
fn record(
    op: &Op,
    tx: &mut WriteTx<'_>,
    event: Event,
    moves: &Moves<'_>,
    versions: &[SecretVersion],
    done: &[Transferred],
) -> Result<(), VaultError> {
    let was: Vec<_> = versions.iter().map(|v| (v.id, v.version)).collect();
    let became: Vec<_> = done.iter().filter_map(|d| d.id.map(|id| (id, d.version))).collect();
    let details = Details::large()
        .with("as", if moves.leaves { "move" } else { "copy" })
        .with("count", was.len())
        .with("secrets", was)
        .with("to", moves.to.environment.id)
        .with("became", became);
    op.record(tx, event.details(details))?;
    Ok(())
}
