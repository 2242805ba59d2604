//! Deciding on a request: yes, no, giving it up, and not waiting for the others.

use std::sync::Arc;

use super::ask::{aad, covering, shown};
use super::model::{Act, Request, RequestItem, RequestKind, RequestNote, RequestState, Verdict, parse_note};
use super::rule::override_rule;
use super::{ApprovalError, COMMENTED, EXECUTED, EXPIRED, NOTES_MAX, REVEAL_WINDOW, STALE, WITHDRAWN, store};
use crate::db::WriteTx;
use crate::ledger::{ActionName, Details, Event, Outcome, Target};
use crate::op::{Identity, Op, OpError, about, epoch};
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::{Action, PrincipalId};
use crate::types::{Id, SecretBytes, kinds};
use crate::vault::VaultError;
use crate::vault::secret::{BatchRequest, Item, Wish, apply_approved};
use crate::vault::source::StoreSource;
use crate::vault::store::{self as secrets, VersionState};

/// How a decision ended. What it found is kept, even where whoever decided is told no.
enum Ended {
    Done,
    Late,
    Stale(String),
}

/// Approves; with the last approval the change is made, or the value may be shown.
///
/// # Errors
/// Unknown; not allowed; one's own; decided already; too late; stale; the change itself fails.
pub async fn approval_approve(op: &Op, id: Id<kinds::Approval>, comment: Option<String>) -> Result<(), VaultError> {
    let comment = parse_note(comment)?;
    let ended = op.write(move |op, tx| {
        let (request, placed) = find(op, tx, id)?;
        let event = op.authorize(tx, Action::ApprovalDecide, &placed.resource())?;
        let user = require_other(op, tx, &request, &event)?;
        if let Some(ended) = require_standing(op, tx, &request, &placed)? {
            return Ok::<_, VaultError>(ended);
        }
        say(op, tx, &request, user, Some(Verdict::Approve), comment)?;
        op.record(tx, decided(event, &request, Verdict::Approve))?;
        if standing_approvals(op, tx, &request, &placed)? >= needed(tx, &request, &placed)? {
            execute(op, tx, &request, &placed)?;
        }
        Ok(Ended::Done)
    });
    settle(ended.await?)
}

/// Says no, which ends the request.
///
/// # Errors
/// Unknown; not allowed; one's own; decided already; too late; stale.
pub async fn approval_reject(op: &Op, id: Id<kinds::Approval>, comment: Option<String>) -> Result<(), VaultError> {
    let comment = parse_note(comment)?;
    let ended = op.write(move |op, tx| {
        let (request, placed) = find(op, tx, id)?;
        let event = op.authorize(tx, Action::ApprovalDecide, &placed.resource())?;
        let user = require_other(op, tx, &request, &event)?;
        if let Some(ended) = require_standing(op, tx, &request, &placed)? {
            return Ok::<_, VaultError>(ended);
        }
        say(op, tx, &request, user, Some(Verdict::Reject), comment)?;
        store::request_end(tx, id, RequestState::Rejected, op.now(), None)?;
        op.record(tx, decided(event, &request, Verdict::Reject))?;
        Ok(Ended::Done)
    });
    settle(ended.await?)
}

/// Does it at once, whoever asked and however many approvals are missing. The reason stays in the ledger.
///
/// # Errors
/// Unknown; not allowed; no fresh sign-in; no reason; ended already; too late; stale; the change itself fails.
pub async fn approval_override(op: &Op, id: Id<kinds::Approval>, reason: String) -> Result<(), VaultError> {
    let ended = op.write(move |op, tx| {
        let (request, placed) = find(op, tx, id)?;
        let event = override_rule(op, tx, &placed, Some(reason.clone()))?;
        let user = require_person(op, &event)?;
        op.require_step_up()?;
        if let Some(ended) = require_standing(op, tx, &request, &placed)? {
            return Ok::<_, VaultError>(ended);
        }
        say(op, tx, &request, user, Some(Verdict::Override), reason)?;
        op.record(tx, decided(event, &request, Verdict::Override))?;
        execute(op, tx, &request, &placed)?;
        Ok(Ended::Done)
    });
    settle(ended.await?)
}

