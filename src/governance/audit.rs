//! Listing, proving, exporting and verifying.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::GovernanceError;
use crate::db::Reader;
use crate::keys::LedgerSigner;
use crate::ledger::{self, Checkpoint, EventFilter, EventView, InclusionProof, Outcome, Report, Sign, Trust};
use crate::op::Op;
use crate::orgs::environment::Placed;
use crate::orgs::{OrgError, access};
use crate::policy::{Action, Node, PrincipalId};
use crate::types::{Cursor, Id, Limit, Page, ParseError, Timestamp, kinds};

/// Which events are asked for. What is not set matches all.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// The actor's id, a member's address, a job's name, or the kind of an actor that has no id.
    pub actor: Option<String>,
    /// The action's name.
    pub action: Option<String>,
    /// The target's id.
    pub target: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Not after this time.
    pub to: Option<Timestamp>,
    /// The project, by id or slug.
    pub project: Option<String>,
    /// The environment, by id, or by slug with its project.
    pub environment: Option<String>,
}

/// An event, and how its actor is called now.
#[derive(Debug, Clone)]
pub struct SeenEvent {
    /// The event.
    pub event: EventView,
    /// An e-mail address or a service account's name; none for others and for those who are gone.
    pub actor_name: Option<String>,
}

/// The longest text a filter compares, in bytes.
const FILTER_MAX: usize = 512;

pub(super) fn filter(op: &Op, reader: &Reader<'_>, query: &AuditQuery) -> Result<EventFilter, GovernanceError> {
    let texts = [("actor", &query.actor), ("action", &query.action), ("target", &query.target)];
    for (name, text) in texts {
        if text.as_ref().is_some_and(|t| t.is_empty() || t.len() > FILTER_MAX || t.chars().any(char::is_control)) {
            return Err(ParseError::new(name, "must have 1 to 512 printable characters").into());
        }
    }
    let (mut project, mut environment) = (None, None);
    if query.project.is_some() || query.environment.is_some() {
        let resource = access::node(op, reader, query.project.as_deref(), query.environment.as_deref())?;
        match resource.node() {
            Node::Project(id) => project = Some(id),
            Node::Environment(id) => environment = Some(id),
            Node::Organization(_) => {}
        }
    }
    Ok(EventFilter {
        organization: Some(op.organization()?),
        project,
        environment,
        action: query.action.clone(),
        actor: query.actor.as_deref().map(|named| actor(op, reader, named)).transpose()?,
        target: query.target.clone(),
        mentions: None,
        outcome: query.outcome,
        from: query.from,
        to: query.to,
    })
}

