//! Trying out the instance's mail.

use super::GovernanceError;
use crate::notify::{Letter, Mailer};
use crate::op::Op;
use crate::orgs::OrgError;
use crate::orgs::access;
use crate::policy::InstancePermission;
use crate::types::Email;

/// Sends a mail to whoever asks, now; answers where it went. For instance operators.
///
/// # Errors
/// Not an operator; there is no SMTP server; it did not take the mail.
pub async fn mail_test(op: &Op, mailer: &Mailer, server: &str) -> Result<Email, GovernanceError> {
    let to = op
        .write(|op, tx| {
            let event = op.authorize_instance(tx, InstancePermission::InstanceSettings)?;
            let own = op.principal(tx)?.1.id;
            if op.is_machine() {
                return Err(OrgError::PeopleOnly { what: "mailbox" }.into());
            }
            let to = Email::parse(&access::principal_label(tx, own)?.unwrap_or_default()).map_err(OrgError::from)?;
            op.record(tx, event)?;
            Ok::<_, GovernanceError>(to)
        })
        .await?;
    let letter = Letter {
        subject: "Mail from Holdfast works",
        paragraphs: vec!["Somebody with your account asked to try out the mail of this instance.".to_owned()],
        action: None,
        note: "There is nothing to do.",
    };
    let mail = letter.to(to.clone(), server).map_err(OrgError::from)?;
    mailer.send(&mail).await.map_err(OrgError::from)?;
    Ok(to)
}