/// Gives one's own request up.
///
/// # Errors
/// Unknown; somebody else's; ended already.
pub async fn approval_withdraw(op: &Op, id: Id<kinds::Approval>) -> Result<(), VaultError> {
    op.write(move |op, tx| {
        let (request, placed) = find(op, tx, id)?;
        if request.requester != op.principal(tx)?.1.id {
            op.refuse(&event(op, WITHDRAWN, &request, &placed), "not_requester");
            return Err(ApprovalError::NotYours.into());
        }
        require_open(&request)?;
        store::request_end(tx, id, RequestState::Withdrawn, op.now(), None)?;
        op.record(tx, event(op, WITHDRAWN, &request, &placed))?;
        Ok(())
    })
    .await
}

/// Says something to a request.
///
/// # Errors
/// Unknown; a machine; empty or too long; there are too many already.
pub async fn approval_comment(op: &Op, id: Id<kinds::Approval>, comment: String) -> Result<(), VaultError> {
    let comment = parse_note(Some(comment))?;
    if comment.trim().is_empty() {
        return Err(crate::types::ParseError::new("comment", "must not be empty").into());
    }
    op.write(move |op, tx| {
        let (request, placed) = find(op, tx, id)?;
        let event = event(op, COMMENTED, &request, &placed);
        let user = require_person(op, &event)?;
        say(op, tx, &request, user, None, comment)?;
        op.record(tx, event)?;
        Ok(())
    })
    .await
}

fn settle(ended: Ended) -> Result<(), VaultError> {
    match ended {
        Ended::Done => Ok(()),
        Ended::Late => Err(ApprovalError::Ended { state: RequestState::Expired.as_str() }.into()),
        Ended::Stale(name) => Err(ApprovalError::Stale { name }.into()),
    }
}

/// The request, and its environment, for whoever may know of it.
pub(super) fn find(
    op: &Op,
    tx: &crate::db::Reader<'_>,
    id: Id<kinds::Approval>,
) -> Result<(Request, Placed), VaultError> {
    let missing = || VaultError::not_found("approval request", id.to_string());
    let (_, own) = op.principal(tx)?;
    let request = store::request_get(tx, own.organization, id)?.ok_or_else(missing)?;
    let placed = access::placed(tx, own.organization, request.environment)?.ok_or_else(missing)?;
    let visible = request.requester == own.id || op.permits(tx, Action::SecretList, &placed.resource())?;
    if visible { Ok((request, placed)) } else { Err(missing()) }
}

fn require_open(request: &Request) -> Result<(), VaultError> {
    match request.state {
        RequestState::Open => Ok(()),
        ended => Err(ApprovalError::Ended { state: ended.as_str() }.into()),
    }
}

/// The person who acts; a machine decides nothing.
fn require_person(op: &Op, event: &Event) -> Result<Id<kinds::User>, VaultError> {
    match op.identity()?.principal.id {
        PrincipalId::User(user) => Ok(user),
        PrincipalId::ServiceAccount(_) => {
            op.refuse(event, "people_only");
            Err(crate::orgs::OrgError::PeopleOnly { what: "say in approvals" }.into())
        }
    }
}

/// The person who decides: somebody else than whoever asks, or made the machine that asks.
fn require_other(op: &Op, tx: &WriteTx<'_>, request: &Request, event: &Event) -> Result<Id<kinds::User>, VaultError> {
    let user = require_person(op, event)?;
    let own = match request.requester {
        PrincipalId::User(requester) => requester == user,
        PrincipalId::ServiceAccount(account) => {
            let found = crate::orgs::service_account::store::service_account_get(tx, account)?;
            found.is_some_and(|a| a.created_by == user.to_string())
        }
    };
    if own {
        op.refuse(event, "own_request");
        return Err(ApprovalError::Own.into());
    }
    Ok(user)
}

