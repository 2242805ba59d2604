//! `Op`: who acts, in which request, at what time; the first argument of every operation.
//!
//! Invariants, and what each one stops:
//! - [`Op::authorize`] is the only way to an allowed [`Event`]: what is recorded was decided, and what was decided
//!   can be recorded with the policies that did.
//! - A denial leaves an event behind even though the operation's changes are undone ([`Op::write`], [`Op::read`]).
//! - Rights are those of the transaction that acts. Grants and credentials are looked at again whenever the
//!   authorization epoch moved, so a credential revoked between the request and the commit does nothing.
//! - A value leaves only after its event is on disk ([`Op::read_value`]).
//!
//! It knows no feature. The facts about a principal come from whoever implements [`Principals`].

mod error;
mod parts;
mod remember;
mod store;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub use error::OpError;
pub use parts::{Core, Decided, Policies, Principals};
pub use remember::{Keep, Remembered};
pub use store::{epoch, epoch_raise};

use crate::db::{DbError, Reader, WriteTx};
use crate::keys::Keyring;
use crate::ledger::{self, ActionName, Actor, Event, Outcome, Personal, Target};
use crate::policy::{
    Action, CacheKey, Circumstances, Context, Decision, InstancePermission, Node, Principal, PrincipalId, Resource,
};
use crate::types::{Id, SecretString, Timestamp, kinds};

/// How often a read is tried again when rights changed while its event was on the way to disk.
const READ_TRIES: usize = 8;

/// A principal as its credential proved it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What it holds, as of `epoch`.
    pub principal: Arc<Principal>,
    /// The authorization epoch the principal was loaded in.
    pub epoch: u64,
    /// The credential it came with.
    pub credential: Id<kinds::Credential>,
    /// Until when it may do what asks for a fresh sign-in; machines are never asked.
    pub stepped_up_until: Option<Timestamp>,
}

/// Who acts.
#[derive(Debug, Clone)]
pub enum Who {
    /// Somebody with a credential.
    Known(Identity),
    /// A scheduled job.
    Job(&'static str),
    /// The appliance itself.
    System,
    /// Somebody with a shell on the machine.
    Local,
    /// Nobody yet.
    Anonymous,
}

/// Where a request came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The address.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// What a browser says it is known by.
    pub device: Option<Arc<SecretString>>,
}

