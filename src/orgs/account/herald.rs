//! Mail to people about their own account: a new device, and whatever their account is signed in with.
//!
//! The ledger is what is read: whichever way something was done, it is told, and once. The place it was read to is kept
//! before mails are handed on, so a crash loses a notice rather than repeating all of them; each is in the account's list
//! of notices, too.

use super::store;
use crate::auth::{self, User};
use crate::db::Reader;
use crate::ledger::{self, EventFilter, EventView, Outcome};
use crate::notify::{Letter, Mail, Mailer};
use crate::op::Op;
use crate::orgs::OrgError;
use crate::orgs::session::PASSKEY_DISABLED;
use crate::types::{Id, Limit, SecretString, kinds};

/// Notices of one run; what is left waits for the next one.
const TOLD_MAX: usize = 500;
/// Earlier sign-ins a device is compared with.
const COMPARED_MAX: u32 = 100;
/// What is told: the action, the subject, and what happened in a sentence.
const TOLD: &[(&str, &str, &str)] = &[
    ("session.created", "A new device signed in", "Your account was signed in to with a device that is new here."),
    ("session.device_created", "A command line was let in", "A command line was let in to your account by its code."),
    ("account.password_changed", "Your password was changed", "The password of your account was changed."),
    ("account.factor_added", "An authenticator was added", "An authenticator was added to your account."),
    ("account.factor_removed", "Your authenticator was removed", "The authenticator of your account was removed."),
    ("account.recovery_codes_made", "New recovery codes", "New recovery codes were made for your account."),
    ("account.passkey_added", "A passkey was added", "A passkey was added to your account."),
    ("account.passkey_removed", "A passkey was removed", "A passkey of your account was removed."),
    ("account.passkey_disabled", "A passkey was disabled", PASSKEY_COPIED),
    ("account.passkey_enabled", "A passkey was enabled again", "A disabled passkey of your account opens again."),
    ("account.email_changed", "Your e-mail address was changed", "The e-mail address of your account is this one now."),
    ("token.created", "A personal token was made", "A personal token was made for your account."),
];
/// What a counter that went back means.
const PASSKEY_COPIED: &str = "A passkey of your account was shown with a counter that went back: there may be a copy of it. \
    It was refused, and opens nothing until you let it in your account, or an instance operator does. Remove it if you \
    cannot say why.";
const NOTE: &str = "If it was not you: change your password, end your other sessions, and tell an administrator.";

/// Mails what happened to people's accounts since the last run; how many mails. Without a mail server nothing is kept for
/// later: notices of before would only frighten.
///
/// # Errors
/// The database failed. A mail that could not be handed on is logged.
pub async fn tell_due(op: &Op, mailer: &Mailer, server: &str) -> Result<usize, OrgError> {
    let is_configured = mailer.is_configured();
    let (from, news, end) = op.core().db.read(|reader| {
        let from = store::told_until(reader)?.filter(|_| is_configured);
        let Some(from) = from else { return Ok((from, Vec::new(), ledger::size(reader)?)) };
        let names: Vec<&str> = TOLD.iter().map(|(action, ..)| *action).collect();
        let (events, end) = ledger::named_since(reader, &names, from, TOLD_MAX)?;
        Ok::<_, OrgError>((Some(from), mails(reader, &events, server)?, end))
    })?;
    if from == Some(end) {
        return Ok(0);
    }
    op.write(move |_, tx| store::told(tx, end).map_err(OrgError::from)).await?;
    let mut sent = 0;
    for mail in news {
        match mailer.post(mail) {
            Ok(()) => sent += 1,
            Err(error) => tracing::warn!(%error, "nobody was told of what happened to their account"),
        }
    }
    Ok(sent)
}

fn mails(reader: &Reader<'_>, events: &[EventView], server: &str) -> Result<Vec<Mail>, OrgError> {
    let mut mails = Vec::new();
    for event in events.iter().filter(|event| event.outcome == Outcome::Allowed) {
        let Some((_, subject, what)) = TOLD.iter().find(|(action, ..)| *action == event.action) else { continue };
        let Some(user) = person(reader, event)? else { continue };
        if event.action == "session.created" && !is_new_device(reader, event)? {
            continue;
        }
        match letter(event, subject, what, server).to(user.email, server) {
            Ok(mail) => mails.push(mail),
            Err(error) => tracing::warn!(%error, "a notice cannot be written"),
        }
    }
    Ok(mails)
}

/// Whose account it is, if they may still sign in: whoever did it. What a passkey did to itself is told to whose it is.
fn person(reader: &Reader<'_>, event: &EventView) -> Result<Option<User>, OrgError> {
    let is_passkey = event.action == PASSKEY_DISABLED.as_str();
    let whose = event.target.as_ref().filter(|_| is_passkey).unwrap_or(&event.actor);
    let Ok(id) = Id::<kinds::User>::parse(&whose.id) else { return Ok(None) };
    Ok(auth::store::user_get(reader, id)?.filter(|user| user.disabled_at.is_none()))
}

/// Whether a device signed in that did not before, of somebody who signed in before with another. A browser is known by its
/// cookie; the command line, and the first browser that has one, by what it calls itself.
fn is_new_device(reader: &Reader<'_>, event: &EventView) -> Result<bool, OrgError> {
    match event.details.get("device").and_then(serde_json::Value::as_str) {
        Some("known") => return Ok(false),
        Some("new") => return Ok(true),
        _ => {}
    }
    let organization = event.organization.as_deref().and_then(|id| Id::parse(id).ok());
    let filter = EventFilter {
        organization,
        action: Some(event.action.clone()),
        actor: Some(event.actor.id.to_string()),
        ..EventFilter::default()
    };
    let earlier = ledger::list(reader, &filter, Limit::parse(COMPARED_MAX)?, None)?.items;
    let earlier: Vec<_> = earlier.into_iter().filter(|other| other.seq < event.seq).collect();
    let device = |event: &EventView| event.personal.as_ref().and_then(|personal| personal.user_agent.clone());
    let this = device(event);
    Ok(!earlier.is_empty() && earlier.iter().all(|other| device(other) != this))
}

fn letter(event: &EventView, subject: &'static str, what: &str, server: &str) -> Letter {
    let (address, device) =
        event.personal.as_ref().map(|p| (p.address.as_deref(), p.user_agent.as_deref())).unwrap_or_default();
    let from = address.map_or_else(String::new, |address| format!(" from {address}"));
    let with = device.map_or_else(String::new, |device| {
        let device: String = device.chars().filter(|c| !c.is_control()).take(200).collect();
        format!(" with {device}")
    });
    Letter {
        subject,
        paragraphs: vec![what.to_owned(), format!("It was done at {}{from}{with}.", event.at)],
        action: Some(("See your sessions", SecretString::new(format!("{server}/account/sessions")))),
        note: NOTE,
    }
}
