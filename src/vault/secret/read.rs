//! Reading one secret: what is told of it, and its value for whoever may have it.

use std::sync::Arc;

use super::plan::parse_name;
use super::{EnvironmentName, NamedOrigin, SecretView};
use crate::db::Reader;
use crate::ledger::{Details, Target};
use crate::op::{Op, Released};
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Id, ParseError, SecretBytes, kinds};
use crate::vault::VaultError;
use crate::vault::approval::{self, ApprovalError};
use crate::vault::care;
use crate::vault::model::{FolderPath, Origin, SecretName, Visibility};
use crate::vault::reference::{Reference, Scope, may_refer};
use crate::vault::resolve::{Found, ListedSecret, Options, locate, resolve_one};
use crate::vault::source::StoreSource;
use crate::vault::store::{self, SecretVersion, VersionState};
use crate::vault::time::{self, Instant};
use crate::vault::uses::Uses;

/// Most references that are told of one secret.
const REFERENCES_MAX: usize = 200;

/// What is asked of one secret.
#[derive(Debug, Clone, Default)]
pub struct ReadSecret {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The folder.
    pub path: String,
    /// The name.
    pub name: String,
    /// Whether the value is wanted.
    pub reveal: bool,
    /// Whether the value with its references applied is wanted too.
    pub resolve: bool,
    /// The version; the newest when none. Only of a secret this environment stores itself.
    pub version: Option<u32>,
    /// The moment whose value it is; now when none. Not together with a version.
    pub at: Option<Instant>,
}

/// A secret, and what of its value was asked for.
pub struct SecretRead {
    /// What is told of it.
    pub view: SecretView,
    /// The value as it is stored.
    pub value: Option<SecretBytes>,
    /// The value as a program gets it.
    pub resolved: Option<SecretBytes>,
}

/// One secret of an environment, its own or inherited; with `reveal` its value, after the event is on disk.
///
/// # Errors
/// Unknown or not visible; not allowed; restricted; no such version; with `resolve`, a broken reference.
pub async fn secret_get(op: &Op, uses: &Uses, ask: &ReadSecret) -> Result<SecretRead, VaultError> {
    if !ask.reveal && !ask.resolve {
        return op.read(|reader| tell(op, reader, ask)).await;
    }
    match op.read_value(|reader| release(op, reader, uses, ask)).await {
        Err(VaultError::Approval(ApprovalError::Required { request: None, .. })) => {
            Err(ask_to_see(op, ask.clone()).await)
        }
        other => other,
    }
}

/// Keeps the wish to see a value as a request; what it gives is what is answered.
async fn ask_to_see(op: &Op, ask: ReadSecret) -> VaultError {
    let asked = op.write(move |op, tx| {
        let placed = access::environment(op, tx, &ask.project, &ask.environment)?;
        op.authorize(tx, Action::SecretReveal, &placed.resource())?;
        let (source, _) = time::world(op, tx, &placed, ask.at.as_ref())?;
        let Stood { placed, listed, version } = stand(tx, &source, placed, &ask)?;
        drop(source);
        match approval::may_reveal(op, tx, &placed, listed.stored_in, &version)? {
            Some(wait) => Err(approval::ask_reveal(op, tx, &placed, wait, &version)?),
            None => Ok::<(), VaultError>(()),
        }
    });
    // Granted in this very moment: asked again it is shown.
    asked.await.err().unwrap_or_else(|| crate::op::OpError::Contended.into())
}

/// The secret and where it stands, for whoever may list it.
struct Stood {
    placed: Placed,
    listed: ListedSecret,
    version: Arc<SecretVersion>,
}

