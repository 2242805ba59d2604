//! Signing in with a password and out again; one's sign-ins and what ends them; one's password.
//!
//! Invariants, and what each one stops:
//! - A wrong address, a wrong organization and a wrong password cost one Argon2 computation and one event each, and
//!   are answered alike: neither words nor time tell who is known.
//! - Every sign-in makes a new token, and the session a browser had before it ends: nobody is signed in on an id that
//!   somebody else planted.
//! - A sign-in in two steps has no session in between (`second`).
//! - Guessing gets slower (`auth::softlock`), and a second factor is asked for only after the password was right.
//! - What a password that an administrator set has opened sees, ends and changes nothing outside of that
//!   administrator's organization.

mod factors;
mod list;
mod passkeys;
mod password;
mod refresh;
mod second;
mod step_up;

pub(super) use factors::own_fresh;
pub use factors::{authenticator_begin, authenticator_confirm, factor_list, factor_remove, recovery_codes_renew};
pub use list::{Ended, SessionView, session_end_one, session_end_others, session_list};
pub(super) use passkeys::DISABLED as PASSKEY_DISABLED;
pub use passkeys::{
    passkey_add, passkey_begin, passkey_enable, passkey_list, passkey_remove, passkey_rename, passkey_sign_in,
};
pub use password::{Changed, PasswordChange, password_change};
pub use refresh::{Refreshed, session_refresh};
pub use second::{
    First, NotIn, Second, SecondProof, SecondStep, Ticket, Tickets, passkey_ask, sign_in_first, sign_in_second, tickets,
};
pub use step_up::{Proof, passkey_ask_again, step_up};

use std::time::Duration;

use super::organization::Organization;
use super::{OrgError, organization};
use crate::auth::credential::{self, Minted, Wishes};
use crate::auth::device::Seen;
use crate::auth::factor::{self, Factor, Factors};
use crate::auth::password::{PasswordHash, Passwords};
use crate::auth::softlock::Tries;
use crate::auth::{self, AuthError, CredentialKind, NewCredential, SignInFacts, User, refresh as tokens};
use crate::db::{DbError, Reader, WriteTx};
use crate::ledger::{ActionName, Actor, Details, Event, Outcome, Target};
use crate::op::{Op, epoch_raise};
use crate::policy::PrincipalId;
use crate::types::{Email, Id, SecretString, kinds};

/// Somebody signed in.
pub const CREATED: ActionName = ActionName::new("session.created");
/// Somebody tried to, with a wrong address or password.
pub const FAILED: ActionName = ActionName::new("session.failed");
/// Somebody signed out.
pub const ENDED: ActionName = ActionName::new("session.ended");
/// What sessions record that no permission is behind.
pub const ACTIONS: &[ActionName] = &[
    CREATED,
    FAILED,
    ENDED,
    password::CHANGED,
    password::REFUSED,
    factors::ADDED,
    factors::REMOVED,
    factors::CODES_MADE,
    passkeys::ADDED,
    passkeys::RENAMED,
    passkeys::REMOVED,
    passkeys::DISABLED,
    passkeys::ENABLED,
    refresh::REFRESHED,
    step_up::STEPPED_UP,
];

/// How long a sign-in of the command line lasts.
pub const LIFE: Duration = Duration::from_hours(30 * 24);
/// How long a sign-in is fresh.
pub const FRESH: Duration = Duration::from_mins(10);

/// What somebody says who signs in.
pub struct SignIn {
    /// Their address.
    pub email: Email,
    /// Their password.
    pub password: SecretString,
    /// A code of their authenticator, or a recovery code.
    pub code: Option<SecretString>,
    /// The organization, by id or slug; the one they joined first when none.
    pub organization: Option<String>,
    /// What they get.
    pub gives: Gives,
}

/// What a sign-in gives.
pub enum Gives {
    /// A token for the command line.
    Token {
        /// What to call it.
        name: Option<String>,
        /// How long it lasts; none: it works for an hour only, and comes with what replaces it for [`LIFE`].
        life: Option<Duration>,
    },
    /// A session for the cookie of a browser.
    Session {
        /// How long it lasts, used or not.
        life: Duration,
        /// The session this browser had until now; it ends.
        previous: Option<Id<kinds::Credential>>,
    },
}

