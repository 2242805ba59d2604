//! Making a link.

use super::model::{Link, NewLink};
use super::{BYTES_MAX, CREATED, LINKS_MAX, LinkError, TRIES_MAX, store};
use crate::keys::MacPurpose;
use crate::ledger::{ActionName, Details, Event, Outcome, Target};
use crate::op::Op;
use crate::policy::PrincipalId;
use crate::types::{Id, kinds};

/// Makes a link of what a client sealed.
///
/// # Errors
/// A service account asks; the organization has too many, or too much in them.
pub async fn link_create(op: &Op, new: NewLink) -> Result<Link, LinkError> {
    op.write(move |op, tx| {
        let (_, own) = op.principal(tx)?;
        let maker = require_person(op, own.id, CREATED)?;
        let (count, bytes) = store::link_load(tx, own.organization)?;
        let size = u32::try_from(new.ciphertext.len()).unwrap_or(u32::MAX);
        if count >= LINKS_MAX {
            return Err(LinkError::TooMany { what: "links", max: u64::try_from(LINKS_MAX).unwrap_or(u64::MAX) });
        }
        if bytes + u64::from(size) > BYTES_MAX {
            return Err(LinkError::TooMany { what: "bytes in links", max: BYTES_MAX });
        }
        let link = Link {
            id: Id::new(op.now()),
            organization: own.organization,
            created_by: maker,
            note: new.note,
            size,
            passphrase: new.passphrase,
            views: new.views,
            views_left: new.views,
            tries_left: TRIES_MAX,
            created_at: op.now(),
            expires_at: new.expires_at,
            opened_at: None,
            end: None,
        };
        let proof = op.keyring().instance().mac_key().mac(MacPurpose::LinkProof, &[link.id.as_bytes(), &new.proof]);
        store::link_insert(tx, &link, &new.ciphertext, proof.as_bytes())?;
        let details = Details::new().with("views", link.views).with("passphrase", link.passphrase);
        let details = details.with("expires_at", link.expires_at).with("size", link.size);
        op.record(tx, event(op, CREATED, &link).details(details))?;
        Ok(link)
    })
    .await
}

/// The person who asks.
///
/// # Errors
/// A service account asks; that is recorded.
pub(super) fn require_person(op: &Op, id: PrincipalId, action: ActionName) -> Result<Id<kinds::User>, LinkError> {
    match id {
        PrincipalId::User(user) => Ok(user),
        PrincipalId::ServiceAccount(_) => {
            op.refuse(&op.event(action, Outcome::Denied), "people_only");
            Err(LinkError::PeopleOnly)
        }
    }
}

/// An event about a link: of its organization, whoever acts.
pub(super) fn event(op: &Op, action: ActionName, link: &Link) -> Event {
    op.event(action, Outcome::Allowed).organization(link.organization).target(Target::new("link", link.id))
}
