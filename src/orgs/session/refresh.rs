//! The next token of a login of the command line.

use super::ENDED;
use crate::auth::refresh::{self, Found, Renewed};
use crate::auth::{self, AuthError, Credential, User, authenticate};
use crate::db::WriteTx;
use crate::ledger::{ActionName, Actor, Event, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::orgs::organization::{self, Organization};
use crate::orgs::{OrgError, access};
use crate::policy::PrincipalId;
use crate::types::SecretString;

/// A login got its next token, or a refresh token was used that somebody else had spent.
pub(super) const REFRESHED: ActionName = ActionName::new("session.refreshed");

/// Whose login it is, where, and its next tokens.
pub struct Refreshed {
    /// Who.
    pub user: User,
    /// Where.
    pub organization: Organization,
    /// The tokens.
    pub renewed: Renewed,
}

/// Replaces the token of a login, while that stands. What is given for it is spent.
///
/// # Errors
/// [`AuthError::Refresh`], whatever is wrong. One that was spent a while ago ends the login: two have it.
pub async fn session_refresh(op: &Op, given: SecretString) -> Result<Refreshed, OrgError> {
    let done = op.write(move |op, tx| match refresh::find(tx, op.keyring().instance(), &given, op.now())? {
        Found::Good { credential, is_newest } => renew(op, tx, credential, is_newest).map(Ok),
        Found::Spent(credential) => {
            if auth::store::credential_revoke(tx, credential.id, op.now())? {
                epoch_raise(tx)?;
                let refused = event(op, REFRESHED, Actor::Anonymous, &credential, Outcome::Denied);
                op.record(tx, refused.code("refresh_token_spent"))?;
                op.record(tx, event(op, ENDED, Actor::System, &credential, Outcome::Allowed))?;
            }
            Ok(Err(AuthError::Refresh))
        }
    });
    Ok(done.await??)
}

fn renew(op: &Op, tx: &mut WriteTx<'_>, credential: Credential, is_newest: bool) -> Result<Refreshed, OrgError> {
    let PrincipalId::User(id) = credential.owner else { return Err(AuthError::Refresh.into()) };
    let found = organization::store::organization_get(tx, credential.organization)?.filter(|o| o.deletion.is_none());
    let is_member = access::principal_facts(tx, credential.organization, credential.owner)?.is_some();
    let (Some(organization), true, true) = (found, is_member, authenticate::stands(&credential, op.now())) else {
        return Err(AuthError::Refresh.into());
    };
    let user = auth::store::user_get(tx, id)?.ok_or(OpError::CredentialGone)?;
    let event = event(op, REFRESHED, Actor::User(id), &credential, Outcome::Allowed);
    let renewed = refresh::renew(tx, op.keyring(), (credential, is_newest), op.now())?;
    epoch_raise(tx)?;
    op.record(tx, event)?;
    Ok(Refreshed { user, organization, renewed })
}

fn event(op: &Op, name: ActionName, actor: Actor, credential: &Credential, outcome: Outcome) -> Event {
    let event = Event::new(op.now(), name, outcome, actor).request(op.request());
    let event = event.personal(op.personal(None)).credential(credential.id).organization(credential.organization);
    event.target(Target::new("credential", credential.id))
}
