//! What a pass starts from, read in one transaction.

use std::collections::HashMap;

use super::outcome::Findings;
use super::{Memo, World};
use crate::cluster::Resource;
use crate::db::Reader;
use crate::op::epoch;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::runtime::blueprint::OnDrift;
use crate::runtime::bundle::{Bundle, Drift, bundles, drift};
use crate::runtime::lifecycle::store::{self, Put};
use crate::runtime::lifecycle::{Condition, Revision, Runtime, RuntimeError, ServiceState, Wish, names};
use crate::runtime::render::{Names, Provided};
use crate::runtime::stored::{self, Stored};
use crate::types::{Failure as _, Id, kinds};
use crate::vault::injection::injection;

/// Names of a message at most.
const NAMES_MAX: usize = 20;

/// An environment as it is wished for, and as it was last seen.
pub(super) struct Loaded {
    /// The environment; none when it was deleted.
    pub(super) placed: Option<Placed>,
    /// Whether it was deleted and can still be restored: nothing runs, and all else stays.
    pub(super) is_kept: bool,
    pub(super) names: Option<Names>,
    pub(super) runtime: Runtime,
    pub(super) revision: Revision,
    pub(super) stored: Option<Stored>,
    /// What is done about what somebody else changed.
    pub(super) drift: OnDrift,
    pub(super) puts: HashMap<(Resource, String), Put>,
    pub(super) services: Vec<ServiceState>,
    pub(super) conditions: Vec<Condition>,
    pub(super) findings: Findings,
    /// What every service gets; none when it cannot be told now, and what runs stays.
    pub(super) provided: Option<Vec<Provided>>,
    /// The values, where an object for them has to be made.
    pub(super) bundles: Vec<Bundle>,
}

/// Reads all of it; none when nothing was ever deployed.
pub(super) fn load(
    world: &World,
    reader: &Reader<'_>,
    environment: Id<kinds::Environment>,
    memo: &mut Memo,
) -> Result<Option<Loaded>, RuntimeError> {
    let Some(mut runtime) = store::runtime_get(reader, environment)? else { return Ok(None) };
    let Some(revision) = store::revision_get(reader, environment, runtime.revision)? else { return Ok(None) };
    let placed = access::placed(reader, runtime.organization, environment)?;
    let mut is_kept = false;
    if placed.is_none() {
        // What was deleted runs nowhere. For as long as it can be restored, its storage stays.
        let until = access::restorable_until(reader, runtime.organization, environment)?;
        is_kept = runtime.wish != Wish::Destroyed && until.is_some_and(|until| until > world.core.clock.now());
        runtime.wish = if is_kept { Wish::Stopped } else { Wish::Destroyed };
    }
    let puts = store::object_list(reader, environment)?.into_iter();
    let puts = puts.filter_map(|put| Some(((Resource::of_kind(&put.kind)?, put.name.clone()), put)));
    let mut loaded = Loaded {
        names: placed.as_ref().map(|placed| names(reader, placed)).transpose()?,
        stored: stored::version(reader, environment, revision.blueprint)?,
        drift: OnDrift::Correct,
        puts: puts.collect(),
        services: store::service_list(reader, environment)?,
        conditions: store::condition_list(reader, environment)?,
        findings: Findings::default(),
        provided: None,
        bundles: Vec::new(),
        is_kept,
        placed,
        runtime,
        revision,
    };
    if loaded.placed.is_some() && loaded.runtime.wish != Wish::Destroyed {
        values(world, reader, &mut loaded, memo)?;
    }
    Ok(Some(loaded))
}

/// What the services get. It is resolved anew only when a value, a right or the revision may have changed.
fn values(world: &World, reader: &Reader<'_>, loaded: &mut Loaded, memo: &mut Memo) -> Result<(), RuntimeError> {
    let Some(stored) = &loaded.stored else { return Ok(()) };
    let organization = loaded.runtime.organization;
    let content = crate::vault::store::content_version(reader, organization)?;
    let mark = (content, epoch(reader)?, loaded.revision.number);
    let needs_values = |provided: &[Provided], puts: &HashMap<(Resource, String), Put>| {
        provided.iter().any(|p| !puts.contains_key(&(Resource::Secret, p.object.clone())))
    };
    if let Some(kept) = memo.values.as_ref().filter(|kept| kept.mark == mark)
        && !kept.provided.as_ref().is_some_and(|p| needs_values(p, &loaded.puts))
    {
        loaded.provided.clone_from(&kept.provided);
        loaded.findings.unsynced.clone_from(&kept.unsynced);
        return Ok(());
    }
    let keyring = &world.core.keyring;
    let environment = loaded.runtime.environment;
    match injection(reader, keyring, organization, environment) {
        Err(error) if error.class() == crate::types::Class::Internal => return Err(error.into()),
        Err(error) => loaded.findings.unsynced = Some(("ReferenceBroken", error.to_string())),
        Ok(there) => {
            let blueprint = &stored.blueprint;
            if let Drift::NeedsDeploy(names) = drift(blueprint, &loaded.revision.names, &there) {
                let names: Vec<_> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
                let message = format!("deploy again to pass on, or leave out: {}", names.join(", "));
                loaded.findings.unsynced = Some(("NeedsDeploy", message));
            }
            // A restricted value is passed on only if it was restricted when it was deployed.
            let allowed = |name: &str, restricted: bool| {
                loaded.revision.names.iter().any(|g| g.name == name && (g.restricted || !restricted))
            };
            let gone = loaded
                .revision
                .names
                .iter()
                .any(|g| !there.iter().any(|v| v.name == g.name && allowed(&v.name, v.restricted)));
            if !gone {
                let keys = keyring.organization(reader, organization).map_err(crate::vault::VaultError::from)?;
                let all = bundles(blueprint, &loaded.revision.names, &there, keys.mac_key(), environment);
                loaded.provided = Some(all.iter().map(Bundle::provided).collect());
                let is_new = |b: &Bundle| !loaded.puts.contains_key(&(Resource::Secret, b.object.clone()));
                loaded.bundles = all.into_iter().filter(is_new).collect();
            }
        }
    }
    memo.values =
        Some(super::KeptValues { mark, provided: loaded.provided.clone(), unsynced: loaded.findings.unsynced.clone() });
    Ok(())
}
