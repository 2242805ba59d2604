//! Passkeys: keys in a device or a password manager, which sign a challenge of ours after they verified their person.
//!
//! Invariants, and what each one stops:
//! - A challenge is drawn here, waits in memory for five minutes, is for one purpose and one person, and is taken once:
//!   what was signed for one thing is good for no other and never again.
//! - Verification of the person is required of every key, so that one alone is something held and something known.
//! - A key is bound to the name and the origin of the public URL: a page that only looks like ours gets nothing.
//! - A counter that does not grow shows a copied key: it is refused, and the key disabled until its person or an
//!   instance operator lets it open again. Its signature was right, so nobody disables a key they have not.
//! - A key added by a sign-in that opens one organization opens that one only.
//!
//! What is done with a proof (signing in, stepping up) is decided in `orgs`.

pub(crate) mod store;

use std::time::Duration;

use serde_json::Value;
use webauthn_rs::prelude::{
    AuthenticationResult, CreationChallengeResponse, DiscoverableAuthentication, Passkey as Key, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, RequestChallengeResponse, Url, Uuid,
    WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::one_use::OneUse;
use super::{AuthError, User};
use crate::db::{Reader, WriteTx};
use crate::keys::InstanceKeys;
use crate::types::{Id, ParseError, SecretString, Timestamp, kinds};

/// Passkeys of one person at most.
pub const PASSKEYS_MAX: usize = 50;
/// Longest name of one, in characters.
pub const NAME_MAX: usize = 100;
/// How long a challenge waits.
pub const WAITS: Duration = Duration::from_mins(5);
/// Challenges that wait at most.
const WAITING_MAX: usize = 10_000;
/// What is sealed of one, and for what.
const PASSKEY: &str = "passkey";

/// A stored passkey, without its key.
#[derive(Debug, Clone)]
pub struct Passkey {
    /// Its id.
    pub id: Id<kinds::Passkey>,
    /// Whose it is.
    pub user: Id<kinds::User>,
    /// The only organization it opens; none: every one.
    pub organization: Option<Id<kinds::Organization>>,
    /// What its person calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was used last.
    pub used_at: Option<Timestamp>,
    /// Since when it opens nothing, because there may be a copy of it.
    pub disabled_at: Option<Timestamp>,
}

/// For what somebody who is known shows a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// As the second step of a sign-in.
    SecondFactor,
    /// To be freshly signed in again.
    StepUp,
}

enum Waiting {
    Registration(Id<kinds::User>, Box<PasskeyRegistration>),
    Anybody(Box<DiscoverableAuthentication>),
    Known(Id<kinds::User>, Purpose, Box<PasskeyAuthentication>),
}

/// What a browser is asked, and the name its answer is brought back under.
pub struct Asked {
    /// Brought back with the answer.
    pub ceremony: SecretString,
    /// What `navigator.credentials` takes.
    pub options: Value,
}

/// What a browser answered.
pub struct Answered {
    /// The name of what was asked.
    pub ceremony: SecretString,
    /// What `navigator.credentials` gave.
    pub credential: Value,
}

/// A passkey that was shown: whose, and which.
pub struct Shown {
    /// Which.
    pub passkey: Passkey,
    proof: AuthenticationResult,
}

/// Asks for passkeys and checks what comes back.
pub struct Passkeys {
    webauthn: Webauthn,
    waiting: OneUse<Waiting>,
}

impl Passkeys {
    /// Passkeys of the server at this URL; none where browsers make none: for an address without a name.
    pub fn new(public_url: &str) -> Option<Self> {
        let origin = Url::parse(public_url).ok()?;
        let name = origin.domain()?.to_owned();
        let builder = WebauthnBuilder::new(&name, &origin).ok()?;
        let webauthn = builder.rp_name("Holdfast").timeout(WAITS).build().ok()?;
        Some(Self { webauthn, waiting: OneUse::new(WAITS, WAITING_MAX) })
    }

