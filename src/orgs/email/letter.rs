//! What is written to the mailboxes of a change.

use super::{LIFE, link};
use crate::notify::{Letter, Mail, MailError};
use crate::op::Op;
use crate::types::{Email, SecretString};

/// From where it was asked for, as the end of a paragraph.
fn origin(op: &Op) -> String {
    op.origin().address.map_or_else(String::new, |address| format!(" It was asked for from {address}."))
}

fn lasts() -> String {
    format!("The link works for {} hours, or until a newer one. Opening it changes nothing yet.", LIFE.as_secs() / 3600)
}

/// To the address there is, to be confirmed.
pub(super) fn verify(op: &Op, server: &str, to: Email, token: &SecretString) -> Result<Mail, MailError> {
    let asked =
        format!("Somebody asked to confirm that this address of an account at Holdfast is theirs.{}", origin(op));
    Letter {
        subject: "Confirm your e-mail address",
        paragraphs: vec![asked, lasts()],
        action: Some(("See and confirm", link(server, token))),
        note: "If it was not you, do nothing, and change your password: whoever asked was signed in to your account.",
    }
    .to(to, server)
}

/// To the address there shall be.
pub(super) fn to_new(
    op: &Op,
    server: &str,
    (current, new): (&Email, Email),
    token: &SecretString,
) -> Result<Mail, MailError> {
    Letter {
        subject: "Confirm your new e-mail address",
        paragraphs: vec![
            format!("An account at Holdfast asks to have this address from now on.{}", origin(op)),
            format!("Its address is {current} until both addresses have confirmed."),
            lasts(),
        ],
        action: Some(("See and confirm", link(server, token))),
        note: "If you know nothing of it, do nothing, or stop it on that page.",
    }
    .to(new, server)
}

/// To the address there is, which another shall replace.
pub(super) fn to_current(
    op: &Op,
    server: &str,
    (current, new): (Email, &Email),
    token: &SecretString,
) -> Result<Mail, MailError> {
    Letter {
        subject: "Confirm the change of your e-mail address",
        paragraphs: vec![
            format!("Somebody who is signed in to your account at Holdfast asks to change its address.{}", origin(op)),
            format!("The new one would be {new}. Nothing changes before both addresses have confirmed."),
            lasts(),
        ],
        action: Some(("See, confirm or stop it", link(server, token))),
        note: "If it was not you: stop it on that page, change your password, and end your other sessions.",
    }
    .to(current, server)
}

/// To an address that somebody has already: no link, and nobody's name.
pub(super) fn taken(op: &Op, server: &str, to: Email) -> Result<Mail, MailError> {
    Letter {
        subject: "Somebody asked to use your e-mail address",
        paragraphs: vec![
            format!("Another account at Holdfast asked to have this address.{}", origin(op)),
            "This address has an account here already, so nothing changes.".to_owned(),
        ],
        action: None,
        note: "There is nothing to do. If it was you, sign in with this address instead.",
    }
    .to(to, server)
}

/// To the address there was.
pub(super) fn changed(server: &str, (old, new): (Email, &Email)) -> Result<Mail, MailError> {
    Letter {
        subject: "Your e-mail address was changed",
        paragraphs: vec![
            format!("The address of your account at Holdfast is {new} now."),
            "This one signs in no more, and gets no more links for new passwords.".to_owned(),
        ],
        action: None,
        note: "If it was not you, tell an administrator or an instance operator now: they can keep the account closed.",
    }
    .to(old, server)
}
