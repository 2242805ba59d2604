//! Asking for another address.

use super::model::{EmailChange, EmailLinks, EmailState};
use super::{LIFE, MAIL_EVERY, REQUESTED, letter, store};
use crate::auth::{self, User};
use crate::db::{Reader, WriteTx};
use crate::keys::{KeyError, PlainToken, TokenKind};
use crate::ledger::{Details, Target};
use crate::notify::{Mail, MailError, Mailer};
use crate::op::Op;
use crate::orgs::session::own_fresh;
use crate::orgs::{OrgError, access};
use crate::policy::InstancePermission;
use crate::types::{Email, Id, ParseError, SecretString, kinds};

/// A token for each side.
struct Tokens {
    current: PlainToken,
    new: PlainToken,
}

impl Tokens {
    fn generate() -> Result<Self, KeyError> {
        Ok(Self { current: PlainToken::generate(TokenKind::Email)?, new: PlainToken::generate(TokenKind::Email)? })
    }
}

/// The token of a link.
fn text(token: &PlainToken) -> SecretString {
    SecretString::new(token.expose_text().to_owned())
}

/// Asks for another address of one's own: both mailboxes get a link. Of the address there is, only to confirm it: then
/// one. What stands of an earlier wish is void.
///
/// # Errors
/// A service account asks; no fresh sign-in with a password of one's own; asked a moment ago; this instance sends no mail.
pub async fn email_change_request(
    op: &Op,
    mailer: &Mailer,
    server: &str,
    email: Email,
) -> Result<EmailState, OrgError> {
    let tokens = Tokens::generate()?;
    let has_mail = mailer.is_configured();
    let (state, mails) = op
        .write({
            let server = server.to_owned();
            move |op, tx| {
                let (user, event) = own_fresh(op, tx, REQUESTED, "addresses")?;
                let event = event.personal(op.personal(Some(email.to_string())));
                let refused = |code, error| {
                    op.refuse(&event, code);
                    Err(error)
                };
                if !has_mail {
                    return refused("mail_not_configured", OrgError::EmailWithoutMail);
                }
                let before = store::email_change_get(tx, user.id)?;
                if before.is_some_and(|before| op.now() < before.created_at.plus(MAIL_EVERY)) {
                    return refused("email_change_too_soon", OrgError::EmailTooSoon);
                }
                let is_taken = is_taken(tx, user.id, &email)?;
                let change = keep(op, tx, &user, email, Some(op.organization()?), &tokens)?;
                let mails = mails(op, &server, &user, &change, &tokens, is_taken)?;
                op.record(tx, event.details(Details::new().with("only_verifies", change.only_verifies)))?;
                Ok::<_, OrgError>((EmailState { user, change: Some(change) }, mails))
            }
        })
        .await?;
    // Only now: a link that was mailed before its hash is on disk might open nothing.
    for mail in mails {
        mailer.post(mail)?;
    }
    Ok(state)
}

/// Whether somebody else has this address.
pub(super) fn is_taken(reader: &Reader<'_>, user: Id<kinds::User>, email: &Email) -> Result<bool, OrgError> {
    Ok(auth::store::user_by_email(reader, email)?.is_some_and(|other| other.id != user))
}

fn mails(
    op: &Op,
    server: &str,
    user: &User,
    change: &EmailChange,
    tokens: &Tokens,
    is_taken: bool,
) -> Result<Vec<Mail>, MailError> {
    let (current, new) = (&user.email, &change.email);
    if change.only_verifies {
        return Ok(vec![letter::verify(op, server, current.clone(), &text(&tokens.new))?]);
    }
    let to_new = if is_taken {
        letter::taken(op, server, new.clone())?
    } else {
        letter::to_new(op, server, (current, new.clone()), &text(&tokens.new))?
    };
    Ok(vec![to_new, letter::to_current(op, server, (current.clone(), new), &text(&tokens.current))?])
}

/// Keeps what is asked for, in place of what was.
fn keep(
    op: &Op,
    tx: &WriteTx<'_>,
    user: &User,
    email: Email,
    organization: Option<Id<kinds::Organization>>,
    tokens: &Tokens,
) -> Result<EmailChange, OrgError> {
    let now = op.now();
    let only_verifies = email.canonical() == user.email.canonical();
    let change = EmailChange {
        user: user.id,
        organization,
        // In the spelling there is: a confirmation changes nothing.
        email: if only_verifies { user.email.clone() } else { email },
        only_verifies,
        current_confirmed_at: None,
        new_confirmed_at: None,
        created_at: now,
        expires_at: now.plus(LIFE),
        ended_at: None,
    };
    store::email_change_sweep(tx, now.minus(MAIL_EVERY), now)?;
    let key = op.keyring().instance().mac_key();
    let (current, new) = (tokens.current.hash(key), tokens.new.hash(key));
    let (current_id, new_id) = (tokens.current.public_id(), tokens.new.public_id());
    let current = (!only_verifies).then_some((current_id.as_str(), current.as_bytes().as_slice()));
    store::email_change_set(tx, &change, current, (new_id.as_str(), new.as_bytes().as_slice()))?;
    Ok(change)
}

/// Makes both links of a change for somebody else, to be handed over: for instance operators who signed in recently. The
/// address counts as not confirmed then.
///
/// # Errors
/// Not an operator; not signed in recently; nobody has the one address, or somebody the other.
pub async fn email_change_links(op: &Op, current: Email, email: Email) -> Result<EmailLinks, OrgError> {
    let tokens = Tokens::generate()?;
    op.write(move |op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::UserRecover)?;
        access::require_fresh(op, &event)?;
        let user = auth::store::user_by_email(tx, &current)?.filter(|u| u.disabled_at.is_none());
        let user = user.ok_or_else(|| OrgError::not_found("user", current.as_str()))?;
        let event = event.target(Target::new("user", user.id)).personal(op.personal(Some(email.to_string())));
        if email.canonical() == user.email.canonical() {
            return Err(ParseError::new("new address", "it is their address already").into());
        }
        if is_taken(tx, user.id, &email)? {
            op.refuse(&event, "already_exists");
            return Err(OrgError::Taken { what: "user", name: email.to_string() });
        }
        let change = keep(op, tx, &user, email, None, &tokens)?;
        op.record(tx, event.details(Details::new().with("email_change", true)))?;
        let (current, new) = (text(&tokens.current), text(&tokens.new));
        Ok(EmailLinks { user, email: change.email, current, new, expires_at: change.expires_at })
    })
    .await
}