/// Whether there is still something to decide; ends what came too late, and what is not what was asked for any more.
fn require_standing(
    op: &Op,
    tx: &mut WriteTx<'_>,
    request: &Request,
    placed: &Placed,
) -> Result<Option<Ended>, VaultError> {
    require_open(request)?;
    if request.expires_at <= op.now() {
        store::request_end(tx, request.id, RequestState::Expired, op.now(), None)?;
        op.record(tx, event(op, EXPIRED, request, placed))?;
        return Ok(Some(Ended::Late));
    }
    let Some(name) = changed(tx, request)? else { return Ok(None) };
    store::request_end(tx, request.id, RequestState::Stale, op.now(), None)?;
    op.record(tx, event(op, STALE, request, placed))?;
    Ok(Some(Ended::Stale(name)))
}

/// The first name that is not at the version a change was made for. A reveal is of one version, whatever comes after.
fn changed(tx: &WriteTx<'_>, request: &Request) -> Result<Option<String>, VaultError> {
    if request.kind == RequestKind::Reveal {
        return Ok(None);
    }
    for item in store::item_list(tx, request.id)? {
        let found = secrets::secret_get(tx, request.environment, &item.path, &item.name)?;
        if found.map_or(0, |found| found.newest) != item.base_version {
            return Ok(Some(shown(&item.path, &item.name)));
        }
    }
    Ok(None)
}

/// Approvals that count: of people who may still decide.
fn standing_approvals(op: &Op, tx: &WriteTx<'_>, request: &Request, placed: &Placed) -> Result<usize, VaultError> {
    let mut count = 0;
    for note in store::note_list(tx, request.id, NOTES_MAX)? {
        if note.verdict == Some(Verdict::Approve)
            && permits(op, tx, request, PrincipalId::User(note.user), Action::ApprovalDecide, placed)?
        {
            count += 1;
        }
    }
    Ok(count)
}

/// Whether somebody who is not asking may do something now.
fn permits(
    op: &Op,
    tx: &WriteTx<'_>,
    request: &Request,
    who: PrincipalId,
    action: Action,
    placed: &Placed,
) -> Result<bool, VaultError> {
    let facts = access::principal_facts(tx, request.organization, who)?;
    Ok(match facts {
        Some(facts) => op.decide_for(tx, epoch(tx)?, &facts, action, &placed.resource())?.allow,
        None => false,
    })
}

/// As many as were asked for, or as the rules of now ask for, if that is more.
fn needed(tx: &WriteTx<'_>, request: &Request, placed: &Placed) -> Result<usize, VaultError> {
    let items = store::item_list(tx, request.id)?;
    let acts = items.iter().map(|i| (act(request, i), &i.path));
    let now = covering(tx, placed.environment.id, acts)?.map_or(0, |wait| wait.approvals);
    Ok(usize::try_from(request.approvals.max(now)).unwrap_or(usize::MAX))
}

fn act(request: &Request, item: &RequestItem) -> Act {
    match (request.kind, item.action.as_str()) {
        (RequestKind::Reveal, _) => Act::Reveal,
        (RequestKind::Change, "delete") => Act::Delete,
        (RequestKind::Change, _) => Act::Write,
    }
}

fn say(
    op: &Op,
    tx: &WriteTx<'_>,
    request: &Request,
    user: Id<kinds::User>,
    verdict: Option<Verdict>,
    comment: String,
) -> Result<(), VaultError> {
    let notes = store::note_list(tx, request.id, NOTES_MAX)?;
    if verdict.is_some() && notes.iter().any(|n| n.user == user && n.verdict.is_some()) {
        return Err(ApprovalError::Twice.into());
    }
    // A verdict always finds room: nobody can keep a request from being decided by talking.
    if verdict.is_none() && notes.len() >= NOTES_MAX / 2 {
        return Err(crate::orgs::OrgError::TooMany { what: "comment", max: NOTES_MAX / 2 }.into());
    }
    store::note_insert(tx, request.id, &RequestNote { at: op.now(), user, verdict, comment })?;
    Ok(())
}

