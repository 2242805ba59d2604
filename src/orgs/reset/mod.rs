//! A new password for who forgot it: by a link that was mailed, or handed over by an instance operator.
//!
//! Invariants, and what each one stops:
//! - Asking is answered alike for a known and an unknown address, after the same work: nobody learns who is here.
//! - The token works once, for thirty minutes, and a newer one voids it; only a keyed hash of it is kept.
//! - A new password ends everything that was signed in with the old one. Personal tokens stay: they were made to
//!   outlive sign-ins, and their list shows them.
//! - A person is mailed at most once a minute: it is no way to fill somebody's mailbox.
//! - A reset proves nothing but the mailbox: a second factor is still asked for at the next sign-in. A link that an
//!   operator handed over does not even prove that, and confirms no address.

mod store;

use std::time::Duration;

use super::OrgError;
use crate::auth::password::Passwords;
use crate::auth::{self, User};
use crate::db::{DbError, Reader, WriteTx};
use crate::keys::{Keyring, PlainToken, TokenKind};
use crate::ledger::{ActionName, Actor, Details, Event, Outcome, Target};
use crate::notify::{Letter, MailError, Mailer};
use crate::op::{Op, epoch_raise};
use crate::policy::InstancePermission;
use crate::types::{Email, Id, SecretString, Timestamp, kinds};

/// Somebody asked for a link; denied: nobody has the address.
pub const REQUESTED: ActionName = ActionName::new("account.password_reset_requested");
/// A new password was set with a link.
pub const DONE: ActionName = ActionName::new("account.password_reset");
/// What is recorded here.
pub const ACTIONS: &[ActionName] = &[REQUESTED, DONE];

/// How long a link works.
pub const LIFE: Duration = Duration::from_mins(30);
/// How long after one mail the next one may go out.
const MAIL_EVERY: Duration = Duration::from_mins(1);

const UNEXPECTED: &str = "If you did not ask for this, do nothing: your password stays as it is.";

/// A link that sets a new password, for an operator to hand over.
pub struct ResetLink {
    /// For whom.
    pub user: User,
    /// The token; its page is `/reset#token`.
    pub token: SecretString,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// What a new password ended.
pub struct Reset {
    /// Whose it is.
    pub user: User,
    /// How many sign-ins ended.
    pub ended: usize,
}

/// The address of the page that takes a reset token: in its fragment, which browsers do not send.
pub fn link(server: &str, token: &SecretString) -> SecretString {
    SecretString::new(format!("{server}/reset#{}", token.expose()))
}

/// Mails a link to whoever has this address. Says the same when nobody has.
///
/// # Errors
/// This instance sends no mail; the database failed. A mail that could not be queued is logged, never answered.
pub async fn reset_request(op: &Op, mailer: &Mailer, server: &str, email: Email) -> Result<(), OrgError> {
    if !mailer.is_configured() {
        return Err(MailError::NotConfigured.into());
    }
    // Made before anybody is looked for: both answers cost the same.
    let token = PlainToken::generate(TokenKind::Reset)?;
    let text = SecretString::new(token.expose_text().to_owned());
    let mail = letter(op, server, &text).to(email.clone(), server)?;
    let is_known = op.write(move |op, tx| {
        let user = auth::store::user_by_email(tx, &email)?.filter(|u| u.disabled_at.is_none());
        let event = requested(op, &email, user.as_ref());
        let Some(user) = user else {
            op.record(tx, event)?;
            return Ok::<_, OrgError>(false);
        };
        let early = store::reset_made_at(tx, user.id)?.is_some_and(|at| op.now() < at.plus(MAIL_EVERY));
        if !early {
            keep(op, tx, &user, &token, true)?;
        }
        op.record(tx, event)?;
        Ok(!early)
    });
    // A failure from here on would tell that somebody has the address: it is the operator's to see.
    if is_known.await?
        && let Err(error) = mailer.post(mail)
    {
        tracing::error!(%error, "a link for a new password was not put on its way");
    }
    Ok(())
}

fn letter(op: &Op, server: &str, token: &SecretString) -> Letter {
    let from = op.origin().address.map_or_else(String::new, |address| format!(" It was asked for from {address}."));
    Letter {
        subject: "Set a new password",
        paragraphs: vec![format!(
            "Somebody asked for a new password for this address at Holdfast.{from} The link works once, for {} minutes.",
            LIFE.as_secs() / 60
        )],
        action: Some(("Set a new password", link(server, token))),
        note: UNEXPECTED,
    }
}

fn requested(op: &Op, email: &Email, user: Option<&User>) -> Event {
    let outcome = if user.is_some() { Outcome::Allowed } else { Outcome::Denied };
    let event = Event::new(op.now(), REQUESTED, outcome, Actor::Anonymous).request(op.request());
    let event = event.personal(op.personal(Some(email.to_string())));
    match user {
        Some(user) => event.target(Target::new("user", user.id)),
        None => event.code("user_not_found"),
    }
}

fn keep(op: &Op, tx: &WriteTx<'_>, user: &User, token: &PlainToken, mailed: bool) -> Result<Timestamp, OrgError> {
    let expires_at = op.now().plus(LIFE);
    let hash = token.hash(op.keyring().instance().mac_key());
    store::reset_set(tx, user.id, (token.public_id().as_str(), hash.as_bytes()), mailed, op.now(), expires_at)?;
    Ok(expires_at)
}

/// Makes a link for somebody who cannot sign in, to be handed over: for instance operators who signed in recently.
///
/// # Errors
/// Not an operator; not signed in recently; nobody has this address.
pub async fn reset_link(op: &Op, email: Email) -> Result<ResetLink, OrgError> {
    let token = PlainToken::generate(TokenKind::Reset)?;
    let text = SecretString::new(token.expose_text().to_owned());
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::UserRecover)?;
        op.require_step_up()?;
        let user = auth::store::user_by_email(tx, &email)?.filter(|u| u.disabled_at.is_none());
        let user = user.ok_or_else(|| OrgError::not_found("user", email.as_str()))?;
        let expires_at = keep(op, tx, &user, &token, false)?;
        op.record(tx, event.target(Target::new("user", user.id)))?;
        Ok(ResetLink { user, token: text, expires_at })
    })
    .await
}

