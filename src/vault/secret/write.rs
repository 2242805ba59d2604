//! Writing: one way for a single value, ten thousand, an unset, a delete, a rollback and an import.
//!
//! authorize → plan → check what it breaks → seal and store → record, all in one transaction. What is refused
//! changes nothing; a dry run goes the same way and keeps nothing.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::dependents;
use super::plan::{Item, Planned, PlannedAction, Rules, plan};
use crate::db::WriteTx;
use crate::keys::{self, MacPurpose};
use crate::ledger::{Details, Event, Target};
use crate::op::{Op, OpError};
use crate::orgs::access;
use crate::orgs::environment::{self, Placed};
use crate::policy::Action;
use crate::types::{Failure, Id, Problem, SecretBytes, Timestamp, kinds};
use crate::vault::VaultError;
use crate::vault::approval::{self, Act, How, Proposal, RequestItem};
use crate::vault::generate::Told;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::reference::{Reference, Scope};
use crate::vault::resolve::check::{Change, Names, NewSecret, Proposed, newly_broken};
use crate::vault::resolve::{BrokenReference, EnvironmentLabel, Place, Reason, SecretFacts, Source as _, State};
use crate::vault::source::{StoreSource, aad, environment_facts};
use crate::vault::store::{self, SecretVersion, StoredReference, VersionState};

/// Most environments beneath the one written that are looked at for warnings.
const WARNED_ENVIRONMENTS: usize = 200;
/// Most warnings of one write.
const WARNINGS_MAX: usize = 200;

/// A write to one environment.
pub struct BatchRequest {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// What is wished.
    pub items: Vec<Item>,
    /// Whether the same value with the same marks makes no new version.
    pub skip_same: bool,
    /// Whether to delete what others refer to.
    pub force: bool,
    /// Whether only to say what it would do.
    pub dry_run: bool,
}

/// What became, or would become, of one item.
#[derive(Debug, Clone)]
pub struct ItemOutcome {
    /// The secret; none for a new one in a dry run.
    pub id: Option<Id<kinds::SecretRow>>,
    /// Its name.
    pub name: SecretName,
    /// Its folder.
    pub path: FolderPath,
    /// What is done.
    pub action: PlannedAction,
    /// The version it has afterwards.
    pub version: u32,
    /// What is told of a value that was drawn; none in a dry run, which keeps none.
    pub generated: Option<Told>,
}

/// What became, or would become, of a write.
#[derive(Debug, Clone)]
pub struct BatchOutcome {
    /// The environment written.
    pub placed: Placed,
    /// One for each item, in their order.
    pub items: Vec<ItemOutcome>,
    /// What the write breaks or changes elsewhere.
    pub warnings: Vec<Problem>,
    /// Whether it was done.
    pub applied: bool,
}

/// Writes to one environment, all or nothing.
///
/// # Errors
/// Unknown or not allowed; locked; a name, value or reference that is none; changed meanwhile; a reference to where
/// the writer may use nothing; the environment itself would break; others refer to what is deleted.
pub async fn secret_batch(op: &Op, request: BatchRequest) -> Result<BatchOutcome, VaultError> {
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &request.project, &request.environment)?;
        apply(op, tx, &placed, request)
    })
    .await
}

/// Whether the rules of the environment are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// They are; what must wait remembers until when its values shall be good.
    Ask(Option<Timestamp>),
    Passed,
}

/// The write itself, for operations that found the environment already. What must wait for approval fails with
/// [`VaultError::Approval`], and is kept as a request.
pub(in crate::vault) fn apply(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    request: BatchRequest,
) -> Result<BatchOutcome, VaultError> {
    apply_through(op, tx, placed, request, Gate::Ask(None))
}

/// The same, for values that are good until then: a request that is made of it says so. Whoever calls keeps the end of
/// what was written.
pub(in crate::vault) fn apply_ending(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    request: BatchRequest,
    good_until: Timestamp,
) -> Result<BatchOutcome, VaultError> {
    apply_through(op, tx, placed, request, Gate::Ask(Some(good_until)))
}

