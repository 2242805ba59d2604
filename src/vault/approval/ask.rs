//! Whether an act must wait, and the request that is made when it must.

use std::time::Duration;

use super::model::{Act, ActWish, OrganizationAct, Request, RequestItem, RequestKind, RequestState, Scope};
use super::{ApprovalError, REQUESTED, REQUESTS_MAX, store};
use crate::db::{DbError, Reader, WriteTx};
use crate::keys::{MacPurpose, SecretAad, SecretCipher};
use crate::ledger::{self, Details, Outcome, Target};
use crate::op::{Op, about};
use crate::orgs::environment::Placed;
use crate::orgs::{OrgError, access};
use crate::policy::{Node, PrincipalId};
use crate::types::{Id, Problem, SecretBytes, Timestamp, kinds};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::store::SecretVersion;

/// What must be waited for.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// How many others must approve.
    pub approvals: u32,
    pub(super) life: Duration,
}

impl Wait {
    /// What is answered to who must wait.
    pub(in crate::vault) fn required(self, placed: &Placed, request: Option<Id<kinds::Approval>>) -> VaultError {
        self.required_of(placed.path(), request).into()
    }

    fn required_of(self, place: String, request: Option<Id<kinds::Approval>>) -> ApprovalError {
        ApprovalError::Required { place, approvals: self.approvals, request }
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

/// How a change shall be made.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::vault) struct How {
    /// Whether others may refer to what is deleted.
    pub(in crate::vault) force: bool,
    /// Until when its values are good.
    pub(in crate::vault) good_until: Option<Timestamp>,
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
            value_tag: proposed.value_tag.to_vec(),
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
        beside: None,
    }
}

/// Keeps a change as a request, for when the operation that wished it has failed with the error this gives.
pub(in crate::vault) fn ask_change(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    wait: Wait,
    how: How,
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
    let scope = Scope::of(placed.clone());
    Ok(keep(op, tx, &scope, wait, (id, RequestKind::Change, how), Asked::Items(sealed))?.into())
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
    let scope = Scope::of(placed.clone());
    let new = (Id::new(op.now()), RequestKind::Reveal, How::default());
    Ok(keep(op, tx, &scope, wait, new, Asked::Items(vec![item]))?.into())
}

/// What the organization's rules make of an act on itself; none when it waits for nobody.
///
/// # Errors
/// The database failed.
pub fn waits_for(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    act: OrganizationAct,
) -> Result<Option<Wait>, DbError> {
    let rule = store::organization_rule(reader, organization, act)?;
    Ok(rule.map(|rule| Wait { approvals: rule.approvals, life: rule.life }))
}

/// Keeps an act on the organization as a request, for when the operation that wished it has failed with the error this
/// gives.
///
/// # Errors
/// Too many open requests; the database failed.
pub fn ask_act(
    op: &Op,
    tx: &mut WriteTx<'_>,
    wait: Wait,
    act: OrganizationAct,
    wish: ActWish,
) -> Result<ApprovalError, OrgError> {
    let organization = op.organization()?;
    let scope = organization_scope(tx, organization)?;
    keep(op, tx, &scope, wait, (Id::new(op.now()), RequestKind::Act(act), How::default()), Asked::Act(wish))
}

/// The organization as the place of a request.
pub(super) fn organization_scope(reader: &Reader<'_>, id: Id<kinds::Organization>) -> Result<Scope, DbError> {
    let slug = access::node_name(reader, Node::Organization(id))?;
    Ok(Scope::Organization(id, slug.unwrap_or_else(|| id.to_string())))
}

/// What a request holds.
pub(super) enum Asked {
    /// Names of an environment.
    Items(Vec<RequestItem>),
    /// Something of the organization.
    Act(ActWish),
}

fn keep(
    op: &Op,
    tx: &mut WriteTx<'_>,
    scope: &Scope,
    wait: Wait,
    (id, kind, how): (Id<kinds::Approval>, RequestKind, How),
    asked: Asked,
) -> Result<ApprovalError, OrgError> {
    let (organization, environment) = (scope.organization(), scope.environment());
    let identity = op.identity()?;
    let requester = identity.principal.id;
    let digest = digest(op, tx, organization, &requester, (kind, how), &asked)?;
    if let Some(same) = store::request_same(tx, organization, environment, &digest, op.now())? {
        return Ok(wait.required_of(scope.path(), Some(same.id)));
    }
    if store::request_count(tx, organization, &requester)? >= REQUESTS_MAX {
        return Err(OrgError::TooMany { what: "open request", max: REQUESTS_MAX });
    }
    let request = Request {
        id,
        organization,
        environment,
        kind,
        requester,
        credential: identity.credential,
        force: how.force,
        approvals: wait.approvals,
        created_at: op.now(),
        expires_at: op.now().plus(wait.life),
        state: RequestState::Open,
        ended_at: None,
        usable_until: None,
        good_until: how.good_until,
    };
    let details = Details::new().with("kind", kind.as_str()).with("approvals", wait.approvals);
    let details = match &asked {
        Asked::Items(items) => details.with("names", items.len()),
        Asked::Act(wish) => details.with("act", wish.action).with("subject", wish.subject.as_str()),
    };
    let details = details.with("expires_at", request.expires_at);
    let event = about(op.event(REQUESTED, Outcome::Allowed), &scope.resource());
    let event = event.target(Target::new("approval", id)).details(details);
    // The operation fails and undoes what it did; this is what is kept of it.
    tx.on_rollback(move |tx| store::request_insert(tx, &request, &digest, &asked));
    ledger::append_on_rollback(tx, event);
    Ok(wait.required_of(scope.path(), Some(id)))
}

/// Tells one wish from another: who, where, and everything that would be done.
fn digest(
    op: &Op,
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    requester: &PrincipalId,
    (kind, how): (RequestKind, How),
    asked: &Asked,
) -> Result<Vec<u8>, OrgError> {
    let keys = op.keyring().organization(reader, organization)?;
    let mut mac = keys.mac_key().begin(MacPurpose::Idempotency);
    mac.part(b"approval");
    mac.part(requester.to_string().as_bytes());
    mac.part(kind.as_str().as_bytes());
    mac.part(&[u8::from(how.force)]);
    if let Some(until) = how.good_until {
        mac.part(&until.as_micros().to_be_bytes());
    }
    let items = match asked {
        Asked::Items(items) => items.as_slice(),
        Asked::Act(wish) => {
            for part in [wish.action, &wish.subject, &wish.base, &wish.wish] {
                mac.part(part.as_bytes());
            }
            &[]
        }
    };
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
