//! Who a token is.

use serde::Serialize;
use utoipa::ToSchema;

use super::place::GrantAnswer;
use super::setup::OrganizationName;
use super::token::CredentialAnswer;
use super::{Answer, ok};
use crate::http::extract::Known;
use crate::orgs::access::{self, ActorFacts};
use crate::types::Email;

/// Who a token is, and what it may do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Whoami {
    /// The person or machine.
    actor: ActorAnswer,
    /// The organization the token opens.
    organization: OrganizationName,
    /// The token's record.
    credential: CredentialAnswer,
    /// Whether they operate this instance.
    instance_operator: bool,
    /// Permissions held on the whole organization.
    permissions: Vec<&'static str>,
    /// Roles given, and where.
    grants: Vec<GrantAnswer>,
}

/// A person or machine.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActorAnswer {
    /// `user` or `service_account`.
    kind: &'static str,
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// A person's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    email: Option<Email>,
}

/// Who the token is, and what it may do.
#[utoipa::path(get, path = "/whoami", operation_id = "whoami",
    responses((status = 200, description = "Who it is.", body = Whoami)))]
pub(crate) async fn whoami(Known(op, _): Known) -> Answer {
    let me = access::whoami(&op).await?;
    let actor = match me.actor {
        ActorFacts::User(user) => {
            ActorAnswer { kind: "user", id: user.id.to_string(), name: user.name, email: Some(user.email) }
        }
        ActorFacts::ServiceAccount(account) => {
            ActorAnswer { kind: "service_account", id: account.id.to_string(), name: account.name, email: None }
        }
    };
    let organization =
        OrganizationName { id: me.organization.id, slug: me.organization.slug, name: me.organization.name };
    ok(&Whoami {
        actor,
        organization,
        credential: CredentialAnswer::of((me.credential.credential, me.credential.last_use)),
        instance_operator: me.instance_operator,
        permissions: me.permissions.into_iter().map(crate::policy::Permission::as_str).collect(),
        grants: me.grants.into_iter().map(GrantAnswer::from).collect(),
    })
}
