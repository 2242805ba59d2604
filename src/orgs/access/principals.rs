//! From a bearer token to a principal: checked at every request, loaded once per authorization epoch.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::{organization_stands, principal_facts};
use crate::auth::authenticate::{self, Claimed, Proven};
use crate::auth::{AuthError, Credential, store};
use crate::db::{Db, DbError, Number, Reader};
use crate::keys::Keyring;
use crate::op::{Identity, Principals, epoch};
use crate::policy::Principal;
use crate::types::{Id, SecretString, Timestamp, kinds};

/// Tokens kept in memory; beyond that all are forgotten and loaded anew.
const KEPT_MAX: usize = 16_384;

/// A credential's use is noted at most this often: a note is a write, and most requests only read.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// The principal of a credential, from members, service accounts and grants.
pub struct TreePrincipals;

impl Principals for TreePrincipals {
    fn principal(
        &self,
        reader: &Reader<'_>,
        credential: Id<kinds::Credential>,
        now: Timestamp,
    ) -> Result<Option<Principal>, DbError> {
        let Some(found) = store::credential_get(reader, credential)? else { return Ok(None) };
        if !authenticate::stands(&found, now) || !organization_stands(reader, found.organization, now)? {
            return Ok(None);
        }
        principal_facts(reader, found.organization, found.owner)
    }
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
    proven: Proven,
    principal: Arc<Principal>,
}

/// Checks bearer tokens, remembering what was loaded for them until rights change.
#[derive(Default)]
pub struct Sessions {
    kept: RwLock<HashMap<String, Arc<Kept>>>,
}

impl Sessions {
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
        // What was published covers every revocation that was acknowledged; the operation looks again in its transaction.
        let kept = db.number(Number::Rights).and_then(|epoch| self.get(parsed.public_id(), epoch));
        let kept = match kept {
            Some(kept) => kept,
            None => db.read(|reader| self.load(reader, keyring, &parsed, now))?,
        };
        authenticate::check(&kept.proven, &parsed, address, now)?;
        let credential = Arc::clone(&kept.proven.credential);
        let identity = Identity {
            principal: Arc::clone(&kept.principal),
            epoch: kept.epoch,
            credential: credential.id,
            stepped_up_until: credential.stepped_up_until,
        };
        Ok(Session { credential, identity, note: kept.is_news(now) })
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
        let principal = principal_facts(reader, credential.organization, credential.owner)?;
        let principal = Arc::new(principal.ok_or(AuthError::Invalid)?);
        let kept = Arc::new(Kept { epoch, noted: AtomicI64::new(i64::MIN), proven, principal });
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

impl Kept {
    fn is_news(&self, now: Timestamp) -> bool {
        let (last, now) = (self.noted.load(Ordering::Relaxed), now.as_micros());
        let passed = now.saturating_sub(last).unsigned_abs();
        // One of several requests at once is enough.
        u128::from(passed) >= NOTED_EVERY.as_micros()
            && self.noted.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
