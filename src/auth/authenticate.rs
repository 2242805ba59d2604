//! Checking a bearer token: its form, its hash, its time, its place.

use std::net::IpAddr;
use std::sync::Arc;

use super::{AuthError, Credential, store};
use crate::db::Reader;
use crate::keys::{Keyring, OrganizationKeys, ParsedToken, PlainToken, TokenError, TokenHash, TokenKind};
use crate::types::{SecretString, Timestamp};

/// A token of the right form that was not checked yet.
pub struct Claimed<'a> {
    parsed: ParsedToken<'a>,
    public_id: crate::keys::PublicId,
}

impl Claimed<'_> {
    /// The part of it that may be shown.
    pub fn public_id(&self) -> &str {
        self.public_id.as_str()
    }
}

/// The stored side of a token: what it must hash to, and what it is.
pub struct Proven {
    /// The credential.
    pub credential: Arc<Credential>,
    hash: Vec<u8>,
    keys: Arc<OrganizationKeys>,
}

/// Reads a token of an `Authorization` header.
///
/// # Errors
/// It is not of our form, or its checksum is wrong.
pub fn parse(token: &SecretString) -> Result<Claimed<'_>, AuthError> {
    let claimed = parse_any(token)?;
    match claimed.parsed.kind() {
        TokenKind::Personal | TokenKind::ServiceAccount | TokenKind::Cli | TokenKind::Federated => Ok(claimed),
        _ => Err(AuthError::Invalid),
    }
}

/// Reads a token of a cookie: a session's, and nothing else.
///
/// # Errors
/// It is none.
pub fn parse_cookie(token: &SecretString) -> Result<Claimed<'_>, AuthError> {
    let claimed = parse_any(token)?;
    if claimed.parsed.kind() == TokenKind::Session { Ok(claimed) } else { Err(AuthError::Invalid) }
}

fn parse_any(token: &SecretString) -> Result<Claimed<'_>, AuthError> {
    let parsed = PlainToken::parse(token.expose()).map_err(|error| match error {
        TokenError::NotOurs => AuthError::Invalid,
        TokenError::Truncated | TokenError::ChecksumWrong => AuthError::Damaged,
    })?;
    let public_id = parsed.public_id();
    Ok(Claimed { parsed, public_id })
}

/// Loads what is stored for a token. When there is nothing, as much is computed as when there is.
///
/// # Errors
/// [`AuthError::Invalid`] when nothing is stored; the database failed.
pub fn load(reader: &Reader<'_>, keyring: &Keyring, claimed: &Claimed<'_>) -> Result<Proven, AuthError> {
    let Some((credential, hash)) = store::credential_by_public_id(reader, claimed.public_id())? else {
        let _same_work: TokenHash = claimed.parsed.hash(keyring.instance().mac_key());
        return Err(AuthError::Invalid);
    };
    let keys = keyring.organization(reader, credential.organization)?;
    Ok(Proven { credential: Arc::new(credential), hash, keys })
}

/// Whether the token is the stored one, and may be used now from here.
///
/// # Errors
/// [`AuthError::Invalid`], [`AuthError::Expired`], [`AuthError::Address`]; the last two only after the secret part
/// was found right.
pub fn check(proven: &Proven, claimed: &Claimed<'_>, address: Option<IpAddr>, now: Timestamp) -> Result<(), AuthError> {
    let credential = &proven.credential;
    let kind = claimed.parsed.kind().as_str() == credential.kind.as_str();
    if !claimed.parsed.hash(proven.keys.mac_key()).verify(&proven.hash) || !kind {
        return Err(AuthError::Invalid);
    }
    // First: the job that voids what is over must not turn "expired" into "not valid" for its owner.
    let over = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
    if over(credential.expires_at) || (over(credential.token_until) && credential.revoked_at.is_none()) {
        return Err(AuthError::Expired);
    }
    if credential.revoked_at.is_some() {
        return Err(AuthError::Invalid);
    }
    let admitted = credential.cidrs.is_anywhere() || address.is_some_and(|a| credential.cidrs.admit(a));
    if admitted { Ok(()) } else { Err(AuthError::Address) }
}

/// Whether a credential is neither revoked nor over.
pub fn stands(credential: &Credential, now: Timestamp) -> bool {
    credential.revoked_at.is_none() && credential.expires_at.is_none_or(|at| at > now)
}
