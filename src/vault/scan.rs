//! Comparing texts of a scan with the organization's own values, telling neither side what it does not have.
//!
//! Whoever scans draws a key for this scan, hashes every text that may be a value (HMAC-SHA-256, `scan::own`), and
//! asks twice:
//!
//! 1. [`scan_candidates`] gets the first three bytes of each hash and answers which of them some value shares.
//! 2. [`scan_matches`] gets the whole hashes of those, and answers whose values they are.
//!
//! What each side learns, and does not:
//!
//! - **The server of the text.** Of a text that is no value of ours it gets 24 bits of a hash. It can test guesses, but of 16
//!   million wrong ones one passes each; and a text comes so far as step two by chance once in 16 million for each
//!   value compared. Whole hashes are sent of texts that are, but for that chance, values it has already. The key is of
//!   one scan: hashes of two scans cannot be compared, and no table helps.
//! - **Whoever scans of the values.** No hash of a value leaves: the answer says only which of the hashes asked are there.
//!   So there is nothing to try guesses on offline. Online, a guess is answered; therefore a scan compares only with
//!   values the caller may have anyway, by the same permission as showing them (`secret.reveal` of people, in protected
//!   environments signed in recently; `secret.use` of machines), restricted ones only for machines that hold
//!   `secret.use.restricted`. Requests are limited for each actor, and each is an event of the ledger with how many texts
//!   were asked and which secrets they were.
//! - **Somebody who reads the traffic or a log** sees keyed hashes and, in answers, names. Bodies are not logged.
//!
//! Values that could stand in a text by chance (short, few different characters) are not compared, nor are unmasked
//! ones, and texts with references, whose parts are values of their own. Only newest versions are.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::VaultError;
use super::approval;
use super::model::{FolderPath, SecretName, Visibility};
use super::source::StoreSource;
use super::store::{self, SecretVersion, VersionState};
use super::uses::Uses;
use crate::db::Reader;
use crate::ledger::{ActionName, Details, Event, Outcome};
use crate::op::{self, Op, Released};
use crate::orgs::environment::{self, Placed};
use crate::orgs::{access, project};
use crate::policy::{Action, Resource};
use crate::scan::own::{DIGEST_LEN, PREFIX_LEN, ScanKey, comparable};
use crate::types::{Id, ParseError, kinds};

/// Texts of a scan were compared with values.
const SCANNED: ActionName = ActionName::new("secret.scan");
/// What scans record that is no permission.
pub const ACTIONS: &[ActionName] = &[SCANNED];
/// Most prefixes of one request.
pub const PREFIXES_MAX: usize = 100_000;
/// Most whole hashes of one request.
pub const DIGESTS_MAX: usize = 10_000;
/// Most values of one request: opening one takes a few microseconds of the thread that answers.
pub const VALUES_MAX: usize = 20_000;
/// Most projects that are looked through.
const PROJECTS_MAX: usize = 10_000;
/// Most secrets that are named.
const MATCHES_MAX: usize = 10_000;

/// Whose values.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The project, by id or slug; all when none.
    pub project: Option<String>,
    /// The environment, by id or slug; all of the project when none.
    pub environment: Option<String>,
}

/// Which prefixes are worth asking in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// Values compared.
    pub compared: usize,
    /// Prefixes some value shares.
    pub prefixes: Vec<[u8; PREFIX_LEN]>,
}

/// A secret whose value was in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The hash asked.
    pub digest: [u8; DIGEST_LEN],
    /// The secret.
    pub id: Id<kinds::SecretRow>,
    /// Its project's slug.
    pub project: String,
    /// The slug of the environment that stores it.
    pub environment: String,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// The version compared.
    pub version: u32,
}

/// Whose values the hashes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matches {
    /// Values compared.
    pub compared: usize,
    /// One for each secret with such a value.
    pub found: Vec<Match>,
}

/// Which of these prefixes are of a value the caller may have.
///
/// # Errors
/// Unknown or not visible; nothing there may be had; more values than one request compares.
pub async fn scan_candidates(
    op: &Op,
    scope: &Scope,
    key: &ScanKey,
    prefixes: &BTreeSet<[u8; PREFIX_LEN]>,
) -> Result<Candidates, VaultError> {
    op.read_value(|reader| {
        let looked = Looked::at(op, reader, scope)?;
        let mut hits = BTreeSet::new();
        let compared = compare(reader, op, &looked, key, |_, _, digest| {
            let prefix = std::array::from_fn(|n| digest[n]);
            if prefixes.contains(&prefix) {
                hits.insert(prefix);
            }
        })?;
        let details = Details::new().with("step", "candidates").with("asked", prefixes.len());
        let event = event(op, &looked.resource).details(details.with("compared", compared).with("hits", hits.len()));
        let mut prefixes: Vec<_> = hits.into_iter().collect();
        prefixes.sort_unstable();
        Ok(Released { value: Candidates { compared, prefixes }, event: Some(event), note: None })
    })
    .await
}