/// Who signed in, where, and the token.
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// Where.
    pub organization: Organization,
    /// A token, freshly signed in for ten minutes.
    pub minted: Minted,
    /// What replaces it, where it is short-lived.
    pub refresh_token: Option<SecretString>,
    /// What a browser is known by from now on; none for the command line.
    pub device: Option<SecretString>,
}

/// Whom an address and an organization name.
struct Found {
    user: User,
    organization: Organization,
    hash: Option<String>,
    /// Whether the password is their own, so that it opens every organization they are in.
    own: bool,
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
    let (hash, own) = password_stored(reader, found.id, user.id)?;
    Ok(Some(Found { user, organization: found, hash, own }))
}

/// The hash of the password that signs a member in, and whether it is their own.
fn password_stored(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    user: Id<kinds::User>,
) -> Result<(Option<String>, bool), DbError> {
    match auth::store::password_hash(reader, user)? {
        Some(hash) => Ok((Some(hash), true)),
        None => Ok((organization::store::member_password(reader, organization, user)?, false)),
    }
}

/// How a sign-in ended, in the transaction that ended it.
enum Ending {
    In(Box<SignedIn>),
    Refused,
    CodeNeeded(Box<Found>, Factors),
    CodeWrong,
}

/// Signs in with a password, and a code where the person has a second factor: a token for the command line, or a
/// session for a browser.
///
/// # Errors
/// [`AuthError::Password`] whatever was wrong; [`AuthError::FactorNeeded`] and [`AuthError::Factor`] only after the
/// password was right; [`AuthError::Locked`] after too many; too many at once; the name is none.
pub async fn sign_in(op: &Op, passwords: &Passwords, wish: SignIn) -> Result<SignedIn, OrgError> {
    match attempt(op, passwords, wish).await? {
        Ending::In(done) => Ok(*done),
        Ending::Refused => Err(AuthError::Password.into()),
        Ending::CodeNeeded(..) => Err(AuthError::FactorNeeded.into()),
        Ending::CodeWrong => Err(AuthError::Factor.into()),
    }
}

async fn attempt(op: &Op, passwords: &Passwords, wish: SignIn) -> Result<Ending, OrgError> {
    let (kind, name, life, previous, short) = match wish.gives {
        Gives::Token { name, life } => (CredentialKind::Cli, name, life.unwrap_or(LIFE), None, life.is_none()),
        Gives::Session { life, previous } => {
            (CredentialKind::Session, Some("browser".to_owned()), life, previous, false)
        }
    };
    let name = name.as_deref().unwrap_or("holdfast login");
    let wishes = Wishes::parse(name, Some(life), None, &[], op.now())?;
    let (email, organization, code) = (wish.email, wish.organization, wish.code);
    let tries = begin_try(op, &email).await?;
    let found = op.core().db.read(|reader| find(reader, &email, organization.as_deref()))?;
    let hash = found.as_ref().and_then(|f| f.hash.clone()).map(PasswordHash::from_stored);
    let right = passwords.verify(hash, wish.password).await?;
    let ending = op.write(move |op, tx| {
        if let Some(found) = found.as_ref().filter(|_| right) {
            // Again: what was proven must still be so in the transaction that mints.
            let now = find(tx, &email, Some(&found.organization.id.to_string()))?;
            if let Some(now) = now.filter(|n| n.user.id == found.user.id && n.hash == found.hash) {
                let factors = factor::factors(tx, now.user.id, now.organization.id)?;
                let factor = match second_factor(op, tx, &now, &factors, code.as_ref()) {
                    Err(OrgError::Auth(AuthError::FactorNeeded)) => {
                        tries.neither(tx, op.now())?;
                        return Ok(Ending::CodeNeeded(Box::new(now), factors));
                    }
                    Err(OrgError::Auth(AuthError::Factor)) => {
                        op.record(tx, failed(op, &email, Some(&now)).code("second_factor_wrong"))?;
                        return Ok(Ending::CodeWrong);
                    }
                    proven => proven?,
                };
                tries.succeed(tx, op.now())?;
                if let Some(previous) = previous {
                    end(op, tx, previous)?;
                }
                let mut done = open(op, tx, now, kind, wishes, factor)?;
                if short {
                    let refresh = tokens::begin(tx, op.keyring().instance(), &mut done.minted.credential, op.now())?;
                    done.refresh_token = Some(refresh);
                }
                return Ok(Ending::In(Box::new(done)));
            }
        }
        op.record(tx, failed(op, &email, found.as_ref()))?;
        Ok::<_, OrgError>(Ending::Refused)
    });
    ending.await
}

