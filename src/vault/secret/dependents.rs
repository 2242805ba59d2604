//! Who refers to a name: asked before it is deleted, and told after it was changed.

use std::collections::BTreeSet;

use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Id, kinds};
use crate::vault::VaultError;
use crate::vault::error::Dependent;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::store::{self, Referrer};

/// Most referrers looked at for one name.
const LOOKED_AT: usize = 1_000;

/// Referrers of a name, split into those whoever asks may see and the number of the others.
pub(super) struct Dependents {
    pub(super) visible: BTreeSet<Dependent>,
    pub(super) hidden: usize,
}

/// The secrets whose value would change if this name of `environment` were gone.
pub(super) fn find(
    op: &Op,
    reader: &Reader<'_>,
    environment: &Placed,
    path: &FolderPath,
    name: &SecretName,
) -> Result<Dependents, VaultError> {
    let organization = environment.environment.organization;
    let mut found = Dependents { visible: BTreeSet::new(), hidden: 0 };
    for referrer in store::referrers(reader, organization, path, name, LOOKED_AT)? {
        if !concerns(reader, organization, environment, &referrer)? {
            continue;
        }
        let Some(placed) = access::placed(reader, organization, referrer.environment)? else { continue };
        if op.permits(reader, Action::SecretList, &placed.resource())? {
            let folder = if referrer.path.is_root() { "" } else { referrer.path.as_str() };
            let place = format!("{}:{folder}/{}", placed.path(), referrer.name);
            found.visible.insert(Dependent { place });
        } else {
            found.hidden += 1;
        }
    }
    Ok(found)
}

/// Whether the referrer looks the name up in `environment` or in one that inherits it from there.
fn concerns(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    environment: &Placed,
    referrer: &Referrer,
) -> Result<bool, VaultError> {
    let own = environment.environment.id;
    let beneath = |placed: &Placed, top| placed.environment.id == top || placed.parents.contains(&top);
    let Some(target) = access::placed(reader, organization, referrer.target)? else { return Ok(false) };
    if beneath(&target, own) {
        return Ok(true);
    }
    // A late reference of an ancestor binds in every environment that inherits it.
    Ok(referrer.late && beneath(environment, referrer.target))
}