/// The same, for a request that has its approvals.
pub(in crate::vault) fn apply_approved(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    request: BatchRequest,
) -> Result<BatchOutcome, VaultError> {
    apply_through(op, tx, placed, request, Gate::Passed)
}

fn apply_through(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    request: BatchRequest,
    gate: Gate,
) -> Result<BatchOutcome, VaultError> {
    let events = authorize(op, tx, placed, &request.items)?;
    access::require_unlocked(placed)?;
    let organization = op.keyring().organization(tx, placed.environment.organization)?;
    let tag = |value: &[u8]| *organization.mac(MacPurpose::ValueTag, &[value]).as_bytes();
    let rules = Rules { skip_same: request.skip_same };
    let planned = plan(tx, &placed.environment, request.items, rules, tag, &mut keys::fill_random)?;
    require_reference_rights(op, tx, placed, &planned)?;
    let mut warnings = require_no_dependents(op, tx, placed, &planned, request.force)?;
    warnings.extend(require_whole(op, tx, placed, &planned, request.force)?);
    warnings.truncate(WARNINGS_MAX);
    let (wait, good_until) = match gate {
        Gate::Ask(good_until) => (waits(tx, placed, &planned)?, good_until),
        Gate::Passed => (None, None),
    };
    let mut items = Vec::with_capacity(planned.len());
    // A version has the time of the event that tells of it.
    let now = events.first().map_or_else(|| op.now(), Event::at);
    if request.dry_run {
        warnings.extend(wait.map(|wait| wait.warning(placed)));
        let kept = |p: &Planned| ItemOutcome { generated: None, ..outcome(p, p.before.as_ref().map(|b| b.id)) };
        items.extend(planned.iter().map(kept));
        return Ok(BatchOutcome { placed: placed.clone(), items, warnings, applied: false });
    }
    if let Some(wait) = wait {
        return Err(ask(op, tx, placed, wait, How { force: request.force, good_until }, &planned)?);
    }
    let source = StoreSource::new(tx, organization);
    for one in &planned {
        let id = match one.action {
            PlannedAction::Same => one.before.as_ref().map(|b| b.id),
            _ => Some(write_one(op, tx, &source, placed, one, now)?),
        };
        items.push(outcome(one, id));
    }
    drop(source);
    if items.iter().any(|i| i.action != PlannedAction::Same) {
        store::content_version_raise(tx, placed.environment.organization, now)?;
    }
    for event in events {
        record(op, tx, event, &items)?;
    }
    Ok(BatchOutcome { placed: placed.clone(), items, warnings, applied: true })
}

/// What of this must wait for approval.
fn waits(tx: &WriteTx<'_>, placed: &Placed, planned: &[Planned]) -> Result<Option<approval::Wait>, VaultError> {
    let changes = planned.iter().filter(|p| p.action != PlannedAction::Same);
    let acts = changes.map(|p| (if p.action == PlannedAction::Delete { Act::Delete } else { Act::Write }, &p.path));
    approval::covering(tx, placed.environment.id, acts)
}

/// Keeps the write as a request.
fn ask(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    wait: approval::Wait,
    how: How,
    planned: &[Planned],
) -> Result<VaultError, VaultError> {
    let cipher =
        op.keyring().organization(tx, placed.environment.organization)?.secret_cipher(placed.environment.id)?;
    let changes = planned.iter().filter(|p| p.action != PlannedAction::Same);
    let items = changes.map(|p| Proposal {
        item: RequestItem::of(p.before.as_ref(), &version(op, placed, p, op.now()), p.action.as_str()),
        state: p.state.as_str(),
        value: &p.value,
    });
    approval::ask_change(op, tx, placed, wait, how, items.collect(), &cipher)
}

fn outcome(p: &Planned, id: Option<Id<kinds::SecretRow>>) -> ItemOutcome {
    let version = match (p.action, &p.before) {
        (PlannedAction::Same, Some(before)) => before.newest,
        _ => p.version(),
    };
    let generated = p.generated.clone();
    ItemOutcome { id, name: p.name.clone(), path: p.path.clone(), action: p.action, version, generated }
}

