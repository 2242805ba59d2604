//! What was decided, and why, in a form that can be shown and recorded.

use std::sync::Arc;

use super::{BuiltinRole, Permission};

/// Allow or deny, with the policies that decided.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Decision {
    /// Whether it is permitted.
    pub allow: bool,
    /// The policies that decided: `role.developer`, `tenancy`, `policy.no-fridays`. Sorted. Empty when nothing
    /// permitted it.
    ///
    /// Shared, for it goes into an event with every cached decision.
    #[serde(serialize_with = "names")]
    pub policies: Arc<[String]>,
    /// Why, in sentences for people. Never empty.
    pub reasons: Vec<String>,
    /// The permission that no role of theirs gives here. None when allowed, and when something else denies:
    /// another organization, a policy.
    pub missing: Option<Permission>,
    /// The built-in roles that hold what is missing, least first. Empty when nothing is.
    pub held_by: Vec<BuiltinRole>,
    /// The organization's policies in mode observe that would have denied it. Empty when denied.
    #[serde(serialize_with = "names")]
    pub would_deny: Arc<[String]>,
    /// Whether policies that look at the circumstances are still to be asked: [`super::Engine::narrow`].
    #[serde(skip)]
    pub conditional: bool,
}

impl Decision {
    /// What would help whoever was denied, in one sentence. None when allowed.
    pub fn hint(&self) -> Option<String> {
        match (self.allow, self.missing, self.held_by.first()) {
            (true, _, _) => None,
            (false, Some(missing), Some(least)) => {
                let who = if *least >= BuiltinRole::Admin { "an owner" } else { "a maintainer, admin or owner" };
                Some(format!("ask {who} for the role `{least}` or a role that holds `{missing}`"))
            }
            (false, _, _) => Some("`holdfast policy explain` names what denies it".to_owned()),
        }
    }

    pub(super) fn allowed(policies: Vec<String>, reasons: Vec<String>) -> Self {
        Self { allow: true, ..Self::denied(policies, reasons) }
    }

    pub(super) fn denied(policies: Vec<String>, reasons: Vec<String>) -> Self {
        let (policies, would_deny) = (policies.into(), Arc::from(Vec::new()));
        Self { allow: false, policies, reasons, missing: None, held_by: Vec::new(), would_deny, conditional: false }
    }

    pub(super) fn lacking(missing: Permission) -> Self {
        let held_by: Vec<_> = BuiltinRole::ALL.iter().copied().filter(|r| r.permissions().contains(missing)).collect();
        let names: Vec<_> = held_by.iter().map(|r| r.as_str()).collect();
        let why = if missing.is_protected() { ", which a protected environment asks for" } else { "" };
        let reason = format!("no role held here gives `{missing}`{why}; held by {}", names.join(", "));
        Self { missing: Some(missing), held_by, ..Self::denied(Vec::new(), vec![reason]) }
    }
}

fn names<S: serde::Serializer>(policies: &Arc<[String]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(policies.iter())
}