/// Sets a new password with a token. Everything that was signed in ends.
///
/// # Errors
/// [`OrgError::ResetToken`] when it is wrong, used or expired; the password is too weak.
pub async fn reset_complete(
    op: &Op,
    passwords: &Passwords,
    mailer: &Mailer,
    server: &str,
    token: SecretString,
    password: SecretString,
) -> Result<Reset, OrgError> {
    let (user, _) = op.core().db.read(|reader| check(reader, op.keyring(), &token, op.now()))?;
    let hash = passwords.hash(password, &[user.email.as_str(), user.name.as_str()]).await?;
    let done = op.write(move |op, tx| {
        // Again: a token that was good a moment ago may be used meanwhile.
        let (user, mailed) = check(tx, op.keyring(), &token, op.now())?;
        store::reset_delete(tx, user.id)?;
        if mailed {
            auth::store::user_email_verified(tx, user.id, op.now())?;
        }
        store::password_set(tx, user.id, hash.as_stored())?;
        let ended = store::signed_in_revoke(tx, user.id, op.now())?;
        epoch_raise(tx)?;
        let event = Event::new(op.now(), DONE, Outcome::Allowed, Actor::User(user.id)).request(op.request());
        let event = event.personal(op.personal(None));
        op.record(tx, event.target(Target::new("user", user.id)).details(Details::new().with("ended", ended)))?;
        Ok::<_, OrgError>(Reset { user, ended })
    });
    let done = done.await?;
    tell(mailer, server, &done.user);
    Ok(done)
}

/// Tells somebody that their password is another now; when that cannot be told, the change stands.
fn tell(mailer: &Mailer, server: &str, user: &User) {
    let letter = Letter {
        subject: "Your password was changed",
        paragraphs: vec![
            "The password of this address at Holdfast was changed with a reset link. Everybody who was signed in with \
             the old one was signed out."
                .to_owned(),
        ],
        action: None,
        note: "If it was not you, ask an administrator to disable the account now.",
    };
    let told = letter.to(user.email.clone(), server).and_then(|mail| mailer.post(mail));
    if let Err(error) = told.or_else(|e| if matches!(e, MailError::NotConfigured) { Ok(()) } else { Err(e) }) {
        tracing::warn!(%error, "nobody was told of a changed password");
    }
}

/// Voids the link a person may have: it went to an address that is theirs no more.
pub(super) fn void(tx: &WriteTx<'_>, user: Id<kinds::User>) -> Result<(), DbError> {
    store::reset_delete(tx, user)
}

/// Whose a token is, and whether only their mailbox saw it.
fn check(
    reader: &Reader<'_>,
    keyring: &Keyring,
    token: &SecretString,
    now: Timestamp,
) -> Result<(User, bool), OrgError> {
    let parsed = PlainToken::parse(token.expose().trim()).map_err(|_| OrgError::ResetToken)?;
    if parsed.kind() != TokenKind::Reset {
        return Err(OrgError::ResetToken);
    }
    let stored = store::reset_get(reader, parsed.public_id().as_str())?.ok_or(OrgError::ResetToken)?;
    let stands = parsed.hash(keyring.instance().mac_key()).verify(&stored.hash) && stored.expires_at > now;
    let user = auth::store::user_get(reader, stored.user)?.filter(|u| stands && u.disabled_at.is_none());
    user.map(|user| (user, stored.mailed)).ok_or(OrgError::ResetToken)
}