fn stand(reader: &Reader<'_>, source: &StoreSource<'_>, placed: Placed, ask: &ReadSecret) -> Result<Stood, VaultError> {
    if ask.at.is_some() && ask.version.is_some() {
        return Err(ParseError::new("at", "names a version already; leave out `version`").into());
    }
    let path = FolderPath::parse(if ask.path.is_empty() { "/" } else { &ask.path })?;
    let name = parse_name(&placed.environment, &ask.name)?;
    let missing = || VaultError::not_found("secret", ask.name.clone());
    let listed = locate(source, placed.environment.id, &path, &name)?;
    let Some(listed) = listed else {
        // A deleted secret still has its old versions for whoever asks for one.
        let own = store::secret_get(reader, placed.environment.id, &path, &name)?.ok_or_else(missing)?;
        let Some(number) = ask.version else { return Err(missing()) };
        return gone(reader, placed, own, number);
    };
    let version = match ask.version {
        None => source.version(listed.facts.id, listed.facts.version)?,
        Some(_) if listed.stored_in != placed.environment.id => return Err(missing()),
        Some(number) => source.version(listed.facts.id, number)?,
    };
    Ok(Stood { placed, listed, version })
}

/// The secret and its value, where it has one.
fn stand_open(
    reader: &Reader<'_>,
    source: &StoreSource<'_>,
    placed: Placed,
    ask: &ReadSecret,
) -> Result<(Stood, Option<SecretBytes>), VaultError> {
    let stood = stand(reader, source, placed, ask)?;
    let has_value = stood.version.state == VersionState::Set;
    let value = if has_value { Some(source.open(&stood.version)?) } else { None };
    Ok((stood, value))
}

fn gone(reader: &Reader<'_>, placed: Placed, own: SecretVersion, number: u32) -> Result<Stood, VaultError> {
    let missing = || VaultError::not_found("version", number.to_string());
    let version = store::secret_version_get(reader, own.id, number)?.ok_or_else(missing)?;
    let listed = ListedSecret {
        path: own.path.clone(),
        name: own.name.clone(),
        facts: crate::vault::source::facts(&own),
        stored_in: own.environment,
        origin: Origin::Own,
        blocked_by: None,
    };
    Ok(Stood { placed, listed, version: Arc::new(version) })
}

fn tell(op: &Op, reader: &Reader<'_>, ask: &ReadSecret) -> Result<SecretRead, VaultError> {
    let placed = access::environment(op, reader, &ask.project, &ask.environment)?;
    if !op.permits(reader, Action::SecretList, &placed.resource())? {
        op.authorize(reader, Action::SecretList, &placed.resource())?;
    }
    let (source, _) = time::world(op, reader, &placed, ask.at.as_ref())?;
    let stood = stand(reader, &source, placed, ask)?;
    let view = view(op, reader, &stood.placed, &stood.listed, &stood.version)?;
    Ok(SecretRead { view, value: None, resolved: None })
}

fn release(op: &Op, reader: &Reader<'_>, uses: &Uses, ask: &ReadSecret) -> Result<Released<SecretRead>, VaultError> {
    let placed = access::environment(op, reader, &ask.project, &ask.environment)?;
    let action = if op.is_machine() { Action::SecretUse } else { Action::SecretReveal };
    let path = FolderPath::parse(if ask.path.is_empty() { "/" } else { &ask.path })?;
    let event = op.authorize(reader, action, &placed.resource().with_path(path.as_str()))?;
    if placed.protected {
        op.require_step_up()?;
    }
    let (source, cut) = time::world(op, reader, &placed, ask.at.as_ref())?;
    let source = source.keeping_names();
    let from_memory = stand_open(reader, &source, placed.clone(), ask);
    let source = source.of_one_snapshot();
    // What does not open may have been mended in the database since it was kept.
    let (stood, value) = from_memory.or_else(|_| stand_open(reader, &source, placed, ask))?;
    let has_value = value.is_some();
    let refers = stood.version.interpolate && value.as_ref().is_some_and(|v| may_refer(v.expose()));
    require_showable(op, reader, &source, &stood, refers)?;
    require_approved(op, reader, &stood)?;
    let resolved = if ask.resolve && has_value { resolved(op, reader, &source, &stood)? } else { None };
    let origin = named_origin(op, reader, &stood.placed, stood.listed.origin)?;
    let mut view = view_plain(origin, &stood.listed, &stood.version);
    view.last_accessed = uses.last(view.id).map_or_else(|| store::use_get(reader, view.id), |known| Ok(Some(known)))?;
    if refers {
        view.references = references(op, reader, &stood.placed, &stood.version)?;
    }
    let details = Details::new().with("version", view.version).with("name", view.name.as_str());
    let details = time::noted(details.with("path", view.path.as_str()), cut);
    let event = event.target(Target::new("secret", view.id)).details(details);
    let note = uses.note(vec![view.id], op);
    Ok(Released { value: SecretRead { view, value, resolved }, event: Some(event), note })
}