fn authorize(op: &Op, tx: &WriteTx<'_>, placed: &Placed, items: &[Item]) -> Result<Vec<Event>, OpError> {
    let resource = placed.resource();
    let mut events = Vec::with_capacity(2);
    for (action, deletes) in [(Action::SecretWrite, false), (Action::SecretDelete, true)] {
        let wished: Vec<_> = items.iter().filter(|i| matches!(i.wish, super::Wish::Delete) == deletes).collect();
        if wished.is_empty() && (deletes || !items.is_empty()) {
            continue;
        }
        // Each folder is asked about once; a path that cannot be read is refused by the plan.
        let read = |i: &&Item| FolderPath::parse(i.path.as_deref().unwrap_or("/")).ok();
        let paths: BTreeSet<_> = wished.iter().filter_map(read).collect();
        let mut paths = paths.iter().map(|path| resource.clone().with_path(path.as_str()));
        events.push(op.authorize(tx, action, &paths.next().unwrap_or_else(|| resource.clone()))?);
        for more in paths {
            op.authorize(tx, action, &more)?;
        }
    }
    Ok(events)
}

/// A qualified reference asks for `secret.use` where it points: else a writer would draw out what they may not have.
fn require_reference_rights(op: &Op, tx: &WriteTx<'_>, placed: &Placed, planned: &[Planned]) -> Result<(), VaultError> {
    let keys = op.keyring().organization(tx, placed.environment.organization)?;
    let source = StoreSource::new(tx, keys);
    let mut asked: Vec<Scope> = Vec::new();
    for one in planned {
        for reference in one.references.iter().filter(|r| r.is_qualified()) {
            if asked.contains(&reference.scope) {
                continue;
            }
            asked.push(reference.scope.clone());
            let target = match find(&source, placed, reference)? {
                Some(id) => access::placed(tx, placed.environment.organization, id)?,
                None => None,
            };
            let visible = match &target {
                Some(target) => op.permits(tx, Action::EnvironmentRead, &target.resource())?,
                None => false,
            };
            match target {
                Some(target) if visible => drop(op.authorize(tx, Action::SecretUse, &target.resource())?),
                _ => return Err(VaultError::Broken(vec![unreachable_reference(placed, one)])),
            }
        }
    }
    Ok(())
}

/// What is answered for an environment that is not there or not visible: the same.
fn unreachable_reference(placed: &Placed, one: &Planned) -> BrokenReference {
    let asked = EnvironmentLabel {
        project: placed.environment.project_slug.clone(),
        environment: placed.environment.slug.clone(),
    };
    let place = Place {
        project: asked.project.clone(),
        environment: asked.environment.clone(),
        path: one.path.clone(),
        name: one.name.clone(),
    };
    BrokenReference { trail: vec![place], reason: Reason::Unreachable { asked } }
}

fn find(
    source: &StoreSource<'_>,
    placed: &Placed,
    reference: &Reference,
) -> Result<Option<Id<kinds::Environment>>, VaultError> {
    let own = || environment_facts(&placed.environment);
    match &reference.scope {
        Scope::Late => Ok(Some(placed.environment.id)),
        Scope::Environment(slug) => source.find_environment(&own(), None, slug),
        Scope::Project(project, slug) => source.find_environment(&own(), Some(project), slug),
    }
}

/// A name others refer to is deleted only when that is meant; then they are warned of.
fn require_no_dependents(
    op: &Op,
    tx: &WriteTx<'_>,
    placed: &Placed,
    planned: &[Planned],
    force: bool,
) -> Result<Vec<Problem>, VaultError> {
    let mut warnings = Vec::new();
    for one in planned.iter().filter(|p| p.action == PlannedAction::Delete) {
        let found = dependents::find(op, tx, placed, &one.path, &one.name)?;
        // What the same write takes away, or writes without the reference, does not depend on it any more.
        let refers =
            |p: &Planned| p.references.iter().any(|r| r.name == one.name && r.folder_seen_from(&p.path) == one.path);
        let is_let_go = |place: &str| {
            planned.iter().any(|p| p.action != PlannedAction::Same && place == shown(placed, p) && !refers(p))
        };
        let dependents: Vec<_> = found.visible.into_iter().filter(|d| !is_let_go(&d.place)).collect();
        if dependents.is_empty() && found.hidden == 0 {
            continue;
        }
        let error = VaultError::HasDependents { name: one.shown(), dependents, hidden: found.hidden };
        if !force {
            return Err(error);
        }
        warnings.extend(error.problems());
    }
    Ok(warnings)
}

