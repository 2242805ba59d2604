//! What an organization asks of those who sign in.

use super::{find, store};
use crate::auth::{AuthError, factor};
use crate::ledger::Details;
use crate::op::{Op, epoch_raise};
use crate::orgs::{OrgError, access};
use crate::policy::{Action, PrincipalId};

/// What an organization asks of those who sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security {
    /// Whether a sign-in without a second factor holds nothing.
    pub second_factor_required: bool,
}

/// What the organization asks; everybody in it may know.
///
/// # Errors
/// Any name but that of the credential's organization.
pub async fn security_get(op: &Op, name: String) -> Result<Security, OrgError> {
    op.read(|reader| {
        let found = find(op, reader, &name)?;
        Ok(Security { second_factor_required: store::second_factor_required(reader, found.id)? })
    })
    .await
}

/// Changes what the organization asks. It holds from the next request of everybody on.
///
/// # Errors
/// Not allowed, or not freshly signed in; whoever asks has no second factor and would hold nothing themselves.
pub async fn security_set(op: &Op, name: String, wish: Security) -> Result<Security, OrgError> {
    op.write(move |op, tx| {
        let found = find(op, tx, &name)?;
        let event = op.authorize(tx, Action::OrgUpdate, &access::own_organization(op)?)?;
        access::require_fresh(op, &event)?;
        if wish.second_factor_required {
            let PrincipalId::User(user) = op.principal(tx)?.1.id else {
                return Err(OrgError::PeopleOnly { what: "second factors" });
            };
            if !factor::factors(tx, user, found.id)?.is_any() {
                op.refuse(&event, "second_factor_missing");
                return Err(AuthError::FactorMissing.into());
            }
        }
        store::second_factor_require(tx, found.id, wish.second_factor_required)?;
        epoch_raise(tx)?;
        op.record(tx, event.details(Details::new().with("second_factor_required", wish.second_factor_required)))?;
        Ok(wish)
    })
    .await
}
