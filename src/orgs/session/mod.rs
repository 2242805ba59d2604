//! Signing in with a password, and out again.
//!
//! A wrong address, a wrong organization and a wrong password cost one Argon2 computation and one event each, and
//! are answered alike: neither words nor time tell who is known.

use std::time::Duration;

use super::organization::Organization;
use super::{OrgError, organization, token};
use crate::auth::credential::{self, Minted, Wishes};
use crate::auth::password::{PasswordHash, Passwords};
use crate::auth::{self, AuthError, CredentialKind, NewCredential, User};
use crate::db::{DbError, Reader, WriteTx};
use crate::ledger::{ActionName, Actor, Event, Outcome, Personal, Target};
use crate::op::{Op, epoch_raise};
use crate::policy::PrincipalId;
use crate::types::{Email, Id, SecretString};

/// Somebody signed in.
pub const CREATED: ActionName = ActionName::new("session.created");
/// Somebody tried to, with a wrong address or password.
pub const FAILED: ActionName = ActionName::new("session.failed");
/// Somebody signed out.
pub const ENDED: ActionName = ActionName::new("session.ended");
/// What sessions record that no permission is behind.
pub const ACTIONS: &[ActionName] = &[CREATED, FAILED, ENDED];

/// How long a sign-in lasts.
pub const LIFE: Duration = Duration::from_hours(30 * 24);
/// How long a sign-in is fresh.
pub const STEPPED_UP: Duration = Duration::from_mins(10);

/// What somebody says who signs in.
pub struct SignIn {
    /// Their address.
    pub email: Email,
    /// Their password.
    pub password: SecretString,
    /// The organization, by id or slug; the one they joined first when none.
    pub organization: Option<String>,
    /// What to call the token.
    pub name: Option<String>,
}

/// Who signed in, where, and the token.
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// Where.
    pub organization: Organization,
    /// A CLI token, freshly signed in for ten minutes.
    pub minted: Minted,
}

/// Whom an address and an organization name.
struct Found {
    user: User,
    organization: Organization,
    hash: Option<String>,
}

/// One's own password opens every organization one is in; one that somebody else set, only theirs.
fn find(reader: &Reader<'_>, email: &Email, name: Option<&str>) -> Result<Option<Found>, DbError> {
    let user = auth::store::user_by_email(reader, email)?.filter(|u| u.disabled_at.is_none());
    let Some(user) = user else { return Ok(None) };
    let found = match name {
        None => organization::store::organization_joined_first(reader, user.id)?,
        Some(name) => match Id::parse(name) {
            Ok(id) => organization::store::organization_get(reader, id)?,
            Err(_) => organization::store::organization_by_slug(reader, name)?,
        },
    };
    let Some(found) = found.filter(|o| o.deletion.is_none()) else { return Ok(None) };
    if organization::store::member_since(reader, found.id, user.id)?.is_none() {
        return Ok(None);
    }
    let own = auth::store::password_hash(reader, user.id)?;
    let hash = match own {
        Some(hash) => Some(hash),
        None => organization::store::member_password(reader, found.id, user.id)?,
    };
    Ok(Some(Found { user, organization: found, hash }))
}

/// Signs in with a password: a CLI token for thirty days.
///
/// # Errors
/// [`AuthError::Password`] whatever was wrong; too many at once; the name is none.
pub async fn session_create(op: &Op, passwords: &Passwords, wish: SignIn) -> Result<SignedIn, OrgError> {
    let name = wish.name.as_deref().unwrap_or("holdfast login");
    let wishes = Wishes::parse(name, Some(LIFE), None, &[], op.now())?;
    let (email, organization) = (wish.email, wish.organization);
    let found = op.core().db.read(|reader| find(reader, &email, organization.as_deref()))?;
    let hash = found.as_ref().and_then(|f| f.hash.clone()).map(PasswordHash::from_stored);
    let right = passwords.verify(hash, wish.password).await?;
    let signed_in = op.write(move |op, tx| {
        if let Some(found) = found.as_ref().filter(|_| right) {
            // Again: what was proven must still be so in the transaction that mints.
            let now = find(tx, &email, Some(&found.organization.id.to_string()))?;
            if let Some(now) = now.filter(|n| n.user.id == found.user.id && n.hash == found.hash) {
                return open(op, tx, now, wishes).map(Some);
            }
        }
        op.record(tx, failed(op, &email, found.as_ref()))?;
        Ok::<_, OrgError>(None)
    });
    signed_in.await?.ok_or_else(|| AuthError::Password.into())
}

fn open(op: &Op, tx: &mut WriteTx<'_>, found: Found, wishes: Wishes) -> Result<SignedIn, OrgError> {
    let Found { user, organization, .. } = found;
    let new = NewCredential {
        organization: organization.id,
        kind: CredentialKind::Cli,
        owner: PrincipalId::User(user.id),
        name: wishes.name,
        expires_at: wishes.expires_at,
        cidrs: wishes.cidrs,
        stepped_up_until: Some(op.now().plus(STEPPED_UP)),
    };
    let minted = credential::mint(tx, op.keyring(), new, op.now())?;
    epoch_raise(tx)?;
    let id = minted.credential.id;
    let event = Event::new(op.now(), CREATED, Outcome::Allowed, Actor::User(user.id)).request(op.request());
    let event = event.personal(personal(op, None)).credential(id).organization(organization.id);
    op.record(tx, event.target(Target::new("credential", id)))?;
    Ok(SignedIn { user, organization, minted })
}

fn personal(op: &Op, text: Option<String>) -> Personal {
    let origin = op.origin();
    Personal { address: origin.address.map(|a| a.to_string()), user_agent: origin.user_agent.clone(), text }
}

fn failed(op: &Op, email: &Email, found: Option<&Found>) -> Event {
    let event = Event::new(op.now(), FAILED, Outcome::Denied, Actor::Anonymous).request(op.request());
    let event = event.code("credentials_wrong").personal(personal(op, Some(email.to_string())));
    match found {
        None => event,
        Some(found) => event.organization(found.organization.id).target(Target::new("user", found.user.id)),
    }
}

/// Signs out: the credential of this very request stops working.
///
/// # Errors
/// Nobody is known.
pub async fn session_end(op: &Op) -> Result<(), OrgError> {
    op.write(|op, tx| {
        let id = op.identity()?.credential;
        token::revoke_own(op, tx, id, ENDED, false).map(drop)
    })
    .await
}
