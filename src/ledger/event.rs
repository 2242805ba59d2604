//! What an operation says about itself: who did what to what, how it ended, and why.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::Serialize;

use super::{ActionName, LedgerError};
use crate::types::{Id, Timestamp, kinds};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was allowed and done.
    Allowed,
    /// It was not allowed; nothing was changed.
    Denied,
    /// It was allowed, or nobody could tell, and failed; nothing was changed.
    Failed,
}

impl Outcome {
    /// The word in records, filters and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    /// The outcome called this.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Allowed, Self::Denied, Self::Failed].into_iter().find(|outcome| outcome.as_str() == text)
    }

    /// The number in the column.
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Allowed => 0,
            Self::Denied => 1,
            Self::Failed => 2,
        }
    }
}

/// Who acted. People appear by id, never by name or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A person, through any of their credentials.
    User(Id<kinds::User>),
    /// A machine identity.
    ServiceAccount(Id<kinds::ServiceAccount>),
    /// A scheduled job, by its name.
    Job(&'static str),
    /// Holdfast itself: start, stop, restore.
    System,
    /// Somebody with a shell on the machine: `holdfast rescue`.
    Local,
    /// Nobody is known to have acted: a failed sign-in.
    Anonymous,
}

impl Actor {
    /// The kind, in records and answers.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::ServiceAccount(_) => "service_account",
            Self::Job(_) => "job",
            Self::System => "system",
            Self::Local => "local",
            Self::Anonymous => "anonymous",
        }
    }
}

/// What filters compare: an id, a job's name, or the kind where there is only one of it.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::ServiceAccount(id) => id.fmt(f),
            Self::Job(name) => f.write_str(name),
            Self::System | Self::Local | Self::Anonymous => f.write_str(self.kind()),
        }
    }
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) kind: &'static str,
    pub(super) id: String,
}

impl Target {
    /// The most bytes of a target's id.
    pub const MAX: usize = 512;

    /// A thing by its kind in words (`secret`, `service_account`) and its id.
    pub fn new(kind: &'static str, id: impl fmt::Display) -> Self {
        let mut text = String::with_capacity(32);
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{id}");
        Self { kind, id: text }
    }
}

/// Ids, counts, versions and names that are no secrets: one JSON object, written as it is filled.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// The members of the object, comma separated, without its braces.
    members: String,
    large: bool,
}

impl Details {
    /// The most bytes.
    pub const MAX: usize = 16 * 1024;
    /// The most bytes of [`Details::large`].
    pub const LARGE_MAX: usize = 1024 * 1024;

    /// No details yet; at most 16 KiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// No details yet; at most 1 MiB. For the one event that lists all that left at once.
    pub fn large() -> Self {
        Self { members: String::new(), large: true }
    }

    /// Adds a member. Anything serde knows; a value it refuses is recorded as `null`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        if !self.members.is_empty() {
            self.members.push(',');
        }
        self.members.push_str(&serde_json::to_string(name).unwrap_or_default());
        self.members.push(':');
        self.members.push_str(serde_json::to_string(&value).as_deref().unwrap_or("null"));
        self
    }

    /// The members of the object, without its braces.
    pub(super) fn members(&self) -> &str {
        &self.members
    }

    fn check(&self) -> Result<(), LedgerError> {
        let max = if self.large { Self::LARGE_MAX } else { Self::MAX };
        if self.members.len() > max { Err(LedgerError::TooLong { what: "details", max }) } else { Ok(()) }
    }
}

