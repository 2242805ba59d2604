//! Variables: the resolved view of an environment, ready to inject.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::VaultError;
use super::model::FolderPath;
use super::personal::{self, Overrides};
use super::resolve::{Options, Resolved, resolve_folder};
use super::source::Opens;
use super::store;
use super::time::{self, Instant};
use super::uses::Uses;
use crate::keys::{MacPurpose, OrganizationKeys};
use crate::ledger::Details;
use crate::op::{Op, Released, epoch};
use crate::orgs::access;
use crate::orgs::past::Cut;
use crate::policy::Action;
use crate::types::{Id, SecretBytes, kinds};

/// Answers remembered at most.
const ETAGS_MAX: usize = 16_384;

/// What is asked of an environment's variables.
#[derive(Debug, Clone, Default)]
pub struct ReadVariables {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The folder; exactly this one.
    pub path: String,
    /// What tells this answer from others of the same variables: its format.
    pub variant: String,
    /// Whether restricted values are left out rather than refused.
    pub omit_withheld: bool,
    /// Whether restricted values stay out even of what may have them, because many will read the answer.
    pub refuse_restricted: bool,
    /// The moment whose variables they are; now when none.
    pub at: Option<Instant>,
    /// The ETag the caller has.
    pub if_none_match: Option<String>,
}

/// One variable.
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: SecretBytes,
}

/// The answer.
pub enum Variables {
    /// What the caller has is still true.
    Unchanged {
        /// Its ETag.
        etag: String,
    },
    /// All of them.
    Changed {
        /// By name.
        variables: Vec<Variable>,
        /// Names left out because they are restricted.
        withheld: Vec<String>,
        /// What to send as If-None-Match next time.
        etag: String,
    },
}

#[derive(PartialEq, Eq, Hash, Clone)]
struct Asked {
    environment: Id<kinds::Environment>,
    path: FolderPath,
    variant: String,
    restricted: bool,
    omit: bool,
    cut: Option<Cut>,
    /// Whose personal overrides are in it, if any are.
    owner: Option<Id<kinds::User>>,
}

/// ETags of answers, each with the versions of the world it was made in.
#[derive(Default)]
pub struct Etags {
    kept: Mutex<HashMap<Asked, (World, String)>>,
}

/// What an answer depends on: rights and the tree, and the organization's secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
struct World {
    epoch: u64,
    content: i64,
}

impl Etags {
    fn get(&self, asked: &Asked, world: World) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(asked).filter(|(w, _)| *w == world).map(|(_, etag)| etag.clone())
    }

    fn put(&self, asked: Asked, world: World, etag: String) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= ETAGS_MAX {
            kept.clear();
        }
        kept.insert(asked, (world, etag));
    }
}

