//! Who a token is.

use serde::Serialize;
use utoipa::ToSchema;

use super::place::GrantAnswer;
use super::setup::OrganizationName;
use super::token::CredentialAnswer;
use super::{Answer, ok};
use crate::http::csrf;
use crate::http::extract::Known;
use crate::orgs::access::{self, ActorFacts};
use crate::orgs::organization::Organization;
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
    /// The session of the browser, when it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    session: Option<SessionInfo>,
    /// Whether the organization asks for a second factor that this sign-in was made without: then it holds nothing.
    second_factor_missing: bool,
    /// Whether they operate this instance.
    instance_operator: bool,
    /// Permissions held on the whole organization.
    permissions: Vec<&'static str>,
    /// Roles given, and where.
    grants: Vec<GrantAnswer>,
}

/// The session of a browser.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionInfo {
    /// What its requests that change something send in X-CSRF-Token.
    csrf_token: String,
    /// What the browser called itself at the sign-in.
    device: Option<String>,
    /// From where the sign-in was made.
    address: Option<String>,
    /// The organizations it opens; X-Organization-ID chooses one.
    organizations: Vec<OrganizationName>,
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
pub(crate) async fn whoami(Known(op, credential): Known) -> Answer {
    let me = access::whoami(&op).await?;
    let name = |o: Organization| OrganizationName { id: o.id, slug: o.slug, name: o.name };
    let session = me.session.map(|session| SessionInfo {
        csrf_token: csrf::token(&op, &credential),
        device: session.facts.device,
        address: session.facts.address,
        organizations: session.organizations.into_iter().map(name).collect(),
    });
    let actor = match me.actor {
        ActorFacts::User(user) => {
            ActorAnswer { kind: "user", id: user.id.to_string(), name: user.name, email: Some(user.email) }
        }
        ActorFacts::ServiceAccount(account) => {
            ActorAnswer { kind: "service_account", id: account.id.to_string(), name: account.name, email: None }
        }
    };
    ok(&Whoami {
        actor,
        organization: name(me.organization),
        credential: CredentialAnswer::of((me.credential.credential, me.credential.last_use)),
        session,
        second_factor_missing: me.second_factor_missing,
        instance_operator: me.instance_operator,
        permissions: me.permissions.into_iter().map(crate::policy::Permission::as_str).collect(),
        grants: me.grants.into_iter().map(GrantAnswer::from).collect(),
    })
}
