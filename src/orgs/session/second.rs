//! The second step of a sign-in with a browser: a code or a passkey, after the password was right.
//!
//! Between the steps there is no session, not even a half one. There is a ticket: a name nobody can guess, in the form of
//! the page and in no cookie and no address, that stands for "this person's password was right a moment ago". It lives
//! five minutes, is used up by every try, is void when the password changes, and opens nothing but this step.

use std::sync::Arc;
use std::time::Duration;

use super::{Ending, Found, SignIn, SignedIn, attempt, begin_try, end, failed, find, open, passkeys};
use crate::auth::credential::Wishes;
use crate::auth::factor::{self, Factor};
use crate::auth::one_use::OneUse;
use crate::auth::passkey::{self, Answered, Asked, Passkeys, Purpose};
use crate::auth::password::Passwords;
use crate::auth::{AuthError, CredentialKind};
use crate::db::WriteTx;
use crate::op::Op;
use crate::orgs::OrgError;
use crate::types::{Email, Id, SecretString, Timestamp, kinds};

/// How long the second step may take.
const WAITS: Duration = Duration::from_mins(5);
/// Second steps that wait at most.
const WAITING_MAX: usize = 10_000;

/// Whose password was right.
#[derive(Clone)]
pub struct Ticket {
    email: Email,
    user: Id<kinds::User>,
    organization: Id<kinds::Organization>,
    hash: Option<String>,
    has_authenticator: bool,
    has_passkeys: bool,
}

/// Sign-ins between their steps.
pub type Tickets = OneUse<Ticket>;

/// A place for sign-ins between their steps.
pub fn tickets() -> Tickets {
    OneUse::new(WAITS, WAITING_MAX)
}

/// What the page asks for next.
pub struct SecondStep {
    /// What stands for the first step.
    pub ticket: SecretString,
    /// Whose sign-in it is.
    pub email: Email,
    /// Whether a code of an authenticator will do.
    pub has_authenticator: bool,
    /// Whether a passkey will do.
    pub has_passkeys: bool,
}

/// How the first step ended.
pub enum First {
    /// Signed in: there is no second factor, or it came along.
    In(Box<SignedIn>),
    /// The password was right, and a second factor is asked for.
    Second(SecondStep),
}

/// What somebody shows in the second step.
pub struct Second {
    /// What stands for the first step.
    pub ticket: SecretString,
    /// A code, or a passkey.
    pub shown: SecondProof,
    /// How long the session lasts, used or not.
    pub life: Duration,
    /// The session this browser had until now; it ends.
    pub previous: Option<Id<kinds::Credential>>,
}

/// A code, or a passkey.
pub enum SecondProof {
    /// A code of the authenticator, or a recovery code.
    Code(SecretString),
    /// What the browser answered.
    Passkey(Answered),
}

/// Why the second step failed, and what to show again; nothing when it begins anew.
pub struct NotIn {
    /// Why.
    pub error: OrgError,
    /// The step again.
    pub again: Option<SecondStep>,
}

impl<E: Into<OrgError>> From<E> for NotIn {
    fn from(error: E) -> Self {
        Self { error: error.into(), again: None }
    }
}

/// Signs a browser in, or asks for the second step.
///
/// # Errors
/// As [`super::sign_in`], but for the missing code.
pub async fn sign_in_first(op: &Op, passwords: &Passwords, tickets: &Tickets, wish: SignIn) -> Result<First, OrgError> {
    let email = wish.email.clone();
    match attempt(op, passwords, wish).await? {
        Ending::In(done) => Ok(First::In(done)),
        Ending::Refused => Err(AuthError::Password.into()),
        Ending::CodeWrong => Err(AuthError::Factor.into()),
        Ending::CodeNeeded(found, factors) => {
            let ticket = Ticket {
                email,
                user: found.user.id,
                organization: found.organization.id,
                hash: found.hash,
                has_authenticator: factors.authenticator_since.is_some(),
                has_passkeys: factors.passkeys > 0,
            };
            let until = op.now().plus(WAITS);
            Ok(First::Second(step(tickets, ticket, until, op.now())?))
        }
    }
}

fn step(tickets: &Tickets, ticket: Ticket, until: Timestamp, now: Timestamp) -> Result<SecondStep, AuthError> {
    let (email, has_authenticator, has_passkeys) =
        (ticket.email.clone(), ticket.has_authenticator, ticket.has_passkeys);
    Ok(SecondStep { ticket: tickets.put_until(ticket, until, now)?, email, has_authenticator, has_passkeys })
}

