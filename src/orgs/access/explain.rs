//! May they, and why: what `policy explain` answers, of somebody and of a role.

use std::sync::Arc;

use super::PrincipalName;
use crate::db::Reader;
use crate::op::{Op, epoch};
use crate::orgs::{OrgError, access, role};
use crate::policy::{
    Action, Circumstances, Context, Decision, GrantFact, InstancePermission, Node, Permission, Principal, PrincipalId,
    Resource,
};
use crate::types::{Id, ParseError, Slug, kinds};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// About whom.
    pub actor: PrincipalName,
    /// May they do this: the name of an action, `secret.use`, or of an instance permission, `org.create`.
    pub action: String,
    /// In this project, by id or slug; none: at the organization itself.
    pub project: Option<String>,
    /// In this environment of it, by id or slug.
    pub environment: Option<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether they may.
    pub allow: bool,
    /// The policies that decided.
    pub policies: Arc<[String]>,
    /// Why, in sentences. Never empty.
    pub reasons: Vec<String>,
    /// The policies that are only observed and would have denied it.
    pub would_deny: Arc<[String]>,
    /// The permission that no role of theirs gives there.
    pub missing: Option<Permission>,
    /// The roles that hold it: built-in ones, least first, then the organization's own.
    pub held_by: Vec<String>,
}

impl From<&Decision> for Evaluation {
    fn from(decision: &Decision) -> Self {
        Self {
            allow: decision.allow,
            policies: Arc::clone(&decision.policies),
            reasons: decision.reasons.clone(),
            would_deny: Arc::clone(&decision.would_deny),
            missing: decision.missing,
            held_by: decision.held_by.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Evaluation {
    /// The same, naming also the organization's own roles that hold what is missing.
    fn with_own_roles(mut self, reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<Self, OrgError> {
        if let Some(missing) = self.missing {
            let own = role::roles_of(reader, organization)?;
            let holding = own.iter().filter(|r| r.permissions().contains(missing));
            self.held_by.extend(holding.map(|r| r.name().to_owned()));
        }
        Ok(self)
    }
}

enum Asked {
    Action(Action),
    Instance(InstancePermission),
}

fn asked(name: &str) -> Result<Asked, ParseError> {
    match InstancePermission::parse(name) {
        Ok(permission) => Ok(Asked::Instance(permission)),
        Err(_) => Action::parse(name).map(Asked::Action),
    }
}

/// Decides without acting. About oneself it needs only to see the node; about others, `access.explain` there.
///
/// # Errors
/// Nobody answers to the name; the node is not visible; the action does not exist; not allowed to ask.
pub async fn evaluate(op: &Op, question: Question) -> Result<Evaluation, OrgError> {
    let action = asked(&question.action)?;
    op.read(|reader| {
        let (epoch_now, own) = op.principal(reader)?;
        let resource = access::node(op, reader, question.project.as_deref(), question.environment.as_deref())?;
        let own_text = |text: &String| matches!(&question.actor, PrincipalName::User(t) if t == text);
        let is_own = question.actor == PrincipalName::Own || own_text(&own.id.to_string());
        let about = if is_own { own.id } else { access::principal_named(op, reader, &question.actor)? };
        let principal = if about == own.id {
            Some((epoch_now, (*own).clone()))
        } else {
            op.authorize(reader, Action::AccessExplain, &resource)?;
            let facts = access::principal_facts(reader, own.organization, about)?;
            facts.map(|p| Ok::<_, OrgError>((epoch(reader)?, p))).transpose()?
        };
        let Some((epoch_seen, principal)) = principal else {
            let reasons = vec!["they are disabled: none of their credentials work".to_owned()];
            let none: Arc<[String]> = Arc::from(Vec::new());
            let (policies, would_deny) = (Arc::clone(&none), none);
            return Ok(Evaluation { allow: false, policies, reasons, would_deny, missing: None, held_by: Vec::new() });
        };
        Ok(match action {
            Asked::Action(action) => {
                let found = Evaluation::from(&*op.decide_for(reader, epoch_seen, &principal, action, &resource)?);
                found.with_own_roles(reader, own.organization)?
            }
            Asked::Instance(permission) => Evaluation::from(&op.core().policy.decide_instance(&principal, permission)),
        })
    })
    .await
}

/// What a question about a role is asked of: a node, or any of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleAt {
    /// The organization, a project of it, or an environment, by ids or slugs.
    Node(Option<String>, Option<String>),
    /// An environment like most, or one that is protected.
    Environment {
        /// Whether it is protected.
        protected: bool,
    },
}

/// Decides for somebody who was given nothing but one role, on the organization. Everybody who is signed in may ask,
/// as they may read the matrix; of a node, who may see it.
///
/// # Errors
/// No such role; the node is not visible.
pub async fn evaluate_role(op: &Op, name: &Slug, action: Action, at: &RoleAt) -> Result<Evaluation, OrgError> {
    op.read(|reader| {
        let (epoch_now, own) = op.principal(reader)?;
        let organization = own.organization;
        let resource = match at {
            RoleAt::Node(project, environment) => access::node(op, reader, project.as_deref(), environment.as_deref())?,
            RoleAt::Environment { protected } => {
                let (project, environment) = (Id::from_bytes([2; 16]), Id::from_bytes([3; 16]));
                Resource::environment(organization, project, environment, &[]).with_protected(*protected)
            }
        };
        let role = role::role_named(reader, organization, name)?;
        let principal = Principal {
            id: PrincipalId::User(Id::from_bytes([0; 16])),
            organization,
            instance_operator: false,
            grants: GrantFact::new(role, Node::Organization(organization)).into_iter().collect(),
        };
        let forbids = op.core().policies.forbids(reader, organization, epoch_now, false)?;
        let circumstances = Circumstances { at: op.now(), address: op.origin().address };
        let context = Context { forbids: Some(&*forbids), circumstances: Some(&circumstances) };
        let decision = op.core().policy.decide(&principal, action, &resource, context);
        Evaluation::from(&decision).with_own_roles(reader, organization)
    })
    .await
}
