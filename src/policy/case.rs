//! A test of a policy: somebody, an act, a resource and circumstances, and what must come of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    Action, BuiltinRole, Circumstances, Context, Decision, Engine, ForbidSet, GrantFact, Node, Principal, PrincipalId,
    Resource, Tier,
};
use crate::types::{Id, ParseError, Timestamp, kinds};

/// Who acts in a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseActor {
    /// Whether it is a service account; else a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub machine: bool,
    /// The built-in role they hold on the organization.
    pub role: String,
    /// Their id, for a policy that names somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// What is acted on in a test: an environment when it has a tier, else the organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseResource {
    /// The tier of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Whether it is protected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Whether it is locked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// The id of its project, for a policy that names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Its id, for a policy that names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The folder of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A test of a policy, as it is stored beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Who acts.
    pub actor: CaseActor,
    /// The name of the action.
    pub action: String,
    /// On what.
    #[serde(default)]
    pub resource: CaseResource,
    /// When; the beginning of 2026 when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Whether the answer must be a denial by the policy; else it must be allowed.
    pub denied: bool,
}

impl Case {
    /// Longest name, in characters.
    const NAME_MAX: usize = 120;
    /// 2026-01-01T00:00:00Z.
    const USUAL: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    /// Decides the case with these policies, all as they are enforced.
    ///
    /// # Errors
    /// A name in it is none.
    pub fn decide(&self, engine: &Engine, forbids: &ForbidSet) -> Result<Decision, ParseError> {
        if self.name.is_empty() || self.name.chars().count() > Self::NAME_MAX {
            return Err(ParseError::new("tests", "each has a name of 1 to 120 characters"));
        }
        let organization = Id::from_bytes([1; 16]);
        let principal = self.actor.principal(organization)?;
        let at = Circumstances { at: self.at.unwrap_or(Self::USUAL), address: self.address };
        let context = Context { forbids: Some(forbids), circumstances: Some(&at) };
        Ok(engine.decide(&principal, Action::parse(&self.action)?, &self.resource.resource(organization)?, context))
    }
}

impl CaseActor {
    fn principal(&self, organization: Id<kinds::Organization>) -> Result<Principal, ParseError> {
        let other = [2; 16];
        let id = match (&self.id, self.machine) {
            (Some(id), false) => PrincipalId::User(Id::parse(id)?),
            (Some(id), true) => PrincipalId::ServiceAccount(Id::parse(id)?),
            (None, false) => PrincipalId::User(Id::from_bytes(other)),
            (None, true) => PrincipalId::ServiceAccount(Id::from_bytes(other)),
        };
        let grant = GrantFact::new(BuiltinRole::parse(&self.role)?, Node::Organization(organization))?;
        Ok(Principal { id, organization, instance_operator: false, grants: vec![grant] })
    }
}

impl CaseResource {
    fn resource(&self, organization: Id<kinds::Organization>) -> Result<Resource, ParseError> {
        let id = |text: &Option<String>, other| text.as_ref().map_or(Ok(Id::from_bytes(other)), |t| Id::parse(t));
        let project = id(&self.project, [3; 16])?;
        let environment = self.environment.as_ref().map_or(Ok(Id::from_bytes([4; 16])), |t| Id::parse(t))?;
        let Some(tier) = &self.tier else {
            let is_project = self.project.is_some();
            return Ok(if is_project {
                Resource::project(organization, project)
            } else {
                Resource::organization(organization)
            });
        };
        let found = Resource::environment(organization, project, environment, &[]).with_tier(Tier::parse(tier)?);
        let found = found.with_protected(self.protected).with_locked(self.locked);
        Ok(if let Some(path) = &self.path { found.with_path(path) } else { found })
    }
}
