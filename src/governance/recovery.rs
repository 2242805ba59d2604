//! Making the recovery kit from a running server.

use super::GovernanceError;
use crate::keys::recovery::{self, RecoveryKit};
use crate::ledger::{Details, Target};
use crate::op::{Op, OpError};
use crate::policy::{InstancePermission, PrincipalId};

/// Makes a recovery kit; the kits before it are void. Recorded, and shown by this answer only.
///
/// # Errors
/// Not an operator, or not signed in recently; no randomness; the database failed.
pub async fn recovery_kit_create(op: &Op) -> Result<RecoveryKit, GovernanceError> {
    op.write(|op, tx| {
        let event = op.authorize_instance(tx, InstancePermission::InstanceKeyRotate)?;
        op.require_step_up()?;
        let by = match op.identity()?.principal.id {
            PrincipalId::User(id) => Some(id),
            PrincipalId::ServiceAccount(_) => None,
        };
        let kit = recovery::kit_create(tx, op.keyring(), by, op.now()).map_err(OpError::from)?;
        let details = Details::new().with("made", "recovery_kit").with("key_fingerprint", kit.fingerprint.to_string());
        op.record(tx, event.target(Target::new("instance", kit.instance)).details(details))?;
        Ok(kit)
    })
    .await
}
