//! The policies that decisions ask, parsed once per change.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{change, store};
use crate::db::{DbError, Reader, WriteTx};
use crate::op::{Op, Policies};
use crate::policy::{ForbidSet, OwnPolicy};
use crate::types::{Failure, Id, kinds};

/// Organizations whose policies are kept parsed; beyond that all are forgotten and parsed anew.
const KEPT_MAX: usize = 4_096;

struct Kept {
    epoch: u64,
    marks: Vec<(Id<kinds::Policy>, u32)>,
    set: Arc<ForbidSet>,
}

/// Organizations' policies from the database, kept until they change.
#[derive(Default)]
pub struct OwnPolicies {
    kept: RwLock<HashMap<Id<kinds::Organization>, Kept>>,
}

impl Policies for OwnPolicies {
    fn forbids(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        epoch: u64,
        committed: bool,
    ) -> Result<Arc<ForbidSet>, DbError> {
        let known = |kept: &HashMap<_, Kept>| kept.get(&organization).map(|k| (k.epoch, Arc::clone(&k.set)));
        let found = known(&self.kept.read().unwrap_or_else(PoisonError::into_inner));
        if let Some((_, set)) = found.filter(|(kept, _)| committed && *kept == epoch) {
            return Ok(set);
        }
        let marks = store::policy_marks(reader, organization)?;
        let same = self.same(organization, &marks);
        let set = if let Some(set) = same { set } else { Arc::new(load(reader, organization)?) };
        if committed {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            // A slower reader of an older snapshot must not replace what a newer one found.
            if kept.get(&organization).is_none_or(|k| k.epoch <= epoch) {
                kept.insert(organization, Kept { epoch, marks, set: Arc::clone(&set) });
            }
        }
        Ok(set)
    }

    fn standing(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        name: &str,
    ) -> Result<(String, u32), DbError> {
        let found = store::policy_by_name(reader, organization, name)?;
        Ok(found.map_or_else(Default::default, |p| (p.mark(), p.version)))
    }

    fn carry_out(&self, op: &Op, tx: &mut WriteTx<'_>, wish: &str) -> Result<(), Box<dyn Failure>> {
        change::carry_out(op, tx, wish).map_err(|error| Box::new(error) as Box<dyn Failure>)
    }
}

impl OwnPolicies {
    /// The kept set, when no policy changed since. A version that is not committed yet is kept nowhere, so the same
    /// ids and versions are the same texts.
    fn same(
        &self,
        organization: Id<kinds::Organization>,
        marks: &[(Id<kinds::Policy>, u32)],
    ) -> Option<Arc<ForbidSet>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(&organization).filter(|k| k.marks == marks).map(|k| Arc::clone(&k.set))
    }
}

fn load(reader: &Reader<'_>, organization: Id<kinds::Organization>) -> Result<ForbidSet, DbError> {
    let all = store::policy_list(reader, organization)?;
    let own = all.iter().map(|p| OwnPolicy { name: &p.name, mode: p.draft.mode, source: &p.draft.source });
    Ok(ForbidSet::load(own))
}
