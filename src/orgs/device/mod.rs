//! Logins without a password on the machine that logs in (RFC 8628): it shows a code, and its person confirms it where
//! they are signed in.
//!
//! Invariants, and what each one stops:
//! - The machine's own code has 256 bits and is stored as a keyed hash; the short one that a person types only finds what
//!   waits, for ten minutes, and only for who is signed in.
//! - Confirming asks for a fresh sign-in, and whoever confirms is shown what asks and from where.
//! - What is given is what the confirming sign-in is: its organization, its factor, and no password opens more by it.
//! - It is given once, and only while the sign-in that confirmed it still stands.
//! - The token it gets works for an hour and is replaced while the login stands (`auth::refresh`).

mod store;

use std::time::Duration;

use super::session::LIFE;
use super::{OrgError, access, organization};
use crate::auth::credential::{self, Minted};
use crate::auth::{self, Cidrs, Credential, CredentialKind, NewCredential, SignInFacts, User, authenticate, refresh};
use crate::db::{Reader, WriteTx};
use crate::keys::{InstanceKeys, MacPurpose, PlainToken, TokenKind, random};
use crate::ledger::{ActionName, Actor, Details, Event, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::orgs::organization::Organization;
use crate::policy::PrincipalId;
use crate::types::{Id, Secret, SecretString, Timestamp, kinds};

/// Somebody confirmed a login, or said that it is not theirs.
const DECIDED: ActionName = ActionName::new("session.device_decided");
/// A confirmed login was given its token.
const CREATED: ActionName = ActionName::new("session.device_created");
/// What is recorded of them.
pub const ACTIONS: &[ActionName] = &[DECIDED, CREATED];

/// How long a login waits to be confirmed.
pub const WAITS: Duration = Duration::from_mins(10);
/// How often a machine may ask whether it was.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// Logins that wait at most; more are refused until some are over.
const WAITING_MAX: usize = 10_000;
/// Old ones thrown away with each new one at most.
const SWEEP: u32 = 64;
/// Consonants only: no word, and nothing that reads like another (RFC 8628, section 6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters of the code a person types: 20^8 are 34 bits.
const CODE_LEN: usize = 8;

/// A login that waits.
pub struct Begun {
    /// What the machine asks with.
    pub device_code: SecretString,
    /// What the person types: `BCDF-GHJK`.
    pub user_code: SecretString,
    /// When it is over.
    pub expires_at: Timestamp,
}

/// What asks to be let in.
#[derive(Debug, Clone)]
pub struct Asking {
    /// What the machine calls itself.
    pub device: Option<String>,
    /// From where it asks.
    pub address: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it is over.
    pub expires_at: Timestamp,
}

/// Who was let in, where, and the token.
pub struct LetIn {
    /// Who.
    pub user: User,
    /// Where.
    pub organization: Organization,
    /// A token for the command line.
    pub minted: Minted,
    /// What replaces it.
    pub refresh_token: SecretString,
}

fn hashed(keys: &InstanceKeys, typed: &str) -> [u8; 32] {
    let letters: String = typed.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).collect();
    *keys.mac(MacPurpose::UserCode, &[letters.as_bytes()]).as_bytes()
}

/// Each of the twenty letters equally likely.
fn draw() -> Result<String, OrgError> {
    let mut code = String::with_capacity(CODE_LEN + 1);
    // A byte is refused with probability 16/256: 64 are enough but once in the age of the universe.
    for byte in random::<64>()?.into_iter().filter(|byte| *byte < 240) {
        if code.len() == CODE_LEN / 2 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[usize::from(byte % 20)]));
        if code.len() == CODE_LEN + 1 {
            return Ok(code);
        }
    }
    Err(crate::keys::KeyError::Randomness.into())
}

/// Begins a login of a machine that has no password.
///
/// # Errors
/// Too many wait.
pub async fn device_begin(op: &Op) -> Result<Begun, OrgError> {
    op.write(|op, tx| {
        store::sweep(tx, op.now(), SWEEP)?;
        if store::waiting(tx)? >= WAITING_MAX {
            return Err(auth::AuthError::Busy.into());
        }
        let keys = op.keyring().instance();
        let (token, user_code) = (PlainToken::generate(TokenKind::Device)?, draw()?);
        let expires_at = op.now().plus(WAITS);
        let origin = op.origin();
        let asking = Asking {
            device: origin.user_agent.clone(),
            address: origin.address.map(|a| a.to_canonical().to_string()),
            created_at: op.now(),
            expires_at,
        };
        let public = token.public_id();
        store::insert(tx, public.as_str(), token.hash(keys.mac_key()).as_bytes(), &hashed(keys, &user_code), &asking)?;
        let device_code = Secret::new(token.expose_text().to_owned());
        Ok(Begun { device_code, user_code: Secret::new(user_code), expires_at })
    })
    .await
}

/// The sign-in that asks, which may confirm logins.
fn confirming(op: &Op, reader: &Reader<'_>) -> Result<Credential, OrgError> {
    let (_, own) = op.principal(reader)?;
    if !matches!(own.id, PrincipalId::User(_)) {
        return Err(OrgError::PeopleOnly { what: "logins" });
    }
    let credential = auth::store::credential_get(reader, op.identity()?.credential)?.ok_or(OpError::CredentialGone)?;
    auth::store::sign_in_get(reader, credential.id)?.ok_or(auth::AuthError::OwnSignInOnly)?;
    Ok(credential)
}