/// Whose values these hashes are, among those the caller may have.
///
/// # Errors
/// As [`scan_candidates`].
pub async fn scan_matches(
    op: &Op,
    uses: &Uses,
    scope: &Scope,
    key: &ScanKey,
    digests: &BTreeSet<[u8; DIGEST_LEN]>,
) -> Result<Matches, VaultError> {
    op.read_value(|reader| {
        let looked = Looked::at(op, reader, scope)?;
        let mut found = Vec::new();
        let compared = compare(reader, op, &looked, key, |placed, v, digest| {
            if digests.contains(&digest) && found.len() < MATCHES_MAX {
                found.push(Match {
                    digest,
                    id: v.id,
                    project: placed.environment.project_slug.to_string(),
                    environment: placed.environment.slug.to_string(),
                    path: v.path.clone(),
                    name: v.name.clone(),
                    version: v.version,
                });
            }
        })?;
        let listed: Vec<_> = found.iter().map(|m| (m.id, m.version)).collect();
        let details = Details::large().with("step", "matches").with("asked", digests.len());
        let event = event(op, &looked.resource).details(details.with("compared", compared).with("secrets", listed));
        let note = uses.note(found.iter().map(|m| m.id).collect(), op);
        Ok(Released { value: Matches { compared, found }, event: Some(event), note })
    })
    .await
}

fn event(op: &Op, resource: &Resource) -> Event {
    op::about(op.event(SCANNED, Outcome::Allowed), resource)
}

/// The environments whose values are compared.
struct Looked {
    resource: Resource,
    environments: Vec<Placed>,
}

impl Looked {
    /// Those of the scope whose values the caller may be shown. None at all is a denial, and recorded as one.
    fn at(op: &Op, reader: &Reader<'_>, scope: &Scope) -> Result<Self, VaultError> {
        let action = if op.is_machine() { Action::SecretUse } else { Action::SecretReveal };
        let resource = match (&scope.project, &scope.environment) {
            (Some(project), Some(environment)) => {
                let placed = access::environment(op, reader, project, environment)?;
                op.authorize(reader, action, &placed.resource())?;
                if placed.protected {
                    op.require_step_up()?;
                }
                return Ok(Self { resource: placed.resource(), environments: vec![placed] });
            }
            (None, Some(_)) => {
                return Err(ParseError::new("environment", "comes with its project").into());
            }
            (project, None) => access::node(op, reader, project.as_deref(), None)?,
        };
        let projects = match &scope.project {
            Some(name) => vec![access::project(op, reader, name)?],
            None => project::store::project_list(reader, op.organization()?, "", PROJECTS_MAX)?,
        };
        let mut environments = Vec::new();
        let mut needs_step_up = false;
        for project in projects {
            for found in environment::store::environment_list(reader, project.id)? {
                let placed = environment::store::place(reader, found)?;
                if !op.permits(reader, action, &placed.resource())? {
                    continue;
                }
                if placed.protected && op.require_step_up().is_err() {
                    needs_step_up = true;
                    continue;
                }
                environments.push(placed);
            }
        }
        if environments.is_empty() {
            if needs_step_up {
                op.require_step_up()?;
            }
            op.authorize(reader, action, &resource)?;
        }
        Ok(Self { resource, environments })
    }
}

/// Calls `each` with every value compared and its hash; answers how many there are.
fn compare(
    reader: &Reader<'_>,
    op: &Op,
    looked: &Looked,
    key: &ScanKey,
    mut each: impl FnMut(&Placed, &SecretVersion, [u8; DIGEST_LEN]),
) -> Result<usize, VaultError> {
    let keys = op.keyring().organization(reader, op.organization()?)?;
    let source = StoreSource::new(reader, Arc::clone(&keys));
    let mut opened = 0;
    let mut compared = 0;
    for placed in &looked.environments {
        let restricted = op.is_machine() && op.permits(reader, Action::SecretUseRestricted, &placed.resource())?;
        for version in store::secret_list(reader, placed.environment.id, &FolderPath::root(), true)? {
            if !may_compare(&version, restricted) {
                continue;
            }
            // What must be approved before it is shown is not told by a comparison either.
            if approval::may_reveal(op, reader, placed, placed.environment.id, &version)?.is_some() {
                continue;
            }
            opened += 1;
            if opened > VALUES_MAX {
                return Err(VaultError::ScanTooLarge);
            }
            let value = source.open(&version)?;
            let is_composed = version.interpolate && memchr::memmem::find(value.expose(), b"${").is_some();
            if let Some(value) = comparable(value.expose()).filter(|_| !is_composed) {
                compared += 1;
                each(placed, &version, key.digest(value));
            }
        }
    }
    Ok(compared)
}

fn may_compare(version: &SecretVersion, restricted: bool) -> bool {
    version.state == VersionState::Set
        && match version.visibility {
            Visibility::Unmasked => false,
            Visibility::Masked => true,
            Visibility::Restricted => restricted,
        }
}
