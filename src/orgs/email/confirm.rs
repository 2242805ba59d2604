//! What the two sides say to a change, and what whoever asked for it sees of it.

use super::model::{EmailChange, EmailConfirmed, EmailOffer, EmailState, Side};
use super::request::is_taken;
use super::{CANCELLED, CHANGED, CONFIRMED, VERIFIED, letter, store};
use crate::auth::{self, User};
use crate::db::{Reader, WriteTx};
use crate::keys::{PlainToken, TokenKind};
use crate::ledger::{ActionName, Actor, Details, Event, Outcome, Target};
use crate::notify::{MailError, Mailer};
use crate::op::{Op, epoch_raise};
use crate::orgs::account::own;
use crate::orgs::{OrgError, reset};
use crate::types::{Email, SecretString};

/// What a token that stands is for.
struct Standing {
    user: User,
    change: EmailChange,
    side: Side,
}

/// The change a token is of, whether it stands or not.
fn known(op: &Op, reader: &Reader<'_>, token: &SecretString) -> Result<(EmailChange, Side), OrgError> {
    let parsed = PlainToken::parse(token.expose().trim()).map_err(|_| OrgError::EmailToken)?;
    if parsed.kind() != TokenKind::Email {
        return Err(OrgError::EmailToken);
    }
    let found = store::email_change_by_public_id(reader, parsed.public_id().as_str())?.ok_or(OrgError::EmailToken)?;
    let hash = parsed.hash(op.keyring().instance().mac_key());
    match found.current_hash {
        _ if hash.verify(&found.new_hash) => Ok((found.change, Side::New)),
        Some(current) if hash.verify(&current) => Ok((found.change, Side::Current)),
        _ => Err(OrgError::EmailToken),
    }
}

fn standing(op: &Op, reader: &Reader<'_>, change: EmailChange, side: Side) -> Result<Standing, OrgError> {
    let user = auth::store::user_get(reader, change.user)?.filter(|user| user.disabled_at.is_none());
    match user.filter(|_| change.stands(op.now())) {
        Some(user) => Ok(Standing { user, change, side }),
        None => Err(OrgError::EmailToken),
    }
}

/// The same for what acts on it: that a link is not valid is recorded, where it was good once for the account it is of.
fn acting(op: &Op, reader: &Reader<'_>, token: &SecretString, action: ActionName) -> Result<Standing, OrgError> {
    let known = known(op, reader, token);
    let event = Event::new(op.now(), action, Outcome::Allowed, Actor::Anonymous).request(op.request());
    let mut event = event.personal(op.personal(None));
    if let Ok((change, _)) = &known {
        event = about(event, change);
    }
    known.and_then(|(change, side)| standing(op, reader, change, side)).inspect_err(|error| {
        if matches!(error, OrgError::EmailToken) {
            op.refuse(&event, "email_change_invalid");
        }
    })
}

/// The event, told where the change was asked for.
fn about(event: Event, change: &EmailChange) -> Event {
    let event = event.target(Target::new("user", change.user));
    match change.organization {
        Some(organization) => event.organization(organization),
        None => event,
    }
}

/// What whoever has a link did to the account it is of, told where the change was asked for.
fn event(op: &Op, action: ActionName, change: &EmailChange, email: Option<&Email>) -> Event {
    let event = Event::new(op.now(), action, Outcome::Allowed, Actor::User(change.user)).request(op.request());
    about(event.personal(op.personal(email.map(ToString::to_string))), change)
}

/// What a link is for; nothing is used up.
///
/// # Errors
/// [`OrgError::EmailToken`].
pub async fn email_change_offer(op: &Op, token: SecretString) -> Result<EmailOffer, OrgError> {
    op.read(|reader| {
        let (change, side) = known(op, reader, &token)?;
        let Standing { user, change, side } = standing(op, reader, change, side)?;
        Ok(EmailOffer { side, current: user.email, change })
    })
    .await
}

/// Confirms one side; with the last one the address changes, or counts as confirmed. A side that confirms twice is told
/// how it stands.
///
/// # Errors
/// [`OrgError::EmailToken`]; somebody else has the address meanwhile.
pub async fn email_change_confirm(
    op: &Op,
    mailer: &Mailer,
    server: &str,
    token: SecretString,
) -> Result<EmailConfirmed, OrgError> {
    let (before, done) = op
        .write(move |op, tx| {
            let Standing { user, mut change, side } = acting(op, tx, &token, CONFIRMED)?;
            let before = user.email.clone();
            if change.confirmed_at(side).is_some() {
                return Ok((before, Ok(EmailConfirmed { user, change, is_done: false })));
            }
            store::email_change_confirm(tx, user.id, side, op.now())?;
            match side {
                Side::Current => change.current_confirmed_at = Some(op.now()),
                Side::New => change.new_confirmed_at = Some(op.now()),
            }
            if !change.is_agreed() {
                let event = event(op, CONFIRMED, &change, None);
                op.record(tx, event.details(Details::new().with("side", side.as_str())))?;
                return Ok((before, Ok(EmailConfirmed { user, change, is_done: false })));
            }
            let done = complete(op, tx, user, &change)?;
            Ok::<_, OrgError>((before, done.map(|user| EmailConfirmed { user, change, is_done: true })))
        })
        .await?;
    let done = done?;
    if done.is_done && !done.change.only_verifies {
        tell(mailer, server, before, &done.user.email);
    }
    Ok(done)
}

