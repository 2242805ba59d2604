//! An organization's own policies: Cedar `forbid`s with the tests that must pass before one is saved.
//!
//! A policy is one text in one of two modes: `enforce` denies, `observe` is recorded as "would deny". It can take
//! rights away and never give any, and never the owners' right to manage policies: a text that would is refused when
//! it is saved, and the engine does not ask policies about that act of an owner at all. Every save is a version; a
//! rollback is a new version that passes the same checks.

mod change;
mod load;
mod look;
mod simulate;
mod store;
mod template;

pub use change::{PolicyWish, policy_delete, policy_put, policy_rollback};
pub use load::OwnPolicies;
pub use look::{policy_diff, policy_get, policy_list, policy_versions};
pub use simulate::{Change, Simulated, policy_simulate};
pub use template::{Template, templates};

use super::GovernanceError;
use crate::db::Reader;
use crate::policy::{Case, Engine, ForbidSet, Mode};
use crate::types::{Id, ParseError, Slug, Timestamp, kinds};

/// Most tests of a policy.
const CASES_MAX: usize = 50;
/// Most bytes of a policy's tests, as they are stored.
const CASES_BYTES_MAX: usize = 64 * 1024;
/// Versions of a policy that are kept; older ones are forgotten.
const VERSIONS_MAX: u32 = 200;

/// A policy, as of one version.
#[derive(Debug, Clone)]
pub struct OrgPolicy {
    /// Its id.
    pub id: Id<kinds::Policy>,
    /// Its name; in decisions it is `policy.NAME`.
    pub name: Slug,
    /// The version.
    pub version: u32,
    /// What it says.
    pub draft: Draft,
    /// When the version was saved.
    pub saved_at: Timestamp,
    /// By whom.
    pub saved_by: String,
}

impl OrgPolicy {
    /// What tells this version of this policy from any other, also from one of a policy of the same name.
    fn mark(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

/// A policy that was saved or deleted, or would be.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The policy.
    pub policy: OrgPolicy,
    /// How many others must approve first: of a plan, for what must wait is a request and no change.
    pub approvals: u32,
}

/// What a policy says.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it does where it is satisfied.
    pub mode: Mode,
    /// What it is for.
    pub description: String,
    /// One Cedar `forbid`.
    pub source: String,
    /// The tests.
    pub cases: Vec<Case>,
}

/// A test that did not come out as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFailure {
    /// The test's name.
    pub name: String,
    /// What came instead.
    pub found: String,
}

impl Draft {
    /// Everything that must hold before it is saved, without the owners' lock-out.
    ///
    /// # Errors
    /// The text is no valid `forbid`; a test cannot be read, or does not come out as it says; no test is denied.
    fn check(&self, engine: &Engine, name: &Slug) -> Result<ForbidSet, GovernanceError> {
        let set = ForbidSet::check(name, &self.source)?;
        let size = serde_json::to_string(&self.cases).map_or(usize::MAX, |text| text.len());
        if self.cases.len() > CASES_MAX || size > CASES_BYTES_MAX {
            let limit = format!("are at most {CASES_MAX}, of {CASES_BYTES_MAX} bytes together");
            return Err(ParseError::new("tests", limit).into());
        }
        if self.mode == Mode::Enforce && !self.cases.iter().any(|c| c.denied) {
            let problem = "an enforced policy has at least one test with `expect: deny`: it shows what it is for";
            return Err(ParseError::new("tests", problem).into());
        }
        let mut failures = Vec::new();
        for case in &self.cases {
            let decision = case.decide(engine, &set)?;
            let by_policy = decision.policies.iter().any(|p| p.strip_prefix("policy.") == Some(name.as_str()));
            if decision.allow == case.denied || (case.denied && !by_policy) {
                let found = decision.reasons.first().cloned().unwrap_or_default();
                let word = if decision.allow { "allowed" } else { "denied" };
                failures.push(CaseFailure { name: case.name.clone(), found: format!("{word}: {found}") });
            }
        }
        if failures.is_empty() { Ok(set) } else { Err(GovernanceError::CasesFailed(failures)) }
    }
}

fn not_found(name: &str) -> GovernanceError {
    GovernanceError::PolicyNotFound(name.chars().filter(|c| !c.is_control()).take(64).collect())
}

/// The policy of an organization with this name or id, as of its newest version.
fn named(reader: &Reader<'_>, organization: Id<kinds::Organization>, name: &str) -> Result<OrgPolicy, GovernanceError> {
    let found = match Id::parse(name) {
        Ok(id) => store::policy_get(reader, organization, id)?,
        Err(_) => store::policy_by_name(reader, organization, name)?,
    };
    found.ok_or_else(|| not_found(name))
}
