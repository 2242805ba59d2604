//! From a token to a principal: checked at every request, loaded once per authorization epoch.
//!
//! A session of a browser is looked up like any other token. What it has besides: it ends when it is not used, and one
//! made with a password of one's own opens every organization one is in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::{organization_stands, principal_facts};
use crate::auth::authenticate::{self, Claimed, Proven};
use crate::auth::{AuthError, Credential, CredentialKind, factor, store};
use crate::db::{Db, DbError, Number, Reader};
use crate::keys::Keyring;
use crate::op::{Identity, Principals, epoch};
use crate::orgs::organization;
use crate::policy::{Principal, PrincipalId};
use crate::types::{Id, SecretString, Timestamp, kinds};

/// Tokens kept in memory; beyond that all are forgotten and loaded anew.
const KEPT_MAX: usize = 16_384;

/// A credential's use is noted at most this often: a note is a write, and most requests only read.
const NOTED_EVERY: Duration = Duration::from_mins(1);
/// How long a session may lie idle unless told otherwise.
const IDLE: Duration = Duration::from_hours(8);

/// The principal of a credential, from members, service accounts and grants.
pub struct TreePrincipals;

impl Principals for TreePrincipals {
    fn principal(
        &self,
        reader: &Reader<'_>,
        credential: Id<kinds::Credential>,
        organization: Id<kinds::Organization>,
        now: Timestamp,
    ) -> Result<Option<Principal>, DbError> {
        let Some(found) = store::credential_get(reader, credential)? else { return Ok(None) };
        if !authenticate::stands(&found, now) || !organization_stands(reader, found.organization, now)? {
            return Ok(None);
        }
        if organization == found.organization {
            principal_by(reader, &found, organization)
        } else {
            principal_elsewhere(reader, &found, organization, now)
        }
    }
}

/// The owner of a session in an organization other than the one it was made in; none when it does not open that.
fn principal_elsewhere(
    reader: &Reader<'_>,
    credential: &Credential,
    organization: Id<kinds::Organization>,
    now: Timestamp,
) -> Result<Option<Principal>, DbError> {
    let is_session = credential.kind == CredentialKind::Session;
    if !is_session || !store::sign_in_get(reader, credential.id)?.is_some_and(|facts| facts.everywhere) {
        return Ok(None);
    }
    if organization_stands(reader, organization, now)? {
        principal_by(reader, credential, organization)
    } else {
        Ok(None)
    }
}

/// The owner of a credential and what they hold by it. Where a second factor is asked for, a sign-in without one holds
/// nothing: it is let in to set one up.
fn principal_by(
    reader: &Reader<'_>,
    credential: &Credential,
    organization: Id<kinds::Organization>,
) -> Result<Option<Principal>, DbError> {
    let mut principal = principal_facts(reader, organization, credential.owner)?;
    if let Some(principal) = principal.as_mut()
        && lacks_factor(reader, credential, organization)?
    {
        principal.grants.clear();
    }
    Ok(principal)
}

/// Whether the organization asks for a second factor that a credential lacks: a sign-in that was made without one, a
/// personal token of somebody who has none. What a machine has is not asked.
pub(crate) fn lacks_factor(
    reader: &Reader<'_>,
    credential: &Credential,
    organization: Id<kinds::Organization>,
) -> Result<bool, DbError> {
    let PrincipalId::User(user) = credential.owner else { return Ok(false) };
    if !organization::store::second_factor_required(reader, organization)? {
        return Ok(false);
    }
    if !matches!(credential.kind, CredentialKind::Session | CredentialKind::Cli) {
        let factors = factor::factors(reader, user, organization).map_err(|error| match error {
            AuthError::Db(error) => error,
            _ => DbError::Stopped,
        });
        return Ok(!factors?.is_any());
    }
    Ok(store::sign_in_get(reader, credential.id)?.is_none_or(|facts| facts.factor.is_none()))
}

/// A token that was checked, and what it opens.
#[derive(Clone)]
pub struct Session {
    /// The credential.
    pub credential: Arc<Credential>,
    /// Who it is.
    pub identity: Identity,
    /// Whether this use is worth a [`Sessions::note_use`].
    pub note: bool,
}

struct Kept {
    epoch: u64,
    /// When a use was last worth a note, in microseconds.
    noted: AtomicI64,
    /// When a session was last used, in microseconds.
    seen: AtomicI64,
    proven: Proven,
    principal: Arc<Principal>,
}

/// Checks tokens, remembering what was loaded for them until rights change.
pub struct Sessions {
    kept: RwLock<HashMap<String, Arc<Kept>>>,
    idle: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::with_idle(IDLE)
    }
}

impl Sessions {
    /// Sessions of browsers end when they are not used for `idle`.
    pub fn with_idle(idle: Duration) -> Self {
        Self { kept: RwLock::default(), idle }
    }

    /// How long a session of a browser may lie idle.
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// Who a token is, now and from this address.
    ///
    /// # Errors
    /// It is damaged, not one of ours, revoked, expired, from a wrong address, or its owner is gone.
    pub fn check(
        &self,
        db: &Db,
        keyring: &Keyring,
        token: &SecretString,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Session, AuthError> {
        let parsed = authenticate::parse(token)?;
        let kept = self.checked(db, keyring, &parsed, address, now)?;
        Ok(kept.session(now))
    }

    /// Whether a session of a browser lay idle too long by now. Whoever was let in by it and stays asks this.
    ///
    /// # Errors
    /// The database failed.
    pub fn lies_idle(&self, db: &Db, credential: &Credential, now: Timestamp) -> Result<bool, DbError> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let seen = kept.get(&credential.public_id).map(|kept| kept.seen.load(Ordering::Relaxed));
        drop(kept);
        let seen = match seen {
            Some(seen) => Timestamp::from_micros(seen),
            None => db.read(|reader| last_seen(reader, credential))?,
        };
        Ok(now.since(seen) > self.idle)
    }