/// The variables of a folder of an environment, after the event that lists their versions is on disk. When the
/// caller has them already, nothing leaves and nothing is recorded; the right to them is asked all the same.
///
/// # Errors
/// Unknown or not visible; not allowed; restricted ones among them that may not leave, or not in this way; a name that cannot be resolved.
pub async fn variables(op: &Op, uses: &Uses, etags: &Etags, ask: &ReadVariables) -> Result<Variables, VaultError> {
    op.read_value(|reader| {
        let placed = access::environment(op, reader, &ask.project, &ask.environment)?;
        let path = FolderPath::parse(if ask.path.is_empty() { "/" } else { &ask.path })?;
        let resource = placed.resource().with_path(path.as_str());
        let event = op.authorize(reader, Action::SecretUse, &resource)?;
        // Only machines receive restricted values; people hold the permission to give it and to deploy with it.
        let permitted = op.is_machine() && op.permits(reader, Action::SecretUseRestricted, &resource)?;
        let restricted = permitted && !ask.refuse_restricted;
        let (source, cut) = time::world(op, reader, &placed, ask.at.as_ref())?;
        let overrides = if cut.is_none() { Overrides::of(op, reader)? } else { Overrides::default() };
        let asked = Asked {
            environment: placed.environment.id,
            path,
            variant: ask.variant.clone(),
            restricted,
            omit: ask.omit_withheld,
            cut,
            owner: personal::owner(op).filter(|_| !overrides.is_empty()),
        };
        let organization = placed.environment.organization;
        let world = World { epoch: epoch(reader)?, content: store::content_version(reader, organization)? };
        if let (Some(known), Some(etag)) = (&ask.if_none_match, etags.get(&asked, world))
            && matches(known, &etag)
        {
            return Ok(Released { value: Variables::Unchanged { etag }, event: None, note: None });
        }
        let keys = op.keyring().organization(reader, organization)?;
        let options = Options { may_use_restricted: restricted };
        let source = source.opening(if restricted { Opens::All } else { Opens::Unrestricted });
        let resolved = if overrides.is_empty() {
            resolve_folder(&source, asked.environment, &asked.path, options)?
        } else {
            resolve_folder(&overrides.over(&source)?, asked.environment, &asked.path, options)?
        };
        if !resolved.withheld.is_empty() && !ask.omit_withheld {
            let names = resolved.withheld.iter().map(ToString::to_string).collect();
            return Err(if permitted { VaultError::Public { names } } else { VaultError::Withheld { names } });
        }
        let etag = etag(&keys, &asked, &resolved);
        etags.put(asked.clone(), world, etag.clone());
        if ask.if_none_match.as_ref().is_some_and(|known| matches(known, &etag)) {
            return Ok(Released { value: Variables::Unchanged { etag }, event: None, note: None });
        }
        let (event, note) = told(op, uses, event, &resolved, &asked);
        Ok(Released { value: changed(resolved, etag), event: Some(event), note })
    })
    .await
}

/// The event that lists every version that leaves, and the note of their use.
fn told(
    op: &Op,
    uses: &Uses,
    event: crate::ledger::Event,
    resolved: &Resolved,
    asked: &Asked,
) -> (crate::ledger::Event, Option<crate::op::Note>) {
    let mut parts: Vec<_> = resolved.entries.iter().flat_map(|e| e.parts.iter().copied()).collect();
    parts.sort_unstable();
    parts.dedup();
    let listed: Vec<_> = parts.iter().map(|p| (p.secret, p.version)).collect();
    let details = Details::large().with("path", asked.path.as_str()).with("count", resolved.entries.len());
    let details = time::noted(details, asked.cut);
    let note = uses.note(parts.iter().map(|p| p.secret).collect(), op);
    (event.details(details.with("secrets", listed)), note)
}

fn changed(resolved: Resolved, etag: String) -> Variables {
    let withheld = resolved.withheld.iter().map(ToString::to_string).collect();
    let entries = resolved.entries.into_iter();
    let variables = entries.map(|e| Variable {
        name: e.name.to_string(),
        value: std::rc::Rc::try_unwrap(e.value).unwrap_or_else(|shared| SecretBytes::new(shared.expose().clone())),
    });
    Variables::Changed { variables: variables.collect(), withheld, etag }
}

/// A keyed tag over what the answer is made of: it tells nothing about the values.
fn etag(keys: &OrganizationKeys, asked: &Asked, resolved: &Resolved) -> String {
    let mut mac = keys.mac_key().begin(MacPurpose::Etag);
    mac.part(b"variables");
    mac.part(asked.environment.as_bytes());
    mac.part(asked.path.as_str().as_bytes());
    mac.part(asked.variant.as_bytes());
    for entry in &resolved.entries {
        mac.part(entry.name.as_str().as_bytes());
        // Where a reference points can change without any version changing.
        mac.part(entry.value.expose());
    }
    for name in &resolved.withheld {
        mac.part(b"withheld");
        mac.part(name.as_str().as_bytes());
    }
    format!("\"{}\"", mac.finish().to_hex(16))
}

/// Whether an If-None-Match names this ETag (RFC 9110, 13.1.2: weak comparison, `*` matches all).
fn matches(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_if_none_match_is_a_list_of_weak_or_strong_tags() {
        assert!(matches("\"a\"", "\"a\"") && matches("W/\"a\"", "\"a\"") && matches("\"b\", \"a\"", "\"a\""));
        assert!(matches("*", "\"a\"") && !matches("\"ab\"", "\"a\"") && !matches("", "\"a\""));
    }
}