    /// Asks for a new passkey of a person.
    ///
    /// # Errors
    /// Too many wait; the person has too many; the database failed.
    pub fn begin(&self, reader: &Reader<'_>, user: &User, now: Timestamp) -> Result<Asked, AuthError> {
        let handles = store::handles(reader, user.id)?;
        if handles.len() >= PASSKEYS_MAX {
            return Err(ParseError::new("passkeys", format!("there are {PASSKEYS_MAX} already; remove one")).into());
        }
        let id = Uuid::from_bytes(*user.id.as_bytes());
        let begun = self.webauthn.start_passkey_registration(id, user.email.as_str(), &user.name, Some(handles));
        let (asked, state) = begun.map_err(refused)?;
        let ceremony = self.waiting.put(Waiting::Registration(user.id, Box::new(state)), now)?;
        Ok(Asked { ceremony, options: creation(asked)? })
    }

    /// Keeps a new passkey of a person.
    ///
    /// # Errors
    /// [`AuthError::Passkey`] when it is no answer to what was asked; it is somebody's already; the name is none.
    pub fn add(
        &self,
        tx: &WriteTx<'_>,
        keys: &InstanceKeys,
        (user, organization): (Id<kinds::User>, Option<Id<kinds::Organization>>),
        answered: Answered,
        name: &str,
        now: Timestamp,
    ) -> Result<Passkey, AuthError> {
        let name = parse_name(name)?;
        let (waited, _) = self.waiting.take(&answered.ceremony, now).ok_or(AuthError::Passkey)?;
        let Waiting::Registration(asked, state) = waited else { return Err(AuthError::Passkey) };
        let given: RegisterPublicKeyCredential =
            serde_json::from_value(answered.credential).map_err(|_| AuthError::Passkey)?;
        if asked != user {
            return Err(AuthError::Passkey);
        }
        let made = self.webauthn.finish_passkey_registration(&given, &state).map_err(refused)?;
        if store::handles(tx, user)?.len() >= PASSKEYS_MAX || store::by_handle(tx, made.cred_id())?.is_some() {
            return Err(AuthError::Passkey);
        }
        let passkey =
            Passkey { id: Id::new(now), user, organization, name, created_at: now, used_at: None, disabled_at: None };
        store::insert(tx, &passkey, made.cred_id(), &sealed(keys, user, &made)?)?;
        Ok(passkey)
    }

    /// Asks for any passkey of anybody.
    ///
    /// # Errors
    /// Too many wait.
    pub fn ask_anybody(&self, now: Timestamp) -> Result<Asked, AuthError> {
        let (asked, state) = self.webauthn.start_discoverable_authentication().map_err(refused)?;
        let ceremony = self.waiting.put(Waiting::Anybody(Box::new(state)), now)?;
        Ok(Asked { ceremony, options: request(asked)? })
    }

