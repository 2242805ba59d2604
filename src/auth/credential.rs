//! Minting, listing and revoking bearer tokens.

use std::time::Duration;

use super::{AuthError, Cidrs, Credential, CredentialKind, NewCredential, store};
use crate::db::{Reader, WriteTx};
use crate::keys::{Keyring, PlainToken, TokenKind};
use crate::types::{Id, ParseError, Secret, SecretString, Timestamp};

/// Longest life of a credential that expires.
pub const LIFE_MAX: Duration = Duration::from_hours(3650 * 24);
/// Longest name of a credential, in characters.
pub const NAME_MAX: usize = 100;

/// A credential with the token that is shown this once.
pub struct Minted {
    /// The credential.
    pub credential: Credential,
    /// The token.
    pub token: SecretString,
}

const fn token_kind(kind: CredentialKind) -> TokenKind {
    match kind {
        CredentialKind::Personal => TokenKind::Personal,
        CredentialKind::ServiceAccount => TokenKind::ServiceAccount,
        CredentialKind::Cli => TokenKind::Cli,
        CredentialKind::Federated => TokenKind::Federated,
        CredentialKind::Session => TokenKind::Session,
    }
}

/// Makes a token and stores its keyed hash. Who may do so was decided by the caller.
///
/// # Errors
/// The keys or the database failed.
pub fn mint(tx: &WriteTx<'_>, keyring: &Keyring, new: NewCredential, now: Timestamp) -> Result<Minted, AuthError> {
    let token = PlainToken::generate(token_kind(new.kind))?;
    let keys = keyring.organization(tx, new.organization)?;
    let credential = Credential {
        id: Id::new(now),
        public_id: token.public_id().as_str().to_owned(),
        organization: new.organization,
        kind: new.kind,
        owner: new.owner,
        name: new.name,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        cidrs: new.cidrs,
        stepped_up_until: new.stepped_up_until,
        token_until: None,
    };
    store::credential_insert(tx, &credential, token.hash(keys.mac_key()).as_bytes())?;
    Ok(Minted { credential, token: Secret::new(token.expose_text().to_owned()) })
}

/// What a caller may say of a new credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What to call it.
    pub name: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Where it may be used from.
    pub cidrs: Cidrs,
    /// How long it shall count as freshly signed in.
    pub stepped_up: Option<Duration>,
}

impl Wishes {
    /// Checks what was asked for.
    ///
    /// # Errors
    /// The name is empty or too long, the end is not ahead or too far, or a network is none.
    pub fn parse(
        name: &str,
        life: Option<Duration>,
        expires_at: Option<Timestamp>,
        cidrs: &[String],
        now: Timestamp,
    ) -> Result<Self, ParseError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(ParseError::new("name", format!("must have 1 to {NAME_MAX} printable characters")));
        }
        let expires_at = match (life, expires_at) {
            (Some(_), Some(_)) => return Err(ParseError::new("expiry", "give expires_in or expires_at, not both")),
            (Some(life), None) => Some(now.plus(life)),
            (None, at) => at,
        };
        if expires_at.is_some_and(|at| at <= now || at > now.plus(LIFE_MAX)) {
            return Err(ParseError::new("expiry", "must be ahead, and at most ten years away"));
        }
        Ok(Self { name: name.to_owned(), expires_at, cidrs: Cidrs::parse(cidrs)?, stepped_up: None })
    }
}

/// A page of a principal's credentials with when and where each was last used, newest first.
///
/// # Errors
/// The database failed; the cursor is of another list.
pub fn list(
    reader: &Reader<'_>,
    organization: Id<crate::types::kinds::Organization>,
    owner: &crate::policy::PrincipalId,
    limit: crate::types::Limit,
    cursor: Option<&crate::types::Cursor>,
) -> Result<crate::types::Page<Listed>, AuthError> {
    let before = cursor.map(|c| Id::parse(c.key())).transpose()?;
    let rows = store::credential_list(reader, organization, owner, before, limit.rows() + 1)?;
    Ok(crate::types::Page::cut(rows, limit, |(c, _)| c.id.to_string()))
}

/// A credential, and when and from where it was last used.
pub type Listed = (Credential, Option<(Timestamp, String)>);

/// Reads a length of time like `90s`, `15m`, `12h`, `30d` or a number of seconds.
///
/// # Errors
/// Anything else, zero, or more than ten years.
pub fn parse_life(text: &str) -> Result<Duration, ParseError> {
    let wrong = || ParseError::new("duration", "expected one like 90s, 15m, 12h or 30d, at most ten years");
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(wrong()),
    };
    let life = number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)?;
    if life.is_zero() || life > LIFE_MAX { Err(wrong()) } else { Ok(life) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_life_or_an_error(text in ".{0,30}") {
            if let Ok(life) = parse_life(&text) {
                prop_assert!(!life.is_zero() && life <= LIFE_MAX);
            }
        }
    }

    #[test]
    fn lives() {
        assert_eq!(parse_life("30d").unwrap(), Duration::from_hours(30 * 24));
        assert_eq!(parse_life("90").unwrap(), Duration::from_secs(90));
        for bad in ["", "0", "-1", "1y", "d", "99999999999999999999", "11000d"] {
            assert!(parse_life(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_end_in_the_past_is_refused() {
        let now = Timestamp::from_micros(1_000);
        assert!(Wishes::parse("ci", None, Some(now), &[], now).is_err());
        assert!(Wishes::parse("ci", Some(Duration::from_secs(1)), None, &[], now).is_ok());
        assert!(Wishes::parse(" ", None, None, &[], now).is_err());
    }
}