/// Restricted values, and what is built from them, are shown to nobody; machines that hold the right receive them.
/// An old version is at least as strict as the newest.
///
/// `refers`: whether there is a reference in the value.
fn require_showable(
    op: &Op,
    reader: &Reader<'_>,
    source: &StoreSource<'_>,
    stood: &Stood,
    refers: bool,
) -> Result<(), VaultError> {
    let mut strictest = stood.version.visibility.max(stood.listed.facts.visibility);
    if refers && strictest != Visibility::Restricted && builds_on_restricted(source, stood)? {
        strictest = Visibility::Restricted;
    }
    if strictest != Visibility::Restricted {
        return blocked(stood);
    }
    if !op.is_machine() {
        return Err(VaultError::Restricted { name: stood.listed.name.to_string() });
    }
    let resource = stood.placed.resource().with_path(stood.listed.path.as_str());
    op.authorize(reader, Action::SecretUseRestricted, &resource)?;
    blocked(stood)
}

/// A value that others must let a person see is shown while that was granted.
fn require_approved(op: &Op, reader: &Reader<'_>, stood: &Stood) -> Result<(), VaultError> {
    match approval::may_reveal(op, reader, &stood.placed, stood.listed.stored_in, &stood.version)? {
        Some(wait) => Err(wait.required(&stood.placed, None)),
        None => Ok(()),
    }
}

/// A value whose flow does not come here is not shown here either.
fn blocked(stood: &Stood) -> Result<(), VaultError> {
    match stood.listed.blocked_by {
        None => Ok(()),
        Some(_) => Err(VaultError::not_found("secret", stood.listed.name.to_string())),
    }
}

/// Whether something restricted goes into it. A broken reference shows nothing, so the text may be seen and mended.
fn builds_on_restricted(source: &StoreSource<'_>, stood: &Stood) -> Result<bool, VaultError> {
    let listed = &stood.listed;
    let options = Options { may_use_restricted: false };
    match resolve_one(source, stood.placed.environment.id, &listed.path, &listed.name, options) {
        Ok(found) => Ok(matches!(found, Found::Withheld)),
        Err(error) => match VaultError::from(error) {
            VaultError::Broken(_) => Ok(false),
            other => Err(other),
        },
    }
}

fn resolved(
    op: &Op,
    reader: &Reader<'_>,
    source: &StoreSource<'_>,
    stood: &Stood,
) -> Result<Option<SecretBytes>, VaultError> {
    let listed = &stood.listed;
    let resource = stood.placed.resource().with_path(listed.path.as_str());
    let may_use_restricted = op.is_machine() && op.permits(reader, Action::SecretUseRestricted, &resource)?;
    let options = Options { may_use_restricted };
    match resolve_one(source, stood.placed.environment.id, &listed.path, &listed.name, options)? {
        Found::Value(entry) => {
            for part in entry.parts.iter().filter(|p| p.secret != stood.version.id) {
                let part = source.version(part.secret, part.version)?;
                if approval::may_reveal(op, reader, &stood.placed, part.environment, &part)?.is_some() {
                    return Err(ApprovalError::OfParts { name: listed.name.to_string() }.into());
                }
            }
            Ok(Some(SecretBytes::new(entry.value.expose().clone())))
        }
        Found::Withheld => Err(VaultError::Restricted { name: listed.name.to_string() }),
        Found::Absent => Ok(None),
    }
}