/// Counts a try to sign in as `email` before anything of it is looked at.
async fn begin_try(op: &Op, email: &Email) -> Result<Tries, OrgError> {
    let tries = Tries::of(op.keyring().instance(), email, op.origin().address);
    let (begun, email) = (tries.clone(), email.clone());
    let counted = op.write(move |op, tx| {
        begun.begin(tx, op.now()).map_err(|error| {
            if matches!(error, AuthError::Locked { .. }) {
                op.refuse(&failed(op, &email, None), "sign_in_locked");
            }
            OrgError::from(error)
        })
    });
    counted.await?;
    Ok(tries)
}

/// By which second factor this is proven; none for who has none.
fn second_factor(
    op: &Op,
    tx: &WriteTx<'_>,
    found: &Found,
    factors: &Factors,
    code: Option<&SecretString>,
) -> Result<Option<Factor>, OrgError> {
    let user = found.user.id;
    if !factors.is_any() {
        return Ok(None);
    }
    let code = code.ok_or(AuthError::FactorNeeded)?;
    Ok(Some(factor::prove(tx, op.keyring().instance(), user, code, op.now())?))
}

fn open(
    op: &Op,
    tx: &mut WriteTx<'_>,
    found: Found,
    kind: CredentialKind,
    wishes: Wishes,
    factor: Option<Factor>,
) -> Result<SignedIn, OrgError> {
    let Found { user, organization, own, .. } = found;
    let new = NewCredential {
        organization: organization.id,
        kind,
        owner: PrincipalId::User(user.id),
        name: wishes.name,
        expires_at: wishes.expires_at,
        cidrs: wishes.cidrs,
        stepped_up_until: Some(op.now().plus(FRESH)),
    };
    let minted = credential::mint(tx, op.keyring(), new, op.now())?;
    let origin = op.origin();
    let address = origin.address.map(|a| a.to_canonical().to_string());
    let factor = factor.map(|f| f.as_str().to_owned());
    let facts = SignInFacts { device: origin.user_agent.clone(), address, everywhere: own, factor };
    auth::store::sign_in_insert(tx, minted.credential.id, user.id, &facts)?;
    epoch_raise(tx)?;
    let id = minted.credential.id;
    let mut details = Details::new();
    let mut device = None;
    if kind == CredentialKind::Session {
        let keys = op.keyring().instance();
        let (seen, token) = auth::device::recognize(tx, keys, user.id, origin.device.as_deref(), op.now())?;
        device = Some(token);
        details = match seen {
            Seen::Known => details.with("device", "known"),
            Seen::New => details.with("device", "new"),
            Seen::First => details,
        };
    }
    let event = Event::new(op.now(), CREATED, Outcome::Allowed, Actor::User(user.id)).request(op.request());
    let event = event.personal(op.personal(None)).credential(id).organization(organization.id);
    op.record(tx, event.target(Target::new("credential", id)).details(details))?;
    Ok(SignedIn { user, organization, minted, refresh_token: None, device })
}

/// Ends the session a browser had before it signed in anew, whoever's it was: its cookie proved it.
fn end(op: &Op, tx: &mut WriteTx<'_>, previous: Id<kinds::Credential>) -> Result<(), OrgError> {
    let Some(found) = auth::store::credential_get(tx, previous)? else { return Ok(()) };
    let PrincipalId::User(user) = found.owner else { return Ok(()) };
    if auth::store::credential_revoke(tx, previous, op.now())? {
        let event = Event::new(op.now(), ENDED, Outcome::Allowed, Actor::User(user)).request(op.request());
        let event = event.credential(previous).organization(found.organization);
        op.record(tx, event.target(Target::new("credential", previous)))?;
    }
    Ok(())
}

fn failed(op: &Op, email: &Email, found: Option<&Found>) -> Event {
    let event = Event::new(op.now(), FAILED, Outcome::Denied, Actor::Anonymous).request(op.request());
    let event = event.code("credentials_wrong").personal(op.personal(Some(email.to_string())));
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
        op.principal(tx)?;
        let id = op.identity()?.credential;
        if auth::store::credential_revoke(tx, id, op.now())? {
            epoch_raise(tx)?;
            op.record(tx, op.event(ENDED, Outcome::Allowed).target(Target::new("credential", id)))?;
        }
        Ok(())
    })
    .await
}
