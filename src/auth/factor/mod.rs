//! Second factors of a person: an authenticator, passkeys (`auth::passkey`), and ten recovery codes for who lost them.
//!
//! An authenticator's secret is sealed for its person; a code of it is taken once, and none older than the newest that
//! was. Recovery codes are kept as keyed hashes and gone with their use.

mod store;

use data_encoding::BASE32_NOPAD;

use super::{AuthError, passkey};
use crate::db::{Reader, WriteTx};
use crate::keys::{InstanceKeys, MacPurpose, random, totp};
use crate::types::{Id, Secret, SecretString, Timestamp, kinds};

/// Recovery codes at once.
pub const RECOVERY_CODES: usize = 10;
/// What an authenticator's secret is sealed as.
const TOTP: &str = "totp";
/// Longest code that is looked at.
const CODE_MAX: usize = 64;
/// Crockford's: no letter that reads like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// By what a code was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// An authenticator.
    Totp,
    /// A recovery code, which is used up.
    Recovery,
    /// A passkey, which verified its person.
    Passkey,
}

impl Factor {
    /// The word in tables and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Recovery => "recovery_code",
            Self::Passkey => "passkey",
        }
    }
}

/// Which second factors a person has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factors {
    /// Since when the authenticator is theirs.
    pub authenticator_since: Option<Timestamp>,
    /// Recovery codes that were not used.
    pub recovery_codes: usize,
    /// Passkeys that open the organization asked about.
    pub passkeys: usize,
    /// Passkeys that would, but are disabled because there may be a copy of them.
    pub passkeys_disabled: usize,
}

impl Factors {
    /// Whether a sign-in must be proven by one. Recovery codes are in the place of one. A disabled passkey is one, too:
    /// else whoever has a copy of it and the password would be asked for nothing more.
    pub const fn is_any(&self) -> bool {
        self.authenticator_since.is_some() || self.passkeys > 0 || self.passkeys_disabled > 0
    }
}

/// A new authenticator: shown once.
pub struct NewAuthenticator {
    /// The secret in base32, to be typed.
    pub secret: SecretString,
    /// The same as an `otpauth:` URI, to be shown as a QR code.
    pub uri: SecretString,
}

/// Which second factors a person has for an organization.
///
/// # Errors
/// The database failed.
pub fn factors(
    reader: &Reader<'_>,
    user: Id<kinds::User>,
    organization: Id<kinds::Organization>,
) -> Result<Factors, AuthError> {
    let found = store::authenticator_get(reader, user)?;
    let (passkeys, passkeys_disabled) = passkey::count(reader, user, organization)?;
    Ok(Factors {
        authenticator_since: found.and_then(|a| a.confirmed_at),
        recovery_codes: store::recovery_count(reader, user)?,
        passkeys,
        passkeys_disabled,
    })
}