/// Asks the browser for a passkey: any when nothing is known yet, else one of whose password was right.
///
/// # Errors
/// [`AuthError::Ticket`]; they have none; too many wait.
pub async fn passkey_ask(
    op: &Op,
    passkeys: &Passkeys,
    tickets: &Tickets,
    ticket: Option<SecretString>,
) -> Result<Asked, OrgError> {
    let Some(ticket) = ticket else { return Ok(passkeys.ask_anybody(op.now())?) };
    let ticket = tickets.look(&ticket, op.now(), Ticket::clone).ok_or(AuthError::Ticket)?;
    op.read(|reader| {
        let whose = (ticket.user, Some(ticket.organization));
        Ok(passkeys.ask(reader, op.keyring().instance(), whose, Purpose::SecondFactor, op.now())?)
    })
    .await
}

/// Ends a sign-in in two steps.
///
/// # Errors
/// [`AuthError::Ticket`], [`AuthError::Factor`], [`AuthError::Passkey`], [`AuthError::Locked`]; with the step again where
/// another try is left.
pub async fn sign_in_second(
    op: &Op,
    passkeys: Option<&Arc<Passkeys>>,
    tickets: &Tickets,
    second: Second,
) -> Result<SignedIn, NotIn> {
    let wishes = Wishes::parse("browser", Some(second.life), None, &[], op.now()).map_err(OrgError::from)?;
    let (ticket, until) = tickets.take(&second.ticket, op.now()).ok_or(AuthError::Ticket)?;
    let again = |error: OrgError| NotIn { error, again: step(tickets, ticket.clone(), until, op.now()).ok() };
    let tries = begin_try(op, &ticket.email).await.map_err(&again)?;
    let proof = match second.shown {
        SecondProof::Code(code) => Ok((Some(code), None)),
        SecondProof::Passkey(answered) => {
            let passkeys = passkeys.ok_or(AuthError::PasskeysUnavailable)?;
            let (user, purpose) = (ticket.user, Purpose::SecondFactor);
            let shown = op.core().db.read(|reader| passkeys.shown(reader, user, purpose, answered, op.now()));
            shown.map(|shown| (None, Some(shown)))
        }
    };
    let (waited, previous) = (ticket.clone(), second.previous);
    let ending = op.write(move |op, tx| {
        let Some(found) = still(tx, &waited)? else { return Ok(Err(AuthError::Ticket)) };
        let proven = proof.and_then(|(code, shown)| match (code, shown) {
            (Some(code), _) => factor::prove(tx, op.keyring().instance(), waited.user, &code, op.now()),
            (None, Some(shown)) => {
                passkey::used(tx, op.keyring().instance(), &shown, waited.organization, op.now())?;
                Ok(Factor::Passkey)
            }
            (None, None) => Err(AuthError::Factor),
        });
        let proven = match proven {
            Err(AuthError::PasskeyCopied(copied)) => {
                passkeys::disable_copied(op, tx, &copied)?;
                Err(AuthError::Passkey)
            }
            proven => proven,
        };
        match proven {
            Err(error @ (AuthError::Factor | AuthError::Passkey)) => {
                let code = crate::types::Failure::code(&error);
                op.record(tx, failed(op, &waited.email, Some(&found)).code(code))?;
                Ok(Err(error))
            }
            Err(error) => Err(OrgError::from(error)),
            Ok(factor) => {
                tries.succeed(tx, op.now())?;
                if let Some(previous) = previous {
                    end(op, tx, previous)?;
                }
                open(op, tx, found, CredentialKind::Session, wishes, Some(factor)).map(Ok)
            }
        }
    });
    match ending.await? {
        Ok(done) => Ok(done),
        Err(AuthError::Ticket) => Err(AuthError::Ticket.into()),
        Err(error) => Err(again(error.into())),
    }
}

/// Whoever the ticket is of, if nothing of what the first step proved has changed.
fn still(tx: &WriteTx<'_>, ticket: &Ticket) -> Result<Option<Found>, OrgError> {
    let found = find(tx, &ticket.email, Some(&ticket.organization.to_string()))?;
    Ok(found.filter(|f| f.user.id == ticket.user && f.hash == ticket.hash))
}