/// What is told of a secret.
pub(super) fn view(
    op: &Op,
    reader: &Reader<'_>,
    placed: &Placed,
    listed: &ListedSecret,
    version: &SecretVersion,
) -> Result<SecretView, VaultError> {
    let mut told = view_plain(named_origin(op, reader, placed, listed.origin)?, listed, version);
    told.references = references(op, reader, placed, version)?;
    told.last_accessed = store::use_get(reader, version.id)?;
    told.expires_at = care::expires_at(reader, version.id)?;
    Ok(told)
}

/// The same without what its value refers to and who had it last.
pub(super) fn view_plain(origin: NamedOrigin, listed: &ListedSecret, version: &SecretVersion) -> SecretView {
    SecretView {
        id: version.id,
        path: version.path.clone(),
        name: version.name.clone(),
        version: version.version,
        origin,
        state: version.state,
        visibility: version.visibility.max(listed.facts.visibility),
        interpolate: version.interpolate,
        comment: version.comment.clone(),
        tags: version.tags.clone(),
        references: Vec::new(),
        created_at: version.created_at,
        updated_at: version.written_at,
        updated_by: version.written_by.to_string(),
        expires_at: None,
        last_accessed: None,
    }
}

/// The names a secret's newest version refers to; those of environments that may not be seen are left out.
fn references(
    op: &Op,
    reader: &Reader<'_>,
    placed: &Placed,
    version: &SecretVersion,
) -> Result<Vec<String>, VaultError> {
    if version.version != version.newest || !version.interpolate {
        return Ok(Vec::new());
    }
    let mut shown = Vec::new();
    for found in store::references_get(reader, version.id, REFERENCES_MAX)? {
        let scope = if found.late {
            Scope::Late
        } else {
            let Some(target) = access::placed(reader, placed.environment.organization, found.environment)? else {
                continue;
            };
            if !op.permits(reader, Action::EnvironmentRead, &target.resource())? {
                continue;
            }
            Scope::Project(target.environment.project_slug.clone(), target.environment.slug.clone())
        };
        shown.push(Reference { scope, folder: Some(found.path), name: found.name }.to_string());
    }
    Ok(shown)
}

/// An origin with the other environment's name, for who may see that environment.
pub(in crate::vault) fn named_origin(
    op: &Op,
    reader: &Reader<'_>,
    placed: &Placed,
    origin: Origin,
) -> Result<NamedOrigin, VaultError> {
    let other = match origin {
        Origin::Own => return Ok(NamedOrigin { origin, environment: None }),
        Origin::Inherited { from } => from,
        Origin::Overrides { what } => what,
        Origin::Personal { at } => at,
    };
    let environment = name_of(op, reader, placed.environment.organization, other)?;
    Ok(NamedOrigin { origin, environment })
}

fn name_of(
    op: &Op,
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    id: Id<kinds::Environment>,
) -> Result<Option<EnvironmentName>, VaultError> {
    let Some(placed) = access::placed(reader, organization, id)? else { return Ok(None) };
    let visible = op.permits(reader, Action::EnvironmentRead, &placed.resource())?;
    Ok(visible.then(|| EnvironmentName { id, path: placed.path() }))
}

/// A name as it is written in this environment, for operations that look one up.
pub(super) fn place_of(placed: &Placed, path: &str, name: &str) -> Result<(FolderPath, SecretName), VaultError> {
    let path = FolderPath::parse(if path.is_empty() { "/" } else { path })?;
    Ok((path, parse_name(&placed.environment, name)?))
}