/// What says something about a person. The record holds only a salted commitment to it; the row with the content
/// can be erased, and the log still verifies.
#[derive(Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Personal {
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The program it came from; cut at 512 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Words a person wrote: a reason, a name that was tried; cut at 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Personal {
    const ADDRESS_MAX: usize = 64;
    const USER_AGENT_MAX: usize = 512;
    const TEXT_MAX: usize = 1_024;

    /// Nothing that would be worth a row.
    pub const fn is_empty(&self) -> bool {
        self.address.is_none() && self.user_agent.is_none() && self.text.is_none()
    }

    /// The same within its limits: these come from outside, and a long one must not keep an event from being kept.
    pub(super) fn cut(mut self) -> Self {
        let limits = [
            (&mut self.address, Self::ADDRESS_MAX),
            (&mut self.user_agent, Self::USER_AGENT_MAX),
            (&mut self.text, Self::TEXT_MAX),
        ];
        for (field, max) in limits {
            if let Some(text) = field {
                text.truncate(text.floor_char_boundary(max));
            }
        }
        self
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

/// An entry of the ledger before it has its place. Holds no value of a secret, ever.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) at: Timestamp,
    pub(super) action: ActionName,
    pub(super) outcome: Outcome,
    pub(super) actor: Actor,
    pub(super) credential: Option<Id<kinds::Credential>>,
    pub(super) organization: Option<Id<kinds::Organization>>,
    pub(super) project: Option<Id<kinds::Project>>,
    pub(super) environment: Option<Id<kinds::Environment>>,
    pub(super) target: Option<Target>,
    pub(super) request: Option<Id<kinds::Request>>,
    pub(super) policies: Option<Arc<[String]>>,
    pub(super) would_deny: Option<Arc<[String]>>,
    pub(super) code: Option<&'static str>,
    pub(super) details: Details,
    pub(super) personal: Option<Personal>,
}

impl Event {
    /// Policies named at most; the rest is left out.
    pub(super) const POLICIES_MAX: usize = 32;
    /// The most bytes of a policy's name.
    const POLICY_MAX: usize = 256;

    /// An event of the instance; [`Event::organization`] makes it one of an organization.
    pub fn new(at: Timestamp, action: ActionName, outcome: Outcome, actor: Actor) -> Self {
        Self {
            at,
            action,
            outcome,
            actor,
            credential: None,
            organization: None,
            project: None,
            environment: None,
            target: None,
            request: None,
            policies: None,
            would_deny: None,
            code: None,
            details: Details::new(),
            personal: None,
        }
    }

    /// The credential that was used.
    #[must_use]
    pub fn credential(mut self, id: Id<kinds::Credential>) -> Self {
        self.credential = Some(id);
        self
    }

    /// The organization whose ledger view shows it.
    #[must_use]
    pub fn organization(mut self, id: Id<kinds::Organization>) -> Self {
        self.organization = Some(id);
        self
    }

    /// The project it happened in.
    #[must_use]
    pub fn project(mut self, id: Id<kinds::Project>) -> Self {
        self.project = Some(id);
        self
    }

    /// The environment it happened in.
    #[must_use]
    pub fn environment(mut self, id: Id<kinds::Environment>) -> Self {
        self.environment = Some(id);
        self
    }

    /// What it was done to.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// The request it was part of.
    #[must_use]
    pub fn request(mut self, id: Id<kinds::Request>) -> Self {
        self.request = Some(id);
        self
    }

    /// The policies that decided; the first 32 are kept.
    #[must_use]
    pub fn policies(mut self, policies: impl Into<Arc<[String]>>) -> Self {
        self.policies = Some(policies.into());
        self
    }

    /// The policies that are only observed and would have denied it; the first 32 are kept.
    #[must_use]
    pub fn would_deny(mut self, policies: Arc<[String]>) -> Self {
        self.would_deny = (!policies.is_empty()).then_some(policies);
        self
    }

    /// The stable code of the error, when it did not end well.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Ids, counts, versions and names that are no secrets.
    #[must_use]
    pub fn details(mut self, details: Details) -> Self {
        self.details = details;
        self
    }

    /// What says something about a person.
    #[must_use]
    pub fn personal(mut self, personal: Personal) -> Self {
        self.personal = (!personal.is_empty()).then_some(personal);
        self
    }

    /// When it happened.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Its action.
    pub const fn action(&self) -> ActionName {
        self.action
    }

    /// Its outcome.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The same event with another outcome: a denial made from what would have been allowed.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Whether every part is within its limit; appending asks again.
    ///
    /// # Errors
    /// [`LedgerError::TooLong`] names the part.
    pub fn check(&self) -> Result<(), LedgerError> {
        self.details.check()?;
        if self.target.as_ref().is_some_and(|target| target.id.len() > Target::MAX) {
            return Err(LedgerError::TooLong { what: "target", max: Target::MAX });
        }
        let named = [&self.policies, &self.would_deny].into_iter().flatten();
        let mut policies = named.flat_map(|all| all.iter().take(Self::POLICIES_MAX));
        if policies.any(|policy| policy.len() > Self::POLICY_MAX) {
            return Err(LedgerError::TooLong { what: "policies", max: Self::POLICY_MAX });
        }
        Ok(())
    }
}