    /// Whose session the token of a cookie is, in the organization `wanted` by id or slug, or the one it was made in.
    /// Whether this is a use of it, so that it lies idle no more, is for the caller to say.
    ///
    /// # Errors
    /// It is none that stands; it lay idle too long; it does not open that organization.
    pub fn check_cookie(
        &self,
        db: &Db,
        keyring: &Keyring,
        token: &SecretString,
        (wanted, is_use): (Option<&str>, bool),
        now: Timestamp,
    ) -> Result<Session, AuthError> {
        let ended = |error| match error {
            AuthError::Damaged | AuthError::Invalid | AuthError::Expired => AuthError::SessionEnded,
            other => other,
        };
        let parsed = authenticate::parse_cookie(token).map_err(ended)?;
        let kept = self.checked(db, keyring, &parsed, None, now).map_err(ended)?;
        let seen = Timestamp::from_micros(kept.seen.load(Ordering::Relaxed));
        if now.since(seen) > self.idle {
            return Err(AuthError::SessionEnded);
        }
        if is_use {
            kept.seen.fetch_max(now.as_micros(), Ordering::Relaxed);
        }
        let mut session = if is_use { kept.session(now) } else { kept.unused() };
        let Some(wanted) = wanted else { return Ok(session) };
        let chosen = db.read(|reader| {
            let epoch = epoch(reader)?;
            let found = match Id::parse(wanted) {
                Ok(id) => organization::store::organization_get(reader, id)?,
                Err(_) => organization::store::organization_by_slug(reader, wanted)?,
            };
            let Some(found) = found else { return Ok::<_, AuthError>(None) };
            if found.id == session.credential.organization {
                return Ok(Some((session.identity.epoch, Arc::clone(&session.identity.principal))));
            }
            let principal = principal_elsewhere(reader, &session.credential, found.id, now)?;
            Ok(principal.map(|principal| (epoch, Arc::new(principal))))
        })?;
        (session.identity.epoch, session.identity.principal) = chosen.ok_or(AuthError::Organization)?;
        Ok(session)
    }

    fn checked(
        &self,
        db: &Db,
        keyring: &Keyring,
        parsed: &Claimed<'_>,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<Kept>, AuthError> {
        // What was published covers every revocation that was acknowledged; the operation looks again in its transaction.
        let kept = db.number(Number::Rights).and_then(|epoch| self.get(parsed.public_id(), epoch));
        let kept = match kept {
            Some(kept) => kept,
            None => db.read(|reader| self.load(reader, keyring, parsed, now))?,
        };
        authenticate::check(&kept.proven, parsed, address, now)?;
        Ok(kept)
    }

    /// Notes that a credential was used; call it when [`Session::note`] says so. It is no part of the ledger and
    /// changes no right.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note_use(db: &Db, session: &Session, address: IpAddr, now: Timestamp) -> Result<(), DbError> {
        let (id, address) = (session.credential.id, address.to_canonical().to_string());
        db.write(move |tx| store::credential_used(tx, id, now, &address)).await
    }

    fn load(
        &self,
        reader: &Reader<'_>,
        keyring: &Keyring,
        claimed: &Claimed<'_>,
        now: Timestamp,
    ) -> Result<Arc<Kept>, AuthError> {
        let epoch = epoch(reader)?;
        let proven = authenticate::load(reader, keyring, claimed)?;
        let credential = &proven.credential;
        if !organization_stands(reader, credential.organization, now)? {
            return Err(AuthError::Invalid);
        }
        let principal = principal_by(reader, credential, credential.organization)?;
        let principal = Arc::new(principal.ok_or(AuthError::Invalid)?);
        let seen = AtomicI64::new(last_seen(reader, credential)?.as_micros());
        let kept = Arc::new(Kept { epoch, noted: AtomicI64::new(i64::MIN), seen, proven, principal });
        self.put(claimed.public_id().to_owned(), Arc::clone(&kept));
        Ok(kept)
    }

    fn get(&self, public_id: &str, epoch: u64) -> Option<Arc<Kept>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(public_id).filter(|k| k.epoch == epoch).cloned()
    }

    fn put(&self, public_id: String, entry: Arc<Kept>) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(public_id, entry);
    }
}

/// When a session was last used before it was loaded; other tokens are not asked.
fn last_seen(reader: &Reader<'_>, credential: &Credential) -> Result<Timestamp, DbError> {
    if credential.kind != CredentialKind::Session {
        return Ok(credential.created_at);
    }
    let used = store::credential_use(reader, credential.id)?.map(|(at, _)| at);
    Ok(used.map_or(credential.created_at, |at| at.max(credential.created_at)))
}

impl Kept {
    fn session(&self, now: Timestamp) -> Session {
        Session { note: self.is_news(now), ..self.unused() }
    }

    /// The same, for what is no use of it.
    fn unused(&self) -> Session {
        let credential = Arc::clone(&self.proven.credential);
        let identity = Identity {
            principal: Arc::clone(&self.principal),
            epoch: self.epoch,
            credential: credential.id,
            stepped_up_until: credential.stepped_up_until,
        };
        Session { credential, identity, note: false }
    }

    fn is_news(&self, now: Timestamp) -> bool {
        let (last, now) = (self.noted.load(Ordering::Relaxed), now.as_micros());
        let passed = now.saturating_sub(last).unsigned_abs();
        // One of several requests at once is enough.
        u128::from(passed) >= NOTED_EVERY.as_micros()
            && self.noted.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
