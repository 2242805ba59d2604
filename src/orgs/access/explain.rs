//! May they, and why: what `policy explain` answers.

use std::sync::Arc;

use super::PrincipalName;
use crate::op::{Op, epoch};
use crate::orgs::{OrgError, access, role};
use crate::policy::{Action, Decision, InstancePermission, Permission};
use crate::types::ParseError;

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
                let mut found = Evaluation::from(&*op.decide_for(reader, epoch_seen, &principal, action, &resource)?);
                if let Some(missing) = found.missing {
                    let own = role::roles_of(reader, own.organization)?;
                    let holding = own.iter().filter(|r| r.permissions().contains(missing));
                    found.held_by.extend(holding.map(|r| r.name().to_owned()));
                }
                found
            }
            Asked::Instance(permission) => Evaluation::from(&op.core().policy.decide_instance(&principal, permission)),
        })
    })
    .await
}