    /// Asks for one of a person's passkeys that open an organization; everywhere when `organization` is none.
    ///
    /// # Errors
    /// They have none; too many wait; the database failed.
    pub fn ask(
        &self,
        reader: &Reader<'_>,
        keys: &InstanceKeys,
        (user, organization): (Id<kinds::User>, Option<Id<kinds::Organization>>),
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Asked, AuthError> {
        let mut known = Vec::new();
        for (stored, sealed) in store::all(reader, user)? {
            if stored.disabled_at.is_none() && opens(&stored, organization) {
                known.push(opened(keys, user, &sealed)?);
            }
        }
        if known.is_empty() {
            return Err(AuthError::Passkey);
        }
        let (asked, state) = self.webauthn.start_passkey_authentication(&known).map_err(refused)?;
        let ceremony = self.waiting.put(Waiting::Known(user, purpose, Box::new(state)), now)?;
        Ok(Asked { ceremony, options: request(asked)? })
    }

    /// Which passkey was shown by whoever signs in with nothing else.
    ///
    /// # Errors
    /// [`AuthError::PasskeyCopied`] when its counter went back; [`AuthError::Passkey`] whatever else is wrong.
    pub fn shown_by_anybody(
        &self,
        reader: &Reader<'_>,
        keys: &InstanceKeys,
        answered: Answered,
        now: Timestamp,
    ) -> Result<Shown, AuthError> {
        let (waited, _) = self.waiting.take(&answered.ceremony, now).ok_or(AuthError::Passkey)?;
        let Waiting::Anybody(state) = waited else { return Err(AuthError::Passkey) };
        let given = given(answered.credential)?;
        let named = self.webauthn.identify_discoverable_authentication(&given).map_err(refused)?;
        let (person, handle) = named;
        let (passkey, sealed) = store::by_handle(reader, handle)?.ok_or(AuthError::Passkey)?;
        if passkey.user.as_bytes() != person.as_bytes() || passkey.disabled_at.is_some() {
            return Err(AuthError::Passkey);
        }
        let key = opened(keys, passkey.user, &sealed)?;
        match self.webauthn.finish_discoverable_authentication_v2(&given, *state, &key) {
            Ok(proof) => Ok(Shown { passkey, proof }),
            Err(WebauthnError::CredentialPossibleCompromise) => Err(AuthError::PasskeyCopied(Box::new(passkey))),
            Err(other) => Err(refused(other)),
        }
    }

    /// Which passkey was shown by a person, for a purpose.
    ///
    /// # Errors
    /// [`AuthError::PasskeyCopied`] when its counter went back; [`AuthError::Passkey`] whatever else is wrong.
    pub fn shown(
        &self,
        reader: &Reader<'_>,
        user: Id<kinds::User>,
        purpose: Purpose,
        answered: Answered,
        now: Timestamp,
    ) -> Result<Shown, AuthError> {
        let (waited, _) = self.waiting.take(&answered.ceremony, now).ok_or(AuthError::Passkey)?;
        let Waiting::Known(asked, wanted, state) = waited else { return Err(AuthError::Passkey) };
        if asked != user || wanted != purpose {
            return Err(AuthError::Passkey);
        }
        let given = given(answered.credential)?;
        let (passkey, _) = store::by_handle(reader, given.get_credential_id())?.ok_or(AuthError::Passkey)?;
        if passkey.user != user {
            return Err(AuthError::Passkey);
        }
        match self.webauthn.finish_passkey_authentication(&given, &state) {
            Ok(proof) => Ok(Shown { passkey, proof }),
            Err(WebauthnError::CredentialPossibleCompromise) => Err(AuthError::PasskeyCopied(Box::new(passkey))),
            Err(other) => Err(refused(other)),
        }
    }
}

/// Notes the use of a passkey that was shown, if it is still there, not disabled, opens the organization and no newer
/// answer of it was taken meanwhile.
///
/// # Errors
/// [`AuthError::Passkey`]; the keys or the database failed.
pub fn used(
    tx: &WriteTx<'_>,
    keys: &InstanceKeys,
    shown: &Shown,
    organization: Id<kinds::Organization>,
    now: Timestamp,
) -> Result<(), AuthError> {
    let (stored, sealed_now) = store::by_handle(tx, shown.proof.cred_id())?.ok_or(AuthError::Passkey)?;
    if stored.id != shown.passkey.id || stored.disabled_at.is_some() || !opens(&stored, Some(organization)) {
        return Err(AuthError::Passkey);
    }
    let mut key = opened(keys, stored.user, &sealed_now)?;
    // Two answers may have been checked against one counter: here, one after the other, only the higher one counts.
    let counter = counter(&key)?;
    if (shown.proof.counter() > 0 || counter > 0) && shown.proof.counter() <= counter {
        return Err(AuthError::Passkey);
    }
    key.update_credential(&shown.proof);
    store::used(tx, stored.id, &sealed(keys, stored.user, &key)?, now)?;
    Ok(())
}

/// Lets a disabled passkey open again. Its counter begins anew with its next use: what the copy counted is unknown.
///
/// # Errors
/// It is gone; the keys or the database failed.
pub fn enable(tx: &WriteTx<'_>, keys: &InstanceKeys, passkey: &Passkey) -> Result<(), AuthError> {
    let all = store::all(tx, passkey.user)?;
    let (_, sealed_now) = all.iter().find(|(stored, _)| stored.id == passkey.id).ok_or(AuthError::Passkey)?;
    let mut text = serde_json::to_value(opened(keys, passkey.user, sealed_now)?).map_err(|_| AuthError::Passkey)?;
    *text.pointer_mut("/cred/counter").ok_or(AuthError::Passkey)? = 0.into();
    let key: Key = serde_json::from_value(text).map_err(|_| AuthError::Passkey)?;
    store::enable(tx, passkey.id, &sealed(keys, passkey.user, &key)?)?;
    Ok(())
}

/// Whether a passkey opens an organization; without one, whether it opens every one.
fn opens(passkey: &Passkey, organization: Option<Id<kinds::Organization>>) -> bool {
    passkey.organization.is_none_or(|only| Some(only) == organization)
}

/// A person's passkeys, newest first.
///
/// # Errors
/// The database failed.
pub fn list(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<Vec<Passkey>, AuthError> {
    Ok(store::all(reader, user)?.into_iter().map(|(passkey, _)| passkey).collect())
}

/// How many passkeys of a person open an organization, and how many would if they were not disabled.
///
/// # Errors
/// The database failed.
pub fn count(
    reader: &Reader<'_>,
    user: Id<kinds::User>,
    organization: Id<kinds::Organization>,
) -> Result<(usize, usize), AuthError> {
    Ok(store::count(reader, user, organization)?)
}

/// Reads the name of a passkey.
///
/// # Errors
/// It is empty, too long, or holds control characters.
pub fn parse_name(name: &str) -> Result<String, ParseError> {
    let name = name.trim();
    let fits = (1..=NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        Ok(name.to_owned())
    } else {
        Err(ParseError::new("name", format!("must have 1 to {NAME_MAX} printable characters")))
    }
}

fn sealed(keys: &InstanceKeys, user: Id<kinds::User>, key: &Key) -> Result<Vec<u8>, AuthError> {
    let plain = serde_json::to_vec(key).map_err(|_| AuthError::Passkey)?;
    Ok(keys.factor_cipher(user)?.seal(PASSKEY, &plain)?.as_bytes().to_vec())
}

fn opened(keys: &InstanceKeys, user: Id<kinds::User>, sealed: &[u8]) -> Result<Key, AuthError> {
    let plain = keys.factor_cipher(user)?.open(PASSKEY, sealed)?;
    serde_json::from_slice(plain.expose()).map_err(|_| AuthError::Passkey)
}

/// How often a key says it was used; 0 of keys that do not count.
fn counter(key: &Key) -> Result<u32, AuthError> {
    let text = serde_json::to_value(key).map_err(|_| AuthError::Passkey)?;
    let counter = text.pointer("/cred/counter").and_then(Value::as_u64).ok_or(AuthError::Passkey)?;
    u32::try_from(counter).map_err(|_| AuthError::Passkey)
}

fn given(credential: Value) -> Result<PublicKeyCredential, AuthError> {
    serde_json::from_value(credential).map_err(|_| AuthError::Passkey)
}

/// What a browser takes to make a key: one it finds by itself later, where it can keep such.
fn creation(asked: CreationChallengeResponse) -> Result<Value, AuthError> {
    let mut options = serde_json::to_value(asked.public_key).map_err(|_| AuthError::Passkey)?;
    options["authenticatorSelection"]["residentKey"] = "preferred".into();
    Ok(options)
}

/// What a browser takes to show a key. When it is asked for is the page's to say, so the mediation is left out.
fn request(asked: RequestChallengeResponse) -> Result<Value, AuthError> {
    serde_json::to_value(asked.public_key).map_err(|_| AuthError::Passkey)
}

/// One answer for all: what exactly was wrong with a key helps only who forges one.
fn refused(error: WebauthnError) -> AuthError {
    tracing::debug!(%error, "a passkey was refused");
    AuthError::Passkey
}
