//! Who a token is.

use serde::Serialize;
use utoipa::ToSchema;

use super::setup::OrganizationName;
use super::{Answer, ok};
use crate::auth::Credential;
use crate::http::extract::Known;
use crate::http::schema::{CredentialId, GrantId};
use crate::op::Op;
use crate::orgs::{OrgError, access, organization};
use crate::policy::{Node, PrincipalId, effective};
use crate::types::{Email, Timestamp};

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
    grants: Vec<GrantName>,
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

/// A bearer token, without the token.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialAnswer {
    /// Its id.
    pub(crate) id: CredentialId,
    /// `personal_token`, `service_account_key`, `cli_token` or `federated_token`.
    pub(crate) kind: &'static str,
    /// What its owner calls it.
    pub(crate) name: String,
    /// The part of the token that may be shown.
    pub(crate) public_id: String,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it ends; null: never.
    pub(crate) expires_at: Option<Timestamp>,
    /// Since when it is void by hand.
    pub(crate) revoked_at: Option<Timestamp>,
    /// Networks it may be used from; empty: anywhere.
    pub(crate) cidrs: Vec<String>,
    /// Until when it counts as freshly signed in.
    pub(crate) stepped_up_until: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub(crate) last_used_at: Option<Timestamp>,
    /// From where it was used last.
    pub(crate) last_used_address: Option<String>,
}

impl CredentialAnswer {
    pub(crate) fn of(credential: &Credential, used: Option<(Timestamp, String)>) -> Self {
        let (last_used_at, last_used_address) = used.unzip();
        Self {
            id: credential.id,
            kind: credential.kind.words(),
            name: credential.name.clone(),
            public_id: credential.public_id.clone(),
            created_at: credential.created_at,
            expires_at: credential.expires_at,
            revoked_at: credential.revoked_at,
            cidrs: credential.cidrs.to_texts(),
            stepped_up_until: credential.stepped_up_until,
            last_used_at,
            last_used_address,
        }
    }
}

/// A role given on a node.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantName {
    /// Its id.
    id: GrantId,
    /// The role.
    role: &'static str,
    /// The project, by slug; null on the organization.
    project: Option<String>,
    /// The environment, by slug; null above one.
    environment: Option<String>,
}

/// Who the token is, and what it may do.
#[utoipa::path(get, path = "/whoami", operation_id = "whoami",
    responses((status = 200, description = "Who it is.", body = Whoami)))]
pub(crate) async fn whoami(Known(op, credential): Known) -> Answer {
    let own = organization::organization_own(&op).await?;
    let organization = OrganizationName { id: own.id, slug: own.slug, name: own.name };
    ok(&op.read(|reader| tell(&op, reader, organization, &credential)).await?)
}

fn tell(
    op: &Op,
    reader: &crate::db::Reader<'_>,
    organization: OrganizationName,
    credential: &Credential,
) -> Result<Whoami, OrgError> {
    let (_, principal) = op.principal(reader)?;
    let actor = match principal.id {
        PrincipalId::User(id) => {
            let user = crate::auth::store::user_get(reader, id)?.ok_or_else(|| OrgError::not_found("user", "self"))?;
            ActorAnswer { kind: "user", id: id.to_string(), name: user.name, email: Some(user.email) }
        }
        PrincipalId::ServiceAccount(id) => {
            let found = crate::orgs::service_account::store::service_account_get(reader, id)?;
            let found = found.ok_or_else(|| OrgError::not_found("service account", "self"))?;
            ActorAnswer { kind: "service_account", id: id.to_string(), name: found.name, email: None }
        }
    };
    let held = effective(&principal, &access::own_organization(op)?);
    let mut grants = Vec::new();
    for given in crate::orgs::grant::store::grant_of_principal(reader, principal.organization, &principal.id)? {
        let name = access::node_name(reader, given.node)?.unwrap_or_default();
        let (project, environment) = match given.node {
            Node::Organization(_) => (None, None),
            Node::Project(_) => (Some(name), None),
            Node::Environment(_) => match name.split_once('/') {
                Some((project, environment)) => (Some(project.to_owned()), Some(environment.to_owned())),
                None => (None, None),
            },
        };
        grants.push(GrantName { id: given.id, role: given.role.as_str(), project, environment });
    }
    Ok(Whoami {
        actor,
        organization,
        credential: CredentialAnswer::of(credential, None),
        instance_operator: principal.instance_operator,
        permissions: held.iter().map(|p| p.as_str()).collect(),
        grants,
    })
}