/// An event about a request.
pub(super) fn event(op: &Op, action: ActionName, request: &Request, placed: &Placed) -> Event {
    let event = about(op.event(action, Outcome::Allowed), &placed.resource());
    event.target(Target::new("approval", request.id))
}

fn decided(event: Event, request: &Request, verdict: Verdict) -> Event {
    event.target(Target::new("approval", request.id)).details(Details::new().with("verdict", verdict.as_str()))
}

/// Does what was asked for, with the requester's rights of now.
fn execute(op: &Op, tx: &mut WriteTx<'_>, request: &Request, placed: &Placed) -> Result<(), VaultError> {
    let executed = event(op, EXECUTED, request, placed);
    match request.kind {
        RequestKind::Reveal => {
            let until = op.now().plus(REVEAL_WINDOW);
            store::request_end(tx, request.id, RequestState::Granted, op.now(), Some(until))?;
        }
        RequestKind::Change => {
            let requester = requester(op, tx, request, placed)?;
            let items = open_items(op, tx, request, placed)?;
            store::request_end(tx, request.id, RequestState::Executed, op.now(), None)?;
            let write = BatchRequest {
                project: placed.environment.project.to_string(),
                environment: placed.environment.id.to_string(),
                items,
                skip_same: false,
                force: request.force,
                dry_run: false,
            };
            apply_approved(&requester, tx, placed, write)?;
        }
    }
    op.record(tx, executed)?;
    Ok(())
}

/// A context in which the requester acts, with what they may do now.
fn requester(op: &Op, tx: &WriteTx<'_>, request: &Request, placed: &Placed) -> Result<Op, VaultError> {
    let facts = access::principal_facts(tx, request.organization, request.requester)?;
    let facts = facts.ok_or(ApprovalError::RequesterLost)?;
    for item in store::item_list(tx, request.id)? {
        let action = if act(request, &item) == Act::Delete { Action::SecretDelete } else { Action::SecretWrite };
        if !op.decide_for(tx, epoch(tx)?, &facts, action, &placed.resource())?.allow {
            return Err(ApprovalError::RequesterLost.into());
        }
    }
    let identity = Identity {
        principal: Arc::new(facts),
        epoch: epoch(tx).map_err(OpError::from)?,
        credential: request.credential,
        stepped_up_until: None,
    };
    Ok(op.on_behalf(identity))
}

/// The write a request holds, opened.
fn open_items(op: &Op, tx: &WriteTx<'_>, request: &Request, placed: &Placed) -> Result<Vec<Item>, VaultError> {
    let keys = op.keyring().organization(tx, request.organization)?;
    let source = StoreSource::new(tx, keys);
    let cipher = source.cipher(placed.environment.id)?;
    let mut items = Vec::new();
    for (position, item) in (0..).zip(store::item_list(tx, request.id)?) {
        let state = state_of(&item.action);
        let sealed = item.ciphertext.as_deref().unwrap_or_default();
        let value: SecretBytes = cipher.open(&aad(request.id, position, state.as_str(), &item), sealed)?;
        let wish = match state {
            VersionState::Set => Wish::Set { value, interpolate: item.interpolate, visibility: Some(item.visibility) },
            VersionState::Unset => Wish::Unset,
            VersionState::Deleted => Wish::Delete,
        };
        items.push(Item {
            name: item.name.to_string(),
            path: Some(item.path.to_string()),
            wish,
            comment: Some(item.comment),
            tags: Some(item.tags),
            base_version: Some(item.base_version),
        });
    }
    Ok(items)
}

/// What a name becomes by an action.
pub(in crate::vault) fn state_of(action: &str) -> VersionState {
    match action {
        "delete" => VersionState::Deleted,
        "unset" => VersionState::Unset,
        _ => VersionState::Set,
    }
}
