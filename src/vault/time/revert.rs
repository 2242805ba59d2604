//! Going back: an environment's own secrets, or those of a folder, as they were at a moment; as new versions.

use std::collections::BTreeSet;

use super::{Instant, store, there};
use crate::db::WriteTx;
use crate::keys::MacPurpose;
use crate::ledger::Details;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::Timestamp;
use crate::vault::VaultError;
use crate::vault::model::FolderPath;
use crate::vault::secret::{BatchOutcome, BatchRequest, Item, PlannedAction, Wish, again, apply};
use crate::vault::source::StoreSource;
use crate::vault::store::{SecretVersion, VersionState, folder_insert, secret_version_get};

use store::Changed;

/// What goes back, and to when.
#[derive(Debug, Clone)]
pub struct Revert {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The folder; what is beneath it goes back too.
    pub path: String,
    /// The moment.
    pub at: Instant,
    /// Whether names go that others refer to.
    pub force: bool,
    /// Whether only to say what it would do.
    pub dry_run: bool,
    /// Only what this plan said, by the id it was given: otherwise it is refused.
    pub plan: Option<String>,
}

/// What became, or would become, of going back.
#[derive(Debug, Clone)]
pub struct Reverted {
    /// What it does to each name.
    pub outcome: BatchOutcome,
    /// What tells this plan from any other: the moment, the names and the versions it was made for.
    pub plan: String,
}

/// Makes what an environment stores itself what it was at a moment: one write like any other, which deletes what was
/// not there, brings back what was, and leaves what is the same. A value stays as strict as it is now.
///
/// # Errors
/// As a write; no such moment, or the environment was not there yet; it would not do any more what the plan said.
pub async fn environment_revert(op: &Op, ask: Revert) -> Result<Reverted, VaultError> {
    let path = FolderPath::parse(if ask.path.is_empty() { "/" } else { &ask.path })?;
    op.write(move |op, tx| {
        let placed = access::environment(op, tx, &ask.project, &ask.environment)?;
        let event = op.authorize(tx, Action::SecretWrite, &placed.resource())?;
        let cut = there(op, tx, &placed, &ask.at)?;
        let keys = op.keyring().organization(tx, placed.environment.organization)?;
        let mut mac = keys.mac_key().begin(MacPurpose::ClientState);
        let at = cut.seq().map_or_else(Vec::new, |seq| seq.to_be_bytes().to_vec());
        for part in [b"revert".as_slice(), placed.environment.id.as_bytes(), &at] {
            mac.part(part);
        }
        mac.part(path.as_str().as_bytes());
        let source = StoreSource::new(tx, keys);
        let mut items = Vec::new();
        for changed in store::changed_since(tx, placed.environment.id, &path, cut)? {
            mac.part(changed.id.as_bytes());
            mac.part(&changed.newest.to_be_bytes());
            items.extend(item(tx, &source, changed)?);
        }
        drop(source);
        let plan = mac.finish().to_hex(16);
        if ask.plan.is_some_and(|meant| meant != plan) {
            return Err(VaultError::PlanStale);
        }
        let Revert { project, environment, force, dry_run, .. } = ask;
        let request = BatchRequest { project, environment, items, skip_same: true, force, dry_run };
        let outcome = apply(op, tx, &placed, request)?;
        let count = outcome.items.iter().filter(|i| i.action != PlannedAction::Same).count();
        if outcome.applied && count > 0 {
            make_folders(tx, &placed, &outcome, op.now())?;
            let details = Details::new().with("reverted_to", cut.seq()).with("path", path.as_str());
            op.record(tx, event.details(details.with("count", count)))?;
        }
        Ok(Reverted { outcome, plan })
    })
    .await
}

/// What makes a name what it was; nothing where it is gone as it was.
fn item(tx: &WriteTx<'_>, source: &StoreSource<'_>, changed: Changed) -> Result<Option<Item>, VaultError> {
    let missing = || VaultError::not_found("version", changed.id.to_string());
    let version = |number| secret_version_get(tx, changed.id, number);
    let newest = version(changed.newest)?.ok_or_else(missing)?;
    let then = match changed.then {
        Some(number) => Some(version(number)?.ok_or_else(missing)?),
        None => None,
    };
    match then.filter(|v| v.state != VersionState::Deleted) {
        Some(then) => again(source, &then, newest.visibility).map(Some),
        None if newest.state == VersionState::Deleted => Ok(None),
        None => Ok(Some(delete(&newest))),
    }
}

fn delete(newest: &SecretVersion) -> Item {
    Item {
        name: newest.name.to_string(),
        path: Some(newest.path.to_string()),
        wish: Wish::Delete,
        comment: None,
        tags: None,
        base_version: None,
    }
}

/// The folders of what was brought back: deleting a folder takes them away.
pub(super) fn make_folders(
    tx: &WriteTx<'_>,
    placed: &Placed,
    outcome: &BatchOutcome,
    now: Timestamp,
) -> Result<(), VaultError> {
    let there = outcome.items.iter().filter(|i| !matches!(i.action, PlannedAction::Same | PlannedAction::Delete));
    for path in there.map(|i| &i.path).collect::<BTreeSet<_>>() {
        folder_insert(tx, placed.environment.id, path, now)?;
    }
    Ok(())
}
