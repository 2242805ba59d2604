//! Which environments hold one exact value: for whoever has it already and wants to know where it must be replaced.
//!
//! It answers about values whoever asks could be shown, and about no other: else it would confirm guesses. Every
//! question is recorded before it is answered; the door counts them.

mod store;

use super::VaultError;
use super::approval;
use super::model::{FolderPath, SecretName, Visibility};
use store::Tagged;

use crate::db::Reader;
use crate::keys::MacPurpose;
use crate::ledger::{ActionName, Details, Event, Outcome};
use crate::op::{Op, Released};
use crate::orgs::access;
use crate::orgs::environment::{self, Placed};
use crate::orgs::project::{self, Project};
use crate::policy::Action;
use crate::types::{Id, ParseError, SecretBytes, kinds};

/// Most secrets with the value that are looked at.
const FOUND_MAX: usize = 1_000;
/// Most environments one question looks into.
const ENVIRONMENTS_MAX: usize = 10_000;

/// A secret that holds the value.
#[derive(Debug, Clone)]
pub struct Held {
    /// The secret.
    pub id: Id<kinds::SecretRow>,
    /// `shop/staging`.
    pub environment: String,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// The version that holds it, its newest.
    pub version: u32,
}

/// Where a value is.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The secrets that hold it, by place.
    pub items: Vec<Held>,
    /// How many environments were looked into.
    pub environments: usize,
    /// How many more there are whose values whoever asks may not be shown: whether it is there is unknown.
    pub unknown: usize,
}

/// The secrets whose newest version is exactly `value`, in the organization or one project.
///
/// # Errors
/// The project is unknown or not visible; there is no environment whose values may be shown; the value is empty.
pub async fn value_lookup(op: &Op, project: Option<&str>, value: &SecretBytes) -> Result<Lookup, VaultError> {
    if value.expose().is_empty() {
        return Err(ParseError::new("value", "is empty").into());
    }
    op.read_value(|reader| find(op, reader, project, value)).await
}

fn find(
    op: &Op,
    reader: &Reader<'_>,
    project: Option<&str>,
    value: &SecretBytes,
) -> Result<Released<Lookup>, VaultError> {
    let organization = op.organization()?;
    let projects = match project {
        Some(name) => vec![access::project(op, reader, name)?],
        None => project::store::project_list(reader, organization, "", ENVIRONMENTS_MAX)?,
    };
    let action = if op.is_machine() { Action::SecretUse } else { Action::SecretReveal };
    let Places { open, unknown } = places(op, reader, &projects, action)?;
    if open.is_empty() {
        let resource = match projects.as_slice() {
            [one] if project.is_some() => one.resource(),
            _ => access::own_organization(op)?,
        };
        op.authorize(reader, action, &resource)?;
    }
    let keys = op.keyring().organization(reader, organization)?;
    let tag = keys.mac(MacPurpose::ValueTag, &[value.expose()]);
    let mut items = Vec::new();
    for tagged in store::secrets_tagged(reader, organization, tag.as_bytes(), FOUND_MAX)? {
        let Some(placed) = open.iter().find(|p| p.environment.id == tagged.environment) else { continue };
        if may_be_shown(op, reader, placed, &tagged)? {
            let (environment, Tagged { id, path, name, version, .. }) = (placed.path(), tagged);
            items.push(Held { id, environment, path, name, version });
        }
    }
    items.sort_by(|a, b| (&a.environment, &a.path, &a.name).cmp(&(&b.environment, &b.path, &b.name)));
    let event = event(op, action, project.and(projects.first()), &open, &items);
    let value = Lookup { items, environments: open.len(), unknown };
    Ok(Released { value, event: Some(event), note: None })
}

/// The environments whose values whoever asks may be shown, and how many more may be seen.
struct Places {
    open: Vec<Placed>,
    unknown: usize,
}

fn places(op: &Op, reader: &Reader<'_>, projects: &[Project], action: Action) -> Result<Places, VaultError> {
    let mut places = Places { open: Vec::new(), unknown: 0 };
    for project in projects {
        for environment in environment::store::environment_list(reader, project.id)? {
            let placed = environment::store::place(reader, environment)?;
            let resource = placed.resource();
            if !op.permits(reader, Action::EnvironmentRead, &resource)? {
                continue;
            }
            let shown = op.permits(reader, action, &resource)? && (!placed.protected || op.require_step_up().is_ok());
            if shown && places.open.len() < ENVIRONMENTS_MAX {
                places.open.push(placed);
            } else {
                places.unknown += 1;
            }
        }
    }
    Ok(places)
}

/// Restricted values are shown to nobody, and a text with references may be built from one.
fn may_be_shown(op: &Op, reader: &Reader<'_>, placed: &Placed, tagged: &Tagged) -> Result<bool, VaultError> {
    if tagged.has_references || approval::withholds(op, reader, tagged.environment, &tagged.path)? {
        return Ok(false);
    }
    if tagged.visibility != Visibility::Restricted {
        return Ok(true);
    }
    Ok(op.is_machine() && op.permits(reader, Action::SecretUseRestricted, &placed.resource())?)
}

/// What was asked about, where, and what was found: never the value.
fn event(op: &Op, action: Action, project: Option<&Project>, open: &[Placed], items: &[Held]) -> Event {
    let environments: Vec<_> = open.iter().map(|p| p.environment.id).collect();
    let found: Vec<_> = items.iter().map(|h| (h.id, h.version)).collect();
    let event = op.event(ActionName::new(action.as_str()), Outcome::Allowed);
    let event = project.map_or_else(|| event.clone(), |p| event.clone().project(p.id));
    event.details(
        Details::large()
            .with("as", "lookup")
            .with("environments", environments)
            .with("count", found.len())
            .with("secrets", found),
    )
}
