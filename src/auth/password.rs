//! Passwords: Argon2id (RFC 9106) with OWASP's second profile: 19 MiB, two passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use orion::pwhash;
use tokio::sync::Semaphore;

use super::{AuthError, rules};
use crate::types::{Secret, SecretString};

/// Shortest password, in characters (NIST SP 800-63B); 15 are advised.
pub const MIN: usize = 8;
/// Longest password, in characters: long enough for any phrase, short enough to hash at once.
pub const MAX: usize = 256;
/// Argon2 computations at once. Each takes 19 MiB: guessing cannot take the machine's memory.
const AT_ONCE: usize = 2;
/// Sign-ins waiting for their turn at most.
const WAITING_MAX: usize = 64;

/// A stored hash, in PHC form. Not a password: it signs nobody in.
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash read from the table. Only we write there, so its cost is ours.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text to store.
    pub fn as_stored(&self) -> &str {
        &self.0
    }
}

/// Computes and checks hashes, two at a time.
pub struct Passwords {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    computed: AtomicU64,
    /// A hash nobody has the password of: checked when there is no user, so that both take the same time.
    decoy: PasswordHash,
}

impl Passwords {
    /// Makes the decoy, which costs one computation.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new() -> Result<Self, AuthError> {
        let decoy = hash_now(&Secret::new("no user has this password".to_owned()))?;
        Ok(Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
            computed: AtomicU64::new(0),
            decoy,
        })
    }

    /// Hashes a new password of somebody who is called `about`.
    ///
    /// # Errors
    /// Refused by the [`rules`]; too many waiting.
    pub async fn hash(&self, password: SecretString, about: &[&str]) -> Result<PasswordHash, AuthError> {
        rules::check(&password, about)?;
        self.turn(move || hash_now(&password)).await
    }

    /// Whether `password` is the one of `stored`; with none stored it takes as long and answers no.
    ///
    /// # Errors
    /// Too many waiting.
    pub async fn verify(&self, stored: Option<PasswordHash>, password: SecretString) -> Result<bool, AuthError> {
        let known = stored.is_some();
        let against = stored.unwrap_or_else(|| PasswordHash(self.decoy.0.clone()));
        let right = self.turn(move || Ok(verify_now(&against, &password))).await?;
        Ok(known && right)
    }

    /// Computations since the start: what a sign-in costs is counted, so that it can be shown to be the same for all.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    async fn turn<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> Result<T, AuthError> + Send + 'static,
    ) -> Result<T, AuthError> {
        let place = Place::of(&self.waiting);
        if !place.is_there {
            return Err(AuthError::Busy);
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        drop(place);
        let turn = turn.map_err(|_| AuthError::Busy)?;
        self.computed.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let result = f();
            drop(turn);
            result
        })
        .await
        .map_err(|_| AuthError::Busy)?
    }
}

/// A place in the queue, given back when its turn has come, and also when whoever waits goes away before: a connection that
/// is closed must not keep its place for good.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    is_there: bool,
}

impl<'a> Place<'a> {
    fn of(waiting: &'a AtomicUsize) -> Self {
        let is_there = waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX;
        Self { waiting, is_there }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash_now(password: &SecretString) -> Result<PasswordHash, AuthError> {
    let password = pwhash::Password::try_from(password.expose().as_bytes()).map_err(|_| AuthError::WeakPassword)?;
    let hash = pwhash::hash_password(&password, &pwhash::OWASP_ARGON2ID_2ND).map_err(|_| AuthError::Busy)?;
    Ok(PasswordHash(hash.unprotected_as_ref::<str>().to_owned()))
}

fn verify_now(stored: &PasswordHash, password: &SecretString) -> bool {
    let Ok(password) = pwhash::Password::try_from(password.expose().as_bytes()) else { return false };
    let Ok(hash) = pwhash::PasswordHash::try_from(stored.0.as_str()) else { return false };
    pwhash::hash_password_verify(&hash, &password).is_ok()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn secret(text: &str) -> SecretString {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_passes() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(secret("correct horse"), &[]).await.unwrap();
        assert!(hash.as_stored().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let stored = || Some(PasswordHash::from_stored(hash.as_stored().to_owned()));
        assert!(passwords.verify(stored(), secret("correct horse")).await.unwrap());
        assert!(!passwords.verify(stored(), secret("correct hors")).await.unwrap());
        assert!(!passwords.verify(None, secret("no user has this password")).await.unwrap());
    }

    #[tokio::test]
    async fn two_are_computed_at_once_and_the_queue_has_an_end_and_gives_places_back() {
        let passwords = Passwords::new().unwrap();
        let both = Arc::clone(&passwords.turns).acquire_many_owned(2).await.unwrap();
        assert_eq!(passwords.turns.available_permits(), 0, "no third turn");
        let mut queue: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(passwords.verify(None, secret("a guess")))).collect();
        assert!(queue.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        assert!(matches!(passwords.verify(None, secret("a guess")).await, Err(AuthError::Busy)));
        // Whoever goes away leaves their place to the next.
        drop(queue);
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
        drop(both);
        assert!(!passwords.verify(None, secret("a guess")).await.unwrap());
    }

    #[tokio::test]
    async fn what_the_rules_refuse_costs_no_computation() {
        let passwords = Passwords::new().unwrap();
        let before = passwords.computed();
        assert!(matches!(passwords.hash(secret("short"), &[]).await, Err(AuthError::WeakPassword)));
        assert!(matches!(passwords.hash(secret("sunshine"), &[]).await, Err(AuthError::Guessable(_))));
        assert_eq!(passwords.computed(), before);
    }
}