/// Does what both sides agreed to. That somebody else has the address meanwhile ends the change, and is kept: so it is no
/// failure of the transaction.
fn complete(
    op: &Op,
    tx: &mut WriteTx<'_>,
    user: User,
    change: &EmailChange,
) -> Result<Result<User, OrgError>, OrgError> {
    store::email_change_end(tx, user.id, op.now())?;
    if change.only_verifies {
        auth::store::user_email_verified(tx, user.id, op.now())?;
        op.record(tx, event(op, VERIFIED, change, None))?;
        return Ok(Ok(User { email_verified_at: Some(op.now()), ..user }));
    }
    let event = event(op, CHANGED, change, Some(&change.email));
    if is_taken(tx, user.id, &change.email)? {
        op.record(tx, event.with_outcome(Outcome::Denied).code("already_exists"))?;
        return Ok(Err(OrgError::Taken { what: "user", name: change.email.to_string() }));
    }
    // What an operator handed over came by no mail.
    let email_verified_at = change.organization.is_some().then_some(op.now());
    auth::store::user_email_set(tx, user.id, &change.email, email_verified_at)?;
    reset::void(tx, user.id)?;
    epoch_raise(tx)?;
    op.record(tx, event)?;
    Ok(Ok(User { email: change.email.clone(), email_verified_at, ..user }))
}

/// Tells the mailbox of before; when that cannot be told, the change stands.
fn tell(mailer: &Mailer, server: &str, old: Email, new: &Email) {
    let told = letter::changed(server, (old, new)).and_then(|mail| mailer.post(mail));
    if let Err(error) = told.or_else(|e| if matches!(e, MailError::NotConfigured) { Ok(()) } else { Err(e) }) {
        tracing::warn!(%error, "nobody was told of a changed address");
    }
}

/// Stops a change, by the link of either side; what it was.
///
/// # Errors
/// [`OrgError::EmailToken`].
pub async fn email_change_cancel(op: &Op, token: SecretString) -> Result<EmailOffer, OrgError> {
    op.write(move |op, tx| {
        let Standing { user, change, side } = acting(op, tx, &token, CANCELLED)?;
        store::email_change_end(tx, user.id, op.now())?;
        let event = event(op, CANCELLED, &change, None);
        op.record(tx, event.details(Details::new().with("side", side.as_str())))?;
        Ok(EmailOffer { side, current: user.email, change })
    })
    .await
}

/// The change of whoever asks that stands: all of it is the person's, so a credential that opens one organization sees
/// only what was asked for there.
fn visible(op: &Op, reader: &Reader<'_>, user: &User) -> Result<Option<EmailChange>, OrgError> {
    let (identity, organization) = (op.identity()?, op.organization()?);
    let facts = auth::store::sign_in_get(reader, identity.credential)?;
    let everywhere = facts.is_some_and(|facts| facts.everywhere);
    let change = store::email_change_get(reader, user.id)?.filter(|change| change.stands(op.now()));
    Ok(change.filter(|change| everywhere || change.organization == Some(organization)))
}

/// One's own address, and the change that waits.
///
/// # Errors
/// A service account asks.
pub async fn email_get(op: &Op) -> Result<EmailState, OrgError> {
    op.read(|reader| {
        let user = own(op, reader)?;
        let change = visible(op, reader, &user)?;
        Ok(EmailState { user, change })
    })
    .await
}

/// Takes back what one asked for; nothing happens where nothing waits.
///
/// # Errors
/// A service account asks.
pub async fn email_change_withdraw(op: &Op) -> Result<EmailState, OrgError> {
    op.write(|op, tx| {
        let user = own(op, tx)?;
        if visible(op, tx, &user)?.is_some() {
            store::email_change_end(tx, user.id, op.now())?;
            op.record(tx, op.event(CANCELLED, Outcome::Allowed).target(Target::new("user", user.id)))?;
        }
        Ok(EmailState { user, change: None })
    })
    .await
}