/// Something to write in the commit of whatever a request changes.
pub type Mark = Arc<dyn Fn(&WriteTx<'_>) -> Result<(), DbError> + Send + Sync>;

struct Inner {
    core: Arc<Core>,
    who: Who,
    origin: Origin,
    request: Id<kinds::Request>,
    mark: Option<Mark>,
    denied: Mutex<Option<Event>>,
}

/// One operation's context; cheap to clone.
#[derive(Clone)]
pub struct Op(Arc<Inner>);

impl Op {
    /// A context for one request, one command or one run of a job.
    pub fn new(core: Arc<Core>, who: Who, origin: Origin, request: Id<kinds::Request>) -> Self {
        Self(Arc::new(Inner { core, who, origin, request, mark: None, denied: Mutex::new(None) }))
    }

    /// The same request, with something to write in each commit it makes: so it is told afterwards, whatever happened
    /// to its answer, whether it changed anything.
    #[must_use]
    pub fn marking(&self, mark: Mark) -> Self {
        let Inner { core, who, origin, request, .. } = &*self.0;
        let (core, who, origin) = (Arc::clone(core), who.clone(), origin.clone());
        Self(Arc::new(Inner { core, who, origin, request: *request, mark: Some(mark), denied: Mutex::new(None) }))
    }

    /// The same request, acting for somebody whose wish is carried out now: what they hold, in this transaction's
    /// epoch, decides, and what is recorded names them. Whoever carries it out records that under their own name.
    #[must_use]
    pub fn on_behalf(&self, identity: Identity) -> Self {
        let core = Arc::clone(&self.0.core);
        Self::new(core, Who::Known(identity), Origin::default(), self.0.request)
    }

    /// The same request, acting for nobody: who was recognized has not shown that they meant it.
    #[must_use]
    pub fn as_nobody(&self) -> Self {
        let core = Arc::clone(&self.0.core);
        Self::new(core, Who::Anonymous, self.0.origin.clone(), self.0.request)
    }

    /// The appliance.
    pub fn core(&self) -> &Core {
        &self.0.core
    }

    /// The keys.
    pub fn keyring(&self) -> &Keyring {
        &self.0.core.keyring
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.0.core.clock.now()
    }

    /// Who acts.
    pub fn who(&self) -> &Who {
        &self.0.who
    }

    /// Where the request came from.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The request.
    pub fn request(&self) -> Id<kinds::Request> {
        self.0.request
    }

    /// The identity behind the credential.
    ///
    /// # Errors
    /// There is none.
    pub fn identity(&self) -> Result<&Identity, OpError> {
        match &self.0.who {
            Who::Known(identity) => Ok(identity),
            _ => Err(OpError::Anonymous),
        }
    }

    /// The organization the credential opens.
    ///
    /// # Errors
    /// There is no credential.
    pub fn organization(&self) -> Result<Id<kinds::Organization>, OpError> {
        self.identity().map(|i| i.principal.organization)
    }

    /// Whether a machine acts: it receives values by `secret.use`, and is never asked to sign in again.
    pub fn is_machine(&self) -> bool {
        matches!(&self.0.who, Who::Known(i) if matches!(i.principal.id, PrincipalId::ServiceAccount(_)))
    }

    /// Who acts, as authors are stored: an id, or the name of a job.
    pub fn author(&self) -> String {
        self.actor().to_string()
    }

    fn actor(&self) -> Actor {
        match &self.0.who {
            Who::Known(identity) => match identity.principal.id {
                PrincipalId::User(id) => Actor::User(id),
                PrincipalId::ServiceAccount(id) => Actor::ServiceAccount(id),
            },
            Who::Job(name) => Actor::Job(name),
            Who::System => Actor::System,
            Who::Local => Actor::Local,
            Who::Anonymous => Actor::Anonymous,
        }
    }

    /// What the ledger keeps of whoever asks, apart from the record so that it can be erased; `text` is what they wrote.
    pub fn personal(&self, text: Option<String>) -> Personal {
        let origin = &self.0.origin;
        Personal { address: origin.address.map(|a| a.to_string()), user_agent: origin.user_agent.clone(), text }
    }

    /// An event of this operation that no permission is behind: one's own tokens, the set-up, jobs.
    pub fn event(&self, action: ActionName, outcome: Outcome) -> Event {
        let event = Event::new(self.now(), action, outcome, self.actor()).request(self.0.request);
        let event = event.personal(self.personal(None));
        match &self.0.who {
            Who::Known(identity) => event.credential(identity.credential).organization(identity.principal.organization),
            _ => event,
        }
    }

    /// Decides, and gives the event to record when it is allowed. A denial is kept to be recorded.
    ///
    /// # Errors
    /// [`OpError::Denied`]; the credential is gone; the database failed.
    pub fn authorize(&self, reader: &Reader<'_>, action: Action, resource: &Resource) -> Result<Event, OpError> {
        let decision = self.decide(reader, action, resource)?;
        self.0.core.decided.count(&decision);
        let outcome = if decision.allow { Outcome::Allowed } else { Outcome::Denied };
        let event = self.event(ActionName::new(action.as_str()), outcome);
        let event = about(event, resource).policies(Arc::clone(&decision.policies));
        let event = event.would_deny(Arc::clone(&decision.would_deny));
        if decision.allow {
            return Ok(event);
        }
        let error = OpError::denied(action, &decision);
        self.keep_denied(event.code("permission_denied"));
        Err(error)
    }

    /// Whether it would be allowed; nothing is recorded. For showing and hiding, never for acting.
    ///
    /// # Errors
    /// The credential is gone; the database failed.
    pub fn permits(&self, reader: &Reader<'_>, action: Action, resource: &Resource) -> Result<bool, OpError> {
        self.decide(reader, action, resource).map(|d| d.allow)
    }

    /// Decides about an act on the appliance itself.
    ///
    /// # Errors
    /// [`OpError::Denied`]; the credential is gone; the database failed.
    pub fn authorize_instance(&self, reader: &Reader<'_>, permission: InstancePermission) -> Result<Event, OpError> {
        let principal = self.principal(reader)?.1;
        let decision = self.0.core.policy.decide_instance(&principal, permission);
        self.0.core.decided.count(&decision);
        let outcome = if decision.allow { Outcome::Allowed } else { Outcome::Denied };
        let event = self.event(ActionName::new(permission.as_str()), outcome);
        let event = event.policies(Arc::clone(&decision.policies));
        if decision.allow {
            return Ok(event);
        }
        self.keep_denied(event.code("permission_denied"));
        Err(OpError::OperatorsOnly(permission))
    }

    /// Asks for a fresh sign-in: of people, never of machines.
    ///
    /// # Errors
    /// [`OpError::StepUp`].
    pub fn require_step_up(&self) -> Result<(), OpError> {
        let identity = self.identity()?;
        let fresh = identity.stepped_up_until.is_some_and(|until| until > self.now());
        if fresh || self.is_machine() { Ok(()) } else { Err(OpError::StepUp) }
    }

    /// The decision about `action`, from the cache of the current epoch when it is there.
    fn decide(&self, reader: &Reader<'_>, action: Action, resource: &Resource) -> Result<Arc<Decision>, OpError> {
        let (epoch, principal) = self.principal(reader)?;
        self.decide_for(reader, epoch, &principal, action, resource)
    }

    /// The decision about `action` for any principal: what `policy explain` answers.
    ///
    /// # Errors
    /// The organization's own policies cannot be loaded: the database failed.
    pub fn decide_for(
        &self,
        reader: &Reader<'_>,
        epoch: u64,
        principal: &Principal,
        action: Action,
        resource: &Resource,
    ) -> Result<Arc<Decision>, OpError> {
        let core = &self.0.core;
        let (organization, node) = (principal.organization, resource.node());
        let key = CacheKey { principal: principal.id, organization, action, node };
        // An epoch other than the one that was seen committed may belong to a transaction that is undone yet.
        let committed = matches!(&self.0.who, Who::Known(identity) if identity.epoch == epoch);
        let forbids = || core.policies.forbids(reader, organization, epoch, committed);
        let kept = core.decisions.get(epoch, &key).filter(|_| resource.organization_id() == organization);
        let decision = if let Some(decision) = kept {
            decision
        } else {
            let context = Context { forbids: Some(&*forbids()?), circumstances: None };
            let decision = Arc::new(core.policy.decide(principal, action, resource, context));
            if committed && resource.organization_id() == organization {
                core.decisions.put(epoch, key, Arc::clone(&decision));
            }
            decision
        };
        if !decision.conditional {
            return Ok(decision);
        }
        // What is kept is the part that stays true: time and place are asked about each time.
        let at = Circumstances { at: self.now(), address: self.0.origin.address };
        Ok(Arc::new(core.policy.narrow(&decision, principal, action, resource, &*forbids()?, &at)))
    }

    /// The principal as it stands in this transaction, and the epoch of the transaction.
    ///
    /// # Errors
    /// [`OpError::CredentialGone`]; nobody is known; the database failed.
    pub fn principal(&self, reader: &Reader<'_>) -> Result<(u64, Arc<Principal>), OpError> {
        let identity = self.identity()?;
        let now = epoch(reader)?;
        if now == identity.epoch {
            return Ok((now, Arc::clone(&identity.principal)));
        }
        let organization = identity.principal.organization;
        let loaded = self.0.core.principals.principal(reader, identity.credential, organization, self.now())?;
        loaded.map(|p| (now, Arc::new(p))).ok_or(OpError::CredentialGone)
    }

    /// Whether whoever began something long may still do it: their credential, what they hold and its end are looked up
    /// anew, whatever was known when they began. Nothing is recorded.
    ///
    /// # Errors
    /// [`OpError::CredentialGone`]; nobody is known; the database failed.
    pub fn still_permits(&self, reader: &Reader<'_>, action: Action, resource: &Resource) -> Result<bool, OpError> {
        let identity = self.identity()?;
        let (organization, now) = (identity.principal.organization, epoch(reader)?);
        let loaded = self.0.core.principals.principal(reader, identity.credential, organization, self.now())?;
        let principal = loaded.ok_or(OpError::CredentialGone)?;
        Ok(self.decide_for(reader, now, &principal, action, resource)?.allow)
    }

    /// Keeps `event`, allowed so far, as a denial: for a rule beyond permissions that refuses. It is recorded when
    /// the operation fails, like the denials of [`Op::authorize`].
    pub fn refuse(&self, event: &Event, code: &'static str) {
        self.keep_denied(event.clone().with_outcome(Outcome::Denied).code(code));
    }

    fn keep_denied(&self, event: Event) {
        *self.0.denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
    }

    fn take_denied(&self) -> Option<Event> {
        self.0.denied.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts an event into the ledger, in this transaction.
    ///
    /// # Errors
    /// The event breaks a limit; the database failed.
    pub fn record(&self, tx: &mut WriteTx<'_>, event: Event) -> Result<(), OpError> {
        ledger::append(tx, event)?;
        Ok(())
    }

    /// Runs an operation that changes something. What it changed and what it recorded commit together; when it
    /// fails, only the denial it left is kept.
    ///
    /// # Errors
    /// Those of `f`, and the database's.
    pub async fn write<T, E>(
        &self,
        f: impl FnOnce(&Self, &mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<OpError> + From<DbError> + Send + 'static,
    {
        let op = self.clone();
        let run = move |tx: &mut WriteTx<'_>| {
            let result = f(&op, tx);
            op.end_write(tx, result.is_ok())?;
            result
        };
        self.0.core.db.write(run).await
    }

    /// What every write ends with: that it was done is marked, or the denial it left is kept.
    fn end_write(&self, tx: &mut WriteTx<'_>, is_done: bool) -> Result<(), DbError> {
        let marked = self.0.mark.as_ref().filter(|_| is_done).map_or(Ok(()), |mark| mark(tx));
        if (!is_done || marked.is_err())
            && let Some(event) = self.take_denied()
        {
            ledger::append_on_rollback(tx, event);
        }
        marked
    }

    /// Runs an operation that only looks, at what is no value. A denial is recorded before it is answered.
    ///
    /// # Errors
    /// Those of `f`, and the database's.
    pub async fn read<T, E>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<OpError> + From<DbError> + Send + 'static,
    {
        let result = self.0.core.db.read(|reader| {
            store::epoch_stored(reader)?;
            f(reader)
        });
        self.settle_denied().await?;
        result
    }

    async fn settle_denied(&self) -> Result<(), OpError> {
        let Some(event) = self.take_denied() else { return Ok(()) };
        self.0.core.db.write(move |tx| Ok(ledger::append(tx, event).map(drop)?)).await
    }

    /// Runs an operation that hands out values: `f` gives them with their events, the events go to disk under the
    /// same rights, and only then the values are given. When rights changed in between, everything runs again.
    ///
    /// `after` may note more in the same commit, such as who used what last.
    ///
    /// # Errors
    /// Those of `f`, the database's, and [`OpError::Contended`] when rights do not stand still.
    pub async fn read_value<T, E>(&self, f: impl Fn(&Reader<'_>) -> Result<Released<T>, E>) -> Result<T, E>
    where
        E: From<OpError> + From<DbError> + Send + 'static,
    {
        for _ in 0..READ_TRIES {
            let loaded = self.0.core.db.read(|reader| {
                let seen = epoch(reader)?;
                f(reader).map(|released| (released, seen))
            });
            self.settle_denied().await?;
            let (Released { value, event, note }, seen) = loaded?;
            let Some(event) = event else { return Ok(value) };
            if self.keep_read(event, note, seen).await? {
                return Ok(value);
            }
        }
        Err(OpError::Contended.into())
    }

    /// Puts the event of a read into the ledger while the authorization epoch is `seen`; false when it is not.
    async fn keep_read(&self, event: Event, note: Option<Note>, seen: u64) -> Result<bool, OpError> {
        event.check()?;
        let kept = self.0.core.db.write_surely(move |tx| {
            if epoch(tx)? != seen {
                return Ok(false);
            }
            ledger::append(tx, event)?;
            if let Some(note) = note {
                note(tx)?;
            }
            Ok::<_, OpError>(true)
        });
        kept.await
    }
}

/// Something more to write in the commit of an event.
pub type Note = Box<dyn FnOnce(&mut WriteTx<'_>) -> Result<(), DbError> + Send>;

/// A value on its way out.
pub struct Released<T> {
    /// What is given once the event is on disk.
    pub value: T,
    /// What is recorded first; none when nothing leaves (a 304).
    pub event: Option<Event>,
    /// What else is written in that commit.
    pub note: Option<Note>,
}

/// The event, told where it happened.
pub fn about(event: Event, resource: &Resource) -> Event {
    let mut event = event.organization(resource.organization_id());
    for node in resource.chain() {
        if let Node::Project(project) = node {
            event = event.project(project);
        }
    }
    match resource.node() {
        Node::Organization(id) => event.target(Target::new("organization", id)),
        Node::Project(id) => event.target(Target::new("project", id)),
        Node::Environment(id) => event.environment(id).target(Target::new("environment", id)),
    }
}