/// Whether a person has an authenticator.
///
/// # Errors
/// The database failed.
pub fn has_authenticator(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<bool, AuthError> {
    Ok(store::authenticator_get(reader, user)?.is_some_and(|a| a.confirmed_at.is_some()))
}

/// Begins a new authenticator, in place of one that was begun and never confirmed.
///
/// # Errors
/// No randomness; the database failed.
pub fn begin(
    tx: &WriteTx<'_>,
    keys: &InstanceKeys,
    user: Id<kinds::User>,
    label: &str,
    now: Timestamp,
) -> Result<NewAuthenticator, AuthError> {
    let secret = totp::secret()?;
    let sealed = keys.factor_cipher(user)?.seal(TOTP, secret.expose())?;
    store::authenticator_begin(tx, user, sealed.as_bytes(), now)?;
    let text = BASE32_NOPAD.encode(secret.expose());
    let uri = format!("otpauth://totp/Holdfast:{}?secret={text}&issuer=Holdfast", escaped(label));
    Ok(NewAuthenticator { secret: Secret::new(text), uri: Secret::new(uri) })
}

fn escaped(label: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~@".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    label.bytes().map(one).collect()
}

/// Makes the authenticator that was begun theirs, if the code is of it.
///
/// # Errors
/// [`AuthError::Factor`].
pub fn confirm(
    tx: &WriteTx<'_>,
    keys: &InstanceKeys,
    user: Id<kinds::User>,
    code: &SecretString,
    now: Timestamp,
) -> Result<(), AuthError> {
    let found = store::authenticator_get(tx, user)?.filter(|a| a.confirmed_at.is_none()).ok_or(AuthError::Factor)?;
    let secret = keys.factor_cipher(user)?.open(TOTP, &found.sealed)?;
    let step = totp::find(&secret, &digits(code.expose()), now, found.used_step).ok_or(AuthError::Factor)?;
    store::authenticator_confirm(tx, user, step, now)?;
    Ok(())
}

/// Whether the code is one of this person's now; it is none afterwards.
///
/// # Errors
/// [`AuthError::Factor`].
pub fn prove(
    tx: &WriteTx<'_>,
    keys: &InstanceKeys,
    user: Id<kinds::User>,
    code: &SecretString,
    now: Timestamp,
) -> Result<Factor, AuthError> {
    if code.expose().len() > CODE_MAX {
        return Err(AuthError::Factor);
    }
    if let Some(found) = store::authenticator_get(tx, user)?.filter(|a| a.confirmed_at.is_some()) {
        let secret = keys.factor_cipher(user)?.open(TOTP, &found.sealed)?;
        if let Some(step) = totp::find(&secret, &digits(code.expose()), now, found.used_step) {
            store::authenticator_used(tx, user, step)?;
            return Ok(Factor::Totp);
        }
    }
    let hash = recovery_hash(keys, user, code.expose());
    if store::recovery_use(tx, user, &hash)? { Ok(Factor::Recovery) } else { Err(AuthError::Factor) }
}

/// Makes ten new recovery codes; those before are void.
///
/// # Errors
/// No randomness; the database failed.
pub fn recovery_codes(
    tx: &WriteTx<'_>,
    keys: &InstanceKeys,
    user: Id<kinds::User>,
) -> Result<Vec<SecretString>, AuthError> {
    store::recovery_delete(tx, user)?;
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let drawn = random::<16>()?.map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
        let text = drawn.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-");
        store::recovery_insert(tx, user, &recovery_hash(keys, user, &text))?;
        codes.push(Secret::new(text));
    }
    Ok(codes)
}

/// Takes the authenticator away; false when there was none. Recovery codes go with the last factor.
///
/// # Errors
/// The database failed.
pub fn authenticator_remove(tx: &WriteTx<'_>, user: Id<kinds::User>) -> Result<bool, AuthError> {
    let removed = store::authenticator_delete(tx, user)?;
    recovery_trim(tx, user)?;
    Ok(removed)
}

/// Voids the recovery codes of who has no other factor any more: alone they would be a weaker one.
///
/// # Errors
/// The database failed.
pub fn recovery_trim(tx: &WriteTx<'_>, user: Id<kinds::User>) -> Result<(), AuthError> {
    if !has_authenticator(tx, user)? && passkey::list(tx, user)?.is_empty() {
        store::recovery_delete(tx, user)?;
    }
    Ok(())
}

/// Takes all second factors away, passkeys too; false when there was none.
///
/// # Errors
/// The database failed.
pub fn remove(tx: &WriteTx<'_>, user: Id<kinds::User>) -> Result<bool, AuthError> {
    store::recovery_delete(tx, user)?;
    let passkeys = passkey::store::delete_all(tx, user)?;
    Ok(store::authenticator_delete(tx, user)? || passkeys > 0)
}

/// A code as it is typed: spaces between its halves do not count.
fn digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// A code has 80 bits: a keyed hash is enough, and a slow one would be work for who guesses. Spaces, hyphens and
/// capitals do not count.
fn recovery_hash(keys: &InstanceKeys, user: Id<kinds::User>, text: &str) -> [u8; 32] {
    let typed = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let plain: String = typed.map(|c| c.to_ascii_lowercase()).collect();
    *keys.mac(MacPurpose::RecoveryCode, &[user.as_bytes(), plain.as_bytes()]).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stays_one_part_of_the_uri() {
        assert_eq!(escaped("ada@example.com"), "ada@example.com");
        assert_eq!(escaped("a?secret=x&b/ö"), "a%3Fsecret%3Dx%26b%2F%C3%B6");
        assert_eq!(digits(" 123 456 "), "123456");
    }
}
