//! Everything that can stand in the ledger, joined from the features and frozen.

use crate::ledger::{ActionName, LedgerError, Registry};
use crate::policy::{Action, InstancePermission};
use crate::{links, orgs, runtime, vault};

/// A recovery kit was made on the machine; the kits before it are void.
pub(super) const KIT_MADE: ActionName = ActionName::new("instance.recovery_kit_made");

/// The actions of this binary: every permission that can be asked for, and what happens without one.
///
/// # Errors
/// Two features claim one name.
pub fn registry() -> Result<Registry, LedgerError> {
    let asked: Vec<ActionName> = Action::ALL
        .iter()
        .map(|action| action.as_str())
        .chain(InstancePermission::ALL.iter().map(|permission| permission.as_str()))
        .map(ActionName::new)
        .collect();
    let features = [asked.as_slice(), &[KIT_MADE], links::ACTIONS, vault::care::ACTIONS, vault::scan::ACTIONS];
    let more =
        [vault::approval::ACTIONS, vault::rekey::ACTIONS, runtime::controller::ACTIONS, runtime::lifecycle::ACTIONS];
    let features = features.into_iter().chain(orgs::ACTIONS.iter().copied()).chain(more);
    Registry::freeze(&features.collect::<Vec<_>>())
}