fn shown(placed: &Placed, p: &Planned) -> String {
    let folder = if p.path.is_root() { "" } else { p.path.as_str() };
    format!("{}:{folder}/{}", placed.path(), p.name)
}

/// What the write would break: in the environment written it is refused, beneath it it is a warning.
fn require_whole(
    op: &Op,
    tx: &WriteTx<'_>,
    placed: &Placed,
    planned: &[Planned],
    force: bool,
) -> Result<Vec<Problem>, VaultError> {
    // A plain value in place of another, or of none, cannot break what was whole.
    let may_break = |p: &Planned| match p.action {
        PlannedAction::Same => false,
        PlannedAction::Delete | PlannedAction::Unset => true,
        PlannedAction::Add | PlannedAction::Change => !p.references.is_empty(),
    };
    let risky: Vec<_> = planned.iter().filter(|p| may_break(p)).collect();
    if risky.is_empty() {
        return Ok(Vec::new());
    }
    let organization = placed.environment.organization;
    let source = StoreSource::new(tx, op.keyring().organization(tx, organization)?);
    let proposed =
        Proposed::new(&source, planned.iter().filter(|p| p.action != PlannedAction::Same).map(|p| change(placed, p)));
    let mut looked_at: Vec<(FolderPath, SecretName)> = risky.iter().map(|p| (p.path.clone(), p.name.clone())).collect();
    let mut elsewhere: Vec<Id<kinds::Environment>> = Vec::new();
    for one in &risky {
        for referrer in store::referrers(tx, organization, &one.path, &one.name, 1_000)? {
            looked_at.push((referrer.path, referrer.name));
            elsewhere.push(referrer.environment);
        }
    }
    looked_at.sort();
    looked_at.dedup();
    let own = placed.environment.id;
    let broken = newly_broken(&proposed, own, Names::These(&looked_at))?;
    let meant = force && planned.iter().all(|p| p.action == PlannedAction::Delete);
    if !broken.is_empty() && !meant {
        return Err(VaultError::Broken(broken));
    }
    elsewhere.extend(environment::store::environment_subtree(tx, own)?);
    elsewhere.sort_unstable();
    elsewhere.dedup();
    elsewhere.retain(|id| *id != own);
    elsewhere.truncate(WARNED_ENVIRONMENTS);
    warn(op, tx, organization, &proposed, &elsewhere, &looked_at)
}

fn warn(
    op: &Op,
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    proposed: &Proposed<'_, StoreSource<'_>>,
    elsewhere: &[Id<kinds::Environment>],
    names: &[(FolderPath, SecretName)],
) -> Result<Vec<Problem>, VaultError> {
    let mut warnings = Vec::new();
    let mut hidden = 0;
    for id in elsewhere {
        let Some(other) = access::placed(tx, organization, *id)? else { continue };
        let broken = newly_broken(proposed, *id, Names::These(names))?;
        if broken.is_empty() {
            continue;
        }
        if op.permits(tx, Action::SecretList, &other.resource())? {
            let words = |b: &BrokenReference| Problem {
                field: b.trail.first().map(|p| p.name.to_string()).unwrap_or_default(),
                code: "breaks_descendant".into(),
                detail: b.to_string(),
            };
            warnings.extend(broken.iter().map(words));
        } else {
            hidden += broken.len();
        }
    }
    if hidden > 0 {
        let detail = format!("{hidden} names break in environments you may not see");
        warnings.push(Problem { field: String::new(), code: "breaks_hidden".into(), detail });
    }
    Ok(warnings)
}

