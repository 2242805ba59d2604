//! Opening a link, by whoever has it: no account, no token.

use super::create::event;
use super::end::expire;
use super::model::{End, Link, LinkFacts, Opened, parse_proof};
use super::{LinkError, OPENED, store};
use crate::db::WriteTx;
use crate::keys::MacPurpose;
use crate::ledger::{Details, Outcome};
use crate::op::Op;
use crate::types::{Id, kinds};

/// Whether a link can be opened, and what for. Changes nothing, however often it is asked.
///
/// # Errors
/// [`LinkError::Gone`].
pub async fn link_get(op: &Op, id: Id<kinds::Link>) -> Result<LinkFacts, LinkError> {
    op.read(|reader| {
        let found = store::link_standing(reader, id)?.filter(|l| l.expires_at > op.now()).ok_or(LinkError::Gone)?;
        Ok(LinkFacts { passphrase: found.passphrase, views_left: found.views_left, expires_at: found.expires_at })
    })
    .await
}

/// What an attempt comes to; whatever it is, it is kept.
enum Attempt {
    Opened(Opened),
    Wrong { left: u32 },
    Gone,
}

/// Uses up a view and gives the ciphertext, to whoever proves to have the key. With the last view it is gone.
///
/// # Errors
/// [`LinkError::Gone`]; [`LinkError::Wrong`], which counts; no proof at all.
pub async fn link_open(op: &Op, id: Id<kinds::Link>, proof: &[u8]) -> Result<Opened, LinkError> {
    let proof = parse_proof(proof)?;
    let attempt = op.write(move |op, tx| {
        let Some(link) = store::link_standing(tx, id)? else { return Ok::<_, LinkError>(Attempt::Gone) };
        if link.expires_at <= op.now() {
            expire(op, tx, &link)?;
            return Ok(Attempt::Gone);
        }
        let (ciphertext, kept) = store::link_sealed(tx, id)?;
        let shown = op.keyring().instance().mac_key().mac(MacPurpose::LinkProof, &[id.as_bytes(), &proof]);
        if shown.verify(&kept) { view(op, tx, &link, ciphertext) } else { wrong(op, tx, &link) }
    });
    match attempt.await? {
        Attempt::Opened(opened) => Ok(opened),
        Attempt::Wrong { left } => Err(LinkError::Wrong { left }),
        Attempt::Gone => Err(LinkError::Gone),
    }
}

fn view(op: &Op, tx: &mut WriteTx<'_>, link: &Link, ciphertext: Vec<u8>) -> Result<Attempt, LinkError> {
    let views_left = link.views_left.saturating_sub(1);
    store::link_viewed(tx, link.id, views_left, op.now())?;
    if views_left == 0 {
        store::link_end(tx, link.id, End::Opened, op.now())?;
    }
    op.record(tx, event(op, OPENED, link).details(Details::new().with("views_left", views_left)))?;
    Ok(Attempt::Opened(Opened { ciphertext, views_left }))
}

fn wrong(op: &Op, tx: &mut WriteTx<'_>, link: &Link) -> Result<Attempt, LinkError> {
    let left = link.tries_left.saturating_sub(1);
    store::link_tried(tx, link.id, left)?;
    if left == 0 {
        store::link_end(tx, link.id, End::Blocked, op.now())?;
    }
    let denied = event(op, OPENED, link).with_outcome(Outcome::Denied).code("link_key_wrong");
    op.record(tx, denied.details(Details::new().with("tries_left", left)))?;
    Ok(Attempt::Wrong { left })
}
