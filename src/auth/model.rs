//! People, credentials and where credentials may be used from.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::policy::PrincipalId;
use crate::types::{Email, Id, ParseError, Timestamp, kinds};

/// A person.
#[derive(Debug, Clone)]
pub struct User {
    /// Their id.
    pub id: Id<kinds::User>,
    /// Their address, as typed.
    pub email: Email,
    /// How they are called.
    pub name: String,
    /// Whether they operate this instance.
    pub instance_operator: bool,
    /// When they were made.
    pub created_at: Timestamp,
    /// Since when they may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// When a mailed link showed last that the address is theirs.
    pub email_verified_at: Option<Timestamp>,
}

impl User {
    /// Somebody new.
    pub fn new(email: Email, name: String, now: Timestamp) -> Self {
        let id = Id::new(now);
        Self { id, email, name, instance_operator: false, created_at: now, disabled_at: None, email_verified_at: None }
    }
}

/// What a bearer token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A person's own token.
    Personal,
    /// A service account's key.
    ServiceAccount,
    /// What `holdfast login` got.
    Cli,
    /// Exchanged for another issuer's token.
    Federated,
    /// A sign-in with a browser: its token is in a cookie, and good nowhere else.
    Session,
}

impl CredentialKind {
    /// The word in tokens and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "pat",
            Self::ServiceAccount => "sa",
            Self::Cli => "cli",
            Self::Federated => "fed",
            Self::Session => "ses",
        }
    }

    /// The words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Personal => "personal_token",
            Self::ServiceAccount => "service_account_key",
            Self::Cli => "cli_token",
            Self::Federated => "federated_token",
            Self::Session => "session",
        }
    }

    /// Reads the word in tables.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Personal, Self::ServiceAccount, Self::Cli, Self::Federated, Self::Session];
        all.into_iter().find(|k| k.as_str() == text)
    }
}

/// Networks a credential may be used from; empty means from anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cidrs(Vec<IpNet>);

impl Cidrs {
    /// Most networks one credential names.
    pub const MAX: usize = 64;

    /// Reads networks like `10.0.0.0/8`, `2001:db8::/32` or single addresses.
    ///
    /// # Errors
    /// One is no network, or there are more than 64.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, ParseError> {
        if texts.len() > Self::MAX {
            return Err(ParseError::new("cidrs", format!("at most {} networks", Self::MAX)));
        }
        let one = |text: &S| {
            let text = text.as_ref().trim();
            let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            net.map(|n| n.trunc()).map_err(|_| {
                let shown: String = text.chars().filter(|c| !c.is_control()).take(50).collect();
                ParseError::new("cidrs", format!("`{shown}` is no network like 10.0.0.0/8 or 2001:db8::/32"))
            })
        };
        texts.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is inside; an IPv4 address that came in as IPv6 counts as IPv4.
    pub fn admit(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|net| net.contains(&address.to_canonical()))
    }

    /// Whether every address of these is one of `other`.
    pub fn are_within(&self, other: &Self) -> bool {
        other.is_anywhere() || (!self.is_anywhere() && self.0.iter().all(|net| other.0.iter().any(|o| o.contains(net))))
    }

    /// Whether nothing is excluded.
    pub fn is_anywhere(&self) -> bool {
        self.0.is_empty()
    }

    /// As texts, canonical.
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// A stored bearer token, without its secret.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its id.
    pub id: Id<kinds::Credential>,
    /// The part of the token that may be shown.
    pub public_id: String,
    /// The only organization it opens.
    pub organization: Id<kinds::Organization>,
    /// What it is for.
    pub kind: CredentialKind,
    /// Whose it is.
    pub owner: PrincipalId,
    /// What its owner calls it.
    pub name: String,
    /// When it was minted.
    pub created_at: Timestamp,
    /// From when on it is void.
    pub expires_at: Option<Timestamp>,
    /// Since when it is void by hand.
    pub revoked_at: Option<Timestamp>,
    /// Where it may be used from.
    pub cidrs: Cidrs,
    /// Until when it may do what asks for a fresh sign-in.
    pub stepped_up_until: Option<Timestamp>,
    /// Until when its token works, where that is sooner than its own end: a login stands, and its token is replaced.
    pub token_until: Option<Timestamp>,
}

/// Where and how a sign-in was made: what its owner knows it again by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInFacts {
    /// What the client called itself.
    pub device: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// Whether it opens every organization its owner is in: it was made with a password of their own.
    pub everywhere: bool,
    /// The second factor it was proven by, if any.
    pub factor: Option<String>,
}

/// A sign-in that stands, and when and from where it was last used.
#[derive(Debug, Clone)]
pub struct SignedInAs {
    /// Its credential.
    pub credential: Credential,
    /// Where and how it was made.
    pub facts: SignInFacts,
    /// Its last use, noted at most once a minute.
    pub last_use: Option<(Timestamp, String)>,
}

impl SignedInAs {
    /// When it was last seen: its last use, or its making.
    pub fn last_seen(&self) -> Timestamp {
        self.last_use.as_ref().map_or(self.credential.created_at, |(at, _)| (*at).max(self.credential.created_at))
    }
}

/// What a new bearer token shall be.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// The only organization it opens.
    pub organization: Id<kinds::Organization>,
    /// What it is for.
    pub kind: CredentialKind,
    /// Whose it is.
    pub owner: PrincipalId,
    /// What its owner calls it.
    pub name: String,
    /// From when on it is void; none: never.
    pub expires_at: Option<Timestamp>,
    /// Where it may be used from.
    pub cidrs: Cidrs,
    /// Until when it may do what asks for a fresh sign-in.
    pub stepped_up_until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_network_admits_its_own_addresses(a: [u8; 4], prefix in 0_u8..=32) {
            let address = IpAddr::from(a);
            let cidrs = Cidrs::parse(&[format!("{address}/{prefix}")]).unwrap();
            prop_assert!(cidrs.admit(address));
            prop_assert_eq!(Cidrs::parse(&cidrs.to_texts()).unwrap(), cidrs);
        }

        #[test]
        fn any_text_is_a_network_or_an_error(text in ".{0,40}") {
            let _ = Cidrs::parse(&[text]);
        }
    }

    #[test]
    fn anywhere_is_within_nothing_narrower() {
        let parse = |texts: &[&str]| Cidrs::parse(texts).unwrap();
        assert!(parse(&["10.1.0.0/16"]).are_within(&parse(&["192.0.2.0/24", "10.0.0.0/8"])));
        assert!(!parse(&["10.0.0.0/8"]).are_within(&parse(&["10.1.0.0/16"])));
        assert!(!parse(&[]).are_within(&parse(&["10.0.0.0/8"])));
        assert!(parse(&[]).are_within(&parse(&[])) && parse(&["::1"]).are_within(&parse(&[])));
    }

    #[test]
    fn outside_is_outside_also_for_mapped_addresses() {
        let cidrs = Cidrs::parse(&["10.0.0.0/8", "2001:db8::/32"]).unwrap();
        assert!(cidrs.admit("::ffff:10.1.2.3".parse().unwrap()));
        assert!(cidrs.admit("2001:db8::1".parse().unwrap()));
        assert!(!cidrs.admit("11.0.0.1".parse().unwrap()));
        assert!(!cidrs.admit("2001:db9::1".parse().unwrap()));
    }
}