fn change(placed: &Placed, p: &Planned) -> Change {
    let state = match p.state {
        VersionState::Set => Some(State::Value),
        VersionState::Unset => Some(State::Unset),
        VersionState::Deleted => None,
    };
    let becomes = state.map(|state| NewSecret {
        facts: SecretFacts {
            // An id no stored row has: the check must not read the value that is stored now.
            id: Id::from_bytes(provisional(p)),
            version: p.version(),
            visibility: p.visibility,
            interpolate: p.interpolate,
            state,
        },
        value: Rc::new(SecretBytes::new(p.value.expose().clone())),
    });
    Change { environment: placed.environment.id, path: p.path.clone(), name: p.name.clone(), becomes }
}

/// An id for the check: the tag of the value, which no UUIDv7 has, with the place mixed in.
fn provisional(p: &Planned) -> [u8; 16] {
    let mut bytes = [0xff_u8; 16];
    for (index, byte) in p.path.as_str().bytes().chain([0]).chain(p.name.as_str().bytes()).enumerate() {
        let slot = &mut bytes[8 + index % 8];
        *slot = slot.rotate_left(3).wrapping_mul(31).wrapping_add(byte);
    }
    bytes
}

/// Seals and stores one version.
fn write_one(
    op: &Op,
    tx: &WriteTx<'_>,
    source: &StoreSource<'_>,
    placed: &Placed,
    p: &Planned,
    now: Timestamp,
) -> Result<Id<kinds::SecretRow>, VaultError> {
    let mut version = version(op, placed, p, now);
    version.ciphertext = source.cipher(version.environment)?.seal(&aad(&version), p.value.expose())?.into_bytes();
    if p.before.is_none() {
        store::secret_insert(tx, placed.environment.organization, &version)?;
        store::folder_insert(tx, placed.environment.id, &p.path, now)?;
    }
    store::secret_version_insert(tx, &version)?;
    if p.before.is_some() || !p.references.is_empty() {
        let references = stored_references(source, placed, p)?;
        store::references_set(tx, version.id, &references)?;
    }
    Ok(version.id)
}

/// The version a name gets, before its value is sealed.
fn version(op: &Op, placed: &Placed, p: &Planned, now: Timestamp) -> SecretVersion {
    SecretVersion {
        id: p.before.as_ref().map_or_else(|| Id::new(op.now()), |b| b.id),
        environment: placed.environment.id,
        path: p.path.clone(),
        name: p.name.clone(),
        newest: p.version(),
        created_at: p.before.as_ref().map_or(now, |b| b.created_at),
        version: p.version(),
        state: p.state,
        visibility: p.visibility,
        interpolate: p.interpolate,
        ciphertext: Vec::new(),
        value_tag: p.tag,
        comment: p.comment.clone(),
        tags: p.tags.clone(),
        written_at: now,
        written_by: op.author().into(),
        bound: true,
    }
}

fn stored_references(
    source: &StoreSource<'_>,
    placed: &Placed,
    p: &Planned,
) -> Result<Vec<StoredReference>, VaultError> {
    let mut stored = Vec::with_capacity(p.references.len());
    for reference in &p.references {
        if let Some(environment) = find(source, placed, reference)? {
            stored.push(StoredReference {
                environment,
                late: !reference.is_qualified(),
                path: reference.folder_seen_from(&p.path),
                name: reference.name.clone(),
            });
        }
    }
    Ok(stored)
}

/// One event for the write: a single secret by its target, many by a list of ids and versions.
fn record(op: &Op, tx: &mut WriteTx<'_>, event: Event, items: &[ItemOutcome]) -> Result<(), VaultError> {
    let deletes = event.action().as_str() == Action::SecretDelete.as_str();
    let mine: Vec<_> = items
        .iter()
        .filter(|i| (i.action == PlannedAction::Delete) == deletes && i.action != PlannedAction::Same)
        .collect();
    let event = match mine.as_slice() {
        [one] => {
            let target = Target::new("secret", one.id.map_or_else(String::new, |id| id.to_string()));
            let details = Details::new().with("name", one.name.as_str()).with("path", one.path.as_str());
            event.target(target).details(details.with("version", one.version).with("action", one.action.as_str()))
        }
        many => {
            let ids: Vec<_> = many.iter().filter_map(|i| i.id.map(|id| (id, i.version))).collect();
            event.details(Details::large().with("count", ids.len()).with("secrets", ids))
        }
    };
    op.record(tx, event)?;
    Ok(())
}
