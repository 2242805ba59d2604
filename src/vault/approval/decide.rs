//! Deciding on a request: yes, no, giving it up, and not waiting for the others.

use std::sync::Arc;

use super::act;
use super::ask::{aad, covering, organization_scope, shown};
use super::model::{Act, Request, RequestItem, RequestKind, RequestNote, RequestState, Scope, Verdict, parse_note};
use super::rule::override_rule;
use super::{ApprovalError, COMMENTED, EXECUTED, EXPIRED, NOTES_MAX, REVEAL_WINDOW, STALE, WITHDRAWN, store};
use crate::db::{Reader, WriteTx};
use crate::ledger::{ActionName, Details, Event, Outcome, Target};
use crate::op::{Identity, Op, OpError, about, epoch};
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::{Action, PrincipalId};
use crate::types::{Id, SecretBytes, kinds};
use crate::vault::VaultError;
use crate::vault::care::end_written;
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
    let rows = act::rows_to_reseal(op, id).await?;
    let ended = op.write(move |op, tx| {
        let (request, scope) = find(op, tx, id)?;
        let event = op.authorize(tx, Action::ApprovalDecide, &scope.resource())?;
        let user = require_other(op, tx, &request, &event)?;
        require_fresh_for(op, &request, &event)?;
        if let Some(ended) = require_standing(op, tx, &request, &scope)? {
            return Ok::<_, VaultError>(ended);
        }
        say(op, tx, &request, user, Some(Verdict::Approve), comment)?;
        op.record(tx, decided(event, &request, Verdict::Approve))?;
        if standing_approvals(op, tx, &request, &scope)? >= needed(tx, &request, &scope)? {
            execute(op, tx, &request, &scope, rows)?;
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
        let (request, scope) = find(op, tx, id)?;
        let event = op.authorize(tx, Action::ApprovalDecide, &scope.resource())?;
        let user = require_other(op, tx, &request, &event)?;
        if let Some(ended) = require_standing(op, tx, &request, &scope)? {
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
    let rows = act::rows_to_reseal(op, id).await?;
    let ended = op.write(move |op, tx| {
        let (request, scope) = find(op, tx, id)?;
        let event = override_rule(op, tx, &scope.resource(), Some(reason.clone()))?;
        let user = require_person(op, &event)?;
        op.require_step_up()?;
        if let Some(ended) = require_standing(op, tx, &request, &scope)? {
            return Ok::<_, VaultError>(ended);
        }
        say(op, tx, &request, user, Some(Verdict::Override), reason)?;
        op.record(tx, decided(event, &request, Verdict::Override))?;
        execute(op, tx, &request, &scope, rows)?;
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
        let (request, scope) = find(op, tx, id)?;
        if request.requester != op.principal(tx)?.1.id {
            op.refuse(&event(op, WITHDRAWN, &request, &scope), "not_requester");
            return Err(ApprovalError::NotYours.into());
        }
        require_open(&request)?;
        store::request_end(tx, id, RequestState::Withdrawn, op.now(), None)?;
        op.record(tx, event(op, WITHDRAWN, &request, &scope))?;
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
        let (request, scope) = find(op, tx, id)?;
        let event = event(op, COMMENTED, &request, &scope);
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

/// The request, and where it belongs, for whoever may know of it.
pub(super) fn find(op: &Op, tx: &Reader<'_>, id: Id<kinds::Approval>) -> Result<(Request, Scope), VaultError> {
    let missing = || VaultError::not_found("approval request", id.to_string());
    let (_, own) = op.principal(tx)?;
    let request = store::request_get(tx, own.organization, id)?.ok_or_else(missing)?;
    let scope = match request.environment {
        Some(environment) => access::placed(tx, own.organization, environment)?.map(Scope::of),
        None => Some(organization_scope(tx, own.organization)?),
    };
    let scope = scope.ok_or_else(missing)?;
    let resource = scope.resource();
    let visible = request.requester == own.id
        || match request.kind {
            RequestKind::Change | RequestKind::Reveal => op.permits(tx, Action::SecretList, &resource)?,
            // Who decides must see what about.
            RequestKind::Act(act) => {
                op.permits(tx, Action::ApprovalDecide, &resource)? || op.permits(tx, act.action(), &resource)?
            }
        };
    if visible { Ok((request, scope)) } else { Err(missing()) }
}

/// What is asked of whoever does such an act is asked of whoever lets it be done: to have signed in recently.
fn require_fresh_for(op: &Op, request: &Request, event: &Event) -> Result<(), VaultError> {
    match request.kind {
        RequestKind::Act(_) => Ok(access::require_fresh(op, event)?),
        RequestKind::Change | RequestKind::Reveal => Ok(()),
    }
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
    scope: &Scope,
) -> Result<Option<Ended>, VaultError> {
    require_open(request)?;
    if request.expires_at <= op.now() {
        store::request_end(tx, request.id, RequestState::Expired, op.now(), None)?;
        op.record(tx, event(op, EXPIRED, request, scope))?;
        return Ok(Some(Ended::Late));
    }
    let Some(name) = changed(op, tx, request)? else { return Ok(None) };
    store::request_end(tx, request.id, RequestState::Stale, op.now(), None)?;
    op.record(tx, event(op, STALE, request, scope))?;
    Ok(Some(Ended::Stale(name)))
}

/// The first name that is not at the version a change was made for. A reveal is of one version, whatever comes after.
fn changed(op: &Op, tx: &WriteTx<'_>, request: &Request) -> Result<Option<String>, VaultError> {
    let environment = match (request.kind, request.environment) {
        (RequestKind::Act(_), _) => return act::changed(op, tx, request),
        (RequestKind::Change, Some(environment)) => environment,
        (RequestKind::Change | RequestKind::Reveal, _) => return Ok(None),
    };
    for item in store::item_list(tx, request.id)? {
        let found = secrets::secret_get(tx, environment, &item.path, &item.name)?;
        if found.map_or(0, |found| found.newest) != item.base_version {
            return Ok(Some(shown(&item.path, &item.name)));
        }
    }
    Ok(None)
}

/// Approvals that count: of people who may still decide.
fn standing_approvals(op: &Op, tx: &WriteTx<'_>, request: &Request, scope: &Scope) -> Result<usize, VaultError> {
    let mut count = 0;
    for note in store::note_list(tx, request.id, NOTES_MAX)? {
        if note.verdict == Some(Verdict::Approve)
            && permits(op, tx, request, PrincipalId::User(note.user), Action::ApprovalDecide, scope)?
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
    scope: &Scope,
) -> Result<bool, VaultError> {
    let facts = access::principal_facts(tx, request.organization, who)?;
    Ok(match facts {
        Some(facts) => op.decide_for(tx, epoch(tx)?, &facts, action, &scope.resource())?.allow,
        None => false,
    })
}

/// As many as were asked for, or as the rules of now ask for, if that is more.
fn needed(tx: &WriteTx<'_>, request: &Request, scope: &Scope) -> Result<usize, VaultError> {
    let now = match (request.kind, scope) {
        (RequestKind::Act(act), _) => super::waits_for(tx, scope.organization(), act)?,
        (_, Scope::Environment(placed)) => {
            let items = store::item_list(tx, request.id)?;
            covering(tx, placed.environment.id, items.iter().map(|i| (act_of(request, i), &i.path)))?
        }
        (_, Scope::Organization(..)) => None,
    };
    let now = now.map_or(0, |wait| wait.approvals);
    Ok(usize::try_from(request.approvals.max(now)).unwrap_or(usize::MAX))
}

fn act_of(request: &Request, item: &RequestItem) -> Act {
    match (request.kind, item.action.as_str()) {
        (RequestKind::Reveal, _) => Act::Reveal,
        (_, "delete") => Act::Delete,
        _ => Act::Write,
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
pub(super) fn event(op: &Op, action: ActionName, request: &Request, scope: &Scope) -> Event {
    let event = about(op.event(action, Outcome::Allowed), &scope.resource());
    event.target(Target::new("approval", request.id))
}

fn decided(event: Event, request: &Request, verdict: Verdict) -> Event {
    event.target(Target::new("approval", request.id)).details(Details::new().with("verdict", verdict.as_str()))
}

/// Does what was asked for, with the requester's rights of now.
fn execute(
    op: &Op,
    tx: &mut WriteTx<'_>,
    request: &Request,
    scope: &Scope,
    rows: Option<u64>,
) -> Result<(), VaultError> {
    let executed = event(op, EXECUTED, request, scope);
    match (request.kind, scope) {
        (RequestKind::Act(act), _) => {
            let requester = requester(op, tx, request, scope, &[act.action()])?;
            store::request_end(tx, request.id, RequestState::Executed, op.now(), None)?;
            act::carry_out(&requester, tx, request, act, rows)?;
        }
        (RequestKind::Reveal, _) => {
            let until = op.now().plus(REVEAL_WINDOW);
            store::request_end(tx, request.id, RequestState::Granted, op.now(), Some(until))?;
        }
        (RequestKind::Change, Scope::Organization(..)) => return Err(ApprovalError::RequesterLost.into()),
        (RequestKind::Change, Scope::Environment(placed)) => {
            let action =
                |i: &RequestItem| if i.action == "delete" { Action::SecretDelete } else { Action::SecretWrite };
            let actions: Vec<_> = store::item_list(tx, request.id)?.iter().map(action).collect();
            let requester = requester(op, tx, request, scope, &actions)?;
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
            let outcome = apply_approved(&requester, tx, placed, write)?;
            if let Some(until) = request.good_until {
                end_written(&requester, tx, placed, &outcome, until)?;
            }
        }
    }
    op.record(tx, executed)?;
    Ok(())
}

/// A context in which the requester acts, with what they may do now.
fn requester(
    op: &Op,
    tx: &WriteTx<'_>,
    request: &Request,
    scope: &Scope,
    actions: &[Action],
) -> Result<Op, VaultError> {
    let facts = access::principal_facts(tx, request.organization, request.requester)?;
    let facts = facts.ok_or(ApprovalError::RequesterLost)?;
    for action in actions {
        if !op.decide_for(tx, epoch(tx)?, &facts, *action, &scope.resource())?.allow {
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
