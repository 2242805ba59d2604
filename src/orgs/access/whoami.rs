//! Who a credential is, and what it may do.

use crate::auth::{self, Credential, CredentialKind, SignInFacts, User};
use crate::db::Reader;
use crate::op::{Op, OpError};
use crate::orgs::OrgError;
use crate::orgs::access::lacks_factor;
use crate::orgs::grant::{self, GrantView};
use crate::orgs::organization::{self, Organization};
use crate::orgs::service_account::{self, ServiceAccount};
use crate::policy::{Permission, PrincipalId, Resource, effective};
use crate::types::Timestamp;

/// Who acts.
#[derive(Debug, Clone)]
pub enum ActorFacts {
    /// A person.
    User(User),
    /// A machine.
    ServiceAccount(ServiceAccount),
}

/// The credential, and when and from where it was last used.
#[derive(Debug, Clone)]
pub struct CredentialFacts {
    /// The credential.
    pub credential: Credential,
    /// Its last use, noted at most once a minute.
    pub last_use: Option<(Timestamp, String)>,
}

/// The session of a browser.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    /// Where and how it was made.
    pub facts: SignInFacts,
    /// The organizations it opens, by name.
    pub organizations: Vec<Organization>,
}

/// Everything `GET /whoami` says.
#[derive(Debug, Clone)]
pub struct Whoami {
    /// Who.
    pub actor: ActorFacts,
    /// In which organization.
    pub organization: Organization,
    /// By which credential.
    pub credential: CredentialFacts,
    /// The session of the browser, when it is one.
    pub session: Option<SessionFacts>,
    /// Whether the organization asks for a second factor that this sign-in was made without: then it holds nothing.
    pub second_factor_missing: bool,
    /// Whether they operate this instance.
    pub instance_operator: bool,
    /// What they hold at the organization itself.
    pub permissions: Vec<Permission>,
    /// Every grant of theirs in the organization, their teams' included.
    pub grants: Vec<GrantView>,
}

/// Who asks, and what they may do. Needs no permission.
///
/// # Errors
/// Nobody is known, or the credential is gone.
pub async fn whoami(op: &Op) -> Result<Whoami, OrgError> {
    op.read(|reader| {
        let (_, principal) = op.principal(reader)?;
        let gone = || OrgError::Op(OpError::CredentialGone);
        let actor = match principal.id {
            PrincipalId::User(id) => ActorFacts::User(auth::store::user_get(reader, id)?.ok_or_else(gone)?),
            PrincipalId::ServiceAccount(id) => {
                let found = service_account::store::service_account_get(reader, id)?;
                ActorFacts::ServiceAccount(found.ok_or_else(gone)?)
            }
        };
        let organization = principal.organization;
        let id = op.identity()?.credential;
        let credential = CredentialFacts {
            credential: auth::store::credential_get(reader, id)?.ok_or_else(gone)?,
            last_use: auth::store::credential_use(reader, id)?,
        };
        let session = session_facts(reader, &credential.credential, principal.id)?;
        let second_factor_missing = lacks_factor(reader, &credential.credential, organization)?;
        let held = effective(&principal, &Resource::organization(organization));
        let mut grants = Vec::new();
        for (given, _) in grant::store::grant_held(reader, organization, principal.id)? {
            grants.push(grant::view(reader, given)?);
        }
        Ok(Whoami {
            actor,
            organization: organization::store::organization_get(reader, organization)?.ok_or_else(gone)?,
            credential,
            session,
            second_factor_missing,
            instance_operator: principal.instance_operator,
            permissions: held.iter().collect(),
            grants,
        })
    })
    .await
}

/// The session behind a credential, when it is one of a browser, and the organizations it opens.
pub(super) fn session_facts(
    reader: &Reader<'_>,
    credential: &Credential,
    owner: PrincipalId,
) -> Result<Option<SessionFacts>, OrgError> {
    let PrincipalId::User(user) = owner else { return Ok(None) };
    if credential.kind != CredentialKind::Session {
        return Ok(None);
    }
    let Some(facts) = auth::store::sign_in_get(reader, credential.id)? else { return Ok(None) };
    let organizations = if facts.everywhere {
        organization::store::organizations_of(reader, user)?
    } else {
        organization::store::organization_get(reader, credential.organization)?.into_iter().collect()
    };
    Ok(Some(SessionFacts { facts, organizations }))
}
