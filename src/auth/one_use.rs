//! What waits for an answer for some minutes and is taken once: tickets between two steps of a sign-in, challenges of
//! passkeys. Kept in memory: nobody who is unknown can make the disk busy, and a restart only makes people begin again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::AuthError;
use crate::keys::random;
use crate::types::{Secret, SecretString, Timestamp};

/// Bytes of the name something is taken by.
const NAME_LEN: usize = 24;

/// Things that wait, each under a name nobody can guess.
pub struct OneUse<T> {
    waiting: Mutex<HashMap<[u8; NAME_LEN], (Timestamp, T)>>,
    life: Duration,
    most: usize,
}

impl<T> OneUse<T> {
    /// Each waits for `life`, at most `most` at once.
    pub fn new(life: Duration, most: usize) -> Self {
        Self { waiting: Mutex::default(), life, most }
    }

    /// Keeps something; answers the name it is taken by.
    ///
    /// # Errors
    /// [`AuthError::Busy`] when too many wait; no randomness.
    pub fn put(&self, value: T, now: Timestamp) -> Result<SecretString, AuthError> {
        self.put_until(value, now.plus(self.life), now)
    }

    /// The same until a moment of its own: what is put back after a wrong try lives no longer for it.
    ///
    /// # Errors
    /// As [`OneUse::put`].
    pub fn put_until(&self, value: T, until: Timestamp, now: Timestamp) -> Result<SecretString, AuthError> {
        let name = random::<NAME_LEN>()?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.most {
            waiting.retain(|_, (until, _)| *until > now);
        }
        if waiting.len() >= self.most {
            return Err(AuthError::Busy);
        }
        waiting.insert(name, (until, value));
        Ok(Secret::new(BASE64URL_NOPAD.encode(&name)))
    }

    /// What waits under a name, and goes on waiting.
    pub fn look<R>(&self, name: &SecretString, now: Timestamp, at: impl FnOnce(&T) -> R) -> Option<R> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, value) = waiting.get(&Self::name(name)?)?;
        (*until > now).then(|| at(value))
    }

    fn name(text: &SecretString) -> Option<[u8; NAME_LEN]> {
        let bytes = BASE64URL_NOPAD.decode(text.expose().as_bytes()).ok()?;
        <[u8; NAME_LEN]>::try_from(bytes).ok()
    }

    /// Takes what waits under a name, and until when it would have; none when it was taken, is over, or never was.
    pub fn take(&self, name: &SecretString, now: Timestamp) -> Option<(T, Timestamp)> {
        let name = Self::name(name)?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, value) = waiting.remove(&name)?;
        (until > now).then_some((value, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn what_waits_is_taken_once_and_in_time() {
        let waiting = OneUse::new(MINUTE, 10);
        let now = Timestamp::from_micros(1);
        let name = waiting.put("one", now).unwrap();
        assert_eq!(waiting.look(&name, now, |one| *one), Some("one"));
        assert_eq!(waiting.take(&name, now), Some(("one", now.plus(MINUTE))));
        assert_eq!(waiting.take(&name, now), None);
        let late = waiting.put("two", now).unwrap();
        assert_eq!(waiting.look(&late, now.plus(MINUTE), |two| *two), None);
        assert_eq!(waiting.take(&late, now.plus(MINUTE)), None);
        for wrong in ["", "x", "not-base64url!", &"A".repeat(32)] {
            assert_eq!(waiting.take(&Secret::new(wrong.to_owned()), now), None, "{wrong}");
        }
    }

    #[test]
    fn there_is_room_again_when_some_are_over() {
        let waiting = OneUse::new(MINUTE, 2);
        let now = Timestamp::from_micros(1);
        let _kept = [waiting.put(1, now).unwrap(), waiting.put(2, now).unwrap()];
        assert!(matches!(waiting.put(3, now), Err(AuthError::Busy)));
        assert!(waiting.put(3, now.plus(MINUTE)).is_ok());
    }
}
