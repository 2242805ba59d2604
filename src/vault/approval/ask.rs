//! Whether an act must wait, and the request that is made when it must.

use std::time::Duration;

use super::model::{Act, Request, RequestItem, RequestKind, RequestState};
use super::{ApprovalError, REQUESTED, REQUESTS_MAX, store};
use crate::db::{Reader, WriteTx};
use crate::keys::{MacPurpose, SecretAad, SecretCipher};
use crate::ledger::{self, Details, Outcome, Target};
use crate::op::{Op, about};
use crate::orgs::environment::Placed;
use crate::policy::PrincipalId;
use crate::types::{Id, Problem, SecretBytes, kinds};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::store::SecretVersion;

/// What must be waited for.
#[derive(Debug, Clone, Copy)]
pub(in crate::vault) struct Wait {
    pub(super) approvals: u32,
    pub(super) life: Duration,
}

impl Wait {
    /// What is answered to who must wait.
    pub(in crate::vault) fn required(self, placed: &Placed, request: Option<Id<kinds::Approval>>) -> VaultError {
        ApprovalError::Required { place: placed.path(), approvals: self.approvals, request }.into()
    }

    /// The same in a plan.
    pub(in crate::vault) fn warning(self, placed: &Placed) -> Problem {
        let detail = self.required(placed, None).to_string();
        Problem { field: String::new(), code: "approval_required".into(), detail }
    }
}

/// What the rules of an environment make of these acts; none when nothing waits. Several rules together ask for the
/// most approvals of any, in the shortest time of any.
pub(in crate::vault) fn covering<'a>(
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    acts: impl Iterator<Item = (Act, &'a FolderPath)>,
) -> Result<Option<Wait>, VaultError> {
    let rules = store::rule_list(reader, environment)?;
    if rules.is_empty() {
        return Ok(None);
    }
    let mut wait: Option<Wait> = None;
    for (act, path) in acts {
        for rule in rules.iter().filter(|r| r.acts.contains(act) && r.path.contains(path)) {
            let so_far = wait.get_or_insert(Wait { approvals: rule.approvals, life: rule.life });
            so_far.approvals = so_far.approvals.max(rule.approvals);
            so_far.life = so_far.life.min(rule.life);
        }
    }
    Ok(wait)
}

/// One name of a change, with the value it shall have.
pub(in crate::vault) struct Proposal<'a> {
    pub(in crate::vault) item: RequestItem,
    pub(in crate::vault) state: &'static str,
    pub(in crate::vault) value: &'a SecretBytes,
}

impl RequestItem {
    /// What a change would do to a name, before its value is sealed.
    pub(in crate::vault) fn of(before: Option<&SecretVersion>, proposed: &SecretVersion, action: &str) -> Self {
        Self {
            secret: before.map(|b| b.id),
            path: proposed.path.clone(),
            name: proposed.name.clone(),
            action: action.to_owned(),
            base_version: before.map_or(0, |b| b.newest),
            visibility: proposed.visibility,
            interpolate: proposed.interpolate,
            comment: proposed.comment.clone(),
            tags: proposed.tags.clone(),
            ciphertext: None,
            value_tag: proposed.value_tag.clone(),
        }
    }
}

/// What a proposed value is bound to: its request and place in it stand for row and version.
pub(in crate::vault) fn aad<'a>(
    request: Id<kinds::Approval>,
    position: u32,
    state: &'a str,
    i: &'a RequestItem,
) -> SecretAad<'a> {
    SecretAad {
        row: Id::from_bytes(*request.as_bytes()),
        version: position,
        field: "approval",
        state,
        path: i.path.as_str(),
        name: i.name.as_str(),
        visibility: i.visibility.as_str(),
        interpolate: i.interpolate,
    }
}

/// Keeps a change as a request, for when the operation that wished it has failed with the error this gives.
pub(in crate::vault) fn ask_change(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    wait: Wait,
    force: bool,
    items: Vec<Proposal<'_>>,
    cipher: &SecretCipher,
) -> Result<VaultError, VaultError> {
    let id = Id::new(op.now());
    let mut sealed = Vec::with_capacity(items.len());
    for (position, one) in (0..).zip(items) {
        let mut item = one.item;
        item.ciphertext = Some(cipher.seal(&aad(id, position, one.state, &item), one.value.expose())?.into_bytes());
        sealed.push(item);
    }
    keep(op, tx, placed, wait, (id, RequestKind::Change, force), sealed)
}

/// Keeps the wish to see a value as a request, like [`ask_change`].
pub(in crate::vault) fn ask_reveal(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    wait: Wait,
    version: &SecretVersion,
) -> Result<VaultError, VaultError> {
    let mut item = RequestItem::of(Some(version), version, "reveal");
    item.base_version = version.version;
    item.value_tag = Vec::new();
    item.comment = String::new();
    keep(op, tx, placed, wait, (Id::new(op.now()), RequestKind::Reveal, false), vec![item])
}

