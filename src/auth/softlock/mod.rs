//! How failed sign-ins slow down those that follow.
//!
//! | counted for | free | then |
//! |---|---|---|
//! | an account, from everywhere it did not sign in from before | 5 | 2, 4, 8 … seconds, 15 minutes at most |
//! | an account, from one network it signed in from in the last 90 days | 5 | the same, of its own |
//! | a network, over all accounts that did not sign in from there before | 20 | the same |
//!
//! A try is counted before its password is looked at, so that many at once are many; a success forgets those of its
//! account. While one waits, no password is looked at, not even the right one: else the answer would tell. Whether the
//! account exists makes no difference. So guessing is slow, nobody is kept out of their account from where they always
//! sign in, and a day after the last failure all is forgotten.

mod store;

use std::net::IpAddr;
use std::time::Duration;

use super::AuthError;
use crate::db::{Reader, WriteTx};
use crate::keys::{InstanceKeys, MacPurpose};
use crate::types::{Email, Timestamp};

/// Failures of an account before it is slowed down.
pub const ACCOUNT_FREE: u32 = 5;
/// Failures from one network before it is slowed down.
pub const NETWORK_FREE: u32 = 20;
/// The longest wait.
pub const WAIT_MAX: Duration = Duration::from_mins(15);
/// How long after the last failure all is forgotten.
pub const FORGOTTEN: Duration = Duration::from_hours(24);
/// How long a place is known after the last sign-in from there.
pub const PLACE_KNOWN: Duration = Duration::from_hours(90 * 24);
/// Old rows thrown away with each try at most.
const SWEEP: u32 = 64;

/// What a try is counted for: keyed hashes of whom and where.
#[derive(Clone)]
pub struct Tries {
    place: [u8; 32],
    account: [u8; 32],
    account_here: [u8; 32],
    network: [u8; 32],
}

/// How long the next try waits after so many failures, of which some are free.
pub fn wait(failures: u32, free: u32) -> Duration {
    match failures.checked_sub(free) {
        None | Some(0) => Duration::ZERO,
        Some(over) => Duration::from_secs(1_u64 << over.min(20)).min(WAIT_MAX),
    }
}

/// Whoever has an IPv6 address has 2^64 of them: the network counts.
fn network(address: Option<IpAddr>) -> [u8; 16] {
    match address.map(|a| a.to_canonical()) {
        None => [0; 16],
        Some(IpAddr::V4(v4)) => v4.to_ipv6_mapped().octets(),
        Some(IpAddr::V6(v6)) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

impl Tries {
    /// The counts of a sign-in of this address from there.
    pub fn of(keys: &InstanceKeys, email: &Email, address: Option<IpAddr>) -> Self {
        let (email, network) = (email.canonical(), network(address));
        let mac = |parts: &[&[u8]]| *keys.mac(MacPurpose::SignInTry, parts).as_bytes();
        Self {
            place: mac(&[b"place", email.as_bytes(), &network]),
            account: mac(&[b"account", email.as_bytes()]),
            account_here: mac(&[b"account here", email.as_bytes(), &network]),
            network: mac(&[b"network", &network]),
        }
    }

    /// What counts: where the account signed in before, only its own count there.
    fn counted(&self, reader: &Reader<'_>, now: Timestamp) -> Result<Vec<(&[u8; 32], u32)>, AuthError> {
        let known = store::place_seen(reader, &self.place)?.is_some_and(|at| now.since(at) < PLACE_KNOWN);
        Ok(if known {
            vec![(&self.account_here, ACCOUNT_FREE)]
        } else {
            vec![(&self.account, ACCOUNT_FREE), (&self.network, NETWORK_FREE)]
        })
    }

    /// Counts a try before it is looked at.
    ///
    /// # Errors
    /// [`AuthError::Locked`]: it waits, and is not counted.
    pub fn begin(&self, tx: &WriteTx<'_>, now: Timestamp) -> Result<(), AuthError> {
        store::sweep(tx, now.minus(FORGOTTEN), now.minus(PLACE_KNOWN), SWEEP)?;
        let mut rows = Vec::new();
        for (key, free) in self.counted(tx, now)? {
            let (failures, last_at, until) = store::tries_get(tx, key)?.unwrap_or((0, now, now));
            // A clock that was set back makes nobody wait longer than they would have.
            let left = until.since(now).min(WAIT_MAX);
            if !left.is_zero() {
                return Err(AuthError::Locked { seconds: left.as_secs().max(1) });
            }
            let failures = if now.since(last_at) < FORGOTTEN { failures } else { 0 };
            rows.push((key, failures.saturating_add(1), free));
        }
        for (key, failures, free) in rows {
            store::tries_set(tx, key, failures, now, now.plus(wait(failures, free)))?;
        }
        Ok(())
    }

    /// Forgets the failures of an account that signed in, and knows the place from now on.
    ///
    /// # Errors
    /// The database failed.
    pub fn succeed(&self, tx: &WriteTx<'_>, now: Timestamp) -> Result<(), AuthError> {
        for (key, free) in self.counted(tx, now)? {
            if free == ACCOUNT_FREE {
                store::tries_delete(tx, key)?;
            } else {
                take_back(tx, key)?;
            }
        }
        store::place_set(tx, &self.place, now)?;
        Ok(())
    }

    /// Takes a try back that was no failure and no success: the password was right, and a code is still missing.
    ///
    /// # Errors
    /// The database failed.
    pub fn neither(&self, tx: &WriteTx<'_>, now: Timestamp) -> Result<(), AuthError> {
        for (key, _) in self.counted(tx, now)? {
            take_back(tx, key)?;
        }
        Ok(())
    }
}

fn take_back(tx: &WriteTx<'_>, key: &[u8; 32]) -> Result<(), AuthError> {
    if let Some((failures, last_at, _)) = store::tries_get(tx, key)? {
        store::tries_set(tx, key, failures.saturating_sub(1), last_at, last_at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let seconds = |failures| wait(failures, ACCOUNT_FREE).as_secs();
        let all: Vec<_> = [0, 4, 5, 6, 7, 8, 14, 15, 200, u32::MAX].into_iter().map(seconds).collect();
        assert_eq!(all, [0, 0, 0, 2, 4, 8, 512, 900, 900, 900]);
        assert_eq!(wait(NETWORK_FREE + 1, NETWORK_FREE).as_secs(), 2);
    }

    #[test]
    fn the_network_of_an_ipv6_address_is_one_place() {
        let of = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
