//! Browsers a person signed in with before: known by a random cookie they keep for a year, since what a browser calls
//! itself can be said by any other. It opens nothing; it only says whether a sign-in is worth a mail.
//!
//! Invariants, and what each one stops:
//! - A keyed hash is stored, bound to the person: a copy of the database makes no browser a known one.
//! - Whoever is not known by it gets a new one: a cookie that somebody planted never becomes a known one.

mod store;

use std::time::Duration;

use super::AuthError;
use crate::db::WriteTx;
use crate::keys::{InstanceKeys, MacPurpose, random};
use crate::types::{Id, Secret, SecretString, Timestamp, kinds};

/// How long a browser is known that is not used.
pub const LIFE: Duration = Duration::from_hours(365 * 24);
/// Browsers of one person that are known at once; the one that was not used for the longest time goes first.
const DEVICES_MAX: usize = 20;

/// What a browser is to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// They signed in with it before.
    Known,
    /// They did not, and did with others.
    New,
    /// No browser of theirs is known yet.
    First,
}

/// What a browser that was just signed in with is, and the cookie it keeps from now on.
///
/// # Errors
/// No randomness; the database failed.
pub fn recognize(
    tx: &WriteTx<'_>,
    keys: &InstanceKeys,
    user: Id<kinds::User>,
    given: Option<&SecretString>,
    now: Timestamp,
) -> Result<(Seen, SecretString), AuthError> {
    store::forget(tx, user, now.minus(LIFE))?;
    let hash = |token: &str| *keys.mac(MacPurpose::Device, &[user.as_bytes(), token.as_bytes()]).as_bytes();
    if let Some(token) = given
        && store::used(tx, user, &hash(token.expose()), now)?
    {
        return Ok((Seen::Known, Secret::new(token.expose().clone())));
    }
    let known = store::count(tx, user)?;
    let token = data_encoding::BASE64URL_NOPAD.encode(&random::<32>()?);
    store::insert(tx, user, &hash(&token), now)?;
    if known >= DEVICES_MAX {
        store::trim(tx, user, DEVICES_MAX)?;
    }
    Ok((if known == 0 { Seen::First } else { Seen::New }, Secret::new(token)))
}
