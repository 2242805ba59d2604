//! What requests about the organization itself are for: a change of its policies, a new key.

use super::model::{ActWish, OrganizationAct, Request};
use super::{ApprovalError, store};
use crate::db::{Reader, WriteTx};
use crate::op::Op;
use crate::types::{Id, kinds};
use crate::vault::{VaultError, rekey};

/// What is there now of what a request is about: its exact mark, and its version.
pub(super) fn standing(
    op: &Op,
    reader: &Reader<'_>,
    request: &Request,
    wish: &ActWish,
    act: OrganizationAct,
) -> Result<(String, u32), VaultError> {
    Ok(match act {
        OrganizationAct::Policy => op.core().policies.standing(reader, request.organization, &wish.subject)?,
        OrganizationAct::Rotation => rekey::standing(op, reader, request.organization)?,
    })
}

/// What changed since the request was made; none when nothing did.
pub(super) fn changed(op: &Op, reader: &Reader<'_>, request: &Request) -> Result<Option<String>, VaultError> {
    let (Some(wish), super::RequestKind::Act(act)) = (store::act_get(reader, request.id)?, request.kind) else {
        return Ok(None);
    };
    let (mark, _) = standing(op, reader, request, &wish, act)?;
    Ok((mark != wish.base).then_some(wish.subject))
}

/// How many rows the new key of a request would be for; none where it is for no key. Counting them is not for the
/// writer thread.
pub(super) async fn rows_to_reseal(op: &Op, id: Id<kinds::Approval>) -> Result<Option<u64>, VaultError> {
    op.read(|reader| {
        let organization = op.organization()?;
        let request = store::request_get(reader, organization, id)?;
        match request.map(|r| r.kind) {
            Some(super::RequestKind::Act(OrganizationAct::Rotation)) => rekey::rows(reader, organization).map(Some),
            _ => Ok(None),
        }
    })
    .await
}

/// Does what was asked for; `requester` is whoever asked, with what they may do now.
pub(super) fn carry_out(
    requester: &Op,
    tx: &mut WriteTx<'_>,
    request: &Request,
    act: OrganizationAct,
    rows: Option<u64>,
) -> Result<(), VaultError> {
    let wish = store::act_get(tx, request.id)?.ok_or(ApprovalError::Stale { name: act.as_str().to_owned() })?;
    match act {
        OrganizationAct::Policy => {
            requester.core().policies.carry_out(requester, tx, &wish.wish).map_err(VaultError::Elsewhere)
        }
        OrganizationAct::Rotation => rekey::rotate_approved(requester, tx, rows.unwrap_or_default()),
    }
}