/// The id of an actor that is named by a member's address; anything else stands for itself.
fn actor(op: &Op, reader: &Reader<'_>, named: &str) -> Result<String, GovernanceError> {
    if !named.contains('@') {
        return Ok(named.to_owned());
    }
    match access::principal_named(op, reader, &access::PrincipalName::User(named.to_owned())) {
        Ok(PrincipalId::User(id)) => Ok(id.to_string()),
        Err(OrgError::NotFound { .. }) | Ok(_) => Ok(named.to_owned()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn authorize(op: &Op, reader: &Reader<'_>, action: Action) -> Result<(), GovernanceError> {
    op.authorize(reader, action, &access::own_organization(op)?)?;
    Ok(())
}

/// Tells how actors are called; each is looked up once.
pub(super) struct Names<'r, 'c> {
    reader: &'r Reader<'c>,
    known: HashMap<String, Option<String>>,
}

impl<'r, 'c> Names<'r, 'c> {
    pub(super) fn new(reader: &'r Reader<'c>) -> Self {
        Self { reader, known: HashMap::new() }
    }

    pub(super) fn see(&mut self, event: EventView) -> Result<SeenEvent, GovernanceError> {
        let id = event.actor.id.as_ref();
        if let Some(actor_name) = self.known.get(id) {
            return Ok(SeenEvent { actor_name: actor_name.clone(), event });
        }
        let user = Id::<kinds::User>::parse(id).map(PrincipalId::User);
        let principal = user.or_else(|_| Id::<kinds::ServiceAccount>::parse(id).map(PrincipalId::ServiceAccount));
        let actor_name = match principal {
            Ok(principal) => access::principal_label(self.reader, principal)?,
            Err(_) => None,
        };
        self.known.insert(id.to_owned(), actor_name.clone());
        Ok(SeenEvent { event, actor_name })
    }
}

/// A page of the organization's events, newest first. A page may be short, even empty, and still name a next one.
///
/// # Errors
/// Not allowed; a project or environment that is not there; the cursor is none of ours.
pub async fn audit_list(
    op: &Op,
    query: &AuditQuery,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<SeenEvent>, GovernanceError> {
    op.read(|reader| {
        authorize(op, reader, Action::AuditRead)?;
        let page = ledger::list(reader, &filter(op, reader, query)?, limit, cursor.as_ref())?;
        seen(reader, page)
    })
    .await
}

fn seen(reader: &Reader<'_>, page: Page<EventView>) -> Result<Page<SeenEvent>, GovernanceError> {
    let mut names = Names::new(reader);
    let items = page.items.into_iter().map(|e| names.see(e)).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// The event with this id or place, of this organization.
fn find(op: &Op, reader: &Reader<'_>, name: &str) -> Result<EventView, GovernanceError> {
    let missing = || GovernanceError::EventNotFound(name.chars().filter(|c| !c.is_control()).take(64).collect());
    let found = match (name.parse::<u64>(), Id::parse(name)) {
        (Ok(seq), _) => ledger::event_get(reader, seq),
        (_, Ok(id)) => ledger::event_find(reader, id),
        _ => return Err(missing()),
    };
    let own = op.organization()?.to_string();
    let found = found.map_err(|e| match GovernanceError::from(e) {
        GovernanceError::EventNotFound(_) => missing(),
        other => other,
    })?;
    if found.organization.as_ref() == Some(&own) { Ok(found) } else { Err(missing()) }
}

/// One event, by its id or its place.
///
/// # Errors
/// Not allowed; unknown, or of another organization.
pub async fn audit_event(op: &Op, name: &str) -> Result<SeenEvent, GovernanceError> {
    op.read(|reader| {
        authorize(op, reader, Action::AuditRead)?;
        Names::new(reader).see(find(op, reader, name)?)
    })
    .await
}

/// That an event is in the log.
#[derive(Debug, Clone)]
pub struct EventProof {
    /// The siblings, and the size of the tree they prove it for.
    pub proof: InclusionProof,
    /// The newest checkpoint, when it covers the event: then the proof is for its size.
    pub checkpoint: Option<Checkpoint>,
}

/// The proof that an event is in the log: of the newest checkpoint's tree when it is in it, else of the tree as it is.
///
/// # Errors
/// Not allowed; unknown, or of another organization.
pub async fn audit_proof(op: &Op, name: &str) -> Result<EventProof, GovernanceError> {
    op.read(|reader| {
        authorize(op, reader, Action::AuditRead)?;
        let seq = find(op, reader, name)?.seq;
        let newest = ledger::checkpoint_newest(reader)?.map(|(checkpoint, _)| checkpoint);
        let checkpoint = newest.filter(|c| c.size > seq);
        let size = checkpoint.as_ref().map_or_else(|| ledger::size(reader), |c| Ok(c.size))?;
        Ok(EventProof { proof: ledger::inclusion_proof(reader, seq, size)?, checkpoint })
    })
    .await
}

struct Signer(Arc<LedgerSigner>);

impl Sign for Signer {
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message)
    }

    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }
}

/// The checkpoint of the log as it is now: made when events came since the newest one.
///
/// # Errors
/// Not allowed; the log contradicts an earlier checkpoint.
pub async fn audit_checkpoint(op: &Op) -> Result<Checkpoint, GovernanceError> {
    op.write(|op, tx| {
        authorize(op, tx, Action::AuditRead)?;
        let signer = Signer(Arc::clone(op.keyring().instance().ledger_signer()));
        Ok(ledger::checkpoint_make(tx, &signer, op.now())?)
    })
    .await
}

/// Recomputes the whole log and compares it with its own checkpoints and one the caller kept.
///
/// # Errors
/// Not allowed; the checkpoint cannot be read; somebody verifies already.
pub async fn audit_verify(op: &Op, checkpoint: Option<String>) -> Result<Report, GovernanceError> {
    static RUNNING: AtomicBool = AtomicBool::new(false);
    struct Turn;
    impl Drop for Turn {
        fn drop(&mut self) {
            RUNNING.store(false, Ordering::Release);
        }
    }
    op.read(|reader| authorize(op, reader, Action::AuditRead)).await?;
    if RUNNING.swap(true, Ordering::Acquire) {
        return Err(GovernanceError::Busy);
    }
    let (turn, db) = (Turn, op.core().db.clone());
    let instance = op.keyring().instance();
    let trust = Trust {
        key: Some(instance.ledger_signer().public_key()),
        instance: Some(instance.id()),
        checkpoints: checkpoint.into_iter().collect(),
    };
    // Seconds of work on a large log: not for a thread that answers others.
    let verified = tokio::task::spawn_blocking(move || {
        let report = db.read(|reader| ledger::verify(reader, &trust, &mut |_, _| ()).map_err(GovernanceError::from));
        drop(turn);
        report
    });
    verified.await.map_err(|_| GovernanceError::Busy)?
}

/// The last reads of one secret's value, newest first: alone, with all variables of an environment, or as a part of
/// another value; those in environments whose readers whoever asks may see. A page may be short and still name a next
/// one.
///
/// # Errors
/// Unknown or not visible; not allowed.
pub async fn secret_accesses(
    op: &Op,
    project: &str,
    environment: &str,
    secret: Id<kinds::SecretRow>,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<SeenEvent>, GovernanceError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, project, environment)?;
        op.authorize(reader, Action::SecretAccessesRead, &placed.resource())?;
        let filter = EventFilter {
            organization: Some(placed.environment.organization),
            mentions: Some(secret),
            outcome: Some(Outcome::Allowed),
            ..EventFilter::default()
        };
        let mut page = ledger::list(reader, &filter, limit, cursor.as_ref())?;
        let reads = [Action::SecretReveal.as_str(), Action::SecretUse.as_str()];
        let mut told = Vec::with_capacity(page.items.len());
        for event in page.items {
            if reads.contains(&event.action.as_str()) && may_see_readers(op, reader, &placed, &event)? {
                told.push(event);
            }
        }
        page.items = told;
        seen(reader, page)
    })
    .await
}

/// A value is read where it is inherited, too: who may see the readers there is a question of its own.
fn may_see_readers(op: &Op, reader: &Reader<'_>, asked: &Placed, event: &EventView) -> Result<bool, GovernanceError> {
    // A question about a value that names no environment found it in this one.
    let Some(environment) = event.environment.as_deref() else { return Ok(true) };
    let Ok(environment) = Id::parse(environment) else { return Ok(false) };
    if environment == asked.environment.id {
        return Ok(true);
    }
    let Some(placed) = access::placed(reader, asked.environment.organization, environment)? else { return Ok(false) };
    Ok(op.permits(reader, Action::SecretAccessesRead, &placed.resource())?)
}