fn waiting_for(op: &Op, reader: &Reader<'_>, typed: &str) -> Result<(String, Asking), OrgError> {
    let found = store::by_user_code(reader, &hashed(op.keyring().instance(), typed))?;
    let found = found.filter(|(_, asking)| asking.expires_at > op.now());
    found.ok_or_else(|| OrgError::not_found("login", "this code"))
}

/// What asks to be let in with this code.
///
/// # Errors
/// Nothing waits with it; the credential came of no sign-in.
pub async fn device_look(op: &Op, user_code: SecretString) -> Result<Asking, OrgError> {
    op.read(|reader| {
        confirming(op, reader)?;
        Ok(waiting_for(op, reader, user_code.expose())?.1)
    })
    .await
}

/// Lets what asks with this code in as whoever asks, in this organization, or says that it is not theirs.
///
/// # Errors
/// Nothing waits with it; the credential came of no sign-in, or of one that is not fresh.
pub async fn device_decide(op: &Op, user_code: SecretString, approve: bool) -> Result<Asking, OrgError> {
    op.write(move |op, tx| {
        let credential = confirming(op, tx)?;
        let event = op.event(DECIDED, Outcome::Allowed).target(Target::new("credential", credential.id));
        if approve {
            access::require_fresh(op, &event)?;
        }
        let (public_id, asking) = waiting_for(op, tx, user_code.expose())?;
        if approve {
            store::approve(tx, &public_id, credential.id, op.organization()?)?;
        } else {
            store::deny(tx, &public_id)?;
        }
        op.record(tx, event.details(Details::new().with("approved", approve)))?;
        Ok(asking)
    })
    .await
}

/// Whether a login was confirmed; then its token, once.
///
/// # Errors
/// [`OrgError::DevicePending`], [`OrgError::DeviceTooFast`], [`OrgError::DeviceDenied`], [`OrgError::DeviceOver`].
pub async fn device_token(op: &Op, device_code: SecretString) -> Result<LetIn, OrgError> {
    let result = op.write(move |op, tx| {
        let parsed = PlainToken::parse(device_code.expose().trim()).map_err(|_| OrgError::DeviceOver)?;
        if parsed.kind() != TokenKind::Device {
            return Err(OrgError::DeviceOver);
        }
        let public_id = parsed.public_id();
        let stored = store::get(tx, public_id.as_str())?.ok_or(OrgError::DeviceOver)?;
        let right = parsed.hash(op.keyring().instance().mac_key()).verify(&stored.hash);
        if !right || stored.asking.expires_at <= op.now() {
            return Err(OrgError::DeviceOver);
        }
        if stored.denied {
            store::delete(tx, public_id.as_str())?;
            return Ok(Err(OrgError::DeviceDenied));
        }
        if stored.polled_at.is_some_and(|at| op.now().since(at) < INTERVAL) {
            return Ok(Err(OrgError::DeviceTooFast));
        }
        store::polled(tx, public_id.as_str(), op.now())?;
        let Some((by, organization)) = stored.approved else { return Ok(Err(OrgError::DevicePending)) };
        store::delete(tx, public_id.as_str())?;
        match let_in(op, tx, by, organization, stored.asking)? {
            Some(done) => Ok(Ok(done)),
            None => Ok(Err(OrgError::DeviceDenied)),
        }
    });
    result.await?
}

/// Gives the token, if the sign-in that confirmed it still stands and opens the organization.
fn let_in(
    op: &Op,
    tx: &mut WriteTx<'_>,
    by: Id<kinds::Credential>,
    organization: Id<kinds::Organization>,
    asking: Asking,
) -> Result<Option<LetIn>, OrgError> {
    let Some(confirmed) = auth::store::credential_get(tx, by)? else { return Ok(None) };
    let (PrincipalId::User(id), Some(facts)) = (confirmed.owner, auth::store::sign_in_get(tx, by)?) else {
        return Ok(None);
    };
    let opens = confirmed.organization == organization || facts.everywhere;
    if !opens || !authenticate::stands(&confirmed, op.now()) {
        return Ok(None);
    }
    let found = organization::store::organization_get(tx, organization)?.filter(|o| o.deletion.is_none());
    let (Some(found), Some(_)) = (found, access::principal_facts(tx, organization, confirmed.owner)?) else {
        return Ok(None);
    };
    let user = auth::store::user_get(tx, id)?.ok_or(OpError::CredentialGone)?;
    let new = NewCredential {
        organization,
        kind: CredentialKind::Cli,
        owner: confirmed.owner,
        name: "holdfast login".into(),
        expires_at: Some(op.now().plus(LIFE)),
        cidrs: Cidrs::default(),
        stepped_up_until: confirmed.stepped_up_until,
    };
    let mut minted = credential::mint(tx, op.keyring(), new, op.now())?;
    let refresh_token = refresh::begin(tx, op.keyring().instance(), &mut minted.credential, op.now())?;
    let own = SignInFacts { device: asking.device, address: asking.address, ..facts };
    auth::store::sign_in_insert(tx, minted.credential.id, id, &own)?;
    epoch_raise(tx)?;
    let made = minted.credential.id;
    let event = Event::new(op.now(), CREATED, Outcome::Allowed, Actor::User(id)).request(op.request());
    let event = event.personal(op.personal(None)).credential(made).organization(organization);
    let event = event.target(Target::new("credential", made)).details(Details::new().with("confirmed_by", by));
    op.record(tx, event)?;
    Ok(Some(LetIn { user, organization: found, minted, refresh_token }))
}
