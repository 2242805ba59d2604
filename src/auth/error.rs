//! Why somebody was not let in, or a credential was not made.

use crate::db::DbError;
use crate::keys::KeyError;
use crate::types::{Class, Failure, ParseError};

/// A failure of signing in or of a credential.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No token was sent.
    #[error("this needs a token")]
    Missing,
    /// The token is cut off or mistyped: its checksum is wrong.
    #[error("the token is damaged: its checksum is wrong")]
    Damaged,
    /// Not one of ours, revoked, or its owner is gone. One message for all: it must not tell which.
    #[error("the token is not valid")]
    Invalid,
    /// It was valid once.
    #[error("the token has expired")]
    Expired,
    /// It is valid, but not from here.
    #[error("the token may not be used from this address")]
    Address,
    /// The address or the password is wrong. One message for both.
    #[error("the e-mail address or the password is wrong")]
    Password,
    /// A refresh token is none, spent, or its login is over. One message for all.
    #[error("this login is over")]
    Refresh,
    /// The session of a cookie is over: ended, idle too long, or never one. One message for all.
    #[error("this session has ended")]
    SessionEnded,
    /// The session opens no organization of this name. One message, whether there is one or not.
    #[error("this session opens no organization of that name")]
    Organization,
    /// The password somebody proves themselves with, who is signed in already, is wrong.
    #[error("that is not your password")]
    CurrentPassword,
    /// The password is right, and a second factor is asked for.
    #[error("a second factor is needed: a code of your authenticator, a passkey, or a recovery code")]
    FactorNeeded,
    /// The code is wrong, old, or was used before. One message for all.
    #[error("the code is not valid")]
    Factor,
    /// A passkey is none of theirs, was not asked for, or its answer is wrong or old. One message for all.
    #[error("the passkey was not accepted")]
    Passkey,
    /// The counter of a passkey went back, so there may be a copy of it. Told like any other that was not accepted.
    #[error("the passkey was not accepted")]
    PasskeyCopied(Box<super::passkey::Passkey>),
    /// The server has an address without a name, for which browsers make no passkeys.
    #[error("passkeys need a server that has a name")]
    PasskeysUnavailable,
    /// The second step of a sign-in came too late, or twice.
    #[error("this sign-in took too long")]
    Ticket,
    /// Too many sign-ins failed; whether this one would have been right is not looked at.
    #[error("too many failed sign-ins: wait {seconds} seconds")]
    Locked {
        /// How long to wait.
        seconds: u64,
    },
    /// The organization asks for a second factor, and this sign-in has none.
    #[error("this organization asks for a second factor, and this sign-in was made without one")]
    FactorMissing,
    /// A token that a machine or an administrator may have made proves no person.
    #[error("this needs a sign-in with a password of your own")]
    OwnSignInOnly,
    /// A password that is among the first to be tried.
    #[error("this password is easily guessed: {0}")]
    Guessable(String),
    /// A password too short or too long to accept.
    #[error("the password must have {min} to {max} characters", min = super::password::MIN, max = super::password::MAX)]
    WeakPassword,
    /// Too many sign-ins are being checked already.
    #[error("too many sign-ins at once")]
    Busy,
    /// A text is not what it should be.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The keys failed.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Failure for AuthError {
    fn class(&self) -> Class {
        match self {
            Self::Missing
            | Self::Damaged
            | Self::Invalid
            | Self::Expired
            | Self::Password
            | Self::SessionEnded
            | Self::Refresh
            | Self::FactorNeeded
            | Self::Passkey
            | Self::PasskeyCopied(_)
            | Self::Ticket
            | Self::Factor => Class::Unauthenticated,
            Self::Locked { .. } => Class::TooMany,
            Self::Address | Self::CurrentPassword | Self::OwnSignInOnly | Self::FactorMissing => Class::Forbidden,
            Self::Organization => Class::NotFound,
            Self::PasskeysUnavailable => Class::Conflict,
            Self::WeakPassword | Self::Guessable(_) | Self::Parse(_) => Class::Invalid,
            Self::Busy => Class::Unavailable,
            Self::Keys(e) => e.class(),
            Self::Db(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "authentication_required",
            Self::Damaged => "token_damaged",
            Self::Invalid => "token_invalid",
            Self::Expired => "token_expired",
            Self::Address => "token_address_not_allowed",
            Self::Password => "credentials_wrong",
            Self::SessionEnded => "session_ended",
            Self::Refresh => "refresh_token_invalid",
            Self::Organization => "organization_not_found",
            Self::CurrentPassword => "password_wrong",
            Self::Guessable(_) => "password_too_common",
            Self::FactorNeeded => "second_factor_required",
            Self::Factor => "second_factor_wrong",
            Self::Passkey | Self::PasskeyCopied(_) => "passkey_wrong",
            Self::PasskeysUnavailable => "passkeys_unavailable",
            Self::Ticket => "sign_in_over",
            Self::Locked { .. } => "sign_in_locked",
            Self::FactorMissing => "second_factor_missing",
            Self::OwnSignInOnly => "own_sign_in_required",
            Self::WeakPassword => "password_too_weak",
            Self::Busy => "sign_in_busy",
            Self::Parse(e) => e.code(),
            Self::Keys(e) => Failure::code(e),
            Self::Db(e) => e.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Locked { seconds } => Some(*seconds),
            _ => None,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Missing => "send `Authorization: Bearer hf_…`; on the command line: holdfast login".into(),
            Self::Damaged => "copy the whole token again, without spaces or line ends".into(),
            Self::Invalid => "it may have been revoked; make a new one with: holdfast login".into(),
            Self::Expired => "make a new one with: holdfast login, or holdfast tokens create".into(),
            Self::Address => "use it from one of its networks, or make a token without them".into(),
            Self::Password => "check both; an owner can be rescued on the server with: holdfast rescue".into(),
            Self::SessionEnded => "sign in again".into(),
            Self::Refresh => "log in again with: holdfast login".into(),
            Self::Organization => "leave X-Organization-ID out, or name an organization you are in".into(),
            Self::CurrentPassword => "type the password you sign in with".into(),
            Self::FactorNeeded => {
                "send it as `code` with the password; with a passkey only: a browser, or holdfast login --device".into()
            }
            Self::Passkey | Self::PasskeyCopied(_) => {
                "try again; if it was removed here, remove it from the device as well; one that may have been copied is \
                 disabled: see Account"
                    .into()
            }
            Self::PasskeysUnavailable => "give the server a name: server.public_url".into(),
            Self::Ticket => "begin again with your address and password".into(),
            Self::Factor => "wait for the next code; check the clock of the device; a recovery code works once".into(),
            Self::Locked { .. } => "wait; from where you signed in before, others' failures do not count".into(),
            Self::FactorMissing => "set one up with: holdfast account factor add; then sign in again".into(),
            Self::OwnSignInOnly => {
                "sign in with holdfast login or a browser, with a password you chose yourself".into()
            }
            Self::Guessable(_) => "a few unrelated words are easy to keep and hard to guess".into(),
            Self::WeakPassword => "15 characters or more are advised; a few unrelated words are easy to keep".into(),
            Self::Busy => "try again in a second".into(),
            Self::Parse(e) => e.hint(),
            Self::Keys(e) => Failure::hint(e),
            Self::Db(e) => e.hint().to_owned(),
        }
    }
}