fn keep(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    wait: Wait,
    (id, kind, force): (Id<kinds::Approval>, RequestKind, bool),
    items: Vec<RequestItem>,
) -> Result<VaultError, VaultError> {
    let (organization, environment) = (placed.environment.organization, placed.environment.id);
    let identity = op.identity()?;
    let requester = identity.principal.id;
    let digest = digest(op, tx, placed, &requester, kind, force, &items)?;
    if let Some(same) = store::request_same(tx, environment, &digest, op.now())? {
        return Ok(wait.required(placed, Some(same.id)));
    }
    if store::request_count(tx, organization, &requester)? >= REQUESTS_MAX {
        return Err(crate::orgs::OrgError::TooMany { what: "open request", max: REQUESTS_MAX }.into());
    }
    let request = Request {
        id,
        organization,
        environment,
        kind,
        requester,
        credential: identity.credential,
        force,
        approvals: wait.approvals,
        created_at: op.now(),
        expires_at: op.now().plus(wait.life),
        state: RequestState::Open,
        ended_at: None,
        usable_until: None,
    };
    let details = Details::new().with("kind", kind.as_str()).with("approvals", wait.approvals);
    let details = details.with("names", items.len()).with("expires_at", request.expires_at);
    let event = about(op.event(REQUESTED, Outcome::Allowed), &placed.resource());
    let event = event.target(Target::new("approval", id)).details(details);
    // The operation fails and undoes what it did; this is what is kept of it.
    tx.on_rollback(move |tx| store::request_insert(tx, &request, &digest, &items));
    ledger::append_on_rollback(tx, event);
    Ok(wait.required(placed, Some(id)))
}

/// Tells one wish from another: who, where, and everything that would be done.
fn digest(
    op: &Op,
    reader: &Reader<'_>,
    placed: &Placed,
    requester: &PrincipalId,
    kind: RequestKind,
    force: bool,
    items: &[RequestItem],
) -> Result<Vec<u8>, VaultError> {
    let keys = op.keyring().organization(reader, placed.environment.organization)?;
    let mut mac = keys.mac_key().begin(MacPurpose::Idempotency);
    mac.part(b"approval");
    mac.part(requester.to_string().as_bytes());
    mac.part(kind.as_str().as_bytes());
    mac.part(&[u8::from(force)]);
    for i in items {
        for part in [i.path.as_str(), i.name.as_str(), &i.action, i.visibility.as_str(), &i.comment, &i.tags.join(",")]
        {
            mac.part(part.as_bytes());
        }
        mac.part(&i.base_version.to_be_bytes());
        mac.part(&[u8::from(i.interpolate)]);
        mac.part(&i.value_tag);
    }
    Ok(mac.finish().as_bytes().to_vec())
}

/// What a person must wait for before they are shown this version; none when nothing waits, or it was granted.
pub(in crate::vault) fn may_reveal(
    op: &Op,
    reader: &Reader<'_>,
    placed: &Placed,
    stored_in: Id<kinds::Environment>,
    version: &SecretVersion,
) -> Result<Option<Wait>, VaultError> {
    if op.is_machine() {
        return Ok(None);
    }
    // A value that a child inherits is shown there only as it would be where it is stored.
    let mut wait = None;
    for environment in [placed.environment.id, stored_in] {
        let found = covering(reader, environment, std::iter::once((Act::Reveal, &version.path)))?;
        wait = match (wait, found) {
            (None, one) | (one, None) => one,
            (Some(a), Some(b)) => Some(stricter(a, b)),
        };
    }
    let Some(wait) = wait else { return Ok(None) };
    let requester = op.identity()?.principal.id;
    let granted =
        store::reveal_granted(reader, placed.environment.id, &requester, version.id, version.version, op.now())?;
    Ok((!granted).then_some(wait))
}

/// Whether a rule keeps people from being shown what an environment has in a folder. Comparing values does not wait for
/// anybody, so where this is so it says nothing about them: a guess that is confirmed is a value that was shown.
pub(in crate::vault) fn withholds(
    op: &Op,
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    path: &FolderPath,
) -> Result<bool, VaultError> {
    if op.is_machine() {
        return Ok(false);
    }
    Ok(covering(reader, environment, std::iter::once((Act::Reveal, path)))?.is_some())
}

fn stricter(a: Wait, b: Wait) -> Wait {
    Wait { approvals: a.approvals.max(b.approvals), life: a.life.min(b.life) }
}

/// The names as they are shown.
pub(super) fn shown(path: &FolderPath, name: &SecretName) -> String {
    if path.is_root() { name.to_string() } else { format!("{path}/{name}") }
}
