//! Short-lived tokens of logins that stand for weeks: what replaces one.
//!
//! A login of the command line is one credential. Its token works for an hour and is replaced with a refresh token, which
//! is replaced with it. Whoever copies the token has it for an hour; whoever copies the refresh token is found out when
//! one of the two uses what the other spent, and the login ends. An answer may be lost on its way, so the spent one is
//! good for ten minutes more.

mod store;

use std::time::Duration;

use super::{AuthError, Credential, store as credentials};
use crate::db::WriteTx;
use crate::keys::{InstanceKeys, Keyring, PlainToken, TokenKind};
use crate::types::{Secret, SecretString, Timestamp};

/// How long a token works before it is replaced.
pub const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// How long a spent refresh token is good for, since the answer to it may have been lost.
pub const SPENT_LIFE: Duration = Duration::from_mins(10);

/// Tokens of a login, shown this once.
pub struct Renewed {
    /// The credential, whose id stays.
    pub credential: Credential,
    /// The token that works for [`TOKEN_LIFE`].
    pub token: SecretString,
    /// What replaces it.
    pub refresh_token: SecretString,
}

/// What a refresh token turned out to be.
pub enum Found {
    /// The newest of this login, or the one before it whose answer may have been lost.
    Good {
        /// The login.
        credential: Credential,
        /// Whether it is the newest.
        is_newest: bool,
    },
    /// One that was spent, or made void, a while ago: there are two who have it.
    Spent(Credential),
}

/// Makes a credential's tokens short-lived, and gives what replaces the first.
///
/// # Errors
/// No randomness; the database failed.
pub fn begin(
    tx: &WriteTx<'_>,
    keys: &InstanceKeys,
    credential: &mut Credential,
    now: Timestamp,
) -> Result<SecretString, AuthError> {
    let until = until(credential, now);
    credential.token_until = Some(until);
    credentials::credential_token_until(tx, credential.id, until)?;
    let refresh = PlainToken::generate(TokenKind::Refresh)?;
    store::insert(tx, credential.id, refresh.public_id().as_str(), refresh.hash(keys.mac_key()).as_bytes(), now)?;
    Ok(Secret::new(refresh.expose_text().to_owned()))
}

/// No token outlives its login.
fn until(credential: &Credential, now: Timestamp) -> Timestamp {
    let hour = now.plus(TOKEN_LIFE);
    credential.expires_at.map_or(hour, |end| end.min(hour))
}

/// Whose refresh token this is. The credential may be void.
///
/// # Errors
/// [`AuthError::Refresh`] when it is nobody's.
pub fn find(tx: &WriteTx<'_>, keys: &InstanceKeys, given: &SecretString, now: Timestamp) -> Result<Found, AuthError> {
    let parsed = PlainToken::parse(given.expose().trim()).map_err(|_| AuthError::Refresh)?;
    if parsed.kind() != TokenKind::Refresh {
        return Err(AuthError::Refresh);
    }
    let public_id = parsed.public_id();
    let stored = store::get(tx, public_id.as_str())?.ok_or(AuthError::Refresh)?;
    let hash = parsed.hash(keys.mac_key());
    let is_newest = stored.public_id == public_id.as_str();
    let right = if is_newest { &stored.hash } else { stored.spent_hash.as_ref().ok_or(AuthError::Refresh)? };
    if !hash.verify(right) {
        return Err(AuthError::Refresh);
    }
    let credential = credentials::credential_get(tx, stored.credential)?.ok_or(AuthError::Refresh)?;
    if is_newest {
        return Ok(Found::Good { credential, is_newest });
    }
    match (now.since(stored.made_at) <= SPENT_LIFE, stored.spent_is_void) {
        (true, false) => Ok(Found::Good { credential, is_newest }),
        // Perhaps the answer that was lost, come late.
        (true, true) => Err(AuthError::Refresh),
        (false, _) => Ok(Found::Spent(credential)),
    }
}

/// Replaces both tokens of a login. The one given for it is spent; when it was before, the answer to it was lost, or went
/// to somebody who copied it: what that held is void, and ends the login when it is used after all.
///
/// # Errors
/// No randomness; the keys or the database failed.
pub fn renew(
    tx: &WriteTx<'_>,
    keyring: &Keyring,
    (mut credential, is_newest): (Credential, bool),
    now: Timestamp,
) -> Result<Renewed, AuthError> {
    let token = PlainToken::generate(TokenKind::Cli)?;
    let refresh = PlainToken::generate(TokenKind::Refresh)?;
    let keys = keyring.organization(tx, credential.organization)?;
    let until = until(&credential, now);
    token.public_id().as_str().clone_into(&mut credential.public_id);
    credential.token_until = Some(until);
    let hash = token.hash(keys.mac_key());
    credentials::credential_token_replace(tx, credential.id, &credential.public_id, hash.as_bytes(), until)?;
    let instance = keyring.instance();
    let hash = refresh.hash(instance.mac_key());
    let public_id = refresh.public_id();
    let new = (public_id.as_str(), &hash.as_bytes()[..]);
    store::replace(tx, credential.id, new, !is_newest, now)?;
    Ok(Renewed {
        credential,
        token: Secret::new(token.expose_text().to_owned()),
        refresh_token: Secret::new(refresh.expose_text().to_owned()),
    })
}
